//! Accepted changes, from the failed gate to the one that passes.

use crate::repository::Repository;

#[test]
fn a_removal() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::goes::u8::4      worker cpu=50000",
    );
    repository.behave("fake::reference::u8::4 worker cpu=100001");
    repository.commit("Without one");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .answers("gate: passed, 1 removed (2 benchmarks, 0 regressed, 1 removed, ")
        .says(&["accept 'fake::goes::u8::4' --removed --reason TEXT"]);
    // Accepting a change does not accept the removal.
    repository
        .serbench(&["accept", "fake::goes::u8::4", "--reason", "slower"])
        .exits(0);
    repository.serbench(&["gate", "--seed=1"]).exits(101);
    repository
        .serbench(&[
            "accept",
            "fake::goes::u8::4",
            "--removed",
            "--reason",
            "Nobody uses it",
        ])
        .exits(0)
        .warns(&["commit baselines/accepted/fake-goes"]);
    let accepted = repository.serbench(&["gate", "--seed=1"]);
    accepted
        .exits(0)
        .answers("Passed")
        .says(&["1 removal accepted in this change"])
        .says(&["fake::goes::u8::4", "accepted: Nobody uses it"]);
    // It applies to one step only.
    repository.commit("Accepted");
    repository.behave("");
    repository.behave("fake::reference::u8::4 worker cpu=100002");
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(0)
        .answers("gate: passed (1 benchmark, 0 regressed, ")
        .says_nothing_of(&["accepted"]);
}

#[test]
fn a_benchmark_that_failed_at_the_baseline() {
    let repository = Repository::new(
        "fake::reference::u8::4 worker cpu=100000
         fake::healed::u8::4    panic",
    );
    repository.behave(
        "fake::reference::u8::4 worker cpu=100001
         fake::healed::u8::4    worker cpu=50000",
    );
    repository.commit("Mended");
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(101)
        .says(&["fake::healed::u8::4: failed at the baseline: panicked at"])
        .says(&["accept fake::healed::u8::4 --reason TEXT"]);
    repository
        .serbench(&["accept", "fake::healed::u8::4", "--reason", "It works now"])
        .exits(0);
    repository
        .serbench(&["gate", "--seed=1"])
        .exits(0)
        .answers("Passed")
        .says(&["1 failure at the baseline accepted in this change"])
        .says(&["fake::healed::u8::4", "accepted: It works now"]);
    // A failure at the candidate can't be accepted.
    repository.behave(
        "fake::reference::u8::4 worker cpu=100001
         fake::healed::u8::4    panic",
    );
    repository
        .serbench(&["gate", "--seed=1", "--baseline=HEAD"])
        .exits(101);
}

#[test]
fn mistakes_accept_nothing() {
    let repository = Repository::new("fake::reference::u8::4 worker cpu=100000");
    for (arguments, words) in [
        (
            &["accept", "", "--reason", "x"][..],
            "an empty id accepts nothing",
        ),
        (
            &["accept", " ", "--reason", "x"],
            "an empty id accepts nothing",
        ),
        (
            &["accept", "a", "", "--reason", "x"],
            "an empty id accepts nothing",
        ),
        (
            &["accept", "a[", "--reason", "x"],
            "neither an id nor a valid glob",
        ),
        (&["accept", "a", "--reason", "\n \t"], "needs a reason"),
    ] {
        repository
            .serbench(arguments)
            .exits(101)
            .says_no_more()
            .warns(&["error: ", words]);
    }
    for arguments in [
        &["accept", "--reason", "x"][..],
        &["accept", "a"],
        &["accept", "a", "--removed", "--up-to=6%", "--reason=x"],
    ] {
        repository.serbench(arguments).exits(2).says_no_more();
    }
    assert!(!repository.path().join("baselines").exists());
}
