//! Reads the newest records of a run's benchmarks, for the report on that run.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{
    change_points::{self, Sensitivity},
    page::{self, Changed},
};
use crate::{
    commands::records,
    compare::sides::{Both, Measured},
    discover::{
        Workspace,
        git::{self, Commit, Repo},
    },
    record::{
        accepted::{self, Entry},
        index::Index,
        series,
        store::{Store, Stored},
    },
    report::html,
    run::{Run, Source},
    select::BenchId,
};

/// Most commits. A report must not take long, even where thousands of commits are recorded.
const COMMITS: usize = 50;

/// The newest records in a commit's history.
pub struct Recent {
    index: Index,
    /// Commits with records, oldest first.
    order: Vec<String>,
    accepted: Vec<Entry>,
    /// Machine keys to show.
    keys: BTreeSet<String>,
}

/// The records in the first-parent history of the run's commit; `None` if there are none.
pub fn recent(workspace: &Workspace, run: &Run) -> Result<Option<Recent>> {
    let store = Store::of(workspace);
    let stored = store.list()?;
    if stored.is_empty() {
        return Ok(None);
    }
    let Some(repo) = git::open(&workspace.root)? else {
        return Ok(None);
    };
    let Some(from) = commit(&repo, &run.candidate)? else {
        return Ok(None);
    };
    let order = newest(&repo, &from, &stored)?;
    let of_these: Vec<Stored> = stored
        .into_iter()
        .filter(|it| order.contains(&it.commit))
        .collect();
    let index = records::index_of(&store, &of_these);
    let mut keys = records::keys_of(&index, &run.machine);
    if keys.is_empty() {
        keys = index.entries().map(|entry| entry.key.clone()).collect();
    }
    Ok(Some(Recent {
        index,
        order,
        accepted: accepted::all(&workspace.root)?,
        keys,
    }))
}

fn commit(repo: &Repo, source: &Source) -> Result<Option<Commit>> {
    match &source.commit {
        Some(sha) => Ok(repo.commit(sha)),
        None => repo.head(),
    }
}

/// The newest recorded commits, oldest first.
fn newest(repo: &Repo, from: &Commit, stored: &[Stored]) -> Result<Vec<String>> {
    let recorded: BTreeSet<&str> = stored.iter().map(|it| it.commit.as_str()).collect();
    let history = repo.first_parents(from)?;
    let mut order: Vec<String> = history
        .filter(|sha| recorded.contains(sha.as_str()))
        .take(recorded.len().min(COMMITS))
        .collect();
    order.reverse();
    Ok(order)
}

impl Recent {
    /// The charts of benchmarks that were measured with the same reference. A benchmark needs two values
    /// for a line.
    pub fn history(
        &self,
        runs: &[Run],
        measured: &BTreeMap<BenchId, Both<Measured>>,
    ) -> html::History<'_> {
        let benchmarks: BTreeMap<&str, Option<&str>> = runs
            .iter()
            .flat_map(|run| &run.benchmarks)
            .map(|(id, it)| {
                (
                    id.as_str(),
                    it.reference.as_deref().filter(|of| *of != id.as_str()),
                )
            })
            .collect();
        let mut all = series::series(&self.index, &self.order, |id| benchmarks.contains_key(id));
        all.retain(|it| self.keys.contains(it.key) && benchmarks.get(it.id) == Some(&it.reference));
        let all: Vec<Changed<'_>> = all
            .into_iter()
            .map(|series| {
                let found = change_points::of(&series, &Sensitivity::default());
                (series, found)
            })
            .collect();
        let mut history = page::history(&self.index, &self.order, &all, &self.accepted);
        if !self.has(runs) {
            for chart in &mut history.charts {
                let now = measured.get(chart.id).and_then(|both| both.candidate);
                chart.now = now.and_then(|it| match chart.reference {
                    Some(_) => it.ratio,
                    None => Some(it.latency?.median_ns),
                });
            }
        }
        history.charts.retain(|chart| {
            let dots: usize = chart.tracks.iter().map(|track| track.dots.len()).sum();
            dots + usize::from(chart.now.is_some()) > 1
        });
        history
    }

    /// Whether one of the runs is a record itself: the newest one.
    fn has(&self, runs: &[Run]) -> bool {
        runs.iter().any(|run| {
            let Source { commit, dirty, .. } = &run.candidate;
            run.baseline.is_none() && !dirty && commit.as_ref() == self.order.last()
        })
    }
}
