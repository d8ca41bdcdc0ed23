//! Commits whose files can't be written as `git checkout` would, and gates killed while writing them.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::repository::{Outcome, Repository};

const FAST: &str = "fake::one worker cpu=50000";
const SLOW: &str = "fake::one worker cpu=60000";

/// A commit whose behaviour is filtered by `swap`, and a slower one.
fn filtered(smudge: &str) -> Repository {
    let repository = Repository::uncommitted(FAST);
    repository.write(".gitattributes", "behaviour.txt filter=swap\n");
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.git(&["config", "filter.swap.clean", "cat"]);
    repository.git(&["config", "filter.swap.smudge", smudge]);
    repository.commit("Before");
    repository.behave(SLOW);
    repository.commit("Slower");
    repository
}

fn gate(repository: &Repository) -> Outcome {
    repository.serbench(&["gate", "--baseline=HEAD~1", "--seed=1"])
}

#[track_caller]
fn regresses(repository: &Repository) {
    gate(repository)
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed");
}

#[test]
fn failing_filters_are_errors() {
    let repository = filtered("false");
    for _ in 0..2 {
        gate(&repository)
            .exits(101)
            .says_no_more()
            .warns(&["benches/behaviour.txt", "filter swap"])
            .warns(&["git config"]);
    }
    repository.git(&["config", "filter.swap.smudge", "cat"]);
    regresses(&repository);
    // With another filter, the files are written again.
    repository.git(&["config", "filter.swap.smudge", "sed s/50000/60000/"]);
    gate(&repository)
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, 1 identical");
    // Without a command, the user wants the stored content.
    repository.git(&["config", "filter.swap.smudge", ""]);
    regresses(&repository);
}

/// The commit of a tree with these entries, `mode name object`.
fn commit_of(repository: &Repository, entries: &[(&str, &str, &str)]) -> String {
    let mut raw = Vec::new();
    for (mode, name, object) in entries {
        let id = repository.git(&["rev-parse", object]);
        raw.extend(format!("{mode} {name}\0").into_bytes());
        raw.extend(
            (0..40)
                .step_by(2)
                .map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()),
        );
    }
    fs::write(repository.path().join(".git/raw"), raw).unwrap();
    let tree = ["hash-object", "-t", "tree", "-w", "--literally", ".git/raw"];
    let tree = repository.git(&tree);
    repository.git(&["commit-tree", &tree, "-m", "Odd"])
}

#[test]
fn trees_with_two_entries_of_a_name() {
    let repository = Repository::with_library(FAST);
    let whole = [
        ("100644", "Cargo.lock", "HEAD:Cargo.lock"),
        ("100644", "Cargo.toml", "HEAD:Cargo.toml"),
        ("40000", "benches", "HEAD:benches"),
        ("40000", "src", "HEAD:src"),
    ];
    let with = |added: &[(&'static str, &'static str, &'static str)]| {
        let entries = [&whole[..], added].concat();
        format!("--baseline={}", commit_of(&repository, &entries))
    };
    let file = ("100644", "src", "HEAD:Cargo.lock");
    let again = ("40000", "src", "HEAD:benches");
    for added in [file, again] {
        repository
            .serbench(&["gate", "--exact", &with(&[added])])
            .exits(101)
            .says_no_more()
            .warns(&["its tree contains src twice", "git fsck"]);
    }
    // Different names for git.
    let case = ("100644", "zzz", "HEAD:Cargo.lock");
    let cases = [case, ("100644", "zzZ", "HEAD:Cargo.lock")];
    repository
        .serbench(&["gate", "--exact", &with(&cases)])
        .exits(0);
}

#[test]
fn a_partial_clone() {
    let origin = Repository::new(FAST);
    origin.behave(SLOW);
    origin.commit("Slower");
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    origin.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let clone = || {
        let clone = Repository::empty();
        let url = format!("file://{}", origin.path().display());
        clone.git(&["clone", "--quiet", "--filter=blob:none", &url, "."]);
        clone
    };
    // git fetches missing objects.
    let cloned = clone();
    regresses(&cloned);
    let cloned = clone();
    let moved = cloned.path().join("nowhere");
    cloned.git(&["remote", "set-url", "origin", moved.to_str().unwrap()]);
    gate(&cloned)
        .exits(101)
        .says_no_more()
        .warns(&["this clone is partial"])
        .warns(&["git fetch --refetch"]);
    // The suggested fix works.
    let url = format!("file://{}", origin.path().display());
    cloned.git(&["remote", "set-url", "origin", &url]);
    cloned.git(&["fetch", "--quiet", "--refetch", "--no-filter", "origin"]);
    cloned.git(&["remote", "set-url", "origin", moved.to_str().unwrap()]);
    regresses(&cloned);
}

#[test]
#[ignore = "needs root to give files to another user"]
fn a_repository_of_another_user() {
    let repository = Repository::new(FAST);
    repository.behave(SLOW);
    repository.commit("Slower");
    let status = Command::new("chown")
        .args(["-R", "12345"])
        .arg(repository.path())
        .status();
    assert!(status.unwrap().success());
    let home = tempfile::tempdir().unwrap();
    let cargo_home = std::env::var_os("CARGO_HOME").map(Into::into);
    let cargo_home = cargo_home.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cargo"));
    let gate = || {
        let mut command = repository.command(&["gate", "--baseline=HEAD~1", "--seed=1"]);
        command
            .env("HOME", home.path())
            .env("CARGO_HOME", &cargo_home);
        Outcome::of(command.output().unwrap())
    };
    gate()
        .exits(101)
        .says_no_more()
        .warns(&["belongs to another user", "safe.directory"]);
    let config = format!("[safe]\n\tdirectory = {}\n", repository.path().display());
    fs::write(home.path().join(".gitconfig"), config).unwrap();
    gate().exits(100);
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Waits for a git that is still writing after its run was killed.
#[test]
fn kill_9_while_files_are_written() {
    let pipes = tempfile::tempdir().unwrap();
    let [started, goes_on] = ["started", "goes-on"].map(|name| pipes.path().join(name));
    pipe(&started);
    pipe(&goes_on);
    let armed = pipes.path().join("armed");
    fs::write(&armed, "").unwrap();
    let hold = format!(
        "if test -e {0}; then rm {0}; echo > {1}; cat {2} > /dev/null; fi; cat",
        armed.display(),
        started.display(),
        goes_on.display()
    );
    let repository = filtered(&hold);
    let arguments = ["gate", "--baseline=HEAD~1", "--seed=1"];
    let mut killed = repository
        .command(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    fs::read(&started).unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let mut next = repository
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(next.stderr.take().unwrap()).lines();
    let waits = said.any(|line| {
        line.unwrap()
            .contains("Waiting for git to finish, started by a killed run")
    });
    assert!(waits);
    fs::write(&goes_on, "").unwrap();
    said.for_each(|line| drop(line.unwrap()));
    Outcome::of(next.wait_with_output().unwrap())
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed");
}
