//! Extracts a commit's files as `git checkout` would, including filters and line endings.
//!
//! git does the work, because filters are programs, which libgit2 does not run.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs::{self, File},
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use git2::{Oid, Repository};

use super::git::{Commit, Repo, short};
use crate::{atomic, interrupt, shell};

/// A repository (the outermost one or a submodule's), and the folder for its files.
struct Checkout<'a> {
    repository: &'a Repository,
    /// The folder for the files.
    to: PathBuf,
    /// git's index for that folder, kept so that next time only changed files are written.
    index: PathBuf,
    /// Its name in messages: empty, or the submodule's path with a slash.
    name: String,
    /// Locked while files are written, also by git, which may outlive a killed run.
    lock: Option<&'a File>,
}

/// An entry that git stores by reference only: a submodule.
struct Link {
    commit: String,
    path: PathBuf,
}

impl Repo {
    /// Writes the commit's files to a folder in `sources` named after its tree, and returns
    /// the workspace in it. Existing files are checked and rewritten if they
    /// differ.
    pub fn extract(&self, commit: &Commit, sources: &Path) -> Result<PathBuf> {
        let folder = folder_of_sources(sources).join(&commit.tree[..16]);
        let top = folder.join("tree");
        let lock = lock(&folder)?;
        let checkout = Checkout {
            repository: &self.repository,
            to: top.clone(),
            index: folder.join("index"),
            name: String::new(),
            lock: Some(&lock),
        };
        checkout
            .write(&commit.tree)
            .with_context(|| format!("failed to extract the source of {}", commit.short()))?;
        self.check_work_tree()?;
        // `prune` removes the least recently used.
        let _ = fs::File::open(&folder).and_then(|it| it.set_modified(SystemTime::now()));
        Ok(top.join(&self.prefix))
    }

    /// Rejects git-lfs pointers in the work tree: they would be compared with content.
    fn check_work_tree(&self) -> Result<()> {
        let top = self.repository.workdir();
        let Some(top) = top.filter(|_| !self.checked.get()) else {
            return Ok(());
        };
        let checkout = Checkout {
            repository: &self.repository,
            to: top.to_path_buf(),
            index: self.repository.path().join("index"),
            name: String::new(),
            lock: None,
        };
        checkout.check_filters(&checkout.entries()?)?;
        self.checked.set(true);
        Ok(())
    }
}

/// The folder for extracted trees. Cargo looks for a workspace in all parent folders of a package, up to
/// one called `target/package`: a commit must not become part of the workspace around it.
pub fn folder_of_sources(sources: &Path) -> PathBuf {
    sources.join("target").join("package")
}

impl Checkout<'_> {
    fn write(&self, tree: &str) -> Result<()> {
        let settings = self.settings()?;
        let settings_file = beside(&self.index, ".settings");
        if fs::read(&settings_file).ok() != Some(settings.clone()) || !self.index.exists() {
            // Left by a killed run, so possibly incomplete, or written with
            // other filters.
            remove_folder(&self.to)?;
            let _ = fs::remove_file(&self.index);
        }
        fs::create_dir_all(&self.to)
            .with_context(|| format!("failed to make {}", self.to.display()))?;
        let _ = fs::remove_file(beside(&self.index, ".lock"));
        self.check_names(tree)?;
        self.git(&["read-tree", "--reset", "-u", tree], &[])?;
        let entries = self.entries()?;
        self.check_filters(&entries)?;
        atomic::write(&settings_file, &settings)
            .with_context(|| format!("failed to write {}", settings_file.display()))?;
        for link in links(&entries) {
            self.submodule(&link)?;
        }
        Ok(())
    }

    /// Everything that affects how files are written, except attributes in the tree.
    fn settings(&self) -> Result<Vec<u8>> {
        let mut settings = Vec::new();
        for (name, value) in self.configured(r"^(filter\..*|core\.(autocrlf|eol))$")? {
            settings.extend(format!("{name}={value}\n").into_bytes());
        }
        let attributes = self.repository.commondir().join("info/attributes");
        settings.extend(fs::read(attributes).unwrap_or_default());
        Ok(settings)
    }

    /// The effective entries of git's configuration whose names match a regular expression.
    fn configured(&self, pattern: &str) -> Result<BTreeMap<String, String>> {
        let config = self.repository.config().and_then(|mut it| it.snapshot())?;
        let mut entries = config.entries(Some(pattern))?;
        let mut found = BTreeMap::new();
        while let Some(entry) = entries.next() {
            let name = String::from_utf8_lossy(entry?.name_bytes()).into_owned();
            let value = config.get_entry(&name)?;
            let value = value.has_value().then(|| value.value_bytes().to_vec());
            let value = String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
            found.insert(name, value);
        }
        Ok(found)
    }

    /// Rejects a tree with two entries of the same name: git would write either of them.
    fn check_names(&self, tree: &str) -> Result<()> {
        let entries = self.git(&["ls-tree", "-r", "-t", "-z", "--full-tree", tree], &[])?;
        let mut names = BTreeSet::new();
        for entry in entries.split(|byte| *byte == 0) {
            let tab = entry.iter().position(|byte| *byte == b'\t');
            let Some(name) = tab.map(|tab| &entry[tab + 1..]) else {
                continue;
            };
            ensure!(
                names.insert(name),
                "its tree contains {}{} twice, so which one to build is unclear; `git fsck` lists \
                 such trees; compare with another commit",
                self.name,
                String::from_utf8_lossy(name)
            );
        }
        Ok(())
    }

    fn git(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let mut command = Command::new("git");
        // Variables set by a git hook refer to the user's index.
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"GIT_") && !is_setting(&name) {
                command.env_remove(name);
            }
        }
        command
            .arg("--git-dir")
            .arg(self.repository.path())
            .arg("--work-tree")
            .arg(&self.to)
            .env("GIT_INDEX_FILE", &self.index)
            .env("GIT_TERMINAL_PROMPT", "0");
        for setting in [
            "core.bare=false",
            "core.fsmonitor=false",
            "core.sparseCheckout=false",
            "core.splitIndex=false",
            "submodule.recurse=false",
        ] {
            command.args(["-c", setting]);
        }
        // If an optional filter fails, git writes the unfiltered content.
        for (name, value) in self.configured(r"^filter\..*\.(smudge|process)$")? {
            if let (Some((filter, _)), false) = (name.rsplit_once('.'), value.is_empty()) {
                command.args(["-c", &format!("{filter}.required=true")]);
            }
        }
        let stdin = match self.lock.filter(|_| input.is_empty()) {
            // Empty, as the input is.
            Some(lock) => Stdio::from(
                lock.try_clone()
                    .context("failed to pass the lock on to git")?,
            ),
            None => Stdio::piped(),
        };
        command
            .args(arguments)
            .current_dir(&self.to)
            .env("LC_ALL", "C")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        run(command, input).with_context(|| format!("failed to run git {}", arguments[0]))
    }

    /// The entries of the index, each with a mode, a hash and a path, ended by zeros.
    fn entries(&self) -> Result<Vec<u8>> {
        self.git(&["ls-files", "-z", "--stage"], &[])
    }

    /// Rejects files that a filter should have written but did not.
    fn check_filters(&self, entries: &[u8]) -> Result<()> {
        let files: Vec<u8> = entries
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|entry| Some(&entry[entry.iter().position(|byte| *byte == b'\t')? + 1..]))
            .flatten()
            .copied()
            .collect();
        if files.is_empty() {
            return Ok(());
        }
        let attributes = ["check-attr", "--cached", "-z", "--stdin", "filter"];
        let answer = self.git(&attributes, &files)?;
        let fields: Vec<&[u8]> = answer.split(|byte| *byte == 0).collect();
        let config = self.repository.config().and_then(|mut it| it.snapshot())?;
        for fields in fields.chunks_exact(3) {
            let path = Path::new(OsStr::from_bytes(fields[0]));
            let filter = String::from_utf8_lossy(fields[2]);
            if matches!(&*filter, "unspecified" | "unset" | "set" | "") {
                continue;
            }
            let shown = format!("{}{}", self.name, path.display());
            let has = |key: &str| config.get_entry(&format!("filter.{filter}.{key}")).is_ok();
            ensure!(
                ["smudge", "process", "clean"].into_iter().any(has),
                "{shown} uses the git filter `{filter}`, which is not configured here, so it may \
                 contain a pointer instead of its content; configure the filter \
                 (`git lfs install && git lfs pull` for git-lfs) and check out the files again"
            );
            ensure!(
                &*filter != "lfs" || !is_pointer(&self.to.join(path)),
                "{shown} contains a git-lfs pointer instead of its content; \
                 fetch it with `git lfs pull`"
            );
        }
        Ok(())
    }

    fn submodule(&self, link: &Link) -> Result<()> {
        let name = format!("{}{}", self.name, link.path.display());
        let work_tree = self.repository.workdir().map(|top| top.join(&link.path));
        let inner = work_tree.as_ref().filter(|path| path.join(".git").exists());
        let stored = self.repository.commondir().join("modules").join(&link.path);
        let repository = match inner.map_or_else(|| Repository::open(stored), Repository::open) {
            Ok(repository) => repository,
            // Not checked out in the work tree either, so both sides lack it.
            Err(_) if work_tree.is_some_and(|path| path.is_dir()) => return Ok(()),
            Err(_) => {
                bail!("submodule `{name}` is not checked out; run `git submodule update --init`")
            }
        };
        let commit = Oid::from_str(&link.commit).and_then(|id| repository.find_commit(id));
        let Ok(commit) = commit else {
            bail!(
                "submodule `{name}` lacks its commit {}; `git submodule update --init` or \
                 `git -C {name} fetch origin {}` fetches it",
                short(&link.commit),
                link.commit
            );
        };
        let checkout = Checkout {
            repository: &repository,
            to: self.to.join(&link.path),
            index: self
                .index
                .with_file_name(format!("index-{}", name.replace('/', "-"))),
            name: format!("{name}/"),
            lock: self.lock,
        };
        checkout.write(&commit.tree_id().to_string())
    }
}

/// The submodules among entries of the index.
fn links(entries: &[u8]) -> Vec<Link> {
    let link = |entry: &[u8]| {
        let rest = entry.strip_prefix(b"160000 ")?;
        let (commit, path) = (rest.get(..40)?, rest.get(43..)?);
        Some(Link {
            commit: String::from_utf8_lossy(commit).into_owned(),
            path: PathBuf::from(OsStr::from_bytes(path)),
        })
    };
    entries.split(|byte| *byte == 0).filter_map(link).collect()
}

/// The path with something appended to its name, which may contain dots.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Locks a folder against other writers, as long as the file is open in this process or a git it started.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let path = folder.join("lock");
    let open = || {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        options.open(&path)
    };
    let file = open().with_context(|| format!("failed to open {}", path.display()))?;
    let mut announced = false;
    while file.try_lock().is_err() {
        if !announced {
            shell::status(
                "Waiting",
                format_args!(
                    "for git to finish, started by a killed run ({})",
                    shell::shown(&path).display()
                ),
            );
            announced = true;
        }
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

/// Whether a variable configures how git behaves, not where its repository is.
fn is_setting(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("GIT_CONFIG")
        || name.starts_with("GIT_SSH")
        || name.starts_with("GIT_TRACE")
        || name == "GIT_ASKPASS"
        || name == "GIT_EXEC_PATH"
}

fn run(mut command: Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command.spawn().context(
        "failed to start git, which writes the files of other commits; is it installed?",
    )?;
    let stdin = child.stdin.take();
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let (output, complaint) = std::thread::scope(|scope| -> Result<_> {
        // git writes while it reads; a full pipe on either side would block both.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        let complaint = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let mut output = Vec::new();
        let mut stdout = child.stdout.take().expect("stdout is piped");
        stdout
            .read_to_end(&mut output)
            .context("failed to read git's output")?;
        let complaint = complaint.join().expect("reading does not panic");
        Ok((output, complaint.context("failed to read git's output")?))
    })?;
    let status = child.wait().context("failed to wait for git")?;
    interrupt::check_ended(status)?;
    if !status.success() {
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        bail!("{complaint}{}", way_out(&complaint));
    }
    Ok(output)
}

/// How to fix what git reports.
fn way_out(complaint: &str) -> &'static str {
    if complaint.contains("promisor remote") {
        "\nthis clone is partial and its remote did not send these files: run again when it can be \
         reached; `git fetch --refetch --no-filter origin` completes the clone"
    } else if complaint.contains("smudge filter") {
        "\nthe filter failed (`git config --get-regexp '^filter'` shows its commands); fix it, \
         or `git config --unset` it and remove it from .gitattributes"
    } else {
        ""
    }
}

/// Whether a file starts like a git-lfs pointer (its specification, "The Pointer").
fn is_pointer(path: &Path) -> bool {
    const BEGIN: &[u8] = b"version https://git-lfs.github.com/spec/";
    let mut bytes = [0; BEGIN.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.is_ok() && bytes == BEGIN
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
