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
    archives(&mut |name, bytes, expected| add(name, bytes, 0, expected));
    members(&mut |name, bytes, expected| add(name, bytes, plain().len(), expected));
    bombs(&mut add);
    cases
}

/// Cases for the end record and the directory. A long function, because it is a table.
fn archives(add: &mut impl FnMut(&str, Vec<u8>, &'static str)) {
    let x = Entry::stored("x.npy", plain());
    let good = zip(std::slice::from_ref(&x), &End::default());
    let mut end =
        |name: &str, end: End, expected| add(name, zip(std::slice::from_ref(&x), &end), expected);
    end("plain", End::default(), "ok");
    end(
        "comment",
        End {
            comment: b"PK\x05\x06".repeat(9),
            ..End::default()
        },
        "ok",
    );
    end(
        "longest comment",
        End {
            comment: vec![b'c'; 65_535],
            ..End::default()
        },
        "ok",
    );
    end(
        "zip64, not needed",
        End {
            zip64: true,
            ..End::default()
        },
        "ok",
    );
    let contradicting = |count, len, start| End {
        zip64: true,
        count,
        len,
        start,
        ..End::default()
    };
    for (name, contradicting) in [
        ("count", contradicting(Some(2), None, None)),
        ("length", contradicting(None, Some(9), None)),
        ("start", contradicting(None, None, Some(9))),
    ] {
        let name = format!("zip64 with another {name}");
        end(&name, contradicting, "InvalidArchive");
    }
    let saturated = End {
        zip64: true,
        count: Some(u16::MAX),
        len: Some(u32::MAX),
        start: Some(u32::MAX),
        ..End::default()
    };
    end("zip64", saturated.clone(), "ok");
    end(
        "zip64, count alone",
        End {
            len: None,
            start: None,
            ..saturated.clone()
        },
        "ok",
    );
    let lost = |at| End {
        zip64_at: Some(at),
        ..saturated.clone()
    };
    end("zip64 elsewhere", lost(3), "InvalidArchive");
    end("zip64 outside", lost(1 << 40), "InvalidArchive");
    end("zip64 far outside", lost(u64::MAX), "InvalidArchive");
    end(
        "saturated without zip64",
        End {
            zip64: false,
            ..saturated
        },
        "InvalidArchive",
    );
    end(
        "comment too long",
        End {
            comment_excess: 1,
            ..End::default()
        },
        "NotAnArchive",
    );
    let short = End {
        comment: vec![0; 9],
        comment_excess: -1,
        ..End::default()
    };
    end("comment too short", short, "ok");
    end(
        "second disk",
        End {
            disk: 1,
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "fewer members",
        End {
            count: Some(0),
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "more members",
        End {
            count: Some(2),
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "65 534 members",
        End {
            count: Some(65_534),
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "directory at 0",
        End {
            start: Some(0),
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "directory outside",
        End {
            start: Some(1 << 30),
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "directory too long",
        End {
            len: Some(1 << 30),
            ..End::default()
        },
        "InvalidArchive",
    );
    end(
        "directory too short",
        End {
            len: Some(40),
            ..End::default()
        },
        "InvalidArchive",
    );
    add("prefix", [b"junk".to_vec(), good.clone()].concat(), "ok");
    let wide = zip(
        std::slice::from_ref(&x),
        &End {
            zip64: true,
            ..End::default()
        },
    );
    add(
        "prefix and zip64",
        [b"#!/bin/sh\n".to_vec(), wide].concat(),
        "ok",
    );
    for (name, suffix, expected) in [
        ("a line break", vec![b'\n'], "ok"),
        ("512 NULs", vec![0; 512], "ok"),
        ("64 KiB", vec![b'x'; 65_535], "ok"),
        ("more than 64 KiB", vec![b'x'; 65_536], "NotAnArchive"),
        ("half an end record", b"PK\x05\x06".to_vec(), "ok"),
    ] {
        let bytes = [good.clone(), suffix].concat();
        add(&format!("followed by {name}"), bytes, expected);
    }
    add("no bytes", Vec::new(), "NotAnArchive");
    add("an NPY file", plain(), "NotAnArchive");
    add("empty archive", zip(&[], &End::default()), "Missing");
    add(
        "end record alone, cut",
        zip(&[], &End::default())[..21].to_vec(),
        "NotAnArchive",
    );
    add(
        "first half",
        good[..good.len() / 2].to_vec(),
        "NotAnArchive",
    );
    add(
        "second half",
        good[good.len() / 2..].to_vec(),
        "InvalidArchive",
    );
    let mut damaged = good.clone();
    let directory = good.len() - 22 - 46 - 5;
    damaged[directory] = b'X';
    add("no record signature", damaged, "InvalidArchive");
    let mut damaged = good;
    damaged[0] = b'X';
    add("no local signature", damaged, "InvalidMember");
}

/// Cases for names, sizes, methods and contents. A long function, because it is a table.
fn members(add: &mut impl FnMut(&str, Vec<u8>, &'static str)) {
    let x = || Entry::stored("x.npy", plain());
    let y = || Entry::stored("y.npy", npy(&text("<i8", "(6,)")));
    let deflated = || Entry::deflated("x.npy", &plain());
    let len = plain().len() as u32;
    let mut one =
        |name: &str, entry: Entry, expected| add(name, zip(&[entry], &End::default()), expected);
    let zip64 = |values: &[u64]| {
        let mut extra = vec![1, 0, 8 * values.len() as u8, 0];
        values
            .iter()
            .for_each(|value| extra.extend(value.to_le_bytes()));
        extra
    };
    one("deflated", deflated(), "ok");
    one(
        "sizes missing in the local header",
        Entry {
            local_sizes: [0; 2],
            flags: 8,
            ..x()
        },
        "ok",
    );
    one(
        "sizes saturated in the local header",
        Entry {
            local_sizes: [u32::MAX; 2],
            ..deflated()
        },
        "ok",
    );
    let both = zip64(&[len.into(), len.into()]);
    let extras = [Vec::new(), both];
    one(
        "zip64 sizes",
        Entry {
            sizes: [u32::MAX; 2],
            extras: extras.clone(),
            ..x()
        },
        "ok",
    );
    let extras = [
        Vec::new(),
        [b"\x0a\0\x02\0ab".to_vec(), extras[1].clone()].concat(),
    ];
    one(
        "zip64 after another extra field",
        Entry {
            sizes: [u32::MAX; 2],
            extras,
            ..x()
        },
        "ok",
    );
    let extras = [Vec::new(), zip64(&[len.into()])];
    one(
        "half of the zip64 sizes",
        Entry {
            sizes: [u32::MAX; 2],
            extras,
            ..x()
        },
        "InvalidArchive",
    );
    let extras = [Vec::new(), zip64(&[u64::MAX; 2])];
    one(
        "zip64 sizes beyond all",
        Entry {
            sizes: [u32::MAX; 2],
            extras,
            ..x()
        },
        "InvalidArchive",
    );
    let extras = [Vec::new(), b"\x01\0\xff\xff".to_vec()];
    one(
        "extra field longer than itself",
        Entry { extras, ..x() },
        "InvalidArchive",
    );
    let extras = [Vec::new(), b"\x0a\0\x02\0ab\0\0\0".to_vec()];
    one(
        "three bytes after an extra field",
        Entry { extras, ..x() },
        "ok",
    );
    one("encrypted", Entry { flags: 1, ..x() }, "Encrypted");
    let strongly = Entry {
        flags: 1 << 6,
        ..x()
    };
    one("strongly encrypted", strongly, "Encrypted");
    let patched = Entry {
        flags: 1 << 5,
        ..x()
    };
    one("patched data", patched, "UnsupportedFeature");
    let newest = |version| Entry { version, ..x() };
    one("version 6.3", newest(63), "ok");
    one("version 6.4", newest(64), "UnsupportedFeature");
    let local_name = Some(b"y.npy".to_vec());
    one(
        "another name in the local header",
        Entry { local_name, ..x() },
        "InvalidMember",
    );
    let flags = 1 << 11;
    one("flag for UTF-8", Entry { flags, ..x() }, "ok");
    let name = b"\xff.npy".to_vec();
    one(
        "invalid UTF-8 despite the flag",
        Entry { flags, name, ..x() },
        "InvalidArchive",
    );
    one(
        "method 12",
        Entry { method: 12, ..x() },
        "UnsupportedMethod",
    );
    one(
        "method 65535",
        Entry {
            method: u16::MAX,
            ..x()
        },
        "UnsupportedMethod",
    );
    one(
        "stored smaller",
        Entry {
            sizes: [len, len - 1],
            ..x()
        },
        "InvalidMember",
    );
    one(
        "stored larger",
        Entry {
            sizes: [len, len + 1],
            ..x()
        },
        "InvalidMember",
    );
    one(
        "stored far beyond the directory",
        Entry {
            sizes: [len + 99; 2],
            ..x()
        },
        "InvalidArchive",
    );
    one(
        "stored beyond the directory",
        Entry {
            sizes: [len + 1; 2],
            ..x()
        },
        "InvalidMember",
    );
    one(
        "header outside",
        Entry {
            header: Some(1 << 30),
            ..x()
        },
        "InvalidArchive",
    );
    one(
        "header in the content",
        Entry {
            header: Some(1),
            sizes: [9; 2],
            ..x()
        },
        "InvalidMember",
    );
    one("wrong CRC", Entry { crc: 1, ..x() }, "WrongCrc");
    one(
        "wrong CRC, deflated",
        Entry {
            crc: 1,
            ..deflated()
        },
        "WrongCrc",
    );
    let [compressed, _] = deflated().sizes;
    one(
        "deflates to less",
        Entry {
            sizes: [compressed, len + 1],
            ..deflated()
        },
        "InvalidMember",
    );
    one(
        "deflates to more",
        Entry {
            sizes: [compressed, len - 1],
            ..deflated()
        },
        "InvalidMember",
    );
    one(
        "cut DEFLATE",
        Entry {
            sizes: [compressed - 3, len],
            ..deflated()
        },
        "InvalidMember",
    );
    one(
        "stored as DEFLATE",
        Entry { method: 8, ..x() },
        "InvalidMember",
    );
    one(
        "empty DEFLATE",
        Entry {
            sizes: [0, len],
            ..deflated()
        },
        "InvalidMember",
    );
    one(
        "text",
        Entry::stored("x", b"not an array".to_vec()),
        "NotNpy",
    );
    one("empty member", Entry::stored("x", Vec::new()), "NotNpy");
    one(
        "object array",
        Entry::stored("x.npy", npy(&text("|O", "(6,)"))),
        "Npy",
    );
    one(
        "truncated array",
        Entry::deflated("x.npy", &npy(&text("<f8", "(7,)"))),
        "Npy",
    );
    one("other name", Entry::stored("X.npy", plain()), "Missing");
    one(
        "code page 437 in the name",
        Entry {
            name: b"\xff.npy".to_vec(),
            ..x()
        },
        "Missing",
    );
    let mut two = |name: &str, entries: &[Entry], expected| {
        add(name, zip(entries, &End::default()), expected)
    };
    two("two members", &[y(), x()], "ok");
    two(
        "last of the same name",
        &[Entry { crc: 1, ..x() }, x()],
        "ok",
    );
    two(
        "first of the same name",
        &[x(), Entry { crc: 1, ..x() }],
        "WrongCrc",
    );
    let exact = Entry::stored("x", plain());
    two(
        "exact name first",
        &[exact.clone(), Entry { crc: 1, ..x() }],
        "ok",
    );
    two("exact name last", &[Entry { crc: 1, ..x() }, exact], "ok");
    two(
        "content overlaps the next member",
        &[
            Entry {
                sizes: [len + 9; 2],
                ..x()
            },
            y(),
        ],
        "InvalidMember",
    );
    let at_x = |name: &str| Entry {
        header: Some(0),
        ..Entry::stored(name, plain())
    };
    two("content of another", &[y(), at_x("x.npy")], "InvalidMember");
    two("reversed directory", &reversed(), "ok");
    two(
        "same content twice",
        &[
            x(),
            Entry {
                header: Some(0),
                ..x()
            },
        ],
        "ok",
    );
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
