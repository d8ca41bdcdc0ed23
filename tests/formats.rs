//! Tests that every format round-trips arrays with any strides, and rejects invalid input.

#[path = "../benches/formats/encoders/mod.rs"]
mod encoders;

use encoders::{
    Access, FormatElement, MessagePack, MessagePackBin, Npy, Npz, NpzDeflate, PickleP5, Postcard,
    Raw, Safetensors,
    json::{decode_serde_json, decode_simd_json, decode_sonic_rs},
};
use ndarray::{ArrayD, ArrayViewD, IxDyn, s};
use serbench::{
    Encoder,
    array::{SEED, Shape, seeded},
    encoders::{Orjson, SerdeJson, SimdJson, SonicRs},
};

const SHAPES: [&[usize]; 6] = [&[], &[1], &[0], &[7], &[3, 4], &[2, 0, 3]];

fn seeded_shape<T: FormatElement>(shape: &[usize]) -> ArrayD<T> {
    seeded(&Shape::Axes(shape.to_vec()), SEED)
}

fn encoded<T: FormatElement>(encoder: &impl Encoder<T>, array: ArrayViewD<'_, T>) -> Vec<u8> {
    let mut out = Vec::with_capacity(3);
    encoder.encode(array, &mut out).unwrap();
    out
}

fn round_trips<T: FormatElement, E: Encoder<T>>(encoder: &E) {
    for shape in SHAPES {
        let array = seeded_shape::<T>(shape);
        let bytes = encoded(encoder, array.view());
        assert_eq!(encoder.decode(&bytes, shape).unwrap(), array);
        // The bytes can be misaligned.
        let shifted = [&[0], bytes.as_slice()].concat();
        assert_eq!(encoder.decode(&shifted[1..], shape).unwrap(), array);
        // A view is encoded like its copy in C order.
        let reversed = array.view().reversed_axes();
        let copy = reversed.as_standard_layout().into_owned();
        let bytes = encoded(encoder, reversed.view());
        assert_eq!(bytes, encoded(encoder, copy.view()));
        assert_eq!(encoder.decode(&bytes, copy.shape()).unwrap(), copy);
    }
    let array = seeded_shape::<T>(&[5, 6]);
    let rows = array.slice(s![..;2, ..;-1]).into_dyn();
    let bytes = encoded(encoder, rows.view());
    assert_eq!(encoder.decode(&bytes, &[3, 6]).unwrap(), rows);
    assert!(encoder.decode(&bytes[..bytes.len() - 1], &[3, 6]).is_err());
}

fn every_format<T: FormatElement>() {
    round_trips::<T, _>(&Raw);
    round_trips::<T, _>(&Npy);
    round_trips::<T, _>(&Npz);
    round_trips::<T, _>(&NpzDeflate);
    round_trips::<T, _>(&PickleP5);
    round_trips::<T, _>(&Safetensors);
    round_trips::<T, _>(&MessagePack);
    round_trips::<T, _>(&MessagePackBin);
    round_trips::<T, _>(&Postcard);
}

#[test]
fn formats_round_trip() {
    every_format::<bool>();
    every_format::<u8>();
    every_format::<i16>();
    every_format::<u64>();
    every_format::<f32>();
    every_format::<f64>();
}

#[cfg(feature = "arrow")]
#[test]
fn arrow_round_trips() {
    round_trips::<f64, _>(&encoders::Arrow);
    let array = seeded_shape::<f64>(&[3, 4]);
    let bytes = encoded(&encoders::Arrow, array.view());
    let column = encoders::access_arrow(&bytes.into()).unwrap();
    assert_eq!(
        column.values().to_vec(),
        array.iter().copied().collect::<Vec<_>>()
    );
}

#[cfg(feature = "rkyv")]
#[test]
fn rkyv_round_trips() {
    round_trips::<f64, _>(&encoders::Rkyv);
}

#[cfg(feature = "bitcode")]
#[test]
fn bitcode_round_trips() {
    round_trips::<f64, _>(&encoders::Bitcode);
    round_trips::<bool, _>(&encoders::Bitcode);
}

#[cfg(feature = "ciborium")]
#[test]
fn cbor_round_trips() {
    round_trips::<f64, _>(&encoders::Cbor);
    round_trips::<f64, _>(&encoders::CborBytes);
    round_trips::<u8, _>(&encoders::CborBytes);
}

#[test]
fn access_is_a_view() {
    fn check<E: Access<f64>>(encoder: &E) {
        let array = seeded_shape::<f64>(&[3, 5]);
        let encoded = encoded(encoder, array.view());
        let mut buffer = vec![0; encoded.len() + 8];
        let start = buffer.as_ptr().align_offset(8);
        let bytes = &mut buffer[start..start + encoded.len()];
        bytes.copy_from_slice(&encoded);
        let view = encoder.access(bytes, &[3, 5]).unwrap();
        assert_eq!(view, array);
        assert!(bytes.as_ptr_range().contains(&view.as_ptr().cast()));
    }
    check(&Raw);
    check(&Npy);
    check(&Npz);
    check(&Safetensors);
}

#[test]
fn json_is_decoded_to_the_given_shape() {
    let decoders = [
        decode_serde_json::<f64>,
        decode_sonic_rs::<f64>,
        decode_simd_json::<f64>,
    ];
    for shape in [&[0][..], &[7], &[3, 4], &[2, 1, 3]] {
        let array = seeded_shape::<f64>(shape);
        for text in [
            encoded(&Orjson, array.view()),
            encoded(&SerdeJson, array.view()),
            encoded(&SonicRs, array.view()),
            encoded(&SimdJson, array.view()),
        ] {
            for decode in decoders {
                assert_eq!(decode(&text, shape).unwrap(), array);
            }
        }
    }
    for (text, shape) in [
        ("[1,2]", &[3][..]),
        ("[1,2,3,4]", &[3]),
        ("[[1],[2,3]]", &[2, 1]),
        ("[1,[2]]", &[2]),
        ("[1,2", &[2]),
        ("", &[0]),
    ] {
        for (index, decode) in decoders.into_iter().enumerate() {
            assert!(
                decode(text.as_bytes(), shape).is_err(),
                "{text} by decoder {index}"
            );
        }
    }
}

#[test]
fn another_dtype_is_rejected() {
    let array = ArrayD::<f32>::zeros(IxDyn(&[2, 2]));
    fn check<E: Encoder<f32> + Encoder<i32>>(encoder: &E, array: &ArrayD<f32>) {
        let bytes = encoded(encoder, array.view());
        assert!(<E as Encoder<i32>>::decode(encoder, &bytes, &[2, 2]).is_err());
    }
    check(&Npy, &array);
    check(&Npz, &array);
    check(&PickleP5, &array);
    check(&Safetensors, &array);
    check(&MessagePack, &array);
}
