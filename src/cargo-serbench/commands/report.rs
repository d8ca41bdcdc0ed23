//! `cargo serbench report`: a stored run once more, without measuring.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::{
    cli::{Keys, Output, Project},
    commands::{output, pair},
    compare,
    discover::git,
    exit::Exit,
    record::accepted::Waivers,
    report::Results,
    run::{self, Run},
    session,
};

#[derive(Clone, Debug, Args)]
pub struct Report {
    /// A run stored under target/serbench/runs
    pub run: PathBuf,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub output: Output,
}

pub fn report(args: &Report) -> Result<Exit> {
    args.output.voice.apply();
    stored(&args.run, &args.project, &args.keys, &args.output)
}

/// Decides and prints the run in `file`, with what is configured and typed now.
pub fn stored(file: &Path, project: &Project, keys: &Keys, output: &Output) -> Result<Exit> {
    let run = run::load(file)?;
    if run.baseline.is_none() {
        return show_tables(&run, output);
    }
    let Project { manifest, packages } = project;
    let config = session::configuration(manifest, packages, &keys.flags())?.config;
    let workspace = session::workspace(manifest, packages)?;
    let repo = git::open(&workspace.root)?;
    let waivers = Waivers::read(&workspace.root, repo.as_ref(), run.baseline.as_ref())?;
    Ok(pair::show_verdicts(&run, &config, &waivers, output)?.exit)
}

/// Prints what was measured of one commit.
pub fn show_tables(run: &Run, output: &Output) -> Result<Exit> {
    let cases = compare::cases(run);
    let results = Results::Tables { run, cases: &cases };
    output::write(results, output)?;
    let failed = |row: &compare::Row| row.verification.failure().is_some();
    let all_worked = !cases.iter().flat_map(|case| &case.rows).any(failed);
    Ok(if all_worked {
        Exit::Passed
    } else {
        Exit::CouldNotMeasure
    })
}
