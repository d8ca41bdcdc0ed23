//! Values as written in Cargo.toml and on the command line (`3%`, `4 GiB`, globs over ids), and as printed.

pub mod bytes;
pub mod figures;
pub mod glob;
pub mod name;
pub mod quantities;
