//! Data types by encoders, coloured by ratio to the reference.

use maud::html;

use super::{Chart, picture};
use crate::report::{
    Report, cells,
    table::{Align, Cell, Header, Table},
    text,
};

const LABEL: f64 = 130.0;
const CELL: (f64, f64) = (92.0, 34.0);

/// Names take two lines.
const TOP: f64 = 36.0;

/// With fewer columns, text is as large as in the other pictures.
const LEAST_WIDTH: f64 = 760.0;

/// Characters that fit into a column.
const LETTERS: usize = 13;

/// `None` if fewer than two encoders or data types have a reference.
pub fn chart(report: &Report<'_>) -> Option<Chart> {
    let grid = &report.means.grid;
    let mut encoders: Vec<&str> = grid.iter().map(|cell| cell.encoder.as_str()).collect();
    let mut dtypes: Vec<&str> = grid.iter().map(|cell| cell.dtype.as_str()).collect();
    for names in [&mut encoders, &mut dtypes] {
        names.sort_unstable();
        names.dedup();
    }
    if encoders.is_empty() || dtypes.is_empty() || encoders.len() + dtypes.len() < 3 {
        return None;
    }
    let ratio = |encoder: &str, dtype: &str| {
        let mut cells = grid.iter();
        let found = cells.find(|cell| cell.encoder == encoder && cell.dtype == dtype)?;
        Some(found.ratio.exp())
    };
    let size = (
        (LABEL + CELL.0 * encoders.len() as f64).max(LEAST_WIDTH),
        TOP + 2.0 + CELL.1 * dtypes.len() as f64,
    );
    let inner = html! {
        @for (column, encoder) in encoders.iter().enumerate() {
            @let x = LABEL + CELL.0 * (column as f64 + 0.5);
            @for (line, part) in two_lines(encoder).into_iter().enumerate() {
                text.mid x=(x) y=(14.0 + 14.0 * line as f64) { (text::visible(&part)) }
            }
        }
        @for (row, dtype) in dtypes.iter().enumerate() {
            @let y = TOP + CELL.1 * row as f64;
            text.end x=(LABEL - 8.0) y=(y + 21.0) { (text::visible(&text::shorten(dtype, 12, 5))) }
            @for (column, encoder) in encoders.iter().enumerate() {
                @let x = LABEL + CELL.0 * column as f64;
                @match ratio(encoder, dtype) {
                    Some(ratio) => g {
                        title { (text::visible(encoder)) " " (text::visible(dtype)) ": " (cells::ratio_of(ratio)) }
                        rect class={ "cell " (shade(ratio)) } x=(x) y=(y) width=(CELL.0) height=(CELL.1) {}
                        text class="mid on" x=(x + CELL.0 / 2.0) y=(y + 21.0) { (cells::ratio_of(ratio)) }
                    }
                    None => text class="mid soft" x=(x + CELL.0 / 2.0) y=(y + 21.0) { "-" }
                }
            }
        }
    };
    let title = "Latency as a multiple of the reference";
    let caption = "Geometric mean over shapes; one row per data type, one column per encoder. Blue is faster \
                   than the reference, orange slower; the number is the ratio.";
    Some(Chart {
        anchor: "heat-map",
        title: title.to_owned(),
        caption: caption.to_owned(),
        picture: picture("heat-map", size, title, caption, &inner),
        table: table(&encoders, &dtypes, ratio),
    })
}

fn table(encoders: &[&str], dtypes: &[&str], ratio: impl Fn(&str, &str) -> Option<f64>) -> Table {
    let header = |title: &str, align| Header {
        title: text::visible(title),
        align,
    };
    let first = std::iter::once(header("Data type", Align::Left));
    let cell = |encoder: &str, dtype: &str| {
        ratio(encoder, dtype).map_or_else(Cell::absent, |it| Cell::plain(cells::ratio_of(it)))
    };
    let row = |dtype: &&str| {
        let name = std::iter::once(Cell::plain(dtype));
        name.chain(encoders.iter().map(|encoder| cell(encoder, dtype)))
            .collect()
    };
    Table {
        header: first
            .chain(encoders.iter().map(|name| header(name, Align::Right)))
            .collect(),
        rows: dtypes.iter().map(row).collect(),
    }
}

/// A name on the lower line, or on both, split at its last `_`.
fn two_lines(name: &str) -> [String; 2] {
    if name.chars().count() <= LETTERS {
        return [String::new(), name.to_owned()];
    }
    let at = name.rfind('_').map_or(0, |at| at + 1);
    let (first, second) = name.split_at(at);
    [first, second].map(|part| match part.chars().count() <= LETTERS {
        true => part.to_owned(),
        false => part.chars().take(LETTERS - 1).chain(['\u{2026}']).collect(),
    })
}

/// The class of a ratio. Steps are equal on a logarithmic scale: twice as fast is as far from 1 as
/// twice as slow.
fn shade(ratio: f64) -> &'static str {
    match ratio.log2() {
        it if it < -2.0 => "f4",
        it if it < -1.0 => "f3",
        it if it < -0.4 => "f2",
        it if it < -0.05 => "f1",
        it if it <= 0.05 => "z",
        it if it <= 0.4 => "s1",
        it if it <= 1.0 => "s2",
        it if it <= 2.0 => "s3",
        _ => "s4",
    }
}
