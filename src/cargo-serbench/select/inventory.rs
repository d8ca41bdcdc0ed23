//! Lists the benchmarks of an executable, for all supported versions of divan.
//!
//! - `--list --format terse` lists every benchmark exactly, from divan 0.1.19 on; 0.1.18 omits
//!   arguments, and older versions reject the option.
//! - `--list` draws a tree of all functions, including ignored ones, without arguments.
//! - `--test --max-time 0` draws the tree with arguments and numbers of threads. A divan
//!   without worker calls each bench function, which prepares its input, and returns before running the operation.
//! - `--list --exact ID` prints something only if `ID` is the full name of a benchmark.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::{
    build::Executable,
    divan::{self, Listing, Node, Outline},
    process::{Ended, Launcher, failure_summary},
};

/// The benchmarks of an executable.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub benchmarks: Vec<Entry>,
    /// Paths of functions marked with `#[ignore]`.
    pub ignored: Vec<String>,
    /// Benchmarks that can't be addressed, as messages.
    pub problems: Vec<String>,
}

/// A benchmark that can be run by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name passed to `--exact`.
    pub path: String,
    /// The number of threads to run with, for benchmarks with several.
    pub threads: Option<u32>,
    /// Whether it only exists if large cases are requested.
    pub large: bool,
}

/// Limits the time of a `main` that measures instead of listing.
const BRIEFLY: [&str; 6] = [
    "--sample-count",
    "1",
    "--sample-size",
    "1",
    "--max-time",
    "0.001",
];

const TERSE: [&str; 3] = ["--list", "--format", "terse"];

/// Number of names passed to one process.
const BATCH: usize = 500;

/// How many processes may die before giving up on the rest of an executable's benchmarks.
const MOST_DEATHS: usize = 50;

/// Lists the benchmarks of an executable. With `links_serbench`, its benchmarks are workers:
/// numbers of threads are not looked for, because preparing all inputs takes long.
pub fn inventory(
    launcher: &Launcher,
    executable: &Executable,
    links_serbench: bool,
) -> Result<Inventory> {
    let asker = Asker {
        launcher,
        executable,
    };
    asker.check_arguments()?;
    let terse = asker.ask(&[&TERSE[..], &BRIEFLY].concat(), true)?;
    let drawn = divan::outline(&terse.stdout);
    if drawn.is_table {
        return Ok(measured(&drawn, &terse));
    }
    let listing = match terse.status.code() {
        Some(0) => divan::listing(&terse.stdout),
        // The exit code for unknown options.
        Some(2) => Listing::default(),
        Some(_) | None => bail!(failure_summary(&terse.stderr, &terse.status.to_string())),
    };
    if links_serbench {
        let small = asker.ask(&TERSE, false)?.stdout;
        return Ok(workers(listing, &small));
    }
    let list = asker.ask(&[&["--list"], &BRIEFLY[..]].concat(), true)?;
    let tree = divan::outline(&list.stdout);
    if tree.is_table {
        return Ok(measured(&tree, &list));
    }
    if !list.status.success() {
        bail!(failure_summary(&list.stderr, &list.status.to_string()));
    }
    let walks = asker.walk()?;
    let exact = asker.exact(&listing.ids)?;
    let mut inventory = merge(listing, &exact, &tree, &walks, &mut |path| {
        Ok(!asker.exact(&[path.to_owned()])?.is_empty())
    })?;
    // The listing and the tree report the same problems.
    let mut seen = BTreeSet::new();
    let is_new = |problem: &String| seen.insert(problem.clone());
    inventory.problems.retain(is_new);
    Ok(inventory)
}

/// The benchmarks of an executable whose operations speak the protocol.
fn workers(listing: Listing, small: &str) -> Inventory {
    let small: BTreeSet<String> = divan::listing(small).ids.into_iter().collect();
    let entry = |path: String| Entry {
        large: !small.contains(&path),
        threads: None,
        path,
    };
    Inventory {
        benchmarks: listing.ids.into_iter().map(entry).collect(),
        ignored: Vec::new(),
        problems: listing.problems.iter().map(ToString::to_string).collect(),
    }
}

/// The benchmarks in the table of a `main` that measures instead of listing. It is run completely
/// only this once.
fn measured(table: &Outline, ended: &Ended) -> Inventory {
    let mut inventory = Inventory::default();
    for (path, node) in table.leaves() {
        if node.ignored {
            inventory.ignored.push(path);
            continue;
        }
        // Without further information, children `t=4` are treated as numbers of threads.
        let threads = node.name.strip_prefix("t=").and_then(|it| it.parse().ok());
        let path = match (threads, path.rsplit_once("::")) {
            (Some(_), Some((benchmark, _))) => benchmark.to_owned(),
            (_, _) => path,
        };
        inventory.benchmarks.push(Entry {
            path,
            threads,
            large: false,
        });
    }
    if !ended.status.success() {
        inventory.problems.push(format!(
            "its main runs the benchmarks instead of listing them, and one of them ended the \
             process, so later ones are unknown; call `.main()` instead of `.run_benches()`: {}",
            failure_summary(&ended.stderr, &ended.status.to_string())
        ));
    }
    inventory
}

/// Combines the results of the three ways to list. `exact` are paths of functions selected by ids in
/// the listing; `names_one` tells whether a path is the full name of a benchmark.
fn merge(
    listing: Listing,
    exact: &BTreeSet<String>,
    tree: &Outline,
    walks: &[Outline],
    names_one: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<Inventory> {
    let mut inventory = Inventory {
        problems: listing.problems.iter().map(ToString::to_string).collect(),
        ..Inventory::default()
    };
    let mut functions: BTreeMap<String, usize> = BTreeMap::new();
    for (path, node) in tree.leaves() {
        if node.ignored {
            inventory.ignored.push(path);
        } else {
            *functions.entry(path).or_default() += 1;
        }
    }
    let is_of = |id: &str, function: &str| {
        let rest = id.strip_prefix(function);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let listed = |id: &String| functions.is_empty() || exact.iter().any(|it| is_of(id, it));
    for id in listing.ids.into_iter().filter(listed) {
        let node = walks.iter().find_map(|walk| walk.find(&id));
        inventory.add(id, node);
    }
    for (function, times) in functions {
        if exact.contains(&function) {
            continue;
        }
        if times > 1 {
            let id = function;
            let colliding = divan::Problem::Colliding { id, times };
            inventory.problems.push(colliding.to_string());
            continue;
        }
        let node = walks.iter().find_map(|walk| walk.find(&function));
        if names_one(&function)? {
            inventory.add(function, node);
        } else {
            inventory.add_arguments(&function, walks, names_one)?;
        }
    }
    Ok(inventory)
}

impl Inventory {
    /// Adds a benchmark, once per number of threads in its part of the tree.
    fn add(&mut self, path: String, node: Option<&Node>) {
        let threads = match node.and_then(Node::threads) {
            Some(numbers) => numbers.into_iter().map(Some).collect(),
            None => vec![None],
        };
        self.benchmarks
            .extend(threads.into_iter().map(|threads| Entry {
                path: path.clone(),
                threads,
                large: false,
            }));
    }

    /// Adds the benchmarks of a function with arguments.
    fn add_arguments(
        &mut self,
        function: &str,
        walks: &[Outline],
        names_one: &mut dyn FnMut(&str) -> Result<bool>,
    ) -> Result<()> {
        let children: Vec<&Node> = walks
            .iter()
            .filter_map(|walk| walk.find(function))
            .flat_map(|node| &node.children)
            .collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for child in children {
            let drawn = format!("{function}::{}", child.name);
            let Some(path) = longest_name(&drawn, function.len() + 2, names_one)? else {
                self.problems.push(format!(
                    "no benchmark named `{drawn}`, so it can't run by itself; print the \
                     argument in one line, and use `eprintln!` for what the bench prints"
                ));
                continue;
            };
            let times = seen.entry(path.clone()).or_default();
            *times += 1;
            if *times == 1 {
                self.add(path, Some(child));
            }
        }
        if seen.is_empty() {
            self.problems.push(format!(
                "can't list the arguments of `{function}`; does it end the process?"
            ));
        }
        for (id, times) in seen.into_iter().filter(|(_, times)| *times > 1) {
            self.benchmarks.retain(|entry| entry.path != id);
            let colliding = divan::Problem::Colliding { id, times };
            self.problems.push(colliding.to_string());
        }
        Ok(())
    }
}

/// The longest start of `drawn` that is the name of a benchmark: output of the bench while divan draws
/// follows its name in the same line.
fn longest_name(
    drawn: &str,
    shortest: usize,
    names_one: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<Option<String>> {
    let ends = drawn.char_indices().map(|(at, _)| at).chain([drawn.len()]);
    let ends: Vec<usize> = ends.filter(|end| *end >= shortest).collect();
    for end in ends.into_iter().rev() {
        if names_one(&drawn[..end])? {
            return Ok(Some(drawn[..end].to_owned()));
        }
    }
    Ok(None)
}

struct Asker<'a> {
    launcher: &'a Launcher,
    executable: &'a Executable,
}

impl Asker<'_> {
    /// Rejects a `main` that ignores its arguments. Called first, so that it measures everything only once.
    fn check_arguments(&self) -> Result<()> {
        let nothing = self.ask(&["--list", "--exact", "no such benchmark"], true)?;
        if !divan::outline(&nothing.stdout).is_table {
            return Ok(());
        }
        bail!(
            "its main ignores its arguments and measures everything; call `divan::main()`, or \
             `Divan::from_args()` and then `.main()`, so that one benchmark can be run by itself"
        )
    }

    fn ask(&self, arguments: &[&str], full: bool) -> Result<Ended> {
        self.launcher.ask(self.executable, arguments, full)
    }

    /// Paths of the functions selected by one of `ids`.
    fn exact(&self, ids: &[String]) -> Result<BTreeSet<String>> {
        let mut functions = BTreeSet::new();
        for batch in ids.chunks(BATCH) {
            let mut arguments = vec!["--list", "--exact"];
            arguments.extend(batch.iter().map(String::as_str));
            let drawn = divan::outline(&self.ask(&arguments, true)?.stdout);
            functions.extend(drawn.leaves().into_iter().map(|(path, _)| path));
        }
        Ok(functions)
    }

    /// Draws everything with arguments and threads. If a bench function ends the process, repeats
    /// without what was drawn.
    fn walk(&self) -> Result<Vec<Outline>> {
        let mut walks = Vec::new();
        let mut drawn: Vec<String> = Vec::new();
        for _ in 0..MOST_DEATHS {
            let mut arguments = vec!["--test", "--max-time", "0", "--exact"];
            for path in &drawn {
                arguments.extend(["--skip", path]);
            }
            let ended = self.launcher.draw(self.executable, &arguments)?;
            let walk = divan::outline(&ended.stdout);
            let goes_on = !ended.status.success() && walk.unfinished.is_some();
            for (path, node) in walk.leaves() {
                if node.name.starts_with("t=")
                    && let Some((benchmark, _)) = path.rsplit_once("::")
                {
                    drawn.push(benchmark.to_owned());
                }
                drawn.push(path);
            }
            walks.push(walk);
            if !goes_on {
                break;
            }
        }
        Ok(walks)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Inventory, merge};
    use crate::divan::{Listing, listing, outline};

    const TREE: &str = "a\n├─ f\n├─ g\n├─ old   (ignored)\n╰─ m\n   ╰─ h\n\n";
    const WALK: &str = "a\n├─ f\n│  ├─ 1\n│  ╰─ 2printed\n├─ g\n│  ├─ t=1\n│  ╰─ t=4\n├─ old   (ignored)\n╰─ m\n   ╰─ h\n      ├─ x\n      │  ├─ t=2\n      │  ╰─ t=8\n      ╰─ t=1\n\n";

    fn merged(terse: &str, exact: &[&str], names: &[&str]) -> Inventory {
        let exact: BTreeSet<String> = exact.iter().map(|&path| path.to_owned()).collect();
        let listing = if terse.is_empty() {
            Listing::default()
        } else {
            listing(terse)
        };
        merge(
            listing,
            &exact,
            &outline(TREE),
            &[outline(WALK)],
            &mut |path| Ok(names.contains(&path)),
        )
        .unwrap()
    }

    fn shown(inventory: &Inventory) -> Vec<String> {
        let mut shown: Vec<String> = inventory
            .benchmarks
            .iter()
            .map(|entry| match entry.threads {
                None => entry.path.clone(),
                Some(threads) => format!("{} on {threads}", entry.path),
            })
            .collect();
        shown.sort();
        shown
    }

    const ALL: [&str; 7] = [
        "a::f::1",
        "a::f::2",
        "a::g on 1",
        "a::g on 4",
        "a::m::h::t=1",
        "a::m::h::x on 2",
        "a::m::h::x on 8",
    ];

    #[test]
    fn ids_that_divan_lists_get_their_threads_from_the_tree() {
        let terse = "a::f::1: benchmark\na::f::2: benchmark\na::g: benchmark\na::m::h::x: benchmark\na::m::h::t=1: benchmark\n";
        let inventory = merged(terse, &["a::f", "a::g", "a::m::h"], &[]);
        assert_eq!(shown(&inventory), ALL);
        assert_eq!(inventory.ignored, ["a::old"]);
        assert_eq!(inventory.problems, [""; 0]);
    }

    #[test]
    fn without_a_listing_names_are_verified() {
        let names = ["a::f::1", "a::f::2", "a::g", "a::m::h::x", "a::m::h::t=1"];
        let inventory = merged("", &[], &names);
        assert_eq!(shown(&inventory), ALL);
        assert_eq!(inventory.problems, [""; 0]);
    }

    #[test]
    fn a_listing_without_arguments_is_completed() {
        let names = ["a::f::1", "a::f::2", "a::m::h::x", "a::m::h::t=1"];
        let terse = "a::f: benchmark\na::g: benchmark\na::m::h: benchmark\n";
        let inventory = merged(terse, &["a::g"], &names);
        assert_eq!(shown(&inventory), ALL);
    }

    #[test]
    fn unaddressable_benchmarks_are_problems() {
        let inventory = merged("", &[], &["a::f::1", "a::g", "a::m::h::x", "a::m::h::t=1"]);
        assert_eq!(inventory.problems.len(), 1);
        assert!(
            inventory.problems[0].contains("`a::f::2printed`"),
            "{:?}",
            inventory.problems
        );
    }
}
