//! One cached build: its executables, their link inputs, and the proof of what went into it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    atomic,
    build::{
        Built, Executable, Inputs,
        fingerprint::{contains, full_hash, places},
        proof::Proof,
    },
    discover::{BenchTarget, Workspace, workspace::package_folder},
};

const FILE: &str = "entry.json";

/// The facts about a cached build.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub frame: String,
    /// The id of the tree that was built.
    pub tree: String,
    /// The folder it was built in.
    root: PathBuf,
    /// Whether no executable contains the path of that folder, so that it can replace a build elsewhere.
    /// Paths of the copies of divan don't count: they are the same for all commits.
    portable: bool,
    pub proof: Proof,
    benches: Vec<Bench>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bench {
    package: String,
    name: String,
    executable: Kept,
    link_inputs: Option<Kept>,
    hash: String,
    divan: bool,
    serbench: bool,
    sources: Inputs,
}

/// A file in the entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    file: String,
    sha256: String,
}

impl Entry {
    /// Writes an entry to the folder `to`. `copies` is the folder with the copies of divan.
    pub fn write(
        to: &Path,
        workspace: &Workspace,
        copies: &Path,
        (frame, tree): (&str, &str),
        built: &[Built],
        proof: &Proof,
    ) -> Result<Self> {
        let mut portable = true;
        let mut benches = Vec::new();
        for (number, bench) in built.iter().enumerate() {
            let bytes = fs::read(&bench.executable.path)?;
            let places = [&workspace.root, &workspace.target_directory];
            portable &= !places.iter().any(|place| names(&bytes, place, copies));
            let executable = keep(&bench.executable.path, to, &format!("{number}"))?;
            let inputs = bench.executable.link_inputs.as_ref();
            let inputs = inputs.map(|path| keep(path, to, &format!("{number}.tar")));
            benches.push(Bench {
                package: bench.target.package.clone(),
                name: bench.target.name.clone(),
                executable,
                link_inputs: inputs.transpose()?,
                hash: bench.hash.clone(),
                divan: bench.divan,
                serbench: bench.serbench,
                sources: bench.sources.clone(),
            });
        }
        let entry = Self {
            frame: frame.to_owned(),
            tree: tree.to_owned(),
            root: workspace.root.clone(),
            portable,
            proof: proof.clone(),
            benches,
        };
        atomic::write(&to.join(FILE), &serde_json::to_vec(&entry)?)?;
        Ok(entry)
    }

    /// The entry in a folder; `None` if there is none or it can't be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let bytes = fs::read(folder.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether it was built in this folder or does not depend on the folder.
    pub fn is_for(&self, root: &Path) -> bool {
        self.portable || self.root == root
    }

    pub fn is_portable(&self) -> bool {
        self.portable
    }

    /// Whether one of its executables contains `bytes`.
    pub fn embeds(&self, folder: &Path, bytes: &[u8]) -> bool {
        let mut files = self.benches.iter().map(|bench| &bench.executable.file);
        files.any(|file| fs::read(folder.join(file)).map_or(true, |it| contains(&it, bytes)))
    }

    /// The executables, for benches of `workspace`. Fails if a file differs from what was stored.
    pub fn built(
        self,
        folder: &Path,
        workspace: &Workspace,
        targets: &[BenchTarget],
    ) -> Result<Vec<Built>> {
        ensure!(
            self.benches.len() == targets.len(),
            "its benches are not the ones requested"
        );
        let mut built = Vec::new();
        for (bench, target) in self.benches.into_iter().zip(targets) {
            ensure!(
                (&bench.package, &bench.name) == (&target.package, &target.name),
                "it has no bench `{}`",
                target.name
            );
            let path = bench.executable.checked(folder)?;
            let link_inputs = bench.link_inputs.map(|kept| kept.checked(folder));
            built.push(Built {
                target: target.clone(),
                executable: Executable {
                    path,
                    copies: Vec::new(),
                    link_inputs: link_inputs.transpose()?,
                    folder: workspace
                        .root
                        .join(package_folder(workspace, &target.package)),
                },
                hash: bench.hash,
                divan: bench.divan,
                serbench: bench.serbench,
                sources: bench.sources,
            });
        }
        Ok(built)
    }
}

impl Kept {
    fn checked(&self, folder: &Path) -> Result<PathBuf> {
        // The name comes from a file that may have been edited: it must not lead out of the folder.
        let path = folder.join(Path::new(&self.file).file_name().unwrap_or_default());
        let hash =
            full_hash(&path).with_context(|| format!("failed to read {}", path.display()))?;
        ensure!(hash == self.sha256, "{} was changed", path.display());
        Ok(path)
    }
}

/// Whether an executable contains the path of `place` or of anything in it, except of files in `except`.
fn names(executable: &[u8], place: &Path, except: &Path) -> bool {
    let [place, except] = [place, except].map(|path| path.as_os_str().as_encoded_bytes());
    places(executable, place).any(|at| {
        let inner = executable[at..].strip_prefix(except);
        !inner.is_some_and(|inner| inner.starts_with(b"/"))
    })
}

/// Copies a file into the entry's folder.
fn keep(from: &Path, folder: &Path, name: &str) -> Result<Kept> {
    let to = folder.join(name);
    fs::copy(from, &to).with_context(|| format!("failed to copy {}", from.display()))?;
    Ok(Kept {
        file: name.to_owned(),
        sha256: full_hash(&to)?,
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn paths_of_the_copies_of_divan_do_not_count() {
        let named = |executable: &str| {
            let (place, copies) = ("/work/a", "/work/a/target/serbench/divan");
            names(executable.as_bytes(), place.as_ref(), copies.as_ref())
        };
        assert!(!named("called at src/lib.rs"));
        assert!(!named(
            "/work/a/target/serbench/divan/divan-0.1.21-0/src/lib.rs"
        ));
        assert!(named("/work/a/src/lib.rs"));
        assert!(named(
            "/work/a/target/serbench/divan/divan-0.1.21-0/src/lib.rs /work/a/data"
        ));
        assert!(named("/work/a/target/serbench/divan-data/src/lib.rs"));
        assert!(!named("/work"));
    }
}
