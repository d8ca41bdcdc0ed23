//! A report as OpenMetrics text (OpenMetrics 1.0).

use super::{Report, text};
use crate::{
    compare::sides::Measured,
    decide::{Decision, evidence::Role},
    run::Side,
};

/// A metric family: name, unit, help, and its value for a benchmark at one commit.
type Family = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Measured) -> Option<f64>,
);

const FAMILIES: [Family; 4] = [
    (
        "serbench_latency_seconds",
        "seconds",
        "Median time of an operation.",
        |it| Some(it.latency?.median_ns / 1e9),
    ),
    (
        "serbench_reference_ratio",
        "ratio",
        "Latency over that of the reference encoder.",
        |it| it.ratio,
    ),
    (
        "serbench_peak_heap_bytes",
        "bytes",
        "Peak heap of an operation.",
        |it| Some(it.memory?.peak? as f64),
    ),
    (
        "serbench_allocations",
        "",
        "Allocations of an operation.",
        |it| Some(it.memory?.allocations as f64),
    ),
];

pub fn render(report: &Report<'_>) -> String {
    let mut out = String::new();
    for (name, unit, help, value) in FAMILIES {
        let mut samples = String::new();
        for (id, both) in report.measured {
            for (side, word) in [(Side::Baseline, "baseline"), (Side::Candidate, "candidate")] {
                if let Some(value) = both.at(side).and_then(value) {
                    let id = label(id);
                    samples += &format!("{name}{{benchmark=\"{id}\",side=\"{word}\"}} {value}\n");
                }
            }
        }
        out += &family(name, unit, help, &samples);
    }
    let decisions = report.verdicts.into_iter().flat_map(|it| it.decisions);
    let decisions: Vec<&Decision> = decisions.filter(|it| it.role == Role::Benchmark).collect();
    let changes = decisions.iter().filter_map(|it| {
        let (id, change) = (label(&it.id), it.change?.point.exp());
        Some(format!(
            "serbench_change_ratio{{benchmark=\"{id}\"}} {change}\n"
        ))
    });
    let help = "Change of the ratio to the reference, 1.05 is 5 % slower.";
    out += &family(
        "serbench_change_ratio",
        "ratio",
        help,
        &changes.collect::<String>(),
    );
    let verdicts = decisions.iter().map(|it| {
        let (id, verdict) = (label(&it.id), it.verdict.word());
        let accepted = it.waived.as_ref().map_or("", |_| ",accepted=\"true\"");
        format!("serbench_verdict{{benchmark=\"{id}\",verdict=\"{verdict}\"{accepted}}} 1\n")
    });
    let help = "1 for the verdict that a benchmark got.";
    out += &family("serbench_verdict", "", help, &verdicts.collect::<String>());
    out + "# EOF\n"
}

fn family(name: &str, unit: &str, help: &str, samples: &str) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let unit = match unit {
        "" => String::new(),
        _ => format!("# UNIT {name} {unit}\n"),
    };
    format!("# TYPE {name} gauge\n{unit}# HELP {name} {help}\n{samples}")
}

fn label(text: &str) -> String {
    text::visible(text)
        .replace('\\', r"\\")
        .replace('"', "\\\"")
}
