//! Results as GitHub Actions understands them: annotations on stdout. The job summary is the
//! Markdown report, see README.md.

use super::{Results, cells};
use crate::{
    decide::evidence::Role,
    decide::{Outcome, Standing, Verdict},
};

pub fn render(results: Results<'_>) -> String {
    let mut lines = Vec::new();
    match results {
        Results::Tables { cases, .. } => {
            for row in cases.iter().flat_map(|case| &case.rows) {
                if let Some(reason) = row.verification.failure() {
                    lines.push(annotation("error", &row.id, reason));
                }
            }
        }
        Results::Gate {
            run,
            decisions,
            summary,
        } => {
            for decision in decisions
                .iter()
                .filter(|decision| decision.role == Role::Benchmark)
            {
                let over = decision
                    .limits
                    .iter()
                    .any(|check| check.standing == Standing::Over);
                let level = match decision.verdict {
                    Verdict::Regressed if decision.waived.is_some() => Some("notice"),
                    Verdict::Regressed | Verdict::Failed => Some("error"),
                    Verdict::Inconclusive => Some("warning"),
                    Verdict::Improved
                    | Verdict::Unchanged
                    | Verdict::Identical
                    | Verdict::Added
                    | Verdict::Removed => over.then_some("error"),
                };
                if let Some(level) = level {
                    let title = format!("{} {}", decision.id, decision.verdict.word());
                    lines.push(annotation(level, &title, &decision.reason));
                }
            }
            let level = match summary.outcome {
                Outcome::Passed => "notice",
                Outcome::Inconclusive => "warning",
                Outcome::Regressed | Outcome::CouldNotMeasure => "error",
            };
            lines.push(annotation(
                level,
                "serbench",
                &cells::headline(summary, run).text,
            ));
        }
    }
    lines.concat()
}

/// A workflow command, with what would end it escaped (GitHub Docs, "Workflow commands").
fn annotation(level: &str, title: &str, message: &str) -> String {
    let escape = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let title = escape(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={title}::{}\n", escape(message))
}

#[cfg(test)]
mod tests {
    use super::annotation;

    #[test]
    fn nothing_ends_an_annotation_early() {
        insta::assert_snapshot!(
            annotation("error", "json::a,b", "+5 %\nworse").trim_end(),
            @"::error title=json%3A%3Aa%2Cb::+5 %25%0Aworse"
        );
    }
}
