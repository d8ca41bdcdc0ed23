//! Measures the reference encoder, the real orjson and other steps of Python on the same array.

mod python;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};
use serbench::protocol::{Command, Slice};

use self::python::Steps;
pub use self::python::{Interpreter, Versions};
use crate::{
    interrupt,
    process::{self, Launch, Launcher, Started, Worker},
    select::catalog::Listed,
};

/// One array, and everything that was timed with it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Data type and shape, as in divan's names.
    pub name: String,
    pub versions: Versions,
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

/// A median of ratios, and the smallest and largest median of a single set of processes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Estimate {
    /// Whether every set of processes gives a ratio within 10 % of 1.
    pub fn is_near_one(self) -> bool {
        0.9 <= self.least && self.greatest <= 1.1
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Number of sets of fresh processes.
    pub processes: usize,
    /// Slices per arm in each set.
    pub slices: usize,
}

/// Approximate duration of a slice, as everywhere in this tool.
const SLICE_NANOS: f64 = 2e6;

/// An operation that takes longer is timed once per set of processes.
const LONG_NANOS: f64 = 300e6;

/// Measures the benchmarks of one array, the first of which is the reference.
pub fn measure(
    launcher: &Launcher,
    interpreter: &Interpreter,
    benchmarks: &[&Listed],
    pace: Pace,
) -> Result<Case> {
    let [reference, ..] = benchmarks else {
        bail!("nothing to measure");
    };
    let folder = tempfile::tempdir().context("make a temporary folder for the array")?;
    let array = array(launcher, reference, folder.path())?;
    let mut samples: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut sets = Vec::new();
    let mut versions = None;
    for _ in 0..pace.processes {
        let mut arms = Vec::new();
        for benchmark in benchmarks {
            let worker = start(launcher, benchmark)?;
            let name = benchmark.id.encoder().to_owned();
            arms.push(Arm::new(name, Source::Worker(Box::new(worker))));
        }
        let steps = interpreter.start(&array, folder.path(), cpu())?;
        versions = Some(steps.versions.clone());
        let set = measure_set(arms, steps, pace.slices)?;
        for (name, times) in &set {
            samples.entry(name.clone()).or_default().extend(times);
        }
        sets.push(set);
    }
    let versions = versions.context("nothing to measure")?;
    let kind = |name: &str| {
        let is_encoder = benchmarks.iter().any(|it| it.id.encoder() == name);
        match is_encoder {
            true if name == reference.id.encoder() => Kind::Reference,
            true => Kind::Encoder,
            false => Kind::Python,
        }
    };
    let mut rows = rows(&samples, &sets, kind);
    rows.sort_by(|a, b| a.nanos.total_cmp(&b.nanos));
    let factor = rows.iter().find(|row| row.kind == Kind::Reference);
    Ok(Case {
        name: reference.id.case().to_owned(),
        versions,
        factor: factor.context("the reference was not measured")?.ratio,
        rows,
    })
}

/// The name of orjson's row; all others are divided by it.
pub const ORJSON: &str = "orjson (Python)";

/// The times of each arm in one set of processes, per slice.
type Set = BTreeMap<String, Vec<f64>>;

fn rows(samples: &Set, sets: &[Set], kind: impl Fn(&str) -> Kind) -> Vec<Row> {
    let names = samples.iter();
    names
        .map(|(name, times)| Row {
            name: name.clone(),
            kind: kind(name),
            nanos: median(times.clone()),
            ratio: estimate(sets, name),
        })
        .collect()
}

/// Divides slices of the same round by each other, because they are adjacent in time.
fn estimate(sets: &[Set], name: &str) -> Estimate {
    let pairs = |set: &Set| -> Vec<f64> {
        let (own, others) = (&set[name], &set[ORJSON]);
        own.iter()
            .zip(others)
            .map(|(own, other)| own / other)
            .collect()
    };
    let medians: Vec<f64> = sets.iter().map(|set| median(pairs(set))).collect();
    Estimate {
        median: median(sets.iter().flat_map(pairs).collect()),
        least: medians.iter().copied().fold(f64::INFINITY, f64::min),
        greatest: medians.iter().copied().fold(0.0, f64::max),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// Something to time.
struct Arm {
    name: String,
    source: Source,
    /// Operations per slice.
    size: u64,
    is_long: bool,
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
            is_long: false,
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

    /// Warms up, and sets the number of operations per slice.
    fn settle(&mut self, steps: &mut Steps) -> Result<()> {
        for _ in 0..3 {
            let nanos = self.time(steps)?;
            self.is_long = nanos > LONG_NANOS;
            if self.is_long {
                break;
            }
            self.size = (SLICE_NANOS / nanos.max(1.0)).max(1.0) as u64;
        }
        Ok(())
    }
}

/// Times all arms in turn, forwards and backwards, so that drift affects all equally.
fn measure_set(mut arms: Vec<Arm>, mut steps: Steps, slices: usize) -> Result<Set> {
    for step in steps.names.clone() {
        let name = format!("{step} (Python)");
        arms.push(Arm::new(name, Source::Python(step)));
    }
    for arm in &mut arms {
        interrupt::check()?;
        arm.settle(&mut steps)?;
    }
    for round in 0..slices {
        let mut order: Vec<usize> = (0..arms.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            interrupt::check()?;
            let arm = &mut arms[index];
            if round == 0 || !arm.is_long {
                let time = arm.time(&mut steps)?;
                arm.times.push(time);
            }
        }
    }
    Ok(arms.into_iter().map(|arm| (arm.name, arm.times)).collect())
}

/// A bench's array, in files.
struct Array {
    /// In numpy's form.
    dtype: String,
    /// `100x50`.
    axes: String,
}

const ELEMENTS: &str = "elements";
const TEXT: &str = "text";

/// Asks the reference for its array and its output, and writes both to `folder`.
fn array(launcher: &Launcher, reference: &Listed, folder: &Path) -> Result<Array> {
    let id = &reference.id;
    let mut worker = start(launcher, reference)?;
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
        std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(Array { dtype, axes })
}

fn start(launcher: &Launcher, benchmark: &Listed) -> Result<Worker> {
    let launch = Launch {
        executable: &benchmark.executable,
        id: &benchmark.path,
        threads: benchmark.threads,
        cpu: cpu(),
        slowdown: 0.0,
        padding: 0,
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

#[cfg(test)]
mod tests {
    use super::{Estimate, ORJSON, Set, estimate, median};

    fn set(own: &[f64], orjson: &[f64]) -> Set {
        [
            ("own".to_owned(), own.to_vec()),
            (ORJSON.to_owned(), orjson.to_vec()),
        ]
        .into()
    }

    #[test]
    fn slices_of_a_round_are_divided() {
        // The machine is three times slower in the second round of the first set.
        let sets = [
            set(&[1.0, 3.0, 1.1], &[2.0, 6.0, 2.0]),
            set(&[1.2, 1.2, 1.2], &[2.0, 2.0, 2.0]),
        ];
        let ratio = estimate(&sets, "own");
        assert!((ratio.least - 0.5).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.greatest - 0.6).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.median - 0.575).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn long_operations_have_fewer_slices() {
        let ratio = estimate(&[set(&[100.0], &[2.0, 2.0])], "own");
        assert!((ratio.median - 50.0).abs() < 1e-9);
    }

    #[test]
    fn near_one_is_so_in_every_set() {
        let near = |least, greatest| {
            let median = f64::midpoint(least, greatest);
            Estimate {
                median,
                least,
                greatest,
            }
            .is_near_one()
        };
        assert!(near(0.9, 1.1));
        assert!(!near(0.89, 1.0));
        assert!(!near(1.0, 1.11));
        assert!(!near(f64::NAN, f64::NAN));
        assert!(median(Vec::new()).is_nan());
    }
}
