//! Every key of the configuration: a field, its default and its meaning. Its flag is in `cli::Keys`.

use std::{collections::BTreeMap, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::hold::Held;
use crate::{
    discover::suite_name,
    values::{
        bytes::Bytes,
        glob::Globs,
        quantities::{self, Percent, Ratio, Seconds},
    },
};

/// Matches every suite without a reference of its own.
pub const EVERY_SUITE: &str = "*";

/// Everything that can be configured, in the order in which it is shown. `default.toml` says what
/// each key means, and has those that must not be absent.
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
    pub build_flags: Vec<Name>,
    pub cache_size: Bytes,
    #[serde(deserialize_with = "quantities::above_zero")]
    pub threshold: Percent,
    pub indifference: Percent,
    pub memory_threshold: Percent,
    pub max_latency_ratio: Option<Ratio>,
    pub max_memory_ratio: Option<Ratio>,
    pub budget: Option<Seconds>,
    pub layout: Layout,
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
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Override {
    pub benchmarks: Globs,
    #[serde(default, deserialize_with = "quantities::some_above_zero")]
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

/// What a benchmark does to the exit code, strictest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Mode {
    /// Fails it when it regresses or is over a limit.
    #[default]
    Gate,
    /// Is measured, stored and reported, and never fails it.
    Track,
    /// Is not measured.
    Off,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::Gate, Self::Track, Self::Off];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Track => "track",
            Self::Off => "off",
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, &'static str> {
        let found = Self::ALL.into_iter().find(|mode| mode.word() == word);
        found.ok_or("expected one of `gate`, `track`, `off`")
    }
}

/// Which blocks of two commits are measured in several orders of functions, the same ones at both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Layout {
    /// All of them.
    #[default]
    Always,
    /// Those that confirm what looks slower as cargo linked it.
    Confirm,
    /// None: everything is measured as cargo linked it.
    Ignore,
}

impl Layout {
    pub const ALL: [Self; 3] = [Self::Always, Self::Confirm, Self::Ignore];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Confirm => "confirm",
            Self::Ignore => "ignore",
        }
    }
}

impl TryFrom<String> for Layout {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, &'static str> {
        let found = Self::ALL.into_iter().find(|layout| layout.word() == word);
        found.ok_or("expected one of `always`, `confirm`, `ignore`")
    }
}

/// Text that holds more than blanks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let blank = text.trim().is_empty();
        (!blank).then_some(Self(text)).ok_or("expected a name")
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
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
