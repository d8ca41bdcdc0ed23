//! `cargo serbench calibrate`: compares the reference encoder with the real orjson and Python's own steps.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    calibrate::{self, Case, Closeness, Estimate, Interpreter, Kind, Pace, Row},
    cli::{Build, Compiling, Effort, Keys, Plan, Project, Select, Suites, Voice},
    commands::{
        records, requested,
        revision::{self, Tree},
    },
    exit::Exit,
    explain,
    layout::Layouts,
    report::table::{Cell, Table, Tone, left, right, table},
    select::{BenchId, catalog::Listed},
    session::{self, Request, Session},
    shell,
    values::figures,
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
        shell::print(&(records::terminal(&times(&case)) + "\n"))?;
        cases.push(case);
    }
    drop(progress);
    shell::print(&(title(&cases) + &records::terminal(&summary(&cases))))?;
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
    let chosen = requested::choose(session, &[&tree.catalog])?;
    let mut groups: BTreeMap<&BenchId, Vec<&Listed>> = BTreeMap::new();
    for id in &chosen {
        let listed = &tree.catalog.benchmarks[id];
        let reference = listed.reference.as_ref().unwrap_or(&listed.id);
        groups.entry(reference).or_default().push(listed);
    }
    for group in groups.values_mut() {
        group.sort_by_key(|listed| listed.reference.is_some());
    }
    // A reference may be selected without the benchmarks that are divided by it.
    let all = tree.catalog.benchmarks.values();
    let references: BTreeSet<&BenchId> = all.filter_map(|it| it.reference.as_ref()).collect();
    let led: Vec<_> = groups
        .values()
        .filter(|group| references.contains(&group[0].id))
        .cloned()
        .collect();
    if led.is_empty() {
        bail!("nothing to calibrate: no selected benchmark is a reference; see --reference");
    }
    Ok(led)
}

/// Times in the style of orjson's pynumpy, with their ratios to orjson's.
fn times(case: &Case) -> Table {
    let columns = [
        left(&case.name, |row: &Row| match row.kind {
            Kind::Reference => Cell::name(format!("{} (the reference)", row.name)),
            Kind::Encoder | Kind::Python => Cell::name(&row.name),
        }),
        right("CPU time", |row| Cell::plain(figures::time(row.nanos))),
        right("vs. orjson", |row| {
            Cell::plain(figures::ratio_of(row.ratio.ratio))
        }),
    ];
    table(&columns, &case.rows)
}

/// How close the reference is to orjson, for each array.
fn summary(cases: &[Case]) -> Table {
    let columns = [
        left("Array", |case: &Case| Cell::name(&case.name)),
        right("vs. orjson", |case| Cell::plain(factor(case.factor))),
        right("Lowest to highest", |case| {
            let [lowest, highest] = case.factor.range.map(figures::ratio_of);
            Cell::plain(format!("{lowest} to {highest}"))
        }),
        right("Processes", |case| Cell::plain(case.sets.to_string())),
        left("Verdict", |case| verdict(case.factor)),
    ];
    table(&columns, cases)
}

/// The versions of Python and its packages.
fn title(cases: &[Case]) -> String {
    let versions = cases.first().into_iter().flat_map(|case| &case.versions);
    let versions = versions.map(|(name, version)| format!("{name} {version}"));
    format!(
        "The reference compared with the real orjson ({})\n",
        versions.collect::<Vec<_>>().join(", ")
    )
}

fn factor(estimate: Estimate) -> String {
    let Estimate {
        ratio, interval, ..
    } = estimate;
    match interval {
        Some(interval) => figures::ratio_within(ratio, interval),
        None => figures::ratio_of(ratio),
    }
}

fn verdict(estimate: Estimate) -> Cell {
    match estimate.closeness() {
        Closeness::Within => Cell::toned("within 10 %", Tone::Good),
        Closeness::Outside if estimate.ratio < 1.0 => Cell::toned("faster by over 10 %", Tone::Bad),
        Closeness::Outside => Cell::toned("slower by over 10 %", Tone::Bad),
        Closeness::Unclear => Cell::toned("can't tell", Tone::Unsure),
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Kind, Row, summary, times, title};
    use crate::{
        calibrate::{Estimate, estimate::ORJSON},
        report::table::{Table, for_terminal},
    };

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
        let drawn =
            |table: &Table| anstream::adapter::strip_str(&for_terminal(table, None)).to_string();
        insta::assert_snapshot!(
            [
                drawn(&times(&cases[0])),
                title(&cases) + &drawn(&summary(&cases)),
            ]
            .join("\n")
        );
    }
}
