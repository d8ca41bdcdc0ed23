//! Finds the record of an ancestor to compare the candidate with, and explains the
//! choice.

use std::{cell::LazyCell, collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    discover::git::{self, Commit, Repo},
    record::store::{self, Store, Stored},
    record::{Record, difference},
};

/// The commit that a gate compares with, and the reason for choosing it.
pub fn for_gate(
    repo: &Repo,
    asked: Option<&str>,
    exact: bool,
    default_branch: Option<&str>,
) -> Result<(Commit, String)> {
    if let Some(revision) = asked {
        return asked_for(repo, revision, exact);
    }
    let head = repo.head()?.context("no commit to compare with yet")?;
    if let Some(branch) = default_branch {
        match branch_point(repo, branch, &head)? {
            Some(base) if base != head => {
                return Ok((base, format!("the merge base with {branch}")));
            }
            // The commit before HEAD would compare only the last commit of a branch.
            None if repo.is_shallow() => bail!(
                "no --baseline given, and the merge base with {branch} is not in this clone\n\
                 this clone is shallow: fetch the whole history with `git fetch --unshallow`"
            ),
            Some(_) | None => {}
        }
    }
    let ours = |path: &Path| path.starts_with(store::FOLDER);
    // An untracked file may come from a build or a CI job: it must not make the
    // commit its own baseline.
    if repo.is_modified(ours)? {
        return Ok((
            head,
            "the commit that the work tree was changed from".to_owned(),
        ));
    }
    const MISSING: &str = "no --baseline given, and the commit before HEAD is not in this clone";
    match repo.resolve("HEAD~1") {
        Ok(parent) => Ok((parent, "the commit before HEAD".to_owned())),
        Err(error) if repo.is_shallow() => Err(error.context(MISSING)),
        Err(_) => bail!("{MISSING}: HEAD is the first; `--baseline HEAD` compares with it"),
    }
}

/// The merge base of `head` and a revision; `None` if this clone has none.
pub fn branch_point(repo: &Repo, revision: &str, head: &Commit) -> Result<Option<Commit>> {
    repo.merge_base(&repo.resolve(revision)?, head)
}

/// The revision, or its merge base with HEAD: later commits of the revision are not part
/// of this change.
fn asked_for(repo: &Repo, revision: &str, exact: bool) -> Result<(Commit, String)> {
    let asked = repo.resolve(revision)?;
    let head = match (exact, repo.head()?) {
        (false, Some(head)) => head,
        (true, _) | (_, None) => return Ok((asked, "chosen by --baseline".to_owned())),
    };
    match branch_point(repo, revision, &head)? {
        Some(base) if base == asked => Ok((asked, "chosen by --baseline".to_owned())),
        Some(base) => {
            let why = format!(
                "the merge base with {revision}, which has moved on; --exact compares with its tip"
            );
            Ok((base, why))
        }
        None if repo.is_shallow() => {
            let branch = revision.strip_prefix("origin/").unwrap_or(revision);
            bail!(
                "the merge base with {revision} is not here\n\
                 this clone is shallow: `git fetch --unshallow origin {}` fetches it; \
                 --exact compares with the tip",
                git::tracking(branch)
            )
        }
        None => bail!("{revision} and HEAD have no commit in common; --exact compares with it"),
    }
}

/// The inputs of the choice.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The required machine key.
    pub key: &'a str,
    /// `--baseline REV`: this commit or none.
    pub asked: Option<&'a Commit>,
    /// The default branch and the hash of the merge base with it, which is the first of the ancestors.
    /// `None` if there is no such branch or the candidate is the merge base itself.
    pub merge_base: Option<(&'a str, &'a str)>,
    /// Hashes of first-parent ancestors, nearest first: from the merge base if there is one, otherwise
    /// from the candidate. The candidate's own commit is included only if the candidate is that commit
    /// with changes.
    pub ancestors: &'a [String],
    /// Whether ancestors are missing because the clone is shallow.
    pub shallow: bool,
}

/// The answer, and why nearer records can't be used, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub lookup: Lookup,
    pub passed_over: Vec<String>,
}

/// The record to compare with, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// `why` is shown: `merge base with origin/main`. The commit to compare with (full hash) differs
    /// from the record's commit if only their trees are the same.
    Found {
        commit: String,
        stored: Stored,
        why: String,
    },
    /// `why` is shown, with a solution. `first`: there are no records at all.
    Missing { why: String, first: bool },
}

/// Chooses from `stored`, in any order. `differing` returns the factors in which a record differs from
/// this machine; it is called for at most one record. `unfit` returns why a record of this machine can't
/// be used; it is called in order of preference until a record can. `same_tree` finds the record of
/// this machine for a commit with the same tree as the given one.
pub fn lookup(
    question: &Question<'_>,
    stored: &[Stored],
    same_tree: impl Fn(&str) -> Option<Stored>,
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
    unfit: impl Fn(&Stored) -> Option<String>,
) -> Answer {
    let here: BTreeMap<&str, &Stored> = stored
        .iter()
        .filter(|stored| stored.key == question.key)
        .map(|stored| (stored.commit.as_str(), stored))
        .collect();
    let mut passed_over = Vec::new();
    let mut found = |commit: &str, mut why: String| {
        let stored = here.get(commit).map(|stored| (*stored).clone());
        let stored = stored.or_else(|| same_tree(commit))?;
        if let Some(reason) = unfit(&stored) {
            if !passed_over.contains(&reason) {
                passed_over.push(reason);
            }
            return None;
        }
        if stored.commit != commit {
            let other = git::short(&stored.commit);
            why += &format!("; recorded as {other}, which has the same tree");
        }
        Some(Lookup::Found {
            commit: commit.to_owned(),
            stored,
            why,
        })
    };
    let lookup = match question.asked {
        Some(asked) => found(&asked.sha, "asked for with --baseline".to_owned()),
        None => question
            .ancestors
            .iter()
            .enumerate()
            .find_map(|(back, commit)| found(commit, words_of_place(question, back))),
    };
    let any = !passed_over.is_empty();
    let lookup = lookup.unwrap_or_else(|| match question.asked {
        Some(asked) => missing_asked(asked, question.key, stored, any, differing),
        None => missing(question, stored, any, differing),
    });
    Answer {
        lookup,
        passed_over,
    }
}

/// The reason for choosing the ancestor that is `back` commits back.
fn words_of_place(question: &Question<'_>, back: usize) -> String {
    let distance = match back {
        1 => "1 commit back".to_owned(),
        _ => format!("{back} commits back"),
    };
    match question.merge_base {
        Some((branch, _)) if back == 0 => format!("merge base with {branch}"),
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
    unusable: bool,
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let name = format!("{} ({})", asked.short(), asked.subject);
    let why = match stored.iter().find(|stored| stored.commit == asked.sha) {
        Some(_) if unusable => format!("the record of {name} can't be used"),
        Some(other) => format!(
            "{name} has a record from another machine only: {}; this one is {key}",
            words(&differing(other))
        ),
        None => format!("{name} has no record; run `cargo serbench` at that commit to make one"),
    };
    Lookup::Missing {
        why,
        first: stored.is_empty(),
    }
}

fn missing(
    question: &Question<'_>,
    stored: &[Stored],
    unusable: bool,
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let mut why = if stored.is_empty() {
        "no record yet".to_owned()
    } else if unusable {
        "no ancestor has a record of this machine that can be used".to_owned()
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
            "{}, none of an ancestor",
            match stored.len() {
                1 => "there is 1 record".to_owned(),
                count => format!("there are {count} records"),
            }
        )
    };
    if question.shallow {
        why += "; this clone is shallow: fetch the other commits with `git fetch --unshallow`";
    }
    Lookup::Missing {
        why,
        first: stored.is_empty(),
    }
}

/// `cpus (8 there, 4 here) and rustc (…)`.
fn words(differing: &[(&'static str, String, String)]) -> String {
    if differing.is_empty() {
        return "a factor that its file does not name".to_owned();
    }
    let each: Vec<String> = differing
        .iter()
        .map(|(name, there, here)| format!("{name} (`{there}` there, `{here}` here)"))
        .collect();
    each.join(", ")
}

/// Finds the record to compare `candidate` with. `dirty`: the candidate is that commit with
/// changes, so it may be compared with the commit itself. `key` is derived from `factors`, those of
/// this machine.
pub fn find(
    repo: &Repo,
    store: &Store,
    (key, factors): (&str, &[(&'static str, String)]),
    (candidate, dirty): (&Commit, bool),
    asked: Option<&Commit>,
    default_branch: Option<&str>,
) -> Result<Answer> {
    // A configured or remembered branch may not exist in this clone.
    let base = default_branch.and_then(|branch| branch_point(repo, branch, candidate).ok()?);
    let base = base.filter(|base| base.sha != candidate.sha);
    let from = base.as_ref().unwrap_or(candidate);
    let mut ancestors: Vec<String> = repo.first_parents(from)?.collect();
    if base.is_none() && !dirty && !ancestors.is_empty() {
        // Without the candidate, which can't be its own baseline. Distances are counted from it.
        ancestors[0].clear();
    }
    let question = Question {
        key,
        asked,
        merge_base: default_branch.zip(base.as_ref().map(|base| base.sha.as_str())),
        ancestors: &ancestors,
        shallow: repo.is_shallow(),
    };
    let differing = |stored: &Stored| match store::load(stored) {
        Ok(record) => difference(&Record::factors(&record), factors),
        Err(_) => Vec::new(),
    };
    let unfit = |stored: &Stored| unfit(stored, asked.is_some());
    let all = store.list()?;
    let trees = LazyCell::new(|| trees(repo, &all, key));
    let same_tree = |commit: &str| {
        let tree = repo.tree_without(&repo.commit(commit)?, store::FOLDER);
        trees.get(&tree.ok()?).map(|stored| (*stored).clone())
    };
    Ok(lookup(&question, &all, same_tree, differing, unfit))
}

/// The records of a machine by the tree of their commit: a squashed or rebased commit has
/// another hash, and no record of its own.
fn trees<'a>(repo: &Repo, stored: &'a [Stored], key: &str) -> BTreeMap<String, &'a Stored> {
    let here = stored.iter().filter(|stored| stored.key == key);
    let trees = here.filter_map(|stored| {
        let tree = match repo.commit(&stored.commit) {
            Some(commit) => repo.tree_without(&commit, store::FOLDER).ok(),
            None => store::tree(stored),
        };
        Some((tree?, stored))
    });
    trees.collect()
}

/// Why a record can't be the baseline. If it was requested explicitly, it may have suspects.
fn unfit(stored: &Stored, asked: bool) -> Option<String> {
    let record = match store::load(stored) {
        Ok(record) => record,
        Err(error) => return Some(format!("{error:#}")),
    };
    let slower: Vec<(&str, &str)> = record.slower().collect();
    let (id, than) = *slower.first().filter(|_| !asked)?;
    let others = match slower.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    Some(format!(
        "can't use the record of {} ({}) as the baseline: `{id}`{others} looked slower there than \
         at {}, and measuring both has not cleared it",
        git::short(&record.commit),
        record.subject,
        git::short(than)
    ))
}

#[cfg(test)]
mod tests;
