//! Change points of recorded series, with the commits that may have caused them.

use std::{cmp::Reverse, collections::HashMap};

use clap::Args;
use serde::Serialize;

use crate::{
    discover::git,
    record::changes::{self, ChangePoint},
    record::index::Index,
    record::series::Series,
    report::{
        cells,
        table::{self, Cell, Column, Table, Tone, left, right},
    },
    values::quantities::Percent,
};

/// Most rows in a table.
const SHOWN: usize = 20;

/// Options that define a change point.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Change points")]
pub struct Sensitivity {
    /// Report only change points above this
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = Sensitivity::default().min_change,
        allow_hyphen_values = true
    )]
    pub min_change: Percent,

    /// Report only change points with a p-value below this
    #[arg(long, value_name = "P", default_value_t = Sensitivity::default().max_p, value_parser = probability, allow_hyphen_values = true)]
    pub max_p: f64,

    /// Search for changes in windows of this many records
    #[arg(long, value_name = "RECORDS", default_value_t = Sensitivity::default().window, value_parser = clap::value_parser!(u16).range(4..))]
    pub window: u16,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self {
            min_change: Percent::of_fraction(0.01),
            max_p: 0.001,
            window: 50,
        }
    }
}

fn probability(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok();
    let possible = |number: &f64| *number > 0.0 && *number < 1.0;
    number
        .filter(possible)
        .ok_or("expected a probability above 0 and below 1, such as 0.001")
}

impl Sensitivity {
    fn limits(&self) -> changes::Sensitivity {
        changes::Sensitivity {
            window: self.window.into(),
            max_p: self.max_p,
            min_change: self.min_change.fraction(),
        }
    }
}

/// A change point of a series.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The machine key.
    pub key: &'a str,
    pub id: &'a str,
    pub reference: Option<&'a str>,
    /// The first commit recorded on the new level, and the previous recorded one.
    pub commit: &'a str,
    pub previous: &'a str,
    pub point: ChangePoint,
}

/// The change points of a series, oldest first.
pub fn of<'a>(series: &Series<'a>, sensitivity: &Sensitivity) -> Vec<Found<'a>> {
    let points: Vec<(&str, f64)> = series
        .points
        .iter()
        .map(|point| (point.commit, point.value.ln()))
        .filter(|(_, log)| log.is_finite())
        .collect();
    let logs: Vec<f64> = points.iter().map(|(_, log)| *log).collect();
    let found = changes::change_points(&logs, &sensitivity.limits());
    let found = found.into_iter().map(|point| Found {
        key: series.key,
        id: series.id,
        reference: series.reference,
        commit: points[point.index].0,
        previous: points[point.index - 1].0,
        point,
    });
    found.collect()
}

/// A change point in JSON. Levels are geometric means.
#[derive(Clone, Debug, Serialize)]
pub struct Exported<'a> {
    pub commit: &'a str,
    pub previous: &'a str,
    pub before: f64,
    pub after: f64,
    /// after / before; 1.05 is 5 % slower.
    pub change: f64,
    pub p: f64,
}

impl<'a> From<&Found<'a>> for Exported<'a> {
    fn from(found: &Found<'a>) -> Self {
        let Found {
            commit,
            previous,
            point,
            ..
        } = found;
        Self {
            commit,
            previous,
            before: point.before.exp(),
            after: point.after.exp(),
            change: point.ratio(),
            p: point.p,
        }
    }
}

/// A line of the table.
struct Line<'a> {
    found: &'a Found<'a>,
    /// The subject of the commit.
    subject: &'a str,
    /// Number of commits since the previous record.
    commits: usize,
}

/// The newest change points of one machine as text and table; empty if there are none.
pub fn section(
    found: &mut [Found<'_>],
    index: &Index,
    order: &[String],
    (sensitivity, render): (&Sensitivity, fn(&Table) -> String),
) -> String {
    if found.is_empty() {
        return String::new();
    }
    let (table, hidden) = newest(found, index, order);
    let mut text = format!("{}\n\n{}", rule(sensitivity), render(&table));
    if hidden > 0 {
        text += &format!("\n{hidden} older; `--format csv` lists all.\n");
    }
    text
}

/// The definition of a change point, and a note on its reliability.
pub fn rule(sensitivity: &Sensitivity) -> String {
    let Sensitivity {
        min_change, max_p, ..
    } = sensitivity;
    format!(
        "Change points above {min_change} with p < {max_p}, newest first. They come from records, \
         so they are not verdicts."
    )
}

/// A table of the newest change points, and the number of those left out.
pub fn newest(found: &mut [Found<'_>], index: &Index, order: &[String]) -> (Table, usize) {
    let places: HashMap<&str, usize> = order.iter().map(String::as_str).zip(0..).collect();
    let place = |commit: &str| places.get(commit).copied().unwrap_or(0);
    found.sort_by_key(|found| (Reverse(place(found.commit)), found.id, found.key));
    let shown = &found[..found.len().min(SHOWN)];
    let line = |found| Line {
        found,
        subject: index
            .get(found.commit, found.key)
            .map_or("", |entry| &entry.subject),
        commits: place(found.commit) - place(found.previous),
    };
    let lines: Vec<Line<'_>> = shown.iter().map(line).collect();
    (table::table(&columns(), &lines), found.len() - shown.len())
}

fn columns<'a>() -> Vec<Column<Line<'a>>> {
    vec![
        left("Benchmark", |line| Cell::plain(line.found.id)),
        right("Change", |line| {
            let change = line.found.point.after - line.found.point.before;
            let tone = if change > 0.0 { Tone::Bad } else { Tone::Good };
            Cell::toned(cells::percent(change), tone)
        }),
        right("Before", |line| level(line, line.found.point.before)),
        right("After", |line| level(line, line.found.point.after)),
        right("p", |line| {
            Cell::plain(probability_text(line.found.point.p))
        }),
        left("Commit", |line| Cell::plain(git::short(line.found.commit))),
        // The change may be in any of these commits.
        right("One of", |line| match line.commits {
            1 => Cell::absent(),
            commits => Cell::plain(commits.to_string()),
        }),
        left("Subject", |line| Cell::plain(line.subject)),
    ]
}

fn level(line: &Line<'_>, log: f64) -> Cell {
    Cell::plain(match line.found.reference {
        Some(_) => cells::figures(log.exp()),
        None => cells::time(log.exp()),
    })
}

fn probability_text(p: f64) -> String {
    match p {
        p if p < 1e-99 => "<1e-99".to_owned(),
        p if p < 1e-3 => format!("{p:.0e}"),
        p => format!("{p:.4}"),
    }
}
