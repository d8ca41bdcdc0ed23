//! Sets up commands that measure: the workspace, its configuration, the lock.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    build::{self, Options, toolchain::HOW_TO_BUILD},
    config::{self, Config, Effective, Flags},
    discover::{
        Workspace,
        git::{self, Commit, Repo},
        workspace::{self, Choice},
    },
    exit::Usage,
    explain, interrupt,
    process::Launcher,
    record::baseline,
    select::{Filters, Selection},
    shell,
    values::name::Name,
};

/// What the user requests, except how to report it.
#[derive(Clone, Debug)]
pub struct Request {
    pub choice: Choice,
    /// Names of bench targets and suites from the command line.
    pub benches: Vec<String>,
    pub suites: Vec<String>,
    pub selection: Selection,
    pub flags: Flags,
    pub all_features: bool,
    /// `--offline` and `--locked`, for cargo.
    pub network: Vec<String>,
    pub own_toolchain: bool,
    pub quick: bool,
    pub seed: Option<u64>,
    /// The limit for each bench process.
    pub timeout: Duration,
    pub explaining: explain::Options,
}

impl Request {
    /// Whether everything is measured.
    pub fn is_of_all(&self) -> bool {
        self.benches.is_empty() && self.suites.is_empty() && self.selection.is_of_all()
    }
}

/// A workspace that is ready to be built and measured.
pub struct Session {
    pub request: Request,
    pub workspace: Workspace,
    pub config: Config,
    pub options: Options,
    pub repo: Option<Repo>,
    pub launcher: Launcher,
    /// Cached builds that this run has made.
    pub made: RefCell<BTreeSet<String>>,
    /// Workspaces of commits by tree and folder.
    read: RefCell<BTreeMap<(String, PathBuf), Workspace>>,
    /// Held until the program exits: two runs at the same time would disturb each other.
    _lock: File,
}

impl Session {
    /// The git repository of the workspace.
    pub fn repository(&self) -> Result<&Repo> {
        self.repo.as_ref().with_context(|| {
            format!(
                "comparing commits needs a git repository, but {} is not in one; run `git init`",
                self.workspace.root.display()
            )
        })
    }

    /// Limits the policy to that of `baseline`, see [`Config::hold_to`].
    pub fn hold_to(&mut self, baseline: &Commit) -> Result<()> {
        let before = self.workspace_of(baseline);
        let held = held(self.config.clone(), before, &self.request.flags)?;
        let options = options(&held, &self.request);
        if options.features != self.options.features {
            // Printed first, because the build may fail because of it.
            let features = match options.features.as_slice() {
                [] => "the default features".to_owned(),
                some => some.join(" "),
            };
            shell::warning(format_args!(
                "this change configures other features; until the merge, both commits are built with \
                 the baseline's: {features}; --features chooses others"
            ));
        }
        self.config = held;
        self.options = options;
        Ok(())
    }

    /// Uses the configuration of `commit` from now on, overridden by flags.
    pub fn adopt(&mut self, commit: &Commit) -> Result<()> {
        self.config = self.policy_of(commit)?;
        self.options = options(&self.config, &self.request);
        Ok(())
    }

    /// The commit that a gate compares with, and the reason.
    pub fn baseline(&self, asked: Option<&str>, exact: bool) -> Result<(Commit, String)> {
        let branch = match asked {
            Some(_) => None,
            None => self.default_branch()?,
        };
        baseline::for_gate(self.repository()?, asked, exact, branch.as_deref())
    }

    /// The default branch from the command line, or from the configuration at the merge base: a change
    /// must not choose what it is compared with.
    pub fn default_branch(&self) -> Result<Option<String>> {
        let repo = self.repository()?;
        let configured = self.config.default_branch.as_deref().map(str::to_owned);
        if self.request.flags.keys.contains_key("default-branch") {
            return Ok(configured);
        }
        let usual = repo.default_branch();
        let known = usual.clone().or(configured);
        let (Some(branch), Some(head)) = (&known, repo.head()?) else {
            return Ok(known);
        };
        let Ok(Some(base)) = baseline::branch_point(repo, branch, &head) else {
            return Ok(known);
        };
        // Cargo takes longer to say so.
        if usual.is_some() && !repo.mentions(&base, "Cargo.toml", b"default-branch")? {
            return Ok(usual);
        }
        Ok(match self.policy_of(&base) {
            Ok(policy) => policy.default_branch.map(|it| it.to_string()).or(usual),
            Err(_) => known,
        })
    }

    /// The configuration of a commit, overridden by flags.
    fn policy_of(&self, commit: &Commit) -> Result<Config> {
        policy_at(&self.workspace_of(commit)?, &self.request.flags)
    }

    /// The workspace of a commit as its configuration is read, before anything is built.
    fn workspace_of(&self, commit: &Commit) -> Result<Workspace> {
        let folder = self.workspace.scratch().join("source");
        let root = self.repository()?.extract(commit, &folder)?;
        self.workspace_in(commit, &root, false)
    }

    /// The same from the commit's files at `root`. Cargo is asked once for each commit, or if these files
    /// have `changed` since.
    pub fn workspace_in(&self, commit: &Commit, root: &Path, changed: bool) -> Result<Workspace> {
        let key = (commit.tree.clone(), root.to_owned());
        let known = self.read.borrow().get(&key).cloned();
        if let Some(known) = known.filter(|_| !changed) {
            return Ok(known);
        }
        let workspace = self.workspace_at(root)?;
        self.read.borrow_mut().insert(key, workspace.clone());
        Ok(workspace)
    }

    /// The workspace at `root`, with the selected packages.
    pub fn workspace_at(&self, root: &Path) -> Result<Workspace> {
        workspace::workspace(&self.request.choice.at(root, &self.workspace))
    }
}

/// The configuration of a commit's `workspace`, overridden by flags. It was valid for the version used
/// then, so invalid parts, such as keys of an older version, are replaced by defaults.
pub fn policy_at(workspace: &Workspace, flags: &Flags) -> Result<Config> {
    let (effective, problems) = config::load_lenient(workspace, flags).context(
        "the baseline's configuration can't be read, so a change could loosen anything; \
         --baseline REV compares with another commit",
    )?;
    if !problems.is_empty() {
        shell::warning(format_args!(
            "parts of the baseline's configuration can't be read, so nothing looser than the \
             built-in defaults applies there: {}",
            problems.join("\n")
        ));
    }
    Ok(effective.config)
}

/// Limits `config` to that of the baseline's workspace, or to the built-in defaults if there is no
/// workspace to read, and so no benches to build.
pub fn held(config: Config, baseline: Result<Workspace>, flags: &Flags) -> Result<Config> {
    let before = match baseline {
        Ok(workspace) => policy_at(&workspace, flags)?,
        Err(error) => {
            shell::warning(format_args!(
                "the baseline's configuration can't be read, so nothing looser than the built-in \
                 defaults counts: {error:#}"
            ));
            config::built_in(flags)?.config.measured_like(&config)
        }
    };
    Ok(config.hold_to(before))
}

/// Opens the workspace, reads its configuration, and waits for the lock.
pub fn open(request: Request) -> Result<Session> {
    // An invalid filter should not cost a build.
    Filters::new(&request.selection.filters)?;
    let workspace = workspace::workspace(&request.choice)?;
    check_packages(&workspace, &request.choice)?;
    let config = config::load(&workspace, &request.flags)?.config;
    let options = options(&config, &request);
    let repo = git::open(&workspace.root)?;
    if let (true, Some(repo)) = (request.own_toolchain, &repo) {
        refuse_above(&repo.top(), &workspace.root)?;
    }
    interrupt::catch()?;
    let launcher = Launcher::new(request.timeout)?;
    check_temporary()?;
    let lock = lock(&workspace.scratch())?;
    sweep(&workspace.scratch());
    build::prune(&workspace.scratch());
    Ok(Session {
        request,
        workspace,
        config,
        options,
        repo,
        launcher,
        made: RefCell::default(),
        read: RefCell::default(),
        _lock: lock,
    })
}

/// Reads the configuration only, without the lock.
pub fn configuration(choice: &Choice, flags: &Flags) -> Result<Effective> {
    let workspace = workspace::workspace(choice)?;
    check_packages(&workspace, choice)?;
    config::load(&workspace, flags)
}

/// Rejects names of packages that don't exist. Another commit may lack one.
fn check_packages(workspace: &Workspace, asked: &Choice) -> Result<()> {
    let members = workspace.metadata.workspace_packages();
    let there: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let unknown = asked
        .packages
        .iter()
        .chain(&asked.exclude)
        .find(|name| !there.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let near = config::nearest(name, there.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let available = there.join(", ");
            let message = format!(
                "no package named `{name}` in this workspace; {hint}available: {available}"
            );
            Err(Usage::new(message).into())
        }
    }
}

/// Checks that the output of processes can be stored. Later, an error would look like a bench's failure.
pub fn check_temporary() -> Result<()> {
    let write = || tempfile::tempfile()?.write_all(&[0; 1 << 16]);
    write().with_context(|| {
        format!(
            "failed to write to the temporary folder {}; set TMPDIR to use another",
            std::env::temp_dir().display()
        )
    })
}

/// Waits until nothing else measures here. The lock is held until the program exits or it is dropped.
pub fn turn(scratch: &Path) -> Result<File> {
    let lock = lock(scratch)?;
    sweep(scratch);
    Ok(lock)
}

/// The folder to extract commits to for `--own-toolchain`: outside of the work tree, whose cargo
/// configuration must not apply to them. `None` without a home folder.
pub fn sources_at_home(root: &Path) -> Option<PathBuf> {
    let folder = build::cargo_home()?.join("serbench");
    Some(folder.join(build::path_hash(root)))
}

/// Rejects cargo configuration above the repository: it would only apply to the work tree.
fn refuse_above(top: &Path, root: &Path) -> Result<()> {
    let sources = sources_at_home(root).unwrap_or_default();
    let above = top.ancestors().skip(1);
    let above = above.filter(|folder| !sources.starts_with(folder));
    let mut files = above.flat_map(|folder| HOW_TO_BUILD.map(|name| folder.join(name)));
    match files.find(|file| file.is_file()) {
        None => Ok(()),
        Some(file) => bail!(
            "{} is above the repository, so with --own-toolchain it would apply to the work tree \
             but not to other commits; move it into the repository, or into CARGO_HOME",
            file.display()
        ),
    }
}

fn lock_file(scratch: &Path) -> Result<(PathBuf, File)> {
    let path = scratch.join("lock");
    let file = File::create(&path).with_context(|| format!("failed to open {}", path.display()))?;
    Ok((path, file))
}

/// Takes the lock without waiting.
pub fn try_lock(scratch: &Path) -> Result<File> {
    let (path, file) = lock_file(scratch)?;
    if file.try_lock().is_err() {
        bail!(
            "another run is using these builds ({}); try again when it has finished",
            shell::shown(&path).display()
        );
    }
    Ok(file)
}

fn lock(scratch: &Path) -> Result<File> {
    std::fs::create_dir_all(scratch)
        .with_context(|| format!("failed to make {}", scratch.display()))?;
    let (path, file) = lock_file(scratch)?;
    let mut announced = false;
    while file.try_lock().is_err() {
        if !announced {
            shell::status(
                "Waiting",
                format_args!("for another run ({})", path.display()),
            );
            announced = true;
        }
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

/// Removes what killed runs left. The lock is held, so no other run is active.
fn sweep(scratch: &Path) {
    for folder in ["source", "source/target/package", "build", "cache", "runs"] {
        let entries = std::fs::read_dir(scratch.join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            // The names that `tempfile` uses.
            if entry.file_name().to_string_lossy().starts_with(".tmp") {
                let path = entry.path();
                let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            }
        }
    }
}

fn options(config: &Config, request: &Request) -> Options {
    let mut features = Vec::new();
    if request.all_features {
        features.push("--all-features".to_owned());
    } else {
        if !config.default_features {
            features.push("--no-default-features".to_owned());
        }
        if !config.features.is_empty() {
            features.push(format!(
                "--features={}",
                strings(&config.features).join(",")
            ));
        }
    }
    Options {
        profile: config.profile.to_string(),
        features,
        network: request.network.clone(),
        flags: strings(&config.build_flags),
        own_toolchain: request.own_toolchain,
    }
}

fn strings(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}
