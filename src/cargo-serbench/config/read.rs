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
#[derive(Clone, Debug)]
pub struct Source {
    /// The path to show.
    pub file: String,
    pub text: String,
    /// `package` or `workspace`: the table is its `metadata.serbench`.
    pub of: &'static str,
}

impl Source {
    /// The origin of the text at `start`.
    fn origin(&self, start: usize) -> Origin {
        Origin::Line {
            file: self.file.clone(),
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
pub struct Setting {
    pub value: Value,
    pub origin: Origin,
}

impl Setting {
    /// Whether it was set explicitly.
    pub fn is_set(&self) -> bool {
        self.origin != Origin::Default
    }
}

pub type Table = BTreeMap<String, Setting>;

/// The values from one source, or several merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    pub keys: Table,
    /// The reference encoders, by suite.
    pub references: Table,
    pub overrides: Vec<Table>,
}

/// What was set on the command line, which has checked each value.
pub type Flags = Layer;

impl Flags {
    /// Sets `key`, by a flag that may have another name.
    pub fn set(&mut self, key: &str, flag: &str, value: impl Into<Value>) {
        let origin = Origin::Flag(flag.to_owned());
        let value = value.into();
        self.keys.insert(key.to_owned(), Setting { value, origin });
    }

    /// Sets the reference of a suite, or of [`EVERY_SUITE`].
    pub fn set_reference(&mut self, suite: &str, encoder: &str) {
        let origin = Origin::Flag("reference".to_owned());
        let value = encoder.into();
        let setting = Setting { value, origin };
        self.references.insert(suite_name(suite), setting);
    }
}

impl Layer {
    /// The built-in defaults.
    pub fn of_defaults() -> Result<Self> {
        let set = KEYS.iter().filter(|key| !key.default.is_empty());
        let lines = set.map(|key| format!("{} = {}\n", key.name, key.default));
        let table: toml::Table = lines.collect::<String>().parse()?;
        let origin = Origin::Default;
        let keys = table.into_iter().map(|(key, value)| {
            let origin = origin.clone();
            (key, Setting { value, origin })
        });
        Ok(Self {
            keys: keys.collect(),
            ..Self::default()
        })
    }

    /// Overrides this layer by `upper`, key by key; appends its overrides.
    pub fn merge(&mut self, upper: Self) {
        if upper.references.contains_key(EVERY_SUITE) {
            self.references.clear();
        }
        self.keys.extend(upper.keys);
        self.references.extend(upper.references);
        self.overrides.extend(upper.overrides);
    }

    /// Overrides this layer by `flags`, which apply to every benchmark, whatever overrides say.
    pub fn merge_flags(&mut self, flags: &Flags) {
        for table in &mut self.overrides {
            table.retain(|key, _| !flags.keys.contains_key(key));
        }
        let is_rule = |key: &String| key != "benchmarks" && key != "reason";
        self.overrides.retain(|table| table.keys().any(is_rule));
        self.merge(flags.clone());
    }

    /// Converts it to a single table of plain values.
    pub fn to_value(&self) -> Value {
        let plain = |table: &Table| -> toml::Table {
            let values = table.iter();
            values
                .map(|(key, it)| (key.clone(), it.value.clone()))
                .collect()
        };
        let overrides: Vec<toml::Table> = self.overrides.iter().map(plain).collect();
        let mut table = plain(&self.keys);
        table.insert("reference".to_owned(), plain(&self.references).into());
        table.insert("override".to_owned(), overrides.into());
        table.into()
    }
}

/// Reads the table of `source`: the valid values, and the errors with their lines.
pub fn read(source: &Source) -> Result<(Layer, Vec<String>)> {
    let document =
        DeTable::parse(&source.text).with_context(|| format!("failed to read {}", source.file))?;
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
    source: &'a Source,
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
                ("reference", DeValue::Table(suites)) => {
                    let setting = suites.iter().map(|(suite, written)| {
                        (suite_name(suite.get_ref()), self.setting(suite, written))
                    });
                    layer.references.extend(setting);
                }
                ("reference", _) => {
                    let setting = self.setting(name, written);
                    layer.references.insert(EVERY_SUITE.to_owned(), setting);
                }
                (key, _) => {
                    let setting = self.setting(name, written);
                    layer.keys.insert(key.to_owned(), setting);
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
                taken.insert(name.get_ref().to_string(), self.setting(name, written));
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
    fn setting(&self, name: &Key<'a>, written: &Spanned<'a>) -> Setting {
        let value = Value::deserialize(ValueDeserializer::from(written.clone()));
        Setting {
            value: value.expect("it was read before"),
            origin: self.source.origin(name.span().start),
        }
    }
}

/// Serde's error for the text at `start`: with the line, or with a suggestion for a misspelt
/// key.
fn problem(source: &Source, start: usize, error: &toml::de::Error) -> String {
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
