//! End-to-end tests: exit codes, first lines and messages of the real binary, in temporary git repositories
//! whose benchmarks take known times.

mod accepted;
mod accepting;
mod bisect;
mod cached;
#[cfg(unix)]
mod calibrate;
#[cfg(unix)]
mod checkout;
mod deploying;
mod doctor;
mod encodings;
mod escaping;
mod explain;
mod failures;
mod foreign;
mod history;
#[expect(clippy::print_stdout, reason = "counts are what this is for")]
mod inert;
mod init;
#[cfg(unix)]
mod interrupts;
mod layers;
mod layout;
mod merging;
mod narrowed;
mod old_commits;
mod outside;
mod overlay;
mod packages;
mod page;
mod policy;
mod recorded;
mod records;
mod reports;
mod repository;
#[cfg(unix)]
mod runner;
mod stale;
#[expect(clippy::print_stderr, reason = "says which toolchain is missing")]
mod toolchains;
#[expect(clippy::print_stdout, reason = "counts are what this is for")]
mod trial;
mod verdicts;
#[expect(clippy::print_stderr, reason = "says which version takes so long")]
mod versions;
#[cfg(unix)]
mod workflows;

use repository::Repository;

#[test]
fn usage() {
    let nowhere = Repository::empty();
    for wrong in [
        &["gate", "--no-such-flag"][..],
        &["compare", "only-one"],
        &["--format=xls"],
        &["gate", "--budget=soon"],
    ] {
        let outcome = nowhere.serbench(wrong);
        outcome.exits(2).says_no_more().warns(&["error:"]);
    }
    nowhere
        .serbench(&["--help"])
        .exits(0)
        .says(&["102", "--strict"]);
    // As called by cargo.
    nowhere.serbench(&["serbench", "gate", "--help"]).exits(0);
    nowhere.serbench(&["--version"]).exits(0);
}
