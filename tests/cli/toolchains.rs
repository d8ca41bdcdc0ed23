//! Builds of each commit with its own toolchain and cargo configuration, and notes if both use the same.

use crate::repository::{Outcome, Repository};

const FAST: &str = "fake::one worker cpu=50000";

/// Slower only with a flag or another compiler.
const BRANCH: &str =
    "if cfg!(slower) { \"fake::one worker cpu=60000\" } else { include_str!(\"behaviour.txt\") }";

fn toolchain(channel: &str) -> String {
    format!("[toolchain]\nchannel = \"{channel}\"\n")
}

/// Whether rustup has another toolchain.
fn has(toolchain: &str) -> bool {
    let listed = std::process::Command::new("rustup")
        .args(["toolchain", "list"])
        .output();
    let listed = listed.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let there = listed.is_ok_and(|it| it.lines().any(|line| line.starts_with(toolchain)));
    if !there {
        eprintln!("skipped: no {toolchain} toolchain");
    }
    there
}

/// A bench that is slower with the flag `--cfg=slower`.
fn by_flag() -> Repository {
    let repository = Repository::new(FAST);
    let bench = repository.read("benches/fake.rs");
    let bench = bench.replace(
        "include_str!(\"behaviour.txt\")",
        &format!("{{ {BRANCH} }}"),
    );
    assert!(bench.contains("cfg!(slower)"));
    repository.write("benches/fake.rs", &bench);
    repository.commit("Slower with a flag");
    repository
}

#[test]
fn each_commit_is_built_with_its_own_configuration() {
    let repository = by_flag();
    repository.start_as_usual();
    let config = repository.read(".cargo/config.toml");
    let flag = format!("{config}rustflags = [\"--cfg=slower\"]\n");
    repository.write(".cargo/config.toml", &flag);
    repository.commit("The flag");
    // Both are built with the flag, which hides the change, so a note says so.
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD~1"])
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, 1 identical, ")
        .says(&[".cargo/config.toml differs", "--own-toolchain"]);
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD~1", "--own-toolchain"])
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed, ")
        .says(&[
            ".cargo/config.toml differs",
            "each commit was built with its own",
        ]);
}

#[test]
fn each_commit_is_built_with_its_own_toolchain() {
    if !has("nightly") || !has("stable") {
        return;
    }
    let repository = Repository::new(FAST);
    repository.make_whole();
    repository.write("rust-toolchain.toml", &toolchain("stable"));
    repository.commit("Stable");
    // Requires a nightly compiler.
    let bench = repository.read("benches/fake.rs");
    repository.write("benches/fake.rs", &format!("#![feature(test)]\n{bench}"));
    repository.write("rust-toolchain.toml", &toolchain("nightly"));
    repository.behave("fake::one worker cpu=60000");
    repository.commit("Nightly");
    let gate = ["gate", "--seed=1", "--baseline=HEAD~1"];
    let with = |toolchain: &str, more: &[&str]| {
        let mut command = repository.command(&[&gate[..], more].concat());
        Outcome::of(command.env("RUSTUP_TOOLCHAIN", toolchain).output().unwrap())
    };
    with("stable", &["--own-toolchain"])
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed, ")
        .says(&[
            "rust-toolchain.toml differs",
            "each commit was built with its own",
        ]);
    // Both are built with the toolchain in use, not the candidate's.
    with("nightly", &[])
        .exits(100)
        .says(&["rust-toolchain.toml differs", "--own-toolchain"]);
}

/// Cargo configuration above the repository applies to the work tree, but not to other commits.
#[test]
fn a_configuration_above_the_repository() {
    let parent = tempfile::tempdir().unwrap();
    let repository = by_flag();
    let inner = parent.path().join("inner");
    repository.git(&["clone", "--quiet", ".", inner.to_str().unwrap()]);
    std::fs::create_dir(parent.path().join(".cargo")).unwrap();
    std::fs::write(
        parent.path().join(".cargo/config.toml"),
        "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"--cfg=slower\"]\n[target.aarch64-apple-darwin]\nrustflags = [\"--cfg=slower\"]\n",
    )
    .unwrap();
    std::fs::write(
        inner.join("benches/behaviour.txt"),
        "fake::one worker cpu=50001\n",
    )
    .unwrap();
    let gate = |more: &[&str]| {
        let mut command =
            repository.command(&[&["gate", "--seed=1", "--baseline=HEAD"], more].concat());
        Outcome::of(command.current_dir(&inner).output().unwrap())
    };
    gate(&[])
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, 1 identical");
    gate(&["--own-toolchain"])
        .exits(101)
        .says_no_more()
        .warns(&["above the repository", ".cargo/config.toml"]);
}
