//! The id of a benchmark, as divan lists it, and its parts.

use std::{
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::escape::visible;

/// `suite::encoder::case`, where the case is data type, shape and anything else. If several packages
/// have the suite, the package comes first: `package/suite::encoder::case`. Sorted
/// as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BenchId {
    text: String,
    /// Start and end of the suite, start and end of the encoder, and start of the case.
    suite: (usize, usize),
    encoder: (usize, usize),
    case: usize,
}

impl BenchId {
    /// Parses an id. A benchmark may have only a suite, or not even that.
    pub fn new(text: impl Into<String>) -> Self {
        const SEPARATOR: &str = "::";
        let text = text.into();
        let (suite_end, start) = match text.find(SEPARATOR) {
            Some(end) => (end, end + SEPARATOR.len()),
            None => (0, 0),
        };
        let (end, case) = match text[start..].find(SEPARATOR) {
            Some(length) => (start + length, start + length + SEPARATOR.len()),
            None => (text.len(), text.len()),
        };
        // Names of packages and crates contain no slash.
        let suite_start = text[..suite_end].find('/').map_or(0, |slash| slash + 1);
        Self {
            text,
            suite: (suite_start, suite_end),
            encoder: (start, end),
            case,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Empty if the id has one segment.
    pub fn suite(&self) -> &str {
        &self.text[self.suite.0..self.suite.1]
    }

    /// The suite, preceded by its package if the id has it.
    pub fn qualified_suite(&self) -> &str {
        &self.text[..self.suite.1]
    }

    pub fn encoder(&self) -> &str {
        &self.text[self.encoder.0..self.encoder.1]
    }

    /// Data type and shape; empty if the id has two segments.
    pub fn case(&self) -> &str {
        &self.text[self.case..]
    }

    /// The benchmark with the same case that this one is divided by, if the reference encoder is
    /// `reference`; `None` for the reference itself.
    pub fn reference(&self, reference: &str) -> Option<Self> {
        let (before, after) = (&self.text[..self.encoder.0], &self.text[self.encoder.1..]);
        (self.encoder() != reference).then(|| Self::new(format!("{before}{reference}{after}")))
    }
}

/// Ids are looked up by text, so they hash like text.
impl Hash for BenchId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Borrow<str> for BenchId {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl Deref for BenchId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for BenchId {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for BenchId {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl From<&str> for BenchId {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for BenchId {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&BenchId> for String {
    fn from(id: &BenchId) -> Self {
        id.text.clone()
    }
}

/// For messages: control characters are escaped. [`BenchId::as_str`] is what is stored.
impl fmt::Display for BenchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&visible(&self.text))
    }
}

impl fmt::Debug for BenchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for BenchId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for BenchId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::BenchId;

    #[test]
    fn ids_have_parts() {
        for (text, suite, encoder, case) in [
            (
                "json::serde_json::f64::100x100",
                "json",
                "serde_json",
                "f64::100x100",
            ),
            ("b::x", "b", "x", ""),
            ("alone", "", "alone", ""),
            ("", "", "", ""),
            ("::", "", "", ""),
            ("a::::c", "a", "", "c"),
            ("my-package/json::sonic::a/b", "json", "sonic", "a/b"),
        ] {
            let id = BenchId::new(text);
            assert_eq!(
                (id.suite(), id.encoder(), id.case()),
                (suite, encoder, case)
            );
        }
    }

    #[test]
    fn references_are_of_the_same_case() {
        let reference = |id: &str, name| BenchId::new(id).reference(name);
        let id = "json::serde_json::f64::100x100";
        assert_eq!(
            reference(id, "orjson"),
            Some("json::orjson::f64::100x100".into())
        );
        assert_eq!(reference("b::x", "y"), Some("b::y".into()));
        assert_eq!(reference("p/b::x::1", "y"), Some("p/b::y::1".into()));
        assert_eq!(reference("b::y::1", "y"), None);
    }
}
