//! Runs, step by step, the workflows of this repository that publish: records of the main branch, nightly pages,
//! releases. Also the workflows that `init` writes.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use serde_json::{Value, json};

use crate::{
    repository::{Outcome, Repository, copy_tree},
    runner::{Runner, yaml},
};

const FAST: &str = "fake::reference::u8::4 worker cpu=100000\nfake::only::u8::4 worker cpu=50000";
const SLOW: &str = "fake::reference::u8::4 worker cpu=100000\nfake::only::u8::4 worker cpu=60000";

/// A remote repository with two commits of `main`.
struct Remote {
    bare: Repository,
    commits: [String; 2],
}

impl Remote {
    fn new() -> Self {
        let origin = Repository::new(FAST);
        let first = origin.git(&["rev-parse", "HEAD"]);
        origin.behave(&FAST.replace("50000", "50001"));
        let second = origin.commit("Second");
        let bare = Repository::empty();
        let from = origin.path().to_str().unwrap();
        bare.git(&["clone", "--quiet", "--bare", from, "."]);
        Self {
            bare,
            commits: [first, second],
        }
    }

    /// A clone as left by actions/checkout.
    fn checkout(&self, commit: &str) -> Repository {
        let checkout = Repository::empty();
        checkout.git(&["clone", "--quiet", self.bare.path().to_str().unwrap(), "."]);
        checkout.git(&["checkout", "--quiet", "-B", "main", commit]);
        checkout.remember_rustc();
        checkout
    }

    fn record(&self, commit: &str) -> Result<(), Outcome> {
        Runner::new(json!({})).play("record.yml", self.checkout(commit).path())
    }

    /// The commits that have a record at the tip of `main`.
    fn recorded(&self) -> Vec<String> {
        let files = self
            .bare
            .git(&["ls-tree", "-r", "--name-only", "main", "baselines"]);
        let commits = files
            .lines()
            .map(|it| it.split('/').nth(1).unwrap().to_owned());
        commits.collect()
    }

    fn subjects(&self) -> String {
        self.bare.git(&["log", "--format=%s", "main"])
    }
}

/// Two jobs that push at the same time, a rerun, and a job whose commit is slower.
#[test]
fn no_record_is_lost() {
    let remote = Remote::new();
    let [first, second] = &remote.commits;
    // GitHub would cancel all but the newest job waiting in a concurrency group.
    assert_eq!(
        yaml(".github/workflows/record.yml")["concurrency"],
        Value::Null
    );
    assert!(remote.record(first).is_ok());
    assert_eq!(remote.recorded(), std::slice::from_ref(first));

    // Pushes the first job's record between the second job's fetch and push.
    let other = remote.bare.git(&["rev-parse", "main"]);
    remote.bare.git(&["update-ref", "refs/heads/main", second]);
    let hook = "#!/bin/sh\ntest -e other || exit 0\n\
                git update-ref refs/heads/main \"$(cat other)\" && rm other\n";
    remote.bare.write("hooks/update", hook);
    let hook = remote.bare.path().join("hooks/update");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    remote.bare.write("other", &other);
    if let Err(outcome) = remote.record(second) {
        panic!("{outcome}");
    }
    let mut both = [first.clone(), second.clone()];
    both.sort();
    assert_eq!(remote.recorded(), both);
    assert!(
        !remote.bare.path().join("other").exists(),
        "there was a race"
    );

    // A rerun for the same commit, on a machine with the same key.
    if let Err(outcome) = remote.record(first) {
        panic!("{outcome}");
    }
    assert_eq!(remote.recorded(), both);
    let short = |sha: &str| sha[..10].to_owned();
    let (one, two) = (short(first), short(second));
    assert_eq!(
        remote.subjects(),
        format!("Record {one}\nRecord {two}\nRecord {one}\nSecond\nBefore")
    );

    // A failing commit is recorded, too.
    let author = remote.checkout("main");
    author.behave(SLOW);
    let slower = author.commit("Slower");
    author.git(&["push", "--quiet", "origin", "main"]);
    let ended = remote.record(&slower);
    ended.expect_err("it regressed").exits(100);
    assert!(remote.recorded().contains(&slower));
}

#[test]
fn push_errors() {
    let remote = Remote::new();
    let [first, _] = &remote.commits;
    let checkout = remote.checkout(first);
    checkout
        .serbench(&["push"])
        .exits(0)
        .warns(&["Skipped", "no new records"]);
    checkout.serbench(&["--quick"]).exits(0);
    checkout
        .serbench(&["push", "--remote=nowhere"])
        .exits(101)
        .warns(&["can't fetch nowhere/main", "nowhere"]);
    checkout.git(&["checkout", "--quiet", "--detach"]);
    checkout.serbench(&["push"]).exits(2).warns(&["--branch"]);
    let hook = remote.bare.path().join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\necho 'main is protected' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    checkout
        .serbench(&["push", "--branch=main"])
        .exits(101)
        .warns(&["can't push to origin/main"])
        .warns(&["main is protected"]);
    fs::remove_file(hook).unwrap();
    // The index and local branches don't change.
    checkout.write("note.txt", "to be committed");
    checkout.git(&["add", "note.txt"]);
    let before = checkout.git(&["status", "--porcelain"]);
    checkout
        .serbench(&["push", "--branch=main"])
        .exits(0)
        .warns(&["Pushed", "1 record to origin/main"]);
    assert_eq!(checkout.git(&["status", "--porcelain"]), before);
    assert_eq!(&checkout.git(&["rev-parse", "HEAD"]), first);
    assert_eq!(remote.recorded(), std::slice::from_ref(first));
    checkout
        .serbench(&["push", "--branch=main"])
        .exits(0)
        .warns(&["Skipped", "origin/main already has these records"]);
}

/// Null controls, a badge and the history, even if the null controls fail.
#[test]
fn nightly_pages() {
    let repository = Repository::new(
        "json::orjson::f64::100x50 worker cpu=100000
         json::serde_json::f64::100x50 worker cpu=50000",
    );
    let manifest = repository.read("Cargo.toml");
    let manifest = manifest
        .replace(
            "name = \"fake\"",
            "name = \"json\"\npath = \"benches/fake.rs\"",
        )
        .replace("fake = \"reference\"", "json = \"orjson\"");
    repository.write("Cargo.toml", &manifest);
    repository.commit("Name the suite json");
    repository.serbench(&["--quick"]).exits(0);
    // Fewer gates than there prove less, of fake benchmarks.
    let nightly = yaml(".github/workflows/nightly.yml").to_string();
    assert!(nightly.contains("--gates 20 "), "{nightly}");
    let nightly = serde_json::from_str(&nightly.replace("--gates 20 ", "--gates 3 ")).unwrap();
    let play = || {
        let runner = Runner::new(json!({}));
        let ended = runner.play_all(&nightly, repository.path());
        let pages = runner.inputs_of("actions/upload-pages-artifact");
        let pages = pages["path"].as_str().unwrap().to_owned();
        let badge = repository.read(&format!("{pages}/badge.json"));
        let badge: Value = serde_json::from_str(&badge).unwrap();
        let history = repository.read(&format!("{pages}/index.html"));
        assert!(
            history.contains("json::serde_json::f64::100x50"),
            "{history}"
        );
        runner.inputs_of("actions/deploy-pages");
        (ended, badge)
    };
    let (ended, badge) = play();
    if let Err(outcome) = ended {
        panic!("{outcome}");
    }
    assert_eq!(badge["message"], "0 of 3 gates");
    // Divan itself times it, so it can't be slowed down.
    repository.behave("json::orjson::f64::100x50 table wall=100000");
    let (ended, _) = play();
    ended.expect_err("nothing was proven").exits(101);
}

/// Archives have the names that `cargo binstall` and the action expect.
#[test]
fn archives_of_a_release() {
    let runner = Runner::new(json!({ "ref_name": "v0.1.0" }));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    if let Err(outcome) = runner.play("release.yml", root.as_ref()) {
        panic!("{outcome}");
    }
    let calls = runner.calls();
    let order = [
        "gh release create v0.1.0 --draft",
        "cargo publish --workspace",
        "gh release edit v0.1.0",
    ];
    let order = order.map(|call| {
        calls
            .find(call)
            .unwrap_or_else(|| panic!("{call}: {calls}"))
    });
    assert!(order.is_sorted(), "{calls}");

    let manifest =
        fs::read_to_string(format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let package = &manifest["package"];
    let binstall = &package["metadata"]["binstall"];
    let of = |key: &str| binstall[key].as_str().unwrap();
    let builds = yaml(".github/workflows/release.yml");
    let builds = &builds["jobs"]["binaries"]["strategy"]["matrix"]["include"];
    let uploads = runner.all_inputs_of("taiki-e/upload-rust-binary-action");
    assert_eq!(uploads.len(), builds.as_array().unwrap().len());
    for upload in &uploads {
        let text = |name: &str| upload[name].as_str().unwrap();
        // The action adds this extension for `tar: all`.
        let archive = format!("{}.tar.gz", text("archive").replace("$tag", "v0.1.0"));
        let repo = package["repository"].as_str().unwrap();
        let filled = of("pkg-url")
            .replace("{ repo }", repo)
            .replace("{ name }", package["name"].as_str().unwrap())
            .replace("{ target }", text("target"))
            .replace("{ version }", package["version"].as_str().unwrap());
        assert_eq!(filled, format!("{repo}/releases/download/v0.1.0/{archive}"));
        assert_eq!((text("tar"), text("bin")), ("all", "cargo-serbench"));
        runner.asset(&archive, &archive_of_nothing());
    }
    // The binary is at the root of the archive.
    assert_eq!(of("bin-dir"), "{ bin }{ binary-ext }");
    assert_eq!(of("pkg-fmt"), "tgz");
    installs(&runner);
}

/// The action downloads the archive for the machine, or builds the tool if there is none.
fn installs(runner: &Runner) {
    let repository = Repository::new(FAST);
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    runner.set("CARGO_HOME", home.path());
    let action = |runner: &Runner, version: &str| {
        let inputs = json!({ "version": version, "baseline": "HEAD" });
        let ended = runner.action("./.github/actions/serbench", &inputs, repository.path());
        if let Err(outcome) = ended {
            panic!("{outcome}");
        }
    };
    action(runner, "latest");
    let installed = fs::read_dir(home.path().join("bin")).unwrap();
    let installed: Vec<_> = installed.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(installed, ["cargo-serbench"]);
    assert!(
        !runner.calls().contains("cargo install"),
        "{}",
        runner.calls()
    );
    let without = Runner::new(json!({}));
    action(&without, "0.1.0");
    let calls = without.calls();
    assert!(
        calls.contains("gh release download v0.1.0 --repo"),
        "{calls}"
    );
    assert!(
        calls.contains("cargo install cargo-serbench --locked --version=0.1.0"),
        "{calls}"
    );
}

fn archive_of_nothing() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["cargo-serbench", "README.md"] {
        fs::write(folder.path().join(file), "").unwrap();
    }
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "cargo-serbench", "README.md"]);
    tar.current_dir(folder.path()).output().unwrap().stdout
}

/// What `init` writes: a gate without write permission, and a publisher that starts after it.
#[test]
fn the_workflows_that_init_writes() {
    let [gate, publish] = written_workflows();
    let start = &publish["on"]["workflow_run"];
    assert_eq!(start["workflows"], json!([gate["name"]]));
    let writes = |workflow: &Value| workflow["permissions"].to_string().contains("write");
    assert!(!writes(&gate) && writes(&publish));

    let upstream = Repository::new(FAST);
    upstream.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let base = upstream.git(&["rev-parse", "HEAD"]);
    let fork = Repository::empty();
    fork.git(&["clone", "--quiet", upstream.path().to_str().unwrap(), "."]);
    fork.behave(SLOW);
    let head = fork.commit("After");
    fork.git(&["push", "--quiet", "origin", "HEAD:refs/pull/7/head"]);
    let runner = Runner::new(json!({ "event": { "pull_request": {
        "base": { "sha": base }, "head": { "sha": head },
    }}}));
    let ended = runner.play_all(&gate, fork.path());
    ended.expect_err("it regressed").exits(100);
    assert!(runner.summary().starts_with("**Regressed**: 1 of 2"));
    let uploaded = runner.inputs_of("actions/upload-artifact");
    for path in uploaded["path"].as_str().unwrap().lines() {
        let within = path.strip_prefix("target/").unwrap();
        let artifact = upstream.path().join("target/artifact/serbench");
        let to = artifact.join(within);
        fs::create_dir_all(&to).unwrap();
        copy_tree(&fork.path().join(path), &to);
    }

    let publisher = publisher(&base, &head);
    if let Err(outcome) = publisher.play_all(&publish, upstream.path()) {
        panic!("{outcome}");
    }
    let downloaded = publisher.inputs_of("actions/download-artifact");
    assert_eq!(downloaded["path"], "target/artifact");
    let check = publisher.sent("POST", "check-runs").unwrap();
    assert_eq!(check["conclusion"], "failure");
    let comment = publisher.sent("POST", "comments").unwrap();
    let body = comment["body"].as_str().unwrap();
    assert!(body.contains("**Regressed**: 1 of 2"), "{body}");
}

/// The gate and the publisher that `init` writes for a crate with a divan bench.
fn written_workflows() -> [Value; 2] {
    let manifest = "[package]\nname = \"some\"\nedition = \"2024\"\n\n[dev-dependencies]\ndivan = \"0.1\"\n\n\
                    [[bench]]\nname = \"some\"\nharness = false\n";
    let divan = Repository::with(&[
        ("Cargo.toml", manifest),
        ("src/lib.rs", ""),
        ("benches/some.rs", ""),
    ]);
    divan.serbench(&["init"]).exits(0);
    ["serbench.yml", "serbench-publish.yml"].map(|name| {
        let text = divan.read(&format!(".github/workflows/{name}"));
        yaml_serde::from_str(&text).unwrap()
    })
}

/// Runs the publisher after the failed gate of a fork's pull request.
fn publisher(base: &str, head: &str) -> Runner {
    let publisher = Runner::new(json!({
        "event": {
            "workflow_run": {
                "id": 99,
                "event": "pull_request",
                "head_sha": head,
                "head_branch": "slow",
                "head_repository": { "full_name": "them/it", "owner": { "login": "them" } },
                "conclusion": "failure",
                "html_url": "https://github.com/us/it/actions/runs/99",
            },
            "repository": { "full_name": "us/it", "default_branch": "main" },
        },
    }));
    let pull = json!({ "number": 7, "head": { "sha": head }, "base": { "sha": base } });
    publisher.answers("pulls", &json!([pull]));
    publisher.answers("comments", &json!([]));
    publisher
}

/// The documented job for GitLab: its reports exist, and its cache folders don't count as changes.
#[test]
fn the_job_for_gitlab() {
    let text = include_str!("../../.github/other-ci.md");
    let yaml = text.split("```yaml\n").nth(1).unwrap();
    let file: Value = yaml_serde::from_str(yaml.split("```").next().unwrap()).unwrap();
    let job = &file["serbench"];
    let repository = Repository::new(FAST);
    let base = repository.git(&["rev-parse", "HEAD"]);
    repository.behave(SLOW);
    repository.commit("Slower");
    let runner = Runner::new(json!({}));
    runner.set("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_ref());
    let home = job["variables"]["CARGO_HOME"].as_str().unwrap();
    let home = home.replace("$CI_PROJECT_DIR", repository.path().to_str().unwrap());
    runner.set("CARGO_HOME", home.as_ref());
    let lines: Vec<&str> = job["script"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    let ended = runner.step(&json!({ "run": lines.join("\n") }), repository.path());
    ended.expect_err("it regressed").exits(100);
    assert!(runner.calls().contains("cargo install cargo-serbench"));
    let reports = &job["artifacts"]["reports"];
    let [junit, metrics] = ["junit", "metrics"].map(|kind| reports[kind].as_str().unwrap());
    assert!(repository.read(junit).contains("<failure"), "{junit}");
    assert!(repository.read(metrics).ends_with("# EOF\n"), "{metrics}");
    let run = fs::read_to_string(repository.runs().pop().unwrap()).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["candidate"]["dirty"], false);
}
