//! The work tree as a git tree, and the files in which two trees differ.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use git2::{Delta, FileMode, Oid, Repository, StatusOptions};

use super::git::Repo;

/// Trees of a repository, and of its work tree. What is made of the work tree stays in memory.
pub struct Trees {
    repository: Repository,
}

/// A file in which two trees differ, relative to the top of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: PathBuf,
    /// Whether it is a file wherever it is there: no link, no submodule.
    pub plain: bool,
    /// Its first bytes in the earlier tree.
    pub before: Vec<u8>,
}

/// Priority above git's own stores of objects.
const FIRST: i32 = 1000;

/// Bytes of a file that tell it from others.
const SAMPLE: usize = 64;

impl Trees {
    pub fn open(repo: &Repo) -> Result<Self> {
        // Opened again: the index below is changed, and must not be what others see.
        let repository =
            Repository::open(repo.repository.path()).context("open the git repository")?;
        repository
            .odb()
            .and_then(|objects| objects.add_new_mempack_backend(FIRST).map(drop))
            .context("keep git objects in memory")?;
        Ok(Self { repository })
    }

    /// The tree that a commit of everything in the work tree would have; `None` where that can't be
    /// said: a changed submodule, an unresolved merge, no commit yet.
    pub fn of_work_tree(&self) -> Result<Option<String>> {
        let mut options = StatusOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_ignored(false);
        let Ok(head) = self.repository.head().and_then(|it| it.peel_to_tree()) else {
            return Ok(None);
        };
        let Some(top) = self.repository.workdir() else {
            return Ok(None);
        };
        let read = "compare the work tree with git";
        let statuses = self.repository.statuses(Some(&mut options)).context(read)?;
        if statuses.is_empty() {
            return Ok(Some(head.id().to_string()));
        }
        let mut index = self.repository.index().context(read)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        for entry in statuses.iter() {
            let Ok(path) = std::str::from_utf8(entry.path_bytes()).map(Path::new) else {
                return Ok(None);
            };
            let entered = match top.join(path).symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => return Ok(None),
                Ok(_) => index.add_path(path),
                Err(_) => index.remove_path(path),
            };
            // A file that can't be read, or changes right now.
            if entered.is_err() {
                return Ok(None);
            }
        }
        let tree = index.write_tree_to(&self.repository);
        Ok(tree.ok().map(|tree| tree.to_string()))
    }

    /// The files in which two trees differ. Fails where either is not in this repository.
    pub fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>> {
        let tree = |id: &str| self.repository.find_tree(Oid::from_str(id)?);
        let read = "compare two trees";
        let (from, to) = (tree(from).context(read)?, tree(to).context(read)?);
        let diff = self
            .repository
            .diff_tree_to_tree(Some(&from), Some(&to), None)
            .context(read)?;
        let mut changes = Vec::new();
        for delta in diff.deltas() {
            let sides = [delta.old_file(), delta.new_file()];
            let path = sides.iter().find_map(git2::DiffFile::path);
            let is_plain = |file: &git2::DiffFile<'_>| {
                matches!(
                    file.mode(),
                    FileMode::Blob | FileMode::BlobExecutable | FileMode::Unreadable
                )
            };
            let known = matches!(
                delta.status(),
                Delta::Added | Delta::Deleted | Delta::Modified
            );
            let blob = self.repository.find_blob(sides[0].id());
            let before = blob.map_or_else(
                |_| Vec::new(),
                |blob| blob.content().iter().copied().take(SAMPLE).collect(),
            );
            changes.push(Change {
                path: path.context("a change without a path")?.to_path_buf(),
                plain: known && sides.iter().all(is_plain),
                before,
            });
        }
        Ok(changes)
    }
}
