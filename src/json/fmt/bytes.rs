//! Formats 8-bit integers, with a table of their texts.

use super::{
    cursor::Cursor,
    digits::{Digits, digits8},
};
use crate::json::{kernel::Kernel, options::Options, rows::Rows};

/// The text of an 8-bit integer with a comma, and its length in the highest byte.
const fn byte_text(value: i32) -> u64 {
    let magnitude = value.unsigned_abs();
    let len = 1 + (magnitude >= 10) as u64 + (magnitude >= 100) as u64;
    let text = (digits8(magnitude) >> (64 - 8 * len)) | ((b',' as u64) << (8 * len));
    if value < 0 {
        (text << 8) | b'-' as u64 | ((len + 2) << 56)
    } else {
        text | ((len + 1) << 56)
    }
}

/// 2 KiB each.
static UNSIGNED_BYTES: [u64; 256] = byte_texts(false);
static SIGNED_BYTES: [u64; 256] = byte_texts(true);

const fn byte_texts(signed: bool) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte_text(if signed {
            byte as u8 as i8 as i32
        } else {
            byte as i32
        });
        byte += 1;
    }
    table
}

macro_rules! bytes {
    ($($type:ty, $table:ident, $max:literal;)*) => { $(
        #[expect(unsafe_code, reason = "see `Cursor`")]
        impl Kernel for $type {
            const MAX_LEN: usize = $max;
            type Scratch<const N: usize> = ();

            fn with_scratch<R>(borrow: impl FnOnce(&mut ()) -> R) -> R {
                borrow(&mut ())
            }

            #[inline(always)]
            unsafe fn write<I: Digits, const N: usize>(
                elements: &[Self],
                (): &mut (),
                rows: &mut Rows,
                _: &Options,
                mut cursor: Cursor,
            ) -> Result<Cursor, i64> {
                let mut rest = elements;
                while !rest.is_empty() {
                    let (row, after) = rest.split_at(rows.take(rest.len()));
                    for element in row {
                        let text = $table[usize::from(*element as u8)];
                        // SAFETY: the caller reserved `MAX_LEN` bytes and `SLACK` more.
                        unsafe {
                            cursor.put(0, text.to_le_bytes());
                            cursor.advance((text >> 56) as usize);
                        }
                    }
                    // SAFETY: an element has been written; the caller reserved room for the brackets.
                    cursor = unsafe { rows.close(cursor) };
                    rest = after;
                }
                Ok(cursor)
            }
        }
    )* };
}

bytes! { u8, UNSIGNED_BYTES, 4; i8, SIGNED_BYTES, 5; }

/// The size of all tables of this module, in bytes.
pub(super) const TABLES: usize = size_of_val(&UNSIGNED_BYTES) + size_of_val(&SIGNED_BYTES);
