//! Divides benchmarks between several CI jobs.

use std::{collections::BTreeSet, fmt, str::FromStr};

use sha2::{Digest, Sha256};

use super::BenchId;

/// One of several equal parts of the work: `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 1.
    number: u64,
    of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if 1 <= number && number <= of => Ok(Self { number, of }),
            Some(_) | None => Err(format!(
                "invalid shard `{text}`; write the second of four as `2/4`"
            )),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Whether `id` belongs to the shard: the first eight bytes of its SHA-256 (big-endian)
/// modulo the number of shards give the shard's number minus one. This only depends on
/// the id, so adding or removing benchmarks moves no others.
pub fn in_shard(id: &str, shard: Shard) -> bool {
    let hash = Sha256::digest(id);
    let first = hash[..8]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    first % shard.of == shard.number - 1
}

/// The ids of `chosen` in the shard, and the references they need. `reference` returns that of
/// an id.
pub fn keep<'a>(
    chosen: &'a BTreeSet<BenchId>,
    shard: Shard,
    reference: impl Fn(&str) -> Option<&'a str>,
) -> BTreeSet<BenchId> {
    let mut kept: BTreeSet<BenchId> = chosen
        .iter()
        .filter(|id| in_shard(id, shard))
        .cloned()
        .collect();
    let needed: Vec<BenchId> = kept
        .iter()
        .filter_map(|id| reference(id))
        .filter(|reference| chosen.contains(*reference))
        .map(BenchId::from)
        .collect();
    kept.extend(needed);
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{BenchId, Shard, in_shard, keep};

    fn ids() -> BTreeSet<BenchId> {
        let encoders = ["orjson", "serde_json", "sonic_rs", "simd_json"];
        let dtypes = ["f32", "f64", "i32", "i64", "u8"];
        encoders
            .iter()
            .flat_map(|encoder| {
                dtypes.map(|dtype| BenchId::new(format!("json::{encoder}::{dtype}::100x100")))
            })
            .collect()
    }

    #[test]
    fn every_id_is_in_one_shard() {
        for of in 1..=7 {
            for id in &ids() {
                let holding = (1..=of).filter(|number| {
                    in_shard(
                        id,
                        Shard {
                            number: *number,
                            of,
                        },
                    )
                });
                assert_eq!(holding.count(), 1, "{id} of {of}");
            }
        }
    }

    #[test]
    fn ids_never_change_shards() {
        // Fixed by the hash, independent of other ids; a change would split running matrices.
        let second: Shard = "2/2".parse().unwrap();
        let there: Vec<BenchId> = ids()
            .into_iter()
            .filter(|id| in_shard(id, second) && id.contains("f64"))
            .collect();
        let expected = ["serde_json", "simd_json", "sonic_rs"];
        assert_eq!(
            there,
            expected.map(|encoder| BenchId::new(format!("json::{encoder}::f64::100x100")))
        );
    }

    #[test]
    fn references_are_selected_too() {
        let ids = ids();
        let names: Vec<(BenchId, String)> = ids
            .iter()
            .filter(|id| !id.contains("orjson"))
            .map(|id| {
                (
                    id.clone(),
                    format!("json::orjson::{}", id.splitn(3, "::").nth(2).unwrap()),
                )
            })
            .collect();
        let reference = |id: &str| {
            names
                .iter()
                .find(|(own, _)| own == id)
                .map(|(_, reference)| reference.as_str())
        };
        let mut all = BTreeSet::new();
        for number in 1..=4 {
            let kept = keep(&ids, Shard { number, of: 4 }, reference);
            for id in &kept {
                assert!(reference(id).is_none_or(|it| kept.contains(it)), "{id}");
            }
            all.extend(kept);
        }
        assert_eq!(all, ids);
    }

    #[test]
    fn nonsense_is_rejected() {
        for text in ["", "2", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/4".parse::<Shard>().unwrap().to_string(), "2/4");
    }
}
