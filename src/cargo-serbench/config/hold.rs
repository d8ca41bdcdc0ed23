//! Limits a configuration to the baseline's: stricter settings apply immediately, looser ones after
//! the merge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::keys::{Config, EVERY_SUITE, Override, fields};

/// The baseline's policy, and what the candidate changes for all benchmarks.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub baseline: Box<Config>,
    changes: Vec<String>,
}

/// Keys that a change may make stricter for the whole run, and `cache-size`, which affects no verdict. The
/// rules of single benchmarks can be made stricter, too. All other keys are the baseline's.
const OWN: [&str; 5] = [
    "strict",
    "require-baseline",
    "suites",
    "override",
    "cache-size",
];

impl Config {
    /// This configuration, with each key at least as strict as in `baseline`, and with the baseline's settings
    /// of what to measure and how. Flags are the same in both, so they still apply.
    pub fn hold_to(mut self, baseline: Self) -> Self {
        // A new suite has nothing to be compared with, so its reference is free to choose.
        let covered =
            |suite: &String| suite == EVERY_SUITE || baseline.known_suites.contains(suite);
        let new = self.reference.iter().filter(|(suite, _)| !covered(suite));
        let mut reference: BTreeMap<_, _> = new.map(|(it, of)| (it.clone(), of.clone())).collect();
        self.reference.retain(|suite, _| covered(suite));
        let changes = self.changes(&baseline);
        reference.extend(baseline.reference.clone());
        if !self.suites.is_empty() {
            let kept = self.suites.iter().filter(|_| !baseline.suites.is_empty());
            self.suites = kept.chain(self.dropped(&baseline)).cloned().collect();
        }
        Self {
            strict: self.strict || baseline.strict,
            require_baseline: self.require_baseline || baseline.require_baseline,
            reference,
            held: Some(Held {
                baseline: Box::new(baseline.clone()),
                changes,
            }),
            ..self.measured_like(&baseline)
        }
    }

    /// These rules, with the settings of `other` for what to measure and how.
    pub fn measured_like(self, other: &Self) -> Self {
        let [own, others] = [&self, other].map(table);
        let own = own.into_iter().filter(|(key, _)| is_own(key));
        let others = others.into_iter().filter(|(key, _)| !is_own(key));
        let merged: Table = own.chain(others).collect();
        Self {
            known_suites: self.known_suites,
            held: self.held,
            ..Self::deserialize(merged).expect("both are valid, and keys are independent")
        }
    }

    fn dropped<'a>(&self, baseline: &'a Self) -> impl Iterator<Item = &'a String> {
        let suites = baseline.suites.iter();
        suites.filter(|suite| !self.suites.contains(suite))
    }

    /// What is looser than at the baseline, or otherwise different, for all benchmarks.
    fn changes(&self, baseline: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if !self.suites.is_empty() && baseline.suites.is_empty() {
            let suites = self.suites.join(", ");
            changes.push(format!("loosens `suites` from all to {suites}"));
        } else if !self.suites.is_empty() {
            let dropped = self.dropped(baseline);
            changes.extend(dropped.map(|suite| format!("loosens `suites` without `{suite}`")));
        }
        for (key, change) in differences(baseline, self) {
            match key.as_str() {
                "strict" if baseline.strict => changes.push(format!("loosens {change}")),
                "require-baseline" if baseline.require_baseline => {
                    changes.push(format!("loosens {change}"));
                }
                key if !is_own(key) => changes.push(format!("changes {change}")),
                _ => {}
            }
        }
        changes
    }

    /// What is looser than at the baseline for these benchmarks and does not apply yet, one sentence
    /// per key and values.
    pub fn loosened<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let mut changes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for id in ids {
            for (_, change) in differences(&self.rules(id), &self.own_rules(id)) {
                changes.entry(change).or_default().push(id);
            }
        }
        let of_benchmarks = changes
            .into_iter()
            .map(|(change, ids)| match ids.as_slice() {
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
}

fn is_own(key: &str) -> bool {
    OWN.contains(&key) || fields::<Override>().iter().any(|rule| rule == key)
}

fn table(keys: &impl Serialize) -> Table {
    Table::try_from(keys).expect("what was read from TOML is TOML")
}

/// The keys whose values differ, each with a text such as "`strict` from true to false".
fn differences<T: Serialize>(before: &T, now: &T) -> Vec<(String, String)> {
    let [before, now] = [before, now].map(table);
    let mut keys: Vec<&String> = before.keys().chain(now.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let word = |table: &Table, key: &String| match table.get(key) {
        None => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let differing = keys
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key));
    let described = differing.map(|key| {
        let (before, now) = (word(&before, key), word(&now, key));
        (key.clone(), format!("`{key}` from {before} to {now}"))
    });
    described.collect()
}
