//! NPY, NPZ and pickles in memory, put to hostile, odd and plain files.

mod allocation;
mod archives;
mod corpus;
mod elements;
mod npy;
mod npz;
mod python;
mod raw;
mod zip;
