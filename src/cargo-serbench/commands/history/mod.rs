//! `cargo serbench history`: charts the recorded ratios of each benchmark over commits, with change points.

mod change_points;
mod confirm;
mod export;
mod page;
pub mod recent;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use self::change_points::Found;
use crate::{
    cli,
    commands::records::{self, Place},
    escape::{self, visible},
    exit::Exit,
    record::accepted,
    record::index::{Entry, Index},
    record::series::{self, Series},
    report::{
        cells,
        table::{self, Cell, Column, Table, left, right},
    },
    select::{BenchId, Filters},
    shell,
};

/// Width of a chart in columns.
const WIDTH: usize = 40;

#[derive(Clone, Debug, Args)]
pub struct History {
    /// Show only benchmarks whose id matches one of these regular expressions
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// Show at most this many commits, recorded or not
    #[arg(long, value_name = "COMMITS")]
    pub last: Option<usize>,

    /// Show the first-parent history of this commit
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub from: String,

    /// Output format
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: Format,

    /// Re-measure the two commits of a change point: the one at COMMIT, or the newest
    #[arg(long, value_name = "COMMIT", num_args = 0..=1, default_missing_value = "")]
    pub confirm: Option<String>,

    #[command(flatten)]
    pub changes: change_points::Sensitivity,

    #[command(flatten)]
    pub records: cli::Records,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line per benchmark
    Terminal,
    /// The same as a GitHub-flavored table
    Markdown,
    /// Every value of every benchmark
    Json,
    /// One line per value
    Csv,
    /// One page with a chart of each benchmark
    Html,
}

pub fn history(args: &History) -> Result<Exit> {
    let Place { store, repo, root } = records::open(&args.records.place)?;
    let repo = records::in_git(repo.as_ref())?;
    let filters = Filters::new(&args.filters)?;
    let index = records::index(&store)?;
    let keys = records::keys(&index, args.records.machine.as_deref())?;
    let from = repo.resolve(&args.from)?;
    let mut order: Vec<String> = repo
        .first_parents(&from)?
        .take(args.last.unwrap_or(usize::MAX))
        .collect();
    order.reverse();
    warn_elsewhere(&index, &order, &keys, repo.is_shallow(), args);
    let mut all = series::series(&index, &order, |id| filters.is_match(id));
    all.retain(|series| keys.contains(series.key));
    if all.is_empty() {
        bail!(nothing(&index, args));
    }
    let all: Vec<(Series<'_>, Vec<Found<'_>>)> = all
        .into_iter()
        .map(|series| {
            let found = change_points::of(&series, &args.changes);
            (series, found)
        })
        .collect();
    if let Some(asked) = &args.confirm {
        let found: Vec<Found<'_>> = all.into_iter().flat_map(|(_, found)| found).collect();
        let chosen = confirm::choose(&found, &order, asked)?;
        // Measuring writes records, which locks the index.
        drop(index);
        return confirm::confirm(args, &chosen);
    }
    let drawn = |render| charts(&index, &order, &all, (&args.changes, render));
    shell::print(&match args.format {
        Format::Terminal => drawn(records::terminal),
        Format::Markdown => drawn(table::for_markdown),
        Format::Json => escape::json(&export::json(&all)?),
        Format::Csv => export::csv(&all)?,
        Format::Html => page::page(args, &index, &order, &all, &accepted::all(&root)?),
    })?;
    Ok(Exit::Passed)
}

/// Warns about records that are not shown.
fn warn_elsewhere(
    index: &Index,
    order: &[String],
    keys: &BTreeSet<String>,
    shallow: bool,
    args: &History,
) {
    let here: BTreeSet<&str> = order.iter().map(String::as_str).collect();
    let elsewhere = index
        .entries()
        .filter(|entry| keys.contains(&entry.key) && !here.contains(entry.commit.as_str()))
        .count();
    if elsewhere > 0 && args.last.is_none() {
        let way_out = if shallow {
            "this clone is shallow: fetch the other commits with `git fetch --unshallow`"
        } else {
            "list them with `cargo serbench show`"
        };
        shell::hint(format_args!(
            "{} of commits outside the first-parent history of {}; {way_out}",
            match elsewhere {
                1 => "1 record is".to_owned(),
                _ => format!("{elsewhere} records are"),
            },
            args.from
        ));
    }
}

fn nothing(index: &Index, args: &History) -> String {
    let ids = records::ids(index);
    let asked = if args.filters.is_empty() {
        format!("no commit of {}'s history has a record", args.from)
    } else {
        format!(
            "no benchmark recorded here matches {}",
            args.filters.join(", ")
        )
    };
    let example = ids
        .first()
        .map_or_else(String::new, |id| format!(", `{id}` is one"));
    format!(
        "{asked}; choose from {} benchmarks{example}, or list records with `cargo serbench show`",
        ids.len()
    )
}

/// A series as a table row.
struct Line<'a> {
    series: &'a Series<'a>,
    values: Vec<f64>,
}

fn charts(
    index: &Index,
    order: &[String],
    all: &[(Series<'_>, Vec<Found<'_>>)],
    (sensitivity, render): (&change_points::Sensitivity, fn(&Table) -> String),
) -> String {
    let machines: BTreeMap<&str, &Entry> = index
        .entries()
        .map(|entry| (entry.key.as_str(), entry))
        .collect();
    let mut text = String::new();
    for group in all.chunk_by(|(a, _), (b, _)| a.key == b.key) {
        let key = group[0].0.key;
        if let Some(entry) = machines.get(key) {
            let Entry {
                machine, toolchain, ..
            } = entry;
            writeln!(
                text,
                "{} ({key})\n{}\n",
                visible(machine),
                visible(toolchain)
            )
            .expect("writing to a string");
        }
        let lines: Vec<Line<'_>> = group
            .iter()
            .map(|(series, _)| Line {
                series,
                values: series.points.iter().map(|point| point.value).collect(),
            })
            .collect();
        text += &render(&table::table(&columns(), &lines));
        text += "\n";
        let found = group.iter().flat_map(|(_, found)| found).cloned();
        let mut found: Vec<Found<'_>> = found.collect();
        let section = change_points::section(&mut found, index, order, (sensitivity, render));
        if !section.is_empty() {
            text += &section;
            text += "\n";
        }
    }
    text
}

fn columns<'a>() -> Vec<Column<Line<'a>>> {
    vec![
        left("Benchmark", |line| Cell::plain(line.series.id)),
        left("vs.", |line| {
            line.series
                .reference
                .map_or_else(Cell::absent, |id| Cell::plain(BenchId::from(id).encoder()))
        }),
        left("Oldest to newest", |line| {
            Cell::plain(series::sparkline(&line.values, WIDTH))
        }),
        right("Min", |line| {
            value(
                line,
                line.values.iter().copied().fold(f64::INFINITY, f64::min),
            )
        }),
        right("Max", |line| {
            value(line, line.values.iter().copied().fold(0.0, f64::max))
        }),
        right("Last", |line| {
            line.values
                .last()
                .map_or_else(Cell::absent, |last| value(line, *last))
        }),
        right("n", |line| Cell::plain(line.values.len().to_string())),
    ]
}

/// A ratio, or a time if there is no reference.
fn value(line: &Line<'_>, value: f64) -> Cell {
    Cell::plain(match line.series.reference {
        Some(_) => cells::figures(value),
        None => cells::time(value),
    })
}
