//! Reads callgrind's profiles: events by function, by source line and by call.
//!
//! The format is documented in valgrind's manual, "Callgrind Format Specification": each name is
//! replaced by a number after its first use, positions are relative, trailing zero counts omitted.

use std::{collections::BTreeMap, rc::Rc};

use anyhow::{Context, Result, bail};

use super::names;
use crate::run::Counts;

/// Event counts of one process, from start to exit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// By function, excluding callees.
    pub functions: BTreeMap<String, Counts>,
    /// Instructions by function, file and line, excluding callees.
    pub lines: BTreeMap<(String, String, u64), f64>,
    /// By caller and callee, including everything the callee calls.
    pub calls: BTreeMap<(String, String), Counts>,
    /// Instructions by stack, innermost function first; only if callgrind separated the contexts.
    pub stacks: BTreeMap<String, f64>,
}

/// The position in the file being read.
#[derive(Default)]
struct Reader {
    profile: Profile,
    /// Number of position columns before the counts, and which of them is the line.
    positions: usize,
    events: Vec<String>,
    files: BTreeMap<String, Rc<str>>,
    functions: BTreeMap<String, Rc<str>>,
    objects: BTreeMap<String, Rc<str>>,
    object: Rc<str>,
    file: Rc<str>,
    function: Rc<str>,
    callee_object: Option<Rc<str>>,
    callee: Option<Rc<str>>,
    /// The last positions; the next ones are relative to them.
    last: Vec<u64>,
    /// Whether the next line has the inclusive counts of a call.
    in_call: bool,
}

/// Reads a whole profile.
pub fn parse(text: &str) -> Result<Profile> {
    let mut reader = Reader {
        positions: 1,
        ..Reader::default()
    };
    for (number, line) in text.lines().enumerate() {
        reader
            .line(line.trim_end())
            .with_context(|| format!("line {} of a callgrind profile: {line:?}", number + 1))?;
    }
    if reader.events.is_empty() {
        bail!("a callgrind profile without events");
    }
    Ok(reader.profile)
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let first = line.bytes().next();
        if first.is_some_and(|it| it.is_ascii_digit() || b"+-*".contains(&it)) {
            return self.counts(line);
        }
        if let Some((key, name)) = line.split_once('=') {
            return self.name(key, name);
        }
        match line.split_once(':') {
            Some(("events", events)) => {
                self.events = events.split_whitespace().map(str::to_owned).collect();
            }
            Some(("positions", positions)) => {
                self.positions = positions.split_whitespace().count();
            }
            // Header lines about where and how the profile was made.
            Some(_) | None => {}
        }
        Ok(())
    }

    fn name(&mut self, key: &str, name: &str) -> Result<()> {
        match key {
            "ob" => self.object = resolve(&mut self.objects, name)?,
            // `fi` and `fe` enter and leave inlined code.
            "fl" | "fi" | "fe" => self.file = resolve(&mut self.files, name)?,
            "fn" => self.function = resolve(&mut self.functions, name)?,
            "cob" => self.callee_object = Some(resolve(&mut self.objects, name)?),
            "cfi" | "cfl" | "jfi" => {
                resolve(&mut self.files, name)?;
            }
            "cfn" => self.callee = Some(resolve(&mut self.functions, name)?),
            "jfn" => {
                resolve(&mut self.functions, name)?;
            }
            "calls" => self.in_call = true,
            // Jumps have no counts.
            _ => {}
        }
        Ok(())
    }

    fn counts(&mut self, line: &str) -> Result<()> {
        let mut words = line.split_whitespace();
        let mut positions = Vec::new();
        for column in 0..self.positions {
            let word = words.next().context("fewer positions than announced")?;
            let last = self.last.get(column).copied().unwrap_or(0);
            positions.push(position(word, last)?);
        }
        let mut counts = Counts::default();
        for (word, event) in words.zip(&self.events) {
            add(&mut counts, event, number(word)? as f64);
        }
        let at = positions.last().copied().unwrap_or(0);
        self.last = positions;
        if std::mem::take(&mut self.in_call) {
            self.call(counts);
        } else {
            self.own(counts, at);
        }
        Ok(())
    }

    fn own(&mut self, counts: Counts, line: u64) {
        let name = named(&self.function, &self.object);
        if self.function.contains('\'') {
            let stack = self.function.split('\'');
            let stack: Vec<String> = stack.map(|it| named(it, &self.object)).collect();
            *self.profile.stacks.entry(stack.join(";")).or_default() += counts.instructions;
        }
        if line > 0 && &*self.file != "???" {
            let key = (name.clone(), self.file.to_string(), line);
            *self.profile.lines.entry(key).or_default() += counts.instructions;
        }
        let total = self.profile.functions.entry(name).or_default();
        *total = sum(*total, counts);
    }

    fn call(&mut self, counts: Counts) {
        let object = self.callee_object.take();
        let object = object.unwrap_or_else(|| self.object.clone());
        let Some(callee) = self.callee.take() else {
            return;
        };
        let key = (named(&self.function, &self.object), named(&callee, &object));
        let total = self.profile.calls.entry(key).or_default();
        *total = sum(*total, counts);
    }
}

/// The readable name of a context's innermost function, or its file if it has no symbol.
fn named(function: &str, object: &str) -> String {
    let innermost = function.split('\'').next().unwrap_or(function);
    if innermost.starts_with("0x") || innermost == "???" {
        let file = object.rsplit('/').next().unwrap_or(object);
        // File names of staged executables and build outputs contain numbers and hashes.
        return format!(
            "(no symbol in {})",
            if file.is_empty() { "?" } else { file }
        );
    }
    names::function(innermost)
}

/// `(7) name` defines number 7; `(7)` refers to it.
fn resolve(known: &mut BTreeMap<String, Rc<str>>, text: &str) -> Result<Rc<str>> {
    let Some((number, name)) = text.strip_prefix('(').and_then(|it| it.split_once(')')) else {
        return Ok(text.into());
    };
    if !number.bytes().all(|digit| digit.is_ascii_digit()) {
        // `(below main)` is a name, not a number.
        return Ok(text.into());
    }
    let name = name.trim_start();
    if !name.is_empty() {
        known.insert(number.to_owned(), name.into());
    }
    known
        .get(number)
        .cloned()
        .with_context(|| format!("number {number} has no name"))
}

fn position(word: &str, last: u64) -> Result<u64> {
    Ok(match word.as_bytes().first() {
        Some(b'*') => last,
        Some(b'+') => last.wrapping_add(number(&word[1..])?),
        Some(b'-') => last.wrapping_sub(number(&word[1..])?),
        Some(_) | None => number(word)?,
    })
}

fn number(word: &str) -> Result<u64> {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.with_context(|| format!("{word:?} is not a number"))
}

fn add(counts: &mut Counts, event: &str, count: f64) {
    match event {
        "Ir" => counts.instructions += count,
        "I1mr" => counts.i1_misses += count,
        "D1mr" | "D1mw" => counts.d1_misses += count,
        "ILmr" | "DLmr" | "DLmw" => counts.ll_misses += count,
        "sysTime" => counts.waited_ns += count,
        "sysCpuTime" => counts.waited_ns -= count,
        _ => {}
    }
}

/// The sum of two counts, event by event.
pub fn sum(one: Counts, other: Counts) -> Counts {
    each(one, other, |one, other| one + other)
}

/// Applies `function` to two counts, event by event.
pub fn each(one: Counts, other: Counts, function: fn(f64, f64) -> f64) -> Counts {
    Counts {
        instructions: function(one.instructions, other.instructions),
        i1_misses: function(one.i1_misses, other.i1_misses),
        d1_misses: function(one.d1_misses, other.d1_misses),
        ll_misses: function(one.ll_misses, other.ll_misses),
        waited_ns: function(one.waited_ns, other.waited_ns),
    }
}

impl Profile {
    /// The counts of one operation: `longer` minus this profile, which ran `operations` fewer.
    pub fn per_operation(&self, longer: &Self, operations: u64) -> Self {
        let many = operations as f64;
        let counts = |short: Counts, long: Counts| {
            let more = each(long, short, |long, short| long - short);
            each(more, counts_of(many), |more, many| more / many)
        };
        let per = |short: f64, long: f64| (long - short) / many;
        Self {
            functions: subtract(&self.functions, &longer.functions, counts),
            lines: subtract(&self.lines, &longer.lines, per),
            calls: subtract(&self.calls, &longer.calls, counts),
            stacks: subtract(&self.stacks, &longer.stacks, per),
        }
    }

    /// The sum over all functions.
    pub fn total(&self) -> Counts {
        self.functions
            .values()
            .copied()
            .fold(Counts::default(), sum)
    }
}

fn counts_of(value: f64) -> Counts {
    Counts {
        instructions: value,
        i1_misses: value,
        d1_misses: value,
        ll_misses: value,
        waited_ns: value,
    }
}

fn subtract<K: Ord + Clone, V: Copy + Default>(
    short: &BTreeMap<K, V>,
    long: &BTreeMap<K, V>,
    difference: impl Fn(V, V) -> V,
) -> BTreeMap<K, V> {
    let keys = short.keys().chain(long.keys());
    let of = |map: &BTreeMap<K, V>, key: &K| map.get(key).copied().unwrap_or_default();
    keys.map(|key| (key.clone(), difference(of(short, key), of(long, key))))
        .collect()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "counts are whole numbers, and exact")]
mod tests {
    use super::{Profile, parse};

    // Written by valgrind 3.19 for a small C program: `_start` calls `twice` and `loop`, `twice`
    // calls `loop` two times. 223 instructions.
    const LINES: &str = include_str!("recorded/lines.callgrind");
    const ADDRESSES: &str = include_str!("recorded/addresses.callgrind");
    const CONTEXTS: &str = include_str!("recorded/contexts.callgrind");

    fn instructions(profile: &Profile) -> Vec<(&str, f64)> {
        let functions = profile.functions.iter();
        functions
            .map(|(name, counts)| (name.as_str(), counts.instructions))
            .collect()
    }

    #[test]
    fn recorded_profiles() {
        let lines = parse(LINES).unwrap();
        assert_eq!(
            instructions(&lines),
            [("(below main)", 8.0), ("loop", 200.0), ("twice", 11.0)]
        );
        let call = |caller: &str, callee: &str| {
            lines.calls[&(caller.to_owned(), callee.to_owned())].instructions
        };
        assert_eq!(call("(below main)", "twice"), 170.0);
        assert_eq!(call("(below main)", "loop"), 41.0);
        assert_eq!(call("twice", "loop"), 159.0);
        let line = |line: u64| lines.lines[&("loop".to_owned(), "small.c".to_owned(), line)];
        assert_eq!([3, 4, 1, 5].map(line), [3.0, 87.0, 78.0, 26.0]);
        assert!(lines.stacks.is_empty());
        // Positions and contexts don't change the sums.
        let addresses = parse(ADDRESSES).unwrap();
        assert_eq!(instructions(&addresses), instructions(&lines));
        assert_eq!(addresses.lines, lines.lines);
        let contexts = parse(CONTEXTS).unwrap();
        assert_eq!(instructions(&contexts), instructions(&lines));
        assert_eq!(contexts.stacks["loop;twice;(below main)"], 159.0);
        assert_eq!(contexts.stacks["loop;(below main)"], 41.0);
    }

    #[test]
    fn subtraction_leaves_one_operation() {
        let short = parse(LINES).unwrap();
        let mut long = short.clone();
        for counts in long.functions.values_mut() {
            counts.instructions += 20.0;
        }
        let one = short.per_operation(&long, 10);
        assert!(
            one.functions
                .values()
                .all(|counts| counts.instructions == 2.0)
        );
        assert!(one.lines.values().all(|instructions| *instructions == 0.0));
    }

    #[test]
    fn damaged_profiles_are_errors() {
        let error = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert_eq!(error(""), "a callgrind profile without events");
        assert!(error("events: Ir\nfn=(3)\n1 2\n").ends_with("number 3 has no name"));
        assert!(error("events: Ir\nfn=(3) x\n1 many\n").ends_with("invalid digit found in string"));
        // Truncated anywhere, a profile is an error or a shorter profile.
        for end in 0..LINES.len() {
            let _ = parse(&LINES[..end]);
        }
    }
}
