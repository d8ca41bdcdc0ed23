//! A report for GitHub Actions: annotations, at the bench function if its place is known.

use super::{Place, Report, document, explained, table::Tone, text};
use crate::decide::{Decision, Standing, Verdict, evidence::Role};

/// GitHub shows ten annotations of each level per step.
const MOST: usize = 10;

pub fn render(report: &Report<'_>) -> String {
    let mut lines = Vec::new();
    for row in report.tables.iter().flat_map(|table| &table.rows) {
        if let Some(reason) = row.verification.failure() {
            lines.push((
                "error",
                annotation("error", report.places.get(row.id.as_str()), &row.id, reason),
            ));
        }
    }
    let decisions = report.verdicts.into_iter().flat_map(|it| it.decisions);
    let mut benchmarks: Vec<&Decision> = decisions
        .filter(|decision| decision.role == Role::Benchmark)
        .collect();
    benchmarks.sort_by(|one, other| document::by_severity(one, other));
    for decision in benchmarks {
        if let Some(level) = level(decision) {
            let title = format!("{} {}", decision.id, decision.verdict.word());
            let place = report.places.get(decision.id.as_str());
            let reason = because(report, decision);
            lines.push((level, annotation(level, place, &title, &reason)));
        }
    }
    let mut text = headline(report);
    for level in ["error", "warning", "notice"] {
        let of_level = lines.iter().filter(|line| line.0 == level);
        // The annotation for the answer is one of them.
        text.extend(of_level.take(MOST - 1).map(|(_, line)| line.as_str()));
    }
    text
}

fn headline(report: &Report<'_>) -> String {
    let Some(headline) = document::document(report).headline else {
        return String::new();
    };
    let level = match headline.tone {
        Tone::Good | Tone::Plain | Tone::Dim => "notice",
        Tone::Unsure => "warning",
        Tone::Bad => "error",
    };
    let message = format!("{}: {}", headline.word, headline.sentence);
    annotation(level, None, "serbench", &message)
}

/// The reason for a verdict, and the cause if known.
fn because(report: &Report<'_>, decision: &Decision) -> String {
    let mut reason = decision.reason.clone();
    if let Some(signature) = explained::signature(report.explanations, decision.id.as_str()) {
        reason += &format!("; {signature}");
    }
    if let Some(waiver) = &decision.waived {
        reason += &format!(" ({waiver})");
    }
    reason
}

fn level(decision: &Decision) -> Option<&'static str> {
    let over = decision.has_limit(Standing::Over);
    match decision.verdict {
        Verdict::Regressed | Verdict::Failed | Verdict::Removed if decision.waived.is_some() => {
            Some("notice")
        }
        Verdict::Regressed | Verdict::Failed | Verdict::Removed => Some("error"),
        Verdict::Inconclusive | Verdict::Skipped => Some("warning"),
        Verdict::Improved | Verdict::Unchanged | Verdict::Identical | Verdict::Added => {
            over.then_some("error")
        }
    }
}

/// A workflow command, with everything that could end it escaped (GitHub Docs, "Workflow commands").
fn annotation(level: &str, place: Option<&Place>, title: &str, message: &str) -> String {
    let data = |text: &str| text::visible(text).replace('%', "%25");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let place = place.map_or_else(String::new, |Place { file, line }| {
        format!("file={},line={line},", property(file))
    });
    let (title, message) = (property(title), data(&text::brief(message)));
    format!("::{level} {place}title={title}::{message}\n")
}

#[cfg(test)]
mod tests {
    use super::{Place, annotation};

    #[test]
    fn nothing_ends_an_annotation_early() {
        insta::assert_snapshot!(
            annotation("error", None, "json::a,b\r\n::error::", "+5 %\nworse").trim_end(),
            @r"::error title=json%3A%3Aa%2Cb\r\n%3A%3Aerror%3A%3A::+5 %25 / worse"
        );
        let place = Place {
            file: "benches/a,b.rs".to_owned(),
            line: 7,
        };
        insta::assert_snapshot!(
            annotation("warning", Some(&place), "a", "b").trim_end(),
            @"::warning file=benches/a%2Cb.rs,line=7,title=a::b"
        );
    }
}
