//! What each benchmark is allowed.

use super::keys::{Config, EVERY_SUITE, Mode, Override};

/// What a benchmark is allowed; fractions, 0.03 is 3 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Change of latency that is tolerated.
    pub threshold: f64,
    /// Smaller changes are noise.
    pub indifference: f64,
    /// Change of memory that is tolerated.
    pub memory_threshold: f64,
    /// Most that the candidate's latency may be of its reference's; 1.5 is half as much again.
    pub max_latency_ratio: Option<f64>,
    /// Most that the candidate's peak heap may be of its reference's.
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
    /// The encoder that the others of `suite` are divided by.
    pub fn reference(&self, suite: &str) -> Option<&str> {
        let references = &self.reference;
        let found = references
            .get(suite)
            .or_else(|| references.get(EVERY_SUITE));
        found.map(|name| &**name)
    }

    /// What the benchmark `id` is allowed, key by key no more than by the baseline's policy.
    pub fn tolerance(&self, id: &str) -> Tolerance {
        let own = self.own_tolerance(id);
        let Some(held) = &self.held else {
            return own;
        };
        let before = held.baseline.own_tolerance(id);
        let smaller = |one: Option<f64>, other| one.into_iter().chain(other).reduce(f64::min);
        Tolerance {
            threshold: own.threshold.min(before.threshold),
            indifference: own.indifference.min(before.indifference),
            memory_threshold: own.memory_threshold.min(before.memory_threshold),
            max_latency_ratio: smaller(own.max_latency_ratio, before.max_latency_ratio),
            max_memory_ratio: smaller(own.max_memory_ratio, before.max_memory_ratio),
        }
    }

    /// The same by this configuration alone.
    pub(super) fn own_tolerance(&self, id: &str) -> Tolerance {
        let threshold = self.last(id, |it| it.threshold).unwrap_or(self.threshold);
        let indifference = self.last(id, |it| it.indifference);
        let memory_threshold = self.last(id, |it| it.memory_threshold);
        let max_latency_ratio = self.last(id, |it| it.max_latency_ratio);
        let max_memory_ratio = self.last(id, |it| it.max_memory_ratio);
        Tolerance {
            threshold: threshold.fraction(),
            // Two overrides of one benchmark may each be right and contradict each other.
            indifference: indifference
                .unwrap_or(self.indifference)
                .fraction()
                .min(threshold.fraction()),
            memory_threshold: memory_threshold.unwrap_or(self.memory_threshold).fraction(),
            max_latency_ratio: max_latency_ratio
                .or(self.max_latency_ratio)
                .map(|it| it.value()),
            max_memory_ratio: max_memory_ratio
                .or(self.max_memory_ratio)
                .map(|it| it.value()),
        }
    }

    /// What the benchmark `id` does to the exit code.
    pub fn mode(&self, id: &str) -> Mode {
        let own = self.own_mode(id);
        let held = self.held.as_ref();
        held.map_or(own, |held| own.min(held.baseline.own_mode(id)))
    }

    pub(super) fn own_mode(&self, id: &str) -> Mode {
        self.last(id, |it| it.mode).unwrap_or(self.mode)
    }

    /// Whether the benchmark `id` may disappear.
    pub fn allows_removal(&self, id: &str) -> bool {
        let held = self.held.as_ref();
        let before = held.is_none_or(|held| held.baseline.own_allows_removal(id));
        before && self.own_allows_removal(id)
    }

    pub(super) fn own_allows_removal(&self, id: &str) -> bool {
        self.last(id, |it| it.allow_removed)
            .unwrap_or(self.allow_removed)
    }

    /// The last word of the overrides of `id` on one key.
    fn last<T>(&self, id: &str, key: impl Fn(&Override) -> Option<T>) -> Option<T> {
        let matching = |it: &&Override| it.benchmarks.is_match(id);
        self.overrides.iter().rev().filter(matching).find_map(key)
    }
}
