//! `cargo serbench backfill`: records old commits, as a plain run at each of them would.

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    build::{self, toolchain},
    cli::Unreported,
    commands::{revision, run},
    discover::{git::Commit, machine},
    exit::{Exit, Usage},
    interrupt,
    record::store::Store,
    run::Side,
    session::{self, Session},
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Backfill {
    /// Record the commits after FROM up to TO (first parents only)
    #[arg(value_name = "FROM..TO", value_parser = range)]
    pub range: (String, String),

    /// Record only every N-th commit, counted back from TO
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,

    #[command(flatten)]
    pub unreported: Unreported,
}

fn range(text: &str) -> Result<(String, String), &'static str> {
    const EXPECTED: &str = "expected two revisions, such as v1.0..main";
    let (from, to) = text.split_once("..").ok_or(EXPECTED)?;
    if from.is_empty() || to.starts_with('.') {
        return Err(EXPECTED);
    }
    let to = if to.is_empty() { "HEAD" } else { to };
    Ok((from.to_owned(), to.to_owned()))
}

/// How many commits had which result.
#[derive(Default)]
struct Tally {
    recorded: usize,
    skipped: usize,
    failed: Vec<String>,
}

pub fn backfill(args: &Backfill) -> Result<Exit> {
    args.unreported.voice.apply();
    let mut session = session::open(args.unreported.request())?;
    let repo = session.repository()?;
    let (from, to) = (repo.resolve(&args.range.0)?, repo.resolve(&args.range.1)?);
    if from.sha == to.sha {
        let message = format!("{}..{} contains no commits", args.range.0, args.range.1);
        return Err(Usage::new(message).into());
    }
    let mut commits = repo.range(&from, &to, false)?.commits;
    // From TO backwards, so that the most useful records come first.
    commits.reverse();
    let chosen: Vec<Commit> = commits.into_iter().step_by(args.every as usize).collect();
    let mut tally = Tally::default();
    for (number, commit) in chosen.iter().enumerate() {
        let what = format!(
            "{} of {}: {} ({})",
            number + 1,
            chosen.len(),
            commit.short(),
            commit.subject
        );
        one(&mut session, commit, &what, &mut tally)?;
    }
    Ok(summary(&tally))
}

fn one(session: &mut Session, commit: &Commit, what: &str, tally: &mut Tally) -> Result<()> {
    match recorded(session, commit) {
        Ok(true) => {
            shell::status("Skipped", format_args!("{what} is already recorded"));
            tally.skipped += 1;
            return Ok(());
        }
        Ok(false) => shell::status("Backfilling", what),
        // The build prints more.
        Err(_) => {}
    }
    let attempt = |session: &Session| -> Result<()> {
        let tree = revision::commit(session, commit, Side::Candidate)?;
        let measured = run::measured(session, &tree, |_, _| Ok(()))?;
        if let Some(why) = run::why_unmeasured(&run::unmeasured(&measured), session) {
            bail!(why);
        }
        let store = Store::of(&session.workspace);
        let path = run::save_record(&store, &measured, None)?;
        let path = path.context("a commit has a record")?;
        shell::status("Recorded", shell::shown(&path).display());
        Ok(())
    };
    match attempt(session) {
        Ok(()) => tally.recorded += 1,
        Err(error) => {
            interrupt::check()?;
            shell::warning(format_args!(
                "{} can't be recorded: {error:#}",
                commit.short()
            ));
            tally
                .failed
                .push(format!("{} ({})", commit.short(), commit.subject));
        }
    }
    // Each source tree is as large as a target folder.
    build::prune(&session.workspace.scratch());
    Ok(())
}

/// Whether this machine has a record of the commit, built with that commit's configuration, which
/// the session uses from now on.
fn recorded(session: &mut Session, commit: &Commit) -> Result<bool> {
    session.adopt(commit)?;
    let toolchain = toolchain::toolchain(&session.options)?;
    let key = toolchain::key(&machine::machine(), &toolchain);
    Ok(Store::of(&session.workspace)
        .path(&commit.sha, &key)
        .exists())
}

fn summary(tally: &Tally) -> Exit {
    let Tally {
        recorded,
        skipped,
        failed,
    } = tally;
    let records = shell::count(*recorded, "commit");
    shell::status(
        "Finished",
        format_args!("{records} recorded, {skipped} already had a record"),
    );
    if failed.is_empty() {
        return Exit::Passed;
    }
    let names = failed.join(", ");
    let count = shell::count(failed.len(), "commit");
    shell::error(format_args!(
        "{count} can't be recorded: {names}; run the same command to try again"
    ));
    Exit::CouldNotMeasure
}
