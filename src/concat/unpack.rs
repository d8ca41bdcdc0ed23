//! Reads a message as views of its arrays.

use std::{error::Error, fmt};

use ndarray::{Dimension, IxDyn};

use super::header::{ALIGN, ENTRY, MAGIC, PREAMBLE, VERSION, align};
use crate::npy::{self, NpyError, NpyView, header::Header};

/// The arrays of a message that [`pack`](super::pack) made, in order, each a view of `message`.
///
/// Every length in `message` is checked before it is used, so any bytes may be given. Apart from
/// payloads of `bool` everything is checked here; memory is taken in proportion to the header.
///
/// # Errors
/// When `message` isn't exactly one message.
pub fn unpack(message: &[u8]) -> Result<Vec<NpyView<'_>>, ConcatError> {
    let preamble = get(message, 0, PREAMBLE)?;
    if preamble[..8] != MAGIC {
        return Err(ConcatError::BadMagic);
    }
    let version = u16::from_le_bytes([preamble[8], preamble[9]]);
    if version != VERSION {
        return Err(ConcatError::UnsupportedVersion(version));
    }
    if preamble[10..16] != [0; 6] {
        return Err(malformed("a flag is set that version 1 doesn't have"));
    }
    let [count, header_len, total] = [16, 24, 32].map(|at| length(preamble, at));
    let header = get(message, 0, header_len?)?;
    let total = total?;
    get(message, 0, total)?;
    if message.len() > total {
        return Err(malformed("bytes follow the message"));
    }
    let count = count?;
    if header.len() % ALIGN != 0 || count > header.len().saturating_sub(PREAMBLE) / ENTRY {
        return Err(malformed("the header's length doesn't fit its arrays"));
    }
    let mut arrays = Vec::with_capacity(count);
    let (mut entry, mut end) = (PREAMBLE, header.len());
    for _ in 0..count {
        let array = read_entry(header, &mut entry, message, end)?;
        end = array.payload + array.len;
        arrays.push(NpyView::new(array, message));
    }
    if align(entry) != header.len() || end != total {
        return Err(malformed("the lengths don't add up"));
    }
    Ok(arrays)
}

/// Reads the entry at `at` in `header`, whose payload comes after `end` in `message`, and moves
/// `at` behind it.
fn read_entry(
    header: &[u8],
    at: &mut usize,
    message: &[u8],
    end: usize,
) -> Result<Header, ConcatError> {
    let entry = get(header, *at, ENTRY)?;
    let zeros = entry[..8]
        .iter()
        .rev()
        .take_while(|byte| **byte == 0)
        .count();
    let payload = align(end);
    let (dtype, swapped) = npy::header::dtype(&entry[..8 - zeros], payload)?;
    let [order, ndim] = [8, 12]
        .map(|at| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]));
    if order > 1 {
        return Err(malformed("the order is neither C nor Fortran"));
    }
    let ndim = usize::try_from(ndim).map_err(|_| NpyError::ShapeOverflow)?;
    let dims = get(header, *at + ENTRY, ndim.saturating_mul(8))?;
    *at += ENTRY + dims.len();

    let mut shape = IxDyn::zeros(ndim);
    for (bytes, axis) in dims.chunks_exact(8).zip(shape.as_array_view_mut()) {
        *axis = length(bytes, 0)?;
    }
    let len = npy::header::byte_len(shape.slice(), dtype.itemsize())?;
    if length(entry, 16)? != payload || length(entry, 24)? != len {
        return Err(malformed("a payload isn't where its array's shape puts it"));
    }
    get(message, payload, len)?;
    Ok(Header {
        dtype,
        swapped,
        fortran_order: order == 1,
        shape,
        payload,
        len,
    })
}

/// Why arrays can't be packed or unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConcatError {
    /// The buffer is shorter than the message.
    BufferTooSmall {
        /// Bytes of the message.
        need: usize,
        /// Bytes of the buffer.
        have: usize,
    },
    /// The message ends early.
    Truncated {
        /// The bytes that it must have at least.
        need: usize,
        /// The bytes that it has.
        have: usize,
    },
    /// These bytes are something else.
    BadMagic,
    /// The message is of a version that this reader doesn't know.
    UnsupportedVersion(u16),
    /// Parts of the header contradict each other.
    Malformed(&'static str),
    /// An array's data type or shape isn't supported.
    Array(NpyError),
}

impl fmt::Display for ConcatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { need, have } => {
                write!(f, "the message needs {need} bytes, the buffer has {have}")
            }
            Self::Truncated { need, have } => write!(
                f,
                "the message is cut off: it needs {need} bytes and has {have}"
            ),
            Self::BadMagic => f.write_str("not packed arrays: the first bytes are others"),
            Self::UnsupportedVersion(version) => write!(
                f,
                "packed arrays of version {version}; this reader knows version {VERSION}"
            ),
            Self::Malformed(reason) => write!(f, "malformed packed arrays: {reason}"),
            Self::Array(error) => error.fmt(f),
        }
    }
}

// `Display` shows the cause, so that it is no `source` that reports would print again.
impl Error for ConcatError {}

impl From<NpyError> for ConcatError {
    fn from(error: NpyError) -> Self {
        Self::Array(error)
    }
}

const fn malformed(reason: &'static str) -> ConcatError {
    ConcatError::Malformed(reason)
}

fn get(bytes: &[u8], start: usize, len: usize) -> Result<&[u8], ConcatError> {
    let end = start.saturating_add(len);
    bytes.get(start..end).ok_or(ConcatError::Truncated {
        need: end,
        have: bytes.len(),
    })
}

/// The `u64` at `at`, which exists, as a length.
fn length(bytes: &[u8], at: usize) -> Result<usize, ConcatError> {
    let mut length = [0; 8];
    length.copy_from_slice(&bytes[at..at + 8]);
    usize::try_from(u64::from_le_bytes(length)).map_err(|_| NpyError::ShapeOverflow.into())
}
