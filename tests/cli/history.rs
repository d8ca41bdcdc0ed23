//! Which commit is the baseline, and what happens if there is none.

use crate::repository::Repository;

const BEFORE: &str = "fake::only worker cpu=50000";
const AFTER: &str = "fake::only worker cpu=60000";
const REGRESSED: &str = "gate: regressed (1 benchmark, 1 regressed, ";

#[test]
fn no_repository() {
    let plain = Repository::uncommitted(BEFORE);
    for command in [&["gate"][..], &["compare", "a", "b"]] {
        let outcome = plain.serbench(command);
        outcome
            .exits(101)
            .says_no_more()
            .warns(&["error: ", "git repository"]);
    }
    plain
        .serbench(&["--quick", "--baseline=main"])
        .exits(101)
        .warns(&["error: no baseline to compare with: no git repository"]);
    // A plain run needs none.
    plain
        .serbench(&["--quick"])
        .exits(0)
        .says(&["only", "50.00 µs"]);
    plain.serbench(&["list"]).exits(0).answers("fake::only");
    plain.git(&["init", "--quiet", "--initial-branch=main"]);
    plain
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["error: no commit to compare with yet"]);
    plain.commit("First");
    plain
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["error: no --baseline given, and the commit before HEAD is not in this clone"])
        .warns(&["HEAD is the first; `--baseline HEAD` compares with it"]);
    Repository::empty()
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["error: ", "is there a Cargo.toml?"]);
}

#[test]
fn the_baseline() {
    let repository = Repository::new(BEFORE);
    let first = repository.git(&["rev-parse", "HEAD"]);
    let gate = |arguments: &[&str]| repository.serbench(&[&["gate"], arguments].concat());
    // Uncommitted changes are compared with HEAD.
    repository.behave(AFTER);
    gate(&[])
        .exits(100)
        .answers(REGRESSED)
        .warns(&["the commit that the work tree was changed from"]);
    // On a branch: the merge base, however old, and ignoring later commits on main.
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.commit("Slower");
    repository.write("README.md", "Words.\n");
    repository.commit("Document");
    repository.git(&["switch", "--quiet", "main"]);
    repository.write("NEWS.md", "Words.\n");
    repository.commit("Meanwhile");
    repository.git(&["switch", "--quiet", "feature"]);
    gate(&[]).exits(100).answers(REGRESSED).warns(&[
        "Baseline",
        &first[..10],
        "(Before)",
        "the merge base with main",
    ]);
    // With any git revision.
    for name in ["HEAD~1", "feature"] {
        gate(&["--baseline", name])
            .exits(0)
            .answers("gate: passed (1 benchmark, 0 regressed, 1 identical, ");
    }
    gate(&["--baseline", &first[..8]])
        .exits(100)
        .answers(REGRESSED);
    gate(&["--baseline", "v0"])
        .exits(101)
        .says_no_more()
        .warns(&["error: no commit `v0` in this clone"])
        .warns(&["`git fetch origin v0:refs/remotes/origin/v0`"]);
    // After the merge: the previous commit.
    repository.git(&["switch", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--squash", "feature"]);
    repository.commit("Squashed");
    gate(&[])
        .exits(100)
        .answers(REGRESSED)
        .warns(&["(Meanwhile): the commit before HEAD"]);
    // The work tree must not change.
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
}

#[test]
fn shallow_clones() {
    let origin = Repository::new(BEFORE);
    let first = origin.git(&["rev-parse", "HEAD"]);
    origin.behave(AFTER);
    origin.commit("After");
    origin.git(&["switch", "--quiet", "--create", "feature"]);
    origin.write("README.md", "Words.\n");
    origin.commit("Document");
    origin.git(&["switch", "--quiet", "main"]);
    let url = format!("file://{}", origin.path().display());
    let clone = Repository::empty();
    clone.git(&[
        "clone",
        "--quiet",
        "--depth=1",
        "--branch=feature",
        &url,
        ".",
    ]);

    clone
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&[
            "no --baseline given",
            "the commit before HEAD is not in this clone",
        ])
        .warns(&["this clone is shallow", "`git fetch --deepen=1`"])
        .warns_nothing_of(&["origin HEAD"]);
    let command = format!("git fetch --unshallow origin {first}");
    clone
        .serbench(&["gate", "--baseline", &first])
        .exits(101)
        .says_no_more()
        .warns(&["this clone is shallow", &command]);
    // The clone has both branches, but not their merge base.
    clone.git(&[
        "fetch",
        "--quiet",
        "--depth=1",
        "origin",
        "main:refs/remotes/origin/main",
    ]);
    clone
        .serbench(&["gate"])
        .exits(101)
        .says_no_more()
        .warns(&["the merge base with origin/main is not in this clone"])
        .warns(&["`git fetch --unshallow`"]);
    // The suggested command helps.
    clone.git(&command.split(' ').skip(1).collect::<Vec<_>>());
    clone
        .serbench(&["gate", "--baseline", &first])
        .exits(100)
        .answers(REGRESSED);
}

#[test]
fn a_workspace_below_the_top() {
    let repository = Repository::new(BEFORE);
    repository.git(&["rm", "-r", "--quiet", "--cached", "."]);
    let inner = repository.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "benches"] {
        std::fs::rename(repository.path().join(name), inner.join(name)).unwrap();
    }
    repository.commit("Move");
    repository.write("inner/benches/behaviour.txt", AFTER);
    let manifest = ["gate", "--manifest-path", "inner/Cargo.toml"];
    repository.serbench(&manifest).exits(100).answers(REGRESSED);
    repository.commit("After");
    repository.serbench(&manifest).exits(100).answers(REGRESSED);
    repository
        .serbench(&[
            "gate",
            "--manifest-path=inner/Cargo.toml",
            "--baseline=HEAD~2",
        ])
        .exits(101)
        .says_no_more()
        .warns(&["error: ", "has no Cargo.toml here"]);
}
