//! NPZ archives in memory: load their arrays by name, save arrays as an archive.
//!
//! ```
//! use ndarray::array;
//! use serbench::npz;
//!
//! let mut bytes = Vec::new();
//! npz::save(&mut bytes, &[&array![1, 2, 3]], &[("x", &array![[0.5, 1.5]])])?;
//!
//! let archive = npz::load(&bytes)?;
//! assert_eq!(archive.keys().collect::<Vec<_>>(), ["arr_0", "x"]);
//! assert_eq!(archive.get("x")?.to_cow::<f64>()?[[0, 1]], 1.5);
//! assert_eq!(archive.get("y").unwrap_err().to_string(), "y is not a file in the archive");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`NpzFile::get_owned`] gives an array that doesn't borrow from the archive. Archives that numpy
//! wrote are hardly ever aligned for a [`view`](NpzMember::view);
//! [`view_unaligned`](NpzMember::view_unaligned) reads them in place, and
//! [`to_cow`](NpzMember::to_cow) copies where it must.
//!
//! This module needs the feature `npz`. Compressed members are read in some three quarters of the
//! time with the feature `libdeflate`, which is in C.
//!
//! The reader knows as much of ZIP (APPNOTE.TXT 6.3) as `numpy.savez` and `zipfile` write: stored
//! and DEFLATE members, ZIP64, data descriptors. Sizes and positions come from the central
//! directory.

mod archive;
mod error;
mod file;
mod inflate;
mod member;
mod name;
mod write;

pub use error::NpzError;
pub use file::{Iter, NpzFile, NpzOptions, load, load_with};
pub use member::NpzMember;
pub use write::{NpzWriter, save, save_compressed};
