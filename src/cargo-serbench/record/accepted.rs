//! Intended changes, as `baselines/accepted.toml` lists them.
//!
//! An entry counts for one step of the baseline: as long as the baseline's own tree does not hold
//! it. That stays right when commits are squashed or rebased, which a comparison of hashes with
//! the commit named in the entry would not.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use globset::Glob;
use serde::{Deserialize, Serialize};

use crate::{discover::git::Repo, record::store::FOLDER, run::Source};

/// The file in the folder of records. People write it too: changing it changes what the next commit
/// may do.
pub const FILE: &str = "accepted.toml";

const HEAD: &str = "\
# Changes that were intended. `cargo serbench accept` writes entries, review keeps them.
# An entry counts until the baseline holds it, too.
";

/// How an entry begins.
const TABLE: &str = "[[accepted]]";

/// An intended change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Ids, or globs of ids.
    pub benchmarks: Vec<String>,
    pub reason: String,
    /// Full hash of the commit checked out when it was accepted.
    pub commit: String,
    /// The largest change that is accepted; 1.06 is 6 % slower. Absent for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// Whether it accepts that the benchmarks are gone, and no change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    #[serde(default)]
    accepted: Vec<Entry>,
}

impl Entry {
    fn is_for(&self, id: &str) -> bool {
        self.benchmarks.iter().any(|pattern| matches(pattern, id))
    }

    /// Whether a change whose interval begins at `lower` is no larger than what was accepted.
    pub fn covers(&self, lower: f64) -> bool {
        self.change.is_none_or(|change| lower <= change)
    }
}

/// Whether a pattern is `id` or a glob that it matches. Ids may hold what means something in a
/// glob.
pub fn matches(pattern: &str, id: &str) -> bool {
    pattern == id || Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(id))
}

/// Accepted changes that the baseline does not have yet.
#[derive(Clone, Debug, Default)]
pub struct Waivers {
    now: Vec<Entry>,
    at_baseline: Vec<Entry>,
}

impl Waivers {
    /// Reads the file of the workspace at `root`, and what it was at `baseline`.
    pub fn read(root: &Path, repo: Option<&Repo>, baseline: Option<&Source>) -> Result<Self> {
        let file: PathBuf = [FOLDER, FILE].iter().collect();
        let read = |text: Option<String>| text.map_or(Ok(Vec::new()), |text| read(&text, &file));
        let now = match std::fs::read_to_string(root.join(&file)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        };
        let now = read(now)?;
        let commit = baseline.and_then(|source| source.commit.as_deref());
        let at_baseline = match (repo, commit.and_then(|sha| repo?.commit(sha))) {
            (Some(repo), Some(commit)) => read(repo.file(&commit, &file)?)?,
            (_, _) => Vec::new(),
        };
        Ok(Self { now, at_baseline })
    }

    /// The entry that accepts a change of `id`.
    pub fn of(&self, id: &str) -> Option<&Entry> {
        accepted(&self.now, &self.at_baseline, id, false)
    }

    /// The entry that accepts that `id` is gone.
    pub fn of_removal(&self, id: &str) -> Option<&Entry> {
        accepted(&self.now, &self.at_baseline, id, true)
    }
}

/// The entry that accepts a change or the removal of `id`, the last if there are several.
/// `at_baseline` are the entries in the baseline's tree, which no longer count.
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

/// Reads the text of `file`, which is named in what goes wrong.
pub fn read(text: &str, file: &Path) -> Result<Vec<Entry>> {
    let Accepted { accepted } = toml::from_str(text).map_err(|error| broken(file, &error))?;
    for entry in &accepted {
        check(entry).with_context(|| format!("read {}", file.display()))?;
    }
    Ok(accepted)
}

fn broken(file: &Path, error: &toml::de::Error) -> anyhow::Error {
    let file = file.display();
    anyhow!("can't read {file}; `git checkout -- {file}` restores the committed one\n{error}")
}

fn check(entry: &Entry) -> Result<()> {
    let Entry {
        benchmarks,
        reason,
        commit: _,
        change,
        removed,
    } = entry;
    for pattern in benchmarks {
        if pattern.trim().is_empty() {
            bail!("an empty id accepts nothing; name a benchmark or a glob, or `*` for all");
        }
        Glob::new(pattern)
            .with_context(|| format!("`{pattern}` is neither an id nor a valid glob"))?;
    }
    if benchmarks.is_empty() {
        bail!("an accepted change names no benchmark; use `*` for all");
    }
    if reason.trim().is_empty() {
        bail!("an accepted change needs a reason that a reviewer can judge");
    }
    if *removed && change.is_some() {
        bail!("an accepted removal has no `change`; write one entry for each");
    }
    if change.is_some_and(|change| !(change.is_finite() && change > 0.0)) {
        bail!("`change` must be a ratio above zero, such as 1.06 for 6 % slower");
    }
    Ok(())
}

/// Adds `entry` to the text of `file` at its place by benchmarks and commit. The rest of the text
/// stays as it is.
pub fn add(text: &str, file: &Path, entry: Entry) -> Result<String> {
    check(&entry)?;
    let entries = read(text, file)?;
    if entries.contains(&entry) {
        return Ok(text.to_owned());
    }
    let text = if text.is_empty() { HEAD } else { text };
    let lines: Vec<&str> = text.lines().collect();
    let headers: Vec<usize> = (0..lines.len())
        .filter(|line| lines[*line].trim() == TABLE)
        .collect();
    if headers.len() != entries.len() {
        bail!(
            "every entry of {} must begin with a line `{TABLE}`; fix that and try again",
            file.display()
        );
    }
    let key = |entry: &Entry| (entry.benchmarks.clone(), entry.commit.clone());
    let after = entries.iter().position(|other| key(other) > key(&entry));
    let accepted = Accepted {
        accepted: vec![entry],
    };
    let new = toml::to_string(&accepted).context("write an accepted change as TOML")?;
    let (before, rest) = match after {
        Some(after) => {
            // Comments right above an entry are its own.
            let comments = lines[..headers[after]].iter().rev();
            let comments = comments.take_while(|line| line.trim().starts_with('#'));
            lines.split_at(headers[after] - comments.count())
        }
        None => (lines.as_slice(), [].as_slice()),
    };
    let before = before.join("\n");
    let mut text = format!("{}\n\n{new}", before.trim_end());
    if !rest.is_empty() {
        text += &format!("\n{}\n", rest.join("\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Entry, accepted, add, read};

    fn entry(benchmark: &str, commit: char) -> Entry {
        Entry {
            benchmarks: vec![benchmark.to_owned()],
            reason: "checks every key".to_owned(),
            commit: commit.to_string().repeat(40),
            change: None,
            removed: false,
        }
    }

    fn file() -> &'static Path {
        Path::new("baselines/accepted.toml")
    }

    fn told(text: &str) -> String {
        format!("{:#}", read(text, file()).unwrap_err())
    }

    #[test]
    fn entries_are_kept_in_order_with_comments() {
        let first = add("", file(), entry("json::b::*", 'b')).unwrap();
        let text = first.replace(
            "[[accepted]]",
            "# talked about in the meeting\n[[accepted]]",
        );
        let text = add(&text, file(), entry("json::c::f64", 'a')).unwrap();
        let change = Entry {
            change: Some(1.06),
            ..entry("json::a::*", 'c')
        };
        let text = add(&text, file(), change.clone()).unwrap();
        insta::assert_snapshot!(text);
        // Twice is once.
        assert_eq!(add(&text, file(), change).unwrap(), text);
        let commits: Vec<char> = read(&text, file())
            .unwrap()
            .iter()
            .filter_map(|entry| entry.commit.chars().next())
            .collect();
        assert_eq!(commits, ['c', 'b', 'a']);
    }

    #[test]
    fn an_entry_counts_until_the_baseline_holds_it() {
        let old = entry("json::serde_json::*", 'a');
        let new = entry("json::serde_json::*", 'b');
        let all = [old.clone(), new.clone()];
        let id = "json::serde_json::f64::100x100";
        assert_eq!(accepted(&all, &[], id, false), Some(&new));
        assert_eq!(
            accepted(&all, std::slice::from_ref(&new), id, false),
            Some(&old)
        );
        assert_eq!(accepted(&all, &all, id, false), None);
        assert_eq!(
            accepted(&all, &[], "json::sonic_rs::f64::100x100", false),
            None
        );
    }

    #[test]
    fn ids_are_found_by_themselves() {
        let odd = "b::f[1]::{x}";
        assert!(accepted(&[entry(odd, 'a')], &[], odd, false).is_some());
        assert!(accepted(&[entry("*", 'a')], &[], odd, false).is_some());
        assert!(
            accepted(
                &[entry("json::{a,b}::f64", 'a')],
                &[],
                "json::b::f64",
                false
            )
            .is_some()
        );
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
        let text = add("", file(), removal.clone()).unwrap();
        assert_eq!(read(&text, file()).unwrap(), [removal]);
    }

    #[test]
    fn an_empty_id_is_refused() {
        let error = add("", file(), entry(" ", 'a')).unwrap_err();
        assert!(error.to_string().contains("an empty id"), "{error}");
    }

    #[test]
    fn more_than_accepted_is_not_covered() {
        let upto = |change| Entry {
            change,
            ..entry("*", 'a')
        };
        assert!(upto(Some(1.06)).covers(1.05));
        assert!(!upto(Some(1.06)).covers(1.07));
        assert!(upto(None).covers(9.0));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let with = |line: &str| {
            let lines = [
                "benchmarks = [\"*\"]",
                "reason = \"why\"",
                "commit = \"abc\"",
            ];
            let field = line.split(' ').next().unwrap();
            let kept = lines.iter().filter(|other| !other.starts_with(field));
            let kept: Vec<&str> = kept.copied().chain([line]).collect();
            told(&format!("[[accepted]]\n{}\n", kept.join("\n")))
        };
        let messages = [
            told("[[accepted]"),
            told("colour = 3"),
            with("colour = 3"),
            with("reason = \" \""),
            with("benchmarks = []"),
            with("benchmarks = [\"a[\"]"),
            with("change = -1.0"),
            with("change = nan"),
        ];
        insta::assert_snapshot!(messages.join("\n--\n"));
        let inline = "accepted = [{ benchmarks = [\"*\"], reason = \"x\", commit = \"c\" }]";
        let error = add(inline, file(), entry("*", 'a')).unwrap_err();
        assert!(error.to_string().contains("a line `[[accepted]]`"));
    }
}
