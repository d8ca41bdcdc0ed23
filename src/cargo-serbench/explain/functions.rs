//! Compares the profiles of two commits function by function and finds out what became of functions
//! that only one of them runs.

use std::collections::{BTreeMap, BTreeSet};

use super::{callgrind::Profile, names};
use crate::run::{Fate, Function, Line, Side};

/// How many functions are stored; the total includes the others.
const MOST: usize = 40;

/// For how many functions source lines are stored, and how many lines of each.
const WITH_LINES: usize = 8;
const LINES: usize = 3;

/// A function counts as inlined into a caller that grew by at least this fraction of it. An inlined
/// body loses its prologue and is optimized for its caller, so the caller grows by less than all of it.
const TAKEN_OVER: f64 = 0.25;

/// Fewer instructions per operation than this are variation in start-up.
const EACH_TIME: f64 = 0.5;

/// A function counts as gone if less than this fraction of its instructions is left.
const GONE: f64 = 0.01;

/// The profiles and sources of both commits.
pub struct Both<'a> {
    pub baseline: &'a Profile,
    pub candidate: &'a Profile,
    /// Folders of the source trees, which are removed from file names.
    pub roots: &'a [String],
    /// Whether the source of a commit defines a function with that name.
    pub defines: &'a dyn Fn(Side, &str) -> bool,
}

/// The functions with the largest changes, and how many others there are.
pub fn functions(both: &Both<'_>) -> (Vec<Function>, usize) {
    let mut functions: Vec<Function> = rows(both);
    let more = functions.len().saturating_sub(MOST);
    functions.truncate(MOST);
    let fates = fates(both);
    for (number, function) in functions.iter_mut().enumerate() {
        function.fate = fates.get(&function.name).cloned();
        if number < WITH_LINES {
            function.lines = lines(both, function);
        }
    }
    (functions, more)
}

fn rows(both: &Both<'_>) -> Vec<Function> {
    let names: BTreeSet<&String> = [both.baseline, both.candidate]
        .into_iter()
        .flat_map(|profile| profile.functions.keys())
        .collect();
    let row = |name: &String| Function {
        name: name.clone(),
        baseline: instructions(both.baseline, name),
        candidate: instructions(both.candidate, name),
        fate: None,
        lines: Vec::new(),
    };
    let mut rows: Vec<Function> = names.into_iter().map(row).collect();
    rows.retain(|row| row.baseline.max(row.candidate) >= EACH_TIME);
    let change = |row: &Function| (row.candidate - row.baseline).abs();
    rows.sort_by(|one, other| {
        (change(other).total_cmp(&change(one)))
            .then(other.candidate.total_cmp(&one.candidate))
            .then_with(|| one.name.cmp(&other.name))
    });
    rows
}

fn instructions(profile: &Profile, name: &str) -> f64 {
    let counts = profile.functions.get(name).copied().unwrap_or_default();
    counts.instructions
}

/// What became of functions that only one commit runs, by name.
fn fates(both: &Both<'_>) -> BTreeMap<String, Fate> {
    let rows = rows(both);
    let gone: Vec<&Function> = rows.iter().filter(|row| is_gone(row)).collect();
    let new: Vec<&Function> = rows.iter().filter(|row| is_new(row)).collect();
    let mut fates = BTreeMap::new();
    let mut renamed = BTreeSet::new();
    for row in &new {
        let mut before = gone.iter().filter(|it| !renamed.contains(&it.name));
        if let Some(before) = before.find(|before| is_same(before, row)) {
            renamed.insert(before.name.clone());
            fates.insert(row.name.clone(), Fate::Renamed(before.name.clone()));
        } else if let Some(caller) = outlined_from(both, row) {
            fates.insert(row.name.clone(), Fate::Outlined(caller));
        }
    }
    for row in gone.iter().filter(|row| !renamed.contains(&row.name)) {
        if let Some(caller) = inlined_into(both, row) {
            fates.insert(row.name.clone(), Fate::Inlined(caller));
        }
    }
    fates
}

/// Whether only the baseline runs a function.
pub fn is_gone(row: &Function) -> bool {
    row.baseline >= 1.0 && row.candidate < GONE * row.baseline
}

/// Whether only the candidate runs a function.
pub fn is_new(row: &Function) -> bool {
    row.candidate >= 1.0 && row.baseline < GONE * row.candidate
}

/// Whether two functions with different paths have the same name and similar size.
fn is_same(before: &Function, after: &Function) -> bool {
    let ratio = after.candidate / before.baseline;
    last_segment(&before.name) == last_segment(&after.name) && (0.5..2.0).contains(&ratio)
}

fn last_segment(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn inlined_into(both: &Both<'_>, row: &Function) -> Option<String> {
    let still_there = (both.defines)(Side::Candidate, last_segment(&row.name));
    let (caller, growth) = callers(both.baseline, &row.name)
        .filter(|caller| instructions(both.candidate, caller) > 0.0)
        .map(|caller| {
            let before = instructions(both.baseline, caller);
            (caller, instructions(both.candidate, caller) - before)
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let grew = growth >= TAKEN_OVER * row.baseline;
    (grew || (still_there && growth > 0.0)).then(|| caller.to_owned())
}

fn outlined_from(both: &Both<'_>, row: &Function) -> Option<String> {
    // Call overhead at the caller can outweigh the body it lost. But then the baseline's source
    // defines the function, too.
    let was_there = (both.defines)(Side::Baseline, last_segment(&row.name));
    let (caller, shrinkage) = callers(both.candidate, &row.name)
        .filter(|caller| instructions(both.baseline, caller) > 0.0)
        .map(|caller| {
            let before = instructions(both.baseline, caller);
            (caller, before - instructions(both.candidate, caller))
        })
        .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let shrank = shrinkage >= TAKEN_OVER * row.candidate;
    (shrank || was_there).then(|| caller.to_owned())
}

fn callers<'a>(profile: &'a Profile, name: &'a str) -> impl Iterator<Item = &'a str> {
    let calls = profile.calls.iter();
    let called = calls.filter(move |((caller, callee), counts)| {
        callee == name && caller != name && counts.instructions > 0.0
    });
    called.map(|((caller, _), _)| caller.as_str())
}

/// The source lines of a function that execute the most instructions.
fn lines(both: &Both<'_>, function: &Function) -> Vec<Line> {
    let profile = match is_gone(function) {
        true => both.baseline,
        false => both.candidate,
    };
    let first = (function.name.clone(), String::new(), 0);
    let of_function = profile.lines.range(first..);
    let of_function = of_function.take_while(|((name, ..), _)| *name == function.name);
    let mut lines: Vec<Line> = of_function
        .filter(|(_, instructions)| **instructions >= 0.5)
        .filter_map(|((_, file, line), instructions)| {
            let file = names::file(file, both.roots)?;
            Some(Line {
                place: format!("{file}:{line}"),
                instructions: *instructions,
            })
        })
        .collect();
    lines.sort_by(|one, other| other.instructions.total_cmp(&one.instructions));
    lines.truncate(LINES);
    lines
}

/// Where an operation waits longer than before: the system call and its callers, up to the first
/// function that is not part of the system.
pub fn waits(baseline: &Profile, candidate: &Profile) -> Vec<String> {
    /// Longer chains add nothing.
    const DEPTH: usize = 6;
    let waited = |profile: &Profile, name: &str| {
        let counts = profile.functions.get(name).copied().unwrap_or_default();
        counts.waited_ns
    };
    let more = |name: &&String| waited(candidate, name) - waited(baseline, name);
    // The waiting time of start-up varies; the number of instructions does not.
    let in_operation = |name: &&String| instructions(candidate, name) >= EACH_TIME;
    let names = candidate.functions.keys().filter(in_operation);
    let longest = names.max_by(|one, other| more(one).total_cmp(&more(other)));
    let Some(first) = longest.filter(|name| more(name) > 0.0) else {
        return Vec::new();
    };
    let mut chain = vec![first.clone()];
    while chain.len() < DEPTH {
        let inner = &chain[chain.len() - 1];
        if !names::is_of_the_system(inner) {
            break;
        }
        let calls = candidate.calls.iter();
        // Waking a thread does not wait. valgrind runs one thread at a time and lets the woken one go first.
        let caller = calls
            .filter(|((caller, callee), _)| callee == inner && !chain.contains(caller))
            .filter(|((caller, _), _)| !caller.ends_with("futex_wake"))
            .max_by(|(_, one), (_, other)| one.waited_ns.total_cmp(&other.waited_ns));
        match caller {
            Some(((caller, _), counts)) if counts.waited_ns > 0.0 => chain.push(caller.clone()),
            Some(_) | None => break,
        }
    }
    chain
}

/// The fraction of the additional instructions spent managing the heap or copying memory.
pub fn heap_share(functions: &[Function], change: f64) -> f64 {
    if change <= 0.0 {
        return 0.0;
    }
    let of_heap = functions
        .iter()
        .filter(|row| names::is_of_the_heap(&row.name));
    let more: f64 = of_heap.map(|row| row.candidate - row.baseline).sum();
    more / change
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "counts are whole numbers, and exact")]
mod tests {
    use super::{Both, functions, heap_share, waits};
    use crate::{
        explain::callgrind::Profile,
        run::{Counts, Fate, Side},
    };

    fn profile(functions: &[(&str, f64)], calls: &[(&str, &str)]) -> Profile {
        let counts = |instructions: f64| Counts {
            instructions,
            ..Counts::default()
        };
        let function = |(name, it): &(&str, f64)| ((*name).to_owned(), counts(*it));
        let call =
            |(one, other): &(&str, &str)| (((*one).to_owned(), (*other).to_owned()), counts(1.0));
        Profile {
            functions: functions.iter().map(function).collect(),
            calls: calls.iter().map(call).collect(),
            ..Profile::default()
        }
    }

    fn fates(baseline: &Profile, candidate: &Profile, defined: &[&str]) -> Vec<(String, Fate)> {
        let defines = |_: Side, name: &str| defined.contains(&name);
        let (functions, _) = functions(&Both {
            baseline,
            candidate,
            roots: &[],
            defines: &defines,
        });
        functions
            .into_iter()
            .filter_map(|it| Some((it.name, it.fate?)))
            .collect()
    }

    #[test]
    fn fates_of_functions() {
        let inlined = [
            profile(
                &[("a::sum", 100.0), ("a::weigh", 80.0)],
                &[("a::sum", "a::weigh")],
            ),
            profile(&[("a::sum", 150.0)], &[]),
        ];
        let [baseline, candidate] = &inlined;
        let into = [("a::weigh".to_owned(), Fate::Inlined("a::sum".to_owned()))];
        assert_eq!(fates(baseline, candidate, &[]), into);
        let from = [("a::weigh".to_owned(), Fate::Outlined("a::sum".to_owned()))];
        assert_eq!(fates(candidate, baseline, &[]), from);
        // The calls cost as much as the body did, so the source decides.
        let calls = profile(
            &[("a::sum", 150.0), ("a::weigh", 80.0)],
            &[("a::sum", "a::weigh")],
        );
        assert_eq!(fates(candidate, &calls, &["weigh"]), from);
        assert_eq!(fates(candidate, &calls, &[]), []);
        // Removed together with its work.
        let less = profile(&[("a::sum", 100.0)], &[]);
        assert_eq!(fates(baseline, &less, &["weigh"]), []);
        let moved = profile(&[("a::sum", 100.0), ("a::b::weigh", 80.0)], &[]);
        let was = [(
            "a::b::weigh".to_owned(),
            Fate::Renamed("a::weigh".to_owned()),
        )];
        assert_eq!(fates(baseline, &moved, &[]), was);
    }

    #[test]
    fn the_share_of_the_heap() {
        let defines = |_: Side, _: &str| false;
        let (functions, more) = functions(&Both {
            baseline: &profile(&[("a::sum", 100.0), ("malloc", 10.0)], &[]),
            candidate: &profile(&[("a::sum", 110.0), ("malloc", 40.0)], &[]),
            roots: &[],
            defines: &defines,
        });
        assert_eq!(more, 0);
        assert_eq!(heap_share(&functions, 40.0), 0.75);
        assert_eq!(heap_share(&functions, 0.0), 0.0);
    }

    #[test]
    fn waiting_stacks_end_in_user_code() {
        let mut candidate = profile(
            &[
                ("clock_nanosleep", 9.0),
                ("std::thread::sleep", 9.0),
                ("a::nap", 9.0),
                ("main", 9.0),
            ],
            &[
                ("std::thread::sleep", "clock_nanosleep"),
                ("a::nap", "std::thread::sleep"),
                ("main", "a::nap"),
            ],
        );
        candidate
            .functions
            .get_mut("clock_nanosleep")
            .unwrap()
            .waited_ns = 5e4;
        for counts in candidate.calls.values_mut() {
            counts.waited_ns = 5e4;
        }
        let start_up = Counts {
            waited_ns: 9e4,
            ..Counts::default()
        };
        candidate.functions.insert("open".to_owned(), start_up);
        let chain = waits(&Profile::default(), &candidate);
        assert_eq!(chain, ["clock_nanosleep", "std::thread::sleep", "a::nap"]);
        assert!(waits(&candidate, &candidate).is_empty());
        // The thread that wakes another is not the one that waits.
        let wakes = ("a::futex_wake".to_owned(), "clock_nanosleep".to_owned());
        let longest = Counts {
            waited_ns: 7e4,
            ..Counts::default()
        };
        candidate.calls.insert(wakes, longest);
        assert_eq!(waits(&Profile::default(), &candidate), chain);
    }
}
