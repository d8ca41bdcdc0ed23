//! `cargo serbench report`: stored runs once more, without measuring.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cli::{Keys, Output, Project},
    commands::{
        output::{self, Findings},
        pair,
    },
    compare::{self, CaseTable},
    discover::{Workspace, git},
    exit::Exit,
    record::accepted::Waivers,
    run::{self, Run},
    session,
};

#[derive(Clone, Debug, Args)]
pub struct Report {
    /// Runs stored under target/serbench/runs: one, or those of all shards for one joint verdict
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub output: Output,
}

pub fn report(args: &Report) -> Result<Exit> {
    args.output.voice.apply();
    stored(&args.runs, &args.project, &args.keys, &args.output)
}

/// Decides and prints the runs in `files`, with what is configured and typed now.
pub fn stored(files: &[PathBuf], project: &Project, keys: &Keys, output: &Output) -> Result<Exit> {
    let runs = files
        .iter()
        .map(|file| run::load(file))
        .collect::<Result<Vec<Run>>>()?;
    let Project { manifest, packages } = project;
    let first = runs.first().context("no run to report")?;
    if first.baseline.is_none() && runs.len() == 1 {
        let tables = compare::cases(first);
        let exit = exit_of(&tables);
        let findings = Findings {
            tables,
            runs,
            decided: None,
        };
        // A single commit's tables need no project.
        let workspace = session::workspace(manifest, packages).ok();
        output::write(&findings, exit, workspace.as_ref(), output)?;
        return Ok(exit);
    }
    check_joinable(&runs)?;
    let config = session::configuration(manifest, packages, &keys.flags())?.config;
    let workspace: Workspace = session::workspace(manifest, packages)?;
    let repo = git::open(&workspace.root)?;
    let waivers = Waivers::read(&workspace.root, repo.as_ref(), first.baseline.as_ref())?;
    let (runs, decided) = pair::decide(runs, &config, &waivers);
    let exit = decided.exit;
    let findings = Findings {
        runs,
        tables: Vec::new(),
        decided: Some(decided),
    };
    output::write(&findings, exit, Some(&workspace), output)?;
    Ok(exit)
}

/// Whether all that was measured of one commit worked.
pub fn exit_of(tables: &[CaseTable]) -> Exit {
    let failed = |row: &compare::Row| row.verification.failure().is_some();
    match tables.iter().flat_map(|table| &table.rows).any(failed) {
        true => Exit::CouldNotMeasure,
        false => Exit::Passed,
    }
}

/// Refuses runs that do not make one whole: a joint verdict on less than everything would pass what
/// nobody measured.
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
            bail!("the run of {} is given twice", run.started_at);
        }
    }
    check_shards(runs)
}

/// Whether the shards `1/n` to `n/n` are all there.
fn check_shards(runs: &[Run]) -> Result<()> {
    let shards: Vec<&str> = runs.iter().filter_map(|run| run.shard.as_deref()).collect();
    let Some(of) = shards.first().and_then(|shard| shard.split_once('/')) else {
        return Ok(());
    };
    let count: usize = of.1.parse().context("read the number of shards")?;
    for number in 1..=count {
        let name = format!("{number}/{count}");
        if !shards.contains(&name.as_str()) {
            bail!("shard {name} is missing; a joint verdict needs the runs of all shards");
        }
    }
    if shards.len() != count || runs.len() != count {
        bail!(
            "{} runs are given for {count} shards; pass one run per shard",
            runs.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_joinable;
    use crate::record::tests::two_encoders;

    #[test]
    fn runs_that_are_not_one_gate_are_refused() {
        let shard = |number: usize| {
            let mut run = two_encoders();
            run.baseline = Some(run.candidate.clone());
            run.shard = Some(format!("{number}/2"));
            run.seed = number as u64;
            run
        };
        let told = |runs: &[_]| check_joinable(runs).map_err(|error| error.to_string());
        assert_eq!(told(&[shard(1), shard(2)]), Ok(()));
        let mut other = shard(2);
        other.candidate.commit = Some("1234".to_owned());
        let mut alone = shard(2);
        alone.baseline = None;
        let mut whole = shard(2);
        whole.shard = None;
        let all = [
            told(&[shard(1), shard(1)]),
            told(&[shard(1), other]),
            told(&[shard(1), alone]),
            told(&[shard(1), whole]),
        ];
        let all: Vec<String> = all.into_iter().map(Result::unwrap_err).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        the run of 2026-11-21T01:10:52Z is given twice
        these runs have different candidates, so they are not shards of one gate
        only runs of two commits can be reported together; report each of these by itself
        shard 2/2 is missing; a joint verdict needs the runs of all shards
        ");
    }
}
