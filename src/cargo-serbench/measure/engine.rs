//! Measures arms in blocks. All timing happens here.
//!
//! A block starts one fresh process for each arm on one CPU and alternates slices of 1-2 ms
//! between them, forwards and backwards in turn, so noise hits all of them equally. Blocks run one
//! after another, never two at once.

mod foreign;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serbench::{
    protocol::{Answer, Command, Slice},
    random::Random,
};

use crate::{
    build::Executable,
    interrupt,
    measure::{
        schedule::Job,
        work::{self, Batches, Warmed, Work},
    },
    process::{self, Disturbance, Launch, Launcher, Started, Worker, failure_summary},
    run::{Arm, Block, Phase, Side, State, Times},
    select::BenchId,
};

/// Durations of slices and blocks.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Wall time of one slice, unless a single operation takes longer.
    pub slice: Duration,
    /// Slices per arm in a block; fewer if operations are long.
    pub alternations: u32,
    /// Total wall time of a block's slices if operations are long.
    pub block: Duration,
}

impl Pace {
    /// For the same code at two commits, which disturbances of the machine slow down equally: the noise is
    /// in the slices.
    pub const LONG: Self = Self {
        slice: Duration::from_micros(1500),
        alternations: 8,
        block: Duration::from_millis(60),
    };

    /// For different code, which a busy neighbour slows down by different amounts for as long as it is
    /// busy: the noise is in the blocks, so many short ones are better.
    pub const BRIEF: Self = Self {
        slice: Duration::from_micros(1000),
        alternations: 4,
        block: Duration::from_millis(60),
    };
}

/// Everything a block needs besides its arms.
#[derive(Debug)]
pub struct Engine<'a> {
    launcher: &'a Launcher,
    /// Executables by side and id; `native` says whether they are workers.
    subjects: BTreeMap<(Side, BenchId), Runnable>,
    pace: Pace,
    random: Random,
    cpus: Vec<usize>,
    /// Operations per slice, the same in all blocks.
    work: Work,
}

/// Names the arm that failed.
#[derive(Debug)]
struct ArmFailed {
    side: Side,
    id: BenchId,
    state: State,
}

impl std::fmt::Display for ArmFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` could not be measured", self.id)
    }
}

impl std::error::Error for ArmFailed {}

/// Adds the arm whose process failed to an error.
fn with_arm<T>(arm: &Arm, result: Result<T>) -> Result<T> {
    result.map_err(|error| {
        ArmFailed {
            side: arm.side,
            id: arm.id.clone(),
            state: State::Failed(format!("{error:#}")),
        }
        .into()
    })
}

/// How to run an arm.
#[derive(Clone, Debug)]
pub struct Runnable {
    pub executable: Executable,
    /// The benchmark's name in it.
    pub path: String,
    /// The number of threads to run with, for benchmarks with several.
    pub threads: Option<u32>,
    pub native: bool,
    pub multithreaded: bool,
    /// Whether the copies are links with functions in several orders, the same at both commits.
    pub aligned: bool,
    /// Used by the screen instead: copies as cargo linked them.
    pub for_screen: Option<Vec<PathBuf>>,
}

impl Runnable {
    /// Chooses one of the executable's copies. Aligned copies use the same random `variant` for all arms
    /// of a block.
    fn drawn(&self, phase: Phase, variant: &mut Option<u64>, random: &mut Random) -> Self {
        let mut drawn = self.clone();
        let as_linked = self.for_screen.as_ref().filter(|_| phase == Phase::Screen);
        let copies = as_linked.unwrap_or(&self.executable.copies);
        let number = match self.aligned && as_linked.is_none() {
            true => *variant.get_or_insert_with(|| random.below(1 << 32)) % copies.len() as u64,
            false => random.below(copies.len() as u64),
        };
        drawn.executable.path.clone_from(&copies[number as usize]);
        drawn
    }
}

impl<'a> Engine<'a> {
    pub fn new(
        launcher: &'a Launcher,
        subjects: BTreeMap<(Side, BenchId), Runnable>,
        pace: Pace,
        seed: u64,
    ) -> Self {
        Self {
            launcher,
            subjects,
            pace,
            random: Random::seeded(seed),
            cpus: process::allowed_cpus(),
            work: Work::default(),
        }
    }

    /// Shuffles items (Fisher and Yates 1938).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.random.below(last as u64 + 1) as usize);
        }
    }

    /// Measures one block. Fails if a process of an arm fails.
    pub fn block(&mut self, phase: Phase, arms: &[Arm]) -> Result<Block> {
        interrupt::check()?;
        let started = Instant::now();
        let mut runnables = Vec::new();
        let mut variant = None;
        for arm in arms {
            let runnable = self
                .subjects
                .get(&(arm.side, arm.id.clone()))
                .with_context(|| format!("no executable for `{}`", arm.id))?;
            runnables.push(runnable.drawn(phase, &mut variant, &mut self.random));
        }
        // The threads of one arm would have to share a single CPU.
        let pinned = !runnables.iter().any(|runnable| runnable.multithreaded);
        let cpu = (pinned && !self.cpus.is_empty())
            .then(|| self.cpus[self.random.below(self.cpus.len() as u64) as usize]);
        let backwards = self.random.below(2) == 1;
        let (slices, disturbance) = if runnables.iter().all(|runnable| runnable.native) {
            self.alternate_workers(arms, &runnables, cpu, backwards)?
        } else {
            let slices = self.alternate_processes(arms, &runnables, cpu, backwards)?;
            (slices, None)
        };
        let seconds = started.elapsed().as_secs_f64();
        Ok(Block {
            phase,
            arms: arms.to_vec(),
            cpu,
            seconds,
            slices,
            backwards,
            disturbance,
        })
    }

    fn alternate_workers(
        &mut self,
        arms: &[Arm],
        runnables: &[Runnable],
        cpu: Option<usize>,
        backwards: bool,
    ) -> Result<(Vec<Vec<Times>>, Option<Disturbance>)> {
        // A process gets memory that its predecessors left, so the order of starting makes some
        // benchmarks 1 to 2 % faster or slower. Start them in random order.
        let starting = order(arms.len(), 0, self.random.below(2) == 1);
        let started = starting.iter().map(|&arm| (&arms[arm], &runnables[arm]));
        let mut workers = Vec::new();
        for (arm, runnable) in started {
            workers.push(self.worker(arm, runnable, cpu)?);
        }
        let started = starting.iter().map(|&arm| &arms[arm]);
        let alternations = self.warm(started.zip(&mut workers).collect())?;
        let processes: Vec<u32> = workers.iter().map(Worker::process).collect();
        let before = Disturbance::so_far(&processes, cpu);
        let mut slices = vec![Vec::new(); arms.len()];
        for alternation in 0..alternations {
            interrupt::check()?;
            for arm in order(arms.len(), alternation, backwards) {
                let Batches { batches, size } = self.work_of(&arms[arm])?;
                let command = Command::Run { batches, size };
                // A forward or backward order is its own inverse.
                let worker = &mut workers[starting[arm]];
                let slice = with_arm(&arms[arm], ask(worker, command))?;
                slices[arm].push(with_arm(&arms[arm], times(&slice))?);
            }
        }
        let after = Disturbance::so_far(&processes, cpu);
        let disturbance = before.zip(after);
        let disturbance = disturbance.and_then(|(before, after)| after.since(before));
        Ok((slices, disturbance))
    }

    fn worker(&mut self, arm: &Arm, runnable: &Runnable, cpu: Option<usize>) -> Result<Worker> {
        let launch = Launch {
            executable: &runnable.executable,
            id: &runnable.path,
            threads: runnable.threads,
            cpu,
            slowdown: arm.slowdown,
            padding: self.random.below(4096) as usize,
        };
        with_arm(arm, connect(self.launcher, launch))
    }

    /// Warms up the workers, sets the work of a slice, and returns the number of alternations.
    fn warm(&mut self, workers: Vec<(&Arm, &mut Worker)>) -> Result<u32> {
        let nanos = self.pace.slice.as_nanos() as u64 / 2;
        let mut warmed = Vec::new();
        for (arm, worker) in workers {
            let answer = with_arm(arm, worker.ask(Command::Warm { nanos }))?;
            let operation_ns = with_arm(arm, slice_of(&answer))?.fastest_ns;
            let size = answer.text("size").and_then(|size| size.parse().ok());
            let filling = work::filling(operation_ns, size, self.pace.slice);
            warmed.push((
                arm,
                Warmed {
                    operation_ns,
                    filling,
                },
            ));
        }
        let arms = warmed.len() as u32;
        self.work.settle(warmed.clone());
        let mut longest = Duration::ZERO;
        for (arm, Warmed { operation_ns, .. }) in warmed {
            let Batches { batches, size } = self.work_of(arm)?;
            let slice_ns = operation_ns * (batches * size) as f64;
            longest = longest.max(Duration::from_nanos(slice_ns as u64));
        }
        Ok(self.pace.alternations(longest * arms))
    }

    fn work_of(&self, arm: &Arm) -> Result<Batches> {
        let work = self.work.of(arm);
        work.with_context(|| format!("`{}` was not warmed up", arm.id))
    }
}

/// When to stop measuring.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub deadline: Instant,
    /// Blocks that everything gets even after the deadline.
    pub least_blocks: usize,
}

/// Measures all of `work` in rounds of one block each, in random order, and appends to `blocks`.
/// Stops at `limit`. A benchmark that fails is not retried; it is returned with the side
/// that failed and its new state.
pub fn run_schedule(
    engine: &mut Engine<'_>,
    work: &[Job],
    limit: Limit,
    blocks: &mut Vec<Block>,
    mut progress: impl FnMut(usize, usize, &Arm),
) -> Result<BTreeMap<BenchId, (Side, State)>> {
    let total: usize = work.iter().map(|work| work.blocks).sum();
    let most = work.iter().map(|work| work.blocks).max().unwrap_or(0);
    let (mut done, mut failures) = (0, BTreeMap::new());
    for round in 0..most {
        let mut order: Vec<&Job> = work.iter().filter(|work| work.blocks > round).collect();
        engine.shuffle(&mut order);
        for Job { phase, arms, .. } in order {
            if round >= limit.least_blocks && Instant::now() > limit.deadline {
                return Ok(failures);
            }
            let last = &arms[arms.len() - 1];
            progress(done, total, last);
            done += 1;
            if arms.iter().any(|arm| failures.contains_key(&arm.id)) {
                continue;
            }
            match engine.block(*phase, arms) {
                Ok(block) => blocks.push(block),
                Err(error) => {
                    interrupt::check()?;
                    let ArmFailed { side, id, state } = error.downcast()?;
                    failures.insert(id, (side, state));
                }
            }
        }
    }
    Ok(failures)
}

/// An alternation that takes this long is the only one of its block.
const LONG_ROUND: Duration = Duration::from_millis(500);

const OPTIMISED_AWAY: &str = "takes no time, so its work was optimised away; return the result or use \
    `divan::black_box`";

impl Pace {
    /// The number of alternations in a block if one takes `round`.
    fn alternations(&self, round: Duration) -> u32 {
        // A verdict needs many blocks. If each has a single alternation, their random directions balance.
        if round >= LONG_ROUND {
            return 1;
        }
        let fitting = self.block.as_nanos() / round.as_nanos().max(1);
        // An even number balances the two orders.
        (u32::try_from(fitting)
            .unwrap_or(u32::MAX)
            .clamp(2, self.alternations)
            / 2)
            * 2
    }
}

fn connect(launcher: &Launcher, launch: Launch<'_>) -> Result<Worker> {
    match launcher.worker(launch)? {
        Started::Worker(worker) => Ok(worker),
        Started::Ended(ended) => {
            bail!(
                "{}",
                failure_summary(&ended.stderr, &ended.status.to_string())
            )
        }
    }
}

fn ask(worker: &mut Worker, command: Command) -> Result<Slice> {
    slice_of(&worker.ask(command)?)
}

fn slice_of(answer: &Answer) -> Result<Slice> {
    Slice::from_answer(answer).context("the worker answered without times")
}

/// ABBA: every other alternation is reversed.
fn order(arms: usize, alternation: u32, backwards: bool) -> Vec<usize> {
    let forwards = alternation.is_multiple_of(2) != backwards;
    if forwards {
        (0..arms).collect()
    } else {
        (0..arms).rev().collect()
    }
}

fn times(slice: &Slice) -> Result<Times> {
    let operations = slice.operations.max(1) as f64;
    let (cpu, wall, fastest) = (slice.cpu_ns / operations, slice.median_ns, slice.fastest_ns);
    if ![cpu, wall, fastest].iter().all(|time| *time >= 1e-3) {
        bail!(OPTIMISED_AWAY);
    }
    let times = Times {
        cpu: Some(cpu),
        wall,
        fastest,
    };
    Ok(times.rounded())
}

#[cfg(test)]
mod tests {
    use super::{Executable, Pace, Phase, Random, Runnable, Slice, Times, order, times};
    use std::{collections::BTreeSet, path::PathBuf, time::Duration};

    #[test]
    fn blocks_start_all_copies() {
        let copies: Vec<PathBuf> = (0..8).map(|copy| format!("b.{copy}").into()).collect();
        let runnable = Runnable {
            executable: Executable {
                path: copies[0].clone(),
                copies: copies.clone(),
                link_inputs: None,
                folder: PathBuf::new(),
            },
            path: "b::x".to_owned(),
            threads: None,
            native: true,
            multithreaded: false,
            aligned: false,
            for_screen: None,
        };
        let mut random = Random::seeded(1);
        let drawn: BTreeSet<PathBuf> = (0..100)
            .map(|_| {
                runnable
                    .drawn(Phase::Screen, &mut None, &mut random)
                    .executable
                    .path
            })
            .collect();
        assert_eq!(drawn, copies.iter().cloned().collect());
        let aligned = Runnable {
            aligned: true,
            ..runnable
        };
        for variant in 0..100 {
            let drawn = aligned
                .drawn(Phase::Screen, &mut Some(variant), &mut random)
                .executable
                .path;
            assert_eq!(drawn, copies[variant as usize % copies.len()]);
        }
        let linked: Vec<PathBuf> = vec!["b.linked".into()];
        let confirmed = Runnable {
            for_screen: Some(linked.clone()),
            ..aligned
        };
        let mut draw = |phase| {
            confirmed
                .drawn(phase, &mut Some(3), &mut random)
                .executable
                .path
        };
        assert_eq!(draw(Phase::Screen), linked[0]);
        assert_eq!(draw(Phase::Confirm), copies[3]);
    }

    #[test]
    fn stored_times_are_those_of_the_verdict() {
        let slice = Slice {
            operations: 7,
            wall_ns: 1000.0,
            cpu_ns: 1000.0,
            process_cpu_ns: 1000.0,
            waited: 0.0,
            median_ns: 100.0 / 3.0,
            fastest_ns: 0.123_456_789,
        };
        let times = times(&slice).unwrap();
        let stored = serde_json::to_string(&times).unwrap();
        assert_eq!(serde_json::from_str::<Times>(&stored).unwrap(), times);
    }

    #[test]
    fn long_operations_alternate_less() {
        let pace = Pace::LONG;
        assert_eq!(pace.alternations(Duration::from_millis(3)), 8);
        assert_eq!(pace.alternations(Duration::from_millis(12)), 4);
        assert_eq!(pace.alternations(Duration::from_millis(400)), 2);
        assert_eq!(pace.alternations(Duration::from_secs(1)), 1);
    }

    #[test]
    fn orders_are_balanced() {
        assert_eq!(order(3, 0, false), [0, 1, 2]);
        assert_eq!(order(3, 1, false), [2, 1, 0]);
        assert_eq!(order(3, 0, true), [2, 1, 0]);
    }
}
