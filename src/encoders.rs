//! JSON encoders for arrays, including the reference.
//!
//! | encoder | calls | text differs from the reference's for |
//! |---|---|---|
//! | [`Orjson`] | itoap, zmij and jiff-core as orjson does | – |
//! | [`Serbench`] | [`json::write()`](crate::json::write()) | – |
//! | [`SerdeJson`] | `serde_json::to_vec` | – |
//! | [`SerdeJsonWriter`] | `serde_json::to_writer` into the caller's buffer | – |
//! | [`SerdeJsonValue`] | `serde_json::to_value`, then `to_vec` | `f16`, `f32` |
//! | [`SonicRs`] | `sonic_rs::to_vec` | – |
//! | [`SonicRsValue`] | `sonic_rs::to_value`, then `to_vec` | `f16`, `f32` |
//! | [`SimdJson`] | `simd_json::to_vec` | `f16`, `f32`, `f64` |
//! | [`SimdJsonValue`] | `simd_json::serde::to_owned_value`, then `encode` | `f16`, `f32`, `f64` |
//!
//! Different text still has the same value: `f16` and `f32` are widened to `f64` and
//! written with its digits (`0.7919921875` for orjson's `0.7919922`), and simd-json writes
//! exponents without a plus sign (`1e16` for `1e+16`).
//!
//! All of them write NaN and infinities as `null`, and datetimes as orjson does. All accept views
//! with any strides and write the same as for the C-ordered copy. All reject times outside
//! 0000-01-01T00:00:00 to 9999-12-30T22:00:00, and all except [`Serbench`] reject 0-d arrays, as
//! orjson does.

mod datetime;
mod element;
mod nested;
mod orjson;
mod serbench;
mod serde_json;
mod simd_json;
mod sonic_rs;

pub use self::{
    element::JsonElement,
    orjson::Orjson,
    serbench::Serbench,
    serde_json::{SerdeJson, SerdeJsonValue, SerdeJsonWriter},
    simd_json::{SimdJson, SimdJsonValue},
    sonic_rs::{SonicRs, SonicRsValue},
};
