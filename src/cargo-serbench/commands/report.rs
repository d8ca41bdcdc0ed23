//! `cargo serbench report`: a stored run once more, without measuring.

use std::{path::Path, process::ExitCode};

use anyhow::Result;

use crate::{
    cli::{self, Settings},
    commands::pair::{show_verdicts, waivers},
    compare,
    discover::git,
    report,
    run::{self, Run},
    session,
};

/// A stored run once more, without measuring.
pub fn report_again(file: &Path, settings: &Settings) -> Result<ExitCode> {
    let Settings {
        manifest,
        workspace,
        keys,
        output,
    } = settings;
    session::set_output(output);
    let run = run::load(file)?;
    if run.baseline.is_none() {
        return show_tables(&run, output);
    }
    let config = session::configuration(manifest, workspace, keys)?.config;
    let workspace = session::selected(&mut manifest.metadata(), workspace)?;
    let repo = git::open(&workspace.root)?;
    let waivers = waivers(&workspace, repo.as_ref(), &run)?;
    Ok(show_verdicts(&run, &config, &waivers, output)?.code)
}

pub fn show_tables(run: &Run, output: &cli::Output) -> Result<ExitCode> {
    let cases = compare::cases(run);
    report::write(report::Results::Tables { run, cases: &cases }, output)?;
    let failed = |row: &compare::Row| row.verification.failure().is_some();
    let all_worked = !cases.iter().flat_map(|case| &case.rows).any(failed);
    Ok(if all_worked {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    })
}
