//! Resolves the rules for each benchmark from defaults, overrides, and the baseline's policy.

use serde::Serialize;

use super::keys::{Config, EVERY_SUITE, Mode};
use crate::values::quantities::{Percent, Ratio};

/// Every key that can be overridden, for one benchmark.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rules {
    threshold: Percent,
    indifference: Percent,
    memory_threshold: Percent,
    max_latency_ratio: Option<Ratio>,
    max_memory_ratio: Option<Ratio>,
    allow_removed: bool,
    mode: Mode,
}

/// Limits for a benchmark; as fractions, 0.03 is 3 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Tolerated change of latency.
    pub threshold: f64,
    /// Smaller changes are noise.
    pub indifference: f64,
    /// Tolerated change of memory.
    pub memory_threshold: f64,
    /// Maximum of the candidate's latency relative to its reference; 1.5 is 50 % more.
    pub max_latency_ratio: Option<f64>,
    /// Maximum of the candidate's peak heap relative to its reference.
    pub max_memory_ratio: Option<f64>,
}

#[cfg(test)]
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
    /// The reference encoder of `suite`.
    pub fn reference(&self, suite: &str) -> Option<&str> {
        let references = &self.reference;
        let found = references
            .get(suite)
            .or_else(|| references.get(EVERY_SUITE));
        found.map(|name| &**name)
    }

    /// The limits for benchmark `id`: for each key, the stricter of this and the baseline's policy.
    pub fn tolerance(&self, id: &str) -> Tolerance {
        let rules = self.rules(id);
        Tolerance {
            threshold: rules.threshold.fraction(),
            indifference: rules.indifference.fraction(),
            memory_threshold: rules.memory_threshold.fraction(),
            max_latency_ratio: rules.max_latency_ratio.map(Ratio::value),
            max_memory_ratio: rules.max_memory_ratio.map(Ratio::value),
        }
    }

    /// How benchmark `id` affects the exit code.
    pub fn mode(&self, id: &str) -> Mode {
        self.rules(id).mode
    }

    /// Whether benchmark `id` may be removed.
    pub fn allows_removal(&self, id: &str) -> bool {
        self.rules(id).allow_removed
    }

    /// The rules for benchmark `id`.
    pub(super) fn rules(&self, id: &str) -> Rules {
        let own = self.own_rules(id);
        match &self.held {
            None => own,
            Some(held) => own.stricter(&held.baseline.own_rules(id)),
        }
    }

    /// The same, from this configuration only.
    pub(super) fn own_rules(&self, id: &str) -> Rules {
        let overrides = self.overrides.iter();
        let matching = overrides.filter(|it| it.benchmarks.is_match(id));
        let mut rules = Rules {
            threshold: self.threshold,
            indifference: self.indifference,
            memory_threshold: self.memory_threshold,
            max_latency_ratio: self.max_latency_ratio,
            max_memory_ratio: self.max_memory_ratio,
            allow_removed: self.allow_removed,
            mode: self.mode,
        };
        for it in matching {
            rules.threshold = it.threshold.unwrap_or(rules.threshold);
            rules.indifference = it.indifference.unwrap_or(rules.indifference);
            rules.memory_threshold = it.memory_threshold.unwrap_or(rules.memory_threshold);
            rules.max_latency_ratio = it.max_latency_ratio.or(rules.max_latency_ratio);
            rules.max_memory_ratio = it.max_memory_ratio.or(rules.max_memory_ratio);
            rules.allow_removed = it.allow_removed.unwrap_or(rules.allow_removed);
            rules.mode = it.mode.unwrap_or(rules.mode);
        }
        // Two overrides of one benchmark may each be valid but contradict each other.
        rules.indifference = smaller(rules.indifference, rules.threshold);
        rules
    }
}

impl Rules {
    /// The stricter of both, key by key.
    fn stricter(self, other: &Self) -> Self {
        let limit = |one: Option<Ratio>, other| one.into_iter().chain(other).reduce(smaller);
        Self {
            threshold: smaller(self.threshold, other.threshold),
            indifference: smaller(self.indifference, other.indifference),
            memory_threshold: smaller(self.memory_threshold, other.memory_threshold),
            max_latency_ratio: limit(self.max_latency_ratio, other.max_latency_ratio),
            max_memory_ratio: limit(self.max_memory_ratio, other.max_memory_ratio),
            allow_removed: self.allow_removed && other.allow_removed,
            mode: self.mode.min(other.mode),
        }
    }
}

fn smaller<T: PartialOrd>(one: T, other: T) -> T {
    if other < one { other } else { one }
}
