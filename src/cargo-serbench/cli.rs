//! The command line as typed, nothing else.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{NonEmptyStringValueParser, TypedValueParser},
};

use crate::config::{
    key::Mode,
    units::{Percent, Ratio, Seconds},
};

/// Cargo calls `cargo-serbench serbench …`; typed by hand it is `cargo-serbench …`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", styles = clap_cargo::style::CLAP_STYLING)]
pub enum Cargo {
    /// Measure divan benchmarks, compare them with a reference and between commits
    #[command(name = "serbench", version, about, long_about = None, after_long_help = AFTER_HELP)]
    Serbench(Serbench),
}

const AFTER_HELP: &str = "\
Examples:
  cargo serbench                          measure everything, print the tables
  cargo serbench --dtype f64 --quick      one data type, roughly
  cargo serbench gate --baseline main     did this branch make anything slower?
  cargo serbench compare v1.0 v1.1        two commits

Exit codes:
  0    passed
  2    wrong usage
  100  something regressed, or is over a limit
  101  could not measure: build failed, wrong output, nothing measured, no baseline
  102  inconclusive, with --strict only";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Serbench {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Compare with the record of this revision [default: the merge base's or nearest ancestor's]
    #[arg(long, value_name = "REV")]
    pub baseline: Option<String>,

    #[command(flatten)]
    pub measure: Measure,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare the work tree with a baseline commit and fail on regressions
    Gate(Gate),
    /// Compare two commits and fail on regressions
    Compare(Compare),
    /// List the benchmarks that would be measured
    List(Measure),
    /// Print a stored run again, or decide it again with other thresholds
    Report(Report),
    /// Print the configuration in force as TOML, and where each value of it comes from
    Config(Settings),
    /// Show what was recorded for a commit; without one, list all records
    Show(Show),
    /// Chart the recorded ratios to the reference over commits
    History(History),
    /// Accept an intended change, for reviewers to see
    Accept(Accept),
    /// Join the records of shards into one
    Merge(Merge),
    /// Write a bench to begin with, its lines in Cargo.toml and a workflow; nothing is overwritten
    Init(Init),
}

#[derive(Clone, Debug, Args)]
pub struct Gate {
    /// Compare with this revision [default: the merge base with the default branch]
    #[arg(long, value_name = "REV")]
    pub baseline: Option<String>,

    /// Decide a stored run again instead of measuring
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub replay: Option<PathBuf>,

    #[command(flatten)]
    pub trial: Trial,

    #[command(flatten)]
    pub measure: Measure,
}

#[derive(Clone, Debug, Args)]
pub struct Compare {
    /// The revision to compare with
    pub baseline: String,

    /// The revision to judge
    pub candidate: String,

    #[command(flatten)]
    pub trial: Trial,

    #[command(flatten)]
    pub measure: Measure,
}

/// For trials of the gate itself.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Trials")]
pub struct Trial {
    /// Measure benchmarks whose executables are identical, too
    #[arg(long)]
    pub measure_identical: bool,

    /// Slow every benchmark of the candidate but the references down by this much
    #[arg(long, value_name = "PERCENT", value_parser = Percent::above_zero)]
    pub inject: Option<Percent>,
}

#[derive(Clone, Debug, Args)]
pub struct Report {
    /// A run stored under target/serbench/runs
    pub run: PathBuf,

    #[command(flatten)]
    pub settings: Settings,
}

/// What commands need that measure nothing: configuration and a form.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    #[command(flatten)]
    pub workspace: clap_cargo::Workspace,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub output: Output,
}

/// What commands that only read and write records need.
#[derive(Clone, Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Say nothing on stderr but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,

    /// When to colour the output
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: clap::ColorChoice,
}

/// Which records are shown.
#[derive(Clone, Debug, Args)]
pub struct Machines {
    /// Only records whose machine key begins like this; `all` for every machine [default: this
    /// machine's]
    #[arg(long, value_name = "KEY")]
    pub machine: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Show {
    /// The commit, in any of git's ways; without it all records are listed, newest commit first
    #[arg(value_name = "REV")]
    pub revision: Option<String>,

    /// How it is printed
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: RecordFormat,

    #[command(flatten)]
    pub machines: Machines,

    #[command(flatten)]
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// Aligned, coloured on a terminal
    Terminal,
    /// GitHub-flavoured tables
    Markdown,
    /// As it is stored, with block-level values
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct History {
    /// Only benchmarks whose id matches one of these regular expressions
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// Only the last so many commits, recorded or not
    #[arg(long, value_name = "COMMITS")]
    pub last: Option<usize>,

    /// The commit whose first-parent history is shown
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub from: String,

    /// How it is printed
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: HistoryFormat,

    #[command(flatten)]
    pub machines: Machines,

    #[command(flatten)]
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// One line a benchmark
    Terminal,
    /// The same as a GitHub-flavoured table
    Markdown,
    /// Every value of every benchmark
    Json,
    /// One line a value
    Csv,
}

#[derive(Clone, Debug, Args)]
pub struct Accept {
    /// Ids of benchmarks, or globs: `json::serde_json::*`
    #[arg(value_name = "ID", required = true)]
    pub benchmarks: Vec<String>,

    /// Why the change is intended
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// The largest change to accept, 1.06 for 6 % slower [default: any]
    #[arg(long, value_name = "RATIO")]
    pub change: Option<f64>,

    #[command(flatten)]
    pub place: Place,
}

#[derive(Clone, Debug, Args)]
pub struct Merge {
    /// Records, or folders that hold some
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub place: Place,
}

#[derive(Clone, Debug, Args)]
pub struct Init {
    #[command(flatten)]
    pub place: Place,
}

/// What is measured, and how.
#[derive(Clone, Debug, Args)]
pub struct Measure {
    #[command(flatten)]
    pub select: Select,

    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    #[command(flatten)]
    pub workspace: clap_cargo::Workspace,

    #[command(flatten)]
    pub build: Build,

    #[command(flatten)]
    pub effort: Effort,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub output: Output,
}

impl Measure {
    /// Whether nothing that was typed narrows down what is measured.
    pub fn is_of_all(&self) -> bool {
        let Select {
            filters,
            bench,
            encoder,
            dtype,
            shape,
            shard,
            full,
        } = &self.select;
        let lists = [filters, bench, encoder, dtype, shape, &self.keys.suite];
        lists.iter().all(|list| list.is_empty()) && shard.is_none() && !full
    }
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Benchmark selection")]
pub struct Select {
    /// Measure only benchmarks whose id matches one of these regular expressions
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// Measure only these bench targets, as in `cargo bench --bench`
    #[arg(long, value_name = "NAME")]
    pub bench: Vec<String>,

    /// Measure only these encoders (second segment of the id); the reference comes along
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub encoder: Vec<String>,

    /// Measure only these data types: f64, or float64 as numpy has it
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub dtype: Vec<String>,

    /// Measure only these shapes: 100x100, pynumpy
    #[arg(long, value_name = "SHAPE", value_delimiter = ',')]
    pub shape: Vec<String>,

    /// Measure one of several parts of the work, for CI jobs side by side: 2/4
    #[arg(long, value_name = "K/N")]
    pub shard: Option<crate::select::shard::Shard>,

    /// Measure the large cases instead of the small ones, such as the shapes of orjson's pynumpy
    #[arg(long)]
    pub full: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Build")]
pub struct Build {
    /// Build without the network
    #[arg(long)]
    pub offline: bool,

    /// Fail when Cargo.lock would change
    #[arg(long)]
    pub locked: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Measuring")]
pub struct Effort {
    /// Measure fewer blocks: rougher figures, sooner
    #[arg(long)]
    pub quick: bool,

    /// Repeat the random order of an earlier run [default: from the clock]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Wait this long for one bench process [default: 300]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// What a Cargo.toml can hold, too, under the same names; what is typed wins, also over overrides.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Configuration (as in [package.metadata.serbench])")]
pub struct Keys {
    /// Measure only these suites (bench targets), the key `suites`; `all` for every one
    #[arg(long, alias = "suites", value_name = "NAME", value_delimiter = ',', value_parser = text())]
    pub suite: Vec<String>,

    /// Divide by this encoder: in one suite, or in all
    #[arg(long, value_name = "[SUITE=]ENCODER", value_delimiter = ',', value_parser = reference)]
    pub reference: Vec<String>,

    /// Count the memory of benchmarks with the benchmarks of this suite
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub memory_suite: Option<String>,

    /// Tolerate changes of latency up to this, such as 3%
    #[arg(long, value_name = "PERCENT", value_parser = Percent::above_zero, allow_hyphen_values = true)]
    pub threshold: Option<Percent>,

    /// Treat smaller changes as noise, such as 1%
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub indifference: Option<Percent>,

    /// Tolerate changes of memory up to this, such as 3%
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub memory_threshold: Option<Percent>,

    /// Fail when an encoder takes longer than this many times its reference
    #[arg(long, value_name = "RATIO", allow_hyphen_values = true)]
    pub max_latency_ratio: Option<Ratio>,

    /// Fail when an encoder's peak heap is above this many times its reference's
    #[arg(long, value_name = "RATIO", allow_hyphen_values = true)]
    pub max_memory_ratio: Option<Ratio>,

    /// Spend at most about this many seconds measuring
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub budget: Option<Seconds>,

    /// Look for the baseline on this branch
    #[arg(long, value_name = "BRANCH", value_parser = text())]
    pub default_branch: Option<String>,

    /// Fail when a verdict is inconclusive
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,

    /// Fail when there is no baseline
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub require_baseline: Option<bool>,

    /// What a benchmark does to the exit code
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,

    /// Build with this cargo profile
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub profile: Option<String>,

    #[command(flatten)]
    pub features: clap_cargo::Features,

    /// Activate the `default` feature where Cargo.toml says `default-features = false`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "no_default_features")]
    pub default_features: Option<bool>,
}

/// A name that holds more than blanks.
fn text() -> impl TypedValueParser<Value = String> {
    NonEmptyStringValueParser::new().try_map(|text| {
        if text.trim().is_empty() {
            Err("a name is needed")
        } else {
            Ok(text)
        }
    })
}

fn reference(text: &str) -> Result<String, &'static str> {
    let (suite, encoder) = text.split_once('=').unwrap_or(("*", text));
    if suite.trim().is_empty() || encoder.trim().is_empty() {
        return Err("allowed is an encoder, or a suite and its encoder, as json=orjson");
    }
    Ok(text.to_owned())
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// How the report is printed
    #[arg(long, value_enum, value_delimiter = ',', default_value = "terminal")]
    pub format: Vec<Format>,

    /// Write reports into this folder, one file a format; stdout gets the answer only. Those on what
    /// looked slower than recorded and was measured again go to `pairs` in it
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,

    /// Say nothing on stderr but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,

    /// When to colour the report
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: clap::ColorChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned, coloured on a terminal
    Terminal,
    /// GitHub-flavoured tables
    Markdown,
    /// The whole run with block-level values
    Json,
    /// One test case a benchmark
    Junit,
    /// One self-contained page
    Html,
    /// Workflow annotations and a job summary
    Github,
}
