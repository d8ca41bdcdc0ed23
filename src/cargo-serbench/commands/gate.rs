//! `cargo serbench gate`: compares the work tree with a baseline commit.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{
    cli::Measure,
    commands::{
        pair::{self, Trial},
        report, revision,
    },
    exit::Exit,
    session, shell,
};

#[derive(Clone, Debug, Args)]
pub struct Gate {
    /// Compare with this revision [default: the merge base with the default branch]
    #[arg(long, value_name = "REV")]
    pub baseline: Option<String>,

    /// Compare with --baseline itself instead of its merge base with HEAD
    #[arg(long, requires = "baseline")]
    pub exact: bool,

    /// Old name of `cargo serbench report FILE`
    #[arg(long, value_name = "FILE", conflicts_with = "baseline", hide = true)]
    pub replay: Option<PathBuf>,

    #[command(flatten)]
    pub measure: Measure,

    #[command(flatten)]
    pub trial: Trial,
}

pub fn gate(args: &Gate) -> Result<Exit> {
    let Measure { plan, output, .. } = &args.measure;
    output.voice.apply();
    if let Some(file) = &args.replay {
        return report::stored(
            std::slice::from_ref(file),
            &plan.project,
            &plan.keys,
            output,
        );
    }
    let mut session = session::open(args.measure.request())?;
    let (baseline, why) = session.baseline(args.baseline.as_deref(), args.exact)?;
    shell::status(
        "Baseline",
        format_args!("{} ({}): {why}", baseline.short(), baseline.subject),
    );
    session.hold_to(&baseline)?;
    revision::build_both(&session, &baseline, None)?;
    let candidate = revision::worktree(&session)?;
    pair::gate(&session, args.trial, &baseline, &candidate, output)
}
