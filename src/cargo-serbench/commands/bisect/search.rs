//! Measures one commit after the other, and derives answers from known ones where possible.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{
    log::{Confirmed, Entry, Log},
    step,
};
use crate::{
    build,
    build::toolchain,
    commands::revision::{self, Tree},
    compare,
    decide::bisect::{self, Answer, Step},
    discover::{git::Commit, machine, range::Range},
    record::{
        Record,
        store::{self, Store},
    },
    run::Side,
    session::Session,
    shell,
};

/// A bisection in progress.
pub struct Search<'a> {
    pub session: &'a Session,
    pub good: &'a Commit,
    /// GOOD, built.
    pub baseline: &'a Tree,
    pub range: &'a Range,
    pub confirmed: &'a Confirmed,
    pub improvement: bool,
    pub log: Log,
}

impl Search<'_> {
    /// Indices of the possible culprits, oldest first.
    pub fn run(&mut self) -> Result<Vec<usize>> {
        let records = self.records();
        let hints = self.hints(&records);
        loop {
            let answers = self.answers();
            let place = match bisect::next(&self.range.parents, &answers, &hints) {
                Step::Found(found) => return Ok(found),
                Step::Measure(place) => place,
            };
            let commit = &self.range.commits[place];
            let entry = match self.known(commit, records[place].as_ref())? {
                Some(entry) => entry,
                None => {
                    shell::status(
                        "Trying",
                        format_args!("{} ({})", commit.short(), commit.subject),
                    );
                    self.keep_baseline()?;
                    let wanted = (&self.confirmed.id, self.improvement);
                    step::measure(self.session, self.baseline, commit, wanted)?
                }
            };
            let verdict = match entry.answer {
                Answer::Good => "Good",
                Answer::Bad => "Bad",
                Answer::Unknown => "Skipped",
            };
            shell::status(
                verdict,
                format_args!("{}: {}", commit.short(), entry.reason),
            );
            self.log.add(entry)?;
        }
    }

    /// Removes the builds of earlier steps, except GOOD's.
    fn keep_baseline(&self) -> Result<()> {
        let scratch = self.session.workspace.scratch();
        build::touch(&build::target_directory(&scratch, Some(&self.good.tree)));
        if !self.session.options.own_toolchain {
            let repo = self.session.repository()?;
            repo.extract(self.good, &scratch.join("source"))?;
        }
        build::prune(&scratch);
        Ok(())
    }

    /// The known answers by commit; BAD is the last.
    fn answers(&self) -> Vec<Option<Answer>> {
        let mut answers = vec![None; self.range.commits.len()];
        for entry in &self.log.entries {
            if let Some(place) = self.place(&entry.commit) {
                answers[place] = Some(entry.answer);
            }
        }
        if let Some(last) = answers.last_mut() {
            *last = Some(Answer::Bad);
        }
        answers
    }

    pub fn place(&self, sha: &str) -> Option<usize> {
        self.range
            .commits
            .iter()
            .position(|commit| commit.sha == sha)
    }

    /// The answer for a commit that builds the same as a known one: it has the same tree, the same code
    /// according to its record, or differs in no file that the other's executable was built from.
    fn known(&self, commit: &Commit, record: Option<&Record>) -> Result<Option<Entry>> {
        let recorded = record.and_then(|it| it.benchmarks.get(&self.confirmed.id));
        let good = self.of_good();
        let known = [&good, &self.confirmed.bad]
            .into_iter()
            .chain(&self.log.entries);
        for entry in known.filter(|entry| entry.measured) {
            let same = if entry.tree == commit.tree {
                "has the same files as"
            } else if recorded.is_some_and(|it| Some(&it.executable) == entry.executable.as_ref()) {
                "was recorded with the same code as"
            } else if self.builds_the_same(commit, entry)? {
                "builds the same as"
            } else {
                continue;
            };
            let other: String = entry.commit.chars().take(10).collect();
            return Ok(Some(Entry {
                commit: commit.sha.clone(),
                tree: commit.tree.clone(),
                measured: false,
                reason: format!("{same} {other}"),
                ..entry.clone()
            }));
        }
        Ok(None)
    }

    /// GOOD, as an answer.
    fn of_good(&self) -> Entry {
        let listed = self.baseline.catalog.benchmarks.get(&self.confirmed.id);
        let executable = listed.map(|listed| listed.hash.clone());
        let sources = executable
            .as_ref()
            .and_then(|hash| self.baseline.sources.get(hash));
        Entry {
            commit: self.good.sha.clone(),
            tree: self.good.tree.clone(),
            answer: Answer::Good,
            measured: true,
            reason: String::new(),
            change: None,
            run: None,
            sources: sources.map_or_else(Vec::new, |files| files.keys().cloned().collect()),
            executable,
        }
    }

    /// Whether `commit` differs in no file that the executable of `entry` was built from. New files
    /// count if cargo finds them by name.
    fn builds_the_same(&self, commit: &Commit, entry: &Entry) -> Result<bool> {
        let repo = self.session.repository()?;
        let Some(other) = repo
            .commit(&entry.commit)
            .filter(|_| !entry.sources.is_empty())
        else {
            return Ok(false);
        };
        let sources: Vec<PathBuf> = entry
            .sources
            .iter()
            .map(|source| repo.prefix().join(source))
            .collect();
        let mut differing = repo.differing(&other, commit)?.into_iter();
        Ok(!differing.any(|path| sources.contains(&path) || is_looked_for(&path)))
    }

    /// This machine's records of the commits.
    fn records(&self) -> Vec<Option<Record>> {
        let Ok(toolchain) = toolchain::toolchain(&self.session.options) else {
            return vec![None; self.range.commits.len()];
        };
        let key = toolchain::key(&machine::machine(), &toolchain);
        let store = Store::of(&self.session.workspace);
        let load = |commit: &Commit| {
            let stored = store.list_commit(&commit.sha).ok()?;
            let stored = stored.into_iter().find(|stored| stored.key == key)?;
            store::load(&stored).ok()
        };
        self.range.commits.iter().map(load).collect()
    }

    /// The commits on both sides of the largest recorded change in the right direction.
    fn hints(&self, records: &[Option<Record>]) -> Vec<usize> {
        let id = &self.confirmed.id;
        let level = |record: &Option<Record>| {
            let logs = record
                .as_ref()?
                .log_ratios(id)
                .filter(|logs| !logs.is_empty())?;
            Some(compare::stats::median(logs))
        };
        let recorded: Vec<(usize, f64)> = (0..)
            .zip(records)
            .filter_map(|(place, record)| Some((place, level(record)?)))
            .collect();
        let total = self
            .confirmed
            .bad
            .change
            .map_or(0.0, |[point, ..]| point.ln().abs());
        let step = |pair: &[(usize, f64)]| {
            let change = pair[1].1 - pair[0].1;
            if self.improvement { -change } else { change }
        };
        let pairs = recorded.windows(2).filter(|pair| step(pair) > total / 2.0);
        let best = pairs.max_by(|one, other| step(one).total_cmp(&step(other)));
        best.map_or_else(Vec::new, |pair| vec![pair[0].0, pair[1].0])
    }

    /// Measures the culprit against its parent, and returns the parent and the answer. If the parent is
    /// GOOD, that was measured already.
    pub fn beside_parent(&mut self, culprit: usize) -> Result<(Commit, Entry)> {
        let repo = self.session.repository()?;
        let commit = &self.range.commits[culprit];
        let parent = match self.range.parents[culprit].first() {
            Some(parent) => self.range.commits[*parent].clone(),
            None => {
                let parents = repo.parents(&commit.sha)?;
                let first = parents
                    .first()
                    .context("a commit after GOOD has a parent")?;
                repo.commit(first)
                    .context("failed to read the culprit's parent")?
            }
        };
        if parent.sha == self.good.sha {
            let mut entries = self.log.entries.iter().chain([&self.confirmed.bad]);
            let entry = entries.find(|entry| entry.commit == commit.sha);
            return Ok((parent, entry.context("the culprit was measured")?.clone()));
        }
        shell::status(
            "Confirming",
            format_args!("{} against its parent {}", commit.short(), parent.short()),
        );
        let baseline = revision::commit(self.session, &parent, Side::Baseline)?;
        let wanted = (&self.confirmed.id, self.improvement);
        let entry = step::measure(self.session, &baseline, commit, wanted)?;
        Ok((parent, entry))
    }
}

/// Whether cargo or rustc finds a file by its name.
fn is_looked_for(path: &Path) -> bool {
    const NAMES: [&str; 4] = [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain",
        "rust-toolchain.toml",
    ];
    let name = path.file_name().unwrap_or_default();
    NAMES.iter().any(|it| name == *it)
        || path.extension().is_some_and(|extension| extension == "rs")
        || path.components().any(|part| part.as_os_str() == ".cargo")
        || path.file_name().is_some_and(|name| name == ".gitmodules")
}
