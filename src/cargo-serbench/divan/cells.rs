//! Splits a line of divan's table into cells and classifies it.

use super::{ParseError, shortened};

/// Between two columns; also drawn for a parent in the tree.
pub(super) const SEPARATOR: char = '│';
/// Before a name that is not the last of its level.
pub(super) const BRANCH: &str = "├─ ";
/// Before the last name of its level.
pub(super) const LAST_BRANCH: &str = "╰─ ";
/// Before the children of a last name.
pub(super) const INDENT: &str = "   ";

/// The last six parts of the line; the first one starts at the start of the line.
pub(super) fn cells(line: &str) -> Option<[&str; 6]> {
    let mut parts = line.rsplitn(6, " │ ");
    let mut cells = [""; 6];
    for cell in cells.iter_mut().rev() {
        *cell = parts.next()?;
    }
    Some(cells)
}

/// The cells of a line that looks like a benchmark's row.
pub(super) fn data_cells(line: &str) -> Option<[&str; 6]> {
    let is_count = |cell: &str| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    cells(line)
        .filter(|[.., samples, iterations]| is_count(samples.trim_end()) && is_count(iterations))
}

/// The cells of a line below a benchmark's row; divan fills at most the first four.
pub(super) fn extra_cells(line: &str) -> Option<[&str; 5]> {
    let mut parts = line.strip_suffix(" │")?.rsplitn(5, " │ ");
    let mut cells = [""; 5];
    for cell in cells.iter_mut().rev() {
        *cell = parts.next()?;
    }
    Some(cells).filter(|[.., samples]| is_blank(samples))
}

/// Whether only empty cells are left.
pub(super) fn is_blank(tail: &str) -> bool {
    tail.chars().all(|c| c == ' ' || c == SEPARATOR)
}

/// Whether a line is part of the drawn tree.
pub(super) fn is_tree(line: &str) -> bool {
    let name = line.trim_start_matches([' ', SEPARATOR]);
    name.starts_with(BRANCH) || name.starts_with(LAST_BRANCH)
}

/// Divan measures columns in characters, not in terminal columns.
pub(super) fn count(text: &str) -> usize {
    text.chars().count()
}

/// The last `number` characters of a text; `None` if it is shorter.
pub(super) fn last_chars(text: &str, number: usize) -> Option<&str> {
    let (start, _) = text.char_indices().rev().nth(number.checked_sub(1)?)?;
    Some(&text[start..])
}

/// A line being read.
pub(super) struct Position<'a> {
    pub(super) line: usize,
    pub(super) text: &'a str,
}

impl Position<'_> {
    /// The error for `found`, a part of the line.
    pub(super) fn malformed(&self, found: &str, expected: &'static str) -> ParseError {
        let start = (found.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        ParseError::Malformed {
            line: self.line + 1,
            column: self.text.get(..start).map_or(0, count) + 1,
            expected,
            found: shortened(found.trim()),
        }
    }
}
