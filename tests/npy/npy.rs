//! Tests NPY in memory: errors for invalid files, and the elements of valid ones.

use ndarray::{Array1, ArrayD, IxDyn, ShapeBuilder, arr0, array, s};
use num_complex::Complex;

use crate::corpus::{npy, npy_cases, npy_with, payload, text, variant};
use serbench::{
    Dtype, Element, TimeUnit,
    datetime::{DatetimeD, DatetimeNs, TimedeltaMs, TimedeltaNs},
    f16,
    npy::{self, NpyError, NpyOptions},
};

fn outcome<T>(result: Result<T, NpyError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => variant(&error),
    }
}

#[test]
fn every_case_returns_the_expected_error() {
    let cases = npy_cases();
    assert!(cases.len() > 150, "{} cases", cases.len());
    for case in cases {
        let found = outcome(npy::load(&case.bytes));
        assert_eq!(found, case.expected, "{}", case.name);
    }
}

#[test]
fn truncated_and_changed_files_never_panic() {
    let file = npy::to_vec(&array![[1.0, 2.0], [3.0, 4.0]]);
    for len in 0..file.len() {
        assert!(npy::load(&file[..len]).is_err(), "{len} bytes");
    }
    for at in 0..128 {
        for byte in 0..=u8::MAX {
            let mut changed = file.clone();
            changed[at] = byte;
            if let Ok(npy) = npy::load(&changed) {
                let elements: usize = npy.shape().iter().product();
                assert_eq!(npy.bytes().len(), elements * npy.dtype().itemsize());
                let _ = (npy.to_cow::<f64>(), npy.to_cow::<bool>());
            }
        }
    }
}

#[test]
fn errors_contain_position_and_reason() {
    let error = |bytes: &[u8]| npy::load(bytes).unwrap_err().to_string();
    assert_eq!(
        error(&npy("{'descr': '<f8', 'fortran_order': 0, 'shape': (6,)}")),
        "invalid header at byte 44: expected `True` or `False`"
    );
    assert_eq!(
        error(&npy(&text("<U5", "(6,)"))),
        "the data type <U5 is not supported; `load_raw` gives its shape and bytes"
    );
    assert_eq!(
        error(&npy(&text("<f8", "(7,)"))),
        "the elements take 56 bytes, but there are only 48"
    );
    assert_eq!(
        error(b"PK"),
        "not an NPY file: it doesn't start with \\x93NUMPY"
    );
}

#[test]
fn elements_of_unsupported_types_can_be_found() {
    for (descr, object) in [("<U5", false), ("|O", true)] {
        let bytes = npy(&text(descr, "(6,)"));
        let start = match npy::load(&bytes).unwrap_err() {
            NpyError::UnsupportedDtype {
                descr: found,
                payload,
            } if !object => {
                assert_eq!(found, descr);
                payload
            }
            NpyError::ObjectDtype { payload } if object => payload,
            other => panic!("{other}"),
        };
        assert_eq!(bytes[start..], payload());
    }
}

#[test]
fn unusual_notations_are_accepted() {
    for header in [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }",
        "{'shape':(6L,),\"descr\":'<f8','fortran_order':True}",
        "{ 'fortran_order': False, 'descr': '=f8',\n'shape': ( 6 , ) } \n",
    ] {
        let bytes = npy(header);
        let array = npy::load(&bytes).unwrap().to_owned::<f64>().unwrap();
        assert_eq!(array, Array1::range(0.0, 6.0, 1.0).into_dyn(), "{header}");
    }
}

#[test]
fn options_reject() {
    let mut bytes = npy("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }");
    let check = |bytes: &[u8], options: NpyOptions, expected: &str| {
        assert_eq!(outcome(npy::load_with(bytes, &options)), expected);
    };
    let c_order_only = NpyOptions::new().c_order_only(true);
    let reject_trailing = NpyOptions::new().reject_trailing(true);
    let short = NpyOptions::new().max_header_size(57);
    check(&bytes, c_order_only, "FortranOrder");
    check(&bytes, reject_trailing.clone(), "ok");
    check(&bytes, short, "HeaderTooLarge");
    bytes.push(0);
    check(&bytes, reject_trailing, "TrailingBytes");
}

#[test]
fn views_fail_in_order() {
    let shifted = |file: &[u8], shift: usize| {
        let mut bytes = vec![0; file.len() + 16 + shift];
        let start = bytes.as_ptr().align_offset(16) + shift;
        bytes[start..start + file.len()].copy_from_slice(file);
        (bytes, start..start + file.len())
    };
    let check = |file: &[u8], shift, expected: Result<(), NpyError>| {
        let (bytes, range) = shifted(file, shift);
        let found = npy::load(&bytes[range]).unwrap().view::<f64>().map(drop);
        assert_eq!(found, expected);
    };
    let swapped = npy_with(1, 0, &format!("{:<118}", text(">f8", "(6,)")), &payload());
    let native = npy_with(1, 0, &format!("{:<118}", text("<f8", "(6,)")), &payload());
    let booleans = npy_with(1, 0, &format!("{:<118}", text("|b1", "(6,)")), &[2; 6]);
    assert_eq!(swapped.len(), 128 + 48);
    let requested = Dtype::Float64;
    let stored = Dtype::Bool;
    check(
        &booleans,
        1,
        Err(NpyError::WrongDtype { stored, requested }),
    );
    check(&swapped, 1, Err(NpyError::NonNativeEndian));
    check(&native, 1, Err(NpyError::Misaligned { alignment: 8 }));
    check(&native, 0, Ok(()));
}

#[test]
fn every_alignment_gives_the_elements() {
    fn check<T: Element>(elements: [T; 3]) {
        let array = ArrayD::from_shape_vec(vec![3], elements.to_vec()).unwrap();
        let file = npy::to_vec(&array);
        let mut buffer = vec![0; file.len() + 64];
        let aligned = buffer.as_ptr().align_offset(64);
        for shift in 0..16 {
            let range = aligned + shift..aligned + shift + file.len();
            buffer[range.clone()].copy_from_slice(&file);
            let npy = npy::load(&buffer[range.clone()]).unwrap();
            assert_eq!(npy.dtype(), T::DTYPE);
            assert_eq!(npy.to_owned::<T>().unwrap(), array);
            let cow = npy.to_cow::<T>().unwrap();
            assert_eq!(cow, array);
            let anywhere = npy.view_unaligned::<T>().unwrap();
            assert_eq!(anywhere.map(|element| element.get()), array);
            let fits = shift % align_of::<T>() == 0;
            assert_eq!(cow.is_view(), fits);
            assert_eq!(npy.view::<T>().is_ok(), fits, "{shift}");
            let changed = npy::load_mut(&mut buffer[range]).unwrap();
            assert_eq!(changed.into_view_mut::<T>().is_ok(), fits);
        }
    }
    check([-1_i8, 0, 1]);
    check([-1_i16, 0, 1]);
    check([-1_i32, 0, 1]);
    check([-1_i64, 0, 1]);
    check([255_u8, 0, 1]);
    check([65535_u16, 0, 1]);
    check([u32::MAX, 0, 1]);
    check([u64::MAX, 0, 1]);
    check([f16::MAX, f16::ZERO, f16::EPSILON]);
    check([f32::MAX, -0.0, 1.0]);
    check([f64::INFINITY, -0.0, 1.0]);
    check([true, false, true]);
    check([Complex::new(1.0_f32, -2.0); 3]);
    check([Complex::new(1.0_f64, -2.0); 3]);
    check([DatetimeD(-1), DatetimeD(0), DatetimeD(i64::MIN)]);
    check([TimedeltaNs(-1), TimedeltaNs(0), TimedeltaNs(i64::MIN)]);
}

#[test]
fn empty_arrays_are_never_misaligned() {
    for shape in [vec![0], vec![3, 0], vec![0, 1, 2, 3, 4]] {
        let array = ArrayD::<f64>::zeros(shape);
        let file = npy::to_vec(&array);
        let mut buffer = vec![0];
        buffer.extend(file);
        for start in [0, 1] {
            buffer.rotate_left(start);
            let range = 1 - start..buffer.len() - start;
            assert_eq!(
                npy::load(&buffer[range]).unwrap().view::<f64>().unwrap(),
                array
            );
        }
    }
}

#[test]
fn the_other_byte_order_is_converted() {
    fn check<T: Element>(descr: &str, bytes: &[u8], expected: T) {
        let bytes = npy_with(1, 0, &text(descr, "()"), bytes);
        let npy = npy::load(&bytes).unwrap();
        let shift = npy.view::<T>().map(drop);
        assert_eq!(shift, Err(NpyError::NonNativeEndian), "{descr}");
        assert_eq!(npy.to_owned::<T>().unwrap(), arr0(expected).into_dyn());
        assert_eq!(npy.to_cow::<T>().unwrap(), arr0(expected).into_dyn());
    }
    check(">i2", &[1, 2], 0x0102_i16);
    check(">u4", &[1, 2, 3, 4], 0x0102_0304_u32);
    check(">i8", &[0, 0, 0, 0, 0, 0, 1, 0], 256_i64);
    check(">f2", &[0x3c, 0], f16::ONE);
    check(">f4", &1.5_f32.to_be_bytes(), 1.5_f32);
    check(">f8", &1.5_f64.to_be_bytes(), 1.5_f64);
    check(
        ">c8",
        &[1.5_f32.to_be_bytes(), 2.0_f32.to_be_bytes()].concat(),
        Complex::new(1.5_f32, 2.0),
    );
    check(
        ">c16",
        &[1.5_f64.to_be_bytes(), 2.0_f64.to_be_bytes()].concat(),
        Complex::new(1.5_f64, 2.0),
    );
    check(">M8[D]", &[0, 0, 0, 0, 0, 0, 1, 0], DatetimeD(256));
    check(">m8[ms]", &[0, 0, 0, 0, 0, 0, 1, 0], TimedeltaMs(256));
    check(">m8[ms]", &[0, 0, 0, 0, 0, 0, 1, 0], 256_i64);
    // Single bytes have no byte order.
    let bytes = npy_with(1, 0, &text(">u1", "(6,)"), &[1, 2, 3, 4, 5, 6]);
    assert_eq!(npy::load(&bytes).unwrap().view::<u8>().unwrap()[3], 4);
}

#[test]
fn datetimes_and_durations_keep_their_unit() {
    let file = npy::to_vec(&array![DatetimeNs(5), DatetimeNs(i64::MIN)]);
    let npy = npy::load(&file).unwrap();
    assert_eq!(npy.dtype(), Dtype::Datetime64(TimeUnit::Nanosecond));
    assert_eq!(
        npy.to_owned::<i64>().unwrap(),
        array![5, i64::MIN].into_dyn()
    );
    assert_eq!(outcome(npy.to_owned::<DatetimeD>()), "WrongDtype");
    assert_eq!(outcome(npy.to_owned::<TimedeltaNs>()), "WrongDtype");
    assert_eq!(outcome(npy.to_owned::<u64>()), "WrongDtype");
    let attoseconds = npy_with(1, 0, &text("<m8[as]", "(6,)"), &payload());
    let npy = npy::load(&attoseconds).unwrap();
    assert_eq!(npy.dtype(), Dtype::Timedelta64(TimeUnit::Attosecond));
    assert_eq!(outcome(npy.to_owned::<i64>()), "ok");
}

#[test]
fn booleans_are_checked() {
    for index in [0, 1, 63, 64, 99] {
        let mut payload = [1; 100];
        payload[index] = 2;
        let mut file = npy_with(1, 0, &text("|b1", "(100,)"), &payload);
        let expected = NpyError::InvalidBool { index };
        let npy = npy::load(&file).unwrap();
        assert_eq!(npy.view::<bool>().unwrap_err(), expected);
        let anywhere = npy.view_unaligned::<bool>().map(drop);
        assert_eq!(anywhere.unwrap_err(), expected);
        assert_eq!(npy.to_owned::<bool>().unwrap_err(), expected);
        assert_eq!(npy.to_cow::<bool>().unwrap_err(), expected);
        let mut npy = npy::load_mut(&mut file).unwrap();
        assert_eq!(npy.view_mut::<bool>().unwrap_err(), expected);
        npy.bytes_mut()[index] = 0;
        npy.view_mut::<bool>().unwrap()[0] = false;
        assert_eq!(npy.bytes()[0], 0);
    }
}

#[test]
fn debug_output_omits_the_elements() {
    let mut file = npy::to_vec(&ndarray::Array2::<f32>::zeros((1000, 2)));
    let expected = "{ dtype: float32, shape: [1000, 2], fortran_order: false, .. }";
    let found = format!("{:?}", npy::load(&file).unwrap());
    assert_eq!(found, format!("NpyView {expected}"));
    let found = format!("{:?}", npy::load_mut(&mut file).unwrap());
    assert_eq!(found, format!("NpyViewMut {expected}"));
}

#[test]
fn fortran_order_is_kept() {
    let c = array![[1, 2, 3], [4, 5, 6]];
    let mut f = ndarray::Array2::zeros((2, 3).f());
    f.assign(&c);
    let file = npy::to_vec(&f);
    let npy = npy::load(&file).unwrap();
    assert!(npy.fortran_order());
    assert_eq!(npy.bytes()[4], 4);
    for array in [
        npy.to_owned::<i32>().unwrap(),
        npy.view::<i32>().unwrap().to_owned(),
    ] {
        assert_eq!(array, c.clone().into_dyn());
        assert_eq!(array.strides(), [1, 2]);
    }
    let axes = [2, 3, 1, 2, 2];
    let c = ArrayD::from_shape_fn(IxDyn(&axes), |index| {
        (index[0] + 10 * index[1] + 100 * index[4]) as u64
    });
    let mut f = ArrayD::zeros(IxDyn(&axes).f());
    f.assign(&c);
    let file = npy::to_vec(&f);
    assert!(npy::load(&file).unwrap().fortran_order());
    assert_eq!(npy::load(&file).unwrap().to_owned::<u64>().unwrap(), c);
}

#[test]
fn mutable_views_change_the_bytes() {
    let mut file = npy::to_vec(&array![[1.0, 2.0], [3.0, 4.0]]);
    let mut npy = npy::load_mut(&mut file).unwrap();
    assert_eq!((npy.dtype(), npy.shape()), (Dtype::Float64, &[2, 2][..]));
    match npy.view_mut::<f64>() {
        Ok(mut view) => view[[1, 0]] = 30.0,
        // Depends on the address of the vector; the bytes are always accessible.
        Err(NpyError::Misaligned { .. }) => {
            npy.bytes_mut()[16..24].copy_from_slice(&30.0_f64.to_le_bytes());
        }
        Err(other) => panic!("{other}"),
    }
    let expected = array![[1.0, 2.0], [30.0, 4.0]].into_dyn();
    assert_eq!(
        npy::load(&file).unwrap().to_owned::<f64>().unwrap(),
        expected
    );
}

#[test]
fn layouts_are_saved_in_logical_order() {
    let base = Array1::from_iter(0..40_000_i32)
        .into_shape_with_order((200, 200))
        .unwrap();
    let check = |array: ndarray::ArrayView2<i32>| {
        let file = npy::to_vec(&array);
        assert_eq!(file.len(), npy::encoded_len(&array));
        assert_eq!(npy::header(&array).len() % 64, 0);
        assert!(file.starts_with(&npy::header(&array)));
        let mut written = Vec::new();
        npy::save(&mut written, &array).unwrap();
        assert_eq!(written, file);
        assert_eq!(
            npy::load(&file).unwrap().to_owned::<i32>().unwrap(),
            array.into_dyn()
        );
    };
    check(base.view());
    check(base.t());
    check(base.slice(s![.., ..;2]));
    check(base.slice(s![..;-1, 3..]));
    check(base.slice(s![..;-1, ..]).reversed_axes());
    check(base.slice(s![5..5, ..]));
    check(base.broadcast((200, 200)).unwrap());
    check(array![[1]].broadcast((30, 7)).unwrap());
}

#[test]
fn more_axes_than_numpy_supports_are_rejected() {
    let array = ArrayD::<u8>::zeros(vec![1; 65]);
    let error = npy::save(Vec::new(), &array).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn writer_errors_are_passed_on() {
    let mut room = [0; 130];
    let error = npy::save(&mut room[..], &array![1.0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WriteZero);
}
