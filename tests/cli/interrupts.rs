//! Interrupted runs: Ctrl-C, kill -9, and two runs at the same time.
//!
//! The fixture connects to the test at a step chosen by the test, and keeps the connection open until its
//! process exits. So the test only waits for connections to open and close, never for a fixed time.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::repository::{Outcome, Repository};

const BEFORE: &str = "fake::only worker cpu=50000";
const AFTER: &str = "fake::only worker cpu=60000";

/// Connects to a test during the build, and waits until it continues.
const BUILD_SCRIPT: &str = r#"
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let barrier = std::env::var("FAKE_BARRIER").unwrap_or_default();
    if let Some(address) = barrier.strip_prefix("build ") {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0]);
    }
}
"#;

/// A gate that is paused at some step.
struct Held {
    gate: Child,
    /// Closes when the paused process exits.
    process: TcpStream,
}

/// Starts a gate, in its own process group as a shell does, and waits until it reaches `step`:
/// `build`, or a command of the protocol.
fn held(repository: &Repository, step: &str) -> Held {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gate = repository
        .command(&["gate"])
        .env("FAKE_BARRIER", format!("{step} {address}"))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (process, _) = listener.accept().unwrap();
    process
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    Held { gate, process }
}

/// Sends a signal with kill(1): to a process, or to its whole group.
fn signal(name: &str, child: &Child, group: bool) {
    let sign = if group { "-" } else { "" };
    let target = format!("{sign}{}", child.id());
    let status = Command::new("kill")
        .args(["-s", name, "--", &target])
        .status();
    assert!(status.unwrap().success());
}

fn changed() -> Repository {
    let repository = Repository::uncommitted(BEFORE);
    repository.write("build.rs", BUILD_SCRIPT);
    repository.start_as_usual();
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Before");
    repository.behave(AFTER);
    repository
}

/// Asserts that a killed or interrupted run does not affect the next.
#[track_caller]
fn next_run_works(repository: &Repository) {
    repository
        .serbench(&["gate"])
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed, ");
    assert_eq!(
        repository.runs().len(),
        1,
        "the interrupted run is not stored"
    );
    let scratch = repository.path().join("target/serbench");
    for folder in ["source", "build", "runs"] {
        for entry in fs::read_dir(scratch.join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(
                !name.to_string_lossy().starts_with(".tmp"),
                "{folder}/{name:?} is left"
            );
        }
    }
}

#[test]
fn ctrl_c() {
    let repository = changed();
    for (step, name, group) in [
        // A terminal signals the whole group; `kill` and CI systems only the process.
        ("build", "INT", true),
        ("verify", "INT", true),
        ("run", "INT", false),
        ("run", "TERM", false),
    ] {
        let Held { gate, mut process } = held(&repository, step);
        signal(name, &gate, group);
        let outcome = Outcome::of(gate.wait_with_output().unwrap());
        outcome
            .exits(130)
            .says_no_more()
            .warns(&["error: interrupted before a verdict"]);
        let ended = process.read(&mut [0]);
        assert!(matches!(ended, Ok(0) | Err(_)), "the bench has exited");
    }
    next_run_works(&repository);
}

#[test]
fn kill_9() {
    let repository = changed();
    for step in ["build", "verify", "run"] {
        let Held {
            mut gate,
            mut process,
        } = held(&repository, step);
        signal("KILL", &gate, false);
        assert!(!gate.wait().unwrap().success());
        if step != "build" {
            assert_eq!(
                process.read(&mut [0]).unwrap(),
                0,
                "the bench exits with the tool"
            );
        }
    }
    // As left by a run killed while unpacking.
    for left in [
        "source/.tmpAbCdEf/Cargo.toml",
        "build/.tmpAbCdEf/x",
        "runs/.tmpAbCdEf",
    ] {
        repository.write(&format!("target/serbench/{left}"), "");
    }
    next_run_works(&repository);
}

/// Whenever a run is killed, a record is complete or missing.
#[test]
fn kill_9_while_a_record_is_written() {
    let repository = Repository::new(BEFORE);
    let baselines = repository.path().join("baselines");
    let mut run = repository
        .command(&["--quick"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !baselines.exists() && run.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    run.kill().unwrap();
    run.wait().unwrap();
    // The killed run may leave a temporary file next to the folders of commits.
    for folder in fs::read_dir(&baselines).into_iter().flatten().flatten() {
        for record in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            let bytes = fs::read(record.path()).unwrap();
            serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
        }
    }
    repository.serbench(&["--quick"]).exits(0);
    let untracked = repository.git(&["ls-files", "--others", "--exclude-standard"]);
    assert_eq!(untracked.lines().count(), 1, "{untracked}");
    assert!(untracked.ends_with(".json"), "{untracked}");
}

#[test]
fn two_at_once() {
    let repository = changed();
    let Held { gate, process } = held(&repository, "verify");
    let mut second = repository
        .command(&["gate"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    let waits = said.any(|line| line.unwrap().contains("Waiting for another run"));
    assert!(waits, "the second prints what it waits for");
    assert!(second.try_wait().unwrap().is_none());
    signal("INT", &gate, true);
    Outcome::of(gate.wait_with_output().unwrap()).exits(130);
    drop(process);
    said.for_each(|line| drop(line.unwrap()));
    Outcome::of(second.wait_with_output().unwrap())
        .exits(100)
        .answers("gate: regressed (1 benchmark, 1 regressed, ");
    assert_eq!(repository.runs().len(), 1);
}
