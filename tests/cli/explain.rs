//! Slowdowns with a known cause: the signature names the kind, the table the function.

use std::{env, fs, os::unix::fs::symlink, process::Command};

use serde_json::Value;

use crate::repository::{Outcome, Repository, copy_tree, fixture};

const OPERATION: &str = "benches/operation.rs";

/// Whether valgrind is installed. Required in CI; elsewhere, tests are skipped with a message.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn has_valgrind() -> bool {
    let output = Command::new("valgrind").arg("--version").output();
    let found = output.is_ok_and(|output| output.status.success());
    let required = env::var_os("CI").is_some() && cfg!(target_os = "linux");
    assert!(found || !required, "CI installs valgrind");
    if !found {
        eprintln!("skipped: this test needs valgrind");
    }
    found
}

/// Commits the planted bench, then with parts of its operation replaced.
fn planted(replacements: &[(&str, &str)]) -> Repository {
    planted_with("0..1000", replacements)
}

/// The same with other numbers.
fn planted_with(numbers: &str, replacements: &[(&str, &str)]) -> Repository {
    let repository = Repository::empty();
    copy_tree(&fixture("planted"), repository.path());
    repository.write(".gitignore", "target\n");
    repository.remember_rustc();
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    let mut text = repository.read(OPERATION).replace("0..1000", numbers);
    repository.write(OPERATION, &text);
    repository.commit("Before");
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    repository.write(OPERATION, &text);
    repository.commit("After");
    repository
}

fn gate(repository: &Repository, format: &str) -> Outcome {
    gate_with(repository, &["--format", format])
}

/// The same of executables as they are built: what slows them down isn't their layout.
fn unordered(repository: &Repository) -> Outcome {
    gate_with(repository, &["--layout=ignore"])
}

fn gate_with(repository: &Repository, arguments: &[&str]) -> Outcome {
    let fixed = ["gate", "--baseline=HEAD~1", "--seed=1"];
    let mut command = repository.command(&[&fixed, arguments].concat());
    Outcome::of(command.env_remove("SERBENCH_NO_EXPLAIN").output().unwrap())
}

const ANSWER: &str = "planted::operation: ";

#[test]
fn an_extra_loop_and_a_lost_inline() {
    if !has_valgrind() {
        return;
    }
    let repository = planted(&[
        (
            "let sum = total(&prepared.0);",
            "let sum = total(&prepared.0) + total(&prepared.0[..400]);",
        ),
        ("#[inline]\nfn weigh", "#[inline(never)]\nfn weigh"),
    ]);
    let gate = gate(&repository, "terminal");
    gate.exits(100)
        .says(&[ANSWER, "work: instructions +", "CPU time +"])
        .says(&["planted::operation::total"]);
    // The column adds up.
    let lines: Vec<&str> = gate.stdout().lines().collect();
    let start = lines
        .iter()
        .position(|line| line.contains("Instructions per operation of"));
    let rows = lines[start.unwrap() + 2..]
        .iter()
        .take_while(|line| !line.starts_with("total "));
    let change = |line: &str| -> i64 {
        let change = line.split_whitespace().nth_back(2).unwrap();
        change.replace([',', '+'], "").parse().unwrap()
    };
    let shown: Vec<&&str> = rows.collect();
    let sum: i64 = shown.iter().map(|line| change(line)).sum();
    let total = lines[start.unwrap() + 2 + shown.len()];
    assert_eq!(sum, change(total), "{gate}");
    assert!(sum > 100, "{gate}");

    // The same from the stored run, in every format.
    let run = repository.runs().pop().unwrap();
    let run = run.to_str().unwrap();
    let report = repository.serbench(&["report", run]);
    assert_eq!(report.stdout(), gate.stdout());
    let json = repository.serbench(&["report", run, "--format=json"]);
    let json: Value = serde_json::from_str(json.stdout()).unwrap();
    assert_eq!(json["explanations"][0]["signature"], "work");
    assert_eq!(json["explanations"][0]["id"], "planted::operation");
    let folded = "<details><summary>Instructions per operation of planted::operation</summary>";
    repository
        .serbench(&["report", run, "--format=markdown"])
        .says(&[folded])
        .says(&["`planted::operation`: work: instructions +"])
        .says(&["`planted::operation::weigh`: no longer inlined into planted::operation::total"])
        .says(&["<summary>Code of planted::operation::total in planted::operation</summary>"])
        .says(&["+ ", "call planted::operation::weigh"]);
    repository
        .serbench(&["report", run, "--format=html"])
        .says(&["planted::operation::total"])
        .says_nothing_of(&["cargo serbench explain"]);
    repository
        .serbench(&["report", run, "--format=github"])
        .says(&[
            "title=planted%3A%3Aoperation regressed::",
            "; work: instructions +",
        ]);
    repository
        .serbench(&["report", run, "--format=junit"])
        .says(&["regressed: ", "; work: instructions +"]);
    stored(&repository, run);
}

/// `explain` on a stored run.
fn stored(repository: &Repository, run: &str) {
    let again = repository.serbench(&["explain", run, "--folded=stacks"]);
    again
        .exits(0)
        .answers("Why (1)")
        .says(&[ANSWER, "work: instructions +"]);
    for side in ["baseline", "candidate"] {
        let stacks = repository.read(&format!("stacks/planted__operation.{side}.folded"));
        let total = stacks
            .lines()
            .find(|line| line.contains(";planted::operation::total "));
        let total = total.unwrap_or_else(|| panic!("{stacks}"));
        assert!(total.contains("main;"), "{total}");
    }
    let graph = repository.read("stacks/planted__operation.svg");
    assert!(
        graph.contains("<title>planted::operation::total: "),
        "{graph}"
    );
    repository
        .serbench(&["explain", "::nothing"])
        .exits(2)
        .warns(&["no benchmark `::nothing`"]);
    // Without valgrind, there is a signature and a hint to install it.
    let bin = tempfile::tempdir().unwrap();
    for program in ["cargo", "rustc", "git"] {
        let paths = env::var_os("PATH").unwrap();
        let found = env::split_paths(&paths)
            .map(|folder| folder.join(program))
            .find(|it| it.exists());
        symlink(found.unwrap(), bin.path().join(program)).unwrap();
    }
    let mut command = repository.command(&["explain", run]);
    Outcome::of(command.env("PATH", bin.path()).output().unwrap())
        .exits(101)
        .says(&[ANSWER, "unknown: wall time +"])
        .says(&[
            ANSWER,
            "valgrind is not installed",
            "apt-get install valgrind",
        ]);
    let mut command = repository.command(&["explain", run, "--explain-timeout=0"]);
    Outcome::of(command.output().unwrap())
        .exits(101)
        .says(&[ANSWER, "stopped after 0 s"]);
    // Executables that were not measured are not profiled.
    let kept = repository.path().join("target/serbench/executables");
    for file in fs::read_dir(kept).unwrap() {
        let path = file.unwrap().path();
        fs::remove_file(&path).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_cargo-serbench"), &path).unwrap();
    }
    repository
        .serbench(&["explain", run])
        .exits(101)
        .says(&[ANSWER, "the measured executable is no longer at"]);
}

#[test]
fn a_commit_that_bisect_found() {
    if !has_valgrind() {
        return;
    }
    let repository = planted(&[(
        "let sum = total(&prepared.0);",
        "let sum = total(&prepared.0) + total(&prepared.0[..400]);",
    )]);
    let slower = repository.git(&["rev-parse", "HEAD"]);
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    let mut bisect = repository.command(&[
        "bisect",
        "HEAD~2",
        "HEAD",
        "--seed=1",
        "--layout=ignore",
        "--format=json",
    ]);
    let json = Outcome::of(bisect.env_remove("SERBENCH_NO_EXPLAIN").output().unwrap());
    // The culprit's parent is GOOD, so the run that started the search is explained.
    let json: Value = serde_json::from_str(json.exits(100).stdout()).unwrap();
    let culprit = &json["culprit"];
    assert_eq!(culprit["commit"]["sha"], slower.as_str(), "{json}");
    let evidence = culprit["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("instructions +"), "{json}");
    assert_eq!(culprit["signature"], "work", "{json}");
    let first = culprit["functions"][0].as_str().unwrap();
    assert!(first.starts_with("planted::operation::total: +"), "{json}");
}

#[test]
fn an_added_clone() {
    if !has_valgrind() {
        return;
    }
    let repository = planted(&[(
        "numbers.iter()",
        "std::hint::black_box(numbers.to_vec()).iter()",
    )]);
    unordered(&repository)
        .exits(100)
        .says(&[
            ANSWER,
            "allocation: allocations 0 -> 1, bytes 0 -> 8,000",
            "now copies its input",
        ])
        .says(&["0 -> 8,000", "0 -> 1", "planted::operation::total"]);
}

#[test]
fn a_sleep() {
    if !has_valgrind() {
        return;
    }
    // Naps are long, and so many fit into a profile that it does not matter if other processes delay a few.
    let nap = "std::thread::sleep(std::time::Duration::from_millis(3));\n    sum / 3";
    let repository = planted_with("0..60_000", &[("sum / 3", nap)]);
    unordered(&repository)
        .exits(100)
        .says(&[ANSWER, "waiting: wall time +"])
        .says(&[
            ANSWER,
            "waits in clock_nanosleep",
            "called by planted::operation::scale",
        ]);
}

#[test]
#[ignore = "takes 7 s of CPU time, and extra work is explained in other tests, too"]
fn a_hash_map_in_place_of_a_vector() {
    if !has_valgrind() {
        return;
    }
    let map = "std::collections::HashMap<u64, u64>";
    let fold = "numbers.iter().fold(0, |sum, number| weigh(sum, *number))";
    let look_up = "(0..numbers.len() as u64).fold(0, |sum, key| weigh(sum, numbers[&key]))";
    let repository = planted(&[
        ("Prepared(Vec<u64>)", &format!("Prepared({map})")),
        ("(0..1000)", "(0..1000).map(|number| (number, number))"),
        ("&[u64]", &format!("&{map}")),
        (fold, look_up),
    ]);
    unordered(&repository)
        .exits(100)
        .says(&[ANSWER, "work: instructions +"])
        // Callees may be inlined, or have rows for hashing.
        .says(&["+", "planted::operation::total"]);
}

#[test]
#[ignore = "takes 7 s of CPU time, and may fail where the processor is very busy"]
fn a_contended_lock() {
    if !has_valgrind() {
        return;
    }
    // Each operation finds its lock held: another thread takes the one of the next operation, sleeps,
    // and only then gives this one back. Left to chance, that thread would come too late where the
    // processor is busy.
    let lock = "static LOCKS: [std::sync::Mutex<u64>; 2] =
            [std::sync::Mutex::new(0), std::sync::Mutex::new(0)];
        static TURN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        static HOLDER: std::sync::OnceLock<std::thread::Thread> = std::sync::OnceLock::new();
        fn hold() {
            let mut held = LOCKS[0].lock().unwrap();
            for turn in 1.. {
                while TURN.load(std::sync::atomic::Ordering::SeqCst) < turn {
                    std::thread::park();
                }
                let next = LOCKS[turn % 2].lock().unwrap();
                std::thread::sleep(std::time::Duration::from_millis(3));
                held = next;
            }
            drop(held);
        }

        pub fn prepare() -> Prepared {
            HOLDER.get_or_init(|| {
                let holder = std::thread::spawn(hold).thread().clone();
                while LOCKS[0].try_lock().is_ok() {
                    std::hint::spin_loop();
                }
                holder
            });";
    let wait = "let turn = TURN.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        HOLDER.get().unwrap().unpark();
        *LOCKS[turn % 2].lock().unwrap() += 1;
        sum / 3";
    let repository = planted_with(
        "0..200_000",
        &[("pub fn prepare() -> Prepared {", lock), ("sum / 3", wait)],
    );
    unordered(&repository)
        .exits(100)
        .says(&[ANSWER, "waiting: wall time +"])
        .says(&[
            ANSWER,
            "waits in syscall",
            "called by planted::operation::scale",
        ])
        .says(&["+", "lock_contended"]);
}

/// A function that only moved has the same code, so nothing regressed and nothing is explained.
#[test]
fn a_moved_function() {
    let scale = "\n#[inline(never)]\nfn scale(sum: u64) -> u64 {\n    sum / 3\n}\n";
    let repository = planted(&[
        (scale, ""),
        ("pub fn prepare()", &format!("{scale}\npub fn prepare()")),
    ]);
    gate(&repository, "terminal")
        .exits(0)
        .answers("Passed")
        .says_nothing_of(&["Why ("]);
}
