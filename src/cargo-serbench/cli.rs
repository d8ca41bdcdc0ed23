//! Argument groups that several commands share, and their conversion to requests.

use std::{path::PathBuf, time::Duration};

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches,
    builder::{
        BoolValueParser, FalseyValueParser, NonEmptyStringValueParser, PossibleValue,
        PossibleValuesParser, TypedValueParser,
    },
};
use toml::Value;

use crate::{
    config::{
        Flag, Flags,
        keys::{EVERY_SUITE, KEYS, Key, Takes},
        reference_of,
    },
    discover::workspace::Choice,
    explain,
    report::{FORMATS, Format},
    select::{Selection, shard::Shard},
    session::Request,
    shell,
};

/// Which workspace and packages to use.
#[derive(Clone, Debug, Args)]
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

/// What to print on stderr, and in which colours.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Voice {
    /// Print only warnings and errors on stderr
    #[arg(long, short)]
    pub quiet: bool,

    /// When to colour the output
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
    #[arg(long, value_name = "KEY")]
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
    /// Measure only benchmarks whose id matches one of these regular expressions
    #[arg(value_name = "FILTER", help_heading = None::<&str>)]
    pub filters: Vec<String>,

    /// Measure only these bench targets, as in `cargo bench --bench`
    #[arg(long, value_name = "NAME")]
    pub bench: Vec<String>,

    /// Measure only these encoders (second segment of the id) and their reference
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = ENCODERS)]
    pub encoder: Vec<String>,

    /// Measure only these data types, by Rust or numpy name: f64, float64
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = ENCODERS)]
    pub dtype: Vec<String>,

    /// Measure only these shapes: 100x100, pynumpy
    #[arg(long, value_name = "SHAPE", value_delimiter = ',', help_heading = ENCODERS)]
    pub shape: Vec<String>,

    /// Measure one of several shards, for parallel CI jobs: 2/4
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,

    /// Measure the large cases instead of the small ones, such as the shapes of orjson's pynumpy
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

const CONFIGURATION: &str = "Configuration (as in [package.metadata.serbench])";

/// Keys that Cargo.toml can also set, with the same names. Flags override all else, including overrides.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub suites: Suites,
    pub compiling: Compiling,
    pub rules: Flags,
}

/// Which suites to measure, and their references.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CONFIGURATION)]
pub struct Suites {
    /// Measure only these suites (bench targets), or `all`
    #[arg(long = "suites", alias = "suite", value_name = "NAME", value_delimiter = ',', value_parser = text())]
    pub suite: Vec<String>,

    /// Use this encoder as the reference, in one suite or in all
    #[arg(long, value_name = "[SUITE=]ENCODER", value_delimiter = ',', value_parser = reference)]
    pub reference: Vec<String>,
}

/// How to compile benches.
#[derive(Clone, Debug, Default)]
pub struct Compiling {
    pub features: clap_cargo::Features,
    pub keys: Flags,
}

impl Keys {
    /// The keys that were passed as flags.
    pub fn flags(&self) -> Flags {
        let flag = |key: &str, flag: &str, value| Flag {
            key: key.to_owned(),
            flag: flag.to_owned(),
            value,
        };
        let Compiling { features, keys } = &self.compiling;
        let no_default = features.no_default_features.then(|| false.into());
        let special = [
            ("suites", "suites", suites(&self.suites.suite)),
            ("features", "features", names(&separate(&features.features))),
            ("default-features", "no-default-features", no_default),
        ];
        let special = special.into_iter();
        let special = special.filter_map(|(key, name, value)| Some(flag(key, name, value?)));
        let references = self.suites.reference.iter().map(|text| {
            let (suite, encoder) = text.split_once('=').unwrap_or((EVERY_SUITE, text));
            flag(&reference_of(suite), "reference", encoder.into())
        });
        let plain = self.rules.iter().chain(keys).cloned();
        plain.chain(special).chain(references).collect()
    }
}

impl Args for Keys {
    fn augment_args(command: Command) -> Command {
        let command = Suites::augment_args(command).next_help_heading(CONFIGURATION);
        Compiling::augment_args(command.args(keys(false).filter_map(argument)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Keys {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            suites: Suites::from_arg_matches(matches)?,
            compiling: Compiling::from_arg_matches(matches)?,
            rules: keys(false).filter_map(|key| typed(key, matches)).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Compiling {
    fn augment_args(command: Command) -> Command {
        let command = command.next_help_heading(CONFIGURATION);
        clap_cargo::Features::augment_args(command)
            .args(keys(true).filter_map(argument))
            .mut_arg("no_default_features", |argument| {
                argument.conflicts_with("default-features")
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Compiling {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            features: clap_cargo::Features::from_arg_matches(matches)?,
            keys: keys(true).filter_map(|key| typed(key, matches)).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The keys about compiling benches, or all others.
fn keys(compiling: bool) -> impl Iterator<Item = &'static Key> {
    const COMPILING: [&str; 4] = ["default-features", "profile", "build-flags", "cache-size"];
    let keys = KEYS.iter();
    keys.filter(move |key| COMPILING.contains(&key.name) == compiling)
}

/// The flag of a key, unless it is defined by hand.
fn argument(key: &'static Key) -> Option<Arg> {
    let argument = Arg::new(key.name).long(key.name).help(key.help);
    let parse = |text: &str| key.parse(text);
    Some(match key.takes {
        Takes::Other => return None,
        Takes::Quantity(name) => argument
            .value_name(name)
            .allow_hyphen_values(true)
            .value_parser(parse),
        Takes::Text(name) => argument.value_name(name).value_parser(parse),
        Takes::List(name) => argument
            .value_name(name)
            .allow_hyphen_values(true)
            .action(ArgAction::Append)
            .value_parser(parse),
        Takes::Switch => argument
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(BoolValueParser::new().map(Value::from)),
        Takes::OneOf(name, words) => {
            let words = words.iter();
            let values = words.map(|(word, help)| PossibleValue::new(*word).help(*help));
            let words = PossibleValuesParser::new(values).map(Value::from);
            argument.value_name(name).value_parser(words)
        }
    })
}

/// The value passed for a key.
fn typed(key: &'static Key, matches: &ArgMatches) -> Option<Flag> {
    let values = matches.try_get_many::<Value>(key.name).ok().flatten()?;
    let joined = values.cloned().reduce(|one, other| match (one, other) {
        (Value::Array(one), Value::Array(other)) => [one, other].concat().into(),
        (_, last) => last,
    });
    Some(Flag {
        key: key.name.to_owned(),
        flag: key.name.to_owned(),
        value: joined?,
    })
}

/// A name that is not blank.
fn text() -> impl TypedValueParser<Value = String> {
    NonEmptyStringValueParser::new().try_map(|text| {
        if text.trim().is_empty() {
            Err("expected a name")
        } else {
            Ok(text)
        }
    })
}

fn reference(text: &str) -> Result<String, &'static str> {
    let (suite, encoder) = text.split_once('=').unwrap_or((EVERY_SUITE, text));
    if suite.trim().is_empty() || encoder.trim().is_empty() {
        return Err("expected an encoder, or a suite and its encoder, such as json=orjson");
    }
    Ok(text.to_owned())
}

/// Cargo separates names by commas and by spaces.
fn separate(features: &[String]) -> Vec<String> {
    let separator = |c: char| c == ',' || c.is_whitespace();
    let names = features.iter().flat_map(|names| names.split(separator));
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn names(names: &[String]) -> Option<Value> {
    (!names.is_empty()).then(|| Value::from(names.to_vec()))
}

/// An empty list means all suites.
fn suites(suites: &[String]) -> Option<Value> {
    if suites.iter().any(|name| name == "all") {
        return Some(Value::Array(Vec::new()));
    }
    names(suites)
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
    /// Whether people read it as it is printed, so that it may be printed in parts.
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

#[cfg(test)]
mod tests {
    use super::{Args, Command, FromArgMatches, Keys};
    use crate::config::keys::{Config, fields};

    fn parse(flags: &str) -> Result<Keys, clap::Error> {
        let words = std::iter::once("keys").chain(flags.split_whitespace());
        let matches = Keys::augment_args(Command::new("keys")).try_get_matches_from(words)?;
        Keys::from_arg_matches(&matches)
    }

    #[test]
    fn every_key_is_a_flag() {
        let command = Keys::augment_args(Command::new("keys"));
        let keys = fields::<Config>();
        for key in keys.iter().filter(|key| *key != "override") {
            let mut flags = command.get_arguments();
            assert!(flags.any(|flag| flag.get_long() == Some(key)), "{key}");
        }
    }

    #[test]
    fn all_that_is_typed_is_passed_on() {
        let all = "--suite json,npy --features a,b --no-default-features --profile release \
                   --cache-size 1GiB \
                   --threshold 4% --indifference 0.02 --memory-threshold 0 --max-latency-ratio 1.5 \
                   --max-memory-ratio 2 --budget 9 --default-branch dev --strict --require-baseline=false \
                   --mode track --reference x,json=y";
        let flags = parse(all).unwrap().flags();
        let shown: Vec<String> = flags
            .iter()
            .map(|it| format!("--{}: {} = {}", it.flag, it.key, it.value))
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
        let suites = |text| parse(text).unwrap().flags()[0].value.to_string();
        assert_eq!(suites("--suites npy"), r#"["npy"]"#);
        assert_eq!(suites("--suite all"), "[]");
    }

    #[test]
    fn wrong_flags() {
        let error = |flags: &str| {
            let text = parse(flags).unwrap_err().to_string();
            text.lines().next().unwrap_or_default().to_owned()
        };
        insta::assert_snapshot!(error("--threshold 3"), @"error: invalid value '3' for '--threshold <PERCENT>': did you mean 3%, or really 300%?");
        insta::assert_snapshot!(error("--threshold 0"), @"error: invalid value '0' for '--threshold <PERCENT>': expected a percentage above 0%, such as 3%");
        insta::assert_snapshot!(error("--indifference -1%"), @"error: invalid value '-1%' for '--indifference <PERCENT>': expected a percentage from 0% to below 1000%, such as 3%");
        insta::assert_snapshot!(error("--max-memory-ratio 0"), @"error: invalid value '0' for '--max-memory-ratio <RATIO>': expected a number above 0, such as 1.5");
        insta::assert_snapshot!(error("--budget -5"), @"error: invalid value '-5' for '--budget <SECONDS>': expected seconds, above 0 and at most a million, such as 60");
        insta::assert_snapshot!(error("--reference json="), @"error: invalid value 'json=' for '--reference <[SUITE=]ENCODER>': expected an encoder, or a suite and its encoder, such as json=orjson");
        insta::assert_snapshot!(error("--mode on"), @"error: invalid value 'on' for '--mode <MODE>'");
    }
}
