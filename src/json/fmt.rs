//! Formats single numbers, booleans and datetimes, as they appear in the text of an array.
//!
//! ```
//! use serbench::json::fmt::Buffer;
//!
//! let mut buffer = Buffer::new();
//! assert_eq!(buffer.format(0.1_f32), "0.1");
//! assert_eq!(buffer.format(1e16), "1e+16");
//! assert_eq!(buffer.format(i64::MIN), "-9223372036854775808");
//! assert_eq!(buffer.format(f64::NAN), "null");
//! ```
//!
//! Floats are written with the fewest digits that parse to the same value; if several such decimals
//! exist, with the nearest. An `f64` has an exponent if it is below 10⁻⁵ or at least 10¹⁶; an `f32` or
//! `f16` if it is below 10⁻⁶ or at least 10¹³. Otherwise it has at least one digit after the point.

mod boolean;
mod bytes;
pub(super) mod cursor;
mod datetime;
mod decimals;
pub(super) mod digits;
mod float;
mod integer;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod place;
mod pow10;
mod shortest;
#[cfg(target_arch = "x86_64")]
mod wide;

use cursor::Cursor;
use digits::Baseline;

use super::{Options, Scalar, kernel::SLACK, rows::Rows};

/// The size of all tables, in bytes. They are computed at compile time.
const TABLES: usize = boolean::TABLES
    + bytes::TABLES
    + digits::TABLES
    + integer::TABLES
    + place::TABLES
    + shortest::TABLES
    + WIDE_TABLES;
#[cfg(target_arch = "x86_64")]
const WIDE_TABLES: usize = wide::TABLES;
#[cfg(not(target_arch = "x86_64"))]
const WIDE_TABLES: usize = 0;
const _: () = assert!(
    TABLES <= 64 * 1024,
    "tables would push data out of the caches"
);

/// A buffer for the text of one element.
#[derive(Clone, Debug)]
pub struct Buffer {
    bytes: [u8; Self::LEN],
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Buffer {
    const LEN: usize = 36 + SLACK;

    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; Self::LEN],
        }
    }

    /// Formats `element`; a datetime that can't be represented is `null`.
    pub fn format<T: Scalar>(&mut self, element: T) -> &str {
        const { assert!(T::MAX_LEN + SLACK <= Self::LEN) };
        let start = self.bytes.as_mut_ptr();
        // SAFETY: the buffer has room for the longest element and the slack.
        #[expect(unsafe_code, reason = "see `Cursor`")]
        let end = unsafe {
            T::write::<Baseline, 4>(
                &[element],
                &mut T::Scratch::default(),
                &mut Rows::none(),
                &Options::new(),
                Cursor::new(start, Self::LEN),
            )
        };
        let Ok(end) = end else {
            return "null";
        };
        let len = end.position() as usize - start as usize;
        std::str::from_utf8(&self.bytes[..len - 1]).expect("text is ASCII")
    }
}
