//! The baseline of a gate: with its own benches or, if these can't be measured, with the
//! candidate's benches and its own library.

use std::{fs, path::Path};

use anyhow::{Result, bail};

use crate::{
    build,
    commands::{
        executables::Place,
        requested,
        revision::{self, Tree},
    },
    discover::{BenchTarget, git::Commit, overlay},
    interrupt,
    run::Side,
    session::Session,
    shell,
};

/// Builds the baseline. A baseline from before the project used this tool never fails a gate: if its own
/// benches can't be measured, the candidate's are used, and if these don't work, there is no baseline yet.
pub fn baseline(session: &Session, commit: &Commit, candidate: &Tree) -> Result<Tree> {
    let own = revision::commit(session, commit, Side::Baseline);
    let why = match own {
        Ok(tree) if !tree.catalog.benchmarks.is_empty() => return Ok(tree),
        Ok(_) => "it has none of these benches".to_owned(),
        Err(error) => {
            interrupt::check()?;
            // Without a manifest in this folder, the benches may have moved.
            if is_adopted(session, commit)? || !has_manifest(session, commit)? {
                return Err(error);
            }
            format!("{error:#}")
        }
    };
    shell::warning(format_args!(
        "the baseline {} can't be measured with its own benches: {why}",
        commit.short()
    ));
    match overlaid(session, commit, candidate) {
        Ok(tree) if !tree.catalog.benchmarks.is_empty() => Ok(tree),
        Ok(_) => without(session, commit, "its benches contain no benchmarks"),
        Err(error) => {
            interrupt::check()?;
            without(session, commit, &format!("{error:#}"))
        }
    }
}

fn has_manifest(session: &Session, commit: &Commit) -> Result<bool> {
    let sources = revision::sources_folder(session)?;
    let root = session.repository()?.extract(commit, &sources)?;
    Ok(root.join("Cargo.toml").is_file())
}

/// The candidate's benches with the baseline's library, in folders of their own.
fn overlaid(session: &Session, commit: &Commit, candidate: &Tree) -> Result<Tree> {
    let repo = session.repository()?;
    let sources = revision::sources_folder(session)?.join("overlay");
    let root = repo.extract(commit, &sources)?;
    if !root.join("Cargo.toml").is_file() {
        bail!("commit {} has no Cargo.toml here", commit.short());
    }
    let newer = session.workspace_at(&candidate.root)?;
    let targets: Vec<BenchTarget> = requested::targets(&newer, &session.config, &session.request);
    overlay::lay_over(&root, &newer, &targets)?;
    let workspace = session.workspace_at(&root)?;
    let key = build::path_hash(Path::new(&format!("{} with newer benches", commit.tree)));
    let directory = build::target_directory(&session.workspace.scratch(), Some(&key));
    let what = format!(
        "the baseline {} ({}) with the candidate's benches",
        commit.short(),
        commit.subject
    );
    let top = repo.top_of(&root);
    let place = Place {
        workspace: &workspace,
        top: &top,
        directory: &directory,
        // Not cached: the tree belongs to no commit.
        trees: None,
        commit: Some(commit),
        what: &what,
    };
    let mut tree = revision::built(session, (commit, root), &place, Side::Baseline)?;
    tree.notes.push(
        "the baseline's own benches can't be measured: the candidate's benches and \
         dev-dependencies were built with the baseline's library"
            .to_owned(),
    );
    Ok(tree)
}

/// A baseline without benchmarks, unless one is required.
fn without(session: &Session, commit: &Commit, why: &str) -> Result<Tree> {
    if session.config.require_baseline {
        bail!(
            "no baseline to compare with: commit {}: {why}",
            commit.short()
        );
    }
    shell::warning(format_args!(
        "no baseline yet: the candidate's benches don't work with the library of {} either: {why}",
        commit.short()
    ));
    let repo = session.repository()?;
    let root = repo.extract(commit, &revision::sources_folder(session)?)?;
    Ok(revision::empty(commit, repo.top_of(&root), root))
}

/// Whether the project used this tool at a commit. If so, a failure to measure it is an
/// error.
fn is_adopted(session: &Session, commit: &Commit) -> Result<bool> {
    let repo = session.repository()?;
    let root = repo.extract(commit, &revision::sources_folder(session)?)?;
    let mentions =
        |path: &Path, word: &str| fs::read_to_string(path).is_ok_and(|text| text.contains(word));
    let workflows = repo.top_of(&root).join(".github/workflows");
    let mut workflows = fs::read_dir(workflows).into_iter().flatten().flatten();
    let mut members = session.workspace.packages.iter();
    let in_manifest = |manifest: &Path| mentions(manifest, "metadata.serbench");
    Ok(root.join("baselines").exists()
        || in_manifest(&root.join("Cargo.toml"))
        || members.any(|name| {
            let folder = crate::discover::workspace::package_folder(&session.workspace, name);
            in_manifest(&root.join(folder).join("Cargo.toml"))
        })
        || workflows.any(|entry| mentions(&entry.path(), "serbench")))
}
