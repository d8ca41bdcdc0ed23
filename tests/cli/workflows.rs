//! Runs the workflows of this repository step by step: the gate of a fork's pull request and the
//! publisher of its verdict, with outdated, damaged or forged artifacts.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    repository::{Outcome, Repository, copy_tree},
    runner::Runner,
};

const BEFORE: &str = "fake::reference::u8::4 worker cpu=100000\nfake::only::u8::4 worker cpu=50000";
const SLOWER: &str = "fake::reference::u8::4 worker cpu=100000\nfake::only::u8::4 worker cpu=60000";

/// A repository, a fork with one more commit, and the repository as checked out by the publisher.
struct Forked {
    upstream: Repository,
    fork: Repository,
    base: String,
    head: String,
}

impl Forked {
    fn new(after: &str) -> Self {
        let upstream = Repository::new(BEFORE);
        upstream.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let base = upstream.git(&["rev-parse", "HEAD"]);
        let fork = clone(&upstream);
        fork.behave(after);
        let head = fork.commit("After");
        fork.git(&["push", "--quiet", "origin", "HEAD:refs/pull/7/head"]);
        Self {
            upstream,
            fork,
            base,
            head,
        }
    }

    /// Runs the gate; returns its runner and result.
    fn gate(&self) -> (Runner, Result<(), Outcome>) {
        let runner = Runner::new(json!({ "event": { "pull_request": {
            "base": { "sha": self.base },
            "head": { "sha": self.head },
        }}}));
        let ended = runner.play("gate.yml", self.fork.path());
        (runner, ended)
    }

    /// A runner for the publisher, whose pull request has the measured head.
    fn publisher(&self, conclusion: &str) -> Runner {
        let runner = Runner::new(json!({
            "token": "secret",
            "event": {
                "workflow_run": {
                    "id": 99,
                    "event": "pull_request",
                    "head_sha": self.head,
                    "head_branch": "faster\"$(id)",
                    "head_repository": { "full_name": "them/fork", "owner": { "login": "them" } },
                    "conclusion": conclusion,
                    "html_url": "https://github.com/us/it/actions/runs/99",
                },
                "repository": { "full_name": "us/it", "default_branch": "main" },
            },
        }));
        let pull = |number: u32, head: &str| json!({ "number": number, "head": { "sha": head }, "base": { "sha": self.base } });
        runner.answers("pulls", &json!([pull(6, &self.base), pull(7, &self.head)]));
        runner.answers("comments", &json!([]));
        runner
    }

    /// The publisher's comment and check.
    fn publish(&self, runner: &Runner, artifact: impl Fn(&Path)) -> (Option<Value>, Value) {
        let checkout = clone(&self.upstream);
        artifact(&checkout.path().join("target/artifact"));
        if let Err(outcome) = runner.play("publish.yml", checkout.path()) {
            panic!("{outcome}");
        }
        let comment = runner.sent("POST", "comments");
        (comment, runner.sent("POST", "check-runs").expect("a check"))
    }
}

fn clone(upstream: &Repository) -> Repository {
    let checkout = Repository::empty();
    let from = upstream.path().to_str().unwrap();
    checkout.git(&["clone", "--quiet", from, "."]);
    checkout.remember_rustc();
    checkout
}

/// Copies artifacts as `actions/upload-artifact` and `actions/download-artifact` do, one folder each.
fn downloaded(gated: &Repository, artifact: &Path) {
    for part in ["serbench-report", "serbench/runs"] {
        let to = artifact.join("serbench").join(part);
        fs::create_dir_all(&to).unwrap();
        copy_tree(&gated.path().join("target").join(part), &to);
    }
}

fn stored(repository: &Repository) -> Value {
    let run = repository.runs().pop().unwrap();
    serde_json::from_str(&fs::read_to_string(run).unwrap()).unwrap()
}

fn store(run: &Value, artifact: &Path) {
    let folder = artifact.join("serbench/serbench/runs");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("run.json"), run.to_string()).unwrap();
}

#[test]
fn the_life_of_a_forks_pull_request() {
    let forked = Forked::new(SLOWER);
    gate_regresses(&forked);
    let publisher = forked.publisher("failure");
    let download = |artifact: &Path| downloaded(&forked.fork, artifact);
    let (comment, check) = forked.publish(&publisher, download);
    let body = comment.unwrap()["body"].as_str().unwrap().to_owned();
    assert!(
        body.starts_with("<!-- cargo-serbench -->\n**Regressed**: 1 of 2 benchmarks"),
        "{body}"
    );
    assert_eq!(check["conclusion"], "failure");
    assert_eq!(check["head_sha"], forked.head);
    assert_eq!(check["output"]["summary"], body);
    let calls = publisher.calls();
    assert!(calls.contains("repos/us/it/issues/7/comments"), "{calls}");
    assert!(calls.contains("head=them:faster\"$(id)"), "{calls}");

    // Again, with existing comments, one of which is ours.
    publisher.answers(
        "comments",
        &json!([
            { "id": 1, "user": { "type": "User" }, "body": "<!-- cargo-serbench -->\nnot ours" },
            { "id": 2, "user": { "type": "Bot" }, "body": "of another bot" },
            { "id": 3, "user": { "type": "Bot" }, "body": "<!-- cargo-serbench -->\r\nolder" },
        ]),
    );
    let (comment, check) = forked.publish(&publisher, download);
    assert_eq!(comment, None);
    assert_eq!(publisher.sent("PATCH", "3").unwrap()["body"], body);
    assert_eq!(check["head_sha"], forked.head);

    // The pull request has a newer commit.
    publisher.answers(
        "pulls",
        &json!([
            { "number": 7, "head": { "sha": forked.base }, "base": { "sha": forked.base } },
        ]),
    );
    let (comment, check) = forked.publish(&publisher, download);
    assert_eq!((comment, publisher.sent("PATCH", "3")), (None, None));
    assert_eq!(check["head_sha"], forked.head);
}

/// Runs the gate of a slower fork.
fn gate_regresses(forked: &Forked) {
    let (runner, ended) = forked.gate();
    let outcome = ended.expect_err("it regressed");
    outcome
        .exits(100)
        .says(&["::error title=fake%3A%3Aonly%3A%3Au8%3A%3A4 regressed"]);
    assert_eq!(runner.value("steps.gate.outputs.verdict"), "regressed");
    assert!(
        runner
            .summary()
            .starts_with("**Regressed**: 1 of 2 benchmarks")
    );
    let checkout = runner.inputs_of("actions/checkout");
    assert_eq!(checkout["ref"], forked.head);
    let key = runner.inputs_of("actions/cache");
    let restore = key["restore-keys"].as_str().unwrap();
    assert!(
        key["key"].as_str().unwrap().starts_with(restore) && restore.ends_with('-'),
        "{key}"
    );
    let uploaded = runner.inputs_of("actions/upload-artifact");
    let paths: Vec<&str> = uploaded["path"].as_str().unwrap().lines().collect();
    assert_eq!(paths, ["target/serbench-report", "target/serbench/runs"]);
}

#[test]
fn forged_artifacts() {
    let forked = Forked::new(SLOWER);
    let (_, ended) = forked.gate();
    assert!(ended.is_err());
    let run = stored(&forked.fork);
    let publisher = forked.publisher("success");
    let check = |what: &str, artifact: &dyn Fn(&Path)| {
        let (comment, check) = forked.publish(&publisher, artifact);
        let body = comment.unwrap()["body"].as_str().unwrap().to_owned();
        assert!(body.contains(what), "not {what:?} in {body}");
        assert_eq!(check["conclusion"], "failure", "{what}");
        assert_eq!(check["head_sha"], forked.head);
        body
    };
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut run = run.clone();
        edit(&mut run);
        run
    };
    check("**Not measured**: the gate stored no run", &|_| {});
    let other = edited(&|run| run["candidate"]["commit"] = json!("1".repeat(40)));
    check("is a run of 1111", &|it| store(&other, it));
    let dirty = edited(&|run| run["candidate"]["dirty"] = true.into());
    check("with uncommitted changes", &|it| store(&dirty, it));
    let itself = edited(&|run| run["baseline"] = run["candidate"].clone());
    check("compares with", &|it| store(&itself, it));
    let alone = edited(&|run| run["baseline"] = Value::Null);
    check("is a run of one commit, with no baseline", &|it| {
        store(&alone, it)
    });
    let decided = edited(&|run| run["outcome"] = "passed".into());
    check("unknown field \\`outcome\\`", &|it| store(&decided, it));
    // Reports and pull request numbers in the artifact are ignored.
    check("**Regressed**: 1 of 2", &|it| {
        store(&run, it);
        fs::create_dir_all(it.join("serbench/serbench-report")).unwrap();
        let report = it.join("serbench/serbench-report/serbench-comment.md");
        fs::write(report, "**Passed**").unwrap();
        fs::write(it.join("serbench/pull_request_number"), "1").unwrap();
    });
    assert!(!publisher.calls().contains("issues/1/"));
    check("is a symbolic link", &store_link);
    let too_large = "is 2048 MiB; the maximum for a stored run is 64 MiB";
    check(too_large, &store_huge);
    let markup = edited(&|run| {
        run["candidate"]["commit"] = "<img src=x> [a](https://evil.example) @octocat".into()
    });
    let body = check("is a run of &lt;img src=x>", &|it| store(&markup, it));
    assert!(
        !body.contains("](https://evil") && !body.contains("@octocat"),
        "{body}"
    );
    let shard = edited(&|run| run["shard"] = "1/2".into());
    check("**Not measured**", &|it| {
        store(&shard, it);
        store(&run, &it.join("other"));
    });
}

fn store_link(artifact: &Path) {
    let runs = artifact.join("serbench/serbench/runs");
    fs::create_dir_all(&runs).unwrap();
    std::os::unix::fs::symlink("../../../../../Cargo.toml", runs.join("run.json")).unwrap();
}

fn store_huge(artifact: &Path) {
    let runs = artifact.join("serbench/serbench/runs");
    fs::create_dir_all(&runs).unwrap();
    let huge = fs::File::create(runs.join("huge.json")).unwrap();
    huge.set_len(2 << 30).unwrap();
}

#[test]
fn runs_of_an_earlier_attempt_do_not_pass_a_failed_gate() {
    let forked = Forked::new(&format!("{BEFORE}\n"));
    let (_, ended) = forked.gate();
    assert!(ended.is_ok(), "{}", ended.unwrap_err());
    let download = |artifact: &Path| downloaded(&forked.fork, artifact);
    let publisher = forked.publisher("success");
    let (_, check) = forked.publish(&publisher, download);
    assert_eq!(check["conclusion"], "success");
    for conclusion in ["failure", "cancelled", "timed_out"] {
        let publisher = forked.publisher(conclusion);
        let (comment, check) = forked.publish(&publisher, download);
        assert_eq!(check["conclusion"], "failure", "{conclusion}");
        let body = comment.unwrap()["body"].to_string();
        assert!(
            body.contains("**Not measured**: the gate failed, although"),
            "{body}"
        );
    }
}

#[test]
fn five_hundred_rows_in_a_comment() {
    let forked = Forked::new(SLOWER);
    assert!(forked.gate().1.is_err());
    let mut run = stored(&forked.fork);
    let slower = "fake::only::u8::4";
    let benchmark = run["benchmarks"][slower].clone();
    let blocks = run["blocks"].as_array().unwrap().clone();
    let of_slower =
        |block: &&Value| block["arms"][0]["id"] == slower && block["arms"][1]["id"] == slower;
    let blocks: Vec<&Value> = blocks.iter().filter(of_slower).collect();
    let blocks = &blocks[..4];
    for number in 0..500 {
        let id = format!("fake::a_rather_long_name_of_an_encoder_{number}::u8::4");
        run["benchmarks"][&id] = benchmark.clone();
        let renamed = blocks.iter().map(|block| {
            let text = block.to_string().replace(slower, &id);
            serde_json::from_str::<Value>(&text).unwrap()
        });
        run["blocks"].as_array_mut().unwrap().extend(renamed);
    }
    let publisher = forked.publisher("failure");
    let (comment, check) = forked.publish(&publisher, |it| store(&run, it));
    let body = comment.unwrap()["body"].as_str().unwrap().to_owned();
    assert!(body.len() <= 60_000, "{} bytes", body.len());
    let rows = body.lines().filter(|line| line.starts_with("| `fake::"));
    let more = body.split(" more in the artifact").next().unwrap();
    let more = more.lines().last().unwrap().trim_start();
    assert!(
        rows.count() + more.parse::<usize>().unwrap() >= 500,
        "{body}"
    );
    assert_eq!(check["conclusion"], "failure");
}

/// Each job of a matrix gates a shard; together they get one comment and one check.
#[test]
fn shards_get_one_comment() {
    let forked = Forked::new(&format!("{SLOWER}\nfake::other::u8::4 worker cpu=70000"));
    let folder = tempfile::tempdir().unwrap();
    let artifact = |shard: u32| folder.path().join(shard.to_string());
    for shard in [1, 2] {
        let job = clone(&forked.upstream);
        job.git(&["fetch", "--quiet", "origin", &forked.head]);
        job.git(&["checkout", "--quiet", &forked.head]);
        let runner =
            Runner::new(json!({ "event": { "pull_request": { "base": { "sha": forked.base } } } }));
        let inputs =
            json!({ "version": "workspace", "args": format!("--seed 1 --shard {shard}/2") });
        let _ = runner.action("./.github/actions/serbench", &inputs, job.path());
        downloaded(&job, &artifact(shard));
    }
    let publisher = forked.publisher("failure");
    let publish = |shards: &[u32]| {
        let (comment, check) = forked.publish(&publisher, |to| {
            for shard in shards {
                let to = to.join(format!("serbench-{shard}"));
                fs::create_dir_all(&to).unwrap();
                copy_tree(&artifact(*shard).join("serbench"), &to);
            }
        });
        assert_eq!(check["conclusion"], "failure");
        comment.unwrap()["body"].as_str().unwrap().to_owned()
    };
    let body = publish(&[1, 2]);
    assert!(body.contains("**Regressed**: 1 of 4 benchmarks"), "{body}");
    let body = publish(&[2]);
    assert!(
        body.contains("Not measured") && body.contains("shard 1/2 is missing"),
        "{body}"
    );
}
