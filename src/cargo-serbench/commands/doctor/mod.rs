//! `cargo serbench doctor`: can this machine be trusted with a verdict?

mod checks;
mod facts;
mod prove;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use self::checks::{Check, State};
use crate::{
    cli::Measure,
    config::units::Percent,
    exit::{Exit, Usage},
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Prove it on these benchmarks: gates of equal code must pass, slowed ones must fail
    #[arg(long)]
    pub prove: bool,

    /// Run this many gates of each kind
    #[arg(long, value_name = "NUMBER", default_value_t = 10, requires = "prove")]
    pub gates: u32,

    /// Slow benchmarks down by these percentages, one kind of gate for each
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "2%,3%,5%,10%",
          requires = "prove", value_parser = Percent::above_zero)]
    pub slowdowns: Vec<Percent>,

    #[command(flatten)]
    pub measure: Measure,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    checks: &'a [Check],
    proof: Option<&'a crate::run::Proof>,
}

pub fn doctor(args: &Doctor) -> Result<Exit> {
    let output = &args.measure.output;
    output.voice.apply();
    let json = match output.format.as_slice() {
        [format] if format.name == "terminal" => false,
        [format] if format.name == "json" => true,
        _ => return Err(Usage::new("doctor prints `--format terminal` or `--format json`").into()),
    };
    let request = args.measure.request();
    let found = facts::facts(&request);
    let checks = checks::checks(&found);
    if !json {
        shell::print(&checks::text(&checks))?;
    }
    let mut exit = match checks.iter().any(|check| check.state == State::Fail) {
        true => Exit::CouldNotMeasure,
        false => Exit::Passed,
    };
    let mut proof = None;
    if args.prove {
        let (proven, passed) = prove::prove(request, args.gates, &args.slowdowns)?;
        if !json {
            shell::print(&format!("\n{}\n", proven.sentence()))?;
        }
        exit = exit.or(if passed {
            Exit::Passed
        } else {
            Exit::CouldNotMeasure
        });
        proof = Some(proven);
    }
    if json {
        let answer = Answer {
            schema: 1,
            checks: &checks,
            proof: proof.as_ref(),
        };
        shell::print(&format!("{}\n", serde_json::to_string_pretty(&answer)?))?;
    }
    Ok(exit)
}
