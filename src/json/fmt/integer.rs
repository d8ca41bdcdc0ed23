//! Text of integers.

use super::{
    cursor::Cursor,
    digits::{Digits, alone, count, count8, digits8, split8},
};
use crate::json::{kernel::Kernel, options::Options, rows::Rows};

/// Text of a byte, a comma after it, and in the upper byte the length of both.
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
                        // SAFETY: the caller has room for `MAX_LEN` bytes and `SLACK` more.
                        unsafe {
                            cursor.put(0, text.to_le_bytes());
                            cursor.advance((text >> 56) as usize);
                        }
                    }
                    // SAFETY: an element has been written; there is room for the brackets.
                    cursor = unsafe { rows.close(cursor) };
                    rest = after;
                }
                Ok(cursor)
            }
        }
    )* };
}

bytes! { u8, UNSIGNED_BYTES, 4; i8, SIGNED_BYTES, 5; }

/// Integers of a block as groups of eight digits, and what is needed to write them. Each is set as
/// its tenfold, so that there is a last digit to put a comma in place of.
pub struct Groups<const N: usize> {
    /// One, two or three for each element, the first element's first.
    values: [[u32; N]; 3],
    /// Their digits, and room to read beyond the last.
    texts: [[u64; N]; 4],
    /// How many zeros the digits start with.
    leads: [u8; N],
    negative: [bool; N],
}

impl<const N: usize> Default for Groups<N> {
    fn default() -> Self {
        Self {
            values: [[0; N]; 3],
            texts: [[0; N]; 4],
            leads: [0; N],
            negative: [false; N],
        }
    }
}

#[expect(unsafe_code, reason = "see `Cursor`")]
impl<const N: usize> Groups<N> {
    /// Sets one integer of `digits` digits by the `G` groups of its tenfold.
    #[inline(always)]
    fn set<const G: usize>(
        &mut self,
        index: usize,
        groups: [u32; G],
        digits: usize,
        negative: bool,
    ) {
        let values = self.values.as_flattened_mut().as_chunks_mut::<G>().0;
        values[index] = groups;
        self.leads[index] = (8 * G - 1 - digits) as u8;
        self.negative[index] = negative;
    }

    /// Sets an integer below 10⁷.
    #[inline(always)]
    fn set_7(&mut self, index: usize, magnitude: u32, negative: bool) {
        self.set(
            index,
            [magnitude * 10],
            count8(magnitude) as usize,
            negative,
        );
    }

    /// Sets an integer of 32 bits.
    #[inline(always)]
    pub(super) fn set_32(&mut self, index: usize, magnitude: u32, negative: bool) {
        let high = magnitude / 10_000_000;
        let low = magnitude - high * 10_000_000;
        let lanes = high as i32;
        let above = 7 + u32::from(lanes >= 1) + u32::from(lanes >= 10) + u32::from(lanes >= 100);
        let digits = if lanes > 0 { above } else { count8(low) };
        self.set(index, [high, low * 10], digits as usize, negative);
    }

    /// Sets an integer below 10¹⁵.
    #[inline(always)]
    fn set_15(&mut self, index: usize, magnitude: u64, negative: bool) {
        let magnitude = alone(magnitude);
        self.set(index, split8(magnitude * 10), count(magnitude), negative);
    }

    /// Sets an integer of 64 bits.
    #[inline(always)]
    fn set_64(&mut self, index: usize, magnitude: u64, negative: bool) {
        let magnitude = alone(magnitude);
        let high = magnitude / 1_000_000_000_000_000;
        let [middle, low] = split8((magnitude - high * 1_000_000_000_000_000) * 10);
        self.set(
            index,
            [high as u32, middle, low],
            count(magnitude),
            negative,
        );
    }

    /// Writes the first `len` integers, which have been set as `G` groups each, with a comma after
    /// each, or `.0,` if `POINT`.
    ///
    /// # Safety
    /// The processor has `I`; there is room for the digits, a sign if `SIGNED` and the suffix of
    /// each, for the brackets, and for 64 bytes more.
    #[inline(always)]
    pub(super) unsafe fn write<I: Digits, const G: usize, const SIGNED: bool, const POINT: bool>(
        &mut self,
        len: usize,
        rows: &mut Rows,
        mut cursor: Cursor,
    ) -> Cursor {
        let groups = (len * G).next_multiple_of(4);
        let texts = self.texts.as_flattened_mut();
        let values = &self.values.as_flattened()[..groups];
        // SAFETY: the caller's contract.
        unsafe { I::write::<G, true>(values, &mut texts[..groups]) };
        let texts = texts.as_ptr().cast::<u8>();
        let mut index = 0;
        while index < len {
            let end = index + rows.take(len - index);
            let row = self.leads[index..end]
                .iter()
                .zip(&self.negative[index..end]);
            for (element, (&lead, &negative)) in (index..end).zip(row) {
                let digits = 8 * G - 1 - usize::from(lead);
                // SAFETY: of the element's digits at most 23 are skipped, and 24 bytes that follow
                // are read; there are `N` words more. The room is the caller's.
                unsafe {
                    let text = texts.add(8 * G * element + usize::from(lead));
                    if SIGNED {
                        cursor.put(0, *b"-");
                        cursor.advance(negative.into());
                    }
                    match G {
                        1 => cursor.copy::<8>(0, text),
                        2 => cursor.copy::<16>(0, text),
                        _ => {
                            cursor.copy::<16>(0, text);
                            cursor.copy::<8>(16, text.add(16));
                        }
                    }
                    if POINT {
                        cursor.put(digits, *b".0,");
                        cursor.advance(2);
                    }
                    cursor.advance(digits + 1);
                }
            }
            // SAFETY: an element has been written; there is room for the brackets.
            cursor = unsafe { rows.close(cursor) };
            index = end;
        }
        cursor
    }
}

macro_rules! shorts {
    ($($type:ty, $max:literal, $signed:literal, |$element:ident| $magnitude:expr, $negative:expr;)*) => { $(
        #[expect(unsafe_code, reason = "see `Cursor`")]
        impl Kernel for $type {
            const MAX_LEN: usize = $max;
            type Scratch<const N: usize> = Groups<N>;

            #[inline(always)]
            unsafe fn write<I: Digits, const N: usize>(
                elements: &[Self],
                groups: &mut Groups<N>,
                rows: &mut Rows,
                _: &Options,
                cursor: Cursor,
            ) -> Result<Cursor, i64> {
                let elements = &elements[..elements.len().min(N)];
                for (index, &$element) in elements.iter().enumerate() {
                    groups.set_7(index, $magnitude, $negative);
                }
                // SAFETY: the caller has room for `MAX_LEN` bytes for each and `SLACK` more.
                Ok(unsafe { groups.write::<I, 1, $signed, false>(elements.len(), rows, cursor) })
            }
        }
    )* };
}

shorts! {
    u16, 6, false, |element| element.into(), false;
    i16, 7, true, |element| element.unsigned_abs().into(), element < 0;
}

macro_rules! longs {
    ($($type:ty, $max:literal, $signed:literal, |$element:ident| $magnitude:expr, $negative:expr;)*) => { $(
        #[expect(unsafe_code, reason = "see `Cursor`")]
        impl Kernel for $type {
            const MAX_LEN: usize = $max;
            type Scratch<const N: usize> = Groups<N>;

            #[inline(always)]
            unsafe fn write<I: Digits, const N: usize>(
                elements: &[Self],
                groups: &mut Groups<N>,
                rows: &mut Rows,
                _: &Options,
                cursor: Cursor,
            ) -> Result<Cursor, i64> {
                let elements = &elements[..elements.len().min(N)];
                let len = elements.len();
                let magnitudes = elements.iter().map(|&$element| (u64::from($magnitude), $negative));
                let magnitudes = magnitudes.enumerate();
                // The bits of all tell how many groups the longest needs.
                let all = elements.iter().fold(0, |all, &$element| all | u64::from($magnitude));
                if all < 1 << 23 {
                    for (index, (magnitude, negative)) in magnitudes {
                        groups.set_7(index, magnitude as u32, negative);
                    }
                    // SAFETY: the caller has room for `MAX_LEN` bytes for each and `SLACK` more.
                    return Ok(unsafe { groups.write::<I, 1, $signed, false>(len, rows, cursor) });
                }
                if all < 1 << 49 {
                    if all < 1 << 32 {
                        for (index, (magnitude, negative)) in magnitudes {
                            groups.set_32(index, magnitude as u32, negative);
                        }
                    } else {
                        for (index, (magnitude, negative)) in magnitudes {
                            groups.set_15(index, magnitude, negative);
                        }
                    }
                    // SAFETY: as above.
                    return Ok(unsafe { groups.write::<I, 2, $signed, false>(len, rows, cursor) });
                }
                for (index, (magnitude, negative)) in magnitudes {
                    groups.set_64(index, magnitude, negative);
                }
                // SAFETY: as above.
                Ok(unsafe { groups.write::<I, 3, $signed, false>(len, rows, cursor) })
            }
        }
    )* };
}

longs! {
    u32, 11, false, |element| element, false;
    i32, 12, true, |element| element.unsigned_abs(), element < 0;
    u64, 21, false, |element| element, false;
    i64, 21, true, |element| element.unsigned_abs(), element < 0;
}
