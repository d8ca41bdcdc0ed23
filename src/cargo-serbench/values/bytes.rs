//! Sizes as written in Cargo.toml and on the command line: `4 GiB`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::quantities::InvalidUnit;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl de::Visitor<'_> for Written {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("expected a size, such as \"4GiB\", or 0")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Bytes, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Bytes, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Written)
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
