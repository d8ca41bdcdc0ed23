//! The executables of a tree: kept from an earlier build, else built and kept.

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;

use crate::{
    build::{
        self, Built, Done,
        cache::{self, Cache, Wanted},
    },
    config::bytes::Bytes,
    discover::{BenchTarget, Workspace, git::Commit, trees::Trees},
    session::Session,
    shell,
};

/// A tree to build, and where.
pub struct Place<'a> {
    pub workspace: &'a Workspace,
    /// The top of the tree.
    pub top: &'a Path,
    /// Where cargo builds it.
    pub directory: &'a Path,
    /// Of the repository, if there is one.
    pub trees: Option<&'a Trees>,
    /// Absent for the work tree.
    pub commit: Option<&'a Commit>,
    /// What it is called in messages.
    pub what: &'a str,
}

/// What a kept build of a tree is found by.
struct Key<'a> {
    trees: &'a Trees,
    frame: String,
    tree: String,
}

/// The executables of `targets`, built if need be.
pub fn obtain(session: &Session, place: &Place<'_>, targets: &[BenchTarget]) -> Result<Vec<Built>> {
    let scratch = session.workspace.scratch();
    let cache = Cache::new(&scratch, session.config.cache_size);
    let key = key(session, place, targets)?;
    if let Some(found) = key
        .as_ref()
        .and_then(|key| find(&cache, place, targets, key))
    {
        return Ok(found);
    }
    let names = names(targets);
    shell::status("Building", format_args!("{names} of {}", place.what));
    if place.commit.is_some() {
        build::seed(&build::target_directory(&scratch, None), place.directory);
    }
    let Place {
        workspace,
        top,
        directory,
        ..
    } = place;
    let done = build::build(workspace, top, targets, directory, &session.options)?;
    if place.commit.is_some() {
        build::touch(directory);
    }
    if let Some(key) = &key {
        keep(&cache, place, targets, key, &done);
    }
    Ok(done.built)
}

/// What to look a build up by; `None`, with the reason said, where it can't be known.
fn key<'a>(
    session: &Session,
    place: &Place<'a>,
    targets: &[BenchTarget],
) -> Result<Option<Key<'a>>> {
    if session.config.cache_size == Bytes(0) {
        return Ok(None);
    }
    let Some(trees) = place.trees else {
        return Ok(None);
    };
    let Some(tree) = tree(trees, place.commit)? else {
        return Ok(None);
    };
    let frame = cache::frame(place.workspace, place.top, targets, &session.options);
    match frame {
        Ok(frame) => Ok(Some(Key { trees, frame, tree })),
        Err(error) => {
            shell::status("Not kept", format_args!("for the next time: {error:#}"));
            Ok(None)
        }
    }
}

fn tree(trees: &Trees, commit: Option<&Commit>) -> Result<Option<String>> {
    match commit {
        Some(commit) => Ok(Some(commit.tree.clone())),
        None => trees.of_work_tree(),
    }
}

fn find(
    cache: &Cache,
    place: &Place<'_>,
    targets: &[BenchTarget],
    key: &Key<'_>,
) -> Option<Vec<Built>> {
    let found = cache.find(&wanted(place, targets, key), key.trees)?;
    let (names, what) = (names(targets), place.what);
    let unread = match found.unread.as_slice() {
        [] => String::new(),
        [one] => format!("; no build reads {}", one.display()),
        [one, rest @ ..] => {
            format!("; no build reads {} and {} more", one.display(), rest.len())
        }
    };
    shell::status(
        "Reusing",
        format_args!("{names} of {what}, built earlier{unread}"),
    );
    Some(found.built)
}

/// Keeps a build for the next time. Where that fails, the next time takes longer.
fn keep(cache: &Cache, place: &Place<'_>, targets: &[BenchTarget], key: &Key<'_>, done: &Done) {
    // What was edited while cargo was building is in no tree.
    let still = tree(key.trees, place.commit);
    if !still.is_ok_and(|tree| tree.as_ref() == Some(&key.tree)) || !done.proof.holds(place.top) {
        return;
    }
    let wanted = wanted(place, targets, key);
    if let Err(error) = cache.store(&wanted, &done.built, &done.proof) {
        shell::warning(format_args!("{error:#}"));
    }
}

fn wanted<'a>(place: &Place<'a>, targets: &'a [BenchTarget], key: &'a Key<'_>) -> Wanted<'a> {
    Wanted {
        workspace: place.workspace,
        top: place.top,
        targets,
        frame: &key.frame,
        tree: &key.tree,
    }
}

fn names(targets: &[BenchTarget]) -> String {
    let names: BTreeSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
