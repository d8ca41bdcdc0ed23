//! Reads the git repository: revisions, commits, trees, ancestors.

use std::{
    cell::Cell,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use git2::{
    ErrorCode, ObjectType, Oid, Repository, StatusOptions, Tree, TreeWalkMode, TreeWalkResult,
};

/// The repository that contains the workspace.
pub struct Repo {
    pub(super) repository: Repository,
    /// The workspace's folder relative to the root of the work tree.
    pub(super) prefix: PathBuf,
    /// Whether the work tree was found to have the content of its files.
    pub(super) checked: Cell<bool>,
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
    /// The first ten digits, for messages.
    pub fn short(&self) -> &str {
        short(&self.sha)
    }
}

/// The first ten digits of a hash.
pub fn short(sha: &str) -> &str {
    // The hash may come from an edited file, so it can be any text.
    sha.get(..10).unwrap_or(sha)
}

/// Opens the repository around `workspace`; `None` if there is none.
pub fn open(workspace: &Path) -> Result<Option<Repo>> {
    let repository = match Repository::discover(workspace) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) if error.code() == ErrorCode::Owner => bail!(
            "the git repository around {} belongs to another user, so git does not read it; \
             trust it with `git config --global --add safe.directory {}`",
            workspace.display(),
            top_of(workspace).display()
        ),
        Err(error) => return Err(error).context("failed to open the git repository"),
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
    Ok(Some(Repo {
        repository,
        prefix,
        checked: Cell::new(false),
    }))
}

/// The nearest parent folder of `workspace` with a repository.
fn top_of(workspace: &Path) -> &Path {
    let mut folders = workspace.ancestors();
    folders
        .find(|folder| folder.join(".git").exists())
        .unwrap_or(workspace)
}

impl Repo {
    /// The root of the work tree.
    pub fn top(&self) -> PathBuf {
        let top = self.repository.workdir().unwrap_or(Path::new("."));
        top.canonicalize().unwrap_or_else(|_| top.to_path_buf())
    }

    /// The root of an extracted tree whose workspace is at `root`.
    pub fn top_of(&self, root: &Path) -> PathBuf {
        let depth = self.prefix.components().count();
        let top = root.ancestors().nth(depth).unwrap_or(root);
        top.canonicalize().unwrap_or_else(|_| top.to_path_buf())
    }

    /// The workspace's folder relative to the root of the work tree or an extracted tree.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The commit at HEAD; `None` before the first commit.
    pub fn head(&self) -> Result<Option<Commit>> {
        match self.repository.head() {
            Ok(head) => {
                let commit = head.peel_to_commit().context("failed to read HEAD")?;
                Ok(Some(describe(&commit)))
            }
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                Ok(None)
            }
            Err(error) => Err(error).context("failed to read HEAD"),
        }
    }

    /// The commit of any git revision.
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

    /// How to fetch a missing commit; empty if unknown. Each command names the local
    /// branch to write: a clone of one branch, or by actions/checkout, fetches no other by default.
    fn way_to(&self, revision: &str) -> String {
        let shallow = self.repository.is_shallow();
        // `HEAD~1` and the like can't be fetched from a remote.
        if revision.contains(['~', '^', '@', ':']) || revision == "HEAD" {
            return match shallow {
                true => {
                    "\nthis clone is shallow: `git fetch --deepen=1` fetches one more commit of \
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
            "\n{clone}`git fetch{depth} origin {what}` fetches it as `{name}` if the remote has it"
        )
    }

    /// The files in which the work tree differs from HEAD, tracked or not ignored, relative
    /// to the workspace. Files for which `ours` is true are left out: writing a
    /// record must not count as a change.
    pub fn changes(&self, ours: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
        self.differences(true, ours)
    }

    /// The same for tracked files only.
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
            .context("failed to compare the work tree with git")?;
        let changed = statuses.iter().map(|entry| {
            let path = PathBuf::from(&*String::from_utf8_lossy(entry.path_bytes()));
            match path.strip_prefix(&self.prefix) {
                Ok(inner) => inner.to_path_buf(),
                Err(_) => path,
            }
        });
        Ok(changed.filter(|path| !ours(path)).collect())
    }

    /// The merge base of two commits.
    pub fn merge_base(&self, one: &Commit, other: &Commit) -> Result<Option<Commit>> {
        match self
            .repository
            .merge_base(Oid::from_str(&one.sha)?, Oid::from_str(&other.sha)?)
        {
            Ok(base) => Ok(Some(describe(&self.repository.find_commit(base)?))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).context("failed to look for the merge base"),
        }
    }

    /// The default branch: the remote's, or main, or master.
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

    /// Full hashes of first-parent ancestors of `from`, starting with itself. Ends early in a shallow
    /// clone.
    pub fn first_parents(&self, from: &Commit) -> Result<impl Iterator<Item = String>> {
        let mut walk = self
            .repository
            .revwalk()
            .context("failed to walk the history")?;
        walk.simplify_first_parent()?;
        walk.push(Oid::from_str(&from.sha)?)?;
        Ok(walk.map_while(|commit| Some(commit.ok()?.to_string())))
    }

    /// The id that a commit's tree would have without `folder`, relative to the workspace. It is
    /// equal for commits that differ only in that folder.
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
            // The mode git uses for trees.
            write!(object, "{:o} ", entry.filemode_raw())?;
            object.extend([entry.name_bytes(), b"\0", id.as_bytes()].concat());
        }
        Ok(Oid::hash_object(ObjectType::Tree, &object)?)
    }

    /// Whether the history is incomplete, as in most CI jobs.
    pub fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }

    /// The text of a file at a commit, relative to the workspace; `None` if it does not
    /// exist.
    pub fn file(&self, commit: &Commit, path: &Path) -> Result<Option<String>> {
        let tree = self.repository.find_tree(Oid::from_str(&commit.tree)?)?;
        let entry = match tree.get_path(&self.prefix.join(path)) {
            Ok(entry) => entry,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error).context("failed to read a commit"),
        };
        if entry.kind() != Some(ObjectType::Blob) {
            return Ok(None);
        }
        let blob = self.repository.find_blob(entry.id()).with_context(|| {
            format!(
                "failed to read {} of commit {}; in a partial clone, fetch it with `git show {}:{}`",
                path.display(),
                commit.short(),
                commit.short(),
                self.prefix.join(path).display()
            )
        })?;
        Ok(Some(String::from_utf8_lossy(blob.content()).into_owned()))
    }

    /// Whether a file called `name`, in any folder at a commit, contains `text`. True if a file can't be read.
    pub fn mentions(&self, commit: &Commit, name: &str, text: &[u8]) -> Result<bool> {
        let tree = self.repository.find_tree(Oid::from_str(&commit.tree)?)?;
        let mut found = false;
        let contains = |blob: &git2::Blob<'_>| {
            let mut windows = blob.content().windows(text.len());
            windows.any(|window| window == text)
        };
        tree.walk(TreeWalkMode::PreOrder, |_, entry| {
            if entry.name_bytes() == name.as_bytes() {
                let blob = self.repository.find_blob(entry.id());
                found |= blob.map_or(true, |blob| contains(&blob));
            }
            TreeWalkResult::Ok
        })?;
        Ok(found)
    }

    /// The files directly in a folder at a commit, relative to the workspace, with
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

    /// The commit with a full hash, if this clone has it.
    pub fn commit(&self, sha: &str) -> Option<Commit> {
        let commit = self.repository.find_commit(Oid::from_str(sha).ok()?).ok()?;
        Some(describe(&commit))
    }
}

/// The refspec that fetches a branch of the remote as `origin/BRANCH`.
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
