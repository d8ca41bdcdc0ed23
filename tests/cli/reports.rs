//! All formats of a report agree, and stored runs can be evaluated again.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::repository::{Outcome, Repository};

#[test]
fn one_run_in_every_format() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::slower::u8::4 worker cpu=50000
         fake::wrong::u8::4 worker cpu=50000 check=json",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100000
         fake::slower::u8::4 worker cpu=55000
         fake::wrong::u8::4 worker cpu=50000 check=json text=[1,2,3,5]",
    );
    let headline = "gate: regressed (3 benchmarks, 1 regressed, 1 failed, ";
    let gate = repository.serbench(&["gate", "--seed=1"]);
    gate.exits(100).answers(headline);
    let run = repository.runs().pop().unwrap();
    let report = |format: &str| {
        let outcome = repository.serbench(&["report", run.to_str().unwrap(), "--format", format]);
        outcome.exits(100);
        outcome
    };
    assert_eq!(
        report("terminal").stdout(),
        gate.stdout(),
        "the same verdicts from the stored run"
    );

    assert_eq!(
        repository.serbench(&["report"]).exits(100).stdout(),
        gate.stdout(),
        "the newest run is reported"
    );

    every_format(report);

    let forms = [
        "report",
        run.to_str().unwrap(),
        "--output=reports",
        "--format=json,junit",
    ];
    let answer = repository.serbench(&forms);
    answer
        .exits(100)
        .answers(headline)
        .says_nothing_of(&["Worth a look"]);
    for file in ["reports/serbench.json", "reports/serbench.xml"] {
        assert!(
            repository.read(file).contains("fake::slower::u8::4"),
            "{file}"
        );
    }
    broken_runs(&repository, &run);
}

fn every_format(report: impl Fn(&str) -> Outcome) {
    report("markdown")
        .says(&["**Regressed**: 1 of 3 benchmarks"])
        .says(&["| `fake::slower::u8::4` ", "| regressed"])
        .says(&[
            "fake::slower::u8::4",
            r"CPU time +10.0 % \[+10.0 %, +10.0 %], above +3.0 % with",
        ]);
    report("html")
        .says(&["<h1 class=\"bad\">Regressed</h1>"])
        .says(&["fake::slower::u8::4", "regressed"]);
    report("github")
        .says(&["::error title=fake%3A%3Aslower%3A%3Au8%3A%3A4 regressed::"])
        .says(&["::error title=serbench::Regressed: 1 of 3 benchmarks"]);
    report("junit")
        .answers("<?xml")
        .says(&["<testcase name=\"fake::slower::u8::4\""])
        .says(&["<failure ", "regressed: CPU time +10.0 %"])
        .says(&["<error ", "wrong output"])
        .says_nothing_of(&["<testsuite ", "failures=\"0\""]);
    json(&report("json"));
}

fn json(outcome: &Outcome) {
    let report: Value = serde_json::from_str(outcome.stdout()).unwrap();
    assert_eq!(report["outcome"], "regressed");
    assert_eq!(report["schema"], 2);
    let headline = report["headline"].as_str().unwrap();
    assert!(
        headline
            .starts_with("Regressed: 1 of 3 benchmarks slowed down by more than the 3 % threshold")
    );
    let decisions = report["verdicts"].as_array().unwrap();
    let verdict = |id: &str| {
        let mut all = decisions.iter();
        all.find(|decision| decision["id"] == id).unwrap()["verdict"].clone()
    };
    assert_eq!(verdict("fake::reference::u8::4"), "unchanged");
    assert_eq!(verdict("fake::slower::u8::4"), "regressed");
    assert_eq!(verdict("fake::wrong::u8::4"), "failed");
    assert_eq!(report["self_checks"].as_array().unwrap().len(), 2);
    let run = &report["runs"][0];
    let blocks = run["blocks"].as_array().unwrap();
    assert!(
        blocks
            .iter()
            .all(|block| block["slices"][0][0][0].is_number())
    );
    assert_eq!(run["seed"], 1);
}

fn broken_runs(repository: &Repository, run: &Path) {
    let check = |name: &str, text: &str, words: &[&str]| {
        repository.write(name, text);
        let outcome = repository.serbench(&["report", name]);
        outcome
            .exits(101)
            .says_no_more()
            .warns(&["error: ", name])
            .warns(words);
    };
    let whole = fs::read_to_string(run).unwrap();
    let mut newer: Value = serde_json::from_str(&whole).unwrap();
    newer["schema"] = 999.into();
    check(
        "newer.json",
        &newer.to_string(),
        &["with schema 999", "update cargo-serbench"],
    );
    check(
        "cut.json",
        &whole[..whole.len() / 2],
        &["is not a stored run"],
    );
    check("empty.json", "", &["is not a stored run"]);
    check("other.json", "{\"schema\":1}", &["is not a stored run"]);
    repository
        .serbench(&["report", "nowhere.json"])
        .exits(101)
        .says_no_more()
        .warns(&["error: failed to read the run nowhere.json"]);
    // The newest run is reported or nothing is: an older one might have passed.
    let folder = run.parent().unwrap();
    let broken = folder.join("99991231T235959Z.json");
    fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    repository
        .serbench(&["report"])
        .exits(101)
        .says_no_more()
        .warns(&["error: ", "99991231T235959Z.json is not a stored run"]);
    fs::remove_file(&broken).unwrap();
    // A pipe without a writer.
    let fifo = repository.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    repository
        .serbench(&["report", "fifo"])
        .exits(101)
        .says_no_more()
        .warns(&["error: fifo is not a file"]);
}

/// A closed stdout is not an error; the results are recorded and compared anyway.
#[test]
fn a_closed_stdout_changes_nothing() {
    let closed = |repository: &Repository, arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = repository.command(arguments);
        Outcome::of(command.stdout(writer).output().unwrap())
    };
    let repository = Repository::new("fake::only worker cpu=50000");
    let run = ["--quick", "--seed=1"];
    closed(&repository, &run)
        .exits(0)
        .warns(&["Recorded", "baselines/"])
        .warns_nothing_of(&["error"]);
    repository.behave("fake::only worker cpu=60000");
    repository.commit("Slower");
    for arguments in [&run[..], &["gate"], &["gate", "--format=json"]] {
        let outcome = closed(&repository, arguments);
        outcome.exits(100).warns_nothing_of(&["error"]);
    }
    let run = repository.runs().pop().unwrap();
    let run = run.to_str().unwrap();
    closed(&repository, &["report", run]).exits(100);
    for command in ["list", "config", "show", "history"] {
        closed(&repository, &[command])
            .exits(0)
            .warns_nothing_of(&["error"]);
    }
}

/// If stdout can't be written, for example on a full disk, it is an error, but the results are stored.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_behind_stdout_loses_no_record() {
    let repository = Repository::new("fake::only worker cpu=50000");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = repository.command(&["--quick", "--seed=1"]);
    let outcome = Outcome::of(command.stdout(full).output().unwrap());
    outcome
        .exits(101)
        .warns(&["Recorded", "baselines/"])
        .warns(&["error: failed to write to stdout"]);
    assert_eq!(repository.runs().len(), 1);
}

#[test]
fn one_commit_by_itself() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000 check=json peak=2048 bytes=4096 allocations=3
         fake::twice::u8::4 worker cpu=200000 check=json
         fake::foreign::u8::4 table wall=50000
         fake::prints::u8::4 worker cpu=100000 prints",
    );
    let arguments = ["--quick", "--seed=1", "--format=markdown"];
    let tables = repository.serbench(&arguments);
    tables
        .exits(0)
        .says(&["| Library", " vs. reference |"])
        .says(&["| `reference` ", " 100.0 µs ", " 2.0 KiB ", " 3 ", " 1.0 "])
        .says(&["| `twice` ", " 200.0 µs ", r" 2.000 \[2.000, 2.000] "])
        .says(&["| `foreign` ", " 50.00 µs ", r" 0.500 \[0.500, 0.500] "])
        .says(&["- `fake::prints::u8::4`: prints to stdout, which makes it slower"]);
    let run = repository.runs().pop().unwrap();
    let again = repository.serbench(&["report", run.to_str().unwrap(), "--format=markdown"]);
    assert_eq!(again.exits(0).stdout(), tables.stdout());

    repository.behave(
        "fake::reference::u8::4 worker cpu=100000 check=json
         fake::wrong::u8::4 worker cpu=100000 check=json text=[1,2,3]
         fake::bytes::u8::4 worker cpu=100000 check=json text=[1,2,3,04]",
    );
    repository
        .serbench(&arguments)
        .exits(101)
        .says(&["**Measured, 2 failed**: 1 of 3 benchmarks have times"])
        .says(&["- `fake::wrong::u8::4`: wrong output"])
        .says(&["| `wrong` ", " failed "]);
    assert_eq!(repository.runs().len(), 2, "each run is kept");
}

/// Two shards get one joint verdict, and a missing one never passes.
#[test]
fn shards_get_one_verdict() {
    let before: String = (0..6)
        .map(|number| format!("fake::e{number}::u8::4 worker cpu=50000\n"))
        .collect();
    let reference = "fake::reference::u8::4 worker cpu=100000\n";
    let repository = Repository::new(&format!("{reference}{before}"));
    let after = before.replace("e3::u8::4 worker cpu=50000", "e3::u8::4 worker cpu=60000");
    repository.behave(&format!("{reference}{after}"));
    for shard in ["--shard=1/2", "--shard=2/2"] {
        repository.serbench(&["gate", "--seed=1", shard]);
    }
    let runs: Vec<String> = repository
        .runs()
        .iter()
        .map(|run| run.to_str().unwrap().to_owned())
        .collect();
    let joint = repository.serbench(&["report", &runs[0], &runs[1], "--format=json"]);
    let report: Value = serde_json::from_str(joint.exits(100).stdout()).unwrap();
    assert_eq!(report["outcome"], "regressed");
    let ids = report["verdicts"].as_array().unwrap().iter();
    let ids: Vec<&str> = ids.map(|row| row["id"].as_str().unwrap()).collect();
    for number in 0..6 {
        assert!(
            ids.contains(&format!("fake::e{number}::u8::4").as_str()),
            "{ids:?}"
        );
    }
    assert_eq!(report["runs"].as_array().unwrap().len(), 2);
    let twice = repository.serbench(&["report", &runs[0], &runs[0]]);
    twice.exits(101).says_no_more().warns(&["was passed twice"]);
}

#[test]
fn a_job_summary_is_written_where_github_wants_it() {
    let repository = Repository::new("fake::only worker cpu=50000");
    repository.behave("fake::only worker cpu=60000");
    repository.serbench(&["gate", "--seed=1"]).exits(100);
    let run = repository.runs().pop().unwrap();
    let summary = repository.path().join("summary.md");
    let arguments = ["report", run.to_str().unwrap(), "--format=github"];
    let mut command = repository.command(&arguments);
    command.env("GITHUB_STEP_SUMMARY", &summary);
    command.env("GITHUB_OUTPUT", repository.path().join("outputs"));
    Outcome::of(command.output().unwrap())
        .exits(100)
        .says(&["::error title=fake%3A%3Aonly regressed::CPU time +20.0 %"]);
    assert!(
        repository
            .read("summary.md")
            .starts_with("**Regressed**: 1 of 1 benchmark")
    );
    assert_eq!(repository.read("outputs"), "verdict=regressed\n");
}

#[test]
fn terminals_of_any_width_and_none() {
    let long = format!("fake::{}::u8::4", "long".repeat(75));
    let behaviour =
        |cpu: &str| format!("fake::reference::u8::4 worker cpu=100000\n{long} worker cpu={cpu}");
    let repository = Repository::new(&behaviour("50000"));
    repository.behave(&behaviour("55000"));
    repository.serbench(&["gate", "--seed=1"]).exits(100);
    let run = repository.runs().pop().unwrap();
    let report = |settings: &[(&str, &str)], arguments: &[&str]| {
        let given = [&["report", run.to_str().unwrap()], arguments].concat();
        let mut command = repository.command(&given);
        command.env_remove("COLUMNS").envs(settings.iter().copied());
        let outcome = Outcome::of(command.output().unwrap());
        outcome.exits(100);
        outcome.stdout
    };
    for width in [60, 80, 120, 200] {
        let text = report(&[("COLUMNS", &width.to_string())], &[]);
        assert!(
            text.lines().any(|line| line == long),
            "not a line of its own: {text}"
        );
        // Tables fit; ids and sentences are not truncated, because terminals wrap them.
        let tables = text.split("Worth a look").nth(1).unwrap();
        let rows = tables
            .lines()
            .filter(|line| line.starts_with("  ") && !line.contains(&long));
        let mut rows = rows
            .take_while(|line| !line.starts_with("How this"))
            .take(3);
        assert!(
            rows.all(|row| row.chars().count() <= width),
            "{width}: {text}"
        );
    }
    let colored = |settings: &[(&str, &str)], arguments: &[&str]| {
        report(settings, arguments).contains('\u{1b}')
    };
    assert!(colored(&[], &["--color=always"]));
    for settings in [&[][..], &[("NO_COLOR", "1")], &[("TERM", "dumb")]] {
        assert!(!colored(settings, &[]), "{settings:?}");
    }
}

#[test]
fn schema_and_usage_notes() {
    let nowhere = Repository::empty();
    nowhere
        .serbench(&["schema"])
        .exits(0)
        .says(&["json-schema.org"]);
    nowhere
        .serbench(&["agents"])
        .exits(0)
        .says(&["Never loosen the gate"]);
    nowhere.serbench(&["man"]).exits(0).says(&[".TH"]);
    nowhere
        .serbench(&["man", "gate"])
        .exits(0)
        .says(&[".TH", "cargo-serbench-gate"])
        .says(&["baseline"]);
    nowhere
        .serbench(&["man", "gat"])
        .exits(2)
        .warns(&["no command `gat`", "did you mean `gate`"]);
    for shell in ["bash", "zsh", "fish"] {
        nowhere
            .serbench(&["completions", shell])
            .exits(0)
            .says(&["cargo-serbench"]);
    }
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let nowhere = Repository::empty();
    let script = nowhere.serbench(&["completions", "bash"]);
    nowhere.write("completions", script.exits(0).stdout());
    let complete = |words: &str| {
        let call = format!(
            "source ./completions; COMP_WORDS=(cargo-serbench {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _cargo__serbench cargo-serbench \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        let bash = bash.args(["-c", &call]).current_dir(nowhere.path());
        Outcome::of(bash.output().unwrap()).stdout
    };
    assert_eq!(complete("his"), "history\n");
    assert_eq!(complete("gate --base"), "--baseline\n");
    assert_eq!(complete("doctor --slowd"), "--slowdowns\n");
    assert_eq!(complete("history --format m"), "markdown\n");
    assert_eq!(complete("cache-key --base"), "--baseline\n");
}

#[test]
fn a_publisher_shows_only_runs_of_the_commit_it_was_called_for() {
    let repository = Repository::new("fake::same::u8::4 worker cpu=50000");
    repository.behave("fake::same::u8::4 worker cpu=50001");
    let head = repository.commit("After");
    repository.serbench(&["gate", "--seed=1"]).exits(0);
    let run = repository.runs().pop().unwrap();
    let publish = |sha: &str| {
        repository.serbench(&[
            "report",
            run.to_str().unwrap(),
            "--candidate",
            sha,
            "--format=comment",
        ])
    };
    publish(&head).exits(0).answers("<!-- cargo-serbench -->");
    let other = publish("0123456789012345678901234567890123456789");
    other
        .exits(101)
        .says_no_more()
        .warns(&["is a run of ", &head, "not of 0123456789"]);
}

/// The policy is the baseline's, so an uploaded run must not choose it.
#[test]
fn a_publisher_shows_only_comparisons_with_the_merge_base() {
    let repository = Repository::new("fake::same::u8::4 worker cpu=50000");
    let base = repository.git(&["rev-parse", "HEAD"]);
    repository.behave("fake::same::u8::4 worker cpu=50001");
    let head = repository.commit("After");
    repository.serbench(&["gate", "--seed=1"]).exits(0);
    let run = repository.runs().pop().unwrap();
    let whole = fs::read_to_string(&run).unwrap();
    let publish = |file: &str| {
        repository.serbench(&[
            "report",
            file,
            "--candidate",
            &head,
            "--baseline=HEAD~1",
            "--format=comment",
        ])
    };
    let file = run.to_str().unwrap();
    publish(file).exits(0).answers("<!-- cargo-serbench -->");
    // A baseline that the change chose, with its own policy.
    fs::write(&run, whole.replace(base.trim(), &head)).unwrap();
    publish(file).exits(101).says_no_more().warns(&[
        "compares with ",
        &head,
        "not with ",
        base.trim(),
        "the merge base of HEAD~1",
    ]);
    fs::write(&run, &whole).unwrap();
    let link = repository.path().join("link.json");
    std::os::unix::fs::symlink(&run, &link).unwrap();
    publish("link.json")
        .exits(101)
        .says_no_more()
        .warns(&["link.json is a symbolic link"]);
    let huge = fs::File::create(repository.path().join("huge.json")).unwrap();
    huge.set_len(1 << 30).unwrap();
    publish("huge.json")
        .exits(101)
        .says_no_more()
        .warns(&["huge.json is 1024 MiB; the maximum for a stored run is 64 MiB"]);
}

/// Runs stored by the first version, `schema` 1, get the same verdicts.
#[test]
fn stored_runs_of_the_first_version() {
    let repository = Repository::new("fake::reference::u8::4 worker cpu=100000");
    let report = |name: &str, format: &str| {
        let file = crate::repository::fixture("old-runs").join(name);
        repository.serbench(&["report", file.to_str().unwrap(), format])
    };
    for (name, code, verdicts) in [
        (
            "two-commits.json",
            100,
            &[
                ("fake::faster::u8::4", "improved"),
                ("fake::gone::u8::4", "removed"),
                ("fake::hungry::u8::4", "regressed"),
                ("fake::new::u8::4", "added"),
                ("fake::reference::u8::4", "unchanged"),
                ("fake::slower::u8::4", "regressed"),
            ][..],
        ),
        (
            "undecided.json",
            101,
            &[
                ("fake::noisy", "inconclusive"),
                ("fake::over", "failed"),
                ("fake::same", "unchanged"),
            ],
        ),
    ] {
        let outcome = report(name, "--format=json");
        let json: serde_json::Value = serde_json::from_str(outcome.exits(code).stdout()).unwrap();
        let decisions = json["verdicts"].as_array().unwrap().iter();
        let mut found: Vec<(&str, &str)> = decisions
            .map(|it| (it["id"].as_str().unwrap(), it["verdict"].as_str().unwrap()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, verdicts, "{name}");
    }
    report("two-commits.json", "--format=terminal")
        .says(&["fake::slower::u8::4", "+10.0 % [+10.0, +10.0]", "8+16"])
        .says(&["fake::hungry::u8::4: allocations +10.0 % (10 -> 11)"]);
    report("one-commit.json", "--format=terminal")
        .exits(101)
        .answers("Measured, 1 failed")
        .says(&["lean", "50.00 µs", "0.500 [0.500, 0.500]"])
        .says(&["fake::panics::u8::4", "this bench has a bug"]);
}

/// Runs stored with every schema so far have the exit code and the verdicts that were printed at the time.
#[test]
fn stored_runs_of_every_schema() {
    let repository = Repository::new("fake::reference::u8::4 worker cpu=100000");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/runs");
    let mut printed = String::new();
    for schema in 1..=5 {
        let file = folder.join(format!("schema-{schema}.json"));
        let outcome = repository.serbench(&["report", file.to_str().unwrap(), "--format=csv"]);
        printed += &format!("schema {schema}: exit code {:?}\n", outcome.code.unwrap());
        for line in outcome.stdout().lines().skip(1) {
            let fields: Vec<&str> = line.splitn(3, ',').collect();
            printed += &format!("{} {}\n", fields[0], fields[1]);
        }
    }
    assert_eq!(
        printed,
        std::fs::read_to_string(folder.join("verdicts.txt")).unwrap()
    );
}
