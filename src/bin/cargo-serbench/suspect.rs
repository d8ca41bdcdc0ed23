//! A stored record and a new run in, the benchmarks that may have changed out.
//!
//! Times of another occasion are only a coarse screen: between two occasions the same executable's
//! ratio to its reference moves by several percent. So this errs on the side of suspicion, and what
//! is suspected is built and measured again as a pair.

use std::collections::BTreeSet;

use crate::{
    compare,
    config::{Config, Mode},
    record::{Measured, Record},
    run::{Benchmark, Run, Side},
    stats::median,
};

/// How much slower a reference's own time must look than on the other occasion, as a ratio, when
/// its executable has changed. Absolute times of two occasions differ by this much easily.
const OWN_RATIO: f64 = 1.25;

/// The ids of `run` that `record` gives a reason to suspect.
pub(crate) fn suspects(record: &Record, run: &Run, config: &Config) -> BTreeSet<String> {
    let mut suspects: BTreeSet<String> = run
        .benchmarks
        .iter()
        .filter(|(id, _)| config.mode(id) != Mode::Off)
        .filter(|(id, benchmark)| {
            record
                .benchmarks
                .get(*id)
                .is_some_and(|stored| is_suspect(record, stored, run, id, benchmark, config))
        })
        .map(|(id, _)| id.clone())
        .collect();
    // A change is a ratio of ratios, so the reference is measured again as well.
    let references: Vec<String> = suspects
        .iter()
        .filter_map(|id| run.benchmarks[id].reference.clone())
        .collect();
    suspects.extend(references);
    suspects
}

fn is_suspect(
    record: &Record,
    stored: &Measured,
    run: &Run,
    id: &str,
    benchmark: &Benchmark,
    config: &Config,
) -> bool {
    let Some(now) = &benchmark.candidate else {
        return false;
    };
    if now.failure().is_some() || stored.executable == now.executable {
        return false;
    }
    let tolerance = config.tolerance(id);
    let memory = stored.memory.zip(now.memory).is_some_and(|(then, now)| {
        let grown =
            |then: u64, now: u64| now as f64 > then as f64 * (1.0 + tolerance.memory_threshold);
        grown(then.peak, now.peak)
            || grown(then.bytes, now.bytes)
            || grown(then.allocations, now.allocations)
    });
    let slower = match &benchmark.reference {
        Some(reference) => {
            let clock = compare::clock(run, &[reference, id], Side::Candidate);
            let sides = ((Side::Candidate, reference.as_str()), (Side::Candidate, id));
            let logs = compare::log_ratios(&run.blocks, sides.0, sides.1, clock);
            match (record.log_ratios(id), logs.is_empty()) {
                (Some(then), false) if !then.is_empty() => {
                    median(&logs) - median(then) > (1.0 + tolerance.threshold / 2.0).ln()
                }
                (_, _) => true,
            }
        }
        None => match (stored.latency_ns, compare::latency(run, id, now)) {
            (Some(then), Some(now)) => now > then * OWN_RATIO,
            (_, _) => true,
        },
    };
    memory || slower
}
