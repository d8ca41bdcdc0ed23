//! `cargo serbench config`: the configuration in force, and where each value comes from.

use std::{io::Write, process::ExitCode};

use anyhow::Result;

use crate::{cli::Settings, session};

pub fn config(args: &Settings) -> Result<ExitCode> {
    session::set_output(&args.output);
    let in_force = session::configuration(&args.manifest, &args.workspace, &args.keys)?;
    anstream::stdout()
        .lock()
        .write_all(in_force.show(&args.output)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
