//! The blocks of the screen in; what they leave open, and which more blocks that takes, out.

use std::collections::BTreeMap;

use super::{
    Policy, Standing,
    change::{Case, Reading},
    limit,
};
use crate::evidence::{Evidence, Presence};
use crate::run::Phase;

/// What the screen says about a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screened {
    /// More blocks are needed.
    Open,
    Unchanged,
    Improved,
    /// To be confirmed on fresh blocks.
    Suspect,
}

/// The numbers of blocks that benchmarks should have.
#[derive(Default)]
pub(super) struct Wanted<'a>(BTreeMap<(&'a str, Phase), usize>);

impl<'a> Wanted<'a> {
    /// At least `blocks` for the benchmark, and as many for its reference as serve the `sharing`
    /// benchmarks best that it is divided out of: the error of k differences with one shared side
    /// is least, at equal cost, when that side has √k times the blocks.
    pub(super) fn raise(&mut self, case: &Case<'a>, phase: Phase, blocks: usize, sharing: usize) {
        let mut raise = |evidence: &'a Evidence, blocks: usize| {
            let target = self.0.entry((&evidence.id, phase)).or_default();
            *target = blocks.max(*target);
        };
        raise(case.evidence, blocks);
        if let Some(reference) = case.reference {
            raise(reference, blocks * shared_blocks(sharing));
        }
    }

    /// How many blocks of `phase` are missing.
    pub(super) fn missing(&self, evidence: &Evidence, phase: Phase) -> usize {
        let target = self.0.get(&(evidence.id.as_str(), phase));
        let have = match evidence.presence {
            Presence::Added => evidence.to_reference.len(),
            Presence::Both | Presence::Identical | Presence::Removed | Presence::Failed(_) => {
                evidence.count(phase)
            }
        };
        target.map_or(0, |target| target.saturating_sub(have))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Blocks of a reference for each block of the `sharing` benchmarks it is divided out of.
pub(super) fn shared_blocks(sharing: usize) -> usize {
    (sharing as f64).sqrt().round() as usize
}

/// The blocks that the screen still needs; nothing when it is over.
pub(super) fn wanted<'a>(cases: &[Case<'a>], policy: &Policy) -> Wanted<'a> {
    let over = spent(cases, policy, policy.screen_share);
    let open: Vec<(&Case<'a>, usize)> = cases
        .iter()
        .filter_map(|case| Some((case, blocks_wanted(case, policy, over)?)))
        .collect();
    let mut wanted = Wanted::default();
    for (case, blocks) in &open {
        let sharing = open
            .iter()
            .filter(|(other, _)| case.shares_reference(other));
        wanted.raise(case, Phase::Screen, *blocks, sharing.count());
    }
    wanted
}

/// Whether the `share` of the budget has been spent.
pub(super) fn spent(cases: &[Case<'_>], policy: &Policy, share: f64) -> bool {
    let blocks = cases.iter().flat_map(|case| &case.evidence.blocks);
    let seconds: f64 = blocks.map(|block| block.seconds).sum();
    policy
        .budget_seconds
        .is_some_and(|budget| seconds >= budget * share)
}

/// What the screen says about a benchmark that both commits have. `last` is whether no more blocks
/// will come.
pub(super) fn screened(case: &Case<'_>, policy: &Policy, last: bool) -> Screened {
    let Some(reading) = case.screened() else {
        return Screened::Open;
    };
    let last = last || reading.judged.blocks() >= policy.most_blocks;
    let threshold = case.threshold();
    if reading.judged.blocks() < policy.screen_blocks {
        Screened::Open
    } else if reading.above(threshold, policy.suspect_level).is_some() {
        Screened::Suspect
    } else if is_clear(&reading, threshold, policy, last) {
        improvement(case, &reading, policy, last)
    } else if last && reading.judged.at(policy.clear_level).point > threshold {
        // Fresh blocks are worth more than the same number added to those that picked it.
        Screened::Suspect
    } else {
        Screened::Open
    }
}

/// The number of blocks that an open benchmark should have next.
fn blocks_wanted(case: &Case<'_>, policy: &Policy, over: bool) -> Option<usize> {
    let limit_open = || {
        limit::latency(case, policy).is_some_and(|check| check.standing == Standing::Unclear)
            && !case.evidence.to_reference.is_empty()
    };
    let (have, open) = match case.evidence.presence {
        Presence::Both => {
            let have = case.evidence.count(Phase::Screen);
            let open = screened(case, policy, over) == Screened::Open;
            (have, open || limit_open())
        }
        Presence::Added => {
            let limited = case.evidence.tolerance.max_latency_ratio.is_some();
            let have = case.evidence.to_reference.len();
            (have, limited && (have == 0 || limit_open()))
        }
        Presence::Identical | Presence::Removed | Presence::Failed(_) => return None,
    };
    if have < policy.screen_blocks {
        // Of an added benchmark, only if it has a limit.
        (open || case.evidence.presence == Presence::Both).then_some(policy.screen_blocks)
    } else {
        let more = open && !over && have < policy.most_blocks;
        more.then_some((have + policy.step).min(policy.most_blocks))
    }
}

/// Whether the judged clock stays below the threshold and the witness doesn't object: before the
/// last look by its estimate, which more blocks can correct.
fn is_clear(reading: &Reading, threshold: f64, policy: &Policy, last: bool) -> bool {
    let witness = reading
        .witness
        .as_ref()
        .map(|wall| wall.at(policy.clear_level).point);
    reading.below(threshold, policy) && (last || witness.is_none_or(|point| point < threshold))
}

/// An improvement of the size of the threshold is worth blocks until it is certain.
fn improvement(case: &Case<'_>, reading: &Reading, policy: &Policy, last: bool) -> Screened {
    let estimate = reading.judged.at(policy.improved_level);
    if estimate.upper < (-case.evidence.tolerance.indifference).ln_1p() {
        Screened::Improved
    } else if !last && estimate.point < -case.threshold() {
        Screened::Open
    } else {
        Screened::Unchanged
    }
}
