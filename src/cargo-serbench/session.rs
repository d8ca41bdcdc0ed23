//! What the user typed in, benchmarks ready to be started out: workspace, builds, catalogs.

use std::{collections::BTreeSet, fs::File, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::{
    build::{self, Options},
    cli::{self, Measure},
    config::{self, Config, InForce, Mode},
    discover::git::{self, Commit, Repo},
    discover::{BenchTarget, Workspace, workspace},
    interrupt,
    process::Launcher,
    run::{Side, Source},
    select,
    select::catalog::{self, Catalog},
    select::shard,
    shell,
};

/// The folder of records in a workspace.
pub const FOLDER: &str = "baselines";

/// The file of accepted changes in that folder, which people write too: changing it changes what
/// the next commit may do.
pub const ACCEPTED: &str = "accepted.toml";

/// What every command that measures begins with.
pub struct Session {
    pub workspace: Workspace,
    pub config: Config,
    pub options: Options,
    pub repo: Option<Repo>,
    pub launcher: Launcher,
    /// Held until the program ends, however it ends: two runs at once would measure each other.
    _lock: File,
}

impl Session {
    /// The repository that commits are in.
    pub fn repository(&self) -> Result<&Repo> {
        self.repo.as_ref().with_context(|| {
            format!(
                "comparing commits needs a git repository, and {} is in none; `git init` makes one",
                self.workspace.root.display()
            )
        })
    }
}

/// A source tree, built and asked for its benchmarks.
pub struct Tree {
    pub source: Source,
    pub catalog: Catalog,
}

/// Reads the workspace and its configuration, and waits for its turn.
pub fn open(measure: &Measure) -> Result<Session> {
    set_output(&measure.output);
    let workspace = workspace(measure, None)?;
    check_packages(&workspace, &measure.workspace)?;
    let config = config::load(&workspace, &measure.keys)?.config;
    let options = options(&config, measure);
    let repo = git::open(&workspace.root)?;
    interrupt::catch()?;
    let launcher = Launcher::new(Duration::from_secs(measure.effort.timeout.unwrap_or(300)))?;
    let lock = lock(&workspace.scratch())?;
    sweep(&workspace.scratch());
    build::prune(&workspace.scratch());
    Ok(Session {
        workspace,
        config,
        options,
        repo,
        launcher,
        _lock: lock,
    })
}

/// Applies `--quiet` and `--color`.
pub fn set_output(output: &cli::Output) {
    shell::set_quiet(output.quiet);
    shell::set_color(output.color);
}

/// The workspace at `root`, or where the user stands.
pub fn workspace(measure: &Measure, root: Option<&Path>) -> Result<Workspace> {
    let mut command = measure.manifest.metadata();
    if let Some(root) = root {
        command.manifest_path(root.join("Cargo.toml"));
    }
    selected(&mut command, &measure.workspace)
}

/// The workspace, with the packages that the user selected.
pub fn selected(
    command: &mut MetadataCommand,
    packages: &clap_cargo::Workspace,
) -> Result<Workspace> {
    workspace::workspace(command, |metadata| {
        let (packages, _) = packages.partition_packages(metadata);
        packages
            .into_iter()
            .map(|package| package.name.to_string())
            .collect()
    })
}

/// The configuration by itself, without waiting for a turn.
pub fn configuration(
    manifest: &clap_cargo::Manifest,
    packages: &clap_cargo::Workspace,
    keys: &cli::Keys,
) -> Result<InForce> {
    let workspace = selected(&mut manifest.metadata(), packages)?;
    check_packages(&workspace, packages)?;
    config::load(&workspace, keys)
}

/// Refuses names of packages that there are not. Another commit may well lack one.
fn check_packages(workspace: &Workspace, asked: &clap_cargo::Workspace) -> Result<()> {
    let members = workspace.metadata.workspace_packages();
    let there: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let unknown = asked
        .package
        .iter()
        .chain(&asked.exclude)
        .find(|name| !there.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => bail!(
            "no package of this workspace is called `{name}`; there are {}",
            there.join(", ")
        ),
    }
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
        interrupt::check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(file)
}

/// Removes what killed runs left half done; nobody else is at work while we hold the lock.
fn sweep(scratch: &Path) {
    for folder in ["source", "build", "runs"] {
        let entries = std::fs::read_dir(scratch.join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            // The names that `tempfile` gives.
            if entry.file_name().to_string_lossy().starts_with(".tmp") {
                let path = entry.path();
                let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            }
        }
    }
}

fn options(config: &Config, measure: &Measure) -> Options {
    let mut features = Vec::new();
    if measure.keys.features.all_features {
        features.push("--all-features".to_owned());
    } else {
        if !config.default_features {
            features.push("--no-default-features".to_owned());
        }
        if !config.features.is_empty() {
            features.push(format!("--features={}", config.features.join(",")));
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
    Options {
        profile: config.profile.clone(),
        features,
        network: network.collect(),
    }
}

/// Whether a file of the workspace is a record, or what is left of writing one.
pub fn is_record(path: &Path) -> bool {
    path.strip_prefix(FOLDER)
        .is_ok_and(|inner| inner != Path::new(ACCEPTED))
}

/// Builds the work tree as it is.
pub fn worktree(session: &Session, measure: &Measure) -> Result<Tree> {
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
        source.dirty = !repo.changes(is_record)?.is_empty();
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
    let ids = catalog.benchmarks.keys().map(String::as_str);
    for idle in session.config.idle(ids) {
        shell::warning(idle);
    }
    Ok(Tree { source, catalog })
}

/// Builds a commit from a source tree and in a target folder of its own.
pub fn commit(session: &Session, measure: &Measure, commit: &Commit, side: Side) -> Result<Tree> {
    let scratch = session.workspace.scratch();
    let repo = session.repository()?;
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
    build::touch(&directory);
    let name = match side {
        Side::Baseline => "the baseline",
        Side::Candidate => "the candidate",
    };
    let what = format!("{name} {} ({})", commit.short(), commit.subject);
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
        let reason = no_target(workspace, &session.config, measure);
        match side {
            Side::Candidate => bail!(reason),
            Side::Baseline => {
                // A bench that came after the baseline is added, which is no error.
                shell::warning(format_args!("nothing to compare with in {what}: {reason}"));
                return Ok(Catalog::default());
            }
        }
    }
    let missing = measure.keys.suite.iter().filter(|name| {
        let suite = name.replace('-', "_");
        suite != "all" && !targets.iter().any(|target| target.suite() == suite)
    });
    for name in missing {
        shell::warning(format_args!("{what} has no suite `{name}`"));
    }
    if let Some(version) = workspace::old_divan(&workspace.metadata) {
        bail!(
            "the benches of {what} have divan {version}, which does not list benchmarks with \
             arguments for other programs; 0.1.19 and later do: \
             `cargo update divan --precise 0.1.21`"
        );
    }
    shell::status("Building", format_args!("{} of {what}", names(&targets)));
    let mut built = build::build(workspace, &targets, directory, &session.options)
        .with_context(|| format!("build {what}"))?;
    // Names of one length, so that both sides find the same on their stacks.
    let aside = match side {
        Side::Baseline => "arm-a",
        Side::Candidate => "arm-b",
    };
    build::stage_executables(&mut built, &session.workspace.scratch().join(aside))?;
    let catalog = catalog::catalog(&session.launcher, &built, &session.config)?;
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
    let named = &measure.select.bench;
    // `--bench` by itself means that bench and none of the configured suites.
    let by_suite = named.is_empty() || !measure.keys.suite.is_empty();
    let wanted = |target: &&BenchTarget| {
        let all = config.suites.is_empty();
        let configured = by_suite && (all || config.suites.contains(&target.suite()));
        configured || named.contains(&target.name)
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

fn no_target(workspace: &Workspace, config: &Config, measure: &Measure) -> String {
    let there: Vec<&str> = workspace
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let asked: Vec<&str> = config
        .suites
        .iter()
        .chain(&measure.select.bench)
        .map(String::as_str)
        .collect();
    if there.is_empty() {
        return format!(
            "no [[bench]] in {}; a divan bench has `harness = false` and a main that calls divan::main(), and \
             `cargo serbench init` writes one to begin with",
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
pub fn choose(
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
    let large = catalogs
        .iter()
        .flat_map(|catalog| catalog.benchmarks.values())
        .filter(|listed| listed.large)
        .map(|listed| listed.id.clone())
        .collect();
    let reference = |suite: &str| config.reference(suite);
    let mut chosen = select::choose(&ids, &large, &measure.select, reference)?;
    let on: BTreeSet<String> = chosen
        .iter()
        .filter(|id| config.mode(id) != Mode::Off)
        .cloned()
        .collect();
    // A reference comes along as long as something is divided by it.
    let needed: BTreeSet<String> = on
        .iter()
        .filter_map(|id| select::reference_of(id, config.reference(select::parts(id).suite)?))
        .collect();
    chosen.retain(|id| on.contains(id) || needed.contains(id));
    if let Some(shard) = measure.select.shard {
        let reference = |id: &str| {
            let known = catalogs
                .iter()
                .find_map(|catalog| catalog.benchmarks.get(id))?;
            known.reference.as_deref()
        };
        chosen = shard::keep(&chosen, shard, reference);
        if chosen.is_empty() {
            bail!(
                "nothing to measure: shard {shard} of these benchmarks is empty; use fewer shards"
            );
        }
    }
    if chosen.is_empty() {
        bail!(
            "nothing to measure: the mode of each of these benchmarks is off; --mode track measures them, and `cargo serbench config` shows where it is set"
        );
    }
    Ok(chosen)
}

/// The commit that a gate compares with, and why that one.
pub fn baseline(repo: &Repo, asked: Option<&str>, config: &Config) -> Result<(Commit, String)> {
    if let Some(revision) = asked {
        return Ok((repo.resolve(revision)?, "as asked".to_owned()));
    }
    let head = repo
        .head()?
        .context("the repository has no commit yet to compare with")?;
    let branch = repo.default_branch(config.default_branch.as_deref());
    if let Some(branch) = &branch {
        match repo.merge_base(&repo.resolve(branch)?, &head)? {
            Some(base) if base != head => {
                return Ok((base, format!("the merge base with {branch}")));
            }
            // Of a branch of several commits, the one before HEAD would judge the last alone.
            None if repo.is_shallow() => bail!(
                "no --baseline given, and the merge base with {branch} is not here\n\
                 this clone is shallow: `git fetch --unshallow` brings the whole history"
            ),
            Some(_) | None => {}
        }
    }
    let ours = |path: &Path| path.starts_with(FOLDER);
    if !repo.changes(ours)?.is_empty() {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use crate::cli::{Cargo, Command};

    /// A workspace of packages, each with a table (or none) and an empty library.
    fn workspace(root: &str, packages: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let members: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        let manifest = format!("[workspace]\nmembers = {members:?}\nresolver = \"3\"\n{root}");
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        for (name, table) in packages {
            let sources = folder.path().join(name).join("src");
            fs::create_dir_all(&sources).unwrap();
            fs::write(sources.join("lib.rs"), "").unwrap();
            let manifest = format!("[package]\nname = {name:?}\nedition = \"2024\"\n{table}");
            fs::write(folder.path().join(name).join("Cargo.toml"), manifest).unwrap();
        }
        folder
    }

    /// The line that shows `threshold`, or what is told.
    fn threshold(folder: &tempfile::TempDir, flags: &str) -> String {
        let manifest = folder.path().join("Cargo.toml");
        let words = ["cargo", "serbench", "config", "--manifest-path"].map(str::to_owned);
        let words = words
            .into_iter()
            .chain([manifest.display().to_string()])
            .chain(flags.split_whitespace().map(str::to_owned));
        let Cargo::Serbench(serbench) = Cargo::parse_from(words);
        let Some(Command::Config(args)) = serbench.command else {
            panic!("another command");
        };
        let shown = super::configuration(&args.manifest, &args.workspace, &args.keys)
            .and_then(|it| it.show(&args.output));
        match shown {
            Ok(text) => {
                let line = text.lines().find(|line| line.starts_with("threshold"));
                line.unwrap_or_default().to_owned()
            }
            Err(error) => format!("{error:#}"),
        }
    }

    const ONE: &str = "[package.metadata.serbench]\nthreshold = 0.01\n";
    const TWO: &str = "[package.metadata.serbench]\nthreshold = 0.02\n";

    #[test]
    fn the_table_of_the_selected_package_counts() {
        let packages = [("a", ONE), ("b", TWO), ("c", "")];
        let folder = workspace(
            "[workspace.metadata.serbench]\nthreshold = 0.5\n",
            &packages,
        );
        insta::assert_snapshot!(threshold(&folder, "-p a"), @"threshold = 0.01                # a/Cargo.toml:5");
        insta::assert_snapshot!(threshold(&folder, "-p b"), @"threshold = 0.02                # b/Cargo.toml:5");
        insta::assert_snapshot!(threshold(&folder, "-p c"), @"threshold = 0.5                 # Cargo.toml:5");
        insta::assert_snapshot!(threshold(&folder, "-p b -p c"), @"threshold = 0.02                # b/Cargo.toml:5");
        insta::assert_snapshot!(threshold(&folder, "-p b --threshold 7%"), @"threshold = 0.07                # --threshold");
        insta::assert_snapshot!(threshold(&folder, "-p d"), @"no package of this workspace is called `d`; there are a, b, c");
        insta::assert_snapshot!(threshold(&folder, ""), @"the packages a and b are both selected and have a [package.metadata.serbench] each; choose one with --package, or move what both share to [workspace.metadata.serbench]");
    }

    #[test]
    fn the_file_with_the_error_is_named() {
        let wrong = "\n[package.metadata.serbench]\nthreshold = 2\n";
        let folder = workspace(
            "[workspace.metadata.serbench]\nstrct = true\n",
            &[("a", wrong)],
        );
        insta::assert_snapshot!(threshold(&folder, ""), @r#"
    Cargo.toml:5: unknown key `strct` in [workspace.metadata.serbench]; did you mean `strict`?
    a/Cargo.toml:6: `threshold` is 2; did you mean "2%" (0.02), or really "200%"?
    "#);
    }
}
