//! Hashes code in an object that rustc compiles from `registered.rs.in`: every byte and relocation
//! that a benchmark reaches changes its hash, and nothing else does.

use std::{fs, ops::Range, process::Command};

use object::{Object, ObjectSection, ObjectSymbol, elf, read::elf::ElfFile64};

use super::{graph::Graph, identity::Identifier};

const SOURCE: &str = include_str!("registered.rs.in");
const BENCHMARK: &str = "registered::reached_one";

/// Compiles `source` to an object.
fn compiled(source: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("registered.rs"), source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .current_dir(folder.path())
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=obj",
            "-Awarnings",
        ])
        .args(["-Copt-level=3", "-Ccodegen-units=1", "-Cdebuginfo=0"])
        .args([
            "--target=x86_64-unknown-linux-gnu",
            "registered.rs",
            "-oout.o",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::read(folder.path().join("out.o")).unwrap()
}

/// The hash of a benchmark, if it has one.
fn hash(object: &[u8], benchmark: &str, source: &str) -> Option<String> {
    let graph = Graph::new(&[object]).ok()?;
    let is_source = |name: &str| name == source;
    let mut identifier = Identifier::new(graph, &[], &is_source).ok()?;
    identifier.of(benchmark).ok()?
}

/// The sections of an object selected by `is`, by name and content: their position in the file, and
/// that of their relocations.
fn parts(
    object: &[u8],
    is: impl Fn(&str, &[u8]) -> bool,
) -> Vec<(String, Range<usize>, Range<usize>)> {
    let file = ElfFile64::<object::LittleEndian>::parse(object).unwrap();
    let range = |range: Option<(u64, u64)>| {
        let (start, size) = range.unwrap_or_default();
        start as usize..(start + size) as usize
    };
    let picked = file.sections().filter(|section| {
        let kind = section
            .elf_section_header()
            .sh_type
            .get(object::LittleEndian);
        let data = kind != elf::SHT_RELA && kind != elf::SHT_STRTAB && kind != elf::SHT_SYMTAB;
        data && is(section.name().unwrap(), section.data().unwrap())
    });
    picked
        .map(|section| {
            let name = section.name().unwrap();
            let relocations = file.section_by_name(&format!(".rela{name}"));
            let relocations = relocations.and_then(|section| section.file_range());
            (
                name.to_owned(),
                range(section.file_range()),
                range(relocations),
            )
        })
        .collect()
}

/// The hashes of the object with each byte changed in turn.
fn with_each_byte_changed(
    object: &[u8],
    bytes: Range<usize>,
    mut see: impl FnMut(usize, Option<String>),
) {
    let mut changed = object.to_vec();
    for at in bytes {
        changed[at] ^= 0x11;
        see(at, hash(&changed, BENCHMARK, ""));
        changed[at] ^= 0x11;
    }
}

/// Parts of a registration whose own bytes don't affect the benchmark.
fn registers(name: &str) -> bool {
    let static_of_entry = ["11reached_one17h", "8lost_two17h"];
    name.contains("4push") || static_of_entry.iter().any(|it| name.contains(it))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn is_reached(name: &str, data: &[u8]) -> bool {
    let named = name.to_lowercase().contains("reached") && !registers(name);
    named || contains(data, "reached text") || name.contains("common_start")
}

fn is_lost(name: &str, data: &[u8]) -> bool {
    name.to_lowercase().contains("lost") || contains(data, "lost text") || registers(name)
}

#[test]
fn every_byte_that_is_reached_counts() {
    let object = compiled(SOURCE);
    let before = hash(&object, BENCHMARK, "").expect("it is found");
    let parts = parts(&object, is_reached);
    assert!(parts.len() >= 12, "{parts:?}");
    for (name, bytes, _) in parts {
        with_each_byte_changed(&object, bytes, |at, after| {
            assert_ne!(after.as_ref(), Some(&before), "byte {at:#x} of {name}");
        });
    }
}

#[test]
fn no_byte_that_is_not_reached_counts() {
    let object = compiled(SOURCE);
    let before = hash(&object, BENCHMARK, "");
    let parts = parts(&object, is_lost);
    assert!(parts.len() >= 10, "{parts:?}");
    for (name, bytes, _) in parts {
        with_each_byte_changed(&object, bytes, |at, after| {
            assert_eq!(after, before, "byte {at:#x} of {name}");
        });
    }
}

#[test]
fn every_relocation_that_is_reached_counts() {
    let object = compiled(SOURCE);
    let before = hash(&object, BENCHMARK, "").expect("it is found");
    let file = ElfFile64::<object::LittleEndian>::parse(object.as_slice()).unwrap();
    let symbol = |name| {
        file.symbols()
            .find(|symbol| symbol.name() == Ok(name))
            .unwrap()
    };
    let elsewhere = symbol("lost_call").index().0 as u32;
    let reached =
        |name: &str, data: &[u8]| is_reached(name, data) || name.contains("reached_one17h");
    let (mut counted, mut changed) = (0, object.clone());
    for (name, _, relocations) in parts(&object, reached) {
        for at in relocations.step_by(24) {
            let mut differs = |field: Range<usize>, bytes: &[u8]| {
                changed[field.clone()].copy_from_slice(bytes);
                let after = hash(&changed, BENCHMARK, "");
                assert_ne!(
                    after.as_ref(),
                    Some(&before),
                    "relocation at {at:#x} of {name}"
                );
                changed[field.clone()].copy_from_slice(&object[field]);
                counted += 1;
            };
            let addend = i64::from_le_bytes(object[at + 16..at + 24].try_into().unwrap());
            differs(at + 16..at + 24, &(addend + 1).to_le_bytes());
            differs(at + 12..at + 16, &elsewhere.to_le_bytes());
        }
    }
    assert!(counted >= 40, "{counted}");
}

#[test]
fn surrounding_code_does_not_count() {
    let object = compiled(SOURCE);
    let edited = SOURCE
        .replacen("#![allow", "// A comment\n// of two lines.\n\n#![allow", 1)
        .replace("\"reached_one\", 7", "\"reached_one\", 10")
        .replace(
            "bench!(lost_two",
            "bench!(lost_more, \"lost_more\", 9);\nbench!(lost_two",
        )
        .replace(
            "pub fn lost_two",
            "pub fn lost_more(input: u64) -> u64 { LOST_TEXT.len() as u64 + reached_call(input) }\npub fn lost_two",
        );
    let after = compiled(&edited);
    let source = "registered.rs";
    let before = hash(&object, BENCHMARK, source);
    assert!(before.is_some());
    assert_eq!(hash(&after, BENCHMARK, source), before);
    // Line numbers in other packages' files count.
    assert_ne!(hash(&after, BENCHMARK, ""), hash(&object, BENCHMARK, ""));
    let slower = SOURCE.replace("input * 3.25", "input * 3.25 * 1.5");
    assert_ne!(hash(&compiled(&slower), BENCHMARK, source), before);
}

#[test]
fn missing_benchmarks_have_no_hash() {
    let object = compiled(SOURCE);
    assert!(hash(&object, "registered::lost_two::4", "").is_some());
    assert_eq!(hash(&object, "registered::reached", ""), None);
    assert_eq!(hash(&object, "reached_one", ""), None);
    let another_list = SOURCE.replace("5divan5entry13BENCH_ENTRIES", "5other5entry13BENCH_ENTRIES");
    assert_eq!(hash(&compiled(&another_list), BENCHMARK, ""), None);
    let no_start = SOURCE.replace("fn _start", "fn begin");
    assert_eq!(hash(&compiled(&no_start), BENCHMARK, ""), None);
    assert!(Graph::new(&[b"BC\xc0\xde".as_slice()]).is_err());
}
