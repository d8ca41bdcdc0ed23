//! Accepted changes: one file each in `baselines/accepted/`, so that branches never conflict.
//!
//! An entry applies to one step of the baseline: until the baseline's own tree contains
//! it. This also works when commits are squashed or rebased, unlike comparing hashes with
//! the commit in the entry.

use std::{
    fmt::Display,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    discover::git::{Commit, Repo},
    record::store,
    run::Source,
    values::{
        glob::Globs,
        quantities::{self, Percent},
    },
};

/// The folder for entries, in the folder of records. People also write files there, because they
/// decide what the next commit may do.
pub const FOLDER: &str = "accepted";

/// The file for all entries in earlier versions, as `[[accepted]]`.
pub const OLD_FILE: &str = "accepted.toml";

const HEAD: &str = "\
# An intended change, for review. It counts until the baseline holds this file, too.
";

/// An accepted change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// Ids, or globs as in the configuration.
    pub benchmarks: Vec<String>,
    pub reason: String,
    /// Full hash of HEAD when it was accepted.
    pub commit: String,
    /// The largest accepted slowdown; `None` for any.
    #[serde(
        default,
        deserialize_with = "quantities::some_above_zero",
        skip_serializing_if = "Option::is_none"
    )]
    pub up_to: Option<Percent>,
    /// The same as a ratio, as earlier versions wrote it: 1.06 is 6 % slower.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// Whether it accepts the removal of the benchmarks instead of a regression.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

impl Entry {
    /// The path, named after the first benchmark, and the content of its file.
    pub fn file(&self) -> Result<(PathBuf, String)> {
        check(self)?;
        let toml = toml::to_string(self).context("failed to write an accepted change as TOML")?;
        let words = self.benchmarks[0].split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let name: String = words.join("-").chars().take(60).collect();
        let hash = Sha256::digest(&toml);
        let hash = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        let file = Path::new(FOLDER).join(format!("{name}-{hash:08x}.toml"));
        Ok((file, format!("{HEAD}{toml}")))
    }

    fn is_for(&self, id: &str) -> bool {
        self.benchmarks.iter().any(|pattern| matches(pattern, id))
    }

    /// Whether a change whose interval starts at `lower` is at most what was accepted.
    pub fn covers(&self, lower: f64) -> bool {
        let largest = self.up_to.map(|up_to| 1.0 + up_to.fraction());
        largest
            .or(self.change)
            .is_none_or(|largest| lower <= largest)
    }
}

/// Whether a pattern is `id` or a glob that matches it. Ids may contain glob characters.
pub fn matches(pattern: &str, id: &str) -> bool {
    pattern == id || Globs::new(vec![pattern.to_owned()]).is_ok_and(|globs| globs.is_match(id))
}

/// Accepted changes that the baseline does not have yet.
#[derive(Clone, Debug, Default)]
pub struct Waivers {
    now: Vec<Entry>,
    at_baseline: Vec<Entry>,
}

impl Waivers {
    /// Reads the entries of the workspace at `root`, and those at `baseline`.
    pub fn read(root: &Path, repo: Option<&Repo>, baseline: Option<&Source>) -> Result<Self> {
        let now = files(root)?;
        let commit = baseline.and_then(|source| source.commit.as_deref());
        let at_baseline = match (repo, commit.and_then(|sha| repo?.commit(sha))) {
            (Some(repo), Some(commit)) => files_at(repo, &commit)?,
            (_, _) => Vec::new(),
        };
        Ok(Self {
            now: read_all(&now)?,
            at_baseline: read_all(&at_baseline)?,
        })
    }

    /// The entry that accepts a regression of `id`.
    pub fn of(&self, id: &str) -> Option<&Entry> {
        accepted(&self.now, &self.at_baseline, id, false)
    }

    /// The entry that accepts the removal of `id`.
    pub fn of_removal(&self, id: &str) -> Option<&Entry> {
        accepted(&self.now, &self.at_baseline, id, true)
    }
}

/// All entries in the workspace at `root`, including those that no longer apply.
pub fn all(root: &Path) -> Result<Vec<Entry>> {
    read_all(&files(root)?)
}

/// The last entry that accepts a regression or the removal of `id`.
/// `at_baseline` has the entries in the baseline's tree, which no longer apply.
fn accepted<'a>(
    entries: &'a [Entry],
    at_baseline: &[Entry],
    id: &str,
    removed: bool,
) -> Option<&'a Entry> {
    let counts = |entry: &&Entry| entry.removed == removed && !at_baseline.contains(entry);
    let mut entries = entries.iter().rev().filter(counts);
    entries.find(|entry| entry.is_for(id))
}

/// A file's path relative to the workspace, and its text.
type File = (PathBuf, String);

/// The files with entries in the workspace at `root`, by name.
fn files(root: &Path) -> Result<Vec<File>> {
    let mut names = vec![old_file()];
    let folder = folder();
    match std::fs::read_dir(root.join(&folder)) {
        Ok(entries) => {
            for entry in entries {
                let entry =
                    entry.with_context(|| format!("failed to read {}", folder.display()))?;
                names.push(folder.join(entry.file_name()));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("failed to read {}", folder.display()));
        }
    }
    names.retain(|name| is_toml(name));
    names.sort();
    let mut files = Vec::new();
    for name in names {
        match std::fs::read_to_string(root.join(&name)) {
            Ok(text) => files.push((name, text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(unreadable(&name, "it is not UTF-8"));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read {}", name.display()));
            }
        }
    }
    Ok(files)
}

/// The same, in the tree of a commit.
fn files_at(repo: &Repo, commit: &Commit) -> Result<Vec<File>> {
    let mut files = repo.files(commit, &folder())?;
    files.retain(|(name, _)| is_toml(name));
    let old = repo.file(commit, &old_file())?;
    files.extend(old.map(|text| (old_file(), text)));
    Ok(files)
}

fn old_file() -> PathBuf {
    [store::FOLDER, OLD_FILE].iter().collect()
}

fn folder() -> PathBuf {
    [store::FOLDER, FOLDER].iter().collect()
}

fn is_toml(name: &Path) -> bool {
    name.extension()
        .is_some_and(|extension| extension == "toml")
}

fn read_all(files: &[File]) -> Result<Vec<Entry>> {
    let entries = files.iter().map(|(file, text)| read(text, file));
    Ok(entries.collect::<Result<Vec<_>>>()?.concat())
}

/// Reads the text of `file`, which errors name.
fn read(text: &str, file: &Path) -> Result<Vec<Entry>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Old {
        #[serde(default)]
        accepted: Vec<Entry>,
    }
    let entries = match file.ends_with(OLD_FILE) {
        true => toml::from_str::<Old>(text).map(|old| old.accepted),
        false => toml::from_str(text).map(|entry| vec![entry]),
    };
    let entries = entries.map_err(|error| unreadable(file, &error))?;
    for entry in &entries {
        check(entry).with_context(|| format!("failed to read {}", file.display()))?;
    }
    Ok(entries)
}

fn unreadable(file: &Path, why: impl Display) -> anyhow::Error {
    let file = file.display();
    anyhow!("can't read {file}; `git checkout -- {file}` restores the committed one\n{why}")
}

fn check(entry: &Entry) -> Result<()> {
    let Entry {
        benchmarks,
        reason,
        commit: _,
        up_to,
        change,
        removed,
    } = entry;
    for pattern in benchmarks {
        if pattern.trim().is_empty() {
            bail!("an empty id accepts nothing; name a benchmark or a glob, or `**` for all");
        }
        if let Err(error) = Globs::new(vec![pattern.clone()]) {
            bail!("`{pattern}` is neither an id nor a valid glob: {error}");
        }
    }
    if benchmarks.is_empty() {
        bail!("an accepted change names no benchmark; use `**` for all");
    }
    if reason.trim().is_empty() {
        bail!("an accepted change needs a reason that a reviewer can judge");
    }
    if *removed && (up_to.is_some() || change.is_some()) {
        bail!("an accepted removal has no `up-to`; write one entry for each");
    }
    if change.is_some_and(|change| !(change.is_finite() && change > 0.0)) {
        bail!("`change` must be a ratio above zero, such as 1.06 for 6 % slower");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Entry, accepted, read};

    fn entry(benchmark: &str, commit: char) -> Entry {
        Entry {
            benchmarks: vec![benchmark.to_owned()],
            reason: "checks every key".to_owned(),
            commit: commit.to_string().repeat(40),
            ..Entry::default()
        }
    }

    #[test]
    fn each_entry_is_a_file() {
        let entry = Entry {
            up_to: Some("6%".parse().unwrap()),
            ..entry("json::a::**", 'a')
        };
        let (file, text) = entry.file().unwrap();
        insta::assert_snapshot!(format!("{}\n{text}", file.display()), @r#"
        accepted/json-a-bb60dcd6.toml
        # An intended change, for review. It counts until the baseline holds this file, too.
        benchmarks = ["json::a::**"]
        reason = "checks every key"
        commit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        up-to = "6%"
        "#);
        let mut entries = read(&text, &file).unwrap();
        assert_eq!(entries, [entry]);
        "another".clone_into(&mut entries[0].reason);
        assert_ne!(entries[0].file().unwrap().0, file);
    }

    #[test]
    fn files_of_earlier_versions_are_read() {
        let text = "[[accepted]]\nbenchmarks = [\"json::a::f64\"]\nreason = \"why\"\ncommit = \"abc\"\n\
                    change = 1.06\n\n[[accepted]]\nbenchmarks = [\"**\"]\nreason = \"why\"\ncommit = \"abc\"\n";
        let entries = read(text, Path::new("baselines/accepted.toml")).unwrap();
        assert_eq!(entries.len(), 2);
        assert!(entries[0].covers(1.05) && !entries[0].covers(1.07));
        assert!(entries[1].covers(9.0));
    }

    #[test]
    fn entries_apply_until_the_baseline_has_them() {
        let old = entry("json::serde_json::**", 'a');
        let new = entry("json::serde_json::**", 'b');
        let all = [old.clone(), new.clone()];
        let of = |at_baseline: &[Entry], id| accepted(&all, at_baseline, id, false).cloned();
        let id = "json::serde_json::f64::100x100";
        assert_eq!(of(&[], id), Some(new.clone()));
        assert_eq!(of(&[new], id), Some(old));
        assert_eq!(of(&all, id), None);
        assert_eq!(of(&[], "json::sonic_rs::f64::100x100"), None);
    }

    #[test]
    fn ids_with_glob_characters_match_themselves() {
        let found = |pattern, id| accepted(&[entry(pattern, 'a')], &[], id, false).is_some();
        let odd = "b::f[1]::{x}";
        assert!(found(odd, odd));
        assert!(found("**", odd));
        assert!(found("json::{a,b}::f64", "json::b::f64"));
        // A star does not match `::`, as in the configuration.
        assert!(!found("json::*", "json::b::f64"));
    }

    #[test]
    fn a_removal_is_accepted_by_its_own_entry() {
        let id = "json::a::f64";
        let change = entry(id, 'a');
        let removal = Entry {
            removed: true,
            ..entry(id, 'b')
        };
        let both = [change.clone(), removal.clone()];
        assert_eq!(accepted(&both, &[], id, true), Some(&removal));
        assert_eq!(accepted(&both, &[], id, false), Some(&change));
        assert_eq!(accepted(&[change], &[], id, true), None);
    }

    #[test]
    fn more_than_accepted_is_not_covered() {
        let entry = Entry {
            up_to: Some("6%".parse().unwrap()),
            ..entry("**", 'a')
        };
        assert!(entry.covers(1.05));
        assert!(!entry.covers(1.07));
    }

    #[test]
    fn broken_files() {
        let problem = |text: &str| {
            let error = read(text, Path::new("baselines/accepted/x.toml")).unwrap_err();
            format!("{error:#}")
        };
        let with = |line: &str| {
            let lines = [
                "benchmarks = [\"**\"]",
                "reason = \"why\"",
                "commit = \"abc\"",
            ];
            let field = line.split(' ').next().unwrap();
            let kept = lines.iter().filter(|other| !other.starts_with(field));
            let kept: Vec<&str> = kept.copied().chain([line]).collect();
            problem(&kept.join("\n"))
        };
        let messages = [
            problem("benchmarks = [\"**\""),
            with("colour = 3"),
            with("reason = \" \""),
            with("benchmarks = []"),
            with("benchmarks = [\" \"]"),
            with("benchmarks = [\"a[\"]"),
            with("up-to = 6"),
            with("change = -1.0"),
        ];
        insta::assert_snapshot!(messages.join("\n--\n"));
    }
}
