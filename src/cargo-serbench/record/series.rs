//! Orders the recorded figures of each benchmark by commit.

use std::collections::{BTreeMap, HashMap};

use super::index::{Entry, Index, Name};
use crate::compare::stats::median;

/// Eighths of a line of text.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Minimum height of a chart as a fraction of its middle: differences below 2 %
/// must not look like mountains.
const LEAST_SPAN: f64 = 0.02;

/// One benchmark over commits, on one machine and with one reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<'a> {
    /// The machine key.
    pub key: &'a str,
    pub id: &'a str,
    /// The reference. Without one, values are times.
    pub reference: Option<&'a str>,
    /// Oldest first.
    pub points: Vec<Value<'a>>,
}

/// A value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value<'a> {
    /// Full hash.
    pub commit: &'a str,
    /// The ratio to the reference, or nanoseconds per operation without one.
    pub value: f64,
}

/// The series of all benchmarks with `wanted` ids, by machine key, id and reference. `order` has full
/// hashes, oldest first; entries of other commits are ignored.
pub fn series<'a>(
    index: &'a Index,
    order: &[String],
    wanted: impl Fn(&str) -> bool,
) -> Vec<Series<'a>> {
    let mut by_commit: HashMap<&str, Vec<&Entry>> = HashMap::new();
    for entry in index.entries() {
        by_commit.entry(&entry.commit).or_default().push(entry);
    }
    let mut places: HashMap<(&str, usize), Vec<Option<usize>>> = HashMap::new();
    let mut found: BTreeMap<(&str, &str, Option<&str>), usize> = BTreeMap::new();
    let mut all: Vec<Series<'a>> = Vec::new();
    let entries = order
        .iter()
        .filter_map(|commit| by_commit.get(commit.as_str()))
        .flatten();
    for entry in entries {
        let places = places.entry((&entry.key, entry.names)).or_insert_with(|| {
            let mut place = |name: &'a Name| {
                let reference = name.reference.as_deref();
                let identity = (entry.key.as_str(), name.id.as_str(), reference);
                wanted(&name.id).then(|| {
                    *found.entry(identity).or_insert_with(|| {
                        all.push(Series {
                            key: &entry.key,
                            id: &name.id,
                            reference,
                            points: Vec::new(),
                        });
                        all.len() - 1
                    })
                })
            };
            index.names(entry).iter().map(&mut place).collect()
        });
        for (place, point) in places.iter().zip(&entry.points) {
            let Some(place) = *place else {
                continue;
            };
            let value = match all[place].reference {
                Some(_) => point.ratio,
                None => point.latency_ns,
            };
            if let Some(value) = value {
                let commit = &entry.commit;
                all[place].points.push(Value { commit, value });
            }
        }
    }
    all.retain(|series| !series.points.is_empty());
    all.sort_by_key(|series| (series.key, series.id, series.reference));
    all
}

/// A chart of one line with at most `width` columns, each the median of as many values. The lowest and
/// the highest column span the height of the line, unless they are close together.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let columns = values.len().min(width);
    let medians: Vec<f64> = (0..columns)
        .map(|column| {
            let bound = |column| column * values.len() / columns;
            median(&values[bound(column)..bound(column + 1)])
        })
        .collect();
    let lowest = medians.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = medians.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = f64::midpoint(lowest, highest);
    let span = (highest - lowest).max(LEAST_SPAN * middle.abs());
    let bar = |value: &f64| {
        let height = if span > 0.0 {
            (value - middle) / span + 0.5
        } else {
            0.5
        };
        // The cast saturates.
        BARS[((height * 8.0) as usize).min(7)]
    };
    medians.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::super::index::{Entry, Index, Name, Point, Stamp};
    use super::{series, sparkline};

    fn add(index: &mut Index, (commit, key): (&str, &str), names: &[(&str, &str, f64)]) {
        let entry = Entry {
            commit: commit.to_owned(),
            key: key.to_owned(),
            stamp: Stamp {
                size: 0,
                modified: 0,
            },
            machine: String::new(),
            toolchain: String::new(),
            subject: String::new(),
            started_at: String::new(),
            names: 0,
            points: names
                .iter()
                .map(|(_, reference, value)| Point {
                    ratio: Some(*value).filter(|ratio| !reference.is_empty() && *ratio > 0.0),
                    latency_ns: Some(value * 1000.0),
                })
                .collect(),
        };
        let names = names.iter().map(|(id, reference, _)| Name {
            id: (*id).to_owned(),
            reference: Some((*reference).to_owned()).filter(|it| !it.is_empty()),
        });
        index.append(entry, names.collect()).unwrap();
    }

    fn text(index: &Index, order: &str, wanted: impl Fn(&str) -> bool) -> String {
        let order: Vec<String> = order.split(' ').map(str::to_owned).collect();
        let line = |series: &super::Series<'_>| {
            let points = series
                .points
                .iter()
                .map(|point| format!(" {}={}", point.commit, point.value));
            let reference = series.reference.unwrap_or("-");
            let points: String = points.collect();
            format!("{} {} / {reference}:{points}\n", series.key, series.id)
        };
        series(index, &order, wanted).iter().map(line).collect()
    }

    #[test]
    fn commits_are_ordered() {
        let folder = tempfile::tempdir().unwrap();
        let mut index = Index::open(&folder.path().join("index")).unwrap();
        add(&mut index, ("c9", "m"), &[("o", "", 1.0), ("a", "o", 1.5)]);
        add(&mut index, ("c1", "m"), &[("o", "", 2.0), ("a", "o", 1.25)]);
        // Failed, on another machine, with another reference, on another branch.
        add(&mut index, ("c2", "m"), &[("o", "", 3.0), ("a", "o", 0.0)]);
        add(&mut index, ("c1", "n"), &[("o", "", 4.0)]);
        add(&mut index, ("c3", "m"), &[("a", "p", 7.0), ("p", "", 1.0)]);
        add(&mut index, ("x1", "m"), &[("o", "", 9.0)]);
        insta::assert_snapshot!(text(&index, "c1 c2 c3 c9", |_| true), @r"
        m a / o: c1=1.25 c9=1.5
        m a / p: c3=7
        m o / -: c1=2000 c2=3000 c9=1000
        m p / -: c3=1000
        n o / -: c1=4000
        ");
        assert_eq!(
            text(&index, "c1 c9", |id| id == "a"),
            "m a / o: c1=1.25 c9=1.5\n"
        );
        assert_eq!(text(&index, "", |_| true), "");
    }

    #[test]
    fn charts() {
        let check =
            |values: &[f64], width, expected| assert_eq!(sparkline(values, width), expected);
        check(&[], 10, "");
        check(&[1.0], 10, "▅");
        check(&[1.0, 2.0, 3.0], 10, "▁▅█");
        // A difference of 0.2 % must not look like a mountain.
        check(&[1.0, 1.002, 0.998, 1.0], 10, "▅▅▄▅");
        check(&[0.0, 0.0], 10, "▅▅");
        let steps: Vec<f64> = (0..800).map(|step| f64::from(step) + 100.0).collect();
        check(&steps, 8, "▁▂▃▄▅▆▇█");
        // A single outlier does not change the median of a column.
        let mut steady = vec![1.0; 100];
        steady[50] = 9.0;
        check(&steady, 10, "▅▅▅▅▅▅▅▅▅▅");
    }
}
