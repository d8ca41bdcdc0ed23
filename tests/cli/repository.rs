//! A temporary git repository with a copy of `tests/fixtures/fake-bench`, in which tests run the real
//! binary.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use tempfile::TempDir;

/// The output and exit code of `cargo-serbench`.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A repository whose branch is `main`.
pub(crate) struct Repository {
    /// Deleted on drop.
    folder: TempDir,
}

impl Repository {
    /// The fixture with `behaviour` as benchmarks, committed.
    pub(crate) fn new(behaviour: &str) -> Self {
        let repository = Self::uncommitted(behaviour);
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit("Before");
        repository
    }

    /// The same with a library, which takes as long to build as a bench.
    pub(crate) fn with_library(behaviour: &str) -> Self {
        let repository = Self::uncommitted(behaviour);
        repository.write("src/lib.rs", "//! Empty.\n");
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit("Before");
        repository
    }

    /// The fixture with `behaviour` as benchmarks, without git.
    pub(crate) fn uncommitted(behaviour: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&fixture("fake-bench"), folder.path());
        let repository = Self { folder };
        repository.write(".gitignore", "target\n");
        repository.remember_rustc();
        repository.behave(behaviour);
        repository
    }

    /// Spares cargo starting rustc for what [`remembered`] knows.
    pub(crate) fn remember_rustc(&self) {
        let [plain, wrapped] = remembered();
        self.write(REMEMBERED, plain);
        self.write(REMEMBERED_BY_BUILDS, wrapped);
    }

    /// These files, nothing committed yet.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self::empty();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        for (file, text) in files {
            repository.write(file, text);
        }
        repository
    }

    /// An empty folder.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    /// Changes the benchmarks of the bench, one per line; leading spaces are ignored.
    pub(crate) fn behave(&self, behaviour: &str) {
        let lines = behaviour.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty());
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        self.write("benches/behaviour.txt", &text);
    }

    /// Commits all files and returns the hash.
    pub(crate) fn commit(&self, subject: &str) -> String {
        self.commit_files(subject, &["--all"])
    }

    /// Commits these files. The hash depends only on them, the subject and earlier commits.
    pub(crate) fn commit_files(&self, subject: &str, files: &[&str]) -> String {
        self.git(&[&["add"], files].concat());
        self.git(&["commit", "--quiet", "--allow-empty", "--message", subject]);
        let head = fs::read_to_string(self.path().join(".git/HEAD")).unwrap();
        let branch = head.trim().strip_prefix("ref: ");
        // Sooner than asking git.
        match branch.map(|branch| fs::read_to_string(self.path().join(".git").join(branch))) {
            Some(Ok(hash)) => hash.trim().to_owned(),
            Some(Err(_)) | None => self.git(&["rev-parse", "HEAD"]),
        }
    }

    /// Makes benches start like other programs, so that what their `main` does counts, and that build scripts,
    /// which are linked with the same flags, work.
    pub(crate) fn start_as_usual(&self) {
        let config = self.read(CONFIG);
        let flags = config.find("rustflags").unwrap();
        self.write(CONFIG, &config[..flags]);
    }

    /// Makes the bench independent of [`runtime`], so that any rustc can build it.
    pub(crate) fn make_whole(&self) {
        let bench = self.read("benches/fake.rs");
        let linked = "#[link(name = \"fake_runtime\")]\n";
        assert!(bench.contains(linked));
        let own = "#[path = \"own/runtime.rs\"]\nmod runtime;\n\n";
        self.write("benches/fake.rs", &bench.replace(linked, own));
        self.write("benches/own/runtime.rs", RUNTIME);
        self.write("benches/own/fake-system.rs", SYSTEM);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        for setting in [
            "user.name=Test",
            "user.email=test@example.org",
            "commit.gpgsign=false",
            "core.autocrlf=false",
            // Otherwise each commit starts two processes that find nothing to do.
            "maintenance.auto=false",
            "protocol.file.allow=always",
        ] {
            command.args(["-c", setting]);
        }
        const DATE: &str = "1700000000 +0000";
        clean(&mut command)
            .env("GIT_AUTHOR_DATE", DATE)
            .env("GIT_COMMITTER_DATE", DATE)
            .args(arguments)
            .current_dir(self.path());
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "git {arguments:?}: {stderr}");
        String::from_utf8(stdout).unwrap().trim().to_owned()
    }

    /// `cargo-serbench` with `arguments`, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-serbench"));
        clean(&mut command)
            // Fake benches can't be profiled.
            .env("SERBENCH_NO_EXPLAIN", "1")
            .args(arguments)
            .current_dir(self.path());
        command
    }

    /// Runs `cargo-serbench` with `arguments`.
    pub(crate) fn serbench(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(arguments).output().unwrap())
    }

    /// Files of stored runs, oldest first.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("target/serbench/runs"));
        let mut runs: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        runs.sort();
        runs
    }
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Asserts how stdout starts. `gate: passed (2 benchmarks, 0 regressed, 1 added, ` means the answer
    /// of a gate: the outcome in the first line and the counts in the second.
    #[track_caller]
    pub(crate) fn answers(&self, words: &str) -> &Self {
        let mut lines = self.stdout.lines();
        let first = lines.next().unwrap_or_default();
        let Some((outcome, counts)) = words
            .strip_prefix("gate: ")
            .and_then(|words| words.split_once(" ("))
        else {
            assert!(first.starts_with(words), "not {words:?}\n{self}");
            return self;
        };
        let said = first.to_lowercase();
        assert!(
            said.starts_with(&format!("{outcome}: ")),
            "not {words:?}\n{self}"
        );
        let second = lines.next().unwrap_or_default();
        let listed: Vec<&str> = second.split([':', ',', ';']).map(str::trim).collect();
        let wanted = counts.split(", ").filter(|count| !count.is_empty());
        for count in wanted {
            let holds = match count.strip_prefix("0 ") {
                // A verdict without benchmarks is not mentioned.
                Some(verdict) => !second.contains(verdict),
                None if count.starts_with("sees") => first.contains("smallest slowdown"),
                None => listed.contains(&count),
            };
            assert!(holds, "not {count:?} of {words:?}\n{self}");
        }
        self
    }

    /// Asserts that one line of stdout contains all `words`.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        assert!(holds(&self.stdout, words), "{words:?} not said\n{self}");
        self
    }

    /// Asserts that no line of stdout contains all `words`.
    #[track_caller]
    pub(crate) fn says_nothing_of(&self, words: &[&str]) -> &Self {
        assert!(!holds(&self.stdout, words), "{words:?} said\n{self}");
        self
    }

    /// Asserts that one line of stderr contains all `words`.
    #[track_caller]
    pub(crate) fn warns(&self, words: &[&str]) -> &Self {
        assert!(
            holds(&self.stderr, words),
            "no line of stderr has {words:?}\n{self}"
        );
        self
    }

    /// Asserts that no line of stderr contains all `words`.
    #[track_caller]
    pub(crate) fn warns_nothing_of(&self, words: &[&str]) -> &Self {
        assert!(!holds(&self.stderr, words), "{words:?} warned of\n{self}");
        self
    }

    /// Asserts that stdout is empty, as it is on an error.
    #[track_caller]
    pub(crate) fn says_no_more(&self) -> &Self {
        assert_eq!(self.stdout, "", "{self}");
        self
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "exit code {code:?}\n== stdout\n{stdout}\n== stderr\n{stderr}"
        )
    }
}

fn holds(text: &str, words: &[&str]) -> bool {
    text.lines()
        .any(|line| words.iter().all(|word| line.contains(word)))
}

/// Where cargo keeps what rustc said about itself, and where builds do.
const REMEMBERED: &str = "target/.rustc_info.json";
const REMEMBERED_BY_BUILDS: &str = "target/serbench/build/worktree/.rustc_info.json";

/// The contents of [`REMEMBERED`] and [`REMEMBERED_BY_BUILDS`], so that cargo starts rustc a few times for all
/// tests, not for each. It tells by itself whether they are of the rustc and the wrapper in use.
fn remembered() -> &'static [String; 2] {
    static TEXTS: OnceLock<[String; 2]> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let tool = env!("CARGO_BIN_EXE_cargo-serbench");
        [None, Some(tool)].map(|wrapper| {
            let folder = tempfile::tempdir().unwrap();
            copy_tree(&fixture("fake-bench"), folder.path());
            let file = folder.path().join(REMEMBERED);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let asked = unset(&mut Command::new(cargo))
                .args(["metadata", "--format-version=1"])
                .env("SERBENCH_DIVAN_FOLDER", "/nowhere")
                .envs(wrapper.map(|it| ("RUSTC_WRAPPER", it)))
                .current_dir(folder.path())
                .output();
            assert!(asked.unwrap().status.success());
            fs::read_to_string(file).unwrap_or_default()
        })
    })
}

const CONFIG: &str = ".cargo/config.toml";
const RUNTIME: &str = include_str!("../fixtures/fake-runtime.rs");
const SYSTEM: &str = include_str!("../fixtures/fake-system.rs");
const PLANTED_RUNTIME: &str = include_str!("../fixtures/planted-runtime.rs");

/// The folder of libraries with the code that all fake and all planted benches link. Compiled once for each
/// rustc, they may stay for later runs of the tests.
fn runtime() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        [RUNTIME, SYSTEM, PLANTED_RUNTIME, &remembered()[0]].hash(&mut hasher);
        let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = all.join(format!("fake-runtime-{:x}", hasher.finish()));
        if !folder.exists() {
            let staging = tempfile::tempdir_in(all).unwrap();
            for (source, library, level) in [
                ("fake-runtime.rs", "libfake_runtime.a", "1"),
                ("planted-runtime.rs", "libplanted_runtime.a", "3"),
            ] {
                // The benches bring the standard library, so a Rust library is enough.
                let done = unset(&mut Command::new("rustc"))
                    .args(["--edition=2024", "--crate-type=lib", source, "-o"])
                    .arg(staging.path().join(library))
                    .arg(format!("-Copt-level={level}"))
                    .current_dir(fixture("."))
                    .status();
                assert!(done.unwrap().success());
            }
            // Another process may have been faster.
            let renamed = fs::rename(staging.path(), &folder);
            assert!(renamed.is_ok() || folder.exists());
        }
        folder
    })
}

/// A folder of `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// Copies the files of `from`, except build outputs.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        } else if entry.file_name() != "target" {
            fs::create_dir_all(&target).unwrap();
            copy_tree(&entry.path(), &target);
        }
    }
}

/// Removes variables set by the user, `cargo test` or a git hook from the environment. Keeps `CARGO`, the
/// cargo that runs these tests. Tells linkers where to find the code of fake benches.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    unset(command).env("LIBRARY_PATH", runtime())
}

fn unset(command: &mut Command) -> &mut Command {
    const PREFIXES: [&str; 6] = ["CARGO_", "DIVAN_", "SERBENCH_", "FAKE_", "GIT_", "GITHUB_"];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if (ours && name != "CARGO_HOME") || name == "RUSTFLAGS" || name == "NEXTEST" {
            command.env_remove(name);
        }
    }
    command
}
