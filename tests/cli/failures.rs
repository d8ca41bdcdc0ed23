//! Failures to measure: each has its own message, and the exit code is never 0.

use crate::repository::{Outcome, Repository};

const ONE: &str = "fake::reference::u8::4 worker cpu=100000";

#[test]
fn a_candidate_that_does_not_build() {
    let repository = Repository::new(ONE);
    let bench = repository.read("benches/fake.rs");
    repository.write("benches/fake.rs", &(bench.clone() + "fn broken( {}\n"));
    repository
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "error: failed to build the work tree",
            "with changes",
            "cargo could not build",
        ])
        .warns_nothing_of(&["the baseline"]);

    // Quiet prints only the reason.
    repository
        .serbench(&["gate", "--quiet"])
        .exits(101)
        .warns(&["error: failed to build the work tree"])
        .warns(&["error: this file contains an unclosed delimiter"])
        .warns_nothing_of(&["Compiling"]);

    // At the baseline only.
    repository.commit("Break");
    repository.write("benches/fake.rs", &bench);
    let fixed = repository.commit("Mend");
    repository
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "error: failed to build the baseline",
            "(Break)",
            "cargo could not build",
        ]);
    repository
        .serbench(&["compare", &fixed, "HEAD~1"])
        .exits(101)
        .says_no_more()
        .warns(&["error: failed to build the candidate", "(Break)"]);
}

#[test]
fn nothing_to_measure() {
    let repository = Repository::new(ONE);
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    let check = |arguments: &[&str], words: &[&str]| {
        let outcome = repository.serbench(arguments);
        outcome.exits(2).says_no_more().warns(words);
    };
    check(
        &["--list"],
        &["tip: to list the benchmarks, run `cargo serbench list`"],
    );
    let no_match = &[
        "error: no benchmark matches `nope`; list all with `cargo serbench list`",
        "`cargo serbench list`",
    ];
    check(&["gate", "nope"], no_match);
    check(&["nope"], no_match);
    check(&["list", "nope"], no_match);
    check(
        &["gat"],
        &["hint: `gat` selects benchmarks; for the command, type `cargo serbench gate`"],
    );
    check(
        &["gate", "--bench=nope"],
        &["error: no bench named nope; available: fake"],
    );
    check(
        &["gate", "--bench=fake", "--bench=nope"],
        &["error: no bench named nope; available: fake"],
    );
    // One wrong value among correct ones is an error.
    let wrong = |flag: &str, words: &str| check(&["gate", flag], &[words, "did you mean"]);
    wrong("--dtype=u8,u9", "error: no benchmark has `--dtype u9`");
    wrong("--encoder=reference,refrence", "`--encoder refrence`");
    wrong("--suites=fake,fakee", "error: no bench named fakee");
    wrong("--bench=fakee", "error: no bench named fakee");
    check(&["--shape=4,5"], &["error: no benchmark has `--shape 5`"]);
    check(
        &["gate", "u8", "refrence"],
        &[
            "error: no benchmark matches `refrence`",
            "did you mean `reference`",
        ],
    );
    let invalid = repository.serbench(&["gate", "("]);
    invalid
        .exits(2)
        .warns(&["error: FILTER is not a valid regular expression"]);
    // Before anything is built.
    assert_eq!(invalid.stderr().lines().count(), 1, "{}", invalid.stderr());
    // Only the name on the command line is wrong, not the configured one.
    let manifest = repository.read("Cargo.toml");
    let configured = format!("{manifest}\n[package.metadata.serbench]\nsuites = [\"fake\"]\n");
    repository.write("Cargo.toml", &configured);
    let only = "error: no bench named fakee; did you mean `fake`?";
    check(&["list", "--bench=fakee"], &[only]);
}

#[test]
fn benches_that_come_and_go() {
    let repository = Repository::with_library(ONE);
    let manifest = repository.read("Cargo.toml");
    let with = |name: &str| {
        let bench = format!("[[bench]]\nname = \"{name}\"\nharness = false\n\n[profile.bench]");
        repository.write(
            "Cargo.toml",
            &manifest.replacen("[profile.bench]", &bench, 1),
        );
    };
    // If only a new bench target is requested, it is also measured with the old library.
    with("second");
    let second = repository
        .read("benches/fake.rs")
        .replace("behaviour.txt", "second.txt");
    repository.write("benches/second.rs", &second);
    repository.write("benches/second.txt", "second::only worker cpu=50000");
    let added = repository.commit("A second bench");
    repository
        .serbench(&["gate", "--bench=second"])
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, 1 identical, ")
        .warns(&["can't be measured with its own benches: it has none of these benches"]);
    repository
        .serbench(&["gate"])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, 1 identical, 1 added, ");

    // Removed again: an error if requested by name, otherwise reported as removed.
    repository.write("Cargo.toml", &manifest);
    std::fs::remove_file(repository.path().join("benches/second.rs")).unwrap();
    repository.commit("Without it");
    repository
        .serbench(&["gate", "--bench=second"])
        .exits(2)
        .says_no_more()
        .warns(&["error: no bench named second; available: fake"]);
    let baseline = format!("--baseline={added}");
    repository
        .serbench(&["gate", &baseline])
        .exits(101)
        .answers("gate: passed, 1 removed (2 benchmarks, 0 regressed, 1 identical, 1 removed, ");

    // No bench target at all.
    let without = manifest.replace("[[bench]]\nname = \"fake\"\nharness = false\n", "");
    repository.write("Cargo.toml", &without);
    std::fs::remove_dir_all(repository.path().join("benches")).unwrap();
    repository
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["error: ", "this workspace has no [[bench]]"]);
    let unconfigured = without.split("[package.metadata").next().unwrap();
    repository.write("Cargo.toml", unconfigured);
    repository
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["error: no [[bench]] in", "harness = false"]);

    // A package of its own has the benches.
    repository.write(
        "more/benches/Cargo.toml",
        "[dev-dependencies]\ndivan = \"0.1\"\n[[bench]]\n",
    );
    repository
        .serbench(&["list"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "error: no [[bench]] in",
            "but in more/benches, which",
            "run `cargo serbench` there",
        ]);
}

#[test]
fn benches_without_benchmarks() {
    let repository = Repository::new(ONE);
    repository.behave("");
    repository
        .serbench(&["gate"])
        .exits(101)
        .answers("gate: could not measure (1 benchmark, 0 regressed, 1 failed, ");
    repository
        .serbench(&["list"])
        .exits(101)
        .says_no_more()
        .warns(&["error: nothing to measure"]);
    repository.behave("fake::without_a_kind");
    repository
        .serbench(&["list"])
        .exits(101)
        .says_no_more()
        .warns(&["error: bench `fake` could not list", "a kind"]);
    repository.start_as_usual();
    repository.write(
        "benches/fake.rs",
        "fn main() { println!(\"x::y: benchmark\") }\n",
    );
    repository
        .serbench(&["list"])
        .exits(101)
        .says_no_more()
        .warns(&["error: no divan bench among fake; a divan bench has"]);
}

/// A bench of criterion is not compiled, which could take minutes.
#[test]
fn benches_of_other_harnesses_are_not_built() {
    let repository = with_second_bench();
    let criterion = "use criterion::criterion_main;\ncriterion_main!(does_not_compile);\n";
    repository.write("benches/second.rs", criterion);
    repository.commit("Second bench of criterion");
    let gate = repository.serbench(&["gate", "--baseline=HEAD"]);
    gate.exits(0)
        .warns(&["hint: bench `second` does not use divan, so it is not built"])
        .answers("gate: passed (1 benchmark, 0 regressed, 1 identical, ");
    assert_eq!(
        gate.stderr().matches("does not use divan").count(),
        1,
        "{gate}"
    );
    repository
        .serbench(&["list", "--bench=second"])
        .exits(101)
        .warns(&["error: no divan bench among second; "]);
}

const SECOND: &str = "[[bench]]\nname = \"second\"\nharness = false\n\n";

/// Two benches, each with one benchmark; removals are allowed.
fn with_second_bench() -> Repository {
    let repository = Repository::uncommitted(ONE);
    let allow = "[package.metadata.serbench]\nallow-removed = true\n";
    let manifest = repository.read("Cargo.toml");
    let manifest = manifest.replacen("[profile.bench]", &format!("{SECOND}[profile.bench]"), 1);
    let manifest = manifest.replacen(
        "[package.metadata.serbench.",
        &format!("{allow}\n[package.metadata.serbench."),
        1,
    );
    repository.write("Cargo.toml", &manifest);
    let second = repository
        .read("benches/fake.rs")
        .replace("behaviour.txt", "second.txt");
    repository.write("benches/second.rs", &second);
    repository.write("benches/second.txt", "second::only worker cpu=50000");
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Two benches");
    repository
}

/// Other benches are measured, but the benchmarks of a broken one don't pass.
#[test]
fn a_bench_that_can_not_list_fails_alone() {
    let repository = with_second_bench();
    repository.write("benches/second.txt", "second::without_a_kind");
    repository
        .serbench(&["gate"])
        .exits(101)
        .answers("gate: passed, 2 failed (3 benchmarks, 0 regressed, 1 identical, 2 failed, ")
        .says(&["second::only", "can't list its benchmarks"])
        .says(&["bench `second` could not list its benchmarks: ", "a kind"])
        .warns(&["warning: bench `second` could not list its benchmarks: "]);
    let list = repository.serbench(&["list"]);
    list.exits(101);
    assert_eq!(list.stdout(), "fake::reference::u8::4\n");
    // Broken only at the baseline: whether they got slower is unknown.
    repository.commit("Broken");
    repository.write("benches/second.txt", "second::only worker cpu=50000");
    let gate = ["gate", "--baseline=HEAD"];
    repository
        .serbench(&gate)
        .exits(101)
        .answers("gate: passed, 1 failed (2 benchmarks, 0 regressed, 1 identical, 1 failed, ")
        .says(&["second::only", "failed at the baseline", "a kind"])
        .says(&["cargo serbench accept second::only --reason TEXT"]);
    repository
        .serbench(&["accept", "second::only", "--reason", "Its list works again"])
        .exits(0);
    repository.serbench(&gate).exits(0);
}

/// These were not removed, so allowing removals does not let them pass.
#[test]
fn a_bench_that_lists_nothing_has_failed() {
    let repository = with_second_bench();
    let failed = |reason: &str| {
        repository
            .serbench(&["gate"])
            .exits(101)
            .answers("gate: passed, 1 failed (2 benchmarks, 0 regressed, 1 identical, 1 failed, ")
            .says(&["second::only", "bench `second` of fake-bench", reason]);
    };
    repository.write("benches/second.txt", "");
    failed("lists no benchmarks");
    repository.start_as_usual();
    repository.write("benches/second.rs", "fn main() {}\n");
    failed("does not call divan::main()");
    // Removing the bench target is a removal.
    repository.write(
        "Cargo.toml",
        &repository.read("Cargo.toml").replacen(SECOND, "", 1),
    );
    std::fs::remove_file(repository.path().join("benches/second.rs")).unwrap();
    repository
        .serbench(&["gate"])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, 1 identical, 1 removed, ");
}

/// Cargo does not call such a bench's `main`, so it need not be built, and its benchmarks don't pass.
#[test]
fn a_bench_without_harness_false() {
    let repository = with_second_bench();
    let manifest = repository.read("Cargo.toml");
    let bare = SECOND.replace("harness = false\n", "");
    repository.write("Cargo.toml", &manifest.replacen(SECOND, &bare, 1));
    let would_not_compile = "fn main() { divan::main(); }\n";
    repository.write("benches/second.rs", would_not_compile);
    let advice = "no `harness = false` in Cargo.toml for second, so cargo never calls";
    repository
        .serbench(&["list"])
        .exits(0)
        .says(&["fake::reference"])
        .warns(&[&format!("warning: {advice}")])
        .warns(&["harness = false"]);
    repository
        .serbench(&["gate"])
        .exits(101)
        .says(&["second::only", "has no `harness = false`"]);
    repository
        .serbench(&["list", "--bench=second"])
        .exits(101)
        .says_no_more()
        .warns(&[&format!("error: {advice}")]);
}

#[test]
fn divan_is_too_old() {
    let repository = Repository::uncommitted(ONE);
    let old = "[package]\nname = \"divan\"\nversion = \"0.1.13\"\nedition = \"2024\"\n";
    repository.write("divan/Cargo.toml", old);
    repository.write("divan/src/lib.rs", "");
    let dependency = "[dev-dependencies]\ndivan = { path = \"divan\" }\n\n[profile.bench]";
    let manifest = repository.read("Cargo.toml");
    repository.write(
        "Cargo.toml",
        &manifest.replacen("[profile.bench]", dependency, 1),
    );
    repository
        .serbench(&["list"])
        .exits(101)
        .warns(&["divan 0.1.13", "`cargo update divan --precise 0.1.21`"]);
}

/// A package that indirectly depends on an older version of itself.
#[test]
fn two_versions_of_a_package() {
    let repository = Repository::uncommitted(ONE);
    let old = "[package]\nname = \"fake-bench\"\nversion = \"9.0.0\"\nedition = \"2024\"\n";
    repository.write("old/Cargo.toml", old);
    repository.write("old/src/lib.rs", "");
    let dependency =
        "[dependencies]\nold = { path = \"old\", package = \"fake-bench\" }\n\n[profile.bench]";
    let manifest = repository.read("Cargo.toml");
    let manifest = manifest.replacen("[workspace]", "[workspace]\nexclude = [\"old\"]", 1);
    repository.write(
        "Cargo.toml",
        &manifest.replacen("[profile.bench]", dependency, 1),
    );
    repository
        .serbench(&["list"])
        .exits(0)
        .answers("fake::reference::u8::4");
}

/// Without a benchmark for the self-check.
#[test]
fn the_only_benchmark_dies() {
    let repository = Repository::new("fake::only worker cpu=50000");
    repository.behave("fake::only worker cpu=50000 dies=run");
    repository
        .serbench(&["gate"])
        .exits(101)
        .answers("gate: could not measure (1 benchmark, 0 regressed, 1 failed, ")
        .warns(&["`fake::only` of the candidate", "this bench dies on `run`"]);
    // At the baseline, the failure can be accepted.
    repository.commit("Dies");
    repository.behave("fake::only worker cpu=51000");
    repository
        .serbench(&["gate"])
        .exits(101)
        .answers("gate: could not measure (1 benchmark, 0 regressed, 1 failed, ")
        .says(&[
            "fake::only: failed at the baseline: ",
            "this bench dies on `run`",
        ])
        .warns(&["`fake::only` of the baseline", "this bench dies on `run`"]);
    // A single commit.
    repository.behave("fake::only worker cpu=50000 dies=warm");
    repository
        .serbench(&["--quick"])
        .exits(101)
        .answers("Could not measure: 1 of 1 benchmark failed");
}

#[test]
fn runs_that_cannot_be_stored() {
    let repository = Repository::new(ONE);
    repository.write("target/serbench/runs", "no folder");
    repository
        .serbench(&["--quick"])
        .exits(101)
        .says(&["reference", "100.0 µs"])
        .warns(&["error: failed to store the run in"]);
    repository.behave("fake::reference::u8::4 worker cpu=120000");
    repository
        .serbench(&["gate"])
        .exits(101)
        .answers("gate: regressed (1 benchmark, 1 regressed, ")
        .warns(&["error: failed to store the run in"]);
}

#[test]
fn one_benchmark_that_hangs_fails_alone() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::stuck::u8::4     worker cpu=50000",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100001
         fake::stuck::u8::4     hang",
    );
    repository
        .serbench(&["gate", "--timeout=1"])
        .exits(101)
        .answers("gate: passed, 1 failed (2 benchmarks, 0 regressed, 1 failed, ")
        .says(&["fake::reference::u8::4", "unchanged"])
        .says(&[
            "fake::stuck::u8::4: `fake::stuck::u8::4` timed out",
            "--timeout",
        ]);
}

#[test]
fn edited_runs_are_rejected() {
    let repository = Repository::new("fake::reference::u8::4 worker cpu=100000");
    repository.behave("fake::reference::u8::4 worker cpu=100001");
    repository.serbench(&["gate", "--seed=1"]).exits(0);
    let run = repository.runs().pop().unwrap();
    let whole: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&run).unwrap()).unwrap();
    let slice = "/blocks/0/slices/0/0";
    for (at, value, problem) in [
        ("/blocks/0/slices", "[]", "2 arms but slices of 0"),
        ("/blocks/0/arms", "[]", "0 arms but slices of 2"),
        ("/blocks/0/slices/1", "[]", "different numbers of slices"),
        (slice, "[0.0, 1.0, 1.0]", "an operation took 0 ns"),
        (slice, "[null, -1.0, 1.0]", "an operation took -1 ns"),
        (slice, "[1.0, 1.0, 0]", "an operation took 0 ns"),
        ("/blocks/0/seconds", "-1.0", "it took -1 s"),
    ] {
        let mut edited = whole.clone();
        *edited.pointer_mut(at).unwrap() = serde_json::from_str(value).unwrap();
        repository.write("edited.json", &edited.to_string());
        repository
            .serbench(&["report", "edited.json"])
            .exits(101)
            .says_no_more()
            .warns(&["edited.json has been edited or damaged: block 1", problem]);
    }
    // Unusual text is shown unchanged.
    let mut edited = whole.clone();
    edited["baseline"]["commit"] = "commít✂ééé".into();
    edited["candidate"]["commit"] = "".into();
    edited["benchmarks"]["fake::reference::u8::4"]["candidate"]["shape"] =
        serde_json::json!([u64::MAX, u64::MAX]);
    repository.write("edited.json", &edited.to_string());
    repository.serbench(&["report", "edited.json"]).exits(0);
    edited["baseline"] = serde_json::Value::Null;
    repository.write("edited.json", &edited.to_string());
    repository.serbench(&[
        "report",
        "edited.json",
        "--format=terminal,markdown,html,junit,json",
    ]);
}

#[test]
fn other_protocols_are_rejected() {
    let check = |protocol: u32, way_out: &str| {
        let line = format!("fake::only worker cpu=50000 protocol={protocol}");
        let repository = Repository::new(&line);
        repository.serbench(&["--quick"]).exits(101).says(&[
            &format!("serbench 0.9.0 (protocol {protocol})"),
            "this is cargo-serbench 0.",
            way_out,
        ]);
    };
    check(2, "`cargo install cargo-serbench`");
    check(0, "`cargo update -p serbench`");
}

#[test]
fn no_folder_for_temporary_files() {
    let repository = Repository::new(ONE);
    let mut command = repository.command(&["--quick"]);
    let output = command.env("TMPDIR", "/nowhere/at all").output().unwrap();
    Outcome::of(output).exits(101).says_no_more().warns(&[
        "error: failed to write to the temporary folder /nowhere/at all; set TMPDIR to use another",
    ]);
}
