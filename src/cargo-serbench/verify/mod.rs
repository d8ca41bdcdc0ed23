//! Runs each benchmark once without timing it, to find its properties and check its output.

mod foreign;
pub mod json;

use std::collections::BTreeMap;

use anyhow::Result;
use serbench::{
    Dtype,
    protocol::{Answer, Command, Slice},
};

use crate::{
    interrupt,
    process::{Launch, Launcher, Started, Worker, failure_summary},
    run::{Memory, State, Verification},
    select::{
        BenchId,
        catalog::{Listed, Obstacle},
    },
};

/// If an operation waits for more than this fraction of its time, its latency is wall time. Less is
/// shown by CPU time nearly as well, which is far less noisy.
const WAITS: f64 = 0.1;

/// Minimum size of inputs whose heap is sampled over time, in bytes.
const LARGE: u64 = 1_000_000;

/// Verifies `listed`, references first, because the output of others is compared with theirs. With
/// `timelines`, samples the heap of large inputs, which only reports of one commit show. Calls
/// `progress` before each benchmark, with its number and id.
pub fn verify(
    launcher: &Launcher,
    listed: &[Listed],
    timelines: bool,
    mut progress: impl FnMut(usize, &str),
) -> Result<BTreeMap<BenchId, Verification>> {
    let mut subjects = BTreeMap::new();
    // References that others still have to be compared with.
    let mut references: BTreeMap<&str, Reference> = BTreeMap::new();
    let mut order: Vec<&Listed> = listed.iter().collect();
    order.sort_by_key(|benchmark| {
        let group = benchmark.reference.as_deref().unwrap_or(&benchmark.id);
        (group, benchmark.reference.is_some(), &benchmark.id)
    });
    for (number, benchmark) in order.into_iter().enumerate() {
        progress(number, &benchmark.id);
        if benchmark.reference.is_none() {
            references.clear();
        }
        let id = benchmark.reference.as_deref();
        let reference = id.and_then(|id| references.get(id));
        let (mut subject, answer) = verify_one(launcher, benchmark, reference)?;
        if timelines && subject.memory.is_some() && subject.bytes_in >= Some(LARGE) {
            subject.heap = heap(launcher, benchmark)?;
        }
        if let Some(answer) = answer.filter(|_| benchmark.reference.is_none()) {
            references.extend(Reference::new(&subject, answer).map(|it| (&*benchmark.id, it)));
        }
        subjects.insert(benchmark.id.clone(), subject);
    }
    Ok(subjects)
}

/// The array and the output of a reference.
struct Reference {
    dtype: Option<String>,
    shape: Option<Vec<usize>>,
    input: Option<Vec<u8>>,
    output: Vec<u8>,
    /// Whether the output was checked against the input here.
    verified: bool,
}

impl Reference {
    fn new(subject: &Verification, mut answer: Answer) -> Option<Self> {
        Some(Self {
            dtype: subject.dtype.clone(),
            shape: subject.shape.clone(),
            verified: subject.state == State::Verified && answer.text("check") == Some("json"),
            input: answer.take("input"),
            output: answer.take("output")?,
        })
    }

    /// Whether this was found to be the right output for this array.
    fn proves(&self, subject: &Verification, input: &[u8], output: &[u8]) -> bool {
        self.verified
            && self.output == output
            && self.input.as_deref() == Some(input)
            && self.dtype == subject.dtype
            && self.shape == subject.shape
    }
}

fn verify_one(
    launcher: &Launcher,
    benchmark: &Listed,
    reference: Option<&Reference>,
) -> Result<(Verification, Option<Answer>)> {
    let mut subject = Verification {
        native: false,
        ..Verification::unseen(&benchmark.hash)
    };
    match &benchmark.obstacle {
        Some(Obstacle::Ignored) => {
            subject.state = State::Skipped("marked with `#[ignore]`".to_owned());
            return Ok((subject, None));
        }
        Some(Obstacle::Unlisted(reason)) => {
            subject.state = State::Failed(reason.clone());
            return Ok((subject, None));
        }
        None if !benchmark.serbench => return Ok((foreign::verify(launcher, benchmark)?, None)),
        None => {}
    }
    match launcher.worker(launch(benchmark)) {
        // It may hang before it calls its bencher, for example; the others can still be measured.
        Err(error) => {
            interrupt::check()?;
            subject.state = State::Failed(format!("{error:#}"));
        }
        // A bench of divan's own beside workers.
        Ok(Started::Worker(worker)) if worker.in_divan => {
            drop(worker);
            return Ok((foreign::verify(launcher, benchmark)?, None));
        }
        Ok(Started::Worker(mut worker)) => {
            let answer = verify_worker(&mut worker, benchmark, &mut subject, reference)?;
            if subject.is_measurable() {
                subject.memory = memory(launcher, benchmark)?;
                subject.rss = rss(launcher, benchmark)?;
            }
            return Ok((subject, answer));
        }
        // A plain divan benchmark in an executable with workers.
        Ok(Started::Ended(ended)) if ended.status.success() => {
            return Ok((foreign::verify(launcher, benchmark)?, None));
        }
        Ok(Started::Ended(ended)) => {
            let summary = failure_summary(&ended.stderr, &ended.status.to_string());
            subject.state = State::Failed(summary);
        }
    }
    Ok((subject, None))
}

/// Asks a worker for its output, checks it, and returns the answer for comparisons.
fn verify_worker(
    worker: &mut Worker,
    benchmark: &Listed,
    subject: &mut Verification,
    reference: Option<&Reference>,
) -> Result<Option<Answer>> {
    subject.native = true;
    let answer = match worker.ask(Command::Verify) {
        Ok(answer) => answer,
        Err(error) => {
            interrupt::check()?;
            subject.state = State::Failed(format!("{error:#}"));
            return Ok(None);
        }
    };
    describe(subject, &answer);
    subject.state = state(subject, &answer, reference);
    if subject.failure().is_none() {
        match watch(worker, &benchmark.path) {
            Ok(watched) => {
                subject.multithreaded = watched.multithreaded;
                subject.waits = watched.waits;
                subject.prints = watched.prints;
            }
            Err(error) => subject.state = State::Failed(format!("{error:#}")),
        }
    }
    Ok(Some(answer))
}

fn launch(benchmark: &Listed) -> Launch<'_> {
    Launch {
        executable: &benchmark.executable,
        id: &benchmark.path,
        threads: benchmark.threads,
        cpu: None,
        slowdown: 0.0,
        padding: 0,
    }
}

fn describe(subject: &mut Verification, answer: &Answer) {
    let number = |name: &str| answer.text(name)?.parse().ok();
    subject.dtype = answer.text("dtype").map(str::to_owned);
    subject.shape = answer.text("shape").and_then(|text| {
        if text.is_empty() {
            Some(Vec::new())
        } else {
            text.split('x').map(|axis| axis.parse().ok()).collect()
        }
    });
    subject.bytes_in = number("bytes_in");
    subject.bytes_out =
        number("bytes_out").or_else(|| answer.bytes("output").map(|it| it.len() as u64));
}

fn state(subject: &Verification, answer: &Answer, reference: Option<&Reference>) -> State {
    match answer.text("check") {
        Some("passed") => State::Verified,
        Some("failed") => State::Failed(format!(
            "wrong output: {}",
            answer.text("difference").unwrap_or("output differs")
        )),
        Some("json") => match json_state(subject, answer, reference) {
            Ok(()) => State::Verified,
            Err(difference) => State::Failed(format!("wrong output: {difference}")),
        },
        Some(_) | None => State::Unchecked,
    }
}

fn json_state(
    subject: &Verification,
    answer: &Answer,
    reference: Option<&Reference>,
) -> Result<(), String> {
    let missing = || "the bench did not report the data type and shape of its array".to_owned();
    let output = answer.bytes("output").ok_or_else(missing)?;
    let input = answer.bytes("input").ok_or_else(missing)?;
    let dtype = subject
        .dtype
        .as_deref()
        .and_then(Dtype::from_name)
        .ok_or_else(missing)?;
    let shape = subject.shape.as_deref().ok_or_else(missing)?;
    if reference.is_some_and(|reference| reference.proves(subject, input, output)) {
        return Ok(());
    }
    json::check(output, dtype, shape, input)?;
    match reference {
        Some(reference) if answer.text("same_bytes") == Some("yes") => {
            same(output, &reference.output)
        }
        Some(_) | None => Ok(()),
    }
}

fn same(output: &[u8], reference: &[u8]) -> Result<(), String> {
    if output == reference {
        return Ok(());
    }
    let at = output
        .iter()
        .zip(reference)
        .take_while(|(a, b)| a == b)
        .count();
    let around = |text: &[u8]| {
        let end = text.len().min(at + 12);
        String::from_utf8_lossy(&text[at.saturating_sub(4).min(end)..end]).into_owned()
    };
    Err(format!(
        "the encoder promises the same bytes as the reference, but byte {at} differs: `{}` instead of `{}`",
        around(output),
        around(reference)
    ))
}

/// The fields of [`Verification`].
struct Watched {
    multithreaded: bool,
    waits: bool,
    prints: bool,
}

/// Runs the operation a few more times, to detect other threads, waiting and printing.
fn watch(worker: &mut Worker, id: &str) -> Result<Watched> {
    let slice = Slice::from_answer(&worker.ask(Command::Warm { nanos: 1 })?);
    let multithreaded = slice.is_some_and(|slice| {
        // The clocks are read one after the other, so equal times may differ by microseconds.
        slice.process_cpu_ns > 1.1 * slice.cpu_ns + 20_000.0
    });
    Ok(Watched {
        multithreaded,
        waits: slice.is_some_and(|slice| slice.waited > WAITS),
        prints: prints(&worker.stdout()?, id),
    })
}

/// Whether `stdout` has anything besides divan's header and tree.
fn prints(stdout: &str, id: &str) -> bool {
    let lines: Vec<&str> = stdout
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .collect();
    let in_tree = |line: &&str| {
        ["├─ ", "╰─ ", "│  ", "   "]
            .iter()
            .any(|glyphs| line.starts_with(glyphs))
    };
    let leaf = lines.last().map_or("", |line| line.trim_end());
    let ends_in_name = leaf.is_empty()
        || leaf.ends_with('│')
        || id.ends_with(leaf.trim_start_matches(['├', '╰', '│', '─', ' ']));
    !lines.iter().all(in_tree) || !ends_in_name
}

fn memory(launcher: &Launcher, benchmark: &Listed) -> Result<Option<Memory>> {
    let once = || -> Result<Option<[u64; 3]>> {
        let Some(answer) = ask_fresh(launcher, benchmark, Command::Memory)? else {
            return Ok(None);
        };
        let counts = answer.text("memory").map(|text| {
            text.split(' ')
                .map(|count| count.parse().unwrap_or(0))
                .collect::<Vec<u64>>()
        });
        Ok(counts.and_then(|counts| counts.try_into().ok()))
    };
    let Some([peak, bytes, allocations]) = once()? else {
        return Ok(None);
    };
    let repeatable = once()? == Some([peak, bytes, allocations]);
    Ok(Some(Memory {
        peak: Some(peak),
        bytes,
        allocations,
        repeatable,
    }))
}

/// The live bytes of one operation over time; empty if the bench's library is too old for it.
fn heap(launcher: &Launcher, benchmark: &Listed) -> Result<Vec<(u64, u64)>> {
    let answer = ask_fresh(launcher, benchmark, Command::Heap)?;
    let text = answer.as_ref().and_then(|answer| answer.text("heap"));
    let point = |line: &str| {
        let (nanos, bytes) = line.split_once(' ')?;
        Some((nanos.parse().ok()?, bytes.parse().ok()?))
    };
    Ok(text.unwrap_or("").lines().filter_map(point).collect())
}

fn rss(launcher: &Launcher, benchmark: &Listed) -> Result<Option<u64>> {
    let answer = ask_fresh(launcher, benchmark, Command::Rss)?;
    Ok(answer.and_then(|answer| answer.text("rss")?.parse().ok()))
}

/// The answer of a fresh process; `None` if it dies, in which case only this figure is missing.
fn ask_fresh(launcher: &Launcher, benchmark: &Listed, command: Command) -> Result<Option<Answer>> {
    interrupt::check()?;
    let launch = Launch {
        threads: None,
        ..launch(benchmark)
    };
    match launcher.worker(launch) {
        Ok(Started::Worker(mut worker)) => Ok(worker.ask(command).ok()),
        Ok(Started::Ended(_)) => Ok(None),
        Err(_) => interrupt::check().map(|()| None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reference, prints, same};
    use crate::run::Verification;

    #[test]
    fn a_checked_reference_proves_the_same_output_of_the_same_array_only() {
        let subject = Verification {
            dtype: Some("u8".to_owned()),
            shape: Some(vec![2]),
            ..Verification::unseen("hash")
        };
        let reference = Reference {
            dtype: subject.dtype.clone(),
            shape: subject.shape.clone(),
            input: Some(vec![1, 2]),
            output: b"[1,2]".to_vec(),
            verified: true,
        };
        let proves = |subject: &Verification| reference.proves(subject, &[1, 2], b"[1,2]");
        assert!(proves(&subject));
        assert!(!reference.proves(&subject, &[1, 2], b"[1, 2]"));
        assert!(!reference.proves(&subject, &[1, 3], b"[1,2]"));
        let of_integers = Verification {
            dtype: Some("i8".to_owned()),
            ..subject.clone()
        };
        assert!(!proves(&of_integers));
        let of_rows = Verification {
            shape: Some(vec![1, 2]),
            ..subject.clone()
        };
        assert!(!proves(&of_rows));
        let unchecked = Reference {
            verified: false,
            ..reference
        };
        assert!(!unchecked.proves(&subject, &[1, 2], b"[1,2]"));
    }

    #[test]
    fn printing_shows() {
        let tree = "json     fastest │ slowest\n╰─ orjson\n   ╰─ f64\n      ╰─ 100x100   ";
        assert!(!prints(tree, "json::orjson::f64::100x100"));
        assert!(!prints("", "json::orjson::f64::100x100"));
        assert!(prints(
            &format!("{tree}hello\n"),
            "json::orjson::f64::100x100"
        ));
        assert!(prints(
            &format!("{tree}\nhello\n"),
            "json::orjson::f64::100x100"
        ));
    }

    #[test]
    fn differences_are_shown_with_context() {
        insta::assert_snapshot!(same(b"[[1,2,3]]", b"[[1,2,4]]").unwrap_err(), @"the encoder promises the same bytes as the reference, but byte 6 differs: `1,2,3]]` instead of `1,2,4]]`");
        assert!(same(b"[1", b"[1,2]").is_err());
        assert!(same(b"[1]", b"[1]").is_ok());
    }
}
