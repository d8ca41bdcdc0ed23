//! Decides from the blocks measured so far what to measure next, or the verdict of each benchmark.
//!
//! Both functions depend only on the evidence: no clock, no file, no randomness. The same blocks
//! give the same verdicts, so a stored run can be decided again, even with other thresholds.
//!
//! **What is judged.** The *change*: the difference between the log-ratio candidate / baseline of the
//! benchmark and that of its reference encoder, whose blocks serve all benchmarks that use it. A benchmark
//! without a reference, and the reference itself, are judged by their own log-ratio. Single-threaded
//! code is judged by CPU time, which other programs disturb least; wall time is also
//! checked. Multi-threaded code is judged by wall time.
//!
//! **Screen.** Every benchmark gets a few blocks. If the interval of its change ends below the
//! threshold, it is `unchanged`; if a wider interval ends below the indifference, it looks faster. The
//! interval must also be narrow, so that noise never leads to `unchanged`. If the interval
//! starts above the threshold, on either clock, the benchmark is a suspect. Otherwise it gets
//! more blocks, up to a maximum. A benchmark still undecided then is a suspect if its estimate is above the
//! threshold or it is the positive control; otherwise it is `inconclusive`. Wall time requests more
//! blocks if it differs by half the threshold and may be above it. At the maximum, only an
//! interval above the threshold counts: a noisy wall clock costs time, but no verdicts.
//!
//! **Confirm.** A benchmark picked because it looked slow may only look slow by chance. So
//! suspects and their references are measured again, and only the fresh blocks
//! count. `regressed` needs the whole interval above the threshold, at a level corrected for
//! multiple comparisons: for the number of suspects by Holm 1979 ("A simple sequentially
//! rejective multiple test procedure"), for the looks at growing numbers of blocks and for the two
//! clocks by Bonferroni. If blocks are independent and scatter symmetrically, the probability that
//! a gate calls any benchmark `regressed` whose true change is within its threshold is at most
//! [`Policy::family_alpha`], for any number of benchmarks and any dependence between them. A
//! suspect whose fresh interval ends below the threshold is `unchanged`; one that is still undecided
//! after the last look is `inconclusive`. Likewise for `improved`: the whole fresh interval of the judged
//! clock must be below the indifference, corrected for the number of benchmarks that look faster; one that
//! is not confirmed is `unchanged`.
//!
//! **Order.** Suspects that are so clear that few fresh blocks will do are confirmed as soon as all
//! benchmarks that fit into the screen's share of the budget have their first blocks; noise could use up the
//! rest. The others follow after the screen, those first that can be confirmed soonest ([`allot`]).
//!
//! Blocks that were clearly disturbed don't count as long as they are few ([`disturbed`]); they are
//! measured again.
//!
//! **Memory** is counted exactly, so a change above its threshold needs no
//! confirmation. **Limits** on the ratio to the reference are exceeded only if the whole interval
//! is above.

pub mod bisect;
pub mod disturbed;
pub mod evidence;

mod allot;
mod change;
mod confirm;
mod limit;
mod memory;
pub mod reach;
mod rename;
mod screen;
#[cfg(test)]
mod simulate;
mod summary;
#[cfg(test)]
mod tests;
mod unconfirmed;
mod verdict;

use self::{change::Comparison, confirm::Suspicions};
use crate::{
    compare::Clock,
    compare::stats::LogRatio,
    decide::evidence::{Evidence, Presence, Role},
    run::{Phase, Side},
    select::BenchId,
};

pub use self::{
    summary::{Outcome, Summary, summarize},
    unconfirmed::Unconfirmed,
};

/// How much to measure, and how certain a verdict must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Blocks for every benchmark.
    pub screen_blocks: usize,
    /// Blocks added at a time for an undecided benchmark.
    pub step: usize,
    /// Maximum number of blocks before a benchmark becomes a suspect or inconclusive.
    pub most_blocks: usize,
    /// Numbers of fresh blocks, ascending, after which a suspect is judged. The p of `n` blocks is at least
    /// 2⁻ⁿ, so of single-threaded code, 16 can confirm no more than ten suspects, and 18 no more than 45.
    pub looks: Vec<usize>,
    /// Level of the two-sided interval that must end below the threshold.
    pub clear_level: f64,
    /// Maximum half-width of that interval, in thresholds: a wider one may be below by luck.
    pub clear_width: f64,
    /// Level of the two-sided interval that makes a suspect if it starts above the threshold.
    pub suspect_level: f64,
    /// Level of the two-sided interval of a suspect that is so clear if it starts above the threshold that
    /// it is confirmed before the screen goes on.
    pub clear_suspect_level: f64,
    /// Level of the two-sided interval that must end below the indifference.
    pub improved_level: f64,
    /// Maximum probability that a gate calls a benchmark `regressed` that is within its threshold.
    pub family_alpha: f64,
    /// Seconds of measuring after which only first blocks are requested.
    pub budget_seconds: Option<f64>,
    /// The fraction of the budget for the screen. The rest is for confirming suspects, clear ones even
    /// before the screen ends.
    pub screen_share: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            screen_blocks: 8,
            step: 4,
            most_blocks: 64,
            looks: vec![16, 18, 32, 64, 128, 256],
            clear_level: 0.95,
            clear_width: 1.5,
            suspect_level: 0.90,
            clear_suspect_level: 0.99,
            improved_level: 0.998,
            family_alpha: 0.01,
            budget_seconds: None,
            screen_share: 0.6,
        }
    }
}

/// The default policy, limited to `budget` seconds of measuring if given.
pub fn policy(budget: Option<f64>) -> Policy {
    Policy {
        budget_seconds: budget,
        ..Policy::default()
    }
}

/// More blocks to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: BenchId,
    pub phase: Phase,
    /// How many more blocks. For a benchmark that only the candidate has: how many
    /// more values of [`Evidence::to_reference`].
    pub blocks: usize,
}

/// The answer for one benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Regressed,
    Improved,
    Unchanged,
    Inconclusive,
    Identical,
    Added,
    Removed,
    /// Nothing to run: ignored, or no operation registered.
    Skipped,
    Failed,
}

impl Verdict {
    /// The name used in every report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Improved => "improved",
            Self::Unchanged => "unchanged",
            Self::Inconclusive => "inconclusive",
            Self::Identical => "identical",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// The quantity that a verdict is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    Latency(Clock),
    PeakHeap,
    AllocatedBytes,
    Allocations,
}

impl Metric {
    /// The name used in every report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Latency(Clock::Cpu) => "latency (CPU time)",
            Self::Latency(Clock::Wall) => "latency (wall time)",
            Self::PeakHeap => "peak heap",
            Self::AllocatedBytes => "allocated bytes",
            Self::Allocations => "allocations",
        }
    }
}

/// How a value compares with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The whole interval is below.
    Within,
    /// The whole interval is above.
    Over,
    /// The limit is inside the interval.
    Unclear,
}

/// The ratio to the reference and its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitCheck {
    pub metric: Metric,
    /// Log-ratio encoder / reference at the candidate.
    pub ratio: LogRatio,
    /// The largest allowed ratio (not its logarithm).
    pub limit: f64,
    pub standing: Standing,
}

/// The log-ratio of one memory count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryChange {
    pub metric: Metric,
    /// The count at the baseline and at the candidate.
    pub counts: (u64, u64),
    /// Log-ratio of the counts, minus the reference's; infinite if one of them is 0.
    pub change: f64,
}

/// The verdict on one benchmark and the figures it is based on. Estimates are log-ratios.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub id: BenchId,
    pub role: Role,
    pub verdict: Verdict,
    /// The metric that decided; `None` if nothing was compared.
    pub metric: Option<Metric>,
    /// Change of latency on the judged clock, with its 95 % interval.
    pub change: Option<LogRatio>,
    /// The estimate that was compared with the threshold, at the level that decided.
    pub deciding: Option<LogRatio>,
    /// The same without the reference: candidate / baseline of the benchmark itself.
    pub own: Option<LogRatio>,
    /// Change of wall time.
    pub wall: Option<LogRatio>,
    pub memory: Vec<MemoryChange>,
    pub limits: Vec<LimitCheck>,
    /// Blocks of each phase.
    pub screen_blocks: usize,
    pub confirm_blocks: usize,
    /// The slowdown that would be called `regressed` with 95 % probability; 0.04 is 4 %.
    pub sensitivity: Option<f64>,
    /// Seconds of measuring that would probably decide an inconclusive benchmark; `None` if it is too close
    /// to the threshold for any reasonable time.
    pub needs_seconds: Option<f64>,
    /// Whether it looks slower although it is inconclusive.
    pub unconfirmed: Unconfirmed,
    /// One sentence, without a full stop.
    pub reason: String,
    /// The commit at which it failed, if that is not the candidate.
    pub failed_at: Option<Side>,
    /// Why it does not fail the gate, if waived.
    pub waived: Option<String>,
}

/// What must be accepted so that a decision does not fail the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waivable {
    /// A regression.
    Change,
    /// The removal of the benchmark.
    Removal,
    /// The lack of a baseline to compare with.
    FailedBaseline,
}

impl Decision {
    /// What must be accepted to waive it; `None` if it can't be accepted.
    pub fn waivable(&self) -> Option<Waivable> {
        match (self.verdict, self.failed_at) {
            (Verdict::Removed, _) => Some(Waivable::Removal),
            (Verdict::Failed, Some(Side::Baseline)) => Some(Waivable::FailedBaseline),
            (Verdict::Failed, _) => None,
            (_, _) => Some(Waivable::Change),
        }
    }

    /// Whether one of its limits has this standing.
    pub fn has_limit(&self, standing: Standing) -> bool {
        self.limits.iter().any(|check| check.standing == standing)
    }

    /// Whether nothing got worse, or what did was accepted.
    pub fn is_cleared(&self) -> bool {
        match self.verdict {
            Verdict::Improved
            | Verdict::Unchanged
            | Verdict::Identical
            | Verdict::Added
            | Verdict::Skipped => true,
            Verdict::Regressed | Verdict::Inconclusive | Verdict::Removed | Verdict::Failed => {
                self.waived.is_some()
            }
        }
    }
}

/// What to measure next, at most one request per benchmark and phase; empty if everything is
/// decided or the budget is spent. A benchmark that can no longer be measured must be set to
/// [`Presence::Failed`], or it will be requested again.
pub fn next(evidence: &[Evidence], policy: &Policy) -> Vec<Request> {
    let wanted = allot::wanted(&Comparison::all(evidence), policy);
    evidence
        .iter()
        .flat_map(|evidence| {
            [Phase::Screen, Phase::Confirm].map(|phase| Request {
                id: evidence.id.clone(),
                phase,
                blocks: wanted.missing(evidence, phase),
            })
        })
        .filter(|request| request.blocks > 0)
        .collect()
}

/// A decision for each piece of evidence, in the same order.
pub fn decide(evidence: &[Evidence], policy: &Policy) -> Vec<Decision> {
    let cases = Comparison::all(evidence);
    let suspicions = Suspicions::new(&cases, policy);
    let mut decisions: Vec<Decision> = cases
        .iter()
        .map(|case| {
            let decision = match &case.evidence.presence {
                Presence::Both => compared(case, &suspicions, policy),
                Presence::Identical => {
                    without_figures(case, Verdict::Identical, "the same code and data")
                }
                Presence::Added => without_figures(case, Verdict::Added, "not in the baseline"),
                Presence::Removed => removed(case, &cases),
                Presence::Skipped(reason) => without_figures(case, Verdict::Skipped, reason),
                Presence::Failed(reason) => without_figures(case, Verdict::Failed, reason),
                Presence::FailedAtBaseline(reason) => Decision {
                    failed_at: Some(Side::Baseline),
                    ..without_figures(
                        case,
                        Verdict::Failed,
                        &format!("failed at the baseline: {reason}"),
                    )
                },
            };
            Decision {
                limits: limit::checks(case, policy),
                ..decision
            }
        })
        .collect();
    note_moved_references(evidence, &mut decisions);
    decisions
}

/// Notes a changed reference once, instead of at every benchmark divided by it.
fn note_moved_references(evidence: &[Evidence], decisions: &mut [Decision]) {
    let excludes_none = |it: &LogRatio| it.lower > 0.0 || it.upper < 0.0;
    for at in 0..decisions.len() {
        if !matches!(
            decisions[at].verdict,
            Verdict::Regressed | Verdict::Improved
        ) {
            continue;
        }
        let id = &decisions[at].id;
        let only_as_ratio = evidence.iter().zip(decisions.iter()).filter(|(case, it)| {
            case.reference.as_ref() == Some(id)
                && it.id != *id
                && it.verdict == Verdict::Unchanged
                && it.change.as_ref().is_some_and(excludes_none)
                && !it.own.as_ref().is_some_and(excludes_none)
        });
        let note = match only_as_ratio.count() {
            0 => continue,
            1 => "; the ratio of 1 benchmark changed with it".to_owned(),
            count => format!("; the ratios of {count} benchmarks changed with it"),
        };
        decisions[at].reason += &note;
    }
}

/// The decision on a benchmark that only the baseline has, with its likely new name.
fn removed(case: &Comparison<'_>, all: &[Comparison<'_>]) -> Decision {
    let id = &case.evidence.id;
    let added = all
        .iter()
        .map(|case| case.evidence)
        .filter(|evidence| evidence.presence == Presence::Added)
        .map(|evidence| &evidence.id);
    let reason = match rename::looks_like(id, added) {
        None => "not in the candidate".to_owned(),
        Some(now) => format!("not in the candidate; `{id}` looks like `{now}`"),
    };
    without_figures(case, Verdict::Removed, &reason)
}

/// The decision on a benchmark that both commits have: the more severe of its latency and memory
/// verdicts.
fn compared(case: &Comparison<'_>, suspicions: &Suspicions<'_>, policy: &Policy) -> Decision {
    let latency = verdict::judge(case, suspicions, policy);
    let memory = memory::judge(case);
    let mut reasons = vec![latency.reason];
    reasons.extend(memory.reason);
    let graver = gravity(memory.verdict) > gravity(latency.verdict);
    if graver {
        reasons.reverse();
    }
    Decision {
        verdict: if graver {
            memory.verdict
        } else {
            latency.verdict
        },
        metric: Some(if graver {
            memory.metric
        } else {
            latency.metric
        }),
        change: latency.change,
        deciding: latency.deciding,
        own: latency.own,
        wall: latency.wall,
        memory: memory.changes,
        sensitivity: latency.sensitivity,
        needs_seconds: latency.needs_seconds,
        unconfirmed: latency.unconfirmed,
        reason: reasons.join("; "),
        ..without_figures(case, Verdict::Inconclusive, "")
    }
}

/// The severity of a verdict on a metric.
fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failed => 4,
        Verdict::Regressed => 3,
        Verdict::Inconclusive => 2,
        Verdict::Improved => 1,
        Verdict::Unchanged
        | Verdict::Identical
        | Verdict::Added
        | Verdict::Removed
        | Verdict::Skipped => 0,
    }
}

/// A decision without figures.
fn without_figures(case: &Comparison<'_>, verdict: Verdict, reason: &str) -> Decision {
    Decision {
        id: case.evidence.id.clone(),
        role: case.evidence.role,
        verdict,
        metric: None,
        change: None,
        deciding: None,
        own: None,
        wall: None,
        memory: Vec::new(),
        limits: Vec::new(),
        screen_blocks: case.evidence.count(Phase::Screen),
        confirm_blocks: case.evidence.count(Phase::Confirm),
        sensitivity: None,
        needs_seconds: None,
        unconfirmed: Unconfirmed::No,
        reason: reason.to_owned(),
        failed_at: None,
        waived: None,
    }
}

impl Evidence {
    /// Average seconds of a block; `None` without blocks.
    pub fn seconds_per_block(&self) -> Option<f64> {
        let seconds: f64 = self.blocks.iter().map(|block| block.seconds).sum();
        (!self.blocks.is_empty()).then(|| seconds / self.blocks.len() as f64)
    }

    /// Number of blocks measured for `phase`.
    fn count(&self, phase: Phase) -> usize {
        self.blocks
            .iter()
            .filter(|block| block.phase == phase)
            .count()
    }
}
