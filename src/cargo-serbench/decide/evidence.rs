//! Collects everything from a run of two commits that a verdict may depend on.

use crate::{
    compare::stats,
    compare::{self, Clock},
    config::{Config, Tolerance},
    decide::disturbed,
    run::{Benchmark, Block, Memory, Phase, Run, Side, Verification},
    select::BenchId,
};

/// The result of one block: a pair of fresh processes. All log-ratios are natural logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockRatio {
    pub phase: Phase,
    /// Log-ratio candidate / baseline of thread CPU time.
    pub cpu: f64,
    /// Log-ratio candidate / baseline of wall time.
    pub wall: f64,
    /// Seconds spent on the block and on those dropped before it.
    pub seconds: f64,
}

/// Why a benchmark is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To be judged.
    Benchmark,
    /// A benchmark compared with itself, which must not be called slower.
    NullControl,
    /// A benchmark compared with itself slowed down by twice the threshold, which must be detected.
    PositiveControl,
}

/// Which commits have the benchmark.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// Both, with different code.
    Both,
    /// Both, with the same machine code and data.
    Identical,
    /// Only in the candidate.
    Added,
    /// Only in the baseline, or skipped at the candidate.
    Removed,
    /// Skipped at the candidate and absent or skipped at the baseline.
    Skipped(String),
    /// It could not be measured or its output was wrong; the reason.
    Failed(String),
    /// The same, but only at the baseline, so there is nothing to compare with.
    FailedAtBaseline(String),
}

/// The memory of one operation at both commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPair {
    /// `None` if the baseline lacks the benchmark or has no counts.
    pub baseline: Option<Memory>,
    pub candidate: Memory,
    /// Whether all repeats gave the same counts.
    pub repeatable: bool,
}

/// All that is known about one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub id: BenchId,
    pub role: Role,
    pub presence: Presence,
    /// The benchmark whose change is divided out; `None` or its own id if there is none.
    pub reference: Option<BenchId>,
    /// Whether it uses other threads or waits, or has no CPU clock, so that only wall time is meaningful.
    pub by_wall: bool,
    pub tolerance: Tolerance,
    /// Whether the screen measured the executables as cargo linked them, and only the confirmation
    /// used several orders of functions.
    pub screened_as_linked: bool,
    /// Whether an improvement needs no fresh blocks, as in the runs of older versions.
    pub improved_by_screen: bool,
    /// In the order in which they were measured.
    pub blocks: Vec<BlockRatio>,
    /// Log-ratios encoder / reference of blocks at the candidate only, on the judged clock. Only
    /// needed for a limit.
    pub to_reference: Vec<f64>,
    pub memory: Option<MemoryPair>,
}

#[cfg(test)]
impl Evidence {
    /// A benchmark of both commits without a reference, before it is measured.
    pub(crate) fn unmeasured(id: &str) -> Self {
        Self {
            id: id.into(),
            role: Role::Benchmark,
            presence: Presence::Both,
            reference: None,
            by_wall: false,
            tolerance: Tolerance::default(),
            screened_as_linked: false,
            improved_by_screen: false,
            blocks: Vec::new(),
            to_reference: Vec::new(),
            memory: None,
        }
    }
}

/// The id of the control for benchmark `id`.
pub fn control_id(id: &BenchId, role: Role) -> BenchId {
    match role {
        Role::Benchmark => id.clone(),
        Role::NullControl => BenchId::new(format!("{} against itself", id.as_str())),
        Role::PositiveControl => BenchId::new(format!("{} slowed down", id.as_str())),
    }
}

/// All evidence in `run`: benchmarks by id, then controls.
pub fn evidence(run: &Run, config: &Config) -> Vec<Evidence> {
    let mut all: Vec<Evidence> = run
        .benchmarks
        .iter()
        .map(|(id, benchmark)| of_benchmark(run, id, benchmark, config.tolerance(id)))
        .collect();
    if let Some(id) = &run.self_check {
        let verification = run
            .benchmarks
            .get(id)
            .and_then(|benchmark| benchmark.candidate.as_ref());
        for role in [Role::NullControl, Role::PositiveControl] {
            // Only workers can be slowed down.
            if role == Role::NullControl
                || verification.is_some_and(|verification| verification.native)
            {
                all.push(of_control(
                    run,
                    id,
                    verification,
                    role,
                    config.tolerance(id),
                ));
            }
        }
    }
    all
}

fn of_benchmark(run: &Run, id: &BenchId, benchmark: &Benchmark, tolerance: Tolerance) -> Evidence {
    let to_reference = match &benchmark.reference {
        Some(reference) if tolerance.max_latency_ratio.is_some() => {
            let clock = compare::clock(run, &[reference, id], Side::Candidate);
            let (denominator, numerator) = (
                (Side::Candidate, reference.as_str()),
                (Side::Candidate, id.as_str()),
            );
            compare::log_ratios(&run.blocks, denominator, numerator, clock)
        }
        Some(_) | None => Vec::new(),
    };
    let sides = [&benchmark.baseline, &benchmark.candidate];
    Evidence {
        id: id.clone(),
        role: Role::Benchmark,
        presence: presence(benchmark, run.identical_measured),
        reference: benchmark.reference.clone(),
        by_wall: sides.into_iter().flatten().any(|it| !it.has_cpu_latency()),
        tolerance,
        screened_as_linked: run.layout.is_some_and(|layout| layout.screened_as_linked),
        improved_by_screen: run.improves_by_screen(),
        blocks: blocks(run, |block| {
            let sides = [block.arms[0].side, block.arms[1].side];
            sides == [Side::Baseline, Side::Candidate] && block.arms[0].id == *id
        }),
        to_reference,
        memory: memory(benchmark),
    }
}

fn of_control(
    run: &Run,
    id: &BenchId,
    verification: Option<&Verification>,
    role: Role,
    tolerance: Tolerance,
) -> Evidence {
    Evidence {
        id: control_id(id, role),
        role,
        presence: match verification.and_then(Verification::failure) {
            Some(reason) => Presence::Failed(reason.to_owned()),
            None => Presence::Both,
        },
        reference: None,
        by_wall: verification.is_some_and(|it| !it.has_cpu_latency()),
        tolerance: Tolerance {
            max_latency_ratio: None,
            max_memory_ratio: None,
            ..tolerance
        },
        screened_as_linked: false,
        improved_by_screen: run.improves_by_screen(),
        blocks: blocks(run, |block| {
            let [first, second] = [&block.arms[0], &block.arms[1]];
            first.side == second.side
                && first.id == *id
                && second.id == *id
                && (second.slowdown > 0.0) == (role == Role::PositiveControl)
        }),
        to_reference: Vec::new(),
        memory: None,
    }
}

fn presence(benchmark: &Benchmark, identical_measured: bool) -> Presence {
    match (&benchmark.baseline, &benchmark.candidate) {
        (_, Some(candidate)) if candidate.failure().is_some() => {
            Presence::Failed(candidate.failure().unwrap_or_default().to_owned())
        }
        (baseline, Some(candidate)) if candidate.skipped().is_some() => match baseline {
            Some(baseline) if baseline.is_measurable() => Presence::Removed,
            Some(_) | None => Presence::Skipped(candidate.skipped().unwrap_or_default().to_owned()),
        },
        (Some(baseline), Some(candidate)) => {
            if let Some(reason) = baseline.failure() {
                Presence::FailedAtBaseline(reason.to_owned())
            } else if baseline.skipped().is_some() {
                Presence::Added
            } else if baseline.is_same_code(candidate) && !identical_measured {
                Presence::Identical
            } else {
                Presence::Both
            }
        }
        (None, Some(_)) => Presence::Added,
        (Some(_), None) | (None, None) => Presence::Removed,
    }
}

/// The paired blocks of `run` that match `wanted`, without dropped ones.
fn blocks(run: &Run, wanted: impl Fn(&Block) -> bool) -> Vec<BlockRatio> {
    let log_ratio = |block: &Block, clock| {
        let [first, second] = [0, 1].map(|arm| compare::times(&block.slices[arm], clock));
        stats::block_log_ratio(&first, &second)
    };
    let wanted = |block: &&Block| block.arms.len() == 2 && wanted(block);
    disturbed::counted(run.blocks.iter().filter(wanted))
        .into_iter()
        .map(|(block, seconds)| BlockRatio {
            phase: block.phase,
            cpu: log_ratio(block, Clock::Cpu),
            wall: log_ratio(block, Clock::Wall),
            seconds,
        })
        .collect()
}

fn memory(benchmark: &Benchmark) -> Option<MemoryPair> {
    let counts = |verification: &Option<Verification>| verification.as_ref()?.memory;
    let candidate = counts(&benchmark.candidate)?;
    let baseline = counts(&benchmark.baseline);
    let repeatable = candidate.repeatable && baseline.is_none_or(|baseline| baseline.repeatable);
    Some(MemoryPair {
        baseline,
        candidate,
        repeatable,
    })
}
