//! Saves arrays as NPY, byte for byte as numpy would.

use std::io::{self, Write};

use ndarray::{ArrayBase, ArrayView, Axis, Data, Dimension};

use super::header::{MAGIC, MAX_AXES};
use crate::{Dtype, Element, dtype::Descr, pages};

/// An array of any element type and number of axes that can be saved, for example with `npz::save`.
/// Implemented for all `ndarray` arrays of [`Element`]s.
pub trait SaveNpy {
    /// The bytes before the elements; their number is a multiple of 64.
    ///
    /// # Errors
    /// `InvalidInput` for more axes than the 64 that numpy can read.
    fn header(&self) -> io::Result<Vec<u8>>;

    /// Whether the elements are written in Fortran order: they are contiguous in it and not in C order.
    fn is_fortran(&self) -> bool;

    /// The size of the elements in bytes.
    fn payload_len(&self) -> usize;

    /// Passes the bytes of the elements to `sink` from first to last: in one chunk if they are contiguous
    /// in memory, otherwise in chunks of at most 16 KiB or one element.
    ///
    /// # Errors
    /// The first error of `sink`.
    fn payload(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;
}

impl<T, S, D> SaveNpy for ArrayBase<S, D>
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    fn header(&self) -> io::Result<Vec<u8>> {
        if self.ndim() > MAX_AXES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, TOO_MANY_AXES));
        }
        Ok(header(self))
    }

    fn is_fortran(&self) -> bool {
        !self.is_standard_layout() && self.view().reversed_axes().is_standard_layout()
    }

    fn payload_len(&self) -> usize {
        self.len() * size_of::<T>()
    }

    fn payload(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(elements) = self.as_slice() {
            return sink(T::bytes(elements));
        }
        if let Some(elements) = self.view().reversed_axes().to_slice() {
            return sink(T::bytes(elements));
        }
        chunks(&self.view(), sink)
    }
}

/// Passes the elements to `sink` in C order, in chunks of at most 16 KiB.
fn chunks<T: Element, D: Dimension>(
    array: &ArrayView<T, D>,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    const CHUNK: usize = 16 * 1024;
    let first = Axis(0);
    let row = array.len() / array.len_of(first) * size_of::<T>();
    if row > CHUNK {
        let array = array.view().into_dyn();
        return array.outer_iter().try_for_each(|row| match row.as_slice() {
            Some(elements) => sink(T::bytes(elements)),
            None => chunks(&row, sink),
        });
    }
    array
        .axis_chunks_iter(first, CHUNK / row)
        .try_for_each(|chunk| {
            let chunk = chunk.as_standard_layout();
            let elements = chunk.as_slice().expect("the standard layout is one slice");
            sink(T::bytes(elements))
        })
}

/// Writes `array` byte for byte as `numpy.save` would: in Fortran order if it is contiguous in it
/// and not in C order, otherwise in C order.
///
/// The elements start at a multiple of 64 bytes, so that a file loaded at an aligned
/// address can be viewed.
///
/// # Errors
/// Errors of the writer; `InvalidInput` for more than the 64 axes that numpy can read.
pub fn save<W, T, S, D>(mut writer: W, array: &ArrayBase<S, D>) -> io::Result<()>
where
    W: Write,
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    writer.write_all(&array.header()?)?;
    array.payload(&mut |bytes| writer.write_all(bytes))
}

/// The output of [`save`], in a vector of exactly that size.
///
/// # Panics
/// For more than the 64 axes that numpy can read.
#[must_use]
pub fn to_vec<T, S, D>(array: &ArrayBase<S, D>) -> Vec<u8>
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    let header = header(array);
    let mut out = pages::with_capacity(header.len() + array.payload_len());
    out.extend_from_slice(&header);
    array
        .payload(&mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })
        .expect("writing to a vector can't fail");
    out
}

/// The number of bytes that [`save`] writes.
///
/// # Panics
/// For more than the 64 axes that numpy can read.
#[must_use]
pub fn encoded_len<T, S, D>(array: &ArrayBase<S, D>) -> usize
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    header(array).len() + array.payload_len()
}

/// The start of the file that [`save`] writes, up to the elements: a multiple of 64 bytes.
///
/// # Panics
/// For more than the 64 axes that numpy can read; [`save`] returns an error instead.
#[must_use]
pub fn header<T, S, D>(array: &ArrayBase<S, D>) -> Vec<u8>
where
    T: Element,
    S: Data<Elem = T>,
    D: Dimension,
{
    assert!(array.ndim() <= MAX_AXES, "{TOO_MANY_AXES}");
    write_header(T::DTYPE, array.shape(), array.is_fortran())
}

const TOO_MANY_AXES: &str = "numpy can't read arrays of more than 64 axes";

/// Follows `numpy.lib.format._write_array_header`: space for the slowest axis to grow,
/// then 1 to 64 bytes of padding.
fn write_header(dtype: Dtype, shape: &[usize], fortran_order: bool) -> Vec<u8> {
    const GROWING_AXIS_DIGITS: usize = 21;
    const ALIGNMENT: usize = 64;
    let mut out = Vec::with_capacity(2 * ALIGNMENT);
    out.extend_from_slice(&MAGIC);
    // Version 1.0, and two bytes for the length, which 64 axes can't exceed.
    out.extend_from_slice(&[1, 0, 0, 0]);
    out.extend_from_slice(b"{'descr': '");
    out.extend_from_slice(Descr::native(dtype).as_bytes());
    out.extend_from_slice(b"', 'fortran_order': ");
    out.extend_from_slice(if fortran_order { b"True" } else { b"False" });
    out.extend_from_slice(b", 'shape': (");
    let growing = if fortran_order {
        shape.len().saturating_sub(1)
    } else {
        0
    };
    let mut growth = 0;
    for (index, &axis) in shape.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        let digits = push_number(&mut out, axis);
        if index == growing {
            growth = GROWING_AXIS_DIGITS - digits;
        }
    }
    if shape.len() == 1 {
        out.push(b',');
    }
    out.extend_from_slice(b"), }");
    let unpadded = out.len() + growth + 1;
    let len = unpadded + ALIGNMENT - unpadded % ALIGNMENT;
    out.resize(len - 1, b' ');
    out.push(b'\n');
    let text = u16::try_from(len - MAGIC.len() - 4).expect("64 axes of 20 digits fit");
    out[8..10].copy_from_slice(&text.to_le_bytes());
    out
}

/// Appends `number` in decimal and returns its number of digits.
fn push_number(out: &mut Vec<u8>, number: usize) -> usize {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let start = out.len();
    out.resize(start + digits, b'0');
    let mut rest = number;
    for digit in out[start..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    digits
}
