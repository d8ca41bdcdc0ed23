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
        target.map_or(0, |target| target.saturating_sub(have(evidence, phase)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The number of its blocks of `phase`, or of values for its limit.
fn have(evidence: &Evidence, phase: Phase) -> usize {
    match evidence.presence {
        Presence::Added | Presence::FailedAtBaseline(_) => evidence.to_reference.len(),
        Presence::Both
        | Presence::Identical
        | Presence::Removed
        | Presence::Skipped(_)
        | Presence::Failed(_) => evidence.count(phase),
    }
}

/// Blocks of a reference per block of the `sharing` benchmarks divided by it.
pub(super) fn shared_blocks(sharing: usize) -> usize {
    (sharing as f64).sqrt().round() as usize
}

/// What the screen still needs.
pub(super) struct Needs<'a> {
    /// Benchmarks without a first verdict, cheapest first.
    first: Vec<Need<'a>>,
    /// Undecided ones.
    more: Vec<Need<'a>>,
}

/// A benchmark, and how many blocks it should have next.
struct Need<'a> {
    case: Comparison<'a>,
    blocks: usize,
    /// Seconds that the missing blocks will probably take.
    seconds: f64,
}

impl<'a> Needs<'a> {
    pub(super) fn of(cases: &[Comparison<'a>], policy: &Policy) -> Self {
        let over = spent(cases, policy, policy.screen_share);
        let needs = cases.iter().filter_map(|case| {
            let blocks = blocks_wanted(case, policy, over)?;
            let missing = blocks.saturating_sub(have(case.evidence, Phase::Screen));
            let seconds = case.evidence.seconds_per_block().unwrap_or(0.0);
            Some(Need {
                case: *case,
                blocks,
                seconds: missing as f64 * seconds,
            })
        });
        let is_first =
            |need: &Need<'a>| have(need.case.evidence, Phase::Screen) < policy.screen_blocks;
        let (mut first, more): (Vec<_>, Vec<_>) = needs.partition(is_first);
        first.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        Self { first, more }
    }

    /// Whether the screen is over.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.more.is_empty()
    }

    /// The first blocks of as many benchmarks as fit into `seconds`: with a few blocks of each, a small
    /// budget would decide none.
    pub(super) fn first(&self, mut seconds: f64) -> Wanted<'a> {
        let fits = |need: &&Need<'a>| {
            seconds -= need.seconds;
            seconds >= 0.0
        };
        request(self.first.iter().take_while(fits))
    }

    /// The first blocks of the cheapest benchmark.
    pub(super) fn cheapest(&self) -> Wanted<'a> {
        request(self.first.iter().take(1))
    }

    /// The next blocks of undecided benchmarks.
    pub(super) fn more(&self) -> Wanted<'a> {
        request(self.more.iter())
    }
}

fn request<'a: 'b, 'b>(needs: impl Iterator<Item = &'b Need<'a>>) -> Wanted<'a> {
    let needs: Vec<&Need<'a>> = needs.collect();
    let mut wanted = Wanted::default();
    for Need { case, blocks, .. } in &needs {
        let sharing = needs
            .iter()
            .filter(|other| case.shares_reference(&other.case));
        wanted.raise(case, Phase::Screen, *blocks, sharing.count());
    }
    wanted
}

/// Whether the screen spent the fraction `share` of the budget.
pub(super) fn spent(cases: &[Comparison<'_>], policy: &Policy, share: f64) -> bool {
    left_of(cases, policy, Phase::Screen, share) <= 0.0
}

/// The seconds that `phase` may still take if it gets the fraction `share` of the budget.
pub(super) fn left_of(cases: &[Comparison<'_>], policy: &Policy, phase: Phase, share: f64) -> f64 {
    let budget = policy.budget_seconds.unwrap_or(f64::INFINITY);
    budget * share - seconds(cases, |it| it == phase)
}

/// The remaining seconds of the budget.
pub(super) fn left(cases: &[Comparison<'_>], policy: &Policy) -> f64 {
    policy.budget_seconds.unwrap_or(f64::INFINITY) - seconds(cases, |_| true)
}

fn seconds(cases: &[Comparison<'_>], counts: impl Fn(Phase) -> bool) -> f64 {
    let blocks = cases.iter().flat_map(|case| &case.evidence.blocks);
    let blocks = blocks.filter(|block| counts(block.phase));
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
    let improved = reading.judged.faster_at(policy.improved_level).upper < -case.indifference();
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
