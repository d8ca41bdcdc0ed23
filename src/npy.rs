//! NPY files in memory: load them as views or copies, save arrays as NPY.
//!
//! [`load`] reads only the header. The elements are available as a view of the bytes if type, byte order
//! and alignment allow it, as a copy, or as whichever is cheaper:
//!
//! ```
//! use ndarray::array;
//! use serbench::npy;
//!
//! let mut bytes = Vec::new();
//! npy::save(&mut bytes, &array![[1.5, 2.0], [3.0, 4.0]])?;
//!
//! let file = npy::load(&bytes)?;
//! assert_eq!(file.dtype().to_string(), "float64");
//! assert_eq!(file.shape(), [2, 2]);
//! // `view` fails if the bytes happen to be misaligned; `to_cow` copies them then.
//! assert_eq!(file.to_cow::<f64>()?[[1, 0]], 3.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Arrays have dynamic rank; convert one to an `Array2` with ndarray's
//! [`into_dimensionality`](ndarray::ArrayBase::into_dimensionality).
//! If you don't know the data type in advance, match on [`dtype`](NpyView::dtype):
//!
//! ```
//! use serbench::{Dtype, npy::{self, NpyError, NpyView}};
//!
//! fn mean(file: &NpyView) -> Result<Option<f64>, NpyError> {
//!     Ok(match file.dtype() {
//!         Dtype::Float64 => file.to_cow::<f64>()?.mean(),
//!         Dtype::Float32 => file.to_cow::<f32>()?.mean().map(f64::from),
//!         other => panic!("no mean of {other}"),
//!     })
//! }
//!
//! let bytes = npy::to_vec(&ndarray::array![[1_f32, 2.0], [3.0, 4.0]]);
//! assert_eq!(mean(&npy::load(&bytes)?)?, Some(2.5));
//! # Ok::<(), NpyError>(())
//! ```
//!
//! The format is defined by NEP 1 and `numpy.lib.format`. Headers are parsed, never evaluated, and objects
//! are never unpickled.

mod error;
pub(crate) mod header;
mod literal;
mod raw;
mod save;
mod view;

pub use error::NpyError;
pub use header::NpyOptions;
pub use raw::{Field, RawView, load_raw};
pub use save::{SaveNpy, encoded_len, header, save, to_vec};
pub use view::{NpyView, NpyViewMut, load, load_mut, load_with};
pub use zerocopy::Unalign;
