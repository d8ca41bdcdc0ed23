//! Holds a configuration to the baseline's: what a change tightens counts at once, what it loosens
//! counts after the merge.

use std::{collections::BTreeMap, fmt::Display};

use super::{
    keys::{Config, Mode},
    units::Percent,
};

/// The baseline's policy, and what the candidate says less strictly for all benchmarks.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub baseline: Box<Config>,
    loosened: Vec<String>,
}

impl Config {
    /// This configuration, where no key allows more than in `baseline`. Both hold the same flags,
    /// so what was typed stays.
    pub fn hold_to(self, baseline: Self) -> Self {
        let mut loosened = Vec::new();
        let switches = [
            ("strict", self.strict, baseline.strict),
            (
                "require-baseline",
                self.require_baseline,
                baseline.require_baseline,
            ),
        ];
        for (key, now, before) in switches {
            if before && !now {
                loosened.push(format!("`{key}` from true to false"));
            }
        }
        let mut suites = Vec::new();
        if !self.suites.is_empty() && !baseline.suites.is_empty() {
            suites.clone_from(&self.suites);
        }
        let dropped = |suite: &&String| !self.suites.contains(suite);
        let dropped: Vec<&String> = baseline.suites.iter().filter(dropped).collect();
        if !self.suites.is_empty() {
            if baseline.suites.is_empty() {
                loosened.push(format!("`suites` from all to {}", self.suites.join(", ")));
            }
            for suite in dropped {
                loosened.push(format!("`suites` without `{suite}`"));
                suites.push(suite.clone());
            }
        }
        Self {
            suites,
            strict: self.strict || baseline.strict,
            require_baseline: self.require_baseline || baseline.require_baseline,
            held: Some(Held {
                baseline: Box::new(baseline),
                loosened,
            }),
            ..self
        }
    }

    /// What is looser than at the baseline for these benchmarks, and does not count yet: a sentence
    /// for each key and its values.
    pub fn loosened<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let mut keys: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for id in ids {
            for change in self.loosened_for(&held.baseline, id) {
                keys.entry(change).or_default().push(id);
            }
        }
        let of_benchmarks = keys.into_iter().map(|(change, ids)| match ids.as_slice() {
            [id] => format!("{change} for `{id}`"),
            [id, rest @ ..] => format!("{change} for `{id}` and {} more", rest.len()),
            [] => change,
        });
        let changes = held.loosened.iter().cloned().chain(of_benchmarks);
        changes
            .map(|change| {
                format!("this change loosens {change}; that takes effect after the merge")
            })
            .collect()
    }

    fn loosened_for(&self, baseline: &Self, id: &str) -> Vec<String> {
        let (now, before) = (self.own_tolerance(id), baseline.own_tolerance(id));
        let percents = [
            ("threshold", now.threshold, before.threshold),
            (
                "memory-threshold",
                now.memory_threshold,
                before.memory_threshold,
            ),
        ];
        let percents = percents.into_iter().filter_map(|(key, now, before)| {
            let [from, to] = [before, now].map(Percent::of_fraction);
            (now > before).then(|| from_to(key, from, to))
        });
        let limits = [
            (
                "max-latency-ratio",
                now.max_latency_ratio,
                before.max_latency_ratio,
            ),
            (
                "max-memory-ratio",
                now.max_memory_ratio,
                before.max_memory_ratio,
            ),
        ];
        let limits = limits.into_iter().filter_map(|(key, now, before)| {
            let before = before?;
            match now {
                None => Some(from_to(key, before, "none")),
                Some(now) => (now > before).then(|| from_to(key, before, now)),
            }
        });
        let mut changes: Vec<String> = percents.chain(limits).collect();
        let (now, before) = (self.own_mode(id), baseline.own_mode(id));
        if stricter(now, before) != now {
            changes.push(from_to("mode", before.word(), now.word()));
        }
        if self.own_allows_removal(id) && !baseline.own_allows_removal(id) {
            changes.push(from_to("allow-removed", false, true));
        }
        changes
    }
}

fn from_to(key: &str, from: impl Display, to: impl Display) -> String {
    format!("`{key}` from {from} to {to}")
}

/// The mode of the two that fails more.
pub fn stricter(one: Mode, other: Mode) -> Mode {
    match (one, other) {
        (Mode::Gate, _) | (_, Mode::Gate) => Mode::Gate,
        (Mode::Track, _) | (_, Mode::Track) => Mode::Track,
        (Mode::Off, Mode::Off) => Mode::Off,
    }
}

/// The smaller limit of the two.
pub fn smaller(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
