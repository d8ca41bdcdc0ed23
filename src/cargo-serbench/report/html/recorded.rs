//! The records of a report's benchmarks: a small line for each, and charts of the most important.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::{
    history::{self, History, Multiple, Track},
    scale::Scale,
};
use crate::{
    report::{Report, document, text},
    shell,
};

/// Most charts, which show every record with its commit; each of the other benchmarks has a line in the table.
const CHARTS: usize = 12;

/// Most dots of all lines together, which keeps the page small, and the bounds for each line.
const DOTS: usize = 12_000;
const DOTS_EACH: (usize, usize) = (12, 48);

/// The size of a line.
const WIDTH: f64 = 140.0;
const HEIGHT: f64 = 24.0;
const MARGIN: f64 = 4.0;

pub const ANCHOR: &str = "history";
pub const TITLE: &str = "History";

/// `None` without records.
pub fn section(report: &Report<'_>) -> Option<Markup> {
    let history = report.history.filter(|it| !it.charts.is_empty())?;
    let charts = by_importance(report, history);
    let shown = &charts[..charts.len().min(CHARTS)];
    let more = match charts.len() - shown.len() {
        0 => String::new(),
        more => format!(" The table has the lines of {more} more."),
    };
    let dots = (DOTS / charts.len()).clamp(DOTS_EACH.0, DOTS_EACH.1);
    Some(html! {
        section id=(ANCHOR) {
            h2 { (TITLE) }
            p.dim { (legend(history, &charts)) (more) }
            div.multiples {
                @for (number, chart) in shown.iter().enumerate() { (history::multiple(history, number, chart)) }
            }
            details {
                summary { "Every benchmark as a line" }
                (table(history, &charts, dots))
            }
            @if history.machines.len() > 1 { (history::machines(history)) }
            @else { @for machine in &history.machines { p.dim { "Records of " (text::visible(machine.machine)) "; " (text::visible(machine.toolchain)) "." } } }
        }
    })
}

/// How to read the charts: only what they have.
fn legend(history: &History<'_>, charts: &[&Multiple<'_>]) -> String {
    let some = |is: fn(&Multiple<'_>) -> bool| charts.iter().any(|chart| is(chart));
    let parts = [
        (true, "Lower is faster. Dot: a record."),
        (some(|it| it.now.is_some()), "Ring: this run."),
        (true, "Line: a level, and the band with nine of ten values."),
        (
            some(|it| it.is_changed()),
            "\u{25b2} slower or \u{25bc} faster than the level before.",
        ),
        (
            some(|it| !it.accepted.is_empty()),
            "\u{2713}: an accepted change.",
        ),
        (
            history.machines.len() > 1,
            "Letter: records of another machine key begin.",
        ),
    ];
    let commits = shell::count(history.commits.len(), "recorded commit");
    let parts = parts.into_iter().filter(|(is_there, _)| *is_there);
    let parts: Vec<&str> = parts.map(|(_, words)| words).collect();
    format!("The last {commits}. {}", parts.join(" "))
}

/// The charts in the order of the verdicts; without verdicts, the largest last changes first.
fn by_importance<'a, 'b>(report: &Report<'_>, history: &'a History<'b>) -> Vec<&'a Multiple<'b>> {
    let mut charts: Vec<&Multiple<'_>> = history.charts.iter().collect();
    let Some(verdicts) = &report.verdicts else {
        charts.sort_by_key(|chart| Reverse(chart.is_changed()));
        return charts;
    };
    let mut decisions: Vec<&crate::decide::Decision> = verdicts.decisions.iter().collect();
    decisions.sort_by(|one, other| document::by_severity(one, other));
    let places: std::collections::HashMap<&str, usize> =
        decisions.iter().map(|it| it.id.as_str()).zip(0..).collect();
    charts.sort_by_key(|chart| places.get(chart.id).copied().unwrap_or(usize::MAX));
    charts
}

fn table(history: &History<'_>, charts: &[&Multiple<'_>], dots: usize) -> Markup {
    let now = charts.iter().any(|chart| chart.now.is_some());
    html! {
        div.scroll tabindex="0" role="group" aria-label=(TITLE) {
            table {
                thead { tr {
                    th scope="col" { "Benchmark" }
                    th.l scope="col" { "Oldest to newest" }
                    @for title in ["Records", "Lowest", "Highest", "Last"] { th scope="col" { (title) } }
                    @if now { th scope="col" { "This run" } }
                } }
                tbody { @for chart in charts { (row(history, chart, dots, now)) } }
            }
        }
    }
}

fn row(history: &History<'_>, chart: &Multiple<'_>, dots: usize, now: bool) -> Markup {
    let tracks = &chart.tracks;
    let records: usize = tracks.iter().map(Track::records).sum();
    let values = || tracks.iter().flat_map(|track| &track.dots);
    let lowest = values().map(|dot| dot.value).fold(f64::INFINITY, f64::min);
    let highest = values()
        .map(|dot| dot.value)
        .fold(f64::NEG_INFINITY, f64::max);
    let last = values().max_by_key(|dot| dot.places.1).map(|dot| dot.value);
    let figure = |value: f64| history::value(chart, value);
    html! {
        tr {
            td { code { (text::visible(chart.id)) } }
            td.l { (line(history, chart, dots)) }
            td { (records) }
            td { (figure(lowest)) }
            td { (figure(highest)) }
            td { @if let Some(last) = last { (figure(last)) } }
            @if now { td { @if let Some(now) = chart.now { (figure(now)) } @else { "-" } } }
        }
    }
}

/// A line of at most `dots` corners for each machine; its values are in the description.
fn line(history: &History<'_>, chart: &Multiple<'_>, dots: usize) -> Markup {
    let up = history::vertical(chart, (HEIGHT - MARGIN, MARGIN));
    let across = history::across(history, chart, (MARGIN, WIDTH - MARGIN));
    let lines: Vec<Vec<(f64, f64)>> = chart.tracks.iter().map(|it| it.condensed(dots)).collect();
    let values = lines
        .iter()
        .flatten()
        .map(|(_, value)| history::value(chart, *value));
    let values = values.collect::<Vec<_>>().join(", ");
    let reference = chart
        .reference
        .map_or_else(String::new, |it| format!(" \u{d7} {}", text::visible(it)));
    html! {
        svg.spark role="img" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
            title { "History" }
            desc { (values) (reference) }
            @for line in &lines {
                @if let [(place, value)] = line.as_slice() {
                    circle.mark cx=(across.at(*place).round()) cy=(up.at(*value).round()) r="2" {}
                } @else {
                    path d=(path(line, &across, &up)) {}
                }
            }
            @if let Some(now) = chart.now {
                circle.now cx=(across.at(history.commits.len() as f64)) cy=(up.at(now)) r="3" {}
            }
        }
    }
}

fn path(line: &[(f64, f64)], across: &Scale, up: &Scale) -> String {
    let corner = |(place, value): &(f64, f64)| {
        format!("{} {}", across.at(*place).round(), up.at(*value).round())
    };
    format!("M{}", line.iter().map(corner).collect::<Vec<_>>().join(" "))
}
