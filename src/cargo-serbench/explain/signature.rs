//! Classifies a slowdown and describes it in one line, using the recorded figures only.

use crate::{
    run::{Counts, Memory},
    values::figures::{count, signed_percent, time},
};

/// The cause of a slowdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// More instructions.
    Work,
    /// The same instructions, but fetching them takes longer.
    Placement,
    /// The same instructions, but fetching their data takes longer.
    Cache,
    /// More or larger allocations.
    Allocation,
    /// The processor is idle: sleep, lock, or I/O.
    Waiting,
    /// None of these.
    Unknown,
}

impl Signature {
    /// The name used in every report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Placement => "placement",
            Self::Cache => "cache",
            Self::Allocation => "allocation",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }
}

/// The figures of one benchmark at two commits, baseline first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Wall time of an operation, nanoseconds.
    pub wall_ns: Option<[f64; 2]>,
    /// CPU time of its thread, if the bench reports it.
    pub cpu_ns: Option<[f64; 2]>,
    /// Whether latency is wall time at either commit.
    pub by_wall: bool,
    /// Whether other threads do some of the work; `cpu_ns` excludes their CPU time.
    pub multithreaded: bool,
    pub counts: Option<[Counts; 2]>,
    pub memory: Option<[Memory; 2]>,
    /// Bytes of input and of output.
    pub sizes: Option<[u64; 2]>,
    /// The fraction of the additional instructions spent managing the heap or copying memory.
    pub heap_share: f64,
}

/// It is waiting if at least this fraction of the additional wall time is not CPU time. The two clocks
/// always differ by a few percent in a slowdown, because other programs preempt the benchmark.
const WAITED: f64 = 0.6;

/// A cause must explain at least this fraction of the change. The simulated processor runs one
/// instruction per cycle, a real one up to four, so an estimate can be too small by that factor.
/// Slowdowns above a factor of three need no more than this: code that is no longer vectorized can
/// take even longer.
const EXPLAINS: f64 = 0.25;

/// Smaller changes of a count are ignored: hash seeds and addresses differ between processes.
const FLAT: f64 = 0.005;

/// Smaller changes of time are noise, like the default of `indifference`.
const SLOWER: f64 = 0.01;

/// An added allocation is the cause if at least this fraction of the additional instructions is spent
/// in the allocator and in copying.
const OF_HEAP: f64 = 0.5;

/// A relative increase in bytes above this is worth mentioning.
const MORE_BYTES: f64 = 0.02;

/// Cycles of a first-level and of a last-level cache miss, as estimated by KCachegrind.
const FIRST_LEVEL: f64 = 10.0;
const LAST_LEVEL: f64 = 100.0;

/// The kind of a slowdown, and the figures it is based on.
pub fn signature(figures: &Figures) -> (Signature, String) {
    let signature = decide(figures);
    (signature, sentence(signature, figures))
}

fn decide(figures: &Figures) -> Signature {
    if waits_by_clocks(figures) {
        return Signature::Waiting;
    }
    match by_figures(figures) {
        // Anything that preempts a system call adds waiting time, so check instructions first.
        Signature::Unknown if waits_in_calls(figures) => Signature::Waiting,
        signature => signature,
    }
}

fn by_figures(figures: &Figures) -> Signature {
    let instructions = instructions_change(figures);
    if allocates_more(figures) {
        let flat = instructions.is_none_or(|change| change < FLAT);
        if flat || figures.heap_share >= OF_HEAP {
            return Signature::Allocation;
        }
    }
    match figures.counts {
        None => Signature::Unknown,
        Some([baseline, candidate]) => by_counts(slowdown(figures), baseline, candidate),
    }
}

/// The cause with the most estimated cycles, if they explain the slowdown.
fn by_counts(slowdown: f64, baseline: Counts, candidate: Counts) -> Signature {
    let before = cycles(&baseline);
    if before.iter().sum::<f64>() <= 0.0 {
        return Signature::Unknown;
    }
    let after = cycles(&candidate);
    let kinds = [Signature::Work, Signature::Placement, Signature::Cache];
    let costs = kinds.into_iter().zip(before.iter().zip(after));
    let (kind, cost) = costs
        .map(|(kind, (before, after))| (kind, after - before))
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .unwrap_or((Signature::Unknown, 0.0));
    let share = cost / before.iter().sum::<f64>();
    match share >= FLAT && share >= EXPLAINS * slowdown.min(2.0) {
        true => kind,
        false => Signature::Unknown,
    }
}

/// Estimated cycles for executing instructions, fetching them, and fetching data.
fn cycles(counts: &Counts) -> [f64; 3] {
    [
        counts.instructions,
        FIRST_LEVEL * counts.i1_misses,
        FIRST_LEVEL * counts.d1_misses + LAST_LEVEL * counts.ll_misses,
    ]
}

/// Candidate / baseline - 1 of the latency.
fn slowdown(figures: &Figures) -> f64 {
    let times = match figures.by_wall {
        true => figures.wall_ns,
        false => figures.cpu_ns.or(figures.wall_ns),
    };
    times.map_or(0.0, change)
}

fn change([baseline, candidate]: [f64; 2]) -> f64 {
    match baseline > 0.0 {
        true => candidate / baseline - 1.0,
        false => 0.0,
    }
}

fn instructions_change(figures: &Figures) -> Option<f64> {
    let counts = figures.counts?;
    Some(change(counts.map(|counts| counts.instructions)))
}

/// Whether the additional wall time is not CPU time. Only for a single thread with its own CPU clock. A busy
/// machine preempts code that takes more CPU time in proportion, which is no waiting.
fn waits_by_clocks(figures: &Figures) -> bool {
    let cpu = figures.cpu_ns.filter(|_| !figures.multithreaded);
    let times = slower_wall(figures).zip(cpu);
    times.is_some_and(|(wall, cpu)| {
        let preempted = (wall[0] * change(cpu)).max(more(cpu));
        more(wall) - preempted >= WAITED * more(wall)
    })
}

/// Whether system calls took the additional wall time. Used where no CPU time is available.
fn waits_in_calls(figures: &Figures) -> bool {
    let clock = figures.cpu_ns.is_some() && !figures.multithreaded;
    let times = slower_wall(figures).zip(figures.counts).filter(|_| !clock);
    times.is_some_and(|(wall, counts)| {
        more(counts.map(|counts| counts.waited_ns)) >= WAITED * more(wall)
    })
}

fn slower_wall(figures: &Figures) -> Option<[f64; 2]> {
    figures.wall_ns.filter(|wall| change(*wall) >= SLOWER)
}

fn more([baseline, candidate]: [f64; 2]) -> f64 {
    candidate - baseline
}

fn allocates_more(figures: &Figures) -> bool {
    let Some([baseline, candidate]) = figures.memory else {
        return false;
    };
    let more_bytes = change([baseline.bytes as f64, candidate.bytes as f64]) >= MORE_BYTES
        || (baseline.bytes == 0 && candidate.bytes > 0);
    candidate.allocations > baseline.allocations || more_bytes || candidate.peak > baseline.peak
}

/// Whether an operation allocates a copy of its input in addition to its output.
pub fn copies_input(memory: &Memory, [bytes_in, bytes_out]: [u64; 2]) -> bool {
    bytes_in > 0 && memory.bytes.saturating_sub(bytes_out) >= bytes_in
}

fn sentence(signature: Signature, figures: &Figures) -> String {
    let mut parts = match signature {
        Signature::Work => vec![instructions(figures)],
        Signature::Placement => vec![fetches(figures), instructions(figures)],
        Signature::Cache => vec![data(figures), instructions(figures)],
        Signature::Allocation => vec![memory(figures), copies(figures), instructions(figures)],
        Signature::Waiting => vec![times(figures), system_calls(figures)],
        Signature::Unknown => vec![instructions(figures)],
    };
    if signature != Signature::Waiting {
        parts.push(times(figures));
    }
    if signature == Signature::Work || signature == Signature::Unknown {
        parts.extend([misses(figures), memory(figures)]);
    }
    let known: Vec<String> = parts.into_iter().flatten().collect();
    match known.is_empty() {
        true => "no figures".to_owned(),
        false => known.join("; "),
    }
}

fn instructions(figures: &Figures) -> Option<String> {
    let counts = figures.counts?.map(|counts| counts.instructions);
    Some(format!("instructions {}", of(counts)))
}

fn times(figures: &Figures) -> Option<String> {
    let wall = figures.wall_ns.map(change);
    let cpu = figures.cpu_ns.map(change);
    match (wall, cpu) {
        (Some(wall), Some(cpu)) => Some(format!(
            "wall time {}, CPU time {}",
            signed_percent(wall),
            signed_percent(cpu)
        )),
        (Some(wall), None) => Some(format!("wall time {}", signed_percent(wall))),
        (None, _) => None,
    }
}

fn system_calls(figures: &Figures) -> Option<String> {
    let waited = figures.counts?.map(|counts| counts.waited_ns.max(0.0));
    (waited[1] > waited[0]).then(|| {
        let [before, after] = waited.map(time);
        format!("waiting in system calls {before} -> {after}")
    })
}

fn fetches(figures: &Figures) -> Option<String> {
    let misses = figures.counts?.map(|counts| counts.i1_misses);
    Some(format!("instruction cache misses {}", of(misses)))
}

fn data(figures: &Figures) -> Option<String> {
    let first = figures.counts?.map(|counts| counts.d1_misses);
    let last = figures.counts?.map(|counts| counts.ll_misses);
    Some(format!(
        "data cache misses {}, last-level misses {}",
        of(first),
        of(last)
    ))
}

fn misses(figures: &Figures) -> Option<String> {
    let [baseline, candidate] = figures.counts?;
    let all = [
        ("I1", baseline.i1_misses, candidate.i1_misses),
        ("D1", baseline.d1_misses, candidate.d1_misses),
        ("LL", baseline.ll_misses, candidate.ll_misses),
    ];
    let all =
        all.map(|(name, before, after)| format!("{name} {} -> {}", count(before), count(after)));
    Some(format!("cache misses {}", all.join(", ")))
}

fn memory(figures: &Figures) -> Option<String> {
    let [baseline, candidate] = figures.memory?;
    let same = (baseline.allocations, baseline.bytes) == (candidate.allocations, candidate.bytes);
    if same {
        return Some(format!("allocations as before ({})", baseline.allocations));
    }
    let counts = |of: fn(&Memory) -> u64| [of(&baseline), of(&candidate)].map(|it| it as f64);
    let [before, after] = counts(|it| it.allocations).map(count);
    let bytes = of(counts(|it| it.bytes));
    Some(format!("allocations {before} -> {after}, bytes {bytes}"))
}

fn copies(figures: &Figures) -> Option<String> {
    let ([baseline, candidate], sizes) = (figures.memory?, figures.sizes?);
    match (
        copies_input(&baseline, sizes),
        copies_input(&candidate, sizes),
    ) {
        (false, true) => Some("now copies its input".to_owned()),
        (true, true) => Some("copies its input at both commits".to_owned()),
        (_, false) => None,
    }
}

/// `+35.0 % (12,034 -> 16,250)`.
fn of(counts: [f64; 2]) -> String {
    let [before, after] = counts.map(count);
    match counts[0] >= 0.5 {
        true => format!("{} ({before} -> {after})", signed_percent(change(counts))),
        false => format!("{before} -> {after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Signature, copies_input, signature};
    use crate::run::{Counts, Memory};

    fn counts(instructions: f64, i1_misses: f64, d1_misses: f64, ll_misses: f64) -> Counts {
        Counts {
            instructions,
            i1_misses,
            d1_misses,
            ll_misses,
            waited_ns: 0.0,
        }
    }

    fn memory(bytes: u64, allocations: u64) -> Memory {
        Memory {
            peak: Some(bytes),
            bytes,
            allocations,
            repeatable: true,
        }
    }

    /// 20 % slower on both clocks.
    fn slower() -> Figures {
        Figures {
            wall_ns: Some([1010.0, 1212.0]),
            cpu_ns: Some([1000.0, 1200.0]),
            memory: Some([memory(100, 1), memory(100, 1)]),
            ..Figures::default()
        }
    }

    fn with(after: Counts) -> Figures {
        Figures {
            counts: Some([counts(1000.0, 1.0, 10.0, 0.0), after]),
            ..slower()
        }
    }

    #[track_caller]
    fn check(figures: &Figures, expected: Signature) {
        let (found, sentence) = signature(figures);
        assert_eq!(found, expected, "{sentence}");
    }

    #[test]
    fn kinds() {
        check(&with(counts(1300.0, 1.0, 10.0, 0.0)), Signature::Work);
        check(&with(counts(1000.0, 21.0, 10.0, 0.0)), Signature::Placement);
        check(&with(counts(1001.0, 1.0, 30.0, 0.0)), Signature::Cache);
        check(&with(counts(1001.0, 1.0, 10.0, 3.0)), Signature::Cache);
        check(&with(counts(1000.0, 1.0, 10.0, 0.0)), Signature::Unknown);
        // 1 % more instructions do not explain 20 % more time.
        check(&with(counts(1010.0, 1.0, 10.0, 0.0)), Signature::Unknown);
        let scalar = Figures {
            cpu_ns: Some([300.0, 2000.0]),
            ..with(counts(1900.0, 1.0, 10.0, 0.0))
        };
        check(&scalar, Signature::Work);
        check(&slower(), Signature::Unknown);
        check(&Figures::default(), Signature::Unknown);
    }

    #[test]
    fn waiting() {
        let sleeps = Figures {
            wall_ns: Some([1000.0, 60_000.0]),
            cpu_ns: Some([1000.0, 4000.0]),
            ..with(counts(1500.0, 1.0, 10.0, 0.0))
        };
        check(&sleeps, Signature::Waiting);
        // Other threads do the work, so the CPU time of this thread says nothing.
        let threads = Figures {
            by_wall: true,
            multithreaded: true,
            ..sleeps
        };
        check(&threads, Signature::Unknown);
        // On a busy machine, code that takes more CPU time is also preempted for longer.
        let busy = Figures {
            wall_ns: Some([1400.0, 1800.0]),
            cpu_ns: Some([450.0, 525.0]),
            ..with(counts(1200.0, 1.0, 10.0, 0.0))
        };
        check(&busy, Signature::Work);
        let mut foreign = Figures {
            cpu_ns: None,
            ..sleeps
        };
        check(&foreign, Signature::Unknown);
        if let Some([_, after]) = &mut foreign.counts {
            after.waited_ns = 55_000.0;
        }
        check(&foreign, Signature::Waiting);
        // A busy loop that is preempted while divan prints.
        let mut busy = Figures {
            cpu_ns: None,
            wall_ns: Some([1000.0, 2000.0]),
            ..with(counts(2100.0, 1.0, 10.0, 0.0))
        };
        if let Some([_, after]) = &mut busy.counts {
            after.waited_ns = 900.0;
        }
        check(&busy, Signature::Work);
        // Preemption lengthens wall time slightly more than CPU time.
        let preempted = Figures {
            wall_ns: Some([1000.0, 1300.0]),
            cpu_ns: Some([1000.0, 1200.0]),
            ..with(counts(1300.0, 1.0, 10.0, 0.0))
        };
        check(&preempted, Signature::Work);
    }

    #[test]
    fn allocation() {
        let more = |instructions: f64, heap_share: f64| Figures {
            memory: Some([memory(100, 1), memory(8100, 2)]),
            heap_share,
            ..with(counts(instructions, 1.0, 10.0, 0.0))
        };
        check(&more(1300.0, 0.9), Signature::Allocation);
        check(&more(1000.0, 0.0), Signature::Allocation);
        // A loop and a small allocation.
        check(&more(1300.0, 0.1), Signature::Work);
        let without_valgrind = Figures {
            counts: None,
            ..more(0.0, 0.0)
        };
        check(&without_valgrind, Signature::Allocation);
        assert!(copies_input(&memory(8100, 2), [8000, 100]));
        assert!(!copies_input(&memory(8000, 2), [8000, 100]));
        assert!(!copies_input(&memory(8000, 2), [0, 100]));
    }

    #[test]
    fn sentences_have_the_figures() {
        let line = |figures: &Figures| {
            let (kind, sentence) = signature(figures);
            format!("{}: {sentence}", kind.word())
        };
        let mut lines = Vec::new();
        lines.push(line(&with(counts(1300.0, 1.0, 10.0, 0.0))));
        let clone = Figures {
            memory: Some([memory(100, 1), memory(8100, 2)]),
            sizes: Some([8000, 100]),
            heap_share: 0.9,
            ..with(counts(1300.0, 1.0, 10.0, 0.0))
        };
        lines.push(line(&clone));
        let sleeps = Figures {
            wall_ns: Some([1000.0, 60_000.0]),
            cpu_ns: Some([1000.0, 1400.0]),
            ..slower()
        };
        lines.push(line(&sleeps));
        insta::assert_snapshot!(lines.join("\n"));
    }
}
