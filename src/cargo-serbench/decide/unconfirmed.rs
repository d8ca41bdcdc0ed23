//! Whether a benchmark without a verdict looks slower; if so, the gate does not pass.

use super::change::{Change, Comparison};
use crate::{
    compare::LEVEL,
    decide::evidence::{BlockRatio, Evidence},
};

/// How an undecided benchmark looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// It may be within its threshold.
    No,
    /// Its interval is above the threshold, or its estimate if there are too few blocks for an interval.
    Slower,
    /// Every block took more than twice the tolerated time.
    FarSlower,
}

/// This factor beyond the tolerated time is more than noise or memory placement can explain.
const FAR: f64 = std::f64::consts::LN_2;

/// How a benchmark looks whose undecided change is `change`.
pub(super) fn of(case: &Comparison<'_>, change: &Change) -> Unconfirmed {
    let estimate = change.slower_at(LEVEL);
    let few = estimate.lower.is_infinite();
    let lowest = if few { estimate.point } else { estimate.lower };
    if is_far(case, |block| block.cpu) || is_far(case, |block| block.wall) {
        Unconfirmed::FarSlower
    } else if lowest > case.threshold() {
        Unconfirmed::Slower
    } else {
        Unconfirmed::No
    }
}

/// Whether every block is far above the threshold, even relative to the reference's slowest block.
fn is_far(case: &Comparison<'_>, log_ratio: impl Fn(&BlockRatio) -> f64 + Copy) -> bool {
    let logs =
        |evidence: &Evidence| -> Vec<f64> { evidence.blocks.iter().map(log_ratio).collect() };
    let least = logs(case.evidence).into_iter().reduce(f64::min);
    let reference = case.reference.map(logs).unwrap_or_default();
    let shared = reference.into_iter().fold(0.0, f64::max);
    least.is_some_and(|least| least - shared > case.threshold() + FAR)
}
