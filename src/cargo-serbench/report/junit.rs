//! Results as JUnit XML: one test case a benchmark, in the verdict's words.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Results, columns};
use crate::{
    decide::evidence::Role,
    decide::{Standing, Verdict},
};

pub fn render(results: Results<'_>) -> String {
    let mut report = Report::new("serbench");
    let mut suite = TestSuite::new("serbench");
    let cases = match results {
        Results::Tables { cases, .. } => cases
            .iter()
            .flat_map(|case| &case.rows)
            .map(|row| match row.verification.failure() {
                None => case(&row.id, None, &columns::brief_ratio(row).text),
                Some(reason) => case(&row.id, Some((NonSuccessKind::Error, "failed")), reason),
            })
            .collect::<Vec<_>>(),
        Results::Gate { decisions, .. } => decisions
            .iter()
            .map(|decision| {
                let over = decision
                    .limits
                    .iter()
                    .any(|check| check.standing == Standing::Over);
                let kind = match decision.verdict {
                    Verdict::Failed => Some((NonSuccessKind::Error, "failed")),
                    Verdict::Regressed => Some((NonSuccessKind::Failure, "regressed")),
                    Verdict::Improved
                    | Verdict::Unchanged
                    | Verdict::Inconclusive
                    | Verdict::Identical
                    | Verdict::Added
                    | Verdict::Removed => over.then_some((NonSuccessKind::Failure, "over a limit")),
                };
                // The slowed canary is meant to regress.
                let kind =
                    kind.filter(|_| decision.role == Role::Benchmark && decision.waived.is_none());
                case(
                    &decision.id,
                    kind,
                    &format!("{}: {}", decision.verdict.word(), decision.reason),
                )
            })
            .collect(),
    };
    suite.add_test_cases(cases);
    report.add_test_suite(suite);
    report.to_string().unwrap_or_default()
}

fn case(id: &str, failure: Option<(NonSuccessKind, &str)>, text: &str) -> TestCase {
    let status = match failure {
        None => TestCaseStatus::success(),
        Some((kind, word)) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(word).set_message(text);
            status
        }
    };
    let mut case = TestCase::new(id, status);
    case.set_classname("serbench");
    if failure.is_none() {
        case.set_system_out(text);
    }
    case
}
