//! Finds divan's header, labels and rows in the output of one benchmark's process.

use super::{
    ParseError,
    cells::{BRANCH, INDENT, LAST_BRANCH, SEPARATOR, cells, count, extra_cells, is_blank, is_tree},
};

/// The line above the table.
pub(super) struct Header {
    pub(super) line: usize,
    /// Column of the first cells, in characters.
    pub(super) cells_at: usize,
    /// Width of the first cells, in characters.
    pub(super) width: usize,
}

impl Header {
    pub(super) fn find(lines: &[&str], id: &str) -> Result<Self, ParseError> {
        let id = id.to_owned();
        let mut headers = lines.iter().enumerate().filter_map(|(line, text)| {
            let [first, rest @ ..] = cells(text)?;
            let is_header = rest.map(str::trim_end)
                == ["slowest", "median", "mean", "samples", "iters"]
                && text.ends_with("iters")
                && first.trim_end().ends_with("fastest");
            is_header.then_some((line, first))
        });
        let Some((line, first)) = headers.next() else {
            return Err(if lines.iter().all(|line| line.trim().is_empty()) {
                ParseError::Nothing { id }
            } else if lines.iter().any(|line| is_tree(line)) {
                ParseError::TestMode { id }
            } else {
                ParseError::NoTable { id }
            });
        };
        if headers.next().is_some() {
            return Err(ParseError::SeveralTables { id });
        }
        let (before, fastest) = first.split_at(first.rfind("fastest").unwrap_or(0));
        let name = before.trim_end();
        let root = id.split("::").next().unwrap_or_default();
        if !name.ends_with(root) {
            return Err(ParseError::NoRow { id });
        }
        Ok(Self {
            line,
            cells_at: count(root) + count(before) - count(name),
            width: count(fastest),
        })
    }
}

/// A leaf of the tree: the name that divan prints before it runs the benchmark.
pub(super) struct Label {
    pub(super) line: usize,
    pub(super) threads: Option<u32>,
    /// Whether it is drawn as the last child.
    last: bool,
    ignored: bool,
    /// Column of the first cells below, in characters.
    pub(super) cells_at: usize,
}

/// Follows the id's components down the tree, to its leaf or to its leaves `t=N`.
///
/// Only one benchmark runs, so each of its parents is drawn as a last child. Lines that
/// don't continue the path were printed by the program itself.
pub(super) fn labels(lines: &[&str], header: &Header, id: &str) -> Vec<Label> {
    let mut path = id.split_once("::").map_or("", |(_, path)| path);
    let mut indent = String::new();
    let mut cells_at = header.cells_at;
    let mut in_threads = false;
    let mut labels = Vec::new();
    for (line, text) in lines.iter().enumerate().skip(header.line + 1) {
        let Some((last, name)) = branch(text, &indent) else {
            continue;
        };
        let name_at = count(&indent) + count(BRANCH);
        if !in_threads
            && last
            && let Some(parent) = parent(name, path)
        {
            cells_at = cells_at.max(name_at + count(parent) + 2);
            in_threads = parent.len() == path.len();
            path = path.get(parent.len() + 2..).unwrap_or_default();
            indent.push_str(INDENT);
            continue;
        }
        let Some((name, threads, tail)) = (if in_threads {
            thread_leaf(name)
        } else {
            only_leaf(name, path).filter(|_| last)
        }) else {
            continue;
        };
        cells_at = cells_at.max(name_at + count(name) + 2);
        labels.push(Label {
            line,
            threads,
            last,
            ignored: is_ignored(tail),
            cells_at,
        });
        if !in_threads {
            break;
        }
    }
    labels
}

/// Whether a line at this depth is the last child, and the rest after the branch.
fn branch<'a>(text: &'a str, indent: &str) -> Option<(bool, &'a str)> {
    let branch = text.strip_prefix(indent)?;
    match branch.strip_prefix(LAST_BRANCH) {
        Some(name) => Some((true, name)),
        None => branch.strip_prefix(BRANCH).map(|name| (false, name)),
    }
}

/// The name `t=4`, its number, and the rest.
fn thread_leaf(text: &str) -> Option<(&str, Option<u32>, &str)> {
    let (name, tail) = text.split_at(text.find("  ")?);
    let threads = name.strip_prefix("t=")?.parse().ok()?;
    Some((name, Some(threads), tail))
}

/// The name that ends `path`, no number of threads, and the rest.
fn only_leaf<'a>(text: &'a str, path: &str) -> Option<(&'a str, Option<u32>, &'a str)> {
    let (name, tail) = text.split_at_checked(path.len())?;
    (name == path && tail.starts_with("  ")).then_some((name, None, tail))
}

/// Whether the first cell says so, and the others are empty.
fn is_ignored(tail: &str) -> bool {
    let first = tail.trim_start();
    first.strip_prefix("(ignored)").is_some_and(is_blank)
}

/// The start of `path`, up to a `::` or its end, that is the name in a line without numbers.
fn parent<'a>(name: &str, path: &'a str) -> Option<&'a str> {
    path.match_indices("::")
        .map(|(end, _)| end)
        .chain([path.len()])
        .map(|end| &path[..end])
        .find(|&parent| {
            name.strip_prefix(parent).is_some_and(|tail| {
                tail.starts_with("  ") && is_blank(tail) && tail.matches(SEPARATOR).count() == 5
            })
        })
}

/// Checks that each label has its row, that there are no other rows, and that nothing is cut off.
pub(super) fn pair(
    lines: &[&str],
    labels: &[Label],
    rows: &[usize],
    id: &str,
) -> Result<(), ParseError> {
    let id = id.to_owned();
    if labels.is_empty() {
        return Err(ParseError::NoRow { id });
    }
    if rows.len() < labels.len() {
        return Err(if labels.iter().any(|label| label.ignored) {
            ParseError::Ignored { id }
        } else if matches!(lines, [.., "", ""]) {
            ParseError::NoNumbers { id }
        } else {
            ParseError::Unfinished { id }
        });
    }
    let ends = labels.iter().skip(1).map(|next| next.line);
    let spans = labels.iter().zip(ends.chain([lines.len()]));
    let in_order = rows.len() == labels.len()
        && spans
            .zip(rows)
            .all(|((label, end), row)| (label.line..end).contains(row))
        // A program can print `t=N`, too.
        && labels.iter().rev().skip(1).all(|label| !label.last);
    if !in_order {
        let rows = rows.len();
        return Err(ParseError::SeveralRows { id, rows });
    }
    let foreign = |(label, &row): (&Label, &usize)| row != label.line && is_tree(lines[row]);
    if labels.iter().zip(rows).any(foreign) {
        return Err(ParseError::NoRow { id });
    }
    // Divan ends its table with an empty line; if it is missing, the output is cut off.
    let all = labels.last().is_some_and(|label| label.last);
    let below = rows.last().map_or(lines.len(), |row| row + 1);
    let end = (below..lines.len()).find(|&line| extra_cells(lines[line]).is_none());
    let ended = end.is_some_and(|end| lines[end].is_empty() && end + 1 < lines.len());
    if !all || !ended {
        return Err(ParseError::Unfinished { id });
    }
    Ok(())
}
