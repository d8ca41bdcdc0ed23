//! The stored facts of one invocation: who measured what where, and every slice.
//! Derived figures (ratios, intervals, verdicts) are never stored; they are computed from these.

mod explained;
mod proof;
pub mod stored;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{build::toolchain::Toolchain, discover::machine::Machine, select::BenchId};

pub use crate::process::Disturbance;

pub use proof::{Found, Proof};
pub use stored::{folder, load, newer, newest, replace, store, written_by};

pub use explained::{Allocated, Assembly, Counts, Explained, Fate, Function, Kept, Line, Site};

/// The version of the format, increased with every new field. Older versions can be read; newer ones
/// are rejected with an error. 2 added `budget`, `layout`, `notes`, the results of `explain`, the
/// `tree` of a source, and `self_check` for `canary`; 3 the `disturbance` of a block; 4 the `heap` of a
/// benchmark; 5 its `counted`; 6 whether it `waits`, and memory without a peak; 7 no field, but improvements
/// are confirmed with fresh blocks.
pub const SCHEMA: u32 = 7;

/// This program and version, as stored files name their writer.
pub const TOOL: &str = concat!("serbench ", env!("CARGO_PKG_VERSION"));

/// All results of one invocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub schema: u32,
    /// The program and version that wrote it.
    pub tool: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Wall time from the first verification to the last block.
    pub seconds: f64,
    /// The seed for everything random.
    pub seed: u64,
    pub machine: Machine,
    pub toolchain: Toolchain,
    /// Absent if a single commit was measured.
    pub baseline: Option<Source>,
    pub candidate: Source,
    /// Seconds allowed for measuring; absent in runs of one commit and of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<f64>,
    /// Whether benchmarks with identical executables were measured, too.
    pub identical_measured: bool,
    /// How the executables of the two commits were relinked; absent if they were measured as
    /// cargo linked them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The measured part of the benchmarks, as `2/4`; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The benchmark of the self-check, which was also measured against itself.
    #[serde(alias = "canary")]
    pub self_check: Option<BenchId>,
    /// Notes for readers: other differences between the commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The last result of `cargo serbench doctor --prove` on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// By id.
    pub benchmarks: BTreeMap<BenchId, Benchmark>,
    /// The executables kept for explaining changes later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// The profiles that explain changes, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub explained: BTreeMap<BenchId, Explained>,
    /// In the order in which they were measured.
    pub blocks: Vec<Block>,
}

/// Executables of two commits in which common functions have equal addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Number of function orders that blocks chose from.
    pub variants: usize,
    /// Number of functions that both commits have, by name and size.
    pub common: usize,
    /// How many of them have equal addresses.
    pub equal: usize,
    /// Whether the orders were used only for the confirmation of suspects.
    #[serde(default, skip_serializing_if = "is_false")]
    pub screened_as_linked: bool,
}

/// The source that an executable was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Full hash; absent outside a git repository.
    pub commit: Option<String>,
    /// The id of the commit's tree without records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The subject of the commit.
    pub subject: Option<String>,
    /// Whether there were uncommitted changes.
    pub dirty: bool,
    /// Shortened SHA-256 of Cargo.lock; absent if there is no such file.
    pub lock: Option<String>,
}

/// Which of the two commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Baseline,
    Candidate,
}

/// One benchmark, at one or both commits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// The id of the reference; absent for the reference itself and if there
    /// is none.
    pub reference: Option<BenchId>,
    pub baseline: Option<Verification>,
    pub candidate: Option<Verification>,
}

/// A benchmark at one commit: the results of verification and of counting memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    pub state: State,
    /// Whether a worker is measured by slices; otherwise divan's table is read.
    pub native: bool,
    /// Hash of the executable's code and data.
    pub executable: String,
    /// Hash of the code and data that the benchmark can reach, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub dtype: Option<String>,
    pub shape: Option<Vec<usize>>,
    pub bytes_in: Option<u64>,
    pub bytes_out: Option<u64>,
    /// What one operation processes by divan's counters, besides bytes.
    #[serde(default, skip_serializing_if = "Counted::is_empty")]
    pub counted: Counted,
    /// Whether it used other threads; then wall time decides.
    pub multithreaded: bool,
    /// Whether an operation spends much of its time waiting, for a timer, a file or other threads; then
    /// wall time decides, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waits: bool,
    /// Whether the operation wrote to stdout, which makes it slower.
    pub prints: bool,
    pub memory: Option<Memory>,
    /// Live bytes of one operation by nanoseconds since its start, for large inputs. The times can't be
    /// compared with latency, because every allocation was counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heap: Vec<(u64, u64)>,
    /// Growth of the peak resident set size by the first operation of a fresh process, in bytes.
    pub rss: Option<u64>,
    /// Duration of a process that ran it once; zero if unknown. Only used for scheduling.
    #[serde(skip)]
    pub seconds: f64,
}

/// Numbers of one operation that divan's counters of the same names give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chars: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
}

impl Counted {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The result of verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum State {
    /// The output is correct.
    Verified,
    /// It ran; its output could not be checked.
    Unchecked,
    /// Nothing to run; the reason.
    Skipped(String),
    /// It failed; the reason.
    Failed(String),
}

/// Exact counts of one operation, see [`serbench::Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Absent if divan, which counted, did not print it: up to 0.1.14, and if the operation frees its input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<u64>,
    pub bytes: u64,
    pub allocations: u64,
    /// Whether a second process gave the same counts.
    pub repeatable: bool,
}

/// One executable and one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    pub side: Side,
    pub id: BenchId,
    /// An injected slowdown as a fraction: 0.06 is 6 % slower. Zero except in self-checks and trials.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slowdown: f64,
}

/// The purpose of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The screen.
    Screen,
    /// The confirmation of a suspect.
    Confirm,
}

/// Alternated slices of several arms, each by one fresh process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    pub phase: Phase,
    pub arms: Vec<Arm>,
    /// The CPU that all processes were pinned to.
    pub cpu: Option<usize>,
    /// Duration, including the start of processes.
    pub seconds: f64,
    /// The slices of each arm, the same number for all. Even ones ran in the order of `arms`,
    /// odd ones in reverse order; the other way round if `backwards` is set.
    pub slices: Vec<Vec<Times>>,
    pub backwards: bool,
    /// Absent without disturbance, if the system has no counters, and if divan measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturbance: Option<Disturbance>,
}

/// Times of one slice, in nanoseconds per operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(Option<f64>, f64, f64)", into = "(Option<f64>, f64, f64)")]
pub struct Times {
    /// CPU time of the thread; absent if divan measured.
    pub cpu: Option<f64>,
    /// Wall time of the median batch.
    pub wall: f64,
    /// Wall time of the fastest batch.
    pub fastest: f64,
}

impl From<(Option<f64>, f64, f64)> for Times {
    fn from((cpu, wall, fastest): (Option<f64>, f64, f64)) -> Self {
        Self { cpu, wall, fastest }
    }
}

impl From<Times> for (Option<f64>, f64, f64) {
    fn from(Times { cpu, wall, fastest }: Times) -> Self {
        (cpu, wall, fastest)
    }
}

impl Times {
    /// To the picosecond, which is finer than any clock; more digits would only waste space. The verdict is made
    /// from what is stored, or the stored run could have another.
    pub fn rounded(self) -> Self {
        let rounded = |time: f64| (time * 1e3).round() / 1e3;
        Self {
            cpu: self.cpu.map(rounded),
            wall: rounded(self.wall),
            fastest: rounded(self.fastest),
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(slowdown: &f64) -> bool {
    *slowdown == 0.0
}

impl Run {
    /// Whether its improvements were called so by the screen alone.
    pub fn improves_by_screen(&self) -> bool {
        self.schema < 7
    }

    /// Renames benchmarks everywhere.
    pub fn rename(&mut self, name: impl Fn(&BenchId) -> BenchId) {
        let benchmarks = std::mem::take(&mut self.benchmarks).into_iter();
        self.benchmarks = benchmarks.map(|(id, it)| (name(&id), it)).collect();
        let references = self.benchmarks.values_mut();
        for id in references.filter_map(|benchmark| benchmark.reference.as_mut()) {
            *id = name(id);
        }
        for arm in self.blocks.iter_mut().flat_map(|block| &mut block.arms) {
            arm.id = name(&arm.id);
        }
        for kept in &mut self.kept {
            kept.id = name(&kept.id);
        }
        let explained = std::mem::take(&mut self.explained).into_iter();
        self.explained = explained.map(|(id, it)| (name(&id), it)).collect();
    }
}

impl Benchmark {
    /// The benchmark at one commit.
    pub fn at(&self, side: Side) -> Option<&Verification> {
        match side {
            Side::Baseline => self.baseline.as_ref(),
            Side::Candidate => self.candidate.as_ref(),
        }
    }
}

impl Verification {
    /// A benchmark that was not started because its executable, or its code, is the same at
    /// both commits.
    pub fn unseen(executable: &str) -> Self {
        Self {
            state: State::Unchecked,
            native: true,
            executable: executable.to_owned(),
            code: None,
            dtype: None,
            shape: None,
            bytes_in: None,
            bytes_out: None,
            counted: Counted::default(),
            multithreaded: false,
            waits: false,
            prints: false,
            memory: None,
            heap: Vec::new(),
            rss: None,
            seconds: 0.0,
        }
    }

    /// A benchmark that can't be started; the reason.
    pub fn failed(reason: &str) -> Self {
        Self {
            state: State::Failed(reason.to_owned()),
            ..Self::unseen("")
        }
    }

    /// Whether it has the same code and data as `other`.
    pub fn is_same_code(&self, other: &Self) -> bool {
        self.executable == other.executable || (self.code.is_some() && self.code == other.code)
    }

    /// The reason why it can't be measured, if so.
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Verified | State::Unchecked | State::Skipped(_) => None,
            State::Failed(reason) => Some(reason),
        }
    }

    /// The reason why there is nothing to measure, if so.
    pub fn skipped(&self) -> Option<&str> {
        match &self.state {
            State::Verified | State::Unchecked | State::Failed(_) => None,
            State::Skipped(reason) => Some(reason),
        }
    }

    /// Whether it can be timed.
    pub fn is_measurable(&self) -> bool {
        self.state.is_measurable()
    }

    /// Whether its latency is CPU time: the time of one thread that works. Otherwise it is wall time.
    pub fn has_cpu_latency(&self) -> bool {
        self.native && !self.multithreaded && !self.waits
    }
}

impl State {
    /// Whether the benchmark can be timed.
    pub fn is_measurable(&self) -> bool {
        matches!(self, Self::Verified | Self::Unchecked)
    }
}
