//! History as JSON and CSV: every value and every change point.

use anyhow::{Context, Result};
use serde::Serialize;

use super::change_points::{Exported, Found};
use crate::{escape::visible, record::series::Series};

/// The version of the JSON format.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    series: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    machine_key: &'a str,
    benchmark: &'a str,
    reference: Option<&'a str>,
    unit: &'static str,
    /// Commit and value, oldest first.
    points: Vec<(&'a str, f64)>,
    change_points: Vec<Exported<'a>>,
}

/// A row of the CSV.
#[derive(Serialize)]
struct Line<'a> {
    machine_key: &'a str,
    benchmark: String,
    reference: Option<String>,
    commit: &'a str,
    value: f64,
    unit: &'static str,
    /// after / before if the level changed with this commit, and the p-value.
    change: Option<f64>,
    p: Option<f64>,
}

fn unit(series: &Series<'_>) -> &'static str {
    match series.reference {
        Some(_) => "ratio",
        None => "ns",
    }
}

pub fn json(all: &[(Series<'_>, Vec<Found<'_>>)]) -> Result<String> {
    let series = all.iter().map(|(series, found)| One {
        machine_key: series.key,
        benchmark: series.id,
        reference: series.reference,
        unit: unit(series),
        points: series
            .points
            .iter()
            .map(|point| (point.commit, point.value))
            .collect(),
        change_points: found.iter().map(Exported::from).collect(),
    });
    let document = Document {
        schema: SCHEMA,
        series: series.collect(),
    };
    let text = serde_json::to_string(&document).context("failed to write JSON")?;
    Ok(text + "\n")
}

pub fn csv(all: &[(Series<'_>, Vec<Found<'_>>)]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (series, found) in all {
        let mut found = found.iter().peekable();
        for point in &series.points {
            let change = found.next_if(|found| found.commit == point.commit);
            writer.serialize(Line {
                machine_key: series.key,
                benchmark: visible(series.id),
                reference: series.reference.map(visible),
                commit: point.commit,
                value: point.value,
                unit: unit(series),
                change: change.map(|found| found.point.ratio()),
                p: change.map(|found| found.point.p),
            })?;
        }
    }
    let bytes = writer.into_inner().context("failed to write CSV")?;
    String::from_utf8(bytes).context("failed to write CSV")
}
