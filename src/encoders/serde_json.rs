//! serde_json: straight to text, and by way of a tree of values.

use ndarray::ArrayViewD;

use super::{JsonElement, nested::Nested};
use crate::{BoxError, Dtype, Encoder};

/// `serde_json::to_vec`: a new vector that serde_json grows itself; what `out` held is given up.
#[derive(Clone, Copy, Debug, Default)]
pub struct SerdeJson;

/// `serde_json::to_writer` into `out`, for callers that keep their buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SerdeJsonWriter;

/// `serde_json::to_value`, then `serde_json::to_vec` of the tree: what Python's `json` does with
/// `array.tolist()`.
///
/// A value holds no `f32`, so `f16` and `f32` come out with the digits of the `f64` of the same
/// value: `0.10000000149011612` where orjson writes `0.1`.
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
