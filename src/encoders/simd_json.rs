//! simd-json: directly to text, and through a tree of values.

use ndarray::ArrayViewD;
use simd_json::prelude::Writable;

use super::{JsonElement, nested::Nested};
use crate::{BoxError, Dtype, Encoder};

/// Whether simd-json writes the same text as the reference: not for floats.
const fn same_bytes(dtype: Dtype) -> bool {
    !matches!(dtype, Dtype::Float16 | Dtype::Float32 | Dtype::Float64)
}

/// `simd_json::to_vec`: a new vector, grown by simd-json; the buffer in `out` is dropped.
///
/// Every float is written as an `f64`, so `f16` and `f32` have the digits of the equal `f64`
/// (`0.10000000149011612` where orjson writes `0.1`), and exponents have no plus
/// sign (`1e16` for `1e+16`). Otherwise the text equals the reference's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimdJson;

/// `simd_json::serde::to_owned_value`, then `encode` of the tree: like Python's `json` with
/// `array.tolist()`.
///
/// Its text differs from the reference's like that of [`SimdJson`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SimdJsonValue;

impl<T: JsonElement> Encoder<T> for SimdJson {
    const SAME_BYTES: bool = same_bytes(T::DTYPE);

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        *out = simd_json::to_vec(&Nested::new(array)?)?;
        Ok(())
    }
}

impl<T: JsonElement> Encoder<T> for SimdJsonValue {
    const SAME_BYTES: bool = same_bytes(T::DTYPE);

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let tree = simd_json::serde::to_owned_value(Nested::new(array)?)?;
        *out = tree.encode().into_bytes();
        Ok(())
    }
}
