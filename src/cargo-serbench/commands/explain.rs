//! `cargo serbench explain`: explains why benchmarks are slower, by running the measured executables
//! under valgrind.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use regex_lite::Regex;

use crate::{
    cli::{Depth, Keys, Output, Project},
    commands::{
        output::{self, Findings},
        pair::{Decided, Pair},
        report,
    },
    decide::{Verdict, evidence::Role},
    discover::{Workspace, workspace},
    exit::{Exit, Usage},
    explain::{self, Surroundings},
    interrupt,
    run::{self, Kept, Run, Side},
    select::{BenchId, catalog::Catalog},
    session::{self, Session},
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// A run stored under target/serbench/runs, and benchmarks in it, by id or regular expression
    /// [default: the regressions in the newest run of two commits]
    #[arg(value_name = "RUN|ID")]
    pub what: Vec<String>,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub depth: Depth,

    #[command(flatten)]
    pub output: Output,
}

pub fn explain(args: &Explain) -> Result<Exit> {
    args.output.voice.apply();
    let workspace = workspace::workspace(&args.project.choice())?;
    interrupt::catch()?;
    let _turn = session::turn(&workspace.scratch())?;
    let is_file = |word: &&String| word.ends_with(".json") || Path::new(word).is_file();
    let (files, wanted): (Vec<&String>, Vec<&String>) = args.what.iter().partition(is_file);
    let file = match files[..] {
        [] => newest(&workspace)?,
        [file] => PathBuf::from(file),
        [..] => bail!(Usage::new("only one run can be explained at a time")),
    };
    let mut run = run::load(&file)?;
    if run.baseline.is_none() {
        bail!(
            "{} is a run of one commit; `explain` needs a run of two",
            file.display()
        );
    }
    run.explained.clear();
    let (mut runs, decided) = report::decided(vec![run], &args.project, &args.keys)?;
    let ids = match wanted[..] {
        [] => regressed(&decided),
        [..] => named(&runs[0], &wanted)?,
    };
    if ids.is_empty() {
        shell::status(
            "Explained",
            "nothing: no benchmark regressed; name one to explain it anyway",
        );
        return Ok(Exit::Passed);
    }
    observe(&workspace, &args.depth.options(), &ids, &mut runs[0])?;
    let observed = runs[0].explained.values().any(|it| it.candidate.is_some());
    let exit = match observed {
        true => Exit::Passed,
        false => Exit::CouldNotMeasure,
    };
    let findings = Findings {
        runs,
        decided: Some(decided),
        only_explanations: true,
        ..Findings::default()
    };
    output::write(&findings, exit, Some(&workspace), &args.output)?;
    Ok(exit)
}

/// Explains the regressions of a pair that was just measured, and stores the result with it. Failures
/// here don't change the verdict.
///
/// # Errors
/// If the user interrupts.
pub fn after(session: &Session, pair: &mut Pair) -> Result<()> {
    let explaining = &session.request.explaining;
    let ids = regressed(&pair.decided);
    if !explaining.wanted || ids.is_empty() {
        return Ok(());
    }
    let Some(run) = pair.runs.first_mut() else {
        return Ok(());
    };
    observe(&session.workspace, explaining, &ids, run)?;
    if let Ok(file) = &pair.stored {
        store(run, file);
    }
    Ok(())
}

/// Explains one benchmark of the run stored in `file`, and stores the result with it; `None` if
/// explanations are disabled.
///
/// # Errors
/// If the user interrupts.
pub fn one(session: &Session, file: &Path, id: &BenchId) -> Result<Option<Run>> {
    let explaining = &session.request.explaining;
    if !explaining.wanted {
        return Ok(None);
    }
    let mut run = match run::load(file) {
        Ok(run) => run,
        Err(error) => {
            shell::warning(format_args!("the change is not explained: {error:#}"));
            return Ok(None);
        }
    };
    observe(
        &session.workspace,
        explaining,
        std::slice::from_ref(id),
        &mut run,
    )?;
    store(&run, file);
    Ok(Some(run))
}

/// Stores a run with its explanations. Failures don't affect the verdict.
fn store(run: &Run, file: &Path) {
    if let Err(error) = run::replace(run, file) {
        shell::warning(format_args!("the explanation is not stored: {error:#}"));
    }
}

/// Explains benchmarks one by one until the time limit.
fn observe(
    workspace: &Workspace,
    options: &explain::Options,
    ids: &[BenchId],
    run: &mut Run,
) -> Result<()> {
    let seconds = options.seconds;
    let scratch = workspace.scratch();
    let surroundings = Surroundings {
        root: &workspace.root,
        scratch: &scratch,
        deadline: Instant::now() + Duration::from_secs(seconds),
        seconds,
        folded: options.folded.as_deref(),
    };
    for (number, id) in ids.iter().enumerate() {
        // Benchmarks that were not profiled have no explanation, instead of an unknown one.
        if number > 0 && Instant::now() >= surroundings.deadline {
            let left = ids.len() - number;
            shell::hint(format_args!(
                "stopped after {seconds} s with {left} of {} benchmarks not explained; raise \
                 --explain-timeout, or run `cargo serbench explain ID`",
                ids.len()
            ));
            break;
        }
        shell::status("Explaining", format_args!("`{id}`"));
        let observed = explain::observe(run, id, &surroundings)?;
        run.explained.insert(id.clone(), observed);
    }
    Ok(())
}

/// The regressions that were not accepted, largest first.
fn regressed(decided: &Decided) -> Vec<BenchId> {
    let decisions = decided.decisions.iter();
    let mut regressed: Vec<_> = decisions
        .filter(|it| it.role == Role::Benchmark && it.verdict == Verdict::Regressed)
        .filter(|it| it.waived.is_none())
        .collect();
    let change = |decision: &crate::decide::Decision| decision.change.map_or(0.0, |it| it.point);
    regressed.sort_by(|one, other| change(other).total_cmp(&change(one)));
    regressed.into_iter().map(|it| it.id.clone()).collect()
}

/// The benchmarks of a run with these ids or matching these expressions.
fn named(run: &Run, wanted: &[&String]) -> Result<Vec<BenchId>> {
    let both = run.benchmarks.iter().filter(|(_, benchmark)| {
        let measurable = |side| benchmark.at(side).is_some_and(|it| it.is_measurable());
        measurable(Side::Baseline) && measurable(Side::Candidate)
    });
    let ids: Vec<&BenchId> = both.map(|(id, _)| id).collect();
    let mut found = BTreeSet::new();
    for word in wanted {
        let pattern = Regex::new(word);
        let exact = ids.iter().find(|id| id.as_str() == word.as_str());
        let matching: Vec<&&BenchId> = match (exact, &pattern) {
            (Some(exact), _) => vec![exact],
            (None, Ok(pattern)) => ids.iter().filter(|id| pattern.is_match(id)).collect(),
            (None, Err(_)) => Vec::new(),
        };
        if matching.is_empty() {
            let there: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
            bail!(Usage::new(format!(
                "no benchmark `{word}` in both commits of the run; available: {}",
                there.join(", ")
            )));
        }
        found.extend(matching.into_iter().map(|id| (*id).clone()));
    }
    Ok(found.into_iter().collect())
}

/// The newest stored run of two commits.
fn newest(workspace: &Workspace) -> Result<PathBuf> {
    let folder = run::folder(&workspace.scratch());
    let of_two = |path: &Path| run::load(path).is_ok_and(|run| run.baseline.is_some());
    run::newest(&folder, of_two).with_context(|| {
        format!(
            "no run of two commits is stored in {}; `cargo serbench gate` makes one",
            folder.display()
        )
    })
}

/// Keeps the executables of two commits if they differ, for explanations after the next build.
pub fn keep(session: &Session, catalogs: [&Catalog; 2], run: &mut Run) {
    let scratch = session.workspace.scratch();
    let folder = scratch.join("executables");
    let root = &session.workspace.root;
    let mut kept = Vec::new();
    for (id, benchmark) in &run.benchmarks {
        let hashes = [Side::Baseline, Side::Candidate].map(|side| benchmark.at(side));
        let [Some(one), Some(other)] = hashes else {
            continue;
        };
        if one.executable == other.executable || !(one.is_measurable() && other.is_measurable()) {
            continue;
        }
        for (side, catalog) in [Side::Baseline, Side::Candidate].into_iter().zip(catalogs) {
            let Some(listed) = catalog.benchmarks.get(id) else {
                continue;
            };
            let file = folder.join(&listed.hash);
            if let Err(error) = link(&listed.executable.path, &file) {
                shell::hint(format_args!("`explain` will not work later: {error:#}"));
                return;
            }
            let inside = |path: &Path, of: &Path| path.strip_prefix(of).unwrap_or(path).to_owned();
            kept.push(Kept {
                id: id.clone(),
                side,
                file: inside(&file, &scratch),
                folder: inside(&listed.executable.folder, root),
                path: listed.path.clone(),
                threads: listed.threads,
            });
        }
    }
    prune(&folder, &kept);
    run.kept = kept;
}

/// Hard-links `from`, which the next build replaces without writing to it, to `to`; copies it if the
/// file system has no links.
fn link(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        // Mark it as new, for `prune`.
        let touched = fs::File::open(to).and_then(|file| file.set_modified(SystemTime::now()));
        return touched.with_context(|| format!("failed to touch {}", to.display()));
    }
    let make = || -> std::io::Result<()> {
        fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
        fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
    };
    make().with_context(|| format!("failed to keep an executable as {}", to.display()))
}

/// Removes the oldest kept executables, except a few.
fn prune(folder: &Path, kept: &[Kept]) {
    const MOST: usize = 12;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .filter(|(_, path)| !kept.iter().any(|kept| path.ends_with(&kept.file)))
        .collect();
    files.sort_unstable();
    for (_, path) in files.iter().rev().skip(MOST) {
        let _ = fs::remove_file(path);
    }
}
