//! Writes records as text and parses them.
//!
//! The text is JSON with one benchmark per line, sorted by id, so that a diff shows the benchmarks
//! that differ.

use std::{fmt::Write, path::Path};

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::{Blocks, Measured, Record, SCHEMA};
use crate::run;

/// The largest plausible logarithm of a ratio: ln(10¹⁰), a nanosecond to ten seconds.
const LARGEST_LOG: f64 = 23.1;

/// The text of `record`, whose floats must be finite.
pub fn write(record: &Record) -> String {
    let Record {
        schema,
        commit,
        tree,
        subject,
        lock,
        machine,
        toolchain,
        runs,
        benchmarks,
    } = record;
    let mut head = vec![("schema", json(schema)), ("commit", json(commit))];
    head.extend(tree.iter().map(|tree| ("tree", json(tree))));
    head.extend([
        ("subject", json(subject)),
        ("lock", json(lock)),
        ("machine", json(machine)),
        ("toolchain", json(toolchain)),
        ("runs", json(runs)),
    ]);
    let mut text = String::from("{\n");
    let failed = "writing to a string";
    for (name, value) in head {
        writeln!(text, "  \"{name}\": {value},").expect(failed);
    }
    text += "  \"benchmarks\": {";
    let mut separator = "\n";
    for (id, measured) in benchmarks {
        write!(text, "{separator}    {}: {}", json(id), json(measured)).expect(failed);
        separator = ",\n";
    }
    text += "\n  }\n}\n";
    text
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("no map has keys that are not text")
}

/// Reads the text of `file`, which errors name.
pub fn read(text: &[u8], file: &Path) -> Result<Record> {
    #[derive(Deserialize)]
    #[serde(expecting = "a record")]
    struct Head {
        schema: u32,
        #[serde(default)]
        runs: Vec<Writer>,
    }
    #[derive(Deserialize)]
    struct Writer {
        tool: String,
    }
    let Head { schema, runs } = parse(text).map_err(|problem| broken(file, &problem))?;
    let writer = runs.last().map_or("", |run| &run.tool);
    if schema > SCHEMA {
        bail!(run::newer(file, schema, SCHEMA, writer));
    }
    let written_by = |problem: String| broken(file, &(problem + &run::written_by(writer)));
    let record = parse(text).map_err(written_by)?;
    check(&record).map_err(|problem| broken(file, &problem))?;
    Ok(record)
}

/// Parses a `T`, or returns the problem and its field.
fn parse<T: for<'de> Deserialize<'de>>(text: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => error.into_inner().to_string(),
            _ => format!("`{path}`: {}", error.into_inner()),
        }
    })?;
    json.end().map_err(|error| error.to_string())?;
    Ok(value)
}

fn broken(file: &Path, problem: &str) -> anyhow::Error {
    let file = file.display();
    anyhow!(
        "invalid record {file}: {problem}; `git checkout -- {file}` restores the committed one, or \
         delete it and measure the commit again"
    )
}

/// Whether `text` is a full commit hash as git writes it.
pub fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks what types can't express.
fn check(record: &Record) -> Result<(), String> {
    if record.schema == 0 {
        return Err("`schema` is 0; the first was 1".to_owned());
    }
    if !is_hash(&record.commit) {
        return Err(format!("`commit` is {:?}, not a full hash", record.commit));
    }
    for (id, measured) in &record.benchmarks {
        let Measured {
            run,
            latency_ns,
            log_ratios,
            times_ns,
            reference,
            slower_than,
            ..
        } = measured;
        let field = |name: &str, problem: &str| Err(format!("`benchmarks.{id}.{name}` {problem}"));
        if *run >= record.runs.len() {
            return field(
                "run",
                &format!("is {run} and `runs` has {}", record.runs.len()),
            );
        }
        if slower_than.as_deref().is_some_and(|it| !is_hash(it)) {
            return field("slower_than", "is not a full hash");
        }
        if latency_ns.is_some_and(|time| time < 0.0) {
            return field("latency_ns", "is below zero");
        }
        if log_ratios.is_some() && reference.is_none() {
            return field("log_ratios", "is present without `reference`");
        }
        let ratios = log_ratios.iter().flat_map(|blocks| {
            let cpu = blocks.cpu.iter().flatten();
            cpu.chain(&blocks.wall)
        });
        if ratios.into_iter().any(|log| log.abs() > LARGEST_LOG) {
            return field("log_ratios", "is out of range");
        }
        for (name, blocks) in [("log_ratios", log_ratios), ("times_ns", times_ns)] {
            if let Some(Blocks { cpu, wall }) = blocks
                && match cpu {
                    None => wall.is_empty(),
                    Some(cpu) => cpu.is_empty() || !(wall.is_empty() || wall.len() == cpu.len()),
                }
            {
                return field(name, "has no blocks, or a different number for each clock");
            }
        }
    }
    Ok(())
}
