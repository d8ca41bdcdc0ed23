//! Trials of the gate on edits that don't change the measured encoders, and on one that makes an encoder
//! slower: with sixteen benchmarks of this repository's `json` bench.
//!
//! ```text
//! SERBENCH_TRIAL=8 cargo test --release -p cargo-serbench --test cli inert -- --ignored --nocapture
//! ```
//!
//! `SERBENCH_TRIAL` is the number of gates of each edit (8), `SERBENCH_TRIAL_EDITS` chooses edits by
//! words in their names, `SERBENCH_TRIAL_FILTER` selects benchmarks, and `SERBENCH_TRIAL_GATE` adds flags
//! of the gate: `--measure-identical` also measures identical code. HEAD is cloned to
//! `SERBENCH_TRIAL_FOLDER` (default: cargo's temporary folder), where every edit is a commit. Each edit is
//! built once, followed by its gates; seeds count up from 1.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::Value;

const BENCHMARKS: &str =
    "^json::(orjson|serde_json|sonic_rs|simd_json)::(f64|i64|bool|i8)::100x50$";

/// An edit of one file.
struct Edit {
    name: &'static str,
    file: &'static str,
    /// The text to replace, which occurs once; empty to append to the file.
    from: &'static str,
    to: &'static str,
}

/// The last one makes `simd_json::f64` slower by 5 to 10 %, without allocating anything.
const EDITS: [Edit; 9] = [
    Edit {
        name: "an unrelated bench function",
        file: "benches/json.rs",
        from: "",
        to: "\n/// Adds up numbers.\n#[divan::bench]\nfn unrelated(bencher: Bencher) {\n    \
             let numbers: Vec<u64> = (0..1000).collect();\n    \
             bencher.bench_local(|| numbers.iter().map(|number| number.pow(3)).sum::<u64>());\n}\n",
    },
    Edit {
        name: "a branch never taken",
        file: "src/worker.rs",
        from: "        let commands = BufReader::new(stream.try_clone()?);\n",
        to: "        if slowdown > 1e9 {\n            return Err(io::Error::other(\"slower than anybody asks for\"));\n        }\n        \
             let commands = BufReader::new(stream.try_clone()?);\n",
    },
    Edit {
        name: "a comment",
        file: "src/encoders/nested.rs",
        from: "use ndarray::",
        to: "// Two lines of comment,\n// which move all that follows.\nuse ndarray::",
    },
    Edit {
        name: "an error message",
        file: "src/encoders/nested.rs",
        from: "a 0-d array is not a list; encode its element, or add an axis",
        to: "an array without axes is not a list; encode its only element, or add an axis",
    },
    Edit {
        name: "an unused pub function",
        file: "src/random.rs",
        from: "",
        to: "\n/// A number that nobody asks for.\npub fn unused(seed: u64) -> u64 {\n    \
             Random::seeded(seed).below(1000) + Random::seeded(seed + 1).below(10)\n}\n",
    },
    Edit {
        name: "a trait implementation",
        file: "src/dtype.rs",
        from: "",
        to: "\n/// Compares by name.\nimpl PartialEq<str> for Dtype {\n    fn eq(&self, name: &str) -> bool {\n        \
             self.to_string() == name\n    }\n}\n",
    },
    Edit {
        name: "functions in another order",
        file: "benches/json.rs",
        from: "    orjson: bench_encoder, Orjson;\n    serbench: bench_encoder, Serbench;\n",
        to: "    serbench: bench_encoder, Serbench;\n    orjson: bench_encoder, Orjson;\n",
    },
    Edit {
        name: "a log line",
        file: "src/bench.rs",
        from: "the encoder rejected the array: {error}",
        to: "this encoder could not encode the array that it was given: {error}",
    },
    Edit {
        name: SLOWER,
        file: "src/encoders/simd_json.rs",
        from: "        *out = simd_json::to_vec(&Nested::new(array)?)?;\n",
        to: "        *out = simd_json::to_vec(&Nested::new(array)?)?;\n        \
             if matches!(T::DTYPE, Dtype::Float64) {\n            let mut sum = 0_u64;\n            \
             for chunk in out.chunks_exact(16) {\n                \
             sum = (sum ^ u64::from(chunk[0])).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7);\n            \
             }\n            std::hint::black_box(sum);\n        }\n",
    },
];

const SLOWER: &str = "really slower";

/// The results of an edit's gates.
#[derive(Default)]
struct Counts {
    gates: usize,
    failed: usize,
    inconclusive_gates: usize,
    rows: usize,
    regressed: Vec<String>,
    improved: Vec<String>,
    inconclusive: usize,
    identical: usize,
    seconds: Vec<f64>,
}

#[test]
#[ignore = "takes an hour and a quiet machine"]
fn inert() {
    let gates: usize = setting("SERBENCH_TRIAL", "8").parse().unwrap();
    let chosen = setting("SERBENCH_TRIAL_EDITS", "");
    let folder = clone();
    let base = git(&folder, &["rev-parse", "HEAD"]);
    println!(
        "{:<28} {:>5} {:>6} {:>7} {:>4} {:>9} {:>8} {:>7} {:>9} {:>8} {:>7}",
        "edit",
        "gates",
        "failed",
        "unclear",
        "rows",
        "regressed",
        "improved",
        "unclear",
        "identical",
        "median s",
        "most s"
    );
    let mut all = Counts::default();
    for edit in EDITS.iter().filter(|edit| edit.name.contains(&chosen)) {
        let commit = committed(&folder, &base, edit);
        // This gate builds.
        gate(&folder, &base, &commit, 0);
        let mut counts = Counts::default();
        for seed in 1..=gates {
            counts.add(&gate(&folder, &base, &commit, seed));
        }
        counts.print(edit.name);
        if edit.name != SLOWER {
            all.merge(counts);
        }
    }
    all.print("all inert edits");
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// A clone of HEAD. Reuses an earlier clone with its builds.
fn clone() -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = setting(
        "SERBENCH_TRIAL_FOLDER",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/inert"),
    );
    let folder = PathBuf::from(folder);
    let head = git(Path::new(root), &["rev-parse", "HEAD"]);
    if !folder.join(".git").exists() {
        git(
            Path::new(root),
            &["clone", "--quiet", ".", &folder.display().to_string()],
        );
    }
    git(&folder, &["fetch", "--quiet", "origin", &head]);
    git(
        &folder,
        &["checkout", "--quiet", "--force", "--detach", &head],
    );
    folder
}

/// Commits an edit. The hash is always the same, so that its build is cached.
fn committed(folder: &Path, base: &str, edit: &Edit) -> String {
    git(
        folder,
        &["checkout", "--quiet", "--force", "--detach", base],
    );
    let path = folder.join(edit.file);
    let text = fs::read_to_string(&path).unwrap();
    let edited = match edit.from {
        "" => text + edit.to,
        from => {
            assert!(text.contains(from), "{} has changed: {from:?}", edit.file);
            text.replacen(from, edit.to, 1)
        }
    };
    fs::write(&path, edited).unwrap();
    git(
        folder,
        &["commit", "--quiet", "--all", "--message", edit.name],
    );
    git(folder, &["rev-parse", "HEAD"])
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Trial",
            "-c",
            "user.email=trial@example.org",
        ])
        .args(arguments)
        .env("GIT_AUTHOR_DATE", "1700000000 +0000")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000")
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs one gate; returns exit code, seconds and report.
fn gate(folder: &Path, base: &str, commit: &str, seed: usize) -> (i32, f64, Value) {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-serbench"))
        .args([
            "compare",
            base,
            commit,
            "--suite=json",
            "--quiet",
            "--format=json",
        ])
        .arg(format!("--seed={seed}"))
        .args(setting("SERBENCH_TRIAL_GATE", "").split_whitespace())
        .arg(setting("SERBENCH_TRIAL_FILTER", BENCHMARKS))
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let code = output.status.code().unwrap_or(-1);
    assert!(matches!(code, 0 | 100 | 102), "exit code {code}, see above");
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (code, started.elapsed().as_secs_f64(), report)
}

impl Counts {
    fn add(&mut self, (code, seconds, report): &(i32, f64, Value)) {
        self.gates += 1;
        self.failed += usize::from(*code == 100);
        self.inconclusive_gates += usize::from(report["outcome"] == "inconclusive");
        self.seconds.push(*seconds);
        for decision in report["verdicts"].as_array().unwrap() {
            self.rows += 1;
            let id = decision["id"].as_str().unwrap().to_owned();
            match decision["verdict"].as_str().unwrap() {
                "regressed" => self.regressed.push(id),
                "improved" => self.improved.push(id),
                "inconclusive" => self.inconclusive += 1,
                "identical" => self.identical += 1,
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.gates += other.gates;
        self.failed += other.failed;
        self.inconclusive_gates += other.inconclusive_gates;
        self.rows += other.rows;
        self.regressed.extend(other.regressed);
        self.improved.extend(other.improved);
        self.inconclusive += other.inconclusive;
        self.identical += other.identical;
        self.seconds.extend(other.seconds);
    }

    fn print(&mut self, name: &str) {
        self.seconds.sort_by(f64::total_cmp);
        let (middle, last) = (self.seconds.len() / 2, self.seconds.len().saturating_sub(1));
        let second = |at: usize| self.seconds.get(at).copied().unwrap_or_default();
        println!(
            "{name:<28} {:>5} {:>6} {:>7} {:>4} {:>9} {:>8} {:>7} {:>9} {:>8.1} {:>7.1}",
            self.gates,
            self.failed,
            self.inconclusive_gates,
            self.rows,
            self.regressed.len(),
            self.improved.len(),
            self.inconclusive,
            self.identical,
            second(middle),
            second(last),
        );
        for (what, ids) in [("regressed", &self.regressed), ("improved", &self.improved)] {
            for id in ids {
                println!("  {what} {id}");
            }
        }
    }
}
