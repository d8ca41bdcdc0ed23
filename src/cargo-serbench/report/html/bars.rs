//! Latency and memory of each benchmark relative to its reference.

use maud::{Markup, PreEscaped, html};

use super::{Chart, grid, left_out, picture, scale::Scale};
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
const ROW: f64 = 38.0;
const TOP: f64 = 22.0;
/// The track of a bar, which lies below its name.
const TRACK: (f64, f64) = (19.0, 31.0);

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
    let caption = "Bar: median latency as a multiple of the reference's, which is the mark at 1\u{d7}. \
                   Whisker: the middle half of all slices.";
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
            figure: cells::bytes(measured.memory?.peak?),
        })
    };
    let caption = "Bar: peak heap of one operation as a multiple of the reference's, which is the mark at \
                   1\u{d7}; counted exactly.";
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
        start: 0.0,
        end: WIDTH,
    };
    let height = TOP + ROW * shown.len() as f64;
    let inner = html! {
        (grid(anchor, &scale, 1.0, TRACK))
        // A label at the edge would be cut off.
        @for tick in scale.ticks().into_iter().filter(|tick| scale.at(*tick) < WIDTH - 24.0) {
            text class=(if tick == 0.0 { "soft" } else { "soft mid" }) x=(scale.at(tick)) y="11" { (cells::brief(tick)) "\u{d7}" }
        }
        @for (number, bar) in shown.iter().enumerate() { (draw(anchor, number, bar, &scale)) }
    };
    Some(Chart {
        anchor,
        title: title.to_owned(),
        picture: picture(anchor, (WIDTH, height), title, &caption, &inner),
        caption,
        table: table(&table_columns(), &bars),
    })
}

fn draw(anchor: &str, number: usize, bar: &Bar<'_>, scale: &Scale) -> Markup {
    let id = text::visible(bar.id);
    let middle = f64::midpoint(TRACK.0, TRACK.1);
    html! {
        g transform={ "translate(0 " (TOP + ROW * number as f64) ")" } {
            title { (id) ": " (cells::ratio_of(bar.ratio)) " times the reference, " (bar.figure) }
            text y="13" { (text::shorten(&id, 44, 20)) }
            text class="soft end value" x=(WIDTH) y="13" { (cells::ratio_of(bar.ratio)) "\u{d7}, " (bar.figure) }
            (PreEscaped(format!("<use href=\"#{anchor}-grid\"/>")))
            rect.bar y=(TRACK.0 + 2.0) width=(scale.at(bar.ratio)) height=(TRACK.1 - TRACK.0 - 4.0) rx="1" {}
            line.reference x1=(scale.at(1.0)) x2=(scale.at(1.0)) y1=(TRACK.0 - 1.0) y2=(TRACK.1 + 1.0) {}
            @if let Some((lower, upper)) = bar.spread {
                line.whisker x1=(scale.at(lower)) x2=(scale.at(upper)) y1=(middle) y2=(middle) {}
            }
        }
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
