//! Reads the table of one Cargo.toml, or the flags, into values with their origin.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range};

use anyhow::{Context, Result};
use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::keys::{Config, EVERY_SUITE, Override};
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

/// The defaults, what each key means, and an example of each that has no default.
pub const DEFAULTS: Source<'static> = Source {
    file: None,
    text: include_str!("default.toml"),
    of: "package",
};

impl Source<'_> {
    /// Where the text at `start` comes from.
    fn origin(self, start: usize) -> Origin {
        match self.file {
            None => Origin::Default,
            Some(file) => Origin::Line {
                file: file.to_owned(),
                line: 1 + self.text[..start].matches('\n').count(),
            },
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
    let name = source.file.unwrap_or("the defaults");
    let document = DeTable::parse(source.text).with_context(|| format!("read {name}"))?;
    let metadata = |of| document.get_ref().get(of)?.get_ref().get("metadata");
    let table = metadata(source.of).and_then(|metadata| metadata.get_ref().get("serbench"));
    let mut reader = Reader {
        source,
        layer: Layer::default(),
        problems: Vec::new(),
    };
    match table.map(|table| (table, table.get_ref())) {
        None => {}
        Some((_, DeValue::Table(keys))) => {
            for (name, written) in keys {
                reader.key(name, written);
            }
        }
        Some((table, _)) => {
            reader.accepts::<Config>(table.span(), table.clone());
        }
    }
    reader.problems.sort();
    let problems = reader.problems.into_iter().map(|(_, problem)| problem);
    Ok((reader.layer, problems.collect()))
}

type Key<'a> = toml::Spanned<Cow<'a, str>>;
type Spanned<'a> = toml::Spanned<DeValue<'a>>;

/// Takes over the keys of a table that are right, each by itself.
struct Reader<'a> {
    source: Source<'a>,
    layer: Layer,
    /// With where they are.
    problems: Vec<(usize, String)>,
}

impl<'a> Reader<'a> {
    fn key(&mut self, name: &Key<'a>, written: &Spanned<'a>) {
        if let ("override", DeValue::Array(items)) = (name.get_ref().as_ref(), written.get_ref()) {
            items.iter().for_each(|item| self.override_table(item));
            return;
        }
        let alone = [(name.clone(), written.clone())].into_iter().collect();
        if !self.accepts::<Config>(name.span(), table(name, alone)) {
            return;
        }
        let taken = match (name.get_ref().as_ref(), written.get_ref()) {
            ("reference", DeValue::Table(suites)) => suites
                .iter()
                .map(|(suite, encoder)| {
                    (reference_of(suite.get_ref()), self.valued(suite, encoder))
                })
                .collect(),
            ("reference", _) => vec![(reference_of(EVERY_SUITE), self.valued(name, written))],
            (key, _) => vec![(key.to_owned(), self.valued(name, written))],
        };
        self.layer.keys.extend(taken);
    }

    fn override_table(&mut self, item: &Spanned<'a>) {
        const GLOBS: &str = "benchmarks";
        let mut taken = Table::new();
        let mut has_globs = false;
        for (name, written) in item.get_ref().as_table().into_iter().flatten() {
            let every = DeTable::parse("benchmarks = ['**']").map(toml::Spanned::into_inner);
            let mut alone = every.unwrap_or_default();
            alone.insert(name.clone(), written.clone());
            has_globs |= name.get_ref() == GLOBS;
            if self.accepts::<Override>(name.span(), table(name, alone)) {
                taken.insert(name.get_ref().to_string(), self.valued(name, written));
            }
        }
        if taken.contains_key(GLOBS) {
            self.layer.overrides.push(taken);
        } else if !has_globs {
            self.accepts::<Override>(item.span(), item.clone());
        }
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

fn table<'a>(name: &Key<'a>, keys: DeTable<'a>) -> Spanned<'a> {
    toml::Spanned::new(name.span(), DeValue::Table(keys))
}

/// What serde has to say of what begins at `start`, with the line, or with what a misspelt key was
/// meant to be.
fn problem(source: Source<'_>, start: usize, error: &toml::de::Error) -> String {
    let origin = source.origin(start);
    let message = error.message().lines().next().unwrap_or_default();
    if let Some(names) = message.strip_prefix("unknown field `") {
        let names: Vec<&str> = names.split('`').step_by(2).collect();
        let [unknown, known @ ..] = names.as_slice() else {
            return format!("{origin}: {message}");
        };
        let known: Vec<&str> = known
            .iter()
            .copied()
            .filter(|name| !name.is_empty())
            .collect();
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys are {}", known.join(", ")),
        };
        return format!("{origin}: unknown key `{unknown}`; {hint}");
    }
    // The line itself shows the beginning of "invalid type: integer `3`, expected a string".
    let expected = &message[message.rfind("expected ").unwrap_or_default()..];
    let expected = expected.replace("a sequence", "a list");
    let expected = expected.replace("a boolean", "true or false");
    let before = source.text[..start].rfind('\n').map_or(0, |end| end + 1);
    let line = source.text[before..].lines().next().unwrap_or_default();
    format!("{origin}: `{}`: {expected}", line.trim())
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
