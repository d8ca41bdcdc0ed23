//! Valid, unusual and malicious NPY files, with the expected error of each.

/// A file and the expected result of loading it: `"ok"` or the name of an error variant.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: &'static str,
}

/// The name of an error variant, taken from the start of its `Debug` output.
pub(crate) fn variant<E: std::fmt::Debug>(error: &E) -> String {
    let text = format!("{error:?}");
    let end = text.find(|c: char| !c.is_ascii_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// Six float64, 0 to 5.
pub(crate) fn payload() -> Vec<u8> {
    (0..6).flat_map(|i| f64::from(i).to_le_bytes()).collect()
}

/// A version 1.0 file with this header text, followed by six float64.
pub(crate) fn npy(text: &str) -> Vec<u8> {
    npy_with(1, 0, text, &payload())
}

pub(crate) fn npy_with(major: u8, minor: u8, text: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([major, minor]);
    let len = text.len() as u32;
    bytes.extend(&len.to_le_bytes()[..if major == 1 { 2 } else { 4 }]);
    bytes.extend(text.bytes());
    bytes.extend(payload);
    bytes
}

/// A header text as written by numpy, without padding.
pub(crate) fn text(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

pub(crate) fn npy_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, expected| {
        cases.push(Case {
            name: name.to_owned(),
            bytes,
            expected,
        });
    };
    let plain = npy(&text("<f8", "(6,)"));
    fixed_part(&plain, &mut add);
    for (expected, headers) in HEADERS {
        for header in *headers {
            add(header, npy(header), expected);
        }
    }
    for (expected, shapes) in SHAPES {
        for shape in *shapes {
            add(shape, npy(&text("<f8", shape)), expected);
        }
    }
    for (expected, descrs) in DESCRS {
        for descr in *descrs {
            // 96 bytes are enough for six elements of each type.
            let bytes = npy_with(1, 0, &text(descr, "(6,)"), &[0; 96]);
            add(descr, bytes, expected);
        }
    }
    for unit in [
        "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as",
    ] {
        for kind in ["<M8", ">M8", "<m8"] {
            let descr = format!("{kind}[{unit}]");
            add(&descr, npy(&text(&descr, "(6,)")), "ok");
        }
    }
    for (expected, count) in [("ok", 64), ("TooManyAxes", 65), ("TooManyAxes", 3000)] {
        let shape = format!("({})", "1,".repeat(count));
        let bytes = npy(&text("<f8", &shape));
        add(&format!("{count} axes"), bytes, expected);
    }
    let nested = |open: &str, key: &str| {
        let value = open.repeat(4000);
        npy(&format!(
            "{{'descr': '<f8', 'fortran_order': False, '{key}': {value}"
        ))
    };
    add("nested shape", nested("(", "shape"), "InvalidHeader");
    add("nested descr", nested("[", "descr"), "InvalidHeader");
    add("nested dictionary", npy(&"{".repeat(9000)), "InvalidHeader");
    cases
}

/// Files with different magic bytes, versions and header lengths, and truncated files.
fn fixed_part(plain: &[u8], add: &mut impl FnMut(&str, Vec<u8>, &'static str)) {
    add("plain", plain.to_vec(), "ok");
    for (version, expected) in [
        ((2, 0), "ok"),
        ((3, 0), "ok"),
        ((0, 0), "UnsupportedVersion"),
        ((1, 1), "UnsupportedVersion"),
        ((2, 1), "UnsupportedVersion"),
        ((4, 0), "UnsupportedVersion"),
        ((255, 255), "UnsupportedVersion"),
    ] {
        let (major, minor) = version;
        let bytes = npy_with(major, minor, &text("<f8", "(6,)"), &payload());
        add(&format!("version {version:?}"), bytes, expected);
    }
    add("no bytes", Vec::new(), "TooShort");
    add("half the magic", b"\x93NUM".to_vec(), "TooShort");
    add("other short bytes", b"xyz".to_vec(), "BadMagic");
    add("a zip", b"PK\x03\x04 and more of it".to_vec(), "BadMagic");
    add("no header length", plain[..9].to_vec(), "TooShort");
    add(
        "half a v2 length",
        b"\x93NUMPY\x02\0\0\0\0".to_vec(),
        "TooShort",
    );
    add("no header", plain[..10].to_vec(), "HeaderTooLarge");
    add("half a header", plain[..40].to_vec(), "HeaderTooLarge");
    add(
        "half an element",
        plain[..plain.len() - 4].to_vec(),
        "Truncated",
    );
    let huge = b"\x93NUMPY\x02\0\xff\xff\xff\xff{'descr'".to_vec();
    add("4 GiB of header", huge, "HeaderTooLarge");
    let padded = |len| format!("{:<len$}", text("<f8", "(6,)"));
    add("10 000 bytes of header", npy(&padded(10_000)), "ok");
    add(
        "10 001 bytes of header",
        npy(&padded(10_001)),
        "HeaderTooLarge",
    );
    let digits = format!("({},)", "9".repeat(1 << 20));
    let bytes = npy_with(2, 0, &text("<f8", &digits), &[]);
    add("a million digits", bytes, "HeaderTooLarge");
    let mut trailing = plain.to_vec();
    trailing.extend(b"trailing");
    add("trailing bytes", trailing, "ok");
    let mut text = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }");
    text[22] = 0xff;
    add("invalid UTF-8", text, "UnsupportedDtype");
}

const HEADERS: &[(&str, &[&str])] = &[
    (
        "ok",
        &[
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,)}",
            "{\"descr\":\"<f8\",\"fortran_order\":False,\"shape\":(6,)}",
            "{'shape': (6,), 'fortran_order': True, 'descr': '<f8'}",
            " \t{ 'descr' :\n'<f8' ,'fortran_order': True, 'shape': ( 2 , 3 )\r\n} \n\n",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }     \n",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6L,), }",
            "{u'descr': u'<f8', u\"fortran_order\": False, U'shape': (6,), }",
        ],
    ),
    (
        "InvalidHeader",
        &[
            "",
            "     \n",
            "5",
            "[]",
            "None",
            "{",
            "{}",
            "{}{}",
            "{,}",
            "{'descr'",
            "{'descr': ",
            "{'descr': '",
            "{'descr': '<f8'",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), ",
            "{'descr': '<f8', 'fortran_order': False, }",
            "{'descr': '<f8', 'shape': (6,), }",
            "{'fortran_order': False, 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), 'extra': 1, }",
            "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), 'shape': (6,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), } x\n",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }{}\n",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }\0\0\n",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), } # comment\n",
            "{'descr': '<f8' 'fortran_order': False, 'shape': (6,), }",
            "{'descr' '<f8', 'fortran_order': False, 'shape': (6,), }",
            "{descr: '<f8', 'fortran_order': False, 'shape': (6,), }",
            "{b'descr': '<f8', 'fortran_order': False, 'shape': (6,), }",
            "{'descr': '\\x3cf8', 'fortran_order': False, 'shape': (6,), }",
            "{'descr': '<f8\n', 'fortran_order': False, 'shape': (6,), }",
            "{'descr': 8, 'fortran_order': False, 'shape': (6,), }",
            "{'descr': None, 'fortran_order': False, 'shape': (6,), }",
            "{'descr': [('x', '<f8'), 'fortran_order': False, 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': 0, 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': 'False', 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': Falsey, 'shape': (6,), }",
            "{'descr': '<f8', 'fortran_order': not True, 'shape': (6,), }",
            "{'descr': __import__('os').abort(), 'fortran_order': False, 'shape': (6,)}",
            "__import__('os').abort()",
            "(lambda: {})()",
        ],
    ),
    (
        "UnsupportedDtype",
        &[
            "{'descr': [('x', '<f8'), ('y', '<i4', (2,))], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': [('x', '|O')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': [], 'fortran_order': False, 'shape': (6,)}",
            "{'descr': ('<f8', (2,)), 'fortran_order': False, 'shape': (3,)}",
            "{'descr': ['__import__(\"os\").abort()'], 'fortran_order': False, 'shape': (3,)}",
        ],
    ),
];

const SHAPES: &[(&str, &[&str])] = &[
    (
        "ok",
        &[
            "()",
            "(6,)",
            "(2, 3)",
            "(2,3,)",
            "(1, 2, 3, 1)",
            "(1, 1, 2, 3, 1)",
            "(0,)",
            "(0, 5)",
            "(5, 0, 7)",
            "(0, 1152921504606846975)",
            "( 6 , )",
            "(+6,)",
            "(+ 2, +3)",
        ],
    ),
    (
        "InvalidHeader",
        &[
            "[6]",
            "6",
            "(6)",
            "(2, 3",
            "(6.0,)",
            "(6e0,)",
            "(True,)",
            "(None,)",
            "('6',)",
            "(0x6,)",
            "(0o6,)",
            "(06,)",
            "(1_2,)",
            "(-6,)",
            "(++6,)",
            "(6+,)",
            "(+,)",
            "(6,,)",
            "(,)",
            "(6 6)",
            "(2*3,)",
            "((6,),)",
            "(6j,)",
            "(L,)",
            "( )x",
            "(2, 3))",
            "(6,) + (1,)",
            "(ſ,)",
        ],
    ),
    (
        "ShapeOverflow",
        &[
            "(4611686018427387904, 8)",
            "(0, 9223372036854775807)",
            "(0, 4611686018427387904, 4611686018427387904)",
            "(1152921504606846976,)",
            "(18446744073709551615,)",
            "(18446744073709551616,)",
            "(99999999999999999999999999999999,)",
            "(0, 99999999999999999999999999999999)",
            "(4294967296, 4294967296, 4294967296, 4294967296)",
        ],
    ),
    (
        "Truncated",
        &[
            "(7,)",
            "(2, 4)",
            "(137438953472,)",
            "(1152921504606846975,)",
        ],
    ),
];

const DESCRS: &[(&str, &[&str])] = &[
    (
        "ok",
        &[
            "<f8",
            ">f8",
            "=f8",
            "f8",
            "|b1",
            "b1",
            "?",
            "|?",
            "|i1",
            "i1",
            "<i1",
            "|u1",
            "<i2",
            ">i2",
            "<i4",
            ">i4",
            "<i8",
            ">i8",
            "<u2",
            ">u2",
            "<u4",
            ">u4",
            "<u8",
            ">u8",
            "<f2",
            ">f2",
            "<f4",
            ">f4",
            "<c8",
            ">c8",
            "<c16",
            ">c16",
            "float32",
            "float64",
            "uint8",
            "bool",
            "d",
            "f",
            "<d",
            ">H",
            "e",
            "datetime64[ns]",
            "<M8",
            "<m8",
            "<M8[25s]",
            "<m8[1s]",
            ">M8[25s]",
        ],
    ),
    ("ObjectDtype", &["|O", "O", "<O", "|O8", "O4"]),
    (
        "UnsupportedDtype",
        &[
            "",
            "<",
            "<<f8",
            "<U5",
            "|S3",
            "|V8",
            "<f16",
            "<c32",
            "<f3",
            "<f80",
            "<f8 ",
            " <f8",
            "<i8garbage",
            "<b2",
            "<M8[xs]",
            "<M8[]",
            "<M8[s",
            "<M8s]",
            "<m8[s/2]",
            "<M8[µs]",
            "2<f8",
            "<V2",
            "<f1",
            "<float64",
            "long",
            "<l",
            "f8,f8",
            "<f8, aligned by sixteen bytes",
        ],
    ),
];
