//! A report as JUnit XML: one test case per benchmark, and one for the outcome.

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite};

use super::{Report, columns, explained, json, text, title};
use crate::{
    compare::Row,
    decide::{Decision, Outcome, Standing, Verdict, evidence::Role},
    exit::Exit,
    shell,
};

/// How a test case ended, if not in success.
enum Ended {
    Failed(NonSuccessKind, &'static str),
    /// Neither passed nor failed.
    Skipped,
}

pub fn render(report: &Report<'_>) -> Result<String> {
    let decisions = report.verdicts.into_iter().flat_map(|it| it.decisions);
    let rows = report.tables.iter().flat_map(|table| &table.rows);
    let mut suite = TestSuite::new("serbench");
    let decided = decisions.map(|decision| decided(report, decision));
    let cases = rows.map(measured).chain(decided);
    suite.add_test_cases(cases.chain([outcome(report)]));
    let mut suites = Suites::new("serbench");
    suites.add_test_suite(suite);
    suites.to_string().context("failed to write JUnit XML")
}

fn measured(row: &Row) -> TestCase {
    match (row.verification.failure(), row.verification.skipped()) {
        (Some(reason), _) => {
            let failed = Ended::Failed(NonSuccessKind::Error, "failed");
            case(&row.id, Some(failed), reason)
        }
        (None, Some(reason)) => case(&row.id, Some(Ended::Skipped), reason),
        (None, None) => case(&row.id, None, &columns::brief_ratio(row).text),
    }
}

fn decided(report: &Report<'_>, decision: &Decision) -> TestCase {
    let mut limits = decision.limits.iter();
    let over = limits.any(|check| check.standing == Standing::Over);
    let limit = Ended::Failed(NonSuccessKind::Failure, "over-limit");
    let ended = match decision.verdict {
        Verdict::Failed => Some(Ended::Failed(NonSuccessKind::Error, "failed")),
        Verdict::Removed => Some(Ended::Failed(NonSuccessKind::Error, "removed")),
        Verdict::Regressed => Some(Ended::Failed(NonSuccessKind::Failure, "regressed")),
        _ if over => Some(limit),
        Verdict::Inconclusive | Verdict::Skipped => Some(Ended::Skipped),
        Verdict::Improved | Verdict::Unchanged | Verdict::Identical | Verdict::Added => None,
    };
    // The positive control is expected to regress.
    let held = decision.role == Role::Benchmark && decision.waived.is_none();
    let signature = explained::signature(report.explanations, decision.id.as_str());
    let signature = signature.map_or_else(String::new, |it| format!("; {it}"));
    let waiver = decision.waived.as_ref();
    let waiver = waiver.map_or_else(String::new, |it| format!(" ({it})"));
    let words = format!(
        "{}: {}{signature}{waiver}",
        decision.verdict.word(),
        text::brief(&decision.reason)
    );
    case(&decision.id, ended.filter(|_| held), &words)
}

/// The gate can fail although no benchmark does, for example after a failed self-check.
fn outcome(report: &Report<'_>) -> TestCase {
    let outcome = report.verdicts.map(|it| it.summary.outcome);
    let outcome = outcome.filter(|it| *it != Outcome::Passed);
    let word = outcome.map_or("failed", json::outcome);
    let failed = |kind| Some(Ended::Failed(kind, word));
    let ended = match report.exit_code {
        code if code == Exit::Passed.code() => None,
        code if code == Exit::CouldNotMeasure.code() => failed(NonSuccessKind::Error),
        _ => failed(NonSuccessKind::Failure),
    };
    let words = match title(report) {
        words if words.is_empty() => {
            let measured: usize = report.runs.iter().map(|run| run.benchmarks.len()).sum();
            format!("{} measured", shell::count(measured, "benchmark"))
        }
        words => words,
    };
    case("outcome", ended, &words)
}

fn case(id: &str, ended: Option<Ended>, words: &str) -> TestCase {
    let words = text::visible(&text::brief(words));
    let is_success = ended.is_none();
    let status = match ended {
        None => TestCaseStatus::success(),
        Some(Ended::Skipped) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&words);
            status
        }
        Some(Ended::Failed(kind, word)) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(word).set_message(&words);
            status
        }
    };
    let mut case = TestCase::new(text::visible(id), status);
    case.set_classname("serbench");
    if is_success {
        case.set_system_out(words);
    }
    case
}
