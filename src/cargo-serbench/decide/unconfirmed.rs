//! Whether a benchmark without a verdict looks slower: then the gate does not read as passed.

use super::change::{Change, Comparison};
use crate::{
    compare::LEVEL,
    decide::evidence::{BlockRatio, Evidence},
};

/// How an undecided benchmark looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unconfirmed {
    /// It may well be within its threshold.
    No,
    /// Its interval lies above the threshold, or its estimate where blocks are too few for an interval.
    Slower,
    /// Every block says more than twice the time that is tolerated.
    FarSlower,
}

/// How much longer than tolerated is far slower: more than noise or placement in memory explain.
const FAR: f64 = std::f64::consts::LN_2;

/// How an undecided benchmark looks whose undecided change is `change`.
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

/// Whether every block is far above the threshold, even if the reference got as slow as in its
/// slowest block.
fn is_far(case: &Comparison<'_>, log_ratio: impl Fn(&BlockRatio) -> f64 + Copy) -> bool {
    let logs =
        |evidence: &Evidence| -> Vec<f64> { evidence.blocks.iter().map(log_ratio).collect() };
    let least = logs(case.evidence).into_iter().reduce(f64::min);
    let reference = case.reference.map(logs).unwrap_or_default();
    let shared = reference.into_iter().fold(0.0, f64::max);
    least.is_some_and(|least| least - shared > case.threshold() + FAR)
}
