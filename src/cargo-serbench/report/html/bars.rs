//! Latency and memory of each benchmark relative to its reference.

use maud::{Markup, html};

use super::{Chart, left_out, picture, scale::Scale};
use crate::{
    compare::sides::Measured,
    report::{
        Report, cells,
        table::{Cell, Column, left, right, table},
        text,
    },
};

/// Most bars to draw; the table has the rest.
const MOST: usize = 60;

const WIDTH: f64 = 760.0;
const ROW: f64 = 32.0;
const TOP: f64 = 22.0;

/// A benchmark as a multiple of its reference.
struct Bar<'a> {
    id: &'a str,
    ratio: f64,
    /// From the first to the third quartile.
    spread: Option<(f64, f64)>,
    figure: String,
}

/// `None` without a reference.
pub fn latency(report: &Report<'_>) -> Option<Chart> {
    let bar = |id, measured: &Measured| {
        let (ratio, latency) = (measured.ratio?, measured.latency?);
        let (lower, upper) = latency.quartiles_ns;
        let scaled = |time: f64| ratio * time / latency.median_ns;
        Some(Bar {
            id,
            ratio,
            spread: Some((scaled(lower), scaled(upper))),
            figure: cells::time(latency.median_ns),
        })
    };
    let caption = "A bar is the median latency as a multiple of the reference's, the line at 1; its \
                   whisker holds the middle half of all slices.";
    chart(
        report,
        "latency",
        "Latency against the reference",
        caption,
        bar,
    )
}

/// `None` if memory was not counted, or without a reference.
pub fn memory(report: &Report<'_>) -> Option<Chart> {
    let bar = |id, measured: &Measured| {
        Some(Bar {
            id,
            ratio: measured.memory_ratio?,
            spread: None,
            figure: cells::bytes(measured.memory?.peak),
        })
    };
    let caption = "A bar is the peak heap of one operation as a multiple of the reference's, counted \
                   exactly.";
    chart(
        report,
        "memory",
        "Peak heap against the reference",
        caption,
        bar,
    )
}

fn chart<'a>(
    report: &Report<'a>,
    anchor: &'static str,
    title: &str,
    caption: &str,
    bar: impl Fn(&'a str, &Measured) -> Option<Bar<'a>>,
) -> Option<Chart> {
    let candidates = report.measured.iter();
    let bars: Vec<Bar<'_>> = candidates
        .filter_map(|(id, both)| bar(id, both.candidate.as_ref()?))
        .filter(|bar| bar.ratio.is_finite())
        .collect();
    if bars.is_empty() {
        return None;
    }
    let shown = &bars[..bars.len().min(MOST)];
    let caption = format!("{caption}{}", left_out(bars.len() - shown.len()));
    let longest = shown.iter().map(|bar| bar.ratio).fold(1.0, f64::max);
    let scale = Scale {
        from: 0.0,
        to: longest * 1.05,
        start: 12.0,
        end: WIDTH - 12.0,
    };
    let height = TOP + ROW * shown.len() as f64;
    let inner = html! {
        @for tick in scale.ticks() {
            @let x = scale.at(tick);
            line.axis x1=(x) x2=(x) y1=(TOP - 6.0) y2=(height) {}
            text class="soft mid" x=(x) y="11" { (cells::brief(tick)) "\u{d7}" }
        }
        @for (number, bar) in shown.iter().enumerate() { (draw(number, bar, &scale)) }
        line.zero x1=(scale.at(1.0)) x2=(scale.at(1.0)) y1=(TOP - 6.0) y2=(height) {}
        // Above the line, which would cross them out.
        @for (number, bar) in shown.iter().enumerate() { (label(number, bar)) }
    };
    Some(Chart {
        anchor,
        title: title.to_owned(),
        picture: picture(anchor, (WIDTH, height), title, &caption, &inner),
        caption,
        table: table(&table_columns(), &bars),
    })
}

fn draw(number: usize, bar: &Bar<'_>, scale: &Scale) -> Markup {
    let y = TOP + ROW * number as f64;
    let id = text::visible(bar.id);
    html! {
        g {
            title { (id) ": " (cells::ratio_of(bar.ratio)) " times the reference, " (bar.figure) }
            rect.bar x=(scale.start) y=(y + 17.0) width=(scale.at(bar.ratio) - scale.start) height="8" {}
            @if let Some((lower, upper)) = bar.spread {
                line.whisker x1=(scale.at(lower)) x2=(scale.at(upper)) y1=(y + 21.0) y2=(y + 21.0) {}
            }
        }
    }
}

fn label(number: usize, bar: &Bar<'_>) -> Markup {
    let y = TOP + ROW * number as f64 + 12.0;
    html! {
        text x="12" y=(y) { (text::shorten(&text::visible(bar.id), 44, 20)) }
        text class="soft end value" x=(WIDTH - 12.0) y=(y) { (cells::ratio_of(bar.ratio)) "\u{d7}, " (bar.figure) }
    }
}

fn table_columns<'a>() -> Vec<Column<Bar<'a>>> {
    vec![
        left("Benchmark", |bar: &Bar<'_>| Cell::name(bar.id)),
        right("Ratio", |bar| Cell::plain(cells::ratio_of(bar.ratio))),
        right("Middle half", |bar| {
            bar.spread.map_or_else(Cell::absent, |(lower, upper)| {
                Cell::plain(format!(
                    "{} to {}",
                    cells::ratio_of(lower),
                    cells::ratio_of(upper)
                ))
            })
        }),
        right("Absolute", |bar| Cell::plain(&bar.figure)),
    ]
}
