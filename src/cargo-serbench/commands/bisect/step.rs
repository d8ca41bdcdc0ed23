//! Measures one commit against another and decides which end of a bisection it is like.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::Result;

use super::log::{Confirmed, Entry};
use crate::{
    commands::{
        pair::{self, Decided, Trial},
        revision::{self, Tree},
    },
    compare::stats::LogRatio,
    decide::{Decision, Metric, Verdict, bisect::Answer, evidence::Role},
    discover::git::Commit,
    exit::Exit,
    interrupt,
    record::accepted::Waivers,
    run::{Run, Side},
    select::BenchId,
    session::Session,
};

/// The result of measuring BAD against GOOD.
pub enum Confirmation {
    Confirmed(Box<Confirmed>),
    Nothing { exit: Exit, words: String },
}

/// Measures everything at BAD against GOOD and picks the benchmark that changed most.
pub fn confirm(
    session: &Session,
    baseline: &Tree,
    bad: &Commit,
    improvement: bool,
) -> Result<Confirmation> {
    let candidate = revision::commit(session, bad, Side::Candidate)?;
    let (run, file, decided) = measured(session, baseline, &candidate, None)?;
    let mut changed: Vec<&Decision> = benchmarks(&decided)
        .filter(|decision| answer(&decided, decision, improvement) == Answer::Bad)
        .collect();
    changed.sort_by(|one, other| size(other).total_cmp(&size(one)));
    let Some((most, others)) = changed.split_first() else {
        let (exit, words) = nothing(&decided, improvement);
        return Ok(Confirmation::Nothing { exit, words });
    };
    Ok(Confirmation::Confirmed(Box::new(Confirmed {
        id: most.id.clone(),
        others: others.iter().map(|it| it.id.clone()).collect(),
        bad: entry(
            bad,
            &candidate,
            (&run, file, &decided, &most.id),
            improvement,
        ),
    })))
}

/// Why there is nothing to bisect.
fn nothing(decided: &Decided, improvement: bool) -> (Exit, String) {
    let of = |wanted: &[Verdict]| benchmarks(decided).find(|it| wanted.contains(&it.verdict));
    let word = if improvement { "faster" } else { "slower" };
    if let Some(lost) = of(&[Verdict::Failed, Verdict::Removed]) {
        let words = format!("`{}` is {}: {}", lost.id, lost.verdict.word(), lost.reason);
        return (Exit::CouldNotMeasure, words);
    }
    if let Some(open) = of(&[Verdict::Inconclusive]) {
        let words = format!("`{}` is inconclusive: {}", open.id, open.reason);
        return (Exit::Inconclusive, words);
    }
    if let Some(problem) = decided.summary.problems.first() {
        return (Exit::Inconclusive, problem.clone());
    }
    (
        Exit::Passed,
        format!("no benchmark is {word} at BAD than at GOOD"),
    )
}

fn benchmarks(decided: &Decided) -> impl Iterator<Item = &Decision> {
    let decisions = decided.decisions.iter();
    decisions.filter(|decision| decision.role == Role::Benchmark)
}

/// The size of a change, in any metric and direction.
fn size(decision: &Decision) -> f64 {
    let memory = decision
        .memory
        .iter()
        .find(|it| Some(it.metric) == decision.metric);
    let change = memory.map(|it| it.change);
    let change = change.or(decision.change.map(|it| it.point));
    change.unwrap_or(0.0).abs()
}

/// Measures two built commits in pairs; only the benchmarks in `only`, if given. Ignores
/// accepted changes.
fn measured(
    session: &Session,
    baseline: &Tree,
    candidate: &Tree,
    only: Option<&BTreeSet<BenchId>>,
) -> Result<(Run, PathBuf, Decided)> {
    let run = pair::measured(session, Trial::default(), baseline, candidate, only)?;
    let file = pair::store(session, &run)?;
    let (mut runs, decided) = pair::decide(vec![run], &session.config, &Waivers::default());
    Ok((runs.remove(0), file, decided))
}

/// Builds `commit` and measures the benchmark `id` there against `baseline`. Failures are answers,
/// too.
pub fn measure(
    session: &Session,
    baseline: &Tree,
    commit: &Commit,
    (id, improvement): (&BenchId, bool),
) -> Result<Entry> {
    let attempt = || -> Result<Entry> {
        let candidate = revision::commit(session, commit, Side::Candidate)?;
        let reference = [baseline, &candidate].map(|tree| {
            let listed = tree.catalog.benchmarks.get(id)?;
            listed.reference.clone()
        });
        let only = reference
            .into_iter()
            .flatten()
            .chain([id.clone()])
            .collect();
        let (run, file, decided) = measured(session, baseline, &candidate, Some(&only))?;
        let measured = (&run, file, &decided, id);
        Ok(entry(commit, &candidate, measured, improvement))
    };
    attempt().or_else(|error| {
        // A failure caused by an interrupt says nothing about the commit.
        interrupt::check()?;
        Ok(Entry {
            commit: commit.sha.clone(),
            tree: commit.tree.clone(),
            answer: Answer::Unknown,
            measured: true,
            reason: format!("{error:#}"),
            change: None,
            executable: None,
            sources: Vec::new(),
            run: None,
        })
    })
}

fn entry(
    commit: &Commit,
    tree: &Tree,
    (run, file, decided, id): (&Run, PathBuf, &Decided, &BenchId),
    improvement: bool,
) -> Entry {
    let decision = benchmarks(decided).find(|decision| decision.id == *id);
    let listed = tree.catalog.benchmarks.get(id);
    let executable = listed.map(|listed| listed.hash.clone());
    let sources = executable.as_ref().and_then(|hash| tree.sources.get(hash));
    let missing = || {
        (
            Answer::Unknown,
            "this commit lacks the benchmark".to_owned(),
        )
    };
    let (answer, reason) = decision.map_or_else(missing, |decision| {
        let answer = answer(decided, decision, improvement);
        (
            answer,
            format!("{}: {}", decision.verdict.word(), decision.reason),
        )
    });
    debug_assert!(run.candidate.commit.as_ref() == Some(&commit.sha));
    Entry {
        commit: commit.sha.clone(),
        tree: commit.tree.clone(),
        answer,
        measured: true,
        reason,
        change: decision
            .and_then(|it| it.change)
            .map(LogRatio::ratios)
            .filter(|ratios| ratios.iter().all(|ratio| ratio.is_finite())),
        executable,
        sources: sources.map_or_else(Vec::new, |files| files.keys().cloned().collect()),
        run: Some(file),
    }
}

/// Which end a benchmark is like; unknown if a self-check contradicts a verdict on time.
fn answer(decided: &Decided, decision: &Decision, improvement: bool) -> Answer {
    let distrusted = decided.decisions.iter().any(|control| {
        control.role == Role::NullControl
            && matches!(control.verdict, Verdict::Regressed | Verdict::Improved)
    });
    let by_time = matches!(decision.metric, Some(Metric::Latency(_)) | None);
    match decision.verdict {
        Verdict::Identical => Answer::Good,
        Verdict::Regressed | Verdict::Improved | Verdict::Unchanged if distrusted && by_time => {
            Answer::Unknown
        }
        Verdict::Regressed => if_wanted(!improvement),
        Verdict::Improved => if_wanted(improvement),
        Verdict::Unchanged => Answer::Good,
        Verdict::Inconclusive
        | Verdict::Added
        | Verdict::Removed
        | Verdict::Skipped
        | Verdict::Failed => Answer::Unknown,
    }
}

fn if_wanted(wanted: bool) -> Answer {
    match wanted {
        true => Answer::Bad,
        false => Answer::Good,
    }
}
