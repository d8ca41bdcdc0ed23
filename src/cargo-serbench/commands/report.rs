//! `cargo serbench report`: reports stored runs again, without measuring.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cli::{Keys, Output, Project},
    commands::{
        bound,
        output::{self, Findings},
        pair::{self, Decided},
    },
    compare::{self, CaseTable},
    discover::{
        Workspace,
        git::{self, Repo},
        workspace::{self, Choice},
    },
    exit::{Exit, Usage},
    record::accepted::Waivers,
    run::{self, Run},
    session, shell,
};

#[derive(Clone, Debug, Args)]
pub struct Report {
    /// Runs stored under target/serbench/runs: one, or those of all shards for one joint verdict
    /// [default: the newest]
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// Accept only runs of this commit without uncommitted changes
    #[arg(long, value_name = "SHA")]
    pub candidate: Option<String>,

    /// Reject runs that were not compared with the merge base of their commit and this revision
    #[arg(long, value_name = "REV")]
    pub baseline: Option<String>,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub output: Output,
}

pub fn report(args: &Report) -> Result<Exit> {
    args.output.voice.apply();
    if args.runs.is_empty() {
        if args.candidate.is_some() || args.baseline.is_some() {
            bail!(Usage::new(
                "name the runs to check with --candidate and --baseline"
            ));
        }
        let newest = newest(&args.project)?;
        shell::status("Newest", newest.display());
        return stored(&[newest], &args.project, &args.keys, &args.output);
    }
    if args.candidate.is_none() && args.baseline.is_none() {
        return stored(&args.runs, &args.project, &args.keys, &args.output);
    }
    let files = args.runs.iter().map(PathBuf::as_path);
    let runs = files.map(|file| Ok((file, bound::load(file)?)));
    let runs = runs.collect::<Result<Vec<(&Path, Run)>>>()?;
    if let Some(sha) = &args.candidate {
        bound::check_candidate(&runs, sha)?;
    }
    if let Some(revision) = &args.baseline {
        bound::check_baseline(&runs, revision, &args.project)?;
    }
    let runs = runs.into_iter().map(|(_, run)| run).collect();
    loaded(runs, &args.project, &args.keys, &args.output)
}

/// The newest stored run. If it can't be read, reporting it fails: an older one might have passed.
fn newest(project: &Project) -> Result<PathBuf> {
    let folder = run::folder(&workspace::workspace(&project.choice())?.scratch());
    run::newest(&folder, |_| true).with_context(|| {
        format!(
            "no run is stored in {}; `cargo serbench` and `cargo serbench gate` make one",
            folder.display()
        )
    })
}

/// Decides and prints the runs in `files` with the current configuration and flags.
pub fn stored(files: &[PathBuf], project: &Project, keys: &Keys, output: &Output) -> Result<Exit> {
    let runs = files
        .iter()
        .map(|file| run::load(file))
        .collect::<Result<Vec<Run>>>()?;
    loaded(runs, project, keys, output)
}

fn loaded(runs: Vec<Run>, project: &Project, keys: &Keys, output: &Output) -> Result<Exit> {
    let choice = project.choice();
    let first = runs.first().context("no run to report")?;
    if first.baseline.is_none() && runs.len() == 1 {
        let tables = compare::cases(first);
        let exit = exit_of(&tables);
        let findings = Findings {
            tables,
            runs,
            ..Findings::default()
        };
        // Tables of a single commit need no project.
        let workspace = workspace::workspace(&choice).ok();
        output::write(&findings, exit, workspace.as_ref(), output)?;
        return Ok(exit);
    }
    let (runs, decided) = decided(runs, project, keys)?;
    let workspace = workspace::workspace(&choice)?;
    let exit = decided.exit;
    let findings = Findings {
        runs,
        decided: Some(decided),
        ..Findings::default()
    };
    output::write(&findings, exit, Some(&workspace), output)?;
    Ok(exit)
}

/// Decides runs of two commits with the current configuration and flags.
pub fn decided(runs: Vec<Run>, project: &Project, keys: &Keys) -> Result<(Vec<Run>, Decided)> {
    let choice = project.choice();
    let first = runs.first().context("no run to decide")?;
    check_joinable(&runs)?;
    let config = session::configuration(&choice, &keys.flags())?.config;
    let workspace = workspace::workspace(&choice)?;
    let repo = git::open(&workspace.root)?;
    let waivers = Waivers::read(&workspace.root, repo.as_ref(), first.baseline.as_ref())?;
    let config = match first.baseline.as_ref().and_then(|it| it.commit.as_deref()) {
        Some(sha) => {
            let before = workspace_of(sha, repo.as_ref(), &workspace, &choice);
            session::held(config, before, &keys.flags())?
        }
        None => config,
    };
    Ok(pair::decide(runs, &config, &waivers))
}

/// The workspace at a commit, if this repository has it.
fn workspace_of(
    sha: &str,
    repo: Option<&Repo>,
    workspace: &Workspace,
    choice: &Choice,
) -> Result<Workspace> {
    let commit = repo.and_then(|repo| repo.commit(sha));
    let (Some(repo), Some(commit)) = (repo, commit) else {
        bail!("commit {} is not in this repository", git::short(sha));
    };
    let root = repo.extract(&commit, &workspace.scratch().join("source"))?;
    workspace::workspace(&choice.at(&root, workspace))
}

/// Whether all benchmarks of a single commit could be measured.
pub fn exit_of(tables: &[CaseTable]) -> Exit {
    let failed = |row: &compare::Row| row.verification.failure().is_some();
    match tables.iter().flat_map(|table| &table.rows).any(failed) {
        true => Exit::CouldNotMeasure,
        false => Exit::Passed,
    }
}

/// Rejects runs that are not all shards of one gate: a joint verdict could pass unmeasured benchmarks.
fn check_joinable(runs: &[Run]) -> Result<()> {
    let [first, others @ ..] = runs else {
        return Ok(());
    };
    if runs.iter().any(|run| run.baseline.is_none()) {
        bail!("only runs of two commits can be reported together; report each of these by itself");
    }
    for other in others {
        let what = if other.baseline != first.baseline {
            "baselines"
        } else if other.candidate != first.candidate {
            "candidates"
        } else if other.toolchain != first.toolchain {
            "toolchains, flags or features"
        } else {
            continue;
        };
        bail!("these runs have different {what}, so they are not shards of one gate");
    }
    for (number, run) in runs.iter().enumerate() {
        let same = |other: &&Run| (&other.started_at, other.seed) == (&run.started_at, run.seed);
        if runs[..number]
            .iter()
            .any(|other| same(&other) && other.shard == run.shard)
        {
            bail!("the run of {} was passed twice", run.started_at);
        }
    }
    check_shards(runs)
}

/// Checks that all shards `1/n` to `n/n` are present.
fn check_shards(runs: &[Run]) -> Result<()> {
    let shards: Vec<&str> = runs.iter().filter_map(|run| run.shard.as_deref()).collect();
    let Some(of) = shards.first().and_then(|shard| shard.split_once('/')) else {
        return Ok(());
    };
    let count: usize =
        of.1.parse()
            .context("failed to read the number of shards")?;
    for number in 1..=count {
        let name = format!("{number}/{count}");
        if !shards.contains(&name.as_str()) {
            bail!("shard {name} is missing; a joint verdict needs the runs of all shards");
        }
    }
    if shards.len() != count || runs.len() != count {
        bail!(
            "got {} runs for {count} shards; pass one run per shard",
            runs.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
