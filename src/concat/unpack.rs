//! A message goes in, views of its arrays come out, or why it isn't one.

use std::{error::Error, fmt};

use ndarray::{ArrayD, ArrayViewD, Dimension, IxDyn, ShapeBuilder};
use zerocopy::{ConvertError, KnownLayout, TryFromBytes};

use super::header::{ALIGN, ENTRY, MAGIC, PREAMBLE, VERSION, align, parse_descr};
use crate::{Dtype, Element};

/// The arrays of a message that [`pack`](super::pack) made, in order, each a view of `message`.
///
/// Every length in `message` is checked before it is used, so any bytes may be given. Apart from
/// payloads of `bool` everything is checked here; memory is taken in proportion to the header.
///
/// # Errors
/// When `message` isn't exactly one message.
pub fn unpack(message: &[u8]) -> Result<Vec<PackedArray<'_>>, ConcatError> {
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
        let array = PackedArray::read(header, &mut entry, message, end)?;
        end = align(end) + array.bytes.len();
        arrays.push(array);
    }
    if align(entry) != header.len() || end != total {
        return Err(malformed("the lengths don't add up"));
    }
    Ok(arrays)
}

/// One array of a message.
#[derive(Clone, Debug)]
pub struct PackedArray<'a> {
    dtype: Dtype,
    native: bool,
    fortran_order: bool,
    shape: IxDyn,
    bytes: &'a [u8],
}

impl<'a> PackedArray<'a> {
    /// Reads the entry at `at` in `header`, whose payload comes after `end` in `message`, and
    /// moves `at` behind it.
    fn read(
        header: &[u8],
        at: &mut usize,
        message: &'a [u8],
        end: usize,
    ) -> Result<Self, ConcatError> {
        let entry = get(header, *at, ENTRY)?;
        let mut descr = [0; 8];
        descr.copy_from_slice(&entry[..8]);
        let (dtype, native) = parse_descr(descr)
            .ok_or_else(|| ConcatError::UnsupportedDtype(descr.escape_ascii().to_string()))?;
        let [order, ndim] = [8, 12]
            .map(|at| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]));
        if order > 1 {
            return Err(malformed("the order is neither C nor Fortran"));
        }
        let ndim = usize::try_from(ndim).map_err(|_| ConcatError::ShapeOverflow)?;
        let dims = get(header, *at + ENTRY, ndim.saturating_mul(8))?;
        *at += ENTRY + dims.len();

        let mut shape = IxDyn::zeros(ndim);
        for (axis, length) in dims.chunks_exact(8).zip(shape.as_array_view_mut()) {
            *length = self::length(axis, 0)?;
        }
        let nbytes = checked_nbytes(dtype, shape.slice()).ok_or(ConcatError::ShapeOverflow)?;
        if length(entry, 16)? != align(end) || length(entry, 24)? != nbytes {
            return Err(malformed("a payload isn't where its array's shape puts it"));
        }
        Ok(Self {
            dtype,
            native,
            fortran_order: order == 1,
            shape,
            bytes: get(message, align(end), nbytes)?,
        })
    }

    /// The data type.
    #[must_use]
    pub const fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The length of each dimension.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.shape.slice()
    }

    /// Whether the first index is the fastest in [`bytes`](Self::bytes).
    #[must_use]
    pub const fn fortran_order(&self) -> bool {
        self.fortran_order
    }

    /// The elements' bytes as they lie in the message.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The array where it lies in the message.
    ///
    /// # Errors
    /// When the array isn't one of `T`, or its bytes can't be one as they lie: of the other byte
    /// order, not aligned for `T` because the message itself isn't, or of a `bool` that is neither
    /// 0 nor 1. [`to_owned`](Self::to_owned) reads the first two.
    pub fn view<T: Element + TryFromBytes + KnownLayout>(
        &self,
    ) -> Result<ArrayViewD<'a, T>, ConcatError> {
        self.expect::<T>()?;
        if !self.native {
            return Err(ConcatError::NonNativeEndian);
        }
        let elements = if self.bytes.is_empty() {
            &[]
        } else {
            <[T]>::try_ref_from_bytes(self.bytes).map_err(|error| match error {
                ConvertError::Alignment(_) => ConcatError::Misaligned,
                ConvertError::Size(_) => ConcatError::ShapeOverflow,
                ConvertError::Validity(_) => ConcatError::InvalidValue(T::DTYPE),
            })?
        };
        ArrayViewD::from_shape(self.shape.clone().set_f(self.fortran_order), elements)
            .map_err(|_| ConcatError::ShapeOverflow)
    }

    /// A copy of the array, whatever its alignment and byte order, and of the same element order.
    ///
    /// # Errors
    /// When the array isn't one of `T`, or holds a `bool` that is neither 0 nor 1.
    pub fn to_owned<T: Element + TryFromBytes + KnownLayout>(
        &self,
    ) -> Result<ArrayD<T>, ConcatError> {
        match self.view::<T>() {
            Ok(view) => Ok(view.to_owned()),
            Err(ConcatError::NonNativeEndian | ConcatError::Misaligned) => self.read_elements(),
            Err(error) => Err(error),
        }
    }

    fn read_elements<T: Element + TryFromBytes>(&self) -> Result<ArrayD<T>, ConcatError> {
        let size = size_of::<T>();
        // The two halves of a complex number are swapped each by itself.
        let unit = match self.dtype {
            Dtype::Complex64 | Dtype::Complex128 => size / 2,
            _ => size,
        };
        let elements: Option<Vec<T>> = self
            .bytes
            .chunks_exact(size)
            .map(|bytes| {
                let mut element = [0; 16];
                let element = &mut element[..size];
                element.copy_from_slice(bytes);
                if !self.native {
                    element.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
                }
                T::try_read_from_bytes(element).ok()
            })
            .collect();
        let elements = elements.ok_or(ConcatError::InvalidValue(T::DTYPE))?;
        ArrayD::from_shape_vec(self.shape.clone().set_f(self.fortran_order), elements)
            .map_err(|_| ConcatError::ShapeOverflow)
    }

    fn expect<T: Element>(&self) -> Result<(), ConcatError> {
        if self.dtype == T::DTYPE {
            return Ok(());
        }
        Err(ConcatError::WrongDtype {
            found: self.dtype,
            expected: T::DTYPE,
        })
    }
}

/// Why arrays can't be packed or unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The type string of an array that isn't supported, escaped as Rust would.
    UnsupportedDtype(String),
    /// The lengths of an array's dimensions multiply to more than can be addressed.
    ShapeOverflow,
    /// The array has another data type than asked for.
    WrongDtype {
        /// The array's.
        found: Dtype,
        /// The one asked for.
        expected: Dtype,
    },
    /// The elements are of the other byte order.
    NonNativeEndian,
    /// The elements aren't aligned in memory as their type needs.
    Misaligned,
    /// An element isn't a value of this data type: a `bool` that is neither 0 nor 1.
    InvalidValue(Dtype),
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
            Self::UnsupportedDtype(descr) => write!(f, "data type `{descr}` isn't supported"),
            Self::ShapeOverflow => f.write_str("the shape has more bytes than can be addressed"),
            Self::WrongDtype { found, expected } => {
                write!(f, "the array is of {found}, not of {expected}")
            }
            Self::NonNativeEndian => {
                f.write_str("the elements are of the other byte order; copy with `to_owned`")
            }
            Self::Misaligned => f.write_str(
                "the elements aren't aligned; align the message to 64 bytes or copy with `to_owned`",
            ),
            Self::InvalidValue(dtype) => write!(f, "an element isn't a {dtype}"),
        }
    }
}

impl Error for ConcatError {}

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
    usize::try_from(u64::from_le_bytes(length)).map_err(|_| ConcatError::ShapeOverflow)
}

/// The bytes of an array; `None` when its lengths other than zero multiply to more than ndarray
/// can address, as it demands of empty arrays too.
fn checked_nbytes(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    let nonzero = shape
        .iter()
        .filter(|length| **length > 0)
        .try_fold(dtype.itemsize(), |bytes, length| bytes.checked_mul(*length))
        .filter(|bytes| isize::try_from(*bytes).is_ok())?;
    Some(if shape.contains(&0) { 0 } else { nonzero })
}
