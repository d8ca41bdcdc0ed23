//! Changes of the configuration: looser settings apply after the merge, stricter ones immediately.

use crate::repository::Repository;

const BEFORE: &str = "
    fake::reference::u8::4 worker cpu=100000
    fake::slower::u8::4    worker cpu=200000
";

const SLOWER: &str = "
    fake::reference::u8::4 worker cpu=100001
    fake::slower::u8::4    worker cpu=220000
";

/// Two percent slower, within the default threshold.
const BARELY: &str = "
    fake::reference::u8::4 worker cpu=100001
    fake::slower::u8::4    worker cpu=204000
";

/// Commits the fixture with the configuration `before`, then with `after` and other benchmarks.
fn changed(before: &str, after: &str, behaviour: &str) -> Repository {
    let repository = Repository::new(BEFORE);
    let manifest = repository.read("Cargo.toml");
    let table = |text: &str| format!("{manifest}\n[package.metadata.serbench]\n{text}\n");
    repository.write("Cargo.toml", &table(before));
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--amend", "--message=Before"]);
    repository.write("Cargo.toml", &table(after));
    repository.behave(behaviour);
    repository.commit("After");
    repository
}

#[test]
fn a_raised_threshold_does_not_hide_the_slowdown_beside_it() {
    let repository = changed("", "threshold = \"50%\"", SLOWER);
    let loosened = "loosens `threshold` from 3% to 50%";
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, ")
        .says(&[loosened, "after the merge"])
        .warns(&["warning: this change", loosened]);
    let run = repository.runs().pop().unwrap();
    let run = run.to_str().unwrap();
    repository
        .serbench(&["report", run])
        .exits(100)
        .says(&[loosened]);
    // Command line flags apply immediately.
    repository
        .serbench(&["report", run, "--threshold=50%"])
        .exits(0)
        .warns_nothing_of(&["loosens"]);
    // After the merge, it applies.
    repository.behave(BEFORE);
    repository.commit("Quick again");
    repository.behave(SLOWER);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, ")
        .warns_nothing_of(&["loosens"]);
}

#[test]
fn lower_thresholds_apply_immediately() {
    let repository = changed("", "threshold = \"1%\"", BARELY);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, ")
        .warns_nothing_of(&["loosens"]);
    repository
        .serbench(&["gate", "--seed=1", "--threshold=3%"])
        .exits(0);
}

#[test]
fn a_benchmark_that_is_switched_off_is_gated() {
    let off = "[[package.metadata.serbench.override]]\n\
               benchmarks = [\"fake::slower::**\"]\nmode = \"off\"";
    let repository = changed("", off, SLOWER);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, ")
        .warns(&["loosens `mode` from gate to off for `fake::slower::u8::4`"]);
    // Once merged, it is not measured.
    let repository = changed(off, off, SLOWER);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .warns_nothing_of(&["loosens"]);
}

#[test]
fn a_change_does_not_choose_what_it_is_compared_with() {
    let repository = Repository::new(BEFORE);
    repository.git(&["checkout", "--quiet", "-b", "work"]);
    repository.behave(SLOWER);
    repository.commit("Slower");
    repository.git(&["branch", "mine"]);
    let manifest = repository.read("Cargo.toml");
    let table = "\n[package.metadata.serbench]\ndefault-branch = \"mine\"\nbudget = 1\n";
    let manifest = manifest.replace("\"reference\"", "\"slower\"") + table;
    repository.write("Cargo.toml", &manifest);
    repository.commit("Change baseline, reference and budget");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, ")
        .warns(&["Baseline", "the merge base with main"])
        .warns(&[
            "changes `default-branch` from none to mine",
            "after the merge",
        ])
        .warns(&["changes `budget` from none to 1.0"])
        .says(&["changes `reference`"]);
    // Command line flags do.
    repository
        .serbench(&["gate", "--seed=1", "--default-branch=mine"])
        .exits(0)
        .warns_nothing_of(&["default-branch"]);
}

#[test]
fn accepted_regressions_are_in_the_headline() {
    let three = "fake::third::u8::4 worker cpu=";
    let repository = Repository::new(&format!("{BEFORE}{three}100000"));
    repository.behave(&format!("{SLOWER}{three}120000"));
    for (id, reason) in [
        ("fake::slower::**", "Checks"),
        ("fake::third::u8::4", "Counts"),
    ] {
        let accepted = repository.serbench(&["accept", id, "--reason", reason]);
        accepted
            .exits(0)
            .warns(&["commit baselines/accepted/fake-"]);
    }
    repository.commit("Slower");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .answers("Passed: 2 of 3 benchmarks slowed down")
        .says(&["2 regressions accepted in this change"]);
}

/// The valid part of the baseline's configuration applies, with defaults for the rest.
#[test]
fn a_configuration_that_can_not_be_read_any_more() {
    let before = "older-key = 3\nmax-latency-ratio = \"twice\"\nindifference = \"2%\"";
    let after = "threshold = \"50%\"\nindifference = \"3%\"";
    let repository = changed(before, after, SLOWER);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .warns(&[
            "parts of the baseline's configuration can't be read",
            "older-key",
        ])
        .warns(&["max-latency-ratio", "expected a number above 0"])
        .warns(&["loosens `threshold` from 3% to 50%"])
        .warns(&["loosens `indifference` from 2% to 3%"]);
    // At the candidate, the same is an error.
    repository.git(&["checkout", "--quiet", "HEAD~1"]);
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(101)
        .says_no_more()
        .warns(&["error: Cargo.toml:", "older-key"])
        .warns(&["Cargo.toml:", "max-latency-ratio"]);
}

/// If the baseline's manifest is not valid TOML, nothing passes.
#[test]
fn a_manifest_that_can_not_be_read() {
    let repository = changed("threshold = 0.05 0.06", "", SLOWER);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .says_no_more()
        .warns(&["Cargo.toml"]);
    // Two tables, so which one applies is unclear.
    let repository = crate::packages::two_packages();
    let table = "\n[package.metadata.serbench]\nthreshold = \"2%\"\n";
    let manifests = ["one/Cargo.toml", "two/Cargo.toml"].map(|it| (it, repository.read(it)));
    for (file, text) in &manifests {
        repository.write(file, &format!("{text}{table}"));
    }
    repository.commit("Two tables");
    for (file, text) in &manifests {
        repository.write(file, text);
    }
    repository.commit("None");
    repository
        .serbench(&["gate", "--seed=1", "--workspace"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "the baseline's configuration can't be read",
            "--baseline REV",
            "one and two",
        ]);
}

/// A plain run measures suspects with the policy of the record's commit.
#[test]
fn suspects_of_a_plain_run() {
    let repository = Repository::new(BEFORE);
    repository.serbench(&["--quick"]).exits(0);
    let manifest = repository.read("Cargo.toml");
    let table = "\n[package.metadata.serbench]\nthreshold = \"50%\"\n";
    repository.write("Cargo.toml", &format!("{manifest}{table}"));
    repository.behave(SLOWER);
    repository.commit("After");
    repository
        .serbench(&["--quick"])
        .exits(100)
        .warns(&["loosens `threshold` from 3% to 50%"]);
}
