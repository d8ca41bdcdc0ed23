//! The record of a commit: the part of a run that is kept in git, measured on one machine.
//!
//! `baselines/<full commit hash>/<machine key>.json` holds one. Ratios are kept block by block, so
//! that a later version of the statistics can decide anew; estimates and intervals are not kept.

pub mod accepted;
pub mod baseline;
pub mod changes;
pub mod index;
pub mod series;
pub mod store;
pub mod suspects;
pub mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    build::toolchain::{self, Toolchain},
    compare::stats,
    compare::{self, Clock},
    discover::machine::Machine,
    run::{self, Block, Memory, Run, Side, State, Verification},
    select::BenchId,
};

/// The version of the stored form: it goes up with every new field. Older ones are read, newer ones
/// are refused by name. 2 has `tree`.
pub const SCHEMA: u32 = 2;

/// The longest reason of a failure that is kept, in characters: some print all of an output.
const LONGEST_REASON: usize = 300;

/// Whether a file of the workspace is a record, or what is left of writing one.
pub fn is_record(path: &Path) -> bool {
    path.strip_prefix(store::FOLDER).is_ok_and(|inner| {
        !inner.starts_with(accepted::OLD_FILE) && !inner.starts_with(accepted::FOLDER)
    })
}

/// What one commit's benchmarks measured on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub schema: u32,
    /// Full hash.
    pub commit: String,
    /// The id of the commit's tree as it would be without records, by which a record is found for
    /// the commit that another became by a rebase or a squash; absent in schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The commit's first line.
    pub subject: String,
    /// SHA-256 of Cargo.lock, shortened; absent without the file.
    pub lock: Option<String>,
    pub machine: Machine,
    pub toolchain: Toolchain,
    /// The invocations that the benchmarks were measured by, in the order of their start.
    pub runs: Vec<Origin>,
    /// By id.
    pub benchmarks: BTreeMap<BenchId, Measured>,
}

/// An invocation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Determines order and placement of everything random.
    pub seed: u64,
    /// The program and version.
    pub tool: String,
}

/// One benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Which of the record's runs measured it, from 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub run: usize,
    pub state: State,
    /// The id of the benchmark that this one is divided by; absent for the reference itself and
    /// where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<BenchId>,
    /// Full hash of the commit in whose record it looked faster, as long as no pair of both has
    /// shown otherwise and it is not accepted. A record with such a benchmark is not used as a baseline:
    /// the next commit would take what got slower for granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than: Option<String>,
    /// Hash of the executable's code and data.
    pub executable: String,
    /// Whether the bench speaks the protocol, or divan's table was read.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub native: bool,
    /// Whether other threads worked too; then wall time decides.
    #[serde(default, skip_serializing_if = "is_false")]
    pub multithreaded: bool,
    /// Whether the operation wrote to stdout, which costs it time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prints: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Growth of the peak resident set by the first operation of a fresh process, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss: Option<u64>,
    /// Median time of an operation over all slices, nanoseconds; absent when nothing was timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<f64>,
    /// ln(encoder / reference) of each block; 0.0488 is 5 % slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_ratios: Option<Blocks>,
    /// Nanoseconds per operation of each block, where there is nothing to divide by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_ns: Option<Blocks>,
}

/// A figure of each block in the order in which they were measured, by either clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// CPU time of the thread; absent where divan measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Vec<f64>>,
    /// As many; left out where CPU time decides, for half of the size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wall: Vec<f64>,
}

fn is_first(run: &usize) -> bool {
    *run == 0
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !*value
}

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
                measured.times_ns = blocks(run, subject.multithreaded, |block| times(block, id));
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

    /// What makes it comparable, by name; see [`difference`].
    pub fn factors(&self) -> Vec<(&'static str, String)> {
        toolchain::factors(&self.machine, &self.toolchain)
    }

    /// The name of its file.
    pub fn key(&self) -> String {
        toolchain::key(&self.machine, &self.toolchain)
    }

    /// The time at which its first run began.
    pub fn started_at(&self) -> &str {
        self.runs.first().map_or("", |run| &run.started_at)
    }

    /// The log-ratios of `id` to its reference by the clock that decides, block by block.
    pub fn log_ratios(&self, id: &str) -> Option<&[f64]> {
        let measured = self.benchmarks.get(id)?;
        let blocks = measured.log_ratios.as_ref()?;
        let ids = [id, measured.reference.as_deref()?];
        Some(blocks.by(self.clock(&ids)))
    }

    /// CPU time when all of the benchmarks have it and work on one thread.
    fn clock(&self, ids: &[&str]) -> Clock {
        let single = |id: &&str| {
            self.benchmarks
                .get(*id)
                .is_some_and(|measured| measured.native && !measured.multithreaded)
        };
        if ids.iter().all(single) {
            Clock::Cpu
        } else {
            Clock::Wall
        }
    }

    /// Takes from `old`, of the same commit and machine, the benchmarks that this one lacks.
    pub fn update(&mut self, old: &Self) {
        for (id, measured) in &old.benchmarks {
            if !self.benchmarks.contains_key(id) {
                let run = self.runs.len() + measured.run;
                let measured = Measured {
                    run,
                    ..measured.clone()
                };
                self.benchmarks.insert(id.clone(), measured);
            }
        }
        self.runs.extend(old.runs.iter().cloned());
        self.tidy();
    }

    /// Notes that the benchmarks `ids` look slower than in the record of `commit`.
    pub fn suspect(&mut self, ids: &BTreeSet<BenchId>, commit: &str) {
        for (id, measured) in &mut self.benchmarks {
            measured.slower_than = ids.contains(id).then(|| commit.to_owned());
        }
    }

    /// The benchmarks that keep it from being a baseline, each with the commit that it looked
    /// slower than.
    pub fn slower(&self) -> impl Iterator<Item = (&str, &str)> {
        self.benchmarks
            .iter()
            .filter_map(|(id, measured)| Some((id.as_str(), measured.slower_than.as_deref()?)))
    }

    /// Puts the runs in order and drops those that nothing is of.
    pub fn tidy(&mut self) {
        let used: BTreeSet<Origin> = self
            .benchmarks
            .values()
            .map(|measured| self.runs[measured.run].clone())
            .collect();
        let sorted: Vec<Origin> = used.into_iter().collect();
        for measured in self.benchmarks.values_mut() {
            let origin = &self.runs[measured.run];
            measured.run = sorted
                .binary_search(origin)
                .expect("the list was made of all that are used");
        }
        self.runs = sorted;
    }
}

impl Measured {
    /// What verification found, as a run has it.
    pub fn subject(&self) -> Verification {
        Verification {
            state: self.state.clone(),
            native: self.native,
            executable: self.executable.clone(),
            code: None,
            dtype: self.dtype.clone(),
            shape: self.shape.clone(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            multithreaded: self.multithreaded,
            prints: self.prints,
            memory: self.memory,
            heap: Vec::new(),
            rss: self.rss,
            seconds: 0.0,
        }
    }
}

impl Blocks {
    /// The figures of a clock; wall time where no other was read.
    pub fn by(&self, clock: Clock) -> &[f64] {
        match (clock, &self.cpu) {
            (Clock::Cpu, Some(cpu)) => cpu,
            (Clock::Wall, Some(cpu)) if self.wall.is_empty() => cpu,
            (Clock::Cpu, None) | (Clock::Wall, _) => &self.wall,
        }
    }
}

/// The factors that differ, each with both values: what keeps two records from being compared.
pub fn difference(
    a: &[(&'static str, String)],
    b: &[(&'static str, String)],
) -> Vec<(&'static str, String, String)> {
    a.iter()
        .zip(b)
        .filter(|((_, a), (_, b))| a != b)
        .map(|((name, a), (_, b))| (*name, a.clone(), b.clone()))
        .collect()
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
        prints: subject.prints,
        dtype: subject.dtype.clone(),
        shape: subject.shape.clone(),
        bytes_in: subject.bytes_in,
        bytes_out: subject.bytes_out,
        memory: subject.memory,
        rss: subject.rss,
        latency_ns: compare::latency(run, id, subject)
            .map(figures)
            .filter(|time| time.is_finite()),
        log_ratios: reference.and_then(|reference| {
            let wall = compare::clock(run, &[reference, id], Side::Candidate) == Clock::Wall;
            blocks(run, wall, |block| log_ratios(block, reference, id))
        }),
        times_ns: None,
    }
}

/// Collects `of` from all blocks that have it. CPU times are kept only if each block has one, and
/// wall times only where they decide.
fn blocks(
    run: &Run,
    multithreaded: bool,
    of: impl Fn(&Block) -> Option<(Option<f64>, f64)>,
) -> Option<Blocks> {
    let (cpu, wall): (Vec<Option<f64>>, Vec<f64>) = run.blocks.iter().filter_map(of).unzip();
    let cpu: Option<Vec<f64>> = cpu.into_iter().collect();
    let any = !wall.is_empty();
    let wall = if cpu.is_some() && !multithreaded {
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
        let time = figures(stats::median(&compare::times(slices, clock)));
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

/// To a ten-thousandth: a tenth of what one block scatters by on the quietest machine.
fn decimals(value: f64) -> f64 {
    // Adding zero makes -0.0 a plain one.
    (value * 1e4).round() / 1e4 + 0.0
}

/// To five figures.
fn figures(value: f64) -> f64 {
    format!("{value:.4e}")
        .parse()
        .expect("a float as Rust prints it")
}

#[cfg(test)]
pub mod tests;
