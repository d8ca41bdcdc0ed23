//! Decides after each step of the screen which benchmarks need more blocks, and how many.

use std::collections::BTreeMap;

use super::{Policy, Standing, change::Comparison, limit};
use crate::decide::evidence::{Evidence, Presence, Role};
use crate::run::Phase;

/// The result of the screen for a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screened {
    /// More blocks are needed.
    Open,
    Unchanged,
    Improved,
    /// It must be confirmed with fresh blocks.
    Suspect,
}

/// The number of blocks each benchmark should have.
#[derive(Default)]
pub(super) struct Wanted<'a>(BTreeMap<(&'a str, Phase), usize>);

impl<'a> Wanted<'a> {
    /// Requests at least `blocks` for the benchmark, and the optimal number for its reference, which is
    /// shared by `sharing` benchmarks: for k differences with one shared side, the error at equal cost is
    /// smallest if that side has √k times as many blocks.
    pub(super) fn raise(
        &mut self,
        case: &Comparison<'a>,
        phase: Phase,
        blocks: usize,
        sharing: usize,
    ) {
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
            Presence::Added | Presence::FailedAtBaseline(_) => evidence.to_reference.len(),
            Presence::Both
            | Presence::Identical
            | Presence::Removed
            | Presence::Skipped(_)
            | Presence::Failed(_) => evidence.count(phase),
        };
        target.map_or(0, |target| target.saturating_sub(have))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Blocks of a reference per block of the `sharing` benchmarks divided by it.
pub(super) fn shared_blocks(sharing: usize) -> usize {
    (sharing as f64).sqrt().round() as usize
}

/// The blocks that the screen still needs; empty when it is over.
pub(super) fn wanted<'a>(cases: &[Comparison<'a>], policy: &Policy) -> Wanted<'a> {
    let over = spent(cases, policy, policy.screen_share);
    let open: Vec<(&Comparison<'a>, usize)> = cases
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

/// Whether the fraction `share` of the budget is spent.
pub(super) fn spent(cases: &[Comparison<'_>], policy: &Policy, share: f64) -> bool {
    policy
        .budget_seconds
        .is_some_and(|budget| seconds(cases) >= budget * share)
}

/// The remaining seconds of the budget.
pub(super) fn left(cases: &[Comparison<'_>], policy: &Policy) -> f64 {
    policy.budget_seconds.unwrap_or(f64::INFINITY) - seconds(cases)
}

fn seconds(cases: &[Comparison<'_>]) -> f64 {
    let blocks = cases.iter().flat_map(|case| &case.evidence.blocks);
    blocks.map(|block| block.seconds).sum()
}

/// The result of the screen for a benchmark that both commits have; `last` if there is no time for
/// more screening.
pub(super) fn screened(case: &Comparison<'_>, policy: &Policy, last: bool) -> Screened {
    let Some(reading) = case.screened() else {
        return Screened::Open;
    };
    let blocks = reading.judged.blocks();
    let last = last || blocks >= policy.most_blocks;
    let threshold = case.threshold();
    let slower = reading.judged.slower_at(policy.clear_level).point;
    let faster = reading.judged.faster_at(policy.clear_level).point;
    let improved = reading.judged.faster_at(policy.improved_level).upper
        < (-case.evidence.tolerance.indifference).ln_1p();
    if blocks < policy.screen_blocks {
        Screened::Open
    } else if reading.above(threshold, policy.suspect_level).is_some() {
        Screened::Suspect
    } else if reading.wall_objects(threshold, policy, last) {
        Screened::Open
    } else if improved {
        Screened::Improved
    } else if reading.is_below(threshold, policy) && (last || faster >= -threshold) {
        Screened::Unchanged
    } else if last && (slower > threshold || case.evidence.role == Role::PositiveControl) {
        // Fresh blocks are worth more than the same number added to those that picked it. The
        // positive control is known to be slower, so one unlucky screen must not end it.
        Screened::Suspect
    } else {
        // An improvement as large as the threshold also gets blocks until it is certain.
        Screened::Open
    }
}

/// The number of blocks that an undecided benchmark should have next.
fn blocks_wanted(case: &Comparison<'_>, policy: &Policy, over: bool) -> Option<usize> {
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
        Presence::Added | Presence::FailedAtBaseline(_) => {
            let limited = case.evidence.tolerance.max_latency_ratio.is_some();
            let have = case.evidence.to_reference.len();
            (have, limited && (have == 0 || limit_open()))
        }
        Presence::Identical | Presence::Removed | Presence::Skipped(_) | Presence::Failed(_) => {
            return None;
        }
    };
    let allowed = have < policy.screen_blocks || (!over && have < policy.most_blocks);
    let next = policy.most_blocks.min(have + policy.step);
    (open && allowed).then_some(next.max(policy.screen_blocks))
}
