//! The trait of everything an array can hold: one Rust type for each numpy data type.

mod cast;
mod draw;

use std::fmt;

pub use num_complex::Complex;

#[cfg(feature = "npz")]
pub(crate) use self::cast::LARGE;
use self::{cast::Cast, draw::Draw};
use crate::Dtype;

/// A type that stands for one numpy data type: booleans, integers, floats, [`Complex`], and the
/// dates and durations of [`datetime`](crate::datetime).
///
/// Its bytes in memory are the bytes that numpy has for the same value. The trait is sealed,
/// because numpy's data types are a closed set.
pub trait Element: Copy + fmt::Debug + PartialEq + Send + Sync + Cast + Draw + 'static {
    /// The numpy data type.
    const DTYPE: Dtype;
}
