//! Prints the effective configuration, with the origin of each value.

use serde_json::{Map, Value, json};

use super::{
    Effective,
    keys::{KEYS, Key, Override, fields},
    read::Table,
};

impl Effective {
    /// TOML that is valid in a Cargo.toml.
    pub fn to_toml(&self) -> String {
        let all = self.to_json();
        let mut text = "[package.metadata.serbench]\n".to_owned();
        for Key { name, .. } in KEYS {
            text += &line(name, &all).unwrap_or_else(|| format!("# {name} is not set\n"));
        }
        text += "\n[package.metadata.serbench.reference]\n";
        let references = &all["reference"];
        let suites = references.as_object().into_iter().flat_map(Map::keys);
        text.extend(suites.filter_map(|suite| line(suite, references)));
        for table in all["override"].as_array().into_iter().flatten() {
            text += "\n[[package.metadata.serbench.override]]\n";
            let keys = fields::<Override>();
            text.extend(keys.iter().filter_map(|key| line(key, table)));
        }
        text
    }

    /// The same as JSON: `value` and `origin` of each key.
    pub fn to_json(&self) -> Value {
        let Self { config, layer } = self;
        let mut all = json!(config);
        let reference = with_origins(all["reference"].take(), &layer.references);
        let overrides = config.overrides.iter().zip(&layer.overrides);
        let overrides = overrides.map(|(it, table)| with_origins(json!(it), table));
        let overrides = overrides.collect();
        all = with_origins(all, &layer.keys);
        all["reference"] = reference;
        all["override"] = overrides;
        all
    }
}

fn with_origins(values: Value, origins: &Table) -> Value {
    let values = values.as_object().cloned().unwrap_or_default().into_iter();
    let values = values.filter_map(|(key, value)| {
        let origin = &origins.get(&key)?.origin;
        Some((key, json!({ "value": value, "origin": origin.to_string() })))
    });
    values.collect()
}

fn line(key: &str, table: &Value) -> Option<String> {
    let described = table.get(key)?;
    let value = toml::Value::try_from(&described["value"]).ok()?;
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let key = match key.chars().all(bare) {
        true => key.to_owned(),
        false => toml::Value::from(key).to_string(),
    };
    let origin = described["origin"].as_str()?;
    let setting = format!("{key} = {value}");
    Some(format!("{setting:<31} # {origin}\n"))
}
