//! Holds a configuration to the baseline's: what a change tightens counts at once, what it loosens
//! counts after the merge.

use std::collections::BTreeMap;

use super::{
    keys::{Config, EVERY_SUITE},
    policy::Tolerance,
};
use crate::values::quantities::Percent;

/// The baseline's policy, and what the candidate changes for all benchmarks.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub baseline: Box<Config>,
    changes: Vec<String>,
}

/// A rule for one benchmark.
struct Rule {
    key: &'static str,
    /// More is looser.
    allows: f64,
    /// As it is written.
    value: String,
}

/// Keys that are neither loose nor strict: the baseline's count.
const TAKEN_OVER: [&str; 8] = [
    "reference",
    "budget",
    "layout",
    "default-branch",
    "features",
    "default-features",
    "profile",
    "build-flags",
];

impl Config {
    /// This configuration, where no key allows more than in `baseline`, and how is measured what
    /// and against what is as there. Both hold the same flags, so what was typed stays.
    pub fn hold_to(mut self, baseline: Self) -> Self {
        // A suite that is new has nothing to be compared with, and no other reference.
        let covered = |suite: &String| suite == EVERY_SUITE || baseline.there.contains(suite);
        let new = self.reference.iter().filter(|(suite, _)| !covered(suite));
        let mut reference: BTreeMap<_, _> = new.map(|(it, of)| (it.clone(), of.clone())).collect();
        self.reference.retain(|suite, _| covered(suite));
        let changes = self.changes(&baseline);
        reference.extend(baseline.reference.clone());
        if !self.suites.is_empty() {
            let dropped = baseline.suites.iter();
            let dropped = dropped.filter(|suite| !self.suites.contains(suite));
            let kept = self.suites.iter().filter(|_| !baseline.suites.is_empty());
            self.suites = kept.chain(dropped).cloned().collect();
        }
        let strictest = Self {
            strict: self.strict || baseline.strict,
            require_baseline: self.require_baseline || baseline.require_baseline,
            held: Some(Held {
                baseline: Box::new(baseline.clone()),
                changes,
            }),
            ..self
        };
        Self {
            reference,
            ..strictest.measured_like(&baseline)
        }
    }

    /// These rules, with what `other` measures and against what.
    pub fn measured_like(self, other: &Self) -> Self {
        Self {
            reference: other.reference.clone(),
            budget: other.budget,
            layout: other.layout,
            default_branch: other.default_branch.clone(),
            features: other.features.clone(),
            default_features: other.default_features,
            profile: other.profile.clone(),
            build_flags: other.build_flags.clone(),
            ..self
        }
    }

    /// What is looser or otherwise different than at the baseline, whatever the benchmark.
    fn changes(&self, baseline: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let switches = [
            ("strict", self.strict, baseline.strict),
            (
                "require-baseline",
                self.require_baseline,
                baseline.require_baseline,
            ),
        ];
        for (key, _, _) in switches.iter().filter(|(_, now, before)| *before && !now) {
            changes.push(format!("loosens `{key}` from true to false"));
        }
        if !self.suites.is_empty() && baseline.suites.is_empty() {
            let suites = self.suites.join(", ");
            changes.push(format!("loosens `suites` from all to {suites}"));
        } else if !self.suites.is_empty() {
            let dropped = baseline.suites.iter();
            let dropped = dropped.filter(|suite| !self.suites.contains(suite));
            changes.extend(dropped.map(|suite| format!("loosens `suites` without `{suite}`")));
        }
        let [now, before] =
            [self, baseline].map(|config| toml::Table::try_from(config).unwrap_or_default());
        for key in TAKEN_OVER {
            let value = |table: &toml::Table| {
                let value = table.get(key);
                value.map_or_else(|| "none".to_owned(), ToString::to_string)
            };
            let (now, before) = (value(&now), value(&before));
            if now != before {
                changes.push(format!("changes `{key}` from {before} to {now}"));
            }
        }
        changes
    }

    /// What is looser than at the baseline for these benchmarks, and does not count yet: a sentence
    /// for each key and its values.
    pub fn loosened<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let mut keys: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for id in ids {
            let rules = self.rules(id).into_iter().zip(held.baseline.rules(id));
            for (now, before) in rules.filter(|(now, before)| now.allows > before.allows) {
                let change = format!("`{}` from {} to {}", now.key, before.value, now.value);
                keys.entry(change).or_default().push(id);
            }
        }
        let of_benchmarks = keys.into_iter().map(|(change, ids)| match ids.as_slice() {
            [id, rest @ ..] if !rest.is_empty() => {
                format!("loosens {change} for `{id}` and {} more", rest.len())
            }
            ids => format!("loosens {change} for `{}`", ids.concat()),
        });
        let changes = held.changes.iter().cloned().chain(of_benchmarks);
        changes
            .map(|change| format!("this change {change}; that takes effect after the merge"))
            .collect()
    }

    /// The rules for a benchmark by this configuration alone.
    fn rules(&self, id: &str) -> [Rule; 7] {
        let Tolerance {
            threshold,
            indifference,
            memory_threshold,
            max_latency_ratio,
            max_memory_ratio,
        } = self.own_tolerance(id);
        let rule = |key, allows, value| Rule { key, allows, value };
        let percent = |key, it| rule(key, it, Percent::of_fraction(it).to_string());
        let limit = |key, ratio: Option<f64>| {
            let value = ratio.map_or_else(|| "none".to_owned(), |ratio| ratio.to_string());
            rule(key, ratio.unwrap_or(f64::INFINITY), value)
        };
        let (mode, removal) = (self.own_mode(id), self.own_allows_removal(id));
        [
            percent("threshold", threshold),
            percent("indifference", indifference),
            percent("memory-threshold", memory_threshold),
            limit("max-latency-ratio", max_latency_ratio),
            limit("max-memory-ratio", max_memory_ratio),
            rule("mode", f64::from(mode as u8), mode.word().to_owned()),
            rule(
                "allow-removed",
                f64::from(u8::from(removal)),
                removal.to_string(),
            ),
        ]
    }
}
