//! A loaded member: views and copies of its elements.

use std::fmt;

use ndarray::{ArrayD, ArrayViewD, CowArray, IxDyn};

use super::inflate::AlignedBytes;
use crate::{
    Element,
    npy::{
        NpyError, NpyView, Unalign,
        header::{Header, accessors},
    },
};

/// An array of an archive, with its header parsed. It borrows the bytes of a stored member and owns
/// those of a compressed one, so it must outlive its views.
pub struct NpzMember<'a> {
    header: Header,
    content: Content<'a>,
}

impl fmt::Debug for NpzMember<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.debug("NpzMember", f)
    }
}

pub(super) enum Content<'a> {
    Stored(&'a [u8]),
    Inflated(AlignedBytes),
}

impl Content<'_> {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Stored(bytes) => bytes,
            Self::Inflated(bytes) => bytes.as_bytes(),
        }
    }
}

impl<'a> NpzMember<'a> {
    /// `header` was read from `content`.
    pub(super) const fn new(header: Header, content: Content<'a>) -> Self {
        Self { header, content }
    }

    /// The member as an NPY file.
    #[must_use]
    pub fn npy(&self) -> NpyView<'_> {
        NpyView::new(self.header.clone(), self.content.as_bytes())
    }

    /// The member as an NPY file in the bytes of the archive; `None` if it was compressed.
    #[must_use]
    pub fn stored(&self) -> Option<NpyView<'a>> {
        match self.content {
            Content::Stored(bytes) => Some(NpyView::new(self.header.clone(), bytes)),
            Content::Inflated(_) => None,
        }
    }

    accessors!();

    /// The bytes of the elements, in the order and byte order of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.npy().bytes()
    }

    /// The elements in place, see [`NpyView::view`]. Compressed members are always aligned;
    /// stored ones are if they were written by [`NpzWriter`](super::NpzWriter) and the archive is at an
    /// aligned address, but rarely if written by numpy: then use [`to_cow`](Self::to_cow), which copies, or
    /// [`view_unaligned`](Self::view_unaligned), which doesn't.
    ///
    /// # Errors
    /// See [`NpyView::view`].
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>, NpyError> {
        self.npy().view()
    }

    /// The elements in place, at any address, see [`NpyView::view_unaligned`]: no copy, even for stored
    /// members written by numpy.
    ///
    /// # Errors
    /// See [`NpyView::view_unaligned`].
    pub fn view_unaligned<T: Element>(&self) -> Result<ArrayViewD<'_, Unalign<T>>, NpyError> {
        self.npy().view_unaligned()
    }

    /// A copy of the elements, see [`NpyView::to_owned`].
    ///
    /// # Errors
    /// See [`NpyView::to_owned`].
    pub fn to_owned<T: Element>(&self) -> Result<ArrayD<T>, NpyError> {
        self.npy().to_owned()
    }

    /// The elements in place, otherwise a copy, see [`NpyView::to_cow`].
    ///
    /// # Errors
    /// See [`NpyView::to_cow`].
    pub fn to_cow<T: Element>(&self) -> Result<CowArray<'_, T, IxDyn>, NpyError> {
        self.npy().to_cow()
    }
}
