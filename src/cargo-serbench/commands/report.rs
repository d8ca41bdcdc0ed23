//! `cargo serbench report`: reports stored runs again, without measuring.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cli::{Keys, Output, Project},
    commands::{
        bound,
        output::{self, Findings},
        pair::{self, Decided},
    },
    compare::{self, CaseTable},
    discover::{
        Workspace,
        git::{self, Repo},
        workspace::{self, Choice},
    },
    exit::Exit,
    record::accepted::Waivers,
    run::{self, Run},
    session,
};

#[derive(Clone, Debug, Args)]
pub struct Report {
    /// Runs stored under target/serbench/runs: one, or those of all shards for one joint verdict
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,

    /// Accept only runs of this commit without uncommitted changes
    #[arg(long, value_name = "SHA")]
    pub candidate: Option<String>,

    /// Reject runs that were not compared with the merge base of their commit and this revision
    #[arg(long, value_name = "REV")]
    pub baseline: Option<String>,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub keys: Keys,

    #[command(flatten)]
    pub output: Output,
}

pub fn report(args: &Report) -> Result<Exit> {
    args.output.voice.apply();
    if args.candidate.is_none() && args.baseline.is_none() {
        return stored(&args.runs, &args.project, &args.keys, &args.output);
    }
    let files = args.runs.iter().map(PathBuf::as_path);
    let runs = files.map(|file| Ok((file, bound::load(file)?)));
    let runs = runs.collect::<Result<Vec<(&Path, Run)>>>()?;
    if let Some(sha) = &args.candidate {
        bound::check_candidate(&runs, sha)?;
    }
    if let Some(revision) = &args.baseline {
        bound::check_baseline(&runs, revision, &args.project)?;
    }
    let runs = runs.into_iter().map(|(_, run)| run).collect();
    loaded(runs, &args.project, &args.keys, &args.output)
}

/// Decides and prints the runs in `files` with the current configuration and flags.
pub fn stored(files: &[PathBuf], project: &Project, keys: &Keys, output: &Output) -> Result<Exit> {
    let runs = files
        .iter()
        .map(|file| run::load(file))
        .collect::<Result<Vec<Run>>>()?;
    loaded(runs, project, keys, output)
}

fn loaded(runs: Vec<Run>, project: &Project, keys: &Keys, output: &Output) -> Result<Exit> {
    let choice = project.choice();
    let first = runs.first().context("no run to report")?;
    if first.baseline.is_none() && runs.len() == 1 {
        let tables = compare::cases(first);
        let exit = exit_of(&tables);
        let findings = Findings {
            tables,
            runs,
            ..Findings::default()
        };
        // Tables of a single commit need no project.
        let workspace = workspace::workspace(&choice).ok();
        output::write(&findings, exit, workspace.as_ref(), output)?;
        return Ok(exit);
    }
    let (runs, decided) = decided(runs, project, keys)?;
    let workspace = workspace::workspace(&choice)?;
    let exit = decided.exit;
    let findings = Findings {
        runs,
        decided: Some(decided),
        ..Findings::default()
    };
    output::write(&findings, exit, Some(&workspace), output)?;
    Ok(exit)
}

/// Decides runs of two commits with the current configuration and flags.
pub fn decided(runs: Vec<Run>, project: &Project, keys: &Keys) -> Result<(Vec<Run>, Decided)> {
    let choice = project.choice();
    let first = runs.first().context("no run to decide")?;
    check_joinable(&runs)?;
    let config = session::configuration(&choice, &keys.flags())?.config;
    let workspace = workspace::workspace(&choice)?;
    let repo = git::open(&workspace.root)?;
    let waivers = Waivers::read(&workspace.root, repo.as_ref(), first.baseline.as_ref())?;
    let config = match first.baseline.as_ref().and_then(|it| it.commit.as_deref()) {
        Some(sha) => {
            let before = workspace_of(sha, repo.as_ref(), &workspace, &choice);
            session::held(config, before, &keys.flags())?
        }
        None => config,
    };
    Ok(pair::decide(runs, &config, &waivers))
}

/// The workspace at a commit, if this repository has it.
fn workspace_of(
    sha: &str,
    repo: Option<&Repo>,
    workspace: &Workspace,
    choice: &Choice,
) -> Result<Workspace> {
    let commit = repo.and_then(|repo| repo.commit(sha));
    let (Some(repo), Some(commit)) = (repo, commit) else {
        bail!("commit {} is not in this repository", git::short(sha));
    };
    let root = repo.extract(&commit, &workspace.scratch().join("source"))?;
    workspace::workspace(&choice.at(&root, &workspace.root))
}

/// Whether all benchmarks of a single commit could be measured.
pub fn exit_of(tables: &[CaseTable]) -> Exit {
    let failed = |row: &compare::Row| row.verification.failure().is_some();
    match tables.iter().flat_map(|table| &table.rows).any(failed) {
        true => Exit::CouldNotMeasure,
        false => Exit::Passed,
    }
}

/// Rejects runs that are not all shards of one gate: a joint verdict could pass unmeasured benchmarks.
fn check_joinable(runs: &[Run]) -> Result<()> {
    let [first, others @ ..] = runs else {
        return Ok(());
    };
    if runs.iter().any(|run| run.baseline.is_none()) {
        bail!("only runs of two commits can be reported together; report each of these by itself");
    }
    for other in others {
        let what = if other.baseline != first.baseline {
            "baselines"
        } else if other.candidate != first.candidate {
            "candidates"
        } else if other.toolchain != first.toolchain {
            "toolchains, flags or features"
        } else {
            continue;
        };
        bail!("these runs have different {what}, so they are not shards of one gate");
    }
    for (number, run) in runs.iter().enumerate() {
        let same = |other: &&Run| (&other.started_at, other.seed) == (&run.started_at, run.seed);
        if runs[..number]
            .iter()
            .any(|other| same(&other) && other.shard == run.shard)
        {
            bail!("the run of {} was passed twice", run.started_at);
        }
    }
    check_shards(runs)
}

/// Checks that all shards `1/n` to `n/n` are present.
fn check_shards(runs: &[Run]) -> Result<()> {
    let shards: Vec<&str> = runs.iter().filter_map(|run| run.shard.as_deref()).collect();
    let Some(of) = shards.first().and_then(|shard| shard.split_once('/')) else {
        return Ok(());
    };
    let count: usize = of.1.parse().context("read the number of shards")?;
    for number in 1..=count {
        let name = format!("{number}/{count}");
        if !shards.contains(&name.as_str()) {
            bail!("shard {name} is missing; a joint verdict needs the runs of all shards");
        }
    }
    if shards.len() != count || runs.len() != count {
        bail!(
            "got {} runs for {count} shards; pass one run per shard",
            runs.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        path::Path,
    };

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{
        Choice, Exit, Findings, Run, Waivers, check_joinable, compare, output, pair, run, session,
    };
    use crate::{
        config::{Config, Flags},
        decide::{Decision, evidence::Role},
        record::tests::two_encoders,
        report::FORMATS,
        run::Side,
    };

    #[test]
    fn runs_that_are_not_one_gate_are_refused() {
        let shard = |number: usize| {
            let mut run = two_encoders();
            run.baseline = Some(run.candidate.clone());
            run.shard = Some(format!("{number}/2"));
            run.seed = number as u64;
            run
        };
        let problem = |runs: &[_]| check_joinable(runs).map_err(|error| error.to_string());
        assert_eq!(problem(&[shard(1), shard(2)]), Ok(()));
        let mut other = shard(2);
        other.candidate.commit = Some("1234".to_owned());
        let mut alone = shard(2);
        alone.baseline = None;
        let mut whole = shard(2);
        whole.shard = None;
        let all = [
            problem(&[shard(1), shard(1)]),
            problem(&[shard(1), other]),
            problem(&[shard(1), alone]),
            problem(&[shard(1), whole]),
        ];
        let all: Vec<String> = all.into_iter().map(Result::unwrap_err).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        the run of 2026-11-21T01:10:52Z was passed twice
        these runs have different candidates, so they are not shards of one gate
        only runs of two commits can be reported together; report each of these by itself
        shard 2/2 is missing; a joint verdict needs the runs of all shards
        ");
    }

    /// The configuration of a workspace that has none.
    fn config() -> Config {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        let text = "[package]\nname = \"x\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n";
        std::fs::write(&manifest, text).unwrap();
        std::fs::write(folder.path().join("lib.rs"), "").unwrap();
        let choice = Choice {
            manifest_path: Some(manifest),
            ..Choice::default()
        };
        let effective = session::configuration(&choice, &Flags::default());
        effective.unwrap().config
    }

    /// The same run as a comparison of two commits.
    fn two_commits() -> Run {
        let mut run = two_encoders();
        run.baseline = Some(run.candidate.clone());
        run.self_check = run.benchmarks.keys().next().cloned();
        for (id, benchmark) in &mut run.benchmarks {
            let mut baseline = benchmark.candidate.clone();
            if let Some(baseline) = &mut baseline {
                "other".clone_into(&mut baseline.executable);
            }
            benchmark.baseline = baseline;
            let mut block = run.blocks[0].clone();
            for (arm, side) in block.arms.iter_mut().zip([Side::Baseline, Side::Candidate]) {
                arm.side = side;
                arm.id = id.clone();
            }
            run.blocks.extend([block.clone(), block]);
        }
        run
    }

    /// JSON pointers to all values in `value`; in lists, only to the first and last element.
    fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
        all.push(at.to_owned());
        let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    pointers(field, &format!("{at}/{}", escape(key)), all);
                }
            }
            Value::Array(items) => {
                let last = items.len().saturating_sub(1);
                for (number, item) in items.iter().enumerate() {
                    if number == 0 || number == last {
                        pointers(item, &format!("{at}/{number}"), all);
                    }
                }
            }
            _ => {}
        }
    }

    /// Decides and prints a run in every format, if it can be read.
    fn print(value: &Value, config: &Config) {
        let Ok(run) = Run::deserialize(value) else {
            return;
        };
        if run::check(&run).is_err() {
            return;
        }
        let tables = compare::cases(&run);
        let (runs, decided) = pair::decide(vec![run], config, &Waivers::default());
        let alone = Findings {
            tables,
            runs: runs.clone(),
            ..Findings::default()
        };
        let pair = Findings {
            runs,
            decided: Some(decided),
            ..Findings::default()
        };
        for findings in [alone, pair] {
            output::with_report(&findings, Exit::Passed, None, None, |report| {
                for format in &FORMATS {
                    format.render(report, Some(80)).unwrap();
                }
            });
        }
    }

    /// Runs stored by earlier versions, one of each schema. The verdicts are those printed at the time,
    /// except for `healed`: a benchmark that failed at the baseline then counted as added.
    #[test]
    fn old_runs_have_the_same_verdicts() {
        let verdicts = |name: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/runs");
            let run = run::load(&folder.join(name)).unwrap();
            let (_, decided) = pair::decide(vec![run], &config(), &Waivers::default());
            let benchmarks = decided.decisions.into_iter();
            let benchmarks = benchmarks.filter(|it| it.role == Role::Benchmark);
            let verdict = |it: Decision| format!("{} {}", it.id, it.verdict.word());
            benchmarks.map(verdict).collect::<Vec<_>>().join("\n")
        };
        let all = ["schema-1.json", "schema-2.json", "schema-3.json"].map(verdicts);
        insta::assert_snapshot!(all.join("\n\n"), @r"
        fake::dies::u8::4 failed
        fake::differs::u8::4 failed
        fake::faster::u8::4 improved
        fake::foreign::u8::4 unchanged
        fake::frugal::u8::4 improved
        fake::gone::u8::4 removed
        fake::healed::u8::4 failed
        fake::hungry::u8::4 regressed
        fake::late::u8::4 regressed
        fake::new::u8::4 added
        fake::panics::u8::4 failed
        fake::prints::u8::4 unchanged
        fake::reference::u8::4 unchanged
        fake::same::u8::4 unchanged
        fake::slower::u8::4 regressed
        fake::stalls::u8::4 regressed
        fake::threads::u8::4 regressed
        fake::wrong::u8::4 failed

        fake::one regressed

        words::deep::sum::u64::1 identical
        words::deep::sum::u64::2 identical
        words::deep::sum::u8::1 identical
        words::deep::sum::u8::2 identical
        words::nothing identical
        words::split::10 regressed
        words::split::1000 regressed
        ");
    }

    #[test]
    fn edited_runs_never_panic() {
        let config = config();
        let mut panicked = Vec::new();
        for run in [two_encoders(), two_commits()] {
            let whole = serde_json::to_value(run).unwrap();
            print(&whole, &config);
            let mut all = Vec::new();
            pointers(&whole, "", &mut all);
            for pointer in &all {
                for other in [
                    json!(null),
                    json!(0),
                    json!(-1),
                    json!(1e300),
                    json!(""),
                    json!("x::y"),
                    json!([]),
                    json!({}),
                    json!(true),
                ] {
                    let mut edited = whole.clone();
                    *edited.pointer_mut(pointer).unwrap() = other.clone();
                    let printed = catch_unwind(AssertUnwindSafe(|| print(&edited, &config)));
                    if printed.is_err() {
                        panicked.push(format!("{pointer} = {other}"));
                    }
                }
            }
        }
        assert!(panicked.is_empty(), "{}", panicked.join("\n"));
    }
}
