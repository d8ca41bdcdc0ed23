//! NPZ from memory: the bytes of an archive in, its arrays by name out; and arrays in, NPZ out.
//!
//! ```
//! use ndarray::array;
//! use serbench::npz::{load_npz, savez};
//!
//! let mut bytes = Vec::new();
//! savez(&mut bytes, &[&array![1, 2, 3]], &[("x", &array![[0.5, 1.5]])])?;
//!
//! let npz = load_npz(&bytes)?;
//! assert_eq!(npz.files().collect::<Vec<_>>(), ["arr_0", "x"]);
//! assert_eq!(npz.get("x")?.to_cow::<f64>()?[[0, 1]], 1.5);
//! assert_eq!(npz.get("y").unwrap_err().to_string(), "y is not a file in the archive");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An array that shall not borrow from the archive is what [`NpzFile::get_owned`] gives. What numpy
//! itself has written is hardly ever aligned for a [`view`](NpzMember::view);
//! [`view_unaligned`](NpzMember::view_unaligned) reads it in place, and
//! [`to_cow`](NpzMember::to_cow) copies where it must.
//!
//! This module needs the feature `npz`, which `default-features = false` turns off.
//!
//! The reader knows as much of ZIP (APPNOTE.TXT 6.3) as `numpy.savez` and `zipfile` write: stored
//! and DEFLATE members, ZIP64, data descriptors. It believes the central directory alone.

mod archive;
mod crc;
mod error;
mod file;
mod inflate;
mod member;
mod write;

pub use error::NpzError;
pub use file::{Iter, NpzFile, NpzOptions, load_npz, load_npz_with};
pub use member::NpzMember;
pub use write::{NpzWriter, savez, savez_compressed};
