//! Compares reading NPZ archives with the crate rawzip: which archives only one of rawzip and
//! `serbench::npz` accepts, and how long both take to open one. To measure times, run
//! `cargo test --release -p serbench-tests --test rawzip -- --ignored --nocapture`.

use std::{borrow::Cow, hint::black_box, time::Instant};

use flate2::{Decompress, FlushDecompress, Status};
use rawzip::{
    CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipSliceArchive,
};
use serbench::{
    npy,
    npz::{self, NpzWriter},
};

#[path = "npy/archives.rs"]
#[expect(dead_code, reason = "allocation limits are tested elsewhere")]
mod archives;
#[path = "npy/corpus.rs"]
#[expect(dead_code, reason = "NPY files are tested elsewhere")]
mod corpus;
#[path = "npy/zip.rs"]
mod zip;

/// The fields of a member that `npz::load` also keeps.
struct Member<'a> {
    name: Cow<'a, str>,
    method: CompressionMethod,
    size: usize,
    crc: u32,
    entry: ZipArchiveEntryWayfinder,
}

impl<'a> Member<'a> {
    fn new(record: &ZipFileHeaderRecord<'a>) -> Self {
        Self {
            name: String::from_utf8_lossy(record.file_path().as_bytes()),
            method: record.compression_method(),
            size: record.uncompressed_size_hint() as usize,
            crc: record.crc32(),
            entry: record.wayfinder(),
        }
    }
}

type Archive<'a> = ZipSliceArchive<&'a [u8]>;
type Outcome<T> = Result<T, String>;

fn open(bytes: &[u8]) -> Outcome<Archive<'_>> {
    ZipArchive::from_slice(bytes).map_err(|error| error.to_string())
}

/// All members, with the size limit of `npz::load`. Checks their number against the end record.
fn members<'a>(archive: &'a Archive<'_>) -> Outcome<Vec<Member<'a>>> {
    let count = archive.entries_hint();
    let room = archive.get_ref().len() / 46;
    let mut members = Vec::with_capacity((count as usize).min(room));
    let mut declared = 0_u64;
    let mut entries = archive.entries();
    while let Some(record) = entries.next_entry().map_err(|error| error.to_string())? {
        let member = Member::new(&record);
        if member.method != CompressionMethod::STORE {
            declared = declared.saturating_add(member.size as u64);
        }
        members.push(member);
    }
    if declared > 1 << 30 {
        return Err("too large".to_owned());
    }
    if members.len() as u64 != count {
        return Err("wrong number of members".to_owned());
    }
    Ok(members)
}

fn find<'m, 'a>(members: &'m [Member<'a>], key: &str) -> Option<&'m Member<'a>> {
    let named = |name: &str| members.iter().rev().find(|member| member.name == name);
    named(key).or_else(|| named(&format!("{key}.npy")))
}

/// The content of a member, after checking its size and CRC-32.
fn content<'a>(archive: &'a Archive<'_>, member: &Member<'_>) -> Outcome<Cow<'a, [u8]>> {
    let entry = archive.get_entry(member.entry);
    let bytes = entry.map_err(|error| error.to_string())?.data();
    let content = match member.method {
        CompressionMethod::STORE => Cow::Borrowed(bytes),
        CompressionMethod::DEFLATE => Cow::Owned(inflate(bytes, member.size)?),
        other => return Err(format!("{other:?}")),
    };
    if content.len() != member.size || crc32fast::hash(&content) != member.crc {
        return Err("wrong size or CRC-32".to_owned());
    }
    Ok(content)
}

fn inflate(bytes: &[u8], size: usize) -> Outcome<Vec<u8>> {
    let mut out = vec![0; if size / 1032 > bytes.len() { 0 } else { size }];
    let mut inflater = Decompress::new(false);
    match inflater.decompress(bytes, &mut out, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Ok(out),
        other => Err(format!("{other:?}")),
    }
}

fn load_x(bytes: &[u8]) -> Outcome<()> {
    let archive = open(bytes)?;
    let members = members(&archive)?;
    let content = content(&archive, find(&members, "x").ok_or("missing")?)?;
    let array = npy::load(&content).map_err(|error| error.to_string())?;
    array.to_cow::<f64>().map_err(|error| error.to_string())?;
    Ok(())
}

#[test]
fn rawzip_accepts_different_archives() {
    let (mut refused, mut accepted) = (Vec::new(), Vec::new());
    for case in archives::npz_cases() {
        match (load_x(&case.bytes).is_ok(), case.expected == "ok") {
            (false, true) => refused.push(case.name),
            (true, false) => accepted.push(case.name),
            _ => {}
        }
    }
    assert_eq!(
        refused,
        [
            "comment",
            "prefix and zip64",
            "followed by half an end record"
        ]
    );
    assert_eq!(
        accepted,
        [
            "second disk",
            "directory too long",
            "directory too short",
            "followed by more than 64 KiB",
            "encrypted",
            "strongly encrypted",
            "patched data",
            "version 6.4",
            "another name in the local header",
            "extra field longer than itself",
        ]
    );
}

/// Prints the median time of `ours`, and the median ratio of the time of rawzip to it.
fn race(name: &str, ours: impl Fn(), theirs: impl Fn()) {
    const SLICES: usize = 601;
    let time = |operation: &dyn Fn(), count: u32| {
        let start = Instant::now();
        (0..count).for_each(|_| operation());
        start.elapsed().as_nanos() as f64 / f64::from(count)
    };
    let count = (3e5 / time(&ours, 100)).max(1.0) as u32;
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let pairs: Vec<(f64, f64)> = (0..SLICES)
        .map(|_| (time(&ours, count), time(&theirs, count)))
        .collect();
    let nanos = median(pairs.iter().map(|(ours, _)| *ours).collect());
    let ratio = median(pairs.iter().map(|(ours, theirs)| theirs / ours).collect());
    println!("{name}: {nanos:.0} ns, rawzip takes {ratio:.2} times as long");
}

#[test]
#[ignore = "measures times: use --release"]
fn times() {
    for count in [1, 16, 1000] {
        let mut npz = NpzWriter::new(Vec::new());
        let x = ndarray::Array1::<f64>::zeros(128);
        for at in 0..count {
            let other = format!("a{at}");
            npz.add(if at == count / 2 { "x" } else { &other }, &x)
                .unwrap();
        }
        let bytes = npz.finish().unwrap();
        race(
            &format!("open {count}"),
            || {
                black_box(npz::load(black_box(&bytes)).unwrap());
            },
            || {
                let archive = open(black_box(&bytes)).unwrap();
                black_box(members(&archive).unwrap());
            },
        );
        race(
            &format!("open {count} and read one"),
            || {
                let npz = npz::load(black_box(&bytes)).unwrap();
                black_box(npz.raw("x").unwrap());
            },
            || {
                let archive = open(black_box(&bytes)).unwrap();
                let members = members(&archive).unwrap();
                black_box(content(&archive, find(&members, "x").unwrap()).unwrap());
            },
        );
    }
}
