//! `cargo serbench list`: lists the benchmarks that would be measured.

use anyhow::Result;
use clap::Args;

use crate::{
    cli::Unreported,
    commands::{requested, revision},
    exit::Exit,
    select::catalog::Obstacle,
    session, shell,
};

#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub unreported: Unreported,
}

pub fn list(args: &List) -> Result<Exit> {
    args.unreported.voice.apply();
    let session = session::open(args.unreported.request())?;
    let tree = revision::worktree(&session)?;
    let ids = requested::choose(&session, &[&tree.catalog])?;
    let mut lines = String::new();
    let mut exit = Exit::Passed;
    for id in &ids {
        match tree.catalog.benchmarks[id].obstacle {
            None => lines += &format!("{id}\n"),
            Some(Obstacle::Ignored) => shell::hint(format_args!(
                "`{id}` is marked with `#[ignore]`, so it is not measured"
            )),
            // Building the catalog has printed the reason.
            Some(Obstacle::Unlisted(_)) => exit = Exit::CouldNotMeasure,
        }
    }
    shell::print(&lines)?;
    Ok(exit)
}
