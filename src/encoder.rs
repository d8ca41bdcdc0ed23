//! The trait of encoders, and how their output is checked.

use ndarray::{ArrayD, ArrayViewD};

use crate::Element;

/// Any error, as returned by encoders.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The format of an encoder's output, which decides how it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON text: nested lists of numbers, booleans, strings for datetimes, `null` for NaN and
    /// infinities. `cargo serbench` decodes it itself.
    Json,
    /// Any other format: [`Encoder::decode`] reads it back.
    Other,
}

/// Encodes an array to bytes.
///
/// An encoder is a value, so it can have options. Encoding takes `&self`, so calls share no state
/// except what the caller keeps in `out`.
pub trait Encoder<T: Element> {
    /// The format of the output.
    const FORMAT: Format = Format::Json;

    /// Whether the output equals the reference encoder's for every array of `T`. If true,
    /// `cargo serbench` fails the encoder on the first different byte; if false, equal
    /// decoded values are enough.
    const SAME_BYTES: bool = false;

    /// Encodes `array`, which may have any strides, like its C-ordered copy.
    ///
    /// `out` is empty, possibly with the capacity of an earlier call, and must contain exactly the
    /// encoded bytes afterwards.
    ///
    /// # Errors
    /// If the array can't be encoded, for example because of its data type, layout or size. Never
    /// return wrong output instead.
    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Decodes what [`encode`](Self::encode) wrote. Only called for [`Format::Other`].
    ///
    /// # Errors
    /// If `bytes` are not an array of `T`.
    fn decode(&self, bytes: &[u8], shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let _ = (bytes, shape);
        Err("this encoder's format is `Other`, so it must implement `decode`".into())
    }
}
