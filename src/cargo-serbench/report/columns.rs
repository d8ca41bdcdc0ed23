//! The columns of each table: title, place and value of a column stand here and nowhere else.

use super::{Align, Cell, Column, Tone, cells};
use crate::{
    compare::{CaseTable, Row},
    decide::{Decision, Metric, Verdict},
    run::{State, Verification},
};

fn left<R>(title: &str, cell: fn(&R) -> Cell) -> Column<R> {
    Column {
        title: title.to_owned(),
        align: Align::Left,
        cell,
    }
}

fn right<R>(title: &str, cell: fn(&R) -> Cell) -> Column<R> {
    Column {
        title: title.to_owned(),
        align: Align::Right,
        cell,
    }
}

/// The columns of one case: pynumpy's, and throughput, size and exact memory.
pub fn case(case: &CaseTable) -> Vec<Column<Row>> {
    let mut columns = vec![left("Library", library)];
    columns.extend(figures());
    if let Some(reference) = &case.reference {
        columns.push(right(&format!("vs. {reference}"), versus));
    }
    columns
}

/// The columns of benchmarks that have nothing beside them.
pub fn alone() -> Vec<Column<Row>> {
    let mut columns = vec![left("Benchmark", id)];
    columns.extend(figures());
    columns
}

fn figures() -> [Column<Row>; 6] {
    [
        right("Latency", latency),
        right("GB/s", throughput),
        right("B/element", bytes_per_element),
        right("Peak heap", peak),
        right("Allocations", allocations),
        right("RSS diff (MiB)", rss),
    ]
}

/// pynumpy's line above its table, and the case: `53.2MiB float32 output (orjson), json f32::100x100`.
pub fn case_title(case: &CaseTable) -> String {
    let name = format!("{} {}", case.suite, case.case);
    // An id may end with its encoder.
    let name = name.trim_end().to_owned();
    let Some(row) = case.rows.first() else {
        return name;
    };
    match (row.verification.bytes_out, &row.verification.dtype) {
        (Some(bytes), Some(dtype)) => {
            format!(
                "{} {dtype} output ({}), {name}",
                cells::size(bytes),
                row.encoder
            )
        }
        (_, _) => name,
    }
}

fn library(row: &Row) -> Cell {
    Cell::plain(&row.encoder)
}

fn id(row: &Row) -> Cell {
    Cell::plain(&row.id)
}

fn latency(row: &Row) -> Cell {
    match (&row.verification.state, row.latency_ns) {
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
    row.gigabytes_per_second
        .map_or_else(Cell::absent, |rate| Cell::plain(cells::figures(rate)))
}

/// Output bytes for each element that went in: the size of a format.
fn bytes_per_element(row: &Row) -> Cell {
    let Verification {
        bytes_out, shape, ..
    } = &row.verification;
    let product = |shape: &Vec<usize>| {
        shape
            .iter()
            .try_fold(1_usize, |all, axis| all.checked_mul(*axis))
    };
    let elements = shape.as_ref().and_then(product);
    match (bytes_out, elements) {
        (Some(bytes), Some(elements)) if elements > 0 => {
            Cell::plain(cells::brief(*bytes as f64 / elements as f64))
        }
        (_, _) => Cell::absent(),
    }
}

fn peak(row: &Row) -> Cell {
    row.verification.memory.map_or_else(Cell::absent, |memory| {
        Cell::plain(cells::bytes(memory.peak))
    })
}

fn allocations(row: &Row) -> Cell {
    row.verification.memory.map_or_else(Cell::absent, |memory| {
        Cell::plain(memory.allocations.to_string())
    })
}

fn rss(row: &Row) -> Cell {
    row.verification
        .rss
        .map_or_else(Cell::absent, |bytes| Cell::plain(cells::mebibytes(bytes)))
}

fn versus(row: &Row) -> Cell {
    match &row.ratio {
        Some(ratio) => cells::ratio(ratio),
        None if row.is_reference => Cell {
            text: "1.0".to_owned(),
            tone: Tone::Dim,
        },
        None => Cell::absent(),
    }
}

/// The ratio without its interval, for the overview.
pub fn brief_ratio(row: &Row) -> Cell {
    match (&row.ratio, &row.verification.state) {
        (_, State::Failed(_)) => Cell {
            text: "failed".to_owned(),
            tone: Tone::Bad,
        },
        (Some(ratio), State::Verified | State::Unchecked) => cells::brief_ratio(ratio),
        (None, State::Verified | State::Unchecked) => Cell::absent(),
    }
}

/// The columns of verdicts.
pub fn decisions() -> Vec<Column<Decision>> {
    vec![
        left("Benchmark", benchmark),
        left("Verdict", verdict),
        right("Change", change),
        right("Own latency", own),
        right("Peak heap", heap_change),
        right("Allocations", allocations_change),
        right("Blocks", blocks),
    ]
}

fn benchmark(decision: &Decision) -> Cell {
    Cell::plain(&decision.id)
}

fn verdict(decision: &Decision) -> Cell {
    let tone = match decision.verdict {
        Verdict::Regressed | Verdict::Failed => Tone::Bad,
        Verdict::Improved => Tone::Good,
        Verdict::Inconclusive => Tone::Unsure,
        Verdict::Unchanged => Tone::Plain,
        Verdict::Identical | Verdict::Added | Verdict::Removed => Tone::Dim,
    };
    Cell {
        text: decision.verdict.word().to_owned(),
        tone,
    }
}

fn change(decision: &Decision) -> Cell {
    decision
        .change
        .as_ref()
        .map_or_else(Cell::absent, cells::change)
}

fn own(decision: &Decision) -> Cell {
    decision
        .own
        .as_ref()
        .map_or_else(Cell::absent, cells::change)
}

fn heap_change(decision: &Decision) -> Cell {
    counts(decision, Metric::PeakHeap, cells::bytes)
}

fn allocations_change(decision: &Decision) -> Cell {
    counts(decision, Metric::Allocations, |count| count.to_string())
}

fn counts(decision: &Decision, metric: Metric, text: impl Fn(u64) -> String) -> Cell {
    let found = decision
        .memory
        .iter()
        .find(|change| change.metric == metric);
    found.map_or_else(Cell::absent, |change| match change.counts {
        (baseline, candidate) if baseline == candidate => Cell {
            text: "=".to_owned(),
            tone: Tone::Dim,
        },
        (baseline, candidate) => Cell::plain(format!("{} -> {}", text(baseline), text(candidate))),
    })
}

fn blocks(decision: &Decision) -> Cell {
    let Decision {
        screen_blocks,
        confirm_blocks,
        ..
    } = decision;
    match confirm_blocks {
        0 => Cell::plain(screen_blocks.to_string()),
        confirm => Cell::plain(format!("{screen_blocks}+{confirm}")),
    }
}
