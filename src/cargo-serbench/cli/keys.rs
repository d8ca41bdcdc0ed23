//! The keys of the configuration as flags.

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches,
    builder::{
        BoolValueParser, NonEmptyStringValueParser, PossibleValue, PossibleValuesParser,
        TypedValueParser,
    },
};
use toml::Value;

use crate::config::{
    Flags,
    keys::{EVERY_SUITE, KEYS, Key, Takes},
};

const CONFIGURATION: &str = "Configuration (as in [package.metadata.serbench])";

/// Keys that Cargo.toml can also set, with the same names. Flags override all else, including overrides.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub suites: Suites,
    pub compiling: Compiling,
    pub rules: Typed,
}

/// Keys and the values passed for them.
type Typed = Vec<(&'static str, Value)>;

/// Which suites to measure, and their references.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = CONFIGURATION)]
pub struct Suites {
    /// Select only these suites (bench targets), or `all`
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
    pub keys: Typed,
}

impl Keys {
    /// The keys that were passed as flags.
    pub fn flags(&self) -> Flags {
        let Compiling { features, keys } = &self.compiling;
        let mut flags = Flags::default();
        for (key, value) in self.rules.iter().chain(keys) {
            flags.set(key, key, value.clone());
        }
        if let Some(suites) = suites(&self.suites.suite) {
            flags.set("suites", "suites", suites);
        }
        if let Some(features) = names(&separate(&features.features)) {
            flags.set("features", "features", features);
        }
        if features.no_default_features {
            flags.set("default-features", "no-default-features", false);
        }
        for text in &self.suites.reference {
            let (suite, encoder) = text.split_once('=').unwrap_or((EVERY_SUITE, text));
            flags.set_reference(suite, encoder);
        }
        flags
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

/// A key and the value passed for it.
fn typed(key: &'static Key, matches: &ArgMatches) -> Option<(&'static str, Value)> {
    let values = matches.try_get_many::<Value>(key.name).ok().flatten()?;
    let joined = values.cloned().reduce(|one, other| match (one, other) {
        (Value::Array(one), Value::Array(other)) => [one, other].concat().into(),
        (_, last) => last,
    });
    Some((key.name, joined?))
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

#[cfg(test)]
mod tests {
    use super::{Args, Command, FromArgMatches, KEYS, Keys};

    fn parse(flags: &str) -> Result<Keys, clap::Error> {
        let words = std::iter::once("keys").chain(flags.split_whitespace());
        let matches = Keys::augment_args(Command::new("keys")).try_get_matches_from(words)?;
        Keys::from_arg_matches(&matches)
    }

    #[test]
    fn every_key_is_a_flag() {
        let command = Keys::augment_args(Command::new("keys"));
        for key in KEYS.iter().map(|key| key.name).chain(["reference"]) {
            let mut flags = command.get_arguments();
            assert!(flags.any(|flag| flag.get_long() == Some(key)), "{key}");
        }
    }

    #[test]
    fn all_flags_are_passed_on() {
        let all = "--suite json,npy --features a,b --no-default-features --profile release \
                   --cache-size 1GiB \
                   --threshold 4% --indifference 0.02 --memory-threshold 0 --max-latency-ratio 1.5 \
                   --max-memory-ratio 2 --budget 9 --default-branch dev --strict --require-baseline=false \
                   --mode track --reference x,json=y";
        let flags = parse(all).unwrap().flags();
        let references = flags.references.iter();
        let references = references.map(|(suite, it)| (format!("reference.{suite}"), it));
        let keys = flags.keys.iter().map(|(key, it)| (key.clone(), it));
        let shown: Vec<String> = keys
            .chain(references)
            .map(|(key, it)| format!("{}: {key} = {}", it.origin, it.value))
            .collect();
        insta::assert_snapshot!("typed_flags", shown.join("\n"));
        let suites = |text| {
            parse(text).unwrap().flags().keys["suites"]
                .value
                .to_string()
        };
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
