//! Flags in, a layer out.

use toml::Value;

use super::{
    layer::{EVERY_SUITE, Layer, Origin, Table, Valued},
    units::{Percent, Ratio},
};
use crate::cli::Keys;

/// What was typed, which the command line has checked, as the uppermost layer.
pub fn layer(keys: &Keys) -> Layer {
    // All of them by name, so that none is forgotten.
    let Keys {
        suite,
        reference,
        memory_suite,
        threshold,
        indifference,
        memory_threshold,
        max_latency_ratio,
        max_memory_ratio,
        budget,
        default_branch,
        strict,
        require_baseline,
        mode,
        profile,
        features,
        default_features,
    } = keys;
    let percent = |percent: &Option<Percent>| percent.map(|it| Value::Float(it.fraction()));
    let ratio = |ratio: &Option<Ratio>| ratio.map(|it| Value::Float(it.value()));
    let switch = |switch: &Option<bool>| switch.map(Value::Boolean);
    let name = |name: &Option<String>| name.clone().map(Value::String);
    let mode = mode.and_then(|mode| Value::try_from(mode).ok());
    let (default_flag, default_features) = if features.no_default_features {
        ("no-default-features", Some(Value::Boolean(false)))
    } else {
        ("default-features", switch(default_features))
    };
    let plain = [
        ("suites", "suite", suites(suite)),
        ("memory-suite", "memory-suite", name(memory_suite)),
        ("features", "features", names(&separate(&features.features))),
        ("default-features", default_flag, default_features),
        ("profile", "profile", name(profile)),
        ("threshold", "threshold", percent(threshold)),
        ("indifference", "indifference", percent(indifference)),
        (
            "memory-threshold",
            "memory-threshold",
            percent(memory_threshold),
        ),
        (
            "max-latency-ratio",
            "max-latency-ratio",
            ratio(max_latency_ratio),
        ),
        (
            "max-memory-ratio",
            "max-memory-ratio",
            ratio(max_memory_ratio),
        ),
        (
            "budget",
            "budget",
            budget.map(|it| Value::Float(it.value())),
        ),
        ("default-branch", "default-branch", name(default_branch)),
        ("strict", "strict", switch(strict)),
        (
            "require-baseline",
            "require-baseline",
            switch(require_baseline),
        ),
        ("mode", "mode", mode),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key.to_owned(), typed(flag, value?))))
        .collect();
    Layer {
        plain,
        reference: references(reference),
        overrides: Vec::new(),
    }
}

fn typed(flag: &'static str, value: Value) -> Valued {
    let origin = Origin::Flag(flag);
    Valued { value, origin }
}

/// `json=orjson` is for one suite, `orjson` for every suite.
fn references(texts: &[String]) -> Table {
    let split = |text: &String| {
        let (suite, encoder) = text.split_once('=').unwrap_or((EVERY_SUITE, text));
        let encoder = typed("reference", Value::from(encoder));
        (suite.to_owned(), encoder)
    };
    texts.iter().map(split).collect()
}

/// Cargo takes names apart at commas and blanks alike.
fn separate(features: &[String]) -> Vec<String> {
    let apart = |c: char| c == ',' || c.is_whitespace();
    let names = features.iter().flat_map(|names| names.split(apart));
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn names(names: &[String]) -> Option<Value> {
    (!names.is_empty()).then(|| Value::from(names.to_vec()))
}

/// An empty list stands for all suites.
fn suites(suites: &[String]) -> Option<Value> {
    if suites.iter().any(|name| name == "all") {
        return Some(Value::Array(Vec::new()));
    }
    names(suites)
}
