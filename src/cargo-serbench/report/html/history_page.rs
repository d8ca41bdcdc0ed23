//! The history of recorded commits as one page: a small chart for each benchmark, with a search.
//!
//! The page works without the script, which only hides what does not match the search.

use maud::{Markup, PreEscaped, html};

use super::{
    frame,
    history::{History, LEGEND, Stop, machines, multiple, short},
    table,
};
use crate::{
    report::{table::Table, text},
    shell,
};

const SCRIPT: &str = include_str!("history.js");

/// Everything the page shows.
pub struct Page<'a> {
    pub history: History<'a>,
    /// The newest change points.
    pub changes: Table,
    /// The total number of change points, and how many are not in `changes`.
    pub found: usize,
    pub hidden: usize,
    /// What counts as a change point.
    pub rule: String,
}

/// Renders the page.
pub fn page(page: &Page<'_>) -> String {
    let history = &page.history;
    let inner = html! {
        (answer(page))
        (search(page))
        (change_points(page))
        section id="machines" { h2 { "Machines" } (machines(history)) }
        (accepted(history))
        section id="charts" {
            h2 { "Benchmarks" }
            p.dim { (LEGEND) }
            div.multiples {
                @for (number, chart) in history.charts.iter().enumerate() { (multiple(history, number, chart)) }
            }
        }
        script { (PreEscaped(SCRIPT)) }
    };
    frame("History \u{2013} cargo serbench", &inner).into_string()
}

fn answer(page: &Page<'_>) -> Markup {
    let Page { history, found, .. } = page;
    let series: usize = history.charts.iter().map(|chart| chart.tracks.len()).sum();
    let ends = history.commits.first().zip(history.commits.last());
    html! {
        header {
            h1 { "History" }
            p.answer {
                (shell::count(*found, "change point"))
                " in " (series) " series of " (shell::count(history.charts.len(), "benchmark"))
                " over " (shell::count(history.commits.len(), "recorded commit"))
                @if let Some((first, last)) = ends { ", " (day(first)) " to " (day(last)) }
                "."
            }
        }
        nav aria-label="Contents" {
            @if *found > 0 { a href="#changes" { "Change points" } " " }
            a href="#machines" { "Machines" } " "
            @if !history.accepted.is_empty() { a href="#accepted" { "Accepted changes" } " " }
            a href="#charts" { "Benchmarks" }
        }
    }
}

fn day<'a>(stop: &Stop<'a>) -> &'a str {
    stop.measured.get(..10).unwrap_or(stop.measured)
}

/// Shown by the script only, because it does nothing without.
fn search(page: &Page<'_>) -> Markup {
    html! {
        form id="search" role="search" hidden {
            label for="words" { "Search benchmarks " }
            input id="words" type="search" placeholder="serde f64" autocomplete="off";
            @if page.found > 0 {
                " " label { input id="changed" type="checkbox"; " with change points" }
            }
            " " output id="shown" for="words" {}
        }
    }
}

fn change_points(page: &Page<'_>) -> Markup {
    html! {
        @if page.found > 0 {
            section id="changes" {
                h2 { "Change points" }
                p.dim { (page.rule) }
                (table(&page.changes, "Change points"))
                @if page.hidden > 0 { p.dim { (page.hidden) " older are in the charts." } }
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
