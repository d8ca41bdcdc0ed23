//! Valid, unusual and malicious NPZ archives, with the expected error of each.

use crate::{
    corpus::{npy, text},
    zip::{End, Entry, zip},
};

/// An NPY file of six float64, 0 to 5.
pub(crate) fn plain() -> Vec<u8> {
    npy(&text("<f8", "(6,)"))
}

/// An archive and the expected result of loading it and getting `x`: `"ok"` or the name of an error
/// variant.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: &'static str,
    /// The maximum size of the decompressed members in bytes.
    pub(crate) inflated: usize,
}

pub(crate) fn npz_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, inflated, expected| {
        cases.push(Case {
            name: name.to_owned(),
            bytes,
            expected,
            inflated,
        });
    };
    for cases in [end_records, zip64_end_records, surroundings, damaged] {
        cases(&mut |name, bytes, expected| add(name, bytes, 0, expected));
    }
    for cases in [headers, zip64_sizes, positions, sizes, contents, several] {
        cases(&mut |name, bytes, expected| add(name, bytes, plain().len(), expected));
    }
    bombs(&mut add);
    cases
}

/// Takes name, archive and expected result of a case.
type Add<'a> = &'a mut dyn FnMut(&str, Vec<u8>, &'static str);

fn x() -> Entry {
    Entry::stored("x.npy", plain())
}

fn y() -> Entry {
    Entry::stored("y.npy", npy(&text("<i8", "(6,)")))
}

fn deflated() -> Entry {
    Entry::deflated("x.npy", &plain())
}

/// An intact archive with one member.
fn good() -> Vec<u8> {
    zip(&[x()], &End::default())
}

/// Adds an archive with one member and a changed end record.
fn end(add: Add<'_>, name: &str, change: impl FnOnce(&mut End), expected: &'static str) {
    let mut end = End::default();
    change(&mut end);
    add(name, zip(&[x()], &end), expected);
}

/// Adds an archive with `entry`, changed.
fn one(
    add: Add<'_>,
    (name, mut entry): (&str, Entry),
    change: impl FnOnce(&mut Entry),
    expected: &'static str,
) {
    change(&mut entry);
    add(name, zip(&[entry], &End::default()), expected);
}

/// The end record without ZIP64.
fn end_records(add: Add<'_>) {
    let wrong = "InvalidArchive";
    end(add, "plain", |_| {}, "ok");
    end(
        add,
        "comment",
        |it| it.comment = b"PK\x05\x06".repeat(9),
        "ok",
    );
    end(
        add,
        "longest comment",
        |it| it.comment = vec![b'c'; 65_535],
        "ok",
    );
    end(
        add,
        "comment too long",
        |it| it.comment_excess = 1,
        "NotAnArchive",
    );
    let short = |it: &mut End| {
        it.comment = vec![0; 9];
        it.comment_excess = -1;
    };
    end(add, "comment too short", short, "ok");
    end(add, "second disk", |it| it.disk = 1, wrong);
    end(add, "fewer members", |it| it.count = Some(0), wrong);
    end(add, "more members", |it| it.count = Some(2), wrong);
    end(add, "65 534 members", |it| it.count = Some(65_534), wrong);
    end(add, "directory at 0", |it| it.start = Some(0), wrong);
    end(
        add,
        "directory outside",
        |it| it.start = Some(1 << 30),
        wrong,
    );
    end(
        add,
        "directory too long",
        |it| it.len = Some(1 << 30),
        wrong,
    );
    end(add, "directory too short", |it| it.len = Some(40), wrong);
}

/// The end record with ZIP64.
fn zip64_end_records(add: Add<'_>) {
    let wrong = "InvalidArchive";
    let wide = |count, len, start| {
        move |it: &mut End| {
            it.zip64 = true;
            it.count = count;
            it.len = len;
            it.start = start;
        }
    };
    end(add, "zip64, not needed", wide(None, None, None), "ok");
    end(
        add,
        "zip64 with another count",
        wide(Some(2), None, None),
        wrong,
    );
    end(
        add,
        "zip64 with another length",
        wide(None, Some(9), None),
        wrong,
    );
    end(
        add,
        "zip64 with another start",
        wide(None, None, Some(9)),
        wrong,
    );
    let saturated = wide(Some(u16::MAX), Some(u32::MAX), Some(u32::MAX));
    end(add, "zip64", saturated, "ok");
    end(
        add,
        "zip64, count alone",
        wide(Some(u16::MAX), None, None),
        "ok",
    );
    for (name, at) in [
        ("zip64 elsewhere", 3),
        ("zip64 outside", 1 << 40),
        ("zip64 far outside", u64::MAX),
    ] {
        let lost = |it: &mut End| {
            saturated(it);
            it.zip64_at = Some(at);
        };
        end(add, name, lost, wrong);
    }
    let narrow = |it: &mut End| {
        saturated(it);
        it.zip64 = false;
    };
    end(add, "saturated without zip64", narrow, wrong);
}

/// Bytes before and after an archive.
fn surroundings(add: Add<'_>) {
    add("prefix", [b"junk".to_vec(), good()].concat(), "ok");
    let wide = End {
        zip64: true,
        ..End::default()
    };
    let script = [b"#!/bin/sh\n".to_vec(), zip(&[x()], &wide)].concat();
    add("prefix and zip64", script, "ok");
    for (name, suffix, expected) in [
        ("a line break", vec![b'\n'], "ok"),
        ("512 NULs", vec![0; 512], "ok"),
        ("64 KiB", vec![b'x'; 65_535], "ok"),
        ("more than 64 KiB", vec![b'x'; 65_536], "NotAnArchive"),
        ("half an end record", b"PK\x05\x06".to_vec(), "ok"),
    ] {
        let bytes = [good(), suffix].concat();
        add(&format!("followed by {name}"), bytes, expected);
    }
}

/// Files that are not archives, or only parts of one.
fn damaged(add: Add<'_>) {
    add("no bytes", Vec::new(), "NotAnArchive");
    add("an NPY file", plain(), "NotAnArchive");
    let empty = zip(&[], &End::default());
    add(
        "end record alone, cut",
        empty[..21].to_vec(),
        "NotAnArchive",
    );
    add("empty archive", empty, "Missing");
    let good = good();
    let (first, second) = good.split_at(good.len() / 2);
    add("first half", first.to_vec(), "NotAnArchive");
    add("second half", second.to_vec(), "InvalidArchive");
    let directory = good.len() - 22 - 46 - 5;
    for (name, position, expected) in [
        ("no record signature", directory, "InvalidArchive"),
        ("no local signature", 0, "InvalidMember"),
    ] {
        let mut damaged = good.clone();
        damaged[position] = b'X';
        add(name, damaged, expected);
    }
}

/// Names, flags and methods of a member.
fn headers(add: Add<'_>) {
    let mut one = |name, change: &dyn Fn(&mut Entry), expected| {
        one(add, (name, x()), change, expected);
    };
    one("encrypted", &|it| it.flags = 1, "Encrypted");
    one("strongly encrypted", &|it| it.flags = 1 << 6, "Encrypted");
    one(
        "patched data",
        &|it| it.flags = 1 << 5,
        "UnsupportedFeature",
    );
    one("version 6.3", &|it| it.version = 63, "ok");
    one("version 6.4", &|it| it.version = 64, "UnsupportedFeature");
    let renamed = |it: &mut Entry| it.local_name = Some(b"y.npy".to_vec());
    one(
        "another name in the local header",
        &renamed,
        "InvalidMember",
    );
    one("flag for UTF-8", &|it| it.flags = 1 << 11, "ok");
    let invalid = |it: &mut Entry| {
        it.flags = 1 << 11;
        it.name = b"\xff.npy".to_vec();
    };
    one("invalid UTF-8 despite the flag", &invalid, "InvalidArchive");
    one(
        "code page 437 in the name",
        &|it| it.name = b"\xff.npy".to_vec(),
        "Missing",
    );
    one("other name", &|it| it.name = b"X.npy".to_vec(), "Missing");
    one("method 12", &|it| it.method = 12, "UnsupportedMethod");
    one(
        "method 65535",
        &|it| it.method = u16::MAX,
        "UnsupportedMethod",
    );
    one("stored as DEFLATE", &|it| it.method = 8, "InvalidMember");
    one("wrong CRC", &|it| it.crc = 1, "WrongCrc");
}

/// Sizes in extra fields.
fn zip64_sizes(add: Add<'_>) {
    let zip64 = |values: &[u64]| {
        let mut extra = vec![1, 0, 8 * values.len() as u8, 0];
        values
            .iter()
            .for_each(|value| extra.extend(value.to_le_bytes()));
        extra
    };
    let mut saturated = |name, extra: Vec<u8>, expected| {
        let change = |it: &mut Entry| {
            it.sizes = [u32::MAX; 2];
            it.extras[1] = extra;
        };
        one(add, (name, x()), change, expected);
    };
    let len = plain().len() as u64;
    let both = zip64(&[len, len]);
    saturated("zip64 sizes", both.clone(), "ok");
    let second = [b"\x0a\0\x02\0ab".to_vec(), both].concat();
    saturated("zip64 after another extra field", second, "ok");
    saturated("half of the zip64 sizes", zip64(&[len]), "InvalidArchive");
    saturated(
        "zip64 sizes beyond all",
        zip64(&[u64::MAX; 2]),
        "InvalidArchive",
    );
    for (name, extra, expected) in [
        (
            "extra field longer than itself",
            &b"\x01\0\xff\xff"[..],
            "InvalidArchive",
        ),
        (
            "three bytes after an extra field",
            b"\x0a\0\x02\0ab\0\0\0",
            "ok",
        ),
    ] {
        one(
            add,
            (name, x()),
            |it| it.extras[1] = extra.to_vec(),
            expected,
        );
    }
}

/// Sizes and positions of a stored member.
fn positions(add: Add<'_>) {
    let len = plain().len() as u32;
    let mut one = |name, change: &dyn Fn(&mut Entry), expected| {
        one(add, (name, x()), change, expected);
    };
    let missing = |it: &mut Entry| {
        it.local_sizes = [0; 2];
        it.flags = 8;
    };
    one("sizes missing in the local header", &missing, "ok");
    one(
        "stored smaller",
        &|it| it.sizes = [len, len - 1],
        "InvalidMember",
    );
    one(
        "stored larger",
        &|it| it.sizes = [len, len + 1],
        "InvalidMember",
    );
    one(
        "stored far beyond the directory",
        &|it| it.sizes = [len + 99; 2],
        "InvalidArchive",
    );
    one(
        "stored beyond the directory",
        &|it| it.sizes = [len + 1; 2],
        "InvalidMember",
    );
    one(
        "header outside",
        &|it| it.header = Some(1 << 30),
        "InvalidArchive",
    );
    let inside = |it: &mut Entry| {
        it.header = Some(1);
        it.sizes = [9; 2];
    };
    one("header in the content", &inside, "InvalidMember");
}

/// Sizes of a compressed member.
fn sizes(add: Add<'_>) {
    let len = plain().len() as u32;
    let [compressed, _] = deflated().sizes;
    let mut one = |name, change: &dyn Fn(&mut Entry), expected| {
        one(add, (name, deflated()), change, expected);
    };
    one("deflated", &|_| {}, "ok");
    one(
        "sizes saturated in the local header",
        &|it| it.local_sizes = [u32::MAX; 2],
        "ok",
    );
    one("wrong CRC, deflated", &|it| it.crc = 1, "WrongCrc");
    one(
        "deflates to less",
        &|it| it.sizes = [compressed, len + 1],
        "InvalidMember",
    );
    one(
        "deflates to more",
        &|it| it.sizes = [compressed, len - 1],
        "InvalidMember",
    );
    one(
        "cut DEFLATE",
        &|it| it.sizes = [compressed - 3, len],
        "InvalidMember",
    );
    one("empty DEFLATE", &|it| it.sizes = [0, len], "InvalidMember");
}

/// Members that are no valid arrays.
fn contents(add: Add<'_>) {
    for (name, entry, expected) in [
        (
            "text",
            Entry::stored("x", b"not an array".to_vec()),
            "NotNpy",
        ),
        ("empty member", Entry::stored("x", Vec::new()), "NotNpy"),
        (
            "object array",
            Entry::stored("x.npy", npy(&text("|O", "(6,)"))),
            "Npy",
        ),
        (
            "truncated array",
            Entry::deflated("x.npy", &npy(&text("<f8", "(7,)"))),
            "Npy",
        ),
    ] {
        one(add, (name, entry), |_| {}, expected);
    }
}

/// Two members, also of the same name or with the same content.
fn several(add: Add<'_>) {
    let wrong_crc = || Entry { crc: 1, ..x() };
    let exact = || Entry::stored("x", plain());
    let at_start = Entry {
        header: Some(0),
        ..x()
    };
    let long = Entry {
        sizes: [plain().len() as u32 + 9; 2],
        ..x()
    };
    for (name, entries, expected) in [
        ("two members", [y(), x()], "ok"),
        ("last of the same name", [wrong_crc(), x()], "ok"),
        ("first of the same name", [x(), wrong_crc()], "WrongCrc"),
        ("exact name first", [exact(), wrong_crc()], "ok"),
        ("exact name last", [wrong_crc(), exact()], "ok"),
        (
            "content overlaps the next member",
            [long, y()],
            "InvalidMember",
        ),
        (
            "content of another",
            [y(), at_start.clone()],
            "InvalidMember",
        ),
        ("reversed directory", reversed(), "ok"),
        ("same content twice", [x(), at_start], "ok"),
    ] {
        add(name, zip(&entries, &End::default()), expected);
    }
}

/// Two members in reverse order in the directory.
fn reversed() -> [Entry; 2] {
    let (x, mut y) = (
        Entry::stored("x.npy", plain()),
        Entry::stored("y.npy", plain()),
    );
    let first = 30 + x.name.len() + x.content.len();
    y.header = Some(0);
    let mut x = x;
    x.header = Some(first as u32);
    // The second local header is that of the first record.
    let (x_name, y_name) = (x.name.clone(), y.name.clone());
    x.local_name = Some(y_name);
    y.local_name = Some(x_name);
    [x, y]
}

/// Members that declare or decompress to far more than the size of the archive.
fn bombs(add: &mut impl FnMut(&str, Vec<u8>, usize, &'static str)) {
    let deflated = |claim: u32| {
        let mut entry = Entry::deflated("x.npy", &plain());
        entry.sizes[1] = claim;
        entry
    };
    let one = |entry| zip(&[entry], &End::default());
    add("claims 4 GiB", one(deflated(u32::MAX - 1)), 0, "TooLarge");
    add("claims 1 GiB", one(deflated(1 << 30)), 0, "InvalidMember");
    let few = vec![deflated(1 << 29); 2];
    add(
        "claim 1 GiB together",
        zip(&few, &End::default()),
        0,
        "InvalidMember",
    );
    let many = vec![deflated(1 << 29); 3];
    add(
        "claim 1.5 GiB together",
        zip(&many, &End::default()),
        0,
        "TooLarge",
    );
    let size = 1 << 20;
    let zeros = [plain(), vec![0; size]].concat();
    let bomb = Entry::deflated("x.npy", &zeros);
    add("1 MiB of zeros", one(bomb.clone()), zeros.len(), "ok");
    let mut less = bomb;
    less.sizes[1] = 4096;
    add("1 MiB of zeros as 4 KiB", one(less), 4096, "InvalidMember");
}
