//! Reads the table of a Cargo.toml, or flags, into values with their origins.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range};

use anyhow::{Context, Result};
use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::keys::{Config, EVERY_SUITE, KEYS, Override};
use crate::discover::suite_name;

/// The text of a Cargo.toml, which may have a table for this tool.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The path to show.
    pub file: &'a str,
    pub text: &'a str,
    /// `package` or `workspace`: the table is its `metadata.serbench`.
    pub of: &'a str,
}

impl Source<'_> {
    /// The origin of the text at `start`.
    fn origin(self, start: usize) -> Origin {
        Origin::Line {
            file: self.file.to_owned(),
            line: 1 + self.text[..start].matches('\n').count(),
        }
    }
}

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    Line {
        file: String,
        line: usize,
    },
    /// The flag's name without dashes.
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

/// A value as written, which is valid by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Valued {
    pub value: Value,
    pub origin: Origin,
}

impl Valued {
    /// Whether it was set explicitly.
    pub fn is_set(&self) -> bool {
        self.origin != Origin::Default
    }
}

/// Values by key; the key of a suite's reference is `reference.SUITE`.
pub type Table = BTreeMap<String, Valued>;

/// The values from one source, or several merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    pub keys: Table,
    pub overrides: Vec<Table>,
}

/// A key set on the command line, which has checked its value.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The key in [`Table`].
    pub key: String,
    /// The flag that set it, without dashes.
    pub flag: String,
    pub value: Value,
}

/// All keys set on the command line.
pub type Flags = Vec<Flag>;

/// The key of a suite's reference.
pub fn reference_of(suite: &str) -> String {
    format!("reference.{}", suite_name(suite))
}

impl Layer {
    /// The built-in defaults.
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

    /// Overrides this layer by `upper`, key by key; appends its overrides.
    pub fn merge(&mut self, upper: Self) {
        if upper.keys.contains_key(&reference_of(EVERY_SUITE)) {
            self.keys.retain(|key, _| !key.starts_with("reference."));
        }
        self.keys.extend(upper.keys);
        self.overrides.extend(upper.overrides);
    }

    /// Overrides this layer by `flags`, which apply to every benchmark, whatever overrides say.
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

    /// Converts it to a single table of plain values.
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

/// Reads the table of `source`: the valid values, and the errors with their lines.
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

/// Collects the valid keys of a table, each checked by itself.
struct Reader<'a> {
    source: Source<'a>,
    /// Errors with their positions.
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

    /// Whether a value is valid. If not, notes the error, at position `at` if serde gives none.
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

    /// The value as written, which is known to be valid.
    fn valued(&self, name: &Key<'a>, written: &Spanned<'a>) -> Valued {
        let value = Value::deserialize(ValueDeserializer::from(written.clone()));
        Valued {
            value: value.expect("it was read before"),
            origin: self.source.origin(name.span().start),
        }
    }
}

/// Serde's error for the text at `start`: with the line, or with a suggestion for a misspelt
/// key.
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

/// What serde expected. The start of "invalid type: integer `3`, expected a string" is dropped,
/// because the value is shown anyway.
pub fn expected(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let expected = &message[message.rfind("expected ").unwrap_or_default()..];
    expected
        .replace("a sequence", "a list")
        .replace("a boolean", "true or false")
        .replace("wanted string or table", "expected a word in quotes")
}

/// The one of `known` most similar to `unknown`, if similar enough.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro(unknown, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}
