//! The error of loading an NPY file.

use std::fmt;

use crate::Dtype;

/// Why an NPY file can't be loaded, or not as the requested type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NpyError {
    /// The data end within the fixed part at the start.
    TooShort {
        /// Length of the data in bytes.
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
    /// The header claims to be longer than allowed or than the data.
    HeaderTooLarge {
        /// Claimed length in bytes.
        len: usize,
        /// Maximum length in bytes.
        limit: usize,
    },
    /// The header is not a valid dictionary literal.
    InvalidHeader {
        /// What was expected or found.
        reason: &'static str,
        /// Position in bytes from the start of the data.
        offset: usize,
    },
    /// The shape has more than the 64 axes that numpy allows.
    TooManyAxes,
    /// The number of elements or bytes is too large to address.
    ShapeOverflow,
    /// The data end before the last element.
    Truncated {
        /// Size of the elements in bytes.
        need: usize,
        /// Number of bytes after the header.
        have: usize,
    },
    /// Bytes follow the last element, and [`NpyOptions`](super::NpyOptions) reject them.
    TrailingBytes {
        /// Number of bytes.
        count: usize,
    },
    /// The elements are in Fortran order, and [`NpyOptions`](super::NpyOptions) reject it.
    FortranOrder,
    /// The elements are pickled Python objects, which are never loaded.
    ObjectDtype {
        /// Where the pickle starts, in bytes from the start of the data.
        payload: usize,
    },
    /// The data type is not supported: structured, text, raw bytes, long double.
    UnsupportedDtype {
        /// The data type as written in the header.
        descr: String,
        /// Where the elements start, in bytes from the start of the data.
        payload: usize,
    },
    /// The array has no field with this name, or is not structured.
    MissingField {
        /// The name.
        name: String,
    },
    /// The elements have a type other than the requested one.
    WrongDtype {
        /// The type in the file.
        stored: Dtype,
        /// The requested type.
        requested: Dtype,
    },
    /// The byte order of the elements differs from this machine's, so they must be copied.
    NonNativeEndian,
    /// The elements don't start at a multiple of their alignment: copy them or use
    /// [`view_unaligned`](super::NpyView::view_unaligned).
    Misaligned {
        /// The alignment of the type in bytes.
        alignment: usize,
    },
    /// A boolean is neither 0 nor 1.
    InvalidBool {
        /// Index of the element, in the order of the file.
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
                write!(
                    f,
                    "the header claims {len} bytes, but at most {limit} are possible"
                )
            }
            Self::InvalidHeader { reason, offset } => {
                write!(f, "invalid header at byte {offset}: {reason}")
            }
            Self::TooManyAxes => f.write_str("the shape has more than 64 axes"),
            Self::ShapeOverflow => f.write_str("the shape is too large to address"),
            Self::Truncated { need, have } => {
                write!(
                    f,
                    "the elements take {need} bytes, but there are only {have}"
                )
            }
            Self::TrailingBytes { count } => write!(f, "{count} bytes follow the last element"),
            Self::FortranOrder => f.write_str("the array is in Fortran order"),
            Self::ObjectDtype { payload: _ } => {
                f.write_str("the array contains pickled Python objects, which are never loaded")
            }
            Self::UnsupportedDtype { descr, payload: _ } => {
                write!(
                    f,
                    "the data type {descr} is not supported; `load_raw` gives its shape and bytes"
                )
            }
            Self::MissingField { name } => write!(f, "the array has no field {name}"),
            Self::WrongDtype { stored, requested } => {
                write!(
                    f,
                    "the array has elements of type {stored}, not {requested}"
                )
            }
            Self::NonNativeEndian => f.write_str(
                "the byte order is not this machine's; convert it with `to_cow` or `to_owned`",
            ),
            Self::Misaligned { alignment } => write!(
                f,
                "the array doesn't start at a multiple of {alignment} bytes in memory; \
                 use `view_unaligned`, or copy it with `to_cow` or `to_owned`"
            ),
            Self::InvalidBool { index } => write!(f, "boolean {index} is neither 0 nor 1"),
        }
    }
}

impl std::error::Error for NpyError {}
