//! The repository: revisions to commits, commits to source trees, ancestors.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use git2::{ErrorCode, ObjectType, Oid, Repository, StatusOptions, Tree};

/// The repository that a workspace lies in.
pub struct Repo {
    pub(super) repository: Repository,
    /// The workspace's folder relative to the top of the work tree.
    pub(super) prefix: PathBuf,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Full hash.
    pub sha: String,
    /// Full hash of its tree.
    pub tree: String,
    /// First line of its message.
    pub subject: String,
}

impl Commit {
    /// The first ten digits, as people quote them.
    pub fn short(&self) -> &str {
        short(&self.sha)
    }
}

/// The first ten digits of a hash.
pub fn short(sha: &str) -> &str {
    // Files can be edited, so it may be no hash at all.
    sha.get(..10).unwrap_or(sha)
}

/// Opens the repository around `workspace`; `None` when there is none.
pub fn open(workspace: &Path) -> Result<Option<Repo>> {
    let repository = match Repository::discover(workspace) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) if error.code() == ErrorCode::Owner => bail!(
            "the git repository around {} belongs to another user, so git does not read it; \
             `git config --global --add safe.directory {}` lets it",
            workspace.display(),
            top_of(workspace).display()
        ),
        Err(error) => return Err(error).context("open the git repository"),
    };
    let Some(top) = repository.workdir() else {
        bail!(
            "{} is a bare repository; run in a work tree",
            repository.path().display()
        );
    };
    let inner = fs::canonicalize(workspace)?;
    let prefix = inner
        .strip_prefix(fs::canonicalize(top)?)
        .map(Path::to_path_buf)
        .with_context(|| format!("{} is outside the work tree", workspace.display()))?;
    Ok(Some(Repo { repository, prefix }))
}

/// The nearest folder around `workspace` that holds a repository.
fn top_of(workspace: &Path) -> &Path {
    let mut folders = workspace.ancestors();
    folders
        .find(|folder| folder.join(".git").exists())
        .unwrap_or(workspace)
}

impl Repo {
    /// The top folder of the work tree.
    pub fn top(&self) -> PathBuf {
        let top = self.repository.workdir().unwrap_or(Path::new("."));
        top.canonicalize().unwrap_or_else(|_| top.to_path_buf())
    }

    /// The top of an extracted tree in which the workspace is at `root`.
    pub fn top_of(&self, root: &Path) -> PathBuf {
        let depth = self.prefix.components().count();
        let top = root.ancestors().nth(depth).unwrap_or(root);
        top.canonicalize().unwrap_or_else(|_| top.to_path_buf())
    }

    /// The folder that the workspace has in an extracted tree or the work tree, whose top is `top`.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The commit checked out; `None` before the first.
    pub fn head(&self) -> Result<Option<Commit>> {
        match self.repository.head() {
            Ok(head) => {
                let commit = head.peel_to_commit().context("read HEAD")?;
                Ok(Some(describe(&commit)))
            }
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                Ok(None)
            }
            Err(error) => Err(error).context("read HEAD"),
        }
    }

    /// The commit that any git revision names.
    pub fn resolve(&self, revision: &str) -> Result<Commit> {
        let found = self
            .repository
            .revparse_single(revision)
            .and_then(|it| it.peel_to_commit());
        found.map(|commit| describe(&commit)).map_err(|error| {
            let way_out = self.way_to(revision);
            anyhow!(
                "no commit `{revision}` in this clone ({}){way_out}",
                error.message()
            )
        })
    }

    /// How to fetch a missing commit; empty if there is none. Each command names where
    /// the commit goes: a clone of one branch, or of actions/checkout, fetches no other by itself.
    fn way_to(&self, revision: &str) -> String {
        let shallow = self.repository.is_shallow();
        // A remote can't be asked for `HEAD~1` and the like.
        if revision.contains(['~', '^', '@', ':']) || revision == "HEAD" {
            return match shallow {
                true => {
                    "\nthis clone is shallow: `git fetch --deepen=1` brings one commit more of \
                         its history, `git fetch --unshallow` all of it"
                        .to_owned()
                }
                false => String::new(),
            };
        }
        let depth = if shallow { " --unshallow" } else { "" };
        let is_hash = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (what, name) = match revision.strip_prefix("origin/") {
            Some(branch) => (tracking(branch), revision.to_owned()),
            None if is_hash => (revision.to_owned(), revision.to_owned()),
            None => (tracking(revision), format!("origin/{revision}")),
        };
        let clone = if shallow {
            "this clone is shallow: "
        } else {
            ""
        };
        format!(
            "\n{clone}`git fetch{depth} origin {what}` brings it as `{name}` if the remote has it"
        )
    }

    /// The files in which the work tree differs from the commit checked out, of all that git would
    /// track, relative to the workspace. Those for which `ours` is true are left out: writing a
    /// record must not be a change.
    pub fn changes(&self, ours: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
        self.differences(true, ours)
    }

    /// The same for files that git tracks already.
    pub fn is_modified(&self, ours: impl Fn(&Path) -> bool) -> Result<bool> {
        Ok(!self.differences(false, ours)?.is_empty())
    }

    fn differences(&self, untracked: bool, ours: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
        let mut options = StatusOptions::new();
        options
            .include_untracked(untracked)
            .recurse_untracked_dirs(untracked)
            .include_ignored(false);
        let statuses = self
            .repository
            .statuses(Some(&mut options))
            .context("compare the work tree with git")?;
        let changed = statuses.iter().map(|entry| {
            let path = PathBuf::from(&*String::from_utf8_lossy(entry.path_bytes()));
            match path.strip_prefix(&self.prefix) {
                Ok(inner) => inner.to_path_buf(),
                Err(_) => path,
            }
        });
        Ok(changed.filter(|path| !ours(path)).collect())
    }

    /// The best common ancestor of two commits.
    pub fn merge_base(&self, one: &Commit, other: &Commit) -> Result<Option<Commit>> {
        match self
            .repository
            .merge_base(Oid::from_str(&one.sha)?, Oid::from_str(&other.sha)?)
        {
            Ok(base) => Ok(Some(describe(&self.repository.find_commit(base)?))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).context("look for the merge base"),
        }
    }

    /// The default branch: the remote's, else main or master.
    pub fn default_branch(&self) -> Option<String> {
        let remote = || {
            let reference = self
                .repository
                .find_reference("refs/remotes/origin/HEAD")
                .ok()?;
            let target = reference.symbolic_target().ok().flatten()?;
            Some(target.strip_prefix("refs/remotes/")?.to_owned())
        };
        let exists = |name: &&str| self.repository.revparse_single(name).is_ok();
        remote().or_else(|| {
            ["origin/main", "origin/master", "main", "master"]
                .into_iter()
                .find(exists)
                .map(str::to_owned)
        })
    }

    /// First-parent ancestors of `from`, itself first, as full hashes. A shallow clone's ends
    /// where its history does.
    pub fn first_parents(&self, from: &Commit) -> Result<impl Iterator<Item = String>> {
        let mut walk = self.repository.revwalk().context("walk the history")?;
        walk.simplify_first_parent()?;
        walk.push(Oid::from_str(&from.sha)?)?;
        Ok(walk.map_while(|commit| Some(commit.ok()?.to_string())))
    }

    /// The id that a commit's tree would have without `folder`, named relative to the workspace:
    /// the same for commits that differ in it alone.
    pub fn tree_without(&self, commit: &Commit, folder: &str) -> Result<String> {
        let tree = self.repository.find_tree(Oid::from_str(&commit.tree)?)?;
        let path: Vec<_> = self.prefix.iter().chain([OsStr::new(folder)]).collect();
        Ok(self.without(&tree, &path)?.to_string())
    }

    fn without(&self, tree: &Tree<'_>, path: &[&OsStr]) -> Result<Oid> {
        let mut object = Vec::new();
        for entry in tree {
            let mut id = entry.id();
            if let [name, inner @ ..] = path
                && name.as_bytes() == entry.name_bytes()
            {
                match inner {
                    [] => continue,
                    [_, ..] => {
                        if let Ok(tree) = self.repository.find_tree(id) {
                            id = self.without(&tree, inner)?;
                        }
                    }
                }
            }
            // As git stores a tree.
            write!(object, "{:o} ", entry.filemode_raw())?;
            object.extend([entry.name_bytes(), b"\0", id.as_bytes()].concat());
        }
        Ok(Oid::hash_object(ObjectType::Tree, &object)?)
    }

    /// Whether the history ends early, as in most CI jobs.
    pub fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }

    /// The text of a file, named relative to the workspace, as a commit has it; `None` when it has
    /// no such file.
    pub fn file(&self, commit: &Commit, path: &Path) -> Result<Option<String>> {
        let tree = self.repository.find_tree(Oid::from_str(&commit.tree)?)?;
        let entry = match tree.get_path(&self.prefix.join(path)) {
            Ok(entry) => entry,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error).context("read a commit"),
        };
        if entry.kind() != Some(ObjectType::Blob) {
            return Ok(None);
        }
        let blob = self.repository.find_blob(entry.id()).with_context(|| {
            format!(
                "read {} of commit {}; in a partial clone `git show {}:{}` fetches it",
                path.display(),
                commit.short(),
                commit.short(),
                self.prefix.join(path).display()
            )
        })?;
        Ok(Some(String::from_utf8_lossy(blob.content()).into_owned()))
    }

    /// The files right in a folder, named relative to the workspace, as a commit has them, with
    /// their text.
    pub fn files(&self, commit: &Commit, folder: &Path) -> Result<Vec<(PathBuf, String)>> {
        let tree = self.repository.find_tree(Oid::from_str(&commit.tree)?)?;
        let Ok(entry) = tree.get_path(&self.prefix.join(folder)) else {
            return Ok(Vec::new());
        };
        let Ok(inner) = self.repository.find_tree(entry.id()) else {
            return Ok(Vec::new());
        };
        let mut files = Vec::new();
        for entry in &inner {
            let path = folder.join(OsStr::from_bytes(entry.name_bytes()));
            files.extend(self.file(commit, &path)?.map(|text| (path, text)));
        }
        Ok(files)
    }

    /// A commit by its full hash, if it is here.
    pub fn commit(&self, sha: &str) -> Option<Commit> {
        let commit = self.repository.find_commit(Oid::from_str(sha).ok()?).ok()?;
        Some(describe(&commit))
    }
}

/// What to fetch so that a branch of the remote is there as `origin/BRANCH`.
pub fn tracking(branch: &str) -> String {
    format!("{branch}:refs/remotes/origin/{branch}")
}

fn describe(commit: &git2::Commit<'_>) -> Commit {
    Commit {
        sha: commit.id().to_string(),
        tree: commit.tree_id().to_string(),
        subject: commit
            .summary()
            .ok()
            .flatten()
            .unwrap_or_default()
            .to_owned(),
    }
}
