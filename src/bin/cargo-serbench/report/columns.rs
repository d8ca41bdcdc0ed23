//! The columns of each table: title, place and value of a column stand here and nowhere else.

use super::{Align, Cell, Column, Tone, cells};
use crate::{
    compare::{Case, Row},
    run::State,
};

/// The columns of one case: pynumpy's, and throughput and exact memory.
pub(crate) fn case(case: &Case) -> Vec<Column<Row>> {
    let right = |title: &str, cell| Column {
        title: title.to_owned(),
        align: Align::Right,
        cell,
    };
    let mut columns = vec![
        Column {
            title: "Library".to_owned(),
            align: Align::Left,
            cell: library,
        },
        right("Latency", latency),
        right("GB/s", throughput),
        right("Peak heap", peak),
        right("Allocations", allocations),
        right("RSS diff (MiB)", rss),
    ];
    if let Some(reference) = &case.reference {
        columns.push(right(&format!("vs. {reference}"), versus));
    }
    columns
}

fn library(row: &Row) -> Cell {
    Cell::plain(&row.encoder)
}

fn latency(row: &Row) -> Cell {
    match (&row.subject.state, row.latency_ns) {
        (State::Failed(_), _) => Cell {
            text: "failed".to_owned(),
            tone: Tone::Bad,
        },
        (State::Verified | State::Unchecked, Some(time)) => Cell::plain(cells::time(time)),
        (State::Verified | State::Unchecked, None) => Cell::absent(),
    }
}

/// Output bytes a second, as serializers are compared; input bytes where nothing comes out.
fn throughput(row: &Row) -> Cell {
    let bytes = row.subject.bytes_out.or(row.subject.bytes_in);
    match (bytes, row.latency_ns) {
        (Some(bytes), Some(time)) => Cell::plain(cells::figures(bytes as f64 / time)),
        (_, _) => Cell::absent(),
    }
}

fn peak(row: &Row) -> Cell {
    row.subject.memory.map_or_else(Cell::absent, |memory| {
        Cell::plain(cells::bytes(memory.peak))
    })
}

fn allocations(row: &Row) -> Cell {
    row.subject.memory.map_or_else(Cell::absent, |memory| {
        Cell::plain(memory.allocations.to_string())
    })
}

fn rss(row: &Row) -> Cell {
    row.subject
        .rss
        .map_or_else(Cell::absent, |bytes| Cell::plain(cells::mebibytes(bytes)))
}

fn versus(row: &Row) -> Cell {
    match (&row.ratio, row.latency_ns) {
        (Some(ratio), _) => cells::ratio(ratio),
        (None, Some(_)) if row.blocks == 0 => Cell {
            text: "1.0".to_owned(),
            tone: Tone::Dim,
        },
        (None, _) => Cell::absent(),
    }
}
