//! Text of single numbers, booleans and moments: the pieces that array text is made of.
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
//! Floats have the fewest digits that read back as the same value, and of those the nearest ones.
//! They have an exponent where JavaScript's have one for `f64` (below 10⁻⁵, from 10¹⁶ on; for
//! `f32` and `f16` below 10⁻⁶ and from 10¹³ on), at least one digit after the point otherwise.

mod boolean;
pub(super) mod cursor;
pub(super) mod digits;
mod float;
mod integer;
mod moment;
mod place;
mod pow10;
mod shortest;

use cursor::Cursor;
use digits::Baseline;

use super::{Options, Scalar, kernel::SLACK, rows::Rows};

/// Room for the text of one element.
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

    /// The text of `element`; `null` for what has none.
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
