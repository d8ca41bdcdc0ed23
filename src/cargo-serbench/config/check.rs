//! What no value says by itself: suites that there are, numbers that fit each other.

use toml::Value;

use super::layer::{EVERY_SUITE, Layer, Origin, Table, Valued};
use crate::config::key;

/// Writes suites as ids have them: divan prints the name of the crate, not of the bench target.
pub fn name_suites(layer: &mut Layer) {
    let rename = |value: &mut Value| {
        if let Value::String(name) = value {
            *name = name.replace('-', "_");
        }
    };
    for name in ["suites", "memory-suite"] {
        match layer.plain.get_mut(name).map(|valued| &mut valued.value) {
            Some(Value::Array(names)) => names.iter_mut().for_each(rename),
            Some(value) => rename(value),
            None => {}
        }
    }
    layer.reference = std::mem::take(&mut layer.reference)
        .into_iter()
        .map(|(suite, valued)| (suite.replace('-', "_"), valued))
        .collect();
}

/// Tells of suites that a Cargo.toml names and that there are not. Flags may name what only another
/// commit has.
pub fn suites(layer: &Layer, there: &[String], problems: &mut Vec<String>) {
    let mut check = |key: &str, name: &str, origin: &Origin| {
        let written = matches!(origin, Origin::Line { .. });
        if !written || name == EVERY_SUITE || there.iter().any(|suite| suite == name) {
            return;
        }
        let hint = match key::nearest(name, there.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if there.is_empty() => "this workspace has no [[bench]]".to_owned(),
            None => format!("there are {}", there.join(", ")),
        };
        problems.push(format!(
            "{origin}: `{key}` names the suite `{name}`, and no bench is called so; {hint}"
        ));
    };
    for name in ["suites", "memory-suite"] {
        let Some(Valued { value, origin }) = layer.plain.get(name) else {
            continue;
        };
        match value {
            Value::Array(names) => names
                .iter()
                .filter_map(Value::as_str)
                .for_each(|suite| check(name, suite, origin)),
            _ => check(name, value.as_str().unwrap_or_default(), origin),
        }
    }
    for (suite, Valued { origin, .. }) in &layer.reference {
        check("reference", suite, origin);
    }
}

/// The indifference must not be above the threshold. As long as nobody has set it, it follows a
/// lower threshold by itself.
pub fn indifference(layer: &mut Layer, problems: &mut Vec<String>) {
    let [
        Some((threshold, threshold_origin)),
        Some((mut indifference, mut origin)),
    ] = ["threshold", "indifference"].map(|name| number(&layer.plain, name))
    else {
        return;
    };
    if indifference > threshold {
        if origin == Origin::Default {
            (indifference, origin) = (threshold, Origin::Lowered);
            let lowered = Valued {
                value: Value::Float(indifference),
                origin: origin.clone(),
            };
            layer.plain.insert("indifference".to_owned(), lowered);
        } else {
            problems.push(format!(
                "{origin}: `indifference` is {indifference}, above the `threshold` {threshold} ({threshold_origin}); \
                 lower it, or what fails would not be worth telling"
            ));
            return;
        }
    }
    let follows = matches!(origin, Origin::Default | Origin::Lowered);
    for table in &layer.overrides {
        let (own_threshold, own_indifference) =
            (number(table, "threshold"), number(table, "indifference"));
        match (own_threshold, own_indifference) {
            (threshold_here, Some((here, at))) => {
                let (limit, limit_origin) =
                    threshold_here.unwrap_or((threshold, threshold_origin.clone()));
                if here > limit {
                    problems.push(format!(
                        "{at}: `indifference` is {here}, above the `threshold` {limit} ({limit_origin}); \
                         lower it, or what fails would not be worth telling"
                    ));
                }
            }
            (Some((limit, at)), None) if indifference > limit && !follows => {
                problems.push(format!(
                    "{at}: `threshold` is {limit}, below the `indifference` {indifference} ({origin}); \
                     give this override an `indifference`, too"
                ));
            }
            (Some(_) | None, None) => {}
        }
    }
}

fn number(table: &Table, name: &str) -> Option<(f64, Origin)> {
    let Valued { value, origin } = table.get(name)?;
    Some((value.as_float()?, origin.clone()))
}
