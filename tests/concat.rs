//! Tests that messages round-trip, however they are packed, and that invalid messages are rejected.

use std::io::{self, IoSlice, Write};

use ndarray::{Array, ArrayD, Axis, Dimension, IxDyn, ShapeBuilder, arr0, array, s};
use num_complex::Complex;
use proptest::{collection::vec, prelude::*};
use serbench::{
    Element,
    array::{SEED, Shape, seeded},
    concat::{
        AnyArray, ConcatError, PackOptions, UnpackOptions, pack, pack_into, pack_into_with,
        pack_io_slices, pack_io_slices_with, pack_with, packed_len, unpack, unpack_with,
        write_all_vectored,
    },
    datetime::{DatetimeNs, DatetimeUs, DatetimeY, TimedeltaMs},
    f16,
    npy::{NpyError, NpyView},
};

/// A writer that accepts at most `most` bytes at a time, and is interrupted before each write.
struct ShortWriter {
    most: usize,
    interrupted: bool,
    written: Vec<u8>,
}

impl Write for ShortWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(parts.len() <= 1024, "more parts than IOV_MAX");
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let before = self.written.len();
        let bytes = parts.iter().flat_map(|part| part.iter().copied());
        self.written.extend(bytes.take(self.most));
        Ok(self.written.len() - before)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Packs `arrays`, after checking that all functions write the same message.
fn packed(arrays: &[AnyArray<'_>]) -> Vec<u8> {
    let mut message = Vec::new();
    pack(arrays, &mut message);
    assert_eq!(message.len(), packed_len(arrays));

    let mut appended = vec![7; 5];
    pack(arrays, &mut appended);
    assert_eq!(appended[5..], message);

    let mut buffer = vec![0xff; message.len() + 3];
    assert_eq!(pack_into(arrays, &mut buffer), Ok(message.len()));
    assert_eq!(buffer[..message.len()], message);
    assert_eq!(buffer[message.len()..], [0xff; 3]);
    assert_eq!(
        pack_into(arrays, &mut buffer[..message.len() - 1]),
        Err(ConcatError::BufferTooSmall {
            need: message.len(),
            have: message.len() - 1
        })
    );

    for most in [1, 63, 1000, usize::MAX] {
        let mut scratch = vec![1; 10];
        let mut writer = ShortWriter {
            most,
            interrupted: false,
            written: Vec::new(),
        };
        let mut parts = pack_io_slices(arrays, &mut scratch);
        write_all_vectored(&mut writer, &mut parts).unwrap();
        assert_eq!(writer.written, message, "{most} bytes at a time");
    }
    unprotected(arrays, &message);
    message
}

/// Packs `arrays` without a checksum, after checking that all functions write the same message.
fn unprotected(arrays: &[AnyArray<'_>], message: &[u8]) -> Vec<u8> {
    let mut expected = message.to_vec();
    expected[10..16].fill(0);
    let options = PackOptions::new().checksum(false);
    let mut message = Vec::new();
    pack_with(arrays, &options, &mut message);
    assert_eq!(message, expected);
    let mut buffer = vec![0xff; message.len()];
    let length = pack_into_with(arrays, &options, &mut buffer);
    assert_eq!((length, &buffer), (Ok(message.len()), &message));
    let mut scratch = vec![1; 10];
    let parts = pack_io_slices_with(arrays, &options, &mut scratch);
    let sent: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
    assert_eq!(sent, message);
    message
}

/// Passes a copy of `message` at an address that is a multiple of 64 plus `shift`.
fn shifted<R>(message: &[u8], shift: usize, use_it: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = vec![0; message.len() + 128];
    let start = buffer.as_ptr().align_offset(64) + shift;
    buffer[start..start + message.len()].copy_from_slice(message);
    use_it(&buffer[start..start + message.len()])
}

fn assert_unpacks<T: Element, D: Dimension>(packed: &NpyView<'_>, array: &Array<T, D>) {
    let array = array.view().into_dyn();
    assert_eq!(packed.dtype(), T::DTYPE);
    assert_eq!(packed.shape(), array.shape());
    assert_eq!(packed.to_owned::<T>().unwrap(), array);
    match packed.view::<T>() {
        Ok(view) => assert_eq!(view, array),
        Err(error) => assert!(matches!(error, NpyError::Misaligned { .. })),
    }
}

fn round_trip<T: Element, D: Dimension>(array: &Array<T, D>) {
    let message = packed(&[array.into()]);
    for shift in 0..16 {
        shifted(&message, shift, |message| {
            let arrays = unpack(message).unwrap();
            assert_unpacks(&arrays[0], array);
            if shift % align_of::<T>() == 0 {
                assert!(arrays[0].view::<T>().is_ok());
            }
        });
    }
}

fn seeded_shape<T: Element>(shape: &[usize]) -> ArrayD<T> {
    seeded(&Shape::Axes(shape.to_vec()), SEED)
}

#[test]
fn every_dtype_round_trips() {
    macro_rules! each {
        ($($type:ty),*) => { $(
            for shape in [&[][..], &[1], &[7], &[0], &[3, 0, 2], &[2, 3], &[2, 1, 3, 1, 2, 2]] {
                round_trip(&seeded_shape::<$type>(shape));
            }
        )* };
    }
    each!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64);
    each!(DatetimeY, DatetimeUs, DatetimeNs);
    round_trip(&array![Complex::new(1.0_f32, -2.0), Complex::new(0.5, 3.0)]);
    round_trip(&array![
        [Complex::new(1.0_f64, -2.0)],
        [Complex::new(0.5, 3.0)]
    ]);
    round_trip(&array![TimedeltaMs(5), TimedeltaMs(i64::MIN)]);
}

#[test]
fn layouts_round_trip_in_c_or_fortran_order() {
    let base = Array::from_shape_fn((4, 6), |(i, j)| (10 * i + j) as u16);
    let cube = Array::from_shape_fn((2, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f32);
    fn check<T: Element, D: Dimension>(array: ndarray::ArrayView<'_, T, D>, fortran_order: bool) {
        let message = packed(&[(&array).into()]);
        let arrays = unpack(&message).unwrap();
        assert_eq!(arrays[0].fortran_order(), fortran_order);
        assert_unpacks(&arrays[0], &array.to_owned());
    }
    check(base.view(), false);
    check(base.t(), true);
    check(base.slice(s![1..3, ..]), false);
    check(base.slice(s![.., 1..4]), false);
    check(base.slice(s![..;2, ..;-1]), false);
    check(base.slice(s![.., 2]), false);
    check(base.slice(s![..;-1, 2..2]), false);
    check(base.t().slice(s![.., 1..4]), true);
    check(base.broadcast((3, 4, 6)).unwrap(), false);
    check(cube.view().permuted_axes([0, 2, 1]), false);
    check(cube.view().reversed_axes(), true);
    check(cube.index_axis(Axis(1), 1), false);
}

#[test]
fn mixed_arrays_keep_their_places() {
    let image = seeded_shape::<u8>(&[3, 5, 7]);
    let label = arr0(3_i64);
    let empty = Array::<f64, _>::zeros((0, 4));
    let weights = Array::from_shape_fn((3, 2).f(), |(i, j)| f16::from_f64((i + j) as f64));
    let flags = array![true, false, true];
    let message = packed(&[
        (&image).into(),
        (&label).into(),
        (&empty).into(),
        (&weights).into(),
        (&weights.slice(s![..;2, ..])).into(),
        (&flags).into(),
    ]);
    let arrays = unpack(&message).unwrap();
    assert_eq!(arrays.len(), 6);
    assert_unpacks(&arrays[0], &image);
    assert_unpacks(&arrays[1], &label);
    assert_unpacks(&arrays[2], &empty);
    assert_unpacks(&arrays[3], &weights);
    assert_unpacks(&arrays[4], &weights.slice(s![..;2, ..]).to_owned());
    assert_unpacks(&arrays[5], &flags);
    for array in &arrays {
        let offset = array.bytes().as_ptr() as usize - message.as_ptr() as usize;
        assert_eq!(offset % 64, 0);
    }
    assert_eq!(
        arrays[1].view::<f64>().unwrap_err().to_string(),
        "the array has elements of type int64, not float64"
    );
}

#[test]
fn no_arrays_are_a_valid_message() {
    let message = packed(&[]);
    assert_eq!(message.len(), 64);
    assert!(unpack(&message).unwrap().is_empty());
}

#[test]
fn thousands_of_arrays_exceed_iov_max() {
    let arrays: Vec<_> = (0..3000).map(|i| array![i as u8]).collect();
    let refs: Vec<AnyArray<'_>> = arrays.iter().map(AnyArray::from).collect();
    let message = packed(&refs);
    for (packed, array) in unpack(&message).unwrap().iter().zip(&arrays) {
        assert_unpacks(packed, array);
    }
}

#[test]
fn header_is_at_most_a_twentieth_of_4_kb_payloads() {
    let array = Array::<f64, _>::zeros(512);
    let arrays = [AnyArray::from(&array); 1000];
    let payload = 1000 * 4096;
    assert!(packed_len(&arrays) - payload <= payload / 20);
}

#[test]
fn header_is_as_documented() {
    let mut message = Vec::new();
    pack(&[(&array![[1_u16, 2, 3]]).into()], &mut message);
    let mut expected = b"\x93CONCAT\n\x01\0\x01\0\0\0\0\0".to_vec();
    for length in [1_u64, 128, 134] {
        expected.extend(length.to_le_bytes());
    }
    expected.extend(b"<u2\0\0\0\0\0\0\0\0\0\x02\0\0\0");
    for length in [128_u64, 6, 1, 3] {
        expected.extend(length.to_le_bytes());
    }
    expected.resize(128, 0);
    expected.extend([1, 0, 2, 0, 3, 0]);
    let checksum = crc32fast::hash(&expected);
    expected[12..16].copy_from_slice(&checksum.to_le_bytes());
    if cfg!(target_endian = "little") {
        assert_eq!(message, expected);
    }
    assert_unpacks(&unpack(&expected).unwrap()[0], &array![[1_u16, 2, 3]]);
}

#[test]
fn other_byte_order_is_copied() {
    let array = array![1.5_f32, -2.0, 1e-20];
    let swapped = array.mapv(|value| f32::from_bits(value.to_bits().swap_bytes()));
    let arrays = [(&swapped).into()];
    let mut message = unprotected(&arrays, &packed(&arrays));
    message[40] = if message[40] == b'<' { b'>' } else { b'<' };
    let packed = &unpack(&message).unwrap()[0];
    assert_eq!(packed.view::<f32>().unwrap_err(), NpyError::NonNativeEndian);
    assert_eq!(packed.to_owned::<f32>().unwrap(), array.into_dyn());
}

#[test]
fn an_invalid_bool_is_rejected() {
    let array = array![true, false];
    let arrays = [(&array).into()];
    let mut message = unprotected(&arrays, &packed(&arrays));
    let last = message.len() - 1;
    message[last] = 2;
    let packed = &unpack(&message).unwrap()[0];
    let expected = NpyError::InvalidBool { index: 1 };
    assert_eq!(packed.view::<bool>().unwrap_err(), expected);
    assert_eq!(packed.to_owned::<bool>().unwrap_err(), expected);
}

/// A message of two arrays, with or without a checksum.
fn two_arrays(checksum: bool) -> Vec<u8> {
    let mut message = Vec::new();
    pack_with(
        &[
            (&array![1.0, 2.0, 3.0]).into(),
            (&array![[1_u8, 2], [3, 4]]).into(),
        ],
        &PackOptions::new().checksum(checksum),
        &mut message,
    );
    message
}

#[test]
fn every_flipped_bit_is_found() {
    let message = two_arrays(true);
    assert_eq!(unpack(&message).unwrap().len(), 2);
    for bit in 0..8 * message.len() {
        let mut flipped = message.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(unpack(&flipped).is_err(), "bit {bit}");
    }
    let mut flipped = message.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(unpack(&flipped).unwrap_err(), ConcatError::WrongChecksum);
    let unverified = UnpackOptions::new().verify_checksum(false);
    assert_eq!(unpack_with(&flipped, &unverified).unwrap().len(), 2);
}

#[test]
fn gaps_must_be_zeros() {
    let one = array![1.0, 2.0, 3.0];
    let arrays = [(&one).into()];
    let one = unprotected(&arrays, &packed(&arrays));
    // After the entry of a single array, and between the payloads of two.
    for (message, gap) in [(one, 80..128), (two_arrays(false), 152..192)] {
        for at in gap {
            let mut changed = message.clone();
            changed[at] = 1;
            let error = unpack(&changed).unwrap_err().to_string();
            assert!(error.contains("a gap is not all zeros"), "{at}: {error}");
        }
    }
}

/// A message of two arrays without a checksum, overwritten with `bytes` at `at`.
fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut message = two_arrays(false);
    message[at..at + bytes.len()].copy_from_slice(bytes);
    message
}

#[test]
fn wrong_headers_are_rejected() {
    const MAX: [u8; 8] = u64::MAX.to_le_bytes();
    let check = |at: usize, bytes: &[u8], expected: &str| {
        let error = unpack(&changed(at, bytes)).unwrap_err().to_string();
        assert!(
            error.contains(expected),
            "{at}: {error:?}, expected {expected:?}"
        );
    };
    let number = u64::to_le_bytes;
    // The entries are at 40 and 80, the payloads at 128 and 192.
    assert_eq!(unpack(&changed(0, b"\x93")).unwrap().len(), 2);
    check(0, b"\x94", "wrong magic number");
    check(8, &[2], "version 2");
    check(10, &[1], "CRC-32 mismatch");
    check(10, &[2], "an unknown flag");
    check(10, &[3], "an unknown flag");
    check(15, &[1], "without its flag");
    check(16, &MAX, "doesn't match its arrays");
    check(16, &number(3), "doesn't match its arrays");
    check(16, &number(1), "don't add up");
    check(16, &number(0), "don't add up");
    check(24, &MAX, "truncated");
    check(24, &number(0), "doesn't match its arrays");
    check(24, &number(64), "doesn't match its arrays");
    check(24, &number(127), "doesn't match its arrays");
    check(24, &number(192), "is not where");
    check(32, &MAX, "truncated");
    check(32, &number(195), "bytes follow");
    check(40, b"<f3", "data type <f3 is not supported");
    check(40, b"<f8garba", "is not supported");
    check(40, b"|O\0", "Python objects");
    check(40, b"<M8[xx]", "is not supported");
    check(40, b"\0\0\0\0\0\0\0\0", "is not supported");
    check(40, b"<f8\0<", "is not supported");
    check(48, &[2], "neither C nor Fortran");
    check(52, &[0], "is not where");
    check(52, &[2], "is not where");
    check(52, &[255, 255, 255, 255], "truncated");
    check(56, &number(0), "is not where");
    check(56, &number(192), "is not where");
    check(64, &number(32), "is not where");
    check(64, &MAX, "is not where");
    check(72, &MAX, "too large to address");
    check(72, &number(1 << 60), "too large to address");
    check(72, &number(1 << 59), "is not where");
    check(112, &[0].repeat(8), "is not where");
}

#[test]
fn an_empty_array_with_too_large_axes_is_rejected() {
    let array = Array::<u8, _>::zeros((0, 1, 1));
    let arrays = [(&array).into()];
    let mut message = unprotected(&arrays, &packed(&arrays));
    assert!(unpack(&message).is_ok());
    for axis in [1, 2] {
        let at = 40 + 32 + 8 * axis;
        message[at..at + 8].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    }
    assert_eq!(
        unpack(&message).unwrap_err(),
        NpyError::ShapeOverflow.into()
    );
}

#[test]
fn truncated_messages_are_rejected() {
    let message = changed(0, b"\x93");
    for end in 0..message.len() {
        assert!(matches!(
            unpack(&message[..end]),
            Err(ConcatError::Truncated { .. })
        ));
    }
}

#[test]
fn a_writer_that_accepts_nothing_is_an_error() {
    let array = array![1_u8];
    let mut scratch = Vec::new();
    let mut parts = pack_io_slices(&[(&array).into()], &mut scratch);
    let mut full: &mut [u8] = &mut [0; 70];
    let error = write_all_vectored(&mut full, &mut parts).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    let empty = Array::<u8, _>::zeros(0);
    let mut parts = [IoSlice::new(empty.as_slice().unwrap())];
    write_all_vectored(&mut full, &mut parts).unwrap();
}

/// Reads all arrays of `message`, if it is valid.
fn use_all(message: &[u8]) {
    for array in unpack(message).unwrap_or_default() {
        let elements = array.shape().iter().product::<usize>();
        assert_eq!(elements * array.dtype().itemsize(), array.bytes().len());
        macro_rules! each {
            ($($type:ty),*) => { $(
                if let Ok(owned) = array.to_owned::<$type>() {
                    assert_eq!(owned.shape(), array.shape());
                }
            )* };
        }
        each!(bool, u8, i16, f32, f64, DatetimeNs);
    }
}

/// An array with the given layout: C order, Fortran order or reversed axes.
fn layout_of(shape: &[usize], layout: u8, value: u8) -> ArrayD<u16> {
    let array = Array::from_shape_fn(IxDyn(shape), |index| {
        index.slice().iter().fold(u16::from(value), |hash, i| {
            hash.wrapping_mul(31).wrapping_add(*i as u16)
        })
    });
    match layout {
        0 => array,
        1 => {
            let mut fortran = Array::zeros(IxDyn(shape).f());
            fortran.assign(&array);
            fortran
        }
        _ => array.reversed_axes(),
    }
}

proptest! {
    #[test]
    fn any_arrays_round_trip(
        specs in vec((vec(0_usize..4, 0..5), 0_u8..3, any::<u8>(), -2_isize..3), 0..8)
    ) {
        let arrays: Vec<_> = specs.iter().map(|(shape, layout, value, _)| layout_of(shape, *layout, *value)).collect();
        let views: Vec<_> = arrays.iter().zip(&specs).map(|(array, (.., step))| {
            let mut view = array.view();
            if *step != 0 && view.ndim() > 0 {
                view.slice_axis_inplace(Axis(0), ndarray::Slice::new(0, None, *step));
            }
            view
        }).collect();
        let refs: Vec<AnyArray<'_>> = views.iter().map(AnyArray::from).collect();
        let message = packed(&refs);
        let unpacked = unpack(&message).unwrap();
        prop_assert_eq!(unpacked.len(), views.len());
        for (packed, view) in unpacked.iter().zip(&views) {
            assert_unpacks(packed, &view.to_owned());
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        use_all(&bytes);
    }

    #[test]
    fn any_changes_never_panic(
        changes in vec((0_usize..196, prop_oneof![any::<u8>(), Just(0), Just(1), Just(255)]), 1..4)
    ) {
        let mut message = changed(0, b"\x93");
        for (at, byte) in changes {
            message[at] = byte;
        }
        use_all(&message);
    }
}
