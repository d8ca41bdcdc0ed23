//! `cargo serbench show`: prints the record of a commit as tables, or lists all records.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    cli,
    commands::records::{self, Place},
    compare,
    discover::git::{self, Commit, Repo},
    escape::{self, visible},
    exit::Exit,
    record::index::{Entry, Index},
    record::store::{self, Store},
    record::{Record, text},
    report::{
        columns,
        table::{self, Cell, Column, Table, left, right},
    },
    run::State,
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Show {
    /// Any git revision [default: list all records, newest commit first]
    #[arg(value_name = "REV")]
    pub revision: Option<String>,

    /// Output format
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: Format,

    #[command(flatten)]
    pub records: cli::Records,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned, colored on a terminal
    Terminal,
    /// GitHub-flavored tables
    Markdown,
    /// The stored record, with the values of all blocks
    Json,
}

pub fn show(args: &Show) -> Result<Exit> {
    let Place { store, repo, .. } = records::open(&args.records.place)?;
    let repo = records::in_git(repo.as_ref())?;
    let text = match &args.revision {
        Some(revision) => commit(args, &store, &repo.resolve(revision)?)?,
        None => list(args, &store, repo)?,
    };
    shell::print(&text)?;
    Ok(Exit::Passed)
}

fn commit(args: &Show, store: &Store, commit: &Commit) -> Result<String> {
    let all = store.list_commit(&commit.sha)?;
    let name = format!("{} ({})", commit.short(), commit.subject);
    if all.is_empty() {
        bail!("{name} has no record; `cargo serbench show` lists all records");
    }
    let wanted = args.records.machine.as_deref().filter(|it| *it != "all");
    let mut out = String::new();
    let mut shown = false;
    let mut broken = Vec::new();
    for stored in &all {
        if wanted.is_some_and(|wanted| !stored.key.starts_with(wanted)) {
            continue;
        }
        let record = match store::load(stored) {
            Ok(record) => record,
            Err(error) => {
                broken.push(error);
                continue;
            }
        };
        shown = true;
        match args.format {
            Format::Json => out += &escape::json(&text::write(&record)),
            Format::Terminal => out += &tables(&record, records::terminal),
            Format::Markdown => out += &tables(&record, table::for_markdown),
        }
    }
    if !shown && broken.len() == 1 {
        return Err(broken.remove(0));
    }
    for error in &broken {
        shell::warning(format_args!("{error:#}"));
    }
    if !shown && !broken.is_empty() {
        bail!("no record of {name} can be read");
    }
    if !shown {
        let keys: Vec<&str> = all.iter().map(|stored| stored.key.as_str()).collect();
        bail!(
            "{name} has no record for that machine key; available: {}",
            keys.join(", ")
        );
    }
    Ok(out)
}

fn tables(record: &Record, render: fn(&Table) -> String) -> String {
    let mut text = String::new();
    let failed = "writing to a string";
    writeln!(
        text,
        "{} {}",
        git::short(&record.commit),
        visible(&record.subject)
    )
    .expect(failed);
    let machine = records::machine_words(&record.machine);
    writeln!(text, "{} ({})", visible(&machine), record.key()).expect(failed);
    let toolchain = records::toolchain_words(&record.toolchain);
    writeln!(text, "{}", visible(&toolchain)).expect(failed);
    for run in &record.runs {
        let by = visible(&format!("measured {} by {}", run.started_at, run.tool));
        writeln!(text, "{by}").expect(failed);
    }
    let rows = record.benchmarks.iter().map(|(id, measured)| {
        let ratio = records::ratio(record, id);
        let row = compare::row(id, measured.subject(), measured.latency_ns, ratio);
        (row, measured.reference.as_ref())
    });
    for case in compare::group(rows) {
        let table = table::table(&columns::case(&case), &case.rows);
        writeln!(
            text,
            "\n{}\n\n{}",
            heading(&case),
            render(&table).trim_end()
        )
        .expect(failed);
    }
    for (id, measured) in &record.benchmarks {
        if let State::Failed(reason) = &measured.state {
            writeln!(text, "\n{id} failed: {}", visible(reason)).expect(failed);
        }
    }
    text + "\n"
}

fn heading(case: &compare::CaseTable) -> String {
    match case.case.as_str() {
        "" => visible(&case.suite),
        name => visible(&format!("{} {name}", case.suite)),
    }
}

/// An entry and how many commits back it is; `None` outside the history.
struct Row<'a> {
    entry: &'a Entry,
    back: Option<usize>,
}

fn list(args: &Show, store: &Store, repo: &Repo) -> Result<String> {
    let index = records::index(store)?;
    let keys = records::keys(&index, args.records.machine.as_deref())?;
    let history: Vec<String> = match repo.head()? {
        Some(head) => repo.first_parents(&head)?.collect(),
        None => Vec::new(),
    };
    let listed = listed(&index, &history, |entry| keys.contains(&entry.key));
    let elsewhere = listed.iter().filter(|it| it.back.is_none()).count();
    if elsewhere > 0 {
        shell::hint(format_args!(
            "{elsewhere} of {} records belong to commits outside the first-parent history of HEAD (`-` below)",
            listed.len()
        ));
    }
    let table = table::table(&list_columns(), &listed);
    Ok(match args.format {
        Format::Terminal => records::terminal(&table),
        Format::Markdown => table::for_markdown(&table),
        Format::Json => escape::json(&list_json(&listed)),
    })
}

/// Newest commit first, commits of other branches last.
fn listed<'a>(
    index: &'a Index,
    history: &[String],
    wanted: impl Fn(&Entry) -> bool,
) -> Vec<Row<'a>> {
    let back: BTreeMap<&str, usize> = history
        .iter()
        .enumerate()
        .map(|(back, commit)| (commit.as_str(), back))
        .collect();
    let mut listed: Vec<Row<'a>> = index
        .entries()
        .filter(|entry| wanted(entry))
        .map(|entry| Row {
            entry,
            back: back.get(entry.commit.as_str()).copied(),
        })
        .collect();
    listed.sort_by(|a, b| {
        let place = |listed: &Row<'_>| listed.back.unwrap_or(usize::MAX);
        place(a)
            .cmp(&place(b))
            .then_with(|| b.entry.started_at.cmp(&a.entry.started_at))
            .then_with(|| a.entry.key.cmp(&b.entry.key))
    });
    listed
}

fn list_columns<'a>() -> Vec<Column<Row<'a>>> {
    vec![
        left("Commit", |it| Cell::plain(git::short(&it.entry.commit))),
        right("Back", |it| {
            it.back
                .map_or_else(Cell::absent, |back| Cell::plain(back.to_string()))
        }),
        right("Benchmarks", |it| {
            Cell::plain(it.entry.points.len().to_string())
        }),
        left("Measured", |it| Cell::plain(&it.entry.started_at)),
        left("Machine", |it| Cell::plain(&it.entry.key)),
        left("Subject", |it| Cell::plain(&it.entry.subject)),
    ]
}

fn list_json(listed: &[Row<'_>]) -> String {
    let rows = listed.iter().map(|Row { entry, back }| {
        serde_json::json!({
            "commit": entry.commit,
            "commits_back": back,
            "machine_key": entry.key,
            "machine": entry.machine,
            "toolchain": entry.toolchain,
            "subject": entry.subject,
            "started_at": entry.started_at,
            "benchmarks": entry.points.len(),
        })
    });
    format!("{}\n", rows.collect::<serde_json::Value>())
}
