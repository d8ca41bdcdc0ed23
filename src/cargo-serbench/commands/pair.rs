//! Two commits, measured in pairs until every benchmark is decided.

use std::{collections::BTreeSet, path::Path, process::ExitCode, time::Instant};

use anyhow::{Context, Result};

use crate::{
    cli::{self, Measure},
    commands::accept,
    config::{Config, Mode},
    decide::{
        self, Decision, Verdict,
        evidence::{self, Role},
    },
    discover::{
        Workspace,
        git::{Commit, Repo},
    },
    measure::{self, engine::Pace},
    report,
    run::{Run, Side},
    session::{self, Session, Tree},
    shell,
};

/// What became of a comparison of two commits.
pub struct Judged {
    pub code: ExitCode,
    /// The ids of which it is not settled that they are as fast as at the baseline, or may be
    /// slower.
    pub slower: BTreeSet<String>,
}

/// Entries of accepted.toml, in the work tree and at the baseline.
pub struct Waivers {
    now: Vec<accept::Entry>,
    at_baseline: Vec<accept::Entry>,
}

/// Measures two commits in pairs until every benchmark is decided.
pub fn measure_pair(
    session: &Session,
    measure: &Measure,
    trial: &cli::Trial,
    baseline: &Commit,
    candidate: &Tree,
    only: Option<&BTreeSet<String>>,
) -> Result<Judged> {
    let baseline = session::commit(session, measure, baseline, Side::Baseline)?;
    let catalogs = [&baseline.catalog, &candidate.catalog];
    let mut chosen = session::choose(&catalogs, measure, &session.config)?;
    chosen.retain(|id| only.is_none_or(|only| only.contains(id)));
    let mut run = measure::new_run(session, measure, Some(&baseline), candidate)?;
    run.identical_measured = trial.measure_identical;
    let started = Instant::now();
    measure::skip_identical(&baseline, candidate, &chosen, &mut run);
    measure::verify_side(session, &baseline, &chosen, Side::Baseline, &mut run)?;
    measure::verify_side(session, candidate, &chosen, Side::Candidate, &mut run)?;
    let sides = [(Side::Baseline, &baseline), (Side::Candidate, candidate)];
    let mut engine = measure::engine(session, &sides, &run, Pace::LONG);
    measure::measure_until_decided(session, trial, &mut engine, &mut run)?;
    run.seconds = started.elapsed().as_secs_f64();
    let stored = measure::store(session, &run);
    let waivers = waivers(&session.workspace, session.repo.as_ref(), &run)?;
    let judged = show_verdicts(&run, &session.config, &waivers, &measure.output)?;
    stored?;
    Ok(judged)
}

/// The accepted changes that the baseline does not have yet.
pub fn waivers(workspace: &Workspace, repo: Option<&Repo>, run: &Run) -> Result<Waivers> {
    let file = Path::new(session::FOLDER).join(session::ACCEPTED);
    let read =
        |text: Option<String>| text.map_or(Ok(Vec::new()), |text| accept::read(&text, &file));
    let now = match std::fs::read_to_string(workspace.root.join(&file)) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
    };
    let now = read(now)?;
    let commit = run
        .baseline
        .as_ref()
        .and_then(|source| source.commit.as_deref());
    let at_baseline = match (repo, commit.and_then(|sha| repo?.commit(sha))) {
        (Some(repo), Some(commit)) => read(repo.file(&commit, &file)?)?,
        (_, _) => Vec::new(),
    };
    Ok(Waivers { now, at_baseline })
}

pub fn show_verdicts(
    run: &Run,
    config: &Config,
    waivers: &Waivers,
    output: &cli::Output,
) -> Result<Judged> {
    let policy = decide::policy(None);
    let mut decisions = decide::decide(&evidence::evidence(run, config), &policy);
    for decision in decisions
        .iter_mut()
        .filter(|decision| decision.role == Role::Benchmark)
    {
        decision.waived = waiver(decision, config, waivers);
    }
    let summary = decide::summarize(&decisions, config.strict);
    report::write(
        report::Results::Gate {
            run,
            decisions: &decisions,
            summary: &summary,
        },
        output,
    )?;
    hint_at_accepting(&decisions);
    Ok(Judged {
        code: ExitCode::from(summary.outcome.exit_code(config.strict)),
        slower: decisions
            .into_iter()
            .filter(|decision| !decision.is_cleared())
            .map(|decision| decision.id)
            .collect(),
    })
}

/// Says what can be done about regressions besides mending them.
fn hint_at_accepting(decisions: &[Decision]) {
    let regressed = |decision: &&Decision| {
        decision.role == Role::Benchmark
            && decision.verdict == Verdict::Regressed
            && decision.waived.is_none()
    };
    let ids: Vec<String> = decisions
        .iter()
        .filter(regressed)
        .map(|decision| format!("'{}'", decision.id))
        .collect();
    let what = match ids.as_slice() {
        [] => return,
        [one] => one.as_str(),
        [_, ..] => "ID...",
    };
    shell::hint(format_args!(
        "if it is intended, `cargo serbench accept {what} --reason TEXT` says so in a file to commit with the change"
    ));
}

/// Why a benchmark's regression does not fail the gate: it is only tracked, or was accepted.
fn waiver(decision: &Decision, config: &Config, waivers: &Waivers) -> Option<String> {
    if config.mode(&decision.id) == Mode::Track {
        return Some("tracked, not gated".to_owned());
    }
    let entry = accept::accepted(&waivers.now, &waivers.at_baseline, &decision.id)?;
    let lower = decision.change.map_or(1.0, |change| change.lower.exp());
    entry
        .covers(lower)
        .then(|| format!("accepted: {}", entry.reason))
}
