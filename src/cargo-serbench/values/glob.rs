//! Globs over benchmark ids: `*` matches within a segment, `**` across segments, `?` a byte.

use fast_glob::{glob_match, validate};
use serde::{Deserialize, Serialize};

/// One or more globs; an id matches if one of them does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Written>", into = "Vec<String>")]
pub struct Globs {
    written: Vec<String>,
    /// The same, with segments as folders.
    paths: Vec<String>,
}

/// A single glob, checked by itself so that an error has its line.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Written(String);

impl TryFrom<String> for Written {
    type Error = String;

    fn try_from(glob: String) -> Result<Self, String> {
        parse(&glob)?;
        Ok(Self(glob))
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl TryFrom<Vec<Written>> for Globs {
    type Error = String;

    fn try_from(written: Vec<Written>) -> Result<Self, String> {
        let written = written.into_iter().map(|Written(glob)| glob).collect();
        Self::new(written)
    }
}

impl From<Globs> for Vec<String> {
    fn from(globs: Globs) -> Self {
        globs.written
    }
}

impl Globs {
    pub fn new(written: Vec<String>) -> Result<Self, String> {
        if written.is_empty() {
            return Err(r#"expected globs over ids, such as ["json::*::f64::**"]"#.to_owned());
        }
        let paths: Result<_, _> = written.iter().map(|glob| parse(glob)).collect();
        let paths = paths?;
        Ok(Self { written, paths })
    }

    pub fn is_match(&self, id: &str) -> bool {
        let matches = |id: &str| {
            let id = as_path(id);
            self.paths.iter().any(|glob| glob_match(glob, &id))
        };
        matches(id) || without_package(id).is_some_and(matches)
    }

    /// The globs as written in Cargo.toml.
    pub fn written(&self) -> &[String] {
        &self.written
    }
}

/// The id without its package, so that globs still match if another package gets the same suite.
fn without_package(id: &str) -> Option<&str> {
    let (front, _) = id.split_once("::")?;
    front
        .split_once('/')
        .map(|(package, _)| &id[package.len() + 1..])
}

/// The glob with segments as folders.
fn parse(glob: &str) -> Result<String, String> {
    if glob.trim().is_empty() {
        return Err("an empty glob matches nothing; use `**` for every benchmark".to_owned());
    }
    if glob.starts_with('!') {
        return Err("invalid glob: it can't start with `!`; list what should match".to_owned());
    }
    validate(glob).map_err(|error| format!("invalid glob: {error}"))?;
    Ok(as_path(glob))
}

/// Converts segments of an id to folders, the only hierarchy that globs support. A slash in the id,
/// for example in an argument, becomes a control character.
fn as_path(id: &str) -> String {
    id.replace('/', "\u{1}").replace("::", "/")
}

#[cfg(test)]
mod tests {
    use super::Globs;

    #[test]
    fn stars_and_segments() {
        let check = |glob: &str, id: &str, expected: bool| {
            let globs = Globs::new(vec!["nothing".to_owned(), glob.to_owned()]).unwrap();
            assert_eq!(globs.is_match(id), expected, "{glob} {id}");
        };
        let id = "json::serde_json::f64::100x100";
        check(id, id, true);
        check("json::*::f64::100x100", id, true);
        check("json::*::f64::*", id, true);
        check("json::serde_*::f?4::*", id, true);
        check("json::{serde_json,sonic_rs}::**", id, true);
        check("**", id, true);
        check("json::**", id, true);
        check("**::f64::**", id, true);
        check("**::100x100", id, true);
        check("*::serde_json::**", id, true);
        check("*", id, false);
        check("json::*", id, false);
        check("json::*::100x100", id, false);
        check("json::**::f32::*", id, false);
        check("json", id, false);
        check("js**", id, false);
        check(
            "json::{serde_json,{sonic,simd}_rs}::f[3-6][24]::**",
            id,
            true,
        );
        check("json::serde_json::f[!6]4::**", id, false);
        check("b::*s", "b::µs", true);
        check(r"b::a\[1]", "b::a[1]", true);
        check("b::a[[]1]", "b::a[1]", true);
        check("b::read::*", "b::read::a/b", true);
        check("b::read::a/b", "b::read::a/b", true);
        check("*", "alone", true);
        check("same::f", "one/same::f", true);
        check("one/same::f", "one/same::f", true);
        check("one/same::f", "two/same::f", false);
    }

    #[test]
    fn wrong_globs() {
        let check = |glob: &str| Globs::new(vec![glob.to_owned()]).unwrap_err();
        insta::assert_snapshot!(check(""), @"an empty glob matches nothing; use `**` for every benchmark");
        insta::assert_snapshot!(check("!json::**"), @"invalid glob: it can't start with `!`; list what should match");
        insta::assert_snapshot!(check("json::[a"), @r"invalid glob: unclosed character class at byte 6; missing ']' (to match a literal '[', escape it as '\[' or '[[]')");
        insta::assert_snapshot!(check("json::{a"), @r"invalid glob: unclosed brace expansion at byte 6; missing '}' (to match a literal '{', escape it as '\{' or '[{]')");
    }
}
