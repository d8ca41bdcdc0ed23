//! rkyv archives: write, read, and access in place.

use ndarray::{ArrayD, ArrayViewD};
use rkyv::{Archive, Serialize, api::high::to_bytes_in, rancor, rend::f64_le, with::InlineAsBox};
use serbench::{BoxError, Encoder, Format};

use super::{elements, shaped};

/// An rkyv archive with the shape and the elements, as boxed slices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rkyv;

/// The content of the archive; [`access_rkyv`] returns its archived form.
#[derive(Archive, Serialize)]
pub(crate) struct Tensor<'a> {
    #[rkyv(with = InlineAsBox)]
    shape: &'a [u64],
    #[rkyv(with = InlineAsBox)]
    elements: &'a [f64],
}

impl ArchivedTensor<'_> {
    /// The elements in C order, little-endian.
    #[must_use]
    pub(crate) fn elements(&self) -> &[f64_le] {
        &self.elements
    }
}

/// Validates and accesses the archive in `bytes` without copying.
///
/// # Errors
/// If `bytes` aren't the output of [`Rkyv`], or don't start at a multiple of eight.
pub(crate) fn access_rkyv(bytes: &[u8]) -> Result<&ArchivedTensor<'_>, BoxError> {
    Ok(rkyv::access::<ArchivedTensor<'_>, rancor::BoxedError>(
        bytes,
    )?)
}

impl Encoder<f64> for Rkyv {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, f64>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let shape: Vec<u64> = array.shape().iter().map(|axis| *axis as u64).collect();
        let tensor = Tensor {
            shape: &shape,
            elements: &elements(&array),
        };
        *out = to_bytes_in::<_, rancor::BoxedError>(&tensor, std::mem::take(out))?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<f64>, BoxError> {
        // Archives must be aligned, but a vector of bytes may not be.
        let mut aligned = rkyv::util::AlignedVec::<16>::new();
        let bytes = if bytes.as_ptr().align_offset(8) == 0 {
            bytes
        } else {
            aligned.extend_from_slice(bytes);
            &aligned
        };
        let tensor = access_rkyv(bytes)?;
        let shape: Result<Vec<usize>, _> = tensor
            .shape
            .iter()
            .map(|axis| axis.to_native().try_into())
            .collect();
        shaped(
            tensor
                .elements()
                .iter()
                .map(|element| element.to_native())
                .collect(),
            &shape?,
        )
    }
}
