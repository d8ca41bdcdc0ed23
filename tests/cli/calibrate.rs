//! `calibrate` when it can't measure: errors that say what is missing and how to install it.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::repository::Repository;

const PAIR: &str = "fake::reference::u8::4 worker cpu=100000
fake::mine::u8::4 worker cpu=100000";

const STEPS: &[&str] = &[
    "python3 -m venv target/venv",
    "target/venv/bin/pip install numpy orjson==3.13.0",
    "cargo serbench calibrate --python target/venv",
];

/// A stand-in for Python.
fn python(repository: &Repository, name: &str, script: &str) {
    repository.write(name, &format!("#!/bin/sh\n{script}\n"));
    let path = repository.path().join(name);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn without_the_packages() {
    let repository = Repository::empty();
    let absent = ["calibrate", "--python", "no/such/python"];
    let outcome = repository.serbench(&absent);
    outcome
        .exits(101)
        .says_no_more()
        .warns(&["error: no/such/python can't import numpy and orjson: No such file"]);
    for step in STEPS {
        outcome.warns(&[step]);
    }
    // A venv is found by its folder; the error ends with the last line that Python printed.
    let traceback = "printf 'Traceback (most recent call last):\\n' >&2
        echo \"ModuleNotFoundError: No module named 'numpy'\" >&2
        exit 1";
    python(&repository, "bare/bin/python3", traceback);
    repository
        .serbench(&["calibrate", "--python", "bare"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "error: bare/bin/python3 can't import",
            "No module named 'numpy'",
        ])
        .warns(&["pip install numpy orjson"]);
}

#[test]
fn benchmarks_that_encode_no_array() {
    let repository = Repository::new(PAIR);
    python(&repository, "python", "exit 0");
    repository
        .serbench(&["calibrate", "--python", "./python"])
        .exits(101)
        .says_no_more()
        .warns(&["`fake::reference::u8::4` doesn't"]);
}

/// `calibrate` neither gates nor reports, so it rejects options for these.
#[test]
fn flags_without_a_meaning() {
    let repository = Repository::new(PAIR);
    for flags in [
        ["--threshold", "3%"],
        ["--max-latency-ratio", "2"],
        ["--format", "json"],
        ["--output", "reports"],
        ["--budget", "9"],
        ["--seed", "1"],
    ] {
        let outcome = repository.serbench(&["calibrate", flags[0], flags[1]]);
        outcome.exits(2).warns(&[flags[0]]);
    }
}
