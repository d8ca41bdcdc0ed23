//! Parses the tree that divan draws for `--list`, `--test` and tables.

use super::cells::{BRANCH, INDENT, LAST_BRANCH, count};

/// A crate, a module, a benchmark, an argument or a number of threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// Marked with `#[ignore]`.
    pub ignored: bool,
    pub children: Vec<Node>,
}

/// Everything that was drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub roots: Vec<Node>,
    /// Path of the leaf at which the output ends within a line: the process died there.
    pub unfinished: Option<String>,
    /// Whether it is a table of times: the executable measured instead of listing.
    pub is_table: bool,
}

const IGNORED: &str = "(ignored)";
/// Drawn before the children of a name that is not the last.
const CONTINUED: &str = "│  ";

/// Parses a tree. Other lines were printed by the program itself.
pub fn outline(text: &str) -> Outline {
    let mut outline = Outline::default();
    let mut cells_at = None;
    // The last line outside of a tree: the name of the root if a tree follows.
    let mut outside = "";
    // Whether the last child of the current root was drawn, so that the next child has another root.
    let mut closed = true;
    for line in text.lines() {
        let Some((depth, last, name)) = branch(line) else {
            if let Some((name, at)) = header(line) {
                outline.is_table = true;
                (cells_at, outside) = (Some(at), name);
            } else if !line.trim().is_empty() {
                outside = line.trim_end();
            }
            continue;
        };
        if depth == 0 && closed {
            let name = outside.to_owned();
            outline.roots.push(Node {
                name,
                ..Node::default()
            });
            closed = false;
        }
        closed |= depth == 0 && last;
        let start = count(line) - count(name);
        let (name, ignored) = label(name, cells_at.map(|at| at.saturating_sub(start)));
        if let Some(siblings) = siblings(&mut outline.roots, depth) {
            let name = name.to_owned();
            siblings.push(Node {
                name,
                ignored,
                children: Vec::new(),
            });
        }
    }
    let cut = !text.is_empty() && !text.ends_with('\n');
    outline.unfinished =
        (cut && text.lines().last().and_then(branch).is_some()).then(|| last_path(&outline.roots));
    outline
}

/// The depth of a line below its root, whether it is the last child, and the rest of the line.
fn branch(line: &str) -> Option<(usize, bool, &str)> {
    let (mut rest, mut depth) = (line, 0);
    loop {
        if let Some(name) = rest.strip_prefix(LAST_BRANCH) {
            return Some((depth, true, name));
        }
        if let Some(name) = rest.strip_prefix(BRANCH) {
            return Some((depth, false, name));
        }
        rest = rest
            .strip_prefix(CONTINUED)
            .or_else(|| rest.strip_prefix(INDENT))?;
        depth += 1;
    }
}

/// The root's name and the column of the first cells, from the header of a table.
fn header(line: &str) -> Option<(&str, usize)> {
    let titles = ["slowest", "median", "mean", "samples", "iters"];
    let cells = super::cells::cells(line)?;
    let [first, rest @ ..] = cells;
    let before = first.trim_end().strip_suffix("fastest")?;
    (rest.map(str::trim) == titles).then(|| (before.trim_end(), count(before)))
}

/// The name in `text`, which is `width` characters wide if cells follow.
fn label(text: &str, width: Option<usize>) -> (&str, bool) {
    let (name, rest) = match width.and_then(|width| text.char_indices().nth(width)) {
        Some((at, _)) if text[..at].ends_with("  ") => text.split_at(at),
        Some(_) => text.split_at(text.find("  ").unwrap_or(text.len())),
        None => (text, ""),
    };
    match name.strip_suffix(IGNORED) {
        Some(name) if name.ends_with(' ') => (name.trim_end(), true),
        Some(_) | None => (name.trim_end(), rest.trim_start().starts_with(IGNORED)),
    }
}

/// The list that a node `depth` levels below the last root's children belongs to.
fn siblings(roots: &mut [Node], depth: usize) -> Option<&mut Vec<Node>> {
    let mut children = &mut roots.last_mut()?.children;
    for _ in 0..depth {
        children = &mut children.last_mut()?.children;
    }
    Some(children)
}

fn last_path(roots: &[Node]) -> String {
    let mut names = Vec::new();
    let mut node = roots.last();
    while let Some(Node { name, children, .. }) = node {
        names.push(name.as_str());
        node = children.last();
    }
    names.join("::")
}

impl Outline {
    /// Every leaf with its path, in order.
    pub fn leaves(&self) -> Vec<(String, &Node)> {
        let mut leaves = Vec::new();
        for root in &self.roots {
            collect(root, &root.name, &mut leaves);
        }
        leaves
    }

    /// The node with a path; names may contain `::`.
    pub fn find(&self, path: &str) -> Option<&Node> {
        find(&self.roots, path)
    }
}

fn collect<'a>(node: &'a Node, path: &str, leaves: &mut Vec<(String, &'a Node)>) {
    if node.children.is_empty() {
        leaves.push((path.to_owned(), node));
    }
    for child in &node.children {
        collect(child, &format!("{path}::{}", child.name), leaves);
    }
}

fn find<'a>(nodes: &'a [Node], path: &str) -> Option<&'a Node> {
    nodes.iter().find_map(|node| {
        let rest = path.strip_prefix(node.name.as_str())?;
        match rest.strip_prefix("::") {
            Some(rest) => find(&node.children, rest),
            None => rest.is_empty().then_some(node),
        }
    })
}

impl Node {
    /// The numbers of threads, if these are the children of a benchmark.
    pub fn threads(&self) -> Option<Vec<u32>> {
        let numbers = self
            .children
            .iter()
            .map(|child| match child.children.as_slice() {
                [] => child.name.strip_prefix("t=")?.parse().ok(),
                [_, ..] => None,
            });
        numbers
            .collect::<Option<Vec<u32>>>()
            .filter(|all| !all.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::{Outline, outline};
    use crate::divan::recording;

    fn paths(outline: &Outline) -> Vec<String> {
        let leaves = outline.leaves().into_iter();
        leaves
            .map(|(path, node)| {
                if node.ignored {
                    format!("{path} (ignored)")
                } else {
                    path
                }
            })
            .collect()
    }

    #[test]
    fn a_list() {
        let text = "a\n├─ f\n├─ old    (ignored)\n╰─ m\n   ├─ g\n   ╰─ h\n\nb\n╰─ x\n\n";
        let read = outline(text);
        assert_eq!(
            paths(&read),
            ["a::f", "a::old (ignored)", "a::m::g", "a::m::h", "b::x"]
        );
        assert!(!read.is_table);
        assert_eq!(read.unfinished, None);
        assert_eq!(paths(&outline("")), [""; 0]);
        assert_eq!(paths(&outline("nothing here\n")), [""; 0]);
    }

    #[test]
    fn lines_of_the_program_itself() {
        let text = "warming up\na\n├─ f\nready\n╰─ g\ndone\nb\n╰─ x\n";
        assert_eq!(paths(&outline(text)), ["a::f", "a::g", "b::x"]);
        assert_eq!(paths(&outline("├─ of nothing\n")), ["::of nothing"]);
        assert_eq!(paths(&outline("a\n      ├─ too deep\n")), [""; 0]);
    }

    #[test]
    fn arguments_and_threads() {
        let text = "a\n├─ f\n│  ├─ 1\n│  │  ├─ t=1\n│  │  ╰─ t=4\n│  ╰─ x::y\n╰─ g\n   ├─ t=1\n   ╰─ t=2\n";
        let read = outline(text);
        assert_eq!(read.find("a::f::1").unwrap().threads(), Some(vec![1, 4]));
        assert_eq!(read.find("a::f::x::y").unwrap().threads(), None);
        assert_eq!(read.find("a::f").unwrap().threads(), None);
        assert_eq!(read.find("a::g").unwrap().threads(), Some(vec![1, 2]));
        assert_eq!(read.find("a::nope"), None);
    }

    #[test]
    fn a_process_that_died() {
        let read = outline("a\n├─ f\n╰─ m\n   ╰─ g");
        assert_eq!(read.unfinished.as_deref(), Some("a::m::g"));
        assert_eq!(outline("a\n╰─ f\nno newline").unfinished, None);
    }

    #[test]
    fn a_table() {
        let read = outline(recording!("threads"));
        assert!(read.is_table);
        assert_eq!(
            read.find("traps::threads").unwrap().threads(),
            Some(vec![1, 4])
        );
        let read = outline(recording!("units"));
        assert!(read.is_table);
        assert_eq!(
            paths(&read),
            [
                "microseconds",
                "milliseconds",
                "nanoseconds",
                "optimised_away",
                "seconds",
                "under_a_nanosecond"
            ]
            .map(|name| format!("units::{name}"))
        );
    }

    #[test]
    fn divans_own_list() {
        let read = outline(recording!("plain_listing"));
        assert!(!read.is_table);
        let paths = paths(&read);
        for path in [
            "traps::plain",
            "traps::args",
            "traps::ends::ignored (ignored)",
            "traps::consts::32",
        ] {
            assert!(
                paths.iter().any(|it| it == path),
                "{path} is not in {paths:?}"
            );
        }
    }
}
