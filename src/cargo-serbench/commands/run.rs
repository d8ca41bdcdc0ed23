//! Plain `cargo serbench`: measures one commit, prints tables, records it, and gates it against a record.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    build::toolchain,
    cli::Measure,
    commands::{
        self, explain,
        output::{self, Findings},
        pair::{self, Pair, Trial},
        report, requested,
        revision::{self, Tree},
    },
    compare::{self, CaseTable},
    config::{Config, Mode},
    decide::{self, LimitCheck, Standing, evidence},
    discover::{
        git::{self, Commit, Repo},
        machine,
    },
    exit::Exit,
    layout::Layouts,
    measure::{
        self,
        engine::{Limit, Pace},
        schedule,
    },
    record::{
        self, Record,
        baseline::{self, Lookup},
        store::{self, Store, Stored},
        suspects,
    },
    run::{self, Arm, Side},
    select::BenchId,
    session::{self, Session},
    shell,
    values::quantities::Seconds,
};

#[derive(Clone, Debug, Args)]
pub struct Run {
    /// Compare with the record of this revision [default: the merge base's or nearest ancestor's]
    #[arg(long, value_name = "REV")]
    pub baseline: Option<String>,

    #[command(flatten)]
    pub measure: Measure,
}

impl Run {
    /// Measures one commit: every encoder against its reference.
    pub fn execute(&self) -> Result<Exit> {
        let output = &self.measure.output;
        output.voice.apply();
        commands::hint_at_command(&self.measure.plan.select.filters);
        let mut session = session::open(self.measure.request())?;
        let lookup = recorded(&session, self.baseline.as_deref())?;
        if let Lookup::Found { commit, .. } = &lookup {
            let baseline = session.repository()?.resolve(commit)?;
            session.hold_to(&baseline)?;
        }
        let tree = revision::worktree(&session)?;
        let mut shown = BTreeSet::new();
        let run = measured(&session, &tree, |run, id| {
            if output.is_for_reading() && shell::is_watched() {
                shown.extend(show_case(run, id)?);
            }
            Ok(())
        })?;
        // A full disk must not hide the result, and a closed pipe must not lose the record.
        let stored = pair::store(&session, &run);
        let limits = over_limits(&run, &session.config).or(incomplete(&run, &session));
        let gated = against_record(&session, &lookup, self.baseline.is_some(), &tree, &run);
        let mut tables = compare::cases(&run);
        for case in &mut tables {
            case.shown = shown.contains(&(case.suite.clone(), case.case.clone()));
        }
        let shown = report::exit_of(&tables).or(limits);
        let mut findings = Findings {
            runs: vec![run],
            tables,
            ..Findings::default()
        };
        let workspace = Some(&session.workspace);
        let gated = match gated {
            Ok(gated) => gated,
            Err(error) => {
                output::write(&findings, shown.or(Exit::of(&error)), workspace, output)?;
                return Err(error);
            }
        };
        let exit = shown.or(gated.exit);
        let mut pair_stored = Ok(());
        if let Some(mut pair) = gated.pair {
            explain::after(&session, &mut pair)?;
            pair.runs.append(&mut findings.runs);
            findings.runs = pair.runs;
            findings.decided = Some(pair.decided);
            pair_stored = pair.stored.map(drop);
        }
        output::write(&findings, exit, workspace, output)?;
        stored.map(drop).and(pair_stored)?;
        Ok(exit)
    }
}

/// The result of comparing with a record.
struct Gated {
    exit: Exit,
    /// Suspects, measured against that commit.
    pair: Option<Pair>,
}

impl From<Exit> for Gated {
    fn from(exit: Exit) -> Self {
        Self { exit, pair: None }
    }
}

/// Data types in the default order of measuring: most people look at
/// float64 first.
const DTYPES: [&str; 12] = [
    "f64", "f16", "f32", "bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64",
];

/// Prints the table of an array once it is measured, and returns its suite and name.
fn show_case(run: &run::Run, id: &BenchId) -> Result<Option<(String, String)>> {
    let tables = compare::cases(run).into_iter();
    let mut compared = tables.filter(CaseTable::is_compared);
    let Some(case) = compared.find(|it| it.suite == id.qualified_suite() && it.case == id.case())
    else {
        return Ok(None);
    };
    shell::print(&crate::report::case(&case, shell::width()))?;
    Ok(Some((case.suite, case.case)))
}

/// Measures every encoder of one commit against its reference, and calls `finished` after each array.
pub fn measured(
    session: &Session,
    tree: &Tree,
    finished: impl FnMut(&run::Run, &BenchId) -> Result<()>,
) -> Result<run::Run> {
    let Session {
        request,
        config,
        options,
        launcher,
        ..
    } = session;
    let chosen = requested::choose(session, &[&tree.catalog])?;
    for loosened in config.loosened(chosen.iter().map(BenchId::as_str)) {
        shell::warning(loosened);
    }
    let mut run = measure::new_run(options, request.seed, None, &tree.source)?;
    let started = Instant::now();
    measure::verify_side(launcher, &tree.catalog, &chosen, Side::Candidate, &mut run)?;
    measure::hint_at_foreign(&run, &session.workspace.scratch());
    let sides = [(Side::Candidate, &tree.catalog)];
    let mut engine = measure::engine(launcher, &sides, &run, &Layouts::default(), Pace::BRIEF);
    let blocks = if request.quick { 10 } else { 48 };
    let work = schedule::beside_references(&run, blocks);
    let mut first = request.selection.rust_dtypes();
    if first.is_empty() {
        first = DTYPES.map(str::to_owned).into();
    }
    let cases = schedule::by_case(work, |segment| {
        let place = first.iter().position(|dtype| dtype == segment);
        place.unwrap_or(first.len())
    });
    let limit = Limit {
        // Instants can't represent more than a few years.
        deadline: Instant::now() + Duration::from_secs_f64(budget(session).clamp(0.0, 1e8)),
        // Only a budget that someone asked for may leave something out.
        least_blocks: usize::from(config.budget.is_none()),
    };
    measure::measure_cases(&mut engine, &mut run, cases, limit, finished)?;
    run.seconds = started.elapsed().as_secs_f64();
    Ok(run)
}

/// Seconds to spend on measuring one commit. One operation on a large array takes up to a second.
fn budget(session: &Session) -> f64 {
    let default = match session.request.selection.full {
        true => 300.0,
        false => 30.0,
    };
    session.config.budget.map_or(default, Seconds::value)
}

/// The record to compare the work tree with. It is chosen before measuring, because its commit has the
/// policy, and before a new record could be found.
fn recorded(session: &Session, baseline: Option<&str>) -> Result<Lookup> {
    let missing = |why: &str| {
        let (why, first) = (why.to_owned(), true);
        Ok(Lookup::Missing { why, first })
    };
    let Some(repo) = &session.repo else {
        return missing("no git repository");
    };
    let Some(head) = repo.head()? else {
        return missing("the repository has no commit yet");
    };
    let dirty = !repo.changes(record::is_record)?.is_empty();
    let (machine, toolchain) = (machine::machine(), toolchain::toolchain(&session.options)?);
    let key = toolchain::key(&machine, &toolchain);
    let factors = toolchain::factors(&machine, &toolchain);
    let asked = baseline
        .map(|revision| repo.resolve(revision))
        .transpose()?;
    let answer = baseline::find(
        repo,
        &Store::of(&session.workspace),
        (&key, &factors),
        (&head, dirty),
        asked.as_ref(),
        session.default_branch()?.as_deref(),
    )?;
    warn_passed_over(&answer.passed_over);
    Ok(answer.lookup)
}

/// Records the measurements of a clean commit, and compares them with an earlier record. Suspects
/// are built at that commit and measured as pairs, because only pairs decide.
fn against_record(
    session: &Session,
    lookup: &Lookup,
    asked: bool,
    tree: &Tree,
    run: &run::Run,
) -> Result<Gated> {
    let store = Store::of(&session.workspace);
    match (&session.repo, lookup) {
        (None, _) => shell::status(
            "Not recorded",
            "outside a git repository; records belong to commits",
        ),
        (Some(repo), Lookup::Missing { .. }) => keep_record(repo, &store, run, None)?,
        (Some(_), Lookup::Found { .. }) => {}
    }
    match lookup {
        Lookup::Missing { why, .. } => without_baseline(session, asked, why).map(Gated::from),
        Lookup::Found {
            commit,
            stored,
            why,
        } => {
            let baseline = session.repository()?.resolve(commit)?;
            keep_screened(session, (&baseline, stored, why), tree, run)
        }
    }
}

/// Records the measurements, marks suspects compared with a stored record, and measures those.
fn keep_screened(
    session: &Session,
    (baseline, stored, why): (&Commit, &Stored, &str),
    tree: &Tree,
    run: &run::Run,
) -> Result<Gated> {
    let store = Store::of(&session.workspace);
    let record = store::load(stored)?;
    let suspects = suspects::suspects(&record, run, &session.config);
    // Marked until pairs clear them, so that killing this run does not hide them from the next one.
    let than = &baseline.sha;
    keep_record(session.repository()?, &store, run, Some((&suspects, than)))?;
    let short = baseline.short();
    shell::status("Baseline", format_args!("record of {short} ({why})"));
    let unrecorded = unrecorded(session, &record, run);
    for line in suspects::only_in_one(&record, run, session.request.is_of_all()) {
        shell::hint(line);
    }
    if suspects.is_empty() {
        if unrecorded == Exit::Passed {
            shell::status("Passed", "nothing looks slower than in that record");
        }
        return Ok(unrecorded.into());
    }
    shell::status(
        "Suspecting",
        format_args!(
            "{}; measuring both commits now",
            shell::count(suspects.len(), "benchmark")
        ),
    );
    let again = suspects::with_references(&suspects, run);
    let only = Some(&again);
    let pair = pair::measure_pair(session, Trial::default(), baseline, tree, only)?;
    let slower = again
        .intersection(&pair.decided.slower())
        .cloned()
        .collect();
    if slower != suspects {
        save_record(&store, run, Some((&slower, than)))?;
    }
    Ok(Gated {
        exit: pair.decided.exit.or(unrecorded),
        pair: Some(pair),
    })
}

/// Warns about the nearest records that can't be the baseline; names only the first few.
fn warn_passed_over(reasons: &[String]) {
    const TOLD: usize = 3;
    for reason in reasons.iter().take(TOLD) {
        shell::warning(reason);
    }
    if reasons.len() > TOLD {
        shell::warning(format_args!(
            "{} older records can't be used either",
            reasons.len() - TOLD
        ));
    }
}

/// Suspects, and the commit whose record they were compared with.
type Suspicion<'a> = Option<(&'a BTreeSet<BenchId>, &'a str)>;

fn keep_record(repo: &Repo, store: &Store, run: &run::Run, suspicion: Suspicion<'_>) -> Result<()> {
    match save_record(store, run, suspicion)? {
        Some(path) => shell::status("Recorded", shell::shown(&path).display()),
        None => {
            let files = repo.changes(record::is_record)?;
            let why = if files.is_empty() || repo.is_modified(record::is_record)? {
                format!("uncommitted changes{}; commit", some(&files))
            } else {
                // Some benches write files.
                format!("new files{}; commit, ignore or remove them", some(&files))
            };
            shell::status(
                "Not recorded",
                format_args!("due to {why} and run again for a record"),
            );
        }
    }
    Ok(())
}

/// Saves the record, unless the run is not of a commit.
pub fn save_record(
    store: &Store,
    run: &run::Run,
    suspicion: Suspicion<'_>,
) -> Result<Option<PathBuf>> {
    let Some(mut record) = Record::from_run(run) else {
        return Ok(None);
    };
    if let Some((ids, commit)) = suspicion {
        record.suspect(ids, commit);
    }
    Ok(Some(store.save(record)?))
}

/// ` (src/lib.rs and 2 more)`.
fn some(paths: &[PathBuf]) -> String {
    match paths {
        [] => String::new(),
        [one] => format!(" ({})", one.display()),
        [one, rest @ ..] => format!(" ({} and {} more)", one.display(), rest.len()),
    }
}

/// Fails if every benchmark must have a baseline and a gated one is not in the record.
fn unrecorded(session: &Session, record: &Record, run: &run::Run) -> Exit {
    let config = &session.config;
    let ids = run.benchmarks.keys();
    let mut missing = ids.filter(|id| !record.benchmarks.contains_key(*id));
    let first = missing.find(|id| config.mode(id) == Mode::Gate);
    match first.filter(|_| config.require_baseline) {
        None => Exit::Passed,
        Some(id) => {
            shell::error(format_args!(
                "`{id}` is not in the record of {}, but `require-baseline` is set",
                git::short(&record.commit)
            ));
            Exit::CouldNotMeasure
        }
    }
}

/// Fails if the budget was spent before every benchmark that is gated had its turn: nothing is known about
/// the others.
fn incomplete(run: &run::Run, session: &Session) -> Exit {
    let unmeasured = unmeasured(run);
    let Some(why) = why_unmeasured(&unmeasured, session) else {
        return Exit::Passed;
    };
    shell::warning(why);
    let gated = unmeasured
        .iter()
        .any(|id| session.config.mode(id) == Mode::Gate);
    match gated {
        true => Exit::CouldNotMeasure,
        false => Exit::Passed,
    }
}

/// The benchmarks that could be measured but did not have their turn.
pub fn unmeasured(run: &run::Run) -> Vec<BenchId> {
    let waiting = |arms: &[Arm]| !run.blocks.iter().any(|block| block.arms == arms);
    schedule::beside_references(run, 1)
        .into_iter()
        .filter(|job| waiting(&job.arms))
        .filter_map(|mut job| Some(job.arms.pop()?.id))
        .collect()
}

/// Why these benchmarks were not measured, and the way out; absent if there are none.
pub fn why_unmeasured(unmeasured: &[BenchId], session: &Session) -> Option<String> {
    let (first, others) = unmeasured.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "`{first}`{more} not measured: the budget of {} s is spent; raise it with `--budget`, or choose fewer \
         benchmarks",
        budget(session)
    ))
}

/// Whether an encoder certainly exceeds a limit on its ratio to the reference.
fn over_limits(run: &run::Run, config: &Config) -> Exit {
    let decisions = decide::decide(&evidence::evidence(run, config), &decide::policy(None));
    let mut code = Exit::Passed;
    for decision in &decisions {
        let over = |check: &&LimitCheck| check.standing == Standing::Over;
        for check in decision.limits.iter().filter(over) {
            if config.mode(&decision.id) == Mode::Gate {
                code = Exit::Regressed;
            }
            shell::error(format_args!(
                "`{}` is over a limit: its {} is {:.2} times the reference's; the limit is {}",
                decision.id,
                check.metric.word(),
                check.ratio.ratios()[0],
                check.limit
            ));
        }
    }
    code
}

/// Fails if a baseline was requested (`asked`) or is required.
fn without_baseline(session: &Session, asked: bool, why: &str) -> Result<Exit> {
    if asked || session.config.require_baseline {
        bail!("no baseline to compare with: {why}");
    }
    shell::status("Baseline", format_args!("none: {why}"));
    Ok(Exit::Passed)
}
