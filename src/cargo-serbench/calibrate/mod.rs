//! Measures the reference encoder, the real orjson and other steps of Python on the same array.

pub mod estimate;
mod python;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serbench::protocol::{Command, Slice};

use self::{
    estimate::{Set, estimate},
    python::Steps,
};
use crate::{
    compare::stats::median,
    interrupt,
    layout::Layouts,
    process::{self, Launch, Launcher, Started, Worker},
    select::catalog::Listed,
};

pub use self::{
    estimate::{Closeness, Estimate},
    python::{Interpreter, Versions},
};

/// The measurements of one array.
#[derive(Clone, Debug)]
pub struct Case {
    /// Data type and shape, as in divan's names.
    pub name: String,
    pub versions: Versions,
    /// How many sets of processes were measured.
    pub sets: usize,
    /// Fastest first.
    pub rows: Vec<Row>,
    /// The reference's time divided by orjson's.
    pub factor: Estimate,
}

/// A way to encode the array, or a step of Python.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub kind: Kind,
    /// CPU nanoseconds of one operation.
    pub nanos: f64,
    /// Its time divided by orjson's.
    pub ratio: Estimate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Reference,
    Encoder,
    Python,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Number of sets of fresh processes.
    pub sets: usize,
    /// Slices per arm in each set.
    pub slices: usize,
    /// Start no more sets than [`LEAST_SETS`] after this long.
    pub patience: Duration,
}

/// The smallest number of sets that gives a 95 % interval.
pub const LEAST_SETS: usize = 6;

/// Approximate duration of a slice, as everywhere in this tool.
const SLICE_NANOS: f64 = 2e6;

/// Approximate limit for the slices of one arm in a set, for operations that take longer than a slice.
const SET_NANOS: f64 = 300e6;

/// Measures the benchmarks of one array, the first of which is the reference. Each set of processes uses
/// other copies of the executables, with the functions in another order where `layouts` has some.
pub fn measure(
    launcher: &Launcher,
    interpreter: &Interpreter,
    benchmarks: &[&Listed],
    layouts: &Layouts,
    pace: Pace,
) -> Result<Case> {
    let [reference, ..] = benchmarks else {
        bail!("nothing to measure");
    };
    let folder = tempfile::tempdir().context("failed to make a temporary folder for the array")?;
    let array = array(launcher, reference, folder.path())?;
    let started = Instant::now();
    let mut sets = Vec::new();
    let mut versions = None;
    while sets.len() < LEAST_SETS || sets.len() < pace.sets && started.elapsed() < pace.patience {
        let mut arms = Vec::new();
        for benchmark in benchmarks {
            let worker = start(launcher, &drawn(benchmark, layouts, sets.len()), sets.len())?;
            let name = benchmark.id.encoder().to_owned();
            arms.push(Arm::new(name, Source::Worker(Box::new(worker))));
        }
        let steps = interpreter.start(&array, folder.path(), cpu())?;
        versions = Some(steps.versions.clone());
        sets.push(measure_set(arms, steps, pace.slices)?);
    }
    let kind = |name: &str| {
        let is_encoder = benchmarks.iter().any(|it| it.id.encoder() == name);
        match is_encoder {
            true if name == reference.id.encoder() => Kind::Reference,
            true => Kind::Encoder,
            false => Kind::Python,
        }
    };
    let mut rows = rows(&sets, kind);
    rows.sort_by(|a, b| a.nanos.total_cmp(&b.nanos));
    let factor = rows.iter().find(|row| row.kind == Kind::Reference);
    Ok(Case {
        name: reference.id.case().to_owned(),
        versions: versions.context("nothing to measure")?,
        sets: sets.len(),
        factor: factor.context("the reference was not measured")?.ratio,
        rows,
    })
}

/// The executable of a benchmark for set number `set`: one of its copies.
fn drawn(benchmark: &Listed, layouts: &Layouts, set: usize) -> Listed {
    let mut drawn = benchmark.clone();
    let executable = &mut drawn.executable;
    let copies = layouts
        .files
        .get(&executable.path)
        .unwrap_or(&executable.copies);
    if !copies.is_empty() {
        executable.path = copies[set % copies.len()].clone();
    }
    drawn
}

fn rows(sets: &[Set], kind: impl Fn(&str) -> Kind) -> Vec<Row> {
    let names = sets.first().into_iter().flat_map(Set::keys);
    names
        .map(|name| Row {
            name: name.clone(),
            kind: kind(name),
            nanos: median(
                &sets
                    .iter()
                    .flat_map(|set| set[name].clone())
                    .collect::<Vec<_>>(),
            ),
            ratio: estimate(sets, name),
        })
        .collect()
}

/// Something to time.
struct Arm {
    name: String,
    source: Source,
    /// Operations per slice.
    size: u64,
    /// Number of slices in this set; fewer for long operations.
    slices: usize,
    times: Vec<f64>,
}

enum Source {
    Worker(Box<Worker>),
    /// A step of the Python process, by name.
    Python(String),
}

impl Arm {
    fn new(name: String, source: Source) -> Self {
        Self {
            name,
            source,
            size: 1,
            slices: 1,
            times: Vec::new(),
        }
    }

    /// CPU nanoseconds of one operation.
    fn time(&mut self, steps: &mut Steps) -> Result<f64> {
        let total = match &mut self.source {
            Source::Worker(worker) => {
                let size = self.size;
                let answer = worker.ask(Command::Run { batches: 1, size })?;
                Slice::from_answer(&answer)
                    .context("a worker's answer has no slice")?
                    .cpu_ns
            }
            Source::Python(step) => steps.time(step, self.size)?,
        };
        Ok(total / self.size as f64)
    }

    /// Warms up, and sets the number of operations per slice and of slices, at most `slices`.
    fn settle(&mut self, steps: &mut Steps, slices: usize) -> Result<()> {
        for _ in 0..3 {
            let nanos = self.time(steps)?.max(1.0);
            self.size = (SLICE_NANOS / nanos).max(1.0) as u64;
            self.slices = ((SET_NANOS / nanos) as usize).clamp(1, slices);
            if self.slices < slices {
                break;
            }
        }
        Ok(())
    }
}

/// Times all arms in turn, forwards and backwards, so that drift affects all equally. orjson is next to
/// the first, the reference.
fn measure_set(mut arms: Vec<Arm>, mut steps: Steps, slices: usize) -> Result<Set> {
    let names = steps.names.clone();
    let python = names.into_iter().map(|step| {
        let name = format!("{step} (Python)");
        Arm::new(name, Source::Python(step))
    });
    arms.splice(1..1, python);
    for arm in &mut arms {
        interrupt::check()?;
        arm.settle(&mut steps, slices)?;
    }
    for round in 0..slices {
        let mut order: Vec<usize> = (0..arms.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            interrupt::check()?;
            let arm = &mut arms[index];
            if round < arm.slices {
                let time = arm.time(&mut steps)?;
                arm.times.push(time);
            }
        }
    }
    Ok(arms.into_iter().map(|arm| (arm.name, arm.times)).collect())
}

/// A bench's array, in files.
struct Array {
    /// As numpy writes it.
    dtype: String,
    /// `100x50`.
    axes: String,
}

const ELEMENTS: &str = "elements";
const TEXT: &str = "text";

/// Asks the reference for its array and its output, and writes both to `folder`.
fn array(launcher: &Launcher, reference: &Listed, folder: &Path) -> Result<Array> {
    let id = &reference.id;
    let mut worker = start(launcher, reference, 0)?;
    let mut answer = worker.ask(Command::Verify)?;
    let fact = |name: &str| answer.text(name).map(str::to_owned);
    let (Some(dtype), Some(axes)) = (fact("dtype"), fact("shape")) else {
        bail!("`{id}` doesn't say which array it encodes; bench it with `bench_encoder`");
    };
    let (Some(input), Some(output)) = (answer.take("input"), answer.take("output")) else {
        bail!("`{id}` doesn't write JSON; calibrate a suite of JSON encoders with --suites NAME");
    };
    for (name, bytes) in [(ELEMENTS, input), (TEXT, output)] {
        let path = folder.join(name);
        std::fs::write(&path, bytes)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(Array { dtype, axes })
}

/// `set` also chooses where the stack starts.
fn start(launcher: &Launcher, benchmark: &Listed, set: usize) -> Result<Worker> {
    let launch = Launch {
        executable: &benchmark.executable,
        id: &benchmark.path,
        threads: benchmark.threads,
        cpu: cpu(),
        slowdown: 0.0,
        padding: set * 272 % 4096,
    };
    match launcher.worker(launch)? {
        Started::Worker(worker) => Ok(worker),
        Started::Ended(_) => bail!(
            "`{}` can't be calibrated: it is measured by divan; bench it with `bench_encoder`",
            benchmark.id
        ),
    }
}

/// The CPU that everything is pinned to.
fn cpu() -> Option<usize> {
    process::allowed_cpus().last().copied()
}
