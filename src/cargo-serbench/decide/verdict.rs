//! Decides the latency verdict of a benchmark from screen and confirmation, and explains it.

use super::{
    Metric, Policy, Verdict,
    change::{Change, Comparison, Reading},
    confirm::{self, Finding, Looks, Suspect, Suspicions},
    screen::{self, Screened},
    unconfirmed::{self, Unconfirmed},
};
use crate::{
    compare::{
        LEVEL,
        stats::{LogRatio, normal_quantile},
    },
    values::figures::percent,
};

/// The probability of detecting a slowdown as large as the sensitivity, and of deciding an
/// inconclusive benchmark in the estimated time.
const SEEN: f64 = 0.95;
pub(super) const DECIDED: f64 = 0.8;

/// More blocks than this multiple of the screen's maximum would take unreasonably long.
const REASONABLE: f64 = 100.0;

/// The latency verdict; for the fields see [`super::Decision`].
pub(super) struct Latency {
    pub(super) verdict: Verdict,
    pub(super) metric: Metric,
    pub(super) change: Option<LogRatio>,
    pub(super) deciding: Option<LogRatio>,
    pub(super) own: Option<LogRatio>,
    pub(super) wall: Option<LogRatio>,
    pub(super) sensitivity: Option<f64>,
    pub(super) needs_seconds: Option<f64>,
    pub(super) unconfirmed: Unconfirmed,
    pub(super) reason: String,
}

/// The verdict on a benchmark that both commits have.
pub(super) fn judge(
    case: &Comparison<'_>,
    suspicions: &Suspicions<'_>,
    policy: &Policy,
) -> Latency {
    let suspect = suspicions.of(case.evidence);
    let fresh = suspect.and_then(|suspect| suspect.reading.as_ref());
    let screened = case.screened();
    let Some(reading) = fresh.or(screened.as_ref()) else {
        return unmeasured(case);
    };
    let (verdict, level) = verdict(case, suspect, suspicions.screen_over, policy);
    let decided = decisive(reading, verdict, case.threshold(), level);
    let needs = || needs_seconds(case, decided, fresh.is_some(), policy);
    let needs_seconds = (verdict == Verdict::Inconclusive).then(needs).flatten();
    let unconfirmed = if verdict == Verdict::Inconclusive {
        unconfirmed::of(case, decided)
    } else {
        Unconfirmed::No
    };
    let mut reasons = vec![main_reason(case, verdict, decided, level, needs_seconds)];
    reasons.extend(notes(
        case,
        reading,
        decided,
        verdict,
        suspect,
        policy.clear_level,
    ));
    Latency {
        verdict,
        metric: Metric::Latency(decided.clock),
        change: Some(decided.at(LEVEL)),
        deciding: Some(match verdict == Verdict::Improved {
            true => decided.faster_at(level),
            false => decided.slower_at(level),
        }),
        own: Some(decided.own_at(LEVEL)),
        wall: Some(reading.wall().at(LEVEL)),
        sensitivity: screened
            .as_ref()
            .and_then(|reading| sensitivity(case, reading, policy)),
        needs_seconds,
        unconfirmed,
        reason: reasons.join("; "),
    }
}

/// The clock that a verdict is based on.
fn decisive(reading: &Reading, verdict: Verdict, threshold: f64, level: f64) -> &Change {
    let decided = match verdict {
        Verdict::Regressed => reading.above(threshold, level),
        Verdict::Inconclusive => Some(reading.undecided(threshold, level)),
        Verdict::Improved
        | Verdict::Unchanged
        | Verdict::Identical
        | Verdict::Added
        | Verdict::Removed
        | Verdict::Skipped
        | Verdict::Failed => None,
    };
    decided.unwrap_or(&reading.judged)
}

/// The verdict and the level of the interval that decided.
fn verdict(
    case: &Comparison<'_>,
    suspect: Option<&Suspect<'_>>,
    last: bool,
    policy: &Policy,
) -> (Verdict, f64) {
    match suspect.map(|suspect| (suspect.finding, suspect.direction)) {
        Some((Finding::Confirmed { level }, Looks::Slower)) => (Verdict::Regressed, level),
        Some((Finding::Confirmed { level }, Looks::Faster)) => (Verdict::Improved, level),
        Some((Finding::Cleared, Looks::Slower)) => (Verdict::Unchanged, policy.clear_level),
        Some(_) if suspect.is_some_and(|suspect| suspect.is_not_slower(policy)) => {
            (Verdict::Unchanged, policy.clear_level)
        }
        Some(_) => (Verdict::Inconclusive, policy.clear_level),
        None => match screen::screened(case, policy, last) {
            Screened::Improved => (Verdict::Improved, policy.improved_level),
            Screened::Unchanged => (Verdict::Unchanged, policy.clear_level),
            Screened::Open | Screened::Suspect => (Verdict::Inconclusive, policy.clear_level),
        },
    }
}

fn unmeasured(case: &Comparison<'_>) -> Latency {
    Latency {
        verdict: Verdict::Inconclusive,
        metric: Metric::Latency(case.clock()),
        change: None,
        deciding: None,
        own: None,
        wall: None,
        sensitivity: None,
        needs_seconds: None,
        unconfirmed: Unconfirmed::No,
        reason: "not measured".to_owned(),
    }
}

/// The slowdown that the last look would call `regressed` with 95 % probability if this
/// benchmark were the only suspect: threshold + (z of the corrected level + z of 95 %) standard errors.
/// With few blocks the error is overestimated, so that in simulations 98-100 % are seen.
fn sensitivity(case: &Comparison<'_>, reading: &Reading, policy: &Policy) -> Option<f64> {
    let blocks = *policy.looks.last()?;
    let level = confirm::corrected_level(blocks, case.clocks(), policy);
    let error = reading.judged.error_of_one_block(policy.clear_level) / (blocks as f64).sqrt();
    let margin = (z_of(level) + normal_quantile(SEEN)) * error;
    margin
        .is_finite()
        .then(|| (case.threshold() + margin).exp_m1())
}

/// The seconds after which the interval would exclude the threshold with 80 % probability,
/// if the estimate is right: a normal interval shrinks with the square root of the number of blocks.
fn needs_seconds(
    case: &Comparison<'_>,
    change: &Change,
    fresh: bool,
    policy: &Policy,
) -> Option<f64> {
    let distance = change.slower_at(policy.clear_level).point - case.threshold();
    let last = *policy.looks.last()?;
    let level = if distance > 0.0 {
        confirm::corrected_level(last, case.clocks(), policy)
    } else {
        policy.clear_level
    };
    let errors = z_of(level) + normal_quantile(DECIDED);
    let error = change.error_of_one_block(policy.clear_level);
    let blocks = (errors * error / distance).powi(2);
    // A suspect must be confirmed by fresh blocks only, and by as many as one look has.
    let least = policy.looks.first().filter(|_| distance > 0.0);
    let blocks = blocks.max(least.map_or(0.0, |least| *least as f64));
    let usable = if fresh || distance <= 0.0 {
        change.blocks() as f64
    } else {
        0.0
    };
    (blocks <= REASONABLE * policy.most_blocks as f64)
        .then(|| (blocks - usable).max(1.0) * seconds_per_block(case))
}

/// The standard errors on each side of a two-sided interval.
pub(super) fn z_of(level: f64) -> f64 {
    normal_quantile(f64::midpoint(1.0, level))
}

/// The seconds for one more block of the benchmark and its reference.
fn seconds_per_block(case: &Comparison<'_>) -> f64 {
    [Some(case.evidence), case.reference]
        .into_iter()
        .flatten()
        .map(|evidence| {
            let seconds: f64 = evidence.blocks.iter().map(|block| block.seconds).sum();
            seconds / evidence.blocks.len().max(1) as f64
        })
        .sum()
}

/// The figures that decided, and what they were compared with.
fn main_reason(
    case: &Comparison<'_>,
    verdict: Verdict,
    decided: &Change,
    level: f64,
    needs_seconds: Option<f64>,
) -> String {
    let clock = decided.clock.word();
    // If it is within the threshold by its own time alone, report that time.
    let own = decided.at(level).upper >= case.threshold()
        && decided.own_at(level).upper < case.threshold();
    let figures = if own {
        format!("own {clock} {}", interval(decided.own_at(LEVEL)))
    } else {
        format!("{clock} {}", interval(decided.at(LEVEL)))
    };
    let threshold = percent(case.threshold());
    let tolerance = case.evidence.tolerance;
    let confidence = confidence(level);
    match verdict {
        Verdict::Regressed => format!("{figures}, above {threshold} with {confidence}"),
        Verdict::Improved => {
            let indifference = percent((-tolerance.indifference).ln_1p());
            format!("{figures}, below {indifference} with {confidence}")
        }
        Verdict::Inconclusive => match needs_seconds {
            Some(seconds) => {
                let seconds = seconds.ceil();
                format!("{figures}, undecided at {threshold}; about {seconds} s more would decide")
            }
            None => format!(
                "{figures}, undecided at {threshold}: too noisy to decide in a reasonable time"
            ),
        },
        Verdict::Unchanged
        | Verdict::Identical
        | Verdict::Added
        | Verdict::Removed
        | Verdict::Skipped
        | Verdict::Failed => format!("{figures}, all below {threshold}"),
    }
}

/// `99.98 % confidence`: the level that decided, shown next to the 95 % interval.
fn confidence(level: f64) -> String {
    let percent = 100.0 * level;
    let digits = format!("{percent:.3}");
    // Never rounded up to 100 %.
    let digits = if digits == "100.000" {
        "99.999"
    } else {
        &digits
    };
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits} % confidence")
}

/// Notes that help to interpret the figures.
fn notes(
    case: &Comparison<'_>,
    reading: &Reading,
    decided: &Change,
    verdict: Verdict,
    suspect: Option<&Suspect<'_>>,
    level: f64,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(wall_check) = &reading.wall_check {
        let [cpu, wall] = [&reading.judged, wall_check].map(|change| change.at(level));
        if (wall.point - cpu.point).abs() > case.threshold() / 2.0 {
            let (cpu, wall) = (percent(cpu.point), interval(wall));
            notes.push(format!(
                "the clocks disagree: CPU time {cpu}, wall time {wall}"
            ));
        }
    }
    if case.lacks_reference() {
        notes.push(
            "its reference was not measured in both commits, so this is its own time".to_owned(),
        );
    }
    notes.extend(unconfirmed_look(case, verdict, suspect));
    notes.extend(moved_reference(case, decided, verdict, level));
    notes
}

/// Notes that the screen said something else than the verdict, or that it alone was asked.
fn unconfirmed_look(
    case: &Comparison<'_>,
    verdict: Verdict,
    suspect: Option<&Suspect<'_>>,
) -> Option<String> {
    let as_linked = case.evidence.screened_as_linked;
    if verdict == Verdict::Improved && suspect.is_none() && as_linked {
        return Some("not measured with its functions in other orders".to_owned());
    }
    let fresh = suspect.is_some_and(|suspect| suspect.reading.is_some());
    let note = match (verdict, suspect?.direction.word()) {
        (Verdict::Unchanged, looked) if as_linked && fresh => {
            format!("{looked} as cargo linked it, but not with its functions in other orders")
        }
        (Verdict::Unchanged, looked) if fresh => {
            format!("looked {looked} at first, but fresh blocks did not confirm it")
        }
        (Verdict::Unchanged, looked) => {
            format!("looks {looked}, but that was not confirmed with fresh blocks")
        }
        _ => return None,
    };
    Some(note)
}

/// Notes that only the reference changed, or that the benchmark changed together with it.
fn moved_reference(
    case: &Comparison<'_>,
    decided: &Change,
    verdict: Verdict,
    level: f64,
) -> Option<String> {
    let [change, own] = [decided.at(level), decided.own_at(level)];
    let reference = decided.reference_at(level)?;
    let threshold = case.threshold();
    let (its, own_moved) = (percent(reference.point), percent(own.point));
    if verdict != Verdict::Unchanged {
        return None;
    }
    if change.lower > threshold || change.upper < -threshold {
        Some(format!(
            "only the ratio changed: the reference by {its}, its own time by {own_moved}"
        ))
    } else if own.lower > threshold {
        Some(format!(
            "its own time changed by {own_moved}, as did the reference by {its}"
        ))
    } else {
        None
    }
}

/// `+5.2 % [+3.6 %, +6.9 %]`.
fn interval(estimate: LogRatio) -> String {
    let LogRatio {
        point,
        lower,
        upper,
        level: _,
    } = estimate;
    format!(
        "{} [{}, {}]",
        percent(point),
        percent(lower),
        percent(upper)
    )
}
