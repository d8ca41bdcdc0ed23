//! Tests `load_raw`: shape, bytes and fields of arrays with unsupported data types.

use ndarray::array;
use serbench::npy::{self, NpyError};

use crate::corpus::{npy_with, text};

fn header(descr: &str, fortran_order: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}\n")
}

#[test]
fn extensions_text_and_bytes_are_raw() {
    for (descr, itemsize) in [
        ("<V2", 2),
        ("<f1", 1),
        ("|S3", 3),
        ("<U5", 20),
        (">f16", 16),
        ("<c32", 32),
        ("<f8", 8),
        ("<M8[25s]", 8),
    ] {
        let payload: Vec<u8> = (0..6 * itemsize).map(|byte| byte as u8).collect();
        let file = npy_with(1, 0, &text(descr, "(2, 3)"), &payload);
        let raw = npy::load_raw(&file).unwrap();
        assert_eq!(raw.descr(), descr);
        assert_eq!((raw.shape(), raw.itemsize()), (&[2, 3][..], Some(itemsize)));
        assert_eq!(raw.bytes(), payload);
        assert_eq!(raw.offset(), file.len() - payload.len());
        assert!(!raw.fortran_order() && raw.fields().is_none());
        let cut = npy::load_raw(&file[..file.len() - 1]).unwrap_err();
        assert!(matches!(cut, NpyError::Truncated { .. }), "{descr}: {cut}");
    }
}

#[test]
fn elements_of_unknown_size_extend_to_the_end() {
    for descr in ["|O", "T", "no type at all"] {
        let file = npy_with(1, 0, &text(descr, "(9,)"), b"pickled");
        let raw = npy::load_raw(&file).unwrap();
        assert_eq!((raw.itemsize(), raw.bytes()), (None, &b"pickled"[..]));
    }
    assert_eq!(npy::load_raw(b"PK").unwrap_err(), NpyError::BadMagic);
}

#[test]
fn fields_of_records_are_copied() {
    // numpy: np.zeros(3, [('x', '<f8'), ('', '|V1'), ('y', '>i2', (2,)), (('title', 'b'), '?')]).
    let descr = "[('x', '<f8'), ('', '|V1'), ('y', '>i2', (2,)), (('title', 'b'), '?')]";
    let mut payload = Vec::new();
    for i in 0..3_u8 {
        payload.extend(f64::from(i).to_le_bytes());
        payload.extend([0xff, 0, 2 * i, 0, 2 * i + 1, i & 1]);
    }
    let file = npy_with(1, 0, &header(descr, "False", "(3,)"), &payload);
    let raw = npy::load_raw(&file).unwrap();
    assert_eq!((raw.descr(), raw.itemsize()), (descr, Some(14)));
    let fields = raw.fields().unwrap().iter();
    let table: Vec<_> = fields
        .map(|f| (f.name.as_str(), f.descr.as_str(), f.offset, f.nbytes))
        .collect();
    assert_eq!(
        table,
        [("x", "<f8", 0, 8), ("y", ">i2", 9, 4), ("b", "?", 13, 1)]
    );
    assert_eq!(
        raw.field::<f64>("x").unwrap(),
        array![0.0, 1.0, 2.0].into_dyn()
    );
    assert_eq!(
        raw.field::<i16>("y").unwrap(),
        array![[0, 1], [2, 3], [4, 5]].into_dyn()
    );
    assert_eq!(
        raw.field::<bool>("b").unwrap(),
        array![false, true, false].into_dyn()
    );
    let missing = raw.field::<f64>("z").unwrap_err();
    assert_eq!(missing.to_string(), "the array has no field z");
    assert!(matches!(
        raw.field::<f32>("x"),
        Err(NpyError::WrongDtype { .. })
    ));
}

#[test]
fn fields_of_records_in_fortran_order_keep_their_places() {
    // Order of the records (row, column) in the file: (0,0), (1,0), (0,1), (1,1), (0,2), (1,2).
    let payload: Vec<u8> = (0..6)
        .flat_map(|i| [10 * (i % 2) + i / 2, 100 + i, 200 + i])
        .collect();
    let descr = "[('place', '|u1'), ('pair', '|u1', 2)]";
    let file = npy_with(1, 0, &header(descr, "True", "(2, 3)"), &payload);
    let raw = npy::load_raw(&file).unwrap();
    let places = array![[0, 1, 2], [10, 11, 12]].into_dyn();
    assert_eq!(raw.field::<u8>("place").unwrap(), places);
    let pairs = raw.field::<u8>("pair").unwrap();
    assert_eq!(pairs.shape(), [2, 3, 2]);
    assert_eq!(
        (pairs[[1, 0, 0]], pairs[[1, 0, 1]], pairs[[0, 2, 1]]),
        (101, 201, 204)
    );
}

#[test]
fn other_structured_types_have_no_fields() {
    for descr in [
        "[('x', [('y', '<f8')])]",
        "[('x', '|O')]",
        "[('x')]",
        "[('x', '<f8', )] ",
        "('<f8', (2,))",
        "[('x', '<f8' (2,))]",
        "[('x', '<f8', (2, 3)",
    ] {
        let file = npy_with(1, 0, &header(descr, "False", "(1,)"), &[0; 8]);
        if let Ok(raw) = npy::load_raw(&file) {
            let expected = descr == "[('x', '<f8', )] ";
            assert_eq!(raw.fields().is_some(), expected, "{descr}");
        }
    }
    let empty = npy_with(1, 0, &header("[]", "False", "(5,)"), b"");
    let raw = npy::load_raw(&empty).unwrap();
    assert_eq!((raw.itemsize(), raw.fields()), (Some(0), Some(&[][..])));
    let huge = npy_with(
        1,
        0,
        &header("[('x', '<f8', (99999999999,9999999999))]", "False", "(1,)"),
        b"",
    );
    assert_eq!(npy::load_raw(&huge).unwrap().fields(), None);
}
