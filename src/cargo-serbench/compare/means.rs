//! Geometric means over benchmarks, by encoder and by data type.

use std::collections::BTreeMap;

/// One benchmark that has a reference. All values are natural logarithms of ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    pub encoder: &'a str,
    pub dtype: Option<&'a str>,
    /// Encoder / reference at the baseline and the candidate.
    pub baseline: Option<f64>,
    pub candidate: Option<f64>,
    /// (encoder / reference at the candidate) / (the same at the baseline).
    pub change: Option<f64>,
}

/// The mean of some benchmarks. All values are natural logarithms of ratios.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    pub name: String,
    pub benchmarks: usize,
    pub baseline: Option<f64>,
    pub candidate: Option<f64>,
    pub change: Option<f64>,
}

/// Means by encoder and by data type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Means {
    pub by_encoder: Vec<Mean>,
    pub by_dtype: Vec<Mean>,
    pub grid: Vec<GridCell>,
}

/// The mean over all shapes, for one encoder and one data type.
#[derive(Clone, Debug, PartialEq)]
pub struct GridCell {
    pub encoder: String,
    pub dtype: String,
    /// Log-ratio encoder / reference at the candidate.
    pub ratio: f64,
}

/// The geometric means of `points`.
pub fn means(points: &[Point<'_>]) -> Means {
    Means {
        by_encoder: grouped(points, |point| Some(point.encoder)),
        by_dtype: grouped(points, |point| point.dtype),
        grid: grid(points),
    }
}

fn grid(points: &[Point<'_>]) -> Vec<GridCell> {
    let mut groups: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for point in points {
        if let (Some(dtype), Some(ratio)) = (point.dtype, point.candidate) {
            groups
                .entry((point.encoder, dtype))
                .or_default()
                .push(ratio);
        }
    }
    let cell = |((encoder, dtype), logs): ((&str, &str), Vec<f64>)| GridCell {
        encoder: encoder.to_owned(),
        dtype: dtype.to_owned(),
        ratio: logs.iter().sum::<f64>() / logs.len() as f64,
    };
    groups.into_iter().map(cell).collect()
}

fn grouped<'a>(points: &[Point<'a>], name: fn(&Point<'a>) -> Option<&'a str>) -> Vec<Mean> {
    let mut groups: BTreeMap<&str, Vec<&Point<'_>>> = BTreeMap::new();
    for point in points {
        if let Some(name) = name(point) {
            groups.entry(name).or_default().push(point);
        }
    }
    let mean = |(name, group): (&str, Vec<&Point<'_>>)| Mean {
        name: name.to_owned(),
        benchmarks: group.len(),
        baseline: average(group.iter().map(|point| point.baseline)),
        candidate: average(group.iter().map(|point| point.candidate)),
        change: average(group.iter().map(|point| point.change)),
    };
    groups.into_iter().map(mean).collect()
}

/// The mean of all values; `None` if one is missing, because the mean of the rest would not be comparable.
fn average(values: impl ExactSizeIterator<Item = Option<f64>>) -> Option<f64> {
    let count = values.len();
    let sum: f64 = values.collect::<Option<Vec<f64>>>()?.iter().sum();
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::{Point, means};

    #[test]
    fn halves_and_doubles_cancel() {
        let point = |encoder, dtype, candidate: f64| Point {
            encoder,
            dtype: Some(dtype),
            baseline: None,
            candidate: Some(candidate.ln()),
            change: Some(0.0),
        };
        let points = [
            point("a", "f64", 2.0),
            point("a", "f32", 0.5),
            point("b", "f32", 8.0),
        ];
        let means = means(&points);
        let ratio = |log: Option<f64>| log.unwrap().exp();
        assert_eq!(means.by_encoder[0].benchmarks, 2);
        assert!((ratio(means.by_encoder[0].candidate) - 1.0).abs() < 1e-12);
        assert!((ratio(means.by_dtype[0].candidate) - 2.0).abs() < 1e-12);
        assert_eq!(means.by_encoder[0].baseline, None);
    }
}
