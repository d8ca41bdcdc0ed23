//! Commands that read and write records, in a temporary repository. Nothing is built: its only package
//! has no bench.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::repository::{Outcome, Repository};

pub(crate) const MANIFEST: &str =
    "[package]\nname = \"some\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";

/// The committed files; records are added later.
const FILES: [(&str, &str); 3] = [
    ("Cargo.toml", MANIFEST),
    ("src/lib.rs", ""),
    (".gitignore", "/target\nCargo.lock\n"),
];

pub(crate) struct Place {
    pub(crate) repository: Repository,
}

impl Place {
    pub(crate) fn new() -> Self {
        let repository = Repository::with(&FILES);
        Self { repository }
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.repository.path().join(path)
    }

    pub(crate) fn commit(&self, subject: &str) -> String {
        let files = FILES.map(|(file, _)| file);
        self.repository.commit_files(subject, &files)
    }

    /// Writes a record and returns its path.
    fn put(&self, record: &Value) -> PathBuf {
        let commit = record["commit"].as_str().unwrap();
        let path = self
            .path("baselines")
            .join(commit)
            .join(format!("{}.json", key(record)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, record.to_string()).unwrap();
        path
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let mut outcome = self.repository.serbench(arguments);
        // The folder's name is different each time.
        let folder = self.repository.path();
        for folder in [&fs::canonicalize(folder).unwrap(), folder] {
            let prefix = format!("{}/", folder.display());
            for text in [&mut outcome.stdout, &mut outcome.stderr] {
                *text = text.replace(&prefix, "");
            }
        }
        // None of these commands builds or locks.
        assert!(!self.path("target/serbench/lock").exists());
        assert!(!self.path("target/serbench/build").exists());
        outcome
    }

    /// The output of a command that succeeds without messages.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.exits(0).stderr, "", "{arguments:?}");
        outcome.stdout
    }

    /// The message of a command that fails.
    pub(crate) fn bad(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        outcome.exits(101).says_no_more();
        outcome.stderr
    }
}

/// A record of two benchmarks, the second `ratio` times the first.
pub(crate) fn record(commit: &str, subject: &str, cpu: &str, ratio: f64) -> Value {
    let logs = vec![(ratio.ln() * 1e5).round() / 1e5; 8];
    json!({
        "schema": 1,
        "commit": commit,
        "subject": subject,
        "lock": null,
        "machine": {"os": "plan9", "arch": "mips", "cpu": cpu, "cpus": 3},
        "toolchain": {"rustc": "rustc 1.95.0", "flags": ["-Cx"], "profile": "bench", "features": []},
        "runs": [{"started_at": "2026-11-21T01:10:52Z", "seed": 7, "tool": "serbench 0.1.0"}],
        "benchmarks": {
            "json::orjson::f64::100x100": {
                "state": "verified", "executable": "00", "dtype": "float64", "shape": [100, 100],
                "bytes_in": 80000, "bytes_out": 192_941, "rss": 262_144, "latency_ns": 50000.0,
                "memory": {"peak": 262_144, "bytes": 524_288, "allocations": 12, "repeatable": true},
            },
            "json::slow::f64::100x100": {
                "state": "verified", "executable": "00", "dtype": "float64", "shape": [100, 100],
                "reference": "json::orjson::f64::100x100", "latency_ns": 50000.0 * ratio,
                "log_ratios": {"cpu": logs, "wall": logs},
            },
        },
    })
}

/// The machine key: the first eight digits of the SHA-256 of all factors in clear.
pub(crate) fn key(record: &Value) -> String {
    let (machine, toolchain) = (&record["machine"], &record["toolchain"]);
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().map(|item| item.as_str().unwrap()).collect();
            items.join(" ")
        }
        other => other.to_string(),
    };
    let factors: String = ["os", "arch", "cpu", "cpus"]
        .iter()
        .map(|name| format!("{name}={}\n", text(&machine[name])))
        .chain(
            ["rustc", "flags", "profile", "features"]
                .iter()
                .map(|name| format!("{name}={}\n", text(&toolchain[name]))),
        )
        .collect();
    let hash = Sha256::digest(factors);
    let digits: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("plan9-mips-{digits}")
}

/// Three commits with records of one machine, and of a second one for the last commit. Returns the hashes.
pub(crate) fn three_commits() -> (Place, Vec<String>) {
    let place = Place::new();
    let mut commits = Vec::new();
    for (subject, ratio) in [("First", 1.2), ("Second", 1.25), ("Third", 1.1)] {
        let commit = place.commit(subject);
        place.put(&record(&commit, subject, "R3000", ratio));
        commits.push(commit);
    }
    place.put(&record(&commits[2], "Third", "R4000", 1.5));
    (place, commits)
}

#[test]
fn history_of_three_commits() {
    let (place, commits) = three_commits();
    insta::assert_snapshot!("history", place.good(&["history"]));
    insta::assert_snapshot!(
        "history_csv",
        place.good(&["history", "slow", "--format", "csv"])
    );
    let text = place.good(&["history", "slow", "--format", "json", "--last", "2"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    // The other machine's series has a single point.
    let series = value["series"].as_array().unwrap();
    let points = series.iter().map(|series| &series["points"]);
    let longest = points.max_by_key(|points| points.as_array().map(Vec::len));
    assert_eq!(
        *longest.unwrap(),
        json!([[commits[1], 1.25], [commits[2], 1.1]])
    );
    // The history of an earlier commit.
    let done = place.run(&["history", "slow", "--format", "csv", "--from", "HEAD~2"]);
    assert_eq!((done.code, done.stdout.lines().count()), (Some(0), 2));
    assert!(
        done.stderr.contains("3 records are of commits outside"),
        "{}",
        done.stderr
    );
}

#[test]
fn change_points_name_their_commit() {
    let place = Place::new();
    let mut commits = Vec::new();
    for number in 0..16 {
        let subject = format!("Number {number}");
        let commit = place.commit(&subject);
        // Scatter of 0.2 % around a level that is 5 % higher from the tenth on; the ninth has no record.
        let level = if number < 10 { 1.2 } else { 1.26 };
        if number != 9 {
            let ratio = level * (1.0 + 0.001 * f64::from(number % 3));
            place.put(&record(&commit, &subject, "R3000", ratio));
        }
        commits.push(commit);
    }
    insta::assert_snapshot!("change_points", place.good(&["history"]));
    let text = place.good(&["history", "--format", "markdown"]);
    assert!(text.contains("| `") || text.contains("+5.0 %"), "{text}");
    let json = |arguments: &[&str]| -> Value {
        let all = [&["history", "slow", "--format", "json"], arguments].concat();
        let value: Value = serde_json::from_str(&place.good(&all)).unwrap();
        value["series"][0]["change_points"].clone()
    };
    let found = json(&[]);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["commit"], json!(commits[10]));
    assert_eq!(found[0]["previous"], json!(commits[8]));
    assert!(
        (found[0]["change"].as_f64().unwrap() - 1.05).abs() < 1e-3,
        "{found}"
    );
    assert!(found[0]["p"].as_f64().unwrap() < 1e-9, "{found}");
    let csv = place.good(&["history", "slow", "--format", "csv"]);
    let with_change = csv.lines().skip(1).filter(|line| !line.ends_with(",,"));
    let with_change: Vec<&str> = with_change.collect();
    assert_eq!(with_change.len(), 1, "{csv}");
    assert!(with_change[0].contains(&commits[10]), "{csv}");
    assert_eq!(json(&["--min-change", "6%"]), json!([]));
    for wrong in [
        ["--max-p", "0"],
        ["--max-p", "-1"],
        ["--min-change", "6"],
        ["--window", "1"],
    ] {
        let done = place.run(&[&["history"], &wrong[..]].concat());
        done.exits(2).says_no_more();
    }
}

#[test]
fn history_as_a_page() {
    let place = Place::new();
    let mut commits = Vec::new();
    for number in 0..24 {
        let subject = format!("Number <{number}>");
        let commit = place.commit(&subject);
        let level = if number < 10 { 1.2 } else { 1.26 };
        let ratio = level * (1.0 + 0.001 * f64::from(number % 3));
        // A different machine from here on.
        let cpu = if number < 20 { "R3000" } else { "R4000" };
        place.put(&record(&commit, &subject, cpu, ratio));
        commits.push(commit);
    }
    let entry = format!(
        "benchmarks = [\"json::slow::**\"]\nreason = \"checks <every> key\"\ncommit = \"{}\"\n",
        commits[9]
    );
    let folder = place.path("baselines/accepted");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("slow.toml"), entry).unwrap();
    let page = place.good(&["history", "--machine", "all", "--format", "html"]);
    let at = &commits[10][..10];
    for wanted in [
        "1 change point in 4 series of 2 benchmarks over 24 recorded commits".to_owned(),
        format!("<title>{at} Number &lt;10&gt;: +5.0 %</title>"),
        "\u{25b2} +5.0 %</text>".to_owned(),
        format!(
            "\u{2713}<title>{at} Number &lt;10&gt;: accepted: checks &lt;every&gt; key</title>"
        ),
        format!("(from <code>{at}</code> on)"),
        "<dt>A</dt>".to_owned(),
        "<dt>B</dt>".to_owned(),
        "data-name=\"json::slow::".to_owned(),
    ] {
        assert!(page.contains(&wanted), "{wanted}: {page}");
    }
    // Self-contained, with one chart per benchmark.
    let outside = ["http:", "https:", " src=", "url(", "@import"];
    assert!(!outside.iter().any(|it| page.contains(it)), "{page}");
    assert_eq!(page.matches("<article").count(), 2, "{page}");
    assert_eq!(page.matches("data-changed").count(), 1, "{page}");
    // One filter, one machine.
    let page = place.good(&[
        "history",
        "nothing|slow",
        "--machine",
        "all",
        "--last",
        "3",
        "--format=html",
    ]);
    assert!(
        page.contains("0 change points in 1 series of 1 benchmark over 3 recorded commits"),
        "{page}"
    );
}

#[test]
fn one_machine_of_two() {
    let (place, commits) = three_commits();
    let r4000 = key(&record(&commits[2], "Third", "R4000", 1.5));
    let text = place.good(&["history", "--machine", &r4000[..15]]);
    assert!(text.contains("R4000") && !text.contains("R3000"), "{text}");
    let error = place.bad(&["history", "--machine", "linux"]);
    assert!(
        error.contains("no machine key begins with `linux`; available: plan9-mips-"),
        "{error}"
    );
    let text = place.good(&["show", "HEAD"]);
    assert!(text.contains("R4000") && text.contains("R3000"), "{text}");
}

#[test]
fn show_a_commit_and_all() {
    let (place, commits) = three_commits();
    insta::assert_snapshot!("show_all_records", place.good(&["show"]));
    insta::assert_snapshot!("show_a_commit", place.good(&["show", "HEAD~1"]));
    insta::assert_snapshot!(
        "show_a_commit_markdown",
        place.good(&["show", "HEAD~1", "--format", "markdown"])
    );
    let text = place.good(&["show", "HEAD~1", "--format", "json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, record(&commits[1], "Second", "R3000", 1.25));
    let listed: Value = serde_json::from_str(&place.good(&["show", "--format", "json"])).unwrap();
    assert_eq!(listed[3]["commits_back"], 2);
    place.commit("Fourth");
    let error = place.bad(&["show", "HEAD"]);
    assert!(
        error.contains("(Fourth) has no record; `cargo serbench show` lists"),
        "{error}"
    );
}

#[test]
fn without_records_or_commits() {
    let place = Place::new();
    let error = place.bad(&["history"]);
    assert!(
        error.contains("no record yet; run `cargo serbench`"),
        "{error}"
    );
    let error = place.bad(&["accept", "*", "--reason", "x"]);
    assert!(
        error.contains("no commit yet; make the first with `git commit`"),
        "{error}"
    );
    fs::remove_dir_all(place.path(".git")).unwrap();
    let error = place.bad(&["show"]);
    assert!(error.contains("not in one; run `git init`"), "{error}");
    // Usage.
    assert_eq!(place.run(&["accept", "*"]).code, Some(2));
    assert_eq!(place.run(&["merge"]).code, Some(2));
    assert_eq!(place.run(&["history", "--format", "xml"]).code, Some(2));
}

#[test]
fn a_corrupt_record_does_not_hide_the_others() {
    let (place, commits) = three_commits();
    let path = place.put(&record(&commits[1], "Second", "R3000", 1.25));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let done = place.run(&["history", "slow", "--format", "csv"]);
    assert_eq!(done.code, Some(0));
    assert_eq!(done.stdout.lines().count(), 1 + 3, "{}", done.stdout);
    insta::assert_snapshot!("a_corrupt_record", done.stderr);
    assert!(place.bad(&["show", "HEAD~1"]).contains("invalid record"));
    // Until it is fixed.
    assert!(!place.run(&["history"]).stderr.is_empty());
    fs::write(&path, text).unwrap();
    assert_eq!(
        place
            .good(&["history", "slow", "--format", "csv"])
            .lines()
            .count(),
        5
    );
    // A deleted record disappears from the history.
    fs::remove_file(&path).unwrap();
    assert_eq!(
        place
            .good(&["history", "slow", "--format", "csv"])
            .lines()
            .count(),
        4
    );
}

#[test]
fn a_readable_record_is_shown_despite_a_broken_one() {
    let (place, commits) = three_commits();
    let good = place.good(&["show", "HEAD", "--machine", "plan9", "--format", "json"]);
    let path = place.put(&record(&commits[2], "Third", "R4000", 1.5));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let done = place.run(&["show", "HEAD", "--format", "json"]);
    assert_eq!(done.code, Some(0));
    assert!(good.contains(&done.stdout) && done.stdout.contains("R3000"));
    let file = path
        .strip_prefix(place.repository.path())
        .unwrap()
        .display();
    let warning = format!(
        "can't read {file}: not a regular file; if it is in git, `git checkout -- {file}` restores it"
    );
    assert!(done.stderr.contains(&warning), "{}", done.stderr);
    assert!(place.run(&["history"]).stderr.contains(&warning));
    // Both.
    let other = place.put(&record(&commits[2], "Third", "R3000", 1.1));
    fs::write(&other, "").unwrap();
    let error = place.bad(&["show", "HEAD"]);
    assert!(error.contains("no record of") && error.contains("(Third) can be read"));
}

#[test]
fn a_record_that_changed_is_read_again() {
    let (place, commits) = three_commits();
    let last = |place: &Place| {
        let text = place.run(&["history", "slow", "--format", "csv"]).stdout;
        text.lines().last().unwrap().to_owned()
    };
    assert!(last(&place).ends_with(",1.1,ratio,,"));
    // A commit measured again, and one measured for the first time.
    place.put(&record(&commits[2], "Third", "R3000", 1.25));
    assert!(last(&place).ends_with(",1.25,ratio,,"));
    let fourth = place.commit("Fourth");
    place.put(&record(&fourth, "Fourth", "R3000", 1.2));
    assert!(last(&place).ends_with(&format!(",{fourth},1.2,ratio,,")));
}

#[test]
fn the_index_can_be_lost_or_broken() {
    let (place, _) = three_commits();
    let expected = place.good(&["history"]);
    let index = place.path("target/serbench/records.index");
    for content in ["", "nonsense", "serbench index 1\nnonsense\n"] {
        fs::write(&index, content).unwrap();
        assert_eq!(place.good(&["history"]), expected, "{content}");
    }
    fs::remove_dir_all(place.path("target")).unwrap();
    assert_eq!(place.good(&["history"]), expected);
    // If it can't be written, all records are read each time.
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    let done = place.run(&["history"]);
    assert_eq!((done.code, done.stdout), (Some(0), expected));
    let warning = "warning: can't write target/serbench/records.index";
    assert!(done.stderr.contains(warning), "{}", done.stderr);
}

#[test]
fn commits_that_left_the_history() {
    let (place, commits) = three_commits();
    // As after a rebase: the last commit has another hash.
    place
        .repository
        .git(&["reset", "--quiet", "--soft", &commits[1]]);
    place.commit("Third, rebased");
    let done = place.run(&["history"]);
    assert_eq!(done.code, Some(0));
    insta::assert_snapshot!("commits_that_left_the_history", done.stderr);
    insta::assert_snapshot!(
        "show_commits_that_left_the_history",
        place.run(&["show"]).stdout
    );
    fs::write(place.path(".git/shallow"), format!("{}\n", commits[1])).unwrap();
    let done = place.run(&["history", "--format", "csv", "slow"]);
    assert_eq!(done.stdout.lines().count(), 2, "{}", done.stdout);
    assert!(
        done.stderr.contains("`git fetch --unshallow`"),
        "{}",
        done.stderr
    );
}
