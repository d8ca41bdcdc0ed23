//! The formats of the `formats` suite. Each [`Encoder`] can also decode its output, so that the output
//! is verified.
//!
//! All except [`Raw`] and `Bitcode` also store the shape.
//!
//! | encoder | output | [`Access`] |
//! |---|---|---|
//! | [`Raw`] | only the elements | yes |
//! | [`Npy`] | an NPY file | yes |
//! | [`Npz`], [`NpzDeflate`] | an archive of one NPY file, stored or compressed | only if stored |
//! | [`PickleP5`] | a Python pickle of a numpy array, protocol 5 | |
//! | [`Safetensors`] | a safetensors file with one tensor | yes |
//! | [`MessagePack`] | MessagePack with a sequence of numbers | |
//! | [`MessagePackBin`] | MessagePack with one binary value | |
//! | [`Postcard`] | postcard with a sequence of numbers | |
//! | `Arrow` (feature `arrow`) | an Arrow stream of one batch with one column | `access_arrow` |
//! | `Rkyv` (feature `rkyv`) | an rkyv archive | `access_rkyv` |
//! | `Bitcode` (feature `bitcode`) | bitcode with a sequence of numbers | |
//! | `Cbor`, `CborBytes` (feature `ciborium`) | CBOR with a sequence of numbers, or with one byte string | |
//!
//! [`serbench::encoders`] write JSON; [`json`] reads it.

#[cfg(feature = "arrow")]
mod arrow;
#[cfg(feature = "bitcode")]
mod bitcode;
#[cfg(feature = "ciborium")]
mod cbor;
pub(crate) mod json;
#[cfg(feature = "rkyv")]
mod rkyv;

use std::borrow::Cow;

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use safetensors::{SafeTensors, tensor::TensorView};
use serbench::{BoxError, Element, Encoder, Format, npy, npz, pickle};
use serde::{Serialize, de::DeserializeOwned};
use serde_bytes::Bytes;

#[cfg(feature = "arrow")]
pub(crate) use self::arrow::{Arrow, access_arrow};
#[cfg(feature = "bitcode")]
pub(crate) use self::bitcode::Bitcode;
#[cfg(feature = "ciborium")]
pub(crate) use self::cbor::{Cbor, CborBytes};
#[cfg(feature = "rkyv")]
pub(crate) use self::rkyv::{ArchivedTensor, Rkyv, Tensor, access_rkyv};

/// An element that all formats support: booleans, integers, and floats of 32 and 64 bits.
pub(crate) trait FormatElement: Element + Serialize + DeserializeOwned {
    /// The data type in safetensors.
    const SAFETENSORS: safetensors::Dtype;
}

macro_rules! element {
    ($($type:ty => $dtype:ident),* $(,)?) => { $(
        impl FormatElement for $type {
            const SAFETENSORS: safetensors::Dtype = safetensors::Dtype::$dtype;
        }
    )* };
}

element! {
    bool => BOOL, i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, f32 => F32, f64 => F64,
}

/// A format whose arrays can be used in place.
pub(crate) trait Access<T: Element>: Encoder<T> {
    /// A view of the array in `bytes`, which must be the output of `encode`.
    ///
    /// # Errors
    /// If `bytes` don't contain an array of `T`, or if they aren't aligned for it.
    fn access<'a>(&self, bytes: &'a [u8], shape: &[usize]) -> Result<ArrayViewD<'a, T>, BoxError>;
}

/// Only the elements, in C order and native byte order. The reader must know data type and shape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw;

impl<T: FormatElement> Encoder<T> for Raw {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(T::bytes(&elements(&array)));
        Ok(())
    }

    fn decode(&self, bytes: &[u8], shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        check_length::<T>(bytes)?;
        shaped(T::decode(bytes, false)?, shape)
    }
}

impl<T: FormatElement> Access<T> for Raw {
    fn access<'a>(&self, bytes: &'a [u8], shape: &[usize]) -> Result<ArrayViewD<'a, T>, BoxError> {
        view(bytes, shape)
    }
}

/// An NPY file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Npy;

impl<T: FormatElement> Encoder<T> for Npy {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(npy::save(out, &array.as_standard_layout())?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        Ok(npy::load(bytes)?.to_owned()?)
    }
}

impl<T: FormatElement> Access<T> for Npy {
    fn access<'a>(&self, bytes: &'a [u8], _shape: &[usize]) -> Result<ArrayViewD<'a, T>, BoxError> {
        Ok(npy::load(bytes)?.view()?)
    }
}

/// An NPZ archive with one uncompressed member. Reading it verifies the CRC-32.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Npz;

impl<T: FormatElement> Encoder<T> for Npz {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(npz::save(out, &[&array.as_standard_layout()], &[])?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        Ok(npz::load(bytes)?.get("arr_0")?.to_owned()?)
    }
}

impl<T: FormatElement> Access<T> for Npz {
    fn access<'a>(&self, bytes: &'a [u8], _shape: &[usize]) -> Result<ArrayViewD<'a, T>, BoxError> {
        let member = npz::load(bytes)?.get("arr_0")?;
        let stored = member.stored().ok_or("the member is compressed")?;
        Ok(stored.view()?)
    }
}

/// An NPZ archive with one member, compressed with DEFLATE.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NpzDeflate;

impl<T: FormatElement> Encoder<T> for NpzDeflate {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(npz::save_compressed(
            out,
            &[&array.as_standard_layout()],
            &[],
        )?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        Ok(npz::load(bytes)?.get("arr_0")?.to_owned()?)
    }
}

/// A pickle with protocol 5 that Python loads as a numpy array. `decode` reads only the output of
/// [`pickle::to_vec`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PickleP5;

impl<T: FormatElement> Encoder<T> for PickleP5 {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        *out = pickle::to_vec(&array.as_standard_layout());
        Ok(())
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        Ok(pickle::from_slice(bytes)?)
    }
}

/// A safetensors file with one tensor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Safetensors;

impl<T: FormatElement> Encoder<T> for Safetensors {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        let tensor = TensorView::new(T::SAFETENSORS, array.shape().to_vec(), T::bytes(&elements))?;
        *out = safetensors::serialize([("array", tensor)], None)?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let tensor = tensor::<T>(bytes)?;
        shaped(T::decode(tensor.data(), false)?, tensor.shape())
    }
}

impl<T: FormatElement> Access<T> for Safetensors {
    fn access<'a>(&self, bytes: &'a [u8], _shape: &[usize]) -> Result<ArrayViewD<'a, T>, BoxError> {
        let tensor = tensor::<T>(bytes)?;
        view(tensor.data(), tensor.shape())
    }
}

fn tensor<T: FormatElement>(bytes: &[u8]) -> Result<TensorView<'_>, BoxError> {
    let tensor = SafeTensors::deserialize(bytes)?.tensor("array")?;
    if tensor.dtype() != T::SAFETENSORS {
        return Err(format!(
            "the tensor has elements of type {}, not {}",
            tensor.dtype(),
            T::SAFETENSORS
        )
        .into());
    }
    Ok(tensor)
}

/// MessagePack with the shape and the elements as a sequence of numbers, as serde writes a vector. Each
/// number has a byte for its type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MessagePack;

impl<T: FormatElement> Encoder<T> for MessagePack {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        Ok(rmp_serde::encode::write(out, &(array.shape(), &*elements))?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let (shape, elements): (Vec<usize>, Vec<T>) = rmp_serde::from_slice(bytes)?;
        shaped(elements, &shape)
    }
}

/// MessagePack with the shape and the bytes of the elements as one binary value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MessagePackBin;

impl<T: FormatElement> Encoder<T> for MessagePackBin {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        let bytes = Bytes::new(T::bytes(&elements));
        Ok(rmp_serde::encode::write(out, &(array.shape(), bytes))?)
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let (shape, bytes): (Vec<usize>, &Bytes) = rmp_serde::from_slice(bytes)?;
        check_length::<T>(bytes)?;
        shaped(T::decode(bytes, false)?, &shape)
    }
}

/// postcard with the shape and the elements as a sequence of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Postcard;

impl<T: FormatElement> Encoder<T> for Postcard {
    const FORMAT: Format = Format::Other;

    fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let elements = elements(&array);
        *out = postcard::to_extend(&(array.shape(), &*elements), std::mem::take(out))?;
        Ok(())
    }

    fn decode(&self, bytes: &[u8], _shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
        let (shape, elements): (Vec<usize>, Vec<T>) = postcard::from_bytes(bytes)?;
        shaped(elements, &shape)
    }
}

/// The elements in C order, copied if they aren't contiguous in this order.
fn elements<'a, T: Element>(array: &'a ArrayViewD<'_, T>) -> Cow<'a, [T]> {
    match array.to_slice() {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(array.iter().copied().collect()),
    }
}

fn shaped<T>(elements: Vec<T>, shape: &[usize]) -> Result<ArrayD<T>, BoxError> {
    Ok(ArrayD::from_shape_vec(IxDyn(shape), elements)?)
}

fn view<'a, T: FormatElement>(
    bytes: &'a [u8],
    shape: &[usize],
) -> Result<ArrayViewD<'a, T>, BoxError> {
    check_length::<T>(bytes)?;
    Ok(ArrayViewD::from_shape(IxDyn(shape), T::cast(bytes)?)?)
}

fn check_length<T>(bytes: &[u8]) -> Result<(), BoxError> {
    if bytes.len().is_multiple_of(size_of::<T>()) {
        return Ok(());
    }
    Err(format!(
        "{} bytes are not a multiple of the element size",
        bytes.len()
    )
    .into())
}
