//! Tests NPY, NPZ and pickles in memory with valid, unusual and malicious files.

mod allocation;
mod archives;
mod corpus;
mod elements;
mod npy;
mod npz;
mod python;
mod raw;
mod zip;
