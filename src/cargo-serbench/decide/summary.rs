//! Combines all decisions into the outcome of the gate.

use std::collections::BTreeMap;

use super::{Decision, Metric, Standing, Unconfirmed, Verdict};
use crate::compare::stats::median;
use crate::decide::evidence::Role;
use crate::exit::Exit;

/// The outcome of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// A benchmark regressed or is over a limit.
    Regressed,
    /// A benchmark failed or was removed, nothing was measured, or the gate could not have failed.
    CouldNotMeasure,
    /// Nothing proves a pass: a self-check failed, or something is undecided in strict mode.
    Inconclusive,
}

impl Outcome {
    /// The exit code; an inconclusive outcome only fails in strict mode.
    pub fn exit(self, strict: bool) -> Exit {
        match self {
            Self::Passed => Exit::Passed,
            Self::Regressed => Exit::Regressed,
            Self::CouldNotMeasure => Exit::CouldNotMeasure,
            Self::Inconclusive if strict => Exit::Inconclusive,
            Self::Inconclusive => Exit::Passed,
        }
    }
}

/// The outcome and what it is based on. Controls are not counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub outcome: Outcome,
    /// The outcome without the benchmarks that failed or were removed.
    pub of_the_rest: Outcome,
    /// Number of benchmarks per verdict; no entry for none.
    pub verdicts: BTreeMap<Verdict, usize>,
    /// Benchmarks over a limit, and those too close to tell.
    pub over_limit: usize,
    pub unclear_limit: usize,
    /// The slowdown that half of the benchmarks would report as `regressed` with 95 % probability:
    /// the median over benchmarks; 0.04 is 4 %.
    pub sensitivity: Option<f64>,
    /// Reasons why the outcome does not follow from the verdicts alone.
    pub problems: Vec<String>,
}

impl Summary {
    /// Turns a pass into `could not measure` if there is a reason why the pass would prove nothing.
    pub fn unless(mut self, reason: Option<String>) -> Self {
        if let Some(reason) = reason {
            for outcome in [&mut self.outcome, &mut self.of_the_rest] {
                if matches!(outcome, Outcome::Passed | Outcome::Inconclusive) {
                    *outcome = Outcome::CouldNotMeasure;
                }
            }
            self.problems.push(reason);
        }
        self
    }
}

/// Summarises decisions.
///
/// A regression stands even if the positive control was missed, because an insensitive measurement
/// raises no false alarms. A false alarm of the null control invalidates latency regressions that
/// are no larger than the difference it measured in identical code, but neither memory counts
/// nor failures. Invalidated benchmarks count as not measured, so the gate does not pass.
pub fn summarize(decisions: &[Decision], strict: bool) -> Summary {
    let (benchmarks, controls): (Vec<&Decision>, Vec<&Decision>) = decisions
        .iter()
        .partition(|decision| decision.role == Role::Benchmark);
    let mut verdicts = BTreeMap::new();
    for decision in &benchmarks {
        *verdicts.entry(decision.verdict).or_default() += 1;
    }
    let with_limit = |standing| {
        let has = |decision: &&&Decision| decision.has_limit(standing);
        benchmarks.iter().filter(has).count()
    };
    let bias = bias(&controls);
    let mut problems = [false_alarms(&controls), missed(&controls)].concat();
    let undecided =
        verdicts.get(&Verdict::Inconclusive).copied().unwrap_or(0) + with_limit(Standing::Unclear);
    let decided = verdicts.keys().any(is_decided);
    if !decided && undecided > 0 {
        problems.push("no benchmark could be decided".to_owned());
    }
    problems.extend(unconfirmed(&benchmarks, Unconfirmed::Slower));
    let unknown = [
        unconfirmed(&benchmarks, Unconfirmed::FarSlower),
        unmeasured(&benchmarks),
        doubted(&benchmarks, bias),
    ];
    let is_unknown = unknown.iter().any(Option::is_some);
    problems.extend(unknown.into_iter().flatten());
    let missing: Vec<&&Decision> = benchmarks.iter().filter(|it| is_missing(it)).collect();
    let of_the_rest = if benchmarks.iter().any(|it| is_worse(it, bias)) {
        Outcome::Regressed
    } else if (!decided && undecided == 0) || is_unknown {
        Outcome::CouldNotMeasure
    } else if !problems.is_empty() || (strict && undecided > 0) {
        Outcome::Inconclusive
    } else {
        Outcome::Passed
    };
    problems.extend(removals(&missing));
    let outcome = match of_the_rest {
        Outcome::Regressed => Outcome::Regressed,
        _ if !missing.is_empty() => Outcome::CouldNotMeasure,
        outcome => outcome,
    };
    Summary {
        outcome,
        of_the_rest,
        verdicts,
        over_limit: with_limit(Standing::Over),
        unclear_limit: with_limit(Standing::Unclear),
        sensitivity: sensitivity(&benchmarks, &controls),
        problems,
    }
}

/// The median over the benchmarks.
fn sensitivity(benchmarks: &[&Decision], controls: &[&Decision]) -> Option<f64> {
    let all = benchmarks.iter().filter_map(|it| it.sensitivity);
    let all: Vec<f64> = all.collect();
    // Not verified if nothing could be slowed down.
    let vouched = controls.is_empty() || controls.iter().any(|it| it.role == Role::PositiveControl);
    (vouched && !all.is_empty()).then(|| median(&all))
}

/// The first benchmark for which `are` holds, and how many others there are; `None` if there is none.
fn named(benchmarks: &[&Decision], are: impl Fn(&Decision) -> bool) -> Option<String> {
    let mut such = benchmarks.iter().filter(|it| are(it));
    let first = &such.next()?.id;
    Some(match such.count() {
        0 => format!("`{first}`"),
        more => format!("`{first}` (and {more} more)"),
    })
}

/// The problem if benchmarks look slower and there were too few blocks to confirm it.
fn unconfirmed(benchmarks: &[&Decision], how: Unconfirmed) -> Option<String> {
    let name = named(benchmarks, |it| {
        it.unconfirmed == how && it.waived.is_none()
    })?;
    Some(match how {
        Unconfirmed::FarSlower => format!(
            "{name} took more than twice as long in every block, but too few blocks were measured to \
             confirm it; raise the budget with --budget"
        ),
        Unconfirmed::Slower | Unconfirmed::No => {
            format!("fresh blocks did not confirm that {name} got slower; a larger --budget may")
        }
    })
}

/// Whether a benchmark fails the gate although identical code differs by up to `bias`.
fn is_worse(decision: &Decision, bias: f64) -> bool {
    let is_exact = |metric| !matches!(metric, Some(Metric::Latency(_)) | None);
    let lower = decision.deciding.map_or(f64::NEG_INFINITY, |it| it.lower);
    // A bias that shifts identical code may shift this benchmark by twice as much.
    let explained = bias > 0.0 && lower <= 2.0 * bias;
    let over = |check: &super::LimitCheck| {
        check.standing == Standing::Over && (is_exact(Some(check.metric)) || bias == 0.0)
    };
    decision.waived.is_none()
        && ((decision.verdict == Verdict::Regressed && (is_exact(decision.metric) || !explained))
            || decision.limits.iter().any(over))
}

/// The problem if slowdowns are not larger than the difference of identical code in this run.
fn doubted(benchmarks: &[&Decision], bias: f64) -> Option<String> {
    let name = named(benchmarks, |it| is_worse(it, 0.0) && !is_worse(it, bias))?;
    Some(format!(
        "{name} is slower, but no more than identical code was in this run; measure again on a \
         quieter machine"
    ))
}

/// The problem if a benchmark has no block: a pass would claim that it did not get slower.
fn unmeasured(benchmarks: &[&Decision]) -> Option<String> {
    let name = named(benchmarks, |it| {
        it.verdict == Verdict::Inconclusive && it.change.is_none() && it.waived.is_none()
    })?;
    Some(format!(
        "{name} has no measurement of both commits; a larger --budget may bring one"
    ))
}

/// The difference of identical code in this run if it raised a false alarm; otherwise 0.
fn bias(controls: &[&Decision]) -> f64 {
    let of = |control: &&Decision| {
        let change = control
            .change
            .map_or(f64::INFINITY, |it| it.lower.abs().max(it.upper.abs()));
        is_false_alarm(control).then_some(change)
    };
    controls.iter().filter_map(of).fold(0.0, f64::max)
}

/// Whether identical code did not look identical.
fn is_false_alarm(control: &Decision) -> bool {
    control.role == Role::NullControl
        && matches!(control.verdict, Verdict::Regressed | Verdict::Improved)
}

/// Whether a benchmark should have been compared but could not be. A pass would claim that it did
/// not get slower, which is unknown.
fn is_missing(decision: &Decision) -> bool {
    let lost = matches!(decision.verdict, Verdict::Removed | Verdict::Failed);
    lost && decision.waived.is_none()
}

/// What to do about removed benchmarks.
fn removals(missing: &[&&Decision]) -> Option<String> {
    let gone = |decision: &&&&Decision| decision.verdict == Verdict::Removed;
    let first = missing.iter().find(gone)?;
    Some(format!(
        "`{0}` no longer exists; if that is intended: `cargo serbench accept '{0}' --removed --reason TEXT`",
        first.id
    ))
}

/// Whether a benchmark with this verdict says something about the candidate.
fn is_decided(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Regressed
        | Verdict::Improved
        | Verdict::Unchanged
        | Verdict::Identical
        | Verdict::Added => true,
        Verdict::Inconclusive | Verdict::Removed | Verdict::Skipped | Verdict::Failed => false,
    }
}

/// The problem if identical code does not look identical.
fn false_alarms(controls: &[&Decision]) -> Vec<String> {
    controls
        .iter()
        .filter(|control| is_false_alarm(control))
        .map(|control| {
            let Decision { id, reason, .. } = control;
            format!(
                "`{id}` differs from itself ({reason}): no smaller change of time can be trusted"
            )
        })
        .collect()
}

/// The problem if a known slowdown was not detected.
fn missed(controls: &[&Decision]) -> Vec<String> {
    controls
        .iter()
        .filter(|control| control.role == Role::PositiveControl)
        .filter(|control| control.verdict != Verdict::Regressed)
        .map(|control| {
            let Decision { id, reason, .. } = control;
            format!("failed to detect `{id}`, a slowdown of twice the threshold ({reason})")
        })
        .collect()
}
