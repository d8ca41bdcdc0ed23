//! `cargo serbench accept`: the files that it writes for review.

use std::fs;

use crate::records::{Place, three_commits};

/// The names and contents of the files of accepted changes.
fn accepted(place: &Place) -> Vec<(String, String)> {
    let entries = fs::read_dir(place.path("baselines/accepted"));
    let files = entries.into_iter().flatten().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

#[test]
fn accept_writes_one_entry_whatever_the_reason() {
    let (place, _) = three_commits();
    let refused = place.run(&["accept", "", "--reason", "Nothing"]);
    assert_eq!(refused.code, Some(101), "{}", refused.stderr);
    assert_eq!(accepted(&place), []);
    for (id, reason) in [
        ("json::slow::**", "Checks\n[[accepted]]\nkeys"),
        ("json::gone::**", "Went"),
    ] {
        let done = place.run(&["accept", id, "--reason", reason, "--removed"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    let [(_, gone), (_, slow)] = <[_; 2]>::try_from(accepted(&place)).unwrap();
    assert!(
        slow.contains("reason = \"Checks [[accepted]] keys\""),
        "{slow}"
    );
    assert!(slow.contains("removed = true") && gone.contains("removed = true"));
}

#[test]
fn accept_writes_a_file_for_review() {
    let (place, commits) = three_commits();
    let arguments = [
        "accept",
        "json::slow::**",
        "--reason",
        "Checks keys",
        "--up-to",
        "6%",
    ];
    let done = place.run(&arguments);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    let files = accepted(&place);
    assert_eq!(files.len(), 1);
    let (name, text) = &files[0];
    insta::assert_snapshot!("accept", done.stderr.replace(name.as_str(), "<FILE>"));
    insta::assert_snapshot!("accepted_file", text.replace(&commits[2], "<HEAD>"));
    // Repeating it changes nothing.
    place.run(&arguments);
    assert_eq!(accepted(&place), files);
    // Patterns that match nothing.
    let warned = |pattern: &str, words: &str| {
        let done = place.run(&["accept", pattern, "--reason", "Typo"]);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    };
    warned(
        "json::slwo::**",
        "no recorded benchmark matches `json::slwo::**`; `cargo serbench list` shows all",
    );
    warned("json::*", "did you mean `json::**`?");
    let error = place.bad(&["accept", "**", "--reason", " "]);
    assert!(
        error.contains("needs a reason that a reviewer can judge"),
        "{error}"
    );
    // Not a record.
    assert_eq!(place.good(&["show"]).lines().count(), 1 + 4);
}

#[test]
fn branches_that_each_accept_something_merge() {
    let place = Place::new();
    place.commit("Start");
    let git = |arguments: &[&str]| place.repository.git(arguments);
    for (branch, id) in [("one", "json::a::f64"), ("two", "json::b::f64")] {
        git(&["checkout", "--quiet", "-b", branch, "main"]);
        assert_eq!(
            place.run(&["accept", id, "--reason", "Checks keys"]).code,
            Some(0)
        );
        place.repository.commit_files("Accept", &["baselines"]);
    }
    git(&["merge", "--quiet", "--no-edit", "one"]);
    assert_eq!(git(&["status", "--porcelain"]), "");
    let texts: String = accepted(&place).into_iter().map(|(_, text)| text).collect();
    assert!(
        texts.contains("json::a::f64") && texts.contains("json::b::f64"),
        "{texts}"
    );
}
