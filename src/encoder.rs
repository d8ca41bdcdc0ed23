//! The trait of encoders, and how their bytes are checked.

use ndarray::{ArrayD, ArrayViewD};

use crate::Element;

/// Any error, as encoders report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the bytes of an encoder are, which decides how they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON text: nested lists of numbers, booleans, strings for moments, `null` for NaN and
    /// infinities. `cargo serbench` decodes it by itself.
    Json,
    /// Anything else: [`Encoder::decode`] reads it back.
    Other,
}

/// Something that turns an array into bytes.
///
/// An encoder is a value, so it can hold options; encoding takes `&self`, so nothing is carried
/// from one call to the next except what the caller keeps in `out`.
pub trait Encoder<T: Element> {
    /// What the bytes are.
    const FORMAT: Format = Format::Json;

    /// Whether the bytes equal the reference encoder's for every array of `T`. If true,
    /// `cargo serbench` fails the encoder on the first byte that differs; when false, equal
    /// decoded values are enough.
    const SAME_BYTES: bool = false;

    /// Encodes `array`, of any strides, as its C-ordered copy would be.
    ///
    /// `out` comes empty, with whatever capacity an earlier call left in it, and holds exactly the
    /// encoded bytes afterwards.
    ///
    /// # Errors
    /// When the array can't be encoded, for instance for its data type, layout or size. A wrong
    /// result must never be passed off as a right one.
    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Decodes what [`encode`](Self::encode) wrote. Only called for [`Format::Other`].
    ///
    /// # Errors
    /// When `bytes` don't hold an array of `T`.
    fn decode(&self, bytes: &[u8], shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let _ = (bytes, shape);
        Err("this encoder's format is `Other`, so it must implement `decode`".into())
    }
}
