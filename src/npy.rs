//! NPY from memory: bytes in, views of their elements out; and arrays in, NPY out.
//!
//! [`load_npy`] reads the header and nothing else. What it returns gives the elements as a view of
//! the bytes where type, byte order and alignment allow it, as a copy, or as whichever is cheaper:
//!
//! ```
//! use ndarray::array;
//! use serbench::npy::{load_npy, save_npy};
//!
//! let mut bytes = Vec::new();
//! save_npy(&mut bytes, &array![[1.5, 2.0], [3.0, 4.0]])?;
//!
//! let npy = load_npy(&bytes)?;
//! assert_eq!(npy.dtype().to_string(), "float64");
//! assert_eq!(npy.shape(), [2, 2]);
//! // `view` fails where the bytes happen to be misaligned; `to_cow` then copies.
//! assert_eq!(npy.to_cow::<f64>()?[[1, 0]], 3.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Arrays have as many dimensions as the file says; ndarray's
//! [`into_dimensionality`](ndarray::ArrayBase::into_dimensionality) makes an `Array2` of one that
//! has two. Where the data type isn't known beforehand, [`dtype`](NpyView::dtype) tells which type
//! to ask for:
//!
//! ```
//! use serbench::{Dtype, npy::{NpyError, NpyView, load_npy, to_npy}};
//!
//! fn mean(npy: &NpyView) -> Result<Option<f64>, NpyError> {
//!     Ok(match npy.dtype() {
//!         Dtype::Float64 => npy.to_cow::<f64>()?.mean(),
//!         Dtype::Float32 => npy.to_cow::<f32>()?.mean().map(f64::from),
//!         other => panic!("no mean of {other}"),
//!     })
//! }
//!
//! let bytes = to_npy(&ndarray::array![[1_f32, 2.0], [3.0, 4.0]]);
//! assert_eq!(mean(&load_npy(&bytes)?)?, Some(2.5));
//! # Ok::<(), NpyError>(())
//! ```
//!
//! The format is NEP 1 and `numpy.lib.format`. A header is parsed, never evaluated, and objects
//! are never unpickled.

mod element;
mod error;
pub(crate) mod header;
mod literal;
pub(crate) mod save;
mod view;

pub use element::{
    NpyElement, TimedeltaD, TimedeltaH, TimedeltaM, TimedeltaMin, TimedeltaMs, TimedeltaNs,
    TimedeltaS, TimedeltaUs, TimedeltaW, TimedeltaY,
};
pub use error::NpyError;
pub use header::NpyOptions;
pub use num_complex::Complex;
pub use save::{SaveNpy, npy_header, npy_len, save_npy, to_npy};
pub use view::{NpyView, NpyViewMut, load_npy, load_npy_mut, load_npy_with};
pub use zerocopy::Unalign;
