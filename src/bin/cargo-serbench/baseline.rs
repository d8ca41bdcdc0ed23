//! The commits behind the candidate and the records there are in, the record to compare with out,
//! and in words why that one, or why none.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::{
    git::{self, Commit, Repo},
    record::{Record, difference},
    store::{self, Store, Stored},
};

/// What the choice depends on.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// The machine key that the record must have.
    pub(crate) key: &'a str,
    /// `--baseline REV`: this commit or none.
    pub(crate) asked: Option<&'a Commit>,
    /// The default branch, and the hash of the best common ancestor with it; `None` without such a
    /// branch or when the candidate is that ancestor itself.
    pub(crate) merge_base: Option<(&'a str, &'a str)>,
    /// Hashes of first-parent ancestors, nearest first: from the merge base if there is one, else
    /// from the candidate. The first is the candidate's own commit when that is allowed, because
    /// the candidate is that commit with changes.
    pub(crate) ancestors: &'a [String],
    /// Whether the ancestors end early because the clone is shallow.
    pub(crate) shallow: bool,
}

/// The record to compare with, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// `why` in words: `merge base with origin/main`.
    Found { stored: Stored, why: String },
    /// `why` in words, with a way out. `first` when there is no record at all.
    Missing { why: String, first: bool },
}

/// Chooses among `stored`, which is in any order. `factors` reads those of a record and of this
/// machine, to name what differs; it is asked for one record at most.
pub(crate) fn lookup(
    question: &Question<'_>,
    stored: &[Stored],
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let find = |commit: &str| {
        stored
            .iter()
            .find(|stored| stored.commit == commit && stored.key == question.key)
    };
    let found = |stored: &Stored, why: String| Lookup::Found {
        stored: stored.clone(),
        why,
    };
    if let Some(asked) = question.asked {
        return match find(&asked.sha) {
            Some(stored) => found(stored, "asked for with --baseline".to_owned()),
            None => missing_asked(asked, question.key, stored, differing),
        };
    }
    if let Some((branch, commit)) = question.merge_base
        && let Some(stored) = find(commit)
    {
        return found(stored, format!("merge base with {branch}"));
    }
    let here: BTreeSet<&str> = stored
        .iter()
        .filter(|stored| stored.key == question.key)
        .map(|stored| stored.commit.as_str())
        .collect();
    let nearest = question
        .ancestors
        .iter()
        .position(|commit| here.contains(commit.as_str()));
    if let Some(back) = nearest
        && let Some(stored) = find(&question.ancestors[back])
    {
        return found(stored, nearest_words(question, back));
    }
    missing(question, stored, differing)
}

fn nearest_words(question: &Question<'_>, back: usize) -> String {
    let distance = match back {
        1 => "1 commit back".to_owned(),
        _ => format!("{back} commits back"),
    };
    match question.merge_base {
        Some((branch, _)) => format!(
            "nearest ancestor of the merge base with {branch} with a record of this machine, {distance} from it"
        ),
        None if back == 0 => "the commit that the changes are on".to_owned(),
        None => format!("nearest ancestor with a record of this machine, {distance}"),
    }
}

fn missing_asked(
    asked: &Commit,
    key: &str,
    stored: &[Stored],
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let name = format!("{} ({})", asked.short(), asked.subject);
    let why = match stored.iter().find(|stored| stored.commit == asked.sha) {
        Some(other) => format!(
            "{name} has a record of another machine only: {}; this one is {key}",
            words(&differing(other))
        ),
        None => format!("{name} has no record; `cargo serbench` at that commit makes one"),
    };
    Lookup::Missing {
        why,
        first: stored.is_empty(),
    }
}

fn missing(
    question: &Question<'_>,
    stored: &[Stored],
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let mut why = if stored.is_empty() {
        "there is no record yet".to_owned()
    } else if let Some(other) = question
        .ancestors
        .iter()
        .find_map(|commit| stored.iter().find(|stored| stored.commit == *commit))
    {
        format!(
            "no ancestor has a record of this machine ({}); the nearest, of {}, differs in {}",
            question.key,
            git::short(&other.commit),
            words(&differing(other))
        )
    } else {
        format!(
            "{} of other commits, none of an ancestor",
            match stored.len() {
                1 => "there is 1 record".to_owned(),
                count => format!("there are {count} records"),
            }
        )
    };
    if question.shallow {
        why += "; this clone is shallow, `git fetch --unshallow` brings the other commits";
    }
    Lookup::Missing {
        why,
        first: stored.is_empty(),
    }
}

/// `cpus (8 there, 4 here) and rustc (…)`.
fn words(differing: &[(&'static str, String, String)]) -> String {
    if differing.is_empty() {
        return "something that its file does not tell".to_owned();
    }
    let each: Vec<String> = differing
        .iter()
        .map(|(name, there, here)| format!("{name} (`{there}` there, `{here}` here)"))
        .collect();
    each.join(", ")
}

/// Looks for the record to compare `candidate` with. `dirty` says that it is that commit with
/// changes, which may be compared with the commit itself. `factors` are those of this machine, of
/// which `key` is made.
pub(crate) fn find(
    repo: &Repo,
    store: &Store,
    (key, factors): (&str, &[(&'static str, String)]),
    (candidate, dirty): (&Commit, bool),
    asked: Option<&Commit>,
    default_branch: Option<&str>,
) -> Result<Lookup> {
    let branch = repo.default_branch(default_branch);
    let base = match branch.as_deref().map(|branch| repo.resolve(branch)) {
        Some(Ok(tip)) => repo.merge_base(candidate, &tip)?,
        // A branch that was configured or remembered and is not in this clone.
        Some(Err(_)) | None => None,
    };
    let base = base.filter(|base| base.sha != candidate.sha);
    let from = base.as_ref().unwrap_or(candidate);
    let mut ancestors: Vec<String> = repo.first_parents(from)?.collect();
    if base.is_none() && !dirty && !ancestors.is_empty() {
        // Without the candidate, which is no baseline of its own; distances count from it.
        ancestors[0].clear();
    }
    let question = Question {
        key,
        asked,
        merge_base: branch
            .as_deref()
            .zip(base.as_ref().map(|base| base.sha.as_str())),
        ancestors: &ancestors,
        shallow: repo.is_shallow(),
    };
    let differing = |stored: &Stored| match store::load(stored) {
        Ok(record) => difference(&Record::factors(&record), factors),
        Err(_) => Vec::new(),
    };
    Ok(lookup(&question, &store.list()?, differing))
}

#[cfg(test)]
mod tests;
