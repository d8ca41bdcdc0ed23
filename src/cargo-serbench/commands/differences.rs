//! Notes other differences between two revisions: toolchain, cargo's configuration, dependencies,
//! and sources that compile to the same code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    build::toolchain::{HOW_TO_BUILD, rustc_version_in},
    commands::revision::Tree,
    run::Run,
    session::Session,
};

/// Adds notes to `run` that help to interpret the figures.
pub fn note(session: &Session, baseline: &Tree, candidate: &Tree, run: &mut Run) {
    run.notes.extend(baseline.notes.iter().cloned());
    run.notes.extend(how_to_build(session, baseline, candidate));
    run.notes.extend(lock_file(baseline, candidate));
    run.notes.extend(same_code(baseline, candidate, run));
}

fn how_to_build(session: &Session, baseline: &Tree, candidate: &Tree) -> Vec<String> {
    let prefix = session
        .repo
        .as_ref()
        .map(|repo| repo.prefix().to_path_buf());
    let prefix = prefix.unwrap_or_default();
    let mut notes = Vec::new();
    for folder in prefix.ancestors() {
        for name in HOW_TO_BUILD {
            let file = folder.join(name);
            let read = |tree: &Tree| fs::read(tree.top.join(&file)).ok();
            if read(baseline) == read(candidate) {
                continue;
            }
            let built = if session.options.own_toolchain {
                "each commit was built with its own"
            } else {
                "both commits were built with that of the current folder; --own-toolchain builds \
                 each with its own"
            };
            notes.push(format!("{} differs: {built}", file.display()));
        }
    }
    notes.extend(compilers(session, [baseline, candidate]));
    notes
}

/// The compilers of both commits, if each uses its own and they differ because of a file or a rustup
/// override.
fn compilers(session: &Session, sides: [&Tree; 2]) -> Option<String> {
    let versions = sides.map(|tree| {
        let own = session.options.own_toolchain.then_some(&tree.root)?;
        rustc_version_in(own).ok()
    });
    let [Some(before), Some(now)] = versions else {
        return None;
    };
    (before != now).then(|| format!("the baseline was built by {before}, the candidate by {now}"))
}

fn lock_file(baseline: &Tree, candidate: &Tree) -> Option<String> {
    if baseline.source.lock == candidate.source.lock {
        return None;
    }
    let versions = |tree: &Tree| {
        let text = fs::read_to_string(tree.root.join("Cargo.lock")).unwrap_or_default();
        locked(&text)
    };
    let (before, after) = (versions(baseline), versions(candidate));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changes: Vec<String> = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            let side = |versions: &BTreeMap<String, BTreeSet<String>>| match versions.get(name) {
                Some(versions) => Vec::from_iter(versions.iter().cloned()).join(", "),
                None => "none".to_owned(),
            };
            format!("{name} {} -> {}", side(&before), side(&after))
        })
        .collect();
    Some(match few(&changes) {
        None => "Cargo.lock differs, but no package changed its version".to_owned(),
        Some(changes) => format!("Cargo.lock differs: {changes}"),
    })
}

/// Versions by package.
fn locked(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let table: toml::Table = text.parse().unwrap_or_default();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let packages = table.get("package").and_then(toml::Value::as_array);
    for package in packages.into_iter().flatten() {
        let field = |name| package.get(name).and_then(toml::Value::as_str);
        if let (Some(name), Some(version)) = (field("name"), field("version")) {
            versions
                .entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
        }
    }
    versions
}

/// Lists source files that differ although the executables have the same code.
fn same_code(baseline: &Tree, candidate: &Tree, run: &Run) -> Option<String> {
    let differing = run.benchmarks.values().filter_map(|benchmark| {
        let one = benchmark.baseline.as_ref()?;
        let other = benchmark.candidate.as_ref()?;
        let before = baseline.sources.get(&one.executable)?;
        let after = candidate.sources.get(&other.executable)?;
        let paths = before.keys().chain(after.keys());
        let differ = paths.filter(|path| before.get(*path) != after.get(*path));
        let files = differ.map(|path| path.display().to_string()).collect();
        Some((one.executable == other.executable, files))
    });
    Some(format!(
        "{} differs, but compiles to the same code",
        few(&without_effect(differing))?
    ))
}

/// The files that differ, of executables with the same code, and of no other: there they may be the reason.
fn without_effect(executables: impl Iterator<Item = (bool, BTreeSet<String>)>) -> Vec<String> {
    let mut same = BTreeSet::new();
    let mut changed = BTreeSet::new();
    for (is_same, files) in executables {
        let found = if is_same { &mut same } else { &mut changed };
        found.extend(files);
    }
    same.difference(&changed).cloned().collect()
}

/// The first few words and the number of the others.
fn few(words: &[String]) -> Option<String> {
    const SHOWN: usize = 5;
    let shown = words.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    match words.len() {
        0 => None,
        number if number > SHOWN => {
            Some(format!("{} and {} more", shown.join(", "), number - SHOWN))
        }
        _ => Some(shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::without_effect;

    #[test]
    fn a_file_that_changes_one_executable_is_not_without_effect() {
        let files = |names: &[&str]| BTreeSet::from_iter(names.iter().map(ToString::to_string));
        let executables = [
            (true, files(&["library", "comment"])),
            (false, files(&["library"])),
        ];
        assert_eq!(without_effect(executables.into_iter()), ["comment"]);
    }
}
