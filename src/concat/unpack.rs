//! Reads a message as views of its arrays.

use std::{error::Error, fmt};

use ndarray::{Dimension, IxDyn};

use super::{
    ZEROS,
    header::{ALIGN, CHECKSUM, CHECKSUM_AT, ENTRY, MAGIC, PREAMBLE, VERSION, align},
};
use crate::{
    crc::Crc,
    npy::{self, NpyError, NpyView, header::Header},
};

/// Options for [`unpack_with`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnpackOptions {
    verify_checksum: bool,
}

impl UnpackOptions {
    /// The options that [`unpack`] uses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            verify_checksum: true,
        }
    }

    /// Whether to verify the checksum of a message that has one; on by default.
    #[must_use]
    pub const fn verify_checksum(mut self, verify: bool) -> Self {
        self.verify_checksum = verify;
        self
    }
}

impl Default for UnpackOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The arrays in a message by [`pack`](super::pack), in order, each a view of `message`.
///
/// `message` may be any bytes: every length is checked before it is used. Everything except
/// `bool` payloads is checked here; memory use is proportional to the header.
///
/// # Errors
/// If `message` isn't exactly one message, or its checksum does not match.
pub fn unpack(message: &[u8]) -> Result<Vec<NpyView<'_>>, ConcatError> {
    unpack_with(message, &UnpackOptions::new())
}

/// Like [`unpack`], with options.
///
/// # Errors
/// See [`unpack`].
pub fn unpack_with<'a>(
    message: &'a [u8],
    options: &UnpackOptions,
) -> Result<Vec<NpyView<'a>>, ConcatError> {
    let preamble = read_preamble(message)?;
    let header = get(message, 0, preamble.header)?;
    get(message, 0, preamble.total)?;
    if message.len() > preamble.total {
        return Err(malformed("bytes follow the message"));
    }
    let room = header.len().saturating_sub(PREAMBLE) / ENTRY;
    if header.len() % ALIGN != 0 || preamble.count > room {
        return Err(malformed("the header's length doesn't match its arrays"));
    }
    let mut arrays = Vec::with_capacity(preamble.count);
    let (mut entry, mut end) = (PREAMBLE, header.len());
    for _ in 0..preamble.count {
        let array = read_entry(header, &mut entry, message, end)?;
        check_gap(message, end, array.payload)?;
        end = array.payload + array.len;
        arrays.push(NpyView::new(array, message));
    }
    if align(entry) != header.len() || end != preamble.total {
        return Err(malformed("the lengths don't add up"));
    }
    check_gap(message, entry, header.len())?;
    match preamble.checksum {
        Some(checksum) if options.verify_checksum && checksum != crc_of(message) => {
            Err(ConcatError::WrongChecksum)
        }
        Some(_) | None => Ok(arrays),
    }
}

/// The header before the first array's entry.
struct Preamble {
    checksum: Option<u32>,
    count: usize,
    /// Size of the header in bytes.
    header: usize,
    /// Size of the message in bytes.
    total: usize,
}

fn read_preamble(message: &[u8]) -> Result<Preamble, ConcatError> {
    let preamble = get(message, 0, PREAMBLE)?;
    if preamble[..8] != MAGIC {
        return Err(ConcatError::BadMagic);
    }
    let version = u16::from_le_bytes([preamble[8], preamble[9]]);
    if version != VERSION {
        return Err(ConcatError::UnsupportedVersion(version));
    }
    let checksum = [preamble[12], preamble[13], preamble[14], preamble[15]];
    let checksum = match u16::from_le_bytes([preamble[10], preamble[11]]) {
        CHECKSUM => Some(u32::from_le_bytes(checksum)),
        0 if checksum == [0; 4] => None,
        0 => return Err(malformed("a checksum without its flag")),
        _ => return Err(malformed("an unknown flag is set")),
    };
    let [count, header, total] = [16, 24, 32].map(|at| length(preamble, at));
    Ok(Preamble {
        checksum,
        count: count?,
        header: header?,
        total: total?,
    })
}

/// The CRC-32 of `message`, with its checksum replaced by zeros.
fn crc_of(message: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&message[..CHECKSUM_AT.start]);
    crc.update(&[0; 4]);
    crc.update(&message[CHECKSUM_AT.end..]);
    crc.finish()
}

/// Whether the bytes before a payload, fewer than [`ALIGN`], are zeros.
fn check_gap(message: &[u8], start: usize, end: usize) -> Result<(), ConcatError> {
    if message[start..end] == ZEROS[..end - start] {
        return Ok(());
    }
    Err(malformed("a gap is not all zeros"))
}

/// Parses the entry at `at` in `header`, whose payload is after `end` in `message`, and advances
/// `at`.
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
        return Err(malformed(
            "a payload is not where its array's shape requires",
        ));
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
        /// Size of the message in bytes.
        need: usize,
        /// Size of the buffer in bytes.
        have: usize,
    },
    /// The message is truncated.
    Truncated {
        /// Its minimum size in bytes.
        need: usize,
        /// Its actual size in bytes.
        have: usize,
    },
    /// The data is not a message of this format.
    BadMagic,
    /// The version of the message is not supported.
    UnsupportedVersion(u16),
    /// The checksum does not match: the message was changed.
    WrongChecksum,
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
                "the message is truncated: it needs {need} bytes and has {have}"
            ),
            Self::BadMagic => f.write_str("not packed arrays: wrong magic number"),
            Self::UnsupportedVersion(version) => write!(
                f,
                "packed arrays of version {version}; only version {VERSION} is supported"
            ),
            Self::WrongChecksum => {
                f.write_str("CRC-32 mismatch: the message was damaged after it was packed")
            }
            Self::Malformed(reason) => write!(f, "malformed packed arrays: {reason}"),
            Self::Array(error) => error.fmt(f),
        }
    }
}

// `Display` includes the cause; with a `source`, it would be printed twice.
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

/// The `u64` at `at`, which must exist, as a length.
fn length(bytes: &[u8], at: usize) -> Result<usize, ConcatError> {
    let mut length = [0; 8];
    length.copy_from_slice(&bytes[at..at + 8]);
    usize::try_from(u64::from_le_bytes(length)).map_err(|_| NpyError::ShapeOverflow.into())
}
