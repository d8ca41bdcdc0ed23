//! Parses the header of an NPY file and checks it against the length of the data.

use std::fmt;

use ndarray::{Dimension, IxDyn};

use super::{
    NpyError,
    literal::{self, Literal, number},
};
use crate::{Dtype, dtype::Descr};

/// Options for [`load_with`](super::load_with).
///
/// ```
/// use serbench::npy::{self, NpyError, NpyOptions};
///
/// let mut bytes = npy::to_vec(&ndarray::array![1.0, 2.0]);
/// bytes.push(b'\n');
/// let options = NpyOptions::new().reject_trailing(true);
/// let error = npy::load_with(&bytes, &options).unwrap_err();
/// assert_eq!(error, NpyError::TrailingBytes { count: 1 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NpyOptions {
    max_header_size: usize,
    reject_trailing: bool,
    c_order_only: bool,
}

impl NpyOptions {
    /// The options that [`load`](super::load) uses, which accept the same as numpy.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_header_size: 10_000,
            reject_trailing: false,
            c_order_only: false,
        }
    }

    /// The maximum size of the header in bytes; 10,000 by default.
    #[must_use]
    pub const fn max_header_size(mut self, bytes: usize) -> Self {
        self.max_header_size = bytes;
        self
    }

    /// Whether bytes after the last element are an error; by default they are ignored.
    #[must_use]
    pub const fn reject_trailing(mut self, reject: bool) -> Self {
        self.reject_trailing = reject;
        self
    }

    /// Whether Fortran order is an error; off by default.
    #[must_use]
    pub const fn c_order_only(mut self, only: bool) -> Self {
        self.c_order_only = only;
        self
    }
}

impl Default for NpyOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The content of a header, checked against the length of the data.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) dtype: Dtype,
    /// Whether the byte order of the elements differs from this machine's.
    pub(crate) swapped: bool,
    pub(crate) fortran_order: bool,
    pub(crate) shape: IxDyn,
    /// Where the elements start in the data.
    pub(crate) payload: usize,
    /// The size of the elements in bytes.
    pub(crate) len: usize,
}

/// The accessors of a type with a `header`.
macro_rules! accessors {
    () => {
        /// The data type of the elements.
        #[must_use]
        pub const fn dtype(&self) -> $crate::Dtype {
            self.header.dtype
        }

        /// The axis lengths.
        #[must_use]
        pub fn shape(&self) -> &[usize] {
            self.header.shape()
        }

        /// Whether the first index varies fastest.
        #[must_use]
        pub const fn fortran_order(&self) -> bool {
            self.header.fortran_order
        }
    };
}
pub(crate) use accessors;

impl Header {
    pub(crate) fn shape(&self) -> &[usize] {
        self.shape
            .as_array_view()
            .to_slice()
            .expect("the axis lengths of an `IxDyn` are one slice")
    }

    /// The [`fmt::Debug`] form of an array called `name`, without its elements, which may be many.
    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("dtype", &format_args!("{}", self.dtype))
            .field("shape", &self.shape())
            .field("fortran_order", &self.fortran_order)
            .finish_non_exhaustive()
    }
}

pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// The maximum number of axes in numpy.
pub(super) const MAX_AXES: usize = 64;

/// Reads the header of `data`. Allocates only for shapes of more than four axes or in unusual
/// notation, at most a few times the length of the header.
#[inline]
pub(crate) fn read(data: &[u8], options: &NpyOptions) -> Result<Header, NpyError> {
    let Text { text, start } = text(data, options)?;
    let payload = start + text.len();
    if let Some(common) = common(text) {
        let axes = &common.axes[..common.count];
        return check(
            data,
            options,
            payload,
            common.descr,
            common.fortran_order,
            axes,
        );
    }
    let fields = Literal::new(text)
        .fields()
        .map_err(|problem| problem.into_error(start))?;
    match fields.descr {
        literal::Descr::Name(descr) => check(
            data,
            options,
            payload,
            descr,
            fields.fortran_order,
            &fields.axes,
        ),
        literal::Descr::Structured(descr) => Err(unsupported(descr, payload)),
    }
}

/// Checks the entries of a header against the length of the data and the options.
#[inline]
fn check(
    data: &[u8],
    options: &NpyOptions,
    payload: usize,
    descr: &[u8],
    fortran_order: bool,
    axes: &[usize],
) -> Result<Header, NpyError> {
    let (dtype, swapped) = dtype(descr, payload)?;
    if fortran_order && options.c_order_only {
        return Err(NpyError::FortranOrder);
    }
    let len = byte_len(axes, dtype.itemsize())?;
    let have = data.len() - payload;
    if len > have {
        return Err(NpyError::Truncated { need: len, have });
    }
    if options.reject_trailing && len < have {
        return Err(NpyError::TrailingBytes { count: have - len });
    }
    Ok(Header {
        dtype,
        swapped,
        fortran_order,
        shape: IxDyn(axes),
        payload,
        len,
    })
}

/// The text of a header, and where it starts.
pub(super) struct Text<'a> {
    pub(super) text: &'a [u8],
    pub(super) start: usize,
}

#[inline]
pub(super) fn text<'a>(data: &'a [u8], options: &NpyOptions) -> Result<Text<'a>, NpyError> {
    let short = || match data.strip_prefix(&MAGIC) {
        None if !MAGIC.starts_with(data) => NpyError::BadMagic,
        _ => NpyError::TooShort { len: data.len() },
    };
    let (fixed, rest) = data.split_first_chunk::<10>().ok_or_else(short)?;
    let [magic @ .., major, minor, low, high] = *fixed;
    if magic != MAGIC {
        return Err(NpyError::BadMagic);
    }
    let (len, start, rest) = match (major, minor) {
        (1, 0) => (usize::from(u16::from_le_bytes([low, high])), 10, rest),
        (2 | 3, 0) => {
            let (upper, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            let len = u32::from_le_bytes([low, high, upper[0], upper[1]]);
            (usize::try_from(len).unwrap_or(usize::MAX), 12, rest)
        }
        _ => return Err(NpyError::UnsupportedVersion { major, minor }),
    };
    let limit = options.max_header_size.min(rest.len());
    if len > limit {
        return Err(NpyError::HeaderTooLarge { len, limit });
    }
    let text = &rest[..len];
    Ok(Text { text, start })
}

/// The size of all elements in bytes. Axes of length zero are left out of the product, so that a shape is
/// rejected because of its other axes even if it is empty, as in ndarray.
#[inline]
pub(crate) fn byte_len(axes: &[usize], itemsize: usize) -> Result<usize, NpyError> {
    let mut len = itemsize;
    let mut empty = false;
    for &axis in axes {
        if axis == 0 {
            empty = true;
        } else {
            len = len.checked_mul(axis).ok_or(NpyError::ShapeOverflow)?;
        }
    }
    if isize::try_from(len).is_err() {
        return Err(NpyError::ShapeOverflow);
    }
    Ok(if empty { 0 } else { len })
}

/// The entries of a dictionary in numpy's exact format, with up to four axes.
struct Common<'a> {
    descr: &'a [u8],
    fortran_order: bool,
    axes: [usize; 4],
    count: usize,
}

/// The entries of a header in exactly the format that numpy writes, with up to four axes; `None` for
/// any other, valid or not.
#[inline]
fn common(text: &[u8]) -> Option<Common<'_>> {
    let rest = text.strip_prefix(b"{'descr': '")?;
    let quote = rest
        .iter()
        .take(16)
        .position(|&byte| byte == b'\'' || byte == b'\\')?;
    let (descr, rest) = rest.split_at(quote);
    let rest = rest.strip_prefix(b"', 'fortran_order': ")?;
    let (fortran_order, rest) = match rest.strip_prefix(b"False, 'shape': (") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix(b"True, 'shape': (")?),
    };
    let (axes, count, rest) = common_axes(rest)?;
    let padding = rest.strip_prefix(b"), }")?;
    let (&newline, padding) = padding.split_last()?;
    (newline == b'\n' && blank(padding)).then_some(Common {
        descr,
        fortran_order,
        axes,
        count,
    })
}

/// Whether `padding` is all spaces. Compares sixteen bytes at a time; the last sixteen overlap others.
#[inline]
fn blank(padding: &[u8]) -> bool {
    match padding.last_chunk::<16>() {
        Some(last) => padding
            .as_chunks::<16>()
            .0
            .iter()
            .chain([last])
            .all(|chunk| *chunk == [b' '; 16]),
        None => padding.iter().all(|&byte| byte == b' '),
    }
}

/// Empty for no axes, `3,` for one, `3, 4` for two and so on, up to the closing parenthesis.
#[inline]
fn common_axes(mut rest: &[u8]) -> Option<([usize; 4], usize, &[u8])> {
    let mut axes = [0; 4];
    let mut count = 0;
    while *rest.first()? != b')' {
        if count > 0 {
            rest = match (count, rest) {
                (1, [b',', b')', ..]) => return Some((axes, 1, &rest[1..])),
                (_, [b',', b' ', rest @ ..]) => rest,
                _ => return None,
            };
        }
        let (axis, digits) = number(rest)?;
        *axes.get_mut(count)? = axis?;
        rest = &rest[digits..];
        count += 1;
    }
    (count != 1).then_some((axes, count, rest))
}

/// The data type of `descr`, and whether its byte order differs from this machine's.
#[inline]
pub(crate) fn dtype(descr: &[u8], payload: usize) -> Result<(Dtype, bool), NpyError> {
    Descr::parse(descr).ok_or_else(|| unsupported(descr, payload))
}

#[cold]
fn unsupported(descr: &[u8], payload: usize) -> NpyError {
    let order = |byte: &u8| matches!(byte, b'<' | b'>' | b'=' | b'|');
    let code = &descr[usize::from(descr.first().is_some_and(order))..];
    if matches!(code, b"O" | b"O4" | b"O8") {
        return NpyError::ObjectDtype { payload };
    }
    NpyError::UnsupportedDtype {
        descr: String::from_utf8_lossy(descr).into_owned(),
        payload,
    }
}
