//! Finds settings without effect: globs that match nothing, references that no suite has.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    keys::{Config, EVERY_SUITE},
    read::nearest,
};
use crate::values::glob::Globs;

impl Config {
    /// Globs that match none of `ids`, and references that are not among their encoders, one sentence
    /// each. `ids` are all benchmarks of some suites; other suites are not checked.
    pub fn unused<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let ids: BTreeSet<&str> = ids.into_iter().collect();
        let mut encoders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (suite, rest) in ids.iter().filter_map(|id| id.split_once("::")) {
            let encoder = rest.split_once("::").map_or(rest, |(encoder, _)| encoder);
            encoders.entry(suite).or_default().insert(encoder);
        }
        let mut unused = Vec::new();
        for (suite, reference) in &self.reference {
            let among: BTreeSet<&str> = match encoders.get(suite.as_str()) {
                Some(encoders) => encoders.clone(),
                None if suite == EVERY_SUITE => encoders.values().flatten().copied().collect(),
                None => continue,
            };
            if !among.contains(&**reference) {
                let near = nearest(reference, among);
                let hint =
                    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                unused.push(format!(
                    "suite `{suite}` has no encoder `{}`, so ratios to the reference are unavailable{hint}",
                    &**reference
                ));
            }
        }
        for glob in self.overrides.iter().flat_map(|it| it.benchmarks.written()) {
            let here = glob
                .split_once("::")
                .is_some_and(|(suite, _)| encoders.contains_key(suite));
            let matches = Globs::new(vec![glob.clone()])
                .is_ok_and(|globs| ids.iter().any(|id| globs.is_match(id)));
            if here && !matches {
                unused.push(format!("the override for `{glob}` matches no benchmark"));
            }
        }
        unused
    }
}
