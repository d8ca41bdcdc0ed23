//! What is in force: compiled-in defaults, the workspace's and the package's metadata, flags.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::discover::Workspace;

/// Everything that can be configured. See `default.toml` for the meaning of each key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The encoder that others are divided by, for each suite.
    pub(crate) reference: BTreeMap<String, String>,
    /// Suites that are measured when none is named; empty for all.
    pub(crate) suites: Vec<String>,
    /// The bench whose allocator counts for the benchmarks of others.
    pub(crate) memory_suite: String,
    /// Features that the benches are built with.
    pub(crate) features: Vec<String>,
    /// Whether the package's default features are on, too.
    pub(crate) default_features: bool,
    /// The cargo profile that the benches are built with.
    pub(crate) profile: String,
    /// Tolerated change; 0.03 is 3 % slower.
    pub(crate) threshold: f64,
    /// Change not worth telling.
    pub(crate) indifference: f64,
    pub(crate) strict: bool,
    pub(crate) default_branch: Option<String>,
}

/// What a benchmark is allowed; fractions, 0.03 is 3 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tolerance {
    /// Change of latency that is tolerated.
    pub(crate) threshold: f64,
    /// Change that is not worth telling.
    pub(crate) indifference: f64,
    /// Change of memory that is tolerated.
    pub(crate) memory_threshold: f64,
    /// Most that the candidate's latency may be of its reference's; 1.5 is half as much again.
    pub(crate) max_latency_ratio: Option<f64>,
    /// Most that the candidate's peak heap may be of its reference's.
    pub(crate) max_memory_ratio: Option<f64>,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            threshold: 0.03,
            indifference: 0.01,
            memory_threshold: 0.03,
            max_latency_ratio: None,
            max_memory_ratio: None,
        }
    }
}

impl Config {
    pub(crate) fn tolerance(&self, _id: &str) -> Tolerance {
        Tolerance::default()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reference: BTreeMap::new(),
            suites: Vec::new(),
            memory_suite: "memory".to_owned(),
            features: Vec::new(),
            default_features: true,
            profile: "bench".to_owned(),
            threshold: 0.03,
            indifference: 0.01,
            strict: false,
            default_branch: None,
        }
    }
}

/// Reads the metadata of the workspace's root package.
pub(crate) fn load(workspace: &Workspace) -> Result<Config> {
    let package = workspace
        .metadata
        .root_package()
        .map(|package| &package.metadata);
    let value = package
        .and_then(|metadata| metadata.get("serbench"))
        .cloned();
    match value {
        None => Ok(Config::default()),
        Some(value) => {
            serde_json::from_value(value).context("read [package.metadata.serbench] of Cargo.toml")
        }
    }
}
