//! Checks that involve several values: whether suites exist, whether percentages fit together.

use super::{
    keys::{Config, EVERY_SUITE},
    read::{Layer, Origin, nearest},
};
use crate::discover::suite_name;

/// Reports suites that a Cargo.toml names but that don't exist. Flags may name suites that only another
/// commit has.
pub fn suites(layer: &Layer, known: &[String]) -> Vec<String> {
    let listed = layer.keys.get("suites").into_iter().flat_map(|setting| {
        let names = setting.value.as_array().into_iter().flatten();
        names.filter_map(move |name| Some(("suites", name.as_str()?, &setting.origin)))
    });
    let references = layer.references.iter();
    let references = references.map(|(suite, it)| ("reference", suite.as_str(), &it.origin));
    let mut problems = Vec::new();
    for (key, name, origin) in references.chain(listed) {
        let (name, written) = (suite_name(name), matches!(origin, Origin::Line { .. }));
        if !written || name == EVERY_SUITE || known.contains(&name) {
            continue;
        }
        let hint = match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "this workspace has no [[bench]]".to_owned(),
            None => format!("available: {}", known.join(", ")),
        };
        problems.push(format!(
            "{origin}: `{key}` names the suite `{name}`, but no bench has that name; {hint}"
        ));
    }
    problems
}

/// Reports an indifference above its threshold, if it was set explicitly.
pub fn indifference(layer: &Layer, config: &Config) -> Vec<String> {
    let usual = (None, Some(config.indifference), &layer.keys);
    let overrides = config.overrides.iter().zip(&layer.overrides);
    let overrides = overrides.map(|(it, table)| (it.threshold, it.indifference, table));
    let all = std::iter::once(usual).chain(overrides);
    all.filter_map(|(threshold, indifference, table)| {
        let threshold = threshold.unwrap_or(config.threshold);
        let indifference = indifference.filter(|it| *it > threshold)?;
        let origin = &table.get("indifference").filter(|it| it.is_set())?.origin;
        let limit = table.get("threshold").or(layer.keys.get("threshold"))?;
        Some(format!(
            "{origin}: `indifference` is {indifference}, above the `threshold` {threshold} ({}); \
             lower it, because changes below the indifference count as noise",
            limit.origin
        ))
    })
    .collect()
}
