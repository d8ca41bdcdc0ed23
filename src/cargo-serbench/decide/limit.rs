//! Checks ratios to the reference against the configured limits.

use super::{
    LimitCheck, Metric, Policy, Standing,
    change::Comparison,
    evidence::{Evidence, Presence},
};
use crate::compare::stats::{LogRatio, WalshAverages};

/// The limits configured for the benchmark. None if it and its reference have the same code as at the
/// baseline and were not measured: such a change can't exceed a limit.
pub(super) fn checks(case: &Comparison<'_>, policy: &Policy) -> Vec<LimitCheck> {
    let is_identical = |it: &Evidence| it.presence == Presence::Identical;
    if is_identical(case.evidence) && case.named.is_none_or(is_identical) {
        return Vec::new();
    }
    [latency(case, policy), memory(case)]
        .into_iter()
        .flatten()
        .collect()
}

/// The latency limit. It is unclear if it can't be checked.
pub(super) fn latency(case: &Comparison<'_>, policy: &Policy) -> Option<LimitCheck> {
    let limit = case.evidence.tolerance.max_latency_ratio?;
    let blocks = &case.evidence.to_reference;
    let averages = (!blocks.is_empty()).then(|| WalshAverages::new(blocks));
    let at = |level| {
        averages
            .as_ref()
            .map_or(unknown(level), |averages| averages.estimate(level))
    };
    let (ratio, standing) = if at(policy.improved_level).lower > limit.ln() {
        (at(policy.improved_level), Standing::Over)
    } else if at(policy.clear_level).upper < limit.ln() {
        (at(policy.clear_level), Standing::Within)
    } else {
        (at(policy.clear_level), Standing::Unclear)
    };
    Some(LimitCheck {
        metric: Metric::Latency(case.clock()),
        ratio,
        limit,
        standing,
    })
}

/// The limit on peak heap, which is an exact count.
fn memory(case: &Comparison<'_>) -> Option<LimitCheck> {
    let limit = case.evidence.tolerance.max_memory_ratio?;
    let pair = case.evidence.memory;
    let reference = case.named.and_then(|reference| reference.memory);
    let check = |ratio, standing| {
        Some(LimitCheck {
            metric: Metric::PeakHeap,
            ratio,
            limit,
            standing,
        })
    };
    let (Some(pair), Some(reference)) = (pair, reference) else {
        return check(unknown(1.0), Standing::Unclear);
    };
    let peaks = pair.candidate.peak.zip(reference.candidate.peak);
    let Some((peak, of_reference)) = peaks else {
        return check(unknown(1.0), Standing::Unclear);
    };
    let (peak, of_reference) = (peak as f64, of_reference as f64);
    let most = limit * of_reference;
    let point = if peak > 0.0 {
        (peak / of_reference).ln()
    } else {
        f64::NEG_INFINITY
    };
    let ratio = LogRatio {
        point,
        lower: point,
        upper: point,
        level: 1.0,
    };
    let standing = match (pair.repeatable && reference.repeatable, peak > most) {
        (false, _) => Standing::Unclear,
        (true, true) => Standing::Over,
        (true, false) => Standing::Within,
    };
    check(ratio, standing)
}

/// An unknown log-ratio: the interval is unbounded.
fn unknown(level: f64) -> LogRatio {
    LogRatio {
        point: 0.0,
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
        level,
    }
}
