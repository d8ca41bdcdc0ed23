//! Inputs of benches that cargo does not watch: files elsewhere, and files read by build scripts.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    repository::{Outcome, Repository},
    stale::{FAST, REGRESSED, SLOW, age, slower},
};

const INCLUDED: &str = "include_str!(\"behaviour.txt\")";

/// Writes a bench that reads its behaviour from another file.
fn reads(repository: &Repository, expression: &str) {
    let bench = repository.read("benches/fake.rs");
    repository.write("benches/fake.rs", &bench.replace(INCLUDED, expression));
}

fn gate(repository: &Repository, more: &[&str]) -> Outcome {
    repository.serbench(&[&["gate", "--seed=1", "--cache-size=0"], more].concat())
}

/// Asserts that the commit is rejected, because its build used a file of the work tree.
#[track_caller]
fn is_refused(outcome: &Outcome, file: &str) {
    outcome.exits(101).says_no_more().warns(&[
        "the baseline",
        &format!("was built with {file} of the work tree"),
    ]);
}

#[test]
fn a_file_of_the_work_tree_by_its_absolute_path() {
    let repository = Repository::new(FAST);
    let path = repository
        .path()
        .canonicalize()
        .unwrap()
        .join("benches/behaviour.txt");
    reads(&repository, &format!("include_str!({path:?})"));
    repository.commit("An absolute path");
    repository.behave(SLOW);
    is_refused(&gate(&repository, &[]), "benches/behaviour.txt");
    // The same with a cached build.
    is_refused(
        &repository.serbench(&["gate", "--seed=1"]),
        "benches/behaviour.txt",
    );
}

#[test]
fn a_link_into_the_work_tree() {
    let repository = Repository::new(FAST);
    let real = repository.path().canonicalize().unwrap().join("real.txt");
    fs::rename(repository.path().join("benches/behaviour.txt"), &real).unwrap();
    symlink(&real, repository.path().join("benches/behaviour.txt")).unwrap();
    repository.commit("A link");
    fs::write(&real, SLOW).unwrap();
    is_refused(&gate(&repository, &[]), "real.txt");
}

/// Both commits use the variable of the current folder's configuration.
#[test]
fn a_variable_of_cargos_configuration() {
    let repository = Repository::new(FAST);
    let config = repository.read(".cargo/config.toml");
    let variable = "[env]\nTOP = { value = \"\", relative = true }\n";
    repository.write(".cargo/config.toml", &format!("{config}{variable}"));
    reads(
        &repository,
        "include_str!(concat!(env!(\"TOP\"), \"/benches/behaviour.txt\"))",
    );
    repository.commit("A variable");
    repository.behave(SLOW);
    is_refused(&gate(&repository, &[]), "benches/behaviour.txt");
    gate(&repository, &["--own-toolchain"])
        .exits(100)
        .answers(REGRESSED);
}

#[test]
fn a_file_outside_the_repository() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere
        .path()
        .canonicalize()
        .unwrap()
        .join("behaviour.txt");
    fs::write(&path, FAST).unwrap();
    let repository = Repository::with_library(FAST);
    reads(&repository, &format!("include_str!({path:?})"));
    repository.commit("Elsewhere");
    repository.write("src/lib.rs", "// Other words.\n");
    let shown = path.display().to_string();
    let warning = [&*shown, "outside the repository", "as it is now"];
    gate(&repository, &[]).exits(0).warns(&warning);
    // Both are rebuilt, whatever the file's modification time.
    fs::write(&path, SLOW).unwrap();
    age(&path);
    gate(&repository, &[]).exits(0);
    reads(&repository, INCLUDED);
    let bench = repository.read("benches/fake.rs");
    repository.write(
        "benches/fake.rs",
        &bench.replace(&format!("include_str!({path:?})"), INCLUDED),
    );
    repository.behave("fake::one worker cpu=80000");
    gate(&repository, &[])
        .exits(100)
        .says(&["CPU time +33.3 %"]);
}

/// A build script that copies the behaviour from a file.
fn generated(repository: &Repository, file: &str, said: &str) {
    let script = format!(
        "fn main() {{
    {said}
    let text = std::fs::read_to_string({file:?}).unwrap();
    let out = std::env::var(\"OUT_DIR\").unwrap();
    std::fs::write(format!(\"{{out}}/behaviour.txt\"), text).unwrap();
}}"
    );
    repository.write("build.rs", &script);
    repository.start_as_usual();
    reads(
        repository,
        "include_str!(concat!(env!(\"OUT_DIR\"), \"/behaviour.txt\"))",
    );
}

#[test]
fn build_script_inputs_that_look_older_than_the_build() {
    for said in ["println!(\"cargo::rerun-if-changed=input.txt\");", ""] {
        let repository = Repository::new(FAST);
        generated(&repository, "input.txt", said);
        repository.write("input.txt", FAST);
        repository.commit("Generated");
        let first = gate(&repository, &["--baseline=HEAD"]);
        first
            .exits(0)
            .answers("gate: passed (1 benchmark, 0 regressed, 1 identical");
        repository.write("input.txt", SLOW);
        age(&repository.path().join("input.txt"));
        gate(&repository, &["--baseline=HEAD"])
            .exits(100)
            .answers(REGRESSED);
        repository.write("input.txt", FAST);
        age(&repository.path().join("input.txt"));
        gate(&repository, &["--baseline=HEAD"]).exits(0);
    }
}

#[test]
fn build_script_inputs_in_the_work_tree() {
    let repository = Repository::new(FAST);
    let path = repository.path().canonicalize().unwrap().join("input.txt");
    let said = format!("println!(\"cargo::rerun-if-changed={}\");", path.display());
    generated(&repository, path.to_str().unwrap(), &said);
    repository.write("input.txt", FAST);
    repository.commit("Generated");
    repository.write("input.txt", SLOW);
    is_refused(&gate(&repository, &[]), "input.txt");
}

#[test]
fn a_variable_that_a_build_script_asks_for() {
    let repository = Repository::new(FAST);
    let script = "fn main() {
    println!(\"cargo::rerun-if-env-changed=SPEED\");
    let speed = std::env::var(\"SPEED\").unwrap_or(\"50000\".into());
    println!(\"cargo::rustc-env=BEHAVIOUR=fake::one worker cpu={speed}\");
}";
    repository.write("build.rs", script);
    repository.start_as_usual();
    reads(&repository, "env!(\"BEHAVIOUR\")");
    repository.commit("Read a variable");
    let with = |speed: &str, behaviour: &str| {
        repository.write("build.rs", &script.replace("50000", behaviour));
        let mut command = repository.command(&["gate", "--seed=1", "--baseline=HEAD"]);
        Outcome::of(command.env("SPEED", speed).output().unwrap())
    };
    // It applies to both commits, in whichever order builds were made and cached.
    let identical = "gate: passed (1 benchmark, 0 regressed, 1 identical";
    with("70000", "50000").exits(0).answers(identical);
    with("80000", "50000").exits(0).answers(identical);
    with("70000", "60000").exits(0).answers(identical);
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(100)
        .answers(REGRESSED);
}

/// Cargo does not watch native libraries that a build script links.
#[test]
fn a_native_library() {
    let library = |folder: &Path, number: u32| {
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let status = command.args(arguments).current_dir(folder).status();
            assert!(status.unwrap().success());
        };
        let source = format!("unsigned number(void) {{ return {number}; }}\n");
        fs::write(folder.join("number.c"), source).unwrap();
        run("cc", &["-c", "number.c"]);
        run("ar", &["rcs", "libnumber.a", "number.o"]);
        age(&folder.join("libnumber.a"));
    };
    let repository = Repository::new("fake::one worker cpu=50000\nfake::two worker cpu=60000");
    repository.write(
        "build.rs",
        "fn main() {
    println!(\"cargo::rerun-if-changed=build.rs\");
    println!(\"cargo::rustc-link-search=native={}\", std::env::var(\"CARGO_MANIFEST_DIR\").unwrap());
    println!(\"cargo::rustc-link-lib=static=number\");
}",
    );
    repository.write(
        "src/lib.rs",
        "unsafe extern \"C\" {\n    safe fn number() -> u32;\n}\npub fn is_slow() -> bool {\n    number() == 2\n}\n",
    );
    reads(
        &repository,
        "{ if fake_bench::is_slow() { \"fake::one worker cpu=60000\" } else { \"fake::one worker cpu=50000\" } }",
    );
    repository.start_as_usual();
    library(repository.path(), 1);
    repository.commit("A library");
    gate(&repository, &["--baseline=HEAD"]).exits(0);
    library(repository.path(), 2);
    gate(&repository, &["--baseline=HEAD"])
        .exits(100)
        .answers(REGRESSED);
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(100)
        .answers(REGRESSED);
}

/// Folders that cargo writes to don't count as inputs of a build script.
#[test]
fn a_target_folder_with_another_name() {
    let repository = Repository::new(FAST);
    generated(&repository, "input.txt", "");
    repository.write("input.txt", FAST);
    repository.write(".gitignore", "out\n");
    let config = repository.read(".cargo/config.toml");
    repository.write(
        ".cargo/config.toml",
        &format!("{config}\n[build]\ntarget-dir = \"out\"\n"),
    );
    repository.commit("A target folder");
    let again = || gate(&repository, &["--baseline=HEAD"]);
    again().exits(0);
    again().exits(0).warns_nothing_of(&["Compiling"]);
    repository.write("input.txt", SLOW);
    again().exits(100).answers(REGRESSED);
}

/// A patch in cargo's configuration makes both commits use the work tree's package.
#[test]
fn a_patch_of_cargos_configuration() {
    let package = tempfile::tempdir().unwrap();
    let inner = |folder: &Path, behaviour: &str| {
        fs::create_dir_all(folder.join("src")).unwrap();
        let manifest = "[package]\nname = \"inner\"\nedition = \"2024\"\n";
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        let library = format!("pub const BEHAVIOUR: &str = \"{behaviour}\";\n");
        fs::write(folder.join("src/lib.rs"), library).unwrap();
    };
    inner(package.path(), FAST);
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=T", "-c", "user.email=t@example.org"]);
        let status = command.args(arguments).current_dir(package.path()).status();
        assert!(status.unwrap().success());
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "Inner"]);
    let url = format!("file://{}", package.path().display());
    let repository = Repository::new(FAST);
    let manifest = repository.read("Cargo.toml");
    let dependency = format!(
        "[dev-dependencies]\ninner = {{ git = {url:?} }}\n\n[workspace]\nexclude = [\"inner\"]"
    );
    repository.write("Cargo.toml", &manifest.replace("[workspace]", &dependency));
    let config = repository.read(".cargo/config.toml");
    let patch = format!("{config}[patch.{url:?}]\ninner = {{ path = \"inner\" }}\n");
    repository.write(".cargo/config.toml", &patch);
    inner(&repository.path().join("inner"), FAST);
    reads(&repository, "inner::BEHAVIOUR");
    repository.commit("Patched");
    inner(&repository.path().join("inner"), SLOW);
    gate(&repository, &[])
        .exits(101)
        .says_no_more()
        .warns(&["package `inner`", "by a path to the work tree"]);
}

#[test]
fn a_work_tree_in_another() {
    let repository = slower();
    let shared = tempfile::tempdir().unwrap();
    repository.git(&["worktree", "add", "--quiet", "--detach", "one", "HEAD"]);
    repository.git(&[
        "-C", "one", "worktree", "add", "--quiet", "--detach", "two", "HEAD~1",
    ]);
    let gate = |folder: &str, baseline: &str, shares: bool| {
        let mut gate = repository.command(&["gate", "--seed=1", "--exact", baseline]);
        if shares {
            gate.env("CARGO_TARGET_DIR", shared.path());
        }
        gate.current_dir(repository.path().join(folder));
        Outcome::of(gate.output().unwrap())
    };
    for shares in [false, true] {
        // The innermost submodule is at the faster commit.
        gate("one/two", "--baseline=main", shares)
            .exits(0)
            .answers("gate: passed (1 benchmark, 0 regressed, 1 improved");
        gate("one", "--baseline=HEAD~1", shares)
            .exits(100)
            .answers(REGRESSED);
        gate("", "--baseline=HEAD~1", shares)
            .exits(100)
            .answers(REGRESSED);
    }
}
