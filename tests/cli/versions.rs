//! All versions of divan, and CodSpeed's fork: the fixture `divan-versions` with each as its
//! dependency.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::repository::{Outcome, Repository, copy_tree, fixture};

/// The line in the fixture's Cargo.toml.
const DEPENDENCY: &str =
    r#"divan = { package = "divan", version = "=0.1.21", default-features = false }"#;

/// Packages and versions, newest first.
const VERSIONS: [(&str, &str); 14] = [
    ("codspeed-divan-compat-walltime", "6.0.0"),
    ("codspeed-divan-compat-walltime", "5.0.3"),
    ("codspeed-divan-compat", "6.0.0"),
    ("codspeed-divan-compat", "5.0.3"),
    ("codspeed-divan-compat", "3.0.5"),
    ("codspeed-divan-compat-walltime", "2.10.1"),
    ("divan", "0.1.21"),
    ("divan", "0.1.20"),
    ("divan", "0.1.19"),
    ("divan", "0.1.18"),
    ("divan", "0.1.17"),
    ("divan", "0.1.16"),
    ("divan", "0.1.15"),
    ("divan", "0.1.14"),
];

/// All except the ignored one, and one per number of threads.
const LISTED: &str = "\
versions::by_argument::1000
versions::by_argument::2000
versions::by_name::a::b
versions::by_name::t=1
versions::by_name::two  spaces
versions::generic::Vec<u8>::1
versions::generic::Vec<u8>::2
versions::generic::u8::1
versions::generic::u8::2
versions::group::allocates
versions::group::counts
versions::nothing_for_two::1
versions::nothing_for_two::2
versions::panics_for_one::1
versions::panics_for_one::2
versions::plain
versions::printing::1
versions::printing::2
versions::waits
versions::with_threads::t=1
versions::with_threads::t=2
versions::with_threads_and_argument::5::t=1
versions::with_threads_and_argument::5::t=2
";

/// Benchmarks of a few microseconds, with a large budget in case the machine is busy.
const GATE: [&str; 5] = [
    "gate",
    "--seed=1",
    "--threshold=12%",
    "--budget=90",
    "^versions::(plain|by_argument::|group::counts)",
];

fn dependency(package: &str, version: &str) -> String {
    let features = match package {
        "divan" => ", default-features = false",
        _ => "",
    };
    format!(r#"divan = {{ package = "{package}", version = "={version}"{features} }}"#)
}

/// One target folder for all versions, so that common dependencies are built once.
fn empty() -> Repository {
    let repository = Repository::with(&[(".gitignore", "target\nCargo.lock\n")]);
    repository.commit("Nothing");
    repository
}

/// Commits the fixture with another dependency and lists its benchmarks, which caches the build for the
/// baseline.
fn commit_of(repository: &Repository, package: &str, version: &str) -> Outcome {
    copy_tree(&fixture("divan-versions"), repository.path());
    depend_on(repository, package, version);
    // Not compared with records of the previous version.
    let _ = std::fs::remove_dir_all(repository.path().join("baselines"));
    repository.commit(&format!("{package} {version}"));
    repository.serbench(&["list"])
}

fn depend_on(repository: &Repository, package: &str, version: &str) {
    let manifest = repository.read("Cargo.toml");
    let lines = manifest
        .lines()
        .map(|line| match line.starts_with("divan = ") {
            true => dependency(package, version),
            false => line.to_owned(),
        });
    let manifest = lines.collect::<Vec<_>>().join("\n") + "\n";
    repository.write("Cargo.toml", &manifest);
}

/// Makes one function 40 % slower, and lets another allocate twice as much.
fn slow_down(repository: &Repository) {
    let bench = repository.read("benches/versions.rs");
    let slower = bench.replace("    work(rounds)\n", "    work(rounds * 7 / 5)\n");
    assert_ne!(bench, slower);
    let larger = slower.replace("vec![0; 1000]", "vec![0; 2000]");
    assert_ne!(slower, larger);
    repository.write("benches/versions.rs", &larger);
}

/// Runs `check` on each, even after failures, and fails with the names of those that failed.
fn each<T: std::fmt::Debug>(cases: impl IntoIterator<Item = T>, check: impl Fn(T)) {
    let mut failed = Vec::new();
    for case in cases {
        let name = format!("{case:?}");
        eprintln!("{name}");
        if catch_unwind(AssertUnwindSafe(|| check(case))).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

#[test]
#[ignore = "builds every version of divan, from the network where cargo does not have it"]
fn versions_are_listed_measured_and_gated() {
    let repository = empty();
    each(VERSIONS, |(package, version)| {
        let list = commit_of(&repository, package, version);
        list.exits(0)
            .warns(&["`versions::ignored` is marked with `#[ignore]`"]);
        assert_eq!(list.stdout(), LISTED, "{list}");
        repository
            .serbench(&["--quick", "--seed=1", "--budget=20", "--format=markdown"])
            .exits(101)
            .answers("**Measured, 1 failed**")
            .says(&["| `1` ", " failed "])
            .says(&["| `waits` ", " ms |"])
            .warns(&["skipped `versions::nothing_for_two::2`"])
            .warns(&["skipped `versions::ignored`"])
            .says(&["| `allocates` ", " 1 |"]);
        slow_down(&repository);
        repository
            .serbench(&[&GATE[..4], &["^versions::(plain|by_argument::|group::)"]].concat())
            .exits(100)
            .answers("gate: regressed (5 benchmarks, 3 regressed, ")
            .says(&["versions::by_argument::1000", "regressed"])
            .says(&["versions::by_argument::2000", "regressed"])
            .says(&[
                "versions::group::allocates",
                "allocated bytes +100.0 % (1000 -> 2000)",
            ]);
    });
}

#[test]
#[ignore = "builds several versions of divan, from the network where cargo does not have it"]
fn commits_may_differ_in_divan() {
    let changes = [
        (("divan", "0.1.14"), ("divan", "0.1.21")),
        (("divan", "0.1.21"), ("codspeed-divan-compat", "6.0.0")),
        (("codspeed-divan-compat", "5.0.3"), ("divan", "0.1.17")),
    ];
    let repository = empty();
    each(changes, |(before, after)| {
        commit_of(&repository, before.0, before.1).exits(0);
        depend_on(&repository, after.0, after.1);
        repository
            .serbench(&[&GATE[..2], &["--threshold=40%"], &GATE[3..]].concat())
            .exits(0)
            .answers("gate: passed (4 benchmarks, 0 regressed, ");
        slow_down(&repository);
        repository
            .serbench(&GATE)
            .exits(100)
            .says(&["versions::by_argument::1000", "regressed"]);
    });
}

/// Two packages, one with divan and one with the fork: cargo builds both at once.
#[test]
#[ignore = "builds two versions of divan, from the network where cargo does not have it"]
fn several_versions_in_one_workspace() {
    let repository = Repository::empty();
    for (member, package, version) in [
        ("one", "divan", "0.1.17"), // the version that codspeed's macros are of
        ("two", "codspeed-divan-compat", "6.0.0"),
    ] {
        let folder = repository.path().join(member);
        std::fs::create_dir_all(&folder).unwrap();
        copy_tree(&fixture("divan-versions"), &folder);
        let path = format!("{member}/Cargo.toml");
        let manifest = repository.read(&path);
        let manifest = manifest.split("[profile.bench]").next().unwrap();
        let manifest = manifest
            .replace("[workspace]\n", "")
            .replace("divan-versions", member)
            .replace(DEPENDENCY, &dependency(package, version));
        repository.write(&path, &manifest);
    }
    repository.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"one\", \"two\"]\nresolver = \"2\"\n\n[profile.bench]\nopt-level = 1\n",
    );
    let list = repository.serbench(&["list"]);
    let expected: String = ["one", "two"]
        .iter()
        .flat_map(|member| LISTED.lines().map(move |id| format!("{member}/{id}\n")))
        .collect();
    assert_eq!(list.exits(0).stdout(), expected, "{list}");
}

#[test]
fn too_old_versions_are_rejected_before_the_build() {
    let repository = Repository::uncommitted("fake::f worker cpu=1000");
    repository.write(
        "divan/Cargo.toml",
        "[package]\nname = \"divan\"\nversion = \"0.1.13\"\nedition = \"2021\"\n",
    );
    repository.write("divan/src/lib.rs", "compile_error!(\"not built\");\n");
    let manifest = repository.read("Cargo.toml");
    repository.write(
        "Cargo.toml",
        &format!("{manifest}\n[dev-dependencies]\ndivan = {{ path = \"divan\" }}\n"),
    );
    repository
        .serbench(&["list"])
        .exits(101)
        .warns(&["use divan 0.1.13", "the oldest supported is 0.1.14"])
        .warns_nothing_of(&["not built"]);
}
