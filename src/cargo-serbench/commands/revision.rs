//! Builds a source tree (a commit or the work tree) and lists its benchmarks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    build::{self, Built, Inputs, cache},
    commands::{
        executables::{self, Place},
        requested::{self, targets},
    },
    discover::{
        BenchTarget, Workspace,
        git::{self, Commit, Repo},
        suite_name,
        trees::Trees,
        workspace,
    },
    record::{self, store},
    run::{Side, Source},
    select::{
        BenchId,
        catalog::{self, Catalog, Naming},
    },
    session::{self, Session},
    shell,
};

/// A revision, built.
pub struct Tree {
    pub source: Source,
    pub catalog: Catalog,
    /// The root of the repository in its tree, and the workspace in it.
    pub top: PathBuf,
    pub root: PathBuf,
    /// The source files of each executable, by its hash.
    pub sources: BTreeMap<String, Inputs>,
    /// Notes on how it was built.
    pub notes: Vec<String>,
}

/// A commit without benchmarks.
pub fn empty(commit: &Commit, top: PathBuf, root: PathBuf) -> Tree {
    Tree {
        source: source(commit, &root, None),
        catalog: Catalog::default(),
        top,
        root,
        sources: BTreeMap::new(),
        notes: Vec::new(),
    }
}

fn source(commit: &Commit, root: &Path, tree: Option<String>) -> Source {
    Source {
        commit: Some(commit.sha.clone()),
        tree,
        subject: Some(commit.subject.clone()),
        dirty: false,
        lock: build::file_hash(&root.join("Cargo.lock")),
    }
}

/// Builds the work tree as it is.
pub fn worktree(session: &Session) -> Result<Tree> {
    let Session {
        workspace, repo, ..
    } = session;
    let lock = build::file_hash(&workspace.root.join("Cargo.lock"));
    let mut source = Source {
        commit: None,
        tree: None,
        subject: None,
        dirty: false,
        lock,
    };
    if let Some(repo) = repo {
        if let Some(head) = repo.head()? {
            source.tree = Some(repo.tree_without(&head, store::FOLDER)?);
            source.commit = Some(head.sha);
            source.subject = Some(head.subject);
        }
        source.dirty = !repo.changes(record::is_record)?.is_empty();
    }
    let what = match (&source.commit, source.dirty) {
        (Some(commit), true) => format!("the work tree ({} with changes)", git::short(commit)),
        (Some(commit), false) => format!("the work tree ({})", git::short(commit)),
        (None, _) => "the work tree".to_owned(),
    };
    let directory = build::target_directory(&workspace.scratch(), None);
    let top = repo.as_ref().map_or(workspace.root.clone(), Repo::top);
    let trees = repo.as_ref().map(Trees::open).transpose()?;
    let place = Place {
        workspace,
        top: &top,
        directory: &directory,
        trees: trees.as_ref(),
        commit: None,
        what: &what,
    };
    let (catalog, built) = build_catalog(session, &place, Side::Candidate)?;
    let ids = catalog.benchmarks.keys().map(BenchId::as_str);
    for unused in session.config.unused(ids) {
        shell::warning(unused);
    }
    let root = workspace.root.clone();
    Ok(Tree {
        source,
        catalog,
        top,
        root,
        sources: sources(built),
        notes: Vec::new(),
    })
}

/// A commit's files.
struct Extracted {
    workspace: Workspace,
    /// The root of the repository in its tree, and the workspace in it.
    top: PathBuf,
    root: PathBuf,
}

/// The hash of everything a commit's build depends on besides its tree.
pub fn frame(session: &Session, commit: &Commit) -> Result<String> {
    let Extracted { workspace, top, .. } = extracted(session, commit)?;
    let targets = targets(&workspace, &session.config, &session.request);
    cache::frame(&workspace, &top, &targets, &session.options)
}

fn extracted(session: &Session, commit: &Commit) -> Result<Extracted> {
    let repo = session.repository()?;
    let root = repo.extract(commit, &sources_folder(session)?)?;
    if !root.join("Cargo.toml").is_file() {
        bail!(
            "commit {} has no Cargo.toml here; is the workspace newer than it?",
            commit.short()
        );
    }
    let top = repo.top_of(&root);
    let lent = lend_lock_file(session, commit, &root)?;
    let workspace = session.workspace_in(commit, &root, lent).map_err(|error| {
        let outside = packages_outside(&session.workspace, &repo.top());
        match outside.as_slice() {
            [] => error,
            [_, ..] => error.context(format!(
                "{} lies outside the repository, where commit {} can't find it; move it into the \
                 repository, or depend on a version or a git revision of it",
                outside.join(", "),
                commit.short()
            )),
        }
    })?;
    check_packages_of(&workspace, commit, &top, &repo.top())?;
    Ok(Extracted {
        workspace,
        top,
        root,
    })
}

/// Builds a commit in its own source tree and target folder.
pub fn commit(session: &Session, commit: &Commit, side: Side) -> Result<Tree> {
    let scratch = session.workspace.scratch();
    let Extracted {
        workspace,
        top,
        root,
    } = extracted(session, commit)?;
    let directory = build::target_directory(&scratch, Some(&commit.tree));
    let what = commit_name(commit, side);
    let trees = Trees::open(session.repository()?)?;
    let place = Place {
        workspace: &workspace,
        top: &top,
        directory: &directory,
        trees: Some(&trees),
        commit: Some(commit),
        what: &what,
    };
    built(session, (commit, root), &place, side)
}

/// Builds a commit from the files at `root`, described by `place`.
pub fn built(
    session: &Session,
    (commit, root): (&Commit, PathBuf),
    place: &Place<'_>,
    side: Side,
) -> Result<Tree> {
    let (catalog, built) = build_catalog(session, place, side)?;
    let repo = session.repository()?;
    let tree = repo.tree_without(commit, store::FOLDER)?;
    Ok(Tree {
        source: source(commit, &root, Some(tree)),
        catalog,
        top: place.top.to_path_buf(),
        root,
        sources: sources(built),
        notes: Vec::new(),
    })
}

/// Builds the baseline and the candidate (`None` is the work tree) at once, if neither is cached
/// and the machine has enough cores. Errors are reported later, when each is opened.
pub fn build_both(session: &Session, baseline: &Commit, candidate: Option<&Commit>) -> Result<()> {
    if !executables::can_build_two(session) || candidate.is_some_and(|it| it.tree == baseline.tree)
    {
        return Ok(());
    }
    let repo = session.repository()?;
    let (Ok(one), Ok(trees)) = (extracted(session, baseline), Trees::open(repo)) else {
        return Ok(());
    };
    let other = match candidate.map(|commit| extracted(session, commit)) {
        Some(Ok(other)) => other,
        Some(Err(_)) => return Ok(()),
        None => Extracted {
            workspace: session.workspace.clone(),
            top: repo.top(),
            root: session.workspace.root.clone(),
        },
    };
    let scratch = session.workspace.scratch();
    let targets =
        [&one, &other].map(|it| targets(&it.workspace, &session.config, &session.request));
    if targets.iter().any(Vec::is_empty) {
        return Ok(());
    }
    let names = [
        commit_name(baseline, Side::Baseline),
        candidate.map_or("the work tree".to_owned(), |commit| {
            commit_name(commit, Side::Candidate)
        }),
    ];
    let commits = [Some(baseline), candidate];
    let directories =
        commits.map(|it| build::target_directory(&scratch, it.map(|commit| &*commit.tree)));
    let trees = Some(&trees);
    let sides = [&one, &other];
    let places = [0, 1].map(|side| Place {
        workspace: &sides[side].workspace,
        top: &sides[side].top,
        directory: &directories[side],
        trees,
        commit: commits[side],
        what: &names[side],
    });
    executables::build_two(
        session,
        [&places[0], &places[1]],
        [&targets[0], &targets[1]],
    )
}

fn commit_name(commit: &Commit, side: Side) -> String {
    let name = match side {
        Side::Baseline => "the baseline",
        Side::Candidate => "the candidate",
    };
    format!("{name} {} ({})", commit.short(), commit.subject)
}

fn sources(built: Vec<Built>) -> BTreeMap<String, Inputs> {
    let built = built.into_iter();
    built.map(|bench| (bench.hash, bench.sources)).collect()
}

/// Copies the work tree's Cargo.lock to a commit without one, which would get the newest dependencies. Returns
/// whether it did.
fn lend_lock_file(session: &Session, commit: &Commit, root: &Path) -> Result<bool> {
    const NAME: &str = "Cargo.lock";
    let repo = session.repository()?;
    let ours = session.workspace.root.join(NAME);
    let theirs = root.join(NAME);
    let lends = repo.file(commit, Path::new(NAME))?.is_none()
        && ours.exists()
        && build::file_hash(&ours) != build::file_hash(&theirs);
    if lends {
        std::fs::copy(&ours, &theirs)
            .with_context(|| format!("failed to give commit {} a {NAME}", commit.short()))?;
    }
    Ok(lends)
}

/// Descriptions of packages outside the repository at `top`.
fn packages_outside(workspace: &Workspace, top: &Path) -> Vec<String> {
    let packages = workspace.local_packages();
    packages
        .filter(|package| !package.manifest_path.starts_with(top))
        .map(|package| format!("package `{}`", package.name))
        .collect()
}

/// Rejects a commit that would be built with packages of the work tree. Packages outside the
/// repository are used as they are now, for both commits.
fn check_packages_of(
    workspace: &Workspace,
    commit: &Commit,
    top: &Path,
    ours: &Path,
) -> Result<()> {
    for package in workspace.local_packages() {
        let manifest = package.manifest_path.as_std_path();
        let real = manifest.canonicalize();
        let manifest = real.as_deref().unwrap_or(manifest);
        if manifest.starts_with(top) {
            continue;
        }
        if manifest.starts_with(ours) {
            bail!(
                "commit {} depends on package `{}` by a path to the work tree ({}); \
                 use a relative path inside the repository",
                commit.short(),
                package.name,
                manifest.display()
            );
        }
        shell::warning(format_args!(
            "package `{}` lies outside the repository: both commits are built with it as it is now",
            package.name
        ));
    }
    Ok(())
}

/// The folder to extract commits to. For their own configuration to apply instead of the work
/// tree's, it must be outside of it: cargo reads `.cargo/config.toml` in all parent folders.
pub fn sources_folder(session: &Session) -> Result<PathBuf> {
    let scratch = session.workspace.scratch();
    if !session.options.own_toolchain {
        return Ok(scratch.join("source"));
    }
    session::sources_at_home(&session.workspace.root)
        .context("no home folder for --own-toolchain; set CARGO_HOME")
}

fn hint_at_others(workspace: &Workspace, others: &[BenchTarget]) {
    if others.is_empty() {
        return;
    }
    let without_main = requested::without_main(workspace, others);
    if let Some(advice) = requested::add_harness(&without_main) {
        shell::warning(advice);
    }
    let names: Vec<String> = others
        .iter()
        .filter(|target| !without_main.contains(target))
        .map(|target| format!("`{}`", target.name))
        .collect();
    match names.as_slice() {
        [] => {}
        [name] => shell::hint(format_args!(
            "bench {name} does not use divan, so it is not built"
        )),
        names => shell::hint(format_args!(
            "benches {} do not use divan, so they are not built",
            names.join(", ")
        )),
    }
}

fn build_catalog(
    session: &Session,
    place: &Place<'_>,
    side: Side,
) -> Result<(Catalog, Vec<Built>)> {
    let Place {
        workspace, what, ..
    } = *place;
    let request = &session.request;
    let targets = targets(workspace, &session.config, request);
    if targets.is_empty() {
        let reason = requested::no_target(workspace, &session.config, request);
        match side {
            Side::Candidate => return Err(reason),
            Side::Baseline => {
                // A bench that is newer than the baseline counts as added, not as an error.
                shell::warning(format_args!("nothing to compare with in {what}: {reason}"));
                return Ok((Catalog::default(), Vec::new()));
            }
        }
    }
    if side == Side::Candidate {
        requested::check_names(workspace, request)?;
    }
    let missing = request.suites.iter().filter(|name| {
        let suite = suite_name(name);
        suite != "all" && !targets.iter().any(|target| target.suite() == suite)
    });
    for name in missing {
        shell::warning(format_args!("{what} has no suite `{name}`"));
    }
    let others = requested::of_other_harnesses(workspace, &session.config, request);
    if side == Side::Candidate {
        hint_at_others(workspace, &others);
    }
    let packages = targets.iter().map(|target| target.package.as_str());
    if let Some(version) = workspace::old_divan(&workspace.metadata, &packages.collect()) {
        bail!(
            "the benches of {what} use divan {version}, but the oldest supported is 0.1.14: run \
             `cargo update divan --precise 0.1.21`"
        );
    }
    let mut built = executables::obtain(session, place, &targets)
        .with_context(|| format!("failed to build {what}"))?;
    // Names of equal length, so that the stacks of both sides are equal.
    let aside = match side {
        Side::Baseline => "arm-a",
        Side::Candidate => "arm-b",
    };
    build::stage_executables(&mut built, &session.workspace.scratch().join(aside))?;
    let naming = Naming::new(workspace.suites()).like(session.workspace.suites());
    let mut catalog = catalog::catalog(&session.launcher, &built, &naming, &session.config)?;
    catalog.note_silent(workspace.suites(), (&built, &others), &naming);
    for problem in &catalog.problems {
        shell::warning(problem);
    }
    if side == Side::Baseline {
        catalog.set_unlisted_aside();
    }
    Ok((catalog, built))
}
