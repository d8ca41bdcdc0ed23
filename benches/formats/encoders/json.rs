//! Reads nested JSON lists to an array, without an intermediate tree of values.

use std::fmt;

use ndarray::{ArrayD, IxDyn};
use serbench::BoxError;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

/// Decodes with `serde_json`.
///
/// # Errors
/// If `text` isn't JSON with nested lists of this shape.
pub(crate) fn decode_serde_json<T: DeserializeOwned>(
    text: &[u8],
    shape: &[usize],
) -> Result<ArrayD<T>, BoxError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let array = decode(&mut deserializer, shape)?;
    deserializer.end()?;
    Ok(array)
}

/// Decodes with `sonic-rs`.
///
/// # Errors
/// See [`decode_serde_json`].
pub(crate) fn decode_sonic_rs<T: DeserializeOwned>(
    text: &[u8],
    shape: &[usize],
) -> Result<ArrayD<T>, BoxError> {
    let mut deserializer = sonic_rs::Deserializer::from_slice(text);
    let array = decode(&mut deserializer, shape)?;
    deserializer.end()?;
    Ok(array)
}

/// Decodes with `simd-json`, which needs a copy of the text because it overwrites its input.
///
/// # Errors
/// See [`decode_serde_json`].
pub(crate) fn decode_simd_json<T: DeserializeOwned>(
    text: &[u8],
    shape: &[usize],
) -> Result<ArrayD<T>, BoxError> {
    let mut copy = text.to_vec();
    decode(&mut simd_json::Deserializer::from_slice(&mut copy)?, shape)
}

fn decode<'de, T, D>(deserializer: D, shape: &[usize]) -> Result<ArrayD<T>, BoxError>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
    D::Error: Send + Sync + 'static,
{
    let mut elements = Vec::with_capacity(shape.iter().product());
    let lists = Lists {
        shape,
        elements: &mut elements,
    };
    lists.deserialize(deserializer)?;
    Ok(ArrayD::from_shape_vec(IxDyn(shape), elements)?)
}

/// Deserializes nested lists of this shape and appends their elements to `elements`.
struct Lists<'a, T> {
    shape: &'a [usize],
    elements: &'a mut Vec<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Lists<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.shape.is_empty() {
            self.elements.push(T::deserialize(deserializer)?);
            return Ok(());
        }
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Lists<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of length {}", self.shape[0])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (length, shape) = (self.shape[0], &self.shape[1..]);
        for index in 0..length {
            let lists = Lists {
                shape,
                elements: &mut *self.elements,
            };
            if list.next_element_seed(lists)?.is_none() {
                return Err(A::Error::invalid_length(index, &self));
            }
        }
        match list.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::invalid_length(length + 1, &self)),
        }
    }
}
