//! A report as JUnit XML: one test case per benchmark, and one for the outcome.

use maud::{Markup, PreEscaped, html};

use super::{Report, columns, explained, json, text, title};
use crate::{
    compare::Row,
    decide::{Decision, Outcome, Standing, Verdict, evidence::Role},
    exit::Exit,
    shell,
};

const DECLARATION: PreEscaped<&str> = PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");

/// The element in which a test case says how it ended.
#[derive(Clone, Copy, PartialEq)]
enum Ended {
    Failure(&'static str),
    Error(&'static str),
    /// Neither passed nor failed.
    Skipped,
}

struct TestCase {
    name: String,
    /// `None` is a success.
    ended: Option<Ended>,
    words: String,
}

pub fn render(report: &Report<'_>) -> String {
    let decisions = report.verdicts.into_iter().flat_map(|it| it.decisions);
    let rows = report.tables.iter().flat_map(|table| &table.rows);
    let decided = decisions.map(|decision| decided(report, decision));
    let cases = rows.map(measured).chain(decided);
    let cases: Vec<TestCase> = cases.chain([outcome(report)]).collect();
    let count = |is: fn(Ended) -> bool| {
        cases
            .iter()
            .filter_map(|case| case.ended)
            .filter(|it| is(*it))
            .count()
    };
    let failures = count(|it| matches!(it, Ended::Failure(_)));
    let errors = count(|it| matches!(it, Ended::Error(_)));
    let skipped = count(|it| it == Ended::Skipped);
    html! {
        (DECLARATION)
        testsuites name="serbench" tests=(cases.len()) failures=(failures) errors=(errors) {
            "\n"
            testsuite name="serbench" tests=(cases.len()) failures=(failures) errors=(errors) skipped=(skipped) {
                "\n"
                @for case in &cases { (case.element()) "\n" }
            }
            "\n"
        }
        "\n"
    }
    .into_string()
}

impl TestCase {
    fn element(&self) -> Markup {
        let Self { name, words, .. } = self;
        html! {
            testcase name=(name) classname="serbench" {
                @match self.ended {
                    Some(Ended::Failure(word)) => failure type=(word) message=(words) {},
                    Some(Ended::Error(word)) => error type=(word) message=(words) {},
                    Some(Ended::Skipped) => skipped message=(words) {},
                    None => system-out { (words) },
                }
            }
        }
    }
}

fn measured(row: &Row) -> TestCase {
    match (row.verification.failure(), row.verification.skipped()) {
        (Some(reason), _) => case(&row.id, Some(Ended::Error("failed")), reason),
        (None, Some(reason)) => case(&row.id, Some(Ended::Skipped), reason),
        (None, None) => {
            let latency = columns::latency(row).text;
            let words = match row.ratio {
                Some(_) => format!(
                    "{latency}, {} of the reference",
                    columns::brief_ratio(row).text
                ),
                None => latency,
            };
            case(&row.id, None, &words)
        }
    }
}

fn decided(report: &Report<'_>, decision: &Decision) -> TestCase {
    let over = decision.has_limit(Standing::Over);
    let limit = Ended::Failure("over-limit");
    let ended = match decision.verdict {
        Verdict::Failed => Some(Ended::Error("failed")),
        Verdict::Removed => Some(Ended::Error("removed")),
        Verdict::Regressed => Some(Ended::Failure("regressed")),
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
    let ended = match report.exit_code {
        code if code == Exit::Passed.code() => None,
        code if code == Exit::CouldNotMeasure.code() => Some(Ended::Error(word)),
        _ => Some(Ended::Failure(word)),
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

/// XML can't represent most control characters, so they are made visible.
fn case(id: &str, ended: Option<Ended>, words: &str) -> TestCase {
    TestCase {
        name: text::visible(id),
        ended,
        words: text::visible(&text::brief(words)),
    }
}
