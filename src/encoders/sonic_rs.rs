//! sonic-rs: directly to text, and through a tree of values.

use ndarray::ArrayViewD;

use super::{JsonElement, nested::Nested};
use crate::{BoxError, Dtype, Encoder};

/// `sonic_rs::to_vec`: a new vector, grown by sonic-rs; the buffer in `out` is dropped.
///
/// The text equals the reference's for every data type.
#[derive(Clone, Copy, Debug, Default)]
pub struct SonicRs;

/// `sonic_rs::to_value`, then `sonic_rs::to_vec` of the tree: like Python's `json` with
/// `array.tolist()`.
///
/// A value can't hold an `f32`, so `f16` and `f32` are written with the digits of the equal
/// `f64`: `0.10000000149011612` where orjson writes `0.1`. Otherwise the text equals the reference's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SonicRsValue;

impl<T: JsonElement> Encoder<T> for SonicRs {
    const SAME_BYTES: bool = true;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        *out = sonic_rs::to_vec(&Nested::new(array)?)?;
        Ok(())
    }
}

impl<T: JsonElement> Encoder<T> for SonicRsValue {
    const SAME_BYTES: bool = !matches!(T::DTYPE, Dtype::Float16 | Dtype::Float32);

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let tree = sonic_rs::to_value(&Nested::new(array)?)?;
        *out = sonic_rs::to_vec(&tree)?;
        Ok(())
    }
}
