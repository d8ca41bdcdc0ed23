//! Benchmarks that the baseline selects and the candidate doesn't: none is silently dropped.

use crate::repository::Repository;

const REFERENCE: &str = "fake::reference::u8::4 worker cpu=100000";

/// Two benches in one package, with `table` as its configuration.
fn two_benches(table: &str) -> (Repository, String) {
    let repository = Repository::uncommitted(REFERENCE);
    let bench = "[[bench]]\nname = \"second\"\nharness = false\n\n[profile.bench]";
    let manifest = repository
        .read("Cargo.toml")
        .replacen("[profile.bench]", bench, 1);
    let second = repository
        .read("benches/fake.rs")
        .replace("behaviour.txt", "second.txt");
    repository.write("benches/second.rs", &second);
    repository.write("benches/second.txt", "second::only worker cpu=50000");
    repository.write(
        "Cargo.toml",
        &format!("{manifest}\n[package.metadata.serbench]\n{table}\n"),
    );
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Two benches");
    (repository, manifest)
}

#[test]
fn suites_that_the_candidate_leaves_out() {
    for (before, after) in [
        ("", "suites = [\"fake\"]"),
        ("suites = [\"fake\", \"second\"]", "suites = [\"fake\"]"),
    ] {
        let (repository, manifest) = two_benches(before);
        repository.write(
            "Cargo.toml",
            &format!("{manifest}\n[package.metadata.serbench]\n{after}\n"),
        );
        repository.write("benches/second.txt", "second::only worker cpu=60000");
        repository.commit("Narrower");
        repository
            .serbench(&["gate", "--seed=1"])
            .exits(100)
            .says(&["second::only", "regressed"])
            .warns(&["loosens `suites`"]);
    }
}

#[test]
fn features_that_the_candidate_leaves_out() {
    let repository = Repository::uncommitted(REFERENCE);
    let manifest = repository.read("Cargo.toml").replacen(
        "[profile.bench]",
        "[features]\nmore = []\n\n[profile.bench]",
        1,
    );
    let bench = repository.read("benches/fake.rs").replace(
        "include_str!(\"behaviour.txt\")",
        "{ if cfg!(feature = \"more\") { include_str!(\"more.txt\") } else { include_str!(\"behaviour.txt\") } }",
    );
    assert!(bench.contains("more.txt"));
    repository.write("benches/fake.rs", &bench);
    repository.write(
        "benches/more.txt",
        &format!("{REFERENCE}\nfake::more::u8::4 worker cpu=50000\n"),
    );
    let with = |table: &str| format!("{manifest}\n[package.metadata.serbench]\n{table}\n");
    repository.write("Cargo.toml", &with("features = [\"more\"]"));
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Features");
    repository.write("Cargo.toml", &with(""));
    repository.write(
        "benches/more.txt",
        &format!("{REFERENCE}\nfake::more::u8::4 worker cpu=60000\n"),
    );
    repository.commit("Without");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .says(&["fake::more::u8::4", "regressed"])
        .warns(&["built with the baseline's: --features=more"])
        .warns(&[
            "changes `features` from [\"more\"] to []",
            "after the merge",
        ]);
    // Command line flags apply immediately.
    repository
        .serbench(&["gate", "--seed=1", "--features=more"])
        .exits(100)
        .warns_nothing_of(&["features"]);
    // The benchmarks of a removed feature are reported as removed.
    let gone = with("").replace("more = []\n", "");
    repository.write("Cargo.toml", &gone);
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD~1"])
        .exits(101)
        .says_nothing_of(&["identical"])
        .warns(&["more"]);
}

#[test]
fn default_features_that_the_candidate_switches_off() {
    let repository = Repository::uncommitted(REFERENCE);
    let manifest = repository.read("Cargo.toml").replacen(
        "[profile.bench]",
        "[features]\ndefault = [\"more\"]\nmore = []\n\n[profile.bench]",
        1,
    );
    let bench = repository.read("benches/fake.rs").replace(
        "include_str!(\"behaviour.txt\")",
        "{ if cfg!(feature = \"more\") { include_str!(\"more.txt\") } else { include_str!(\"behaviour.txt\") } }",
    );
    repository.write("benches/fake.rs", &bench);
    repository.write(
        "benches/more.txt",
        &format!("{REFERENCE}\nfake::more::u8::4 worker cpu=50000\n"),
    );
    let with = |table: &str| format!("{manifest}\n[package.metadata.serbench]\n{table}\n");
    repository.write("Cargo.toml", &with(""));
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Features");
    repository.write("Cargo.toml", &with("default-features = false"));
    repository.commit("Without");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, 2 identical, ")
        .warns(&["changes `default-features` from true to false"]);
}

#[test]
fn members_that_are_no_longer_the_default() {
    let repository = crate::packages::two_packages();
    let manifest = repository.read("Cargo.toml");
    repository.write(
        "Cargo.toml",
        &manifest.replace("resolver", "default-members = [\"one\"]\nresolver"),
    );
    repository.write("two/benches/behaviour.txt", "fake::f worker cpu=100000\n");
    repository.commit("Narrower");
    // An untracked file, for example from a build, does not make HEAD its own baseline.
    repository.write("left-by-a-build.txt", "");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .warns(&["Baseline", "the commit before HEAD"])
        .says(&["two/fake::f", "still exists but is not selected"]);
    // Selected on the command line.
    repository
        .serbench(&["gate", "--seed=1", "--workspace"])
        .exits(100);
}

/// A bench whose list changes between calls.
#[test]
fn a_list_that_differs_from_run_to_run() {
    let repository = Repository::new(&format!(
        "{REFERENCE}\nfake::more::u8::4 worker cpu=50000\n"
    ));
    let bench = repository.read("benches/fake.rs");
    let moody = "{
        let executable = std::env::current_exe().unwrap();
        let all = include_str!(\"behaviour.txt\");
        let first = all.lines().next().unwrap();
        if executable.to_string_lossy().contains(\"arm-a\") { all } else { first }
    }";
    let bench = bench.replace("include_str!(\"behaviour.txt\")", moody);
    repository.write("benches/fake.rs", &bench);
    repository.start_as_usual();
    repository.commit("List at random");
    repository.write("README.md", "Words.\n");
    repository.commit("Words");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .says(&["`fake::more::u8::4` no longer exists"]);
}

/// A benchmark that the candidate turns into a large case is not dropped.
#[test]
fn a_benchmark_that_the_candidate_ignores() {
    let off = "[[package.metadata.serbench.override]]\nbenchmarks = [\"second::**\"]\nallow-removed = true\n";
    let (repository, manifest) = two_benches("");
    repository.write(
        "Cargo.toml",
        &format!("{manifest}\n[package.metadata.serbench]\n{off}"),
    );
    repository.write("benches/second.txt", "second::other worker cpu=50000");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .says(&["`second::only` no longer exists"])
        .warns(&["loosens `allow-removed` from false to true"]);
}
