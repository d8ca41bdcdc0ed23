//! `cargo serbench init`, and what it leaves when it can't write or is killed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::Duration,
};

use crate::repository::{Outcome, Repository};

const MANIFEST: &str = "[package]\nname = \"some\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

/// What `init` writes besides Cargo.toml.
const NEW: [&str; 2] = ["benches/arrays.rs", ".github/workflows/serbench.yml"];

fn package() -> Repository {
    Repository::with(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "")])
}

/// The program under a shell's `ulimit -f` of so many blocks.
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
    assert!(repository.read(NEW[1]).contains("gate"));
}

/// That nothing half-written is there: no file, or all of it, and no other.
#[track_caller]
fn is_whole(repository: &Repository, whole: &Repository) {
    for file in ["Cargo.toml", NEW[0], NEW[1]] {
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
    limited(&repository, 0, &["init"]).exits(101).warns(&[
        "error: write Cargo.toml",
        "as it was",
        "File too large",
    ]);
    assert_eq!(repository.read("Cargo.toml"), MANIFEST);
    assert_eq!(others(&repository), [""; 0]);
    // Enough for Cargo.toml (in blocks of 512 bytes), not for the bench.
    limited(&repository, 2, &["init"])
        .exits(101)
        .warns(&["error: write benches/arrays.rs", "File too large"]);
    assert!(!repository.path().join(NEW[0]).exists());
    assert_eq!(others(&repository), [""; 0]);
    repository
        .serbench(&["init"])
        .exits(0)
        .warns(&["Kept Cargo.toml"])
        .warns(&["Wrote benches/arrays.rs"]);
    is_complete(&repository);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let repository = package();
    repository.write("benches", "no folder");
    repository
        .serbench(&["init"])
        .exits(101)
        .warns(&["error: write benches/arrays.rs"]);
    fs::remove_file(repository.path().join("benches")).unwrap();
    repository.serbench(&["init"]).exits(0);
    is_complete(&repository);
}

#[test]
fn what_is_there_stays() {
    let repository = package();
    let manifest = repository.path().join("Cargo.toml");
    fs::rename(&manifest, repository.path().join("real.toml")).unwrap();
    std::os::unix::fs::symlink("real.toml", &manifest).unwrap();
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o600)).unwrap();
    repository.write(NEW[0], "// mine\n");
    repository
        .serbench(&["init"])
        .exits(0)
        .warns(&["Extended Cargo.toml"])
        .warns(&["Kept benches/arrays.rs"]);
    assert_eq!(repository.read(NEW[0]), "// mine\n");
    assert!(manifest.is_symlink());
    assert!(repository.read("real.toml").contains("[[bench]]"));
    let mode = |file: &str| {
        let metadata = fs::metadata(repository.path().join(file)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode("real.toml"), 0o600);
    // As any program's new file has it.
    repository.write("plain", "");
    assert_eq!(mode(NEW[1]), mode("plain"));
}

/// Killed at a moment that nobody chooses, it leaves old files or new ones, and the next run works.
#[test]
fn kill_9() {
    let whole = package();
    whole.serbench(&["init"]).exits(0);
    for milliseconds in (0..60).step_by(4) {
        let repository = package();
        let mut command = repository.command(&["init", "--quiet"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        is_whole(&repository, &whole);
        repository.serbench(&["init"]).exits(0);
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
    repository.serbench(&["init"]).exits(101).says_no_more();
    assert_eq!(fs::read(&manifest).unwrap(), bytes);
}
