//! `cargo serbench init`: adds a starter bench, its lines in Cargo.toml and a CI workflow to a
//! package. Never overwrites anything.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use crate::{atomic, cli, discover, exit::Exit, shell};

const BENCH: &str = include_str!("arrays.rs");
const WORKFLOW: &str = include_str!("serbench.yml");

/// Where each of them goes in Cargo.toml, as far as it is not there, and its lines.
const LINES: [(&[&str], &str); 5] = [
    (
        &["dev-dependencies", "divan"],
        "[dev-dependencies.divan]\nversion = \"0.1\"\n",
    ),
    (
        &["dev-dependencies", "ndarray"],
        "[dev-dependencies.ndarray]\nversion = \"0.17\"\n",
    ),
    (
        &["dev-dependencies", "serbench"],
        "[dev-dependencies.serbench]\nversion = \"0.1\"\n",
    ),
    (
        &["bench"],
        "[[bench]]\nname = \"arrays\"\nharness = false\n",
    ),
    (
        &["package", "metadata", "serbench", "reference"],
        "# `cargo serbench config` lists every key.\n\
         [package.metadata.serbench.reference]\narrays = \"display\"\n",
    ),
];

#[derive(Clone, Debug, Args)]
pub struct Init {
    #[command(flatten)]
    pub place: cli::Place,
}

pub fn init(args: &Init) -> Result<Exit> {
    args.place.voice.apply();
    let manifest = args.place.manifest.manifest_path.clone();
    let workspace = discover::workspace::without_dependencies(manifest)?;
    let Some(package) = workspace.metadata.root_package() else {
        bail!(
            "{} is a workspace, not a package; pass the Cargo.toml of a package with --manifest-path",
            workspace.root.display()
        );
    };
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().context("a manifest is in a folder")?;
    add_lines(manifest)?;
    write_new(&folder.join("benches/arrays.rs"), BENCH)?;
    write_new(
        &workspace.root.join(".github/workflows/serbench.yml"),
        WORKFLOW,
    )?;
    shell::hint("measure it with `cargo serbench`; replace `Mine` with your encoder");
    Ok(Exit::Passed)
}

/// Appends what Cargo.toml lacks.
fn add_lines(manifest: &Path) -> Result<()> {
    let file = shell::shown(manifest).display();
    let old = fs::read_to_string(manifest).with_context(|| format!("read {file}"))?;
    let new = with_lines(&old).map_err(|problem| anyhow!("{file}: {problem}"))?;
    if new == old {
        shell::status("Kept", file);
        return Ok(());
    }
    atomic::write(manifest, new.as_bytes())
        .with_context(|| format!("write {file}; the old one is as it was"))?;
    shell::status("Extended", file);
    Ok(())
}

/// The text of a Cargo.toml with the lines that it lacks at its end, or why they can't be there.
fn with_lines(old: &str) -> Result<String, String> {
    let table: toml::Table = toml::from_str(old).map_err(|error| error.to_string())?;
    let mut new = old.to_owned();
    for (path, lines) in LINES {
        if !is_there(&table, path) {
            new += &format!("\n{lines}");
        }
    }
    match toml::from_str::<toml::Table>(&new) {
        Ok(_) => Ok(new),
        Err(error) => Err(format!(
            "can't append to a table written in this form ({})",
            error.message()
        )),
    }
}

/// Whether the table has the key at the end of `path`. Of benches, only one of the same name counts.
fn is_there(table: &toml::Table, path: &[&str]) -> bool {
    let (first, rest) = path.split_first().expect("a path has a first key");
    match (table.get(*first), rest) {
        (None, _) => false,
        (Some(toml::Value::Array(benches)), []) => benches
            .iter()
            .any(|bench| bench.get("name").and_then(toml::Value::as_str) == Some("arrays")),
        (Some(_), []) => true,
        (Some(toml::Value::Table(inner)), rest) => is_there(inner, rest),
        (Some(_), _) => false,
    }
}

/// Writes a file where there is none.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let file = shell::shown(path).display();
    match atomic::write_new(path, text.as_bytes()) {
        Ok(()) => shell::status("Wrote", file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => shell::status("Kept", file),
        Err(error) => return Err(error).with_context(|| format!("write {file}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::with_lines;

    #[test]
    fn only_what_is_missing_is_added() {
        let some = "[package]\nname = \"a\"\n\n[dev-dependencies]\ndivan = \"0.1.21\"\n\n\
                    [[bench]]\nname = \"other\"\n\n[package.metadata.serbench]\nthreshold = 0.1\n";
        insta::assert_snapshot!(with_lines(some).unwrap());
        let all = with_lines("[package]\nname = \"a\"\n").unwrap();
        assert_eq!(all.matches("\n[").count(), 5);
        assert_eq!(with_lines(&all).unwrap(), all);
        let inline = "dev-dependencies = { a = \"1\" }\n[package]\nname = \"a\"\n";
        assert!(with_lines(inline).unwrap_err().contains("append"));
    }
}
