//! JSON: all data types with all encoders. The reference is `orjson`.

use divan::{Bencher, black_box};
use serbench::{
    Description, Encoder,
    array::{SEED, Shape, seeded, shapes},
    bench_described, bench_encoder, bench_encoder_reused,
    datetime::DatetimeNs,
    encoders::{
        JsonElement, Orjson, Serbench, SerdeJson, SerdeJsonValue, SerdeJsonWriter, SimdJson,
        SimdJsonValue, SonicRs, SonicRsValue,
    },
    f16,
};

/// 5,000 elements, which take the reference from 5 µs (booleans) to 200 µs (datetimes).
const SMALL: [usize; 2] = [100, 50];

#[global_allocator]
static ALLOCATOR: serbench::CountingAllocator = serbench::CountingAllocator;

fn main() {
    divan::main();
}

/// A lower bound for all encoders: fills a new vector of the same length as the text.
#[divan::bench(
    types = [bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, DatetimeNs],
    args = shapes(&SMALL)
)]
fn memset<T: JsonElement>(bencher: Bencher, shape: &Shape) {
    let array = seeded::<T>(shape, SEED);
    let mut text = Vec::new();
    Serbench
        .encode(array.view(), &mut text)
        .expect("seeded arrays can be encoded");
    fill(bencher, text.len(), Description::of(&array.view()));
}

/// Without type parameters, or the loops of the worker and of divan would be compiled for each type.
fn fill(bencher: Bencher, len: usize, description: Description) {
    bench_described(
        bencher,
        || vec![black_box(b' '); len],
        |fill| {
            let is_full = fill().len() == len;
            description
                .bytes_out(len as u64)
                .check(is_full.then_some(()).ok_or("wrong length"))
        },
    );
}

macro_rules! encoders {
    ($($name:ident: $bench:ident, $encoder:expr;)*) => { $(
        #[divan::bench(
            types = [bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, DatetimeNs],
            args = shapes(&SMALL)
        )]
        fn $name<T: JsonElement>(bencher: Bencher, shape: &Shape) {
            $bench(bencher, &$encoder, seeded::<T>(shape, SEED).view());
        }
    )* };
}

encoders! {
    orjson: bench_encoder, Orjson;
    serbench: bench_encoder, Serbench;
    serbench_reused: bench_encoder_reused, Serbench;
    serde_json: bench_encoder, SerdeJson;
    serde_json_reused: bench_encoder_reused, SerdeJsonWriter;
    serde_json_value: bench_encoder, SerdeJsonValue;
    sonic_rs: bench_encoder, SonicRs;
    sonic_rs_value: bench_encoder, SonicRsValue;
    simd_json: bench_encoder, SimdJson;
    simd_json_value: bench_encoder, SimdJsonValue;
}
