//! Files that are not UTF-8, and unusual paths: errors name the file, and no gate passes because of it.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use crate::{
    repository::{Outcome, Repository, copy_tree, fixture},
    stale::{FAST, REGRESSED, SLOW, slower},
};

const LATIN: &[u8] = b"caf\xe9\n";

fn latin(repository: &Repository, file: &str) {
    let path = repository.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut bytes = fs::read(&path).unwrap_or_default();
    bytes.extend_from_slice(b"# ");
    bytes.extend_from_slice(LATIN);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_manifest() {
    let repository = slower();
    latin(&repository, "Cargo.toml");
    repository
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["Cargo.toml"])
        .warns(&["not valid utf-8"]);
}

#[test]
fn an_accepted_change() {
    let repository = slower();
    repository
        .serbench(&["accept", "fake::**", "--reason", "Checks"])
        .exits(0);
    let entries = fs::read_dir(repository.path().join("baselines/accepted")).unwrap();
    let file = entries
        .flatten()
        .next()
        .unwrap()
        .file_name()
        .into_string()
        .unwrap();
    let file = format!("baselines/accepted/{file}");
    latin(&repository, &file);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .warns(&["error: ", &file, "git checkout"])
        .warns(&["it is not UTF-8"]);
    // At the baseline, where it doesn't matter.
    repository.commit("Latin");
    fs::remove_file(repository.path().join(&file)).unwrap();
    repository.behave("fake::one worker cpu=80000");
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(100)
        .answers(REGRESSED);
}

#[test]
fn a_record() {
    let repository = Repository::new(FAST);
    repository.serbench(&["--quick"]).exits(0);
    let record = find(&repository.path().join("baselines"));
    fs::write(&record, LATIN).unwrap();
    let name = record.strip_prefix(repository.path()).unwrap();
    let name = name.to_str().unwrap();
    repository.behave(SLOW);
    repository.commit("Slower");
    repository
        .serbench(&["--quick"])
        .warns(&[name, "git checkout"]);
    repository
        .serbench(&["show", "HEAD~1"])
        .exits(101)
        .warns(&["error: ", name]);
}

fn find(folder: &Path) -> std::path::PathBuf {
    let mut folder = folder.to_path_buf();
    while folder.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|it| it.unwrap().path())
            .collect();
        entries.retain(|it| !it.ends_with("accepted"));
        entries.sort();
        folder = entries.remove(0);
    }
    folder
}

#[test]
fn a_stored_run() {
    let repository = slower();
    fs::write(repository.path().join("run.json"), LATIN).unwrap();
    repository
        .serbench(&["report", "run.json"])
        .exits(101)
        .says_no_more()
        .warns(&["error: ", "run.json"]);
}

#[test]
fn workspaces_with_unusual_paths() {
    let parent = tempfile::tempdir().unwrap();
    for (name, problem) in [
        (OsStr::new("with spaces and ünicode"), None),
        (OsStr::new("a 'quoted' \"name\" $HOME"), None),
        // Cargo itself doesn't support this.
        (OsStr::new("with:colon"), Some("separator `:`")),
        (OsStr::from_bytes(b"latin-caf\xe9"), Some("error: ")),
    ] {
        let top = parent.path().join(name);
        fs::create_dir(&top).unwrap();
        copy_tree(&fixture("fake-bench"), &top);
        fs::write(top.join(".gitignore"), "target\n").unwrap();
        fs::write(top.join("benches/behaviour.txt"), FAST).unwrap();
        let git = |arguments: &[&str]| {
            let mut command = std::process::Command::new("git");
            command.args(["-c", "user.name=T", "-c", "user.email=t@example.org"]);
            assert!(
                command
                    .args(arguments)
                    .current_dir(&top)
                    .status()
                    .unwrap()
                    .success()
            );
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", "Before"]);
        fs::write(top.join("benches/behaviour.txt"), SLOW).unwrap();
        let nowhere = Repository::empty();
        let mut command = nowhere.command(&["gate", "--seed=1"]);
        let outcome = Outcome::of(command.current_dir(&top).output().unwrap());
        match problem {
            None => outcome.exits(100).answers(REGRESSED),
            Some(words) => outcome.exits(101).says_no_more().warns(&[words]),
        };
    }
}
