//! The error of loading an NPY file.

use std::fmt;

use crate::Dtype;

/// Why an NPY file can't be loaded, or not as asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NpyError {
    /// The data end inside the fixed part at the start.
    TooShort {
        /// Bytes there are.
        len: usize,
    },
    /// The data don't start with `\x93NUMPY`.
    BadMagic,
    /// The format version isn't 1.0, 2.0 or 3.0.
    UnsupportedVersion {
        /// The number before the dot.
        major: u8,
        /// The number after the dot.
        minor: u8,
    },
    /// The header claims to be longer than is allowed or than the data are.
    HeaderTooLarge {
        /// Bytes the header claims.
        len: usize,
        /// Bytes it can have.
        limit: usize,
    },
    /// The header is not the dictionary literal that it has to be.
    InvalidHeader {
        /// What was expected or found.
        reason: &'static str,
        /// Where, in bytes from the start of the data.
        offset: usize,
    },
    /// The shape has more axes than the 64 that numpy allows.
    TooManyAxes,
    /// The number of elements or bytes is beyond what can be addressed.
    ShapeOverflow,
    /// The data end before the last element.
    Truncated {
        /// Bytes the elements take.
        need: usize,
        /// Bytes there are after the header.
        have: usize,
    },
    /// Bytes follow the last element, and [`NpyOptions`](super::NpyOptions) reject them.
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The elements are in Fortran order, and [`NpyOptions`](super::NpyOptions) reject it.
    FortranOrder,
    /// The elements are pickled Python objects, which are never loaded.
    ObjectDtype {
        /// Where the pickle starts, in bytes from the start of the data.
        payload: usize,
    },
    /// The data type has no counterpart here: structured, text, raw bytes, long double.
    UnsupportedDtype {
        /// The data type as the header has it.
        descr: String,
        /// Where the elements start, in bytes from the start of the data.
        payload: usize,
    },
    /// The array has no field of this name, or is not structured.
    MissingField {
        /// The name.
        name: String,
    },
    /// The elements are of another type than the one asked for.
    WrongDtype {
        /// What the file holds.
        stored: Dtype,
        /// What was asked for.
        requested: Dtype,
    },
    /// The elements have the other byte order, so that only a copy can be had.
    NonNativeEndian,
    /// The elements don't start at a multiple of their alignment, so that only a copy or
    /// [`view_unaligned`](super::NpyView::view_unaligned) can be had.
    Misaligned {
        /// The alignment of the type in bytes.
        alignment: usize,
    },
    /// A boolean is neither 0 nor 1.
    InvalidBool {
        /// Which element, in the order of the file.
        index: usize,
    },
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "{len} bytes are too few for an NPY file"),
            Self::BadMagic => f.write_str("not an NPY file: it doesn't start with \\x93NUMPY"),
            Self::UnsupportedVersion { major, minor } => {
                write!(f, "NPY version {major}.{minor} is not 1.0, 2.0 or 3.0")
            }
            Self::HeaderTooLarge { len, limit } => {
                write!(f, "the header claims {len} bytes, but can have {limit}")
            }
            Self::InvalidHeader { reason, offset } => {
                write!(f, "invalid header at byte {offset}: {reason}")
            }
            Self::TooManyAxes => f.write_str("the shape has more than 64 axes"),
            Self::ShapeOverflow => f.write_str("the shape is too large to address"),
            Self::Truncated { need, have } => {
                write!(f, "the elements take {need} bytes, but {have} are there")
            }
            Self::TrailingBytes { count } => write!(f, "{count} bytes follow the last element"),
            Self::FortranOrder => f.write_str("the array is in Fortran order"),
            Self::ObjectDtype { payload: _ } => {
                f.write_str("the array holds pickled Python objects, which are not loaded")
            }
            Self::UnsupportedDtype { descr, payload: _ } => {
                write!(
                    f,
                    "the data type {descr} is not supported; `load_raw` gives its shape and bytes"
                )
            }
            Self::MissingField { name } => write!(f, "the array has no field {name}"),
            Self::WrongDtype { stored, requested } => {
                write!(f, "the array holds {stored}, not {requested}")
            }
            Self::NonNativeEndian => {
                f.write_str("the array has the other byte order; `to_cow` or `to_owned` convert it")
            }
            Self::Misaligned { alignment } => write!(
                f,
                "the array doesn't start at a multiple of {alignment} bytes in memory; \
                 `view_unaligned` reads it there, `to_cow` or `to_owned` copy it"
            ),
            Self::InvalidBool { index } => write!(f, "boolean {index} is neither 0 nor 1"),
        }
    }
}

impl std::error::Error for NpyError {}
