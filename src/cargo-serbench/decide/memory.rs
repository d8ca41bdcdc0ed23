//! Decides the memory verdict of a benchmark from exact counts.

use super::{MemoryChange, Metric, Verdict, change::Comparison, evidence::MemoryPair};
use crate::{run::Memory, values::figures::percent};

/// The memory verdict; for the fields see [`super::Decision`].
pub(super) struct MemoryVerdict {
    pub(super) verdict: Verdict,
    pub(super) metric: Metric,
    pub(super) changes: Vec<MemoryChange>,
    pub(super) reason: Option<String>,
}

/// Compares every count of both commits, relative to the reference. Equal repeats are exact and
/// need no interval. If repeats differ, no change is certain, and the reason says so.
pub(super) fn judge(case: &Comparison<'_>) -> MemoryVerdict {
    let changes = changes(case);
    let tolerance = case.evidence.tolerance;
    let threshold = tolerance.memory_threshold.ln_1p();
    let largest = changes.iter().max_by(|a, b| a.change.total_cmp(&b.change));
    let smallest = changes.iter().min_by(|a, b| a.change.total_cmp(&b.change));
    let worse = largest.filter(|largest| largest.change > threshold);
    let better = smallest.filter(|smallest| smallest.change < (-tolerance.indifference).ln_1p());
    let pairs = [case.evidence.memory, reference(case)];
    let repeatable = pairs.iter().flatten().all(|pair| pair.repeatable);
    let (verdict, decided) = match (worse, better) {
        (Some(worse), _) if repeatable => (Verdict::Regressed, Some(worse)),
        (Some(worse), _) => (Verdict::Inconclusive, Some(worse)),
        (None, Some(better)) if repeatable => (Verdict::Improved, Some(better)),
        (None, _) => (Verdict::Unchanged, None),
    };
    let mut reasons: Vec<String> = decided.map(describe).into_iter().collect();
    if !repeatable {
        reasons.push("memory differs between repeats".to_owned());
    }
    MemoryVerdict {
        verdict,
        metric: decided.map_or(Metric::PeakHeap, |decided| decided.metric),
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        changes,
    }
}

/// The counts of the reference, if its change can be divided out.
fn reference(case: &Comparison<'_>) -> Option<MemoryPair> {
    case.reference.and_then(|reference| reference.memory)
}

fn changes(case: &Comparison<'_>) -> Vec<MemoryChange> {
    let Some(own) = case.evidence.memory else {
        return Vec::new();
    };
    [
        Metric::PeakHeap,
        Metric::AllocatedBytes,
        Metric::Allocations,
    ]
    .into_iter()
    .filter_map(|metric| {
        let of = |pair: &MemoryPair| {
            let baseline = count(&pair.baseline?, metric)?;
            Some((baseline, count(&pair.candidate, metric)?))
        };
        let counts = of(&own)?;
        let reference = reference(case).as_ref().and_then(of).map_or(0.0, log_ratio);
        let own = log_ratio(counts);
        // Can't divide by a reference with a count of zero.
        let change = if reference.is_finite() {
            own - reference
        } else {
            own
        };
        Some(MemoryChange {
            metric,
            counts,
            change,
        })
    })
    .collect()
}

fn count(memory: &Memory, metric: Metric) -> Option<u64> {
    match metric {
        Metric::PeakHeap => memory.peak,
        Metric::AllocatedBytes => Some(memory.bytes),
        Metric::Allocations => Some(memory.allocations),
        Metric::Latency(_) => None,
    }
}

/// ln(candidate / baseline), where 0 / 0 counts as unchanged.
fn log_ratio((baseline, candidate): (u64, u64)) -> f64 {
    if baseline == candidate {
        0.0
    } else {
        (candidate as f64).ln() - (baseline as f64).ln()
    }
}

/// `peak heap +12.0 % (1024 -> 1147)`.
fn describe(change: &MemoryChange) -> String {
    let name = match change.metric {
        Metric::PeakHeap => "peak heap",
        Metric::AllocatedBytes => "allocated bytes",
        Metric::Allocations => "allocations",
        Metric::Latency(_) => "latency",
    };
    let (baseline, candidate) = change.counts;
    let own = log_ratio(change.counts);
    let relative = if (own - change.change).abs() > 1e-12 {
        " relative to the reference"
    } else {
        ""
    };
    let figure = if change.change.is_finite() {
        format!(" {}", percent(change.change))
    } else {
        String::new()
    };
    format!("{name}{figure}{relative} ({baseline} -> {candidate})")
}
