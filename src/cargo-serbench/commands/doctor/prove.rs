//! Tests the gate on the user's own benchmarks: identical code must pass, slowed-down code must fail.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{
    atomic,
    commands::{
        pair::{self, Trial, Trialled},
        revision::{self, Tree},
    },
    decide::{Outcome, Verdict, evidence::Role},
    discover::machine,
    interrupt,
    measure::schedule,
    run::{Found, Proof},
    session::{self, Request, Session},
    shell,
    values::quantities::Percent,
};

/// Slowdowns below this are tested with a smaller threshold: a threshold of 3 % would tolerate them.
const SMALL: f64 = 0.05;

/// That threshold, as a fraction.
const SMALL_THRESHOLD: f64 = 0.01;

/// The fraction of benchmarks slowed down by at least [`SMALL`] that a gate must find.
const REQUIRED: f64 = 0.95;

/// Runs `gates` gates of identical code and as many for each slowdown, stores the results, and returns
/// whether the gate kept its promises.
pub fn prove(request: Request, gates: u32, slowdowns: &[Percent]) -> Result<(Proof, bool)> {
    let started = Instant::now();
    let mut trials = Trials::new(request, gates as usize, slowdowns.len())?;
    let mut proof = trials.of_equal_code(started)?;
    if proof.not_slowed.is_none() {
        for &slowdown in slowdowns {
            proof.found.push(trials.of_slowed_code(slowdown)?);
        }
    }
    let Trials { session, .. } = trials;
    store(&session, &proof)?;
    let passed = holds(&proof);
    Ok((proof, passed))
}

/// Gates that compare the work tree with itself.
struct Trials {
    session: Session,
    tree: Tree,
    /// The number of gates of each kind, and in total.
    gates: usize,
    all: usize,
    done: usize,
    first_seed: u64,
    progress: shell::Progress,
}

impl Trials {
    fn new(request: Request, gates: usize, slowdowns: usize) -> Result<Self> {
        let first_seed = request.seed.unwrap_or(1);
        let session = session::open(request)?;
        let tree = revision::worktree(&session)?;
        Ok(Self {
            session,
            tree,
            gates,
            all: gates * (1 + slowdowns),
            done: 0,
            first_seed,
            progress: shell::Progress::start("Proving"),
        })
    }

    fn gate(&mut self, inject: Option<Percent>) -> Result<Trialled> {
        interrupt::check()?;
        let (done, all) = (self.done, self.all);
        let what = format_args!("gate {} of {all}", done + 1);
        self.progress.update(done as f64, all as f64, what);
        self.session.request.seed = Some(self.first_seed + done as u64);
        self.done += 1;
        let trial = Trial {
            measure_identical: true,
            inject,
        };
        // The status lines of one gate are useful, those of fifty are not.
        let quiet = shell::is_quiet();
        shell::set_quiet(true);
        let trialled = pair::against_itself(&self.session, trial, &self.tree);
        shell::set_quiet(quiet);
        trialled
    }

    fn of_equal_code(&mut self, started: Instant) -> Result<Proof> {
        let mut proof = Proof {
            tool: concat!("serbench ", env!("CARGO_PKG_VERSION")).to_owned(),
            at: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            machine: machine::machine(),
            benchmarks: 0,
            gates: self.gates,
            false_alarms: 0,
            inconclusive: 0,
            found: Vec::new(),
            not_slowed: None,
            seconds: 0.0,
        };
        let built = started.elapsed();
        for _ in 0..self.gates {
            let Trialled { run, decided } = self.gate(None)?;
            proof.benchmarks = run.benchmarks.len();
            match decided.summary.outcome {
                Outcome::Passed => {}
                Outcome::Regressed => proof.false_alarms += 1,
                Outcome::Inconclusive => proof.inconclusive += 1,
                Outcome::CouldNotMeasure => bail!(
                    "a gate could not measure: {}; `cargo serbench` shows which benchmark fails",
                    decided.summary.problems.join("; ")
                ),
            }
            proof.not_slowed = pair::not_slowable(&run).cloned();
        }
        proof.seconds = (started.elapsed() - built).as_secs_f64() / self.gates.max(1) as f64;
        Ok(proof)
    }

    fn of_slowed_code(&mut self, slowdown: Percent) -> Result<Found> {
        let configured = self.session.config.threshold;
        if slowdown.fraction() < SMALL {
            let small = Percent::of_fraction(configured.fraction().min(SMALL_THRESHOLD));
            self.session.config.threshold = small;
        }
        let mut found = Found {
            slowdown: slowdown.fraction(),
            threshold: self.session.config.threshold.fraction(),
            found: 0,
            of: 0,
        };
        for _ in 0..self.gates {
            let Trialled { run, decided } = self.gate(Some(slowdown))?;
            let slowed = decided.decisions.iter().filter(|decision| {
                decision.role == Role::Benchmark && schedule::is_slowable(&run, &decision.id)
            });
            for decision in slowed {
                found.of += 1;
                found.found += usize::from(decision.verdict == Verdict::Regressed);
            }
        }
        self.session.config.threshold = configured;
        Ok(found)
    }
}

/// Whether no gate of identical code failed and the relevant slowdowns were found.
fn holds(proof: &Proof) -> bool {
    let large = proof.found.iter().filter(|it| it.slowdown >= SMALL);
    let sees = |it: &Found| it.of > 0 && it.found as f64 >= REQUIRED * it.of as f64;
    proof.false_alarms == 0 && proof.not_slowed.is_none() && large.into_iter().all(sees)
}

fn store(session: &Session, proof: &Proof) -> Result<()> {
    let path = Proof::path(&session.workspace.scratch());
    let text = serde_json::to_vec_pretty(proof)?;
    atomic::write(&path, &text)
        .with_context(|| format!("failed to store the proof in {}", path.display()))
}
