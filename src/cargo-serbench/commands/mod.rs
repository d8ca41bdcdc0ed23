//! One file per command, with its arguments, and code shared by several commands.

mod accept;
mod backfill;
mod bisect;
mod bound;
mod cache_key;
mod calibrate;
mod clean;
mod compare;
mod config;
mod differences;
mod doctor;
mod executables;
mod explain;
mod gate;
mod history;
mod init;
mod list;
mod merge;
mod output;
mod overlay;
mod pair;
mod print;
mod publish;
mod push;
mod records;
mod report;
mod requested;
mod revision;
mod run;
mod show;
#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::{
    Arg, ArgAction, Args, CommandFactory, Parser, Subcommand, builder::UnknownArgumentValueParser,
};

use self::run::Run;
use crate::{cli, exit::Exit, shell};

/// Cargo calls `cargo-serbench serbench …`; typed by hand it is `cargo-serbench …`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", styles = clap_cargo::style::CLAP_STYLING)]
pub enum Cargo {
    /// Measure divan benchmarks and fail the build when a change makes them slower
    #[command(name = "serbench", version, about, long_about = None, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
    Serbench(Serbench),
}

const EXAMPLES: &str = "\
Examples:
  cargo serbench                          measure everything and print the tables
  cargo serbench --quick parse            only benchmarks with `parse` in their id, less precisely
  cargo serbench gate --baseline main     check whether this branch makes anything slower
  cargo serbench compare v1.0 v1.1        compare two commits";

const EXIT_CODES: &str = "\
Exit codes:
  0    passed
  2    wrong usage
  100  a benchmark regressed or exceeds a limit
  101  could not measure: build failed, wrong output, nothing measured, no baseline
  102  inconclusive, only with --strict
  130  interrupted";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Serbench {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub run: Run,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare the work tree with a baseline commit and fail on regressions
    #[command(after_long_help = EXIT_CODES)]
    Gate(gate::Gate),
    /// Compare two commits and fail on regressions
    #[command(after_long_help = EXIT_CODES)]
    Compare(compare::Compare),
    /// Explain why benchmarks got slower: functions, allocations, code
    Explain(explain::Explain),
    /// Find the commit that made a benchmark slower
    Bisect(bisect::Bisect),
    /// Compare the reference encoder with the real orjson and Python's json
    Calibrate(calibrate::Calibrate),
    /// List the benchmarks that would be measured
    List(list::List),
    /// Print a stored run again, or re-evaluate it with other thresholds
    #[command(after_long_help = EXIT_CODES)]
    Report(report::Report),
    /// Publish the verdict of a gate as a pull request's comment and check, on GitHub
    Publish(publish::Publish),
    /// Print the effective configuration and where each value comes from
    Config(config::Config),
    /// Show the record of a commit, or list all records
    Show(show::Show),
    /// Chart the recorded ratios to the reference over commits
    History(history::History),
    /// Measure and record old commits
    Backfill(backfill::Backfill),
    /// Accept an intended change by writing a file for review
    Accept(accept::Accept),
    /// Join the records of shards into one
    Merge(merge::Merge),
    /// Push new records to a remote branch, safely if other jobs push at the same time
    Push(push::Push),
    /// Set up the gate: CI workflows, and a first bench if there is none; never overwrites files
    Init(init::Init),
    /// Remove build artifacts under target/serbench, keeping stored runs
    Clean(clean::Clean),
    /// Print a CI cache key for target/serbench/cache
    CacheKey(cache_key::CacheKey),
    /// Check whether verdicts on this machine are reliable; `--prove` tests the gate itself
    Doctor(doctor::Doctor),
    /// Print the JSON Schema of `--format json`
    Schema,
    /// Print a completion script for a shell
    Completions(print::Completions),
    /// Print a manual page, of the program or a command
    Man(print::Man),
    /// Print usage notes for coding agents and other programs
    Agents,
}

/// Options without effect where nothing is decided.
const DECIDING: &[&str] = &[
    "threshold",
    "indifference",
    "memory-threshold",
    "max-latency-ratio",
    "max-memory-ratio",
    "strict",
    "require-baseline",
    "allow-removed",
];

/// Options without effect where nothing is measured.
const MEASURING: &[&str] = &[
    "quick",
    "seed",
    "budget",
    "layout",
    "no_explain",
    "explain_timeout",
    "folded",
    "measure_identical",
    "inject",
];

/// Options without effect where nothing is built.
const BUILDING: &[&str] = &[
    "all_features",
    "no_default_features",
    "features",
    "default-features",
    "profile",
    "build-flags",
    "cache-size",
];

/// The command line parser, with a short `-h`.
pub fn command() -> clap::Command {
    Cargo::command().mut_subcommand("serbench", |serbench| {
        let serbench = cli::with_short_help(serbench).arg(divans_list());
        // Hidden but accepted, so that these commands can be run with the options of a gate.
        let without_effect: [(&str, &[&[&str]]); 4] = [
            ("list", &[DECIDING, MEASURING]),
            ("cache-key", &[DECIDING, MEASURING]),
            ("backfill", &[DECIDING]),
            ("report", &[MEASURING, BUILDING]),
        ];
        without_effect
            .into_iter()
            .fold(serbench, |all, (name, hidden)| {
                all.mut_subcommand(name, |command| cli::hiding(command, &hidden.concat()))
            })
    })
}

/// The flag with which divan lists benchmarks: an error that names the command.
fn divans_list() -> Arg {
    let tip = "to list the benchmarks, run `cargo serbench list`";
    Arg::new("divans-list")
        .long("list")
        .hide(true)
        .action(ArgAction::SetTrue)
        .value_parser(UnknownArgumentValueParser::suggest(tip))
}

impl Command {
    pub fn execute(&self) -> Result<Exit> {
        match self {
            Self::Gate(args) => gate::gate(args),
            Self::Compare(args) => compare::compare(args),
            Self::Explain(args) => explain::explain(args),
            Self::Bisect(args) => bisect::bisect(args),
            Self::Calibrate(args) => calibrate::calibrate(args),
            Self::List(args) => list::list(args),
            Self::Report(args) => report::report(args),
            Self::Publish(args) => publish::publish(args),
            Self::Config(args) => config::config(args),
            Self::Show(args) => show::show(args),
            Self::History(args) => history::history(args),
            Self::Backfill(args) => backfill::backfill(args),
            Self::Accept(args) => accept::accept(args),
            Self::Merge(args) => merge::merge(args),
            Self::Push(args) => push::push(args),
            Self::Init(args) => init::init(args),
            Self::Clean(args) => clean::clean(args),
            Self::CacheKey(args) => cache_key::cache_key(args),
            Self::Doctor(args) => doctor::doctor(args),
            Self::Schema => print::schema(),
            Self::Completions(args) => print::completions(args),
            Self::Man(args) => print::man(args),
            Self::Agents => print::agents(),
        }
    }
}

impl Serbench {
    pub fn execute(&self) -> Result<Exit> {
        match &self.command {
            None => self.run.execute(),
            Some(command) => command.execute(),
        }
    }
}

/// Names the command that a filter may have meant: one that differs by one typing error. Otherwise, the
/// answer would be that no benchmark matches, after a build.
fn hint_at_command(filters: &[String]) {
    let Some(filter) = filters.first() else {
        return;
    };
    let command = command();
    let mut names = command
        .find_subcommand("serbench")
        .into_iter()
        .flat_map(clap::Command::get_subcommands)
        .map(clap::Command::get_name);
    if let Some(name) = names.find(|name| strsim::osa_distance(filter, name) == 1) {
        shell::hint(format_args!(
            "`{filter}` selects benchmarks; for the command, type `cargo serbench {name}`"
        ));
    }
}
