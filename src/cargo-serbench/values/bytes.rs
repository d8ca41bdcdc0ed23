//! Sizes as written in Cargo.toml and on the command line: `4 GiB`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use toml::Value;

use super::quantities::InvalidUnit;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Bytes(pub u64);

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl FromStr for Bytes {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let expected = || InvalidUnit::new("expected a size, such as 4GiB or 500MiB, or 0");
        if text.trim() == "0" {
            return Ok(Self(0));
        }
        let (number, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| Some((text.trim().strip_suffix(unit)?, *shift)))
            .ok_or_else(expected)?;
        let number: f64 = number.trim().parse().map_err(|_| expected())?;
        let bytes = number * (1_u64 << shift) as f64;
        let possible = (0.0..=(1_u64 << 60) as f64).contains(&bytes);
        possible.then_some(Self(bytes as u64)).ok_or_else(expected)
    }
}

/// In the largest unit that gives at least one, with one decimal if needed.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, shift): &&(&str, u32)| self.0 >> shift > 0;
        let (unit, shift) = UNITS.iter().find(fits).unwrap_or(&UNITS[4]);
        let value = self.0 as f64 / (1_u64 << shift) as f64;
        let rounded = (value * 10.0).round() / 10.0;
        write!(f, "{rounded} {unit}")
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

impl TryFrom<Value> for Bytes {
    type Error = InvalidUnit;

    fn try_from(value: Value) -> Result<Self, InvalidUnit> {
        match value {
            Value::String(text) => text.parse(),
            // Only 0 needs no unit.
            other => other.to_string().parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn sizes() {
        for (text, bytes, shown) in [
            ("4GiB", 4 << 30, "4 GiB"),
            ("1.5 GiB", 3 << 29, "1.5 GiB"),
            ("500 MiB", 500 << 20, "500 MiB"),
            ("100 B", 100, "100 B"),
            ("0", 0, "0 B"),
        ] {
            let size: Bytes = text.parse().unwrap();
            assert_eq!(size, Bytes(bytes), "{text}");
            assert_eq!(size.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(size), "{text}");
        }
        for text in ["", "4", "GiB", "-1GiB", "4 GB", "nanGiB", "1e30TiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Bytes>("0").ok(), Some(Bytes(0)));
        assert!(serde_json::from_str::<Bytes>("4").is_err());
    }
}
