//! `bisect`: finds the commit that made a benchmark slower, or the range that contains it.

use serde_json::Value;

use crate::repository::Repository;

/// The bisected benchmark, its reference and another one; times in nanoseconds.
fn behaviour(mine: u32, other: u32) -> String {
    format!(
        "fake::reference::a worker cpu=40000
        fake::mine::a worker cpu={mine}
        fake::other::a worker cpu={other}"
    )
}

/// 40 commits after the first. The 8th makes `mine` faster, the 21st slower, the 33rd `other`
/// slower; the 14th to 18th don't build, and the 22nd to 32nd only change documents.
fn history() -> (Repository, Vec<String>) {
    let repository = Repository::with_library(&behaviour(50_000, 30_000));
    let mut commits = vec![repository.git(&["rev-parse", "HEAD"])];
    for number in 1..=40 {
        let source = format!("//! Number {number}.\n");
        match number {
            8 => repository.behave(&behaviour(48_000, 30_000)),
            21 => repository.behave(&behaviour(56_000, 30_000)),
            33 => repository.behave(&behaviour(56_000, 36_000)),
            14..=18 => {
                repository.write("src/lib.rs", &format!("{source}compile_error!(\"no\");\n"))
            }
            22..=32 => repository.write("README.md", &format!("Number {number}.\n")),
            _ => repository.write("src/lib.rs", &source),
        }
        commits.push(repository.commit(&format!("Number {number}")));
    }
    (repository, commits)
}

/// The commits that were built.
fn tried(stderr: &str) -> usize {
    stderr
        .lines()
        .filter(|line| line.contains("   Trying "))
        .count()
}

#[test]
fn one_commit_of_forty() {
    let (repository, commits) = history();
    let log = repository.path().join("answers.jsonl");
    let log = log.to_str().unwrap();
    let bisect = |more: &[&str]| {
        let ends = ["bisect", &commits[0], &commits[40], "--run-log", log];
        repository.serbench(&[&ends, more].concat())
    };
    let outcome = bisect(&["mine"]);
    outcome
        .exits(100)
        .answers(&format!(
            "Found: {} 2023-11-14 Test: Number 21",
            &commits[21][..10]
        ))
        .says(&[
            "fake::mine::a: +16.7 %",
            "against its parent",
            &commits[20][..10],
        ])
        .says(&["CPU time", "above +3.0 %", "confidence"])
        .says(&["From GOOD", "to BAD", "+12.0 %"])
        .says(&["git show", &commits[21][..10]])
        // Not explained, as asked: a fake bench has no instructions.
        .says_nothing_of(&["  unknown: "]);
    assert!(tried(outcome.stderr()) <= 7, "{outcome}");

    // Resumes after being killed in the middle of a line, with two complete answers.
    let whole = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    std::fs::write(log, lines[..4].concat() + &lines[4][..20]).unwrap();
    let resumed = bisect(&["mine"]);
    resumed
        .exits(100)
        .warns(&["Resuming", "2 commits already judged"]);
    assert_eq!(resumed.stdout(), outcome.stdout());
    assert!(
        tried(resumed.stderr()) < tried(outcome.stderr()),
        "{resumed}"
    );
    bisect(&["other"])
        .exits(101)
        .says_no_more()
        .warns(&["answers.jsonl is not the log of this bisection"]);
}

#[test]
fn improvements_and_no_change() {
    let (repository, commits) = history();
    let outcome = repository.serbench(&[
        "bisect",
        &commits[0],
        &commits[20],
        "--improvement",
        "--format=json",
    ]);
    let answer: Value = serde_json::from_str(outcome.exits(100).stdout()).unwrap();
    assert_eq!(answer["outcome"], "found", "{answer}");
    assert_eq!(answer["benchmark"], "fake::mine::a");
    assert_eq!(answer["culprit"]["commit"]["sha"], commits[8].as_str());
    assert_eq!(answer["culprit"]["parent"], commits[7].as_str());
    assert_eq!(answer["culprit"]["confirmation"], "confirmed");
    let change = answer["culprit"]["change"]["ratio"].as_f64().unwrap();
    assert!((change - 0.96).abs() < 1e-3, "{answer}");
    // Identical code is measured at most once, and commits that don't build never.
    let steps = answer["steps"].as_array().unwrap();
    assert!(
        steps.iter().all(|step| step["reason"].is_string()),
        "{answer}"
    );
    repository
        .serbench(&["bisect", &commits[21], &commits[32]])
        .exits(0)
        .answers("Nothing to find: no benchmark is slower at BAD than at GOOD");
}

#[test]
fn a_culprit_that_does_not_build_is_a_range() {
    let repository = Repository::with_library(&behaviour(50_000, 30_000));
    let mut commits = vec![repository.git(&["rev-parse", "HEAD"])];
    for number in 1..=6 {
        let broken = if (2..=4).contains(&number) {
            "compile_error!(\"no\");\n"
        } else {
            ""
        };
        repository.write("src/lib.rs", &format!("//! Number {number}.\n{broken}"));
        if number == 3 {
            repository.behave(&behaviour(60_000, 30_000));
        }
        commits.push(repository.commit(&format!("Number {number}")));
    }
    let outcome = repository.serbench(&["bisect", &commits[0], &commits[6]]);
    outcome
        .exits(100)
        .answers("Found: one of 4 commits, which can't be told apart by fake::mine::a")
        .says(&[&commits[2][..10], "Number 2"])
        .says(&["skipped: failed to build the candidate"])
        .says(&[&commits[5][..10], "Number 5"])
        .says_nothing_of(&["Number 1"])
        .says_nothing_of(&["Number 6"]);
}

#[test]
fn merged_branches() {
    let repository = Repository::new(&behaviour(50_000, 30_000));
    let good = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.behave(&behaviour(60_000, 30_000));
    let culprit = repository.commit("Slower");
    repository.write("NEWS.md", "Words.\n");
    let news = repository.commit("Document");
    repository.git(&["switch", "--quiet", "main"]);
    repository.write("README.md", "Words.\n");
    repository.commit("Meanwhile");
    repository.git(&[
        "merge",
        "--quiet",
        "--no-ff",
        "--message",
        "Merge",
        "feature",
    ]);
    let merge = repository.git(&["rev-parse", "HEAD"]);
    let bisect = |arguments: &[&str]| repository.serbench(&[&["bisect"], arguments].concat());
    bisect(&[&good, "HEAD"])
        .exits(100)
        .answers(&format!("Found: {} 2023-11-14 Test: Merge", &merge[..10]));
    bisect(&[&good, "HEAD", "--all-parents"])
        .exits(100)
        .answers(&format!(
            "Found: {} 2023-11-14 Test: Slower",
            &culprit[..10]
        ));
    let refuses = |arguments: &[&str], words: &[&str]| {
        bisect(arguments).exits(101).says_no_more().warns(words);
    };
    refuses(&[&good, &good], &["the same commit"]);
    refuses(&["HEAD", &good], &["older than GOOD", "did you mean"]);
    refuses(
        &[&news, "main~1"],
        &["is not an ancestor of BAD", &good[..10]],
    );
    refuses(
        &[&news, "HEAD"],
        &["not one of its first parents", "--all-parents"],
    );
}
