//! The half of serbench that a benchmark links: element types, seeded arrays, the [`Encoder`]
//! trait and [`bench()`], whose processes `cargo serbench` measures.

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
