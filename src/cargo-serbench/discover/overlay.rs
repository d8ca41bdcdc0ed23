//! Copies the benches of a newer source tree into an older one, to measure the older library with them.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use cargo_metadata::Package;
use toml::{Table, Value};

use super::{BenchTarget, Workspace};
use crate::atomic;

/// Copies the benches in `targets` of `newer` into the tree at `root`, with what they need
/// besides the library: dev-dependencies, `[[bench]]` entries, versions in Cargo.lock. Packages
/// missing from `root` are copied whole.
pub fn lay_over(root: &Path, newer: &Workspace, targets: &[BenchTarget]) -> Result<()> {
    let wanted: BTreeSet<&str> = targets.iter().map(|it| it.package.as_str()).collect();
    let members = newer.metadata.workspace_packages().into_iter();
    for package in members.filter(|package| wanted.contains(package.name.as_str())) {
        lay_package(root, newer, package)
            .with_context(|| format!("failed to copy the benches of `{}` into it", package.name))?;
    }
    let (from, to) = (newer.root.join("Cargo.toml"), root.join("Cargo.toml"));
    let (from, mut to_table) = (read(&from)?, read(&to)?);
    inherit(&mut to_table, &from);
    write(&to, &to_table)?;
    let (from, to) = (newer.root.join("Cargo.lock"), root.join("Cargo.lock"));
    if let (Ok(from), Ok(mut table)) = (read(&from), read(&to)) {
        lock(&mut table, &from);
        write(&to, &table)?;
    } else if from.is_file() && !to.exists() {
        fs::copy(&from, &to).with_context(|| format!("failed to copy {}", from.display()))?;
    }
    Ok(())
}

fn lay_package(root: &Path, newer: &Workspace, package: &Package) -> Result<()> {
    let from = package
        .manifest_path
        .parent()
        .context("a manifest lies in a folder")?;
    let from = from.as_std_path();
    let folder = from.strip_prefix(&newer.root).unwrap_or(Path::new(""));
    let to = root.join(folder);
    if !to.join("Cargo.toml").is_file() {
        copy_folder(from, &to)?;
        return enter_member(root, folder);
    }
    let benches = to.join("benches");
    if benches.exists() {
        fs::remove_dir_all(&benches)
            .with_context(|| format!("failed to remove {}", benches.display()))?;
    }
    if from.join("benches").is_dir() {
        copy_folder(&from.join("benches"), &benches)?;
    }
    // A bench may be elsewhere in its package.
    for target in package.targets.iter().filter(|target| target.is_bench()) {
        let source = target.src_path.as_std_path();
        if let Ok(place) = source.strip_prefix(from) {
            copy_file(source, &to.join(place))?;
        }
    }
    let (newer, path) = (read(&from.join("Cargo.toml"))?, to.join("Cargo.toml"));
    let mut manifest = read(&path)?;
    take_benches(&mut manifest, &newer);
    write(&path, &manifest)
}

/// Replaces the benches and dev-dependencies of a manifest with those of a newer one.
fn take_benches(manifest: &mut Table, newer: &Table) {
    for key in ["bench", "dev-dependencies", "dev_dependencies"] {
        replace(manifest, newer, key);
    }
    if let Some(Value::Table(targets)) = newer.get("target") {
        for (name, target) in targets {
            if let (Some(target), Some(own)) = (
                target.as_table(),
                table(manifest, "target").and_then(|own| table(own, name)),
            ) {
                replace(own, target, "dev-dependencies");
            }
        }
    }
    let value = |section: &str, key: &str| newer.get(section)?.get(key).cloned();
    for (section, key) in [("package", "autobenches"), ("lib", "bench")] {
        if let (Some(value), Some(own)) = (value(section, key), table(manifest, section)) {
            own.insert(key.to_owned(), value);
        }
    }
}

fn replace(manifest: &mut Table, newer: &Table, key: &str) {
    match newer.get(key) {
        Some(value) => manifest.insert(key.to_owned(), value.clone()),
        None => manifest.remove(key),
    };
}

/// Adds what members of a workspace can inherit and `to` lacks.
fn inherit(to: &mut Table, newer: &Table) {
    let Some(newer) = newer.get("workspace").and_then(Value::as_table) else {
        return;
    };
    for section in ["dependencies", "package", "lints"] {
        let Some(values) = newer.get(section).and_then(Value::as_table) else {
            continue;
        };
        let Some(own) = table(to, "workspace").and_then(|it| table(it, section)) else {
            continue;
        };
        for (key, value) in values {
            own.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Adds a new member to the workspace at `root`.
fn enter_member(root: &Path, folder: &Path) -> Result<()> {
    let path = root.join("Cargo.toml");
    let mut manifest = read(&path)?;
    let members = table(&mut manifest, "workspace").map(|workspace| {
        let members = workspace.entry("members");
        members.or_insert_with(|| Value::Array(Vec::new()))
    });
    if let Some(Value::Array(members)) = members {
        members.push(Value::String(folder.display().to_string()));
    }
    write(&path, &manifest)
}

/// Adds the locked packages that only `newer` has, and its version of divan, which benches need.
/// Cargo removes unused ones.
fn lock(own: &mut Table, newer: &Table) {
    let name = |package: &Value| Some(package.get("name")?.as_str()?.to_owned());
    let is_divan = |name: &str| name.starts_with("divan") || name.starts_with("codspeed");
    let Some(Value::Array(theirs)) = newer.get("package") else {
        return;
    };
    let Some(Value::Array(packages)) = own.get_mut("package") else {
        return;
    };
    packages.retain(|package| name(package).is_none_or(|name| !is_divan(&name)));
    let known: BTreeSet<String> = packages.iter().filter_map(name).collect();
    let added = theirs.iter().filter(|package| {
        let local = package.get("source").is_none();
        !local && name(package).is_some_and(|name| !known.contains(&name))
    });
    packages.extend(added.cloned());
}

/// The table with that name, created if missing.
fn table<'a>(parent: &'a mut Table, name: &str) -> Option<&'a mut Table> {
    let entry = parent.entry(name.to_owned());
    entry
        .or_insert_with(|| Value::Table(Table::new()))
        .as_table_mut()
}

fn read(path: &Path) -> Result<Table> {
    let text =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("failed to read {}", path.display()))
}

fn write(path: &Path, table: &Table) -> Result<()> {
    let text =
        toml::to_string(table).with_context(|| format!("failed to write {}", path.display()))?;
    // Cargo compares modification times, so don't touch an unchanged file.
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    atomic::write(path, text.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}

/// Copies the files of a folder, except build outputs.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let entries =
        fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to read {}", from.display()))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        // Build outputs are large, and not part of the source.
        if path.is_dir() && entry.file_name() != "target" {
            copy_folder(&path, &target)?;
        } else if path.is_file() {
            copy_file(&path, &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let copy = || {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        fs::copy(from, to)
    };
    copy().with_context(|| format!("failed to copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::{inherit, lock, take_benches};

    fn parse(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn benches_come_with_what_they_need() {
        let mut old = parse(
            "dev-dependencies.divan = '0.1.2'\ndependencies.a = '1'\n[package]\nname = 'p'\nversion = '1.0.0'",
        );
        let new = parse(
            "bench = [{ name = 'b', harness = false }]\ndev-dependencies.divan = '0.1.21'\n\
             dependencies.a = '2'\nlib.bench = false\n[package]\nname = 'p'\nversion = '2.0.0'",
        );
        take_benches(&mut old, &new);
        let expected = parse(
            "bench = [{ name = 'b', harness = false }]\ndev-dependencies.divan = '0.1.21'\n\
             dependencies.a = '1'\nlib.bench = false\n[package]\nname = 'p'\nversion = '1.0.0'",
        );
        assert_eq!(old, expected);
    }

    #[test]
    fn existing_dependencies_are_kept() {
        let mut old = parse("[workspace.dependencies]\na = '1'");
        inherit(
            &mut old,
            &parse("[workspace.dependencies]\na = '2'\ndivan = '0.1.21'"),
        );
        assert_eq!(
            old["workspace"]["dependencies"],
            parse("a = '1'\ndivan = '0.1.21'").into()
        );
    }

    #[test]
    fn locked_versions_stay_but_for_divan() {
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = '{name}'\nversion = '{version}'\nsource = 'registry'\n")
        };
        let mut old = parse(&(package("a", "1.0.0") + &package("divan", "0.1.2")));
        let new = package("a", "1.1.0") + &package("divan", "0.1.21") + &package("clap", "4.0.0");
        let new = new + "[[package]]\nname = 'local'\nversion = '1.0.0'\n";
        lock(&mut old, &parse(&new));
        let expected =
            package("a", "1.0.0") + &package("divan", "0.1.21") + &package("clap", "4.0.0");
        assert_eq!(old, parse(&expected));
    }
}
