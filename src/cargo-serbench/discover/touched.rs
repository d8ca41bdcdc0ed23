//! Finds the functions that a change touches, by its diff.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Result;
use git2::{Delta, DiffDelta, DiffOptions, Oid};

use super::git::Repo;

/// A function with changed lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    pub name: String,
    /// Relative to the root of the repository.
    pub file: String,
    /// The first changed line, counted from 1.
    pub line: usize,
}

impl Repo {
    /// The functions of Rust sources that the commit `other`, or the work tree if `None`, changes or adds
    /// since the commit `one`, in the order of the diff. Lines outside of functions are left out.
    pub fn touched(&self, one: &str, other: Option<&str>) -> Result<Vec<Touched>> {
        let tree = |sha: &str| {
            let commit = self.repository.find_commit(Oid::from_str(sha)?)?;
            commit.tree()
        };
        let old = tree(one)?;
        let mut options = DiffOptions::new();
        options.context_lines(0).pathspec("*.rs");
        let difference = match other {
            Some(other) => {
                let new = tree(other)?;
                self.repository
                    .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))?
            }
            None => self
                .repository
                .diff_tree_to_workdir_with_index(Some(&old), Some(&mut options))?,
        };
        let mut hunks: Vec<(String, usize, usize)> = Vec::new();
        let mut hunk = |delta: DiffDelta<'_>, start: u32, lines: u32| {
            let path = delta.new_file().path().and_then(Path::to_str);
            if let Some(path) = path.filter(|_| delta.status() != Delta::Deleted) {
                hunks.push((path.to_owned(), start as usize, lines as usize));
            }
        };
        difference.foreach(
            &mut |_, _| true,
            None,
            Some(&mut |delta, it| {
                hunk(delta, it.new_start(), it.new_lines());
                true
            }),
            None,
        )?;
        let text = |file: &str| match other {
            Some(other) => {
                let entry = tree(other).ok()?.get_path(Path::new(file)).ok()?;
                let blob = self.repository.find_blob(entry.id()).ok()?;
                Some(String::from_utf8_lossy(blob.content()).into_owned())
            }
            None => fs::read_to_string(self.top().join(file)).ok(),
        };
        Ok(functions(hunks, text))
    }
}

/// The functions around these hunks: file, first line and number of lines.
fn functions(
    hunks: Vec<(String, usize, usize)>,
    text: impl Fn(&str) -> Option<String>,
) -> Vec<Touched> {
    let mut seen = BTreeSet::new();
    let mut touched = Vec::new();
    let mut read: Option<(String, String)> = None;
    for (file, start, lines) in hunks {
        if read.as_ref().is_none_or(|(name, _)| *name != file) {
            read = text(&file).map(|text| (file.clone(), text));
        }
        let Some((_, text)) = &read else { continue };
        if let Some(name) = function(text, start.max(1), lines)
            && seen.insert((file.clone(), name.clone()))
        {
            let line = start.max(1);
            touched.push(Touched { name, file, line });
        }
    }
    touched
}

/// The innermost function around line `start`; if there is none, the first that the hunk defines.
fn function(text: &str, start: usize, lines: usize) -> Option<String> {
    let all: Vec<&str> = text.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let changed = all.get(start - 1)?;
    let mut outer = match changed.trim().is_empty() {
        true => usize::MAX,
        false => depth(changed) + 1,
    };
    for line in all[..start].iter().rev() {
        if line.trim().is_empty() || depth(line) >= outer {
            continue;
        }
        if let Some(name) = defined(line) {
            return Some(name);
        }
        // A line that ends a block or an item outside is not around this one.
        if depth(line) == 0 && line.starts_with('}') {
            break;
        }
        // The end of a signature of several lines is as deep as its beginning.
        let is_signature = [")", "{", "where"]
            .iter()
            .any(|it| line.trim().starts_with(it));
        outer = (depth(line) + usize::from(is_signature)).max(1);
    }
    all[start - 1..]
        .iter()
        .take(lines)
        .find_map(|it| defined(it))
}

/// The function that a line defines.
fn defined(line: &str) -> Option<String> {
    let code = line.split("//").next().unwrap_or_default();
    let (before, after) = code.split_once("fn ")?;
    let is_item = before.is_empty() || before.ends_with(' ');
    let name: String = after
        .chars()
        .take_while(|it| it.is_alphanumeric() || *it == '_')
        .collect();
    (is_item && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{Touched, functions};

    const SOURCE: &str = "\
use std::fmt;

impl Parser {
    pub fn next(
        &mut self,
    ) -> u8 {
        if self.done {

            0
        } else {
            1
        }
    }

    const fn last(&self) -> u8 { 7 }
}

static TABLE: u8 = 1;

fn added() {
    // fn nothing
}
";

    #[test]
    fn changed_lines_have_functions() {
        let check = |start, lines, expected: Option<&str>| {
            let hunk = ("src/a.rs".to_owned(), start, lines);
            let found = functions(vec![hunk.clone(), hunk], |_| Some(SOURCE.to_owned()));
            let expected: Vec<Touched> = expected
                .map(|name| Touched {
                    name: name.to_owned(),
                    file: "src/a.rs".to_owned(),
                    line: start,
                })
                .into_iter()
                .collect();
            assert_eq!(found, expected, "{start}");
        };
        check(9, 1, Some("next"));
        check(8, 0, Some("next"));
        check(4, 1, Some("next"));
        check(15, 1, Some("last"));
        check(1, 1, None);
        check(18, 1, None);
        check(20, 3, Some("added"));
        check(19, 4, Some("added"));
        check(21, 1, Some("added"));
    }
}
