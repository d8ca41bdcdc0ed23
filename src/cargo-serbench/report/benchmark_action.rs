//! A report in the `customSmallerIsBetter` format of github-action-benchmark.

use anyhow::Result;
use serde::Serialize;

use super::{Report, cells, text};
use crate::compare::sides::Measured;

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<String>,
}

pub fn render(report: &Report<'_>) -> Result<String> {
    let candidates = report
        .measured
        .iter()
        .filter_map(|(id, both)| Some((text::visible(id), both.candidate.as_ref()?)));
    let entries: Vec<Entry> = candidates
        .flat_map(|(id, measured)| entries(&id, measured))
        .collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

fn entries(id: &str, measured: &Measured) -> Vec<Entry> {
    let latency = measured.latency.map(|latency| {
        let (lower, upper) = latency.quartiles_ns;
        Entry {
            name: id.to_owned(),
            unit: "ns",
            value: latency.median_ns,
            range: Some(format!("\u{b1} {:.3}", (upper - lower) / 2.0)),
            extra: measured
                .ratio
                .map(|ratio| format!("{} times the reference", cells::ratio_of(ratio))),
        }
    });
    let memory = measured.memory.and_then(|memory| {
        Some(Entry {
            name: format!("{id} (peak heap)"),
            unit: "bytes",
            value: memory.peak? as f64,
            range: None,
            extra: Some(format!("{} allocations", memory.allocations)),
        })
    });
    latency.into_iter().chain(memory).collect()
}
