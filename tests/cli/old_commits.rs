//! Old commits: recorded with `backfill`, and re-measured at change points with `history --confirm`.

use std::fs;

use crate::{
    records::{key, record},
    repository::Repository,
};

fn behaviour(mine: u32) -> String {
    format!(
        "fake::reference::a worker cpu=40000
        fake::mine::a worker cpu={mine}"
    )
}

/// The commits that have a record, oldest first.
fn recorded(repository: &Repository, commits: &[String]) -> Vec<usize> {
    let has_one = |commit: &String| {
        let folder = repository.path().join("baselines").join(commit);
        fs::read_dir(folder).is_ok_and(|files| files.count() == 1)
    };
    let places = (0..commits.len()).filter(|place| has_one(&commits[*place]));
    places.collect()
}

#[test]
fn backfill() {
    let repository = Repository::with_library(&behaviour(50_000));
    let mut commits = vec![repository.git(&["rev-parse", "HEAD"])];
    for number in 1..=4 {
        let broken = if number == 2 {
            "compile_error!(\"no\");\n"
        } else {
            ""
        };
        repository.write("src/lib.rs", &format!("//! Number {number}.\n{broken}"));
        commits.push(repository.commit(&format!("Number {number}")));
    }
    let head = format!("{}..HEAD", commits[0]);
    repository
        .serbench(&["backfill", &head, "--every", "3"])
        .exits(0)
        .says_no_more()
        .warns(&["Finished 2 commits recorded, 0 already had a record"]);
    assert_eq!(recorded(&repository, &commits), [1, 4]);
    let outcome = repository.serbench(&["backfill", &head]);
    outcome
        .exits(101)
        .warns(&["Skipped 1 of 4", "(Number 4) is already recorded"])
        .warns(&[
            "warning: ",
            &commits[2][..10],
            "can't be recorded: failed to build",
        ])
        .warns(&["Finished 1 commit recorded, 2 already had a record"])
        .warns(&["error: 1 commit can't be recorded: ", "(Number 2)"]);
    assert_eq!(recorded(&repository, &commits), [1, 3, 4]);
    repository
        .serbench(&["history", "mine", "--format", "csv"])
        .exits(0)
        .says(&[&commits[3], "1.24995,ratio"]);
    repository.serbench(&["backfill", "HEAD~1"]).exits(2);
    repository
        .serbench(&["backfill", "HEAD..HEAD"])
        .exits(2)
        .warns(&["HEAD..HEAD contains no commits"]);
}

#[test]
fn a_budget_too_small_for_a_backfilled_commit() {
    let repository = Repository::with_library(
        "fake::slow::u8::4 table wall=100000000 spends
         fake::last::u8::4 table wall=100000000 spends",
    );
    repository.write("src/lib.rs", "//! Changed.\n");
    let commit = repository.commit("Change");
    repository
        .serbench(&["backfill", "HEAD~1..HEAD", "--budget", "0.01"])
        .exits(101)
        .warns(&[
            "warning: ",
            &commit[..10],
            "can't be recorded: `fake::",
            "not measured: the budget of 0.01 s is spent",
            "raise it with `--budget`",
        ]);
    assert_eq!(recorded(&repository, &[commit]), [0; 0]);
}

#[test]
fn a_change_point_becomes_a_verdict() {
    let repository = Repository::new(&behaviour(50_000));
    let mut commits = Vec::new();
    for number in 0..16 {
        repository.write("README.md", &format!("Number {number}.\n"));
        if number == 9 {
            repository.behave(&behaviour(55_000));
        }
        let subject = format!("Number {number}");
        let commit = repository.commit_files(&subject, &["README.md", "benches"]);
        let ratio = if number < 9 { 1.25 } else { 1.375 } * (1.0 + 0.001 * f64::from(number % 3));
        let record = record(&commit, &subject, "R3000", ratio);
        let text = record.to_string();
        let text = text.replace("json::orjson::f64::100x100", "fake::reference::a");
        let text = text.replace("json::slow::f64::100x100", "fake::mine::a");
        repository.write(&format!("baselines/{commit}/{}.json", key(&record)), &text);
        commits.push(commit);
    }
    let confirm = |arguments: &[&str]| repository.serbench(&[&["history"], arguments].concat());
    confirm(&["--confirm"])
        .exits(100)
        .answers("gate: regressed (2 benchmarks, 1 regressed, ")
        .says(&["fake::mine::a", "+10.0 %"])
        .warns(&[
            "Confirming",
            &commits[9][..10],
            "against",
            &commits[8][..10],
            "1 benchmark",
        ]);
    confirm(&["--confirm", &commits[3][..10]])
        .exits(101)
        .says_no_more()
        .warns(&["error: no change point at"]);
}
