//! Finds the benchmarks of a new run that may have changed since a stored record.
//!
//! Times from another occasion are only a coarse screen: the ratio of the same executable to its
//! reference varies by several percent between occasions. So this rather suspects too much; suspects are
//! built and measured again as a pair.

use std::collections::BTreeSet;

use crate::{
    compare,
    compare::stats::median,
    config::{Config, Mode},
    record::{Measured, Record},
    run::{Run, Side},
    select::BenchId,
    shell,
};

/// How much slower all times of an occasion may be, as a ratio, before that itself is suspicious. Such
/// differences between occasions are common.
const OCCASION: f64 = 1.25;

/// Minimum number of times to estimate their common change. Fewer are measured again.
const MANY: usize = 5;

/// The ids in `run` that are suspicious compared with `record`.
pub fn suspects(record: &Record, run: &Run, config: &Config) -> BTreeSet<BenchId> {
    let occasion = occasion(record, run);
    run.benchmarks
        .iter()
        .filter(|(id, _)| config.mode(id) != Mode::Off)
        .filter(|(id, _)| {
            record
                .benchmarks
                .get(*id)
                .is_some_and(|stored| is_suspect(record, stored, run, id, config, occasion))
        })
        .map(|(id, _)| id.clone())
        .collect()
}

/// The benchmarks `ids` of `run` and their references, which are needed for the ratio of
/// ratios.
pub fn with_references(ids: &BTreeSet<BenchId>, run: &Run) -> BTreeSet<BenchId> {
    let references = ids
        .iter()
        .filter_map(|id| run.benchmarks[id].reference.clone());
    ids.iter().cloned().chain(references).collect()
}

fn is_suspect(
    record: &Record,
    stored: &Measured,
    run: &Run,
    id: &str,
    config: &Config,
    occasion: f64,
) -> bool {
    let benchmark = &run.benchmarks[id];
    let Some(now) = &benchmark.candidate else {
        return false;
    };
    if !now.is_measurable() || stored.executable == now.executable {
        return false;
    }
    let tolerance = config.tolerance(id);
    let memory = stored.memory.zip(now.memory).is_some_and(|(then, now)| {
        let grown =
            |then: u64, now: u64| now as f64 > then as f64 * (1.0 + tolerance.memory_threshold);
        let peaks = then.peak.zip(now.peak);
        peaks.is_some_and(|(then, now)| grown(then, now))
            || grown(then.bytes, now.bytes)
            || grown(then.allocations, now.allocations)
    });
    let tolerated = (1.0 + tolerance.threshold / 2.0).ln();
    let slower = match &benchmark.reference {
        // Ratios to another reference can't be compared.
        reference if *reference != stored.reference => true,
        Some(reference) => {
            let clock = compare::clock(run, &[reference, id], Side::Candidate);
            let sides = ((Side::Candidate, reference.as_str()), (Side::Candidate, id));
            let logs = compare::log_ratios(&run.blocks, sides.0, sides.1, clock);
            match (record.log_ratios(id), logs.is_empty()) {
                (Some(then), false) if !then.is_empty() => median(&logs) - median(then) > tolerated,
                (_, _) => true,
            }
        }
        None => own_change(record, run, id).is_none_or(|change| change > occasion + tolerated),
    };
    memory || slower
}

/// The log-ratio now / then of the time of a benchmark without a reference.
fn own_change(record: &Record, run: &Run, id: &str) -> Option<f64> {
    let benchmark = run.benchmarks.get(id)?;
    let now = compare::latency(run, id, benchmark.candidate.as_ref()?)?;
    let then = record.benchmarks.get(id)?.latency_ns?;
    (benchmark.reference.is_none()).then(|| (now / then).ln())
}

/// The common change of all times since the other occasion: the median log-ratio of benchmarks
/// without a reference. Ignored if there are few of them, and limited to [`OCCASION`], because all of
/// them may really be slower.
fn occasion(record: &Record, run: &Run) -> f64 {
    let changes: Vec<f64> = run
        .benchmarks
        .keys()
        .filter_map(|id| own_change(record, run, id))
        .filter(|change| change.is_finite())
        .collect();
    if changes.len() < MANY {
        return 0.0;
    }
    median(&changes).clamp(-OCCASION.ln(), OCCASION.ln())
}

/// Describes benchmarks that only one of `record` and `run` has. `of_all`: the run was not filtered.
pub fn only_in_one(record: &Record, run: &Run, of_all: bool) -> Vec<String> {
    let there: BTreeSet<&str> = record.benchmarks.keys().map(BenchId::as_str).collect();
    let here: BTreeSet<&str> = run.benchmarks.keys().map(BenchId::as_str).collect();
    let some = |ids: Vec<&str>, words: &str| {
        let first = ids.first()?;
        let number = shell::count(ids.len(), "benchmark");
        Some(format!("{number} {words}, `{first}` for one"))
    };
    let gone = there.difference(&here).copied();
    let new = here.difference(&there).copied();
    [
        some(
            gone.filter(|_| of_all).collect(),
            "of that record not measured now",
        ),
        some(new.collect(), "not in that record, so not compared"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
