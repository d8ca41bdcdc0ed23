//! NPY files of any data type: shape and bytes, and the fields of structured arrays.

use std::{borrow::Cow, fmt};

use ndarray::{Array, ArrayD, IxDyn, ShapeBuilder};

use super::{
    NpyError, NpyOptions,
    header::{self, Text, byte_len},
    literal::{self, Field as FieldText, Literal},
};
use crate::{
    Element,
    dtype::{Descr, split_order},
};

/// Reads the header of an NPY file in memory with any data type, including those missing from
/// [`Dtype`](crate::Dtype), which [`load`](super::load) rejects: text, raw bytes,
/// structured arrays, extensions such as bfloat16.
///
/// ```
/// use serbench::npy;
///
/// let header = "{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }\n";
/// let mut bytes = b"\x93NUMPY\x01\0".to_vec();
/// bytes.extend((header.len() as u16).to_le_bytes());
/// bytes.extend(header.as_bytes());
/// bytes.extend([0x80, 0x3f, 0, 0x40]); // 1.0 and 2.0 as bfloat16
///
/// let raw = npy::load_raw(&bytes)?;
/// assert_eq!((raw.descr(), raw.shape(), raw.itemsize()), ("<V2", &[2][..], Some(2)));
/// let widened = raw.bytes().chunks(2).map(|half| f32::from_le_bytes([0, 0, half[0], half[1]]));
/// assert_eq!(widened.collect::<Vec<_>>(), [1.0, 2.0]);
/// # Ok::<(), npy::NpyError>(())
/// ```
///
/// # Errors
/// If the header is malformed, or claims more elements than there are bytes for.
pub fn load_raw(data: &[u8]) -> Result<RawView<'_>, NpyError> {
    let Text { text, start } = header::text(data, &NpyOptions::new())?;
    let payload = start + text.len();
    let problem = |problem: literal::Problem| problem.into_error(start);
    let fields = Literal::new(text).fields().map_err(problem)?;
    let (descr, itemsize, table) = match fields.descr {
        literal::Descr::Name(descr) => (descr, itemsize(descr), None),
        literal::Descr::Structured(descr) => match table(descr) {
            Some(table) => (descr, Some(table.itemsize), Some(table.fields)),
            None => (descr, None, None),
        },
    };
    let rest = &data[payload..];
    let bytes = match itemsize {
        None => rest,
        Some(itemsize) => {
            let need = byte_len(&fields.axes, itemsize)?;
            let have = rest.len();
            rest.get(..need).ok_or(NpyError::Truncated { need, have })?
        }
    };
    Ok(RawView {
        descr: String::from_utf8_lossy(descr),
        shape: fields.axes,
        fortran_order: fields.fortran_order,
        itemsize,
        payload,
        bytes,
        fields: table,
    })
}

/// An NPY file in memory with any data type, see [`load_raw`].
#[derive(Clone)]
pub struct RawView<'a> {
    descr: Cow<'a, str>,
    shape: Vec<usize>,
    fortran_order: bool,
    itemsize: Option<usize>,
    payload: usize,
    bytes: &'a [u8],
    fields: Option<Vec<Field>>,
}

/// A field of a structured array.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its data type as written in the header, with the byte order: `<f8`, `|S3`.
    pub descr: String,
    /// Its offset in each record, in bytes.
    pub offset: usize,
    /// The shape of the field itself: empty unless each record has an array.
    pub shape: Vec<usize>,
    /// Its size in each record, in bytes.
    pub nbytes: usize,
}

impl<'a> RawView<'a> {
    /// The data type as written in the header: numpy's type string, starting with the byte order, or
    /// the list of fields of a structured array.
    #[must_use]
    pub fn descr(&self) -> &str {
        &self.descr
    }

    /// The axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether the first index varies fastest in the file.
    #[must_use]
    pub const fn fortran_order(&self) -> bool {
        self.fortran_order
    }

    /// Bytes per element, if the type string defines it.
    #[must_use]
    pub const fn itemsize(&self) -> Option<usize> {
        self.itemsize
    }

    /// Where the elements start, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.payload
    }

    /// The bytes of the elements; everything after the header if their size is unknown.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fields of a structured array; `None` for other arrays and if the size of a field is unknown.
    #[must_use]
    pub fn fields(&self) -> Option<&[Field]> {
        self.fields.as_deref()
    }

    /// A copy of the elements of one field, in native byte order. The axes of the field follow those of
    /// the array.
    ///
    /// # Errors
    /// [`MissingField`](NpyError::MissingField); [`UnsupportedDtype`](NpyError::UnsupportedDtype)
    /// for a field whose type is missing from [`Dtype`](crate::Dtype);
    /// [`WrongDtype`](NpyError::WrongDtype), [`InvalidBool`](NpyError::InvalidBool).
    pub fn field<T: Element>(&self, name: &str) -> Result<ArrayD<T>, NpyError> {
        let mut fields = self.fields.iter().flatten();
        let missing = || NpyError::MissingField {
            name: name.to_owned(),
        };
        let field = fields
            .find(|field| field.name == name)
            .ok_or_else(missing)?;
        let (stored, swapped) = header::dtype(field.descr.as_bytes(), self.payload)?;
        if !T::loads(stored) {
            let requested = T::DTYPE;
            return Err(NpyError::WrongDtype { stored, requested });
        }
        let record = self
            .itemsize
            .filter(|itemsize| *itemsize > 0)
            .ok_or_else(missing)?;
        let mut elements =
            Vec::with_capacity(self.bytes.len() / record * field.nbytes / size_of::<T>());
        for record in self.bytes.chunks_exact(record) {
            let bytes = &record[field.offset..field.offset + field.nbytes];
            T::append(bytes, swapped, &mut elements)?;
        }
        Ok(self.shaped(field, elements))
    }

    /// Records are in the order of the file, and each has its field in C order.
    fn shaped<T: Clone>(&self, field: &Field, elements: Vec<T>) -> ArrayD<T> {
        const FITS: &str = "the number of elements matches the shape";
        let inner: usize = field.shape.iter().product();
        let records: usize = self.shape.iter().product();
        let shape: Vec<usize> = self.shape.iter().chain(&field.shape).copied().collect();
        if !self.fortran_order {
            return Array::from_shape_vec(IxDyn(&shape), elements).expect(FITS);
        }
        let flat = Array::from_shape_vec((records, inner), elements).expect(FITS);
        let by_column: Vec<T> = flat.t().iter().cloned().collect();
        let order: Vec<usize> = self.shape.iter().copied().chain([inner]).collect();
        let array = Array::from_shape_vec(IxDyn(&order).f(), by_column).expect(FITS);
        array.into_shape_clone(IxDyn(&shape)).expect(FITS)
    }
}

impl fmt::Debug for RawView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawView")
            .field("descr", &self.descr)
            .field("shape", &self.shape)
            .field("fortran_order", &self.fortran_order)
            .finish_non_exhaustive()
    }
}

/// Bytes per element of a type string, if defined; `None` for objects.
fn itemsize(descr: &[u8]) -> Option<usize> {
    if let Some((dtype, _)) = Descr::parse(descr) {
        return Some(dtype.itemsize());
    }
    let (_, code) = split_order(descr);
    let (kind, digits) = code.split_first()?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match kind {
        // Text in UTF-32.
        b'U' => size.checked_mul(4),
        b'b' | b'i' | b'u' | b'f' | b'c' | b'V' | b'S' | b'a' => Some(size),
        _ => None,
    }
}

/// The fields of a record in order, and its size.
struct Table {
    fields: Vec<Field>,
    itemsize: usize,
}

fn table(descr: &[u8]) -> Option<Table> {
    let mut fields = Vec::new();
    let mut offset = 0_usize;
    for FieldText { name, descr, shape } in Literal::new(descr).record()? {
        let nbytes = byte_len(&shape, itemsize(descr)?).ok()?;
        // numpy's padding is a field without a name.
        if !name.is_empty() {
            fields.push(Field {
                name: String::from_utf8_lossy(name).into_owned(),
                descr: String::from_utf8_lossy(descr).into_owned(),
                offset,
                shape,
                nbytes,
            });
        }
        offset = offset.checked_add(nbytes)?;
    }
    Some(Table {
        fields,
        itemsize: offset,
    })
}
