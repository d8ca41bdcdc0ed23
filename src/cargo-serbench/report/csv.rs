//! A report as CSV, one line per benchmark.

use anyhow::{Context, Result};
use csv::{Writer, WriterBuilder};
use serde::Serialize;

use super::{Report, json, text};
use crate::{compare::sides::Measured, decide::evidence::Role, run::Side};

/// One line. Ratios are encoder / reference and candidate / baseline; 1.05 is 5 % slower.
#[derive(Serialize)]
struct Line {
    id: String,
    verdict: Option<&'static str>,
    decided_by: Option<&'static str>,
    accepted: Option<String>,
    change: Option<f64>,
    change_lower: Option<f64>,
    change_upper: Option<f64>,
    baseline_ratio: Option<f64>,
    candidate_ratio: Option<f64>,
    baseline_latency_ns: Option<f64>,
    candidate_latency_ns: Option<f64>,
    baseline_peak_heap_bytes: Option<u64>,
    candidate_peak_heap_bytes: Option<u64>,
    baseline_allocations: Option<u64>,
    candidate_allocations: Option<u64>,
}

pub fn render(report: &Report<'_>) -> Result<String> {
    let mut writer: Writer<Vec<u8>> = WriterBuilder::new().from_writer(Vec::new());
    for id in report.measured.keys() {
        writer.serialize(line(report, id))?;
    }
    let bytes = writer.into_inner().context("failed to write CSV")?;
    String::from_utf8(bytes).context("failed to write CSV")
}

fn line(report: &Report<'_>, id: &str) -> Line {
    let decisions = report.verdicts.into_iter().flat_map(|it| it.decisions);
    let decision = decisions
        .filter(|decision| decision.role == Role::Benchmark)
        .find(|decision| decision.id == id);
    let change = decision.and_then(|it| it.change);
    let ratio = |log: f64| log.is_finite().then(|| log.exp());
    let measured = report.measured.get(id);
    let at = |side| measured.and_then(|both| both.at(side));
    let (before, after) = (at(Side::Baseline), at(Side::Candidate));
    let latency = |measured: Option<&Measured>| Some(measured?.latency?.median_ns);
    let peak = |measured: Option<&Measured>| measured?.memory?.peak;
    let allocations = |measured: Option<&Measured>| Some(measured?.memory?.allocations);
    Line {
        id: unformulated(&text::visible(id)),
        verdict: decision.map(|it| it.verdict.word()),
        decided_by: decision.and_then(|it| it.metric).map(json::metric),
        accepted: decision
            .and_then(|it| it.waived.as_deref())
            .map(|why| unformulated(&text::visible(why))),
        change: change.and_then(|it| ratio(it.point)),
        change_lower: change.and_then(|it| ratio(it.lower)),
        change_upper: change.and_then(|it| ratio(it.upper)),
        baseline_ratio: before.and_then(|it| it.ratio),
        candidate_ratio: after.and_then(|it| it.ratio),
        baseline_latency_ns: latency(before),
        candidate_latency_ns: latency(after),
        baseline_peak_heap_bytes: peak(before),
        candidate_peak_heap_bytes: peak(after),
        baseline_allocations: allocations(before),
        candidate_allocations: allocations(after),
    }
}

/// Spreadsheets evaluate cells that start like a formula (OWASP, "CSV Injection").
fn unformulated(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
