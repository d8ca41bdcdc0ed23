//! The record of a commit: the part of a run that is kept in git, for one machine.
//!
//! Records are stored in `baselines/<full commit hash>/<machine key>.json`. They have the ratios of all
//! blocks, so that later versions of the statistics can decide again, but no estimates or intervals.

pub mod accepted;
pub mod baseline;
pub mod changes;
mod from_run;
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
    compare::Clock,
    discover::machine::Machine,
    run::{self, Memory, State, Verification},
    select::BenchId,
};

/// The version of the format, increased with every new field. Older versions can be read; newer ones
/// are rejected with an error. 2 added `tree`; 3 whether a benchmark
/// `waits`, and memory without a peak.
pub const SCHEMA: u32 = 3;

/// Whether a file of the workspace is a record, or the remains of writing one.
pub fn is_record(path: &Path) -> bool {
    path.strip_prefix(store::FOLDER).is_ok_and(|inner| {
        !inner.starts_with(accepted::OLD_FILE) && !inner.starts_with(accepted::FOLDER)
    })
}

/// The measurements of one commit's benchmarks on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub schema: u32,
    /// Full hash.
    pub commit: String,
    /// The id of the commit's tree without records. It identifies the record of a commit that was
    /// rebased or squashed. Absent in schema 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The subject of the commit.
    pub subject: String,
    /// Shortened SHA-256 of Cargo.lock; absent if there is no such file.
    pub lock: Option<String>,
    pub machine: Machine,
    pub toolchain: Toolchain,
    /// The invocations that measured the benchmarks, by start time.
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
    /// The seed for everything random.
    pub seed: u64,
    /// The program and its version.
    pub tool: String,
}

/// One benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Index in `runs` of the run that measured it.
    #[serde(default, skip_serializing_if = "is_first")]
    pub run: usize,
    pub state: State,
    /// The id of the reference; absent for the reference itself and if there
    /// is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<BenchId>,
    /// Full hash of the commit in whose record it looked faster, until a paired measurement refutes it or
    /// it is accepted. A record with such a benchmark is not used as a baseline, or the slowdown would be
    /// normal for the next commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than: Option<String>,
    /// Hash of the executable's code and data.
    pub executable: String,
    /// Whether a worker was measured by slices; otherwise divan's table was read.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub native: bool,
    /// Whether it used other threads; then wall time decides.
    #[serde(default, skip_serializing_if = "is_false")]
    pub multithreaded: bool,
    /// Whether an operation spends much of its time waiting; then wall time decides, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waits: bool,
    /// Whether the operation wrote to stdout, which makes it slower.
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
    /// Growth of the peak resident set size by the first operation of a fresh process, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss: Option<u64>,
    /// Median time of an operation over all slices, in nanoseconds; absent if it was not timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<f64>,
    /// ln(encoder / reference) of each block; 0.0488 is 5 % slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_ratios: Option<Blocks>,
    /// Nanoseconds per operation of each block, if there is no reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_ns: Option<Blocks>,
}

/// One value per block in the order of measurement, on both clocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// CPU time of the thread; absent if divan measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Vec<f64>>,
    /// The same number of values; omitted if CPU time decides, which halves the size.
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
    /// The factors that must be equal for a comparison; see [`difference`].
    pub fn factors(&self) -> Vec<(&'static str, String)> {
        toolchain::factors(&self.machine, &self.toolchain)
    }

    /// The name of its file, without extension.
    pub fn key(&self) -> String {
        toolchain::key(&self.machine, &self.toolchain)
    }

    /// The start time of its first run.
    pub fn started_at(&self) -> &str {
        self.runs.first().map_or("", |run| &run.started_at)
    }

    /// The log-ratios of `id` to its reference on the deciding clock, per block.
    pub fn log_ratios(&self, id: &str) -> Option<&[f64]> {
        let measured = self.benchmarks.get(id)?;
        let blocks = measured.log_ratios.as_ref()?;
        let ids = [id, measured.reference.as_deref()?];
        Some(blocks.by(self.clock(&ids)))
    }

    /// CPU time if it is the latency of all benchmarks; otherwise wall time.
    fn clock(&self, ids: &[&str]) -> Clock {
        let single = |id: &&str| {
            self.benchmarks
                .get(*id)
                .is_some_and(|measured| measured.subject().has_cpu_latency())
        };
        if ids.iter().all(single) {
            Clock::Cpu
        } else {
            Clock::Wall
        }
    }

    /// Adds the benchmarks that only `old` has measured, a record of the same commit and machine.
    pub fn update(&mut self, old: &Self) {
        for (id, measured) in &old.benchmarks {
            let new = self.benchmarks.get(id);
            let is_left_out = new.is_some_and(Measured::is_left_out) && !measured.is_left_out();
            if new.is_none() || is_left_out {
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

    /// Marks the benchmarks `ids` as slower than in the record of `commit`.
    pub fn suspect(&mut self, ids: &BTreeSet<BenchId>, commit: &str) {
        for (id, measured) in &mut self.benchmarks {
            measured.slower_than = ids.contains(id).then(|| commit.to_owned());
        }
    }

    /// The benchmarks that prevent its use as a baseline, each with the commit that it looked
    /// slower than.
    pub fn slower(&self) -> impl Iterator<Item = (&str, &str)> {
        self.benchmarks
            .iter()
            .filter_map(|(id, measured)| Some((id.as_str(), measured.slower_than.as_deref()?)))
    }

    /// Sorts the runs and drops unused ones.
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
    /// Whether it works but has no latency, because the budget was spent before its turn.
    fn is_left_out(&self) -> bool {
        self.state.is_measurable() && self.latency_ns.is_none()
    }

    /// The verification, in the form used by runs.
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
            counted: run::Counted::default(),
            multithreaded: self.multithreaded,
            waits: self.waits,
            prints: self.prints,
            memory: self.memory,
            heap: Vec::new(),
            rss: self.rss,
            seconds: 0.0,
        }
    }
}

impl Blocks {
    /// The values on a clock; wall time if the other is missing.
    pub fn by(&self, clock: Clock) -> &[f64] {
        match (clock, &self.cpu) {
            (Clock::Cpu, Some(cpu)) => cpu,
            (Clock::Wall, Some(cpu)) if self.wall.is_empty() => cpu,
            (Clock::Cpu, None) | (Clock::Wall, _) => &self.wall,
        }
    }
}

/// The factors that differ, with both values: the reason why two records can't be compared.
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

#[cfg(test)]
pub mod tests;
