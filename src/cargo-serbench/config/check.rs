//! Checks what no value shows by itself: whether suites exist, whether numbers fit each other.

use super::{
    keys::EVERY_SUITE,
    read::{Layer, Origin, Table, Valued, nearest},
    units::Percent,
};

/// Reports suites that a Cargo.toml names and that don't exist. Flags may name what only another
/// commit has.
pub fn suites(layer: &Layer, there: &[String], problems: &mut Vec<String>) {
    let mut check = |key: &str, name: &str, origin: &Origin| {
        let written = matches!(origin, Origin::Line { .. });
        if !written || name == EVERY_SUITE || there.iter().any(|suite| suite == name) {
            return;
        }
        let hint = match nearest(name, there.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if there.is_empty() => "this workspace has no [[bench]]".to_owned(),
            None => format!("there are {}", there.join(", ")),
        };
        problems.push(format!(
            "{origin}: `{key}` names the suite `{name}`, but no bench has that name; {hint}"
        ));
    };
    for key in ["suites", "memory-suite"] {
        if let Some(Valued { value, origin }) = layer.plain.get(key) {
            let names = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            names
                .iter()
                .filter_map(|name| name.as_str())
                .for_each(|name| check(key, name, origin));
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
    ] = ["threshold", "indifference"].map(|name| percent(&layer.plain, name))
    else {
        return;
    };
    let too_high = |here: Percent, at: &Origin, limit: Percent, limit_origin: &Origin| {
        format!(
            "{at}: `indifference` is {here}, above the `threshold` {limit} ({limit_origin}); \
             lower it, because changes below the indifference count as noise"
        )
    };
    if indifference > threshold {
        if origin != Origin::Default {
            problems.push(too_high(
                indifference,
                &origin,
                threshold,
                &threshold_origin,
            ));
            return;
        }
        (indifference, origin) = (threshold, Origin::Lowered);
        let lowered = Valued {
            value: indifference.to_string().into(),
            origin: origin.clone(),
        };
        layer.plain.insert("indifference".to_owned(), lowered);
    }
    let follows = matches!(origin, Origin::Default | Origin::Lowered);
    for table in &layer.overrides {
        match (percent(table, "threshold"), percent(table, "indifference")) {
            (own, Some((here, at))) => {
                let (limit, limit_origin) = own.unwrap_or((threshold, threshold_origin.clone()));
                if here > limit {
                    problems.push(too_high(here, &at, limit, &limit_origin));
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

fn percent(table: &Table, name: &str) -> Option<(Percent, Origin)> {
    let Valued { value, origin } = table.get(name)?;
    Some((value.as_str()?.parse().ok()?, origin.clone()))
}
