//! Selects the requested benchmarks, each with its reference.

pub mod catalog;
mod filters;
pub mod id;
mod inventory;
pub mod shard;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serbench::Dtype;

use self::shard::Shard;
pub use self::{filters::Filters, id::BenchId};
use crate::{config::nearest, exit::Usage};

/// Which benchmarks to measure; empty lists select all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Regular expressions over ids.
    pub filters: Vec<String>,
    pub encoders: Vec<String>,
    pub dtypes: Vec<String>,
    pub shapes: Vec<String>,
    /// Large cases instead of small ones.
    pub full: bool,
    pub shard: Option<Shard>,
}

impl Selection {
    /// The requested data types, as written in ids.
    pub fn rust_dtypes(&self) -> Vec<String> {
        self.dtypes.iter().map(|name| rust_name(name)).collect()
    }

    /// Whether everything is selected.
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

/// The ids that `select` requests, and their references. `large` are those that only `--full`
/// selects, `reference` returns the reference encoder of a suite.
pub fn choose<'a>(
    ids: &BTreeSet<BenchId>,
    large: &BTreeSet<BenchId>,
    select: &Selection,
    reference: impl Fn(&str) -> Option<&'a str>,
) -> Result<BTreeSet<BenchId>> {
    let filters = Filters::new(&select.filters)?;
    check_values(ids, select)?;
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
            // Large cases only if requested, and then nothing else.
            let size = if select.shapes.is_empty() {
                large.contains(*id) == select.full
            } else {
                has(&select.shapes)
            };
            filters.is_match(id)
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

/// Rejects values that match no benchmark: the others would be measured, and the mistake go unnoticed.
fn check_values(ids: &BTreeSet<BenchId>, select: &Selection) -> Result<(), Usage> {
    let encoders: BTreeSet<&str> = ids.iter().map(|id| id.encoder()).collect();
    let segments: BTreeSet<&str> = ids.iter().flat_map(|id| id.case().split("::")).collect();
    let plain = str::to_owned;
    check_list("--encoder", &select.encoders, &encoders, plain)?;
    check_list("--dtype", &select.dtypes, &segments, rust_name)?;
    check_list("--shape", &select.shapes, &segments, plain)?;
    for filter in &select.filters {
        let matches = Filters::new(std::slice::from_ref(filter))?;
        if !ids.iter().any(|id| matches.is_match(id)) {
            return Err(Usage::new(format!(
                "no benchmark matches `{filter}`; {}",
                hint(filter, ids.iter().flat_map(|id| parts(id)))
            )));
        }
    }
    Ok(())
}

/// Rejects values of a flag that are not among `there`; `name` is a benchmark's value.
fn check_list(
    flag: &str,
    values: &[String],
    there: &BTreeSet<&str>,
    name: fn(&str) -> String,
) -> Result<(), Usage> {
    let unknown = values.iter().find(|value| !there.contains(&*name(value)));
    match unknown {
        None => Ok(()),
        Some(value) => Err(Usage::new(format!(
            "no benchmark has `{flag} {value}`; {}",
            hint(value, there.iter().copied())
        ))),
    }
}

/// Everything that a filter may name: the segments of an id, and all paths that it begins with.
fn parts(id: &str) -> impl Iterator<Item = &str> + Clone {
    let paths = id.match_indices("::").map(|(end, _)| &id[..end]);
    id.split("::").chain(paths).chain([id])
}

/// A suggestion for `unknown`, or how to list all.
fn hint<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    // `nearest` finds no match for short names, such as f46 and f64.
    let one_off = |name: &&str| strsim::osa_distance(unknown, name) == 1;
    let near = nearest(unknown, known.clone()).or_else(|| known.into_iter().find(one_off));
    match near.filter(|near| !near.is_empty()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "list all with `cargo serbench list`".to_owned(),
    }
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
        .map_or_else(String::new, |id| format!(", for example `{id}`"));
    format!(
        "none of {} benchmarks matches {}{example}; list all with `cargo serbench list`",
        ids.len(),
        asked.join(" ")
    )
}

/// Divan's name for a data type given by numpy's name; other names unchanged.
pub fn rust_name(name: &str) -> String {
    // For numpy this is a time without a unit; the suites have only one such data type.
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
    fn one_wrong_value_among_several_is_rejected() {
        let all = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let select = Selection::default;
        let messages = [
            Selection {
                dtypes: all(&["f64", "f46"]),
                ..select()
            },
            Selection {
                dtypes: all(&["float64", "float46"]),
                ..select()
            },
            Selection {
                encoders: all(&["sonic", "orjsno"]),
                ..select()
            },
            Selection {
                shapes: all(&["100x100", "7"]),
                ..select()
            },
            Selection {
                filters: all(&["json", "jsno::"]),
                ..select()
            },
            Selection {
                filters: all(&["json", "("]),
                ..select()
            },
        ];
        let messages: Vec<String> = messages.iter().map(|it| chosen(it).remove(0)).collect();
        insta::assert_snapshot!(messages.join("\n"));
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
        insta::assert_snapshot!(chosen(&select)[0], @"no benchmark matches `nope`; list all with `cargo serbench list`");
        let select = Selection {
            filters: vec!["json::sonik::f64".into()],
            ..Selection::default()
        };
        insta::assert_snapshot!(chosen(&select)[0], @"no benchmark matches `json::sonik::f64`; did you mean `json::sonic::f64`?");
        let select = Selection {
            encoders: vec!["sonic".into()],
            filters: vec!["other".into()],
            ..Selection::default()
        };
        insta::assert_snapshot!(chosen(&select)[0], @"none of 7 benchmarks matches other --encoder sonic, for example `json::orjson::f64::100x100`; list all with `cargo serbench list`");
    }
}
