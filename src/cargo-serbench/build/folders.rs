//! Folders of builds: where each commit's lies, what is copied between them, when they go.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

use super::Built;

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

/// Copies what a finished build in `from` made of other people's packages to `to`, so that they
/// are not built again for another commit. Nothing of `members`, the workspace's own packages,
/// goes along: cargo tells their builds apart by time only.
pub fn seed(from: &Path, to: &Path, members: &[String]) -> Result<()> {
    if to.exists() || !from.exists() {
        return Ok(());
    }
    let parent = to.parent().context("a target folder has a parent")?;
    fs::create_dir_all(parent)?;
    let prepare = || format!("prepare {} for a build", to.display());
    let staging = tempfile::tempdir_in(parent).with_context(prepare)?;
    copy_tree(from, staging.path(), &|name| {
        let own = |member: &String| {
            let member = [member.clone(), member.replace('-', "_")];
            member.iter().any(|member| {
                let name = name.strip_prefix("lib").unwrap_or(name);
                name.strip_prefix(member.as_str())
                    .is_some_and(|rest| rest.starts_with(['-', '.']) || rest.is_empty())
            })
        };
        name != "incremental" && !members.iter().any(own)
    })
    .with_context(prepare)?;
    fs::rename(staging.keep(), to).with_context(prepare)
}

/// Commits whose sources and builds are kept for the next time.
const KEPT: usize = 4;

/// Removes the sources and builds below `scratch` that were used longest ago, but for a few: each
/// is as large as a target folder.
pub fn prune(scratch: &Path) {
    for folder in ["build", "source"] {
        let mut used: Vec<_> = fs::read_dir(scratch.join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name() != WORKTREE)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        used.sort_unstable();
        for (_, path) in used.iter().rev().skip(KEPT) {
            // What can't be removed only takes space.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Notes that a source or build is used now.
pub fn touch(folder: &Path) {
    // At worst it is removed too early and made again.
    let _ = fs::File::open(folder).and_then(|it| it.set_modified(SystemTime::now()));
}

fn copy_tree(from: &Path, to: &Path, wanted: &impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&entry.path(), &target, wanted)?;
        } else {
            fs::copy(entry.path(), &target)?;
            // Cargo compares these times to know what is fresh.
            let times = fs::FileTimes::new().set_modified(entry.metadata()?.modified()?);
            fs::File::options()
                .append(true)
                .open(&target)?
                .set_times(times)?;
        }
    }
    Ok(())
}
