//! A report as JUnit XML: one test case per benchmark.

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite};

use super::{Report, columns, explained, text};
use crate::{
    compare::Row,
    decide::{Decision, Standing, Verdict, evidence::Role},
};

pub fn render(report: &Report<'_>) -> Result<String> {
    let decisions = report.verdicts.into_iter().flat_map(|it| it.decisions);
    let rows = report.tables.iter().flat_map(|table| &table.rows);
    let mut suite = TestSuite::new("serbench");
    let decided = decisions.map(|decision| decided(report, decision));
    suite.add_test_cases(rows.map(measured).chain(decided));
    let mut suites = Suites::new("serbench");
    suites.add_test_suite(suite);
    suites.to_string().context("write JUnit XML")
}

fn measured(row: &Row) -> TestCase {
    match row.verification.failure() {
        None => case(&row.id, None, &columns::brief_ratio(row).text),
        Some(reason) => case(&row.id, Some((NonSuccessKind::Error, "failed")), reason),
    }
}

fn decided(report: &Report<'_>, decision: &Decision) -> TestCase {
    let mut limits = decision.limits.iter();
    let over = limits.any(|check| check.standing == Standing::Over);
    let kind = match decision.verdict {
        Verdict::Failed => Some((NonSuccessKind::Error, "failed")),
        Verdict::Regressed => Some((NonSuccessKind::Failure, "regressed")),
        Verdict::Improved
        | Verdict::Unchanged
        | Verdict::Inconclusive
        | Verdict::Identical
        | Verdict::Added
        | Verdict::Removed
        | Verdict::Skipped => over.then_some((NonSuccessKind::Failure, "over-limit")),
    };
    // The positive control is expected to regress.
    let held = decision.role == Role::Benchmark && decision.waived.is_none();
    let signature = explained::signature(report.explanations, decision.id.as_str());
    let signature = signature.map_or_else(String::new, |it| format!("; {it}"));
    let words = format!(
        "{}: {}{signature}",
        decision.verdict.word(),
        text::brief(&decision.reason)
    );
    case(&decision.id, kind.filter(|_| held), &words)
}

fn case(id: &str, failure: Option<(NonSuccessKind, &str)>, words: &str) -> TestCase {
    let words = text::visible(&text::brief(words));
    let status = match failure {
        None => TestCaseStatus::success(),
        Some((kind, word)) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(word).set_message(&words);
            status
        }
    };
    let mut case = TestCase::new(text::visible(id), status);
    case.set_classname("serbench");
    if failure.is_none() {
        case.set_system_out(words);
    }
    case
}
