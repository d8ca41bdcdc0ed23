//! `cargo serbench merge`: the records of shards become one.

use std::fs;

use serde_json::json;

use crate::records::{Place, key, record};

#[test]
fn shards_are_merged() {
    let place = Place::new();
    let commit = place.commit("First");
    let part = |minute: u32, encoder: &str| {
        let mut part = record(&commit, "First", "R3000", 1.2);
        part["runs"][0]["started_at"] = json!(format!("2026-11-21T01:{minute}:52Z"));
        let benchmarks = part["benchmarks"].as_object_mut().unwrap();
        let slow = benchmarks.remove("json::slow::f64::100x100").unwrap();
        benchmarks.insert(format!("json::{encoder}::f64::100x100"), slow);
        let path = place.path(format!("artifacts/{encoder}/deep/record.json"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, part.to_string()).unwrap();
    };
    part(10, "a");
    part(11, "b");
    let done = place.run(&["merge", "artifacts"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""));
    insta::assert_snapshot!("merge", done.stderr);
    let path = place.path("baselines").join(&commit).join(format!(
        "{}.json",
        key(&record(&commit, "First", "R3000", 1.2))
    ));
    let text = fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!("merged_record", text);
    // Repeating it, in parts or another order, changes nothing.
    assert!(
        place
            .run(&["merge", "artifacts"])
            .stderr
            .contains("Unchanged")
    );
    assert_eq!(
        place.run(&["merge", "artifacts/b", "artifacts/a"]).code,
        Some(0)
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // Measured again: it is unclear which one to keep.
    part(12, "b");
    let error = place.bad(&["merge", "artifacts/b/deep/record.json"]);
    insta::assert_snapshot!("merge_conflict", error);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let error = place.bad(&["merge", "src"]);
    assert!(error.contains("no record (*.json) in src"), "{error}");
}
