//! The last result of `cargo serbench doctor --prove`, which runs also show.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{discover::machine::Machine, select::BenchId};

/// The results of testing the gate with identical code and with slowed-down code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The program and version that ran the test.
    pub tool: String,
    /// RFC 3339, UTC.
    pub at: String,
    pub machine: Machine,
    pub benchmarks: usize,
    /// Number of gates of identical code.
    pub gates: usize,
    /// How many of them failed.
    pub false_alarms: usize,
    /// How many of them were inconclusive.
    pub inconclusive: usize,
    pub found: Vec<Found>,
    /// A benchmark that can't be slowed down; if set, detection was not tested.
    pub not_slowed: Option<BenchId>,
    /// Average duration of a gate of identical code.
    pub seconds: f64,
}

/// The results of gates of slowed-down code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// As a fraction: 0.05 is 5 % slower.
    pub slowdown: f64,
    /// The threshold, as a fraction.
    pub threshold: f64,
    /// How many slowed-down benchmarks were called regressed, of how many.
    pub found: usize,
    pub of: usize,
}

impl Proof {
    /// The file of the last proof.
    pub fn path(scratch: &Path) -> PathBuf {
        scratch.join("proof.json")
    }

    /// The last proof, if it is from this machine.
    pub fn load(scratch: &Path, machine: &Machine) -> Option<Self> {
        let text = std::fs::read(Self::path(scratch)).ok()?;
        let proof: Self = serde_json::from_slice(&text).ok()?;
        (proof.machine == *machine).then_some(proof)
    }

    /// A summary in one sentence.
    pub fn sentence(&self) -> String {
        let Self {
            gates,
            false_alarms,
            inconclusive,
            seconds,
            ..
        } = self;
        let mut parts = vec![format!("{false_alarms} of {gates} false alarms")];
        if *inconclusive > 0 {
            parts.push(format!("{inconclusive} inconclusive"));
        }
        parts.extend(self.found.iter().map(|it| {
            let [slowdown, threshold] = [it.slowdown, it.threshold].map(|it| 100.0 * it);
            format!(
                "finds {slowdown:.0} % in {} of {} (threshold {threshold:.0} %)",
                it.found, it.of
            )
        }));
        if let Some(id) = &self.not_slowed {
            parts.push(format!(
                "detection was not tested: divan itself times `{id}`, so it can't be slowed down"
            ));
        }
        format!(
            "on this machine: {}, {seconds:.0} s per gate",
            parts.join(", ")
        )
    }
}
