//! Saves, loads and rejects record files.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serbench::random::Random;

use super::{File, Path, Record, Store, Stored, fs, is_hash, load, load_file, names, stamp, text};
use crate::record::tests::two_encoders;

/// The folder for the process that will be killed.
const FOLDER: &str = "SERBENCH_TEST_KILLED_WRITER";

fn store(folder: &Path) -> Store {
    Store {
        baselines: folder.join("baselines"),
        scratch: folder.join("target"),
    }
}

/// The record that writers write alternately.
fn record(odd: bool) -> Record {
    let mut record = Record::from_run(&two_encoders()).unwrap();
    record.subject = format!("odd: {odd}").repeat(if odd { 1 } else { 5000 });
    record
}

fn only(store: &Store) -> Stored {
    let mut all = store.list().unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn records_are_found_under_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    assert_eq!(store.list().unwrap(), []);
    let record = record(true);
    let path = store.save(record.clone()).unwrap();
    let stored = only(&store);
    assert_eq!((&stored.path, &stored.key), (&path, &record.key()));
    assert_eq!(load(&stored).unwrap(), record);
    // Written twice it is the same, byte for byte.
    let text = fs::read(&path).unwrap();
    store.save(record.clone()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), text);
    assert!(!store.replace(&record).unwrap().1);
    // Other files are ignored.
    fs::write(store.baselines.join("accepted.toml"), "").unwrap();
    fs::write(store.baselines.join("README.md"), "").unwrap();
    fs::create_dir(store.baselines.join("HEAD")).unwrap();
    assert_eq!(only(&store), stored);
}

#[test]
fn a_record_in_the_wrong_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = store.save(record(true)).unwrap();
    let problem = |path: &Path| {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let stored = Stored {
            commit: name(path.parent().unwrap()),
            key: name(path).trim_end_matches(".json").to_owned(),
            path: path.to_path_buf(),
        };
        format!("{:#}", load(&stored).unwrap_err())
    };
    let elsewhere = store.baselines.join("f".repeat(40));
    fs::create_dir(&elsewhere).unwrap();
    let elsewhere = elsewhere.join(path.file_name().unwrap());
    fs::copy(&path, &elsewhere).unwrap();
    assert!(problem(&elsewhere).contains("belongs to another commit"));
    let renamed = path.with_file_name("linux-x86_64-00000000.json");
    fs::rename(&path, &renamed).unwrap();
    assert!(problem(&renamed).contains("belongs to another machine"));
}

#[test]
fn a_broken_record_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = store.save(record(true)).unwrap();
    fs::write(&path, "{").unwrap();
    let error = format!("{:#}", store.save(record(true)).unwrap_err());
    assert!(error.contains("invalid record"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"{");
}

#[test]
fn too_large_files_are_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    let error = load_file(file.path()).unwrap_err().to_string();
    assert!(error.contains("larger than 16 MiB"), "{error}");
}

#[test]
fn a_stamp_changes_with_the_content() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let before = stamp(file.path()).unwrap();
    fs::write(file.path(), "x").unwrap();
    assert_ne!(stamp(file.path()).unwrap(), before);
    assert_eq!(stamp(Path::new("/no/such/file")), None);
    assert!(is_hash(&"a0".repeat(20)) && !is_hash(&"A0".repeat(20)) && !is_hash("a0"));
}

#[test]
fn leftovers_are_cleaned() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.save(record(true)).unwrap();
    let leftover = store.baselines.join(".serbench-writing-abc");
    fs::write(&leftover, "half a rec").unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
    store.save(record(true)).unwrap();
    assert!(!leftover.exists());
}

#[test]
fn two_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut all = record(true);
    for copy in 0..20 {
        let one = all.benchmarks["json::alone"].clone();
        all.benchmarks
            .insert(format!("json::alone::{copy}").into(), one);
    }
    let ids: Vec<crate::select::BenchId> = all.benchmarks.keys().cloned().collect();
    // Each adds every other benchmark, one at a time.
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (store, all, ids) = (&store, &all, &ids);
            scope.spawn(move || {
                for id in ids.iter().skip(half).step_by(2) {
                    let mut one = all.clone();
                    one.benchmarks.retain(|other, _| other == id);
                    store.save(one).unwrap();
                }
            });
        }
    });
    assert_eq!(load(&only(&store)).unwrap(), all);
}

#[test]
fn a_killed_writer_leaves_the_old_record_or_the_new() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_until_killed(&store(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let texts = [record(false), record(true)].map(|record| text::write(&record));
    let mut random = Random::seeded(20_261_121);
    for _ in 0..20 {
        let mut child = writer(folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines
            .by_ref()
            .find(|line| line.as_ref().unwrap().contains("ready"));
        assert!(ready.is_some(), "the writer did not start");
        let moment = Duration::from_micros(random.below(8_000));
        let started = Instant::now();
        while started.elapsed() < moment {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = fs::read_to_string(only(&store).path).unwrap();
        assert!(texts.contains(&found), "{} bytes are neither", found.len());
        // Nobody holds the lock any more, and the next writer cleans up.
        File::open(store.scratch.join("records.lock"))
            .unwrap()
            .try_lock()
            .unwrap();
        store.replace(&record(found == texts[0])).unwrap();
        let left = names(&store.baselines).unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

/// Runs this test in another process, which does the writing.
fn writer(folder: &Path) -> Child {
    let name = "record::store::tests::a_killed_writer_leaves_the_old_record_or_the_new";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[expect(clippy::print_stdout, reason = "the parent waits for this line")]
fn write_until_killed(store: &Store) -> ! {
    let records = [record(false), record(true)];
    store.replace(&records[0]).unwrap();
    println!("ready");
    loop {
        for record in &records {
            store.replace(record).unwrap();
        }
    }
}
