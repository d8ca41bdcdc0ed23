//! The measurements of each benchmark at both commits, for display. Verdicts are based on pairs
//! instead, see `decide`.

use std::collections::BTreeMap;

use super::{Clock, shown, stats};
use crate::{
    run::{Benchmark, Memory, Run, Side, Verification},
    select::BenchId,
};

/// A value at the baseline and at the candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Both<T> {
    pub baseline: Option<T>,
    pub candidate: Option<T>,
}

/// One benchmark at one commit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Time per operation, over all slices, on one clock at both commits.
    pub latency: Option<Latency>,
    pub clock: Clock,
    /// Latency relative to the reference: from pairs in a run of one commit, otherwise from medians;
    /// 1.05 is 5 % slower.
    pub ratio: Option<f64>,
    pub memory: Option<Memory>,
    /// Peak heap relative to the reference.
    pub memory_ratio: Option<f64>,
}

/// Nanoseconds per operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    pub median_ns: f64,
    /// First and third quartile.
    pub quartiles_ns: (f64, f64),
}

impl<T> Both<T> {
    /// The value at one commit.
    pub fn at(&self, side: Side) -> Option<&T> {
        match side {
            Side::Baseline => self.baseline.as_ref(),
            Side::Candidate => self.candidate.as_ref(),
        }
    }
}

/// All measurements in `run`, by id.
pub fn measured(run: &Run) -> BTreeMap<BenchId, Both<Measured>> {
    let slices = Slices::of(run);
    let at = |id: &str, side| {
        let benchmark = run.benchmarks.get(id)?;
        let verification = benchmark.at(side)?;
        let reference = benchmark.reference.as_deref().filter(|it| *it != id);
        let reference_peak = || {
            let memory = run.benchmarks.get(reference?)?.at(side)?.memory?;
            memory.peak.filter(|peak| *peak > 0)
        };
        Some(Measured {
            latency: slices.latency(side, id, clock(benchmark)),
            clock: clock(benchmark),
            ratio: reference.and_then(|reference| match run.baseline {
                Some(_) => slices.ratio(run, side, (id, reference)),
                // Here both were measured in pairs, which are more accurate than medians.
                None => super::ratio(run, reference, id)
                    .1
                    .map(|log| log.point.exp()),
            }),
            memory: verification.memory,
            memory_ratio: verification
                .memory
                .and_then(|memory| memory.peak)
                .zip(reference_peak())
                .map(|(own, reference)| own as f64 / reference as f64),
        })
    };
    let both = |id: &BenchId| Both {
        baseline: at(id, Side::Baseline),
        candidate: at(id, Side::Candidate),
    };
    run.benchmarks
        .keys()
        .map(|id| (id.clone(), both(id)))
        .collect()
}

/// The clock of its latency: wall time if it is that at either commit.
fn clock(benchmark: &Benchmark) -> Clock {
    let sides = [&benchmark.baseline, &benchmark.candidate].into_iter();
    let clocks = sides.flatten().map(Clock::of);
    clocks.max().unwrap_or_default()
}

/// The data type of a benchmark, if it reports one.
pub fn dtype<'a>(run: &'a Run, id: &str) -> Option<&'a str> {
    let benchmark = run.benchmarks.get(id)?;
    let of = |verification: &'a Option<Verification>| verification.as_ref()?.dtype.as_deref();
    of(&benchmark.candidate).or_else(|| of(&benchmark.baseline))
}

/// The encoder of a benchmark that has a reference.
pub fn encoder<'a>(run: &Run, id: &'a BenchId) -> Option<&'a str> {
    let reference = run.benchmarks.get(id)?.reference.as_ref()?;
    (reference != id).then(|| id.encoder())
}

/// The sorted times of all slices of each arm without an injected slowdown, on both clocks.
struct Slices<'a>(BTreeMap<(Side, &'a str), [Vec<f64>; 2]>);

impl<'a> Slices<'a> {
    fn of(run: &'a Run) -> Self {
        let mut slices: BTreeMap<(Side, &str), [Vec<f64>; 2]> = BTreeMap::new();
        for block in &run.blocks {
            let arms = block.arms.iter().zip(&block.slices);
            for (arm, measured) in arms.filter(|(arm, _)| arm.slowdown == 0.0) {
                let entry = slices.entry((arm.side, arm.id.as_str())).or_default();
                for (clock, all) in [Clock::Cpu, Clock::Wall].into_iter().zip(entry) {
                    all.extend(shown(measured, clock));
                }
            }
        }
        for all in slices.values_mut().flatten() {
            all.sort_unstable_by(f64::total_cmp);
        }
        Self(slices)
    }

    fn sorted<'b>(&'b self, side: Side, id: &'b str, clock: Clock) -> Option<&'b [f64]> {
        let [cpu, wall] = self.0.get(&(side, id))?;
        let all = match clock {
            Clock::Cpu => cpu,
            Clock::Wall => wall,
        };
        (!all.is_empty()).then_some(all)
    }

    fn latency(&self, side: Side, id: &str, clock: Clock) -> Option<Latency> {
        let sorted = self.sorted(side, id, clock)?;
        let at = |part: usize| sorted[(sorted.len() - 1) * part / 4];
        Some(Latency {
            median_ns: stats::median(sorted),
            quartiles_ns: (at(1), at(3)),
        })
    }

    fn ratio(&self, run: &Run, side: Side, (id, reference): (&str, &str)) -> Option<f64> {
        let clock = super::clock(run, &[id, reference], side);
        let [own, other] = [id, reference].map(|id| self.sorted(side, id, clock));
        Some(stats::median(own?) / stats::median(other?))
    }
}
