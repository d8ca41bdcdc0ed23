//! The benchmarks that there are in, what of the configuration has no effect on them out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, Globs, layer::EVERY_SUITE};
use crate::config::key;

impl Config {
    /// Globs that match none of `ids`, and references that are none of their encoders, a sentence
    /// each. `ids` are all benchmarks of some suites; nothing is said of other suites.
    pub fn idle<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let ids: BTreeSet<&str> = ids.into_iter().collect();
        let mut encoders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (suite, rest) in ids.iter().filter_map(|id| id.split_once("::")) {
            let encoder = rest.split_once("::").map_or(rest, |(encoder, _)| encoder);
            encoders.entry(suite).or_default().insert(encoder);
        }
        let mut idle = Vec::new();
        for (suite, reference) in &self.reference {
            let among: BTreeSet<&str> = match encoders.get(suite.as_str()) {
                Some(encoders) => encoders.clone(),
                None if suite == EVERY_SUITE => encoders.values().flatten().copied().collect(),
                None => continue,
            };
            if !among.contains(reference.as_str()) {
                let near = key::nearest(reference, among);
                let hint =
                    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                idle.push(format!(
                    "no benchmark is of the reference encoder `{reference}` ({suite}), so that nothing is divided by it{hint}"
                ));
            }
        }
        for glob in self.overrides.iter().flat_map(|it| it.benchmarks.written()) {
            let here = glob
                .split_once("::")
                .is_some_and(|(suite, _)| encoders.contains_key(suite));
            let matches = Globs::try_from(vec![glob.clone()])
                .is_ok_and(|globs| ids.iter().any(|id| globs.is_match(id)));
            if here && !matches {
                idle.push(format!("no benchmark matches `{glob}` of an override"));
            }
        }
        idle
    }
}
