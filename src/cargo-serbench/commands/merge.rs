//! `cargo serbench merge`: joins the records of shards into one.
//!
//! Like a union of sets, joining is commutative, associative and idempotent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cli,
    commands::records::{self, Place},
    discover::git,
    exit::Exit,
    record::{self, store},
    record::{Measured, Origin, Record, difference},
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Merge {
    /// Record files, or folders that contain them
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub place: cli::Place,
}

pub fn merge(args: &Merge) -> Result<Exit> {
    let Place { store, .. } = records::open(&args.place)?;
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(records_in(path)?);
    }
    if files.is_empty() {
        let paths: Vec<String> = args
            .paths
            .iter()
            .map(|it| it.display().to_string())
            .collect();
        bail!(
            "no record (*.json) in {}; did the jobs upload `baselines/`?",
            paths.join(", ")
        );
    }
    let count = files.len();
    let mut parts = Vec::new();
    for file in files {
        let record = store::load_file(&file)?;
        parts.push((file, record));
    }
    let (_, first) = &parts[0];
    let there = store.path(&first.commit, &first.key());
    if there.exists() {
        let record = store::load_file(&there)?;
        parts.push((there, record));
    }
    let record = join(parts)?;
    let (path, changed) = store.replace(&record)?;
    shell::status(
        if changed { "Merged" } else { "Unchanged" },
        format_args!(
            "{count} records of {}, {} benchmarks: {}",
            git::short(&record.commit),
            record.benchmarks.len(),
            shell::shown(&path).display()
        ),
    );
    Ok(Exit::Passed)
}

/// The file itself; for a folder, all files ending in `.json`, by name.
fn records_in(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut inner =
        read().with_context(|| format!("failed to read the folder {}", path.display()))?;
    inner.sort();
    let mut files = Vec::new();
    for path in inner {
        // A link could lead back to this folder.
        if path.is_dir() && !path.is_symlink() {
            files.extend(records_in(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    Ok(files)
}

/// A benchmark with the run that measured it and its file.
struct Part<'a> {
    file: &'a Path,
    origin: &'a Origin,
    measured: &'a Measured,
}

/// Joins records of one commit on one machine. Every shard that needs a reference measured it;
/// the one from the earliest run is kept.
pub fn join(parts: Vec<(PathBuf, Record)>) -> Result<Record> {
    let (first_file, first) = parts.first().context("there is a record to join")?;
    let references: BTreeSet<&str> = parts
        .iter()
        .flat_map(|(_, record)| record.benchmarks.values())
        .filter_map(|measured| measured.reference.as_deref())
        .collect();
    let mut kept: BTreeMap<&str, Part<'_>> = BTreeMap::new();
    for (file, record) in &parts {
        comparable((first_file, first), (file, record))?;
        for (id, measured) in &record.benchmarks {
            let part = Part {
                file,
                origin: &record.runs[measured.run],
                measured,
            };
            match kept.get(id.as_str()) {
                Some(other) if !replaces(id, other, &part, references.contains(id.as_str()))? => {}
                Some(_) | None => {
                    kept.insert(id, part);
                }
            }
        }
    }
    let mut joined = Record {
        schema: record::SCHEMA,
        tree: parts.iter().find_map(|(_, record)| record.tree.clone()),
        runs: Vec::new(),
        benchmarks: BTreeMap::new(),
        ..first.clone()
    };
    for (id, part) in kept {
        let run = joined.runs.len();
        joined.runs.push(part.origin.clone());
        // Each shard has compared the reference it measured; all other benchmarks are in one shard only.
        let slower_than = parts
            .iter()
            .filter_map(|(_, record)| record.benchmarks.get(id)?.slower_than.clone())
            .min();
        let measured = Measured {
            run,
            slower_than,
            ..part.measured.clone()
        };
        joined.benchmarks.insert(id.into(), measured);
    }
    joined.tidy();
    Ok(joined)
}

fn comparable(one: (&Path, &Record), other: (&Path, &Record)) -> Result<()> {
    let ((one_file, one), (file, other)) = (one, other);
    let mut differing = difference(&one.factors(), &other.factors());
    let of = |lock: &Option<String>| lock.clone().unwrap_or_else(|| "none".to_owned());
    let facts = [
        ("commit", one.commit.clone(), other.commit.clone()),
        ("subject", one.subject.clone(), other.subject.clone()),
        ("lock", of(&one.lock), of(&other.lock)),
    ];
    differing.extend(facts.into_iter().filter(|(_, one, other)| one != other));
    if let Some((name, one, other)) = differing.first() {
        bail!(
            "{} and {} can't be joined: {name} is `{one}` and `{other}`; merge the records of one \
             commit on one machine at a time",
            one_file.display(),
            file.display()
        );
    }
    Ok(())
}

/// Whether to keep `new` instead of `old`.
fn replaces(id: &str, old: &Part<'_>, new: &Part<'_>, is_reference: bool) -> Result<bool> {
    let conflict = |what: &str| {
        bail!(
            "`{id}` is in {} (measured {}) and in {} (measured {}) with different {what}; leave \
             one of them out",
            old.file.display(),
            old.origin.started_at,
            new.file.display(),
            new.origin.started_at
        )
    };
    let at_first = |measured: &Measured| Measured {
        run: 0,
        slower_than: None,
        ..measured.clone()
    };
    if old.origin == new.origin {
        if at_first(old.measured) != at_first(new.measured) {
            return conflict("values of the same run");
        }
        return Ok(false);
    }
    if !is_reference {
        return conflict("values");
    }
    let (one, other) = (old.measured, new.measured);
    let exact = |it: &Measured| {
        (
            it.dtype.clone(),
            it.shape.clone(),
            it.bytes_in,
            it.bytes_out,
        )
    };
    if one.state != other.state {
        return conflict("`state`");
    }
    if exact(one) != exact(other) {
        return conflict("data type, shape or bytes");
    }
    if one.memory != other.memory {
        return conflict("`memory`");
    }
    Ok(new.origin < old.origin)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::join;
    use crate::record::{Record, tests::two_encoders};

    const REFERENCE: &str = "json::orjson::f64";

    /// The results of a job started at this minute: these encoders and their reference.
    fn shard(minute: u32, encoders: &[&str]) -> Record {
        let mut run = two_encoders();
        run.started_at = format!("2026-11-21T01:{minute:02}:00Z");
        run.seed = minute.into();
        let mut record = Record::from_run(&run).unwrap();
        let encoder = record.benchmarks.remove("json::serde::f64").unwrap();
        record.benchmarks.remove("json::alone");
        record.benchmarks.get_mut(REFERENCE).unwrap().latency_ns = Some(f64::from(minute));
        for name in encoders {
            let id = format!("json::{name}::f64");
            record.benchmarks.insert(id.into(), encoder.clone());
        }
        record
    }

    fn joined(parts: &[&Record]) -> Result<Record, String> {
        let named = |(number, record): (usize, &&Record)| {
            let file = PathBuf::from(format!("{number}.json"));
            (file, (*record).clone())
        };
        let parts = parts.iter().enumerate().map(named);
        join(parts.collect()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn shards_join() {
        let (one, two, three) = (shard(20, &["a"]), shard(10, &["b", "c"]), shard(30, &["d"]));
        let all = joined(&[&one, &two, &three]).unwrap();
        let ids: Vec<&str> = all.benchmarks.keys().map(|id| id.as_str()).collect();
        assert_eq!(
            ids,
            ["a", "b", "c", "d", "orjson"].map(|name| format!("json::{name}::f64"))
        );
        // The reference comes from the earliest run.
        assert_eq!(all.benchmarks[REFERENCE].latency_ns, Some(10.0));
        let seed = |id: &str| all.runs[all.benchmarks[id].run].seed;
        assert_eq!(
            [seed("json::a::f64"), seed("json::b::f64"), seed(REFERENCE)],
            [20, 10, 10]
        );
        // In any order, grouping and number of times.
        assert_eq!(joined(&[&three, &two, &one]).unwrap(), all);
        let some = joined(&[&three, &one]).unwrap();
        assert_eq!(joined(&[&some, &two]).unwrap(), all);
        assert_eq!(joined(&[&all, &one, &all, &three, &some]).unwrap(), all);
        assert_eq!(joined(&[&one]).unwrap(), one);
        // A reference that one shard suspects stays suspected.
        let mut suspicious = one.clone();
        suspicious.suspect(&[REFERENCE.into()].into(), &"a".repeat(40));
        let all = joined(&[&two, &suspicious, &three]).unwrap();
        let slower: Vec<&str> = all.slower().map(|(id, _)| id).collect();
        assert_eq!(slower, [REFERENCE]);
        assert_eq!(joined(&[&all, &two]).unwrap(), all);
    }

    #[test]
    fn conflicting_records_are_rejected() {
        let one = shard(1, &["a"]);
        let with = |change: fn(&mut Record)| {
            let mut other = shard(2, &["b"]);
            change(&mut other);
            joined(&[&one, &other]).unwrap_err()
        };
        let messages = [
            with(|it| it.machine.cpu = "Intel".to_owned()),
            with(|it| it.commit = "f".repeat(40)),
            with(|it| it.lock = None),
            with(|it| {
                let again = it.benchmarks["json::b::f64"].clone();
                it.benchmarks.insert("json::a::f64".into(), again);
            }),
            with(|it| it.benchmarks.get_mut(REFERENCE).unwrap().bytes_out = Some(1)),
            with(|it| it.benchmarks.get_mut(REFERENCE).unwrap().memory = None),
            joined(&[&one, &{
                let mut edited = one.clone();
                edited.benchmarks.get_mut("json::a::f64").unwrap().rss = Some(1);
                edited
            }])
            .unwrap_err(),
        ];
        insta::assert_snapshot!(messages.join("\n"));
    }
}
