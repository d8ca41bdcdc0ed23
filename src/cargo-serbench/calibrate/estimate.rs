//! Estimates how long the steps take relative to orjson.

use std::collections::BTreeMap;

use crate::compare::{
    self,
    stats::{block_log_ratio, median},
};

/// The name of orjson's row; all others are divided by it.
pub const ORJSON: &str = "orjson (Python)";

/// The times of each arm in one set of processes, per slice.
pub(super) type Set = BTreeMap<String, Vec<f64>>;

/// A ratio of times. Each set of processes gives one value, because the ratio depends on where code and data are
/// in memory: it varies between processes, but hardly within one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub ratio: f64,
    /// The 95 % interval; `None` with too few sets.
    pub interval: Option<[f64; 2]>,
    /// The smallest and the largest ratio of a single set.
    pub range: [f64; 2],
}

/// Whether a ratio is within 10 % of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closeness {
    Within,
    Outside,
    /// The interval contains both.
    Unclear,
}

impl Estimate {
    /// From the log-ratios of sets.
    fn of(logs: &[f64]) -> Self {
        let ends = |of: fn(f64, f64) -> f64, from: f64| logs.iter().copied().fold(from, of).exp();
        let estimate = compare::estimate(logs);
        Self {
            ratio: estimate.map_or_else(|| median(logs), |it| it.point).exp(),
            interval: estimate.map(|it| [it.lower.exp(), it.upper.exp()]),
            range: [
                ends(f64::min, f64::INFINITY),
                ends(f64::max, f64::NEG_INFINITY),
            ],
        }
    }

    /// Judges by the interval.
    pub fn closeness(self) -> Closeness {
        match self.interval {
            Some([lower, upper]) if 0.9 <= lower && upper <= 1.1 => Closeness::Within,
            Some([lower, upper]) if upper < 0.9 || 1.1 < lower => Closeness::Outside,
            _ => Closeness::Unclear,
        }
    }
}

/// Divides slices of the same round by each other, because they are adjacent in time, and takes the
/// median of each set.
pub(super) fn estimate(sets: &[Set], name: &str) -> Estimate {
    let log = |set: &Set| {
        let rounds = set[name].len().min(set[ORJSON].len());
        block_log_ratio(&set[ORJSON][..rounds], &set[name][..rounds])
    };
    Estimate::of(&sets.iter().map(log).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{Closeness, Estimate, ORJSON, Set, estimate};

    fn set(own: &[f64], orjson: &[f64]) -> Set {
        [
            ("own".to_owned(), own.to_vec()),
            (ORJSON.to_owned(), orjson.to_vec()),
        ]
        .into()
    }

    #[test]
    fn slices_of_a_round_are_divided() {
        // The machine is three times slower in the second round of the first set.
        let sets = [
            set(&[1.0, 3.0, 1.1], &[2.0, 6.0, 2.0]),
            set(&[1.2, 1.2, 1.2], &[2.0, 2.0, 2.0]),
        ];
        let estimate = estimate(&sets, "own");
        let near =
            |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{estimate:?}");
        near(estimate.range[0], 0.5);
        near(estimate.range[1], 0.6);
        near(estimate.ratio, 0.3_f64.sqrt());
        assert_eq!(estimate.interval, None);
        assert_eq!(estimate.closeness(), Closeness::Unclear);
    }

    #[test]
    fn long_operations_have_fewer_slices() {
        let estimate = estimate(&[set(&[100.0], &[2.0, 2.0])], "own");
        assert!((estimate.ratio - 50.0).abs() < 1e-9);
    }

    /// Only differences between sets count, however many slices each has.
    #[test]
    fn sets_that_differ_give_a_wide_interval() {
        let of = |ratios: &[f64]| {
            let sets: Vec<Set> = ratios
                .iter()
                .map(|&ratio| set(&[ratio; 40], &[1.0; 40]))
                .collect();
            estimate(&sets, "own")
        };
        assert_eq!(of(&[1.0; 8]).closeness(), Closeness::Within);
        assert_eq!(of(&[0.8; 8]).closeness(), Closeness::Outside);
        assert_eq!(of(&[1.0; 5]).closeness(), Closeness::Unclear);
        let apart = of(&[0.78, 1.12, 0.78, 1.12, 0.78, 1.12, 0.78, 1.12]);
        assert_eq!(apart.closeness(), Closeness::Unclear);
        assert_eq!(
            apart.range.map(|end| (100.0 * end).round() as i32),
            [78, 112]
        );
    }

    #[test]
    fn the_interval_decides() {
        let closeness = |lower, upper| {
            let estimate = Estimate {
                ratio: f64::midpoint(lower, upper),
                interval: Some([lower, upper]),
                range: [0.0, 2.0],
            };
            estimate.closeness()
        };
        assert_eq!(closeness(0.9, 1.1), Closeness::Within);
        assert_eq!(closeness(0.89, 1.0), Closeness::Unclear);
        assert_eq!(closeness(1.0, 1.11), Closeness::Unclear);
        assert_eq!(closeness(0.7, 0.89), Closeness::Outside);
        assert_eq!(closeness(1.11, 1.2), Closeness::Outside);
        assert_eq!(closeness(f64::NAN, f64::NAN), Closeness::Unclear);
    }
}
