//! Saves and loads the record files in the `baselines` folder.
//!
//! A file is written under another name and renamed when it is on disk, so that a process killed at any
//! moment leaves the old file or the new one. Writers take turns with a lock that the kernel releases
//! however its holder ends.

use std::{
    fs::{self, File},
    io::{BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    atomic,
    discover::Workspace,
    record::index::Stamp,
    record::{Record, text, text::is_hash},
    shell,
};

/// The folder of records in a workspace.
pub const FOLDER: &str = "baselines";

/// Records are far smaller; a larger file is something else.
const LARGEST: u64 = 16 << 20;

/// The folder of records, and the folder for generated files.
#[derive(Clone, Debug)]
pub struct Store {
    /// `baselines` of the workspace.
    pub baselines: PathBuf,
    /// `target/serbench` of the workspace.
    pub scratch: PathBuf,
}

/// A record's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// Full hash.
    pub commit: String,
    /// The machine key.
    pub key: String,
    pub path: PathBuf,
}

impl Store {
    /// The store of a workspace.
    pub fn of(workspace: &Workspace) -> Self {
        Self {
            baselines: workspace.root.join(FOLDER),
            scratch: workspace.scratch(),
        }
    }

    /// The path for the record of a commit and machine.
    pub fn path(&self, commit: &str, key: &str) -> PathBuf {
        self.baselines.join(commit).join(format!("{key}.json"))
    }

    /// All records, by commit and key. Ignores files with other names.
    pub fn list(&self) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for commit in names(&self.baselines)? {
            if is_hash(&commit) {
                stored.extend(self.list_commit(&commit)?);
            }
        }
        stored.sort();
        Ok(stored)
    }

    /// The records of one commit, by key.
    pub fn list_commit(&self, commit: &str) -> Result<Vec<Stored>> {
        let mut stored: Vec<Stored> = names(&self.baselines.join(commit))?
            .into_iter()
            .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
            .map(|key| Stored {
                commit: commit.to_owned(),
                path: self.path(commit, &key),
                key,
            })
            .collect();
        stored.sort();
        Ok(stored)
    }

    /// Writes `record` to its file and returns the path. Keeps benchmarks that only an earlier record of
    /// the same commit and machine has.
    pub fn save(&self, mut record: Record) -> Result<PathBuf> {
        let _turn = self.turn()?;
        let path = self.path(&record.commit, &record.key());
        if path.exists() {
            record.update(&load_file(&path)?);
        }
        self.put(&path, &text::write(&record))?;
        Ok(path)
    }

    /// Writes `record` to its file unchanged, unless that is its content already.
    pub fn replace(&self, record: &Record) -> Result<(PathBuf, bool)> {
        let _turn = self.turn()?;
        let path = self.path(&record.commit, &record.key());
        let text = text::write(record);
        let changes = fs::read(&path).ok().as_deref() != Some(text.as_bytes());
        if changes {
            self.put(&path, &text)?;
        }
        Ok((path, changes))
    }

    /// Writes a file next to the records.
    pub fn write(&self, path: &Path, text: &str) -> Result<()> {
        let _turn = self.turn()?;
        self.put(path, text)
    }

    /// Waits until no other process writes here.
    fn turn(&self) -> Result<File> {
        let path = self.scratch.join("records.lock");
        let lock = || -> std::io::Result<File> {
            fs::create_dir_all(&self.scratch)?;
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().with_context(|| format!("failed to lock {}", path.display()))
    }

    fn put(&self, path: &Path, text: &str) -> Result<()> {
        let write = || -> Result<()> {
            // In the folder where the next writer cleans up after a killed one.
            atomic::write_by(&self.baselines, path, text.as_bytes())?;
            // Sync the parent of a new folder, which has its name.
            Ok(File::open(&self.baselines)?.sync_all()?)
        };
        write().with_context(|| {
            format!(
                "failed to write {}; the previous file is intact",
                shell::shown(path).display()
            )
        })
    }
}

/// Reads a listed record and checks that its content matches its name.
pub fn load(stored: &Stored) -> Result<Record> {
    let record = load_file(&stored.path)?;
    let file = shell::shown(&stored.path).display();
    if record.commit != stored.commit {
        bail!(
            "{file} belongs to another commit: `commit` is {}; `git checkout -- {file}` restores \
             the committed one, or delete it and measure the commit again",
            record.commit
        );
    }
    if record.key() != stored.key {
        bail!(
            "{file} belongs to another machine: its `machine` and `toolchain` give the key {}; `git \
             checkout -- {file}` restores the committed one, or delete it and measure the commit \
             again",
            record.key()
        );
    }
    Ok(record)
}

/// The tree of a listed record's commit, if stored.
pub fn tree(stored: &Stored) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Head {
        tree: Option<String>,
    }
    let file = File::open(&stored.path).ok()?;
    let head: Head = serde_json::from_reader(BufReader::new(file.take(LARGEST))).ok()?;
    head.tree
}

/// Reads the record in a file with any name.
pub fn load_file(path: &Path) -> Result<Record> {
    let file = shell::shown(path);
    let read = || -> std::io::Result<Vec<u8>> {
        // Opening a pipe would wait for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| {
        let file = file.display();
        if error.kind() == ErrorKind::NotFound {
            return anyhow!("no file {file}");
        }
        anyhow!(
            "can't read {file}: {error}; if it is in git, `git checkout -- {file}` restores it, \
             else remove it and measure the commit again"
        )
    })?;
    if bytes.len() as u64 > LARGEST {
        bail!(
            "invalid record {}: larger than {} MiB; delete it and measure the commit again",
            file.display(),
            LARGEST >> 20
        );
    }
    text::read(&bytes, file)
}

/// The stamp of a file; `None` if its metadata can't be read.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Stamp {
        size: metadata.len(),
        modified: modified.as_nanos() as u64,
    })
}

/// The names in a folder; empty if it does not exist.
fn names(folder: &Path) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    match read() {
        Ok(names) => Ok(names),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => {
            Err(error).with_context(|| format!("failed to read the folder {}", folder.display()))
        }
    }
}

#[cfg(test)]
mod tests;
