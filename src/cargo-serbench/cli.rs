//! Argument groups that several commands share, and their conversion to requests.

mod keys;

use std::{path::PathBuf, time::Duration};

use clap::{
    Args, Command,
    builder::{FalseyValueParser, PossibleValue, PossibleValuesParser, TypedValueParser},
};

use crate::{
    discover::workspace::Choice,
    explain,
    report::{FORMATS, Format},
    select::{Selection, shard::Shard},
    session::Request,
    shell,
};

pub use self::keys::{Compiling, Keys, Suites};

/// Which workspace and packages to use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Package selection")]
pub struct Project {
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    #[command(flatten)]
    pub packages: clap_cargo::Workspace,
}

impl Project {
    /// The same, for the stages.
    pub fn choice(&self) -> Choice {
        let Self { manifest, packages } = self;
        Choice {
            manifest_path: manifest.manifest_path.clone(),
            packages: packages.package.clone(),
            exclude: packages.exclude.clone(),
            workspace: packages.workspace || packages.all,
            remembered: None,
        }
    }

    /// The same, for all members of the workspace.
    pub fn everywhere(&self) -> Choice {
        Choice {
            packages: Vec::new(),
            workspace: true,
            ..self.choice()
        }
    }
}

/// What to print on stderr, and in which colors.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Voice {
    /// Print only warnings and errors to stderr
    #[arg(long, short)]
    pub quiet: bool,

    /// When to color the output
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub color: clap::ColorChoice,
}

impl Voice {
    /// Applies the options to all further output.
    pub fn apply(self) {
        shell::set_quiet(self.quiet);
        shell::set_color(match self.color {
            clap::ColorChoice::Auto => shell::Color::Auto,
            clap::ColorChoice::Always => shell::Color::Always,
            clap::ColorChoice::Never => shell::Color::Never,
        });
    }
}

/// Options of commands that only read and write records.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Package selection")]
pub struct Place {
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    #[command(flatten)]
    pub voice: Voice,
}

/// Which records to show.
#[derive(Clone, Debug, Args)]
pub struct Records {
    /// Show only records whose machine key starts with this, or `all` [default: this machine's]
    #[arg(long, value_name = "KEY", help_heading = None::<&str>)]
    pub machine: Option<String>,

    #[command(flatten)]
    pub place: Place,
}

/// What to measure, and how.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub select: Select,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub build: Build,

    #[command(flatten)]
    pub effort: Effort,

    #[command(flatten)]
    pub keys: Keys,
}

/// What to measure, how, and how to report it.
#[derive(Clone, Debug, Args)]
pub struct Measure {
    #[command(flatten)]
    pub plan: Plan,

    #[command(flatten)]
    pub explaining: Explaining,

    #[command(flatten)]
    pub output: Output,
}

/// What to measure, and how, for commands without a report.
#[derive(Clone, Debug, Args)]
pub struct Unreported {
    #[command(flatten)]
    pub plan: Plan,

    #[command(flatten)]
    pub voice: Voice,
}

impl Unreported {
    /// The same, for the stages; without a report, nothing is explained.
    pub fn request(&self) -> Request {
        self.plan.request(explain::Options::default())
    }
}

impl Measure {
    /// The same, for the stages.
    pub fn request(&self) -> Request {
        self.plan.request(self.explaining.options())
    }
}

impl Plan {
    /// The same, for the stages, which are independent of the command line.
    pub fn request(&self, explaining: explain::Options) -> Request {
        let Self {
            select,
            project,
            build,
            effort,
            keys,
        } = self;
        let network = [("--offline", build.offline), ("--locked", build.locked)];
        let network = network.into_iter().filter(|(_, set)| *set);
        Request {
            choice: project.choice(),
            benches: select.bench.clone(),
            suites: keys.suites.suite.clone(),
            selection: Selection {
                filters: select.filters.clone(),
                encoders: select.encoder.clone(),
                dtypes: select.dtype.clone(),
                shapes: select.shape.clone(),
                full: select.full,
                shard: select.shard,
            },
            flags: keys.flags(),
            all_features: keys.compiling.features.all_features,
            own_toolchain: build.own_toolchain,
            network: network.map(|(flag, _)| flag.to_owned()).collect(),
            quick: effort.quick,
            seed: effort.seed,
            timeout: Duration::from_secs(effort.timeout),
            explaining,
        }
    }
}

/// Flags for benchmarks of encoders only.
const ENCODERS: &str = "Benchmark selection in suites of encoders";

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Benchmark selection")]
pub struct Select {
    /// Select only benchmarks whose id matches one of these regular expressions
    #[arg(value_name = "FILTER", help_heading = None::<&str>)]
    pub filters: Vec<String>,

    /// Select only these bench targets, as in `cargo bench --bench`
    #[arg(long, value_name = "NAME")]
    pub bench: Vec<String>,

    /// Select only these encoders (second segment of the id) and their reference
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = ENCODERS)]
    pub encoder: Vec<String>,

    /// Select only these data types, by Rust or numpy name: f64, float64
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = ENCODERS)]
    pub dtype: Vec<String>,

    /// Select only these shapes: 100x100, pynumpy
    #[arg(long, value_name = "SHAPE", value_delimiter = ',', help_heading = ENCODERS)]
    pub shape: Vec<String>,

    /// Select one of several shards, for parallel CI jobs: 2/4
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,

    /// Select the large cases instead of the small ones, such as the shapes of orjson's pynumpy
    #[arg(long)]
    pub full: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Build")]
pub struct Build {
    /// Build without network access
    #[arg(long)]
    pub offline: bool,

    /// Fail if Cargo.lock would change
    #[arg(long)]
    pub locked: bool,

    /// Build each commit with the toolchain and cargo configuration of its own tree
    #[arg(long)]
    pub own_toolchain: bool,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Measuring")]
pub struct Effort {
    /// Measure fewer blocks: faster, less precise
    #[arg(long)]
    pub quick: bool,

    /// Reuse the random seed of an earlier run [default: from the clock]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Time out a bench process after this long
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub timeout: u64,
}

/// Whether to explain regressions, and how.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Explaining")]
pub struct Explaining {
    /// Don't explain regressions
    #[arg(long, env = "SERBENCH_NO_EXPLAIN", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub no_explain: bool,

    #[command(flatten)]
    pub depth: Depth,
}

/// How to explain regressions.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Explaining")]
pub struct Depth {
    /// Spend at most this long explaining regressions
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub explain_timeout: u64,

    /// Write a flame graph of the difference into this folder, and the folded stacks of both commits
    #[arg(long, value_name = "FOLDER")]
    pub folded: Option<PathBuf>,
}

impl Explaining {
    /// The same, for the stages.
    pub fn options(&self) -> explain::Options {
        explain::Options {
            wanted: !self.no_explain,
            ..self.depth.options()
        }
    }
}

impl Depth {
    /// The same, for the stages.
    pub fn options(&self) -> explain::Options {
        explain::Options {
            wanted: true,
            seconds: self.explain_timeout,
            folded: self.folded.clone(),
        }
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Output format of the report
    #[arg(long, value_delimiter = ',', default_value = "terminal", value_parser = formats())]
    pub format: Vec<&'static Format>,

    /// Write reports into this folder, one file per format; print only the verdict to stdout
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub voice: Voice,
}

impl Output {
    /// Whether people watch it being printed, so that it can be printed in parts.
    pub fn is_for_reading(&self) -> bool {
        let terminal = self.format.iter().all(|format| format.name == "terminal");
        terminal && self.output.is_none()
    }
}

fn formats() -> impl TypedValueParser<Value = &'static Format> {
    let values = FORMATS
        .iter()
        .map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(values).try_map(|name| Format::of(&name).ok_or("unknown format"))
}

/// What `-h` shows; `--help` also shows the rest.
const FIRST: [&str; 13] = [
    "filters",
    "python",
    "baseline",
    "bench",
    "quick",
    "threshold",
    "budget",
    "strict",
    "format",
    "output",
    "reason",
    "help",
    "version",
];

/// Limits `-h` of a command and its subcommands to the most important options.
pub fn with_short_help(command: Command) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let shortened = command.mut_args(|argument| {
        let shown = argument.is_positional() || FIRST.contains(&argument.get_id().as_str());
        argument.hide_short_help(!shown)
    });
    names.into_iter().fold(shortened, |command, name| {
        command.mut_subcommand(name, with_short_help)
    })
}

/// Hides options in the help of a command.
pub fn hiding(command: Command, names: &[&str]) -> Command {
    command.mut_args(|argument| {
        let hidden = names.contains(&argument.get_id().as_str()) || argument.is_hide_set();
        argument.hide(hidden)
    })
}
