//! Every key of the configuration: a field, its default and its meaning. Its flag is in `cli::Keys`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    bytes::Bytes,
    glob::Globs,
    hold::Held,
    units::{self, Percent, Ratio, Seconds},
};
use crate::discover;

/// Stands for every suite that has no reference of its own.
pub const EVERY_SUITE: &str = "*";

/// The defaults and what each key means, as it could stand in a Cargo.toml.
pub const DEFAULTS: &str = r##"# Every key that [package.metadata.serbench] of a Cargo.toml may hold, with its default.
#
# [workspace.metadata.serbench] of the workspace's Cargo.toml holds the same keys; what the package
# says wins over it, key by key, and a flag wins over both. Keys that have no default are commented
# out, with an example. `cargo serbench config` prints what is in force and where it comes from.
#
# A gate holds a change to the rules of its baseline: what the change tightens counts at once, what
# it loosens after the merge. A flag counts either way.

[package.metadata.serbench]

# The suites (bench targets) that are measured when none is named; empty for all of them.
# Flag: --suites json,npy or --suites all.
suites = []

# The suite whose allocator counts, for the benchmarks of the other suites that it repeats.
memory-suite = "memory"

# How the benches are built. Flags: cargo's own --features, --no-default-features, --profile.
features = []
default-features = true
profile = "bench"

# Flags for rustc that are added to your own (RUSTFLAGS, build.rustflags) for both commits. Functions
# on boundaries of 64 bytes, for example: ["-Cllvm-args=-align-all-functions=6"].
build-flags = []

# Most that finished builds may take under target/serbench/cache, where gates find them again; those
# used longest ago are removed. 0 keeps none. `cargo serbench clean` removes all.
cache-size = "4 GiB"

# The change of the latency ratio that is tolerated: only what is surely slower than this has
# regressed. The fraction 0.03 is the same.
threshold = "3%"

# Smaller changes are noise; larger ones count as improved. From 0% to the threshold. A threshold below this default takes the default down with it.
indifference = "1%"

# The change of the memory ratio that is tolerated. Allocations are counted exactly, so 0 is possible.
memory-threshold = "3%"

# The most that an encoder's latency may be of its reference's: 1.5 is half as much again.
#max-latency-ratio = 1.5

# The most that an encoder's peak heap may be of its reference's.
#max-memory-ratio = 2.0

# Seconds of measuring, builds not counted. Each command has its own default.
#budget = 60

# The branch whose merge base with the work tree is the baseline. Without it: the remote's default
# branch, else main, else master.
#default-branch = "main"

# Whether an inconclusive verdict fails (exit code 102).
strict = false

# Whether a missing baseline fails (exit code 101).
require-baseline = false

# Whether a benchmark that the baseline has may be missing.
allow-removed = false

# What a benchmark does to the exit code: "gate" fails it when it regresses, "track" measures,
# stores and reports but never fails, "off" is not measured.
mode = "gate"

# The encoder that the others of a suite are divided by. `reference = "orjson"` would be one for
# all suites, and `--reference orjson`, too; `--reference json=orjson` is for one suite.
[package.metadata.serbench.reference]
#json = "orjson"

# Other rules for some benchmarks. `*` stands for anything within a segment of an id, `**` for any
# number of segments: "json::*::f64::**". The last override that matches and has the key wins; those
# of the package come after those of the workspace. A flag wins over all of them.
#[[package.metadata.serbench.override]]
#benchmarks = ["json::sonic_rs::f16::**"]
#threshold = "5%"
#indifference = "2%"
#memory-threshold = "10%"
#max-latency-ratio = 4.0
#max-memory-ratio = 3.0
#allow-removed = true
#mode = "track"
#reason = "float16 goes through float32, which is being worked on"
"##;

/// Everything that can be configured, in the order in which it is shown. [`DEFAULTS`] says what
/// each key means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "suites")]
    pub suites: Vec<String>,
    #[serde(deserialize_with = "suite")]
    pub memory_suite: String,
    #[serde(deserialize_with = "names")]
    pub features: Vec<String>,
    pub default_features: bool,
    #[serde(deserialize_with = "name")]
    pub profile: String,
    #[serde(deserialize_with = "names")]
    pub build_flags: Vec<String>,
    pub cache_size: Bytes,
    #[serde(deserialize_with = "units::above_zero")]
    pub threshold: Percent,
    pub indifference: Percent,
    pub memory_threshold: Percent,
    pub max_latency_ratio: Option<Ratio>,
    pub max_memory_ratio: Option<Ratio>,
    pub budget: Option<Seconds>,
    #[serde(default, deserialize_with = "some_name")]
    pub default_branch: Option<String>,
    pub strict: bool,
    pub require_baseline: bool,
    pub allow_removed: bool,
    pub mode: Mode,
    pub(super) reference: References,
    #[serde(rename = "override", default)]
    pub(super) overrides: Vec<Override>,
    /// The policy of the baseline, where it is stricter; see [`Config::hold_to`].
    #[serde(skip)]
    pub(super) held: Option<Held>,
}

/// Other rules for some benchmarks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Override {
    pub benchmarks: Globs,
    #[serde(deserialize_with = "units::some_above_zero")]
    pub threshold: Option<Percent>,
    pub indifference: Option<Percent>,
    pub memory_threshold: Option<Percent>,
    pub max_latency_ratio: Option<Ratio>,
    pub max_memory_ratio: Option<Ratio>,
    pub allow_removed: Option<bool>,
    pub mode: Option<Mode>,
    /// For people, who see it in `cargo serbench config`.
    #[serde(deserialize_with = "some_name")]
    pub reason: Option<String>,
}

/// What a benchmark does to the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Fail when it regresses or is over a limit
    Gate,
    /// Measure, store and report, never fail
    Track,
    /// Do not measure
    Off,
}

impl Mode {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Track => "track",
            Self::Off => "off",
        }
    }
}

/// The encoder that others are divided by, for each suite and for [`EVERY_SUITE`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct References(pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for References {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct References;
        impl<'de> de::Visitor<'de> for References {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an encoder for all suites, or a table such as { json = \"orjson\" }")
            }

            fn visit_str<E: de::Error>(self, encoder: &str) -> Result<Self::Value, E> {
                let Name(encoder) = Name::try_from(encoder.to_owned()).map_err(E::custom)?;
                Ok([(EVERY_SUITE.to_owned(), encoder)].into())
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut suites = BTreeMap::new();
                while let Some((Name(suite), Name(encoder))) = map.next_entry()? {
                    suites.insert(discover::suite_name(&suite), encoder);
                }
                Ok(suites)
            }
        }
        deserializer.deserialize_any(References).map(Self)
    }
}

/// Text that holds more than blanks.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let blank = text.trim().is_empty();
        (!blank).then_some(Self(text)).ok_or("expected a name")
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Name::deserialize(deserializer).map(|Name(name)| name)
}

fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    name(deserializer).map(Some)
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<Name>::deserialize(deserializer)?;
    Ok(names.into_iter().map(|Name(name)| name).collect())
}

fn suite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    name(deserializer).map(|name| discover::suite_name(&name))
}

fn suites<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = names(deserializer)?;
    Ok(names.iter().map(|it| discover::suite_name(it)).collect())
}

/// The names of the fields of a struct as serde has them, which are the keys of a table.
pub fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    struct Fields<'a>(&'a mut &'static [&'static str]);
    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = de::value::Error;

        fn deserialize_any<V: de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(de::Error::custom("only the names of fields are asked for"))
        }

        fn deserialize_struct<V: de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
            ignored_any
        }
    }
    let mut fields: &[&str] = &[];
    // It fails as soon as it has them.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}
