//! Parses divan's terse listing into benchmarks that can run one by one, and explains why others can't.

use std::{collections::BTreeMap, fmt};

use super::shortened;

/// The output of `exe --list --format terse` under `NEXTEST=1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Benchmarks that can be run one by one, without duplicates, in divan's order.
    pub ids: Vec<String>,
    /// Everything else in the listing.
    pub problems: Vec<Problem>,
}

/// A benchmark that can't be run by itself, or a line without a benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Several benchmarks have the same id.
    Colliding { id: String, times: usize },
    /// A name contains a newline.
    Newline { id: String },
    /// A name that can't be passed to a process.
    Nul { id: String },
    /// A line printed by the executable itself.
    Printed { line: usize, text: String },
}

const LISTED: &str = ": benchmark";

/// Reads the output of `NEXTEST=1 exe --list --format terse`.
pub fn listing(text: &str) -> Listing {
    let mut entries: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    let mut pending: Vec<(usize, &str)> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let Some(id) = line.strip_suffix(LISTED) else {
            pending.push((index + 1, line));
            continue;
        };
        let broken = pending.iter().position(|(_, line)| has_root(line));
        let printed = broken.unwrap_or(pending.len());
        problems.extend(pending.drain(..printed).filter_map(Problem::printed));
        if broken.is_some() {
            let front = pending.drain(..).map(|(_, line)| line);
            let id = front.chain([id]).collect::<Vec<_>>().join("\n");
            problems.push(Problem::Newline { id });
        } else if has_root(id) {
            entries.push(id.to_owned());
        } else if let Some(front) = entries.pop() {
            // A name contains the listing's end of line, so its first part looked like a benchmark.
            let id = format!("{front}{LISTED}\n{id}");
            problems.push(Problem::Newline { id });
        } else {
            problems.extend(Problem::printed((index + 1, line)));
        }
    }
    problems.extend(pending.into_iter().filter_map(Problem::printed));
    let ids = runnable(entries, &mut problems);
    Listing { ids, problems }
}

/// The entries that can be run one by one.
fn runnable(mut entries: Vec<String>, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in &entries {
        *counts.entry(id.clone()).or_default() += 1;
    }
    entries.retain(|id| counts[id] == 1 && !id.contains('\0'));
    problems.extend(counts.into_iter().filter_map(|(id, times)| {
        if times > 1 {
            Some(Problem::Colliding { id, times })
        } else if id.contains('\0') {
            Some(Problem::Nul { id })
        } else {
            None
        }
    }));
    entries
}

/// Whether a line starts like every id: with the name of a crate. A bench `0-cargo` is the crate `0_cargo`;
/// a number is rather the second line of an argument.
fn has_root(line: &str) -> bool {
    line.split_once("::").is_some_and(|(root, _)| {
        root.chars().all(|c| c.is_alphanumeric() || c == '_')
            && root.contains(|c: char| !c.is_ascii_digit())
    })
}

impl Problem {
    /// The problem of a line, unless it is empty.
    fn printed((line, text): (usize, &str)) -> Option<Self> {
        let text = shortened(text);
        (!text.trim().is_empty()).then_some(Self::Printed { line, text })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Colliding { id, times } => write!(
                f,
                "{times} benchmarks share the name `{id}`; give each its own `name = \"...\"`, type or argument"
            ),
            Self::Newline { id } => write!(
                f,
                "{id:?} contains a newline and can't be parsed; give the argument a single-line `Display` or `Debug`, or print with `eprintln!` while listing"
            ),
            Self::Nul { id } => write!(
                f,
                "{id:?} contains a NUL byte and can't be passed to a process; print the argument without it"
            ),
            Self::Printed { line, text } => write!(
                f,
                "line {line} of the listing is not a benchmark: {text:?}; if the bench prints it, use `eprintln!`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::divan::{Listing, Problem, listing, recording};

    fn newline(id: &str) -> Problem {
        Problem::Newline { id: id.to_owned() }
    }

    fn nul(id: &str) -> Problem {
        Problem::Nul { id: id.to_owned() }
    }

    fn colliding(id: &str, times: usize) -> Problem {
        let id = id.to_owned();
        Problem::Colliding { id, times }
    }

    fn printed(line: usize, text: &str) -> Problem {
        let text = text.to_owned();
        Problem::Printed { line, text }
    }

    fn check(text: &str, ids: &[&str], problems: &[Problem]) {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        let problems = problems.to_vec();
        assert_eq!(listing(text), Listing { ids, problems }, "{text}");
    }

    #[test]
    fn each_line_is_a_benchmark() {
        check("", &[], &[]);
        check("\n", &[], &[]);
        check("a::b: benchmark\n", &["a::b"], &[]);
        check("b::y: benchmark\na::x: benchmark\n", &["b::y", "a::x"], &[]);
        check("0_a::b: benchmark\n", &["0_a::b"], &[]);
        check("a::b::: benchmark\n", &["a::b::"], &[]);
        check("a::b: benchmark: benchmark\n", &["a::b: benchmark"], &[]);
    }

    #[test]
    fn other_lines_are_not_benchmarks() {
        check(
            "a::b: benchmark\na::b: benchmark\na::c: benchmark\n",
            &["a::c"],
            &[colliding("a::b", 2)],
        );
        check(
            "a::x\ny: benchmark\na::b: benchmark\n",
            &["a::b"],
            &[newline("a::x\ny")],
        );
        check("a::x\n\na::b: benchmark\n", &[], &[newline("a::x\n\na::b")]);
        check(
            "a::x: benchmark\ny: benchmark\n",
            &[],
            &[newline("a::x: benchmark\ny")],
        );
        check(
            "ready\na::b: benchmark\n",
            &["a::b"],
            &[printed(1, "ready")],
        );
        check(
            "ready: benchmark\na::b: benchmark\n",
            &["a::b"],
            &[printed(1, "ready: benchmark")],
        );
        check("a::b: benchmark\ndone\n", &["a::b"], &[printed(2, "done")]);
        check(
            "now a::b: benchmark\n",
            &[],
            &[printed(1, "now a::b: benchmark")],
        );
        check("a::b\0: benchmark\n", &[], &[nul("a::b\0")]);
    }

    #[test]
    fn traps() {
        let Listing { ids, mut problems } = listing(recording!("traps-listing"));
        problems.sort_by_key(ToString::to_string);
        let mut expected = [
            colliding("traps::colliding::by_arg::1", 2),
            colliding("traps::colliding::by_name", 2),
            colliding("traps::colliding::by_type::Foo", 2),
            newline("traps::args::first\ntraps::plain"),
            newline("traps::args::inside: benchmark\nplain"),
            newline("traps::args::line1\nline2"),
            nul("traps::args::zero\0byte"),
        ];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(problems, expected);
        // Two lines each for the three with equal names and the three with a newline, one with a NUL.
        let lines = recording!("traps-listing").lines().count();
        assert_eq!(ids.len(), lines - 13);
        for id in [
            "traps::plain",
            "traps::type",
            "traps::types::Vec<alloc::string::String>",
            "traps::types_and_consts::Option<u8>::32",
            "traps::threads",
            "traps::threads_and_args::t=1",
            "traps::args::x::y",
            "traps::args::│ pipe",
            "traps::args:: padded ",
            "traps::args::",
            "traps::args::日本語",
            "traps::args::ends in: benchmark",
            "traps::args::traps::plain",
            "traps::a group │ 日本語::weird │ name ├─ x",
            "traps::ends::panics",
        ] {
            assert_eq!(ids.iter().filter(|listed| *listed == id).count(), 1, "{id}");
        }
        assert!(!ids.iter().any(|id| id.contains("ignored")), "{ids:?}");
    }

    #[test]
    fn noise() {
        let Listing { mut ids, problems } = listing(recording!("noisy-listing"));
        ids.sort();
        assert_eq!(ids, ["noisy::quiet", "noisy::second"]);
        let expected = [
            printed(1, "noisy: warming up"),
            printed(4, "noisy::main: done"),
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn other_crates() {
        for (text, benchmarks) in [
            (recording!("units-listing"), 6),
            (recording!("divan_collections-listing"), 106),
            (recording!("divan_string-listing"), 80),
            (recording!("divan_threads-listing"), 23),
            (recording!("divan_time-listing"), 6),
        ] {
            let Listing { ids, problems } = listing(text);
            assert_eq!((ids.len(), problems), (benchmarks, vec![]), "{text}");
        }
    }

    #[test]
    fn a_listing_for_people_names_nothing() {
        assert_eq!(listing(recording!("plain_listing")).ids, [""; 0]);
    }

    #[test]
    fn problems_suggest_solutions() {
        for (problem, words) in [
            (colliding("a::b", 2), "2 benchmarks share the name `a::b`"),
            (newline("a::x\ny"), r#""a::x\ny" contains a newline"#),
            (nul("a::\0"), r#""a::\0" contains a NUL"#),
            (
                printed(3, "done"),
                r#"line 3 of the listing is not a benchmark: "done""#,
            ),
        ] {
            let said = problem.to_string();
            assert!(said.starts_with(words) && said.contains("; "), "{said}");
        }
    }

    proptest! {
        #[test]
        fn names_of_one_line_are_read_back(names in prop::collection::btree_set("[a-z:│─\0\\PC]{0,12}", 0..8)) {
            let ids: Vec<String> = names.iter().map(|name| format!("root::{name}")).collect();
            let text: String = ids.iter().map(|id| format!("{id}: benchmark\n")).collect();
            let (nuls, ids): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| id.contains('\0'));
            let problems = nuls.into_iter().map(|id| Problem::Nul { id }).collect();
            prop_assert_eq!(listing(&text), Listing { ids, problems });
        }

        #[test]
        fn no_text_panics(text in "(a::b|: benchmark|\n|::|\\PC){0,20}") {
            listing(&text);
        }
    }
}
