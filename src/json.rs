//! Arrays to JSON text, the text of orjson byte for byte: nested lists, floats with the fewest
//! digits that read back as the same value, `null` for NaN and infinities, moments as strings.
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
//! Any number of axes and any strides will do; the array isn't copied. An array of 0 axes is the
//! text of its element, where orjson refuses it. [`to_writer`] and [`Chunks`] keep no more than a
//! chunk of the text in memory. [`fmt`] formats single numbers.
//!
//! Blocks of elements are formatted by loops that the compiler turns into vector instructions. On
//! x86-64 they are compiled for AVX2 and for AVX-512 too, and what the processor has is used.

mod error;
pub mod fmt;
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
use self::{kernel::Kernel, text::AnyText};
use crate::Element;

/// An element that JSON has a scalar for.
///
/// Booleans, integers, floats and moments are such; the trait can't be implemented elsewhere.
pub trait Scalar: Element + Kernel {}

impl<T: Element + Kernel> Scalar for T {}

/// The text of `array` in a new vector.
///
/// # Errors
/// A moment outside 0000-01-01T00:00:00 to 9999-12-30T22:00:00.
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

/// Appends the text of `array` to `out`.
///
/// # Errors
/// As [`to_vec`]; then `out` is as it was.
pub fn write<T, S, D>(array: &ArrayBase<S, D>, out: &mut Vec<u8>) -> Result<(), JsonError>
where
    T: Scalar,
    S: Data<Elem = T>,
    D: Dimension,
{
    write_with(array, Options::new(), out)
}

/// [`write()`] with options.
///
/// # Errors
/// As [`write()`].
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

/// [`write_with`] at a level that must be available; for tests.
///
/// # Errors
/// As [`write()`].
///
/// # Panics
/// When the level isn't available.
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

/// Gives `writer` the text of `array` in pieces of some 64 KiB.
///
/// # Errors
/// The writer's, and as [`to_vec`]; then what came before the moment has been written.
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

/// The text of an array piece by piece, through one buffer of some 64 KiB.
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

/// Small enough for the second level of any cache.
const CHUNK: usize = 64 * 1024;

impl<T: Scalar> std::fmt::Debug for Chunks<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}

impl<'a, T: Scalar> Chunks<'a, T> {
    /// Starts the text of `array`.
    #[must_use]
    pub fn new<D: Dimension>(array: ArrayView<'a, T, D>) -> Self {
        Self::with_options(array, Options::new())
    }

    /// Starts the text of `array`.
    #[must_use]
    pub fn with_options<D: Dimension>(array: ArrayView<'a, T, D>, options: Options) -> Self {
        Self {
            text: AnyText::new(array, options, Level::detected()),
            buffer: Vec::with_capacity(CHUNK + CHUNK / 8),
            is_complete: false,
        }
    }

    /// The next piece, `None` after the last.
    ///
    /// # Errors
    /// As [`to_vec`].
    pub fn next_chunk(&mut self) -> Result<Option<&[u8]>, JsonError> {
        if self.is_complete {
            return Ok(None);
        }
        self.buffer.clear();
        self.is_complete = !self.text.fill(&mut self.buffer, CHUNK)?;
        Ok(Some(&self.buffer))
    }
}
