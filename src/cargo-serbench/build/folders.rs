//! Folders of builds: where each commit's lies, what is copied between them, when they go.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

use super::{
    Built,
    inputs::{Ledger, unit_hash},
};
use crate::discover::checkout::folder_of_sources;

const WORKTREE: &str = "worktree";

/// The folder for builds of one commit, or of the working tree.
pub fn target_directory(scratch: &Path, commit: Option<&str>) -> PathBuf {
    let name = commit.map_or(WORKTREE, |commit| &commit[..commit.len().min(12)]);
    scratch.join("build").join(name)
}

/// Files of each executable that measuring draws from. Where the pages of a file lie in physical
/// memory stays as it is while the file is cached, and makes about one copy in a hundred slower by
/// 2 to 5 % in some benchmark: with a single copy a side, equal code would differ all run long.
const COPIES: usize = 8;

/// Copies executables to `folder`, so that a later build can't change them under a running
/// measurement. `folder` should be as long for either commit: a path is part of what a process
/// finds on its stack.
pub fn stage_executables(built: &mut [Built], folder: &Path) -> Result<()> {
    let copy = |from: &Path, to: &Path| -> Result<()> {
        fs::create_dir_all(folder)?;
        // A process of a killed run may still be running the old file, which can't be written then.
        match fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        fs::copy(from, to)?;
        Ok(())
    };
    for bench in built {
        let name = format!("{}-{}", bench.target.package, bench.target.name);
        let executable = &mut bench.executable;
        for number in 0..COPIES {
            let to = folder.join(format!("{name}.{number}"));
            copy(&executable.path, &to)
                .with_context(|| format!("copy a bench executable to {}", to.display()))?;
            executable.copies.push(to);
        }
        executable.path.clone_from(&executable.copies[0]);
    }
    Ok(())
}

/// Copies what a finished build in `from` made of packages from registries and git repositories to
/// a new folder `to`, so that they are not built again for another commit. Cargo's name for such a
/// unit has the package's version in it; the workspace's own packages are told apart by time only,
/// and stay. Without a copy, cargo builds everything.
pub fn seed(from: &Path, to: &Path) {
    let foreign = Ledger::load(from).foreign;
    let (false, false, Some(parent)) = (to.exists(), foreign.is_empty(), to.parent()) else {
        return;
    };
    let copy = || -> Result<()> {
        fs::create_dir_all(parent)?;
        let staging = tempfile::tempdir_in(parent)?;
        copy_units(from, staging.path(), &foreign)?;
        fs::rename(staging.keep(), to)?;
        Ok(())
    };
    // An optimisation: a full disk will be named by who needs the space.
    let _ = copy();
}

/// How long the last build in a folder took in which something was compiled, in seconds.
pub fn last_seconds(folder: &Path) -> Option<u64> {
    Ledger::load(folder).seconds
}

/// Whether the build in a folder made something that [`seed`] would copy.
pub fn has_seed(folder: &Path) -> bool {
    !Ledger::load(folder).foreign.is_empty()
}

/// Copies files and folders whose names end in a hash of `units`; other folders are looked into.
fn copy_units(from: &Path, to: &Path, units: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let target = to.join(&name);
        match unit_hash(&name.to_string_lossy()) {
            Some(hash) if units.contains(hash) => copy_all(&entry.path(), &target)?,
            None if entry.file_type()?.is_dir() && name != "incremental" => {
                fs::create_dir(&target)?;
                copy_units(&entry.path(), &target, units)?;
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Copies a file, a link as it is, or a folder with all in it.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if metadata.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if metadata.is_file() {
        fs::copy(from, to)?;
        // Cargo compares these times to know what is fresh.
        let times = fs::FileTimes::new().set_modified(metadata.modified()?);
        fs::File::options()
            .append(true)
            .open(to)?
            .set_times(times)?;
    }
    Ok(())
}

/// Commits whose sources and builds are kept for the next time.
const KEPT: usize = 4;

/// Removes the sources and builds below `scratch` that were used longest ago, except a few: each
/// is as large as a target folder.
pub fn prune(scratch: &Path) {
    let sources = folder_of_sources(&scratch.join("source"));
    for folder in [scratch.join("build"), sources] {
        let mut used: Vec<_> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name() != WORKTREE)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        used.sort_unstable();
        for (_, path) in used.iter().rev().skip(KEPT) {
            remove(path);
        }
    }
}

/// Removes a folder. It goes under another name first, so that half of it is never found under its
/// own. What can't be removed only takes space.
pub fn remove(folder: &Path) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.with_file_name(format!(".tmp-{name}"));
    let _ = fs::rename(folder, &aside);
    let _ = fs::remove_dir_all(&aside);
}

/// Notes that a source or build is used now.
pub fn touch(folder: &Path) {
    // At worst it is removed too early and made again.
    let _ = fs::File::open(folder).and_then(|it| it.set_modified(SystemTime::now()));
}
