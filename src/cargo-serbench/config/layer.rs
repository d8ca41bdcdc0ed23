//! One Cargo.toml in, or the flags, and the values that its table gives out, each with its origin;
//! then one layer over another.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range};

use anyhow::{Context, Result};
use toml::{
    Value,
    de::{DeTable, DeValue},
};

use super::glob::Globs;
use crate::config::key::{self, Key, Kind, Mode};

/// Stands for every suite that has no reference of its own.
pub const EVERY_SUITE: &str = "*";

/// A text that may hold a table of ours.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As it is shown; absent for the compiled-in defaults.
    pub file: Option<&'a str>,
    pub text: &'a str,
    /// `package` or `workspace`: the table is its `metadata.serbench`.
    pub of: &'a str,
}

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
    Flag(&'static str),
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
    pub plain: Table,
    /// Encoders by suite.
    pub reference: Table,
    pub overrides: Vec<Table>,
}

impl Layer {
    /// Lays `upper` over this layer: key by key, overrides after those that are there.
    pub fn merge(&mut self, upper: Self) {
        let Self {
            plain,
            reference,
            overrides,
        } = upper;
        self.plain.extend(plain);
        if reference.contains_key(EVERY_SUITE) {
            self.reference.clear();
        }
        self.reference.extend(reference);
        self.overrides.extend(overrides);
    }

    /// As one table of plain values.
    pub fn to_value(&self) -> Value {
        let plain = |table: &Table| {
            let entries = table.iter();
            entries
                .map(|(key, valued)| (key.clone(), valued.value.clone()))
                .collect::<toml::Table>()
        };
        let mut table = plain(&self.plain);
        table.insert("reference".to_owned(), plain(&self.reference).into());
        let overrides: Vec<toml::Table> = self.overrides.iter().map(plain).collect();
        table.insert("override".to_owned(), overrides.into());
        table.into()
    }

    /// Lays `flags` over this layer. What is typed holds for every benchmark, whatever overrides say.
    pub fn merge_flags(&mut self, flags: Self) {
        for table in &mut self.overrides {
            table.retain(|key, _| !flags.plain.contains_key(key));
        }
        self.overrides.retain(|table| {
            let mut keys = table.keys();
            keys.any(|key| key != "benchmarks" && key != "reason")
        });
        self.merge(flags);
    }
}

/// Reads the table of `source`; nothing when it has none. What is wrong is added to `problems`, a
/// sentence each.
pub fn read(source: Source<'_>, problems: &mut Vec<String>) -> Result<Layer> {
    let document = DeTable::parse(source.text)
        .with_context(|| format!("read {}", source.file.unwrap_or("the defaults")))?;
    let mut reader = Reader {
        source,
        header: format!("{}.metadata.serbench", source.of),
        problems,
    };
    let table = document
        .get_ref()
        .get(source.of)
        .and_then(|package| package.get_ref().get("metadata"))
        .and_then(|metadata| metadata.get_ref().get("serbench"));
    let mut layer = Layer::default();
    let Some(table) = table else {
        return Ok(layer);
    };
    let Some(entries) = table.get_ref().as_table() else {
        reader.wrong("serbench", table.span(), "allowed is a table of keys");
        return Ok(layer);
    };
    for (name, value) in as_written(entries) {
        let Some(key) = reader.known(name.get_ref(), name.span(), false) else {
            continue;
        };
        // A value's own line is that of what is wrong with it, but a list begins at its key.
        let origin = reader.origin(name.span());
        match key.kind {
            Kind::Reference => layer.reference = reader.reference(&origin, value),
            Kind::Overrides => layer.overrides = reader.overrides(value),
            _ => {
                if let Some(value) = reader.value(key, value.span(), value.get_ref()) {
                    let name = key.name.to_owned();
                    layer.plain.insert(name, Valued { value, origin });
                }
            }
        }
    }
    Ok(layer)
}

/// The entries in the order of the file, so that what is told is in that order, too.
fn as_written<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a toml::Spanned<Cow<'i, str>>, &'a Spanned<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// What every reading needs: where, and whom to tell.
struct Reader<'a> {
    source: Source<'a>,
    header: String,
    problems: &'a mut Vec<String>,
}

type Spanned<'a> = toml::Spanned<DeValue<'a>>;

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

    /// Tells that what stands at `at` is not what `key` may hold.
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

    fn known(&mut self, name: &str, at: Range<usize>, in_override: bool) -> Option<&'static Key> {
        let found = key::keys(in_override).find(|key| key.name == name);
        if found.is_none() {
            let known: Vec<&str> = key::keys(in_override).map(|key| key.name).collect();
            let hint = match key::nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            let table = if in_override {
                format!("[[{}.override]]", self.header)
            } else {
                format!("[{}]", self.header)
            };
            self.problem(at, format_args!("unknown key `{name}` in {table}; {hint}"));
        }
        found
    }

    /// A value of any kind but [`Kind::Reference`] and [`Kind::Overrides`].
    fn value(&mut self, key: &Key, at: Range<usize>, value: &DeValue<'_>) -> Option<Value> {
        let kind = key.kind;
        let allowed = format!("allowed is {}", kind.allowed());
        let checked = match (kind, value) {
            (Kind::Names | Kind::Globs, DeValue::Array(items)) => {
                return self.names(key, at, items);
            }
            (Kind::Name, DeValue::String(name)) if !name.trim().is_empty() => {
                Ok(Value::String(name.to_string()))
            }
            (Kind::Mode, DeValue::String(name)) => {
                match <Mode as clap::ValueEnum>::from_str(name, false) {
                    Ok(_) => Ok(Value::String(name.to_string())),
                    Err(_) => Err(allowed),
                }
            }
            (Kind::Switch, DeValue::Boolean(switch)) => Ok(Value::Boolean(*switch)),
            (Kind::Fraction { .. }, DeValue::String(text)) if text.ends_with('%') => {
                kind.number(text).map(Value::Float)
            }
            (Kind::Fraction { .. } | Kind::Ratio | Kind::Seconds, DeValue::Integer(number))
                if number.radix() == 10 =>
            {
                kind.number(number.as_str()).map(Value::Float)
            }
            (Kind::Fraction { .. } | Kind::Ratio | Kind::Seconds, DeValue::Float(number)) => {
                kind.number(number.as_str()).map(Value::Float)
            }
            _ => Err(allowed),
        };
        checked.map_err(|hint| self.wrong(key.name, at, &hint)).ok()
    }

    fn names(&mut self, key: &Key, at: Range<usize>, items: &[Spanned<'_>]) -> Option<Value> {
        let allowed = format!("allowed is {}", key.kind.allowed());
        if key.kind == Kind::Globs && items.is_empty() {
            self.wrong(key.name, at, &allowed);
            return None;
        }
        let mut names = Vec::new();
        for item in items {
            let hint = match item.get_ref().as_str() {
                Some(name) if key.kind == Kind::Globs => Globs::check(name).err(),
                Some(name) if !name.trim().is_empty() => None,
                _ => Some(allowed.clone()),
            };
            match hint {
                Some(hint) => self.wrong(key.name, item.span(), &hint),
                None => names.extend(item.get_ref().as_str().map(str::to_owned)),
            }
        }
        // As many as there were, or some are wrong and have been told.
        (names.len() == items.len()).then(|| Value::from(names))
    }

    fn reference(&mut self, origin: &Origin, value: &Spanned<'_>) -> Table {
        let single = [(EVERY_SUITE, origin.clone(), value)];
        let entries: Vec<_> = match value.get_ref() {
            DeValue::Table(suites) => suites
                .iter()
                .map(|(suite, encoder)| (&**suite.get_ref(), self.origin(suite.span()), encoder))
                .collect(),
            _ => single.into(),
        };
        let mut table = Table::new();
        for (suite, origin, encoder) in entries {
            match encoder.get_ref().as_str() {
                Some(name) if !name.trim().is_empty() && !suite.trim().is_empty() => {
                    let value = Value::String(name.to_owned());
                    table.insert(suite.to_owned(), Valued { value, origin });
                }
                _ => {
                    let hint = format!("allowed is {}", Kind::Reference.allowed());
                    self.wrong("reference", encoder.span(), &hint);
                }
            }
        }
        table
    }

    fn overrides(&mut self, value: &Spanned<'_>) -> Vec<Table> {
        let mut overrides = Vec::new();
        let Some(items) = value.get_ref().as_array() else {
            let hint = format!("allowed is {}", Kind::Overrides.allowed());
            self.wrong("override", value.span(), &hint);
            return overrides;
        };
        for item in items {
            let Some(entries) = item.get_ref().as_table() else {
                let hint = format!("allowed is {}", Kind::Overrides.allowed());
                self.wrong("override", item.span(), &hint);
                continue;
            };
            overrides.extend(self.one_override(item.span(), entries));
        }
        overrides
    }

    fn one_override(&mut self, at: Range<usize>, entries: &DeTable<'_>) -> Option<Table> {
        let before = self.problems.len();
        let mut table = Table::new();
        for (name, value) in as_written(entries) {
            let Some(key) = self.known(name.get_ref(), name.span(), true) else {
                continue;
            };
            let origin = self.origin(name.span());
            if let Some(value) = self.value(key, value.span(), value.get_ref()) {
                table.insert(key.name.to_owned(), Valued { value, origin });
            }
        }
        if self.problems.len() > before {
            return None;
        }
        if !table.contains_key("benchmarks") {
            let allowed = Kind::Globs.allowed();
            self.problem(
                at,
                format_args!("an override without `benchmarks`; it needs {allowed}"),
            );
            return None;
        }
        if table
            .keys()
            .all(|key| key == "benchmarks" || key == "reason")
        {
            let known: Vec<&str> = key::keys(true)
                .map(|key| key.name)
                .filter(|name| *name != "benchmarks" && *name != "reason")
                .collect();
            let known = known.join(", ");
            self.problem(
                at,
                format_args!("an override that changes nothing; it may hold {known}"),
            );
            return None;
        }
        Some(table)
    }
}
