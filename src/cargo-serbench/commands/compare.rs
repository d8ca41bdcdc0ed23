//! `cargo serbench compare`: compares any two commits.

use anyhow::Result;
use clap::Args;

use crate::{
    cli::Measure,
    commands::{
        pair::{self, Trial},
        revision,
    },
    exit::Exit,
    run::Side,
    session,
};

#[derive(Clone, Debug, Args)]
pub struct Compare {
    /// The revision to compare with
    pub baseline: String,

    /// The revision to judge
    pub candidate: String,

    #[command(flatten)]
    pub measure: Measure,

    #[command(flatten)]
    pub trial: Trial,
}

pub fn compare(args: &Compare) -> Result<Exit> {
    let output = &args.measure.output;
    output.voice.apply();
    let mut session = session::open(args.measure.request())?;
    let repo = session.repository()?;
    let [baseline, candidate] = [
        repo.resolve(&args.baseline)?,
        repo.resolve(&args.candidate)?,
    ];
    session.hold_to(&baseline)?;
    revision::build_both(&session, &baseline, Some(&candidate))?;
    let candidate = revision::commit(&session, &candidate, Side::Candidate)?;
    pair::gate(&session, args.trial, &baseline, &candidate, output)
}
