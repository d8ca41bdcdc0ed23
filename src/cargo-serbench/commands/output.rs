//! Collects what a report needs from the earlier stages, and writes it where the user wants it.

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use anyhow::{Context, Result};

use crate::{
    atomic,
    cli::Output,
    commands::{
        history::recent::{Recent, recent},
        pair::Decided,
    },
    compare::{
        CaseTable,
        means::{self, Means, Point},
        sides::{self, Both, Measured},
    },
    decide::{Decision, Standing, Verdict, evidence::Role},
    discover::{self, Workspace, touched::Touched},
    exit::Exit,
    explain::{self, Explanation},
    report::{self, Format, Place, Report, Verdicts},
    run::Run,
    select::BenchId,
    shell,
};

/// The results of one invocation.
#[derive(Default)]
pub struct Findings {
    /// One run, or those of all shards; the run of two commits first.
    pub runs: Vec<Run>,
    pub tables: Vec<CaseTable>,
    pub decided: Option<Decided>,
    /// Whether to show only why benchmarks are slower.
    pub only_explanations: bool,
}

/// Writes `findings` in every requested format: to stdout, or to one file per format and the
/// answer to stdout.
pub fn write(
    findings: &Findings,
    exit: Exit,
    workspace: Option<&Workspace>,
    output: &Output,
) -> Result<()> {
    let recent = workspace.filter(|_| output.format.iter().any(|it| it.has_history()));
    let recent = recent.and_then(|workspace| recent_records(workspace, findings));
    with_report(findings, exit, workspace, recent.as_ref(), |report| {
        write_report(report, output)
    })
}

/// The records for a report, which is complete without them.
fn recent_records(workspace: &Workspace, findings: &Findings) -> Option<Recent> {
    recent(workspace, findings.runs.first()?).unwrap_or_else(|error| {
        shell::warning(format_args!("the report has no history: {error:#}"));
        None
    })
}

/// Calls `then` with the complete report.
pub fn with_report<T>(
    findings: &Findings,
    exit: Exit,
    workspace: Option<&Workspace>,
    recent: Option<&Recent>,
    then: impl FnOnce(&Report<'_>) -> T,
) -> T {
    let measured = measured(&findings.runs);
    let means = means_of(findings, &measured);
    let places = workspace.map_or_else(BTreeMap::new, |workspace| {
        places(workspace, measured.keys().map(BenchId::as_str))
    });
    let touched = match workspace {
        Some(workspace) if has_slower(findings) => touched(workspace, &findings.runs),
        _ => Vec::new(),
    };
    let explanations: Vec<Explanation<'_>> = findings
        .runs
        .iter()
        .flat_map(explain::explanations)
        .collect();
    let history = recent.map(|it| it.history(&findings.runs, &measured));
    let report = Report {
        runs: &findings.runs,
        tables: &findings.tables,
        verdicts: findings.decided.as_ref().map(|decided| Verdicts {
            evidence: &decided.evidence,
            decisions: &decided.decisions,
            summary: &decided.summary,
        }),
        measured: &measured,
        means: &means,
        places: &places,
        touched: &touched,
        history: history.as_ref(),
        exit_code: exit.code(),
        explanations: &explanations,
        only_explanations: findings.only_explanations,
    };
    then(&report)
}

fn write_report(report: &Report<'_>, output: &Output) -> Result<()> {
    if output.output.is_some() {
        shell::print(&report::answer(report, shell::width()))?;
    }
    for format in &output.format {
        match &output.output {
            None => shell::print(&format.render(report, shell::width())?)?,
            Some(folder) => write_file(report, format, folder)?,
        }
        if format.is_for_github() {
            append("GITHUB_STEP_SUMMARY", &report::job_summary(report))?;
            append("GITHUB_OUTPUT", &report::step_outputs(report))?;
        }
    }
    Ok(())
}

fn write_file(report: &Report<'_>, format: &Format, folder: &Path) -> Result<()> {
    let path = folder.join(format.file);
    let text = anstream::adapter::strip_str(&format.render(report, None)?).to_string();
    // The runner only reads annotations from stdout.
    if format.is_for_github() {
        shell::print(&text)?;
    }
    atomic::write(&path, text.as_bytes())
        .with_context(|| format!("failed to write the report to {}", path.display()))
}

/// Appends `text` to the file in this variable of GitHub Actions, if set.
pub fn append(variable: &str, text: &str) -> Result<()> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| {
        format!(
            "failed to write to {variable}, {}",
            Path::new(&path).display()
        )
    })
}

fn measured(runs: &[Run]) -> BTreeMap<BenchId, Both<Measured>> {
    let mut all = BTreeMap::new();
    // The first run that has a benchmark has its verdict.
    for run in runs.iter().rev() {
        all.extend(sides::measured(run));
    }
    all
}

/// Means over benchmarks with a reference: of changes if commits were compared, otherwise of the tables.
fn means_of(findings: &Findings, measured: &BTreeMap<BenchId, Both<Measured>>) -> Means {
    let ratio = |id: &str| measured.get(id).copied().unwrap_or_default();
    let log = |measured: Option<Measured>| Some(measured?.ratio?.ln());
    let mut points = Vec::new();
    for run in &findings.runs {
        for id in run.benchmarks.keys() {
            let Some(encoder) = sides::encoder(run, id) else {
                continue;
            };
            let both = ratio(id);
            let mut decisions = findings.decided.iter().flat_map(|it| &it.decisions);
            let decision = decisions.find(|it| it.role == Role::Benchmark && it.id == *id);
            points.push(Point {
                encoder,
                dtype: sides::dtype(run, id),
                baseline: log(both.baseline),
                candidate: log(both.candidate),
                change: decision.and_then(|it| Some(it.change?.point)),
            });
        }
    }
    // A benchmark without a figure can't be averaged.
    points.retain(|point| point.candidate.is_some());
    means::means(&points)
}

fn places<'a>(
    workspace: &Workspace,
    ids: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, Place> {
    let found = discover::places::find(workspace, ids).into_iter();
    found
        .map(|(id, (file, line))| (id, Place { file, line }))
        .collect()
}

/// Whether a benchmark regressed or is over a limit, so that the report suggests where to look.
fn has_slower(findings: &Findings) -> bool {
    let is_slower =
        |it: &Decision| it.verdict == Verdict::Regressed || it.has_limit(Standing::Over);
    findings
        .decided
        .as_ref()
        .is_some_and(|decided| decided.decisions.iter().any(is_slower))
}

/// The functions that differ between the commits of the first run, if it has two and both are still here.
fn touched(workspace: &Workspace, runs: &[Run]) -> Vec<(String, Place)> {
    let find = || {
        let run = runs.first()?;
        let baseline = run.baseline.as_ref()?.commit.as_deref()?;
        let candidate = match run.candidate.dirty {
            true => None,
            false => Some(run.candidate.commit.as_deref()?),
        };
        let repo = discover::git::open(&workspace.root).ok()??;
        repo.touched(baseline, candidate).ok()
    };
    let place = |it: Touched| {
        let Touched { name, file, line } = it;
        (name, Place { file, line })
    };
    find().unwrap_or_default().into_iter().map(place).collect()
}
