//! Simulates machines with known noise, to measure the error rates and the cost of the rules.
//!
//! The noise models follow recordings of shared machines: a core that runs at one of two
//! speeds for milliseconds at a time (because its hardware sibling is busy), slices that vary by
//! several percent, preemption that only the wall clock sees, processes that are randomly faster
//! or slower than others of the same program, and tails of whole blocks far heavier than
//! normal.

mod scarce;

use serbench::random::Random;

use super::{Decision, Policy, Verdict, decide, next};
use crate::compare::stats::{block_log_ratio, normal_quantile};
use crate::config::Tolerance;
use crate::decide::evidence::{BlockRatio, Evidence};

/// The noise of a machine. Fractions and standard deviations of log-times; times in milliseconds.
#[derive(Clone, Copy)]
struct Noise {
    /// The core is slower by this factor while its sibling is busy.
    slow: f64,
    /// Median time in the fast and in the slow state, and the standard deviations of their logs.
    dwell: [(f64, f64); 2],
    /// Between slices.
    slice: f64,
    /// Between processes of the same program.
    process: f64,
    /// Linear drift of the speed within a block.
    drift: f64,
    /// Fraction of slices that are preempted, for 4 ms on average, seen by the wall clock only.
    preempted: f64,
    /// Replaces all of the above: blocks with the first deviation, and this fraction with the second, wider
    /// one, on the CPU clock; on the wall clock both are 1.4 times as wide.
    tails: Option<(f64, f64, f64)>,
}

const QUIET: Noise = Noise {
    slow: 1.0,
    dwell: [(1.0, 0.0), (1.0, 0.0)],
    slice: 0.02,
    process: 0.004,
    drift: 0.0,
    preempted: 0.01,
    tails: None,
};

/// Fast periods of 1 ms (ninth decile 4), slow periods of 33 ms (286), slower by 1.43.
const TWO_SPEEDS: Noise = Noise {
    slow: 1.43,
    dwell: [(1.0, 1.08), (33.0, 1.685)],
    slice: 0.025,
    process: 0.009,
    drift: 0.0,
    preempted: 0.05,
    tails: None,
};

/// Both states last equally long, so that the speed changes within most blocks.
const FLICKER: Noise = Noise {
    dwell: [(4.0, 1.0), (4.0, 1.0)],
    preempted: 0.15,
    ..TWO_SPEEDS
};

const DRIFT: Noise = Noise {
    drift: 0.3,
    ..TWO_SPEEDS
};

/// Blocks of a machine with four times as many runnable threads as cores: robust standard deviation 3.3 %,
/// standard deviation 7.9 %.
const TAILS: Noise = Noise {
    tails: Some((0.0305, 0.1, 0.23)),
    ..QUIET
};

/// Too noisy to see 3 %.
const HOPELESS: Noise = Noise {
    tails: Some((0.25, 0.3, 1.0)),
    ..QUIET
};

/// Measures one block of `log_ratio`; `stall` slows down the wall clock only.
fn block(random: &mut Random, noise: &Noise, log_ratio: f64, stall: f64) -> (f64, f64) {
    if let Some((central, share, wide)) = noise.tails {
        let width = if random.unit() < share { wide } else { central };
        let cpu = log_ratio + normal(random) * width;
        let wall = cpu + stall + normal(random) * width * 0.98;
        return (cpu, wall);
    }
    let mut core = Core::new(random, noise);
    let processes = [0.0, log_ratio].map(|log| log + normal(random) * noise.process);
    let candidate_first = random.below(2) == 1;
    // Per clock, per arm.
    let mut times = [const { [const { Vec::new() }; 2] }; 2];
    for pair in 0..8 {
        // ABBA or BAAB.
        let order = usize::from(candidate_first ^ (pair % 2 == 1));
        for (place, arm) in [(0, order), (1, 1 - order)] {
            let slow = core.slice(random, noise);
            let drift = noise.drift * f64::from(2 * pair + place) / 16.0;
            let cpu = processes[arm] + slow + drift + normal(random) * noise.slice;
            let preempted = if random.unit() < noise.preempted {
                (1.0 - 4.0 * (1.0 - random.unit()).ln() / 1.5).ln()
            } else {
                0.0
            };
            let stalled = if arm == 1 { stall } else { 0.0 };
            times[0][arm].push(cpu.exp());
            times[1][arm].push((cpu + preempted + stalled).exp());
        }
    }
    let [cpu, wall] = times.map(|[baseline, candidate]| block_log_ratio(&baseline, &candidate));
    (cpu, wall)
}

/// A core that switches between two speeds.
struct Core {
    fast: bool,
    /// Milliseconds left in this state.
    left: f64,
}

impl Core {
    fn new(random: &mut Random, noise: &Noise) -> Self {
        // States are hit in proportion to their mean durations, long ones in the middle.
        let mean = |(median, deviation): (f64, f64)| median * (deviation * deviation / 2.0).exp();
        let [fast, slow] = noise.dwell.map(mean);
        let fast = random.unit() < fast / (fast + slow);
        let left = Self::dwell(random, noise, fast) * random.unit();
        Self { fast, left }
    }

    fn dwell(random: &mut Random, noise: &Noise, fast: bool) -> f64 {
        let (median, deviation) = noise.dwell[usize::from(!fast)];
        median * (normal(random) * deviation).exp()
    }

    /// The slowdown of a slice of 1.5 ms, as a logarithm.
    fn slice(&mut self, random: &mut Random, noise: &Noise) -> f64 {
        let (mut rest, mut slow) = (1.5_f64, 0.0);
        while rest > 0.0 {
            let part = rest.min(self.left);
            slow += if self.fast { 0.0 } else { part };
            rest -= part;
            self.left -= part;
            if self.left <= 0.0 {
                self.fast = !self.fast;
                self.left = Self::dwell(random, noise, self.fast);
            }
        }
        // During the slow part of the time, less work is done.
        let work = 1.0 - slow / 1.5 * (1.0 - 1.0 / noise.slow);
        -work.ln()
    }
}

fn normal(random: &mut Random) -> f64 {
    normal_quantile(random.unit().clamp(1e-12, 1.0 - 1e-12))
}

/// One gate: twelve benchmarks of three data types, each with a reference.
struct Plan {
    noise: Noise,
    threshold: f64,
    /// The slowdown of the second benchmark, an encoder, or of the first, a reference.
    slowdown: f64,
    reference: bool,
    /// A slowdown of the wall clock only.
    stall: f64,
    /// Without references.
    alone: bool,
    /// All benchmarks except the references are slower, not only one.
    everywhere: bool,
}

const SAME: Plan = Plan {
    noise: QUIET,
    threshold: 0.03,
    slowdown: 0.0,
    reference: false,
    stall: 0.0,
    alone: false,
    everywhere: false,
};

const BENCHMARKS: usize = 12;
const ENCODERS: usize = 4;

fn run(plan: &Plan, policy: &Policy, seed: u64) -> (Vec<Evidence>, Vec<Decision>) {
    let mut random = Random::seeded(seed);
    let mut evidence: Vec<Evidence> = (0..BENCHMARKS)
        .map(|index| Evidence {
            reference: (!plan.alone).then(|| (index / ENCODERS * ENCODERS).to_string().into()),
            tolerance: Tolerance {
                threshold: plan.threshold,
                ..Tolerance::default()
            },
            ..Evidence::unmeasured(&index.to_string())
        })
        .collect();
    let changed = usize::from(!plan.reference);
    loop {
        let requests = next(&evidence, policy);
        if requests.is_empty() {
            break;
        }
        for request in requests {
            let index: usize = request.id.parse().unwrap();
            let is_changed = index == changed
                || (plan.everywhere && (plan.alone || !index.is_multiple_of(ENCODERS)));
            let of = |size: f64| if is_changed { size.ln_1p() } else { 0.0 };
            for _ in 0..request.blocks {
                let (cpu, wall) =
                    block(&mut random, &plan.noise, of(plan.slowdown), of(plan.stall));
                evidence[index].blocks.push(BlockRatio {
                    phase: request.phase,
                    cpu,
                    wall,
                    seconds: 0.03,
                });
            }
        }
    }
    let decisions = decide(&evidence, policy);
    (evidence, decisions)
}

/// Counts over many gates.
#[derive(Debug, Default)]
struct Counts {
    /// Gates that called an unchanged benchmark this.
    false_regressed: usize,
    false_improved: usize,
    /// Gates that called the changed benchmark this.
    regressed: usize,
    unchanged: usize,
    /// Unchanged benchmarks that stayed inconclusive.
    inconclusive: usize,
    /// Blocks per benchmark, both phases.
    blocks: f64,
    sensitivity: f64,
}

fn simulate(plan: &Plan, policy: &Policy, gates: usize) -> Counts {
    let changed = usize::from(!plan.reference);
    let has_change = plan.slowdown.abs() > 0.0 || plan.stall.abs() > 0.0;
    let mut counts = Counts::default();
    for seed in 0..gates {
        let (evidence, decisions) = run(plan, policy, seed as u64 + 1);
        let blocks: usize = evidence.iter().map(|evidence| evidence.blocks.len()).sum();
        counts.blocks += blocks as f64 / (BENCHMARKS * gates) as f64;
        let sensitivity = decisions[1].sensitivity.unwrap_or(f64::INFINITY);
        counts.sensitivity += sensitivity / gates as f64;
        // A changed reference changes the ratios of the benchmarks divided by it.
        let affected =
            |index: usize| has_change && (index == changed || (plan.reference && index < ENCODERS));
        let innocent = |verdict| {
            let found = |(index, decision): &(usize, &Decision)| {
                !affected(*index) && decision.verdict == verdict
            };
            decisions.iter().enumerate().filter(found).count()
        };
        counts.false_regressed += innocent(Verdict::Regressed).min(1);
        counts.false_improved += innocent(Verdict::Improved).min(1);
        counts.inconclusive += innocent(Verdict::Inconclusive);
        counts.regressed += usize::from(decisions[changed].verdict == Verdict::Regressed);
        counts.unchanged += usize::from(decisions[changed].verdict == Verdict::Unchanged);
    }
    counts
}

/// Robust (1.4826 x median deviation) and plain standard deviation of single blocks, in
/// percent, on both clocks.
fn spread_of_blocks(noise: &Noise) -> [(f64, f64); 2] {
    let mut random = Random::seeded(1);
    let blocks: Vec<(f64, f64)> = (0..4000)
        .map(|_| block(&mut random, noise, 0.0, 0.0))
        .collect();
    let spread = |values: Vec<f64>| {
        let deviations: Vec<f64> = values.iter().map(|value| value.abs()).collect();
        let squares: f64 = values.iter().map(|value| value * value).sum();
        let robust = 148.26 * crate::compare::stats::median(&deviations);
        (robust, 100.0 * (squares / values.len() as f64).sqrt())
    };
    [
        spread(blocks.iter().map(|block| block.0).collect()),
        spread(blocks.iter().map(|block| block.1).collect()),
    ]
}

/// The percentage of gates that called the changed benchmark `regressed`.
fn detection(plan: &Plan, gates: usize) -> f64 {
    let counts = simulate(plan, &Policy::default(), gates);
    assert_eq!(counts.false_regressed, 0);
    100.0 * counts.regressed as f64 / gates as f64
}

#[test]
fn equal_code_passes_quickly() {
    for noise in [QUIET, TWO_SPEEDS, DRIFT] {
        let counts = simulate(&Plan { noise, ..SAME }, &Policy::default(), 4);
        assert_eq!((counts.false_regressed, counts.inconclusive), (0, 0));
        // 0.7 s at 30 ms per block.
        assert!(counts.blocks < 23.0, "{} blocks", counts.blocks);
    }
}

#[test]
fn slowdowns_are_found() {
    for (noise, slowdown) in [(TWO_SPEEDS, 0.05), (TAILS, 0.1)] {
        let plan = Plan {
            noise,
            slowdown,
            ..SAME
        };
        assert!(detection(&plan, 2) > 99.0);
    }
}

#[test]
fn stalls_of_the_wall_clock_are_found() {
    let plan = Plan {
        noise: TWO_SPEEDS,
        stall: 0.26,
        ..SAME
    };
    assert!(detection(&plan, 4) > 99.0);
}

#[test]
fn hopeless_noise_passes_nothing() {
    let plan = Plan {
        noise: HOPELESS,
        slowdown: 0.05,
        alone: true,
        ..SAME
    };
    // Confirming benchmarks that only look slow would take most of the time.
    let policy = Policy {
        looks: vec![16],
        ..Policy::default()
    };
    let counts = simulate(&plan, &policy, 1);
    assert_eq!((counts.regressed, counts.unchanged), (0, 0));
}

/// Prints one line of the table; the environment variable `GATES` sets the number of gates.
#[expect(clippy::print_stdout, reason = "its purpose")]
fn print(name: &str, plan: &Plan) {
    let gates = std::env::var("GATES").map_or(300, |gates| gates.parse().unwrap());
    let counts = simulate(plan, &Policy::default(), gates);
    let percent = |count: usize| 100.0 * count as f64 / gates as f64;
    println!(
        "{name:10} {:5} | {:2.0} % | {:4.0} % {:4.0} % | {:3} {:3} | {:5.1} {:5.1} | {:4.1} | {:5.1} {:.2} | {:.1}",
        if plan.alone { "own" } else { "ratio" },
        100.0 * plan.threshold,
        100.0 * plan.slowdown,
        100.0 * plan.stall,
        counts.false_regressed,
        counts.false_improved,
        percent(counts.regressed),
        percent(counts.unchanged),
        percent(counts.inconclusive) / BENCHMARKS as f64,
        counts.blocks,
        counts.blocks * 0.03,
        100.0 * counts.sensitivity,
    );
}

const NOISES: [(&str, Noise); 5] = [
    ("quiet", QUIET),
    ("two speeds", TWO_SPEEDS),
    ("drift", DRIFT),
    ("flicker", FLICKER),
    ("tails", TAILS),
];

#[test]
#[ignore = "prints the operating characteristics; 15 minutes with --release and --nocapture"]
#[expect(clippy::print_stdout, reason = "its purpose")]
fn table() {
    // `GATES` is the number of gates per line, `NOISE` selects by name.
    println!(
        "noise, judged on | threshold | slowdown, of the wall alone | gates with an unchanged benchmark \
         called regressed, improved | changed benchmark regressed, unchanged % | unchanged benchmarks \
         inconclusive % | blocks, seconds a benchmark | sees %"
    );
    let only = std::env::var("NOISE").unwrap_or_default();
    for (name, noise) in NOISES.into_iter().filter(|(name, _)| name.contains(&only)) {
        println!(
            "{name}: robust and plain deviation of blocks {:.1?} %",
            spread_of_blocks(&noise)
        );
        for (threshold, slowdowns) in [
            (0.03, &[0.0, 0.02, 0.03, 0.05, 0.06, 0.1][..]),
            (0.01, &[0.0, 0.01, 0.02, 0.03]),
        ] {
            for slowdown in slowdowns {
                for alone in [false, true] {
                    let plan = Plan {
                        noise,
                        threshold,
                        slowdown: *slowdown,
                        alone,
                        ..SAME
                    };
                    print(name, &plan);
                }
            }
        }
        for (slowdown, stall, reference) in [
            (0.0, 0.05, false),
            (0.0, 0.1, false),
            (0.0, 0.26, false),
            (0.05, 0.0, true),
        ] {
            let plan = Plan {
                noise,
                slowdown,
                stall,
                reference,
                ..SAME
            };
            print(name, &plan);
        }
    }
    print(
        "hopeless",
        &Plan {
            noise: HOPELESS,
            alone: true,
            ..SAME
        },
    );
}

#[test]
#[ignore = "checks the reported sensitivity: --release, a minute"]
#[expect(clippy::print_stdout, reason = "prints the deviation")]
fn sensitivity_is_seen() {
    for noise in [QUIET, TWO_SPEEDS, TAILS] {
        for alone in [false, true] {
            let plan = Plan {
                noise,
                alone,
                ..SAME
            };
            let sensitivity = simulate(&plan, &Policy::default(), 50).sensitivity;
            let plan = Plan {
                slowdown: sensitivity,
                ..plan
            };
            let seen = detection(&plan, 200);
            println!("{:.2} % is seen with {seen} %", 100.0 * sensitivity);
            assert!(seen >= 90.0, "{sensitivity} is seen with {seen} %");
        }
    }
}

#[test]
#[ignore = "counts errors at the threshold, where they are most likely: --release, minutes"]
#[expect(clippy::print_stdout, reason = "prints the counts")]
fn family_error_is_kept() {
    let (gates, mut worst) = (300, 0);
    for noise in [QUIET, TWO_SPEEDS, TAILS] {
        for alone in [false, true] {
            let plan = Plan {
                noise,
                alone,
                slowdown: 0.03,
                everywhere: true,
                ..SAME
            };
            let regressed = (0..gates).filter(|seed| {
                let (_, decisions) = run(&plan, &Policy::default(), seed + 1);
                let mut verdicts = decisions.iter().map(|decision| decision.verdict);
                verdicts.any(|verdict| verdict == Verdict::Regressed)
            });
            let regressed = regressed.count();
            println!("{regressed} of {gates} gates");
            worst = regressed.max(worst);
        }
    }
    // At 1 %, the probability of more than 8 of 300 is 0.4 %.
    assert!(worst <= 8);
}
