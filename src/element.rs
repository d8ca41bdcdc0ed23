//! The trait of array elements: one Rust type for each numpy data type.

mod cast;
mod draw;

use std::fmt;

pub use num_complex::Complex;

#[cfg(feature = "npz")]
pub(crate) use self::cast::LARGE;
use self::{cast::Cast, draw::Draw};
use crate::Dtype;

/// A type that corresponds to one numpy data type: booleans, integers, floats, [`Complex`], and the
/// dates and durations of [`datetime`](crate::datetime).
///
/// Its bytes in memory equal numpy's for the same value. The trait is sealed, because the set of
/// numpy's data types is closed.
pub trait Element: Copy + fmt::Debug + PartialEq + Send + Sync + Cast + Draw + 'static {
    /// The numpy data type.
    const DTYPE: Dtype;
}
