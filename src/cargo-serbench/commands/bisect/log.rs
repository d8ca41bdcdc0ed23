//! The run log of a bisection: one line of JSON per answer, so that a killed bisection can resume.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{decide::bisect::Answer, select::BenchId, shell};

/// The version of the format; logs of other versions are replaced.
const SCHEMA: u32 = 1;

/// What is bisected, and where. A log with another task can't be resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub schema: u32,
    /// Full hashes.
    pub good: String,
    pub bad: String,
    pub all_parents: bool,
    pub improvement: bool,
    /// The selection and configuration.
    pub settings: String,
    /// The factors of the machine key.
    pub machine: Vec<(String, String)>,
}

impl Task {
    pub fn schema() -> u32 {
        SCHEMA
    }
}

/// The result of measuring BAD against GOOD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// The benchmark to bisect.
    pub id: BenchId,
    /// Other benchmarks with such a change.
    pub others: Vec<BenchId>,
    pub bad: Entry,
}

/// What is known about a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Full hash.
    pub commit: String,
    pub tree: String,
    #[serde(with = "words")]
    pub answer: Answer,
    /// Whether it was built and measured; otherwise the answer was derived from another commit.
    pub measured: bool,
    /// One sentence.
    pub reason: String,
    /// The ratio candidate / GOOD with its 95 % interval; 1.05 is 5 % slower.
    pub change: Option<[f64; 3]>,
    /// Hash of the executable's code and data.
    pub executable: Option<String>,
    /// The source files of the executable, relative to the workspace.
    pub sources: Vec<PathBuf>,
    /// The stored run that the answer comes from, for explanations.
    #[serde(default)]
    pub run: Option<PathBuf>,
}

/// The stored form of answers.
mod words {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::decide::bisect::Answer;

    pub fn serialize<S: Serializer>(answer: &Answer, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(super::word(*answer))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Answer, D::Error> {
        let word = String::deserialize(deserializer)?;
        let all = [Answer::Good, Answer::Bad, Answer::Unknown];
        all.into_iter()
            .find(|answer| super::word(*answer) == word)
            .ok_or_else(|| D::Error::custom(format!("no such answer: {word}")))
    }
}

/// The word for an answer.
pub fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Good => "good",
        Answer::Bad => "bad",
        Answer::Unknown => "skipped",
    }
}

#[derive(Serialize, Deserialize)]
enum Line {
    Task(Task),
    Confirmed(Confirmed),
    Entry(Entry),
    /// The bisection is complete: the next one starts over.
    Ended,
}

/// A log to append to.
pub struct Log {
    file: File,
    path: PathBuf,
    pub confirmed: Option<Confirmed>,
    pub entries: Vec<Entry>,
}

impl Log {
    /// Opens the log of `task` at `path`. Replaces the log of a completed bisection, and, if `ours`, that of
    /// another task.
    pub fn open(path: &Path, task: &Task, ours: bool) -> Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read {}", path.display()));
            }
        };
        let (mut lines, length) = parse(&text);
        let same = matches!(lines.first(), Some(Line::Task(other)) if other == task);
        // Killed before the first line was complete.
        let begun = lines.is_empty() && text.starts_with("{\"Task\"");
        if !text.is_empty() && !same && !begun && !ours {
            bail!(
                "{} is not the log of this bisection; remove it, or pass another --run-log",
                shell::shown(path).display()
            );
        }
        let fresh = !same || lines.iter().any(|line| matches!(line, Line::Ended));
        if fresh {
            lines.clear();
        }
        let open = || -> std::io::Result<File> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut options = File::options();
            let options = options.create(true).truncate(false).write(true);
            let mut file = options.open(path)?;
            // Anything after the last complete line was cut off by a kill.
            file.set_len(if fresh { 0 } else { length })?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let mut log = Self {
            file: open()
                .with_context(|| format!("failed to write the run log {}", path.display()))?,
            path: path.to_path_buf(),
            confirmed: None,
            entries: Vec::new(),
        };
        for line in lines {
            match line {
                Line::Task(_) | Line::Ended => {}
                Line::Confirmed(confirmed) => log.confirmed = Some(confirmed),
                Line::Entry(entry) => log.entries.push(entry),
            }
        }
        if fresh {
            log.write(&Line::Task(task.clone()))?;
        }
        Ok(log)
    }

    pub fn confirm(&mut self, confirmed: Confirmed) -> Result<()> {
        self.write(&Line::Confirmed(confirmed.clone()))?;
        self.confirmed = Some(confirmed);
        Ok(())
    }

    pub fn add(&mut self, entry: Entry) -> Result<()> {
        self.write(&Line::Entry(entry.clone()))?;
        self.entries.push(entry);
        Ok(())
    }

    pub fn end(&mut self) -> Result<()> {
        self.write(&Line::Ended)
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line).context("failed to write the run log")? + "\n";
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("failed to write the run log {}", self.path.display()))
    }
}

/// The lines before the first incomplete one, and their size in bytes.
fn parse(text: &str) -> (Vec<Line>, u64) {
    let mut lines = Vec::new();
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        let whole = line.ends_with('\n').then(|| serde_json::from_str(line));
        let Some(Ok(parsed)) = whole else {
            break;
        };
        lines.push(parsed);
        length += line.len() as u64;
    }
    (lines, length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Confirmed, Entry, Log, Task};
    use crate::{decide::bisect::Answer, select::BenchId};

    fn task(good: &str) -> Task {
        Task {
            schema: Task::schema(),
            good: good.to_owned(),
            bad: "b".to_owned(),
            all_parents: false,
            improvement: false,
            settings: String::new(),
            machine: vec![("os".to_owned(), "plan9".to_owned())],
        }
    }

    fn entry(commit: &str, answer: Answer) -> Entry {
        Entry {
            commit: commit.to_owned(),
            tree: "t".to_owned(),
            answer,
            measured: true,
            reason: "because".to_owned(),
            change: Some([1.05, 1.04, 1.06]),
            executable: None,
            sources: vec!["src/lib.rs".into()],
            run: None,
        }
    }

    #[test]
    fn logs_resume_after_any_truncation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/log");
        let mut log = Log::open(&path, &task("g"), true).unwrap();
        log.confirm(Confirmed {
            id: BenchId::new("json::a".to_owned()),
            others: Vec::new(),
            bad: entry("b", Answer::Bad),
        })
        .unwrap();
        log.add(entry("c1", Answer::Good)).unwrap();
        log.add(entry("c2", Answer::Unknown)).unwrap();
        drop(log);
        let whole = fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let known = ends.iter().filter(|end| **end < cut).count();
            let mut log = Log::open(&path, &task("g"), true).unwrap();
            assert_eq!(log.confirmed.is_some(), known >= 2, "byte {cut}");
            assert_eq!(log.entries.len(), known.saturating_sub(2), "byte {cut}");
            log.add(entry("c3", Answer::Bad)).unwrap();
            drop(log);
            let log = Log::open(&path, &task("g"), true).unwrap();
            assert_eq!(log.entries.last(), Some(&entry("c3", Answer::Bad)));
        }
    }

    #[test]
    fn other_and_completed_tasks_start_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::open(&path, &task("g"), false).unwrap();
        log.add(entry("c1", Answer::Good)).unwrap();
        let refused = Log::open(&path, &task("other"), false).err().unwrap();
        assert!(
            refused
                .to_string()
                .contains("is not the log of this bisection")
        );
        assert_eq!(
            Log::open(&path, &task("g"), false).unwrap().entries.len(),
            1
        );
        log.end().unwrap();
        assert_eq!(
            Log::open(&path, &task("g"), false).unwrap().entries.len(),
            0
        );
        Log::open(&path, &task("other"), true).unwrap();
        // Only logs are overwritten, never other files.
        fs::write(&path, "my notes\n").unwrap();
        assert!(Log::open(&path, &task("g"), false).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "my notes\n");
    }
}
