//! The commits between two commits, the files that differ, and the commits' authors.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use git2::{Oid, Sort};

use super::git::{Commit, Repo};

/// The commits that one commit contains and another does not.
#[derive(Clone, Debug)]
pub struct Range {
    /// Oldest first.
    pub commits: Vec<Commit>,
    /// The indices of each commit's parents, as far as they are in the range.
    pub parents: Vec<Vec<usize>>,
}

/// The author and date of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub name: String,
    /// The author's local date, as `2026-11-27`.
    pub day: String,
}

impl Repo {
    /// The commits after `good` up to `bad`: first parents only, or including merged branches.
    pub fn range(&self, good: &Commit, bad: &Commit, all_parents: bool) -> Result<Range> {
        self.check_order(good, bad)?;
        let shas = match all_parents {
            true => self.reachable(good, bad)?,
            false => self.first_parents_after(good, bad)?,
        };
        let places: HashMap<&str, usize> = shas.iter().map(String::as_str).zip(0..).collect();
        let mut range = Range {
            commits: Vec::new(),
            parents: Vec::new(),
        };
        for sha in &shas {
            let parents = self.parents(sha)?;
            let followed = if all_parents { parents.len() } else { 1 };
            let known = parents.iter().take(followed);
            let known = known.filter_map(|parent| places.get(parent.as_str()).copied());
            range.parents.push(known.collect());
            range.commits.push(
                self.commit(sha)
                    .context("failed to read a commit of the history")?,
            );
        }
        Ok(range)
    }

    fn check_order(&self, good: &Commit, bad: &Commit) -> Result<()> {
        if good.sha == bad.sha {
            bail!("GOOD and BAD are the same commit, {}", good.short());
        }
        let (one, other) = (good.short(), bad.short());
        match self.merge_base(good, bad)? {
            Some(base) if base.sha == good.sha => Ok(()),
            Some(base) if base.sha == bad.sha => bail!(
                "BAD ({other}) is older than GOOD ({one}); did you mean `cargo serbench bisect \
                 {other} {one}`?"
            ),
            Some(base) => bail!(
                "GOOD ({one}) is not an ancestor of BAD ({other}); their merge base is {0}: \
                 `cargo serbench bisect {0} {other}` searches from there",
                base.short()
            ),
            None if self.is_shallow() => bail!(
                "the history between GOOD ({one}) and BAD ({other}) is not in this clone; `git \
                 fetch --unshallow` fetches it"
            ),
            None => bail!("GOOD ({one}) and BAD ({other}) have no history in common"),
        }
    }

    fn first_parents_after(&self, good: &Commit, bad: &Commit) -> Result<Vec<String>> {
        let mut shas = Vec::new();
        for sha in self.first_parents(bad)? {
            if sha == good.sha {
                shas.reverse();
                return Ok(shas);
            }
            shas.push(sha);
        }
        bail!(
            "GOOD ({}) was merged into BAD's history and is not one of its first parents; \
             --all-parents follows merged branches",
            good.short()
        );
    }

    fn reachable(&self, good: &Commit, bad: &Commit) -> Result<Vec<String>> {
        let mut walk = self
            .repository
            .revwalk()
            .context("failed to walk the history")?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
        walk.push(Oid::from_str(&bad.sha)?)?;
        walk.hide(Oid::from_str(&good.sha)?)?;
        walk.map(|commit| Ok(commit?.to_string())).collect()
    }

    /// Full hashes of a commit's parents.
    pub fn parents(&self, sha: &str) -> Result<Vec<String>> {
        let commit = self.repository.find_commit(Oid::from_str(sha)?)?;
        Ok(commit.parent_ids().map(|id| id.to_string()).collect())
    }

    /// The files that differ between two commits, relative to the root of the repository.
    pub fn differing(&self, one: &Commit, other: &Commit) -> Result<Vec<PathBuf>> {
        let tree = |commit: &Commit| self.repository.find_tree(Oid::from_str(&commit.tree)?);
        let (one, other) = (tree(one)?, tree(other)?);
        let difference = self
            .repository
            .diff_tree_to_tree(Some(&one), Some(&other), None)?;
        let paths = difference.deltas().flat_map(|delta| {
            [delta.old_file(), delta.new_file()].map(|file| file.path().map(Path::to_path_buf))
        });
        Ok(paths.flatten().collect())
    }

    /// The author of a commit, if this clone has it.
    pub fn author(&self, sha: &str) -> Option<Author> {
        let commit = self.repository.find_commit(Oid::from_str(sha).ok()?).ok()?;
        let author = commit.author();
        let when = author.when();
        let offset = jiff::tz::Offset::from_seconds(when.offset_minutes() * 60).ok()?;
        let time = jiff::Timestamp::from_second(when.seconds()).ok()?;
        Some(Author {
            name: author.name().ok().unwrap_or_default().to_owned(),
            day: offset.to_datetime(time).date().to_string(),
        })
    }
}
