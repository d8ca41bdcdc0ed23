//! Figures in, text out, in every form. Nothing is computed here.

pub mod cells;
pub mod columns;
mod document;
mod github;
mod html;
mod json;
mod junit;
pub mod markdown;
pub mod terminal;

use anyhow::Result;

use crate::{
    compare::CaseTable,
    decide::{Decision, Summary},
    run::Run,
};

/// What there is to report.
#[derive(Clone, Copy, Debug)]
pub enum Results<'a> {
    /// One commit by itself.
    Tables {
        run: &'a Run,
        cases: &'a [CaseTable],
    },
    /// Two commits, decided.
    Gate {
        run: &'a Run,
        decisions: &'a [Decision],
        summary: &'a Summary,
    },
}

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned, coloured on a terminal
    Terminal,
    /// GitHub-flavoured tables
    Markdown,
    /// The whole run with block-level values
    Json,
    /// One test case a benchmark
    Junit,
    /// One self-contained page
    Html,
    /// Workflow annotations and a job summary
    Github,
}

/// The answer alone, without tables.
pub fn answer(results: Results<'_>) -> String {
    terminal::render(&document::Document {
        sections: Vec::new(),
        ..document::document(results)
    })
}

/// `results` in one form.
pub fn render(results: Results<'_>, format: Format) -> Result<String> {
    Ok(match format {
        Format::Terminal => terminal::render(&document::document(results)),
        Format::Markdown => markdown::render(&document::document(results)),
        Format::Html => html::render(&document::document(results)),
        Format::Json => json::render(results)?,
        Format::Junit => junit::render(results),
        Format::Github => github::render(results),
    })
}

/// The name of a report's file.
pub fn file_name(format: Format) -> &'static str {
    match format {
        Format::Terminal => "serbench.txt",
        Format::Markdown => "serbench.md",
        Format::Json => "serbench.json",
        Format::Junit => "serbench.xml",
        Format::Html => "serbench.html",
        Format::Github => "serbench-github.txt",
    }
}

/// A rectangular table of finished texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub header: Vec<Header>,
    pub rows: Vec<Vec<Cell>>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub title: String,
    pub align: Align,
}

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// A finished text and what it means, for colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

/// What a cell means. The text says it too: colour is never the only sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Unsure,
    Dim,
}

impl Cell {
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Plain,
        }
    }

    /// What stands where there is no figure.
    pub fn absent() -> Self {
        Self {
            text: "-".to_owned(),
            tone: Tone::Dim,
        }
    }
}

/// A column of rows `R`: header, place and value in one spot.
pub struct Column<R> {
    pub title: String,
    pub align: Align,
    pub cell: fn(&R) -> Cell,
}

/// Fills a table column by column.
pub fn table<R>(columns: &[Column<R>], rows: &[R]) -> Table {
    let header = |column: &Column<R>| Header {
        title: column.title.clone(),
        align: column.align,
    };
    let cells = |row| columns.iter().map(|column| (column.cell)(row)).collect();
    Table {
        header: columns.iter().map(header).collect(),
        rows: rows.iter().map(cells).collect(),
    }
}
