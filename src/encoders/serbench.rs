//! This crate's own encoder.

use ndarray::ArrayViewD;

use super::JsonElement;
use crate::{BoxError, Encoder, json};

/// [`json::write()`]: orjson's text, with vectorized loops. A 0-d array, which the other encoders
/// reject, is written as its element.
#[derive(Clone, Copy, Debug)]
pub struct Serbench;

impl<T: JsonElement> Encoder<T> for Serbench {
    const SAME_BYTES: bool = true;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(json::write(&array, out)?)
    }
}
