//! Cached builds: reused if nothing relevant differs, otherwise built by cargo.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    repository::{Outcome, Repository},
    stale::{self, FAST, REGRESSED, SLOW, slower},
};

const IDENTICAL: &str = "gate: passed (1 benchmark, 0 regressed, 1 identical";

fn gate(repository: &Repository, more: &[&str]) -> Outcome {
    repository.serbench(&[&["gate", "--seed=1", "--baseline=HEAD~1"], more].concat())
}

/// Compares the work tree with HEAD~1, which is faster.
#[track_caller]
fn regresses(outcome: &Outcome, builds: &[&str], reuses: &[&str]) {
    outcome.exits(100).answers(REGRESSED);
    says_where(outcome, builds, reuses);
}

/// Asserts which trees cargo built and which were cached.
#[track_caller]
fn says_where(outcome: &Outcome, builds: &[&str], reuses: &[&str]) {
    for (verb, trees) in [("Building", builds), ("Reusing", reuses)] {
        for tree in trees {
            outcome.warns(&[verb, tree]);
        }
        let lines = outcome.stderr().lines();
        let said = lines.filter(|line| line.trim_start().starts_with(verb));
        assert_eq!(said.count(), trees.len(), "{verb}\n{outcome}");
    }
}

const BOTH: &[&str] = &["the baseline", "the work tree"];

/// The folders of cached builds.
fn entries(repository: &Repository) -> Vec<PathBuf> {
    let folder = repository.path().join("target/serbench/cache");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Although plain runs leave records in the work tree, which git does not know.
#[test]
fn a_build_of_the_work_tree_counts_for_its_commit() {
    let repository = Repository::new(FAST);
    repository.serbench(&[]).exits(0).warns(&["Recorded"]);
    repository.behave(SLOW);
    repository.commit_files("Slower", &["benches"]);
    repository
        .serbench(&["--baseline=HEAD"])
        .warns(&["Recorded"]);
    repository.write("README.md", "Words.\n");
    repository.commit_files("Document", &["README.md"]);
    let outcome = gate(&repository, &[]);
    says_where(outcome.exits(0), &[], BOTH);
}

#[test]
fn a_branch_switch_and_back() {
    let repository = slower();
    regresses(&gate(&repository, &[]), BOTH, &[]);
    regresses(&gate(&repository, &[]), &[], BOTH);
    repository.git(&["switch", "--quiet", "--create", "other", "HEAD~1"]);
    repository.behave("fake::one worker cpu=40000");
    repository.commit("Faster");
    let outcome = gate(&repository, &[]);
    says_where(outcome.exits(0), &["the work tree"], &["the baseline"]);
    // cargo's target folders now belong to the other branch, or are gone.
    fs::remove_dir_all(repository.path().join("target/serbench/build")).unwrap();
    repository.git(&["switch", "--quiet", "main"]);
    let outcome = gate(&repository, &[]);
    regresses(&outcome, &[], BOTH);
    outcome.warns_nothing_of(&["Compiling"]);
}

#[test]
fn the_work_tree_with_changes() {
    let repository = Repository::new(FAST);
    repository.write("README.md", "Words.\n");
    repository.commit("Words");
    repository.behave(SLOW);
    regresses(&gate(&repository, &[]), BOTH, &[]);
    regresses(&gate(&repository, &[]), &[], BOTH);
    // The same content, now committed.
    repository.commit("Slower");
    let outcome = repository.serbench(&["gate", "--seed=1", "--baseline=HEAD~2"]);
    regresses(&outcome, &[], BOTH);
    repository.behave("fake::one worker cpu=70000");
    regresses(
        &gate(&repository, &[]),
        &["the work tree"],
        &["the baseline"],
    );
    // Not tracked by git, but part of the build.
    repository.write(".git/info/exclude", "secret.txt\n");
    let bench = repository.read("benches/fake.rs");
    let bench = bench.replace(
        "include_str!(\"behaviour.txt\")",
        "include_str!(\"secret.txt\")",
    );
    repository.write("benches/fake.rs", &bench);
    repository.write("benches/secret.txt", FAST);
    gate(&repository, &[]).exits(0).answers("gate: passed (");
    repository.write("benches/secret.txt", SLOW);
    regresses(
        &gate(&repository, &[]),
        &["the work tree"],
        &["the baseline"],
    );
}

#[test]
fn other_flags_and_variables() {
    let repository = slower();
    let bench = repository.read("benches/fake.rs");
    let asks = "const _: Option<&str> = option_env!(\"FAKE_SETTING\");\n";
    repository.write("benches/fake.rs", &(bench + asks));
    repository.start_as_usual();
    repository.commit("Ask");
    let with = |name: &str, value: &str| {
        let mut command = repository.command(&["gate", "--seed=1", "--baseline=HEAD~2"]);
        Outcome::of(command.env(name, value).output().unwrap())
    };
    regresses(&with("HARMLESS", "1"), BOTH, &[]);
    regresses(&with("HARMLESS", "2"), &[], BOTH);
    regresses(&with("RUSTFLAGS", "--cfg=two"), BOTH, &[]);
    regresses(&with("CARGO_PROFILE_BENCH_OPT_LEVEL", "1"), BOTH, &[]);
    // Only the candidate's source reads this variable.
    let outcome = with("FAKE_SETTING", "other");
    regresses(&outcome, &["the work tree"], &["the baseline"]);
    let flags = gate(&repository, &["--build-flags=--cfg=three"]);
    says_where(&flags, BOTH, &[]);
    let profile = gate(&repository, &["--profile=release"]);
    says_where(&profile, BOTH, &[]);
}

#[test]
fn cargos_configuration() {
    let repository = slower();
    repository.start_as_usual();
    repository.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    regresses(&gate(&repository, &[]), BOTH, &[]);
    let config = repository.read(".cargo/config.toml");
    repository.write(".git/info/exclude", ".cargo\n");
    repository.write(
        ".cargo/config.toml",
        &format!("{config}\n[build]\nrustflags = [\"--cfg=two\"]\n"),
    );
    repository.git(&["update-index", "--assume-unchanged", ".cargo/config.toml"]);
    regresses(&gate(&repository, &[]), BOTH, &[]);
    repository.write(".cargo/config.toml", &config);
    regresses(&gate(&repository, &[]), &[], BOTH);
}

#[test]
fn packages_beside_the_repository() {
    let beside = tempfile::tempdir().unwrap();
    let library = |behaviour: &str| {
        let text = format!("pub const BEHAVIOUR: &str = \"{behaviour}\";\n");
        fs::create_dir_all(beside.path().join("src")).unwrap();
        fs::write(beside.path().join("src/lib.rs"), text).unwrap();
    };
    let manifest = "[package]\nname = \"beside\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(beside.path().join("Cargo.toml"), manifest).unwrap();
    library(FAST);
    let repository = Repository::new(FAST);
    let dependency = format!(
        "[dev-dependencies]\nbeside = {{ path = {:?} }}\n\n[workspace]",
        beside.path()
    );
    let manifest = repository.read("Cargo.toml");
    repository.write("Cargo.toml", &manifest.replace("[workspace]", &dependency));
    let bench = repository.read("benches/fake.rs");
    let bench = bench.replace("include_str!(\"behaviour.txt\")", "beside::BEHAVIOUR");
    repository.write("benches/fake.rs", &bench);
    repository.serbench(&["list"]).exits(0);
    repository.commit("A neighbour");
    let baseline = || repository.serbench(&["gate", "--seed=1", "--baseline=HEAD"]);
    for text in [FAST, SLOW] {
        library(text);
        let outcome = baseline();
        outcome
            .exits(0)
            .warns(&["Not cached", "`beside`", "outside the repository"]);
        says_where(&outcome, BOTH, &[]);
    }
    assert_eq!(entries(&repository).len(), 0);
}

#[test]
fn damaged_entries() {
    let repository = slower();
    regresses(&gate(&repository, &[]), BOTH, &[]);
    for file in ["0", "entry.json"] {
        for entry in entries(&repository) {
            let path = entry.join(file);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }
        regresses(&gate(&repository, &[]), BOTH, &[]);
    }
    // The wrong executable in the right place.
    let two = entries(&repository);
    assert_eq!(two.len(), 2);
    fs::copy(two[0].join("0"), two[1].join("0")).unwrap();
    let outcome = gate(&repository, &[]);
    outcome
        .exits(100)
        .answers(REGRESSED)
        .warns(&["cached build", "was changed"]);
    regresses(&gate(&repository, &[]), &[], BOTH);
}

#[test]
fn leftovers_of_a_killed_run() {
    let repository = slower();
    let left = repository.path().join("target/serbench/cache/.tmpAbCdEf");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("0"), "half").unwrap();
    regresses(&gate(&repository, &[]), BOTH, &[]);
    assert_eq!(entries(&repository).len(), 2, "{:?}", entries(&repository));
    // As if killed while removing an entry, or before writing its facts.
    for entry in entries(&repository) {
        fs::remove_file(entry.join("entry.json")).unwrap();
    }
    regresses(&gate(&repository, &[]), BOTH, &[]);
    regresses(&gate(&repository, &[]), &[], BOTH);
}

#[test]
fn documents_need_no_build() {
    let repository = Repository::new(FAST);
    repository.write("README.md", "Unrelated text.\n");
    repository.write("docs/logo.svg", "<svg></svg>\n");
    repository.commit("Words");
    let against = |baseline: &str| {
        repository.serbench(&["gate", "--seed=1", &format!("--baseline={baseline}")])
    };
    // Builds only one of them, because they differ only in documents.
    let outcome = against("HEAD~1");
    outcome.exits(0).answers(IDENTICAL);
    says_where(&outcome, &["the work tree"], &["the baseline"]);
    outcome.warns(&[
        "built earlier from the same code: README.md and 1 more file changed, \
         but the build does not read them",
    ]);
    repository.write("README.md", "Other words.\n");
    let outcome = against("HEAD");
    says_where(outcome.exits(0).answers(IDENTICAL), &[], BOTH);
    repository.write("docs/guide.md", "More.\n");
    repository.commit("More words");
    let outcome = against("HEAD~1");
    says_where(outcome.exits(0).answers(IDENTICAL), &[], BOTH);
    // Also code.
    repository.behave(SLOW);
    let outcome = against("HEAD");
    regresses(&outcome, &["the work tree"], &["the baseline"]);
}

#[test]
fn comments_need_no_build() {
    let repository = Repository::new(FAST);
    let source = repository.read("benches/fake.rs");
    let against = |baseline: &str| {
        repository.serbench(&["gate", "--seed=1", &format!("--baseline={baseline}")])
    };
    against("HEAD").exits(0);
    repository.write(
        "benches/fake.rs",
        &format!("// Why.\n{source}// The end.\n"),
    );
    let outcome = against("HEAD");
    says_where(outcome.exits(0).answers(IDENTICAL), &[], BOTH);
    outcome.warns(&["from the same code: only comments changed in benches/fake.rs"]);
    repository.write("README.md", "Words.\n");
    let outcome = against("HEAD");
    outcome.warns(&[
        "only comments changed in benches/fake.rs; README.md changed, but the build does not read it",
    ]);
    // Macros can read doc comments.
    repository.write(
        "benches/fake.rs",
        &format!("{source}/// New.\nmod inner {{}}\n"),
    );
    says_where(
        against("HEAD").exits(0),
        &["the work tree"],
        &["the baseline"],
    );
    // A source can include another one's text as data, without a trace in the executable.
    let data = "#[used]\nstatic LENGTH: usize = include_str!(\"data.rs\").len();\n";
    repository.write("benches/data.rs", "// 1\n");
    repository.write("benches/fake.rs", &format!("{source}{data}"));
    repository.commit("Data");
    against("HEAD").exits(0);
    repository.write("benches/data.rs", "// 22\n");
    says_where(
        against("HEAD").exits(0),
        &["the work tree"],
        &["the baseline"],
    );
    // A build script can read sources.
    let script = "fn main() {
        let text = std::fs::read_to_string(\"benches/fake.rs\").unwrap();
        let out = std::env::var(\"OUT_DIR\").unwrap();
        let slow = if text.contains(\"Magic\") { include_str!(\"slow.txt\") } else { include_str!(\"fast.txt\") };
        std::fs::write(format!(\"{out}/behaviour.txt\"), slow).unwrap();
    }";
    repository.write("build.rs", script);
    repository.start_as_usual();
    repository.write("fast.txt", FAST);
    repository.write("slow.txt", SLOW);
    let generated = "include_str!(concat!(env!(\"OUT_DIR\"), \"/behaviour.txt\"))";
    let source = source.replace("include_str!(\"behaviour.txt\")", generated);
    repository.write("benches/fake.rs", &source);
    repository.commit("Generated");
    against("HEAD").exits(0);
    repository.write("benches/fake.rs", &format!("// Magic\n{source}"));
    regresses(&against("HEAD"), &["the work tree"], &["the baseline"]);
}

#[test]
fn documents_that_a_build_reads() {
    let repository = Repository::new(FAST);
    let bench = repository.read("benches/fake.rs");
    let read = bench.replace(
        "include_str!(\"behaviour.txt\")",
        "include_str!(\"behaviour.md\")",
    );
    repository.write("benches/fake.rs", &read);
    repository.write("benches/behaviour.md", FAST);
    repository.commit("Read the behaviour from a document");
    gate(&repository, &[]).exits(0);
    repository.write("benches/behaviour.md", SLOW);
    let outcome = gate(&repository, &[]);
    regresses(&outcome, &["the work tree"], &["the baseline"]);

    // A build script that doesn't declare its inputs can read any file.
    let script = "fn main() {
        let text = std::fs::read_to_string(\"notes.md\").unwrap();
        let out = std::env::var(\"OUT_DIR\").unwrap();
        std::fs::write(format!(\"{out}/behaviour.txt\"), text).unwrap();
    }";
    repository.write("build.rs", script);
    repository.start_as_usual();
    let generated = "include_str!(concat!(env!(\"OUT_DIR\"), \"/behaviour.txt\"))";
    let bench = bench.replace("include_str!(\"behaviour.txt\")", generated);
    repository.write("benches/fake.rs", &bench);
    repository.write("notes.md", FAST);
    repository.commit("Generated");
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(0);
    repository.write("notes.md", SLOW);
    let outcome = repository.serbench(&["gate", "--seed=1", "--baseline=HEAD"]);
    regresses(&outcome, &["the work tree"], &["the baseline"]);
}

#[test]
fn builds_that_contain_their_path() {
    let repository = Repository::new(FAST);
    let bench = repository.read("benches/fake.rs");
    let knows = "#[used]\nstatic HERE: &str = env!(\"CARGO_MANIFEST_DIR\");\n";
    repository.write("benches/fake.rs", &(bench + knows));
    repository.commit("Embed the folder");
    let outcome = repository.serbench(&["gate", "--baseline=HEAD"]);
    says_where(outcome.exits(0), BOTH, &[]);
    let outcome = repository.serbench(&["gate", "--baseline=HEAD"]);
    says_where(outcome.exits(0), &[], BOTH);
}

#[test]
fn both_at_once() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let package = tempfile::tempdir().unwrap();
    let repository = stale::with_foreign(package.path());
    repository.serbench(&["list"]).exits(0);
    repository.commit("A dependency");
    repository.behave(SLOW);
    repository.commit("Slower");
    let outcome = gate(&repository, &[]);
    outcome.exits(100).answers(REGRESSED);
    // The baseline has the tree that was built for the list.
    says_where(&outcome, &["the work tree"], &["the baseline"]);
    repository.serbench(&["clean"]).exits(0);
    repository.serbench(&["list"]).exits(0);
    repository.behave("fake::one worker cpu=72000");
    repository.commit("Slower still");
    repository.behave("fake::one worker cpu=90000");
    fs::remove_dir_all(repository.path().join("target/serbench/cache")).unwrap();
    let against_head = || repository.serbench(&["gate", "--seed=1", "--baseline=HEAD"]);
    let outcome = against_head();
    outcome.exits(100).answers(REGRESSED).warns(&[
        "Building",
        "of the baseline",
        "and of the work tree",
    ]);
    says_where(&outcome, &[""], &[]);
    regresses(&against_head(), &[], BOTH);

    // One of the two fails.
    let bench = repository.read("benches/fake.rs");
    repository.commit("Next baseline");
    repository.write("benches/fake.rs", &(bench + "fn broken( {}\n"));
    fs::remove_dir_all(repository.path().join("target/serbench/cache")).unwrap();
    against_head()
        .exits(101)
        .says_no_more()
        .warns(&[
            "error: failed to build the work tree",
            "cargo could not build",
        ])
        .warns(&["error: this file contains an unclosed delimiter"]);
}

/// A program that logs the arguments of each call to `log` and runs `command` with them.
fn noting(path: &Path, log: &Path, command: &str) {
    use std::os::unix::fs::PermissionsExt;

    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {}\nexec {command} \"$@\"\n",
        log.display()
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The number of logged calls that compiled the bench.
fn compilations(log: &Path) -> usize {
    let calls = fs::read_to_string(log).unwrap_or_default();
    calls.matches("--crate-name fake ").count()
}

/// A wrapper configured like sccache, by either variable or in a file.
#[test]
fn a_wrapper_of_the_compiler() {
    for variable in ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", ""] {
        let repository = slower();
        let folder = tempfile::tempdir().unwrap();
        let (wrapper, log) = (folder.path().join("wrapper"), folder.path().join("log"));
        noting(&wrapper, &log, "");
        if variable.is_empty() {
            let configuration = format!("build.rustc-wrapper = {wrapper:?}\n");
            fs::write(folder.path().join("config.toml"), configuration).unwrap();
        }
        let wrapped = || {
            let mut command = repository.command(&["gate", "--seed=1", "--baseline=HEAD~1"]);
            match variable {
                "" => command.env("CARGO_HOME", folder.path()),
                _ => command.env(variable, &wrapper),
            };
            Outcome::of(command.output().unwrap())
        };
        regresses(&wrapped(), BOTH, &[]);
        assert!(compilations(&log) >= 2, "{variable}");
        let worker = repository
            .path()
            .join("target/serbench/build/worktree/.serbench-worker");
        assert_ne!(fs::read_to_string(worker).unwrap(), "none", "{variable}");
        regresses(&wrapped(), &[], BOTH);
    }
}

/// The compiler may have a name other than `rustc`.
#[test]
fn a_compiler_of_another_name() {
    let repository = slower();
    let folder = tempfile::tempdir().unwrap();
    let (compiler, log) = (folder.path().join("compiler"), folder.path().join("log"));
    noting(&compiler, &log, "rustc");
    let mut command = repository.command(&["gate", "--seed=1", "--baseline=HEAD~1"]);
    let outcome = Outcome::of(command.env("RUSTC", &compiler).output().unwrap());
    regresses(&outcome, BOTH, &[]);
    assert!(compilations(&log) >= 2);
}

#[test]
fn a_size_limit() {
    let repository = slower();
    let outcome = gate(&repository, &["--cache-size=0"]);
    regresses(&outcome, BOTH, &[]);
    assert_eq!(entries(&repository).len(), 0);
    let outcome = gate(&repository, &["--cache-size=1KiB"]);
    regresses(&outcome, BOTH, &[]);
    outcome.warns(&["Removed", "1 cached build", "`cache-size` allows 1 KiB"]);
    assert_eq!(entries(&repository).len(), 0);
}

#[test]
fn clean() {
    let repository = slower();
    fs::remove_dir_all(repository.path().join("target/serbench")).unwrap();
    repository
        .serbench(&["clean"])
        .exits(0)
        .answers("freed 0 B");
    regresses(&gate(&repository, &[]), BOTH, &[]);
    repository
        .serbench(&["clean", "--dry-run"])
        .exits(0)
        .answers("would free ")
        .warns(&["Would remove", "target/serbench/cache"]);
    assert_eq!(entries(&repository).len(), 2);
    let lock = fs::File::create(repository.path().join("target/serbench/lock")).unwrap();
    lock.try_lock().unwrap();
    repository
        .serbench(&["clean"])
        .exits(101)
        .says_no_more()
        .warns(&["another run", "target/serbench/lock"]);
    drop(lock);
    repository
        .serbench(&["clean"])
        .exits(0)
        .answers("freed ")
        .warns(&["Removed", "target/serbench/build"]);
    assert_eq!(entries(&repository).len(), 0);
    assert_eq!(repository.runs().len(), 1, "stored runs stay");
    regresses(&gate(&repository, &[]), BOTH, &[]);
}

#[test]
fn the_key_of_a_ci_cache() {
    let repository = slower();
    let key = |more: &[&str]| {
        let outcome = repository.serbench(&[&["cache-key", "--baseline=HEAD~1"], more].concat());
        outcome.exits(0);
        outcome.stdout().trim().to_owned()
    };
    let first = key(&[]);
    assert!(first.starts_with("serbench-"), "{first}");
    repository.behave("fake::one worker cpu=40000");
    assert_eq!(
        key(&["--threshold=5%", "fake"]),
        first,
        "the work tree doesn't count"
    );
    let (prefix, _) = first.rsplit_once('-').unwrap();
    let other = key(&["--build-flags=--cfg=two"]);
    assert!(!other.starts_with(prefix), "{other}");
    repository.commit("Faster");
    let next = key(&[]);
    assert_ne!(next, first);
    assert!(next.starts_with(prefix), "{next}");
}
