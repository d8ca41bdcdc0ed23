//! serde_json: directly to text, and through a tree of values.

use ndarray::ArrayViewD;

use super::{JsonElement, nested::Nested};
use crate::{BoxError, Dtype, Encoder};

/// `serde_json::to_vec`: a new vector, grown by serde_json; the buffer in `out` is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct SerdeJson;

/// `serde_json::to_writer` into `out`, for callers that reuse their buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SerdeJsonWriter;

/// `serde_json::to_value`, then `serde_json::to_vec` of the tree: like Python's `json` with
/// `array.tolist()`.
///
/// A value can't hold an `f32`, so `f16` and `f32` are written with the digits of the equal
/// `f64`: `0.10000000149011612` where orjson writes `0.1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SerdeJsonValue;

impl<T: JsonElement> Encoder<T> for SerdeJson {
    const SAME_BYTES: bool = true;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        *out = serde_json::to_vec(&Nested::new(array)?)?;
        Ok(())
    }
}

impl<T: JsonElement> Encoder<T> for SerdeJsonWriter {
    const SAME_BYTES: bool = true;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(serde_json::to_writer(out, &Nested::new(array)?)?)
    }
}

impl<T: JsonElement> Encoder<T> for SerdeJsonValue {
    const SAME_BYTES: bool = !matches!(T::DTYPE, Dtype::Float16 | Dtype::Float32);

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let tree = serde_json::to_value(Nested::new(array)?)?;
        *out = serde_json::to_vec(&tree)?;
        Ok(())
    }
}
