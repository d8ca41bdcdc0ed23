//! `cargo serbench list`: the benchmarks that would be measured.

use std::{io::Write, process::ExitCode};

use anyhow::Result;

use crate::{cli::Measure, session};

pub fn list(measure: &Measure) -> Result<ExitCode> {
    let session = session::open(measure)?;
    let tree = session::worktree(&session, measure)?;
    let mut stdout = anstream::stdout().lock();
    for id in session::choose(&[&tree.catalog], measure, &session.config)? {
        writeln!(stdout, "{id}")?;
    }
    Ok(ExitCode::SUCCESS)
}
