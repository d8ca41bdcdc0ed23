//! The gate never measures the wrong code: builds of different commits are never confused, and a commit's
//! files are those that `git checkout` would write.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use crate::repository::{Outcome, Repository};

pub(crate) const FAST: &str = "fake::one worker cpu=50000";
pub(crate) const SLOW: &str = "fake::one worker cpu=60000";
const PASSED: &str = "gate: passed (1 benchmark, 0 regressed, 1 identical";
pub(crate) const REGRESSED: &str = "gate: regressed (1 benchmark, 1 regressed";

/// Runs without cached builds, which have their own tests.
const BY_CARGO: &str = "--cache-size=0";

/// A commit, and a slower one after it.
pub(crate) fn slower() -> Repository {
    let repository = Repository::new(FAST);
    repository.behave(SLOW);
    repository.commit("Slower");
    repository
}

fn gate(repository: &Repository, variables: &[(&str, &Path)]) -> Outcome {
    let mut command = repository.command(&["gate", "--seed=1", BY_CARGO]);
    command.envs(variables.iter().copied());
    Outcome::of(command.output().unwrap())
}

/// Asserts that the work tree is slower than `baseline`.
#[track_caller]
fn fails(repository: &Repository, baseline: &str) {
    let baseline = format!("--baseline={baseline}");
    repository
        .serbench(&["gate", "--seed=1", BY_CARGO, &baseline])
        .exits(100)
        .answers(REGRESSED);
}

/// Sets the modification time of a file to last week.
pub(crate) fn age(file: &Path) {
    let week = Duration::from_secs(7 * 24 * 3600);
    let file = fs::File::options().append(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - week).unwrap();
}

#[test]
fn a_shared_build_folder() {
    let shared = tempfile::tempdir().unwrap();
    let repository = slower();
    for _ in 0..2 {
        gate(&repository, &[("CARGO_BUILD_BUILD_DIR", shared.path())])
            .exits(100)
            .answers(REGRESSED);
    }
    let repository = slower();
    let config = format!("[build]\nbuild-dir = {:?}\n", shared.path());
    repository.write(".cargo/config.toml", &config);
    fails(&repository, "HEAD~1");
}

#[test]
fn a_shared_target_folder() {
    let shared = tempfile::tempdir().unwrap();
    let variables = [("CARGO_TARGET_DIR", shared.path())];
    let one = slower();
    one.git(&["revert", "--no-edit", "HEAD"]);
    let other = slower();
    // Checked out before the first one is built.
    age(&other.path().join("benches/behaviour.txt"));
    gate(&one, &variables).exits(0);
    gate(&other, &variables).exits(100).answers(REGRESSED);
    gate(&one, &variables).exits(0);
    gate(&other, &variables).exits(100).answers(REGRESSED);
}

/// The benchmarks are in a package `inner` that the bench depends on.
fn with_dependency(repository: &Repository, behaviour: &str) {
    let manifest = repository.read("Cargo.toml");
    let manifest = manifest.replace(
        "[workspace]",
        "[workspace]\nexclude = [\"inner\"]\n\n[dev-dependencies]\ninner = { path = \"inner\" }",
    );
    repository.write("Cargo.toml", &manifest);
    inner(repository, "inner", behaviour);
    let bench = repository.read("benches/fake.rs");
    repository.write(
        "benches/fake.rs",
        &bench.replace("include_str!(\"behaviour.txt\")", "inner::BEHAVIOUR"),
    );
}

fn inner(repository: &Repository, folder: &str, behaviour: &str) {
    let manifest = "[package]\nname = \"inner\"\nedition = \"2024\"\n";
    repository.write(&format!("{folder}/Cargo.toml"), manifest);
    let library = format!("pub const BEHAVIOUR: &str = \"{behaviour}\";\n");
    repository.write(&format!("{folder}/src/lib.rs"), &library);
}

/// Folders of builds, except the work tree's.
fn builds_of_commits(repository: &Repository) -> Vec<std::path::PathBuf> {
    let folder = repository.path().join("target/serbench/build");
    let entries = fs::read_dir(folder).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    folders.filter(|path| !path.ends_with("worktree")).collect()
}

#[test]
fn a_path_dependency_that_is_no_member() {
    let repository = Repository::new(FAST);
    with_dependency(&repository, FAST);
    repository.commit("Move the behaviour to a dependency");
    inner(&repository, "inner", SLOW);
    repository.commit("Slower");
    fails(&repository, "HEAD~1");
    // As after an interrupted run: the source is older than the candidate's build.
    for build in builds_of_commits(&repository) {
        fs::remove_dir_all(build).unwrap();
    }
    fails(&repository, "HEAD~1");
}

/// The faster commit, with the package in `folder` as a git dependency, which needs no network.
pub(crate) fn with_foreign(folder: &Path) -> Repository {
    foreign(folder);
    let repository = Repository::new(FAST);
    let dependency = format!(
        "[dependencies]\nfake-bench-parse = {{ git = \"file://{}\" }}\n\n[workspace]",
        folder.display()
    );
    let manifest = repository.read("Cargo.toml");
    repository.write("Cargo.toml", &manifest.replace("[workspace]", &dependency));
    repository.start_as_usual();
    repository
}

/// Writes a package whose build script makes links, as cxx-build does.
fn foreign(folder: &Path) {
    let write = |file: &str, text: &str| {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[package]\nname = \"fake-bench-parse\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    );
    write("src/lib.rs", "pub fn nothing() {}\n");
    write(
        "build.rs",
        "fn main() {
            let out = std::path::PathBuf::from(std::env::var(\"OUT_DIR\").unwrap());
            for (to, link) in [(\"/nowhere\", \"dangling\"), (\"/\", \"folder\")] {
                let _ = std::os::unix::fs::symlink(to, out.join(link));
            }
            println!(\"cargo::rerun-if-changed=build.rs\");
        }",
    );
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &[
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.org",
            "commit",
            "--quiet",
            "-m",
            "One",
        ],
    ] {
        let done = Command::new("git")
            .current_dir(folder)
            .args(arguments)
            .status();
        assert!(done.unwrap().success());
    }
}

#[test]
fn packages_of_others_are_built_once() {
    let package = tempfile::tempdir().unwrap();
    let repository = with_foreign(package.path());
    let update = repository.serbench(&["list"]);
    update.exits(0).warns(&["Compiling fake-bench-parse"]);
    repository.commit("A dependency");
    repository.behave(SLOW);
    repository.commit("Slower");
    gate(&repository, &[])
        .exits(100)
        .answers(REGRESSED)
        .warns(&["Compiling fake-bench "])
        .warns_nothing_of(&["Compiling fake-bench-parse"]);
    let copied = builds_of_commits(&repository).pop().unwrap();
    assert!(copied.join("release/build").read_dir().unwrap().count() > 0);
}

#[test]
fn files_that_look_older_than_their_build() {
    let repository = Repository::new(FAST);
    let first = repository.serbench(&["gate", "--baseline=HEAD"]);
    first.exits(0).answers(PASSED);
    repository.behave(SLOW);
    age(&repository.path().join("benches/behaviour.txt"));
    fails(&repository, "HEAD");
    // Edits to the extracted baseline are discarded.
    let sources = repository.path().join("target/serbench/source");
    let mut found = Vec::new();
    find(&sources, "behaviour.txt", &mut found);
    assert_eq!(found.len(), 1);
    fs::write(&found[0], SLOW).unwrap();
    fails(&repository, "HEAD");
    fs::remove_file(&found[0]).unwrap();
    fails(&repository, "HEAD");
}

fn find(folder: &Path, name: &str, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            find(&path, name, found);
        } else if path.ends_with(name) {
            found.push(path);
        }
    }
}

#[test]
fn other_sources_and_the_same_code() {
    let repository = Repository::with_library(FAST);
    let library = repository.read("src/lib.rs");
    repository.write("src/lib.rs", &format!("{library}// A comment.\n"));
    repository.write("README.md", "Words.\n");
    gate(&repository, &[])
        .exits(0)
        .answers(PASSED)
        .says(&["src/lib.rs differs", "same code"])
        .says_nothing_of(&["README.md"]);
}

/// The benchmarks are slower only after `git checkout` has run a filter.
#[test]
fn filters_run() {
    let repository = Repository::new(FAST);
    repository.git(&["config", "filter.swap.clean", "sed s/60000/50000/"]);
    repository.git(&["config", "filter.swap.smudge", "sed s/50000/60000/"]);
    repository.write(".gitattributes", "behaviour.txt filter=swap\n");
    repository.behave(SLOW);
    repository.commit("Filtered");
    assert!(
        repository
            .git(&["show", "HEAD:benches/behaviour.txt"])
            .contains("50000")
    );
    repository.write("README.md", "Words.\n");
    repository.commit("Words");
    gate(&repository, &[]).exits(0).answers(PASSED);
    // A filter that is not configured in this clone, and pointers in both trees.
    repository.git(&["config", "--unset", "filter.swap.clean"]);
    repository.git(&["config", "--unset", "filter.swap.smudge"]);
    repository.write("README.md", "More words.\n");
    repository.commit("More words");
    gate(&repository, &[])
        .exits(101)
        .says_no_more()
        .warns(&["benches/behaviour.txt", "filter `swap`"]);
}

#[test]
fn line_ends_are_those_of_a_checkout() {
    let repository = Repository::with_library(FAST);
    repository.write(".gitattributes", "notes.txt eol=crlf\n");
    repository.write("notes.txt", "one\r\ntwo\r\n");
    let library = repository.read("src/lib.rs");
    let check = "const _: () = assert!(include_bytes!(\"../notes.txt\").len() == 10);\n";
    repository.write("src/lib.rs", &format!("{library}{check}"));
    repository.commit("Line ends");
    repository.write("README.md", "Words.\n");
    repository.commit("Words");
    gate(&repository, &[]).exits(0).answers(PASSED);
}

#[test]
fn submodules() {
    let library = Repository::empty();
    library.git(&["init", "--quiet", "--initial-branch=main"]);
    inner(&library, ".", FAST);
    library.commit("Fast");
    let repository = Repository::new(FAST);
    let url = library.path().to_str().unwrap();
    repository.git(&["submodule", "--quiet", "add", url, "inner"]);
    fs::rename(
        repository.path().join("inner"),
        repository.path().join("saved"),
    )
    .unwrap();
    with_dependency(&repository, FAST);
    fs::remove_dir_all(repository.path().join("inner")).unwrap();
    fs::rename(
        repository.path().join("saved"),
        repository.path().join("inner"),
    )
    .unwrap();
    repository.commit("A submodule");
    inner(&library, ".", SLOW);
    library.commit("Slow");
    repository.git(&["-C", "inner", "pull", "--quiet"]);
    repository.commit("A slower submodule");
    fails(&repository, "HEAD~1");
    // A commit of the submodule that this clone lacks.
    let missing = "0123456789012345678901234567890123456789";
    repository.git(&[
        "update-index",
        "--cacheinfo",
        &format!("160000,{missing},inner"),
    ]);
    repository.git(&["commit", "--quiet", "--message", "Missing"]);
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(101)
        .says_no_more()
        .warns(&["submodule `inner`", "git submodule update"]);
}

#[test]
fn the_candidate_introduces_a_workspace() {
    let repository = Repository::uncommitted(FAST);
    let manifest = repository.read("Cargo.toml");
    repository.write("Cargo.toml", &manifest.replace("[workspace]\n", ""));
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("No workspace");
    repository.write("Cargo.toml", &manifest);
    repository.behave(SLOW);
    repository.commit("A workspace");
    fails(&repository, "HEAD~1");
}

#[test]
fn dependencies_beside_the_repository() {
    let parent = tempfile::tempdir().unwrap();
    let repository = Repository::new(FAST);
    let beside = parent.path().join("inner");
    fs::create_dir_all(beside.join("src")).unwrap();
    fs::write(
        beside.join("Cargo.toml"),
        "[package]\nname = \"inner\"\nedition = \"2024\"\n",
    )
    .unwrap();
    fs::write(beside.join("src/lib.rs"), "").unwrap();
    let manifest = repository.read("Cargo.toml");
    let name = format!(
        "../{}/inner",
        parent.path().file_name().unwrap().to_str().unwrap()
    );
    let dependency = format!("[dev-dependencies]\ninner = {{ path = {name:?} }}\n\n[workspace]");
    repository.write("Cargo.toml", &manifest.replace("[workspace]", &dependency));
    repository.commit("A neighbour");
    repository.behave(SLOW);
    repository.commit("Slower");
    gate(&repository, &[])
        .exits(101)
        .says_no_more()
        .warns(&["`inner`", "outside the repository"]);
}

#[test]
fn files_left_by_a_killed_run() {
    let repository = slower();
    fails(&repository, "HEAD~1");
    for folder in ["source", "build"] {
        let folder = repository.path().join("target/serbench").join(folder);
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() && entry.file_name() != "worktree" {
                fs::remove_dir_all(entry.path()).unwrap();
                fs::create_dir(entry.path()).unwrap();
            }
        }
    }
    fails(&repository, "HEAD~1");
}

#[test]
fn unusual_file_names() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let repository = slower();
    let name = OsStr::from_bytes(b"caf\xe9.txt");
    fs::write(repository.path().join(name), "latin1").unwrap();
    symlink("nowhere", repository.path().join("dangling")).unwrap();
    repository.commit("Unusual names");
    repository.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    repository.commit("Again");
    repository.write("README.md", "Words.\n");
    gate(&repository, &[]).exits(0).answers(PASSED);
}

/// Trees that git itself never writes.
#[test]
fn trees_that_reach_outside() {
    let repository = slower();
    let blob = repository.git(&["rev-parse", "HEAD:Cargo.lock"]);
    let entries = |names: &[&[u8]]| {
        let id: Vec<u8> = (0..40)
            .step_by(2)
            .map(|at| u8::from_str_radix(&blob[at..at + 2], 16).unwrap())
            .collect();
        let entry = |name: &[u8]| [b"100644 ", name, b"\0", &id[..]].concat();
        names
            .iter()
            .flat_map(|name| entry(name))
            .collect::<Vec<u8>>()
    };
    for names in [
        &[&b".."[..]][..],
        &[b"../../escaped"],
        &[b".git"],
        &[b"a/../../../escaped"],
    ] {
        let raw = repository.path().join(".git/raw");
        fs::write(&raw, entries(names)).unwrap();
        let tree = ["hash-object", "-t", "tree", "-w", "--literally", ".git/raw"];
        let tree = repository.git(&tree);
        let commit = repository.git(&["commit-tree", &tree, "-m", "Evil"]);
        repository
            .serbench(&["gate", "--exact", &format!("--baseline={commit}")])
            .exits(101)
            .says_no_more();
        let mut found = Vec::new();
        find(repository.path(), "escaped", &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn the_toolchain_or_its_configuration_changes() {
    let repository = Repository::new(FAST);
    repository.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"--cfg=two\"]\n",
    );
    repository.commit("Flags");
    gate(&repository, &[])
        .exits(0)
        .says(&[".cargo/config.toml differs", "--own-toolchain"]);
    repository.commit("Nothing");
    gate(&repository, &[])
        .exits(0)
        .says_nothing_of(&[".cargo/config.toml"]);
}

#[test]
fn the_lock_file_changes() {
    let repository = Repository::new(FAST);
    with_dependency(&repository, FAST);
    repository.commit("A dependency");
    let manifest = repository.read("inner/Cargo.toml");
    repository.write(
        "inner/Cargo.toml",
        &format!("{manifest}version = \"0.2.0\"\n"),
    );
    repository.serbench(&["list"]).exits(0);
    repository.commit("Another version");
    gate(&repository, &[])
        .exits(0)
        .says(&["Cargo.lock differs", "inner 0.0.0 -> 0.2.0"]);
}

#[test]
fn the_default_branch_moves_on() {
    let repository = Repository::new(SLOW);
    let fork = repository.git(&["rev-parse", "HEAD"]);
    repository.behave(FAST);
    repository.commit("Faster on main");
    repository.git(&["switch", "--quiet", "--create", "topic", &fork]);
    repository.write("README.md", "Words.\n");
    repository.commit("Words");
    let asked = |more: &[&str]| {
        repository.serbench(&[&["gate", "--seed=1", "--baseline=main"], more].concat())
    };
    asked(&[])
        .exits(0)
        .answers(PASSED)
        .warns(&[&fork[..10], "merge base", "main", "--exact"]);
    asked(&["--exact"]).exits(100).answers(REGRESSED);
}

#[test]
fn how_to_fetch_a_baseline() {
    let repository = slower();
    let url = format!("file://{}", repository.path().display());
    let clone = Repository::empty();
    // As actions/checkout does.
    clone.git(&["init", "--quiet"]);
    clone.git(&["remote", "add", "origin", &url]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    clone.git(&[
        "fetch",
        "--quiet",
        "--depth=1",
        "origin",
        &format!("+{head}:refs/remotes/pull/1/merge"),
    ]);
    clone.git(&[
        "checkout",
        "--quiet",
        "--detach",
        "refs/remotes/pull/1/merge",
    ]);
    let hint = "git fetch --unshallow origin main:refs/remotes/origin/main";
    clone
        .serbench(&["gate", "--baseline=origin/main"])
        .exits(101)
        .warns(&[hint]);
    let words: Vec<&str> = hint.split(' ').skip(1).collect();
    clone.git(&words);
    clone.serbench(&["gate", "--baseline=origin/main"]).exits(0);
}
