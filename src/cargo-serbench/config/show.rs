//! What is in force in, text that says it and where it comes from out.

use serde_json::{Map, json};

use super::{
    InForce,
    layer::{Table, Valued},
};
use crate::config::key::{self, Key, Kind};

/// TOML that could stand in a Cargo.toml as it is, with the origin of each value behind it.
pub fn toml(in_force: &InForce) -> String {
    let layer = &in_force.layer;
    let mut text = "[package.metadata.serbench]\n".to_owned();
    for key in in_table(false) {
        text += &match layer.plain.get(key.name) {
            Some(valued) => line(key.name, valued),
            None => format!("# {} is not set\n", key.name),
        };
    }
    text += "\n[package.metadata.serbench.reference]\n";
    for (suite, valued) in &layer.reference {
        text += &line(&bare_or_quoted(suite), valued);
    }
    for table in &layer.overrides {
        text += "\n[[package.metadata.serbench.override]]\n";
        for (key, valued) in in_order(table) {
            text += &line(key, valued);
        }
    }
    text
}

/// The same for programs: `value` and `origin` of each key.
pub fn json(in_force: &InForce) -> serde_json::Value {
    let layer = &in_force.layer;
    let table = |table: &Table| -> Map<String, serde_json::Value> {
        let entries = table.iter();
        entries
            .map(|(key, Valued { value, origin })| {
                let described = json!({ "value": value, "origin": origin.to_string() });
                (key.clone(), described)
            })
            .collect()
    };
    let mut all = table(&layer.plain);
    all.insert("reference".to_owned(), table(&layer.reference).into());
    let overrides: Vec<_> = layer.overrides.iter().map(table).collect();
    all.insert("override".to_owned(), overrides.into());
    all.into()
}

fn line(key: &str, Valued { value, origin }: &Valued) -> String {
    let setting = format!("{key} = {value}");
    format!("{setting:<31} # {origin}\n")
}

/// The keys that are lines of their own.
fn in_table(in_override: bool) -> impl Iterator<Item = &'static Key> {
    key::keys(in_override).filter(|key| !matches!(key.kind, Kind::Reference | Kind::Overrides))
}

fn in_order(table: &Table) -> impl Iterator<Item = (&'static str, &Valued)> {
    in_table(true).filter_map(|key| Some((key.name, table.get(key.name)?)))
}

fn bare_or_quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(bare) {
        name.to_owned()
    } else {
        toml::Value::from(name).to_string()
    }
}
