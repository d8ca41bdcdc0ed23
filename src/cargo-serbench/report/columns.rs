//! The columns of each table: the only place that defines a column's title, alignment and value.

use super::{
    Report, cells,
    document::Judged,
    table::{Cell, Column, Tone, left, right},
};
use crate::{
    compare::{CaseTable, Row, sides::Both},
    decide::{Decision, Metric, Verdict},
    run::{Side, State},
};

/// The columns of one case: pynumpy's, then throughput, size and exact memory.
pub fn case(case: &CaseTable) -> Vec<Column<Row>> {
    // In a crate that serializes nothing, a row is a benchmark, not a library.
    let first = match &case.reference {
        Some(_) => "Library",
        None => "Benchmark",
    };
    let mut columns = vec![left(first, library)];
    columns.extend(figures());
    if let Some(reference) = &case.reference {
        columns.push(right(&format!("vs. {reference}"), versus));
    }
    columns
}

/// The columns of benchmarks that are not compared with others.
pub fn alone() -> Vec<Column<Row>> {
    let mut columns = vec![left("Benchmark", id)];
    columns.extend(figures());
    columns
}

fn figures() -> [Column<Row>; 10] {
    [
        right("Latency", latency),
        right("ns/element", nanos_per_element),
        right("Throughput", throughput),
        right("Items/s", |row| {
            per_second(row, row.verification.counted.items)
        }),
        right("Chars/s", |row| {
            per_second(row, row.verification.counted.chars)
        }),
        right("Cycles/s", |row| {
            per_second(row, row.verification.counted.cycles)
        }),
        right("B/element", bytes_per_element),
        right("Peak heap", peak),
        right("Allocations", allocations),
        right("RSS diff (MiB)", rss),
    ]
}

/// pynumpy's line above its table, then the case: `53.2MiB float32 output (orjson), json f32::100x100`.
pub fn case_title(case: &CaseTable) -> String {
    let name = match (&case.reference, case.case.as_str()) {
        // An id may end with its encoder.
        (_, "") => case.suite.clone(),
        (Some(_), name) => format!("{} {name}", case.suite),
        (None, name) => format!("{}::{name}", case.suite),
    };
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
    Cell::name(&row.name)
}

fn id(row: &Row) -> Cell {
    Cell::name(row.id.as_str())
}

/// The latency, or how the benchmark ended without one.
pub fn latency(row: &Row) -> Cell {
    match (&row.verification.state, row.latency_ns) {
        (State::Failed(_), _) => Cell::toned("failed", Tone::Bad),
        (State::Skipped(_), _) => Cell::toned("skipped", Tone::Dim),
        (State::Verified | State::Unchecked, Some(time)) => Cell::plain(cells::time(time)),
        (State::Verified | State::Unchecked, None) => Cell::absent(),
    }
}

/// Output bytes per second, the usual measure of serializers; input bytes if there is no output.
fn throughput(row: &Row) -> Cell {
    row.gigabytes_per_second
        .map_or_else(Cell::absent, |rate| Cell::plain(cells::throughput(rate)))
}

/// By one of divan's counters.
fn per_second(row: &Row, count: Option<u64>) -> Cell {
    let rate = row.per_second(count);
    rate.map_or_else(Cell::absent, |rate| Cell::plain(cells::rate(rate)))
}

fn nanos_per_element(row: &Row) -> Cell {
    per_element(row, row.latency_ns)
}

/// Output bytes per input element: the size of a format.
fn bytes_per_element(row: &Row) -> Cell {
    per_element(row, row.verification.bytes_out.map(|bytes| bytes as f64))
}

fn per_element(row: &Row, total: Option<f64>) -> Cell {
    let product = |shape: &Vec<usize>| {
        shape
            .iter()
            .try_fold(1_usize, |all, axis| all.checked_mul(*axis))
    };
    let elements = row.verification.shape.as_ref().and_then(product);
    match (total, elements) {
        (Some(total), Some(elements)) if elements > 0 => {
            Cell::plain(cells::figures(total / elements as f64))
        }
        (_, _) => Cell::absent(),
    }
}

fn peak(row: &Row) -> Cell {
    let peak = row.verification.memory.and_then(|memory| memory.peak);
    peak.map_or_else(Cell::absent, |bytes| Cell::plain(cells::bytes(bytes)))
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
        None if row.is_reference => Cell::toned("1.0", Tone::Dim),
        None => Cell::absent(),
    }
}

/// The ratio without its interval, for the overview.
pub fn brief_ratio(row: &Row) -> Cell {
    match (&row.ratio, &row.verification.state) {
        (_, State::Failed(_)) => Cell::toned("failed", Tone::Bad),
        (_, State::Skipped(_)) => Cell::toned("skipped", Tone::Dim),
        (Some(ratio), State::Verified | State::Unchecked) => cells::brief_ratio(ratio),
        (None, State::Verified | State::Unchecked) => Cell::absent(),
    }
}

/// The columns of verdicts.
pub fn verdicts<'a>(report: &Report<'_>) -> Vec<Column<Judged<'a>>> {
    let ratio = match reference(report) {
        Some(name) => format!("vs. {name}"),
        None => "vs. reference".to_owned(),
    };
    vec![
        left("Benchmark", benchmark),
        left("Verdict", verdict),
        right("Change [95 %]", change),
        right(&ratio, ratios),
        right("Latency", latencies),
        right("Peak heap", heap_change),
        right("Allocations", allocations_change),
        right("Blocks", blocks),
    ]
}

/// The name of the reference encoder, if it is the same for all benchmarks.
pub fn reference<'a>(report: &Report<'a>) -> Option<&'a str> {
    let benchmarks = report.runs.iter().flat_map(|run| run.benchmarks.values());
    let mut names: Vec<&str> = benchmarks
        .filter_map(|benchmark| Some(benchmark.reference.as_ref()?.encoder()))
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [one] => Some(one),
        [] | [_, ..] => None,
    }
}

fn benchmark(row: &Judged<'_>) -> Cell {
    Cell::name(row.decision.id.as_str())
}

fn verdict(row: &Judged<'_>) -> Cell {
    Cell::toned(verdict_words(row.decision), tone(row.decision))
}

/// The verdict, and why it does not fail the gate: `regressed (accepted)`.
pub fn verdict_words(decision: &Decision) -> String {
    let word = decision.verdict.word();
    let why = decision.waived.as_deref().filter(|_| is_failing(decision));
    let why = why.and_then(|it| it.split(|it: char| !it.is_alphabetic()).next());
    why.map_or_else(|| word.to_owned(), |why| format!("{word} ({why})"))
}

/// Whether a verdict fails the gate unless waived.
fn is_failing(decision: &Decision) -> bool {
    match decision.verdict {
        Verdict::Regressed | Verdict::Failed | Verdict::Removed | Verdict::Inconclusive => true,
        Verdict::Improved
        | Verdict::Unchanged
        | Verdict::Identical
        | Verdict::Added
        | Verdict::Skipped => false,
    }
}

/// Whether a verdict is good or bad.
pub fn tone(decision: &Decision) -> Tone {
    if decision.waived.is_some() && is_failing(decision) {
        return Tone::Unsure;
    }
    match decision.verdict {
        Verdict::Regressed | Verdict::Failed => Tone::Bad,
        Verdict::Improved => Tone::Good,
        Verdict::Inconclusive => Tone::Unsure,
        Verdict::Unchanged => Tone::Plain,
        Verdict::Removed => Tone::Bad,
        Verdict::Identical | Verdict::Added | Verdict::Skipped => Tone::Dim,
    }
}

fn change(row: &Judged<'_>) -> Cell {
    let change = row.decision.change.as_ref();
    change.map_or_else(Cell::absent, cells::change)
}

/// The ratio to the reference at both commits.
fn ratios(row: &Judged<'_>) -> Cell {
    before_and_after(row, |measured| Some(cells::ratio_of(measured.ratio?)))
}

fn latencies(row: &Judged<'_>) -> Cell {
    before_and_after(row, |measured| {
        Some(cells::time(measured.latency?.median_ns))
    })
}

fn before_and_after(
    row: &Judged<'_>,
    text: impl Fn(&crate::compare::sides::Measured) -> Option<String>,
) -> Cell {
    // A self-check is not a benchmark and has no measurements of its own.
    let measured = row.report.measured.get(&row.decision.id);
    let at = |side| measured.and_then(|both: &Both<_>| text(both.at(side)?));
    match (at(Side::Baseline), at(Side::Candidate)) {
        (Some(before), Some(after)) => Cell::plain(format!("{before} -> {after}")),
        (None, Some(after)) => Cell::plain(after),
        (Some(before), None) => Cell::plain(format!("{before} -> gone")),
        (None, None) => Cell::absent(),
    }
}

fn heap_change(row: &Judged<'_>) -> Cell {
    counts(row, Metric::PeakHeap, cells::bytes)
}

fn allocations_change(row: &Judged<'_>) -> Cell {
    counts(row, Metric::Allocations, |count| count.to_string())
}

fn counts(row: &Judged<'_>, metric: Metric, text: impl Fn(u64) -> String) -> Cell {
    let mut changes = row.decision.memory.iter();
    let found = changes.find(|change| change.metric == metric);
    found.map_or_else(Cell::absent, |change| match change.counts {
        (baseline, candidate) if baseline == candidate => Cell::toned("=", Tone::Dim),
        (baseline, candidate) => Cell::plain(format!("{} -> {}", text(baseline), text(candidate))),
    })
}

fn blocks(row: &Judged<'_>) -> Cell {
    let (screen, confirm) = (row.decision.screen_blocks, row.decision.confirm_blocks);
    match (screen, confirm) {
        (0, 0) => Cell::absent(),
        (_, 0) => Cell::toned(screen.to_string(), Tone::Dim),
        (_, _) => Cell::toned(format!("{screen}+{confirm}"), Tone::Dim),
    }
}
