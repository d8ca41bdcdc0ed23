//! Whether stored runs are of the two commits that a publisher was called for. Whoever uploads them may
//! have written them.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    cli::Project,
    discover::{git, workspace},
    run::{self, Run, Source},
};

/// Thousands of benchmarks take a tenth of it.
const MOST_BYTES: u64 = 64 << 20;

/// Refuses runs of another commit than `sha`, or with changes: a published verdict must be about it.
pub fn check_candidate(runs: &[(&Path, Run)], sha: &str) -> Result<()> {
    for (file, run) in runs {
        let candidate = &run.candidate;
        if candidate.dirty || candidate.commit.as_deref() != Some(sha) {
            bail!(
                "{} is a run of {}, not of {sha}",
                file.display(),
                named(candidate)
            );
        }
    }
    Ok(())
}

/// Refuses runs whose baseline is not the merge base of `revision` and their candidate: the rules are
/// the baseline's, so a change must not choose it.
pub fn check_baseline(runs: &[(&Path, Run)], revision: &str, project: &Project) -> Result<()> {
    let root = workspace::members(&project.choice())?.root;
    let repo = git::open(&root)?.context("`--baseline` needs a git repository")?;
    let tip = repo.resolve(revision)?;
    for (file, run) in runs {
        let sha = run.candidate.commit.as_deref().unwrap_or_default();
        let candidate = repo.commit(sha).with_context(|| {
            format!("commit {sha} is not in this repository; `git fetch origin {sha}` brings it")
        })?;
        let base = repo.merge_base(&tip, &candidate)?.with_context(|| {
            format!("{revision} and {} have no common commit", candidate.short())
        })?;
        let baseline = run.baseline.as_ref().with_context(|| {
            format!(
                "{} is a run of one commit, with no baseline",
                file.display()
            )
        })?;
        if baseline.dirty || baseline.commit.as_ref() != Some(&base.sha) {
            bail!(
                "{} compares with {}, not with {}, the merge base of {revision} and {}",
                file.display(),
                named(baseline),
                base.sha,
                candidate.short()
            );
        }
    }
    Ok(())
}

/// A run from a file that is one itself and of a size that a run can have.
pub fn load(file: &Path) -> Result<Run> {
    let metadata =
        fs::symlink_metadata(file).with_context(|| format!("read the run {}", file.display()))?;
    if metadata.is_symlink() {
        bail!("{} is a symbolic link, not a stored run", file.display());
    }
    if metadata.len() > MOST_BYTES {
        bail!(
            "{} has {} MiB; a stored run has at most {} MiB",
            file.display(),
            metadata.len() >> 20,
            MOST_BYTES >> 20
        );
    }
    run::load(file)
}

fn named(source: &Source) -> String {
    let commit = source.commit.as_deref().unwrap_or("no commit");
    let changes = match source.dirty {
        true => " with uncommitted changes",
        false => "",
    };
    format!("{commit}{changes}")
}
