//! Results as one JSON object: the figures in the words of the tables, and the whole run.

use anyhow::Result;
use serde::Serialize;

use super::{Results, cells};
use crate::{
    compare::Row,
    compare::stats::LogRatio,
    decide::evidence::Role,
    decide::{Decision, LimitCheck, Metric, Standing},
    run::Run,
};

#[derive(Serialize)]
struct Report<'a> {
    /// `passed`, `regressed`, `could not measure`, `inconclusive`; absent for one commit.
    outcome: Option<&'static str>,
    /// The first line of the terminal's report.
    headline: Option<String>,
    trouble: &'a [String],
    /// One commit: ratios to the reference.
    tables: Vec<TableRow<'a>>,
    /// Two commits: verdicts, canaries among them.
    decisions: Vec<DecisionRow<'a>>,
    run: &'a Run,
}

#[derive(Serialize)]
struct TableRow<'a> {
    id: &'a str,
    latency_ns: Option<f64>,
    gigabytes_per_second: Option<f64>,
    /// encoder / reference; 1.05 is 5 % slower.
    ratio: Option<Interval>,
    blocks: usize,
}

#[derive(Serialize)]
struct DecisionRow<'a> {
    id: &'a str,
    canary: bool,
    verdict: &'static str,
    metric: Option<&'static str>,
    /// (encoder / reference at the candidate) / (the same at the baseline).
    change: Option<Interval>,
    /// candidate / baseline without the reference.
    own: Option<Interval>,
    wall: Option<Interval>,
    memory: Vec<MemoryRow>,
    limits: Vec<LimitRow>,
    screen_blocks: usize,
    confirm_blocks: usize,
    sensitivity: Option<f64>,
    needs_seconds: Option<f64>,
    reason: &'a str,
    excused: Option<&'a str>,
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
    standing: &'static str,
}

/// A ratio and its interval.
#[derive(Serialize)]
struct Interval {
    ratio: f64,
    lower: f64,
    upper: f64,
    level: f64,
}

pub fn render(results: Results<'_>) -> Result<String> {
    let report = match results {
        Results::Tables { run, cases } => Report {
            outcome: None,
            headline: None,
            trouble: &[],
            tables: cases
                .iter()
                .flat_map(|case| &case.rows)
                .map(table_row)
                .collect(),
            decisions: Vec::new(),
            run,
        },
        Results::Gate {
            run,
            decisions,
            summary,
        } => Report {
            outcome: Some(summary.outcome.word()),
            headline: Some(cells::headline(summary, run).text),
            trouble: &summary.problems,
            tables: Vec::new(),
            decisions: decisions.iter().map(decision_row).collect(),
            run,
        },
    };
    Ok(serde_json::to_string(&report)? + "\n")
}

fn table_row(row: &Row) -> TableRow<'_> {
    TableRow {
        id: &row.id,
        latency_ns: row.latency_ns,
        gigabytes_per_second: row.gigabytes_per_second,
        ratio: row.ratio.as_ref().map(interval),
        blocks: row.blocks,
    }
}

fn decision_row(decision: &Decision) -> DecisionRow<'_> {
    DecisionRow {
        id: &decision.id,
        canary: decision.role != Role::Benchmark,
        verdict: decision.verdict.word(),
        metric: decision.metric.map(Metric::word),
        change: decision.change.as_ref().map(interval),
        own: decision.own.as_ref().map(interval),
        wall: decision.wall.as_ref().map(interval),
        memory: decision
            .memory
            .iter()
            .map(|change| MemoryRow {
                metric: change.metric.word(),
                baseline: change.counts.0,
                candidate: change.counts.1,
            })
            .collect(),
        limits: decision.limits.iter().map(limit_row).collect(),
        screen_blocks: decision.screen_blocks,
        confirm_blocks: decision.confirm_blocks,
        sensitivity: decision.sensitivity,
        needs_seconds: decision.needs_seconds,
        reason: &decision.reason,
        excused: decision.waived.as_deref(),
    }
}

fn limit_row(check: &LimitCheck) -> LimitRow {
    let standing = match check.standing {
        Standing::Within => "within",
        Standing::Over => "over",
        Standing::Unclear => "unclear",
    };
    LimitRow {
        metric: check.metric.word(),
        limit: check.limit,
        ratio: interval(&check.ratio),
        standing,
    }
}

fn interval(estimate: &LogRatio) -> Interval {
    let [ratio, lower, upper] = estimate.ratios();
    Interval {
        ratio,
        lower,
        upper,
        level: estimate.level,
    }
}
