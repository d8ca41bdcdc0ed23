//! Two commits, measured in pairs until every benchmark is decided.

use std::{collections::BTreeSet, time::Instant};

use anyhow::Result;
use clap::Args;

use crate::{
    cli::Output,
    commands::{
        output,
        revision::{self, Tree},
    },
    config::{Config, Mode, units::Percent},
    decide::{
        self, Decision, Verdict, Waivable,
        evidence::{self, Role},
    },
    discover::git::Commit,
    exit::Exit,
    layout::Layouts,
    measure::{self, engine::Pace},
    record::accepted::Waivers,
    report::Results,
    run::{self, Run, Side},
    select::BenchId,
    session::Session,
    shell,
};

/// For trials of the gate itself.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Trials")]
pub struct Trial {
    /// Measure benchmarks whose executables are identical, too
    #[arg(long)]
    pub measure_identical: bool,

    /// Measure executables as cargo linked them, instead of in several orders of their functions
    #[arg(long)]
    pub as_linked: bool,

    /// Slow every benchmark of the candidate but the references down by this much
    #[arg(long, value_name = "PERCENT", value_parser = Percent::above_zero)]
    pub inject: Option<Percent>,
}

/// What became of a comparison of two commits.
pub struct Judged {
    pub exit: Exit,
    /// The ids of which it is not settled that they are as fast as at the baseline, or may be
    /// slower.
    pub slower: BTreeSet<BenchId>,
}

/// Measures two commits in pairs until every benchmark is decided. `only` limits what is measured.
pub fn measure_pair(
    session: &Session,
    trial: Trial,
    baseline: &Commit,
    candidate: &Tree,
    only: Option<&BTreeSet<BenchId>>,
    output: &Output,
) -> Result<Judged> {
    let baseline = revision::commit(session, baseline, Side::Baseline)?;
    let run = measured(session, trial, &baseline, candidate, only)?;
    // What was measured is shown though the disk be full.
    let stored = store(session, &run);
    let root = &session.workspace.root;
    let waivers = Waivers::read(root, session.repo.as_ref(), run.baseline.as_ref())?;
    let judged = show_verdicts(&run, &session.config, &waivers, output)?;
    stored?;
    Ok(judged)
}

fn measured(
    session: &Session,
    trial: Trial,
    baseline: &Tree,
    candidate: &Tree,
    only: Option<&BTreeSet<BenchId>>,
) -> Result<Run> {
    let Session {
        request,
        config,
        options,
        launcher,
        ..
    } = session;
    let catalogs = [&baseline.catalog, &candidate.catalog];
    let mut chosen = revision::choose(session, &catalogs)?;
    chosen.retain(|id| only.is_none_or(|only| only.contains(id)));
    let sources = (Some(&baseline.source), &candidate.source);
    let mut run = measure::new_run(options, request.seed, sources.0, sources.1)?;
    run.identical_measured = trial.measure_identical;
    let started = Instant::now();
    measure::skip_identical(catalogs[0], catalogs[1], &chosen, &mut run);
    let sides = [
        (Side::Baseline, catalogs[0]),
        (Side::Candidate, catalogs[1]),
    ];
    for (side, catalog) in sides {
        measure::verify_side(launcher, catalog, &chosen, side, &mut run)?;
    }
    let layouts = match trial.as_linked {
        true => Layouts::default(),
        false => measure::align(catalogs, &session.workspace.scratch(), &mut run),
    };
    let mut engine = measure::engine(launcher, &sides, &run, &layouts, Pace::LONG);
    let injected = trial.inject.map_or(0.0, Percent::fraction);
    measure::measure_until_decided(config, injected, &mut engine, &mut run)?;
    run.seconds = started.elapsed().as_secs_f64();
    Ok(run)
}

/// Stores a run where `cargo serbench report` finds it.
pub fn store(session: &Session, run: &Run) -> Result<()> {
    let path = run::store(run, &session.workspace.scratch().join("runs"))?;
    shell::status("Stored", shell::shown(&path).display());
    Ok(())
}

/// Decides a run of two commits and prints the verdicts.
pub fn show_verdicts(
    run: &Run,
    config: &Config,
    waivers: &Waivers,
    output: &Output,
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
    let results = Results::Gate {
        run,
        decisions: &decisions,
        summary: &summary,
    };
    output::write(results, output)?;
    hint_at_accepting(&decisions);
    Ok(Judged {
        exit: summary.outcome.exit(config.strict),
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
    let entry = waivers.of(&decision.id)?;
    let covered = match decision.waivable()? {
        Waivable::Change => {
            let lower = decision.deciding.map_or(1.0, |change| change.ratios()[1]);
            entry.covers(lower)
        }
        Waivable::FailedBaseline => true,
        // Accepting a change of time must not accept that nobody can see the next.
        Waivable::Removal => false,
    };
    covered.then(|| format!("accepted: {}", entry.reason))
}
