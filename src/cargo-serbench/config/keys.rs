//! Every key of the configuration: a field of [`Config`], and in [`KEYS`] its flag and its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use self::Takes::{List, OneOf, Other, Quantity, Switch, Text};
use super::{hold::Held, read};
use crate::{
    discover::suite_name,
    values::{
        bytes::Bytes,
        glob::Globs,
        name::Name,
        quantities::{self, Percent, Ratio, Seconds},
    },
};

/// Matches every suite without a reference of its own.
pub const EVERY_SUITE: &str = "*";

/// A key and the flag of the same name.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    /// As it would be written in Cargo.toml; empty for keys that may be absent.
    pub default: &'static str,
    pub takes: Takes,
    pub help: &'static str,
}

/// What is typed behind a flag, by the name of it that help shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// May begin with a minus sign, to be rejected with a better error.
    Quantity(&'static str),
    Text(&'static str),
    /// May be given several times.
    List(&'static str),
    Switch,
    /// Words, and what each does.
    OneOf(&'static str, &'static [(&'static str, &'static str)]),
    /// The flag is written otherwise than the key, see `cli`.
    Other,
}

const fn key(name: &'static str, default: &'static str, takes: Takes, help: &'static str) -> Key {
    Key {
        name,
        default,
        takes,
        help,
    }
}

#[rustfmt::skip] // a table
pub const KEYS: &[Key] = &[
    key("suites", "[]", Other, ""),
    key("features", "[]", Other, ""),
    key("default-features", "true", Switch, "Activate the `default` feature where Cargo.toml says `default-features = false`"),
    key("profile", "'bench'", Text("NAME"), "Build with this cargo profile"),
    key("build-flags", "[]", List("FLAG"), "Pass this extra flag to rustc; can be repeated"),
    key("cache-size", "'4 GiB'", Quantity("SIZE"), "Cache finished builds up to this size, such as 4GiB; 0 disables the cache"),
    key("threshold", "'3%'", Quantity("PERCENT"), "Tolerate latency changes up to this, such as 3%"),
    key("indifference", "'1%'", Quantity("PERCENT"), "Treat smaller changes as noise, such as 1%"),
    key("memory-threshold", "'3%'", Quantity("PERCENT"), "Tolerate memory changes up to this, such as 3%"),
    key("max-latency-ratio", "", Quantity("RATIO"), "Fail when an encoder takes longer than this many times its reference"),
    key("max-memory-ratio", "", Quantity("RATIO"), "Fail when an encoder's peak heap is above this many times its reference's"),
    key("budget", "", Quantity("SECONDS"), "Spend at most about this many seconds measuring"),
    key("layout", "'always'", OneOf("WHEN", LAYOUTS), "How to lay out code while two commits are measured"),
    key("default-branch", "", Text("BRANCH"), "Look for the baseline on this branch"),
    key("strict", "false", Switch, "Fail when a verdict is inconclusive"),
    key("require-baseline", "false", Switch, "Fail when there is no baseline"),
    key("allow-removed", "false", Switch, "Pass even when a benchmark of the baseline is missing"),
    key("mode", "'gate'", OneOf("MODE", MODES), "How benchmarks affect the exit code"),
];

const LAYOUTS: &[(&str, &str)] = &[
    (
        "always",
        "In several orders of functions, the same at both commits",
    ),
    (
        "confirm",
        "As cargo linked it; re-measure what looks slower in several orders",
    ),
    ("ignore", "As cargo linked it"),
];

const MODES: &[(&str, &str)] = &[
    ("gate", "Fail when it regresses or is over a limit"),
    ("track", "Measure, store and report, never fail"),
    ("off", "Do not measure"),
];

impl Key {
    /// `text` as the value that it would be in a file, if it is right there.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let checked = |value: Value| {
            let table = Table::from_iter([(self.name.to_owned(), value.clone())]);
            let checked = Config::deserialize(table);
            checked
                .map(|_| value)
                .map_err(|error| read::expected(error.message()))
        };
        if matches!(self.takes, List(_)) {
            return checked(vec![text].into());
        }
        let integer = text.parse::<i64>().map(Value::from).ok();
        let number = || integer.or_else(|| text.parse::<f64>().map(Value::from).ok());
        checked(text.into()).or_else(|error| number().map_or(Err(error), checked))
    }
}

/// Everything that can be configured, in the order in which it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "expected a table of keys"
)]
pub struct Config {
    #[serde(deserialize_with = "suites")]
    pub suites: Vec<String>,
    pub features: Vec<Name>,
    pub default_features: bool,
    pub profile: Name,
    /// For both commits, behind those of the user (RUSTFLAGS, build.rustflags).
    pub build_flags: Vec<Name>,
    /// Builds that were used longest ago are removed first.
    pub cache_size: Bytes,
    /// Only what is surely slower than this has regressed.
    #[serde(deserialize_with = "quantities::above_zero")]
    pub threshold: Percent,
    /// Never above the threshold: a lower threshold takes the default down with it.
    pub indifference: Percent,
    /// Allocations are counted exactly, so 0 is possible.
    pub memory_threshold: Percent,
    pub max_latency_ratio: Option<Ratio>,
    pub max_memory_ratio: Option<Ratio>,
    /// Builds not counted. Each command has its own default.
    pub budget: Option<Seconds>,
    pub layout: Layout,
    /// Absent: the remote's default branch, else main, else master.
    pub default_branch: Option<Name>,
    pub strict: bool,
    pub require_baseline: bool,
    pub allow_removed: bool,
    pub mode: Mode,
    /// The encoder that others are divided by, for each suite and for [`EVERY_SUITE`].
    #[serde(deserialize_with = "references")]
    pub(super) reference: BTreeMap<String, Name>,
    #[serde(rename = "override")]
    pub(super) overrides: Vec<Override>,
    /// The suites of the workspace; unknown for the defaults alone.
    #[serde(skip)]
    pub(super) there: Vec<String>,
    /// The policy of the baseline, where it is stricter; see [`Config::hold_to`].
    #[serde(skip)]
    pub(super) held: Option<Held>,
}

/// Other rules for some benchmarks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Override {
    pub benchmarks: Globs,
    #[serde(deserialize_with = "quantities::some_above_zero")]
    pub threshold: Option<Percent>,
    pub indifference: Option<Percent>,
    pub memory_threshold: Option<Percent>,
    pub max_latency_ratio: Option<Ratio>,
    pub max_memory_ratio: Option<Ratio>,
    pub allow_removed: Option<bool>,
    pub mode: Option<Mode>,
    /// For people, who see it in `cargo serbench config`.
    pub reason: Option<Name>,
}

/// What a benchmark does to the exit code, strictest first; see [`MODES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Gate,
    Track,
    Off,
}

/// Which blocks of two commits are measured in several orders of functions; see [`LAYOUTS`].
///
/// Where code lies moves loops by up to a quarter with the same instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    #[default]
    Always,
    Confirm,
    Ignore,
}

fn suites<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<Name>::deserialize(deserializer)?;
    Ok(names.iter().map(|name| suite_name(name)).collect())
}

fn references<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Name>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected an encoder for all suites, or a table such as { json = \"orjson\" }"
    )]
    enum Written {
        Every(Name),
        Each(BTreeMap<String, Name>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Every(encoder) => [(EVERY_SUITE.to_owned(), encoder)].into(),
        Written::Each(suites) => suites,
    })
}

/// The names of the fields of a struct that knows no others, which are the keys of a table.
pub fn fields<T: DeserializeOwned>() -> Vec<String> {
    // Serde names them all when it meets an unknown one.
    let error = toml::from_str::<T>("'?' = 0").err();
    let message = error.map_or_else(String::new, |error| error.message().to_owned());
    let quoted = message.split('`').skip(3).step_by(2);
    quoted.map(str::to_owned).collect()
}
