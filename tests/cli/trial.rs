//! Trials of the gate with real encoders on this machine: how many gates of a commit against itself
//! fail, and how many detect an injected slowdown.
//!
//! Run it on an idle machine, or with any load:
//!
//! ```text
//! SERBENCH_TRIAL=100 cargo test --release -p cargo-serbench --test cli trial -- --ignored --nocapture
//! ```
//!
//! `SERBENCH_TRIAL` is the number of gates of each kind (20), `SERBENCH_TRIAL_INJECT` the slowdowns
//! in percent (`5`, or `2,3,5,10`), `SERBENCH_TRIAL_FILTER` the benchmarks, `SERBENCH_TRIAL_GATE`
//! more flags of the gate (`--threshold=1%`). Seeds count up from 1.

use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::Value;

/// Twelve benchmarks: four encoders, including the reference, on three data types.
const BENCHMARKS: &str = "^json::(orjson|serde_json|sonic_rs|simd_json)::(f64|i64|bool)::100x50$";

/// The result of one gate.
struct Gate {
    code: i32,
    seconds: f64,
    headline: String,
    /// Benchmarks other than references, with their verdicts.
    verdicts: Vec<(String, String)>,
}

#[test]
#[ignore = "takes many minutes and a quiet machine"]
fn trial() {
    let gates: usize = setting("SERBENCH_TRIAL", "20").parse().unwrap();
    let equal = gate(0, &[]);
    println!(
        "first, builds included: {:.0} s: {}",
        equal.seconds, equal.headline
    );
    assert!(!equal.verdicts.is_empty(), "nothing was measured");

    report("the same commit", &all(gates, &[]), "unchanged");
    for percent in setting("SERBENCH_TRIAL_INJECT", "5").split(',') {
        let gates = all(gates, &["--inject", &format!("{percent}%")]);
        report(&format!("{percent} % slower"), &gates, "regressed");
    }
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn all(gates: usize, injected: &[&str]) -> Vec<Gate> {
    (1..=gates).map(|seed| gate(seed, injected)).collect()
}

/// One gate of this repository's HEAD against the work tree, which should be the same.
fn gate(seed: usize, injected: &[&str]) -> Gate {
    let filter = setting("SERBENCH_TRIAL_FILTER", BENCHMARKS);
    let flags = setting("SERBENCH_TRIAL_GATE", "");
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-serbench"))
        .args([
            "gate",
            "--baseline=HEAD",
            "--measure-identical",
            "--suite=json",
            "--quiet",
        ])
        .args(["--format=json", &format!("--seed={seed}")])
        .args(injected)
        .args(flags.split_whitespace())
        .arg(&filter)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let code = output.status.code().unwrap_or(-1);
    assert!(matches!(code, 0 | 100 | 102), "exit code {code}, see above");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let dirty = &report["runs"][0]["candidate"]["dirty"];
    assert_eq!(
        dirty, false,
        "commit first: the gate would compare your changes"
    );
    let benchmarks = &report["runs"][0]["benchmarks"];
    let judged = report["verdicts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Gate {
        code,
        seconds,
        headline: text(&report["headline"]),
        verdicts: judged
            .map(|decision| (text(&decision["id"]), text(&decision["verdict"])))
            .filter(|(id, _)| !benchmarks[id.as_str()]["reference"].is_null())
            .collect(),
    }
}

/// Prints counts, and the benchmarks with a verdict other than `expected`.
fn report(what: &str, gates: &[Gate], expected: &str) {
    let with = |code| gates.iter().filter(|gate| gate.code == code).count();
    let all: Vec<&(String, String)> = gates.iter().flat_map(|gate| &gate.verdicts).collect();
    let verdicts = |word: &str| all.iter().filter(|(_, verdict)| verdict == word).count();
    let mut seconds: Vec<f64> = gates.iter().map(|gate| gate.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    println!(
        "{what}: {} of {} gates regressed; of {} verdicts {} regressed, {} inconclusive, \
         {} improved; seconds a gate: median {:.1}, longest {:.1}",
        with(100),
        gates.len(),
        all.len(),
        verdicts("regressed"),
        verdicts("inconclusive"),
        verdicts("improved"),
        seconds[seconds.len() / 2],
        seconds[seconds.len() - 1],
    );
    for (id, verdict) in all {
        if verdict != expected {
            println!("  {verdict} {id}");
        }
    }
}
