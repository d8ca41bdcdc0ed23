//! Profiles that explain a change: counts by function, allocation sites, code. As all of a run, these
//! are facts; the signature is derived from them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Side;
use crate::select::BenchId;

/// A stored executable that was measured, and a benchmark in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub id: BenchId,
    pub side: Side,
    /// Relative to the folder for runs and builds.
    pub file: PathBuf,
    /// Its working directory; relative to the workspace if inside.
    pub folder: PathBuf,
    /// The name passed to `--exact`.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
}

/// One benchmark at two commits. All counts are per operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// Difference in operations between the two processes whose counts are subtracted.
    pub operations: u64,
    /// Absent if nothing could be counted.
    pub baseline: Option<Counts>,
    pub candidate: Option<Counts>,
    /// Largest change first; the totals include those left out.
    pub functions: Vec<Function>,
    /// How many are left out.
    pub more_functions: usize,
    /// Call sites whose allocations differ, largest change in bytes first.
    pub sites: Vec<Site>,
    /// Code of the function that changed most.
    pub assembly: Option<Assembly>,
    /// Where it waits most, from the waiting function outwards.
    pub waits: Vec<String>,
    /// Why something could not be determined.
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
    /// Nanoseconds in system calls during which the CPU was idle.
    pub waited_ns: f64,
}

/// Instructions of one function, excluding callees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    pub name: String,
    pub baseline: f64,
    pub candidate: f64,
    /// What became of it: inlined, outlined or renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<Fate>,
    /// The source lines that run most at the candidate (at the baseline if it is gone). Requires
    /// debug information.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

/// What probably became of a function that only one commit runs.
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
    /// The call stack, allocating function first, without the allocator and standard
    /// collections.
    pub stack: Vec<String>,
    pub baseline: Allocated,
    pub candidate: Allocated,
    /// Whether it grows buffers.
    pub grows: bool,
}

/// Bytes and number of allocations.
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
    /// Lines that start with `-`, `+` or a space, and `...` for equal lines that are left out.
    pub difference: Vec<String>,
}
