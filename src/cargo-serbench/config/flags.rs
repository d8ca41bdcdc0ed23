//! Keys given as flags: the uppermost layer.

use toml::Value;

use super::layer::{EVERY_SUITE, Layer, Origin, Table, Valued};

/// What was typed; the command line has checked it.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub keys: Vec<Flag>,
    /// Reference encoders: `json=orjson` is for one suite, `orjson` for every suite.
    pub reference: Vec<String>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Flag {
    pub key: &'static str,
    /// What was typed to set it, without dashes.
    pub flag: &'static str,
    pub value: Value,
}

/// The layer of `flags`.
pub fn layer(flags: &Flags) -> Layer {
    let plain = flags
        .keys
        .iter()
        .map(|Flag { key, flag, value }| ((*key).to_owned(), typed(flag, value.clone())))
        .collect();
    Layer {
        plain,
        reference: references(&flags.reference),
        overrides: Vec::new(),
    }
}

fn typed(flag: &'static str, value: Value) -> Valued {
    let origin = Origin::Flag(flag);
    Valued { value, origin }
}

fn references(texts: &[String]) -> Table {
    let split = |text: &String| {
        let (suite, encoder) = text.split_once('=').unwrap_or((EVERY_SUITE, text));
        let encoder = typed("reference", Value::from(encoder));
        (suite.to_owned(), encoder)
    };
    texts.iter().map(split).collect()
}
