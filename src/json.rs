//! Writes arrays as JSON, byte for byte as orjson does: nested lists, floats with the fewest digits
//! that parse to the same value, `null` for NaN and infinities, datetimes as strings.
//!
//! ```
//! use ndarray::array;
//! use serbench::json;
//!
//! let floats = array![[0.5, 1e16], [f64::NAN, -0.0]];
//! assert_eq!(json::to_vec(&floats)?, b"[[0.5,1e+16],[null,-0.0]]");
//! assert_eq!(json::to_vec(&floats.t())?, b"[[0.5,null],[1e+16,-0.0]]");
//! # Ok::<(), json::JsonError>(())
//! ```
//!
//! Arrays can have any number of axes and any strides, and are not copied. A 0-d array is written as
//! its element; orjson rejects it. [`to_writer`] and [`Chunks`] keep only one chunk of the text in
//! memory. [`fmt`] formats single numbers.
//!
//! Elements are formatted in blocks, by loops that the compiler vectorizes. On x86-64, they are also
//! compiled for AVX2 and for AVX-512 with IFMA, VBMI and VBMI2 (Ice Lake, Zen 4 and later), and the best
//! version for the processor is chosen at run time.

mod error;
pub mod fmt;
mod indent;
mod kernel;
mod level;
mod options;
mod rows;
mod size;
mod source;
mod text;

use std::io::Write;

use ndarray::{ArrayBase, ArrayView, Data, Dimension};

#[doc(hidden)]
pub use self::level::Level;
pub use self::{
    error::JsonError,
    options::{Options, Utc},
};
use self::{
    kernel::Kernel,
    text::{AnyText, CHUNK},
};
use crate::Element;

/// An element that can be written as a JSON scalar: a boolean, integer, float or datetime.
///
/// This trait is sealed and can't be implemented outside this crate.
pub trait Scalar: Element + Kernel {}

impl<T: Element + Kernel> Scalar for T {}

/// Serializes `array` to a new vector.
///
/// # Errors
/// If a datetime is NaT or outside 0000-01-01T00:00:00 to 9999-12-30T22:00:00.
pub fn to_vec<T, S, D>(array: &ArrayBase<S, D>) -> Result<Vec<u8>, JsonError>
where
    T: Scalar,
    S: Data<Elem = T>,
    D: Dimension,
{
    let mut out = Vec::new();
    write(array, &mut out)?;
    Ok(out)
}

/// Appends the JSON text of `array` to `out`.
///
/// # Errors
/// See [`to_vec`]. On an error, `out` is unchanged.
pub fn write<T, S, D>(array: &ArrayBase<S, D>, out: &mut Vec<u8>) -> Result<(), JsonError>
where
    T: Scalar,
    S: Data<Elem = T>,
    D: Dimension,
{
    write_with(array, Options::new(), out)
}

/// Like [`write()`], with options.
///
/// # Errors
/// See [`write()`].
pub fn write_with<T, S, D>(
    array: &ArrayBase<S, D>,
    options: Options,
    out: &mut Vec<u8>,
) -> Result<(), JsonError>
where
    T: Scalar,
    S: Data<Elem = T>,
    D: Dimension,
{
    write_at(Level::detected(), array, options, out)
}

/// Like [`write_with`], with the instructions of `level`; for tests.
///
/// # Errors
/// See [`write()`].
///
/// # Panics
/// If the processor doesn't support `level`.
#[doc(hidden)]
pub fn write_at<T, S, D>(
    level: Level,
    array: &ArrayBase<S, D>,
    options: Options,
    out: &mut Vec<u8>,
) -> Result<(), JsonError>
where
    T: Scalar,
    S: Data<Elem = T>,
    D: Dimension,
{
    let before = out.len();
    let mut text = AnyText::new(array.view(), options, level);
    text.reserve(out);
    let written = text.fill(out, usize::MAX);
    if written.is_err() {
        out.truncate(before);
    }
    written.map(|_| ())
}

/// Writes the JSON text of `array` to `writer` in chunks of about 64 KiB.
///
/// # Errors
/// Errors of the writer, and see [`to_vec`]. On an error, the chunks before it have been written.
pub fn to_writer<W, T, S, D>(mut writer: W, array: &ArrayBase<S, D>) -> Result<(), JsonError>
where
    W: Write,
    T: Scalar,
    S: Data<Elem = T>,
    D: Dimension,
{
    let mut chunks = Chunks::new(array.view());
    while let Some(chunk) = chunks.next_chunk()? {
        writer.write_all(chunk)?;
    }
    Ok(())
}

/// Serializes an array in chunks of about 64 KiB, all in the same buffer.
///
/// ```
/// use serbench::json::Chunks;
///
/// let array = ndarray::Array2::<u8>::zeros((1000, 100));
/// let mut chunks = Chunks::new(array.view());
/// let mut len = 0;
/// while let Some(chunk) = chunks.next_chunk()? {
///     len += chunk.len();
/// }
/// assert_eq!(len, 202_001);
/// # Ok::<(), serbench::json::JsonError>(())
/// ```
pub struct Chunks<'a, T: Scalar> {
    text: AnyText<'a, T>,
    buffer: Vec<u8>,
    is_complete: bool,
}

impl<T: Scalar> std::fmt::Debug for Chunks<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}

impl<'a, T: Scalar> Chunks<'a, T> {
    /// Starts to serialize `array`.
    #[must_use]
    pub fn new<D: Dimension>(array: ArrayView<'a, T, D>) -> Self {
        Self::with_options(array, Options::new())
    }

    /// Like [`new`](Self::new), with options.
    #[must_use]
    pub fn with_options<D: Dimension>(array: ArrayView<'a, T, D>, options: Options) -> Self {
        Self {
            text: AnyText::new(array, options, Level::detected()),
            buffer: Vec::with_capacity(CHUNK + CHUNK / 8),
            is_complete: false,
        }
    }

    /// The next chunk; `None` after the last.
    ///
    /// # Errors
    /// See [`to_vec`].
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, JsonError> {
        if self.is_complete {
            return Ok(None);
        }
        self.buffer.clear();
        self.is_complete = !self.text.fill(&mut self.buffer, CHUNK)?;
        Ok(Some(&self.buffer))
    }
}
