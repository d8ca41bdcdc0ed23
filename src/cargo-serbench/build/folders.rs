//! Manages the folders of builds: their paths, what is copied between them, and when they are removed.

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
    upgraded::STAMP,
};
use crate::discover::checkout::folder_of_sources;

const WORKTREE: &str = "worktree";

/// The target folder for builds of a commit, or of the work tree.
pub fn target_directory(scratch: &Path, commit: Option<&str>) -> PathBuf {
    let name = commit.map_or(WORKTREE, |commit| &commit[..commit.len().min(12)]);
    scratch.join("build").join(name)
}

/// Number of copies of each executable to measure. The physical memory of a file stays the same while
/// it is cached, and makes about one copy in a hundred 2 to 5 % slower in some benchmarks. With
/// a single copy per side, identical code would differ during the whole run.
const COPIES: usize = 8;

/// Copies executables to `folder`, so that a later build can't change them during a
/// measurement. The paths of `folder` for both commits should have equal lengths, because a process
/// has its path on the stack.
pub fn stage_executables(built: &mut [Built], folder: &Path) -> Result<()> {
    let copy = |from: &Path, to: &Path| -> Result<()> {
        fs::create_dir_all(folder)?;
        // A process of a killed run may still execute the old file, which then can't be written.
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
            copy(&executable.path, &to).with_context(|| {
                format!("failed to copy a bench executable to {}", to.display())
            })?;
            executable.copies.push(to);
        }
        executable.path.clone_from(&executable.copies[0]);
    }
    Ok(())
}

/// Copies the builds of packages from registries and git repositories from `from` to a new folder
/// `to`, so that they are not built again for another commit. Cargo's name for such a unit contains the
/// package version. The workspace's own packages are distinguished by time only, so they are not
/// copied. If copying fails, cargo builds everything.
pub fn seed(from: &Path, to: &Path) {
    let foreign = Ledger::load(from).foreign;
    let (false, false, Some(parent)) = (to.exists(), foreign.is_empty(), to.parent()) else {
        return;
    };
    let copy = || -> Result<()> {
        fs::create_dir_all(parent)?;
        let staging = tempfile::tempdir_in(parent)?;
        copy_units(from, staging.path(), &foreign)?;
        // Without it, divan is compiled again.
        let _ = fs::copy(from.join(STAMP), staging.path().join(STAMP));
        fs::rename(staging.keep(), to)?;
        Ok(())
    };
    // Only an optimisation: if the disk is full, the build will report it.
    let _ = copy();
}

/// Copies what cargo knows about rustc to the target folder `to` of a build, from the user's target folder or
/// the folder of the work tree's build. Otherwise cargo starts rustc three times, which takes 50 ms. Cargo checks
/// by itself whether it's still true.
pub fn remember_rustc(users: &Path, to: &Path) {
    const KNOWN: &str = ".rustc_info.json";
    let file = to.join(KNOWN);
    if !file.exists() {
        // Only an optimisation.
        let _ = [&to.with_file_name(WORKTREE), users]
            .iter()
            .find(|from| fs::copy(from.join(KNOWN), &file).is_ok());
    }
}

/// The duration of the last build in a folder that compiled something, in seconds.
pub fn last_seconds(folder: &Path) -> Option<u64> {
    Ledger::load(folder).seconds
}

/// Whether the build in a folder has units that [`seed`] would copy.
pub fn has_seed(folder: &Path) -> bool {
    !Ledger::load(folder).foreign.is_empty()
}

/// Copies files and folders whose names end in one of the hashes in `units`; descends into other folders.
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

/// Copies a file, a link (as a link), or a folder with its content.
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
        // Cargo compares modification times to find out what is up to date.
        let times = fs::FileTimes::new().set_modified(metadata.modified()?);
        fs::File::options()
            .append(true)
            .open(to)?
            .set_times(times)?;
    }
    Ok(())
}

/// How many commits' sources and builds are kept.
const KEPT: usize = 4;

/// Removes the least recently used sources and builds in `scratch`, except a few: each
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

/// Removes a folder. Renames it first, so that a partly deleted folder is never used. Failures
/// only waste space.
pub fn remove(folder: &Path) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.with_file_name(format!(".tmp-{name}"));
    let _ = fs::rename(folder, &aside);
    let _ = fs::remove_dir_all(&aside);
}

/// Marks a source or build folder as used now.
pub fn touch(folder: &Path) {
    // If this fails, it may be removed too early and is made again.
    let _ = fs::File::open(folder).and_then(|it| it.set_modified(SystemTime::now()));
}
