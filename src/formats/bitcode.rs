//! An array in, bitcode out, and back.

use ndarray::{ArrayD, ArrayViewD};

use super::{FormatElement, elements, shaped};
use crate::{BoxError, Encoder, Format};

/// bitcode of the elements as a sequence of numbers, without the shape, which bitcode could only
/// take together with a copy of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitcode;

impl<T: FormatElement + bitcode::Encode + bitcode::DecodeOwned> Encoder<T> for Bitcode {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        *out = bitcode::encode(&*elements);
        Ok(())
    }

    fn decode(&self, bytes: &[u8], shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        shaped(bitcode::decode(bytes)?, shape)
    }
}
