//! `cargo serbench gate`: the work tree against a baseline commit.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    cli::{self, Measure, Settings},
    commands::{pair::measure_pair, report::report_again},
    session, shell,
};

/// The work tree against a commit.
pub fn gate(args: &cli::Gate) -> Result<ExitCode> {
    if let Some(file) = &args.replay {
        let Measure {
            manifest,
            workspace,
            keys,
            output,
            ..
        } = args.measure.clone();
        let settings = Settings {
            manifest,
            workspace,
            keys,
            output,
        };
        return report_again(file, &settings);
    }
    let session = session::open(&args.measure)?;
    let repo = session.repository()?;
    let (baseline, why) = session::baseline(repo, args.baseline.as_deref(), &session.config)?;
    shell::status(
        "Baseline",
        format_args!("{} ({}): {why}", baseline.short(), baseline.subject),
    );
    let candidate = session::worktree(&session, &args.measure)?;
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
