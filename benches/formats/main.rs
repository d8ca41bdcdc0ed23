//! Compares formats on the same array. Ids are `formats::<format>_<operation>::<dtype>::<shape>`.
//! `serialize` writes the array, `deserialize` reads it to a new array, and `access` reads it without
//! copying, if the format supports this. The reported size is that of the output of `serialize`. The
//! reference is `raw_serialize`, which copies the elements.
//!
//! orjson has no `deserialize`, because the encoder that stands for it here only writes.

mod encoders;

use divan::Bencher;
#[cfg(feature = "bitcode")]
use encoders::Bitcode;
use encoders::{
    Access, FormatElement, MessagePack, MessagePackBin, Npy, Npz, NpzDeflate, PickleP5, Postcard,
    Raw, Safetensors,
    json::{decode_serde_json, decode_simd_json, decode_sonic_rs},
};
#[cfg(feature = "arrow")]
use encoders::{Arrow, access_arrow};
#[cfg(feature = "ciborium")]
use encoders::{Cbor, CborBytes};
#[cfg(feature = "rkyv")]
use encoders::{Rkyv, access_rkyv};
use ndarray::{ArrayD, ArrayViewD};
use serbench::{
    BoxError, Check, Description, Element, Encoder,
    array::{SEED, Shape, seeded, shapes},
    bench_described, bench_encoder,
    encoders::{JsonElement, Orjson, SerdeJson, SimdJson, SonicRs},
};

fn main() {
    divan::main();
}

/// 100 KB of `f64`.
const SMALL: [usize; 2] = [100, 125];

fn encoded<T: Element>(encoder: &impl Encoder<T>, array: ArrayViewD<'_, T>) -> Vec<u8> {
    let mut out = Vec::new();
    encoder
        .encode(array, &mut out)
        .expect("the format supports every array of these elements");
    out
}

/// Benchmarks reading `bytes`; `same` checks that the output equals `array`.
fn read<T: Element, O>(
    bencher: Bencher<'_, '_>,
    array: &ArrayD<T>,
    bytes: &[u8],
    bytes_out: usize,
    read: impl Fn() -> Result<O, BoxError>,
    same: impl FnOnce(&O) -> bool,
) {
    let read = || read().expect("the bytes were written in this format");
    bench_described(bencher, read, |read| {
        let check = if same(&read()) {
            Check::Passed
        } else {
            Check::Failed("the elements differ from those written".to_owned())
        };
        Description::of(&array.view())
            .bytes_in(bytes.len() as u64)
            .bytes_out(bytes_out as u64)
            .check(check)
    });
}

/// Benchmarks `decode`, which reads the output of `encoder`.
fn deserialize<T: Element, E: Encoder<T>>(
    bencher: Bencher<'_, '_>,
    shape: &Shape,
    encoder: &E,
    decode: impl Fn(&[u8], &[usize]) -> Result<ArrayD<T>, BoxError>,
) {
    let array = seeded::<T>(shape, SEED);
    let bytes = encoded(encoder, array.view());
    let size = size_of_val(array.as_slice().expect("a seeded array is in C order"));
    let decode = || decode(&bytes, array.shape());
    // Seeded arrays contain no NaN, so `==` compares all elements.
    read(bencher, &array, &bytes, size, decode, |output| {
        *output == array
    });
}

/// A copy of bytes at an address that is a multiple of 64, like a mapped file.
struct Aligned {
    buffer: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn new(bytes: &[u8]) -> Self {
        let mut buffer = vec![0; bytes.len() + 64];
        let start = buffer.as_ptr().align_offset(64);
        buffer[start..start + bytes.len()].copy_from_slice(bytes);
        buffer.truncate(start + bytes.len());
        Self { buffer, start }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

fn access<T: Element, E: Access<T>>(bencher: Bencher<'_, '_>, shape: &Shape, encoder: &E) {
    let array = seeded::<T>(shape, SEED);
    let aligned = Aligned::new(&encoded(encoder, array.view()));
    let bytes = aligned.bytes();
    let view = || encoder.access(bytes, array.shape());
    let size = size_of::<ArrayViewD<'_, T>>();
    read(bencher, &array, bytes, size, view, |output| {
        *output == array
    });
}

macro_rules! formats {
    ($($(#[$feature:meta])? $encoder:ident => $serialize:ident, $deserialize:ident;)*) => { $(
        $(#[$feature])?
        #[divan::bench(types = [f64], args = shapes(&SMALL))]
        fn $serialize<T: FormatElement>(bencher: Bencher<'_, '_>, shape: &Shape)
        where
            $encoder: Encoder<T>,
        {
            bench_encoder(bencher, &$encoder, seeded::<T>(shape, SEED).view());
        }

        $(#[$feature])?
        #[divan::bench(types = [f64], args = shapes(&SMALL))]
        fn $deserialize<T: FormatElement>(bencher: Bencher<'_, '_>, shape: &Shape)
        where
            $encoder: Encoder<T>,
        {
            deserialize::<T, _>(bencher, shape, &$encoder, |bytes, shape| {
                $encoder.decode(bytes, shape)
            });
        }
    )* };
}

formats! {
    Raw => raw_serialize, raw_deserialize;
    Npy => npy_serialize, npy_deserialize;
    Npz => npz_serialize, npz_deserialize;
    NpzDeflate => npz_deflate_serialize, npz_deflate_deserialize;
    PickleP5 => pickle_serialize, pickle_deserialize;
    Safetensors => safetensors_serialize, safetensors_deserialize;
    MessagePack => msgpack_serialize, msgpack_deserialize;
    MessagePackBin => msgpack_bin_serialize, msgpack_bin_deserialize;
    Postcard => postcard_serialize, postcard_deserialize;
    #[cfg(feature = "arrow")]
    Arrow => arrow_serialize, arrow_deserialize;
    #[cfg(feature = "bitcode")]
    Bitcode => bitcode_serialize, bitcode_deserialize;
    #[cfg(feature = "ciborium")]
    Cbor => cbor_serialize, cbor_deserialize;
    #[cfg(feature = "ciborium")]
    CborBytes => cbor_bytes_serialize, cbor_bytes_deserialize;
    #[cfg(feature = "rkyv")]
    Rkyv => rkyv_serialize, rkyv_deserialize;
}

macro_rules! json {
    ($($encoder:expr => $serialize:ident;)*) => { $(
        #[divan::bench(types = [f64], args = shapes(&SMALL))]
        fn $serialize<T: JsonElement>(bencher: Bencher<'_, '_>, shape: &Shape) {
            bench_encoder(bencher, &$encoder, seeded::<T>(shape, SEED).view());
        }
    )* };
    ($($encoder:expr, $decode:ident => $deserialize:ident;)*) => { $(
        #[divan::bench(types = [f64], args = shapes(&SMALL))]
        fn $deserialize<T: JsonElement + FormatElement>(bencher: Bencher<'_, '_>, shape: &Shape) {
            deserialize::<T, _>(bencher, shape, &$encoder, $decode);
        }
    )* };
}

json! {
    Orjson => orjson_serialize;
    SerdeJson => serde_json_serialize;
    SonicRs => sonic_rs_serialize;
    SimdJson => simd_json_serialize;
}

json! {
    SerdeJson, decode_serde_json => serde_json_deserialize;
    SonicRs, decode_sonic_rs => sonic_rs_deserialize;
    SimdJson, decode_simd_json => simd_json_deserialize;
}

macro_rules! accesses {
    ($($encoder:expr => $access:ident;)*) => { $(
        #[divan::bench(types = [f64], args = shapes(&SMALL))]
        fn $access<T: FormatElement>(bencher: Bencher<'_, '_>, shape: &Shape) {
            access::<T, _>(bencher, shape, &$encoder);
        }
    )* };
}

accesses! {
    Raw => raw_access;
    Npy => npy_access;
    Npz => npz_access;
    Safetensors => safetensors_access;
}

/// Arrow arrays own or share their memory, so the stream is in a shared buffer.
#[cfg(feature = "arrow")]
#[divan::bench(types = [f64], args = shapes(&SMALL))]
fn arrow_access<T: FormatElement>(bencher: Bencher<'_, '_>, shape: &Shape)
where
    Arrow: Encoder<T>,
{
    let array = seeded::<T>(shape, SEED);
    let bytes = arrow_buffer::Buffer::from(encoded(&Arrow, array.view()));
    let column = || access_arrow(&bytes);
    let size = size_of::<arrow_array::Float64Array>();
    read(bencher, &array, &bytes, size, column, |column| {
        array.as_slice().map(T::bytes) == Some(column.values().inner())
    });
}

#[cfg(feature = "rkyv")]
#[divan::bench(types = [f64], args = shapes(&SMALL))]
fn rkyv_access<T: FormatElement>(bencher: Bencher<'_, '_>, shape: &Shape)
where
    Rkyv: Encoder<T>,
{
    let array = seeded::<T>(shape, SEED);
    let aligned = Aligned::new(&encoded(&Rkyv, array.view()));
    let archive = || access_rkyv(aligned.bytes());
    let size = size_of::<&[f64]>();
    read(bencher, &array, aligned.bytes(), size, archive, |archive| {
        let elements = archive.elements().iter();
        let bytes: Vec<u8> = elements
            .flat_map(|element| element.to_native().to_ne_bytes())
            .collect();
        array.as_slice().map(T::bytes) == Some(&bytes)
    });
}
