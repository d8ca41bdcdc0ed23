//! Code shared by commands that only read and write records, without building or measuring.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};

use crate::{
    build::toolchain::Toolchain,
    cli, compare,
    discover::{
        git::{self, Commit, Repo},
        machine::{self, Machine},
        workspace,
    },
    record::{
        Record,
        index::{Entry, Index, Name, Point},
        store::{self, Store, Stored},
    },
    report::table::{self, Table},
    shell,
    values::figures::round_to,
};

/// The location of records.
pub struct Place {
    pub store: Store,
    pub repo: Option<Repo>,
    /// The workspace's folder.
    pub root: PathBuf,
}

/// Finds the workspace's records.
pub fn open(at: &cli::Place) -> Result<Place> {
    at.voice.apply();
    let workspace = workspace::without_dependencies(at.manifest.manifest_path.clone())?;
    Ok(Place {
        store: Store::of(&workspace),
        repo: git::open(&workspace.root)?,
        root: workspace.root,
    })
}

/// The commit at HEAD.
pub fn head(repo: Option<&Repo>) -> Result<Commit> {
    in_git(repo)?
        .head()?
        .context("no commit yet; make the first with `git commit`")
}

/// The repository, or an error if there is none.
pub fn in_git(repo: Option<&Repo>) -> Result<&Repo> {
    repo.context("records need a git repository, but this workspace is not in one; run `git init`")
}

/// The up-to-date index of all records. Skips unreadable records with a
/// warning.
pub fn index(store: &Store) -> Result<Index> {
    Ok(index_of(store, &store.list()?))
}

/// The up-to-date index of some records.
pub fn index_of(store: &Store, all: &[Stored]) -> Index {
    let path = store.scratch.join("records.index");
    let not_kept = |error: std::io::Error| {
        shell::warning(format_args!(
            "can't write {} ({error}), so all records are read again each time",
            shell::shown(&path).display()
        ));
    };
    let mut index = Index::open(&path).unwrap_or_else(|error| {
        not_kept(error);
        Index::without_file()
    });
    let mut progress = shell::Progress::start("Indexing");
    let mut present = BTreeSet::new();
    for (number, stored) in all.iter().enumerate() {
        let Some(stamp) = store::stamp(&stored.path) else {
            let file = shell::shown(&stored.path).display();
            shell::warning(format_args!(
                "can't read {file}; is it a broken link? `git checkout -- {file}` restores the committed one"
            ));
            continue;
        };
        if index
            .get(&stored.commit, &stored.key)
            .is_none_or(|entry| entry.stamp != stamp)
        {
            progress.update(number as f64, all.len() as f64, git::short(&stored.commit));
            let record = match store::load(stored) {
                Ok(record) => record,
                Err(error) => {
                    shell::warning(format_args!("{error:#}"));
                    continue;
                }
            };
            let (mut entry, names) = entry(&record);
            entry.stamp = stamp;
            index.append(entry, names).unwrap_or_else(not_kept);
        }
        present.insert((stored.commit.as_str(), stored.key.as_str()));
    }
    index.retain(|entry| present.contains(&(entry.commit.as_str(), entry.key.as_str())));
    index
}

/// The ids of all benchmarks in the index.
pub fn ids(index: &Index) -> BTreeSet<String> {
    let lists: BTreeMap<usize, &Entry> =
        index.entries().map(|entry| (entry.names, entry)).collect();
    lists
        .values()
        .flat_map(|entry| index.names(entry))
        .map(|name| name.id.clone())
        .collect()
}

/// The requested machine keys; by default this machine's, or all if this machine
/// has no record.
pub fn keys(index: &Index, machine: Option<&str>) -> Result<BTreeSet<String>> {
    let all = picked(index, |_| true);
    if all.is_empty() {
        bail!("no record yet; run `cargo serbench` at a commit without changes to make one");
    }
    let asked = match machine {
        Some("all") => return Ok(all),
        Some(prefix) => picked(index, |entry| entry.key.starts_with(prefix)),
        None => keys_of(index, &machine::machine()),
    };
    if !asked.is_empty() {
        if machine.is_none() && asked.len() < all.len() {
            shell::hint(format_args!(
                "skipped the records of {}; show them with `--machine all`",
                shell::count(all.len() - asked.len(), "other machine key")
            ));
        }
        return Ok(asked);
    }
    match machine {
        Some(prefix) => bail!(
            "no machine key begins with `{prefix}`; available: {}",
            all.into_iter().collect::<Vec<_>>().join(", ")
        ),
        None => Ok(all),
    }
}

/// The keys of a machine's records.
pub fn keys_of(index: &Index, machine: &Machine) -> BTreeSet<String> {
    let words = machine_words(machine);
    picked(index, |entry| entry.machine == words)
}

fn picked(index: &Index, wanted: impl Fn(&Entry) -> bool) -> BTreeSet<String> {
    let entries = index.entries().filter(|entry| wanted(entry));
    entries.map(|entry| entry.key.clone()).collect()
}

/// A description of the machine.
pub fn machine_words(machine: &Machine) -> String {
    let Machine {
        os,
        arch,
        cpu,
        cpus,
    } = machine;
    format!("{cpu}, {cpus} CPUs, {os} {arch}")
}

/// A description of the toolchain.
pub fn toolchain_words(toolchain: &Toolchain) -> String {
    let Toolchain {
        rustc,
        flags: _,
        profile,
        features,
    } = toolchain;
    let features = features.join(" ");
    let separator = if features.is_empty() { "" } else { ", " };
    format!("{rustc}, profile {profile}{separator}{features}")
}

/// Formats a table for stdout.
pub fn terminal(table: &Table) -> String {
    table::for_terminal(table, shell::width())
}

/// The estimate of a benchmark's ratio to its reference, and the number of blocks.
pub fn ratio(record: &Record, id: &str) -> (usize, Option<crate::compare::stats::LogRatio>) {
    let logs = record.log_ratios(id).unwrap_or_default();
    (logs.len(), compare::estimate(logs))
}

/// The index entry of a record, without its file's stamp.
fn entry(record: &Record) -> (Entry, Vec<Name>) {
    let point = |(id, measured): (&crate::select::BenchId, &crate::record::Measured)| Point {
        ratio: record
            .log_ratios(id)
            .map(|logs| round_to(middle(logs).exp(), CHART_DIGITS)),
        latency_ns: measured.latency_ns,
    };
    let names = record.benchmarks.iter().map(|(id, measured)| Name {
        id: id.into(),
        reference: measured.reference.as_ref().map(String::from),
    });
    let entry = Entry {
        commit: record.commit.clone(),
        key: record.key(),
        stamp: crate::record::index::Stamp {
            size: 0,
            modified: 0,
        },
        machine: machine_words(&record.machine),
        toolchain: toolchain_words(&record.toolchain),
        subject: record.subject.clone(),
        started_at: record.started_at().to_owned(),
        names: 0,
        points: record.benchmarks.iter().map(point).collect(),
    };
    (entry, names.collect())
}

/// Significant digits of a ratio in the index, more than a chart shows.
const CHART_DIGITS: usize = 6;

/// The point estimate, which exists for any number of blocks.
fn middle(logs: &[f64]) -> f64 {
    crate::compare::stats::WalshAverages::new(logs)
        .estimate(compare::LEVEL)
        .point
}
