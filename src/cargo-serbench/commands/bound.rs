//! Checks that stored runs are of the two commits to be published. They are untrusted: the uploader may have
//! forged them.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    cli::Project,
    discover::{git, workspace},
    run::{self, Run, Source},
};

/// Ten times the size of a run with thousands of benchmarks.
const MOST_BYTES: u64 = 64 << 20;

/// Rejects runs of other commits than `sha`, or with uncommitted changes.
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

/// Rejects runs whose baseline is not the merge base of `revision` and their candidate: the baseline
/// has the policy, so a change must not choose it.
pub fn check_baseline(runs: &[(&Path, Run)], revision: &str, project: &Project) -> Result<()> {
    let root = workspace::members(&project.choice())?.root;
    let repo = git::open(&root)?.context("`--baseline` needs a git repository")?;
    let tip = repo.resolve(revision)?;
    for (file, run) in runs {
        let sha = run.candidate.commit.as_deref().unwrap_or_default();
        let candidate = repo.commit(sha).with_context(|| {
            format!(
                "commit {sha} is not in this repository; fetch it with `git fetch origin {sha}`"
            )
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

/// Reads a run, if the file is a regular file of plausible size.
pub fn load(file: &Path) -> Result<Run> {
    let metadata = fs::symlink_metadata(file)
        .with_context(|| format!("failed to read the run {}", file.display()))?;
    if metadata.is_symlink() {
        bail!("{} is a symbolic link, not a stored run", file.display());
    }
    if metadata.len() > MOST_BYTES {
        bail!(
            "{} is {} MiB; the maximum for a stored run is {} MiB",
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
