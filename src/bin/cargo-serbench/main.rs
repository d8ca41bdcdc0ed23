//! `cargo serbench`: discover -> build -> list -> select -> verify -> measure -> store -> compare -> decide -> report.
//!
//! The modules below stand in the order in which data passes through them, and a module uses only
//! those above it. Each is one stage.

mod shell;

mod accept;
mod args;
mod baseline;
mod build;
mod compare;
mod config;
mod discover;
mod git;
mod history;
mod index;
mod json;
mod launch;
mod list;
mod machine;
mod measure;
mod merge;
mod parse;
mod prepare;
mod record;
mod records;
mod report;
mod run;
mod select;
mod series;
mod shard;
mod show;
mod stats;
mod store;
mod verify;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;

use args::{Cargo, Command, Format, Measure, Serbench};
use launch::Launcher;
use measure::{Engine, Pace, Runnable};
use prepare::Session;
use run::{Arm, Benchmark, Phase, Run, Side, Subject};
use verify::Listed;

fn main() -> ExitCode {
    let Cargo::Serbench(Serbench { command, measure }) = Cargo::parse_from(command_line());
    let done = match command {
        None => serbench(&measure),
        Some(Command::List(measure)) => list_benchmarks(&measure),
        Some(Command::Show(show)) => show::show(&show),
        Some(Command::History(history)) => history::history(&history),
        Some(Command::Accept(accept)) => accept::accept(&accept),
        Some(Command::Merge(merge)) => merge::merge(&merge),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
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
    shell::set_quiet(measure.output.quiet);
    match measure.output.color {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    prepare::open(measure)
}

fn serbench(measure: &Measure) -> Result<ExitCode> {
    let session = open(measure)?;
    let tree = prepare::worktree(&session, measure)?;
    let chosen = prepare::choose(&[&tree.catalog], measure, &session.config)?;
    let seed = measure.effort.seed.unwrap_or_else(clock_seed);
    let started_at = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let started = Instant::now();
    let listed: Vec<Listed> = chosen
        .iter()
        .map(|id| tree.catalog.benchmarks[id].clone())
        .collect();
    let subjects = verify_all(&session.launcher, &listed)?;
    let pairs = pairs(&listed, &subjects);
    let mut engine = engine(&session.launcher, &listed, &subjects, seed);
    let mut run = Run {
        schema: run::SCHEMA,
        tool: concat!("serbench ", env!("CARGO_PKG_VERSION")).to_owned(),
        started_at,
        seconds: 0.0,
        seed,
        machine: machine::machine(),
        toolchain: machine::toolchain(&session.options)?,
        baseline: None,
        candidate: tree.source,
        benchmarks: benchmarks(&listed, subjects),
        blocks: Vec::new(),
    };
    measure_pairs(&mut engine, &mut run, &pairs, measure)?;
    run.seconds = started.elapsed().as_secs_f64();
    let path = run::store(&run, &session.workspace.scratch().join("runs"))?;
    shell::status("Stored", path.display());
    print(&run, measure)?;
    let failed: Vec<&String> = run
        .benchmarks
        .iter()
        .filter(|(_, benchmark)| {
            benchmark
                .candidate
                .as_ref()
                .is_some_and(|it| it.failure().is_some())
        })
        .map(|(id, _)| id)
        .collect();
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    })
}

fn clock_seed() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(1, |since| since.as_nanos() as u64 & 0xFFFF_FFFF)
}

fn verify_all(launcher: &Launcher, listed: &[Listed]) -> Result<BTreeMap<String, Subject>> {
    shell::status("Verifying", format_args!("{} benchmarks", listed.len()));
    let mut progress = shell::Progress::start("Verifying");
    verify::verify(launcher, listed, |number, id| {
        progress.update(number as f64, listed.len() as f64, id);
    })
}

/// The pairs of reference and encoder that can both be measured; alone, a benchmark is paired with
/// nothing but still timed.
fn pairs(listed: &[Listed], subjects: &BTreeMap<String, Subject>) -> Vec<Vec<Arm>> {
    let works = |id: &str| {
        subjects
            .get(id)
            .is_some_and(|subject| subject.failure().is_none())
    };
    let arm = |id: &str| Arm {
        side: Side::Candidate,
        id: id.to_owned(),
        slowdown: 0.0,
    };
    let mut pairs = Vec::new();
    let referenced: BTreeSet<&str> = listed
        .iter()
        .filter(|benchmark| works(&benchmark.id))
        .filter_map(|benchmark| benchmark.reference.as_deref())
        .collect();
    for benchmark in listed.iter().filter(|benchmark| works(&benchmark.id)) {
        match benchmark
            .reference
            .as_deref()
            .filter(|reference| works(reference))
        {
            Some(reference) => pairs.push(vec![arm(reference), arm(&benchmark.id)]),
            None if referenced.contains(benchmark.id.as_str()) => {}
            None => pairs.push(vec![arm(&benchmark.id)]),
        }
    }
    pairs
}

fn engine<'a>(
    launcher: &'a Launcher,
    listed: &[Listed],
    subjects: &BTreeMap<String, Subject>,
    seed: u64,
) -> Engine<'a> {
    let runnables = listed
        .iter()
        .map(|benchmark| {
            let subject = &subjects[&benchmark.id];
            let runnable = Runnable {
                executable: benchmark.executable.clone(),
                native: subject.native,
                multithreaded: subject.multithreaded,
            };
            ((Side::Candidate, benchmark.id.clone()), runnable)
        })
        .collect();
    Engine::new(launcher, runnables, Pace::default(), seed)
}

fn benchmarks(
    listed: &[Listed],
    mut subjects: BTreeMap<String, Subject>,
) -> BTreeMap<String, Benchmark> {
    listed
        .iter()
        .map(|benchmark| {
            let candidate = subjects.remove(&benchmark.id);
            let reference = benchmark.reference.clone();
            (
                benchmark.id.clone(),
                Benchmark {
                    reference,
                    baseline: None,
                    candidate,
                },
            )
        })
        .collect()
}

/// Measures every pair in rounds of one block each, in random order, then those again whose
/// interval is still wide.
fn measure_pairs(
    engine: &mut Engine<'_>,
    run: &mut Run,
    pairs: &[Vec<Arm>],
    measure: &Measure,
) -> Result<()> {
    let rounds = if measure.effort.quick { 6 } else { 12 };
    let budget = Duration::from_secs_f64(measure.effort.budget.unwrap_or(80.0));
    let started = Instant::now();
    shell::status("Measuring", format_args!("{} pairs", pairs.len()));
    let mut progress = shell::Progress::start("Measuring");
    let total = (rounds * pairs.len()) as f64;
    for round in 0..rounds {
        let mut order: Vec<&Vec<Arm>> = pairs.iter().collect();
        engine.shuffle(&mut order);
        for (index, arms) in order.into_iter().enumerate() {
            if round >= 6 && started.elapsed() > budget {
                return Ok(());
            }
            let id = &arms[arms.len() - 1].id;
            progress.update((round * pairs.len() + index) as f64, total, id);
            match engine.block(Phase::Screen, arms) {
                Ok(block) => run.blocks.push(block),
                Err(error) => {
                    launch::check_interrupt()?;
                    fail(run, id, &format!("{error:#}"));
                }
            }
        }
    }
    Ok(())
}

fn fail(run: &mut Run, id: &str, reason: &str) {
    if let Some(subject) = run
        .benchmarks
        .get_mut(id)
        .and_then(|benchmark| benchmark.candidate.as_mut())
    {
        subject.state = run::State::Failed(reason.to_owned());
    }
}

fn print(run: &Run, measure: &Measure) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    for format in &measure.output.format {
        match format {
            Format::Json => {
                serde_json::to_writer(&mut stdout, run)?;
                writeln!(stdout)?;
            }
            _ => {
                for case in compare::cases(run) {
                    let table = report::table(&report::columns::case(&case), &case.rows);
                    let text = match format {
                        Format::Markdown => report::markdown::render(&table),
                        _ => report::terminal::render(&table),
                    };
                    writeln!(stdout, "{}\n{text}", case.case)?;
                }
            }
        }
    }
    Ok(())
}
