//! `cargo serbench list`: the benchmarks that would be measured.

use anyhow::Result;
use clap::Args;

use crate::{cli::Measure, commands::revision, exit::Exit, select::BenchId, session, shell};

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
    let ignored = |id: &&BenchId| tree.catalog.benchmarks[*id].ignored;
    let (ignored, ids): (Vec<&BenchId>, Vec<&BenchId>) = ids.iter().partition(ignored);
    for id in ignored {
        shell::hint(format_args!(
            "`{id}` is marked with `#[ignore]`, so it is not measured"
        ));
    }
    let lines: String = ids.iter().map(|id| format!("{id}\n")).collect();
    shell::print(&lines)?;
    Ok(Exit::Passed)
}
