//! Tests NPZ in memory: errors for invalid archives, and the arrays of valid ones.

use std::num::NonZero;

use ndarray::{Array1, ArrayD, array};
use num_complex::Complex;
use serbench::{
    Element,
    datetime::DatetimeUs,
    npy::{self, SaveNpy},
    npz::{self, NpzError, NpzFile, NpzMember, NpzOptions, NpzWriter},
};

use crate::{
    archives::{npz_cases, plain},
    corpus::{npy_with, text, variant},
    zip::{End, Entry, zip},
};

/// The result of `get_owned`, after checking that `get` and `to_owned` return the same.
fn owned_both_ways<T: Element>(npz: &NpzFile, key: &str) -> Result<ArrayD<T>, NpzError> {
    let owned = npz.get_owned::<T>(key);
    let in_steps = npz.get(key).map(|member| member.to_owned::<T>());
    match (&owned, in_steps) {
        (Ok(array), Ok(Ok(expected))) => {
            assert_eq!(npy::to_vec(array), npy::to_vec(&expected), "{key}")
        }
        (Err(NpzError::Npy { name: _, error }), Ok(Err(expected))) => assert_eq!(*error, expected),
        (Err(error), Err(expected)) => assert_eq!(*error, expected),
        (owned, in_steps) => panic!("get_owned: {owned:?}, get and to_owned: {in_steps:?}"),
    }
    owned
}

fn outcome(bytes: &[u8], options: &NpzOptions) -> String {
    let npz = npz::load_with(bytes, options);
    if let Ok(npz) = &npz {
        let _ = owned_both_ways::<f64>(npz, "x");
    }
    let member = npz.and_then(|npz| npz.get("x"));
    match member.map(|member| member.to_cow::<f64>().map(ndarray::CowArray::into_owned)) {
        Ok(Ok(array)) => {
            assert_eq!(array, Array1::range(0.0, 6.0, 1.0).into_dyn());
            "ok".to_owned()
        }
        Ok(Err(error)) => variant(&error),
        Err(error) => variant(&error),
    }
}

#[test]
fn every_case_returns_the_expected_error() {
    let cases = npz_cases();
    assert!(cases.len() > 70, "{} cases", cases.len());
    for case in cases {
        let found = outcome(&case.bytes, &NpzOptions::default());
        assert_eq!(found, case.expected, "{}", case.name);
    }
}

#[test]
fn truncated_and_changed_files_never_panic() {
    let entries = [
        Entry::stored("x.npy", plain()),
        Entry::deflated("y.npy", &plain()),
    ];
    let file = zip(&entries, &End::default());
    for len in 0..file.len() {
        assert!(npz::load(&file[..len]).is_err(), "{len} bytes");
    }
    for at in 0..file.len() {
        for byte in [0, 1, 8, 0x7f, 0x80, 0xfe, 0xff] {
            let mut changed = file.clone();
            changed[at] = byte;
            if let Ok(npz) = npz::load(&changed) {
                for key in npz.keys() {
                    let _ = owned_both_ways::<f64>(&npz, key);
                }
            }
        }
    }
}

#[test]
fn crc_is_verified_by_default() {
    let entry = Entry {
        crc: 1,
        ..Entry::deflated("x.npy", &plain())
    };
    let bytes = zip(&[entry], &End::default());
    let unverified = NpzOptions::new().verify_crc(false);
    assert_eq!(outcome(&bytes, &NpzOptions::default()), "WrongCrc");
    assert_eq!(outcome(&bytes, &unverified), "ok");
}

#[test]
fn the_limit_applies_to_all_compressed_members() {
    let len = plain().len() as u64;
    let entries = [
        Entry::stored("s.npy", plain()),
        Entry::deflated("x.npy", &plain()),
        Entry::deflated("y.npy", &plain()),
    ];
    let bytes = zip(&entries, &End::default());
    let limit = |bytes| NpzOptions::new().max_uncompressed_bytes(bytes);
    assert_eq!(outcome(&bytes, &limit(2 * len)), "ok");
    assert_eq!(outcome(&bytes, &limit(2 * len - 1)), "TooLarge");
}

#[test]
fn a_file_is_a_mapping() {
    let mut bytes = Vec::new();
    npz::save(
        &mut bytes,
        &[&array![1_u8], &array![2_u8]],
        &[("x", &array![3_u8]), ("a.npy", &array![4_u8])],
    )
    .unwrap();
    let npz = npz::load(&bytes).unwrap();
    assert_eq!(format!("{npz:?}"), "NpzFile object with 4 entries");
    assert_eq!(
        npz.keys().collect::<Vec<_>>(),
        ["arr_0", "arr_1", "x", "a.npy"]
    );
    assert!(npz.keys().eq(npz.keys()));
    assert_eq!((npz.len(), npz.is_empty()), (4, false));
    for (key, there) in [
        ("x", true),
        ("x.npy", true),
        ("arr_1.npy", true),
        ("a.npy", true),
        ("a.npy.npy", true),
        ("a", false),
        ("y", false),
        ("", false),
        (".npy", false),
        ("x.npy.npy", false),
    ] {
        assert_eq!(npz.contains_key(key), there, "{key}");
        assert_eq!(npz.get(key).is_ok(), there, "{key}");
        assert_eq!(npz.raw(key).is_ok(), there, "{key}");
    }
    assert_eq!(
        npz.get("y").unwrap_err().to_string(),
        "y is not a file in the archive"
    );
    let first = |member: Result<NpzMember, _>| member.unwrap().to_owned::<u8>().unwrap()[0];
    assert_eq!(npz.values().map(first).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(
        npz.iter()
            .map(|(_, member)| first(member))
            .collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let mut keys = Vec::new();
    for (key, _) in &npz {
        keys.push(key);
    }
    assert!(npz.keys().eq(keys));
    let empty = zip(&[], &End::default());
    assert!(npz::load(&empty).unwrap().is_empty());
}

#[test]
fn members_that_are_not_arrays_are_bytes() {
    let entries = [
        Entry::stored("meta.txt", b"seed 7".to_vec()),
        Entry::deflated("x.npy", &plain()),
    ];
    let bytes = zip(&entries, &End::default());
    let npz = npz::load(&bytes).unwrap();
    assert_eq!(npz.keys().collect::<Vec<_>>(), ["meta.txt", "x"]);
    assert_eq!(*npz.raw("meta.txt").unwrap(), *b"seed 7");
    assert_eq!(*npz.raw("x").unwrap(), plain());
    assert_eq!(
        npz.get("meta.txt").unwrap_err().to_string(),
        "meta.txt is not an NPY file; use `raw` for its bytes"
    );
}

#[test]
fn many_members_are_found() {
    let names: Vec<String> = (0..500).map(|i| format!("a{}", i * 7919 % 500)).collect();
    let mut entries: Vec<Entry> = names
        .iter()
        .enumerate()
        .map(|(i, name)| Entry::stored(&format!("{name}.npy"), vec![i as u8]))
        .collect();
    entries.push(Entry::stored("a3.npy", b"last".to_vec()));
    entries.push(Entry::stored("a4", b"exact".to_vec()));
    let bytes = zip(&entries, &End::default());
    let npz = npz::load(&bytes).unwrap();
    for (i, name) in names.iter().enumerate() {
        match name.as_str() {
            "a3" => assert_eq!(*npz.raw(name).unwrap(), *b"last"),
            "a4" => assert_eq!(*npz.raw(name).unwrap(), *b"exact"),
            _ => assert_eq!(*npz.raw(name).unwrap(), [i as u8]),
        }
        assert!(npz.contains_key(&format!("{name}.npy")));
    }
    for key in ["", "a", "a.npy", "a500", "b", "a3.npy.npy"] {
        assert!(!npz.contains_key(key), "{key}");
    }
}

/// Saves one array of each kind and loads it again.
fn round_trip(compress: bool) {
    let float = array![[1.5, -0.0], [f64::NAN, f64::INFINITY]];
    let scalar = ndarray::arr0(7_i16);
    let empty = ArrayD::<u32>::zeros(vec![3, 0]);
    let complex = array![Complex::new(1.0_f32, -1.0)];
    let datetimes = array![DatetimeUs(5), DatetimeUs(i64::MIN)];
    let strided = Array1::from_iter(0..1000_u16);
    let strided = strided.slice(ndarray::s![..;-3]);
    let unicode = array![true, false];
    let named: [(&str, &dyn SaveNpy); 6] = [
        ("scalar", &scalar),
        ("empty", &empty),
        ("complex", &complex),
        ("datetimes", &datetimes),
        ("strided", &strided),
        ("größe/数", &unicode),
    ];
    let mut bytes = Vec::new();
    let save = if compress {
        npz::save_compressed
    } else {
        npz::save
    };
    save(&mut bytes, &[&float.t()], &named).unwrap();
    let npz = npz::load(&bytes).unwrap();
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    assert_eq!(npz.keys().skip(1).collect::<Vec<_>>(), names);
    let found = npz.get("arr_0").unwrap();
    assert!(found.fortran_order());
    assert_eq!(found.stored().is_some(), !compress);
    let found = found.to_cow::<f64>().unwrap();
    assert_eq!(
        found.mapv(f64::to_bits),
        float.t().mapv(f64::to_bits).into_dyn()
    );
    assert_eq!(get::<i16>(&npz, "scalar"), scalar.into_dyn());
    assert_eq!(get::<u32>(&npz, "empty"), empty);
    let found = npz
        .get("complex")
        .unwrap()
        .to_owned::<Complex<f32>>()
        .unwrap();
    assert_eq!(found, complex.into_dyn());
    assert_eq!(get::<DatetimeUs>(&npz, "datetimes"), datetimes.into_dyn());
    assert_eq!(get::<u16>(&npz, "strided"), strided.into_dyn());
    assert_eq!(get::<bool>(&npz, "größe/数"), unicode.into_dyn());
}

fn get<T: Element>(npz: &NpzFile, key: &str) -> ArrayD<T> {
    owned_both_ways(npz, key).unwrap()
}

#[test]
fn large_members_are_verified_during_the_copy() {
    // Longer than several of the chunks in which they are copied, and not a multiple of one.
    let floats = Array1::from_iter((0..5001).map(f64::from));
    let complex = floats.mapv(|re| Complex::new(re, -re));
    let bools = Array1::from_shape_fn(20_001, |i| i % 3 == 0);
    // Large enough to be copied in one chunk.
    let long = Array1::from_elem((2 << 20) + 1, 7_u8);
    let named: [(&str, &dyn SaveNpy); 4] = [
        ("bytes", &long),
        ("floats", &floats),
        ("complex", &complex),
        ("bools", &bools),
    ];
    let mut bytes = Vec::new();
    npz::save(&mut bytes, &[], &named).unwrap();
    let npz = npz::load(&bytes).unwrap();
    assert_eq!(get::<f64>(&npz, "floats"), floats.into_dyn());
    assert_eq!(get::<Complex<f64>>(&npz, "complex"), complex.into_dyn());
    assert_eq!(get::<bool>(&npz, "bools"), bools.into_dyn());
    assert_eq!(get::<u8>(&npz, "bytes"), long.into_dyn());

    let at = |npz: &NpzFile, key: &str, index| {
        let start = npz.get(key).unwrap().bytes().as_ptr().addr();
        start - bytes.as_ptr().addr() + index
    };
    let (in_floats, in_bools) = (at(&npz, "floats", 39_999), at(&npz, "bools", 20_000));
    let mut changed = bytes.clone();
    changed[in_floats] ^= 1;
    changed[in_bools] = 2;
    let npz = npz::load(&changed).unwrap();
    for error in [
        owned_both_ways::<f64>(&npz, "floats").unwrap_err(),
        owned_both_ways::<bool>(&npz, "bools").unwrap_err(),
    ] {
        assert!(matches!(error, NpzError::WrongCrc { .. }), "{error:?}");
    }
    let options = NpzOptions::new().verify_crc(false);
    let npz = npz::load_with(&changed, &options).unwrap();
    let error = owned_both_ways::<bool>(&npz, "bools").unwrap_err();
    assert_eq!(
        error.to_string(),
        "bools.npy: boolean 20000 is neither 0 nor 1"
    );
    let error = owned_both_ways::<f32>(&npz, "floats").unwrap_err();
    assert_eq!(
        error.to_string(),
        "floats.npy: the array has elements of type float64, not float32"
    );
}

#[test]
fn a_wrong_boolean_with_the_right_crc() {
    let mut payload = vec![1; 20_000];
    payload[17_000] = 2;
    let npy = npy_with(1, 0, &text("|b1", "(20000,)"), &payload);
    let bytes = zip(&[Entry::stored("x.npy", npy)], &End::default());
    let error = owned_both_ways::<bool>(&npz::load(&bytes).unwrap(), "x").unwrap_err();
    assert_eq!(error.to_string(), "x.npy: boolean 17000 is neither 0 nor 1");
}

#[test]
fn saved_archives_round_trip() {
    round_trip(false);
    round_trip(true);
}

#[test]
fn saved_members_are_aligned() {
    let mut npz = NpzWriter::new(Vec::new());
    let lengths = 1..140;
    for len in lengths.clone() {
        npz.add(&"n".repeat(len), &array![len as f64]).unwrap();
    }
    let bytes = npz.finish().unwrap();
    let mut aligned = vec![0; bytes.len() + 64];
    let start = aligned.as_ptr().align_offset(64);
    aligned[start..start + bytes.len()].copy_from_slice(&bytes);
    let npz = npz::load(&aligned[start..start + bytes.len()]).unwrap();
    for len in lengths {
        let member = npz.get(&"n".repeat(len)).unwrap();
        assert_eq!(member.bytes().as_ptr().align_offset(64), 0);
        let view = member.stored().unwrap().view::<f64>().unwrap();
        assert_eq!(view, array![len as f64].into_dyn());
    }
}

#[test]
fn compressed_members_can_always_be_viewed() {
    for len in [0, 1, 3, 1000] {
        let array = Array1::from_iter((0..len).map(|i| Complex::new(f64::from(i), 0.5)));
        let mut bytes = Vec::new();
        npz::save_compressed(&mut bytes, &[&array], &[]).unwrap();
        let member = npz::load(&bytes).unwrap().get("arr_0").unwrap();
        assert_eq!(member.view::<Complex<f64>>().unwrap(), array.into_dyn());
    }
}

#[test]
fn runs_of_a_byte_and_of_a_pattern_are_inflated() {
    // Compression ratios below and above the one at which the decompressor depends on the content.
    for (index, array) in [
        Array1::from_elem(100_000, 0.0),
        Array1::from_elem(100_000, 1.0),
        Array1::from_shape_fn(100_000, |i| (i / 5000) as f64),
        Array1::from_shape_fn(100_000, |i| if i < 50_000 { 0.0 } else { (i % 7) as f64 }),
        Array1::from_elem(100, 0.0),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bytes = Vec::new();
        npz::save_compressed(&mut bytes, &[&array], &[]).unwrap();
        let member = npz::load(&bytes).unwrap().get("arr_0").unwrap();
        assert!(member.view::<f64>().unwrap() == array.into_dyn(), "{index}");
    }
}

#[test]
fn names_are_checked() {
    let x = array![1.0];
    let error = npz::save(Vec::new(), &[&x], &[("arr_0", &x)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Cannot use un-named variables and keyword arr_0"
    );
    let error = npz::save(Vec::new(), &[], &[("x", &x), ("x", &x)]).unwrap_err();
    assert_eq!(error.to_string(), "the archive already has a x.npy");
    let mut npz = NpzWriter::compressed(Vec::new());
    assert!(npz.add(&"n".repeat(65_532), &x).is_err());
    npz.add(&"n".repeat(65_531), &x).unwrap();
    let bytes = npz.finish().unwrap();
    assert_eq!(
        npz::load(&bytes).unwrap().keys().next().unwrap().len(),
        65_531
    );
}

#[test]
fn equal_arrays_give_equal_archives() {
    let save = || {
        let mut bytes = Vec::new();
        npz::save_compressed(&mut bytes, &[&array![1, 2, 3]], &[]).unwrap();
        bytes
    };
    assert_eq!(save(), save());
}

#[test]
fn more_than_65534_members_use_zip64() {
    for count in [65_534, 65_535] {
        let mut npz = NpzWriter::new(Vec::new());
        let empty = Array1::<u8>::zeros(0);
        for i in 0..count {
            npz.add(&i.to_string(), &empty).unwrap();
        }
        let bytes = npz.finish().unwrap();
        let zip64 = bytes
            .windows(4)
            .rev()
            .take(200)
            .any(|bytes| bytes == b"PK\x06\x06");
        assert_eq!(zip64, count >= 65_535);
        let npz = npz::load(&bytes).unwrap();
        assert_eq!(npz.len(), count);
        assert_eq!(npz.get("65533").unwrap().shape(), [0]);
    }
}

/// Archives written by Info-ZIP 3.0: `cat x.npy | zip -q FILE -`, the same with `-0`, and `zip -fz` and
/// `zip -fd` of `x.npy`.
#[test]
fn archives_written_by_info_zip_are_read() {
    for (key, bytes) in [
        ("-", &include_bytes!("infozip/pipe.npz")[..]),
        ("-", include_bytes!("infozip/pipe_stored.npz")),
        ("x", include_bytes!("infozip/zip64.npz")),
        ("x", include_bytes!("infozip/descriptors.npz")),
    ] {
        let npz = npz::load(bytes).unwrap();
        assert_eq!(npz.keys().collect::<Vec<_>>(), [key]);
        let array = npz.get_owned::<f64>(key).unwrap();
        assert_eq!(
            array.into_raw_vec_and_offset().0,
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
    }
}

#[test]
fn names_are_decoded_like_zipfile() {
    let named = |name: &[u8], flags, extra: &[u8]| Entry {
        name: name.to_vec(),
        flags,
        extras: [Vec::new(), extra.to_vec()],
        ..Entry::stored("", plain())
    };
    // Info-ZIP's extra field with the UTF-8 name and the CRC-32 of the name in the header.
    let unicode_path = |raw: &[u8]| {
        let mut extra = b"\x75\x70\x0e\0\x01".to_vec();
        extra.extend(crc32fast::hash(raw).to_le_bytes());
        extra.extend("café.npy".as_bytes());
        extra
    };
    let raw = b"caf\xc4.npy";
    for (entry, key) in [
        (named(b"caf\x82.npy", 0, b""), "café"),
        (named("café.npy".as_bytes(), 1 << 11, b""), "café"),
        (named("café.npy".as_bytes(), 0, b""), "caf├⌐"),
        (named(raw, 0, &unicode_path(raw)), "café"),
        (named(raw, 0, &unicode_path(b"caf.npy")), "caf─"),
    ] {
        let bytes = zip(&[entry], &End::default());
        let npz = npz::load(&bytes).unwrap();
        assert_eq!(npz.keys().collect::<Vec<_>>(), [key]);
        assert_eq!(npz.get(key).unwrap().shape(), [6]);
    }
}

#[test]
fn members_can_not_share_content() {
    let mut entries = vec![Entry::stored("a0.npy", plain())];
    entries.extend((1..5000).map(|i| Entry {
        header: Some(0),
        content: Vec::new(),
        ..Entry::stored(&format!("a{i}.npy"), plain())
    }));
    // Sizes and CRC are those of the first member.
    for entry in &mut entries[1..] {
        let len = plain().len() as u32;
        (entry.sizes, entry.crc) = ([len; 2], crc32fast::hash(&plain()));
    }
    let bytes = zip(&entries, &End::default());
    let npz = npz::load(&bytes).unwrap();
    assert_eq!(npz.values().filter(Result::is_ok).count(), 0);
}

#[test]
fn members_are_loaded_on_several_threads() {
    let entries: Vec<Entry> = (0..50)
        .map(|i| {
            let values: Vec<u8> = (0..6)
                .flat_map(|j| f64::from(10 * i + j).to_le_bytes())
                .collect();
            let file = npy_with(1, 0, &text("<f8", "(6,)"), &values);
            match i % 3 {
                0 => Entry::stored(&format!("a{i}.npy"), file),
                1 => Entry::deflated(&format!("a{i}.npy"), &file),
                _ => Entry {
                    crc: 1,
                    ..Entry::deflated(&format!("a{i}.npy"), &file)
                },
            }
        })
        .collect();
    let bytes = zip(&entries, &End::default());
    let npz = npz::load(&bytes).unwrap();
    for threads in [1, 2, 7, 100] {
        let members = npz.get_all(NonZero::new(threads).unwrap());
        assert_eq!(members.len(), 50);
        for (i, member) in members.into_iter().enumerate() {
            match member {
                Ok(member) => assert_eq!(member.bytes()[..8], ((10 * i) as f64).to_le_bytes()),
                Err(error) => assert!(i % 3 == 2 && variant(&error) == "WrongCrc", "{i}: {error}"),
            }
        }
    }
    let empty = zip(&[], &End::default());
    let none = npz::load(&empty).unwrap().get_all(NonZero::new(4).unwrap());
    assert!(none.is_empty());
}
