//! `cargo serbench init`, also if it can't write or is killed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    records::{self, Place},
    repository::{Outcome, Repository},
};

/// A first bench for encoders of arrays.
const ARRAYS: [&str; 2] = ["init", "--template=array-encoder"];

const MANIFEST: &str = "[package]\nname = \"some\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

/// The files that `init` writes besides Cargo.toml.
const NEW: [&str; 3] = [
    "benches/arrays.rs",
    ".github/workflows/serbench.yml",
    ".github/workflows/serbench-publish.yml",
];

fn package() -> Repository {
    Repository::with(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "")])
}

/// The tool with a file size limit of `blocks` (`ulimit -f`).
fn limited(repository: &Repository, blocks: u32, arguments: &[&str]) -> Outcome {
    let program = repository.command(arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(repository.path());
    Outcome::of(command.output().unwrap())
}

#[track_caller]
fn is_complete(repository: &Repository) {
    assert!(repository.read("Cargo.toml").contains("[[bench]]"));
    assert!(repository.read(NEW[0]).contains("divan::main()"));
    assert!(repository.read(NEW[1]).contains("cargo serbench gate"));
    assert!(repository.read(NEW[2]).contains("cargo serbench publish"));
}

/// Asserts that each file is complete or missing, and that there are no others.
#[track_caller]
fn is_whole(repository: &Repository, whole: &Repository) {
    for file in [&["Cargo.toml"][..], &NEW].concat() {
        let path = repository.path().join(file);
        match fs::read_to_string(path) {
            Ok(text) => assert!(
                text == MANIFEST || text == whole.read(file),
                "{file}: {text}"
            ),
            Err(_) => assert_ne!(file, "Cargo.toml"),
        }
    }
}

/// Files in the folders that `init` writes to, except what it should write.
fn others(repository: &Repository) -> Vec<String> {
    let folders = [".", "benches", ".github/workflows"];
    let entries = folders.iter().flat_map(|folder| {
        let entries = fs::read_dir(repository.path().join(folder));
        entries.into_iter().flatten().flatten()
    });
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let names = names.filter(|name| name.starts_with(".serbench"));
    names.collect()
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let repository = package();
    limited(&repository, 0, &ARRAYS)
        .exits(101)
        .warns(&["error: failed to write benches/arrays.rs", "File too large"]);
    assert_eq!(repository.read("Cargo.toml"), MANIFEST);
    assert!(!repository.path().join(NEW[0]).exists());
    assert_eq!(others(&repository), [""; 0]);
    repository.write(NEW[0], "fn main() {\n    divan::main();\n}\n");
    limited(&repository, 0, &ARRAYS).exits(101).warns(&[
        "error: failed to write Cargo.toml",
        "the old one is unchanged",
        "File too large",
    ]);
    assert_eq!(repository.read("Cargo.toml"), MANIFEST);
    assert_eq!(others(&repository), [""; 0]);
    repository
        .serbench(&ARRAYS)
        .exits(0)
        .warns(&["Edited Cargo.toml"])
        .warns(&["Kept benches/arrays.rs"]);
    is_complete(&repository);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let repository = package();
    repository.write("benches", "no folder");
    repository
        .serbench(&ARRAYS)
        .exits(101)
        .warns(&["error: failed to write benches/arrays.rs"]);
    fs::remove_file(repository.path().join("benches")).unwrap();
    repository.serbench(&ARRAYS).exits(0);
    is_complete(&repository);
}

#[test]
fn existing_files_are_kept() {
    let repository = package();
    let manifest = repository.path().join("Cargo.toml");
    fs::rename(&manifest, repository.path().join("real.toml")).unwrap();
    std::os::unix::fs::symlink("real.toml", &manifest).unwrap();
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o600)).unwrap();
    repository.write(NEW[0], "// mine\n");
    repository
        .serbench(&ARRAYS)
        .exits(0)
        .warns(&["Edited Cargo.toml"])
        .warns(&["Kept benches/arrays.rs"]);
    assert_eq!(repository.read(NEW[0]), "// mine\n");
    assert!(manifest.is_symlink());
    assert!(repository.read("real.toml").contains("[[bench]]"));
    let mode = |file: &str| {
        let metadata = fs::metadata(repository.path().join(file)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("real.toml"), 0o600);
    // The default permissions of new files.
    repository.write("plain", "");
    assert_eq!(mode(NEW[1]), mode("plain"));
}

/// Killed at a random time, it leaves old or new files, and the next run succeeds.
#[test]
fn kill_9() {
    let whole = package();
    whole.serbench(&ARRAYS).exits(0);
    for milliseconds in (0..60).step_by(4) {
        let repository = package();
        let mut command = repository.command(&["init", "--quiet", "--template=array-encoder"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        is_whole(&repository, &whole);
        repository.serbench(&ARRAYS).exits(0);
        is_complete(&repository);
        is_whole(&repository, &whole);
        assert_eq!(others(&repository), [""; 0]);
    }
}

#[test]
fn text_that_is_not_utf_8() {
    let repository = package();
    let manifest = repository.path().join("Cargo.toml");
    let bytes = [MANIFEST.as_bytes(), b"# caf\xe9\n"].concat();
    fs::write(&manifest, &bytes).unwrap();
    repository.serbench(&ARRAYS).exits(101).says_no_more();
    assert_eq!(fs::read(&manifest).unwrap(), bytes);
}

#[test]
fn existing_benches_only_need_workflows() {
    let benches =
        "[dev-dependencies]\ndivan = \"0.1.21\"\n\n[[bench]]\nname = \"some\"\nharness = false\n";
    let repository = package();
    repository.write("Cargo.toml", &format!("{MANIFEST}\n{benches}"));
    repository.write("benches/some.rs", "fn main() { divan::main() }\n");
    let manifest = repository.read("Cargo.toml");
    let said = repository.serbench(&["init"]);
    said.exits(0)
        .warns(&["Wrote .github/workflows/serbench.yml"])
        .warns(&["Wrote .github/workflows/serbench-publish.yml"])
        .warns(&["cargo serbench gate"])
        .warns(&["serbench-publish.yml posts the verdict", "default branch"]);
    assert_eq!(repository.read("Cargo.toml"), manifest);
    repository
        .serbench(&["init"])
        .exits(0)
        .warns(&["Kept .github/workflows/serbench.yml"])
        .warns(&["Kept .github/workflows/serbench-publish.yml"]);
    repository
        .serbench(&["init", "--template=plain"])
        .exits(2)
        .warns(&["already has divan benches"]);
}

#[test]
fn without_benches_the_user_chooses() {
    let repository = package();
    repository
        .serbench(&["init"])
        .exits(2)
        .warns(&["no divan benches", "--template plain"]);
    assert_eq!(repository.read("Cargo.toml"), MANIFEST);
    repository
        .serbench(&["init", "--template=plain"])
        .exits(0)
        .warns(&["Wrote benches/first.rs"]);
    assert!(!repository.read("Cargo.toml").contains("serbench"));
}

#[test]
fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let repository = package();
    let said = repository.serbench(&[&ARRAYS[..], &["--dry-run"]].concat());
    said.exits(0)
        .says(&["--- a/Cargo.toml"])
        .says(&["+serbench = \"0.1\""])
        .says(&["+++ b/benches/arrays.rs"])
        .says(&["+++ b/.github/workflows/serbench.yml"])
        .says(&["+++ b/.github/workflows/serbench-publish.yml"])
        .says(&["+      - run: cargo serbench publish target/artifact"]);
    assert_eq!(repository.read("Cargo.toml"), MANIFEST);
    assert!(!repository.path().join(".github").exists());
    assert!(!repository.path().join("Cargo.lock").exists());
}

#[test]
fn a_member_of_a_workspace_is_set_up() {
    let workspace = "[workspace]\nmembers = [\"one\", \"two\"]\nresolver = \"3\"\n\n\
                     [workspace.dependencies]\ndivan = \"0.1\"\n";
    let repository = Repository::with(&[
        ("Cargo.toml", workspace),
        ("one/Cargo.toml", &MANIFEST.replace("some", "one")),
        ("one/src/lib.rs", ""),
        ("two/Cargo.toml", &MANIFEST.replace("some", "two")),
        ("two/src/lib.rs", ""),
    ]);
    repository
        .serbench(&["init", "--template=plain"])
        .exits(2)
        .warns(&["choose one for a first bench with `-p NAME`: one, two"]);
    repository
        .serbench(&["init", "--template=plain", "-p", "two"])
        .exits(0)
        .warns(&["cargo serbench -p two"]);
    let manifest = repository.read("two/Cargo.toml");
    assert!(
        manifest.contains("divan = { workspace = true }"),
        "{manifest}"
    );
    assert!(repository.read(NEW[1]).contains("gate -p two --baseline"));
}

/// Benches are found in any package, and the workflow names the packages that have some.
#[test]
fn existing_benches_of_several_members_only_need_workflows() {
    let benches =
        "[dev-dependencies]\ndivan = \"0.1.21\"\n\n[[bench]]\nname = \"some\"\nharness = false\n";
    let member = |name: &str| MANIFEST.replace("some", name);
    let having = |name: &str| format!("{}\n{benches}", member(name));
    let root = format!(
        "{}\n[workspace]\nmembers = [\"one\", \"two\", \"three\"]\n",
        member("root")
    );
    let repository = Repository::with(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "")]);
    repository.write("Cargo.toml", &root);
    for (name, manifest) in [
        ("one", having("one")),
        ("two", member("two")),
        ("three", having("three")),
    ] {
        repository.write(&format!("{name}/Cargo.toml"), &manifest);
        repository.write(&format!("{name}/src/lib.rs"), "");
        repository.write(
            &format!("{name}/benches/some.rs"),
            "fn main() { divan::main() }\n",
        );
    }
    let said = repository.serbench(&["init"]);
    said.exits(0)
        .warns(&["Wrote .github/workflows/serbench.yml"])
        .warns(&["cargo serbench gate -p one -p three --baseline HEAD"]);
    let workflow = repository.read(NEW[1]);
    assert!(
        workflow.contains("gate -p one -p three --baseline"),
        "{workflow}"
    );
    assert_eq!(repository.read("Cargo.toml"), root);
    repository
        .serbench(&["init", "-p", "two"])
        .exits(2)
        .warns(&["`two` has no divan benches"]);
}

/// The written bench compiles and can be gated, with the library of this repository.
#[test]
#[ignore = "builds divan, ndarray and the library"]
fn the_written_bench_can_be_gated() {
    let repository = package();
    let library = concat!("--serbench-path=", env!("CARGO_MANIFEST_DIR"), "/../..");
    repository
        .serbench(&[&ARRAYS[..], &[library]].concat())
        .exits(0);
    repository.write(".gitignore", "target\n");
    repository.commit("Benches");
    let gate = repository.serbench(&["gate", "--baseline=HEAD", "--measure-identical"]);
    gate.exits(0).answers("Passed");

    let plain = package();
    plain.serbench(&["init", "--template=plain"]).exits(0);
    plain.write(".gitignore", "target\n");
    plain.commit("Benches");
    plain
        .serbench(&["gate", "--baseline=HEAD", "--measure-identical"])
        .exits(0);
}

#[test]
fn init_overwrites_nothing() {
    let place = Place::new();
    let bench = place.path("benches/arrays.rs");
    fs::create_dir(place.path("benches")).unwrap();
    fs::write(&bench, "mine").unwrap();
    let done = place.run(&["init", "--template=array-encoder"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    insta::assert_snapshot!(done.stderr, @r"
            Kept benches/arrays.rs
          Edited Cargo.toml
           Wrote .github/workflows/serbench.yml
           Wrote .github/workflows/serbench-publish.yml
    hint: measure it: `cargo serbench`; then commit, and replace the example with your own code
    hint: once both workflows are on the default branch, serbench.yml gates pull requests and serbench-publish.yml posts the verdict as a comment and the check `serbench`; without the second, it is only in the job summary
    ");
    assert_eq!(fs::read_to_string(&bench).unwrap(), "mine");
    let manifest = fs::read_to_string(place.path("Cargo.toml")).unwrap();
    assert!(
        records::MANIFEST
            .lines()
            .all(|line| manifest.contains(line)),
        "{manifest}"
    );
    assert!(manifest.contains("[[bench]]\nname = \"arrays\""));
    // Repeating it changes nothing.
    let done = place.run(&["init", "--template=array-encoder"]);
    assert_eq!(done.stderr.matches(" Kept ").count(), 4, "{}", done.stderr);
    assert_eq!(
        fs::read_to_string(place.path("Cargo.toml")).unwrap(),
        manifest
    );
}
