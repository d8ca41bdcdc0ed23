//! Arrays as bitcode.

use ndarray::{ArrayD, ArrayViewD};
use serbench::{BoxError, Encoder, Format};

use super::{FormatElement, elements, shaped};

/// bitcode with the elements as a sequence of numbers, without the shape: with it, bitcode would need a
/// copy of the elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bitcode;

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
