//! Verifies and measures the selected benchmarks of one or two commits, and stores the run.

mod budget;
pub mod engine;
pub mod identical;
pub mod peaks;
pub mod schedule;
mod slow;
pub mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Instant,
};

use anyhow::Result;

use self::{
    budget::Budget,
    engine::{Engine, Limit, Pace, Runnable},
    schedule::Job,
    slow::{Case, Slow},
};
use crate::{
    build::{Options, toolchain},
    config::Config,
    decide::{self, evidence},
    discover::machine,
    layout::Layouts,
    process::Launcher,
    run::{self, Arm, Phase, Run, Side, Source, State, Verification},
    select::{
        BenchId,
        catalog::{Catalog, Listed},
    },
    shell, verify,
};

/// The number of blocks after which more of the same phase are announced.
const WORTH_A_LINE: usize = 16;

/// A run without measurements.
pub fn new_run(
    options: &Options,
    seed: Option<u64>,
    baseline: Option<&Source>,
    candidate: &Source,
) -> Result<Run> {
    let clock_seed = || {
        std::time::UNIX_EPOCH
            .elapsed()
            .map_or(1, |since| since.as_nanos() as u64)
    };
    Ok(Run {
        schema: run::SCHEMA,
        tool: run::TOOL.to_owned(),
        started_at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        seconds: 0.0,
        seed: seed.unwrap_or_else(|| clock_seed() % 1_000_000),
        machine: machine::machine(),
        toolchain: toolchain::toolchain(options)?,
        baseline: baseline.cloned(),
        candidate: candidate.clone(),
        budget: None,
        identical_measured: false,
        layout: None,
        shard: None,
        self_check: None,
        notes: Vec::new(),
        proof: None,
        benchmarks: BTreeMap::new(),
        kept: Vec::new(),
        explained: BTreeMap::new(),
        blocks: Vec::new(),
    })
}

/// Verifies the benchmarks of one commit, except those known to be identical.
pub fn verify_side(
    launcher: &Launcher,
    catalog: &Catalog,
    chosen: &BTreeSet<BenchId>,
    side: Side,
    run: &mut Run,
) -> Result<()> {
    let listed: Vec<Listed> = chosen
        .iter()
        .filter(|id| {
            run.benchmarks
                .get(*id)
                .and_then(|known| known.at(side))
                .is_none()
        })
        .filter_map(|id| catalog.benchmarks.get(id).cloned())
        .collect();
    if listed.is_empty() {
        return Ok(());
    }
    let name = of_side(run, side);
    shell::status(
        "Verifying",
        format_args!("{}{name}", shell::count(listed.len(), "benchmark")),
    );
    let mut progress = shell::Progress::start("Verifying");
    let timelines = run.baseline.is_none();
    let verifications = verify::verify(launcher, &listed, timelines, |number, id| {
        progress.update(number as f64, listed.len() as f64, id);
    })?;
    drop(progress);
    for Listed { id, reference, .. } in listed {
        let verification = verifications.get(&id).cloned();
        if let Some(reason) = verification.as_ref().and_then(Verification::failure) {
            shell::warning(format_args!("`{id}`{name}: {reason}"));
        }
        if let Some(reason) = verification.as_ref().and_then(Verification::skipped) {
            shell::warning(format_args!("skipped `{id}`{name}: {reason}"));
        }
        if verification
            .as_ref()
            .is_some_and(|verification| verification.prints)
        {
            shell::warning(format_args!(
                "`{id}`{name} prints to stdout, which makes it slower"
            ));
        }
        let benchmark = run.benchmarks.entry(id).or_default();
        match side {
            Side::Baseline => benchmark.baseline = verification,
            Side::Candidate => benchmark.candidate = verification,
        }
        benchmark.reference = reference.or(benchmark.reference.take());
    }
    Ok(())
}

/// A benchmark that only the baseline lists, although the candidate still has its bench target, was not
/// removed but failed, so rules about removals must not let it pass. Likewise, a benchmark that only the
/// candidate lists is not new if the baseline's bench target failed to list.
pub fn fail_silent([baseline, candidate]: [&Catalog; 2], run: &mut Run) {
    for (id, benchmark) in &mut run.benchmarks {
        let unlisted = baseline.unlisted.get(id.qualified_suite());
        if let (None, Some(reason)) = (&benchmark.baseline, unlisted) {
            benchmark.baseline = Some(Verification::failed(reason));
        }
        if let (None, Some(reason)) = (&benchmark.candidate, candidate.silence(id)) {
            benchmark.candidate = Some(Verification::failed(reason));
        }
    }
}

pub fn engine<'a>(
    launcher: &'a Launcher,
    catalogs: &[(Side, &Catalog)],
    run: &Run,
    layouts: &Layouts,
    pace: Pace,
) -> Engine<'a> {
    let mut runnables = BTreeMap::new();
    for (side, catalog) in catalogs {
        for (id, benchmark) in &run.benchmarks {
            if let (Some(verification), Some(listed)) =
                (benchmark.at(*side), catalog.benchmarks.get(id))
            {
                let Verification {
                    native,
                    multithreaded,
                    ..
                } = *verification;
                let mut executable = listed.executable.clone();
                let as_linked = run.layout.is_some_and(|layout| layout.screened_as_linked);
                let for_screen = as_linked.then(|| executable.copies.clone());
                let aligned = layouts.files.get(&executable.path);
                if let Some(files) = aligned {
                    executable.copies.clone_from(files);
                }
                runnables.insert(
                    (*side, id.clone()),
                    Runnable {
                        executable,
                        path: listed.path.clone(),
                        threads: listed.threads,
                        native,
                        multithreaded,
                        aligned: aligned.is_some(),
                        for_screen: for_screen.filter(|_| aligned.is_some()),
                    },
                );
            }
        }
    }
    Engine::new(launcher, runnables, pace, run.seed)
}

/// Relinks the executables of benchmarks that both commits have, so that both have the same layout.
pub fn align(catalogs: [&Catalog; 2], scratch: &Path, run: &mut Run) -> Layouts {
    let both = run.benchmarks.iter().filter_map(|(id, benchmark)| {
        let (one, other) = (benchmark.baseline.as_ref()?, benchmark.candidate.as_ref()?);
        if one.is_same_code(other) && !run.identical_measured {
            return None;
        }
        let [one, other] = catalogs.map(|catalog| catalog.benchmarks.get(id));
        let pair = [&one?.executable, &other?.executable];
        Some(((&pair[0].path, &pair[1].path), pair))
    });
    let pairs: BTreeMap<_, _> = both.collect();
    if pairs.is_empty() {
        return Layouts::default();
    }
    let pairs: Vec<_> = pairs.into_values().collect();
    let layouts = Layouts::of(&pairs, scratch);
    for problem in &layouts.problems {
        let note = format!("layout not checked: {problem}");
        shell::hint(&note);
        if !run.notes.contains(&note) {
            run.notes.push(note);
        }
    }
    let Layouts { common, equal, .. } = layouts;
    if layouts.problems.is_empty() {
        let variants = layouts.variants();
        shell::status(
            "Relinked",
            format_args!("in {variants} orders; {equal} of {common} functions at equal addresses"),
        );
        run.layout = Some(run::Layout {
            variants,
            common,
            equal,
            screened_as_linked: false,
        });
    }
    layouts
}

/// Measures what `decide` requests until it requests no more. `injected` slows down the
/// candidate's benchmarks, except references; 0.05 is 5 %.
pub fn measure_until_decided(
    config: &Config,
    injected: f64,
    engine: &mut Engine<'_>,
    run: &mut Run,
) -> Result<()> {
    let mut budget = Budget::start(config, run.benchmarks.len());
    let threshold = |id: &str| config.tolerance(id).threshold;
    let limited = |id: &str| config.tolerance(id).max_latency_ratio.is_some();
    let mut slow = Slow::of(run, budget.seconds);
    // The first block of each benchmark shows what a block costs.
    let mut first = decide::next(
        &slow.hide(evidence::evidence(run, config)),
        &budget.policy(),
    );
    for request in &mut first {
        request.blocks = 1;
    }
    let arms = schedule::between_commits(run, threshold, injected);
    let work = schedule::requested(run, &first, &arms, limited);
    measure_work(engine, run, &work, budget.deadline())?;
    let evidence = evidence::evidence(run, config);
    budget.stretch(&evidence);
    budget.warn(&evidence);
    run.self_check = schedule::self_check(run, &schedule::cheap(&evidence), run.seed);
    let arms = schedule::between_commits(run, threshold, injected);
    loop {
        let evidence = slow.hide(evidence::evidence(run, config));
        budget.stretch(&evidence);
        let left = budget.deadline().saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let requests = decide::next(&evidence, &budget.policy());
        if requests.is_empty() {
            if slow.admit(left.as_secs_f64()) {
                continue;
            }
            break;
        }
        let work = schedule::requested(run, &requests, &arms, limited);
        measure_work(engine, run, &work, budget.deadline())?;
    }
    run.budget = Some(budget.seconds);
    slow.warn(budget.seconds);
    Ok(())
}

fn measure_work(
    engine: &mut Engine<'_>,
    run: &mut Run,
    work: &[Job],
    deadline: Instant,
) -> Result<()> {
    let Some(first) = work.first() else {
        return Ok(());
    };
    let verb = match first.phase {
        Phase::Screen => "Measuring",
        Phase::Confirm => "Confirming",
    };
    // Blocks that replace disturbed ones are not worth a line each.
    let goes_on = (run.blocks.last()).is_some_and(|block| block.phase == first.phase);
    let blocks: usize = work.iter().map(|job| job.blocks).sum();
    if !goes_on || blocks >= WORTH_A_LINE {
        shell::status(verb, size(work));
    }
    let mut progress = shell::Progress::start(verb);
    let limit = Limit {
        deadline,
        least_blocks: 0,
    };
    measure_jobs(engine, run, work, limit, |done, total, id| {
        progress.update(done as f64, total as f64, id);
    })
}

/// `12 pairs, 576 blocks`; without pairs, `2 benchmarks, 96 blocks`.
fn size<'a>(work: impl IntoIterator<Item = &'a Job>) -> String {
    let (mut jobs, mut blocks, mut thing) = (0, 0, "benchmark");
    for job in work {
        jobs += 1;
        blocks += job.blocks;
        if job.arms.len() > 1 {
            thing = "pair";
        }
    }
    let [jobs, blocks] =
        [(jobs, thing), (blocks, "block")].map(|(number, thing)| shell::count(number, thing));
    format!("{jobs}, {blocks}")
}

/// Measures one array after the other, each within its share of the time until the deadline, and calls
/// `finished` with the run after each. Slow ones are last, and left out if they don't fit.
pub fn measure_cases(
    engine: &mut Engine<'_>,
    run: &mut Run,
    cases: Vec<(BenchId, Vec<Job>)>,
    limit: Limit,
    mut finished: impl FnMut(&Run, &BenchId) -> Result<()>,
) -> Result<()> {
    let blocks = |jobs: &[Job]| jobs.iter().map(|job| job.blocks).sum::<usize>();
    let total: usize = cases.iter().map(|(_, jobs)| blocks(jobs)).sum();
    let jobs = cases.iter().flat_map(|(_, jobs)| jobs);
    shell::status("Measuring", size(jobs));
    let mut progress = shell::Progress::start("Measuring");
    let mut before = 0;
    let budget = limit.deadline.saturating_duration_since(Instant::now());
    let seconds = |arm: &Arm| {
        let benchmark = run.benchmarks.get(&arm.id);
        let verification = benchmark.and_then(|it| it.at(arm.side));
        verification.map_or(0.0, |it| it.seconds)
    };
    for case in slow::last(cases, budget.as_secs_f64(), seconds) {
        let Case {
            name,
            mut jobs,
            slow,
            finishes,
        } = case;
        let now = Instant::now();
        let left = limit.deadline.saturating_duration_since(now);
        if limit.least_blocks == 0 && slow.is_some_and(|seconds| seconds > left.as_secs_f64()) {
            jobs.clear();
        }
        let share = blocks(&jobs) as f64 / (total - before).max(1) as f64;
        let limit = Limit {
            deadline: now + left.mul_f64(share),
            ..limit
        };
        measure_jobs(engine, run, &jobs, limit, |done, _, id| {
            progress.update((before + done) as f64, total as f64, id);
        })?;
        before += blocks(&jobs);
        progress.clear();
        if finishes {
            finished(run, &name)?;
        }
    }
    Ok(())
}

fn measure_jobs(
    engine: &mut Engine<'_>,
    run: &mut Run,
    work: &[Job],
    limit: Limit,
    mut progress: impl FnMut(usize, usize, &BenchId),
) -> Result<()> {
    let failures =
        engine::run_schedule(engine, work, limit, &mut run.blocks, |done, total, arm| {
            progress(done, total, &arm.id)
        })?;
    for (id, (side, state)) in failures {
        let name = of_side(run, side);
        let benchmark = run.benchmarks.entry(id.clone()).or_default();
        let sides = match &state {
            // The reason is the same everywhere.
            State::Skipped(reason) => {
                shell::warning(format_args!("skipped `{id}`: {reason}"));
                vec![&mut benchmark.baseline, &mut benchmark.candidate]
            }
            State::Failed(reason) => {
                shell::warning(format_args!("`{id}`{name}: {reason}"));
                match side {
                    Side::Baseline => vec![&mut benchmark.baseline],
                    Side::Candidate => vec![&mut benchmark.candidate],
                }
            }
            State::Verified | State::Unchecked => Vec::new(),
        };
        for verification in sides.into_iter().flatten() {
            verification.state = state.clone();
        }
    }
    Ok(())
}

/// Explains why some benchmarks take long: divan itself times them. Printed once per workspace, which is
/// remembered in `scratch`.
pub fn hint_at_foreign(run: &Run, scratch: &Path) {
    let verifications = || {
        run.benchmarks
            .values()
            .filter_map(|it| it.candidate.as_ref())
    };
    let foreign = |it: &&Verification| !it.native && it.is_measurable();
    let count = verifications().filter(foreign).count();
    let hinted = scratch.join("hinted");
    if count == 0 || hinted.exists() {
        return;
    }
    shell::hint(format_args!(
        "divan itself times {count} of {} benchmarks, which takes about five times as long: those \
         with several threads or under 2 ns, and all if divan is a local package or too new (said once \
         in this workspace)",
        verifications().count()
    ));
    // If this fails, the hint is printed again.
    let _ = std::fs::write(hinted, "");
}

/// The side, for messages; empty for a run of one commit.
fn of_side(run: &Run, side: Side) -> &'static str {
    match (&run.baseline, side) {
        (None, _) => "",
        (Some(_), Side::Baseline) => " of the baseline",
        (Some(_), Side::Candidate) => " of the candidate",
    }
}
