//! Crates with ordinary divan benches: the fixture `divan-traps`, unchanged.

use crate::repository::{Outcome, Repository, copy_tree, fixture};

/// The fixture, committed.
fn traps() -> Repository {
    let repository = Repository::empty();
    copy_tree(&fixture("divan-traps"), repository.path());
    repository.write(".gitignore", "target\n");
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Traps");
    repository
}

/// A package with one bench, whose name it has.
fn with_bench(name: &str, source: &str) -> Repository {
    let repository = Repository::empty();
    let manifest = format!(
        r#"[package]
name = "{name}"
edition = "2024"

[workspace]

[dev-dependencies]
divan = {{ version = "=0.1.21", default-features = false }}

[[bench]]
name = "{name}"
harness = false
"#
    );
    repository.write("Cargo.toml", &manifest);
    repository.write("src/lib.rs", "");
    repository.write(&format!("benches/{name}.rs"), source);
    repository
}

#[test]
fn a_benchmark_of_seconds_leaves_time_to_the_others() {
    let slow = "fake::slow table wall=900000000 spends";
    let repository = Repository::new(&format!("fake::quick table wall=1000\n{slow}"));
    repository.behave(&format!("fake::quick table wall=1300\n{slow}"));
    repository
        .serbench(&["gate", "--seed=1", "--budget=5"])
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, 1 inconclusive, ")
        .says(&["fake::quick", "regressed"])
        .warns(&["`fake::slow` is not measured", "pass `--budget "]);
}

#[test]
fn it_leaves_time_to_the_others_at_one_commit_too() {
    let slow = "fake::first table wall=500000000 spends";
    let repository = Repository::new(&format!("{slow}\nfake::quick table wall=1000"));
    let run = |budget: &str| repository.serbench(&["--quick", "--seed=1", budget]);
    run("--budget=1")
        .exits(101)
        .says(&["quick", "1.000 µs"])
        .warns(&["`fake::first` not measured: the budget of 1 s is spent"]);
    run("--budget=6").exits(0).says(&["first", "500.0 ms"]);
}

#[test]
#[ignore = "builds divan, from the network where cargo does not have it"]
fn every_trap_is_a_problem_but_no_crash() {
    let repository = traps();
    let list = repository.serbench(&["list"]);
    list.exits(0)
        .says(&["traps::plain"])
        .says(&["traps::args::日本語"])
        .says(&["units::under_a_nanosecond"])
        .says(&["noisy::quiet"])
        .says(&["no_arguments::listed"])
        .warns(&[
            "2 benchmarks share the name `traps::colliding::by_name`",
            "give each its own `name",
        ])
        .warns(&["contains a newline and can't be parsed"])
        .warns(&["contains a NUL byte"])
        .warns(&["noisy: warming up", "is not a benchmark"])
        .says_nothing_of(&["traps::colliding"]);
    let clashes = list.stderr().matches("share the name").count();
    assert_eq!(clashes, 3, "{list}");

    // All benchmarks of the worst bench, at one commit: each has a time or a reason.
    let traps = repository.serbench(&["--quick", "--seed=1", "--bench=traps", "--format=markdown"]);
    traps
        .exits(101)
        .answers("**Measured, 8 failed**")
        .says(&["| `plain` ", " ns |"])
        .says(&["| `t=1` ", "|"])
        .says(&["| `x::t=4` ", "|"])
        .says(&["| `panics` ", " failed |"])
        .says(&[
            "`traps::ends::panics`: panicked at benches/traps.rs",
            "on purpose",
        ])
        .says(&["| `not_registered` ", " skipped |"])
        .warns(&["skipped `traps::ends::not_registered`: divan printed no numbers"])
        .warns(&["`traps::prints::a_table`: several tables in the output"])
        .warns(&[
            "hint: divan itself times ",
            "with several threads or under 2 ns",
        ]);

    // Benches without traps get verdicts: compares a commit with itself, measuring identical code.
    repository
        .serbench(&[
            "gate",
            "--baseline=HEAD",
            "--measure-identical",
            "--seed=1",
            "--threshold=50%",
            "^units::(nano|micro)seconds$",
        ])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, ");
}

/// A bench whose operations are slow while few of their outputs are alive, as they are at the beginning of a sample.
const MANY: &str = "\
use std::{hint::black_box, sync::atomic::{AtomicUsize, Ordering::Relaxed}};

static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Alive(#[expect(dead_code)] u64);

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

#[divan::bench(sample_size = 1000)]
fn many() -> Alive {
    let rounds = if ALIVE.fetch_add(1, Relaxed) < 8 { 20_000 } else { 200 };
    Alive((0..black_box(rounds)).fold(7, |sum: u64, x| black_box(sum.rotate_left(5) ^ x)))
}

fn main() {
    divan::main();
}
";

#[test]
#[ignore = "builds divan, from the network where cargo does not have it"]
fn samples_are_as_large_as_divans() {
    let repository = with_bench("many", MANY);
    let json = repository.serbench(&["--quick", "--seed=1", "--format=json"]);
    let run: serde_json::Value = serde_json::from_str(json.exits(0).stdout()).unwrap();
    let latency = run.pointer("/measurements/0/latency_ns");
    let latency = latency.and_then(serde_json::Value::as_f64).unwrap();
    assert!(latency < 5_000.0, "{run:#}");
}

/// Makes inputs by far more work than the operation.
const INPUTS: &str = "\
use std::hint::black_box;

fn work(rounds: u64) -> u64 {
    (0..black_box(rounds)).fold(7, |sum: u64, x| black_box(sum.rotate_left(5) ^ x))
}

#[divan::bench]
fn uses_input(bencher: divan::Bencher) {
    bencher.with_inputs(|| work(20_000)).bench_values(|input| input ^ work(1000));
}

fn main() {
    divan::main();
}
";

#[test]
#[ignore = "builds divan, from the network where cargo does not have it"]
fn making_inputs_is_not_counted() {
    let repository = with_bench("inputs", INPUTS);
    repository.write(".gitignore", "target\n");
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Inputs");
    let slower = INPUTS.replace("work(1000)", "work(1500)");
    repository.write("benches/inputs.rs", &slower);
    repository.commit("Slower");
    let mut gate = repository.command(&["gate", "--baseline=HEAD~1", "--seed=1"]);
    let gate = Outcome::of(gate.env_remove("SERBENCH_NO_EXPLAIN").output().unwrap());
    gate.exits(100)
        .says(&["inputs::uses_input: work: instructions +4"]);
}

/// A bench whose functions prepare input for a long time, and tell that they were called.
const PREPARES: &str = "\
use std::{fs, thread::sleep, time::Duration};

#[divan::bench(threads = [1, 2], args = [7, 8])]
fn threaded(bencher: divan::Bencher, x: u64) {
    fs::write(\"called\", \"\").unwrap();
    sleep(Duration::from_secs(60));
    bencher.bench(|| divan::black_box(x));
}

#[divan::bench]
fn ends() {
    std::process::exit(7);
}

fn main() {
    divan::main();
}
";

#[test]
#[ignore = "builds divan, from the network where cargo does not have it"]
fn a_list_prepares_no_input() {
    let repository = with_bench("prepares", PREPARES);
    let list = repository.serbench(&["list"]);
    let listed: Vec<&str> = list.exits(0).stdout().lines().collect();
    assert_eq!(
        listed,
        [
            "prepares::ends",
            "prepares::threaded::7::t=1",
            "prepares::threaded::7::t=2",
            "prepares::threaded::8::t=1",
            "prepares::threaded::8::t=2"
        ]
    );
    assert!(!repository.path().join("called").exists(), "{list}");
}
