//! Checks benchmarks without the protocol: whether they run under divan, use threads, and allocate, and
//! whether a worker in divan can time them.

use std::time::Instant;

use anyhow::Result;
use serbench::protocol::{Command, Slice};

use super::{WAITS, launch};
use crate::{
    divan::{self, Allocations, Counter, Measurement, ParseError, Picos, Thousandths},
    interrupt,
    process::{Launcher, Started, failure_summary},
    run::{Counted, Memory, State, Verification},
    select::catalog::Listed,
};

/// Single iterations for a few milliseconds: long enough to see threads start.
const BRIEFLY: [&str; 10] = [
    "--sample-count",
    "3",
    "--sample-size",
    "1",
    "--min-time",
    "0.005",
    "--max-time",
    "0.05",
    "--skip-ext-time",
    "false",
];

/// Divan itself times shorter operations: its samples show whether the work was optimized away. In
/// nanoseconds.
const SHORTEST_NS: f64 = 2.0;

/// Certainly not shorter than that, although a sample of one iteration includes the clock's overhead.
const LONG: Picos = Picos(1_000_000_000);

/// Runs a benchmark once under divan.
pub fn verify(launcher: &Launcher, benchmark: &Listed) -> Result<Verification> {
    let mut verification = Verification {
        native: false,
        ..Verification::unseen(&benchmark.hash)
    };
    let started = Instant::now();
    let (row, threads) = match visit(launcher, benchmark)? {
        Ok(visited) => {
            verification.seconds = started.elapsed().as_secs_f64();
            visited
        }
        Err(state) => {
            verification.state = state;
            return Ok(verification);
        }
    };
    verification.multithreaded = threads > 1 || benchmark.threads.is_some_and(|it| it > 1);
    verification.bytes_in = row.count(Counter::Bytes);
    verification.counted = Counted {
        items: row.count(Counter::Items),
        chars: row.count(Counter::Chars),
        cycles: row.count(Counter::Cycles),
    };
    verification.memory = row.allocations.as_ref().map(memory);
    if let Some(memory) = &mut verification.memory {
        let again = visit(launcher, benchmark)?.ok();
        let again = again.and_then(|(row, _)| row.allocations.as_ref().map(self::memory));
        memory.repeatable = again.is_some_and(|again| again == *memory);
    }
    let served = served(launcher, benchmark)?;
    verification.native =
        served.is_some_and(|slice| row.fastest >= LONG || slice.fastest_ns >= SHORTEST_NS);
    verification.waits = served.is_some_and(|slice| slice.waited > WAITS);
    Ok(verification)
}

/// A few operations of a worker in divan; `None` if there is none.
fn served(launcher: &Launcher, benchmark: &Listed) -> Result<Option<Slice>> {
    interrupt::check()?;
    let Ok(Started::Worker(mut worker)) = launcher.worker(launch(benchmark)) else {
        return interrupt::check().map(|()| None);
    };
    let warmed = worker.ask(Command::Warm { nanos: 100_000 });
    Ok(warmed.ok().as_ref().and_then(Slice::from_answer))
}

/// The row of one process and its number of threads, or the failure.
fn visit(
    launcher: &Launcher,
    benchmark: &Listed,
) -> Result<std::result::Result<(Measurement, usize), State>> {
    interrupt::check()?;
    let ended = match launcher.watch(launch(benchmark), &BRIEFLY) {
        Ok(ended) => ended,
        Err(error) => {
            interrupt::check()?;
            return Ok(Err(State::Failed(format!("{error:#}"))));
        }
    };
    if !ended.status.success() {
        let how = ended.status.to_string();
        return Ok(Err(State::Failed(failure_summary(&ended.stderr, &how))));
    }
    Ok(match divan::measurement(&ended.stdout, &benchmark.path) {
        Ok(row) => Ok((row, ended.threads)),
        Err(error @ ParseError::NoNumbers { .. }) => Err(State::Skipped(error.to_string())),
        Err(error) => Err(State::Failed(error.to_string())),
    })
}

/// The allocations of one operation: the minimum of three samples, because the first may allocate tables
/// that the process keeps. Without a peak if divan prints none beside allocations.
fn memory(allocations: &Allocations) -> Memory {
    let least = |figures: [Thousandths; 4]| {
        let [fastest, slowest, median, _mean] = figures;
        fastest.min(slowest).min(median).0 / 1000
    };
    let Allocations {
        max, alloc, grow, ..
    } = allocations;
    let has_peak = max.bytes != [Thousandths(0); 4] || alloc.count == [Thousandths(0); 4];
    Memory {
        peak: has_peak.then(|| least(max.bytes)),
        bytes: least(alloc.bytes) + least(grow.bytes),
        allocations: least(alloc.count) + least(grow.count),
        // Set once a second process gives the same counts.
        repeatable: true,
    }
}

#[cfg(test)]
mod tests {
    use super::{Allocations, Memory, Thousandths, memory};
    use crate::divan::Tally;

    #[test]
    fn a_peak_that_divan_does_not_print_is_not_zero() {
        let tally = |count: u64, bytes: u64| Tally {
            count: [Thousandths(count * 1000); 4],
            bytes: [Thousandths(bytes * 1000); 4],
        };
        let of = |max, alloc| {
            memory(&Allocations {
                max,
                alloc,
                ..Allocations::default()
            })
        };
        let expected = |peak, bytes, allocations| Memory {
            peak,
            bytes,
            allocations,
            repeatable: true,
        };
        let none = Tally::default();
        assert_eq!(of(none, tally(3, 500)), expected(None, 500, 3));
        assert_eq!(
            of(tally(0, 400), tally(3, 500)),
            expected(Some(400), 500, 3)
        );
        assert_eq!(of(none, none), expected(Some(0), 0, 0));
    }
}
