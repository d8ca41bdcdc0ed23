//! Several packages of a workspace, with benches of the same name.

use crate::repository::{Outcome, Repository};

/// The fixture as the package `one`, and a second package `two` with a bench of the same name and
/// function.
pub(crate) fn two_packages() -> Repository {
    let repository = Repository::uncommitted("fake::f worker cpu=50000");
    let manifest = repository.read("Cargo.toml");
    let manifest = manifest.split("[package.metadata").next().unwrap();
    for (package, cpu) in [("one", 50_000), ("two", 80_000)] {
        let own = manifest
            .replace("[workspace]\n", "")
            .replace("fake-bench", package)
            .replace("[profile.bench]\nopt-level = 0\ndebug = false\n", "");
        repository.write(&format!("{package}/Cargo.toml"), &own);
        let bench = repository.read("benches/fake.rs");
        repository.write(&format!("{package}/benches/fake.rs"), &bench);
        let behaviour = format!("fake::f worker cpu={cpu}\n");
        repository.write(&format!("{package}/benches/behaviour.txt"), &behaviour);
    }
    std::fs::remove_dir_all(repository.path().join("benches")).unwrap();
    std::fs::remove_file(repository.path().join("Cargo.lock")).unwrap();
    repository.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"one\", \"two\"]\nresolver = \"3\"\n\n[profile.bench]\nopt-level = 0\ndebug = false\n",
    );
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Two packages");
    repository
}

#[test]
fn benches_of_the_same_name() {
    let repository = two_packages();
    let list = repository.serbench(&["list"]);
    list.exits(0);
    assert_eq!(list.stdout(), "one/fake::f\ntwo/fake::f\n");
    // Ids don't depend on the selection.
    let list = repository.serbench(&["list", "-p", "two"]);
    assert_eq!(list.stdout(), "two/fake::f\n");

    repository.write("two/benches/behaviour.txt", "fake::f worker cpu=100000\n");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .says(&["two/fake::f", "CPU time +25.0 %"])
        .says(&["one/fake::f", "identical"]);
}

/// In a member's folder, that member is selected, at both commits.
#[test]
fn the_folder_of_a_member() {
    let repository = two_packages();
    let root = repository.read("Cargo.toml");
    let package = "[package]\nname = \"root\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    repository.write("Cargo.toml", &format!("{root}\n{package}"));
    repository.write("src/lib.rs", "");
    repository.commit("A package at the root, without benches");
    repository.write("two/benches/behaviour.txt", "fake::f worker cpu=100000\n");
    let mut gate = repository.command(&["gate", "--seed=1"]);
    gate.current_dir(repository.path().join("two"));
    Outcome::of(gate.output().unwrap())
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed, ");
}

#[test]
fn a_package_that_goes() {
    let repository = two_packages();
    std::fs::remove_dir_all(repository.path().join("one")).unwrap();
    let manifest = repository.read("Cargo.toml");
    repository.write("Cargo.toml", &manifest.replace("\"one\", ", ""));
    repository.write("two/benches/behaviour.txt", "fake::f worker cpu=100000\n");
    // The remaining one is compared under its current name.
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(100)
        .says(&["fake::f", "CPU time +25.0 %"])
        .says(&["one/fake::f", "removed"])
        .says_nothing_of(&["two/fake::f"]);
}
