//! Loads NPY from memory, as views or copies of its elements.

use std::fmt;

use ndarray::{
    Array, ArrayBase, ArrayD, ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, CowArray, IxDyn,
    ShapeBuilder,
};
use zerocopy::Unalign;

use super::{
    NpyError, NpyOptions,
    header::{self, Header, accessors},
};
use crate::Element;
#[cfg(feature = "npz")]
use crate::{element::LARGE, pages};

/// The elements in the shape and order of the header, which has been checked. Up to four axes
/// are written out because ndarray converts a shape of known rank to dynamic rank in 3 ns, and
/// checks a dynamic one in 47 ns.
macro_rules! shaped {
    ($new:path, $header:expr, $elements:expr) => {{
        let header: &Header = $header;
        let fortran = header.fortran_order;
        match *header.shape() {
            [a] => $new(a, $elements).map(ArrayBase::into_dyn),
            [a, b] => $new((a, b).set_f(fortran), $elements).map(ArrayBase::into_dyn),
            [a, b, c] => $new((a, b, c).set_f(fortran), $elements).map(ArrayBase::into_dyn),
            [a, b, c, d] => $new((a, b, c, d).set_f(fortran), $elements).map(ArrayBase::into_dyn),
            _ => $new(header.shape.clone().set_f(fortran), $elements),
        }
        .expect("the shape was checked against the length of the elements")
    }};
}

/// Reads the header of an NPY file in memory. The elements are not read until
/// [`view`](NpyView::view), [`to_owned`](NpyView::to_owned) or [`to_cow`](NpyView::to_cow).
///
/// Bytes after the last element are ignored, as in numpy.
///
/// The elements borrow from the bytes, which must outlive them:
///
/// ```compile_fail,E0505
/// let bytes = serbench::npy::to_vec(&ndarray::array![1.0, 2.0]);
/// let npy = serbench::npy::load(&bytes)?;
/// let array = npy.view::<f64>()?;
/// drop(bytes);
/// assert_eq!(array[0], 1.0);
/// # Ok::<(), serbench::npy::NpyError>(())
/// ```
///
/// # Errors
/// If the header is malformed or claims more elements than there are bytes for, or if their data type
/// is not supported, see [`Dtype`](crate::Dtype).
pub fn load(data: &[u8]) -> Result<NpyView<'_>, NpyError> {
    load_with(data, &NpyOptions::default())
}

/// Like [`load`], with options.
///
/// # Errors
/// See [`load`]; also for what `options` reject.
pub fn load_with<'a>(data: &'a [u8], options: &NpyOptions) -> Result<NpyView<'a>, NpyError> {
    Ok(NpyView::new(header::read(data, options)?, data))
}

/// Like [`load`], but elements can be changed in place: writing to the array writes
/// to the bytes.
///
/// ```
/// use serbench::npy::{load, load_mut, to_vec};
///
/// let mut bytes = to_vec(&ndarray::array![1_u8, 2, 3]);
/// load_mut(&mut bytes)?.view_mut::<u8>()?[1] = 20;
/// assert_eq!(load(&bytes)?.to_owned::<u8>()?, ndarray::array![1, 20, 3].into_dyn());
/// # Ok::<(), serbench::npy::NpyError>(())
/// ```
///
/// While such a view exists, the bytes can't be resized:
///
/// ```compile_fail,E0499
/// let mut bytes = serbench::npy::to_vec(&ndarray::array![1_u8, 2, 3]);
/// let mut npy = serbench::npy::load_mut(&mut bytes)?;
/// bytes.push(0);
/// npy.view_mut::<u8>()?[1] = 20;
/// # Ok::<(), serbench::npy::NpyError>(())
/// ```
///
/// # Errors
/// See [`load`].
pub fn load_mut(data: &mut [u8]) -> Result<NpyViewMut<'_>, NpyError> {
    let header = header::read(data, &NpyOptions::default())?;
    let bytes = &mut data[header.payload..header.payload + header.len];
    Ok(NpyViewMut { header, bytes })
}

/// An NPY file in memory whose header has been read.
#[derive(Clone)]
pub struct NpyView<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> NpyView<'a> {
    /// `header` must have been read from `data`.
    #[inline]
    pub(crate) fn new(header: Header, data: &'a [u8]) -> Self {
        let bytes = &data[header.payload..header.payload + header.len];
        Self { header, bytes }
    }

    accessors!();

    /// The bytes of the elements, in the order and byte order of the file.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements in place. A file in Fortran order gives an array in Fortran order.
    ///
    /// # Errors
    /// In this order: [`WrongDtype`](NpyError::WrongDtype),
    /// [`NonNativeEndian`](NpyError::NonNativeEndian), [`Misaligned`](NpyError::Misaligned),
    /// [`InvalidBool`](NpyError::InvalidBool).
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'a, T>, NpyError> {
        check_native::<T>(&self.header)?;
        // Without elements, alignment doesn't matter.
        let elements = if self.bytes.is_empty() {
            &[]
        } else {
            T::cast(self.bytes)?
        };
        Ok(shaped!(ArrayView::from_shape, &self.header, elements))
    }

    /// The elements in place, at any address. This reads without a copy what [`view`](Self::view) rejects
    /// as misaligned, such as the members of an archive written by numpy. Each element is in a wrapper of
    /// the same size; read it with [`get`](Unalign::get).
    ///
    /// ```
    /// let mut bytes = vec![0];
    /// serbench::npy::save(&mut bytes, &ndarray::array![1.5, 2.5])?;
    /// let array = serbench::npy::load(&bytes[1..])?.view_unaligned::<f64>()?;
    /// assert_eq!(array.iter().map(|element| element.get()).sum::<f64>(), 4.0);
    /// assert_eq!(array[1].get(), 2.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// See [`view`](Self::view), except for [`Misaligned`](NpyError::Misaligned).
    pub fn view_unaligned<T: Element>(&self) -> Result<ArrayViewD<'a, Unalign<T>>, NpyError> {
        check_native::<T>(&self.header)?;
        let elements = T::cast_unaligned(self.bytes)?;
        Ok(shaped!(ArrayView::from_shape, &self.header, elements))
    }

    /// A copy of the elements in native byte order, for any alignment of the bytes.
    ///
    /// # Errors
    /// [`WrongDtype`](NpyError::WrongDtype), [`InvalidBool`](NpyError::InvalidBool).
    pub fn to_owned<T: Element>(&self) -> Result<ArrayD<T>, NpyError> {
        check::<T>(&self.header)?;
        let elements = T::decode(self.bytes, self.header.swapped)?;
        Ok(shaped!(Array::from_shape_vec, &self.header, elements))
    }

    /// Like [`to_owned`](Self::to_owned); `read` gets the bytes in chunks, each just before
    /// it is copied, so that the copy reads from the cache. An array as large
    /// as the cache is one chunk, because copying in several chunks would cost more than it saves.
    #[cfg(feature = "npz")]
    pub(crate) fn to_owned_with<T: Element>(
        &self,
        mut read: impl FnMut(&[u8]),
    ) -> Result<ArrayD<T>, NpyError> {
        /// Fits into the first-level cache, and is a multiple of every element's size.
        const CHUNK: usize = 8 << 10;
        check::<T>(&self.header)?;
        let chunk_len = if self.bytes.len() < LARGE {
            CHUNK
        } else {
            self.bytes.len()
        };
        let mut elements = pages::with_capacity(self.bytes.len() / size_of::<T>());
        for chunk in self.bytes.chunks(chunk_len) {
            read(chunk);
            T::append(chunk, self.header.swapped, &mut elements)?;
        }
        Ok(shaped!(Array::from_shape_vec, &self.header, elements))
    }

    /// The elements in place if byte order and alignment allow it, otherwise a copy.
    ///
    /// # Errors
    /// [`WrongDtype`](NpyError::WrongDtype), [`InvalidBool`](NpyError::InvalidBool).
    pub fn to_cow<T: Element>(&self) -> Result<CowArray<'a, T, IxDyn>, NpyError> {
        match self.view() {
            Ok(view) => Ok(view.into()),
            Err(NpyError::NonNativeEndian | NpyError::Misaligned { .. }) => {
                self.to_owned().map(Into::into)
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for NpyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.debug("NpyView", f)
    }
}

/// An NPY file in memory whose elements can be changed in place.
pub struct NpyViewMut<'a> {
    header: Header,
    bytes: &'a mut [u8],
}

impl<'a> NpyViewMut<'a> {
    accessors!();

    /// The bytes of the elements, in the order and byte order of the file.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The bytes of the elements, mutable.
    #[must_use]
    pub const fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes
    }

    /// The elements in place, mutable.
    ///
    /// # Errors
    /// See [`NpyView::view`].
    pub fn view_mut<T: Element>(&mut self) -> Result<ArrayViewMutD<'_, T>, NpyError> {
        view_mut(&self.header, self.bytes)
    }

    /// Like [`view_mut`](Self::view_mut), for the lifetime of the bytes.
    ///
    /// # Errors
    /// See [`NpyView::view`].
    pub fn into_view_mut<T: Element>(self) -> Result<ArrayViewMutD<'a, T>, NpyError> {
        view_mut(&self.header, self.bytes)
    }
}

impl fmt::Debug for NpyViewMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.debug("NpyViewMut", f)
    }
}

fn view_mut<'a, T: Element>(
    header: &Header,
    bytes: &'a mut [u8],
) -> Result<ArrayViewMutD<'a, T>, NpyError> {
    check_native::<T>(header)?;
    let elements = if bytes.is_empty() {
        &mut []
    } else {
        T::cast_mut(bytes)?
    };
    Ok(shaped!(ArrayViewMut::from_shape, header, elements))
}

fn check_native<T: Element>(header: &Header) -> Result<(), NpyError> {
    check::<T>(header)?;
    if header.swapped {
        return Err(NpyError::NonNativeEndian);
    }
    Ok(())
}

fn check<T: Element>(header: &Header) -> Result<(), NpyError> {
    if T::loads(header.dtype) {
        return Ok(());
    }
    Err(NpyError::WrongDtype {
        stored: header.dtype,
        requested: T::DTYPE,
    })
}
