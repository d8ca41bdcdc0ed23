//! A report as one JSON object, described by `schema.json`: everything in the other formats, and the
//! stored runs it was made from.

use anyhow::Result;
use serde::Serialize;

use super::{
    Place, Report, Verdicts, document,
    json_history::{self, Recorded},
};
use crate::{
    compare::{
        Clock, Row,
        means::Mean,
        scaling::{self, Ladder},
        sides::{Both, Measured},
        stats::LogRatio,
    },
    decide::{Decision, LimitCheck, Metric, Outcome, Standing, evidence::Role},
    escape,
    explain::Explanation,
    run::{Explained, Run},
};

/// The version of this format. Increased when a field is removed or changes its meaning.
const SCHEMA: u32 = 2;

#[derive(Serialize)]
struct Root<'a> {
    schema: u32,
    outcome: Option<&'static str>,
    exit_code: u8,
    headline: Option<String>,
    problems: Vec<String>,
    next: Vec<NextStep>,
    smallest_visible_slowdown: Option<f64>,
    measurements: Vec<Measurement<'a>>,
    verdicts: Vec<VerdictRow<'a>>,
    self_checks: Vec<VerdictRow<'a>>,
    means: Means<'a>,
    scaling: Vec<ScalingRow>,
    explanations: Vec<ExplanationRow<'a>>,
    history: Option<Recorded<'a>>,
    runs: &'a [Run],
}

/// The cost of one encoder by array length, for one data type.
#[derive(Serialize)]
struct ScalingRow {
    suite: String,
    encoder: String,
    data_type: String,
    fixed_ns: f64,
    element_ns: f64,
    largest_deviation: f64,
    lengths: (f64, f64),
}

#[derive(Serialize)]
struct NextStep {
    text: String,
    command: Option<String>,
}

/// One benchmark of one commit.
#[derive(Serialize)]
struct Measurement<'a> {
    id: &'a str,
    failure: Option<&'a str>,
    latency_ns: Option<f64>,
    clock: &'static str,
    gigabytes_per_second: Option<f64>,
    items_per_second: Option<f64>,
    chars_per_second: Option<f64>,
    cycles_per_second: Option<f64>,
    ratio_to_reference: Option<Interval>,
    blocks: usize,
}

/// One benchmark of two commits.
#[derive(Serialize)]
struct VerdictRow<'a> {
    id: &'a str,
    verdict: &'static str,
    reason: &'a str,
    accepted: Option<&'a str>,
    decided_by: Option<&'static str>,
    threshold: Option<f64>,
    change: Option<Interval>,
    deciding_change: Option<Interval>,
    candidate_over_baseline: Option<Interval>,
    wall_time_change: Option<Interval>,
    latency_ns: Pair<f64>,
    clock: &'static str,
    ratio_to_reference: Pair<f64>,
    memory: Vec<MemoryRow>,
    limits: Vec<LimitRow>,
    screen_blocks: usize,
    confirm_blocks: usize,
    smallest_visible_slowdown: Option<f64>,
    seconds_to_decide: Option<f64>,
    location: Option<PlaceRow<'a>>,
}

#[derive(Serialize)]
struct Pair<T> {
    baseline: Option<T>,
    candidate: Option<T>,
}

#[derive(Serialize)]
struct MemoryRow {
    metric: &'static str,
    baseline: u64,
    candidate: u64,
}

#[derive(Serialize)]
struct LimitRow {
    metric: &'static str,
    limit: f64,
    ratio: Interval,
    state: &'static str,
}

#[derive(Serialize)]
struct PlaceRow<'a> {
    file: &'a str,
    line: usize,
}

#[derive(Serialize)]
struct Means<'a> {
    by_encoder: Vec<MeanRow<'a>>,
    by_data_type: Vec<MeanRow<'a>>,
}

#[derive(Serialize)]
struct MeanRow<'a> {
    name: &'a str,
    benchmarks: usize,
    ratio_to_reference: Pair<f64>,
    change: Option<f64>,
}

/// Why one benchmark is slower.
#[derive(Serialize)]
struct ExplanationRow<'a> {
    id: &'a str,
    signature: &'static str,
    evidence: String,
    observed: &'a Explained,
}

/// A ratio and its interval; a bound is null if there are too few blocks for the confidence level.
#[derive(Serialize)]
struct Interval {
    ratio: f64,
    lower: Option<f64>,
    upper: Option<f64>,
    level: f64,
}

pub fn render(report: &Report<'_>) -> Result<String> {
    let document = document::document(report);
    let rows = |controls: bool| -> Vec<VerdictRow<'_>> {
        let verdicts = report.verdicts.as_ref();
        let decisions = verdicts.into_iter().flat_map(|it| it.decisions);
        decisions
            .filter(|it| (it.role != Role::Benchmark) == controls)
            .map(|decision| verdict_row(report, decision))
            .collect()
    };
    let summary = report.verdicts.map(|verdicts| verdicts.summary);
    let headline = document.headline.as_ref();
    let root = Root {
        schema: SCHEMA,
        outcome: summary.map(|summary| outcome(summary.outcome)),
        exit_code: report.exit_code,
        headline: headline.map(|it| format!("{}: {}", it.word, it.sentence)),
        problems: summary.map_or_else(Vec::new, |it| it.problems.clone()),
        next: document.next.into_iter().map(next_step).collect(),
        smallest_visible_slowdown: summary.and_then(|summary| summary.sensitivity),
        measurements: report
            .tables
            .iter()
            .flat_map(|table| &table.rows)
            .map(measurement)
            .collect(),
        verdicts: rows(false),
        self_checks: rows(true),
        means: Means {
            by_encoder: report.means.by_encoder.iter().map(mean_row).collect(),
            by_data_type: report.means.by_dtype.iter().map(mean_row).collect(),
        },
        scaling: scaling::ladders(report.tables)
            .into_iter()
            .map(scaling_row)
            .collect(),
        explanations: report.explanations.iter().map(explanation).collect(),
        history: report.history.map(json_history::recorded),
        runs: report.runs,
    };
    Ok(escape::json(&serde_json::to_string(&root)?) + "\n")
}

fn explanation<'a>(explanation: &Explanation<'a>) -> ExplanationRow<'a> {
    let Explanation {
        id,
        signature,
        ref sentence,
        observed,
    } = *explanation;
    ExplanationRow {
        id,
        signature: signature.word(),
        evidence: sentence.clone(),
        observed,
    }
}

fn next_step(step: document::Step) -> NextStep {
    let document::Step { text, command } = step;
    NextStep { text, command }
}

fn measurement(row: &Row) -> Measurement<'_> {
    let counted = row.verification.counted;
    Measurement {
        id: &row.id,
        failure: row.verification.failure(),
        latency_ns: row.latency_ns,
        clock: clock(Clock::of(&row.verification)),
        gigabytes_per_second: row.gigabytes_per_second,
        items_per_second: row.per_second(counted.items),
        chars_per_second: row.per_second(counted.chars),
        cycles_per_second: row.per_second(counted.cycles),
        ratio_to_reference: row.ratio.as_ref().map(interval),
        blocks: row.blocks,
    }
}

fn verdict_row<'a>(report: &Report<'a>, decision: &'a Decision) -> VerdictRow<'a> {
    let measured = report.measured.get(&decision.id);
    let place = report.places.get(decision.id.as_str());
    VerdictRow {
        id: &decision.id,
        verdict: decision.verdict.word(),
        reason: &decision.reason,
        accepted: decision.waived.as_deref(),
        decided_by: decision.metric.map(metric),
        threshold: threshold(report.verdicts.as_ref(), &decision.id),
        change: decision.change.as_ref().map(interval),
        deciding_change: decision.deciding.as_ref().map(interval),
        candidate_over_baseline: decision.own.as_ref().map(interval),
        wall_time_change: decision.wall.as_ref().map(interval),
        latency_ns: pair(measured, |it| Some(it.latency?.median_ns)),
        clock: clock(shown_clock(measured)),
        ratio_to_reference: pair(measured, |it| it.ratio),
        memory: decision.memory.iter().map(memory_row).collect(),
        limits: decision.limits.iter().map(limit_row).collect(),
        screen_blocks: decision.screen_blocks,
        confirm_blocks: decision.confirm_blocks,
        smallest_visible_slowdown: decision.sensitivity,
        seconds_to_decide: decision.needs_seconds,
        location: place.map(|Place { file, line }| PlaceRow { file, line: *line }),
    }
}

fn threshold(verdicts: Option<&Verdicts<'_>>, id: &str) -> Option<f64> {
    let mut evidence = verdicts?.evidence.iter();
    let found = evidence.find(|evidence| evidence.id == id)?;
    Some(found.tolerance.threshold)
}

fn pair(measured: Option<&Both<Measured>>, value: fn(&Measured) -> Option<f64>) -> Pair<f64> {
    let both = measured.copied().unwrap_or_default();
    Pair {
        baseline: both.baseline.as_ref().and_then(value),
        candidate: both.candidate.as_ref().and_then(value),
    }
}

fn shown_clock(measured: Option<&Both<Measured>>) -> Clock {
    let sides = measured.map(|both| [both.baseline, both.candidate]);
    let measured = sides.into_iter().flatten().flatten();
    measured.map(|it| it.clock).max().unwrap_or_default()
}

fn memory_row(change: &crate::decide::MemoryChange) -> MemoryRow {
    MemoryRow {
        metric: metric(change.metric),
        baseline: change.counts.0,
        candidate: change.counts.1,
    }
}

fn limit_row(check: &LimitCheck) -> LimitRow {
    LimitRow {
        metric: metric(check.metric),
        limit: check.limit,
        ratio: interval(&check.ratio),
        state: match check.standing {
            Standing::Within => "within",
            Standing::Over => "over",
            Standing::Unclear => "undecided",
        },
    }
}

fn mean_row(mean: &Mean) -> MeanRow<'_> {
    MeanRow {
        name: &mean.name,
        benchmarks: mean.benchmarks,
        ratio_to_reference: Pair {
            baseline: mean.baseline.map(f64::exp),
            candidate: mean.candidate.map(f64::exp),
        },
        change: mean.change.map(f64::exp),
    }
}

fn scaling_row(ladder: Ladder) -> ScalingRow {
    ScalingRow {
        suite: ladder.suite,
        encoder: ladder.encoder,
        data_type: ladder.dtype,
        fixed_ns: ladder.line.fixed_ns,
        element_ns: ladder.line.element_ns,
        largest_deviation: ladder.line.largest_deviation,
        lengths: ladder.range,
    }
}

fn interval(estimate: &LogRatio) -> Interval {
    let LogRatio {
        point,
        lower,
        upper,
        level,
    } = *estimate;
    let bound = |log: f64| Some(log.exp()).filter(|it| log.is_finite() && it.is_finite());
    Interval {
        ratio: point.exp(),
        lower: bound(lower),
        upper: bound(upper),
        level,
    }
}

/// The outcome as a JSON value.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Regressed => "regressed",
        Outcome::CouldNotMeasure => "could-not-measure",
        Outcome::Inconclusive => "inconclusive",
    }
}

fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Cpu => "cpu-time",
        Clock::Wall => "wall-time",
    }
}

/// The metric as a JSON value.
pub fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Latency(Clock::Cpu) => "latency-cpu-time",
        Metric::Latency(Clock::Wall) => "latency-wall-time",
        Metric::PeakHeap => "peak-heap",
        Metric::AllocatedBytes => "allocated-bytes",
        Metric::Allocations => "allocations",
    }
}
