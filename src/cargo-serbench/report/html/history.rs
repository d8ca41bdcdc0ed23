//! Charts of the records of benchmarks over commits.

use maud::{Markup, html};

use super::{
    picture,
    scale::{Scale, round},
    table,
};
use crate::{
    compare::stats::median,
    report::{
        cells,
        table::{Cell, Column, Table, left, right},
        text,
    },
};

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 170.0;
/// The plot area of a chart.
const LEFT: f64 = 56.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = HEIGHT - 22.0;

/// Room for the text of a change.
const NAME: f64 = 66.0;

/// Machines are distinguished by letters.
const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The records of some benchmarks.
#[derive(Debug)]
pub struct History<'a> {
    /// Commits with a record, oldest first.
    pub commits: Vec<Stop<'a>>,
    pub machines: Vec<Machine<'a>>,
    pub charts: Vec<Multiple<'a>>,
    pub accepted: Vec<Accepted<'a>>,
}

/// A commit on the horizontal axis.
#[derive(Debug)]
pub struct Stop<'a> {
    pub sha: &'a str,
    pub subject: &'a str,
    /// When it was measured (RFC 3339).
    pub measured: &'a str,
}

/// A machine key and its meaning.
#[derive(Debug)]
pub struct Machine<'a> {
    pub key: &'a str,
    pub machine: &'a str,
    pub toolchain: &'a str,
}

/// An intended change.
#[derive(Debug)]
pub struct Accepted<'a> {
    pub benchmarks: String,
    pub reason: &'a str,
    /// Index of the first commit recorded with it; `None` if no recorded commit has it.
    pub place: Option<usize>,
}

/// One benchmark on all machines.
#[derive(Debug)]
pub struct Multiple<'a> {
    pub id: &'a str,
    pub reference: Option<&'a str>,
    pub tracks: Vec<Track>,
    /// Indices of [`History::accepted`].
    pub accepted: Vec<usize>,
    /// What the reported run measured, if that is not one of the records.
    pub now: Option<f64>,
}

/// One benchmark on one machine.
#[derive(Debug)]
pub struct Track {
    /// Index of [`History::machines`].
    pub machine: usize,
    pub dots: Vec<Dot>,
    pub levels: Vec<Level>,
}

impl Multiple<'_> {
    /// Whether its level changed on any machine.
    pub fn is_changed(&self) -> bool {
        self.tracks.iter().any(|track| track.levels.len() > 1)
    }
}

impl Track {
    /// The number of records.
    pub fn records(&self) -> usize {
        self.levels.iter().map(|level| level.records).sum()
    }

    /// At most `most` places and values, each in the middle of as many dots.
    pub fn condensed(&self, most: usize) -> Vec<(f64, f64)> {
        let corners = self.dots.len().min(most);
        let bound = |corner: usize| corner * self.dots.len() / corners;
        let corner = |corner: usize| {
            let part = &self.dots[bound(corner)..bound(corner + 1)];
            let values: Vec<f64> = part.iter().map(|dot| dot.value).collect();
            let (first, last) = (part[0].places.0, part[part.len() - 1].places.1);
            (f64::midpoint(first as f64, last as f64), median(&values))
        };
        (0..corners).map(corner).collect()
    }
}

/// A dot: one record, or the median of neighbours if there are too many.
#[derive(Debug)]
pub struct Dot {
    /// Indices of the first and the last commit.
    pub places: (usize, usize),
    pub value: f64,
}

/// A segment between change points.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Indices of the first and the last commit.
    pub places: (usize, usize),
    pub records: usize,
    /// The geometric mean.
    pub middle: f64,
    /// Nine of ten values lie within.
    pub band: (f64, f64),
    /// The ratio to the previous level, and its p-value.
    pub change: Option<(f64, f64)>,
}

/// How to read a chart.
pub const LEGEND: &str = "Each dot is a record, or the median of neighbors; lower is faster. A line is a level \
                          between change points, the band around it holds nine of ten values. \u{25b2} marks \
                          where a level became slower, \u{25bc} faster, \u{2713} an accepted change, and a \
                          letter where records of another machine key begin.";

/// The machine keys by their letters.
pub fn machines(history: &History<'_>) -> Markup {
    html! {
        dl {
            @for (number, machine) in history.machines.iter().enumerate() {
                dt { (letter(number)) }
                dd { (text::visible(machine.machine)) "; " (text::visible(machine.toolchain)) " (" code { (text::visible(machine.key)) } ")" }
            }
        }
    }
}

pub fn short(sha: &str) -> &str {
    sha.get(..10).unwrap_or(sha)
}

fn letter(machine: usize) -> char {
    char::from(LETTERS[machine % LETTERS.len()])
}

/// One chart, with the same as a table.
pub fn multiple(history: &History<'_>, number: usize, chart: &Multiple<'_>) -> Markup {
    let id = text::visible(chart.id);
    let name = format!("series-{number}");
    let description = description(chart);
    html! {
        article id=(name) data-name=(id.to_lowercase()) data-changed[chart.is_changed()] {
            h3 { code { (id) } }
            figure {
                (picture(&name, (WIDTH, HEIGHT), &id, &description, &drawing(history, chart)))
                figcaption { (description) }
                details { summary { "As a table" } (table(&levels_table(history, chart), &id)) }
            }
        }
    }
}

fn description(chart: &Multiple<'_>) -> String {
    let last = chart
        .tracks
        .iter()
        .max_by_key(|track| track.dots.last().map(|dot| dot.places.1));
    let last = last.and_then(|track| track.dots.last());
    let last = last.map_or_else(String::new, |dot| value(chart, dot.value));
    let last = match chart.reference {
        Some(reference) => format!("Last {last} \u{d7} {}", text::visible(reference)),
        None => format!("Last {last}"),
    };
    match chart.now {
        Some(now) => format!("{last}; this run {}", value(chart, now)),
        None => last,
    }
}

/// A ratio, or a time if there is no reference.
pub fn value(chart: &Multiple<'_>, value: f64) -> String {
    match chart.reference {
        Some(_) => cells::figures(value),
        None => cells::time(value),
    }
}

/// The range of the vertical axis: at least 2 %, so that noise does not look like mountains.
pub fn vertical(chart: &Multiple<'_>, (start, end): (f64, f64)) -> Scale {
    let values = || {
        let dots = chart.tracks.iter().flat_map(|track| &track.dots);
        dots.map(|dot| dot.value).chain(chart.now)
    };
    let lowest = values().fold(f64::INFINITY, f64::min);
    let highest = values().fold(f64::NEG_INFINITY, f64::max);
    let middle = f64::midpoint(lowest, highest);
    let half = ((highest - lowest) / 2.0).max(0.01 * middle.abs()) * 1.1;
    Scale {
        from: middle - half,
        to: middle + half,
        start,
        end,
    }
}

fn drawing(history: &History<'_>, chart: &Multiple<'_>) -> Markup {
    let up = vertical(chart, (BOTTOM, TOP));
    let across = across(history, chart, (LEFT, RIGHT));
    let ticks = up.ticks();
    let first = history.commits.first().map_or("", |stop| short(stop.sha));
    let last = history.commits.last().map_or("", |stop| short(stop.sha));
    html! {
        @for (tick, label) in ticks.iter().zip(labels(chart, &ticks)) {
            line.axis x1=(LEFT) x2=(RIGHT) y1=(up.at(*tick)) y2=(up.at(*tick)) {}
            text class="soft end" x=(LEFT - 5.0) y=(up.at(*tick) + 4.0) { (label) }
        }
        text.soft x=(LEFT) y=(HEIGHT - 6.0) { (first) }
        @if chart.now.is_some() { text class="soft end" x=(RIGHT) y=(HEIGHT - 6.0) { "this run" } }
        @else if history.commits.len() > 1 { text class="soft end" x=(RIGHT) y=(HEIGHT - 6.0) { (last) } }
        @for track in &chart.tracks { (draw(history, chart, track, (&across, &up))) }
        @for index in &chart.accepted { (tick(history, &history.accepted[*index], &across)) }
        @if let Some(now) = chart.now {
            circle.now cx=(across.at(history.commits.len() as f64)) cy=(up.at(now)) r="3.5" { title { "this run: " (value(chart, now)) } }
        }
    }
}

/// The horizontal axis: a place for each commit, and one for the reported run.
pub fn across(history: &History<'_>, chart: &Multiple<'_>, (start, end): (f64, f64)) -> Scale {
    let places = history.commits.len() + usize::from(chart.now.is_some());
    Scale {
        from: -0.5,
        to: places as f64 - 0.5,
        start,
        end,
    }
}

/// Axis labels, without trailing zeros that all of them have.
fn labels(chart: &Multiple<'_>, ticks: &[f64]) -> Vec<String> {
    if chart.reference.is_none() {
        return ticks.iter().map(|tick| cells::time(*tick)).collect();
    }
    let texts: Vec<String> = ticks.iter().map(|tick| cells::figures(*tick)).collect();
    let with_zero = |text: &String| text.contains('.') && text.ends_with(['0', '.']);
    let mut shorter = texts;
    while !shorter.is_empty() && shorter.iter().all(with_zero) {
        for text in &mut shorter {
            text.pop();
        }
    }
    shorter
}

fn draw(
    history: &History<'_>,
    chart: &Multiple<'_>,
    track: &Track,
    (across, up): (&Scale, &Scale),
) -> Markup {
    let middle =
        |(first, last): (usize, usize)| across.at(f64::midpoint(first as f64, last as f64));
    let begins = track.dots.first().map_or(0, |dot| dot.places.0);
    let many = history.machines.len() > 1;
    html! {
        g {
            @if many {
                @if begins > 0 { line.border x1=(across.at(begins as f64 - 0.5)) x2=(across.at(begins as f64 - 0.5)) y1=(TOP) y2=(BOTTOM) {} }
                text.soft x=(across.at(begins as f64 - 0.5) + 2.0) y=(BOTTOM - 4.0) { (letter(track.machine)) }
            }
            @for level in named(&track.levels, across) { (stretch(history, level, (across, up))) }
            @for dot in &track.dots {
                circle.mark cx=(middle(dot.places)) cy=(up.at(dot.value)) r="1.8" { title { (commits(history, dot.places)) ": " (value(chart, dot.value)) } }
            }
        }
    }
}

/// A level, its band, and the change it starts with. `named`: also write the size of the change.
fn stretch(
    history: &History<'_>,
    (level, named): (&Level, bool),
    (across, up): (&Scale, &Scale),
) -> Markup {
    let (first, last) = level.places;
    let (x1, x2) = (across.at(first as f64 - 0.5), across.at(last as f64 + 0.5));
    let (low, high) = level.band;
    let (bottom, top) = (up.at(low), up.at(high));
    html! {
        rect.band x=(x1) width=(round(x2 - x1)) y=(top) height=(round(bottom - top)) {}
        line.level x1=(x1) x2=(x2) y1=(up.at(level.middle)) y2=(up.at(level.middle)) {}
        @if let Some((change, _)) = level.change {
            @let slower = change > 1.0;
            @let percent = cells::percent(change.ln());
            line class={ "change m-" (if slower { "bad" } else { "good" }) } x1=(x1) x2=(x1) y1=(TOP) y2=(BOTTOM) {
                title { (commits(history, (first, first))) ": " (percent) }
            }
            @if named {
                text class={ "mid " (if slower { "t-bad" } else { "t-good" }) } x=(x1.clamp(NAME / 2.0, WIDTH - NAME / 2.0)) y="12" {
                    (if slower { "\u{25b2}" } else { "\u{25bc}" }) " " (percent)
                }
            }
        }
    }
}

/// Levels, each with whether there is room to write the size of its change.
fn named<'a>(levels: &'a [Level], across: &Scale) -> Vec<(&'a Level, bool)> {
    let mut free = f64::NEG_INFINITY;
    let named = |level: &'a Level| {
        let x = across.at(level.places.0 as f64 - 0.5);
        let room = level.change.is_some() && x >= free;
        if room {
            free = x + NAME;
        }
        (level, room)
    };
    levels.iter().map(named).collect()
}

/// Marks an accepted change.
fn tick(history: &History<'_>, entry: &Accepted<'_>, across: &Scale) -> Markup {
    html! {
        @if let Some(place) = entry.place {
            @let x = across.at(place as f64 - 0.5);
            line.accepted x1=(x) x2=(x) y1=(TOP) y2=(BOTTOM) {}
            text.soft x=(x + 2.0) y=(TOP + 10.0) { "\u{2713}" title { (commits(history, (place, place))) ": accepted: " (text::visible(entry.reason)) } }
        }
    }
}

fn commits(history: &History<'_>, (first, last): (usize, usize)) -> String {
    let one = &history.commits[first];
    match first == last {
        true => format!("{} {}", short(one.sha), text::visible(one.subject)),
        false => format!("{} to {}", short(one.sha), short(history.commits[last].sha)),
    }
}

/// A level of a chart, the row of a table.
struct Row<'a> {
    history: &'a History<'a>,
    chart: &'a Multiple<'a>,
    track: &'a Track,
    level: &'a Level,
}

fn levels_table(history: &History<'_>, chart: &Multiple<'_>) -> Table {
    let levels = chart.tracks.iter().flat_map(|track| {
        let row = move |level| Row {
            history,
            chart,
            track,
            level,
        };
        track.levels.iter().map(row)
    });
    let rows: Vec<Row<'_>> = levels.collect();
    crate::report::table::table(&columns(), &rows)
}

fn columns<'a>() -> Vec<Column<Row<'a>>> {
    vec![
        left("From", |row: &Row<'_>| commit(row, row.level.places.0)),
        left("To", |row| commit(row, row.level.places.1)),
        left("Machine", |row| match row.history.machines.len() {
            1 => Cell::absent(),
            _ => Cell::plain(letter(row.track.machine).to_string()),
        }),
        right("Records", |row| Cell::plain(row.level.records.to_string())),
        right("Level", |row| {
            Cell::plain(value(row.chart, row.level.middle))
        }),
        right("Nine of ten", |row| {
            let (low, high) = row.level.band;
            Cell::plain(format!(
                "{} to {}",
                value(row.chart, low),
                value(row.chart, high)
            ))
        }),
        right("Change", |row| {
            let change = row.level.change;
            change.map_or_else(Cell::absent, |(change, _)| {
                Cell::plain(cells::percent(change.ln()))
            })
        }),
    ]
}

fn commit(row: &Row<'_>, place: usize) -> Cell {
    Cell::plain(short(row.history.commits[place].sha))
}
