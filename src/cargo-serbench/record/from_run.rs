//! Makes the record of a run's candidate: from slices to one value per block.

use std::collections::BTreeSet;

use super::{Blocks, Measured, Origin, Record, SCHEMA};
use crate::{
    compare::{self, Clock, stats},
    run::{self, Block, Run, Side, State, Verification},
    select::BenchId,
    values::figures::round_to,
};

/// Maximum length of a failure's reason, in characters: some print their whole output.
const LONGEST_REASON: usize = 300;

/// Significant digits of a stored time.
const TIME_DIGITS: usize = 5;

impl Record {
    /// The record of a run's candidate; `None` for uncommitted changes.
    pub fn from_run(run: &Run) -> Option<Self> {
        let source = &run.candidate;
        let commit = source.commit.clone().filter(|_| !source.dirty)?;
        let references: BTreeSet<&str> = run
            .benchmarks
            .values()
            .filter_map(|benchmark| benchmark.reference.as_deref())
            .collect();
        let measured = |(id, benchmark): (&BenchId, &run::Benchmark)| {
            let subject = benchmark.candidate.as_ref()?;
            let reference = benchmark.reference.as_deref();
            let mut measured = measured(run, id, subject, reference);
            if reference.is_none() && !references.contains(id.as_str()) {
                let wall = !subject.has_cpu_latency();
                measured.times_ns = blocks(run, wall, |block| times(block, id));
            }
            Some((id.clone(), measured))
        };
        Some(Self {
            schema: SCHEMA,
            commit,
            tree: source.tree.clone(),
            subject: source.subject.clone().unwrap_or_default(),
            lock: source.lock.clone(),
            machine: run.machine.clone(),
            toolchain: run.toolchain.clone(),
            runs: vec![Origin {
                started_at: run.started_at.clone(),
                seed: run.seed,
                tool: run.tool.clone(),
            }],
            benchmarks: run.benchmarks.iter().filter_map(measured).collect(),
        })
    }
}

fn measured(run: &Run, id: &str, subject: &Verification, reference: Option<&str>) -> Measured {
    let state = match &subject.state {
        State::Failed(reason) => State::Failed(reason.chars().take(LONGEST_REASON).collect()),
        State::Verified | State::Unchecked | State::Skipped(_) => subject.state.clone(),
    };
    Measured {
        run: 0,
        state,
        reference: reference.map(BenchId::from),
        slower_than: None,
        executable: subject.executable.clone(),
        native: subject.native,
        multithreaded: subject.multithreaded,
        waits: subject.waits,
        prints: subject.prints,
        dtype: subject.dtype.clone(),
        shape: subject.shape.clone(),
        bytes_in: subject.bytes_in,
        bytes_out: subject.bytes_out,
        memory: subject.memory,
        rss: subject.rss,
        latency_ns: compare::latency(run, id, subject)
            .map(|time| round_to(time, TIME_DIGITS))
            .filter(|time| time.is_finite()),
        log_ratios: reference.and_then(|reference| {
            let wall = compare::clock(run, &[reference, id], Side::Candidate) == Clock::Wall;
            blocks(run, wall, |block| log_ratios(block, reference, id))
        }),
        times_ns: None,
    }
}

/// Collects `of` from all blocks that have it. Keeps CPU times only if each block has one, and
/// wall times only if they decide.
fn blocks(
    run: &Run,
    by_wall: bool,
    of: impl Fn(&Block) -> Option<(Option<f64>, f64)>,
) -> Option<Blocks> {
    let (cpu, wall): (Vec<Option<f64>>, Vec<f64>) = run.blocks.iter().filter_map(of).unzip();
    let cpu: Option<Vec<f64>> = cpu.into_iter().collect();
    let any = !wall.is_empty();
    let wall = if cpu.is_some() && !by_wall {
        Vec::new()
    } else {
        wall
    };
    any.then_some(Blocks { cpu, wall })
}

fn log_ratios(block: &Block, reference: &str, id: &str) -> Option<(Option<f64>, f64)> {
    let (one, other) = (slices(block, reference)?, slices(block, id)?);
    let log_ratio = |clock| {
        let times = |slices| compare::times(slices, clock);
        let ratio = stats::block_log_ratio(&times(one), &times(other));
        Some(decimals(ratio)).filter(|ratio| ratio.is_finite())
    };
    Some((
        log_ratio(Clock::Cpu).filter(|_| has_cpu(one) && has_cpu(other)),
        log_ratio(Clock::Wall)?,
    ))
}

fn times(block: &Block, id: &str) -> Option<(Option<f64>, f64)> {
    let slices = slices(block, id)?;
    let median = |clock| {
        let time = round_to(stats::median(&compare::times(slices, clock)), TIME_DIGITS);
        Some(time).filter(|time| time.is_finite())
    };
    Some((
        median(Clock::Cpu).filter(|_| has_cpu(slices)),
        median(Clock::Wall)?,
    ))
}

fn slices<'a>(block: &'a Block, id: &str) -> Option<&'a [run::Times]> {
    let arm = block
        .arms
        .iter()
        .position(|arm| arm.side == Side::Candidate && arm.id == id && arm.slowdown == 0.0)?;
    Some(&block.slices[arm])
        .filter(|slices| !slices.is_empty())
        .map(Vec::as_slice)
}

fn has_cpu(slices: &[run::Times]) -> bool {
    slices.iter().all(|times| times.cpu.is_some())
}

/// Rounds to 0.0001, a tenth of the noise of a block on the quietest machine.
fn decimals(value: f64) -> f64 {
    // Adding zero makes -0.0 a plain one.
    (value * 1e4).round() / 1e4 + 0.0
}
