//! Computes a benchmark's change relative to its reference, on each clock.

use super::Policy;
use crate::compare::Clock;
use crate::compare::stats::{LogRatio, WalshAverages};
use crate::decide::evidence::{BlockRatio, Evidence, Presence};
use crate::run::Phase;

/// A benchmark and the reference it is divided by.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) evidence: &'a Evidence,
    /// The reference; `None` for the reference itself.
    pub(super) named: Option<&'a Evidence>,
    /// The reference if both commits have it, so that its change can be divided out.
    pub(super) reference: Option<&'a Evidence>,
}

impl<'a> Comparison<'a> {
    /// Pairs each piece of evidence with its reference.
    pub(super) fn all(evidence: &'a [Evidence]) -> Vec<Self> {
        let named = |case: &'a Evidence| {
            let id = case.reference.as_ref().filter(|id| **id != case.id)?;
            evidence.iter().find(|evidence| evidence.id == *id)
        };
        evidence
            .iter()
            .map(|evidence| Comparison {
                evidence,
                named: named(evidence),
                reference: named(evidence).filter(|reference| reference.presence == Presence::Both),
            })
            .collect()
    }

    /// Whether a reference is configured but its change is unknown.
    pub(super) fn lacks_reference(&self) -> bool {
        let Evidence { id, reference, .. } = self.evidence;
        let wanted = reference.as_ref().is_some_and(|reference| reference != id);
        let known = |named: &Evidence| match named.presence {
            Presence::Both | Presence::Identical => true,
            Presence::Added
            | Presence::Removed
            | Presence::Skipped(_)
            | Presence::Failed(_)
            | Presence::FailedAtBaseline(_) => false,
        };
        wanted && !self.named.is_some_and(known)
    }

    /// Whether both are divided by the same reference.
    pub(super) fn shares_reference(&self, other: &Comparison<'_>) -> bool {
        match (self.reference, other.reference) {
            (Some(one), Some(other)) => one.id == other.id,
            (None, _) | (_, None) => false,
        }
    }

    /// The log-threshold.
    pub(super) fn threshold(&self) -> f64 {
        self.evidence.tolerance.threshold.ln_1p()
    }

    /// The log of the indifference; above 0.
    pub(super) fn indifference(&self) -> f64 {
        -(-self.evidence.tolerance.indifference).ln_1p()
    }

    /// The clock that is judged.
    pub(super) fn clock(&self) -> Clock {
        let by_wall = |evidence: &Evidence| evidence.by_wall;
        if by_wall(self.evidence) || self.reference.is_some_and(by_wall) {
            Clock::Wall
        } else {
            Clock::Cpu
        }
    }

    /// The number of clocks on which the benchmark can become a suspect.
    pub(super) fn clocks(&self) -> usize {
        match self.clock() {
            Clock::Cpu => 2,
            Clock::Wall => 1,
        }
    }

    /// The change in the first `own` blocks of `phase`, divided by the first `shared` blocks of the
    /// reference; `None` if either has no block.
    pub(super) fn reading(&self, phase: Phase, own: usize, shared: usize) -> Option<Reading> {
        let change = |clock| {
            Some(Change {
                clock,
                own: averages(self.evidence, phase, clock, own)?,
                reference: match self.reference {
                    None => None,
                    Some(reference) => Some(averages(reference, phase, clock, shared)?),
                },
            })
        };
        let judged = self.clock();
        Some(Reading {
            judged: change(judged)?,
            wall_check: match judged {
                Clock::Cpu => change(Clock::Wall),
                Clock::Wall => None,
            },
        })
    }

    /// The change in all blocks of the screen.
    pub(super) fn screened(&self) -> Option<Reading> {
        self.reading(Phase::Screen, usize::MAX, usize::MAX)
    }
}

/// The change on both clocks.
pub(super) struct Reading {
    /// On the judged clock.
    pub(super) judged: Change,
    /// On the wall clock, if CPU time is judged.
    pub(super) wall_check: Option<Change>,
}

impl Reading {
    /// The change on each clock that can make a suspect.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        [Some(&self.judged), self.wall_check.as_ref()]
            .into_iter()
            .flatten()
    }

    /// The change whose whole interval of `level` is above the log-ratio `threshold`, if any; the
    /// change on the judged clock if both are.
    pub(super) fn above(&self, threshold: f64, level: f64) -> Option<&Change> {
        self.changes()
            .find(|change| change.slower_at(level).lower > threshold)
    }

    /// Whether the change is within the log-ratio `threshold`: the whole interval on the judged clock
    /// is below it, and narrow enough that this is not luck.
    pub(super) fn is_below(&self, threshold: f64, policy: &Policy) -> bool {
        let LogRatio { point, upper, .. } = self.judged.slower_at(policy.clear_level);
        upper < threshold && upper - point <= threshold * policy.clear_width
    }

    /// Whether wall time contradicts that the change is within the log-ratio `threshold`: its whole
    /// interval is above. Before the `last` look, while more blocks can help, it is enough that wall time
    /// may be above and is slower than the judged clock by more than half the threshold.
    pub(super) fn wall_objects(&self, threshold: f64, policy: &Policy, last: bool) -> bool {
        self.wall_check.as_ref().is_some_and(|wall| {
            let LogRatio {
                point,
                lower,
                upper,
                level,
            } = wall.slower_at(policy.suspect_level);
            let slower = point - self.judged.slower_at(level).point > threshold / 2.0;
            lower > threshold || (!last && slower && upper > threshold)
        })
    }

    /// The change that keeps the benchmark undecided.
    pub(super) fn undecided(&self, threshold: f64, level: f64) -> &Change {
        let clear = self.judged.slower_at(level).upper < threshold;
        self.wall_check
            .as_ref()
            .filter(|_| clear)
            .unwrap_or(&self.judged)
    }

    /// The change of wall time.
    pub(super) fn wall(&self) -> &Change {
        self.wall_check.as_ref().unwrap_or(&self.judged)
    }
}

/// A benchmark's log-ratio and that of its reference.
pub(super) struct Change {
    pub(super) clock: Clock,
    own: WalshAverages,
    reference: Option<WalshAverages>,
}

impl Change {
    /// The change, with an interval of `level`.
    pub(super) fn at(&self, level: f64) -> LogRatio {
        let own = self.own_at(level);
        self.reference_at(level)
            .map_or(own, |reference| own.minus(reference))
    }

    /// Use this to call a benchmark slower: the lower of its change and its own log-ratio. A reference
    /// that got faster does not make the benchmarks divided by it slower.
    pub(super) fn slower_at(&self, level: f64) -> LogRatio {
        self.at(level).min(self.own_at(level))
    }

    /// Use this to call it faster: the higher of both.
    pub(super) fn faster_at(&self, level: f64) -> LogRatio {
        self.at(level).max(self.own_at(level))
    }

    /// The benchmark's own log-ratio.
    pub(super) fn own_at(&self, level: f64) -> LogRatio {
        self.own.estimate(level)
    }

    /// The reference's log-ratio.
    pub(super) fn reference_at(&self, level: f64) -> Option<LogRatio> {
        Some(self.reference.as_ref()?.estimate(level))
    }

    /// The standard error of the change if the benchmark and its reference had one block each, from
    /// the interval of `level`. It falls with the square root of the number of blocks.
    pub(super) fn error_of_one_block(&self, level: f64) -> f64 {
        let of = |averages: &WalshAverages| {
            averages.estimate(level).standard_error() * (averages.blocks() as f64).sqrt()
        };
        of(&self.own).hypot(self.reference.as_ref().map_or(0.0, of))
    }

    /// The benchmark's own blocks.
    pub(super) fn blocks(&self) -> usize {
        self.own.blocks()
    }
}

fn averages(evidence: &Evidence, phase: Phase, clock: Clock, most: usize) -> Option<WalshAverages> {
    let log_ratio = |block: &BlockRatio| match clock {
        Clock::Cpu => block.cpu,
        Clock::Wall => block.wall,
    };
    let blocks: Vec<f64> = evidence
        .blocks
        .iter()
        .filter(|block| block.phase == phase)
        .take(most)
        .map(log_ratio)
        .collect();
    (!blocks.is_empty()).then(|| WalshAverages::new(&blocks))
}
