//! The answer of a report, in one sentence that needs no prior knowledge.

use super::{Report, Verdicts, cells, columns, document::Headline, table::Tone, text};
use crate::{
    decide::{Decision, Metric, Outcome, Standing, Verdict, evidence::Role},
    shell,
};

/// The answer; `None` if nothing was measured.
pub fn headline(report: &Report<'_>) -> Option<Headline> {
    match &report.verdicts {
        Some(verdicts) => Some(of_verdicts(report, verdicts)),
        None => of_tables(report),
    }
}

fn of_tables(report: &Report<'_>) -> Option<Headline> {
    let rows = || report.tables.iter().flat_map(|case| &case.rows);
    let failed = rows()
        .filter(|row| row.verification.failure().is_some())
        .count();
    let timed = rows().filter(|row| row.latency_ns.is_some()).count();
    let all: usize = report.runs.iter().map(|run| run.benchmarks.len()).sum();
    let all = shell::count(all, "benchmark");
    if failed == 0 {
        return (timed > 0).then(|| measured(report, timed));
    }
    Some(Headline {
        word: match timed {
            0 => "Could not measure".to_owned(),
            _ => format!("Measured, {failed} failed"),
        },
        sentence: match timed {
            0 => format!("{failed} of {all} failed"),
            _ => format!("{timed} of {all} have times"),
        },
        counts: took(report),
        problems: Vec::new(),
        tone: Tone::Bad,
    })
}

/// How much of one commit was measured.
fn measured(report: &Report<'_>, timed: usize) -> Headline {
    let compared = report.tables.iter().flat_map(|case| &case.rows);
    let compared = compared.filter(|row| row.ratio.is_some()).count();
    let seconds = seconds(report);
    let sentence = match (compared, columns::reference(report)) {
        (0, _) => format!("{} in {seconds:.0} s", shell::count(timed, "benchmark")),
        (compared, reference) => format!(
            "{} in {seconds:.0} s, {compared} of them relative to {}",
            shell::count(timed, "benchmark"),
            reference.unwrap_or("their reference")
        ),
    };
    Headline {
        word: "Measured".to_owned(),
        sentence: text::visible(&sentence),
        counts: String::new(),
        problems: Vec::new(),
        tone: Tone::Plain,
    }
}

fn of_verdicts(report: &Report<'_>, verdicts: &Verdicts<'_>) -> Headline {
    let mut benchmarks: Vec<&Decision> = verdicts
        .decisions
        .iter()
        .filter(|decision| decision.role == Role::Benchmark)
        .collect();
    let summary = verdicts.summary;
    let (word, tone) = match (summary.outcome, summary.of_the_rest) {
        (Outcome::Passed, _) if is_first(&benchmarks) => {
            ("No baseline yet".to_owned(), Tone::Unsure)
        }
        (Outcome::Passed, _) => ("Passed".to_owned(), Tone::Good),
        (Outcome::Regressed, _) => ("Regressed".to_owned(), Tone::Bad),
        (Outcome::CouldNotMeasure, Outcome::Passed) => {
            (format!("Passed, {}", missing(&benchmarks)), Tone::Bad)
        }
        (Outcome::CouldNotMeasure, _) => ("Could not measure".to_owned(), Tone::Bad),
        (Outcome::Inconclusive, _) => ("Inconclusive".to_owned(), Tone::Unsure),
    };
    let mut sentence = match (summary.outcome, summary.of_the_rest) {
        (Outcome::Passed, _) if is_first(&benchmarks) => format!(
            "nothing to compare {} with; the next gate has a baseline",
            shell::count(benchmarks.len(), "benchmark")
        ),
        (Outcome::Passed, _) => passed(verdicts, &benchmarks, ""),
        (Outcome::Regressed, _) => regressed(verdicts, &benchmarks),
        (Outcome::CouldNotMeasure, Outcome::Passed) => {
            benchmarks.retain(|it| !is_missing(it));
            passed(verdicts, &benchmarks, "other ")
        }
        (Outcome::CouldNotMeasure, _) => could_not_measure(&benchmarks),
        (Outcome::Inconclusive, _) => inconclusive(&benchmarks),
    };
    if let Some(seen) = verdicts.summary.sensitivity {
        sentence += &format!(
            "; smallest slowdown this run could see: {}",
            cells::fraction(seen)
        );
    }
    Headline {
        word,
        sentence: text::visible(&sentence),
        counts: counts(report, verdicts),
        problems: problems(verdicts),
        tone,
    }
}

/// `1 failed, 2 removed`: why a gate fails although nothing got slower.
fn missing(benchmarks: &[&Decision]) -> String {
    let kinds = [Verdict::Failed, Verdict::Removed].into_iter();
    let parts = kinds.filter_map(|verdict| {
        match count(benchmarks, |it| is_missing(it) && it.verdict == verdict) {
            0 => None,
            number => Some(format!("{number} {}", verdict.word())),
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Whether a benchmark is missing without permission.
fn is_missing(decision: &Decision) -> bool {
    matches!(decision.verdict, Verdict::Failed | Verdict::Removed) && decision.waived.is_none()
}

/// Whether the baseline has none of these benchmarks.
fn is_first(benchmarks: &[&Decision]) -> bool {
    let is_new = |it: &&Decision| matches!(it.verdict, Verdict::Added | Verdict::Skipped);
    benchmarks.iter().all(is_new)
}

/// `which` precedes the number of benchmarks: "other " if some are left out.
fn passed(verdicts: &Verdicts<'_>, benchmarks: &[&Decision], which: &str) -> String {
    let all = match which {
        "" => shell::count(benchmarks.len(), "benchmark"),
        which => format!("the {which}{}", shell::count(benchmarks.len(), "benchmark")),
    };
    let with = |verdict| count(benchmarks, |it| it.verdict == verdict);
    if with(Verdict::Identical) == benchmarks.len() {
        return format!("the machine code of {all} is the same at both commits");
    }
    let waived = |verdict: Verdict, accepted: bool| {
        let why = |it: &Decision| it.waived.as_ref().map(|why| why.starts_with("accepted: "));
        count(benchmarks, |it| {
            it.verdict == verdict && why(it) == Some(accepted)
        })
    };
    let (accepted, tracked) = (
        waived(Verdict::Regressed, true),
        waived(Verdict::Regressed, false),
    );
    let mut parts = Vec::new();
    if accepted > 0 {
        // An entry that the baseline already has no longer accepts anything.
        let regressions = shell::count(accepted, "regression");
        parts.push(format!("{regressions} accepted in this change"));
    }
    if tracked > 0 {
        parts.push(format!("{tracked} only tracked"));
    }
    let mut sentence = match accepted + tracked {
        0 => format!(
            "none of {all} slowed down by more than the {}",
            threshold(verdicts)
        ),
        slower => format!(
            "{slower} of {all} slowed down by more than the {}: {}",
            threshold(verdicts),
            parts.join(", ")
        ),
    };
    for (verdict, what, at) in [
        (Verdict::Removed, "removal", ""),
        (Verdict::Failed, "failure", " at the baseline"),
    ] {
        match waived(verdict, true) {
            0 => {}
            number => {
                let what = shell::count(number, what);
                sentence += &format!(", {what}{at} accepted in this change");
            }
        }
    }
    match with(Verdict::Inconclusive) {
        0 => {}
        undecided => sentence += &format!(", but {undecided} could not be decided"),
    }
    sentence
}

fn regressed(verdicts: &Verdicts<'_>, benchmarks: &[&Decision]) -> String {
    let all = shell::count(benchmarks.len(), "benchmark");
    let held = |it: &Decision| it.verdict == Verdict::Regressed && it.waived.is_none();
    let by_time = |it: &Decision| matches!(it.metric, Some(Metric::Latency(_)) | None);
    let slower = count(benchmarks, |it| held(it) && by_time(it));
    let hungrier = count(benchmarks, |it| held(it) && !by_time(it));
    let over = count(benchmarks, |it| is_over(it) && it.waived.is_none());
    let mut parts = Vec::new();
    if slower > 0 {
        parts.push(format!(
            "slowed down by more than the {}",
            threshold(verdicts)
        ));
    }
    if hungrier > 0 {
        let verb = if hungrier == 1 { "needs" } else { "need" };
        parts.push(format!("{verb} more memory"));
    }
    if over > 0 {
        let verb = if over == 1 { "exceeds" } else { "exceed" };
        parts.push(format!("{verb} a limit"));
    }
    let numbers = [slower, hungrier, over]
        .into_iter()
        .filter(|number| *number > 0);
    let parts: Vec<String> = numbers
        .zip(parts)
        .enumerate()
        .map(|(place, (number, part))| match place {
            0 => format!("{number} of {all} {part}"),
            _ => format!("{number} {part}"),
        })
        .collect();
    let mut sentence = parts.join(", ");
    match count(benchmarks, |it| it.verdict == Verdict::Failed) {
        0 => {}
        failed => sentence += &format!(", {failed} failed"),
    }
    sentence
}

fn could_not_measure(benchmarks: &[&Decision]) -> String {
    let all = shell::count(benchmarks.len(), "benchmark");
    let with = |verdict| count(benchmarks, |it| it.verdict == verdict);
    let undecided = with(Verdict::Inconclusive);
    let slower = count(benchmarks, |it| {
        it.verdict == Verdict::Regressed && it.waived.is_none()
    });
    match (with(Verdict::Failed), with(Verdict::Removed)) {
        _ if slower > 0 => {
            format!("{slower} of {all} look slower, but so does identical code")
        }
        (0, 0) if undecided > 0 && undecided < benchmarks.len() => {
            format!("{undecided} of {all} could not be decided")
        }
        (0, 0) => format!("none of {all} could be compared"),
        (0, gone) => format!("{gone} of {all} no longer exist"),
        (failed, 0) => format!("{failed} of {all} failed"),
        (failed, gone) => format!("{failed} of {all} failed, {gone} no longer exist"),
    }
}

fn inconclusive(benchmarks: &[&Decision]) -> String {
    let all = shell::count(benchmarks.len(), "benchmark");
    let undecided = count(benchmarks, |it| {
        it.verdict == Verdict::Inconclusive || it.has_limit(Standing::Unclear)
    });
    match undecided {
        0 => format!("a self-check failed, so {all} have no verdict"),
        _ => format!("{undecided} of {all} could not be decided"),
    }
}

/// Reasons why the outcome does not follow from the verdicts alone.
fn problems(verdicts: &Verdicts<'_>) -> Vec<String> {
    let problems = verdicts.summary.problems.iter();
    problems
        .map(|problem| text::visible(&text::brief(problem)))
        .collect()
}

/// `104 benchmarks: 2 regressed, 102 unchanged; measured in 53 s`.
fn counts(report: &Report<'_>, verdicts: &Verdicts<'_>) -> String {
    let summary = verdicts.summary;
    let mut parts: Vec<String> = [
        Verdict::Regressed,
        Verdict::Failed,
        Verdict::Inconclusive,
        Verdict::Improved,
        Verdict::Unchanged,
        Verdict::Identical,
        Verdict::Added,
        Verdict::Removed,
        Verdict::Skipped,
    ]
    .into_iter()
    .filter_map(|verdict| Some((summary.verdicts.get(&verdict)?, verdict)))
    .map(|(count, verdict)| format!("{count} {}", verdict.word()))
    .collect();
    if summary.over_limit > 0 {
        parts.push(format!("{} over a limit", summary.over_limit));
    }
    if summary.unclear_limit > 0 {
        parts.push(format!("{} with undecided limits", summary.unclear_limit));
    }
    let all = shell::count(summary.verdicts.values().sum(), "benchmark");
    format!("{all}: {}; {}", parts.join(", "), took(report))
}

fn took(report: &Report<'_>) -> String {
    format!("measured in {:.0} s", seconds(report))
}

fn seconds(report: &Report<'_>) -> f64 {
    report.runs.iter().map(|run| run.seconds).sum()
}

/// The threshold, if it is the same for all benchmarks.
fn threshold(verdicts: &Verdicts<'_>) -> String {
    let benchmarks = verdicts
        .evidence
        .iter()
        .filter(|it| it.role == Role::Benchmark);
    let mut thresholds: Vec<String> = benchmarks
        .map(|it| cells::fraction(it.tolerance.threshold))
        .collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    match thresholds.as_slice() {
        [one] => format!("{one} threshold"),
        [] | [_, ..] => "thresholds configured for them".to_owned(),
    }
}

fn is_over(decision: &Decision) -> bool {
    decision.has_limit(Standing::Over)
}

fn count(decisions: &[&Decision], wanted: impl Fn(&Decision) -> bool) -> usize {
    decisions.iter().filter(|decision| wanted(decision)).count()
}
