//! Finds stored runs in a downloaded artifact, which is untrusted.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// More shards than anyone uses; each run is read into memory.
const MOST_RUNS: usize = 64;

/// Maximum depth of folders: artifact, serbench, runs.
const DEEPEST: usize = 4;

/// The files `serbench/runs/*.json` of all artifacts in `folder`, sorted. Links are rejected, because their
/// targets were not uploaded.
pub fn runs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.exists() {
        search(folder, DEEPEST, &mut found)?;
    }
    found.sort();
    if found.len() > MOST_RUNS {
        bail!(
            "{} has {} stored runs; a gate stores one, or one for each of at most {MOST_RUNS} shards",
            folder.display(),
            found.len()
        );
    }
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let read = || format!("failed to read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(read)? {
        let entry = entry.with_context(read)?;
        let (path, kind) = (entry.path(), entry.file_type().with_context(read)?);
        if kind.is_symlink() {
            bail!("{} is a symbolic link", path.display());
        } else if kind.is_dir() && depth > 0 {
            search(&path, depth - 1, found)?;
        } else if folder.ends_with("serbench/runs")
            && path.extension().is_some_and(|it| it == "json")
        {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::runs;

    #[test]
    fn only_stored_runs_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(runs(&root.join("none")).unwrap().len(), 0);
        for file in [
            "one/serbench/runs/b.json",
            "two/serbench/runs/a.json",
            "two/serbench/runs/a.txt",
            "two/serbench-report/serbench.json",
            "runs/c.json",
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "{}").unwrap();
        }
        let found = runs(root).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|it| it.strip_prefix(root).unwrap())
            .collect();
        let names: Vec<_> = names.iter().map(|it| it.to_str().unwrap()).collect();
        assert_eq!(
            names,
            ["one/serbench/runs/b.json", "two/serbench/runs/a.json"]
        );
        symlink("/etc", root.join("two/serbench/link")).unwrap();
        let error = runs(root).unwrap_err().to_string();
        assert!(
            error.ends_with("two/serbench/link is a symbolic link"),
            "{error}"
        );
        fs::remove_file(root.join("two/serbench/link")).unwrap();
        for number in 0..63 {
            fs::write(root.join(format!("one/serbench/runs/{number}.json")), "").unwrap();
        }
        let error = runs(root).unwrap_err().to_string();
        assert!(error.contains("has 65 stored runs"), "{error}");
    }
}
