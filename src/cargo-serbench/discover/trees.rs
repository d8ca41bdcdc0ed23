//! The work tree as a git tree, and the differences between two trees.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use git2::{Delta, FileMode, Oid, Repository, StatusOptions};

use super::git::Repo;

/// The trees of a repository and of its work tree. Objects created for the work tree stay in memory.
pub struct Trees {
    repository: Repository,
}

/// A file that differs between two trees, relative to the root of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: PathBuf,
    /// Whether it is a regular file in both trees that have it, not a link or submodule.
    pub plain: bool,
    /// Its content in either tree.
    before: Oid,
    after: Oid,
}

/// Higher priority than git's own object stores.
const FIRST: i32 = 1000;

impl Trees {
    pub fn open(repo: &Repo) -> Result<Self> {
        // Open it again: the index is changed below, which other code must not see.
        let repository = Repository::open(repo.repository.path())
            .context("failed to open the git repository")?;
        repository
            .odb()
            .and_then(|objects| objects.add_new_mempack_backend(FIRST).map(drop))
            .context("failed to keep git objects in memory")?;
        Ok(Self { repository })
    }

    /// The tree that a commit of everything in the work tree would have, except changes to files that are
    /// `left_out`; `None` if it can't be determined: a changed submodule, an unresolved merge, no commit
    /// yet.
    pub fn of_work_tree(&self, left_out: impl Fn(&Path) -> bool) -> Result<Option<String>> {
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
        let read = "failed to compare the work tree with git";
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
            if left_out(path) {
                continue;
            }
            let entered = match top.join(path).symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => return Ok(None),
                Ok(_) => index.add_path(path),
                Err(_) => index.remove_path(path),
            };
            // A file that can't be read, or is being changed.
            if entered.is_err() {
                return Ok(None);
            }
        }
        let tree = index.write_tree_to(&self.repository);
        Ok(tree.ok().map(|tree| tree.to_string()))
    }

    /// The files that differ between two trees. Fails if this repository lacks one of them.
    pub fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>> {
        let tree = |id: &str| self.repository.find_tree(Oid::from_str(id)?);
        let read = "failed to compare two trees";
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
            changes.push(Change {
                path: path.context("a change without a path")?.to_path_buf(),
                plain: known && sides.iter().all(is_plain),
                before: sides[0].id(),
                after: sides[1].id(),
            });
        }
        Ok(changes)
    }

    /// The content of a changed file in both trees; empty where it is missing.
    pub fn contents(&self, change: &Change) -> [Vec<u8>; 2] {
        [change.before, change.after].map(|id| {
            let blob = self.repository.find_blob(id);
            blob.map_or_else(|_| Vec::new(), |blob| blob.content().to_vec())
        })
    }
}
