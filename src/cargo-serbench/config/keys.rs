//! All keys of the configuration: fields of [`Config`], with their flags and defaults in [`KEYS`].

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
    /// As in Cargo.toml; empty if the key is optional.
    pub default: &'static str,
    pub takes: Takes,
    pub help: &'static str,
}

/// The value of a flag, with the placeholder that help shows for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// May start with a minus sign, to be rejected with a better error.
    Quantity(&'static str),
    Text(&'static str),
    /// Can be repeated.
    List(&'static str),
    Switch,
    /// Possible values, and their descriptions.
    OneOf(&'static str, &'static [(&'static str, &'static str)]),
    /// The flag is defined by hand, see `cli`.
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
    key("default-features", "true", Switch, "Activate the `default` feature if Cargo.toml disables it"),
    key("profile", "'bench'", Text("NAME"), "Build with this cargo profile"),
    key("build-flags", "[]", List("FLAG"), "Pass this extra flag to rustc; can be repeated"),
    key("cache-size", "'4 GiB'", Quantity("SIZE"), "Cache finished builds up to this size, such as 4GiB; 0 disables the cache"),
    key("threshold", "'3%'", Quantity("PERCENT"), "Tolerate latency changes up to this, such as 3%"),
    key("indifference", "'1%'", Quantity("PERCENT"), "Treat smaller changes as noise, such as 1%"),
    key("memory-threshold", "'3%'", Quantity("PERCENT"), "Tolerate memory changes up to this, such as 3%"),
    key("max-latency-ratio", "", Quantity("RATIO"), "Fail if an encoder takes more than this many times as long as its reference"),
    key("max-memory-ratio", "", Quantity("RATIO"), "Fail if an encoder's peak heap is more than this many times its reference's"),
    key("budget", "", Quantity("SECONDS"), "Spend at most about this many seconds measuring"),
    key("layout", "'always'", OneOf("WHEN", LAYOUTS), "How to order functions when two commits are compared"),
    key("default-branch", "", Text("BRANCH"), "Look for the baseline on this branch"),
    key("strict", "false", Switch, "Fail if a verdict is inconclusive"),
    key("require-baseline", "false", Switch, "Fail if there is no baseline"),
    key("allow-removed", "false", Switch, "Pass even if a benchmark of the baseline is missing"),
    key("mode", "'gate'", OneOf("MODE", MODES), "How benchmarks affect the exit code"),
];

const LAYOUTS: &[(&str, &str)] = &[
    (
        "always",
        "Link both commits in several orders of functions, the same for both",
    ),
    (
        "confirm",
        "Measure as linked by cargo; re-measure suspects in several orders",
    ),
    ("ignore", "Measure as linked by cargo"),
];

const MODES: &[(&str, &str)] = &[
    ("gate", "Fail if a benchmark regresses or exceeds a limit"),
    ("track", "Measure, store and report, but never fail"),
    ("off", "Don't measure"),
];

impl Key {
    /// Parses `text` like a value in Cargo.toml.
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

/// The whole configuration, in the order in which it is shown.
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
    /// For both commits, after the user's (RUSTFLAGS, build.rustflags).
    pub build_flags: Vec<Name>,
    /// The least recently used builds are removed first.
    pub cache_size: Bytes,
    /// A benchmark regressed only if it is certainly slower than this.
    #[serde(deserialize_with = "quantities::above_zero")]
    pub threshold: Percent,
    /// Never above the threshold: a lower threshold also lowers this default.
    pub indifference: Percent,
    /// Allocations are counted exactly, so 0 is possible.
    pub memory_threshold: Percent,
    pub max_latency_ratio: Option<Ratio>,
    pub max_memory_ratio: Option<Ratio>,
    /// Without builds. Each command has its own default.
    pub budget: Option<Seconds>,
    pub layout: Layout,
    /// If absent: the remote's default branch, or main, or master.
    pub default_branch: Option<Name>,
    pub strict: bool,
    pub require_baseline: bool,
    pub allow_removed: bool,
    pub mode: Mode,
    /// The reference encoder of each suite and of [`EVERY_SUITE`].
    #[serde(deserialize_with = "references")]
    pub(super) reference: BTreeMap<String, Name>,
    #[serde(rename = "override")]
    pub(super) overrides: Vec<Override>,
    /// The suites of the workspace; empty for the built-in defaults.
    #[serde(skip)]
    pub(super) known_suites: Vec<String>,
    /// The policy of the baseline, where it is stricter; see [`Config::hold_to`].
    #[serde(skip)]
    pub(super) held: Option<Held>,
}

/// Different rules for some benchmarks.
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
    /// A comment, shown by `cargo serbench config`.
    pub reason: Option<Name>,
}

/// How a benchmark affects the exit code, strictest first; see [`MODES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Gate,
    Track,
    Off,
}

/// Which blocks of two commits to measure with several orders of functions; see [`LAYOUTS`].
///
/// The address of a loop changes its speed by up to 25 %, with the same instructions.
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

/// The field names of a struct, which are the keys of a table.
pub fn fields<T: DeserializeOwned>() -> Vec<String> {
    // Serde lists them all if it meets an unknown one.
    let error = toml::from_str::<T>("'?' = 0").err();
    let message = error.map_or_else(String::new, |error| error.message().to_owned());
    let quoted = message.split('`').skip(3).step_by(2);
    quoted.map(str::to_owned).collect()
}
