//! `cargo serbench list`: the benchmarks that would be measured.

use anyhow::Result;
use clap::Args;

use crate::{cli::Measure, commands::revision, exit::Exit, session, shell};

#[derive(Clone, Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub measure: Measure,
}

pub fn list(args: &List) -> Result<Exit> {
    args.measure.output.voice.apply();
    let session = session::open(args.measure.request())?;
    let tree = revision::worktree(&session)?;
    let ids = revision::choose(&session, &[&tree.catalog])?;
    let lines: String = ids.iter().flat_map(|id| [id, "\n"]).collect();
    shell::print(&lines)?;
    Ok(Exit::Passed)
}
