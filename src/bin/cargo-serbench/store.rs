//! Records in, files of the `baselines` folder out, and back.
//!
//! A file appears under its name only when all of it is on the disk, by one rename, so that a
//! program killed at any moment leaves the old file or the new one. Writers take turns by a lock
//! that the kernel gives back, however its holder ends.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result, bail};

use crate::{
    discover::Workspace,
    index::Stamp,
    record::{Record, text, text::is_hash},
};

/// How the names of half-written files begin. They lie at the top of the folder, where the next
/// writer finds them without looking into each commit's.
const STAGING: &str = ".serbench-writing-";

/// No record comes near; what is larger is something else and not worth the memory.
const LARGEST: u64 = 16 << 20;

/// The folder of records, and the folder for what can be made again.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// `baselines` of the workspace.
    pub(crate) baselines: PathBuf,
    /// `target/serbench` of the workspace.
    pub(crate) scratch: PathBuf,
}

/// A record's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stored {
    /// Full hash.
    pub(crate) commit: String,
    /// The machine key.
    pub(crate) key: String,
    pub(crate) path: PathBuf,
}

impl Store {
    /// That of a workspace.
    pub(crate) fn of(workspace: &Workspace) -> Self {
        Self {
            baselines: workspace.root.join("baselines"),
            scratch: workspace.scratch(),
        }
    }

    /// Where the record of a commit on a machine lies, or would.
    pub(crate) fn path(&self, commit: &str, key: &str) -> PathBuf {
        self.baselines.join(commit).join(format!("{key}.json"))
    }

    /// All records, by commit and key. What is named differently is not one.
    pub(crate) fn list(&self) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for commit in names(&self.baselines)? {
            if is_hash(&commit) {
                stored.extend(self.list_commit(&commit)?);
            }
        }
        stored.sort();
        Ok(stored)
    }

    /// The records of one commit, by key.
    pub(crate) fn list_commit(&self, commit: &str) -> Result<Vec<Stored>> {
        let mut stored: Vec<Stored> = names(&self.baselines.join(commit))?
            .into_iter()
            .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
            .map(|key| Stored {
                commit: commit.to_owned(),
                path: self.path(commit, &key),
                key,
            })
            .collect();
        stored.sort();
        Ok(stored)
    }

    /// Writes `record` to its file and returns that. Benchmarks of an earlier record of the same
    /// commit and machine that this one lacks stay.
    pub(crate) fn save(&self, mut record: Record) -> Result<PathBuf> {
        let _turn = self.turn()?;
        let path = self.path(&record.commit, &record.key());
        if path.exists() {
            record.update(&load_file(&path)?);
        }
        self.put(&path, &text::write(&record))?;
        Ok(path)
    }

    /// Writes `record` to its file as it is, if that changes anything.
    pub(crate) fn replace(&self, record: &Record) -> Result<(PathBuf, bool)> {
        let _turn = self.turn()?;
        let path = self.path(&record.commit, &record.key());
        let text = text::write(record);
        let changes = fs::read(&path).ok().as_deref() != Some(text.as_bytes());
        if changes {
            self.put(&path, &text)?;
        }
        Ok((path, changes))
    }

    /// Replaces a file of the folder by what `edit` makes of its text, empty when there is none.
    pub(crate) fn edit(
        &self,
        path: &Path,
        edit: impl FnOnce(&str) -> Result<String>,
    ) -> Result<()> {
        let _turn = self.turn()?;
        let old = match fs::read_to_string(path) {
            Ok(old) => old,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        self.put(path, &edit(&old)?)
    }

    /// Waits until no other program writes here.
    fn turn(&self) -> Result<File> {
        let path = self.scratch.join("records.lock");
        let lock = || -> std::io::Result<File> {
            fs::create_dir_all(&self.scratch)?;
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().with_context(|| format!("lock {}", path.display()))
    }

    fn put(&self, path: &Path, text: &str) -> Result<()> {
        let write = || -> Result<()> {
            let folder = path.parent().context("a file is in a folder")?;
            fs::create_dir_all(folder)?;
            self.sweep()?;
            let mut file = staging(&self.baselines)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            // The name is in the folder, and a new folder in the one above.
            sync(folder)?;
            sync(&self.baselines)
        };
        write().with_context(|| format!("write {}; what was there before still is", path.display()))
    }

    /// Removes what killed writers left. Whoever writes now holds the lock, so nobody else does.
    fn sweep(&self) -> Result<()> {
        for name in names(&self.baselines)? {
            if name.starts_with(STAGING) {
                fs::remove_file(self.baselines.join(name))?;
            }
        }
        Ok(())
    }
}

/// Reads a listed record, which must be what its name says.
pub(crate) fn load(stored: &Stored) -> Result<Record> {
    let record = load_file(&stored.path)?;
    let file = stored.path.display();
    if record.commit != stored.commit {
        bail!(
            "{file} is of another commit: `commit` is {}; `git checkout -- {file}` brings back the \
             one in git, or delete it and measure the commit again",
            record.commit
        );
    }
    if record.key() != stored.key {
        bail!(
            "{file} is of another machine: its `machine` and `toolchain` give the key {}; `git \
             checkout -- {file}` brings back the one in git, or delete it and measure the commit \
             again",
            record.key()
        );
    }
    Ok(record)
}

/// Reads the record in a file of any name.
pub(crate) fn load_file(path: &Path) -> Result<Record> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| format!("read {}", path.display()))?;
    if bytes.len() as u64 > LARGEST {
        bail!(
            "{} is no record: it is larger than {} MiB; delete it and measure the commit again",
            path.display(),
            LARGEST >> 20
        );
    }
    text::read(&bytes, path)
}

/// The stamp of a file; `None` when it can't be asked.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Stamp {
        size: metadata.len(),
        modified: modified.as_nanos() as u64,
    })
}

/// The names in a folder; none when there is no folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    match read() {
        Ok(names) => Ok(names),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error).with_context(|| format!("look into {}", folder.display())),
    }
}

/// A file that is removed unless it is renamed, readable by all as files of git are.
fn staging(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(STAGING);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(unix)]
fn sync(folder: &Path) -> Result<()> {
    Ok(File::open(folder)?.sync_all()?)
}

#[cfg(not(unix))]
fn sync(_folder: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Command, Stdio},
        time::{Duration, Instant},
    };

    use serbench::random::Random;

    use super::{
        File, Path, Record, STAGING, Store, Stored, fs, is_hash, load, load_file, names, stamp,
        text,
    };
    use crate::record::tests::two_encoders;

    /// Where the process that is to be killed writes.
    const FOLDER: &str = "SERBENCH_TEST_KILLED_WRITER";

    fn store(folder: &Path) -> Store {
        Store {
            baselines: folder.join("baselines"),
            scratch: folder.join("target"),
        }
    }

    /// The record that writers write in turn, of either kind.
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
        // What is no record is left alone.
        fs::write(store.baselines.join("accepted.toml"), "").unwrap();
        fs::write(store.baselines.join("README.md"), "").unwrap();
        fs::create_dir(store.baselines.join("HEAD")).unwrap();
        assert_eq!(only(&store), stored);
    }

    #[test]
    fn a_record_in_the_wrong_place_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let path = store.save(record(true)).unwrap();
        let told = |path: &Path| {
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
        assert!(told(&elsewhere).contains("is of another commit"));
        let renamed = path.with_file_name("linux-x86_64-00000000.json");
        fs::rename(&path, &renamed).unwrap();
        assert!(told(&renamed).contains("is of another machine"));
    }

    #[test]
    fn a_broken_record_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let path = store.save(record(true)).unwrap();
        fs::write(&path, "{").unwrap();
        let error = format!("{:#}", store.save(record(true)).unwrap_err());
        assert!(error.contains("is no record"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"{");
    }

    #[test]
    fn what_is_too_large_is_not_read() {
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
        let leftover = store.baselines.join(format!("{STAGING}abc"));
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
            all.benchmarks.insert(format!("json::alone::{copy}"), one);
        }
        let ids: Vec<String> = all.benchmarks.keys().cloned().collect();
        // Each adds every other benchmark, one a time.
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

    /// This test again in a process of its own, which does the writing.
    fn writer(folder: &Path) -> Child {
        let name = "store::tests::a_killed_writer_leaves_the_old_record_or_the_new";
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
}
