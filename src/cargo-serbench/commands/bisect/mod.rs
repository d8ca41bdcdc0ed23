//! `cargo serbench bisect`: finds the commit that made a benchmark slower.
//!
//! Every step measures a commit against GOOD, in pairs, until there is a verdict. Commits that
//! can't be measured are skipped. The result is measured again against its parent.

mod answer;
mod json;
mod log;
mod search;
mod step;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use self::{
    answer::{Ending, Found},
    log::{Log, Task},
    search::Search,
    step::Confirmation,
};
use crate::{
    build::{self, toolchain},
    cli::{Explaining, Plan, Voice},
    commands::{explain, revision},
    decide::bisect::Answer,
    discover::{git::Commit, machine, range::Range},
    exit::Exit,
    report,
    run::Side,
    session::{self, Session},
    shell,
};

#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Bisect {
    /// A revision before the change
    pub good: String,

    /// A revision after it
    pub bad: String,

    /// Also search merged branches, not only first parents
    #[arg(long)]
    pub all_parents: bool,

    /// Look for the commit that made a benchmark faster
    #[arg(long)]
    pub improvement: bool,

    /// Save progress in this file; the same command resumes from it [default: a
    /// file under target/serbench/bisect]
    #[arg(long, value_name = "FILE")]
    pub run_log: Option<PathBuf>,

    #[command(flatten)]
    pub plan: Plan,

    #[command(flatten)]
    pub explaining: Explaining,

    /// Output format
    #[arg(long, value_enum, default_value = "terminal", help_heading = "Output")]
    pub format: Format,

    #[command(flatten)]
    pub voice: Voice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The commit, or the range that contains it
    Terminal,
    /// The same with every step
    Json,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    nothing to find: BAD is as fast as GOOD
  100  found: a commit, or a range of commits that can't be told apart
  101  could not measure GOOD or BAD
  102  inconclusive: unclear whether BAD is slower than GOOD";

pub fn bisect(args: &Bisect) -> Result<Exit> {
    args.voice.apply();
    let mut session = session::open(args.plan.request(args.explaining.options()))?;
    let repo = session.repository()?;
    let [good, bad] = [repo.resolve(&args.good)?, repo.resolve(&args.bad)?];
    let range = repo.range(&good, &bad, args.all_parents)?;
    session.hold_to(&good)?;
    let mut log = open_log(args, &session, &good, &bad)?;
    let baseline = revision::commit(&session, &good, Side::Baseline)
        .with_context(|| format!("GOOD ({}) can't be measured", good.short()))?;
    let confirmed = match log.confirmed.clone() {
        Some(confirmed) => {
            let known = shell::count(log.entries.len(), "commit");
            shell::status("Resuming", format_args!("{known} already judged"));
            confirmed
        }
        None => match step::confirm(&session, &baseline, &bad, args.improvement)? {
            Confirmation::Confirmed(confirmed) => {
                log.confirm((*confirmed).clone())?;
                *confirmed
            }
            Confirmation::Nothing { exit, words } => {
                let ending = Ending::nothing(exit, words);
                return finish(args, &session, (&good, &bad), ending, log);
            }
        },
    };
    announce(&confirmed, &range);
    let mut search = Search {
        session: &session,
        good: &good,
        baseline: &baseline,
        range: &range,
        confirmed: &confirmed,
        improvement: args.improvement,
        log,
    };
    let found = search.run()?;
    let ending = ended(&mut search, &found)?;
    let log = search.log;
    finish(args, &session, (&good, &bad), ending, log)
}

fn open_log(args: &Bisect, session: &Session, good: &Commit, bad: &Commit) -> Result<Log> {
    let toolchain = toolchain::toolchain(&session.options)?;
    let factors = toolchain::factors(&machine::machine(), &toolchain);
    let request = &session.request;
    let settings = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        request.benches, request.suites, request.selection, request.choice, session.config
    );
    let task = Task {
        schema: Task::schema(),
        good: good.sha.clone(),
        bad: bad.sha.clone(),
        all_parents: args.all_parents,
        improvement: args.improvement,
        settings,
        machine: factors
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    };
    let name = format!("{}-{}.jsonl", good.short(), bad.short());
    let default = session.workspace.scratch().join("bisect").join(name);
    let path = args.run_log.as_deref().unwrap_or(&default);
    Log::open(path, &task, args.run_log.is_none())
}

fn announce(confirmed: &log::Confirmed, range: &Range) {
    let log::Confirmed { id, others, bad } = confirmed;
    shell::status(
        "Bisecting",
        format_args!(
            "`{id}` over {}: {}",
            shell::count(range.commits.len(), "commit"),
            bad.reason
        ),
    );
    if let [first, ..] = others.as_slice() {
        shell::hint(format_args!(
            "{} changed, too; to bisect another one, pass its id: `cargo serbench bisect GOOD BAD '{first}'`",
            shell::count(others.len(), "other benchmark")
        ));
    }
}

/// The result, given the remaining commits: a single one is measured against its parent and
/// explained if that confirms it.
fn ended(search: &mut Search<'_>, found: &[usize]) -> Result<Ending> {
    let [culprit] = found else {
        return Ok(Ending::range(search, found));
    };
    let (parent, pair) = search.beside_parent(*culprit)?;
    let slower = pair.answer == Answer::Bad && !search.improvement;
    let explained = match pair.run.as_ref().filter(|_| slower) {
        Some(file) => explain::one(search.session, file, &search.confirmed.id)?,
        None => None,
    };
    Ok(Ending::found(
        search,
        Found {
            culprit: *culprit,
            parent,
            pair,
            explained,
        },
    ))
}

fn finish(
    args: &Bisect,
    session: &Session,
    (good, bad): (&Commit, &Commit),
    ending: Ending,
    mut log: Log,
) -> Result<Exit> {
    let exit = ending.exit;
    shell::print(&match args.format {
        Format::Terminal => report::lines(
            &answer::text(&ending, good, bad, session.repository()?),
            shell::width(),
        ),
        Format::Json => json::json(&ending, good, bad, (log.confirmed.as_ref(), &log.entries))?,
    })?;
    log.end()?;
    build::prune(&session.workspace.scratch());
    Ok(exit)
}
