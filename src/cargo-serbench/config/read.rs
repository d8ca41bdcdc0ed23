//! Reads the table of one Cargo.toml, or the flags, into values with their origin.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range};

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};
use toml::{
    Value,
    de::{DeArray, DeTable, DeValue, Deserializer},
};

use super::keys::{self, Config, EVERY_SUITE, Override, fields};
use crate::discover::suite_name;

/// A text that may hold a table of ours.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As it is shown; absent for the compiled-in defaults.
    pub file: Option<&'a str>,
    pub text: &'a str,
    /// `package` or `workspace`: the table is its `metadata.serbench`.
    pub of: &'a str,
}

pub const DEFAULTS: Source<'static> = Source {
    file: None,
    text: keys::DEFAULTS,
    of: "package",
};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// The default, lowered to the threshold.
    Lowered,
    Line {
        file: String,
        line: usize,
    },
    /// Name of the flag without its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Lowered => f.write_str("default, but no more than the threshold"),
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A value that has been checked by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Valued {
    pub value: Value,
    pub origin: Origin,
}

/// By key.
pub type Table = BTreeMap<String, Valued>;

/// What one source gives, or several merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// All keys but the two below.
    pub plain: Table,
    /// Encoders by suite.
    pub reference: Table,
    pub overrides: Vec<Table>,
}

impl Layer {
    /// Lays `upper` over this layer: key by key, overrides after those that are there.
    pub fn merge(&mut self, upper: Self) {
        self.plain.extend(upper.plain);
        if upper.reference.contains_key(EVERY_SUITE) {
            self.reference.clear();
        }
        self.reference.extend(upper.reference);
        self.overrides.extend(upper.overrides);
    }

    /// Lays `flags` over this layer. What is typed holds for every benchmark, whatever overrides say.
    pub fn merge_flags(&mut self, flags: Self) {
        for table in &mut self.overrides {
            table.retain(|key, _| !flags.plain.contains_key(key));
        }
        self.overrides.retain(changes_something);
        self.merge(flags);
    }

    /// As one table of plain values.
    pub fn to_value(&self) -> Value {
        let plain = |table: &Table| -> toml::Table {
            let entries = table.iter();
            entries
                .map(|(key, it)| (key.clone(), it.value.clone()))
                .collect()
        };
        let mut table = plain(&self.plain);
        table.insert("reference".to_owned(), plain(&self.reference).into());
        let overrides: Vec<toml::Table> = self.overrides.iter().map(plain).collect();
        table.insert("override".to_owned(), overrides.into());
        table.into()
    }
}

fn changes_something(table: &Table) -> bool {
    let mut keys = table.keys();
    keys.any(|key| key != "benchmarks" && key != "reason")
}

/// What was typed; the command line has checked it.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub keys: Vec<Flag>,
    /// Reference encoders: `json=orjson` is for one suite, `orjson` for every suite.
    pub reference: Vec<String>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Flag {
    pub key: String,
    /// What was typed to set it, without dashes.
    pub flag: String,
    pub value: Value,
}

/// The layer of `flags`.
pub fn flags(flags: &Flags) -> Layer {
    let valued = |flag: &str, value: Value| Valued {
        value,
        origin: Origin::Flag(flag.to_owned()),
    };
    let plain = flags.keys.iter();
    let plain = plain.map(|it| (it.key.clone(), valued(&it.flag, it.value.clone())));
    let reference = flags.reference.iter().map(|text| {
        let (suite, encoder) = text.split_once('=').unwrap_or((EVERY_SUITE, text));
        (suite_name(suite), valued("reference", encoder.into()))
    });
    Layer {
        plain: plain.collect(),
        reference: reference.collect(),
        overrides: Vec::new(),
    }
}

/// Reads the table of `source`; nothing when it has none. What is wrong is added to `problems`, a
/// sentence each.
pub fn read(source: Source<'_>, problems: &mut Vec<String>) -> Result<Layer> {
    let name = source.file.unwrap_or("the defaults");
    let document = DeTable::parse(source.text).with_context(|| format!("read {name}"))?;
    let header = format!("{}.metadata.serbench", source.of);
    let mut reader = Reader { source, problems };
    let mut layer = Layer::default();
    let Some(table) = ours(document.get_ref(), source.of) else {
        return Ok(layer);
    };
    let Some(entries) = table.get_ref().as_table() else {
        reader.wrong("serbench", table.span(), "expected a table of keys");
        return Ok(layer);
    };
    let defaults = DeTable::parse(DEFAULTS.text).context("read the defaults")?;
    let defaults = ours(defaults.get_ref(), "package").and_then(|table| table.get_ref().as_table());
    let defaults = defaults.context("the defaults are a table")?;
    for (name, value) in as_written(entries) {
        match (name.get_ref().as_ref(), value.get_ref()) {
            ("override", DeValue::Array(items)) => {
                for item in items {
                    let header = format!("[[{header}.override]]");
                    layer.overrides.extend(reader.one_override(&header, item));
                }
            }
            ("reference", DeValue::Table(suites)) => {
                let read = reader.entry::<Config>(&format!("[{header}]"), defaults, name, value);
                for suite in suites.keys().filter(|_| read.is_some()) {
                    let value = suites[suite].get_ref().as_str().unwrap_or_default().into();
                    let origin = reader.origin(suite.span());
                    let suite = suite_name(suite.get_ref());
                    layer.reference.insert(suite, Valued { value, origin });
                }
            }
            (key, _) => {
                let read = reader.entry::<Config>(&format!("[{header}]"), defaults, name, value);
                let Some(Valued { value, origin }) = read else {
                    continue;
                };
                if let Value::Table(suites) = value {
                    let every = suites.into_iter().map(|(suite, value)| {
                        let origin = origin.clone();
                        (suite, Valued { value, origin })
                    });
                    layer.reference.extend(every);
                } else {
                    layer.plain.insert(key.to_owned(), Valued { value, origin });
                }
            }
        }
    }
    Ok(layer)
}

/// The table of ours in a Cargo.toml.
fn ours<'a, 'i>(document: &'a DeTable<'i>, of: &str) -> Option<&'a Spanned<'i>> {
    let metadata = document.get(of)?.get_ref().get("metadata")?;
    metadata.get_ref().get("serbench")
}

/// The entries in the order of the file, so that problems are in that order, too.
fn as_written<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Spanned<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

type Key<'a> = toml::Spanned<Cow<'a, str>>;
type Spanned<'a> = toml::Spanned<DeValue<'a>>;

struct Reader<'a> {
    source: Source<'a>,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn origin(&self, at: Range<usize>) -> Origin {
        match self.source.file {
            None => Origin::Default,
            Some(file) => Origin::Line {
                file: file.to_owned(),
                line: 1 + self.source.text[..at.start].matches('\n').count(),
            },
        }
    }

    fn problem(&mut self, at: Range<usize>, message: fmt::Arguments<'_>) {
        let origin = self.origin(at);
        self.problems.push(format!("{origin}: {message}"));
    }

    /// Says that what stands at `at` is not what `key` may hold.
    fn wrong(&mut self, key: &str, at: Range<usize>, hint: &str) {
        let written = self.source.text[at.clone()].trim();
        let line = written.lines().next().unwrap_or_default();
        let found: String = line.chars().take(40).collect();
        let more = if found.len() < written.len() {
            "…"
        } else {
            ""
        };
        self.problem(at, format_args!("`{key}` is {found}{more}; {hint}"));
    }

    /// Reads one entry of a `T` whose other entries are `rest`, as `T` writes it.
    fn entry<T: DeserializeOwned + Serialize>(
        &mut self,
        header: &str,
        rest: &DeTable<'_>,
        name: &Key<'_>,
        value: &Spanned<'_>,
    ) -> Option<Valued> {
        let key = name.get_ref().as_ref();
        let known = fields::<T>();
        if !known.contains(&key) {
            let hint = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys are {}", known.join(", ")),
            };
            self.problem(
                name.span(),
                format_args!("unknown key `{key}` in {header}; {hint}"),
            );
            return None;
        }
        match alone::<T>(rest, name, value.clone()) {
            Ok(read) => {
                let value = toml::Table::try_from(&read).ok()?.remove(key)?;
                // A value's own line is that of what is wrong with it, but a list begins at its key.
                let origin = self.origin(name.span());
                Some(Valued { value, origin })
            }
            Err((at, hint)) => {
                let items = value.get_ref().as_array().into_iter().flatten();
                let item = items.into_iter().find_map(|item| {
                    let mut list = DeArray::new();
                    list.push(item.clone());
                    let list = toml::Spanned::new(item.span(), DeValue::Array(list));
                    let (_, hint) = alone::<T>(rest, name, list).err()?;
                    Some((item.span(), hint))
                });
                let (at, hint) = item.unwrap_or((at.unwrap_or(value.span()), hint));
                self.wrong(key, at, &hint);
                None
            }
        }
    }

    fn one_override(&mut self, header: &str, item: &Spanned<'_>) -> Option<Table> {
        let Some(entries) = item.get_ref().as_table() else {
            self.wrong("override", item.span(), "expected a list of tables");
            return None;
        };
        let before = self.problems.len();
        let mut table = Table::new();
        for (name, value) in as_written(entries) {
            let read = self.entry::<Override>(header, &DeTable::new(), name, value);
            table.extend(read.map(|valued| (name.get_ref().to_string(), valued)));
        }
        if self.problems.len() > before {
            return None;
        }
        if !table.contains_key("benchmarks") {
            let example = r#"benchmarks = ["json::*::f64::**"]"#;
            self.problem(
                item.span(),
                format_args!(
                    "an override without `benchmarks`; add globs over ids, such as {example}"
                ),
            );
            return None;
        }
        if !changes_something(&table) {
            let known = fields::<Override>().iter();
            let known = known.filter(|name| !["benchmarks", "reason"].contains(name));
            let known: Vec<&str> = known.copied().collect();
            self.problem(
                item.span(),
                format_args!(
                    "an override that changes nothing; add one of {}",
                    known.join(", ")
                ),
            );
            return None;
        }
        Some(table)
    }
}

/// A `T` of one value and the `rest`, or where it is wrong and what would be right.
fn alone<T: DeserializeOwned>(
    rest: &DeTable<'_>,
    name: &Key<'_>,
    value: Spanned<'_>,
) -> Result<T, (Option<Range<usize>>, String)> {
    let mut table = rest.clone();
    table.insert(name.clone(), value);
    let read = T::deserialize(Deserializer::from(toml::Spanned::new(0..0, table)));
    read.map_err(|error| {
        // The file shows the beginning of "invalid type: integer `3`, expected a string" itself.
        let message = error.message().lines().next().unwrap_or_default();
        let hint = message
            .rfind("expected ")
            .map_or(message, |at| &message[at..]);
        let hint = hint.replace("a sequence", "a list");
        (error.span(), hint.replace("a boolean", "true or false"))
    })
}

/// The one of `known` that `unknown` was probably meant to be.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro(unknown, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
