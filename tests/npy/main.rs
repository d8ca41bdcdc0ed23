//! NPY, NPZ and pickles in memory, put to hostile, odd and plain files.

mod allocation;
#[cfg(feature = "npz")]
mod archives;
mod corpus;
#[cfg(feature = "npz")]
mod elements;
mod npy;
#[cfg(feature = "npz")]
mod npz;
#[cfg(feature = "npz")]
mod python;
#[cfg(feature = "npz")]
mod zip;
