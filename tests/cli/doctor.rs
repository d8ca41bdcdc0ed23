//! `doctor`: checks of the machine, and `--prove`.

use crate::repository::Repository;

const BENCHES: &str = "
    fake::reference::u8::4 worker cpu=100000
    fake::own::u8::4       worker cpu=50000
";

#[test]
fn faults_come_with_solutions() {
    let repository = Repository::new(BENCHES);
    let healthy = repository.serbench(&["doctor"]);
    healthy.exits(0).says(&["pass", "git", "complete clone"]);
    healthy.says(&["pass", "benches", "1 bench target"]);
    healthy.says(&["passed", "warned", "0 failed"]);

    let json = repository.serbench(&["doctor", "--format=json"]);
    let answer: serde_json::Value = serde_json::from_str(json.exits(0).stdout()).unwrap();
    let checks = answer["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["name"] == "clock"));
    repository
        .serbench(&["doctor", "--format=html"])
        .exits(2)
        .warns(&["doctor prints"]);

    let without_git = Repository::uncommitted(BENCHES).serbench(&["doctor"]);
    without_git
        .exits(101)
        .says(&["fail", "git", "no repository"]);
    let nowhere = Repository::empty().serbench(&["doctor"]);
    nowhere.exits(101).says(&["fail", "benches"]);
}

#[test]
fn the_gate_is_tested_on_the_benchmarks() {
    let repository = Repository::new(BENCHES);
    let prove = ["doctor", "--prove", "--gates=2", "--slowdowns=2%,10%"];
    let sentence = "0 of 2 false alarms, finds 2 % in 2 of 2 (threshold 1 %), finds 10 % in 2 of 2 (threshold 3 %)";
    let badge = [&prove[..], &["--badge=pages/badge.json"]].concat();
    repository.serbench(&badge).exits(0).says(&[sentence]);
    assert_eq!(
        repository.read("pages/badge.json"),
        r#"{"schemaVersion":1,"label":"false alarms","message":"0 of 2 gates","color":"brightgreen"}"#
    );
    repository
        .serbench(&["doctor", "--badge=badge.json"])
        .exits(2)
        .warns(&["--prove"]);
    repository.behave(&BENCHES.replace("50000", "60000"));
    let gate = repository.serbench(&["gate", "--baseline=HEAD"]);
    gate.exits(100).says(&["Proof", sentence]);
}

#[test]
fn benchmarks_that_cannot_be_slowed_down_prove_nothing() {
    let repository = Repository::new("fake::own::u8::4 table wall=20000");
    repository
        .serbench(&["doctor", "--prove", "--gates=1"])
        .exits(101)
        .says(&["detection was not tested: divan itself times `fake::own::u8::4`"]);
}
