//! The repository: revisions to commits, commits to source trees, ancestors.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result, anyhow, bail};
use git2::{ErrorCode, ObjectType, Oid, Repository, StatusOptions, TreeWalkMode, TreeWalkResult};

/// The repository that a workspace lies in.
pub struct Repo {
    repository: Repository,
    /// The workspace's folder relative to the top of the work tree.
    prefix: PathBuf,
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

impl Repo {
    /// The commit checked out; `None` before the first.
    pub fn head(&self) -> Result<Option<Commit>> {
        match self.repository.head() {
            Ok(head) => {
                let commit = head
                    .peel_to_commit()
                    .context("read the commit checked out")?;
                Ok(Some(describe(&commit)))
            }
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                Ok(None)
            }
            Err(error) => Err(error).context("read the commit checked out"),
        }
    }

    /// The commit that `revision` names, in any of git's ways.
    pub fn resolve(&self, revision: &str) -> Result<Commit> {
        let found = self
            .repository
            .revparse_single(revision)
            .and_then(|it| it.peel_to_commit());
        found.map(|commit| describe(&commit)).map_err(|error| {
            let way_out = self.way_to(revision);
            anyhow!("no commit `{revision}` here ({}){way_out}", error.message())
        })
    }

    /// How to get a commit that is not here; nothing where there is no way.
    fn way_to(&self, revision: &str) -> String {
        let named = revision.strip_prefix("origin/").unwrap_or(revision);
        // `HEAD~1` and the like are nothing that a remote could be asked for.
        let relative = revision.contains(['~', '^', '@', ':']) || revision == "HEAD";
        match (self.repository.is_shallow(), relative) {
            (true, true) => "\nthis clone is shallow: `git fetch --deepen=1` brings one commit \
                             more of its history, `git fetch --unshallow` all of it"
                .to_owned(),
            (true, false) => format!(
                "\nthis clone is shallow: `git fetch --depth=1 origin {named}` brings the commit, \
                 `git fetch --unshallow` all of them"
            ),
            (false, true) => String::new(),
            (false, false) => {
                format!("\n`git fetch origin {named}` brings it if the remote has it")
            }
        }
    }

    /// The files in which the work tree differs from the commit checked out, of all that git would
    /// track, relative to the workspace. Those for which `ours` is true are left out: writing a
    /// record must not be a change.
    pub fn changes(&self, ours: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
        let mut options = StatusOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
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

    /// Writes the commit's files to a folder below `sources`, named after its tree, and returns
    /// the workspace in it. Only what is in git comes along. A tree that is there already is used
    /// again: it appears under its name only when it is complete.
    pub fn extract(&self, commit: &Commit, sources: &Path) -> Result<PathBuf> {
        let folder = sources.join(&commit.tree[..16]);
        if !folder.exists() {
            fs::create_dir_all(sources).with_context(|| format!("make {}", sources.display()))?;
            let staging = tempfile::tempdir_in(sources).context("make a folder for the source")?;
            self.write_tree(commit, staging.path())
                .with_context(|| format!("extract the source of {}", commit.short()))?;
            fs::rename(staging.keep(), &folder)
                .with_context(|| format!("move the source to {}", folder.display()))?;
        }
        // For who removes what was not used for long.
        let _ = fs::File::open(&folder).and_then(|it| it.set_modified(SystemTime::now()));
        Ok(folder.join(&self.prefix))
    }

    fn write_tree(&self, commit: &Commit, to: &Path) -> Result<()> {
        let tree = self.repository.find_tree(Oid::from_str(&commit.tree)?)?;
        let mut failure = None;
        tree.walk(TreeWalkMode::PreOrder, |parent, entry| {
            match self.write_entry(&to.join(parent), entry) {
                Ok(()) => TreeWalkResult::Ok,
                Err(error) => {
                    failure = Some(error);
                    TreeWalkResult::Abort
                }
            }
        })
        .map_or_else(
            |error| Err(failure.take().unwrap_or_else(|| error.into())),
            Ok,
        )
    }

    fn write_entry(&self, folder: &Path, entry: &git2::TreeEntry<'_>) -> Result<()> {
        let name = entry.name().context("a file name is not UTF-8")?;
        let path = folder.join(name);
        match entry.kind() {
            Some(ObjectType::Tree) => fs::create_dir(&path)?,
            Some(ObjectType::Blob) => {
                let blob = self.repository.find_blob(entry.id())?;
                write_file(&path, blob.content(), entry.filemode())?;
            }
            // A submodule: its files are in another repository.
            Some(ObjectType::Commit | ObjectType::Tag | ObjectType::Any) | None => {}
        }
        Ok(())
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

    /// The default branch: as configured, else the remote's, else main or master.
    pub fn default_branch(&self, configured: Option<&str>) -> Option<String> {
        let remote = || {
            let reference = self
                .repository
                .find_reference("refs/remotes/origin/HEAD")
                .ok()?;
            let target = reference.symbolic_target().ok().flatten()?;
            Some(target.strip_prefix("refs/remotes/")?.to_owned())
        };
        let exists = |name: &&str| self.repository.revparse_single(name).is_ok();
        configured.map(str::to_owned).or_else(remote).or_else(|| {
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
            Err(error) => return Err(error).context("look into a commit"),
        };
        let blob = self.repository.find_blob(entry.id())?;
        Ok(Some(String::from_utf8_lossy(blob.content()).into_owned()))
    }

    /// The subject and the author's date (RFC 3339 day) of a commit, if it is here.
    pub fn commit(&self, sha: &str) -> Option<Commit> {
        let commit = self.repository.find_commit(Oid::from_str(sha).ok()?).ok()?;
        Some(describe(&commit))
    }
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

fn write_file(path: &Path, content: &[u8], mode: i32) -> Result<()> {
    const LINK: i32 = 0o120_000;
    const EXECUTABLE: i32 = 0o100_755;
    if mode == LINK {
        return Ok(symlink(
            Path::new(&*String::from_utf8_lossy(content)),
            path,
        )?);
    }
    fs::write(path, content)?;
    if mode == EXECUTABLE {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
