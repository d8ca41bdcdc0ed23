//! Finds the change points of a series, where its level changed permanently.
//!
//! The method is E-divisive means with a t-test, as in Apache Otava 0.8.0 (formerly Hunter) by default:
//!
//! * Matteson and James 2014, "A Nonparametric Approach for Multiple Change Point Analysis of
//!   Multivariate Data": a candidate splits an interval where the energy distance between the two
//!   sides is largest; significant candidates are split further.
//! * Fleming et al. 2023, "Hunter: Using Change Point Detection to Hunt for Performance
//!   Regressions": windows of 50 values, half a window apart, keep the cost linear; Student's t-test
//!   replaces the permutation test. Windows are searched with ten times the p-value; the additional
//!   weak points are then tested again over the whole intervals between points, dropping the
//!   weakest until all are significant.
//!
//! One step differs. When Otava drops a point, it tests the two points to its right again, but not the
//! one to its left, which can then remain because of figures from an interval that ends too early. Here
//! the last step is repeated with new figures until it drops nothing: our points are always among
//! Otava's, and significant by the figures that are shown. Otava's answers are in `tests/data/changes`.

use statrs::function::beta::beta_reg;

/// Means closer than this, in logarithms, differ only by rounding.
const ROUNDING: f64 = 1e-12;

/// What counts as a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// Number of values in a window, at least 2.
    pub window: usize,
    /// The p-value of a change point must be below this.
    pub max_p: f64,
    /// The change must be above this fraction: 0.01 is 1 %.
    pub min_change: f64,
}

impl Default for Sensitivity {
    /// Otava's defaults, but without changes too small to report.
    fn default() -> Self {
        Self {
            window: 50,
            max_p: 0.001,
            min_change: 0.01,
        }
    }
}

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first value on the new level.
    pub index: usize,
    /// The mean of the values since the previous change point, and of those up to the next.
    pub before: f64,
    pub after: f64,
    /// The probability of a difference at least this large without a change, by Student's t-test. It is
    /// biased downwards, because the best of many places was chosen.
    pub p: f64,
}

impl ChangePoint {
    /// The ratio of the levels of a series of logarithms; 1.05 means 5 % higher than before.
    pub fn ratio(&self) -> f64 {
        (self.after - self.before).exp()
    }
}

/// The change points of a series of logarithms, all finite, by index.
pub fn change_points(values: &[f64], sensitivity: &Sensitivity) -> Vec<ChangePoint> {
    let Sensitivity { window, max_p, .. } = *sensitivity;
    // Relaxed as in Otava.
    let weak_p = match max_p {
        max_p if max_p < 0.05 => 10.0 * max_p,
        max_p if max_p < 0.5 => 2.0 * max_p,
        max_p => max_p,
    };
    let mut points = tested(values, &weak_points(values, window.max(2), weak_p));
    loop {
        let count = points.len();
        drop_weakest(&mut points, values, sensitivity);
        let indices: Vec<usize> = points.iter().map(|point| point.index).collect();
        points = tested(values, &indices);
        if points.len() == count {
            return points;
        }
    }
}

/// The points found in any window, by index.
fn weak_points(values: &[f64], window: usize, max_p: f64) -> Vec<usize> {
    let mut search = Search::default();
    let mut found = Vec::new();
    let mut start = 0;
    while start < values.len() {
        let end = values.len().min(start + window);
        let bounds = search.split(&values[start..end], max_p);
        // The start and the end are not change points.
        let inner = &bounds[1..bounds.len() - 1];
        found.extend(inner.iter().map(|index| start + index));
        let last = inner.last().map_or(0, |index| start + index);
        start = last.max(start + window / 2);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// While not all p-values are small enough, drops the point with the largest one. Then, while not all
/// changes are large enough, drops the smallest.
fn drop_weakest(points: &mut Vec<ChangePoint>, values: &[f64], sensitivity: &Sensitivity) {
    let least = sensitivity.min_change.ln_1p();
    let size = |point: &ChangePoint| (point.after - point.before).abs();
    while !points.is_empty() {
        // The first of several equal ones.
        let mut weakest = 0;
        for (at, point) in points.iter().enumerate() {
            if point.p > points[weakest].p {
                weakest = at;
            }
        }
        if points[weakest].p < sensitivity.max_p {
            for (at, point) in points.iter().enumerate() {
                if size(point) < size(&points[weakest]) {
                    weakest = at;
                }
            }
            if size(&points[weakest]) > least {
                return;
            }
        }
        points.remove(weakest);
        // Otava's choice, see above.
        for at in [weakest, weakest + 1] {
            if at < points.len() {
                points[at] = test(values, points, at);
            }
        }
    }
}

/// The points `indices`, with figures of the intervals between them.
fn tested(values: &[f64], indices: &[usize]) -> Vec<ChangePoint> {
    let untested = |index: &usize| ChangePoint {
        index: *index,
        before: 0.0,
        after: 0.0,
        p: 1.0,
    };
    let points: Vec<ChangePoint> = indices.iter().map(untested).collect();
    (0..points.len())
        .map(|at| test(values, &points, at))
        .collect()
}

/// The point `at`, with figures of the intervals on both sides.
fn test(values: &[f64], points: &[ChangePoint], at: usize) -> ChangePoint {
    let start = at.checked_sub(1).map_or(0, |at| points[at].index);
    let end = points.get(at + 1).map_or(values.len(), |next| next.index);
    let index = points[at].index;
    compare(&values[start..end], index - start, index)
}

/// The change point at `split` inside `values`, with `index` as its index in the series.
fn compare(values: &[f64], split: usize, index: usize) -> ChangePoint {
    let (before, after) = values.split_at(split);
    let sides = [before, after].map(|side| {
        let mean = side.iter().sum::<f64>() / side.len() as f64;
        let squares: f64 = side.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / side.len() as f64)
    });
    let [(before, _), (after, _)] = sides;
    let freedom = values.len() as f64 - 2.0;
    let difference = after - before;
    let p = if freedom < 1.0 || difference.abs() < ROUNDING {
        1.0
    } else {
        let [left, right] = [split, values.len() - split].map(|count| count as f64);
        // Otava passes variances with denominator n to a test that expects n - 1.
        let pooled = ((left - 1.0) * sides[0].1 + (right - 1.0) * sides[1].1) / freedom;
        let squared = difference.powi(2) / (pooled * (1.0 / left + 1.0 / right));
        two_sided(squared, freedom)
    };
    ChangePoint {
        index,
        before,
        after,
        p,
    }
}

/// The two-sided p-value of Student's t, given t², with `freedom` degrees of freedom (Abramowitz
/// and Stegun 1964, 26.7.1 and 26.5.27).
fn two_sided(t_squared: f64, freedom: f64) -> f64 {
    if t_squared.is_infinite() {
        return 0.0;
    }
    beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t_squared))
}

/// Buffers for searching a window, reused for the next.
#[derive(Default)]
struct Search {
    /// By number of values to the left: the sum of distances between all of them.
    left: Vec<f64>,
    /// By index: the sum of distances from a value to those after it, up to the end of the right side.
    behind: Vec<f64>,
}

impl Search {
    /// Splits `window` until no candidate is significant. Returns the boundaries of the intervals.
    fn split(&mut self, window: &[f64], max_p: f64) -> Vec<usize> {
        let mut bounds = vec![0, window.len()];
        let mut candidates = vec![self.candidate(window)];
        loop {
            let mut best: Option<(usize, usize, f64)> = None;
            for (interval, candidate) in candidates.iter().enumerate() {
                if let Some((split, distance)) = *candidate
                    && best.is_none_or(|(_, _, largest)| distance > largest)
                {
                    best = Some((interval, split, distance));
                }
            }
            let Some((interval, split, _)) = best else {
                return bounds;
            };
            let (start, end) = (bounds[interval], bounds[interval + 1]);
            if compare(&window[start..end], split, 0).p > max_p {
                return bounds;
            }
            let middle = start + split;
            bounds.insert(interval + 1, middle);
            candidates[interval] = self.candidate(&window[start..middle]);
            let right = self.candidate(&window[middle..end]);
            candidates.insert(interval + 1, right);
        }
    }

    /// The split at which the energy distance between `values[..split]` and `values[split..end]`, for any
    /// `end`, is largest, and that distance; `None` if there is nothing to split.
    ///
    /// With n and m values on the sides, it is 2/(n+m) times the sum of distances between the sides,
    /// minus 2m/(n+m)/(n-1) times the sum on the left, minus 2n/(n+m)/(m-1) times the sum on the
    /// right (equations 5 to 7 of Matteson and James with α = 1, as Otava scales them). The sums for
    /// one more value are those before and a few distances more.
    fn candidate(&mut self, values: &[f64]) -> Option<(usize, f64)> {
        let Self { left, behind } = self;
        if values.len() < 2 {
            return None;
        }
        left.clear();
        left.push(0.0);
        behind.clear();
        let mut best: Option<(usize, f64)> = None;
        for end in 1..=values.len() {
            let last = values[end - 1];
            let mut within = 0.0;
            for (value, behind) in values.iter().zip(behind.iter_mut()) {
                let distance = (last - value).abs();
                *behind += distance;
                within += distance;
            }
            behind.push(0.0);
            let all = left[end - 1] + within;
            left.push(all);
            let mut right = 0.0;
            for split in (1..end).rev() {
                right += behind[split];
                let [n, m] = [split, end - split].map(|count| count as f64);
                let between = all - left[split] - right;
                let spread = |sum: f64, own: f64, other: f64| {
                    if own > 1.0 {
                        other * sum / (own - 1.0)
                    } else {
                        0.0
                    }
                };
                let inner = spread(left[split], n, m) + spread(right, m, n);
                let distance = 2.0 * (between - inner) / (n + m);
                let better = |(other, largest): (usize, f64)| {
                    distance > largest || (distance >= largest && split < other)
                };
                if best.is_none_or(better) {
                    best = Some((split, distance));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::{ChangePoint, Sensitivity, change_points, two_sided};

    /// A series and Otava's answer, made by tests/data/changes/generate.py.
    #[derive(Deserialize)]
    struct Golden {
        name: String,
        window: usize,
        max_p: f64,
        min_change: f64,
        values: Vec<f64>,
        /// What Otava finds.
        otava: Vec<usize>,
        /// The points that remain here, with Otava's figures.
        points: Vec<(usize, f64, f64, f64)>,
    }

    fn golden() -> Vec<Golden> {
        serde_json::from_str(include_str!("../../../tests/data/changes/otava.json")).unwrap()
    }

    fn alike(one: f64, other: f64, precision: f64) -> bool {
        (one - other).abs() <= precision * one.abs().max(1e-300)
    }

    #[test]
    fn change_points_are_those_of_otava() {
        let mut points = 0;
        for case in golden() {
            let sensitivity = Sensitivity {
                window: case.window,
                max_p: case.max_p,
                min_change: case.min_change,
            };
            let found = change_points(&case.values, &sensitivity);
            let indices: Vec<usize> = found.iter().map(|point| point.index).collect();
            let expected: Vec<usize> = case.points.iter().map(|point| point.0).collect();
            assert_eq!(indices, expected, "{}", case.name);
            assert!(indices.iter().all(|index| case.otava.contains(index)));
            for (point, (_, before, after, p)) in found.iter().zip(case.points) {
                let same = alike(before, point.before, 1e-9) && alike(after, point.after, 1e-9);
                // Below that, p is only rounding error in the variance of equal values.
                let same = same && (alike(p, point.p, 1e-6) || p.max(point.p) < 1e-100);
                assert!(same, "{}: {point:?}, not {before} {after} {p}", case.name);
                points += 1;
            }
        }
        assert!(points > 60, "{points} points compared");
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let values: Vec<f64> = (0..60)
            .map(|index| 0.2 + 0.001 * f64::from(index % 3) + if index < 37 { 0.0 } else { 0.05 })
            .collect();
        let found = change_points(&values, &Sensitivity::default());
        let [ChangePoint { index, p, .. }] = found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(index, 37);
        assert!(p < 1e-20);
        assert!(alike(found[0].ratio(), 0.05_f64.exp(), 1e-3));
        // Too small to report.
        let strict = Sensitivity {
            min_change: 0.06,
            ..Sensitivity::default()
        };
        assert_eq!(change_points(&values, &strict), []);
    }

    #[test]
    fn p_values_are_those_of_tables() {
        // Two-sided critical values of Student's t at 5 %, 1 % and 0.1 %, with the digits of the tables.
        for (freedom, t, p) in [
            (1.0, 12.706, 0.05),
            (10.0, 3.169, 0.01),
            (30.0, 3.646, 0.001),
            (1000.0, 3.300, 0.001),
        ] {
            let found = two_sided(t * t, freedom);
            assert!(alike(p, found, 2e-3), "{freedom} {t}: {found}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn points_are_inside_and_in_order(
            values in prop::collection::vec(-3.0..3.0_f64, 0..200),
            window in 0_usize..60,
            min_change in 0.0..0.5_f64,
        ) {
            let sensitivity = Sensitivity { window, max_p: 0.05, min_change };
            let found = change_points(&values, &sensitivity);
            let mut last = 0;
            for point in found {
                prop_assert!(point.index > last && point.index < values.len());
                prop_assert!(point.p < 0.05 && (point.after - point.before).abs() > min_change.ln_1p());
                last = point.index;
            }
        }

        #[test]
        fn equal_values_have_none(value in -3.0..3.0_f64, count in 0_usize..300) {
            prop_assert!(change_points(&vec![value; count], &Sensitivity::default()).is_empty());
        }
    }
}
