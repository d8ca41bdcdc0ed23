//! Prepares charts of records: their content, from series and their change points.

use std::collections::{BTreeMap, HashMap};

use super::{
    History,
    change_points::{self, Found},
};
use crate::{
    compare::stats::median,
    record::{
        accepted::{self, Entry},
        index::{self, Index},
        series::Series,
    },
    report::html::{self, Accepted, Dot, Level, Machine, Multiple, Stop, Track},
};

/// Most dots in a chart; more would overlap.
const MARKS: usize = 80;

/// The fraction of a level's values below its band, and the fraction above.
const TAIL: f64 = 0.05;

/// A series and its change points.
pub type Changed<'a> = (Series<'a>, Vec<Found<'a>>);

/// Renders the page. `order` has full hashes, oldest first; `accepted` are the changes accepted so far.
pub fn page(
    args: &History,
    index: &Index,
    order: &[String],
    all: &[Changed<'_>],
    accepted: &[Entry],
) -> String {
    let mut found: Vec<Found<'_>> = all.iter().flat_map(|(_, found)| found).cloned().collect();
    let count = found.len();
    let (changes, hidden) = change_points::newest(&mut found, index, order);
    html::history(&html::Page {
        history: history(index, order, all, accepted),
        changes,
        found: count,
        hidden,
        rule: change_points::rule(&args.changes),
    })
}

/// The charts of these series.
pub fn history<'a>(
    index: &'a Index,
    order: &'a [String],
    all: &[Changed<'a>],
    accepted: &'a [Entry],
) -> html::History<'a> {
    let commits = recorded(index, order, all);
    let places: HashMap<&str, usize> = commits.iter().map(|stop| stop.sha).zip(0..).collect();
    let machines = machines(index, all);
    html::History {
        charts: charts(all, accepted, &places, &machines),
        accepted: marks(accepted, order, &places),
        commits,
        machines,
    }
}

/// Commits that have a value, oldest first.
fn recorded<'a>(index: &'a Index, order: &'a [String], all: &[Changed<'a>]) -> Vec<Stop<'a>> {
    let points = all.iter().flat_map(|(series, _)| {
        let key = series.key;
        series.points.iter().map(move |point| (point.commit, key))
    });
    let keys: HashMap<&str, &str> = points.collect();
    let stop = |sha: &'a String| {
        let entry = index.get(sha, keys.get(sha.as_str())?)?;
        Some(Stop {
            sha,
            subject: &entry.subject,
            measured: &entry.started_at,
        })
    };
    order.iter().filter_map(stop).collect()
}

/// The machine keys of these series, in the order of their keys.
fn machines<'a>(index: &'a Index, all: &[Changed<'a>]) -> Vec<Machine<'a>> {
    let entries: BTreeMap<&str, &index::Entry> = index
        .entries()
        .map(|entry| (entry.key.as_str(), entry))
        .collect();
    let mut keys: Vec<&str> = all.iter().map(|(series, _)| series.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let machine = |key: &str| {
        let entry = *entries.get(key)?;
        Some(Machine {
            key: &entry.key,
            machine: &entry.machine,
            toolchain: &entry.toolchain,
        })
    };
    keys.into_iter().filter_map(machine).collect()
}

fn charts<'a>(
    all: &[Changed<'a>],
    accepted: &[Entry],
    places: &HashMap<&str, usize>,
    machines: &[Machine<'_>],
) -> Vec<Multiple<'a>> {
    let mut charts: BTreeMap<(&str, Option<&str>), Vec<Track>> = BTreeMap::new();
    for (series, found) in all {
        let machine = machines.iter().position(|it| it.key == series.key);
        let tracks = charts.entry((series.id, series.reference)).or_default();
        tracks.extend(machine.map(|machine| track(machine, series, found, places)));
    }
    let matching = |id: &str| -> Vec<usize> {
        let entries = accepted.iter().enumerate();
        let matches = |entry: &Entry| entry.benchmarks.iter().any(|it| accepted::matches(it, id));
        let matching = entries.filter(|(_, entry)| matches(entry));
        matching.map(|(number, _)| number).collect()
    };
    let multiple = |((id, reference), tracks)| Multiple {
        id,
        reference,
        tracks,
        accepted: matching(id),
        now: None,
    };
    charts.into_iter().map(multiple).collect()
}

fn track(
    machine: usize,
    series: &Series<'_>,
    found: &[Found<'_>],
    places: &HashMap<&str, usize>,
) -> Track {
    let point = |point: &crate::record::series::Value<'_>| {
        let place = places.get(point.commit).copied()?;
        // As for change points, only values with a logarithm count.
        (point.value.ln().is_finite()).then_some((place, point.value))
    };
    let points: Vec<(usize, f64)> = series.points.iter().filter_map(point).collect();
    Track {
        machine,
        dots: dots(&points),
        levels: levels(&points, found),
    }
}

/// At most [`MARKS`] dots, each the median of equally many neighbours.
fn dots(points: &[(usize, f64)]) -> Vec<Dot> {
    let marks = points.len().min(MARKS);
    let bound = |mark: usize| mark * points.len() / marks;
    let dot = |mark: usize| {
        let part = &points[bound(mark)..bound(mark + 1)];
        let values: Vec<f64> = part.iter().map(|(_, value)| *value).collect();
        Dot {
            places: (part[0].0, part[part.len() - 1].0),
            value: median(&values),
        }
    };
    (0..marks).map(dot).collect()
}

/// The segments between change points.
fn levels(points: &[(usize, f64)], found: &[Found<'_>]) -> Vec<Level> {
    let starts = std::iter::once(0).chain(found.iter().map(|found| found.point.index));
    let ends = found.iter().map(|found| found.point.index);
    let changes = std::iter::once(None).chain(
        found
            .iter()
            .map(|found| Some((found.point.ratio(), found.point.p))),
    );
    let level = |((start, end), change): ((usize, usize), Option<(f64, f64)>)| {
        let part = points.get(start..end).filter(|part| !part.is_empty())?;
        let mut values: Vec<f64> = part.iter().map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        let logs: f64 = values.iter().map(|value| value.ln()).sum();
        let tail = (values.len() as f64 * TAIL) as usize;
        Some(Level {
            places: (part[0].0, part[part.len() - 1].0),
            records: part.len(),
            middle: (logs / values.len() as f64).exp(),
            band: (values[tail], values[values.len() - 1 - tail]),
            change,
        })
    };
    (starts.zip(ends.chain([points.len()])).zip(changes))
        .filter_map(level)
        .collect()
}

/// Accepted changes, each at the first record after the commit it was accepted on.
fn marks<'a>(
    accepted: &'a [Entry],
    order: &[String],
    places: &HashMap<&str, usize>,
) -> Vec<Accepted<'a>> {
    let place = |entry: &Entry| {
        let at = order.iter().position(|sha| *sha == entry.commit)?;
        let later = order[at + 1..].iter();
        later
            .filter_map(|sha| places.get(sha.as_str()))
            .min()
            .copied()
    };
    let mark = |entry: &'a Entry| Accepted {
        benchmarks: entry.benchmarks.join(", "),
        reason: &entry.reason,
        place: place(entry),
    };
    accepted.iter().map(mark).collect()
}
