//! The library for [`cargo serbench`](https://crates.io/crates/cargo-serbench), a performance gate
//! for array serialization: what benchmarks link, and array formats that can be used on their own.
//!
//! | feature | turns on | on by default |
//! |---|---|---|
//! | `harness` | [`Encoder`], [`bench()`] and seeded arrays for [divan](https://docs.rs/divan) benches | yes |
//! | `npy` | [`npy`], [`pickle`], [`datetime`] | with `harness` |
//! | `huge-pages` | arrays of 4 MiB and more use huge pages on Linux | with `harness` |
//! | `json` | `json` | |
//! | `concat` | `concat` | |
//! | `npz` | `npz` | |
//! | `libdeflate` | faster reading of compressed NPZ members, with a C library | |
//!
//! `encoders`, `formats`, `arrow`, `flight`, `bitcode`, `ciborium` and `rkyv` only add what this
//! repository's own benches compare. To only read NPY, disable the harness:
//!
//! ```toml
//! serbench = { version = "0.1", default-features = false, features = ["npy"] }
//! ```
//!
//! # Bring your own encoder
//!
//! An encoder is measured in an ordinary [divan](https://docs.rs/divan) bench. In `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! divan = "0.1"
//! ndarray = "0.17"
//! serbench = "0.1"
//!
//! [[bench]]
//! name = "arrays"
//! harness = false
//! ```
//!
//! In `benches/arrays.rs`, here with an encoder that formats numbers with [`Display`]:
//!
//! [`Display`]: std::fmt::Display
//!
//! ```
//! # mod arrays {
//! use std::{fmt::Display, io::Write};
//!
//! use divan::Bencher;
//! use ndarray::{ArrayViewD, Axis};
//! use serbench::{
//!     BoxError, Element, Encoder,
//!     array::{SEED, Shape, seeded, shapes},
//!     bench_encoder, f16,
//! };
//!
//! fn main() {
//!     divan::main();
//! }
//!
//! #[divan::bench(types = [bool, i64, f16, f64], args = shapes(&[100, 100]))]
//! fn by_hand<T: Element + Display>(bencher: Bencher, shape: &Shape) {
//!     bench_encoder(bencher, &ByHand, seeded::<T>(shape, SEED).view());
//! }
//!
//! pub struct ByHand;
//!
//! impl<T: Element + Display> Encoder<T> for ByHand {
//!     fn encode(&self, array: ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
//!         write_json(&array, out)
//!     }
//! }
//!
//! fn write_json<T: Display>(array: &ArrayViewD<'_, T>, out: &mut Vec<u8>) -> Result<(), BoxError> {
//!     if let Some(element) = array.first().filter(|_| array.ndim() == 0) {
//!         return match element.to_string().as_str() {
//!             "NaN" | "inf" | "-inf" => Ok(out.write_all(b"null")?),
//!             number => Ok(out.write_all(number.as_bytes())?),
//!         };
//!     }
//!     out.push(b'[');
//!     for (index, row) in array.axis_iter(Axis(0)).enumerate() {
//!         if index > 0 {
//!             out.push(b',');
//!         }
//!         write_json(&row, out)?;
//!     }
//!     out.push(b']');
//!     Ok(())
//! }
//! # }
//! # use ndarray::{array, Array3, ArrayViewD};
//! # use serbench::Encoder;
//! # fn text<T: serbench::Element + std::fmt::Display>(array: ArrayViewD<'_, T>) -> String {
//! #     let mut out = Vec::new();
//! #     arrays::ByHand.encode(array, &mut out).unwrap();
//! #     String::from_utf8(out).unwrap()
//! # }
//! # let floats = array![[1.5, f64::NAN], [-0.0, 1e21]];
//! # assert_eq!(text(floats.view().into_dyn()), "[[1.5,null],[-0,1000000000000000000000]]");
//! # assert_eq!(text(floats.t().into_dyn()), "[[1.5,-0],[null,1000000000000000000000]]");
//! # assert_eq!(text(Array3::<u8>::zeros((2, 0, 3)).view().into_dyn()), "[[],[]]");
//! ```
//!
//! `cargo bench --bench arrays` runs it like any other bench. `cargo serbench` first decodes the text and
//! compares it with the array, then measures. Two constants describe an encoder further:
//! [`Encoder::FORMAT`] for output that isn't JSON, and [`Encoder::SAME_BYTES`] for text that
//! equals orjson's.
//!
//! # Arrays in files and messages
//!
//! The formats of the suites can be used on their own, on bytes in memory:
//!
//! - [`npy`]: load NPY files as views or copies, save arrays as NPY.
//! - `npz`: load the arrays of an NPZ archive by name, save arrays as an archive.
//! - `json`: arrays to JSON text, byte for byte orjson's.
//! - `concat`: many arrays as one self-describing message, and back without a
//!   copy.
//! - [`pickle`]: an array as a pickle that Python loads as an `ndarray`.

mod allocator;
#[cfg(feature = "harness")]
pub mod array;
#[cfg(feature = "harness")]
mod bench;
#[cfg(feature = "concat")]
pub mod concat;
#[cfg(any(feature = "concat", feature = "npz"))]
mod crc;
#[cfg(feature = "npy")]
pub mod datetime;
mod dtype;
#[cfg(feature = "npy")]
mod element;
#[cfg(feature = "harness")]
mod encoder;
#[cfg(feature = "encoders")]
#[doc(hidden)]
pub mod encoders;
#[cfg(feature = "json")]
pub mod json;
#[cfg(feature = "npy")]
pub mod npy;
#[cfg(feature = "npz")]
pub mod npz;
#[cfg(feature = "npy")]
mod pages;
#[cfg(feature = "npy")]
pub mod pickle;
#[doc(hidden)]
pub mod protocol;
#[doc(hidden)]
pub mod random;
#[cfg(feature = "harness")]
mod turns;
#[cfg(feature = "harness")]
mod worker;

pub use allocator::{CountingAllocator, Memory};
#[cfg(feature = "harness")]
pub use bench::{
    Check, Description, bench, bench_checked, bench_described, bench_encoder, bench_encoder_reused,
};
pub use dtype::{Dtype, TimeStep, TimeUnit};
#[cfg(feature = "npy")]
pub use element::{Complex, Element};
#[cfg(feature = "harness")]
pub use encoder::{BoxError, Encoder, Format};
pub use half::f16;
