//! `cargo serbench push`: commits new records on top of a remote branch and pushes them. Several jobs can do
//! so at the same time without losing records.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cli,
    commands::records::{self, Place},
    discover::{
        git::{self, Commit, Repo},
        tip::Branch,
    },
    exit::{Exit, Usage},
    record::{
        self, Record,
        store::{self, Store},
        text,
    },
    shell,
};

/// Maximum number of attempts. After each failed one, another job has succeeded.
const ATTEMPTS: u32 = 20;

#[derive(Clone, Debug, Args)]
pub struct Push {
    /// Push to this branch [default: the checked-out one]
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,

    /// Push to this remote
    #[arg(long, value_name = "NAME", default_value = "origin")]
    pub remote: String,

    #[command(flatten)]
    pub place: cli::Place,
}

pub fn push(args: &Push) -> Result<Exit> {
    let Place { store, repo, root } = records::open(&args.place)?;
    let repo = records::in_git(repo.as_ref())?;
    let Some(name) = args.branch.clone().or_else(|| repo.branch()) else {
        return Err(Usage::new("no branch is checked out; name one with `--branch`").into());
    };
    let branch = Branch {
        remote: &args.remote,
        name: &name,
    };
    let records = new_records(repo, &store, &root)?;
    if records.is_empty() {
        shell::status("Skipped", "no new records in baselines/");
        return Ok(Exit::Passed);
    }
    let message = message(&records);
    let mut tip = repo.tip(branch)?;
    for attempt in 0..ATTEMPTS {
        let files = files(repo, &tip, &records)?;
        let Some(commit) = repo.commit_on(&tip, &files, &message)? else {
            shell::status(
                "Skipped",
                format_args!("{branch} already has these records"),
            );
            return Ok(Exit::Passed);
        };
        let Err(why) = repo.push(&commit, branch)? else {
            let (records, commit) = (shell::count(records.len(), "record"), git::short(&commit));
            shell::status("Pushed", format_args!("{records} to {branch} ({commit})"));
            return Ok(Exit::Passed);
        };
        let before = std::mem::replace(&mut tip, repo.tip(branch)?);
        if tip == before {
            bail!("can't push to {branch}: {why}");
        }
        shell::status("Retrying", format_args!("{branch} has new commits"));
        thread::sleep(Duration::from_millis(100 * u64::from(attempt)));
    }
    bail!("{branch} had new commits {ATTEMPTS} times; run `cargo serbench push` again");
}

/// The records that HEAD lacks or has with other measurements: path relative to the workspace, record.
fn new_records(repo: &Repo, store: &Store, root: &Path) -> Result<Vec<(PathBuf, Record)>> {
    let changed = repo.changes(|path| !record::is_record(path))?;
    let changed: BTreeSet<PathBuf> = changed.into_iter().collect();
    let mut records = Vec::new();
    for stored in store.list()? {
        let path = stored.path.strip_prefix(root).unwrap_or(&stored.path);
        if changed.contains(path) {
            records.push((path.to_path_buf(), store::load(&stored)?));
        }
    }
    Ok(records)
}

/// The records to commit on top of `tip`. Benchmarks that only an existing record of the same commit and
/// machine has are kept.
fn files(
    repo: &Repo,
    tip: &Commit,
    records: &[(PathBuf, Record)],
) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let of = |(path, record): &(PathBuf, Record)| {
        let mut record = record.clone();
        if let Some(there) = repo.file(tip, path)? {
            let there = text::read(there.as_bytes(), path)
                .with_context(|| format!("in commit {}", tip.short()))?;
            record.update(&there);
        }
        Ok((path.clone(), text::write(&record).into_bytes()))
    };
    records.iter().map(of).collect()
}

fn message(records: &[(PathBuf, Record)]) -> String {
    let commits: BTreeSet<&str> = records.iter().map(|(_, it)| it.commit.as_str()).collect();
    match commits.first() {
        Some(commit) if commits.len() == 1 => format!("Record {}\n", git::short(commit)),
        _ => format!("Record {}\n", shell::count(commits.len(), "commit")),
    }
}
