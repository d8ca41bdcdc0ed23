//! Serializes an array with serde as nested sequences.

use ndarray::{ArrayViewD, Axis};
use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::JsonElement;
use crate::BoxError;

/// A view, serialized as nested sequences along its axes, with any strides, without a copy.
pub(super) struct Nested<'a, T>(ArrayViewD<'a, T>);

impl<'a, T: JsonElement> Nested<'a, T> {
    /// # Errors
    /// If `array` is 0-d, as in orjson.
    pub(super) fn new(array: ArrayViewD<'a, T>) -> Result<Self, BoxError> {
        refuse_scalar(&array)?;
        Ok(Self(array))
    }
}

/// # Errors
/// If `array` is 0-d.
pub(super) fn refuse_scalar<T>(array: &ArrayViewD<'_, T>) -> Result<(), BoxError> {
    if array.ndim() == 0 {
        return Err("a 0-d array is not a list; encode its element, or add an axis".into());
    }
    Ok(())
}

impl<T: JsonElement> Serialize for Nested<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len_of(Axis(0))))?;
        if self.0.ndim() > 1 {
            for row in self.0.outer_iter() {
                sequence.serialize_element(&Nested(row))?;
            }
        } else if let Some(elements) = self.0.as_slice() {
            for &element in elements {
                sequence.serialize_element(&Leaf(element))?;
            }
        } else {
            for &element in &self.0 {
                sequence.serialize_element(&Leaf(element))?;
            }
        }
        sequence.end()
    }
}

/// One element.
struct Leaf<T>(T);

impl<T: JsonElement> Serialize for Leaf<T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
