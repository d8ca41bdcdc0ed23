//! The history of recorded commits as one page: a small chart for each benchmark, with a search.
//!
//! The page works without the script, which only hides what does not match the search.

use maud::{Markup, PreEscaped, html};

use super::{
    frame, picture,
    scale::{Scale, round},
    table,
};
use crate::report::{
    cells,
    table::{Cell, Column, Table, left, right},
    text,
};

const SCRIPT: &str = include_str!("history.js");

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

/// Everything the page shows.
pub struct History<'a> {
    /// Commits with a record, oldest first.
    pub commits: Vec<Stop<'a>>,
    pub machines: Vec<Machine<'a>>,
    pub charts: Vec<Multiple<'a>>,
    /// The newest change points.
    pub changes: Table,
    /// The total number of change points, and how many are not in `changes`.
    pub found: usize,
    pub hidden: usize,
    /// What counts as a change point.
    pub rule: String,
    pub accepted: Vec<Accepted<'a>>,
}

/// A commit on the horizontal axis.
pub struct Stop<'a> {
    pub sha: &'a str,
    pub subject: &'a str,
    /// When it was measured (RFC 3339).
    pub measured: &'a str,
}

/// A machine key and its meaning.
pub struct Machine<'a> {
    pub key: &'a str,
    pub machine: &'a str,
    pub toolchain: &'a str,
}

/// An intended change.
pub struct Accepted<'a> {
    pub benchmarks: String,
    pub reason: &'a str,
    /// Index of the first commit recorded with it; `None` if no recorded commit has it.
    pub place: Option<usize>,
}

/// One benchmark on all machines.
pub struct Multiple<'a> {
    pub id: &'a str,
    pub reference: Option<&'a str>,
    pub tracks: Vec<Track>,
    /// Indices of [`History::accepted`].
    pub accepted: Vec<usize>,
}

/// One benchmark on one machine.
pub struct Track {
    /// Index of [`History::machines`].
    pub machine: usize,
    pub dots: Vec<Dot>,
    pub levels: Vec<Level>,
}

/// A dot: one record, or the median of neighbours if there are too many.
pub struct Dot {
    /// Indices of the first and the last commit.
    pub places: (usize, usize),
    pub value: f64,
}

/// A segment between change points.
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

/// Renders the page.
pub fn history(history: &History<'_>) -> String {
    let inner = html! {
        (answer(history))
        (search(history))
        (change_points(history))
        (machines(history))
        (accepted(history))
        section id="charts" {
            h2 { "Benchmarks" }
            p.dim { "Each dot is a record, or the median of neighbors; lower is faster. A line is a level between \
                 change points, the band around it holds nine of ten values. \u{25b2} marks where a level \
                 became slower, \u{25bc} faster, \u{2713} an accepted change, and a letter where records of \
                 another machine key begin." }
            div.multiples {
                @for (number, chart) in history.charts.iter().enumerate() { (multiple(history, number, chart)) }
            }
        }
        script { (PreEscaped(SCRIPT)) }
    };
    frame("History \u{2013} cargo serbench", &inner).into_string()
}

fn answer(history: &History<'_>) -> Markup {
    let series: usize = history.charts.iter().map(|chart| chart.tracks.len()).sum();
    let ends = history.commits.first().zip(history.commits.last());
    html! {
        header {
            h1 { "History" }
            p.answer {
                (history.found) " change point" @if history.found != 1 { "s" }
                " in " (series) " series of " (history.charts.len()) " benchmark" @if history.charts.len() != 1 { "s" } " over " (history.commits.len()) " recorded commits"
                @if let Some((first, last)) = ends { ", " (day(first)) " to " (day(last)) }
                "."
            }
        }
        nav aria-label="Contents" {
            @if history.found > 0 { a href="#changes" { "Change points" } " " }
            a href="#machines" { "Machines" } " "
            @if !history.accepted.is_empty() { a href="#accepted" { "Accepted changes" } " " }
            a href="#charts" { "Benchmarks" }
        }
    }
}

fn day<'a>(stop: &Stop<'a>) -> &'a str {
    stop.measured.get(..10).unwrap_or(stop.measured)
}

fn short(sha: &str) -> &str {
    sha.get(..10).unwrap_or(sha)
}

/// Shown by the script only, because it does nothing without.
fn search(history: &History<'_>) -> Markup {
    html! {
        form id="search" role="search" hidden {
            label for="words" { "Search benchmarks " }
            input id="words" type="search" placeholder="serde f64" autocomplete="off";
            @if history.found > 0 {
                " " label { input id="changed" type="checkbox"; " with change points" }
            }
            " " output id="shown" for="words" {}
        }
    }
}

fn change_points(history: &History<'_>) -> Markup {
    html! {
        @if history.found > 0 {
            section id="changes" {
                h2 { "Change points" }
                p.dim { (history.rule) }
                (table(&history.changes, "Change points"))
                @if history.hidden > 0 { p.dim { (history.hidden) " older are in the charts." } }
            }
        }
    }
}

fn machines(history: &History<'_>) -> Markup {
    html! {
        section id="machines" {
            h2 { "Machines" }
            dl {
                @for (number, machine) in history.machines.iter().enumerate() {
                    dt { (letter(number)) }
                    dd { (text::visible(machine.machine)) "; " (text::visible(machine.toolchain)) " (" code { (text::visible(machine.key)) } ")" }
                }
            }
        }
    }
}

fn accepted(history: &History<'_>) -> Markup {
    html! {
        @if !history.accepted.is_empty() {
            section id="accepted" {
                h2 { "Accepted changes" }
                ul {
                    @for entry in &history.accepted {
                        li {
                            code { (text::visible(&entry.benchmarks)) } ": " (text::visible(entry.reason))
                            @match entry.place {
                                Some(place) => { " (from " code { (short(history.commits[place].sha)) } " on)" }
                                None => { " (with no record shown here)" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn letter(machine: usize) -> char {
    char::from(LETTERS[machine % LETTERS.len()])
}

fn multiple(history: &History<'_>, number: usize, chart: &Multiple<'_>) -> Markup {
    let id = text::visible(chart.id);
    let changed = chart.tracks.iter().any(|track| track.levels.len() > 1);
    let name = format!("series-{number}");
    let description = description(chart);
    html! {
        article id=(name) data-name=(id.to_lowercase()) data-changed[changed] {
            h3 { code { (id) } }
            figure {
                (picture(&name, (WIDTH, HEIGHT), &id, &description, &drawing(history, chart)))
                figcaption { (description) }
                details { summary { "The same as a table" } (table(&levels_table(history, chart), &id)) }
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
    match chart.reference {
        Some(reference) => format!("Last {last} \u{d7} {}", text::visible(reference)),
        None => format!("Last {last}"),
    }
}

fn value(chart: &Multiple<'_>, value: f64) -> String {
    match chart.reference {
        Some(_) => cells::figures(value),
        None => cells::time(value),
    }
}

/// The range of the vertical axis: at least 2 %, so that noise does not look like mountains.
fn vertical(chart: &Multiple<'_>) -> Scale {
    let values = || {
        let dots = chart.tracks.iter().flat_map(|track| &track.dots);
        dots.map(|dot| dot.value)
    };
    let lowest = values().fold(f64::INFINITY, f64::min);
    let highest = values().fold(f64::NEG_INFINITY, f64::max);
    let middle = f64::midpoint(lowest, highest);
    let half = ((highest - lowest) / 2.0).max(0.01 * middle.abs()) * 1.1;
    Scale {
        from: middle - half,
        to: middle + half,
        start: BOTTOM,
        end: TOP,
    }
}

fn drawing(history: &History<'_>, chart: &Multiple<'_>) -> Markup {
    let up = vertical(chart);
    let across = Scale {
        from: -0.5,
        to: history.commits.len() as f64 - 0.5,
        start: LEFT,
        end: RIGHT,
    };
    let first = history.commits.first().map_or("", |stop| short(stop.sha));
    let last = history.commits.last().map_or("", |stop| short(stop.sha));
    html! {
        @for tick in up.ticks() {
            line.axis x1=(LEFT) x2=(RIGHT) y1=(up.at(tick)) y2=(up.at(tick)) {}
            text class="soft end" x=(LEFT - 5.0) y=(up.at(tick) + 4.0) { (label(chart, tick)) }
        }
        text.soft x=(LEFT) y=(HEIGHT - 6.0) { (first) }
        @if history.commits.len() > 1 { text class="soft end" x=(RIGHT) y=(HEIGHT - 6.0) { (last) } }
        @for track in &chart.tracks { (draw(history, chart, track, (&across, &up))) }
        @for index in &chart.accepted { (tick(history, &history.accepted[*index], &across)) }
    }
}

/// An axis label, without trailing zeros that all ticks share.
fn label(chart: &Multiple<'_>, tick: f64) -> String {
    match chart.reference {
        Some(_) => cells::figures(tick)
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        None => cells::time(tick),
    }
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
        left("Machine", |row| {
            Cell::plain(letter(row.track.machine).to_string())
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
