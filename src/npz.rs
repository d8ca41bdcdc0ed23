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
//! [`NpzFile::get_owned`] returns an array that doesn't borrow from the archive. Archives written
//! by numpy are rarely aligned for a [`view`](NpzMember::view);
//! [`view_unaligned`](NpzMember::view_unaligned) reads them in place, and
//! [`to_cow`](NpzMember::to_cow) copies if necessary.
//!
//! This module needs the feature `npz`. With the feature `libdeflate`, a C library, compressed members
//! are read in about three quarters of the time.
//!
//! The reader supports the part of ZIP (APPNOTE.TXT 6.3) that `numpy.savez` and `zipfile` write: stored
//! and DEFLATE members, ZIP64, data descriptors. Sizes and positions are taken from the central
//! directory.
//!
//! The crate rawzip was tried instead of this module's own directory parser, and rejected. Of
//! the 91 archives in the tests, it rejects 3 valid ones, such as one with ZIP64 records after
//! a prefix, and accepts 10 invalid ones, such as encrypted members and local headers with another
//! name, so the checks would still be needed. Opening an archive takes 1.5 times as long with one
//! member and 1.1 times with 1,000. To measure it again:
//! `cargo test --release -p serbench-tests --test rawzip -- --ignored --nocapture`.

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
