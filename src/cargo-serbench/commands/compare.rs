//! `cargo serbench compare`: any commit against any other.

use std::process::ExitCode;

use anyhow::Result;

use crate::{cli, commands::pair::measure_pair, run::Side, session};

/// Any commit against any other.
pub fn compare(args: &cli::Compare) -> Result<ExitCode> {
    let session = session::open(&args.measure)?;
    let repo = session.repository()?;
    let [baseline, candidate] = [
        repo.resolve(&args.baseline)?,
        repo.resolve(&args.candidate)?,
    ];
    let candidate = session::commit(&session, &args.measure, &candidate, Side::Candidate)?;
    let judged = measure_pair(
        &session,
        &args.measure,
        &args.trial,
        &baseline,
        &candidate,
        None,
    )?;
    Ok(judged.code)
}
