//! What the user typed in, benchmarks ready to be started out: workspace, builds, catalogs.

use std::{collections::BTreeSet, fs::File, path::Path, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    args::Measure,
    build::{self, Options},
    config::{self, Config},
    discover::{self, BenchTarget, Workspace},
    git::{self, Commit, Repo},
    launch::{self, Launcher},
    list::{self, Catalog},
    run::{Side, Source},
    select, shell,
};

/// What every command that measures begins with.
pub(crate) struct Session {
    pub(crate) workspace: Workspace,
    pub(crate) config: Config,
    pub(crate) options: Options,
    pub(crate) repo: Option<Repo>,
    pub(crate) launcher: Launcher,
    /// Held until the program ends, however it ends: two runs at once would measure each other.
    _lock: File,
}

/// A source tree, built and asked for its benchmarks.
pub(crate) struct Tree {
    pub(crate) source: Source,
    pub(crate) catalog: Catalog,
}

/// Reads the workspace and its configuration, and waits for its turn.
pub(crate) fn open(measure: &Measure) -> Result<Session> {
    let workspace = workspace(measure, None)?;
    let config = config::load(&workspace)?;
    let options = options(&config, measure);
    let repo = git::open(&workspace.root)?;
    launch::catch_interrupts()?;
    let launcher = Launcher::new(Duration::from_secs(measure.effort.timeout.unwrap_or(300)))?;
    let lock = lock(&workspace.scratch())?;
    Ok(Session {
        workspace,
        config,
        options,
        repo,
        launcher,
        _lock: lock,
    })
}

/// The workspace at `root`, or where the user stands.
pub(crate) fn workspace(measure: &Measure, root: Option<&Path>) -> Result<Workspace> {
    let mut command = measure.manifest.metadata();
    if let Some(root) = root {
        command.manifest_path(root.join("Cargo.toml"));
    }
    discover::workspace(&mut command, |metadata| {
        let (packages, _) = measure.workspace.partition_packages(metadata);
        packages
            .into_iter()
            .map(|package| package.name.to_string())
            .collect()
    })
}

fn lock(scratch: &Path) -> Result<File> {
    std::fs::create_dir_all(scratch).with_context(|| format!("make {}", scratch.display()))?;
    let path = scratch.join("lock");
    let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
    let mut told = false;
    while file.try_lock().is_err() {
        if !told {
            shell::status(
                "Waiting",
                format_args!("for another run here ({})", path.display()),
            );
            told = true;
        }
        launch::check_interrupt()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

fn options(config: &Config, measure: &Measure) -> Options {
    let asked = &measure.build.features;
    let mut features = Vec::new();
    if asked.all_features {
        features.push("--all-features".to_owned());
    } else {
        if asked.no_default_features || !config.default_features {
            features.push("--no-default-features".to_owned());
        }
        let names = if asked.features.is_empty() {
            &config.features
        } else {
            &asked.features
        };
        if !names.is_empty() {
            features.push(format!("--features={}", names.join(",")));
        }
    }
    let network = [
        ("--offline", measure.build.offline),
        ("--locked", measure.build.locked),
    ];
    let network = network
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(flag, _)| flag.to_owned());
    let profile = measure
        .build
        .profile
        .clone()
        .unwrap_or_else(|| config.profile.clone());
    Options {
        profile,
        features,
        network: network.collect(),
    }
}

/// Builds the work tree as it is.
pub(crate) fn worktree(session: &Session, measure: &Measure) -> Result<Tree> {
    let Session {
        workspace, repo, ..
    } = session;
    let lock = build::file_hash(&workspace.root.join("Cargo.lock"));
    let mut source = Source {
        commit: None,
        subject: None,
        dirty: false,
        lock,
    };
    if let Some(repo) = repo {
        let head = repo.head()?;
        source.commit = head.as_ref().map(|commit| commit.sha.clone());
        source.subject = head.map(|commit| commit.subject);
        source.dirty = repo.is_dirty(Path::new("baselines"))?;
    }
    let what = match (&source.commit, source.dirty) {
        (Some(commit), true) => format!("the work tree ({} with changes)", git::short(commit)),
        (Some(commit), false) => format!("the work tree ({})", git::short(commit)),
        (None, _) => "the work tree".to_owned(),
    };
    let directory = build::target_directory(&workspace.scratch(), None);
    let catalog = build_catalog(
        session,
        workspace,
        measure,
        &directory,
        Side::Candidate,
        &what,
    )?;
    Ok(Tree { source, catalog })
}

/// Builds a commit from a source tree and in a target folder of its own.
pub(crate) fn commit(
    session: &Session,
    measure: &Measure,
    commit: &Commit,
    side: Side,
) -> Result<Tree> {
    let scratch = session.workspace.scratch();
    let repo = session
        .repo
        .as_ref()
        .context("comparing commits needs a git repository")?;
    let root = repo.extract(commit, &scratch.join("source"))?;
    if !root.join("Cargo.toml").is_file() {
        bail!(
            "commit {} has no Cargo.toml here; is the workspace newer than it?",
            commit.short()
        );
    }
    // A commit without Cargo.lock would get today's newest dependencies.
    let lock = root.join("Cargo.lock");
    if !lock.exists() && session.workspace.root.join("Cargo.lock").exists() {
        std::fs::copy(session.workspace.root.join("Cargo.lock"), &lock)
            .with_context(|| format!("give commit {} a Cargo.lock", commit.short()))?;
    }
    let workspace = workspace(measure, Some(&root))?;
    let directory = build::target_directory(&scratch, Some(&commit.tree));
    let members: Vec<String> = workspace
        .metadata
        .workspace_packages()
        .iter()
        .map(|member| member.name.to_string())
        .collect();
    build::seed(
        &build::target_directory(&scratch, None),
        &directory,
        &members,
    )?;
    let what = format!("{} ({})", commit.short(), commit.subject);
    let catalog = build_catalog(session, &workspace, measure, &directory, side, &what)?;
    let source = Source {
        commit: Some(commit.sha.clone()),
        subject: Some(commit.subject.clone()),
        dirty: false,
        lock: build::file_hash(&lock),
    };
    Ok(Tree { source, catalog })
}

fn build_catalog(
    session: &Session,
    workspace: &Workspace,
    measure: &Measure,
    directory: &Path,
    side: Side,
    what: &str,
) -> Result<Catalog> {
    let targets = targets(workspace, &session.config, measure);
    if targets.is_empty() {
        bail!(no_target(workspace, measure));
    }
    shell::status("Building", format_args!("{} of {what}", names(&targets)));
    let mut built = build::build(workspace, &targets, directory, &session.options)
        .with_context(|| format!("build {what}"))?;
    // Names of one length, so that both sides find the same on their stacks.
    let aside = match side {
        Side::Baseline => "arm-a",
        Side::Candidate => "arm-b",
    };
    build::put_aside(&mut built, &session.workspace.scratch().join(aside))?;
    let catalog = list::catalog(&session.launcher, &built, &session.config)?;
    for problem in &catalog.problems {
        shell::warning(problem);
    }
    Ok(catalog)
}

fn names(targets: &[BenchTarget]) -> String {
    let names: BTreeSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// The bench targets that the user wants, and the one that counts memory.
fn targets(workspace: &Workspace, config: &Config, measure: &Measure) -> Vec<BenchTarget> {
    let select = &measure.select;
    let wanted = |target: &&BenchTarget| {
        let suite = target.suite();
        let named = select.suite.contains(&suite) || select.bench.contains(&target.name);
        let all = select.suite.iter().any(|name| name == "all");
        let default = select.suite.is_empty()
            && select.bench.is_empty()
            && (config.suites.is_empty() || config.suites.contains(&suite));
        named || all || default
    };
    let mut targets: Vec<BenchTarget> = workspace.targets.iter().filter(wanted).cloned().collect();
    if !targets.is_empty() {
        let memory = workspace
            .targets
            .iter()
            .filter(|target| target.suite() == config.memory_suite);
        targets.extend(memory.cloned());
        targets.sort();
        targets.dedup();
    }
    targets
}

fn no_target(workspace: &Workspace, measure: &Measure) -> String {
    let there: Vec<&str> = workspace
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let asked: Vec<&str> = measure
        .select
        .suite
        .iter()
        .chain(&measure.select.bench)
        .map(String::as_str)
        .collect();
    if there.is_empty() {
        return format!(
            "no [[bench]] in {}; a divan bench has `harness = false` and a main that calls divan::main()",
            workspace.root.display()
        );
    }
    format!(
        "no bench named {}; there are {}",
        asked.join(", "),
        there.join(", ")
    )
}

/// The ids that the user wants out of one or two catalogs.
pub(crate) fn choose(
    catalogs: &[&Catalog],
    measure: &Measure,
    config: &Config,
) -> Result<BTreeSet<String>> {
    let ids: BTreeSet<String> = catalogs
        .iter()
        .flat_map(|catalog| catalog.benchmarks.keys().cloned())
        .collect();
    if ids.is_empty() {
        bail!("nothing to measure: the benches hold no benchmark");
    }
    select::choose(&ids, &measure.select, &config.reference)
}

/// The commit that a gate compares with, and why that one.
pub(crate) fn baseline(
    repo: &Repo,
    asked: Option<&str>,
    config: &Config,
) -> Result<(Commit, String)> {
    if let Some(revision) = asked {
        return Ok((repo.resolve(revision)?, "as asked".to_owned()));
    }
    let head = repo
        .head()?
        .context("the repository has no commit yet to compare with")?;
    let branch = repo.default_branch(config.default_branch.as_deref());
    if let Some(branch) = &branch
        && let Some(base) = repo.merge_base(&repo.resolve(branch)?, &head)?
        && base != head
    {
        return Ok((base, format!("the merge base with {branch}")));
    }
    if repo.is_dirty(Path::new("baselines"))? {
        return Ok((
            head,
            "the commit that the work tree was changed from".to_owned(),
        ));
    }
    let parent = repo
        .resolve("HEAD~1")
        .context("no --baseline given, and the commit before HEAD is not here")?;
    Ok((parent, "the commit before HEAD".to_owned()))
}

/// The workspace that a manifest path leads to.
pub(crate) fn workspace_at(manifest: &clap_cargo::Manifest) -> Result<Workspace> {
    discover::workspace(&mut manifest.metadata(), |_| Vec::new())
}
