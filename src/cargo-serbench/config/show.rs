//! Prints the configuration in force, with the origin of each value.

use serde_json::{Map, json};

use super::{
    InForce,
    keys::{Config, Override, fields},
    read::{Table, Valued},
};

impl InForce {
    /// TOML that could stand in a Cargo.toml as it is.
    pub fn to_toml(&self) -> String {
        let layer = &self.layer;
        let mut text = "[package.metadata.serbench]\n".to_owned();
        let plain = fields::<Config>().iter();
        for key in plain.filter(|key| !["reference", "override"].contains(key)) {
            text += &match layer.plain.get(*key) {
                Some(valued) => line(key, valued),
                None => format!("# {key} is not set\n"),
            };
        }
        text += "\n[package.metadata.serbench.reference]\n";
        for (suite, valued) in &layer.reference {
            text += &line(&bare_or_quoted(suite), valued);
        }
        for table in &layer.overrides {
            text += "\n[[package.metadata.serbench.override]]\n";
            for key in fields::<Override>() {
                text += &table.get(*key).map_or_else(String::new, |it| line(key, it));
            }
        }
        text
    }

    /// The same for programs: `value` and `origin` of each key.
    pub fn to_json(&self) -> serde_json::Value {
        let layer = &self.layer;
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
}

fn line(key: &str, Valued { value, origin }: &Valued) -> String {
    let setting = format!("{key} = {value}");
    format!("{setting:<31} # {origin}\n")
}

fn bare_or_quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(bare) {
        name.to_owned()
    } else {
        toml::Value::from(name).to_string()
    }
}
