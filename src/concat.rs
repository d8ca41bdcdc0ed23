//! Many arrays as one self-describing message, for a request body or a socket, and back
//! without a copy.
//!
//! ```
//! use ndarray::{arr0, array};
//! use serbench::concat;
//!
//! let (image, label) = (array![[1.0, 2.0], [3.0, 4.0]], arr0(7_u8));
//! let mut body = Vec::new();
//! concat::pack(&[(&image).into(), (&label).into()], &mut body);
//!
//! let arrays = concat::unpack(&body)?;
//! assert_eq!(arrays[1].dtype(), serbench::Dtype::Uint8);
//! assert_eq!(arrays[0].to_owned::<f64>()?, image.into_dyn());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The message
//!
//! All integers are little-endian; a payload starts at the next multiple of 64 bytes after what is
//! before it, counted from the start of the message, and the gap is zeros.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `\x93CONCAT\n` |
//! | 8..10, 10..12 | version 1, flags (`u16`): bit 0 if there is a checksum |
//! | 12..16 | CRC-32 of the message with zeros here, or zeros (`u32`) |
//! | 16..24 | number of arrays (`u64`) |
//! | 24..32 | bytes of the header with its gap, which is where the first payload starts (`u64`) |
//! | 32..40 | bytes of the whole message (`u64`) |
//! | then for each array | |
//! | +0..8 | numpy's type string, such as `<f8` or `<M8[ns]`, filled up with zeros |
//! | +8..12, +12..16 | 1 for Fortran order, else 0; number of dimensions (`u32`) |
//! | +16..24, +24..32 | offset and bytes of the payload (`u64`) |
//! | +32.. | length of each dimension (`u64`) |

mod header;
mod unpack;

use std::{
    fmt,
    io::{self, IoSlice, Write},
    slice,
};

use ndarray::{ArrayBase, Data, Dimension};

use crate::{Dtype, Element, crc::Crc, pages};
use header::{ALIGN, align};
pub use unpack::{ConcatError, UnpackOptions, unpack, unpack_with};

/// The most parts that Linux, macOS and the BSDs accept in one `writev`.
const IOV_MAX: usize = 1024;
static ZEROS: [u8; ALIGN] = [0; ALIGN];
/// How much is copied after the checksum has loaded it into the first-level cache.
const CHUNK: usize = 8 << 10;

/// A view of an array whose data type and rank are known only at run time.
///
/// All of ndarray's arrays and views of [`Element`]s, with any strides, convert into it.
#[derive(Clone, Copy)]
pub struct AnyArray<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    nbytes: usize,
    elements: Elements<'a>,
}

/// The elements of an array in memory.
#[derive(Clone, Copy)]
enum Elements<'a> {
    /// Contiguous, the last index varies fastest.
    C(&'a [u8]),
    /// Contiguous, the first index varies fastest.
    Fortran(&'a [u8]),
    /// Anything else.
    Strided(&'a dyn CopyTo),
}

impl<'a> AnyArray<'a> {
    /// The data type.
    #[must_use]
    pub const fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The length of each dimension.
    #[must_use]
    pub const fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// The size of all elements in bytes; at most `usize::MAX`, for a view that repeats its elements.
    #[must_use]
    pub const fn nbytes(&self) -> usize {
        self.nbytes
    }

    /// The bytes of the elements if they are contiguous in C or Fortran order.
    #[must_use]
    pub const fn bytes(&self) -> Option<&'a [u8]> {
        match self.elements {
            Elements::C(bytes) | Elements::Fortran(bytes) => Some(bytes),
            Elements::Strided(_) => None,
        }
    }

    /// Copies the payload into `out`, which must have exactly its length.
    fn copy_to(&self, out: &mut [u8]) {
        match self.elements {
            Elements::C(bytes) | Elements::Fortran(bytes) => out.copy_from_slice(bytes),
            Elements::Strided(array) => array.copy_to(out),
        }
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        match self.elements {
            Elements::C(bytes) | Elements::Fortran(bytes) => out.extend_from_slice(bytes),
            Elements::Strided(array) => {
                let start = out.len();
                out.resize(start + self.nbytes, 0);
                array.copy_to(&mut out[start..]);
            }
        }
    }

    /// Like [`copy_to`](Self::copy_to), and adds the payload to `crc`.
    fn copy_checked(&self, out: &mut [u8], crc: &mut Crc) {
        match self.elements {
            Elements::C(bytes) | Elements::Fortran(bytes) => {
                for (out, bytes) in out.chunks_mut(CHUNK).zip(bytes.chunks(CHUNK)) {
                    crc.update(bytes);
                    out.copy_from_slice(bytes);
                }
            }
            Elements::Strided(array) => {
                array.copy_to(out);
                crc.update(out);
            }
        }
    }
}

impl fmt::Debug for AnyArray<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyArray")
            .field("dtype", &self.dtype)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Element, S: Data<Elem = T>, D: Dimension> From<&'a ArrayBase<S, D>> for AnyArray<'a> {
    fn from(array: &'a ArrayBase<S, D>) -> Self {
        let elements = match array.as_slice() {
            Some(elements) => Elements::C(T::bytes(elements)),
            None => match array.view().reversed_axes().to_slice() {
                Some(elements) => Elements::Fortran(T::bytes(elements)),
                None => Elements::Strided(array),
            },
        };
        Self {
            dtype: T::DTYPE,
            shape: array.shape(),
            nbytes: array.len().saturating_mul(size_of::<T>()),
            elements,
        }
    }
}

trait CopyTo {
    /// Copies the elements in C order into `out`, which must have exactly their length.
    fn copy_to(&self, out: &mut [u8]);
}

impl<T: Element, S: Data<Elem = T>, D: Dimension> CopyTo for ArrayBase<S, D> {
    fn copy_to(&self, mut out: &mut [u8]) {
        for row in self.rows() {
            let (here, rest) = out.split_at_mut(row.len() * size_of::<T>());
            match row.to_slice() {
                Some(elements) => here.copy_from_slice(T::bytes(elements)),
                None => {
                    for (bytes, element) in here.chunks_exact_mut(size_of::<T>()).zip(row) {
                        bytes.copy_from_slice(T::bytes(slice::from_ref(element)));
                    }
                }
            }
            out = rest;
        }
    }
}

/// Options for packing.
///
/// ```
/// use serbench::concat::{self, PackOptions};
///
/// let array = ndarray::array![1.0, 2.0];
/// let mut body = Vec::new();
/// concat::pack_with(&[(&array).into()], &PackOptions::new().checksum(false), &mut body);
/// assert_eq!(concat::unpack(&body)?.len(), 1);
/// # Ok::<(), concat::ConcatError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PackOptions {
    checksum: bool,
}

impl PackOptions {
    /// The options that [`pack`] uses.
    #[must_use]
    pub const fn new() -> Self {
        Self { checksum: true }
    }

    /// Whether to add a CRC-32, which [`unpack`] verifies; on by default. Turn it off if something else
    /// protects the message, such as TLS.
    #[must_use]
    pub const fn checksum(mut self, checksum: bool) -> Self {
        self.checksum = checksum;
        self
    }

    fn crc(&self) -> Option<Crc> {
        self.checksum.then(Crc::new)
    }
}

impl Default for PackOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of bytes that [`pack`] appends for `arrays`.
#[must_use]
pub fn packed_len(arrays: &[AnyArray<'_>]) -> usize {
    header::lengths(arrays).1
}

/// Appends `arrays` as one message with a CRC-32 to `out`.
///
/// Clear `out` and reuse it for the next message: for large messages, most of the time for a
/// new vector is spent by the operating system on zeroed pages.
pub fn pack(arrays: &[AnyArray<'_>], out: &mut Vec<u8>) {
    pack_with(arrays, &PackOptions::new(), out);
}

/// Like [`pack`], with options.
pub fn pack_with(arrays: &[AnyArray<'_>], options: &PackOptions, out: &mut Vec<u8>) {
    let start = out.len();
    let (header, total) = header::lengths(arrays);
    pages::reserve(out, total);
    out.resize(start + header, 0);
    let mut crc = options.crc();
    header::write(arrays, total, crc.as_mut(), &mut out[start..]);
    for array in arrays {
        let gap = align(out.len() - start) - (out.len() - start);
        out.extend_from_slice(&ZEROS[..gap]);
        append(array, out, crc.as_mut(), gap);
    }
    if let Some(crc) = crc {
        header::set_checksum(&mut out[start..], crc.finish());
    }
}

/// Appends the payload of `array` to `out`, and adds the `gap` before it and the payload to `crc`.
fn append(array: &AnyArray<'_>, out: &mut Vec<u8>, crc: Option<&mut Crc>, gap: usize) {
    let Some(crc) = crc else {
        return array.append_to(out);
    };
    crc.update(&ZEROS[..gap]);
    match array.elements {
        Elements::C(bytes) | Elements::Fortran(bytes) => {
            for chunk in bytes.chunks(CHUNK) {
                crc.update(chunk);
                out.extend_from_slice(chunk);
            }
        }
        Elements::Strided(_) => {
            let start = out.len();
            array.append_to(out);
            crc.update(&out[start..]);
        }
    }
}

/// Writes `arrays` as one message with a CRC-32 to the start of `out` and returns its length.
///
/// # Errors
/// [`ConcatError::BufferTooSmall`] if `out` is shorter than [`packed_len`].
pub fn pack_into(arrays: &[AnyArray<'_>], out: &mut [u8]) -> Result<usize, ConcatError> {
    pack_into_with(arrays, &PackOptions::new(), out)
}

/// Like [`pack_into`], with options.
///
/// # Errors
/// See [`pack_into`].
pub fn pack_into_with(
    arrays: &[AnyArray<'_>],
    options: &PackOptions,
    out: &mut [u8],
) -> Result<usize, ConcatError> {
    let (header, total) = header::lengths(arrays);
    let have = out.len();
    let too_small = ConcatError::BufferTooSmall { need: total, have };
    let out = out.get_mut(..total).ok_or(too_small)?;
    out[..header].fill(0);
    let mut crc = options.crc();
    header::write(arrays, total, crc.as_mut(), &mut out[..header]);
    let mut end = header;
    for array in arrays {
        let offset = align(end);
        out[end..offset].fill(0);
        let gap = &ZEROS[..offset - end];
        end = offset + array.nbytes;
        let payload = &mut out[offset..end];
        match &mut crc {
            None => array.copy_to(payload),
            Some(crc) => {
                crc.update(gap);
                array.copy_checked(payload, crc);
            }
        }
    }
    if let Some(crc) = crc {
        header::set_checksum(out, crc.finish());
    }
    Ok(total)
}

/// The message of `arrays` with a CRC-32 as parts for [`Write::write_vectored`], without copying
/// payloads. They are read once for the checksum; see [`PackOptions::checksum`].
///
/// Replaces the content of `scratch` with the parts that must be created: the header and C-ordered
/// copies of strided arrays. Send the parts with [`write_all_vectored`].
pub fn pack_io_slices<'a>(arrays: &[AnyArray<'a>], scratch: &'a mut Vec<u8>) -> Vec<IoSlice<'a>> {
    pack_io_slices_with(arrays, &PackOptions::new(), scratch)
}

/// Like [`pack_io_slices`], with options.
pub fn pack_io_slices_with<'a>(
    arrays: &[AnyArray<'a>],
    options: &PackOptions,
    scratch: &'a mut Vec<u8>,
) -> Vec<IoSlice<'a>> {
    let (header, total) = header::lengths(arrays);
    scratch.clear();
    scratch.resize(header, 0);
    let mut crc = options.crc();
    header::write(arrays, total, crc.as_mut(), scratch);
    for array in arrays {
        if let Elements::Strided(_) = array.elements {
            array.append_to(scratch);
        }
    }
    if let Some(mut crc) = crc {
        let (_, copies) = scratch.split_at(header);
        for part in payload_parts(arrays, header, copies) {
            crc.update(part);
        }
        header::set_checksum(scratch, crc.finish());
    }
    let (start, copies) = scratch.split_at(header);
    let payloads = payload_parts(arrays, header, copies);
    let mut parts = Vec::with_capacity(1 + 2 * arrays.len());
    parts.push(IoSlice::new(start));
    parts.extend(payloads.filter(|part| !part.is_empty()).map(IoSlice::new));
    parts
}

/// Gaps and payloads of a message in turn, after a header of `header` bytes; `copies` are the
/// payloads of strided arrays.
fn payload_parts<'a, 'p>(
    arrays: &'p [AnyArray<'a>],
    header: usize,
    mut copies: &'a [u8],
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'p> {
    let mut end = header;
    arrays.iter().flat_map(move |array| {
        let gap = align(end) - end;
        end += gap + array.nbytes;
        let payload = array.bytes().unwrap_or_else(|| {
            let (copy, rest) = copies.split_at(array.nbytes);
            copies = rest;
            copy
        });
        [&ZEROS[..gap], payload]
    })
}

/// Writes all of `parts`, at most 1024 in one call as operating systems require, and continues after
/// short writes. `parts` is consumed.
///
/// # Errors
/// Errors of `writer`; [`io::ErrorKind::WriteZero`] if it accepts no more.
pub fn write_all_vectored(
    writer: &mut (impl Write + ?Sized),
    mut parts: &mut [IoSlice<'_>],
) -> io::Result<()> {
    // Leading empty parts would make an empty write look like the end.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match writer.write_vectored(&parts[..parts.len().min(IOV_MAX)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
