//! Formats booleans, eight at a time.

use super::{cursor::Cursor, digits::Digits};
use crate::json::{kernel::Kernel, options::Options, rows::Rows};

/// The text of all combinations of eight booleans, each followed by a comma. The first boolean is the
/// lowest bit of the index. 16 KiB.
static EIGHT: [Text; 256] = {
    let mut table = [Text([b' '; 64]); 256];
    let mut bits = 0;
    while bits < 256 {
        let mut at = 0;
        let mut bit = 0;
        while bit < 8 {
            let one: &[u8] = if bits >> bit & 1 == 1 {
                b"true,"
            } else {
                b"false,"
            };
            let mut byte = 0;
            while byte < one.len() {
                table[bits].0[at] = one[byte];
                at += 1;
                byte += 1;
            }
            bit += 1;
        }
        bits += 1;
    }
    table
};

/// The size of all tables of this module, in bytes.
pub(super) const TABLES: usize = size_of_val(&EIGHT);

#[repr(align(64))]
#[derive(Clone, Copy)]
struct Text([u8; 64]);

#[expect(unsafe_code, reason = "see `Cursor`")]
impl Kernel for bool {
    const MAX_LEN: usize = 6;
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
            let (eights, few) = row.as_chunks::<8>();
            for eight in eights {
                // SAFETY: the caller reserved `MAX_LEN` bytes for each and 64 more.
                cursor = unsafe { write_eight(eight, cursor) };
            }
            for &element in few {
                let (text, len) = if element {
                    (b"true,   ", 5)
                } else {
                    (b"false,  ", 6)
                };
                // SAFETY: as above.
                unsafe {
                    cursor.put(0, *text);
                    cursor.advance(len);
                }
            }
            // SAFETY: an element has been written; the caller reserved room for the brackets.
            cursor = unsafe { rows.close(cursor) };
            rest = after;
        }
        Ok(cursor)
    }
}

/// # Safety
/// There is room for 48 bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_eight(elements: &[bool; 8], mut cursor: Cursor) -> Cursor {
    let word = u64::from_le_bytes(elements.map(u8::from));
    // The products collect the lowest bits of all bytes, and their sum, in the highest byte.
    let bits = word.wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let count = word.wrapping_mul(0x0101_0101_0101_0101) >> 56;
    let Text(text) = &EIGHT[bits as usize];
    let (text, _) = text.split_first_chunk::<48>().expect("it has 64 bytes");
    // SAFETY: the caller's contract; `true,` is one byte shorter than `false,`.
    unsafe {
        cursor.put(0, *text);
        cursor.advance(48 - count as usize);
    }
    cursor
}
