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
mod history_page;
mod recorded;
mod scale;
mod strips;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::scale::Scale;
pub use self::{
    history::{Accepted, Dot, History, Level, Machine, Multiple, Stop, Track},
    history_page::{Page, page as history},
};
use super::{
    Report,
    document::{self, Document, Section},
    table::{Align, Cell, Table, Tone},
    text,
};

const STYLE: &str = include_str!("style.css");

pub fn render(report: &Report<'_>) -> String {
    let document = document::document(report);
    let pictures = match report.only_explanations {
        true => Pictures::default(),
        false => pictures(report),
    };
    page(&document, &pictures).into_string()
}

/// The pictures of a page, in its order.
#[derive(Default)]
struct Pictures {
    /// The overview of one commit, before its tables.
    overview: Option<Chart>,
    /// Illustrates the answer about two commits, and follows "Worth a look".
    changes: Option<Chart>,
    history: Option<Markup>,
    others: Vec<Chart>,
}

fn pictures(report: &Report<'_>) -> Pictures {
    let heat_map = heat_map::chart(report);
    let (overview, heat_map) = match report.verdicts {
        None => (heat_map, None),
        Some(_) => (None, heat_map),
    };
    let others = [
        heat_map,
        strips::chart(report),
        bars::latency(report),
        bars::memory(report),
        heap::chart(report),
    ];
    Pictures {
        overview,
        changes: forest::chart(report),
        history: recorded::section(report),
        others: others.into_iter().flatten().collect(),
    }
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

fn page(document: &Document, pictures: &Pictures) -> Markup {
    let (first, others) = document.sections.split_at(document.sections.len().min(1));
    let title = match &document.headline {
        Some(headline) => format!("{} \u{2013} cargo serbench", headline.word),
        None => "cargo serbench".to_owned(),
    };
    let inner = html! {
        (answer(document))
        (contents(document, pictures))
        @if let Some(chart) = &pictures.overview { (figure(chart)) }
        @for section in first { (section_of(0, section)) }
        @if let Some(chart) = &pictures.changes { (figure(chart)) }
        @for (number, section) in others.iter().enumerate() { (section_of(1 + number, section)) }
        @if let Some(history) = &pictures.history { (history) }
        @for chart in &pictures.others { (figure(chart)) }
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
        @match &document.headline {
            Some(headline) => header class=(class(headline.tone)) {
                h1 class=(class(headline.tone)) { (headline.word) }
                p.answer { (headline.sentence) }
                @if !headline.counts.is_empty() { p.dim { (headline.counts) } }
                @for problem in &headline.problems { p { b { "Note: " } (prose(problem)) } }
            }
            None => header { h1 { (title(document)) } }
        }
        @if !document.next.is_empty() {
            div.next {
                b { "Next:" }
                ul { @for step in &document.next { li {
                    (prose(&step.text))
                    @if let Some(command) = &step.command { code.command { (command) } }
                } } }
            }
        }
    }
}

/// The title of a page without an answer.
fn title(document: &Document) -> &'static str {
    match document.facts.is_empty() {
        true => "Why benchmarks are slower",
        false => "Benchmarks",
    }
}

/// Text whose backticks mark code.
fn prose(words: &str) -> Markup {
    html! {
        @for (is_code, part) in text::parts(words) {
            @if is_code { code { (part) } } @else { (with_arrows(part)) }
        }
    }
}

/// Formats of plain text write `->`.
fn with_arrows(words: &str) -> String {
    words.replace(" -> ", " \u{2192} ")
}

/// Most links to sections that are not folded.
const MOST_LINKS: usize = 10;

fn contents(document: &Document, pictures: &Pictures) -> Markup {
    let Pictures {
        overview,
        changes,
        history,
        others,
    } = pictures;
    // A link to a folded section would show only its title.
    let sections = document.sections.iter().enumerate();
    let sections: Vec<(usize, &Section)> = sections.filter(|(_, it)| !it.detail).collect();
    // In the order of the page.
    let before_changes = sections.len().min(usize::from(changes.is_some()));
    let (first, rest) = sections.split_at(before_changes);
    let links_to = |sections: &[(usize, &Section)]| {
        html! {
            @for (number, section) in sections { (link(&format!("section-{number}"), &section.title)) }
        }
    };
    let links = html! {
        @if let Some(chart) = overview { (link(chart.anchor, &chart.title)) }
        (links_to(first))
        @if let Some(chart) = changes { (link(chart.anchor, &chart.title)) }
        @if rest.len() > MOST_LINKS {
            details { summary { (rest.len()) " tables" } (links_to(rest)) }
        } @else { (links_to(rest)) }
        @if history.is_some() { (link(recorded::ANCHOR, recorded::TITLE)) }
        @for chart in others { (link(chart.anchor, &chart.title)) }
    };
    html! {
        @if !links.0.is_empty() { nav aria-label="Contents" { (links) } }
    }
}

fn link(anchor: &str, title: &str) -> Markup {
    html! { a href={ "#" (anchor) } { (title) } " " }
}

fn section_of(number: usize, section: &Section) -> Markup {
    let inner = html! {
        @if !section.table.header.is_empty() { (table(&section.table, &section.title)) }
        @if !section.notes.is_empty() {
            ul.notes { @for note in &section.notes { li { @if !note.id.is_empty() { code { (note.id) } ": " } (prose(&note.text)) } } }
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
                details { summary { "As a table" } (table(&chart.table, &chart.title)) }
            }
        }
    }
}

fn foot(document: &Document) -> Markup {
    html! {
        @if !document.facts.is_empty() { footer {
            h2 { "How this was measured" }
            dl {
                @for fact in &document.facts {
                    dt { (fact.name) }
                    dd { @if fact.code { code { (fact.text) } } @else { (prose(&fact.text)) } }
                }
            }
        } }
    }
}

fn table(table: &Table, name: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(name) {
            table {
                thead { tr { @for (column, header) in table.header.iter().enumerate() {
                    th scope="col" class=[side(column, header.align)] { (header.title) }
                } } }
                tbody { @for row in &table.rows { tr {
                    @for (column, (cell, header)) in row.iter().zip(&table.header).enumerate() {
                        (data(cell, side(column, header.align)))
                    }
                } } }
            }
        }
    }
}

fn data(cell: &Cell, side: Option<&'static str>) -> Markup {
    html! {
        td class=[side] {
            @let words = with_arrows(&cell.text);
            @if cell.code { code { (cell.text) } }
            @else if cell.tone == Tone::Plain { (words) }
            @else { span class=(class(cell.tone)) { (words) } }
        }
    }
}

/// The CSS class of a column that is not aligned as most are: the first to the left, others to the right.
fn side(column: usize, align: Align) -> Option<&'static str> {
    match (column, align) {
        (0, Align::Left) | (1.., Align::Right) => None,
        (1.., Align::Left) => Some("l"),
        (0, Align::Right) => Some("r"),
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

/// The track of a row with the lines of its scale, to be used by every row; `zero` has a stronger one.
fn grid(name: &str, scale: &Scale, zero: f64, (top, bottom): (f64, f64)) -> Markup {
    let height = bottom - top;
    let ticks = scale
        .ticks()
        .into_iter()
        .filter(|tick| (tick - zero).abs() > 1e-9);
    let lines: String = ticks
        .map(|tick| format!("M{} {top}v{height}", scale.at(tick)))
        .collect();
    let x = scale.at(zero);
    html! {
        defs {
            g id={ (name) "-grid" } {
                rect.track x=(scale.start) y=(top) width=(scale.end - scale.start) height=(height) rx="3" {}
                path.axis d=(lines) {}
                line.zero x1=(x) x2=(x) y1=(top) y2=(bottom) {}
            }
        }
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
