//! Reuses executables of earlier builds, for example after branch switches and rebases.
//!
//! A build is identified by everything it depends on: its tree and the rest (the *frame*). It is
//! used only if every file and variable it is known to have read is unchanged, up to comments in Rust
//! sources, and its own files are intact. If in doubt, cargo builds again.

mod comments;
mod entry;
mod frame;
mod unread;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

use self::entry::Entry;
pub use self::frame::frame;
use super::{
    Built,
    folders::{remove, touch},
    proof::Proof,
    wrapper,
};
use crate::{
    discover::{BenchTarget, Workspace, trees::Trees},
    shell,
    values::bytes::Bytes,
};

/// The folder of cached builds.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    /// Maximum total size.
    limit: Bytes,
}

/// A build to find or to store.
pub struct Wanted<'a> {
    pub workspace: &'a Workspace,
    /// The root of the tree.
    pub top: &'a Path,
    pub targets: &'a [BenchTarget],
    pub frame: &'a str,
    /// The id of the tree.
    pub tree: &'a str,
}

/// A cached build to use instead of building.
pub struct Found {
    pub built: Vec<Built>,
    pub differences: Differences,
}

/// How two trees with the same code differ.
#[derive(Debug, Default)]
pub struct Differences {
    /// Files that no build reads.
    pub unread: Vec<PathBuf>,
    /// Source files whose comments differ.
    pub comments: BTreeSet<PathBuf>,
}

/// How many entries of other trees are tried.
const OTHERS: usize = 16;

/// How many bytes at the start of a file show that an executable contains it.
const SAMPLE: usize = 64;

impl Cache {
    pub fn new(scratch: &Path, limit: Bytes) -> Self {
        Self {
            folder: folder(scratch),
            limit,
        }
    }

    /// Finds a build of this tree, or of one with the same code.
    pub fn find(&self, wanted: &Wanted<'_>, trees: &Trees) -> Option<Found> {
        let prefix = &wanted.frame[..16];
        let mut folders: Vec<(SystemTime, PathBuf)> = self.entries();
        folders.retain(|(_, path)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(prefix)
        });
        folders.sort_unstable_by(|one, other| other.cmp(one));
        let entries = folders.into_iter().filter_map(|(_, folder)| {
            let entry = Entry::read(&folder)?;
            let usable = entry.frame == wanted.frame && entry.is_for(&wanted.workspace.root);
            usable.then_some((folder, entry))
        });
        let (same, others): (Vec<_>, Vec<_>) =
            entries.partition(|(_, entry)| entry.tree == wanted.tree);
        let same = same
            .into_iter()
            .map(|found| (Differences::default(), found));
        let others = others.into_iter().take(OTHERS).filter_map(|found| {
            let differences = Differences::find(&found.0, &found.1, wanted, trees)?;
            Some((differences, found))
        });
        same.chain(others)
            .filter(|(differences, (_, entry))| {
                entry.proof.holds_except(wanted.top, &differences.comments)
            })
            .find_map(|(differences, (folder, entry))| take(&folder, entry, wanted, differences))
    }

    /// Stores a build, and removes the least recently used ones that no longer fit.
    pub fn store(&self, wanted: &Wanted<'_>, built: &[Built], proof: &Proof) -> Result<()> {
        let write = || -> Result<PathBuf> {
            fs::create_dir_all(&self.folder)?;
            // Renamed when complete, so that a killed process leaves no partial entry.
            let staging = tempfile::tempdir_in(&self.folder)?;
            let key = (wanted.frame, wanted.tree);
            let copies = self.folder.with_file_name(wrapper::COPIES);
            let entry = Entry::write(staging.path(), wanted.workspace, &copies, key, built, proof)?;
            let to = self.folder.join(name(&entry, &wanted.workspace.root));
            if to.exists() {
                remove(&to);
            }
            fs::rename(staging.path(), &to)?;
            // It was renamed, so there is nothing left to delete.
            let _ = staging.keep();
            Ok(to)
        };
        let stored = write().context("failed to store the build in the cache")?;
        self.shrink(&stored);
        Ok(())
    }

    /// Removes entries until the others fit.
    fn shrink(&self, stored: &Path) {
        let mut entries = self.entries();
        entries.sort_unstable();
        let mut sizes: Vec<u64> = entries.iter().map(|(_, path)| size(path)).collect();
        let mut total: u64 = sizes.iter().sum();
        let (mut removed, mut freed) = (0, 0);
        for ((_, path), size) in entries.iter().zip(&mut sizes) {
            if total <= self.limit.0 {
                break;
            }
            remove(path);
            total -= *size;
            freed += *size;
            removed += 1;
            if path == stored {
                shell::warning(format_args!(
                    "this build takes {}, more than `cache-size`, so it is not cached",
                    Bytes(*size)
                ));
            }
        }
        if removed > 0 {
            shell::status(
                "Removed",
                format_args!(
                    "{} used longest ago ({}); `cache-size` allows {}",
                    shell::count(removed, "cached build"),
                    Bytes(freed),
                    self.limit
                ),
            );
        }
    }

    /// Entries, and when they were last used.
    fn entries(&self) -> Vec<(SystemTime, PathBuf)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with(".tmp"))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect()
    }
}

/// The folder of cached builds in `scratch`.
pub fn folder(scratch: &Path) -> PathBuf {
    scratch.join("cache")
}

fn name(entry: &Entry, root: &Path) -> String {
    let place = match entry.is_portable() {
        true => String::new(),
        false => format!("-{}", &super::path_hash(root)[..8]),
    };
    format!("{}-{}{place}", &entry.frame[..16], &entry.tree[..16])
}

impl Differences {
    /// How a tree differs from an entry's; `None` if its code may differ.
    fn find(folder: &Path, entry: &Entry, wanted: &Wanted<'_>, trees: &Trees) -> Option<Self> {
        let mut differences = Self::default();
        for change in trees.changes(&entry.tree, wanted.tree).ok()? {
            let [before, after] = trees.contents(&change);
            let start = &before[..before.len().min(SAMPLE)];
            // A macro may have embedded it without cargo's knowledge.
            if !change.plain || (start.len() >= 8 && entry.embeds(folder, start)) {
                return None;
            }
            let path = change.path;
            if unread::is_document(&path) && !entry.proof.reads(&path) {
                differences.unread.push(path);
            } else if entry.proof.only_compiles(&path)
                && !entry.proof.is_named(wanted.top, &path)
                && comments::only_they_differ(&before, &after)
            {
                differences.comments.insert(path);
            } else {
                return None;
            }
        }
        Some(differences)
    }
}

/// The executables of an entry. If they are damaged, removes the entry and returns `None`.
fn take(
    folder: &Path,
    entry: Entry,
    wanted: &Wanted<'_>,
    differences: Differences,
) -> Option<Found> {
    match entry.built(folder, wanted.workspace, wanted.targets) {
        Ok(built) => {
            touch(folder);
            Some(Found { built, differences })
        }
        Err(error) => {
            shell::warning(format_args!(
                "a cached build can't be used, so cargo builds again: {error:#}"
            ));
            remove(folder);
            None
        }
    }
}

/// The size of a file, or of all files in a folder, in bytes.
pub fn size(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn folders_are_as_large_as_their_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/a"), [0; 100]).unwrap();
        std::fs::write(folder.path().join("b"), [0; 11]).unwrap();
        assert_eq!(size(folder.path()), 111);
    }
}
