//! Caches the figures of all records in one file that loads quickly.
//!
//! Records are the source of truth; this file can be deleted at any time. It is only appended to,
//! so that indexing one more commit costs the same after ten commits and after ten thousand. Each
//! line is a hash of the rest of the line, a space, and JSON: a [`Line::Names`] or a
//! [`Line::Entry`]. Everything from the first damaged line on is ignored.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// The first line; a file of another version is replaced.
const FIRST: &str = "serbench index 1\n";

/// Properties of a record's file that change with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
}

/// A benchmark and its reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    pub id: String,
    pub reference: Option<String>,
}

/// A benchmark's figures at one commit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "(Option<f64>, Option<f64>)",
    into = "(Option<f64>, Option<f64>)"
)]
pub struct Point {
    /// encoder / reference.
    pub ratio: Option<f64>,
    /// Nanoseconds per operation.
    pub latency_ns: Option<f64>,
}

impl From<(Option<f64>, Option<f64>)> for Point {
    fn from((ratio, latency_ns): (Option<f64>, Option<f64>)) -> Self {
        Self { ratio, latency_ns }
    }
}

impl From<Point> for (Option<f64>, Option<f64>) {
    fn from(Point { ratio, latency_ns }: Point) -> Self {
        (ratio, latency_ns)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Full hash.
    pub commit: String,
    /// The machine key.
    pub key: String,
    pub stamp: Stamp,
    /// Descriptions of the machine and the toolchain.
    pub machine: String,
    pub toolchain: String,
    /// The subject of the commit.
    pub subject: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Which list of names the points belong to; set by [`Index::append`].
    pub names: usize,
    /// One per name.
    pub points: Vec<Point>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
enum Line {
    /// The next list of names. Consecutive commits usually share one.
    Names(Vec<Name>),
    Entry(Entry),
}

/// The index file and its content.
#[derive(Debug)]
pub struct Index {
    /// `None` if it can't be written: then the index is kept in memory only.
    file: Option<File>,
    names: Vec<Vec<Name>>,
    /// The last entry of each commit and key.
    entries: BTreeMap<(String, String), Entry>,
    /// Number of entries in the file, including replaced ones.
    lines: usize,
    /// Length of the undamaged part.
    length: u64,
}

impl Index {
    /// Opens or creates the file at `path`, and locks it until it is dropped. Damaged content is
    /// not an error: it is ignored.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        file.lock()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut index = Self::without_file();
        index.file = Some(file);
        index.take_in(&bytes);
        if index.lines > 2 * index.entries.len() + 100 {
            index.rewrite()?;
        }
        Ok(index)
    }

    /// An empty index that is never written.
    pub fn without_file() -> Self {
        Self {
            file: None,
            names: Vec::new(),
            entries: BTreeMap::new(),
            lines: 0,
            length: 0,
        }
    }

    /// The entry of a commit on a machine.
    pub fn get(&self, commit: &str, key: &str) -> Option<&Entry> {
        self.entries.get(&(commit.to_owned(), key.to_owned()))
    }

    /// All entries, by commit and key.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Hides the other entries, until the file is opened again.
    pub fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(|_, entry| keep(entry));
    }

    /// The benchmarks of an entry, in the order of its points.
    pub fn names(&self, entry: &Entry) -> &[Name] {
        &self.names[entry.names]
    }

    /// Adds an entry, or replaces that of the same commit and key. `names` are those of its points. If the
    /// file can't be written, the entry is kept in memory and writing is not tried again.
    pub fn append(&mut self, mut entry: Entry, names: Vec<Name>) -> io::Result<()> {
        assert_eq!(entry.points.len(), names.len(), "a point has a name");
        let mut text = String::new();
        if self.length == 0 {
            text += FIRST;
        }
        // Commits come in the order of history or of their hashes, so the list may be an older one.
        let known = self.names.iter().rposition(|known| *known == names);
        entry.names = match known {
            Some(known) => known,
            None => {
                text += &line(&Line::Names(names.clone()));
                self.names.push(names);
                self.names.len() - 1
            }
        };
        let written = Line::Entry(entry);
        text += &line(&written);
        let Line::Entry(entry) = written else {
            unreachable!("it was made an entry above");
        };
        let key = (entry.commit.clone(), entry.key.clone());
        self.entries.insert(key, entry);
        self.lines += 1;
        self.write(&text)
    }

    /// Appends `text` to the undamaged part of the file, and truncates the rest.
    fn write(&mut self, text: &str) -> io::Result<()> {
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        file.set_len(self.length)?;
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(text.as_bytes())?;
        self.length += text.len() as u64;
        // Don't retry after a failure.
        self.file = Some(file);
        Ok(())
    }

    /// Rewrites the file without replaced entries.
    fn rewrite(&mut self) -> io::Result<()> {
        let names = std::mem::take(&mut self.names);
        let entries = std::mem::take(&mut self.entries);
        (self.lines, self.length) = (0, 0);
        for entry in entries.into_values() {
            let names = names[entry.names].clone();
            self.append(entry, names)?;
        }
        Ok(())
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let Some(rest) = bytes.strip_prefix(FIRST.as_bytes()) else {
            return;
        };
        self.length = FIRST.len() as u64;
        for bytes in rest.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = parse(bytes) else {
                return;
            };
            match line {
                Line::Names(names) => self.names.push(names),
                Line::Entry(entry) => {
                    let names = self.names.get(entry.names);
                    if names.is_none_or(|names| names.len() != entry.points.len()) {
                        return;
                    }
                    self.lines += 1;
                    let key = (entry.commit.clone(), entry.key.clone());
                    self.entries.insert(key, entry);
                }
            }
            self.length += bytes.len() as u64;
        }
    }
}

fn line(line: &Line) -> String {
    let json = serde_json::to_string(line).expect("no map has keys that are not text");
    format!("{:016x} {json}\n", fnv1a(json.as_bytes()))
}

/// Parses a line; `None` if it is damaged or truncated.
fn parse(bytes: &[u8]) -> Option<Line> {
    let (hash, json) = bytes.strip_suffix(b"\n")?.split_at_checked(16)?;
    let json = json.strip_prefix(b" ")?;
    let hash = u64::from_str_radix(std::str::from_utf8(hash).ok()?, 16).ok()?;
    if hash != fnv1a(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): detects accidents, not manipulation.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Entry, Index, Name, Point, Stamp, fnv1a};

    fn entry(commit: &str, size: u64) -> Entry {
        let point = |ratio| Point {
            ratio,
            latency_ns: Some(1234.5),
        };
        Entry {
            commit: commit.to_owned(),
            key: "linux-x86_64-1a2b3c4d".to_owned(),
            stamp: Stamp { size, modified: 7 },
            machine: "AMD EPYC".to_owned(),
            toolchain: "rustc 1.95.0".to_owned(),
            subject: "Faster floats".to_owned(),
            started_at: "2026-11-21T01:10:52Z".to_owned(),
            names: 0,
            points: vec![point(None), point(Some(1.0625))],
        }
    }

    fn names(encoder: &str) -> Vec<Name> {
        let name = |id: String, reference| Name { id, reference };
        let reference = "json::orjson::f64".to_owned();
        vec![
            name(reference.clone(), None),
            name(format!("json::{encoder}::f64"), Some(reference)),
        ]
    }

    /// Commits and sizes in an index, with the second benchmark of each.
    fn content(path: &Path) -> Vec<String> {
        let index = Index::open(path).unwrap();
        let text = |entry: &Entry| {
            let id = &index.names(entry)[1].id;
            format!("{} {} {id}", entry.commit, entry.stamp.size)
        };
        index.entries().map(text).collect()
    }

    #[test]
    fn entries_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/index");
        let mut index = Index::open(&path).unwrap();
        index.append(entry("c1", 1), names("a")).unwrap();
        index.append(entry("c2", 1), names("b")).unwrap();
        index.append(entry("c3", 1), names("a")).unwrap();
        index.append(entry("c1", 2), names("b")).unwrap();
        drop(index);
        let expected = [
            "c1 2 json::b::f64",
            "c2 1 json::b::f64",
            "c3 1 json::a::f64",
        ];
        assert_eq!(content(&path), expected);
        let index = Index::open(&path).unwrap();
        let found = index.get("c3", "linux-x86_64-1a2b3c4d").unwrap();
        assert_eq!(*found, entry("c3", 1));
        assert_eq!(index.get("c3", "other"), None);
    }

    #[test]
    fn damage_only_loses_what_follows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let mut index = Index::open(&path).unwrap();
        for commit in ["c1", "c2", "c3"] {
            index.append(entry(commit, 1), names("a")).unwrap();
        }
        drop(index);
        let whole = fs::read(&path).unwrap();
        let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        // First line, names, c1, c2, c3.
        let known = |at: usize| lines[2..].iter().filter(|end| **end < at).count();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            for bytes in [&whole[..at], &damaged] {
                fs::write(&path, bytes).unwrap();
                assert_eq!(content(&path).len(), known(at), "byte {at}");
            }
        }
        // Lost entries can be added again.
        fs::write(&path, &whole[..lines[3]]).unwrap();
        let mut index = Index::open(&path).unwrap();
        index.append(entry("c2", 1), names("a")).unwrap();
        index.append(entry("c3", 1), names("a")).unwrap();
        drop(index);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn replaced_entries_do_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        for size in 0..300 {
            let mut index = Index::open(&path).unwrap();
            index.append(entry("c1", size), names("a")).unwrap();
        }
        assert_eq!(content(&path), ["c1 299 json::a::f64"]);
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 150, "{lines}");
    }

    #[test]
    fn the_hash_is_fnv() {
        // Test vectors from RFC 9923.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
