//! Arrays as CBOR (RFC 8949).

use ndarray::{ArrayD, ArrayViewD};
use serbench::{BoxError, Encoder, Format};
use serde_bytes::{ByteBuf, Bytes};

use super::{FormatElement, check_length, elements, shaped};

/// CBOR with the shape and the elements as a sequence of numbers. Floats use the shortest lossless form.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cbor;

impl<T: FormatElement> Encoder<T> for Cbor {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        Ok(ciborium::into_writer(&(array.shape(), &*elements), out)?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let (shape, elements): (Vec<usize>, Vec<T>) = ciborium::from_reader(bytes)?;
        shaped(elements, &shape)
    }
}

/// CBOR with the shape and the bytes of the elements as one byte string.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CborBytes;

impl<T: FormatElement> Encoder<T> for CborBytes {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        let bytes = Bytes::new(T::bytes(&elements));
        Ok(ciborium::into_writer(&(array.shape(), bytes), out)?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let (shape, bytes): (Vec<usize>, ByteBuf) = ciborium::from_reader(bytes)?;
        check_length::<T>(&bytes)?;
        shaped(T::decode(&bytes, false)?, &shape)
    }
}
