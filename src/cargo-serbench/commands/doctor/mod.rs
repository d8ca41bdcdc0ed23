//! `cargo serbench doctor`: checks whether verdicts on this machine are reliable.

mod checks;
mod facts;
mod prove;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use self::checks::{Check, State};
use crate::{
    atomic,
    cli::Measure,
    exit::{Exit, Usage},
    shell,
    values::quantities::Percent,
};

#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Test the gate on these benchmarks: identical code must pass, slowed-down code must fail
    #[arg(long)]
    pub prove: bool,

    /// Run this many gates of each kind
    #[arg(long, value_name = "NUMBER", default_value_t = 10, requires = "prove")]
    pub gates: u32,

    /// Slow benchmarks down by each of these percentages
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "2%,3%,5%,10%",
          requires = "prove", value_parser = Percent::above_zero)]
    pub slowdowns: Vec<Percent>,

    /// Write the number of false alarms to this file, for a shields.io badge
    #[arg(long, value_name = "FILE", requires = "prove")]
    pub badge: Option<PathBuf>,

    #[command(flatten)]
    pub measure: Measure,
}

/// The JSON output.
#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    checks: &'a [Check],
    proof: Option<&'a crate::run::Proof>,
}

/// A badge in the format of shields.io (<https://shields.io/badges/endpoint-badge>).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Badge {
    schema_version: u32,
    label: &'static str,
    message: String,
    color: &'static str,
}

impl Badge {
    fn of(proof: &crate::run::Proof) -> Self {
        let crate::run::Proof {
            gates,
            false_alarms,
            ..
        } = proof;
        Self {
            schema_version: 1,
            label: "false alarms",
            message: format!("{false_alarms} of {gates} gates"),
            color: match false_alarms {
                0 => "brightgreen",
                _ => "red",
            },
        }
    }
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
        if let Some(file) = &args.badge {
            let text = serde_json::to_vec(&Badge::of(&proven))?;
            atomic::write(file, &text)
                .with_context(|| format!("failed to write the badge to {}", file.display()))?;
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
