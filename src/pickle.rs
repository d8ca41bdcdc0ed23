//! Pickles that Python loads as numpy arrays.
//!
//! Nothing here executes a pickle: [`from_slice`] only accepts the sequence of opcodes that [`to_vec`]
//! writes.

use std::fmt;

use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};

use crate::{
    Element,
    dtype::Descr,
    npy::{
        NpyError, NpyView, SaveNpy,
        header::{self, Header},
    },
};

/// Pickles `array` with protocol 5 as the call `numpy.ndarray(shape, dtype, buffer, 0, None,
/// order)`, whose names are the same in every version of numpy. The array that Python loads is
/// writable and shares no memory with the pickle.
///
/// ```
/// use serbench::pickle;
///
/// let array = ndarray::array![[1.5, 2.0], [3.0, 4.0]];
/// let bytes = pickle::to_vec(&array); // import pickle; pickle.loads(bytes)
/// assert_eq!(pickle::from_slice::<f64>(&bytes)?, array.into_dyn());
/// # Ok::<(), serbench::pickle::PickleError>(())
/// ```
#[must_use]
pub fn to_vec<T, S, D>(array: &ArrayBase<S, D>) -> Vec<u8>
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    // Everything except the axes and the elements takes less than 64 bytes.
    let len = array.payload_len();
    let mut out = Vec::with_capacity(64 + 10 * array.ndim() + len);
    out.extend_from_slice(START);
    for &axis in array.shape() {
        match i32::try_from(axis) {
            Ok(axis) => {
                out.push(BININT);
                out.extend_from_slice(&axis.to_le_bytes());
            }
            Err(_) => {
                out.extend_from_slice(LONG1_OF_8);
                out.extend_from_slice(&(axis as u64).to_le_bytes());
            }
        }
    }
    out.extend_from_slice(&[TUPLE, SHORT_BINUNICODE]);
    let descr = Descr::native(T::DTYPE);
    out.push(descr.as_bytes().len() as u8);
    out.extend_from_slice(descr.as_bytes());
    out.push(BYTEARRAY8);
    out.extend_from_slice(&(len as u64).to_le_bytes());
    array
        .payload(&mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })
        .expect("writing to a vector can't fail");
    out.extend_from_slice(OFFSET_AND_STRIDES);
    out.push(if array.is_fortran() { b'F' } else { b'C' });
    out.extend_from_slice(END);
    out
}

// Opcodes, named as in Python's `pickletools`.
const BININT: u8 = b'J';
const BYTEARRAY8: u8 = 0x96;
const SHORT_BINUNICODE: u8 = 0x8c;
const TUPLE: u8 = b't';
/// LONG1, followed by eight bytes.
const LONG1_OF_8: &[u8] = b"\x8a\x08";
/// PROTO 5; the strings `numpy` and `ndarray`; STACK_GLOBAL; MARK for the arguments, for the shape.
const START: &[u8] = b"\x80\x05\x8c\x05numpy\x8c\x07ndarray\x93((";
/// BININT1 0; NONE; a string of one byte follows.
const OFFSET_AND_STRIDES: &[u8] = b"K\0N\x8c\x01";
/// TUPLE, REDUCE, STOP.
const END: &[u8] = b"tR.";

/// Why a pickle can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PickleError {
    /// The pickle isn't one that [`to_vec`] writes.
    Unexpected {
        /// The first difference, in bytes from the start.
        offset: usize,
    },
    /// The elements can't be loaded as the requested type.
    Elements(NpyError),
}

impl fmt::Display for PickleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { offset } => write!(
                f,
                "not a pickle that `pickle::to_vec` writes: unexpected opcode at byte {offset}"
            ),
            Self::Elements(error) => error.fmt(f),
        }
    }
}

// `Display` includes the cause; with a `source`, it would be printed twice.
impl std::error::Error for PickleError {}

impl From<NpyError> for PickleError {
    fn from(error: NpyError) -> Self {
        Self::Elements(error)
    }
}

/// Reads what [`to_vec`] wrote.
///
/// # Errors
/// For every other pickle, and if the elements are not of type `T`.
pub fn from_slice<T: Element>(pickle: &[u8]) -> Result<ArrayD<T>, PickleError> {
    let mut reader = Reader { pickle, at: 0 };
    reader.expect(START)?;
    let mut axes = Vec::new();
    while reader.expect(&[TUPLE]).is_err() {
        axes.push(reader.axis()?);
    }
    reader.expect(&[SHORT_BINUNICODE])?;
    let [descr] = reader.take()?;
    let descr = reader.slice(descr.into())?;
    reader.expect(&[BYTEARRAY8])?;
    let len = u64::from_le_bytes(reader.take()?);
    let payload = reader.at;
    let len = usize::try_from(len).map_err(|_| reader.unexpected())?;
    reader.slice(len)?;
    reader.expect(OFFSET_AND_STRIDES)?;
    let fortran_order = match reader.take()? {
        [b'C'] => false,
        [b'F'] => true,
        _ => return Err(reader.unexpected()),
    };
    reader.expect(END)?;
    let (dtype, swapped) = header::dtype(descr, payload)?;
    let need = header::byte_len(&axes, dtype.itemsize())?;
    if need != len || reader.at != pickle.len() {
        return Err(reader.unexpected());
    }
    let header = Header {
        dtype,
        swapped,
        fortran_order,
        shape: IxDyn(&axes),
        payload,
        len,
    };
    Ok(NpyView::new(header, pickle).to_owned()?)
}

struct Reader<'a> {
    pickle: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn slice(&mut self, len: usize) -> Result<&'a [u8], PickleError> {
        let rest = &self.pickle[self.at..];
        let (slice, _) = rest
            .split_at_checked(len)
            .ok_or_else(|| self.unexpected())?;
        self.at += len;
        Ok(slice)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let rest = &self.pickle[self.at..];
        let chunk = rest.first_chunk().ok_or_else(|| self.unexpected())?;
        self.at += N;
        Ok(*chunk)
    }

    fn expect(&mut self, opcodes: &[u8]) -> Result<(), PickleError> {
        if !self.pickle[self.at..].starts_with(opcodes) {
            return Err(self.unexpected());
        }
        self.at += opcodes.len();
        Ok(())
    }

    fn axis(&mut self) -> Result<usize, PickleError> {
        if self.expect(&[BININT]).is_ok() {
            let axis = i32::from_le_bytes(self.take()?);
            return usize::try_from(axis).map_err(|_| self.unexpected());
        }
        self.expect(LONG1_OF_8)?;
        let axis = u64::from_le_bytes(self.take()?);
        usize::try_from(axis).map_err(|_| self.unexpected())
    }

    const fn unexpected(&self) -> PickleError {
        PickleError::Unexpected { offset: self.at }
    }
}
