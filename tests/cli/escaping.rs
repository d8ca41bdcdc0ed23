//! Untrusted text is escaped: ids, panics, commit subjects and records may contain sequences that a
//! terminal or a CI log would interpret.

use serde_json::Value;

use crate::{
    records::{key, record},
    repository::{Outcome, Repository},
};

/// Clears the screen, moves the cursor, changes the text direction, and contains CI commands.
const EVIL: &str =
    "\u{1b}[2J\u{1b}[31m\u{9b}1A\r\u{202e}\u{200b}\u{7}::error title=x::evil ##[error]";

/// Asserts that no line has an effect of [`EVIL`]. With `styles`, colors are allowed.
#[track_caller]
fn is_harmless(outcome: &Outcome, styles: bool) {
    let style = regex_lite::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for text in [outcome.stdout(), outcome.stderr()] {
        let mut rest = text.to_owned();
        if styles {
            rest = style.replace_all(&rest, "").into_owned();
        }
        let active = |it: char| {
            (it.is_control() && it != '\n') || "\u{9b}\u{202e}\u{200b}\u{feff}".contains(it)
        };
        assert!(!rest.contains(active), "{rest:?}");
        assert!(!rest.contains("##["), "{outcome}");
        let command = |line: &str| line.trim_start().starts_with("::error title=x");
        assert!(!rest.lines().any(command), "{outcome}");
    }
}

#[test]
fn records_and_subjects() {
    let manifest = "[package]\nname = \"some\"\nedition = \"2024\"\n\n[workspace]\n";
    let files = [("Cargo.toml", manifest), ("src/lib.rs", "")];
    let repository = Repository::with(&files);
    let subject = format!("::error title=x::evil {EVIL}");
    let commit = repository.commit(&subject);
    let evil = format!("::error title=x::e{EVIL}\n::error title=x::other\nerror: forged");
    let mut record = record(&commit, &evil, &evil, 1.5);
    let benchmarks = record["benchmarks"].as_object_mut().unwrap();
    let first = benchmarks["json::orjson::f64::100x100"].clone();
    benchmarks.insert(format!("{evil}::a::b"), first);
    let mut failed = benchmarks["json::slow::f64::100x100"].clone();
    failed["state"] = serde_json::json!({ "failed": evil });
    benchmarks.insert(format!("json::{evil}::f64"), failed);
    for field in ["started_at", "tool"] {
        record["runs"][0][field] = evil.as_str().into();
    }
    for field in ["rustc", "profile"] {
        record["toolchain"][field] = evil.as_str().into();
    }
    let file = format!("baselines/{commit}/{}.json", key(&record));
    repository.write(&file, &record.to_string());
    for arguments in [
        &["show"][..],
        &["show", "--format=markdown"],
        &["show", "--format=json"],
        &["show", "HEAD"],
        &["show", "HEAD", "--format=markdown"],
        &["show", "HEAD", "--format=json"],
        &["show", "HEAD", "--machine=0"],
        &["history"],
        &["history", "--format=markdown"],
        &["history", "--format=json"],
        &["history", "--format=csv"],
        &["history", "--format=html"],
        &["history", "no such benchmark"],
        &["accept", "no such benchmark", "--reason=why"],
        &["accept", &evil, "--reason", &evil],
    ] {
        let outcome = repository.serbench(arguments);
        is_harmless(&outcome, false);
        let forged = |line: &str| line.starts_with("error: forged") || line.starts_with("::");
        assert!(
            !outcome.stderr().lines().any(forged),
            "{arguments:?}: {outcome}"
        );
        if arguments.contains(&"--format=json") {
            let shown: Value = serde_json::from_str(outcome.exits(0).stdout()).unwrap();
            assert!(shown.to_string().contains("evil"), "{shown}");
        }
        let styled = repository.serbench(&[arguments, &["--color=always"]].concat());
        is_harmless(&styled, true);
    }
    broken_files(&repository, &file, manifest);
}

/// Errors quote text that can't be parsed.
fn broken_files(repository: &Repository, record: &str, manifest: &str) {
    repository.write(record, &format!("{{\"schema\": \"{EVIL}\""));
    is_harmless(&repository.serbench(&["show", "HEAD"]), false);
    repository.write(
        "baselines/accepted.toml",
        &format!("[[accepted]]\n{EVIL} = 1\n"),
    );
    is_harmless(
        &repository.serbench(&["accept", "x", "--reason=why"]),
        false,
    );
    let config = format!(
        "{manifest}\n[package.metadata.serbench]\n\"{}\" = 1\n",
        "\\u001b[2J::error"
    );
    repository.write("Cargo.toml", &config);
    let outcome = repository.serbench(&["config"]);
    is_harmless(outcome.exits(101), false);
}

#[test]
fn benches_and_runs() {
    let repository = Repository::new("fake::one worker cpu=50000\nfake::two worker cpu=50000");
    let bench = repository.read("benches/fake.rs");
    let panic = format!(
        "fn main() {{\n    if std::env::args().any(|it| it == \"fake::two\") {{ panic!({EVIL:?}) }}"
    );
    repository.write("benches/fake.rs", &bench.replace("fn main() {", &panic));
    repository.start_as_usual();
    repository.behave("fake::one worker cpu=50001\nfake::two worker cpu=50001");
    repository.commit(&format!("::error title=x::subject {EVIL}"));
    let outcome = repository.serbench(&["gate", "--baseline=HEAD~1", "--seed=1"]);
    is_harmless(outcome.exits(101), false);
    outcome.warns(&["fake::two", "\\u{1b}[2J"]);
    let run = repository.runs().pop().unwrap();
    let text = std::fs::read_to_string(&run).unwrap();
    let evil = serde_json::to_string(&format!("::error title=x::e{EVIL}\nerror: forged")).unwrap();
    let text = text.replace("fake::two", evil.trim_matches('"'));
    repository.write("run.json", &text);
    for format in [
        "terminal",
        "markdown",
        "html",
        "json",
        "junit",
        "csv",
        "comment",
        "bencher",
        "benchmark-action",
        "openmetrics",
        "github",
    ] {
        let format = format!("--format={format}");
        let outcome = repository.serbench(&["report", "run.json", &format]);
        is_harmless(outcome.exits(101), false);
        let styled = repository.serbench(&["report", "run.json", &format, "--color=always"]);
        is_harmless(&styled, true);
    }
}
