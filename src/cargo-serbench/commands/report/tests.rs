//! Evaluates stored runs again: old, edited, and of several shards.

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
fn runs_of_different_gates_are_rejected() {
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
    if run::stored::check(&run).is_err() {
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

/// Runs stored with each schema; that of schema 4 is cut to two benchmarks. The verdicts are those printed at
/// the time, except for `healed`: a benchmark that failed at the baseline then counted as added.
#[test]
fn old_runs_have_the_same_verdicts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/runs");
    let verdicts = |schema: u32| {
        let run = run::load(&folder.join(format!("schema-{schema}.json"))).unwrap();
        let (_, decided) = pair::decide(vec![run], &config(), &Waivers::default());
        let benchmarks = decided.decisions.into_iter();
        let benchmarks = benchmarks.filter(|it| it.role == Role::Benchmark);
        let verdict = |it: Decision| format!("{} {}\n", it.id, it.verdict.word());
        benchmarks.map(verdict).collect::<String>()
    };
    let all: String = (1..=5).map(verdicts).collect();
    let printed = std::fs::read_to_string(folder.join("verdicts.txt")).unwrap();
    let exit_codes = |line: &&str| line.starts_with("schema ");
    let expected: Vec<&str> = printed.lines().filter(|line| !exit_codes(line)).collect();
    assert_eq!(all.lines().collect::<Vec<_>>(), expected);
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
