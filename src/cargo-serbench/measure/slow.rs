//! Benchmarks that take seconds are measured last, in the remaining time.

use std::collections::BTreeMap;

use crate::{decide::evidence::Evidence, run::Run, select::BenchId, shell};

/// Number of processes in the first block of a pair: each commit is tuned once and runs twice.
const PROCESSES: f64 = 6.0;

/// The fraction of the budget that one block may take.
const SHARE: f64 = 0.05;

/// Seconds that one block may always take.
const QUICK: f64 = 1.0;

/// Slow benchmarks, and the seconds that a block of each takes.
#[derive(Debug, Default)]
pub struct Slow(BTreeMap<BenchId, f64>);

impl Slow {
    /// Empty if all are slow: then there is nothing to wait for.
    pub fn of(run: &Run, budget: f64) -> Self {
        let seconds = |id: &BenchId| {
            let benchmark = &run.benchmarks[id];
            let sides = [&benchmark.baseline, &benchmark.candidate];
            let sides = sides.into_iter().flatten();
            PROCESSES * sides.map(|it| it.seconds).fold(0.0, f64::max)
        };
        let measured = run.benchmarks.iter().filter(|(_, benchmark)| {
            let sides = (&benchmark.baseline, &benchmark.candidate);
            let (Some(one), Some(other)) = sides else {
                return false;
            };
            let known = one.is_same_code(other) && !run.identical_measured;
            one.is_measurable() && other.is_measurable() && !known
        });
        let (slow, others): (Vec<_>, Vec<_>) = measured
            .map(|(id, _)| (id.clone(), seconds(id)))
            .partition(|(_, seconds)| *seconds > QUICK.max(SHARE * budget));
        match others.is_empty() {
            true => Self::default(),
            false => Self(slow.into_iter().collect()),
        }
    }

    /// The evidence without slow benchmarks.
    pub fn hide(&self, mut evidence: Vec<Evidence>) -> Vec<Evidence> {
        evidence.retain(|it| !self.0.contains_key(&it.id));
        evidence
    }

    /// Admits slow benchmarks with a block that fits into the `left` seconds, quickest
    /// first. Returns whether any was admitted; the others stay hidden.
    pub fn admit(&mut self, mut left: f64) -> bool {
        let mut waiting: Vec<(BenchId, f64)> = std::mem::take(&mut self.0).into_iter().collect();
        waiting.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let fits = |(_, seconds): &(BenchId, f64)| {
            left -= seconds;
            left >= 0.0
        };
        let (admitted, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(fits);
        self.0 = others.into_iter().collect();
        !admitted.is_empty()
    }

    /// Warns about benchmarks that were never admitted.
    pub fn warn(&self, budget: f64) {
        for (id, seconds) in &self.0 {
            shell::warning(format_args!(
                "`{id}` is not measured: a comparison of it takes {seconds:.0} s or more, and too \
                 little is left of the budget of {budget:.0} s; pass `--budget {:.0}` or leave it out:\n  \
                 [[package.metadata.serbench.override]]\n  benchmarks = [\"{id}\"]\n  mode = \"off\"",
                (budget + 10.0 * seconds).ceil()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Slow;

    #[test]
    fn benchmarks_that_fit_are_admitted_once() {
        let waiting = || {
            Slow(BTreeMap::from([
                ("a::x".into(), 30.0),
                ("a::y".into(), 7.0),
            ]))
        };
        assert!(!waiting().admit(5.0));
        assert!(waiting().admit(10.0));
        let mut slow = waiting();
        assert!(slow.admit(40.0));
        assert!(!slow.admit(40.0));
    }

    #[test]
    fn benchmarks_that_do_not_fit_stay_hidden() {
        let mut slow = Slow(BTreeMap::from([
            ("a::x".into(), 30.0),
            ("a::y".into(), 7.0),
        ]));
        assert!(slow.admit(20.0));
        assert_eq!(slow.0.keys().collect::<Vec<_>>(), ["a::x"]);
    }
}
