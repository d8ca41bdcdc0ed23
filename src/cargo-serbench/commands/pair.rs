//! Measures two commits in pairs until every benchmark is decided.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    cli::Output,
    commands::{
        differences, explain,
        output::{self, Findings},
        overlay, requested,
        revision::Tree,
    },
    config::{Config, Layout, Mode},
    decide::{
        self, Decision, Summary, Verdict, Waivable,
        evidence::{self, Evidence, Role},
    },
    discover::git::Commit,
    exit::Exit,
    layout::Layouts,
    measure::{self, engine::Pace, identical},
    record::accepted::Waivers,
    run::{self, Run, Side},
    select::BenchId,
    session::Session,
    shell,
    values::quantities::Percent,
};

/// Options to test the gate itself.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Trials")]
pub struct Trial {
    /// Also measure benchmarks whose code is identical
    #[arg(long)]
    pub measure_identical: bool,

    /// Slow down all benchmarks of the candidate by this much, except references
    #[arg(long, value_name = "PERCENT", value_parser = Percent::above_zero)]
    pub inject: Option<Percent>,
}

/// The decisions on two commits.
pub struct Decided {
    pub evidence: Vec<Evidence>,
    pub decisions: Vec<Decision>,
    pub summary: Summary,
    pub exit: Exit,
}

impl Decided {
    /// The ids that may be slower than at the baseline and were not accepted as slower.
    pub fn slower(&self) -> BTreeSet<BenchId> {
        let uncleared = self
            .decisions
            .iter()
            .filter(|decision| !decision.is_cleared());
        uncleared.map(|decision| decision.id.clone()).collect()
    }
}

/// The measurements and decisions of two commits.
pub struct Pair {
    pub runs: Vec<Run>,
    pub decided: Decided,
    /// The file of the run, if it could be stored; the results are shown in any case.
    pub stored: Result<PathBuf>,
}

/// Measures two commits in pairs until every benchmark is decided, and prints the verdicts.
pub fn gate(
    session: &Session,
    trial: Trial,
    baseline: &Commit,
    candidate: &Tree,
    output: &Output,
) -> Result<Exit> {
    let mut pair = measure_pair(session, trial, baseline, candidate, None)?;
    explain::after(session, &mut pair)?;
    let Pair {
        runs,
        decided,
        stored,
    } = pair;
    let exit = decided.exit;
    let findings = Findings {
        runs,
        decided: Some(decided),
        ..Findings::default()
    };
    output::write(&findings, exit, Some(&session.workspace), output)?;
    stored?;
    Ok(exit)
}

/// Measures two commits in pairs until every benchmark is decided. `only` limits what is measured.
pub fn measure_pair(
    session: &Session,
    trial: Trial,
    baseline: &Commit,
    candidate: &Tree,
    only: Option<&BTreeSet<BenchId>>,
) -> Result<Pair> {
    let baseline = overlay::baseline(session, baseline, candidate)?;
    let run = measured(session, trial, &baseline, candidate, only)?;
    // A full disk must not hide the result.
    let stored = store(session, &run);
    let root = &session.workspace.root;
    let waivers = Waivers::read(root, session.repo.as_ref(), run.baseline.as_ref())?;
    let (runs, decided) = decide(vec![run], &session.config, &waivers);
    Ok(Pair {
        runs,
        decided,
        stored,
    })
}

/// Measures two built commits in pairs until every benchmark is decided.
pub fn measured(
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
    let mut chosen = requested::choose(session, &catalogs)?;
    chosen.retain(|id| only.is_none_or(|only| only.contains(id)));
    // Printed already by the plain run that found the suspects.
    let ids = chosen.iter().filter(|_| only.is_none());
    for loosened in config.loosened(ids.map(BenchId::as_str)) {
        shell::warning(loosened);
    }
    let sources = (Some(&baseline.source), &candidate.source);
    let mut run = measure::new_run(options, request.seed, sources.0, sources.1)?;
    run.proof = run::Proof::load(&session.workspace.scratch(), &run.machine);
    run.identical_measured = trial.measure_identical;
    run.shard = request.selection.shard.map(|shard| shard.to_string());
    let started = Instant::now();
    let scratch = session.workspace.scratch();
    identical::skip(catalogs, &chosen, config, &scratch, &mut run);
    differences::note(session, baseline, candidate, &mut run);
    let sides = [
        (Side::Baseline, catalogs[0]),
        (Side::Candidate, catalogs[1]),
    ];
    for (side, catalog) in sides {
        measure::verify_side(launcher, catalog, &chosen, side, &mut run)?;
    }
    measure::fail_silent(catalogs, &mut run);
    measure::peaks::note_lone(&mut run);
    measure::hint_at_foreign(&run, &session.workspace.scratch());
    explain::keep(session, catalogs, &mut run);
    let layouts = match config.layout {
        Layout::Ignore => Layouts::default(),
        Layout::Always | Layout::Confirm => measure::align(catalogs, &scratch, &mut run),
    };
    if let Some(layout) = &mut run.layout {
        layout.screened_as_linked = config.layout == Layout::Confirm;
    }
    let mut engine = measure::engine(launcher, &sides, &run, &layouts, Pace::LONG);
    if trial.inject.is_some() {
        refuse_injection(&run)?;
    }
    let injected = trial.inject.map_or(0.0, Percent::fraction);
    measure::measure_until_decided(config, injected, &mut engine, &mut run)?;
    run.seconds = started.elapsed().as_secs_f64();
    Ok(run)
}

/// The result of a gate that was a trial.
pub struct Trialled {
    pub run: Run,
    pub decided: Decided,
}

/// Compares a tree with itself. Nothing is stored.
pub fn against_itself(session: &Session, trial: Trial, tree: &Tree) -> Result<Trialled> {
    let run = measured(session, trial, tree, tree, None)?;
    let (mut runs, decided) = decide(vec![run], &session.config, &Waivers::default());
    let run = runs.remove(0);
    Ok(Trialled { run, decided })
}

/// A benchmark that a trial can't slow down, because divan itself times it.
pub fn not_slowable(run: &Run) -> Option<&BenchId> {
    let foreign = |(_, benchmark): &(&BenchId, &run::Benchmark)| {
        let timed_by_divan = |it: &run::Verification| it.failure().is_none() && !it.native;
        benchmark.candidate.as_ref().is_some_and(timed_by_divan)
    };
    run.benchmarks.iter().find(foreign).map(|(id, _)| id)
}

/// Fails if a trial should slow down benchmarks but can't: it would pass and prove nothing.
fn refuse_injection(run: &Run) -> Result<()> {
    match not_slowable(run) {
        None => Ok(()),
        Some(id) => bail!(
            "--inject can't slow `{id}` down: divan itself times it (several threads or under 2 ns); \
             choose other benchmarks for the trial"
        ),
    }
}

/// Stores a run for `cargo serbench report`.
pub fn store(session: &Session, run: &Run) -> Result<PathBuf> {
    let path = run::store(run, &run::folder(&session.workspace.scratch()))?;
    shell::status("Stored", shell::shown(&path).display());
    Ok(path)
}

/// Decides one run of two commits, or those of all shards, as one gate with one correction for the
/// number of suspects. A reference measured by several shards becomes one benchmark per shard, with
/// ids that name the later shards.
pub fn decide(mut runs: Vec<Run>, config: &Config, waivers: &Waivers) -> (Vec<Run>, Decided) {
    let mut all: Vec<(BenchId, Evidence)> = Vec::new();
    let mut taken = BTreeSet::new();
    let mut cannot_fail = None;
    for (number, run) in runs.iter_mut().enumerate() {
        let evidence = evidence::evidence(run, config);
        let within_budget = decide::policy(run.budget);
        cannot_fail = cannot_fail.or_else(|| decide::reach::cannot_fail(&evidence, &within_budget));
        let ids: BTreeSet<BenchId> = evidence.iter().map(|it| it.id.clone()).collect();
        let name = match &run.shard {
            Some(shard) => format!("shard {shard}"),
            None => format!("run {}", number + 1),
        };
        let renamed: BTreeMap<BenchId, BenchId> = ids
            .iter()
            .filter(|id| taken.contains(*id))
            .map(|id| {
                (
                    id.clone(),
                    BenchId::new(format!("{} ({name})", id.as_str())),
                )
            })
            .collect();
        let rename = |id: &BenchId| renamed.get(id).unwrap_or(id).clone();
        for mut evidence in evidence {
            let id = evidence.id.clone();
            evidence.id = rename(&id);
            evidence.reference = evidence.reference.as_ref().map(rename);
            all.push((id, evidence));
        }
        run.rename(rename);
        taken.extend(ids);
    }
    let (ids, evidence): (Vec<BenchId>, Vec<Evidence>) = all.into_iter().unzip();
    let mut decisions = decide::decide(&evidence, &decide::policy(None));
    for (id, decision) in ids.iter().zip(&mut decisions) {
        if decision.role == Role::Benchmark {
            decision.waived = waiver(id, decision, config, waivers);
        }
    }
    let new = without_baseline(&decisions, &ids, config);
    let summary = decide::summarize(&decisions, config.strict);
    let mut summary = summary.unless(cannot_fail).unless(new);
    let judged = decisions.iter().zip(&ids);
    let judged = judged.filter(|(decision, _)| decision.role == Role::Benchmark);
    let loosened = config.loosened(judged.map(|(_, id)| id.as_str()));
    summary.problems.extend(loosened);
    let exit = summary.outcome.exit(config.strict);
    let decided = Decided {
        evidence,
        decisions,
        summary,
        exit,
    };
    (runs, decided)
}

/// The problem if a new benchmark has no baseline although one is required.
fn without_baseline(decisions: &[Decision], ids: &[BenchId], config: &Config) -> Option<String> {
    let new = decisions.iter().zip(ids).find(|(decision, id)| {
        let gated = decision.waived.is_none() && config.mode(id) == Mode::Gate;
        gated && decision.verdict == Verdict::Added && decision.role == Role::Benchmark
    });
    new.filter(|_| config.require_baseline).map(|(_, id)| {
        format!(
            "`{id}` has no baseline, but `require-baseline` is set; if that is intended: \
             `cargo serbench accept '{id}' --reason TEXT`"
        )
    })
}

/// Why a regression does not fail the gate: it is only tracked, or was accepted.
fn waiver(id: &str, decision: &Decision, config: &Config, waivers: &Waivers) -> Option<String> {
    if config.mode(id) == Mode::Track {
        return Some("tracked, not gated".to_owned());
    }
    if decision.verdict == Verdict::Removed && config.allows_removal(id) {
        return Some("allowed by `allow-removed`".to_owned());
    }
    let (entry, covered) = match decision.waivable()? {
        Waivable::Change => {
            let entry = waivers.of(id)?;
            let lower = decision.deciding.map_or(1.0, |change| change.ratios()[1]);
            (entry, entry.covers(lower))
        }
        Waivable::FailedBaseline => (waivers.of(id)?, true),
        // Accepting a slowdown must not accept the removal, which would hide the next change.
        Waivable::Removal => (waivers.of_removal(id)?, true),
    };
    covered.then(|| format!("accepted: {}", entry.reason))
}
