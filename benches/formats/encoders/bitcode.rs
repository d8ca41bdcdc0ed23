//! bitcode of an array.

use ndarray::{ArrayD, ArrayViewD};
use serbench::{BoxError, Encoder, Format};

use super::{FormatElement, elements, shaped};

/// bitcode of the elements as a sequence of numbers, without the shape, which bitcode could only
/// take together with a copy of them.
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
