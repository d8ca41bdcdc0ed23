//! Selects the benchmarks the user asked for, each with its reference.

pub mod catalog;
pub mod id;
mod inventory;
pub mod shard;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use regex::RegexSet;
use serbench::Dtype;

pub use self::id::BenchId;
use self::shard::Shard;
use crate::exit::Usage;

/// Which benchmarks to measure; empty lists ask for all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Regular expressions over ids.
    pub filters: Vec<String>,
    pub encoders: Vec<String>,
    pub dtypes: Vec<String>,
    pub shapes: Vec<String>,
    /// The large cases instead of the small ones.
    pub full: bool,
    pub shard: Option<Shard>,
}

impl Selection {
    /// The data types that were asked for, as ids have them.
    pub fn rust_dtypes(&self) -> Vec<String> {
        self.dtypes.iter().map(|name| rust_name(name)).collect()
    }

    /// Whether nothing narrows it down.
    pub fn is_of_all(&self) -> bool {
        let Self {
            filters,
            encoders,
            dtypes,
            shapes,
            full,
            shard,
        } = self;
        let lists = [filters, encoders, dtypes, shapes];
        lists.iter().all(|list| list.is_empty()) && shard.is_none() && !full
    }
}

/// The ids that `select` asks for, and their references. `large` are those that only `--full`
/// means, `reference` gives the reference encoder of a suite.
pub fn choose<'a>(
    ids: &BTreeSet<BenchId>,
    large: &BTreeSet<BenchId>,
    select: &Selection,
    reference: impl Fn(&str) -> Option<&'a str>,
) -> Result<BTreeSet<BenchId>> {
    let filters = RegexSet::new(&select.filters).map_err(|error| {
        Usage::new(format!("FILTER is not a valid regular expression: {error}"))
    })?;
    let dtypes = select.rust_dtypes();
    let mut chosen: BTreeSet<BenchId> = ids
        .iter()
        .filter(|id| {
            let segments: Vec<&str> = id.case().split("::").collect();
            let has = |wanted: &[String]| {
                wanted.is_empty()
                    || segments
                        .iter()
                        .any(|segment| wanted.iter().any(|w| w == segment))
            };
            // The large cases only when asked for, and then nothing else.
            let size = if select.shapes.is_empty() {
                large.contains(*id) == select.full
            } else {
                has(&select.shapes)
            };
            (filters.is_empty() || filters.is_match(id))
                && (select.encoders.is_empty()
                    || select.encoders.iter().any(|name| name == id.encoder()))
                && has(&dtypes)
                && size
        })
        .cloned()
        .collect();
    let needed: Vec<BenchId> = chosen
        .iter()
        .filter_map(|id| id.reference(reference(id.suite())?))
        .filter(|reference| ids.contains(reference))
        .collect();
    chosen.extend(needed);
    if chosen.is_empty() {
        bail!(Usage::new(nothing(ids, select)));
    }
    Ok(chosen)
}

fn nothing(ids: &BTreeSet<BenchId>, select: &Selection) -> String {
    let mut asked = Vec::new();
    for (name, values) in [
        ("", &select.filters),
        ("--encoder ", &select.encoders),
        ("--dtype ", &select.dtypes),
        ("--shape ", &select.shapes),
    ] {
        if !values.is_empty() {
            asked.push(format!("{name}{}", values.join(",")));
        }
    }
    let example = ids
        .first()
        .map_or_else(String::new, |id| format!(", `{id}` for one"));
    format!(
        "none of {} benchmarks matches {}{example}; `cargo serbench list` shows them all",
        ids.len(),
        asked.join(" ")
    )
}

/// The name that divan prints for a data type given by numpy's name; others as they are.
pub fn rust_name(name: &str) -> String {
    // numpy reads this as a time without a unit; the suites have one data type of that kind.
    if name == "datetime64" {
        return "DatetimeNs".to_owned();
    }
    match Dtype::from_name(name) {
        Some(Dtype::Int8) => "i8",
        Some(Dtype::Int16) => "i16",
        Some(Dtype::Int32) => "i32",
        Some(Dtype::Int64) => "i64",
        Some(Dtype::Uint8) => "u8",
        Some(Dtype::Uint16) => "u16",
        Some(Dtype::Uint32) => "u32",
        Some(Dtype::Uint64) => "u64",
        Some(Dtype::Float16) => "f16",
        Some(Dtype::Float32) => "f32",
        Some(Dtype::Float64) => "f64",
        Some(Dtype::Datetime64(serbench::TimeUnit::Nanosecond)) => "DatetimeNs",
        Some(
            Dtype::Bool
            | Dtype::Complex64
            | Dtype::Complex128
            | Dtype::Datetime64(_)
            | Dtype::Timedelta64(_)
            | Dtype::DatetimeStep(_)
            | Dtype::TimedeltaStep(_),
        ) => name,
        None => name,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{BenchId, Selection, choose};
    use std::collections::BTreeSet;

    #[test]
    fn names_of_numpy_are_those_of_rust() {
        for (name, expected) in [
            ("float64", "f64"),
            ("uint8", "u8"),
            ("bool", "bool"),
            ("datetime64", "DatetimeNs"),
            ("datetime64[ns]", "DatetimeNs"),
            ("f32", "f32"),
        ] {
            assert_eq!(super::rust_name(name), expected, "{name}");
        }
    }

    fn chosen(select: &Selection) -> Vec<String> {
        let ids: BTreeSet<BenchId> = [
            "json::orjson::f64::100x100",
            "json::orjson::f64::pynumpy",
            "json::orjson::u8::100x100",
            "json::sonic::f64::100x100",
            "json::sonic::f64::pynumpy",
            "json::sonic::u8::100x100",
            "other::a",
        ]
        .map(BenchId::from)
        .into();
        let reference = |suite: &str| (suite == "json").then_some("orjson");
        let large = ids
            .iter()
            .filter(|id| id.ends_with("pynumpy"))
            .cloned()
            .collect();
        choose(&ids, &large, select, reference).map_or_else(
            |error| vec![error.to_string()],
            |chosen| chosen.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn selection() {
        let select = Selection::default();
        assert_eq!(chosen(&select).len(), 5);
        let select = Selection {
            full: true,
            ..Selection::default()
        };
        assert_eq!(
            chosen(&select),
            ["json::orjson::f64::pynumpy", "json::sonic::f64::pynumpy"]
        );
        let select = Selection {
            dtypes: vec!["float64".into()],
            encoders: vec!["sonic".into()],
            ..Selection::default()
        };
        assert_eq!(
            chosen(&select),
            ["json::orjson::f64::100x100", "json::sonic::f64::100x100"]
        );
        let select = Selection {
            filters: vec!["nope".into()],
            ..Selection::default()
        };
        insta::assert_snapshot!(chosen(&select)[0], @"none of 7 benchmarks matches nope, `json::orjson::f64::100x100` for one; `cargo serbench list` shows them all");
    }
}
