//! Estimates a ratio and its confidence interval from the log-ratios of blocks.
//!
//! All values are natural logarithms of ratios: 0 means unchanged, ln 1.05 is 5 % slower. Logarithms
//! make "twice as slow" and "twice as fast" equally far from 0 and turn a ratio of ratios into a
//! difference.
//!
//! A block is a sample from an unknown distribution with heavy tails (a busy neighbour, an
//! unlucky heap address), so nothing here assumes a normal distribution:
//!
//! * The point estimate is the median of the Walsh averages (aᵢ + aⱼ)/2, i ≤ j, of all blocks:
//!   Hodges and Lehmann 1963, "Estimates of location based on rank tests". Up to 29 % of the blocks
//!   may be arbitrarily wrong before the estimate is.
//! * The interval contains every shift that the signed-rank test (Wilcoxon 1945, "Individual
//!   comparisons by ranking methods") does not reject. It is exact in small samples if blocks
//!   are distributed symmetrically, as the ratio of two alternated programs is by construction. If there
//!   are too few blocks for the level, the interval is the whole line, (-∞, ∞).
//! * The difference of two independent estimates gets its interval by MOVER (Zou and Donner 2008,
//!   "Construction of confidence limits about effect measures"), which needs only the intervals.

use std::sync::OnceLock;

/// The largest number of blocks for which the signed-rank distribution is computed exactly. Beyond,
/// its normal approximation gives slightly wider intervals: by at most one rank at 95 %, and by 2 % of
/// the ranks at 99.94 %.
const MOST_EXACT: usize = 60;

/// An estimated log-ratio with its two-sided confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogRatio {
    /// The log-ratio; ln 1.05 is 5 % slower.
    pub point: f64,
    /// Lower end of the interval; -∞ if there are too few blocks for the level.
    pub lower: f64,
    /// Upper end of the interval; ∞ if there are too few blocks for the level.
    pub upper: f64,
    /// Confidence level; 0.95 leaves 2.5 % on each side.
    pub level: f64,
}

impl LogRatio {
    /// Point, lower and upper end as ratios; 1.05 is 5 % slower.
    pub fn ratios(self) -> [f64; 3] {
        [self.point, self.lower, self.upper].map(f64::exp)
    }

    /// The lower of two estimates of the same level, end by end: it is above a value only if both are.
    pub fn min(self, other: Self) -> Self {
        self.each(other, f64::min)
    }

    /// The higher of two estimates of the same level, end by end.
    pub fn max(self, other: Self) -> Self {
        self.each(other, f64::max)
    }

    fn each(self, other: Self, choose: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            point: choose(self.point, other.point),
            lower: choose(self.lower, other.lower),
            upper: choose(self.upper, other.upper),
            level: self.level,
        }
    }

    /// This log-ratio minus an independent one, both at the same level: the log of the ratio of
    /// the ratios.
    pub fn minus(self, other: Self) -> Self {
        debug_assert!(
            (self.level - other.level).abs() < 1e-12,
            "levels must be equal"
        );
        let point = self.point - other.point;
        Self {
            point,
            lower: point - (self.point - self.lower).hypot(other.upper - other.point),
            upper: point + (self.upper - self.point).hypot(other.point - other.lower),
            level: self.level,
        }
    }

    /// The standard error of a normal estimate with this interval; ∞ if the interval is the whole
    /// line.
    pub fn standard_error(self) -> f64 {
        (self.upper - self.lower) / (2.0 * normal_quantile(f64::midpoint(1.0, self.level)))
    }
}

/// The median, or the mean of the middle two. `values` must not be empty or contain NaN.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

/// The log-ratio measured by one block: the median of ln(candidate / baseline) over adjacent
/// slices. Element `i` of both slices of times must come from adjacent slices, in either order (ABBA
/// or BAAB), in any unit of time per operation; equal in number, not empty, above zero.
///
/// Pairing first and taking the median last cancels what affects both slices of a pair, and
/// ignores pairs that were disturbed in between.
pub fn block_log_ratio(baseline: &[f64], candidate: &[f64]) -> f64 {
    assert_eq!(baseline.len(), candidate.len(), "slices come in pairs");
    let pairs: Vec<f64> = baseline
        .iter()
        .zip(candidate)
        .map(|(baseline, candidate)| (candidate / baseline).ln())
        .collect();
    median(&pairs)
}

/// The sorted Walsh averages of some blocks, which give estimates at any level.
#[derive(Clone, Debug)]
pub struct WalshAverages {
    blocks: usize,
    sorted: Vec<f64>,
}

impl WalshAverages {
    /// From the log-ratios `blocks`: at least one, all finite.
    pub fn new(blocks: &[f64]) -> Self {
        assert!(!blocks.is_empty(), "an estimate needs a block");
        assert!(
            blocks.iter().all(|block| block.is_finite()),
            "blocks are finite"
        );
        let mut sorted = Vec::with_capacity(blocks.len() * (blocks.len() + 1) / 2);
        for (index, first) in blocks.iter().enumerate() {
            sorted.extend(
                blocks[index..]
                    .iter()
                    .map(|second| f64::midpoint(*first, *second)),
            );
        }
        sorted.sort_unstable_by(f64::total_cmp);
        Self {
            blocks: blocks.len(),
            sorted,
        }
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// The Hodges-Lehmann estimate with the signed-rank interval of confidence `level`, 0 < level < 1.
    pub fn estimate(&self, level: f64) -> LogRatio {
        let last = self.sorted.len() - 1;
        let (lower, upper) = match bound_rank(self.blocks, tail_of(level)) {
            Some(rank) => (self.sorted[rank], self.sorted[last - rank]),
            None => (f64::NEG_INFINITY, f64::INFINITY),
        };
        LogRatio {
            point: median_of_sorted(&self.sorted),
            lower,
            upper,
            level,
        }
    }
}

/// The level of the two-sided interval with error probability `tail` at each end.
pub fn two_sided(tail: f64) -> f64 {
    1.0 - 2.0 * tail
}

/// The error probability at each end of a two-sided interval of `level`.
pub fn tail_of(level: f64) -> f64 {
    (1.0 - level) / 2.0
}

/// The `p`-quantile of the standard normal distribution, 0 < p < 1, to seven digits: algorithm
/// AS 241, PPND7 (Wichura 1988, "The percentage points of the normal distribution").
pub fn normal_quantile(p: f64) -> f64 {
    debug_assert!(p > 0.0 && p < 1.0);
    let horner = |coefficients: &[f64], x: f64| {
        coefficients
            .iter()
            .rev()
            .fold(0.0, |sum, coefficient| sum * x + coefficient)
    };
    let centred = p - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        return centred
            * horner(
                &[
                    3.387_132_717_9,
                    50.434_271_938,
                    159.291_132_02,
                    59.109_374_720,
                ],
                r,
            )
            / horner(&[1.0, 17.895_169_469, 78.757_757_664, 67.187_563_600], r);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let magnitude = if r <= 5.0 {
        horner(
            &[
                1.423_437_277_7,
                2.756_815_390_0,
                1.306_728_481_6,
                0.170_238_211_03,
            ],
            r - 1.6,
        ) / horner(&[1.0, 0.737_001_642_50, 0.120_211_329_75], r - 1.6)
    } else {
        horner(
            &[
                6.657_905_115_0,
                3.081_226_386_0,
                0.428_682_943_37,
                0.017_337_203_997,
            ],
            r - 5.0,
        ) / horner(&[1.0, 0.241_978_942_25, 0.012_258_202_635], r - 5.0)
    };
    magnitude.copysign(centred)
}

/// The median of a sorted, non-empty slice.
fn median_of_sorted(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        f64::midpoint(sorted[half - 1], sorted[half])
    }
}

/// The largest index into the sorted Walsh averages of `blocks` blocks such that the true value is
/// below that average with probability at most `tail`; `None` if even the smallest average fails that.
///
/// The true value is below the (k + 1)-th smallest average exactly when the signed-rank statistic
/// about it is at most k, so this is the largest k with P(statistic ≤ k) ≤ tail.
fn bound_rank(blocks: usize, tail: f64) -> Option<usize> {
    // Don't lose equality to rounding: 1/256 is reachable with 8 blocks.
    let tail = tail * (1.0 + 1e-9);
    if blocks > MOST_EXACT {
        return bound_rank_normal(blocks as f64, tail);
    }
    let within = signed_rank_cumulative(blocks).partition_point(|cumulative| *cumulative <= tail);
    within.checked_sub(1)
}

/// [`bound_rank`] by the normal approximation with continuity correction.
fn bound_rank_normal(blocks: f64, tail: f64) -> Option<usize> {
    let mean = blocks * (blocks + 1.0) / 4.0;
    let deviation = (mean * (2.0 * blocks + 1.0) / 6.0).sqrt();
    let rank = mean + normal_quantile(tail) * deviation - 0.5;
    (rank >= 0.0).then_some(rank as usize)
}

/// P(statistic ≤ 0), P(≤ 1), … up to the middle, for the signed-rank statistic of `blocks` blocks
/// without an effect: each rank 1..=blocks is in the sum with probability ½. Cached.
fn signed_rank_cumulative(blocks: usize) -> &'static [f64] {
    static KEPT: [OnceLock<Vec<f64>>; MOST_EXACT + 1] = [const { OnceLock::new() }; MOST_EXACT + 1];
    KEPT[blocks].get_or_init(|| {
        let mut probabilities = vec![0.0; blocks * (blocks + 1) / 4 + 1];
        probabilities[0] = 1.0;
        for rank in 1..=blocks {
            for sum in (0..probabilities.len()).rev() {
                let rest = sum.checked_sub(rank);
                let with_rank = rest.map_or(0.0, |rest| probabilities[rest]);
                probabilities[sum] = f64::midpoint(probabilities[sum], with_rank);
            }
        }
        let mut cumulative = 0.0;
        for probability in &mut probabilities {
            cumulative += *probability;
            *probability = cumulative;
        }
        probabilities
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{
        LogRatio, WalshAverages, block_log_ratio, bound_rank, median, normal_quantile, two_sided,
    };

    /// Made with scipy by tests/data/stats/generate.py.
    fn fixture() -> Value {
        serde_json::from_str(include_str!("../../../tests/data/stats/scipy.json")).unwrap()
    }

    fn numbers(value: &Value) -> Vec<f64> {
        let items = value.as_array().unwrap();
        items.iter().map(|item| item.as_f64().unwrap()).collect()
    }

    #[track_caller]
    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!(
            (actual - expected).abs() <= tolerance,
            "{actual} is not {expected}"
        );
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        for case in fixture()["intervals"].as_array().unwrap() {
            let averages = WalshAverages::new(&numbers(&case["blocks"]));
            let estimate = averages.estimate(case["level"].as_f64().unwrap());
            close(estimate.point, case["point"].as_f64().unwrap(), 1e-12);
            match case["lower"].as_f64() {
                Some(lower) => {
                    close(estimate.lower, lower, 1e-12);
                    close(estimate.upper, case["upper"].as_f64().unwrap(), 1e-12);
                }
                None => {
                    assert!(estimate.lower.is_infinite() && estimate.upper.is_infinite());
                }
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_scipy() {
        for case in fixture()["normal_quantiles"].as_array().unwrap() {
            let [p, quantile] = numbers(case)[..] else {
                panic!("not a pair");
            };
            close(normal_quantile(p), quantile, 2e-6);
        }
    }

    #[test]
    fn approximation_meets_exact_distribution() {
        // [blocks, tail, rank], computed exactly by scipy, for more blocks than are exact here.
        for case in fixture()["ranks"].as_array().unwrap() {
            let [blocks, tail, rank] = numbers(case)[..] else {
                panic!("not a triple");
            };
            let ours = bound_rank(blocks as usize, tail).unwrap() as f64;
            // A smaller rank is a wider interval.
            assert!(ours <= rank, "{blocks} {tail}: {ours} > {rank}");
            close(ours, rank, 1.0 + rank * 0.022);
        }
    }

    #[test]
    fn few_blocks_support_few_levels() {
        // The smallest tail of n blocks is 2^-n.
        assert_eq!(bound_rank(8, 1.0 / 256.0), Some(0));
        assert_eq!(bound_rank(7, 1.0 / 256.0), None);
        let estimate = WalshAverages::new(&[0.1; 5]).estimate(0.95);
        assert!(estimate.lower.is_infinite() && estimate.upper.is_infinite());
    }

    #[test]
    fn equal_blocks_give_a_point() {
        let estimate = WalshAverages::new(&[0.25; 8]).estimate(0.95);
        close(estimate.lower, 0.25, 0.0);
        close(estimate.upper, 0.25, 0.0);
    }

    #[test]
    fn difference_of_intervals_is_mover() {
        // Zou and Donner 2008, equation 3, by hand.
        let own = LogRatio {
            point: 0.05,
            lower: 0.02,
            upper: 0.09,
            level: 0.95,
        };
        let reference = LogRatio {
            point: 0.01,
            lower: -0.02,
            upper: 0.05,
            level: 0.95,
        };
        let change = own.minus(reference);
        close(change.point, 0.04, 1e-15);
        close(change.lower, 0.04 - 0.05, 1e-15);
        close(change.upper, 0.04 + 0.05, 1e-15);
        let unknown = LogRatio {
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            ..reference
        };
        assert!(own.minus(unknown).lower.is_infinite());
        assert!(unknown.standard_error().is_infinite());
    }

    #[test]
    fn blocks_are_medians_of_pairs() {
        close(median(&[3.0, 1.0, 2.0]), 2.0, 0.0);
        close(median(&[4.0, 1.0, 2.0, 3.0]), 2.5, 0.0);
        // A machine that halves its speed in between does not change the ratio.
        let baseline = [1.0, 1.0, 2.0, 2.0, 50.0];
        let candidate = [1.1, 1.1, 2.2, 2.2, 2.0];
        close(block_log_ratio(&baseline, &candidate), 1.1_f64.ln(), 1e-12);
        close(two_sided(0.025), 0.95, 1e-15);
    }
}
