//! What was observed to explain a change: counts by function, allocation sites, code. Facts, like
//! all of a run; the signature is made from them again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Side;
use crate::select::BenchId;

/// A measured executable that was kept, and a benchmark in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub id: BenchId,
    pub side: Side,
    /// Relative to the folder of all runs and builds.
    pub file: PathBuf,
    /// Where it is run; relative to the workspace where it lies inside.
    pub folder: PathBuf,
    /// What `--exact` selects the benchmark by.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
}

/// One benchmark at two commits. All counts are of one operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// Operations that one process ran more than another, whose counts are subtracted.
    pub operations: u64,
    /// Absent where nothing could be counted.
    pub baseline: Option<Counts>,
    pub candidate: Option<Counts>,
    /// By change, largest first; what is left out is in the totals.
    pub functions: Vec<Function>,
    /// How many are left out.
    pub more_functions: usize,
    /// Call sites of allocations that differ, by change of bytes.
    pub sites: Vec<Site>,
    /// Code of the function that changed most.
    pub assembly: Option<Assembly>,
    /// Where most of the time is waited, from the function outwards.
    pub waits: Vec<String>,
    /// Why something is missing.
    pub notes: Vec<String>,
}

/// Events of one operation in a simulated processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub instructions: f64,
    /// Instructions that were not in the first-level cache.
    pub i1_misses: f64,
    /// Data that were not in the first-level cache.
    pub d1_misses: f64,
    /// Instructions and data that were not in the last-level cache.
    pub ll_misses: f64,
    /// Time in system calls in which the CPU did not work, nanoseconds.
    pub waited_ns: f64,
}

/// Instructions of one function, callees excluded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    pub name: String,
    pub baseline: f64,
    pub candidate: f64,
    /// What seems to have become of it: inlined, outlined or renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// The source lines that run most at the candidate, at the baseline where it is gone; only where
    /// debug information is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

/// What seems to have become of a function that only one commit runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Gone, while this caller grew.
    Inlined(String),
    /// New, while this caller shrank.
    Outlined(String),
    /// New, while this one with the same last name is gone.
    Renamed(String),
}

/// Instructions of one source line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub place: String,
    pub instructions: f64,
}

/// Allocations of one call site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Functions, the allocating one first; those of the allocator and the standard collections left
    /// out.
    pub stack: Vec<String>,
    pub baseline: Allocated,
    pub candidate: Allocated,
    /// Whether buffers grow there.
    pub grows: bool,
}

/// What a call site allocates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocated {
    pub bytes: f64,
    pub blocks: f64,
}

/// The difference between the code of a function at two commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assembly {
    pub function: String,
    /// Lines that begin with `-`, `+` or a blank, and `...` for equal ones that are left out.
    pub difference: Vec<String>,
}
