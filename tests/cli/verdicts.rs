//! The verdicts on benchmarks that got slower, faster or wrong, or use more memory.

use serde_json::Value;

use crate::repository::{Outcome, Repository};

/// A benchmark for each verdict, at the baseline.
const BEFORE: &str = "
    fake::reference::u8::4 worker cpu=100000 check=json peak=1000 bytes=2000 allocations=2
    fake::same::u8::4      worker cpu=50000 check=json peak=1000 bytes=2000 allocations=2
    fake::slower::u8::4    worker cpu=200000 check=passed
    fake::faster::u8::4    worker cpu=200000 check=unchecked
    fake::stalls::u8::4    worker cpu=100000
    fake::threads::u8::4   worker cpu=50000 other=200000 wall=60000
    fake::hungry::u8::4    worker cpu=50000 peak=1000 bytes=2000 allocations=10
    fake::frugal::u8::4    worker cpu=50000 peak=1000 bytes=2000 allocations=10
    fake::wrong::u8::4     worker cpu=50000 check=json
    fake::differs::u8::4   worker cpu=50000
    fake::panics::u8::4    worker cpu=50000
    fake::dies::u8::4      worker cpu=50000
    fake::healed::u8::4    panic
    fake::prints::u8::4    worker cpu=50000
    fake::gone::u8::4      worker cpu=50000
    fake::foreign::u8::4   table wall=20000
    fake::late::u8::4      table wall=20000
";

/// The same at the candidate.
const AFTER: &str = "
    fake::reference::u8::4 worker cpu=100000 check=json peak=1000 bytes=2000 allocations=2
    fake::same::u8::4      worker cpu=50000 check=json peak=1000 bytes=2000 allocations=2
    fake::slower::u8::4    worker cpu=220000 check=passed
    fake::faster::u8::4    worker cpu=180000 check=unchecked
    fake::stalls::u8::4    worker cpu=100000 wall=126000
    fake::threads::u8::4   worker cpu=50000 other=200000 wall=66000
    fake::hungry::u8::4    worker cpu=50000 peak=1000 bytes=2000 allocations=11
    fake::frugal::u8::4    worker cpu=50000 peak=900 bytes=2000 allocations=10
    fake::wrong::u8::4     worker cpu=5000 check=json text=[1,2,3]
    fake::differs::u8::4   worker cpu=50000 check=failed
    fake::panics::u8::4    panic
    fake::dies::u8::4      worker cpu=50000 dies=run
    fake::healed::u8::4    worker cpu=50000
    fake::prints::u8::4    worker cpu=50000 prints
    fake::new::u8::4       worker cpu=50000
    fake::foreign::u8::4   table wall=20000
    fake::late::u8::4      table wall=22000
";

#[test]
fn every_verdict_at_once() {
    let repository = Repository::new(BEFORE);
    repository.behave(AFTER);
    repository.commit("After");
    let all = repository.serbench(&["gate", "--seed=1", "::"]);
    all.exits(100).answers(
        "gate: regressed (18 benchmarks, 5 regressed, 5 failed, 2 improved, 1 added, 1 removed, ",
    );
    for (encoder, verdict) in [
        ("reference", "unchanged"),
        ("same", "unchanged"),
        ("slower", "regressed"),
        ("faster", "improved"),
        ("stalls", "regressed"),
        ("threads", "regressed"),
        ("hungry", "regressed"),
        ("frugal", "improved"),
        ("wrong", "failed"),
        ("differs", "failed"),
        ("panics", "failed"),
        ("dies", "failed"),
        ("healed", "failed"),
        ("prints", "unchanged"),
        ("gone", "removed"),
        ("new", "added"),
        ("foreign", "unchanged"),
        ("late", "regressed"),
    ] {
        all.says(&[&format!("fake::{encoder}::u8::4 "), verdict]);
    }
    reasons_take_one_line_each(&all);
}

fn reasons_take_one_line_each(all: &Outcome) {
    all.says(&[
        "slower",
        "CPU time +10.0 % [+10.0 %, +10.0 %], above +3.0 % with 99.",
    ]);
    all.says(&[
        "stalls",
        "wall time +26.0 %",
        "the clocks disagree: CPU time +0.0 %",
    ]);
    all.says(&["threads", "wall time +10.0 %"]);
    all.says(&["late", "wall time +10.0 %"]);
    all.says(&["hungry", "allocations +10.0 % (10 -> 11)"]);
    all.says(&["frugal", "peak heap -10.0 % (1000 -> 900)"]);
    all.says(&["wrong::u8::4: wrong output: ", "expected 4 items"]);
    all.says(&["differs::u8::4: wrong output: element 3 is 5 instead of 4"]);
    all.says(&[
        "panics",
        "panicked at fake-runtime.rs",
        "this bench has a bug",
    ]);
    all.says(&["dies", "this bench dies on `run`"]);
    all.warns(&[
        "fake::healed::u8::4",
        "of the baseline",
        "this bench has a bug",
    ]);
    all.warns(&["fake::prints::u8::4", "of the candidate prints to stdout"]);
    all.warns_nothing_of(&["fake::same", "warning"]);
}

/// Each benchmark decides the exit code if it is selected alone, with its reference.
#[test]
fn each_verdict_alone() {
    let repository = Repository::new(BEFORE);
    repository.behave(AFTER);
    repository.commit("After");
    let gate = |filter: &str| repository.serbench(&["gate", "--seed=1", filter]);
    gate("::same::")
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, sees ");
    repository
        .serbench(&["gate", "--seed=1", "--require-baseline", "::new::"])
        .exits(101)
        .says(&["`fake::new::u8::4` has no baseline", "`require-baseline`"]);
    gate("::gone::")
        .exits(101)
        .answers("gate: passed, 1 removed (2 benchmarks, 0 regressed, 1 removed, ")
        .says(&[
            "`fake::gone::u8::4` no longer exists",
            "accept 'fake::gone::u8::4' --removed",
        ]);

    // In the other direction with `compare`: the faster one is slower.
    repository
        .serbench(&[
            "compare",
            "HEAD",
            "HEAD~1",
            "--seed=1",
            "::(slower|faster)::",
        ])
        .exits(100)
        .answers("gate: regressed (3 benchmarks, 1 regressed, 1 improved, ")
        .says(&["fake::faster::u8::4: CPU time +11.1 %"]);

    // The others from one stored run, without what it says of other benchmarks.
    gate("::(slower|stalls|hungry|faster|wrong|panics|new|healed)::").exits(100);
    let run = std::fs::read_to_string(repository.runs().pop().unwrap()).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    let report = |encoder: &str| {
        let only = only(
            [&format!("fake::{encoder}::u8::4"), "fake::reference::u8::4"],
            &run,
        );
        repository.write("target/only.json", &only.to_string());
        repository.serbench(&["report", "target/only.json"])
    };
    for regressed in ["slower", "stalls", "hungry"] {
        report(regressed)
            .exits(100)
            .answers("gate: regressed (2 benchmarks, 1 regressed");
    }
    report("faster")
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, 1 improved");
    for failed in ["wrong", "panics"] {
        report(failed)
            .exits(101)
            .answers("gate: passed, 1 failed (2 benchmarks, 0 regressed, 1 failed");
    }
    report("new")
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, 1 added");
    report("healed")
        .exits(101)
        .answers("gate: passed, 1 failed (2 benchmarks, 0 regressed, 1 failed")
        .says(&[
            "fake::healed::u8::4: failed at the baseline: panicked at",
            "this bench has a bug",
        ]);
}

/// A stored run with only these benchmarks.
fn only(ids: [&str; 2], run: &Value) -> Value {
    let mut run = run.clone();
    let benchmarks = run["benchmarks"].as_object_mut().unwrap();
    benchmarks.retain(|id, _| ids.contains(&id.as_str()));
    assert_eq!(benchmarks.len(), 2);
    let blocks = run["blocks"].as_array_mut().unwrap();
    blocks.retain(|block| {
        let mut arms = block["arms"].as_array().unwrap().iter();
        arms.all(|arm| ids.contains(&arm["id"].as_str().unwrap()))
    });
    run
}

/// A slower reference is not hidden by ratios: it is judged by its own latency.
#[test]
fn a_slower_reference() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::along::u8::4     worker cpu=50000
         fake::stays::u8::4     worker cpu=50000",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=110000
         fake::along::u8::4     worker cpu=55000
         fake::stays::u8::4     worker cpu=50000",
    );
    let outcome = repository.serbench(&["gate", "--seed=1"]);
    outcome
        .exits(100)
        .answers("gate: regressed (3 benchmarks, 1 regressed, sees ")
        .says(&["fake::reference::u8::4: CPU time +10.0 %"])
        .says(&["fake::along::u8::4", "unchanged"])
        .says(&["fake::stays::u8::4", "unchanged"])
        .says(&["the ratio of 1 benchmark changed with it"])
        .warns(&["the commit that the work tree was changed from"])
        .warns(&["the work tree", "with changes"]);
}

/// Far slower code does not take far longer to measure, and never passes, however short the time.
fn is_far_slower(name: &str, before: &str, after: &str) {
    let repository = Repository::new(&format!(
        "fake::{name} {before} spends\n{SAME}=20000 spends"
    ));
    repository.behave(&format!("fake::{name} {after} spends\n{SAME}=20001 spends"));
    repository.commit("After");
    let gate = |budget: &str| repository.serbench(&["gate", "--seed=1", budget]);
    gate("--budget=62")
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, ");
    // Measured beside each other, so both take longer where the processor is busy.
    let [slower, same] = [name, "same"].map(|name| seconds_per_block(&repository, name));
    assert!(slower < 20.0 * same, "{name}: {slower} s, not {same} s");
    // Too short to confirm it where the processor is busy.
    let hurried = gate("--budget=1");
    assert!(hurried.code().is_some_and(|code| code > 99), "{hurried}");
}

/// Unchanged, but its code differs.
const SAME: &str = "fake::same worker cpu";

#[test]
fn far_longer_pauses() {
    is_far_slower("pause", "worker cpu=1000", "worker cpu=1000 wall=300000");
}

#[test]
fn far_more_work() {
    is_far_slower("busy", "worker cpu=1000", "worker cpu=300000");
}

#[test]
fn far_slower_under_divan() {
    is_far_slower("table", "table wall=1000", "table wall=300000");
}

/// The median for `fake::NAME` in the newest run.
fn seconds_per_block(repository: &Repository, name: &str) -> f64 {
    let newest = repository.runs().pop().unwrap();
    let run = std::fs::read(newest).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let id = format!("fake::{name}");
    let blocks = run["blocks"].as_array().unwrap().iter();
    let blocks = blocks.filter(|block| block["arms"][1]["id"] == id.as_str());
    let mut seconds: Vec<f64> = blocks
        .map(|block| block["seconds"].as_f64().unwrap())
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

#[test]
fn undecided_benchmarks() {
    // Slightly above the threshold, with more noise between processes.
    let repository = Repository::new("fake::noisy worker cpu=50000 spread=0.04");
    repository.behave("fake::noisy worker cpu=51600 spread=0.04");
    repository.commit("Three percent slower");
    let answer = "gate: inconclusive (1 benchmark, 0 regressed, 1 inconclusive, ";
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .answers(answer)
        .says(&["no benchmark could be decided"])
        .says(&["fake::noisy: CPU time", "undecided at +3.0 %"]);
    let run = repository.runs().pop().unwrap();
    let replay = ["gate", "--strict", "--replay", run.to_str().unwrap()];
    repository.serbench(&replay).exits(102).answers(answer);
    // The stored run with another threshold.
    let answer = "gate: regressed (1 benchmark, 1 regressed, ";
    let replay = [&replay[..], &["--threshold=1%"]].concat();
    repository.serbench(&replay).exits(100).answers(answer);
}

#[test]
fn nothing_changed() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::other::u8::4 worker cpu=50000 dies=verify",
    );
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    // Identical benchmarks are not started: one would die.
    repository
        .serbench(&["gate"])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, 2 identical, ")
        .warns_nothing_of(&["Verifying"])
        .warns_nothing_of(&["Measuring"]);
    let trial = ["gate", "--measure-identical", "--seed=1", "::reference::"];
    repository
        .serbench(&trial)
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, sees");
    // A shared target folder must not compare a commit with itself.
    repository.behave("fake::reference::u8::4 worker cpu=120000");
    let mut shared = repository.command(&["gate", "--seed=1"]);
    shared.env("CARGO_TARGET_DIR", repository.path().join("target/shared"));
    crate::repository::Outcome::of(shared.output().unwrap())
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, 1 removed, ");
}

/// Limits on the ratio to the reference also apply to unchanged encoders.
#[test]
fn limits() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000 peak=1000
         fake::lean::u8::4      worker cpu=120000 peak=1200
         fake::large::u8::4     worker cpu=120000 peak=2100
         fake::slow::u8::4      worker cpu=210000 peak=1200",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100001 peak=1000
         fake::lean::u8::4      worker cpu=120000 peak=1200
         fake::large::u8::4     worker cpu=120000 peak=2100
         fake::slow::u8::4      worker cpu=210000 peak=1200",
    );
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .answers("gate: passed (4 benchmarks, 0 regressed, sees ");
    repository
        .serbench(&[
            "gate",
            "--seed=1",
            "--max-latency-ratio=2",
            "--max-memory-ratio=2",
        ])
        .exits(100)
        .answers("gate: regressed (4 benchmarks, 0 regressed, 2 over a limit, ");
}

/// A removed benchmark fails the gate, whatever the filters and flags.
#[test]
fn benchmarks_that_vanish() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::quicker::u8::4   worker cpu=50000",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100001
         fake::quick::u8::4     worker cpu=50000",
    );
    repository.commit("Rename");
    for arguments in [&["gate"][..], &["gate", "--strict"], &["gate", "quick"]] {
        repository
            .serbench(arguments)
            .exits(101)
            .answers("gate: passed, 1 removed (3 benchmarks, 0 regressed, ")
            .says(&[
                "`fake::quicker::u8::4` no longer exists",
                "--removed --reason TEXT",
            ]);
    }
    let run = repository.runs().pop().unwrap();
    repository
        .serbench(&["report", run.to_str().unwrap(), "--format=json"])
        .exits(101)
        .says(&["not in the candidate; `fake::quicker::u8::4` looks like `fake::quick::u8::4`"]);
    // A tracked benchmark may be removed.
    repository
        .serbench(&["gate", "--mode=track"])
        .exits(0)
        .answers("gate: passed (3 benchmarks, 0 regressed, ");
}

#[test]
fn a_budget_that_is_too_short() {
    let slow = "fake::slow::u8::4 table wall=100000000 spends";
    let slower = "fake::slow::u8::4 table wall=100000001 spends";
    let repository = Repository::new(slow);
    repository.behave(slower);
    repository
        .serbench(&["gate", "--budget=2"])
        .exits(101)
        .says(&["can never report a regression", "--budget"])
        .warns(&[
            "first verdicts on all benchmarks take about",
            "some will be inconclusive",
        ]);
}

#[test]
fn a_budget_that_is_spent_before_the_last_benchmark() {
    let repository = Repository::new(
        "fake::slow::u8::4 table wall=100000000 spends
         fake::last::u8::4 table wall=100000000 spends",
    );
    repository
        .serbench(&["--budget=0.01"])
        .exits(101)
        .warns(&["not measured: the budget of 0.01 s is spent", "--budget"]);
    repository
        .serbench(&["--budget=0.01", "--mode=track"])
        .exits(0)
        .warns(&["not measured"]);
}

/// A gate that could not fail does not pass, and a trial that can't slow anything down is rejected.
#[test]
fn gates_that_could_not_fail() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::foreign::u8::4   table wall=20000",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100001
         fake::foreign::u8::4   table wall=20000",
    );
    let outcome = repository.serbench(&["gate", "--budget=0.05"]);
    outcome
        .exits(101)
        .answers("gate: could not measure (2 benchmarks, 0 regressed, 2 inconclusive, ")
        .says(&["can never report a regression", "--budget"]);
    let run = repository.runs().pop().unwrap();
    repository
        .serbench(&["report", run.to_str().unwrap()])
        .exits(101)
        .says(&["can never report a regression"]);
    repository
        .serbench(&["gate", "--inject=5%"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "--inject can't slow `fake::foreign::u8::4` down",
            "choose other benchmarks",
        ]);
    // Whether divan's own times would have changed is unknown.
    repository
        .serbench(&["gate", "--seed=1", "foreign", "--threshold=50%"])
        .exits(0)
        .answers("gate: passed (2 benchmarks, ");
}

/// Waiting is part of a latency; being preempted is not, though the clocks differ as much.
#[test]
fn benchmarks_that_wait_show_and_judge_wall_time() {
    let preempted = "fake::preempted worker cpu=1000 wall=9000";
    let waits = |cpu: u32, wall: u32| {
        format!("fake::waits worker cpu={cpu} wall={wall} waited=0.9\n{preempted}")
    };
    let repository = Repository::new(&waits(500, 5000));
    let run = |wanted: &str| repository.serbench(&[wanted, "--quick", "--seed=1"]);
    run("--format=markdown")
        .exits(0)
        .says(&["| `waits` ", " 5.000 µs |"])
        .says(&["| `preempted` ", " 1.000 µs |"]);
    run("--format=json").says(&[
        r#""id":"fake::preempted""#,
        r#""clock":"cpu-time""#,
        r#""id":"fake::waits""#,
        r#""latency_ns":5000.0,"clock":"wall-time""#,
    ]);
    for (cpu, wall, code) in [(900, 5000, 0), (500, 6000, 100)] {
        repository.behave(&waits(cpu, wall));
        repository
            .serbench(&["gate", "--seed=1"])
            .exits(code)
            .says(&["5.000 µs -> ", &format!("{}.000 µs", wall / 1000)]);
    }
}
