//! Explains why a benchmark got slower: runs it at both commits under valgrind for an exact number
//! of operations and classifies the change.
//!
//! For each commit, two processes run n and 2n operations. Their difference is the cost of n
//! operations without start-up. Nothing here is timed, and nothing changes a verdict.

mod assembly;
mod callgrind;
mod dhat;
mod flame;
mod functions;
mod names;
mod signature;
mod valgrind;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    atomic,
    build::{self, Executable},
    compare::{self, Clock, stats},
    interrupt,
    run::{self, Counts, Explained, Kept, Run, Side},
    select::BenchId,
};

pub use signature::Signature;

use self::{
    assembly::Code,
    callgrind::Profile,
    functions::Both,
    signature::Figures,
    valgrind::{Limits, Subject},
};

/// Whether to explain regressions, and how. Off by default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub wanted: bool,
    /// Time limit.
    pub seconds: u64,
    /// Folder for folded stacks.
    pub folded: Option<PathBuf>,
}

/// The explanation of one benchmark.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    pub id: &'a BenchId,
    pub signature: Signature,
    /// The figures that it is based on.
    pub sentence: String,
    pub observed: &'a Explained,
}

/// Folders and time limits.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The root of the workspace.
    pub root: &'a Path,
    /// The folder for runs and builds.
    pub scratch: &'a Path,
    pub deadline: Instant,
    /// The time limit in seconds, for messages.
    pub seconds: u64,
    /// Folder for the stacks of both commits.
    pub folded: Option<&'a Path>,
}

/// The explanations of all benchmarks that were profiled, by id.
pub fn explanations(run: &Run) -> Vec<Explanation<'_>> {
    let explanation = |(id, observed)| {
        let (signature, sentence) = signature::signature(&figures(run, id, observed));
        Explanation {
            id,
            signature,
            sentence,
            observed,
        }
    };
    run.explained.iter().map(explanation).collect()
}

/// Profiles one benchmark at both commits. What could not be profiled is listed in the notes.
///
/// # Errors
/// When the user interrupts.
pub fn observe(run: &Run, id: &BenchId, surroundings: &Surroundings<'_>) -> Result<Explained> {
    let mut observed = Explained {
        operations: operations(run, id),
        ..Explained::default()
    };
    if let Err(error) = fill(run, id, surroundings, &mut observed) {
        interrupt::check()?;
        let stopped = Instant::now() >= surroundings.deadline;
        observed.notes.push(match stopped {
            true => format!("stopped after {} s", surroundings.seconds),
            false => format!("{error:#}"),
        });
    }
    Ok(observed)
}

fn fill(
    run: &Run,
    id: &BenchId,
    surroundings: &Surroundings<'_>,
    observed: &mut Explained,
) -> Result<()> {
    let subjects = [
        subject(run, id, Side::Baseline, surroundings)?,
        subject(run, id, Side::Candidate, surroundings)?,
    ];
    valgrind::check().map_err(|missing| anyhow!(missing))?;
    let runs = run::folder(surroundings.scratch);
    fs::create_dir_all(&runs).with_context(|| format!("failed to make {}", runs.display()))?;
    let limits = Limits {
        folder: &runs,
        deadline: surroundings.deadline,
    };
    let operations = observed.operations;
    let stacks = surroundings.folded.is_some();
    let [baseline, candidate] = on_both(&subjects, |subject| {
        valgrind::callgrind(subject, operations, stacks, limits)
    })?;
    count_functions(surroundings, &subjects, [&baseline, &candidate], observed);
    if let Some(folder) = surroundings.folded {
        write_stacks(folder, id, [&baseline, &candidate])?;
    }
    observed.assembly = code_difference(&subjects, observed);
    if may_allocate(run, id) {
        let [baseline, candidate] = on_both(&subjects, |subject| {
            valgrind::dhat(subject, operations, limits)
        })?;
        observed.sites = dhat::changed(&baseline, &candidate);
    }
    Ok(())
}

/// Runs a task for both commits at once: counts are not affected by other processes.
fn on_both<T: Send>(
    subjects: &[Subject; 2],
    work: impl Fn(&Subject) -> Result<T> + Sync,
) -> Result<[T; 2]> {
    let [baseline, candidate] = subjects;
    let both = thread::scope(|scope| {
        let other = scope.spawn(|| work(candidate));
        let one = work(baseline);
        let other = other.join().map_err(|_| anyhow!("a thread panicked"));
        (one, other.and_then(|it| it))
    });
    Ok([
        both.0.context("at the baseline")?,
        both.1.context("at the candidate")?,
    ])
}

fn count_functions(
    surroundings: &Surroundings<'_>,
    subjects: &[Subject; 2],
    [baseline, candidate]: [&Profile; 2],
    observed: &mut Explained,
) {
    let folders = subjects.iter().map(|it| it.executable.folder.as_path());
    let folders: Vec<&Path> = folders.collect();
    let roots = [folders[0], folders[1], surroundings.root];
    let roots: Vec<String> = roots.map(|it| it.display().to_string()).into();
    let defines = |side: Side, name: &str| {
        let folder = match side {
            Side::Baseline => folders[0],
            Side::Candidate => folders[1],
        };
        defines(folder, name, 0)
    };
    observed.baseline = Some(baseline.total());
    observed.candidate = Some(candidate.total());
    observed.waits = functions::waits(baseline, candidate);
    (observed.functions, observed.more_functions) = functions::functions(&Both {
        baseline,
        candidate,
        roots: &roots,
        defines: &defines,
    });
}

/// Whether a source file in `folder` defines the function `name`.
fn defines(folder: &Path, name: &str, depth: usize) -> bool {
    /// Source folders are rarely deeper.
    const DEEPEST: usize = 8;
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    let definition = format!("fn {name}");
    let found = |path: PathBuf| {
        if path.is_dir() {
            let skipped = path.ends_with("target") || path.ends_with(".git");
            return depth < DEEPEST && !skipped && defines(&path, name, depth + 1);
        }
        let is_source = path.extension().is_some_and(|it| it == "rs");
        is_source && fs::read_to_string(&path).is_ok_and(|text| holds(&text, &definition))
    };
    entries.flatten().any(|entry| found(entry.path()))
}

/// Whether `text` contains `definition` as a complete name.
fn holds(text: &str, definition: &str) -> bool {
    let mut found = text.match_indices(definition);
    found.any(|(at, _)| {
        let next = text[at + definition.len()..].chars().next();
        next.is_none_or(|next| !(next.is_alphanumeric() || next == '_'))
    })
}

/// The code difference of the most changed function that both commits have and that differs.
fn code_difference(subjects: &[Subject; 2], observed: &Explained) -> Option<crate::run::Assembly> {
    /// If none of the first few functions differs, the change is elsewhere.
    const TRIED: usize = 8;
    let bytes = subjects.each_ref().map(|it| fs::read(&it.executable.path));
    let [Ok(baseline), Ok(candidate)] = bytes else {
        return None;
    };
    let (baseline, candidate) = (Code::parse(&baseline)?, Code::parse(&candidate)?);
    let functions = observed.functions.iter().take(TRIED);
    functions
        .filter(|it| it.baseline >= 1.0 && it.candidate >= 1.0)
        .find_map(|it| assembly::difference(&baseline, &candidate, &it.name))
}

/// Whether allocations may differ: exact counts differ, or there are no counts.
fn may_allocate(run: &Run, id: &BenchId) -> bool {
    let benchmark = run.benchmarks.get(id);
    let memory = |side| benchmark.and_then(|it| it.at(side)?.memory);
    match (memory(Side::Baseline), memory(Side::Candidate)) {
        (Some(baseline), Some(candidate)) => baseline != candidate,
        (_, _) => true,
    }
}

/// The stored executable of one commit, if it is the one that was measured.
fn subject(
    run: &Run,
    id: &BenchId,
    side: Side,
    surroundings: &Surroundings<'_>,
) -> Result<Subject> {
    let kept = run.kept.iter().find(|it| it.id == *id && it.side == side);
    let Kept {
        file,
        folder,
        path,
        threads,
        ..
    } = kept.context("this run kept no executables; run the benchmark again")?;
    let verification = run.benchmarks.get(id).and_then(|it| it.at(side));
    let verification = verification.context("the benchmark is not in both commits")?;
    let file = surroundings.scratch.join(file);
    let bytes = fs::read(&file);
    let is_measured = bytes.is_ok_and(|bytes| build::code_hash(&bytes) == verification.executable);
    ensure!(
        is_measured,
        "the measured executable is no longer at {}; run the benchmark again",
        file.display()
    );
    let folder = surroundings.root.join(folder);
    ensure!(
        folder.is_dir(),
        "{}, the benchmark's working directory, no longer exists; run the benchmark again",
        folder.display()
    );
    Ok(Subject {
        executable: Executable {
            path: file,
            copies: Vec::new(),
            link_inputs: None,
            folder,
        },
        path: path.clone(),
        threads: *threads,
        native: verification.native,
    })
}

/// Enough operations for a few milliseconds, which take about a hundred times as long under valgrind. With
/// fewer, what varies between processes, such as formatting a time, looks like a part of each operation.
fn operations(run: &Run, id: &BenchId) -> u64 {
    const NANOSECONDS: f64 = 3e6;
    const MOST: f64 = 1e6;
    let clocks = [Clock::Cpu, Clock::Wall].into_iter();
    let times = clocks.filter_map(|clock| latency(run, id, clock));
    // From the slower commit, but on the clock that excludes waiting.
    let longest = times.map(|[one, other]| one.max(other)).reduce(f64::min);
    (NANOSECONDS / longest.unwrap_or(NANOSECONDS).max(1.0)).clamp(1.0, MOST) as u64
}

/// Median nanoseconds per operation at baseline and candidate; `None` if that clock was not recorded.
fn latency(run: &Run, id: &BenchId, clock: Clock) -> Option<[f64; 2]> {
    let of = |side: Side| {
        let blocks = run.blocks.iter();
        let arms = blocks.flat_map(|block| block.arms.iter().zip(&block.slices));
        let own = arms.filter(|(arm, _)| arm.side == side && arm.id == *id && arm.slowdown == 0.0);
        let mut all = Vec::new();
        for (_, slices) in own {
            if clock == Clock::Cpu && slices.iter().any(|slice| slice.cpu.is_none()) {
                return None;
            }
            all.extend(compare::times(slices, clock));
        }
        (!all.is_empty()).then(|| stats::median(&all))
    };
    Some([of(Side::Baseline)?, of(Side::Candidate)?])
}

fn figures(run: &Run, id: &BenchId, observed: &Explained) -> Figures {
    let benchmark = run.benchmarks.get(id);
    let baseline = benchmark.and_then(|it| it.baseline.as_ref());
    let candidate = benchmark.and_then(|it| it.candidate.as_ref());
    let both = baseline.zip(candidate);
    let counts = observed.baseline.zip(observed.candidate);
    let more =
        |(baseline, candidate): (Counts, Counts)| candidate.instructions - baseline.instructions;
    let memory = both.and_then(|(one, other)| one.memory.zip(other.memory));
    let sizes = candidate.and_then(|it| it.bytes_in.zip(it.bytes_out));
    Figures {
        wall_ns: latency(run, id, Clock::Wall),
        cpu_ns: latency(run, id, Clock::Cpu),
        by_wall: both
            .is_some_and(|(one, other)| !(one.has_cpu_latency() && other.has_cpu_latency())),
        multithreaded: both.is_some_and(|(one, other)| one.multithreaded || other.multithreaded),
        counts: counts.map(|(one, other)| [one, other]),
        memory: memory.map(|(one, other)| [one, other]),
        sizes: sizes.map(|(one, other)| [one, other]),
        heap_share: functions::heap_share(&observed.functions, counts.map_or(0.0, more)),
    }
}

/// Writes `ID.baseline.folded`, `ID.candidate.folded`, and the flame graph of both as `ID.svg`.
fn write_stacks(folder: &Path, id: &BenchId, profiles: [&Profile; 2]) -> Result<()> {
    let unusual = |it: char| !(it.is_alphanumeric() || "._-".contains(it));
    let name = id.as_str().replace(unusual, "_");
    for (profile, side) in profiles.into_iter().zip(["baseline", "candidate"]) {
        let path = folder.join(format!("{name}.{side}.folded"));
        let stacks = folded(profile);
        atomic::write(&path, stacks.as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    let path = folder.join(format!("{name}.svg"));
    let graph = flame::graph(id.as_str(), profiles.map(|it| &it.stacks));
    atomic::write(&path, graph.as_bytes())
        .with_context(|| format!("failed to write {}", path.display()))
}

/// One line per stack: functions from outermost to innermost, then instructions.
fn folded(profile: &Profile) -> String {
    let mut text = String::new();
    for (stack, instructions) in &profile.stacks {
        if *instructions >= 0.5 {
            let outwards: Vec<&str> = stack.split(';').rev().collect();
            text += &format!("{} {instructions:.0}\n", outwards.join(";"));
        }
    }
    text
}
