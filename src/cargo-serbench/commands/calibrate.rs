//! `cargo serbench calibrate`: compares the reference encoder with the real orjson and Python's own steps.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    calibrate::{self, Case, Closeness, Estimate, Interpreter, Kind, Pace, Row},
    cli::{Build, Compiling, Effort, Keys, Plan, Project, Select, Suites, Voice},
    commands::revision::{self, Tree},
    exit::Exit,
    explain,
    layout::Layouts,
    select::{BenchId, catalog::Listed},
    session::{self, Request, Session},
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Calibrate {
    /// Python interpreter or venv folder with numpy and orjson
    ///
    /// To make one: `python3 -m venv target/venv`, then
    /// `target/venv/bin/pip install numpy orjson==3.13.0`, then `--python target/venv`.
    #[arg(long, value_name = "PATH", default_value = "python3")]
    pub python: PathBuf,

    #[command(flatten)]
    pub select: Select,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub build: Build,

    /// Measure fewer processes and slices: faster, but less precise
    #[arg(long, help_heading = "Measuring")]
    pub quick: bool,

    /// Time out a bench process after this long
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 300,
        help_heading = "Measuring"
    )]
    pub timeout: u64,

    #[command(flatten)]
    pub suites: Suites,

    #[command(flatten)]
    pub compiling: Compiling,

    #[command(flatten)]
    pub voice: Voice,
}

impl Calibrate {
    /// The request for the stages. Nothing is decided, so limits and thresholds don't apply.
    fn request(&self) -> Request {
        let Self {
            select,
            project,
            build,
            quick,
            timeout,
            suites,
            compiling,
            ..
        } = self.clone();
        let plan = Plan {
            select,
            project,
            build,
            effort: Effort {
                quick,
                seed: None,
                timeout,
            },
            keys: Keys {
                suites,
                compiling,
                ..Keys::default()
            },
        };
        plan.request(explain::Options::default())
    }
}

/// Measures each array in every way, and prints a table for each and a summary of ratios.
pub fn calibrate(args: &Calibrate) -> Result<Exit> {
    args.voice.apply();
    let interpreter = Interpreter::find(&args.python)?;
    let session = session::open(args.request())?;
    let tree = revision::worktree(&session)?;
    let groups = groups(&session, &tree)?;
    let layouts = layouts(&session, &groups);
    let pace = if session.request.quick {
        Pace {
            sets: calibrate::LEAST_SETS,
            slices: 4,
            patience: Duration::ZERO,
        }
    } else {
        Pace {
            sets: 16,
            slices: 10,
            patience: Duration::from_secs(60),
        }
    };
    let mut progress = shell::Progress::start("Measuring");
    let mut cases = Vec::new();
    for (done, group) in groups.iter().enumerate() {
        progress.update(done as f64, groups.len() as f64, &group[0].id);
        let case = calibrate::measure(&session.launcher, &interpreter, group, &layouts, pace)?;
        shell::print(&table(&case))?;
        cases.push(case);
    }
    drop(progress);
    shell::print(&summary(&cases))?;
    Ok(Exit::Passed)
}

/// Copies of the executables with the functions in several orders. Where code is can change its time
/// by more than the 10 % in question, and the next build would place it elsewhere.
fn layouts(session: &Session, groups: &[Vec<&Listed>]) -> Layouts {
    let executables: BTreeMap<_, _> = groups
        .iter()
        .flatten()
        .map(|listed| (&listed.executable.path, &listed.executable))
        .collect();
    let pairs: Vec<_> = executables.into_values().map(|it| [it, it]).collect();
    let layouts = Layouts::of(&pairs, &session.workspace.scratch());
    for problem in &layouts.problems {
        shell::hint(format_args!("measured as linked by cargo: {problem}"));
    }
    layouts
}

/// The selected benchmarks by array, each reference before the benchmarks divided by it.
fn groups<'a>(session: &Session, tree: &'a Tree) -> Result<Vec<Vec<&'a Listed>>> {
    let chosen = revision::choose(session, &[&tree.catalog])?;
    let mut groups: BTreeMap<&BenchId, Vec<&Listed>> = BTreeMap::new();
    for id in &chosen {
        let listed = &tree.catalog.benchmarks[id];
        let reference = listed.reference.as_ref().unwrap_or(&listed.id);
        groups.entry(reference).or_default().push(listed);
    }
    for group in groups.values_mut() {
        group.sort_by_key(|listed| listed.reference.is_some());
    }
    let is_led = |group: &&Vec<&Listed>| group[0].reference.is_none() && group.len() > 1;
    let led: Vec<_> = groups.values().filter(is_led).cloned().collect();
    if led.is_empty() {
        bail!("nothing to calibrate: no selected benchmark is a reference; see --reference");
    }
    Ok(led)
}

/// Times in the style of orjson's pynumpy, with their ratios to orjson's.
fn table(case: &Case) -> String {
    let width = case
        .rows
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or(0);
    let mut text = format!(
        "{}\n  {:width$}  {:>12}  {:>7}\n",
        case.name, "", "CPU time", "/orjson"
    );
    for row in &case.rows {
        text += &format!(
            "  {:width$}  {:>12}  {:>7}{}\n",
            row.name,
            time(row.nanos),
            ratio(row.ratio.ratio),
            note(row)
        );
    }
    text + "\n"
}

fn note(row: &Row) -> &'static str {
    match row.kind {
        Kind::Reference => "  the reference",
        Kind::Encoder | Kind::Python => "",
    }
}

/// Three significant digits.
fn ratio(ratio: f64) -> String {
    match ratio {
        _ if ratio < 10.0 => format!("{ratio:.2}"),
        _ if ratio < 100.0 => format!("{ratio:.1}"),
        _ => format!("{ratio:.0}"),
    }
}

fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 1e3 => format!("{nanos:.0} ns"),
        _ if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

fn summary(cases: &[Case]) -> String {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    if let Some(first) = cases.first() {
        let versions = first
            .versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"));
        text = format!(
            "Reference compared with the real orjson ({})\n",
            versions.collect::<Vec<_>>().join(", ")
        );
    }
    for case in cases {
        text += &format!("  {:width$}  {}\n", case.name, verdict(case));
    }
    text
}

fn verdict(case: &Case) -> String {
    let Estimate {
        ratio,
        interval,
        range: [least, greatest],
    } = case.factor;
    let interval = interval.map_or_else(
        || "no interval".to_owned(),
        |[lower, upper]| format!("[{lower:.2}, {upper:.2}]"),
    );
    let factor = format!("{ratio:.2} {interval}");
    let sets = format!("{least:.2} to {greatest:.2} in {} processes", case.sets);
    match case.factor.closeness() {
        Closeness::Within => format!("the reference is within 10 % of orjson: {factor}; {sets}"),
        Closeness::Outside => {
            format!("the reference takes {factor} times as long as orjson; {sets}")
        }
        Closeness::Unclear => {
            format!("can't tell whether the reference is within 10 % of orjson: {factor}; {sets}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Kind, Row, summary, table};
    use crate::calibrate::{Estimate, ORJSON};

    fn case(name: &str, factor: [f64; 3]) -> Case {
        let estimate = |[lower, ratio, upper]: [f64; 3]| Estimate {
            ratio,
            interval: Some([lower, upper]),
            range: [lower - 0.01, upper + 0.02],
        };
        let row = |name: &str, kind, nanos, ratio| Row {
            name: name.to_owned(),
            kind,
            nanos,
            ratio: estimate(ratio),
        };
        Case {
            name: name.to_owned(),
            versions: [("orjson".to_owned(), "3.13.0".to_owned())].into(),
            sets: 16,
            rows: vec![
                row("orjson", Kind::Reference, 104_300.0, factor),
                row(ORJSON, Kind::Python, 100_000.0, [1.0; 3]),
                row(
                    "json (Python)",
                    Kind::Python,
                    2_345_600.0,
                    [23.0, 23.456, 24.0],
                ),
            ],
            factor: estimate(factor),
        }
    }

    #[test]
    fn tables_and_verdicts() {
        let cases = [
            case("f64::100x50", [1.02, 1.043, 1.06]),
            case("bool::100x50", [0.65, 0.68, 0.7]),
            case("i8::100x50", [0.86, 0.92, 0.97]),
        ];
        insta::assert_snapshot!(format!("{}{}", table(&cases[0]), summary(&cases)));
    }
}
