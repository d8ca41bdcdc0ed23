//! `cargo serbench`: discover -> build -> list -> select -> verify -> measure -> store -> compare -> decide -> report.
//!
//! The modules below stand in the order in which data passes through them, and a module uses only
//! those above it. Each is one stage.

// Everywhere: the only writer to stderr.
mod shell;

// What the user wants.
mod key;

mod shard;

mod args;

mod discover;

mod config;

// The world outside: repository, processes, cargo, the machine.
mod git;

mod launch;

mod build;

mod machine;

// What divan says, which benchmarks are meant, what is right output.
mod parse;

mod select;

mod json;

// What a run is made of.
mod run;

mod verify;

mod list;

mod prepare;

// Figures and verdicts: no clock, no file, no process.
mod stats;

mod compare;

mod evidence;

mod decide;

mod plan;

// What git keeps.
mod record;

mod store;

mod index;

mod series;

mod baseline;

mod suspect;

// The clock.
mod engine;

mod measure;

mod report;

// Commands that only read and write records.
mod records;

mod show;

mod history;

mod accept;

mod merge;

mod init;

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;

use args::{Cargo, Command, Measure, Serbench, Settings};
use baseline::Lookup;
use config::{Config, Mode};
use decide::{Decision, LimitCheck, Standing, Verdict};
use discover::Workspace;
use engine::Pace;
use evidence::Role;
use git::{Commit, Repo};
use prepare::{Session, Tree};
use record::Record;
use run::{Run, Side};
use store::{Store, Stored};

fn main() -> ExitCode {
    let Cargo::Serbench(Serbench {
        command,
        baseline,
        measure,
    }) = Cargo::parse_from(command_line());
    let done = match command {
        None => serbench(&measure, baseline.as_deref()),
        Some(Command::Gate(args)) => gate(&args),
        Some(Command::Compare(args)) => compare_commits(&args),
        Some(Command::List(measure)) => list_benchmarks(&measure),
        Some(Command::Report(args)) => report_again(&args.run, &args.settings),
        Some(Command::Config(args)) => show_config(&args),
        Some(Command::Show(args)) => show::show(&args),
        Some(Command::History(args)) => history::history(&args),
        Some(Command::Accept(args)) => accept::accept(&args),
        Some(Command::Merge(args)) => merge::merge(&args),
        Some(Command::Init(args)) => init::init(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // What an interrupt broke is not what went wrong.
            let error = launch::check_interrupt().err().unwrap_or(error);
            shell::error(format_args!("{error:#}"));
            ExitCode::from(101)
        }
    }
}

/// The arguments with cargo's `serbench` put back where the program was called by itself.
fn command_line() -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_none_or(|first| first != "serbench") {
        arguments.insert(1, "serbench".into());
    }
    arguments
}

/// One commit by itself: every encoder beside its reference.
fn serbench(measure: &Measure, baseline: Option<&str>) -> Result<ExitCode> {
    let session = open(measure)?;
    let tree = prepare::worktree(&session, measure)?;
    let chosen = prepare::choose(&[&tree.catalog], measure, &session.config)?;
    let mut run = measure::new_run(&session, measure, None, &tree)?;
    let started = Instant::now();
    measure::verify_side(&session, &tree, &chosen, Side::Candidate, &mut run)?;
    let mut engine = measure::engine(&session, &[(Side::Candidate, &tree)], &run, Pace::BRIEF);
    let blocks = if measure.effort.quick { 10 } else { 48 };
    let work = plan::beside_references(&run, blocks);
    let budget = Duration::from_secs_f64(session.config.budget.unwrap_or(75.0));
    measure::measure_work(&mut engine, &mut run, &work, Some(started + budget))?;
    run.seconds = started.elapsed().as_secs_f64();
    // What was measured is shown though the disk be full.
    let stored = measure::store(&session, &run);
    let shown = show_tables(&run, &measure.output)?;
    stored?;
    let shown = worse(shown, over_limits(&run, &session.config));
    let gated = against_record(&session, measure, baseline, &tree, &run)?;
    Ok(worse(shown, gated))
}

/// Records what was measured of a clean commit, and compares it with an earlier record. What looks
/// slower is built at that commit and measured beside it now: only pairs decide.
fn against_record(
    session: &Session,
    measure: &Measure,
    baseline: Option<&str>,
    tree: &Tree,
    run: &Run,
) -> Result<ExitCode> {
    let store = Store::of(&session.workspace);
    let Some(repo) = &session.repo else {
        shell::status(
            "Recorded",
            "nothing: records are kept by commit, and this is no git repository",
        );
        return without_baseline(session, baseline.is_some(), "no git repository");
    };
    // The baseline is looked for before the new record is there to be found.
    let Some(head) = repo.head()? else {
        let why = "the repository has no commit yet";
        return without_baseline(session, baseline.is_some(), why);
    };
    let factors = machine::factors(&run.machine, &run.toolchain);
    let key = machine::key(&run.machine, &run.toolchain);
    let asked = baseline
        .map(|revision| repo.resolve(revision))
        .transpose()?;
    let branch = session.config.default_branch.as_deref();
    let candidate = (&head, run.candidate.dirty);
    let answer = baseline::find(
        repo,
        &store,
        (&key, &factors),
        candidate,
        asked.as_ref(),
        branch,
    )?;
    tell_passed_over(&answer.passed_over);
    let (stored, why) = match answer.lookup {
        Lookup::Found { stored, why } => (stored, why),
        Lookup::Missing { why, .. } => {
            keep_record(repo, &store, run, None)?;
            return without_baseline(session, asked.is_some(), &why);
        }
    };
    keep_screened(session, measure, (&stored, &why), tree, run)
}

/// Records what was measured with what looks slower than in a stored record, and measures that.
fn keep_screened(
    session: &Session,
    measure: &Measure,
    (stored, why): (&Stored, &str),
    tree: &Tree,
    run: &Run,
) -> Result<ExitCode> {
    let store = Store::of(&session.workspace);
    let repo = session.repository()?;
    let record = store::load(stored)?;
    let suspects = suspect::suspects(&record, run, &session.config);
    // Until pairs have cleared them: a run that is killed now must not hide them from the next.
    keep_record(repo, &store, run, Some((&suspects, &stored.commit)))?;
    shell::status(
        "Baseline",
        format_args!("record of {} ({why})", git::short(&stored.commit)),
    );
    for line in suspect::unlike(&record, run, measure.is_of_all()) {
        shell::hint(line);
    }
    if suspects.is_empty() {
        shell::status("Passed", "nothing looks slower than in that record");
        return Ok(ExitCode::SUCCESS);
    }
    shell::status(
        "Suspecting",
        format_args!(
            "{}; measuring both commits now",
            shell::count(suspects.len(), "benchmark")
        ),
    );
    let again = suspect::with_references(&suspects, run);
    let judged = screen(session, measure, stored, tree, &again)?;
    let slower = again.intersection(&judged.slower).cloned().collect();
    if slower != suspects {
        save_record(&store, run, Some((&slower, &stored.commit)))?;
    }
    Ok(judged.code)
}

/// Says why the nearest records are no baseline; after the first few it is always the same.
fn tell_passed_over(reasons: &[String]) {
    const TOLD: usize = 3;
    for reason in reasons.iter().take(TOLD) {
        shell::warning(reason);
    }
    if reasons.len() > TOLD {
        shell::warning(format_args!(
            "{} more records before these can't be used either",
            reasons.len() - TOLD
        ));
    }
}

/// Benchmarks that look slower than in the record of a commit, and that commit.
type Suspicion<'a> = Option<(&'a BTreeSet<String>, &'a str)>;

fn keep_record(repo: &Repo, store: &Store, run: &Run, suspicion: Suspicion<'_>) -> Result<()> {
    match save_record(store, run, suspicion)? {
        Some(path) => shell::status("Recorded", shell::shown(&path).display()),
        None => shell::status(
            "Recorded",
            format_args!(
                "nothing: {}, so it is no commit; commit and run again for a record",
                changes(&repo.changes(prepare::is_record)?)
            ),
        ),
    }
    Ok(())
}

/// The file, if the run is of a commit.
fn save_record(store: &Store, run: &Run, suspicion: Suspicion<'_>) -> Result<Option<PathBuf>> {
    let Some(mut record) = Record::from_run(run) else {
        return Ok(None);
    };
    if let Some((ids, commit)) = suspicion {
        record.suspect(ids, commit);
    }
    Ok(Some(store.save(record)?))
}

/// `the work tree has changes (src/lib.rs and 2 more)`.
fn changes(paths: &[PathBuf]) -> String {
    let what = match paths {
        [] => return "the work tree had changes".to_owned(),
        [one] => one.display().to_string(),
        [one, rest @ ..] => format!("{} and {} more", one.display(), rest.len()),
    };
    format!("the work tree has changes ({what})")
}

/// Measures what looks slower than in a stored record, and references, beside that commit.
fn screen(
    session: &Session,
    measure: &Measure,
    stored: &Stored,
    tree: &Tree,
    only: &BTreeSet<String>,
) -> Result<Judged> {
    let baseline = session.repository()?.resolve(&stored.commit)?;
    let mut measure = measure.clone();
    // The tables are in the folder itself already, and in files of the same names.
    measure.output.output = measure.output.output.map(|folder| folder.join("pairs"));
    between(
        session,
        &measure,
        &args::Trial::default(),
        &baseline,
        tree,
        Some(only),
    )
}

/// The first that is not success.
fn worse(one: ExitCode, other: ExitCode) -> ExitCode {
    if one == ExitCode::SUCCESS { other } else { one }
}

/// Whether an encoder is surely over a limit on its ratio to the reference.
fn over_limits(run: &Run, config: &Config) -> ExitCode {
    let decisions = decide::decide(&evidence::evidence(run, config), &decide::policy(None));
    let mut code = ExitCode::SUCCESS;
    for decision in &decisions {
        let over = |check: &&LimitCheck| check.standing == Standing::Over;
        for check in decision.limits.iter().filter(over) {
            if config.mode(&decision.id) == Mode::Gate {
                code = ExitCode::from(100);
            }
            shell::error(format_args!(
                "`{}` is over a limit: its {} is {:.2} times the reference's, {} is allowed",
                decision.id,
                check.metric.word(),
                check.ratio.point.exp(),
                check.limit
            ));
        }
    }
    code
}

/// Fails where a baseline was `asked` for, or is required.
fn without_baseline(session: &Session, asked: bool, why: &str) -> Result<ExitCode> {
    if asked || session.config.require_baseline {
        bail!("no baseline to compare with: {why}");
    }
    shell::status("Baseline", format_args!("none: {why}"));
    Ok(ExitCode::SUCCESS)
}

/// The work tree against a commit.
fn gate(args: &args::Gate) -> Result<ExitCode> {
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
    let session = open(&args.measure)?;
    let repo = session.repository()?;
    let (baseline, why) = prepare::baseline(repo, args.baseline.as_deref(), &session.config)?;
    shell::status(
        "Baseline",
        format_args!("{} ({}): {why}", baseline.short(), baseline.subject),
    );
    let candidate = prepare::worktree(&session, &args.measure)?;
    let judged = between(
        &session,
        &args.measure,
        &args.trial,
        &baseline,
        &candidate,
        None,
    )?;
    Ok(judged.code)
}

/// Any commit against any other.
fn compare_commits(args: &args::Compare) -> Result<ExitCode> {
    let session = open(&args.measure)?;
    let repo = session.repository()?;
    let [baseline, candidate] = [
        repo.resolve(&args.baseline)?,
        repo.resolve(&args.candidate)?,
    ];
    let candidate = prepare::commit(&session, &args.measure, &candidate, Side::Candidate)?;
    let judged = between(
        &session,
        &args.measure,
        &args.trial,
        &baseline,
        &candidate,
        None,
    )?;
    Ok(judged.code)
}

/// Measures two commits in pairs until every benchmark is decided.
fn between(
    session: &Session,
    measure: &Measure,
    trial: &args::Trial,
    baseline: &Commit,
    candidate: &Tree,
    only: Option<&BTreeSet<String>>,
) -> Result<Judged> {
    let baseline = prepare::commit(session, measure, baseline, Side::Baseline)?;
    let catalogs = [&baseline.catalog, &candidate.catalog];
    let mut chosen = prepare::choose(&catalogs, measure, &session.config)?;
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
    let excuses = excuses(&session.workspace, session.repo.as_ref(), &run)?;
    let judged = show_verdicts(&run, &session.config, &excuses, &measure.output)?;
    stored?;
    Ok(judged)
}

/// The accepted changes that the baseline does not have yet.
fn excuses(workspace: &Workspace, repo: Option<&Repo>, run: &Run) -> Result<Excuses> {
    let file = Path::new(prepare::FOLDER).join(prepare::ACCEPTED);
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
    Ok(Excuses { now, at_baseline })
}

/// What became of a comparison of two commits.
struct Judged {
    code: ExitCode,
    /// The ids of which it is not settled that they are as fast as at the baseline, or may be
    /// slower.
    slower: BTreeSet<String>,
}

/// Entries of accepted.toml, in the work tree and at the baseline.
struct Excuses {
    now: Vec<accept::Entry>,
    at_baseline: Vec<accept::Entry>,
}

/// A stored run once more, without measuring.
fn report_again(file: &Path, settings: &Settings) -> Result<ExitCode> {
    let Settings {
        manifest,
        workspace,
        keys,
        output,
    } = settings;
    set_output(output);
    let run = run::load(file)?;
    if run.baseline.is_none() {
        return show_tables(&run, output);
    }
    let config = prepare::configuration(manifest, workspace, keys)?.config;
    let workspace = prepare::selected(&mut manifest.metadata(), workspace)?;
    let repo = git::open(&workspace.root)?;
    let excuses = excuses(&workspace, repo.as_ref(), &run)?;
    Ok(show_verdicts(&run, &config, &excuses, output)?.code)
}

fn show_config(args: &Settings) -> Result<ExitCode> {
    set_output(&args.output);
    let in_force = prepare::configuration(&args.manifest, &args.workspace, &args.keys)?;
    anstream::stdout()
        .lock()
        .write_all(in_force.show(&args.output)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn show_tables(run: &Run, output: &args::Output) -> Result<ExitCode> {
    let cases = compare::cases(run);
    report::write(report::Results::Tables { run, cases: &cases }, output)?;
    let failed = |row: &compare::Row| row.subject.failure().is_some();
    let all_worked = !cases.iter().flat_map(|case| &case.rows).any(failed);
    Ok(if all_worked {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    })
}

fn show_verdicts(
    run: &Run,
    config: &Config,
    excuses: &Excuses,
    output: &args::Output,
) -> Result<Judged> {
    let policy = decide::policy(None);
    let mut decisions = decide::decide(&evidence::evidence(run, config), &policy);
    for decision in decisions
        .iter_mut()
        .filter(|decision| decision.role == Role::Benchmark)
    {
        decision.excused = excuse(decision, config, excuses);
    }
    let gate = decide::gate(&decisions, config.strict);
    report::write(
        report::Results::Gate {
            run,
            decisions: &decisions,
            gate: &gate,
        },
        output,
    )?;
    hint_at_accepting(&decisions);
    Ok(Judged {
        code: ExitCode::from(gate.outcome.exit_code(config.strict)),
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
            && decision.excused.is_none()
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
fn excuse(decision: &Decision, config: &Config, excuses: &Excuses) -> Option<String> {
    if config.mode(&decision.id) == Mode::Track {
        return Some("tracked, not gated".to_owned());
    }
    let entry = accept::accepted(&excuses.now, &excuses.at_baseline, &decision.id)?;
    let lower = decision.change.map_or(1.0, |change| change.lower.exp());
    entry
        .covers(lower)
        .then(|| format!("accepted: {}", entry.reason))
}

fn list_benchmarks(measure: &Measure) -> Result<ExitCode> {
    let session = open(measure)?;
    let tree = prepare::worktree(&session, measure)?;
    let mut stdout = anstream::stdout().lock();
    for id in prepare::choose(&[&tree.catalog], measure, &session.config)? {
        writeln!(stdout, "{id}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn open(measure: &Measure) -> Result<Session> {
    set_output(&measure.output);
    prepare::open(measure)
}

fn set_output(output: &args::Output) {
    shell::set_quiet(output.quiet);
    shell::set_color(output.color);
}
