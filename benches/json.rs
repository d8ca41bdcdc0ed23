//! JSON: every data type through every encoder; `orjson` is the reference.

use divan::Bencher;
use serbench::{
    array::{SEED, Shape, seeded, shapes},
    bench_encoder, bench_encoder_reused,
    datetime::DatetimeNs,
    encoders::{
        JsonElement, Orjson, Serbench, SerdeJson, SerdeJsonValue, SerdeJsonWriter, SimdJson,
        SimdJsonValue, SonicRs, SonicRsValue,
    },
    f16,
};

/// Five thousand elements, on which the reference takes 5 (booleans) to 200 µs (moments).
const SMALL: [usize; 2] = [100, 50];

#[global_allocator]
static ALLOCATOR: serbench::CountingAllocator = serbench::CountingAllocator;

fn main() {
    divan::main();
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
