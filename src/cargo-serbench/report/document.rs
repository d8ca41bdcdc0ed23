//! Results in, headings, tables and notes in their order out: what terminal, Markdown and HTML
//! reports have in common.

use super::{Align, Cell, Column, Header, Results, Table, Tone, cells, columns, table};
use crate::{
    compare::{CaseTable, Row},
    decide::evidence::Role,
    decide::{Decision, Summary, Verdict},
    run::Run,
};

/// A report before it has a form.
#[derive(Clone, Debug)]
pub struct Document {
    /// The answer in one line; colour by tone.
    pub headline: Option<Cell>,
    pub sections: Vec<Section>,
}

/// A heading, a table and remarks on it.
#[derive(Clone, Debug)]
pub struct Section {
    pub title: String,
    pub table: Table,
    pub notes: Vec<String>,
    /// Whether a reader in a hurry can leave it folded.
    pub detail: bool,
}

pub fn document(results: Results<'_>) -> Document {
    match results {
        Results::Tables { run, cases } => tables(run, cases),
        Results::Gate {
            run,
            decisions,
            summary,
        } => verdicts(run, decisions, summary),
    }
}

fn tables(run: &Run, cases: &[CaseTable]) -> Document {
    let mut sections = Vec::new();
    for suite in suites(cases) {
        let of_suite = cases.iter().filter(|case| case.suite == suite);
        let (alone, compared): (Vec<&CaseTable>, Vec<&CaseTable>) =
            of_suite.partition(|case| case.reference.is_none() && case.rows.len() == 1);
        sections.extend(compared.iter().copied().map(case_section));
        sections.extend(alone_section(&suite, &alone));
        if compared.len() > 1 && compared[0].reference.is_some() {
            sections.push(overview(&suite, &compared));
        }
    }
    let failed = cases
        .iter()
        .flat_map(|case| &case.rows)
        .filter(|row| row.verification.failure().is_some());
    let headline = match failed.count() {
        0 => None,
        failed => Some(Cell {
            text: format!(
                "serbench: could not measure ({failed} of {} benchmarks failed)",
                run.benchmarks.len()
            ),
            tone: Tone::Bad,
        }),
    };
    Document { headline, sections }
}

fn suites(cases: &[CaseTable]) -> Vec<String> {
    let mut suites: Vec<String> = cases.iter().map(|case| case.suite.clone()).collect();
    suites.dedup();
    suites
}

fn case_section(case: &CaseTable) -> Section {
    Section {
        title: columns::case_title(case),
        table: table(&columns::case(case), &case.rows),
        notes: troubles(&case.rows),
        detail: false,
    }
}

/// One table of all that has neither a reference nor another encoder on the same array.
fn alone_section(suite: &str, cases: &[&CaseTable]) -> Option<Section> {
    let rows: Vec<Row> = cases.iter().flat_map(|case| case.rows.clone()).collect();
    (!rows.is_empty()).then(|| Section {
        title: suite.to_owned(),
        table: table(&columns::alone(), &rows),
        notes: troubles(&rows),
        detail: false,
    })
}

fn troubles(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| {
            let prints = row
                .verification
                .prints
                .then(|| "prints to stdout, which costs it time".to_owned());
            let trouble = row.verification.failure().map(str::to_owned).or(prints)?;
            Some(format!("{}: {trouble}", row.id))
        })
        .collect()
}

/// Ratio to the reference of every encoder on every array, encoders across.
fn overview(suite: &str, cases: &[&CaseTable]) -> Section {
    let reference = cases[0].reference.clone().unwrap_or_default();
    let mut encoders: Vec<&str> = Vec::new();
    for row in cases.iter().flat_map(|case| &case.rows) {
        if !encoders.contains(&row.encoder.as_str()) && row.encoder != reference {
            encoders.push(&row.encoder);
        }
    }
    encoders.sort_unstable();
    let mut header = vec![Header {
        title: format!("vs. {reference}"),
        align: Align::Left,
    }];
    header.extend(encoders.iter().map(|name| Header {
        title: (*name).to_owned(),
        align: Align::Right,
    }));
    let rows = cases
        .iter()
        .map(|case| {
            let cell = |encoder: &&str| {
                let row = case.rows.iter().find(|row| row.encoder == **encoder);
                row.map_or_else(Cell::absent, columns::brief_ratio)
            };
            let mut cells = vec![Cell::plain(&case.case)];
            cells.extend(encoders.iter().map(cell));
            cells
        })
        .collect();
    Section {
        title: format!("{suite}: latency as a multiple of {reference}"),
        table: Table { header, rows },
        notes: Vec::new(),
        detail: false,
    }
}

fn verdicts(run: &Run, decisions: &[Decision], summary: &Summary) -> Document {
    // The headline counts the identical ones, of which there is nothing else to say.
    let benchmarks = decisions.iter().filter(|decision| {
        decision.role == Role::Benchmark && decision.verdict != Verdict::Identical
    });
    let (mut worth, mut rest): (Vec<Decision>, Vec<Decision>) =
        benchmarks.cloned().partition(is_worth_a_look);
    worth.sort_by_key(|decision| decision.verdict);
    rest.sort_by_key(|decision| decision.verdict);
    let canaries = decisions
        .iter()
        .filter(|decision| decision.role != Role::Benchmark)
        .cloned()
        .collect();
    let columns = columns::decisions();
    let section =
        |title: &str, rows: Vec<Decision>, detail| section(title, &columns, &rows, detail);
    let sections = [
        section("Worth a look", worth, false),
        section("The rest", rest, true),
        section("Canaries", canaries, true),
    ];
    Document {
        headline: Some(cells::headline(summary, run)),
        sections: sections.into_iter().flatten().collect(),
    }
}

fn is_worth_a_look(decision: &Decision) -> bool {
    let over = decision
        .limits
        .iter()
        .any(|check| check.standing != crate::decide::Standing::Within);
    over || match decision.verdict {
        Verdict::Regressed | Verdict::Improved | Verdict::Inconclusive | Verdict::Failed => true,
        Verdict::Unchanged | Verdict::Identical | Verdict::Added | Verdict::Removed => false,
    }
}

fn section(
    title: &str,
    columns: &[Column<Decision>],
    rows: &[Decision],
    detail: bool,
) -> Option<Section> {
    let notes = rows
        .iter()
        .filter(|decision| !detail || decision.role != Role::Benchmark)
        .map(|decision| match &decision.waived {
            None => format!("{}: {}", decision.id, decision.reason),
            Some(excuse) => format!("{}: {} ({excuse})", decision.id, decision.reason),
        })
        .collect();
    (!rows.is_empty()).then(|| Section {
        title: title.to_owned(),
        table: table(columns, rows),
        notes,
        detail,
    })
}
