//! Plain `cargo serbench`: records a commit and compares it with the record of an earlier one.

use std::{fs, path::PathBuf};

use crate::repository::{Outcome, Repository, copy_tree, fixture};

const FAST: &str = "fake::reference worker cpu=50000
                    fake::other     worker cpu=60000";
const SLOW: &str = "fake::reference worker cpu=50000
                    fake::other     worker cpu=66000";
const SLOWER: &str = "fake::reference worker cpu=50000
                      fake::other     worker cpu=72600";

fn measure(repository: &Repository) -> Outcome {
    repository.serbench(&["--quick", "--seed=1"])
}

/// The record of a commit, for this machine.
fn record(repository: &Repository, commit: &str) -> PathBuf {
    let folder = repository.path().join("baselines").join(commit);
    let files: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
    assert_eq!(files.len(), 1);
    files[0].path()
}

/// Without `gate`, a commit is compared with the record of an earlier one.
#[test]
fn recorded_baselines() {
    let repository = Repository::new(
        "fake::reference worker cpu=50000
         fake::same      worker cpu=50000
         fake::slower    worker cpu=50000",
    );
    let measure = || repository.serbench(&["--quick", "--seed=1"]);
    measure()
        .exits(0)
        .warns(&["Recorded", "baselines/"])
        .warns(&["Baseline", "none"]);
    repository
        .serbench(&["--quick", "--require-baseline"])
        .exits(101)
        .warns(&["error: no baseline to compare with"]);
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    measure()
        .exits(0)
        .warns(&["Baseline", "record of"])
        .warns(&["nothing looks slower"]);
    // As benches that write files leave them.
    repository.write("drawn.ppm", "P6\n");
    measure().exits(0).warns(&[
        "Not recorded due to new files (drawn.ppm); commit, ignore or remove them and run again",
    ]);
    std::fs::remove_file(repository.path().join("drawn.ppm")).unwrap();
    // The record only finds suspects; pairs of both commits decide.
    repository.behave(
        "fake::reference worker cpu=50000
         fake::same      worker cpu=50000
         fake::slower    worker cpu=55000",
    );
    measure()
        .exits(100)
        .warns(&["Not recorded due to uncommitted changes (benches/behaviour.txt)"])
        .warns(&["Suspecting", "1 benchmark; measuring both commits now"])
        .answers("gate: regressed (2 benchmarks, 1 regressed, ");
}

/// A regression must not pass because of a later commit.
#[test]
fn regressions_are_not_baselines() {
    let repository = Repository::new(FAST);
    measure(&repository).exits(0);
    repository.behave(SLOW);
    let slow = repository.commit("Slower");
    measure(&repository)
        .exits(100)
        .says(&["cargo serbench accept fake::other --reason TEXT"]);
    assert!(
        fs::read_to_string(record(&repository, &slow))
            .unwrap()
            .contains("slower_than")
    );
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    let passed_over = format!(
        "the record of {} (Slower) as the baseline: `fake::other`",
        &slow[..10]
    );
    measure(&repository)
        .exits(100)
        .warns(&[&passed_over])
        .warns(&["Baseline", "2 commits back"]);
    // After accepting it, later commits are compared with the slower one.
    repository
        .serbench(&["accept", "fake::other", "--reason", "Checks keys"])
        .exits(0);
    measure(&repository)
        .exits(0)
        .warns(&["Not recorded", "(baselines/accepted/fake-other-"])
        .says(&["fake::other", "(accepted: Checks keys)"]);
    repository.git(&["add", "baselines/accepted"]);
    repository.git(&["commit", "--quiet", "--message", "Accept"]);
    measure(&repository)
        .exits(0)
        .warns(&["Recorded baselines/"])
        .says(&["fake::other", "(accepted: Checks keys)"]);
    repository.behave(SLOWER);
    repository.git(&["commit", "--quiet", "--all", "--message", "Slower again"]);
    measure(&repository)
        .exits(100)
        .warns(&["Baseline", "1 commit back"])
        .says_nothing_of(&["accepted"]);
    // Fixed: compared with the accepted one.
    repository.behave(SLOW);
    repository.git(&["commit", "--quiet", "--all", "--message", "Mend"]);
    measure(&repository)
        .exits(0)
        .warns(&["Baseline", "2 commits back"]);
}

/// A rebase or squash changes the hash of a commit.
#[test]
fn a_reworded_commit_keeps_its_record() {
    let repository = Repository::new(FAST);
    measure(&repository).exits(0);
    repository.git(&["commit", "--quiet", "--amend", "--message=Reworded"]);
    repository.behave(SLOW);
    repository.commit("Slower");
    measure(&repository)
        .exits(100)
        .warns(&[
            "Baseline",
            "1 commit back; recorded as",
            "which has the same tree",
        ])
        .answers("gate: regressed (2 benchmarks, 1 regressed, ");
}

/// Old builds are removed, because each is as large as a target folder.
#[test]
fn builds_of_few_commits_are_kept() {
    let repository = Repository::new(FAST);
    let commits: Vec<String> = (0..6)
        .map(|number| {
            repository.behave(&FAST.replace("60000", &format!("6000{number}")));
            repository.commit("Change")
        })
        .collect();
    for commit in &commits {
        let baseline = format!("--baseline={commit}");
        repository.serbench(&["gate", &baseline]).exits(0);
    }
    repository.serbench(&["list"]).exits(0);
    for (folder, kept) in [("build", 5), ("source/target/package", 4)] {
        let path = repository.path().join("target/serbench").join(folder);
        assert_eq!(fs::read_dir(path).unwrap().count(), kept, "{folder}");
    }
}

#[test]
fn one_document_of_tables_and_verdicts() {
    let repository = Repository::new(FAST);
    measure(&repository).exits(0);
    repository.behave(SLOW);
    repository.commit("Slower");
    repository
        .serbench(&[
            "--quick",
            "--format=markdown,json",
            "--output=target/report",
        ])
        .exits(100)
        .answers("gate: regressed (");
    let report = repository.read("target/report/serbench.md");
    assert!(report.starts_with("**Regressed**: "), "{report}");
    assert!(
        report.contains("Latency") && report.contains("Throughput"),
        "{report}"
    );
    let json = repository.read("target/report/serbench.json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outcome"], "regressed");
    assert_eq!(json["exit_code"], 100);
    assert!(!json["measurements"].as_array().unwrap().is_empty());
    assert!(!json["verdicts"].as_array().unwrap().is_empty());
    // Stdout has a single document, too.
    let again = repository.serbench(&["--quick", "--format=json"]);
    let _: serde_json::Value = serde_json::from_str(again.exits(100).stdout()).unwrap();
}

#[test]
fn unreadable_records_are_skipped() {
    let repository = Repository::new(FAST);
    measure(&repository).exits(0);
    repository.write("README.md", "Words.\n");
    let second = repository.commit("Document");
    measure(&repository).exits(0);
    repository.behave(SLOW);
    repository.commit("Slower");
    let path = record(&repository, &second);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    measure(&repository)
        .exits(100)
        .warns(&["invalid record", "`git checkout --"])
        .warns(&["Baseline", "2 commits back"]);
    // An unreadable record is an error if it was requested.
    let asked = format!("--baseline={second}");
    repository
        .serbench(&["--quick", &asked])
        .exits(101)
        .warns(&[
            "error: no baseline to compare with: the record of",
            "can't be used",
        ]);
    repository
        .serbench(&["show"])
        .exits(0)
        .warns(&["invalid record"]);
}

/// Ratios to different references are not compared.
#[test]
fn changing_the_reference_hides_no_regression() {
    let repository = Repository::new(
        "fake::reference worker cpu=50000
         fake::third     worker cpu=55000
         fake::other     worker cpu=60000",
    );
    measure(&repository).exits(0);
    repository.behave(
        "fake::reference worker cpu=50000
         fake::third     worker cpu=55000
         fake::other     worker cpu=66000",
    );
    let manifest = repository
        .read("Cargo.toml")
        .replace("\"reference\"", "\"third\"");
    repository.write("Cargo.toml", &manifest);
    repository.commit("Another reference");
    measure(&repository)
        .exits(100)
        .warns(&["this change changes `reference`", "after the merge"])
        .warns(&["Suspecting 1 benchmark;"])
        .says(&["fake::other", "regressed"]);
}

/// On another occasion, all times may differ by a common factor.
#[test]
fn without_a_reference_the_occasion_is_divided_out() {
    let times = |times: [u32; 6]| -> String {
        let line = |(number, time): (usize, &u32)| format!("fake::b{number} worker cpu={time}\n");
        times.iter().enumerate().map(line).collect()
    };
    let repository = Repository::new(&times([50000; 6]));
    measure(&repository).exits(0);
    // A slower machine.
    repository.behave(&times([53000; 6]));
    repository.commit("Same code, slower machine");
    measure(&repository)
        .exits(0)
        .warns(&["nothing looks slower"]);
    repository.behave(&times([53000, 53000, 53000, 56000, 53000, 53000]));
    repository.commit("Slower");
    measure(&repository)
        .exits(100)
        .warns(&["Suspecting 1 benchmark;"])
        .says(&["fake::b3", "regressed"]);
}

#[test]
fn benchmarks_that_come_and_go() {
    let repository = Repository::new(FAST);
    measure(&repository).exits(0);
    repository.behave(
        "fake::reference worker cpu=50000
         fake::renamed   worker cpu=66000",
    );
    repository.commit("Rename");
    measure(&repository)
        .exits(0)
        .warns(&[
            "hint: 1 benchmark of that record not measured now",
            "fake::other",
        ])
        .warns(&["hint: 1 benchmark not in that record", "fake::renamed"]);
    repository
        .serbench(&["--quick", "--require-baseline"])
        .exits(101)
        .warns(&[
            "error: `fake::renamed` is not in the record of",
            "`require-baseline`",
        ]);
    // No hint if only some were requested.
    repository
        .serbench(&["--quick", "renamed"])
        .exits(0)
        .warns_nothing_of(&["of that record not measured"]);
}

/// Packages with benches of the same name.
#[test]
fn two_packages() {
    let repository = Repository::empty();
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.write(".gitignore", "target\n");
    let manifest = "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n\n\
                    [workspace.metadata.serbench.reference]\n\"*\" = \"reference\"\n\n\
                    [profile.bench]\nopt-level = 0\n";
    repository.write("Cargo.toml", manifest);
    for package in ["a", "b"] {
        let folder = repository.path().join(package);
        fs::create_dir(&folder).unwrap();
        copy_tree(&fixture("fake-bench"), &folder);
        let manifest = repository.read(&format!("{package}/Cargo.toml"));
        let manifest = manifest.split("[profile").next().unwrap();
        let manifest = manifest.replace("\"fake-bench\"", &format!("\"{package}\""));
        repository.write(
            &format!("{package}/Cargo.toml"),
            &manifest.replace("[workspace]\n", ""),
        );
        fs::remove_file(folder.join("Cargo.lock")).unwrap();
        let text = FAST.replace("60000", if package == "a" { "60000" } else { "70000" });
        let text: String = text
            .lines()
            .map(|line| format!("{}\n", line.trim()))
            .collect();
        repository.write(&format!("{package}/benches/behaviour.txt"), &text);
    }
    repository.serbench(&["list"]).exits(0);
    repository.commit("Two benches with the same name");
    measure(&repository).exits(0).says(&["other", "70.00 µs"]);
    repository
        .serbench(&["--quick", "--package=a"])
        .exits(0)
        .says(&["other", "60.00 µs"])
        .warns_nothing_of(&["more than one"]);
}

/// The page of a run has the records of its benchmarks, as lines and as figures.
#[test]
fn a_page_has_the_history_of_its_benchmarks() {
    let repository = Repository::new(FAST);
    let page = |arguments: &[&str]| {
        let page = repository.serbench(&[arguments, &["--seed=1", "--format=html"]].concat());
        page.stdout().to_owned()
    };
    // One record is no line.
    assert!(!page(&["--quick"]).contains("id=\"history\""));
    repository.behave(SLOW);
    repository.commit("Slower");
    let second = page(&["--quick"]);
    for words in [
        "The last 2 recorded commits.",
        "1.200, 1.320 \u{d7} fake::reference",
        "Last 1.320 \u{d7} fake::reference</figcaption>",
        "Slower: 1.320",
    ] {
        assert!(second.contains(words), "no {words:?} in {second}");
    }
    repository.behave(SLOWER);
    let gate = page(&["gate"]);
    assert!(
        gate.contains("Last 1.320 \u{d7} fake::reference; this run 1.452"),
        "{gate}"
    );
    let json = repository.serbench(&["gate", "--seed=1", "--format=json"]);
    let json: serde_json::Value = serde_json::from_str(json.stdout()).unwrap();
    let series = json["history"]["series"].as_array().unwrap();
    let other = series.iter().find(|it| it["id"] == "fake::other").unwrap();
    assert_eq!(other["unit"], "ratio");
    assert_eq!(other["values"].as_array().unwrap().len(), 2);
    fs::remove_dir_all(repository.path().join("baselines")).unwrap();
    assert!(!page(&["gate"]).contains("id=\"history\""));
}
