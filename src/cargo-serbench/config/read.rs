//! Reads the table of one Cargo.toml, or the flags, into values with their origin.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range};

use anyhow::{Context, Result};
use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::keys::{Config, EVERY_SUITE, KEYS, Override};
use crate::discover::suite_name;

/// A text that may hold a table of ours.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As it is shown.
    pub file: &'a str,
    pub text: &'a str,
    /// `package` or `workspace`: the table is its `metadata.serbench`.
    pub of: &'a str,
}

impl Source<'_> {
    /// Where the text at `start` comes from.
    fn origin(self, start: usize) -> Origin {
        Origin::Line {
            file: self.file.to_owned(),
            line: 1 + self.text[..start].matches('\n').count(),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
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
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A value as it was written, valid by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Valued {
    pub value: Value,
    pub origin: Origin,
}

impl Valued {
    /// Whether anybody has set it.
    pub fn is_set(&self) -> bool {
        self.origin != Origin::Default
    }
}

/// By key; the reference of a suite is `reference.SUITE`.
pub type Table = BTreeMap<String, Valued>;

/// What one source gives, or several merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    pub keys: Table,
    pub overrides: Vec<Table>,
}

/// A key that was typed; the command line has checked its value.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As in [`Table`].
    pub key: String,
    /// What was typed to set it, without dashes.
    pub flag: String,
    pub value: Value,
}

/// All that was typed.
pub type Flags = Vec<Flag>;

/// The key of the reference of a suite.
pub fn reference_of(suite: &str) -> String {
    format!("reference.{}", suite_name(suite))
}

impl Layer {
    /// What holds where nothing is configured.
    pub fn of_defaults() -> Result<Self> {
        let set = KEYS.iter().filter(|key| !key.default.is_empty());
        let lines = set.map(|key| format!("{} = {}\n", key.name, key.default));
        let table: toml::Table = lines.collect::<String>().parse()?;
        let valued = |value| Valued {
            value,
            origin: Origin::Default,
        };
        let keys = table.into_iter().map(|(key, value)| (key, valued(value)));
        Ok(Self {
            keys: keys.collect(),
            overrides: Vec::new(),
        })
    }

    /// Lays `upper` over this layer: key by key, overrides after those that are there.
    pub fn merge(&mut self, upper: Self) {
        if upper.keys.contains_key(&reference_of(EVERY_SUITE)) {
            self.keys.retain(|key, _| !key.starts_with("reference."));
        }
        self.keys.extend(upper.keys);
        self.overrides.extend(upper.overrides);
    }

    /// Lays `flags` over this layer. What is typed holds for every benchmark, whatever overrides say.
    pub fn merge_flags(&mut self, flags: &[Flag]) {
        for table in &mut self.overrides {
            table.retain(|key, _| !flags.iter().any(|flag| flag.key == *key));
        }
        let is_rule = |key: &String| key != "benchmarks" && key != "reason";
        self.overrides.retain(|table| table.keys().any(is_rule));
        let valued = |Flag { key, flag, value }: Flag| {
            let origin = Origin::Flag(flag);
            (key, Valued { value, origin })
        };
        self.merge(Self {
            keys: flags.iter().cloned().map(valued).collect(),
            overrides: Vec::new(),
        });
    }

    /// As one table of plain values.
    pub fn to_value(&self) -> Value {
        let mut table = toml::Table::new();
        let mut references = toml::Table::new();
        for (key, Valued { value, .. }) in &self.keys {
            match key.strip_prefix("reference.") {
                Some(suite) => references.insert(suite.to_owned(), value.clone()),
                None => table.insert(key.clone(), value.clone()),
            };
        }
        let overrides = self.overrides.iter().map(|table| {
            let entries = table.iter();
            let entries = entries.map(|(key, it)| (key.clone(), it.value.clone()));
            Value::Table(entries.collect())
        });
        table.insert("override".to_owned(), Value::Array(overrides.collect()));
        table.insert("reference".to_owned(), references.into());
        table.into()
    }
}

/// Reads the table of `source`: what is right in it, and what is wrong with the rest, with its line.
pub fn read(source: Source<'_>) -> Result<(Layer, Vec<String>)> {
    let document = DeTable::parse(source.text).with_context(|| format!("read {}", source.file))?;
    let metadata = |of| document.get_ref().get(of)?.get_ref().get("metadata");
    let table = metadata(source.of).and_then(|metadata| metadata.get_ref().get("serbench"));
    let mut reader = Reader {
        source,
        problems: Vec::new(),
    };
    let layer = table.map(|table| reader.layer(table)).unwrap_or_default();
    reader.problems.sort();
    let problems = reader.problems.into_iter().map(|(_, problem)| problem);
    Ok((layer, problems.collect()))
}

type Key<'a> = toml::Spanned<Cow<'a, str>>;
type Spanned<'a> = toml::Spanned<DeValue<'a>>;

/// Takes over the keys of a table that are right, each by itself.
struct Reader<'a> {
    source: Source<'a>,
    /// With where they are.
    problems: Vec<(usize, String)>,
}

impl<'a> Reader<'a> {
    fn layer(&mut self, table: &Spanned<'a>) -> Layer {
        let mut layer = Layer::default();
        let DeValue::Table(keys) = table.get_ref() else {
            self.accepts::<Config>(table.span(), table.clone());
            return layer;
        };
        for (name, written) in keys {
            match (name.get_ref().as_ref(), written.get_ref()) {
                ("override", DeValue::Array(items)) => {
                    let overrides = items.iter().filter_map(|item| self.override_table(item));
                    layer.overrides.extend(overrides);
                }
                _ if !self.accepts_alone::<Config>(name, written) => {}
                ("reference", DeValue::Table(suites)) => layer.keys.extend(
                    suites
                        .iter()
                        .map(|(suite, it)| (reference_of(suite.get_ref()), self.valued(suite, it))),
                ),
                ("reference", _) => {
                    let valued = self.valued(name, written);
                    layer.keys.insert(reference_of(EVERY_SUITE), valued);
                }
                (key, _) => {
                    layer
                        .keys
                        .insert(key.to_owned(), self.valued(name, written));
                }
            }
        }
        layer
    }

    fn override_table(&mut self, item: &Spanned<'a>) -> Option<Table> {
        const GLOBS: &str = "benchmarks";
        let Some(keys) = item.get_ref().as_table() else {
            self.accepts::<Override>(item.span(), item.clone());
            return None;
        };
        if !keys.contains_key(GLOBS) {
            let start = item.span().start;
            let problem = "an override needs `benchmarks`, such as [\"json::*::f64::**\"]";
            let problem = format!("{}: {problem}", self.source.origin(start));
            self.problems.push((start, problem));
        }
        let mut taken = Table::new();
        for (name, written) in keys {
            if self.accepts_alone::<Override>(name, written) {
                taken.insert(name.get_ref().to_string(), self.valued(name, written));
            }
        }
        taken.contains_key(GLOBS).then_some(taken)
    }

    fn accepts_alone<T: DeserializeOwned>(
        &mut self,
        name: &Key<'a>,
        written: &Spanned<'a>,
    ) -> bool {
        let alone = [(name.clone(), written.clone())].into_iter().collect();
        self.accepts::<T>(
            name.span(),
            toml::Spanned::new(name.span(), DeValue::Table(alone)),
        )
    }

    /// Whether a value is right. If not, notes why, `at` that place if nothing better is known.
    fn accepts<T: DeserializeOwned>(&mut self, at: Range<usize>, value: Spanned<'a>) -> bool {
        let error = T::deserialize(ValueDeserializer::from(value)).err();
        let found = error.map(|error| {
            let start = error.span().unwrap_or(at).start;
            (start, problem(self.source, start, &error))
        });
        let right = found.is_none();
        self.problems.extend(found);
        right
    }

    /// As it was written, which is known to be right.
    fn valued(&self, name: &Key<'a>, written: &Spanned<'a>) -> Valued {
        let value = Value::deserialize(ValueDeserializer::from(written.clone()));
        Valued {
            value: value.expect("it was read before"),
            origin: self.source.origin(name.span().start),
        }
    }
}

/// What serde has to say of what begins at `start`, with the line, or with what a misspelt key was
/// meant to be.
fn problem(source: Source<'_>, start: usize, error: &toml::de::Error) -> String {
    let origin = source.origin(start);
    if error.message().starts_with("unknown field") {
        let mut names = error.message().split('`').skip(1).step_by(2);
        let unknown = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys are {}", known.join(", ")),
        };
        return format!("{origin}: unknown key `{unknown}`; {hint}");
    }
    let expected = expected(error.message());
    let before = source.text[..start].rfind('\n').map_or(0, |end| end + 1);
    let line = source.text[before..].lines().next().unwrap_or_default();
    format!("{origin}: `{}`: {expected}", line.trim())
}

/// What would be right, from what serde says. The beginning of "invalid type: integer `3`, expected a
/// string" goes without saying, since the value is shown.
pub fn expected(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let expected = &message[message.rfind("expected ").unwrap_or_default()..];
    expected
        .replace("a sequence", "a list")
        .replace("a boolean", "true or false")
        .replace("wanted string or table", "expected a word in quotes")
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
