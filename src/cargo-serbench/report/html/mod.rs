//! A report as one self-contained page: no script, no network, light and dark, for screen and paper.
//!
//! The page is written with maud, whose templates the compiler checks and which escapes all text.
//! Charts are our own SVG in the same templates: real text, CSS colours that follow the theme, a
//! title and a description for screen readers.
//!
//! kuva 0.6 was tried for the forest plot. It writes real text, escapes it and takes CSS colours
//! for rows. But its axes and its background are black and white in any theme, there
//! is one vertical line instead of a threshold per row, long ids take half of the width from the
//! intervals, and no element has a role, a title or a description. Working around that would take as
//! much code as the 60 lines of SVG in `forest.rs`.

mod bars;
mod forest;
mod heap;
mod heat_map;
mod history;
mod scale;
mod strips;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use self::history::{Accepted, Dot, History, Level, Machine, Multiple, Stop, Track, history};
use super::{
    Report,
    document::{self, Document, Section},
    table::{Align, Cell, Table, Tone},
};

const STYLE: &str = include_str!("style.css");

pub fn render(report: &Report<'_>) -> String {
    let document = document::document(report);
    let changes = forest::chart(report);
    let charts: Vec<Chart> = [
        heat_map::chart(report),
        strips::chart(report),
        bars::latency(report),
        bars::memory(report),
        heap::chart(report),
    ]
    .into_iter()
    .flatten()
    .collect();
    page(&document, changes.as_ref(), &charts).into_string()
}

/// A picture and the same data as a table.
struct Chart {
    /// Its HTML id, for links.
    anchor: &'static str,
    title: String,
    /// What it shows, and how to read it.
    caption: String,
    picture: Markup,
    table: Table,
}

/// `changes` illustrates the answer and follows "Worth a look".
fn page(document: &Document, changes: Option<&Chart>, charts: &[Chart]) -> Markup {
    let (first, others) = document.sections.split_at(document.sections.len().min(1));
    let title = match &document.headline {
        Some(headline) => format!("{} \u{2013} cargo serbench", headline.word),
        None => "cargo serbench".to_owned(),
    };
    let inner = html! {
        (answer(document))
        (contents(document, changes.into_iter().chain(charts)))
        @for section in first { (section_of(0, section)) }
        @if let Some(chart) = changes { (figure(chart)) }
        @for (number, section) in others.iter().enumerate() { (section_of(1 + number, section)) }
        @for chart in charts { (figure(chart)) }
        (foot(document))
    };
    frame(&title, &inner)
}

/// The frame of every page.
fn frame(title: &str, inner: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Otherwise browsers request one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (inner) } }
        }
    }
}

fn answer(document: &Document) -> Markup {
    html! {
        header {
            @match &document.headline {
                Some(headline) => {
                    h1 class=(class(headline.tone)) { (headline.word) }
                    p.answer { (headline.sentence) }
                    p.dim { (headline.counts) }
                    @for problem in &headline.problems { p { b { "Note: " } (problem) } }
                }
                None => { h1 { "Benchmarks" } }
            }
            @for step in &document.next {
                p { b { "Next: " } (step.text) @if let Some(command) = &step.command { @for (number, line) in command.lines().enumerate() { @if number == 0 { " " } @else { br; } code { (line) } } } }
            }
        }
    }
}

fn contents<'a>(document: &Document, charts: impl Iterator<Item = &'a Chart>) -> Markup {
    html! {
        nav aria-label="Contents" {
            // A link to a folded section would show only its title.
            @for (number, section) in document.sections.iter().enumerate().filter(|(_, it)| !it.detail) {
                a href={ "#section-" (number) } { (section.title) } " "
            }
            @for chart in charts { a href={ "#" (chart.anchor) } { (chart.title) } " " }
        }
    }
}

fn section_of(number: usize, section: &Section) -> Markup {
    let inner = html! {
        @if !section.table.header.is_empty() { (table(&section.table, &section.title)) }
        @if !section.notes.is_empty() {
            ul { @for note in &section.notes { li { @if !note.id.is_empty() { code { (note.id) } ": " } (note.text) } } }
        }
        @if !section.code.is_empty() {
            div.scroll tabindex="0" role="group" aria-label=(section.title) {
                pre { @for line in &section.code { span class=(sign(line)) { (line) } "\n" } }
            }
        }
    };
    html! {
        section id={ "section-" (number) } {
            @if section.detail {
                details { summary { h2 { (section.title) } } (inner) }
            } @else {
                h2 { (section.title) } (inner)
            }
        }
    }
}

/// The CSS class of a diff line, by its sign.
fn sign(line: &str) -> &'static str {
    match line.as_bytes().first() {
        Some(b'+') => class(Tone::Bad),
        Some(b'-') => class(Tone::Good),
        Some(_) | None => class(Tone::Plain),
    }
}

/// The end of a caption if the picture does not show everything.
fn left_out(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" {more} more are in the table."),
    }
}

fn figure(chart: &Chart) -> Markup {
    html! {
        section id=(chart.anchor) {
            h2 { (chart.title) }
            figure {
                div.scroll tabindex="0" role="group" aria-label=(chart.title) { (chart.picture) }
                figcaption { (chart.caption) }
                details { summary { "The same as a table" } (table(&chart.table, &chart.title)) }
            }
        }
    }
}

fn foot(document: &Document) -> Markup {
    html! {
        footer {
            h2 { "How this was measured" }
            dl {
                @for fact in &document.facts {
                    dt { (fact.name) }
                    dd { @if fact.code { code { (fact.text) } } @else { (fact.text) } }
                }
            }
        }
    }
}

fn table(table: &Table, name: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(name) {
            table {
                thead { tr { @for header in &table.header {
                    th scope="col" class=[side(header.align)] { (header.title) }
                } } }
                tbody { @for row in &table.rows { tr {
                    @for (cell, header) in row.iter().zip(&table.header) {
                        (data(cell, header.align))
                    }
                } } }
            }
        }
    }
}

fn data(cell: &Cell, align: Align) -> Markup {
    html! {
        td class=[side(align)] {
            @if cell.code { code { (cell.text) } }
            @else if cell.tone == Tone::Plain { (cell.text) }
            @else { span class=(class(cell.tone)) { (cell.text) } }
        }
    }
}

fn side(align: Align) -> Option<&'static str> {
    match align {
        Align::Left => None,
        Align::Right => Some("r"),
    }
}

/// The CSS class of a tone.
fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
        Tone::Dim => "dim",
    }
}

/// The frame of a picture. Its title and description come first, where screen readers expect them.
fn picture(name: &str, size: (f64, f64), title: &str, description: &str, inner: &Markup) -> Markup {
    let (width, height) = size;
    html! {
        svg role="img" viewBox={ "0 0 " (width) " " (height) }
            aria-labelledby={ (name) "-title " (name) "-description" } {
            title id={ (name) "-title" } { (title) }
            desc id={ (name) "-description" } { (description) }
            (inner)
        }
    }
}
