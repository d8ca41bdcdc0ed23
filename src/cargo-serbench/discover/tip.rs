//! Commits files on top of a remote branch and pushes them, without touching the work tree, the index or any
//! local branch.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use git2::{FileMode, Oid, Signature, build::TreeUpdateBuilder};

use super::git::{Commit, Repo};

/// A branch of a remote.
#[derive(Clone, Copy, Debug)]
pub struct Branch<'a> {
    pub remote: &'a str,
    pub name: &'a str,
}

impl std::fmt::Display for Branch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.remote, self.name)
    }
}

impl Repo {
    /// The checked-out branch; `None` if HEAD is detached.
    pub fn branch(&self) -> Option<String> {
        let head = self.repository.head().ok()?;
        let name = head.shorthand().ok().filter(|_| head.is_branch())?;
        Some(name.to_owned())
    }

    /// The latest commit of a remote branch, fetched.
    pub fn tip(&self, branch: Branch<'_>) -> Result<Commit> {
        let Branch { remote, name } = branch;
        let tracking = format!("refs/remotes/{remote}/{name}");
        let refspec = format!("+refs/heads/{name}:{tracking}");
        let fetched = self.git(&["fetch", "--quiet", "--no-tags", remote, &refspec])?;
        if !fetched.status.success() {
            bail!("can't fetch {branch}: {}", said(&fetched));
        }
        self.resolve(&tracking)
    }

    /// A commit of `files` (path relative to the workspace, content) on top of `tip`; `None` if it has them
    /// all.
    pub fn commit_on(
        &self,
        tip: &Commit,
        files: &[(PathBuf, Vec<u8>)],
        message: &str,
    ) -> Result<Option<String>> {
        let repository = &self.repository;
        let parent = repository.find_commit(Oid::from_str(&tip.sha)?)?;
        let mut update = TreeUpdateBuilder::new();
        for (file, content) in files {
            let blob = repository.blob(content)?;
            let path: &Path = &self.prefix.join(file);
            update.upsert(path, blob, FileMode::Blob);
        }
        let tree = update.create_updated(repository, &parent.tree()?)?;
        if tree == parent.tree_id() {
            return Ok(None);
        }
        let author = repository
            .signature()
            .or_else(|_| Signature::now("serbench", "serbench@users.noreply.github.com"))?;
        let tree = repository.find_tree(tree)?;
        let commit = repository.commit(None, &author, &author, message, &tree, &[&parent])?;
        Ok(Some(commit.to_string()))
    }

    /// Pushes a commit; what git says if the remote rejects it.
    pub fn push(&self, commit: &str, branch: Branch<'_>) -> Result<Result<(), String>> {
        let refspec = format!("{commit}:refs/heads/{}", branch.name);
        let pushed = self.git(&["push", "--quiet", branch.remote, &refspec])?;
        Ok(match pushed.status.success() {
            true => Ok(()),
            false => Err(said(&pushed)),
        })
    }

    fn git(&self, arguments: &[&str]) -> Result<Output> {
        let command = format!("git {}", arguments.join(" "));
        Command::new("git")
            .args(arguments)
            .current_dir(self.top())
            .output()
            .with_context(|| format!("failed to run `{command}`"))
    }
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.trim().to_owned()
}
