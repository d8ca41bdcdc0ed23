//! The half of serbench that a benchmark links: element types, seeded arrays, the [`Encoder`]
//! trait and [`bench()`], whose processes `cargo serbench` measures.
//!
//! # Bring your own encoder
//!
//! An encoder is measured in an ordinary [divan](https://docs.rs/divan) bench. In `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! divan = "0.1.21"
//! ndarray = "0.17"
//! serbench = { version = "0.1", default-features = false }
//!
//! [[bench]]
//! name = "arrays"
//! harness = false
//! ```
//!
//! And in `benches/arrays.rs`, here with an encoder that leaves the numbers to [`Display`]:
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
//! `cargo bench --bench arrays` runs it as any other. `cargo serbench` first decodes the text and
//! compares it with the array, then measures. Two things make an encoder's own claims:
//! [`Encoder::FORMAT`] for bytes that aren't JSON, and [`Encoder::SAME_BYTES`] for text that
//! equals orjson's.

//!
//! # Arrays in files and messages
//!
//! What the other suites measure can be used by itself, with no more than bytes in memory:
//!
//! - [`npy`]: [`load_npy`] views or copies the array of an NPY file, [`save_npy`] writes one.
//! - `npz`, with the feature of that name: `load_npz` finds the arrays of an NPZ archive by name,
//!   `savez` writes one.
//! - [`concat`](mod@concat): many arrays as one message that describes itself, and back without a
//!   copy.
//! - [`pickle`]: an array as a pickle that Python loads as an `ndarray`.

mod allocator;
pub mod array;
mod bench;
pub mod boundary;
pub mod concat;
mod dtype;
mod element;
mod encoder;
#[cfg(feature = "encoders")]
pub mod encoders;
#[cfg(feature = "formats")]
pub mod formats;
pub mod npy;
#[cfg(feature = "npz")]
pub mod npz;
pub mod pickle;
#[doc(hidden)]
pub mod protocol;
pub mod random;
mod worker;

pub use allocator::{CountingAllocator, Memory};
pub use bench::{
    Check, Description, bench, bench_checked, bench_described, bench_encoder, bench_encoder_reused,
};
pub use dtype::{Dtype, TimeUnit};
pub use element::{
    DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs, DatetimeS, DatetimeUs,
    DatetimeW, DatetimeY, Element, Moment, f16,
};
pub use encoder::{BoxError, Encoder, Format};
pub use npy::{
    NpyElement, NpyError, NpyOptions, NpyView, NpyViewMut, SaveNpy, load_npy, load_npy_mut,
    load_npy_with, npy_header, npy_len, save_npy, to_npy,
};
#[cfg(feature = "npz")]
pub use npz::{
    NpzError, NpzFile, NpzMember, NpzOptions, NpzWriter, load_npz, load_npz_with, savez,
    savez_compressed,
};
pub use pickle::{PickleError, from_pickle_p5, to_pickle_p5};
