//! Formats results: one report, many formats. Earlier stages computed everything that is shown.

mod bencher;
mod benchmark_action;
pub mod cells;
pub mod columns;
pub mod comment;
mod csv;
mod document;
pub mod explained;
mod facts;
mod github;
mod headline;
pub mod html;
mod json;
mod json_history;
mod junit;
pub mod markdown;
mod next;
mod openmetrics;
pub mod table;
mod terminal;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::{
    compare::{
        CaseTable,
        means::Means,
        sides::{Both, Measured},
    },
    decide::{Decision, Summary, evidence::Evidence},
    explain::Explanation,
    run::Run,
    select::BenchId,
};

/// The JSON Schema of the JSON format.
pub const SCHEMA: &str = include_str!("schema.json");

/// The results of one invocation.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// One run, or the runs of all shards.
    pub runs: &'a [Run],
    /// The tables of one commit; empty when two commits were compared.
    pub tables: &'a [CaseTable],
    /// The verdicts, if two commits were compared.
    pub verdicts: Option<Verdicts<'a>>,
    /// Latencies and ratios by id.
    pub measured: &'a BTreeMap<BenchId, Both<Measured>>,
    pub means: &'a Means,
    /// Where bench functions are defined, by id, if known.
    pub places: &'a BTreeMap<String, Place>,
    /// The functions that the candidate changes, with their first changed line; empty if unknown.
    pub touched: &'a [(String, Place)],
    /// The records of these benchmarks, if they were read.
    pub history: Option<&'a html::History<'a>>,
    pub exit_code: u8,
    /// Why benchmarks are slower, for those that were explained.
    pub explanations: &'a [Explanation<'a>],
    /// Whether this is all that the user sees.
    pub only_explanations: bool,
}

/// The decisions on two commits.
#[derive(Clone, Copy, Debug)]
pub struct Verdicts<'a> {
    pub evidence: &'a [Evidence],
    pub decisions: &'a [Decision],
    pub summary: &'a Summary,
}

/// A source location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the repository's root.
    pub file: String,
    pub line: usize,
}

/// A report format.
#[derive(Debug)]
pub struct Format {
    /// The value of `--format`.
    pub name: &'static str,
    /// Its description in `--help`.
    pub about: &'static str,
    /// The name of its file in the folder of `--output`.
    pub file: &'static str,
    render: fn(&Report<'_>, Width) -> Result<String>,
}

/// The width that lines should keep to, in columns, if limited.
pub type Width = Option<usize>;

/// All formats.
pub static FORMATS: [Format; 11] = [
    Format {
        name: "terminal",
        about: "Aligned, colored on a terminal",
        file: "serbench.txt",
        render: |report, width| Ok(terminal::render(&document::document(report), width)),
    },
    Format {
        name: "markdown",
        about: "GitHub-flavored tables, details folded",
        file: "serbench.md",
        render: |report, _| Ok(markdown::render(&document::document(report))),
    },
    Format {
        name: "html",
        about: "One self-contained page with charts",
        file: "serbench.html",
        render: |report, _| Ok(html::render(report)),
    },
    Format {
        name: "json",
        about: "Everything, see `cargo serbench schema`",
        file: "serbench.json",
        render: |report, _| json::render(report),
    },
    Format {
        name: "junit",
        about: "JUnit XML, one test case per benchmark",
        file: "serbench.xml",
        render: |report, _| Ok(junit::render(report)),
    },
    Format {
        name: "csv",
        about: "One line per benchmark",
        file: "serbench.csv",
        render: |report, _| csv::render(report),
    },
    Format {
        name: "github",
        about: "Workflow annotations; also writes the job summary and the output `verdict`",
        file: "serbench-github.txt",
        render: |report, _| Ok(github::render(report)),
    },
    Format {
        name: "comment",
        about: "Markdown for a pull request's comment, at most 60,000 bytes",
        file: "serbench-comment.md",
        render: |report, _| Ok(comment::render(&document::document(report))),
    },
    Format {
        name: "bencher",
        about: "Bencher Metric Format",
        file: "serbench-bencher.json",
        render: |report, _| bencher::render(report),
    },
    Format {
        name: "benchmark-action",
        about: "customSmallerIsBetter of github-action-benchmark",
        file: "serbench-benchmark-action.json",
        render: |report, _| benchmark_action::render(report),
    },
    Format {
        name: "openmetrics",
        about: "OpenMetrics text, as Prometheus and GitLab read it",
        file: "serbench-openmetrics.txt",
        render: |report, _| Ok(openmetrics::render(report)),
    },
];

impl Format {
    /// The format with that name.
    pub fn of(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Whether GitHub Actions reads it; GitHub also has a job summary.
    pub fn is_for_github(&self) -> bool {
        self.name == "github"
    }

    /// Whether it shows the records of the benchmarks.
    pub fn has_history(&self) -> bool {
        matches!(self.name, "html" | "json")
    }

    /// Renders the report, with styles for terminals.
    pub fn render(&self, report: &Report<'_>, width: Width) -> Result<String> {
        (self.render)(report, width)
    }
}

/// The answer in one line; empty without a verdict.
pub fn title(report: &Report<'_>) -> String {
    let headline = headline::headline(report);
    headline.map_or_else(String::new, |it| format!("{}: {}", it.word, it.sentence))
}

/// The report as a job summary, which GitHub limits to 1 MiB.
pub fn job_summary(report: &Report<'_>) -> String {
    const MOST: usize = 1000 << 10;
    let document = document::document(report);
    comment::within(&document, MOST)
}

/// The outputs of a GitHub workflow step: the outcome, as in the JSON format.
pub fn step_outputs(report: &Report<'_>) -> String {
    let outcome = report.verdicts.as_ref().map(|it| it.summary.outcome);
    outcome.map_or_else(String::new, |outcome| {
        format!("verdict={}\n", json::outcome(outcome))
    })
}

/// A single table, for a terminal.
pub fn case(case: &CaseTable, width: Width) -> String {
    terminal::render_section(&document::case_section(case), width)
}

/// The answer only, for a terminal.
pub fn answer(report: &Report<'_>, width: Width) -> String {
    terminal::answer(&document::document(report), width)
}

/// Lines of text for a terminal: sentences wrap, commands stay whole.
pub fn lines(text: &str, width: Width) -> String {
    text.lines()
        .map(|line| terminal::line(line, width))
        .collect()
}
