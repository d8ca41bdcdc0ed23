//! Orders the content of a report: the answer, what to do next, tables by importance, how it was measured.
//! Terminal, Markdown and HTML render the same document.

use std::collections::BTreeMap;

use super::{
    Report, Verdicts, cells, columns, explained, facts, headline, next,
    table::{Align, Cell, Column, Header, Table, Tone, left, right, table},
    text,
};
use crate::{
    compare::{
        CaseTable, Row,
        means::Mean,
        scaling::{self, Ladder},
    },
    decide::{Decision, Standing, Verdict, evidence::Role},
};

/// A report, independent of its format.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub headline: Option<Headline>,
    pub next: Vec<Step>,
    pub sections: Vec<Section>,
    pub facts: Vec<Fact>,
}

/// The answer, in one sentence.
#[derive(Clone, Debug)]
pub struct Headline {
    /// The outcome, capitalised.
    pub word: String,
    pub sentence: String,
    /// Number of benchmarks by verdict, and the time it took.
    pub counts: String,
    /// Reasons why the outcome does not follow from the verdicts alone.
    pub problems: Vec<String>,
    pub tone: Tone,
}

/// A suggested next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub text: String,
    /// A command, or lines to add to a file.
    pub command: Option<String>,
}

/// A heading, a table, notes and code.
#[derive(Clone, Debug, Default)]
pub struct Section {
    pub title: String,
    /// Has no columns if there is nothing to tabulate.
    pub table: Table,
    pub notes: Vec<Note>,
    /// Lines of a diff; they start with `-`, `+` or a space.
    pub code: Vec<String>,
    /// Whether to fold it by default.
    pub detail: bool,
}

/// A note on a benchmark.
#[derive(Clone, Debug)]
pub struct Note {
    pub id: String,
    pub text: String,
}

/// How something was measured.
#[derive(Clone, Debug)]
pub struct Fact {
    pub name: &'static str,
    pub text: String,
    /// Whether it is a command to copy.
    pub code: bool,
}

/// Arranges `report` for reading.
pub fn document(report: &Report<'_>) -> Document {
    let mut sections = Vec::new();
    if report.only_explanations {
        return Document {
            sections: explained::sections(report.explanations),
            ..Document::default()
        };
    }
    if let Some(verdicts) = &report.verdicts {
        sections.extend(verdict_sections(report, verdicts));
    }
    // Right after "Worth a look".
    let explained = explained::sections(report.explanations);
    let at = sections.len().min(1);
    sections.splice(at..at, explained);
    sections.extend(table_sections(report.tables));
    sections.extend(scaling_section(report.tables));
    sections.extend(means_sections(report));
    if let Some(verdicts) = &report.verdicts {
        sections.extend(controls(report, verdicts));
    }
    Document {
        headline: headline::headline(report),
        next: next::steps(report),
        sections,
        facts: facts::facts(report),
    }
}

/// A decision and its measurements: the row of a table.
#[derive(Clone, Copy)]
pub struct Judged<'a> {
    pub decision: &'a Decision,
    pub report: &'a Report<'a>,
}

fn verdict_sections(report: &Report<'_>, verdicts: &Verdicts<'_>) -> Vec<Section> {
    let benchmarks = verdicts
        .decisions
        .iter()
        .filter(|decision| decision.role == Role::Benchmark);
    let (mut matter, mut rest): (Vec<&Decision>, Vec<&Decision>) =
        benchmarks.partition(|it| matters(it));
    matter.sort_by(|one, other| by_severity(one, other));
    rest.sort_by(|one, other| by_severity(one, other));
    let counted = |what: &str, rows: &[&Decision]| format!("{what} ({})", rows.len());
    let others = match matter.is_empty() {
        true => "Benchmarks",
        false => "The rest",
    };
    [
        section(report, counted("Worth a look", &matter), &matter, false),
        section(report, counted(others, &rest), &rest, true),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The self-checks of the measurement.
fn controls(report: &Report<'_>, verdicts: &Verdicts<'_>) -> Option<Section> {
    let controls: Vec<&Decision> = verdicts
        .decisions
        .iter()
        .filter(|decision| decision.role != Role::Benchmark)
        .collect();
    section(report, "Self-checks".to_owned(), &controls, true)
}

/// Whether a decision needs attention.
pub fn matters(decision: &Decision) -> bool {
    let over = |check: &crate::decide::LimitCheck| check.standing != Standing::Within;
    decision.limits.iter().any(over)
        || match decision.verdict {
            Verdict::Regressed
            | Verdict::Improved
            | Verdict::Inconclusive
            | Verdict::Failed
            | Verdict::Removed
            | Verdict::Skipped => true,
            Verdict::Unchanged | Verdict::Identical | Verdict::Added => false,
        }
}

/// Orders failures first, then by size of the change.
pub fn by_severity(one: &Decision, other: &Decision) -> std::cmp::Ordering {
    let rank = |decision: &Decision| match decision.verdict {
        Verdict::Failed => 0,
        Verdict::Regressed => 1 + u8::from(decision.waived.is_some()),
        Verdict::Removed => 3,
        Verdict::Inconclusive => 4,
        Verdict::Improved => 5,
        Verdict::Skipped | Verdict::Added => 6,
        Verdict::Unchanged => 7,
        Verdict::Identical => 8,
    };
    let size = |decision: &Decision| decision.change.map_or(0.0, |change| change.point.abs());
    (rank(one).cmp(&rank(other)))
        .then(size(other).total_cmp(&size(one)))
        .then_with(|| one.id.cmp(&other.id))
}

fn section(
    report: &Report<'_>,
    title: String,
    rows: &[&Decision],
    detail: bool,
) -> Option<Section> {
    let judged: Vec<Judged<'_>> = rows
        .iter()
        .map(|decision| Judged { decision, report })
        .collect();
    let reason: fn(&Decision) -> Option<&str> = match detail {
        true => remark,
        false => |decision| Some(&decision.reason),
    };
    (!rows.is_empty()).then(|| Section {
        title,
        table: table(&columns::verdicts(report), &judged),
        notes: notes(rows.iter().filter_map(|it| Some((*it, reason(it)?)))),
        detail,
        ..Section::default()
    })
}

/// What the reason of a benchmark that needs no attention says beside the figures, which the table has.
fn remark(decision: &Decision) -> Option<&str> {
    match decision.role {
        Role::Benchmark => decision.reason.split_once("; ").map(|(_, remark)| remark),
        Role::NullControl | Role::PositiveControl => Some(&decision.reason),
    }
}

/// Reasons that differ only in figures, which the table has: more than these are counted.
const MOST_ALIKE: usize = 3;

fn notes<'a>(decisions: impl Iterator<Item = (&'a Decision, &'a str)>) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (decision, reason) in decisions {
        if let (Some(_), None) = (decision.metric, &decision.waived) {
            let words = reason.replace(|it: char| !it.is_alphabetic(), "");
            let count = counts.entry((decision.verdict.word(), words)).or_default();
            *count += 1;
            if *count > MOST_ALIKE {
                continue;
            }
        }
        notes.push(note(decision, reason));
    }
    let more = counts.into_iter().filter(|(_, count)| *count > MOST_ALIKE);
    notes.extend(more.map(|((verdict, _), count)| Note {
        id: String::new(),
        text: format!("{} more {verdict} for the same reason", count - MOST_ALIKE),
    }));
    notes
}

fn note(decision: &Decision, reason: &str) -> Note {
    let reason = text::brief(reason);
    Note {
        id: text::visible(&decision.id),
        text: text::visible(&match &decision.waived {
            None => reason,
            Some(waiver) => format!("{reason} ({waiver})"),
        }),
    }
}

fn table_sections(tables: &[CaseTable]) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut suites: Vec<&str> = tables.iter().map(|case| case.suite.as_str()).collect();
    suites.dedup();
    for suite in suites {
        let of_suite = tables.iter().filter(|case| case.suite == suite);
        let (compared, alone): (Vec<&CaseTable>, Vec<&CaseTable>) =
            of_suite.partition(|case| case.is_compared());
        let new = compared.iter().copied().filter(|case| !case.shown);
        sections.extend(new.map(case_section));
        sections.extend(alone_section(suite, &alone));
        if compared.len() > 1 && compared[0].reference.is_some() {
            sections.push(overview(suite, &compared));
        }
    }
    sections
}

/// The table of one array.
pub fn case_section(case: &CaseTable) -> Section {
    Section {
        title: text::visible(&columns::case_title(case)),
        table: table(&columns::case(case), &case.rows),
        notes: problems(&case.rows),
        ..Section::default()
    }
}

/// One table for all benchmarks that have neither a reference nor another encoder for the same array.
fn alone_section(suite: &str, cases: &[&CaseTable]) -> Option<Section> {
    let rows: Vec<Row> = cases.iter().flat_map(|case| case.rows.clone()).collect();
    (!rows.is_empty()).then(|| Section {
        title: text::visible(suite),
        table: table(&columns::alone(), &rows),
        notes: problems(&rows),
        ..Section::default()
    })
}

fn problems(rows: &[Row]) -> Vec<Note> {
    let problem = |row: &Row| {
        let prints = row
            .verification
            .prints
            .then_some("prints to stdout, which makes it slower");
        let problem = row.verification.failure().or(prints)?;
        Some(Note {
            id: text::visible(&row.id),
            text: text::visible(&text::brief(problem)),
        })
    };
    rows.iter().filter_map(problem).collect()
}

/// The ratio to the reference of every encoder on every array, one column per encoder.
fn overview(suite: &str, cases: &[&CaseTable]) -> Section {
    let reference = cases[0].reference.clone().unwrap_or_default();
    let mut encoders: Vec<&str> = Vec::new();
    for row in cases.iter().flat_map(|case| &case.rows) {
        if !encoders.contains(&row.encoder.as_str()) && row.encoder != reference {
            encoders.push(&row.encoder);
        }
    }
    encoders.sort_unstable();
    let header = |title: &str, align| Header {
        title: text::visible(title),
        align,
    };
    let mut headers = vec![header(&format!("vs. {reference}"), Align::Left)];
    headers.extend(encoders.iter().map(|name| header(name, Align::Right)));
    let row = |case: &&CaseTable| {
        let cell = |encoder: &&str| {
            let row = case.rows.iter().find(|row| row.encoder == **encoder);
            row.map_or_else(Cell::absent, columns::brief_ratio)
        };
        let name = std::iter::once(Cell::plain(&case.case));
        name.chain(encoders.iter().map(cell)).collect()
    };
    Section {
        title: text::visible(&format!("{suite}: latency as a multiple of {reference}")),
        table: Table {
            header: headers,
            rows: cases.iter().map(row).collect(),
        },
        ..Section::default()
    }
}

/// The fixed cost of an operation and the cost per element.
fn scaling_section(tables: &[CaseTable]) -> Option<Section> {
    let ladders = scaling::ladders(tables);
    let columns: Vec<Column<Ladder>> = vec![
        left("Encoder", |ladder| Cell::plain(&ladder.encoder)),
        left("Data type", |ladder| Cell::plain(&ladder.dtype)),
        right("Elements", |ladder| {
            let (least, most) = ladder.range;
            Cell::plain(format!("{least} to {most}"))
        }),
        right("Fixed cost", |ladder| {
            Cell::plain(cells::time(ladder.line.fixed_ns))
        }),
        right("Per element", |ladder| {
            Cell::plain(cells::time(ladder.line.element_ns))
        }),
        right("Furthest from the line", |ladder| {
            Cell::plain(format!("{:.0} %", 100.0 * ladder.line.largest_deviation))
        }),
    ];
    (!ladders.is_empty()).then(|| Section {
        title: "Latency by length".to_owned(),
        table: table(&columns, &ladders),
        ..Section::default()
    })
}

/// Geometric means of the benchmarks that have a reference, by encoder and by data type.
fn means_sections(report: &Report<'_>) -> Vec<Section> {
    let section = |title: &str, first: &str, means: &[Mean]| {
        let columns: Vec<Column<Mean>> = vec![
            left(first, |mean| Cell::plain(&mean.name)),
            right("Benchmarks", |mean| {
                Cell::plain(mean.benchmarks.to_string())
            }),
            right("Ratio before", |mean| optional(mean.baseline)),
            right("Ratio", |mean| optional(mean.candidate)),
            right("Change", |mean| {
                mean.change
                    .map_or_else(Cell::absent, |log| Cell::plain(cells::percent(log)))
            }),
        ];
        (means.len() > 1).then(|| Section {
            title: title.to_owned(),
            table: table(&columns, means),
            detail: true,
            ..Section::default()
        })
    };
    [
        section(
            "Geometric means by encoder",
            "Encoder",
            &report.means.by_encoder,
        ),
        section(
            "Geometric means by data type",
            "Data type",
            &report.means.by_dtype,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn optional(log_ratio: Option<f64>) -> Cell {
    log_ratio.map_or_else(Cell::absent, |log| Cell::plain(cells::ratio_of(log.exp())))
}
