//! A report in the Bencher Metric Format (bencher.dev, "Bencher Metric Format").

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::{Report, text};
use crate::compare::sides::Measured;

/// A value and its bounds.
#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

pub fn render(report: &Report<'_>) -> Result<String> {
    let candidates = report
        .measured
        .iter()
        .filter_map(|(id, both)| Some((text::visible(id), metrics(both.candidate.as_ref()?))));
    let all: BTreeMap<String, BTreeMap<&str, Metric>> = candidates
        .filter(|(_, metrics)| !metrics.is_empty())
        .collect();
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn metrics(measured: &Measured) -> BTreeMap<&'static str, Metric> {
    let exact = |value| Metric {
        value,
        lower_value: None,
        upper_value: None,
    };
    let latency = measured.latency.map(|latency| Metric {
        value: latency.median_ns,
        lower_value: Some(latency.quartiles_ns.0),
        upper_value: Some(latency.quartiles_ns.1),
    });
    let metrics = [
        ("latency", latency),
        ("ratio-to-reference", measured.ratio.map(exact)),
        (
            "peak-heap",
            measured
                .memory
                .and_then(|memory| Some(exact(memory.peak? as f64))),
        ),
        (
            "allocations",
            measured
                .memory
                .map(|memory| exact(memory.allocations as f64)),
        ),
    ];
    metrics
        .into_iter()
        .filter_map(|(name, metric)| Some((name, metric?)))
        .collect()
}
