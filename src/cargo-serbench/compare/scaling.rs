//! Separates the fixed cost from the cost per element, for benchmarks that differ only in length.

use std::collections::BTreeMap;

use super::CaseTable;

/// With fewer lengths, a line means nothing.
const FEWEST_LENGTHS: usize = 4;

/// Minimum ratio of the longest to the shortest array (counted as at least 1).
const LEAST_RANGE: f64 = 100.0;

/// Number of elements, and the median latency in nanoseconds.
type Point = (f64, f64);

/// Suite, encoder and data type.
type Key<'a> = (&'a str, &'a str, &'a str);

/// The latency of one encoder by array length, for one data type.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    pub suite: String,
    pub encoder: String,
    pub dtype: String,
    pub line: Line,
    /// Lengths of the shortest and the longest array.
    pub range: (f64, f64),
}

/// time = fixed + per element × elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Nanoseconds for an empty array.
    pub fixed_ns: f64,
    pub element_ns: f64,
    /// The largest deviation of a measured time from the line, as a fraction of the line.
    pub largest_deviation: f64,
}

/// The ladders in the tables of one commit, in their order.
pub fn ladders(tables: &[CaseTable]) -> Vec<Ladder> {
    let mut points: BTreeMap<Key<'_>, Vec<Point>> = BTreeMap::new();
    for row in tables.iter().flat_map(|table| &table.rows) {
        let (Some(dtype), Some(shape)) = (&row.verification.dtype, &row.verification.shape) else {
            continue;
        };
        if let (Some(time), [elements]) = (row.latency_ns, &shape[..]) {
            let key = (
                row.id.qualified_suite(),
                row.encoder.as_str(),
                dtype.as_str(),
            );
            let points = points.entry(key).or_default();
            points.push((*elements as f64, time));
        }
    }
    let ladder = |((suite, encoder, dtype), points): (Key<'_>, Vec<Point>)| {
        let lengths = points.iter().map(|(elements, _)| *elements);
        let range = lengths.fold((f64::INFINITY, 0.0), |(least, most), length| {
            (length.min(least), length.max(most))
        });
        let wide = range.1 >= LEAST_RANGE * range.0.max(1.0);
        Some(Ladder {
            suite: suite.to_owned(),
            encoder: encoder.to_owned(),
            dtype: dtype.to_owned(),
            line: fit(&points).filter(|_| wide)?,
            range,
        })
    };
    points.into_iter().filter_map(ladder).collect()
}

/// Least squares of relative deviations, so that nanoseconds count as much as milliseconds. Neither
/// cost is negative.
fn fit(points: &[Point]) -> Option<Line> {
    let mut lengths: Vec<f64> = points.iter().map(|(elements, _)| *elements).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    if lengths.len() < FEWEST_LENGTHS || points.iter().any(|(_, time)| *time <= 0.0) {
        return None;
    }
    // With u = 1 / t and v = n / t, fixed × u + element × v should be 1 everywhere.
    let scaled = points
        .iter()
        .map(|(elements, time)| (1.0 / time, elements / time));
    let [mut uu, mut uv, mut vv, mut u1, mut v1] = [0.0; 5];
    for (u, v) in scaled {
        uu += u * u;
        uv += u * v;
        vv += v * v;
        u1 += u;
        v1 += v;
    }
    let determinant = uu * vv - uv * uv;
    let fixed = (u1 * vv - v1 * uv) / determinant;
    let element = (v1 * uu - u1 * uv) / determinant;
    let (fixed_ns, element_ns) = match (fixed < 0.0, element < 0.0) {
        (true, _) => (0.0, v1 / vv),
        (_, true) => (u1 / uu, 0.0),
        _ => (fixed, element),
    };
    let deviation = |(elements, time): &Point| {
        let line = fixed_ns + element_ns * elements;
        (time / line - 1.0).abs()
    };
    let largest_deviation = points.iter().map(deviation).fold(0.0, f64::max);
    let line = Line {
        fixed_ns,
        element_ns,
        largest_deviation,
    };
    (fixed_ns + element_ns).is_finite().then_some(line)
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn both_costs_are_found_whatever_the_lengths() {
        let lengths = [0.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6];
        let points = lengths.map(|elements| (elements, 25.0 + 1.5 * elements));
        let line = fit(&points).unwrap();
        assert!((line.fixed_ns - 25.0).abs() < 1e-6, "{line:?}");
        assert!((line.element_ns - 1.5).abs() < 1e-9, "{line:?}");
        assert!(line.largest_deviation < 1e-6, "{line:?}");
    }

    #[test]
    fn curved_ladders_have_large_deviations() {
        // An element costs twice as much in arrays that do not fit into a cache.
        let points = [(1.0, 30.0), (1e2, 130.0), (1e4, 10_030.0), (1e6, 2e6)];
        let line = fit(&points).unwrap();
        assert!((0.5..1.0).contains(&line.largest_deviation), "{line:?}");
    }

    #[test]
    fn no_cost_is_negative() {
        let points = [(10.0, 5.0), (20.0, 15.0), (40.0, 35.0), (80.0, 75.0)];
        let line = fit(&points).unwrap();
        assert!(line.fixed_ns >= 0.0 && line.element_ns > 0.0, "{line:?}");
    }

    #[test]
    fn too_few_lengths_give_no_ladder() {
        let same = [(10.0, 5.0), (10.0, 5.1), (10.0, 5.2), (20.0, 10.0)];
        assert_eq!(fit(&same), None);
        assert_eq!(fit(&[]), None);
    }
}
