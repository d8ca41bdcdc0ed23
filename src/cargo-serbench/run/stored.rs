//! Stores runs in files, and reads and checks them.

use std::{
    fs::File,
    io::{BufReader, ErrorKind},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Block, Run, SCHEMA, TOOL, Times};
use crate::atomic;

/// The error for a file with a newer schema.
pub fn newer(file: &Path, schema: u32, known: u32, writer: &str) -> String {
    let writer = match writer {
        "" => "a later version",
        writer => writer,
    };
    format!(
        "{} was written by {writer} with schema {schema}, but {TOOL} reads up to {known}; update \
         cargo-serbench",
        file.display()
    )
}

/// A hint for unreadable files: another version wrote it. Empty for this version.
pub fn written_by(writer: &str) -> String {
    match writer {
        "" | TOOL => String::new(),
        writer => format!(" (written by {writer}; this is {TOOL})"),
    }
}

/// Stores `run` in `folder` and returns the file, named after the start time. If another run started
/// in the same second, it is `name_2.json` and so on, which sorts later. Either the whole file is
/// stored or nothing.
pub fn store(run: &Run, folder: &Path) -> Result<PathBuf> {
    let name = run.started_at.replace([':', '-'], "");
    let write = || -> Result<PathBuf> {
        let mut bytes = serde_json::to_vec(run)?;
        bytes.push(b'\n');
        let mut number = 1;
        loop {
            let path = match number {
                1 => folder.join(format!("{name}.json")),
                _ => folder.join(format!("{name}_{number}.json")),
            };
            match atomic::write_new(&path, &bytes) {
                Ok(()) => return Ok(path),
                Err(taken) if taken.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error.into()),
            }
        }
    };
    write().with_context(|| format!("failed to store the run in {}", folder.display()))
}

/// Replaces an older version of a stored run.
pub fn replace(run: &Run, path: &Path) -> Result<()> {
    let write = || -> Result<()> {
        let mut bytes = serde_json::to_vec(run)?;
        bytes.push(b'\n');
        Ok(atomic::write(path, &bytes)?)
    };
    write().with_context(|| format!("failed to store the run as {}", path.display()))
}

/// Checks that all blocks have valid numbers.
pub fn check(run: &Run) -> Result<()> {
    for (number, block) in run.blocks.iter().enumerate() {
        let number = number + 1;
        check_block(block).with_context(|| format!("block {number} is invalid"))?;
    }
    Ok(())
}

fn check_block(block: &Block) -> Result<()> {
    let Block { arms, slices, .. } = block;
    if arms.is_empty() || slices.len() != arms.len() {
        bail!("{} arms but slices of {}", arms.len(), slices.len());
    }
    let each = slices[0].len();
    if each == 0 || slices.iter().any(|slices| slices.len() != each) {
        bail!("its arms have no slices, or different numbers of slices");
    }
    let times = slices.iter().flatten();
    let mut figures =
        times.flat_map(|Times { cpu, wall, fastest }| [cpu.unwrap_or(*wall), *wall, *fastest]);
    if let Some(wrong) = figures.find(|time| !(time.is_finite() && *time > 0.0)) {
        bail!("an operation took {wrong} ns");
    }
    if !(block.seconds.is_finite() && block.seconds >= 0.0) {
        bail!("it took {} s", block.seconds);
    }
    Ok(())
}

/// The folder of runs in the tool's folder `scratch`.
pub fn folder(scratch: &Path) -> PathBuf {
    scratch.join("runs")
}

/// The newest of the files in `folder` for which `wanted` holds.
pub fn newest(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "json"));
    files.sort();
    files.into_iter().rfind(|path| wanted(path))
}

/// Reads a stored run.
pub fn load(path: &Path) -> Result<Run> {
    let read = || format!("failed to read the run {}", path.display());
    // Opening a pipe without a writer would block.
    if !std::fs::metadata(path).with_context(read)?.is_file() {
        bail!(
            "{} is not a file; a run is read from a file under target/serbench/runs",
            path.display()
        );
    }
    let file = File::open(path).with_context(read)?;
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
        #[serde(default)]
        tool: String,
    }
    let value: serde_json::Value = serde_json::from_reader(BufReader::new(file))
        .with_context(|| format!("{} is not a stored run", path.display()))?;
    let Head { schema, tool } = Head::deserialize(&value)
        .with_context(|| format!("{} is not a stored run", path.display()))?;
    if schema > SCHEMA {
        bail!(newer(path, schema, SCHEMA, &tool));
    }
    let run = Run::deserialize(value).with_context(|| {
        format!(
            "{} is not a stored run{}",
            path.display(),
            written_by(&tool)
        )
    })?;
    check(&run).with_context(|| format!("{} has been edited or damaged", path.display()))?;
    Ok(run)
}
