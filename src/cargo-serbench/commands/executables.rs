//! Gets the executables of a tree from the cache, or builds and caches them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};

use crate::{
    build::{
        self, Built, Done, Options,
        cache::{self, Cache, Differences, Wanted},
        share::Share,
    },
    discover::{BenchTarget, Workspace, git::Commit, trees::Trees},
    record,
    session::Session,
    shell,
    values::bytes::Bytes,
};

/// A tree to build, and where.
pub struct Place<'a> {
    pub workspace: &'a Workspace,
    /// The root of the tree.
    pub top: &'a Path,
    /// The target folder.
    pub directory: &'a Path,
    /// The root of the repository, if any.
    pub trees: Option<&'a Trees>,
    /// `None` for the work tree.
    pub commit: Option<&'a Commit>,
    /// Its name in messages.
    pub what: &'a str,
}

/// Identifies a cached build of a tree.
struct Key<'a> {
    trees: &'a Trees,
    frame: String,
    tree: String,
}

impl Key<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.frame, self.tree)
    }
}

/// The executables of `targets`, built if necessary.
pub fn obtain(session: &Session, place: &Place<'_>, targets: &[BenchTarget]) -> Result<Vec<Built>> {
    let scratch = session.workspace.scratch();
    let cache = Cache::new(&scratch, session.config.cache_size);
    let key = key(session, place, targets)?;
    if let Some(found) = key
        .as_ref()
        .and_then(|key| find(session, &cache, place, targets, key))
    {
        return Ok(found);
    }
    let names = names(targets);
    let took = took(&scratch, place);
    shell::status("Building", format_args!("{names} of {}{took}", place.what));
    prepare(&scratch, place);
    let done = cargo(
        &session.options,
        &Task::of(place, targets),
        &Share::default(),
    )?;
    check_outside(session, place, &done)?;
    if let Some(key) = &key {
        keep(&cache, place, targets, key, &done);
    }
    Ok(done.built)
}

/// The duration of the last build of this commit or, for a new commit, of the work tree.
fn took(scratch: &Path, place: &Place<'_>) -> String {
    let work_tree = build::target_directory(scratch, None);
    let seconds = build::last_seconds(place.directory).or_else(|| build::last_seconds(&work_tree));
    match seconds {
        Some(seconds) if seconds > 0 => format!("; the last build took {seconds} s"),
        Some(_) | None => String::new(),
    }
}

/// The parts of a build that a thread needs.
struct Task<'a> {
    workspace: &'a Workspace,
    top: &'a Path,
    directory: &'a Path,
    targets: &'a [BenchTarget],
}

impl<'a> Task<'a> {
    fn of(place: &Place<'a>, targets: &'a [BenchTarget]) -> Self {
        Self {
            workspace: place.workspace,
            top: place.top,
            directory: place.directory,
            targets,
        }
    }
}

fn cargo(options: &Options, task: &Task<'_>, share: &Share) -> Result<Done> {
    let Task {
        workspace,
        top,
        directory,
        targets,
    } = *task;
    build::build(workspace, top, targets, directory, options, share)
}

/// Prepares the folder for a commit's build.
fn prepare(scratch: &Path, place: &Place<'_>) {
    if place.commit.is_some() {
        build::seed(&build::target_directory(scratch, None), place.directory);
        build::touch(place.directory);
    }
}

/// Whether building two trees at once pays off: there are cores for both, and neither has to
/// compile all registry packages, which could be copied from the other.
pub fn can_build_two(session: &Session) -> bool {
    let work_tree = build::target_directory(&session.workspace.scratch(), None);
    cores() > 1 && build::has_seed(&work_tree)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Builds two trees at once and caches both, unless one is cached already.
pub fn build_two(
    session: &Session,
    places: [&Place<'_>; 2],
    targets: [&[BenchTarget]; 2],
) -> Result<()> {
    let scratch = session.workspace.scratch();
    let cache = Cache::new(&scratch, session.config.cache_size);
    let mut keys = Vec::new();
    for (place, targets) in places.into_iter().zip(targets) {
        match key(session, place, targets)? {
            Some(key)
                if cache
                    .find(&wanted(place, targets, &key), key.trees)
                    .is_none() =>
            {
                keys.push(key);
            }
            Some(_) | None => return Ok(()),
        }
    }
    if keys[0].tree == keys[1].tree {
        return Ok(());
    }
    let [one, other] = places;
    shell::status(
        "Building",
        format_args!(
            "{} of {} and of {}",
            names(targets[0]),
            one.what,
            other.what
        ),
    );
    for place in places {
        prepare(&scratch, place);
    }
    let tasks = [0, 1].map(|side| Task::of(places[side], targets[side]));
    let done = at_once(&session.options, &tasks, [one.what, other.what])?;
    for (place, done) in places.into_iter().zip(&done) {
        check_outside(session, place, done)?;
    }
    for side in [0, 1] {
        keep(
            &cache,
            places[side],
            targets[side],
            &keys[side],
            &done[side],
        );
        session.made.borrow_mut().insert(keys[side].name());
    }
    Ok(())
}

/// Rejects a commit that was built with files of the work tree: it would be compared with itself. Files
/// outside the repository are used as they are now, for both commits.
fn check_outside(session: &Session, place: &Place<'_>, done: &Done) -> Result<()> {
    let (Some(_), Some(repo)) = (place.commit, &session.repo) else {
        return Ok(());
    };
    let top = repo.top();
    if let Some(file) = done.outside.iter().find(|it| it.starts_with(&top)) {
        bail!(
            "{} was built with {} of the work tree instead of its own: a link, an absolute path or \
             `[env]` in cargo's configuration leads there; use a path relative to the package, or \
             --own-toolchain if that configuration is in the repository",
            place.what,
            file.strip_prefix(&top).unwrap_or(file).display()
        );
    }
    let mut others = done.outside.iter().filter(|it| !it.starts_with(&top));
    if let Some(file) = others.next() {
        let more = match others.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        shell::warning(format_args!(
            "{}{more} outside the repository: both commits are built with it as it is now",
            file.display()
        ));
    }
    Ok(())
}

/// Builds both. If one fails, stops the other.
fn at_once(options: &Options, tasks: &[Task<'_>; 2], names: [&str; 2]) -> Result<[Done; 2]> {
    let mut shares =
        Share::halves(cores()).context("failed to make a file for cargo's messages")?;
    let first_to_fail = OnceLock::new();
    let build = |side: usize, shares: &[Share; 2]| {
        let done = cargo(options, &tasks[side], &shares[side]);
        if done.is_err() {
            first_to_fail.get_or_init(|| side);
            shares[1 - side].stop();
        }
        done.with_context(|| format!("failed to build {}", names[side]))
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| build(1, &shares));
        (build(0, &shares), other.join())
    });
    let other = other.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    shell::pass_on(
        &shares[1]
            .take_said()
            .context("failed to read cargo's messages")?,
    );
    match (one, other) {
        (Ok(one), Ok(other)) => Ok([one, other]),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        // The second one to fail was stopped.
        (Err(one), Err(other)) => Err(if first_to_fail.get() == Some(&1) {
            other
        } else {
            one
        }),
    }
}

/// The cache key of a build; `None` if it can't be determined, after printing the reason.
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
    let Some(tree) = tree(trees, place)? else {
        return Ok(None);
    };
    let frame = cache::frame(place.workspace, place.top, targets, &session.options);
    match frame {
        Ok(frame) => Ok(Some(Key { trees, frame, tree })),
        Err(error) => {
            shell::status("Not cached", format_args!("{error:#}"));
            Ok(None)
        }
    }
}

/// The id of the tree to build. New records don't count, which plain runs write: git must know the tree when
/// the build is looked for later, and a build that reads a record is found out by its proof.
fn tree(trees: &Trees, place: &Place<'_>) -> Result<Option<String>> {
    let is_record = |path: &Path| {
        let path = place.top.join(path);
        let inner = path.strip_prefix(&place.workspace.root);
        inner.is_ok_and(record::is_record)
    };
    match place.commit {
        Some(commit) => Ok(Some(commit.tree.clone())),
        None => trees.of_work_tree(is_record),
    }
}

fn find(
    session: &Session,
    cache: &Cache,
    place: &Place<'_>,
    targets: &[BenchTarget],
    key: &Key<'_>,
) -> Option<Vec<Built>> {
    let found = cache.find(&wanted(place, targets, key), key.trees)?;
    if session.made.borrow().contains(&key.name()) {
        return Some(found.built);
    }
    let (names, what) = (names(targets), place.what);
    let why = same_code(&found.differences);
    shell::status(
        "Reusing",
        format_args!("{names} of {what}, built earlier{why}"),
    );
    Some(found.built)
}

/// Why a build of other files can be used: nothing that a build reads has changed.
fn same_code(Differences { unread, comments }: &Differences) -> String {
    let comments = files(comments).map(|(files, _)| format!("only comments changed in {files}"));
    let unread = files(unread).map(|(files, count)| match count {
        1 => format!("{files} changed, but the build does not read it"),
        _ => format!("{files} changed, but the build does not read them"),
    });
    let reasons: Vec<String> = comments.into_iter().chain(unread).collect();
    match reasons.is_empty() {
        true => String::new(),
        false => format!(" from the same code: {}", reasons.join("; ")),
    }
}

/// The first file and the number of others, and the number of all; `None` without files.
fn files<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Option<(String, usize)> {
    let mut paths = paths.into_iter();
    let first = paths.next()?.display();
    Some(match paths.count() {
        0 => (first.to_string(), 1),
        1 => (format!("{first} and 1 more file"), 2),
        more => (format!("{first} and {more} more files"), more + 1),
    })
}

/// Caches a build. If that fails, it will be built again.
fn keep(cache: &Cache, place: &Place<'_>, targets: &[BenchTarget], key: &Key<'_>, done: &Done) {
    // Files edited during the build are in no tree.
    let still = tree(key.trees, place);
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

#[cfg(test)]
mod tests {
    use super::{Differences, PathBuf, same_code};

    #[test]
    fn the_reason_for_reusing_a_build_reads_well() {
        let with = |comments: &[&str], unread: &[&str]| {
            same_code(&Differences {
                comments: comments.iter().map(PathBuf::from).collect(),
                unread: unread.iter().map(PathBuf::from).collect(),
            })
        };
        assert_eq!(with(&[], &[]), "");
        let all = [
            with(&["src/lib.rs"], &[]),
            with(&["src/a.rs", "src/b.rs"], &[]),
            with(&[], &["README.md"]),
            with(&[], &["README.md", "logo.svg", "docs/a.md"]),
            with(&["src/lib.rs"], &["README.md"]),
            with(&["src/a.rs", "src/b.rs"], &["README.md", "logo.svg"]),
        ];
        let all: Vec<&str> = all.iter().map(|it| it.trim()).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        from the same code: only comments changed in src/lib.rs
        from the same code: only comments changed in src/a.rs and 1 more file
        from the same code: README.md changed, but the build does not read it
        from the same code: README.md and 2 more files changed, but the build does not read them
        from the same code: only comments changed in src/lib.rs; README.md changed, but the build does not read it
        from the same code: only comments changed in src/a.rs and 1 more file; README.md and 1 more file changed, but the build does not read them
        ");
    }
}
