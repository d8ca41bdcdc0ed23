//! Guesses the new name of a removed benchmark.

use crate::select::BenchId;

/// Names less similar than this are unrelated.
const LIKE: f64 = 0.6;

/// The benchmark of `added` most similar to `removed`, if any: the same suite or the same case,
/// and a similar name.
pub(super) fn looks_like<'a>(
    removed: &BenchId,
    added: impl Iterator<Item = &'a BenchId>,
) -> Option<&'a BenchId> {
    added
        .filter(|id| id.suite() == removed.suite() || id.case() == removed.case())
        .map(|id| (strsim::normalized_levenshtein(id, removed), id))
        .filter(|(similarity, _)| *similarity >= LIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::looks_like;
    use crate::select::BenchId;

    #[test]
    fn renames_are_guessed() {
        let added = ["json::quick::f64::4", "json::fast::u8::4", "b::other"].map(BenchId::from);
        for (removed, now) in [
            ("json::quicker::f64::4", Some("json::quick::f64::4")),
            ("json::faster::u8::4", Some("json::fast::u8::4")),
            ("npz::load", None),
            ("b::x", None),
        ] {
            let found = looks_like(&removed.into(), added.iter());
            assert_eq!(found.map(BenchId::as_str), now, "{removed}");
        }
    }
}
