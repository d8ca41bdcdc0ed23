//! The first gates of a project: the baseline has no benches, or none that work.

use crate::repository::Repository;

const ONE: &str = "fake::f worker cpu=50000";

/// A library committed without a bench, and an uncommitted bench.
fn without_benches() -> Repository {
    let repository = Repository::uncommitted(ONE);
    repository.write("src/lib.rs", "//! Empty.\n");
    let manifest = repository.read("Cargo.toml");
    let bench = repository.read("benches/fake.rs");
    let plain = manifest.split("[[bench]]").next().unwrap();
    repository.write("Cargo.toml", plain);
    std::fs::remove_dir_all(repository.path().join("benches")).unwrap();
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("A library");
    repository.write(
        "Cargo.toml",
        &format!("{plain}[[bench]]\nname = \"fake\"\nharness = false\n"),
    );
    repository.write("benches/fake.rs", &bench);
    repository.behave(ONE);
    repository
}

/// Makes the bench call a function that the committed library lacks.
fn use_library(repository: &Repository) {
    let bench = repository.read("benches/fake.rs");
    let bench = bench.replace(
        "fn behaviour() -> &'static str {",
        "fn behaviour() -> &'static str {\n    assert_eq!(fake_bench::version(), fake_bench::version());",
    );
    repository.write("benches/fake.rs", &bench);
}

#[test]
fn new_benches_run_with_the_old_library() {
    let repository = without_benches();
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD", "--measure-identical"])
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, 1 unchanged, ")
        .warns(&["can't be measured with its own benches: it has none of these benches"])
        .says(&["the candidate's benches and dev-dependencies were built with"]);
    // Again, reusing the folders.
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, 1 identical, ");
}

#[test]
fn benches_of_what_is_new_have_no_baseline_yet() {
    let repository = without_benches();
    use_library(&repository);
    repository.write("src/lib.rs", "pub fn version() -> u32 {\n    1\n}\n");
    let gate = ["gate", "--seed=1", "--baseline=HEAD"];
    repository
        .serbench(&gate)
        .exits(0)
        .answers("No baseline yet: nothing to compare 1 benchmark with")
        .warns(&["no baseline yet: the candidate's benches don't work with the library of"]);
    repository
        .serbench(&[&gate[..], &["--require-baseline"]].concat())
        .exits(101)
        .warns(&["error: no baseline to compare with"]);
}

/// Build errors at commits before the project used the gate are not errors of the gate.
#[test]
fn a_baseline_that_does_not_build() {
    let repository = without_benches();
    let works = repository.read("src/lib.rs");
    repository.write("src/lib.rs", "compile_error!(\"broken\");\n");
    repository.commit_files("Broken", &["src/lib.rs"]);
    repository.write("src/lib.rs", &works);
    let gate = ["gate", "--seed=1", "--baseline=HEAD"];
    repository
        .serbench(&gate)
        .exits(0)
        .answers("No baseline yet: ");

    // If the baseline has benches and this tool's configuration, it is an error.
    let manifest = repository.read("Cargo.toml");
    repository.write(
        "Cargo.toml",
        &format!("{manifest}\n[package.metadata.serbench]\nthreshold = \"4%\"\n"),
    );
    repository.write("src/lib.rs", "compile_error!(\"broken\");\n");
    repository.commit("Adopted, and broken");
    repository.write("src/lib.rs", &works);
    repository
        .serbench(&gate)
        .exits(101)
        .warns(&["error: failed to build the baseline"]);
}
