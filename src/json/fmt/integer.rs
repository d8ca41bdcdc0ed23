//! Text of integers.

use std::cell::RefCell;

use super::{
    cursor::Cursor,
    digits::{Digits, Twenty, ZEROS, alone, count, digits8, split8},
};
use crate::json::{
    kernel::{BLOCK, Kept, Kernel, lend},
    options::Options,
    rows::Rows,
};

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

/// The first digits of integers from 10¹⁶ on: four digits of each number up to 1,844, and
/// of those up to a power of two. 8 KiB.
static FOUR: [u32; 2048] = {
    let mut table = [0; 2048];
    let mut value = 0;
    while value < 2048 {
        table[value] = ((digits8(value as u32) >> 32) as u32).to_le();
        value += 1;
    }
    table
};

/// The magnitudes of a block of integers, and their digits.
pub struct Magnitudes<const N: usize> {
    values: [u32; N],
    halves: [[u32; 2]; N],
    /// Texts of 8 or 16 bytes, and room to read beyond the last.
    short: [[u64; N]; 3],
    /// Texts of 24 bytes, and room.
    long: [[Twenty; N]; 2],
    /// How many zeros the long texts start with.
    leads: [u8; N],
}

thread_local! {
    static MAGNITUDES: RefCell<Kept<Magnitudes<BLOCK>>> = RefCell::default();
}

impl<const N: usize> Default for Magnitudes<N> {
    fn default() -> Self {
        Self {
            values: [0; N],
            halves: [[0; 2]; N],
            short: [[0; N]; 3],
            long: [[[0, 0, 0, 0, 0, u32::from(b',').to_le()]; N]; 2],
            leads: [0; N],
        }
    }
}

#[expect(unsafe_code, reason = "see `Cursor`")]
impl<const N: usize> Magnitudes<N> {
    /// Writes `elements` of which `magnitude` is below 10⁷ and `is_negative` tells the sign, if
    /// `SIGNED`. A comma follows each, or `.0,` if `POINT`.
    ///
    /// # Safety
    /// The processor has `I`; there is room for the digits, a sign if `SIGNED` and the suffix of
    /// each, for the brackets, and for 64 bytes more.
    #[inline(always)]
    pub(super) unsafe fn write_seven<I: Digits, T: Copy, const SIGNED: bool, const POINT: bool>(
        &mut self,
        elements: &[T],
        magnitude: impl Fn(T) -> u32,
        is_negative: impl Fn(T) -> bool,
        rows: &mut Rows,
        cursor: Cursor,
    ) -> Cursor {
        for (value, &element) in self.values.iter_mut().zip(elements) {
            // So that there is an eighth digit to put a comma in place of.
            *value = magnitude(element) * 10;
        }
        let padded = elements.len().next_multiple_of(4);
        let texts = &mut self.short.as_flattened_mut()[..padded];
        // SAFETY: the caller's contract.
        unsafe { I::write::<true>(&self.values[..padded], texts) };
        let texts = self.short.as_ptr().cast::<u8>();
        // SAFETY: the texts are those of the elements, and there are more bytes behind them.
        unsafe {
            copy_each::<8, SIGNED, POINT>(texts, elements.len(), 7, rows, cursor, |index, text| {
                (lead_of_seven(text), is_negative(elements[index]))
            })
        }
    }

    /// The same with any magnitude of 32 bits.
    ///
    /// # Safety
    /// As [`write_seven`](Self::write_seven).
    #[inline(always)]
    pub(super) unsafe fn write_ten<I: Digits, T: Copy, const SIGNED: bool, const POINT: bool>(
        &mut self,
        elements: &[T],
        magnitude: impl Fn(T) -> u32,
        is_negative: impl Fn(T) -> bool,
        rows: &mut Rows,
        cursor: Cursor,
    ) -> Cursor {
        for (value, &element) in self.values.iter_mut().zip(elements) {
            *value = magnitude(element);
        }
        let padded = elements.len().next_multiple_of(4);
        let texts = self.short.as_flattened_mut().as_chunks_mut().0;
        // SAFETY: the caller's contract.
        unsafe { I::write_ten::<true>(&self.values[..padded], &mut texts[..padded]) };
        let texts = self.short.as_ptr().cast::<u8>();
        // SAFETY: the texts are those of the elements, and there are more bytes behind them.
        unsafe {
            copy_each::<16, SIGNED, POINT>(
                texts,
                elements.len(),
                10,
                rows,
                cursor,
                |index, text| (lead_of_ten(text), is_negative(elements[index])),
            )
        }
    }

    /// The same with any magnitude of 64 bits.
    ///
    /// # Safety
    /// As [`write_seven`](Self::write_seven).
    #[inline(always)]
    unsafe fn write_twenty<I: Digits, T: Copy, const SIGNED: bool>(
        &mut self,
        elements: &[T],
        magnitude: impl Fn(T) -> u64,
        is_negative: impl Fn(T) -> bool,
        rows: &mut Rows,
        cursor: Cursor,
    ) -> Cursor {
        let texts = self.long.as_flattened_mut();
        for (index, &element) in elements.iter().enumerate() {
            let magnitude = alone(magnitude(element));
            let high = magnitude / 10_000_000_000_000_000;
            texts[index][0] = FOUR[high as usize % FOUR.len()];
            self.halves[index] = split8(magnitude - high * 10_000_000_000_000_000);
            self.leads[index] = (20 - count(magnitude)) as u8;
        }
        let padded = elements.len().next_multiple_of(2);
        // SAFETY: the caller's contract.
        unsafe { I::write_sixteen(&self.halves[..padded], &mut texts[..padded]) };
        let texts = texts.as_ptr().cast::<u8>();
        // SAFETY: the texts are those of the elements, and there are more bytes behind them.
        unsafe {
            copy_each::<24, SIGNED, false>(texts, elements.len(), 20, rows, cursor, |index, _| {
                (self.leads[index].into(), is_negative(elements[index]))
            })
        }
    }
}

/// Writes `len` texts of `digits` digits and a comma, which lie `STRIDE` bytes apart, without the
/// zeros that they start with, whose number `lead` tells together with the sign.
///
/// # Safety
/// As many texts lie at `texts`, and `STRIDE` bytes behind them can be read. There is room as for
/// [`Magnitudes::write_seven`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn copy_each<const STRIDE: usize, const SIGNED: bool, const POINT: bool>(
    texts: *const u8,
    len: usize,
    digits: usize,
    rows: &mut Rows,
    mut cursor: Cursor,
    lead: impl Fn(usize, *const u8) -> (usize, bool),
) -> Cursor {
    let mut index = 0;
    while index < len {
        let end = index + rows.take(len - index);
        for element in index..end {
            // SAFETY: the caller's contract; at most `digits - 1` bytes are skipped.
            unsafe {
                let text = texts.add(STRIDE * element);
                let (lead, is_negative) = lead(element, text);
                let text = text.add(lead);
                if SIGNED {
                    cursor.put(0, *b"-");
                    cursor.advance(is_negative.into());
                }
                match STRIDE {
                    8 => cursor.copy::<8>(0, text),
                    16 => cursor.copy::<16>(0, text),
                    _ => {
                        cursor.copy::<16>(0, text);
                        cursor.copy::<8>(16, text.add(16));
                    }
                }
                if POINT {
                    cursor.put(digits - lead, *b".0,");
                    cursor.advance(2);
                }
                cursor.advance(digits + 1 - lead);
            }
        }
        // SAFETY: an element has been written; there is room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        index = end;
    }
    cursor
}

/// How many of the first six digits are zeros before any other digit.
///
/// # Safety
/// Eight bytes from `text` on can be read.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn lead_of_seven(text: *const u8) -> usize {
    // SAFETY: the caller's contract.
    let text = u64::from_le(unsafe { text.cast::<u64>().read_unaligned() });
    let digits = (text ^ ZEROS) | (1 << 48);
    digits.trailing_zeros() as usize / 8
}

/// How many of the first nine digits are zeros before any other digit.
///
/// # Safety
/// Sixteen bytes from `text` on can be read.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn lead_of_ten(text: *const u8) -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{
            _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
        };
        // SAFETY: the caller's contract; every x86-64 processor has SSE2.
        let digits = unsafe {
            let text = _mm_loadu_si128(text.cast());
            _mm_movemask_epi8(_mm_cmpgt_epi8(text, _mm_set1_epi8(b'0' as i8)))
        };
        (digits | (1 << 9)).trailing_zeros() as usize
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    {
        // SAFETY: the caller's contract.
        let (first, second) = unsafe { (text.cast::<u64>().read_unaligned(), *text.add(8)) };
        let eight = (u64::from_le(first) ^ ZEROS).trailing_zeros() as usize / 8;
        eight + usize::from(eight == 8 && second == b'0')
    }
}

/// Writes numbers below 10, none negative, with a comma after each, or `.0,` if `POINT`.
///
/// # Safety
/// There is room for them, for the brackets, and for 64 bytes more.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
pub(super) unsafe fn write_single<T: Copy, const POINT: bool>(
    elements: &[T],
    magnitude: impl Fn(T) -> u32,
    rows: &mut Rows,
    mut cursor: Cursor,
) -> Cursor {
    let mut rest = elements;
    while !rest.is_empty() {
        let (row, after) = rest.split_at(rows.take(rest.len()));
        for (index, &element) in row.iter().enumerate() {
            let digit = b'0' | magnitude(element) as u8;
            // SAFETY: the caller's contract.
            unsafe {
                if POINT {
                    cursor.put(4 * index, [digit, b'.', b'0', b',']);
                } else {
                    cursor.put(2 * index, [digit, b',']);
                }
            }
        }
        // SAFETY: so much has just been written; there is room for the brackets.
        unsafe {
            cursor.advance(row.len() * if POINT { 4 } else { 2 });
            cursor = rows.close(cursor);
        }
        rest = after;
    }
    cursor
}

/// What decides how a block is written: the bits of all magnitudes, which tell how many digits the
/// longest can have, and whether any is negative.
#[inline(always)]
pub(super) fn survey<T: Copy>(
    elements: &[T],
    magnitude: impl Fn(T) -> u64,
    is_negative: impl Fn(T) -> bool,
) -> (u64, bool) {
    elements
        .iter()
        .fold((0, false), |(bits, negative), &element| {
            (bits | magnitude(element), negative | is_negative(element))
        })
}

macro_rules! integers {
    ($($type:ty, $max:literal, |$element:ident| $magnitude:expr, $negative:expr;)*) => { $(
        #[expect(unsafe_code, reason = "see `Cursor`")]
        impl Kernel for $type {
            const MAX_LEN: usize = $max;
            type Scratch<const N: usize> = Magnitudes<N>;

            fn with_scratch<R>(borrow: impl FnOnce(&mut Magnitudes<BLOCK>) -> R) -> R {
                lend::<Self, _, _>(&MAGNITUDES, borrow)
            }

            #[inline(always)]
            unsafe fn write<I: Digits, const N: usize>(
                elements: &[Self],
                magnitudes: &mut Magnitudes<N>,
                rows: &mut Rows,
                _: &Options,
                cursor: Cursor,
            ) -> Result<Cursor, i64> {
                let elements = &elements[..elements.len().min(N)];
                let magnitude = |$element: Self| u64::from($magnitude);
                let short = |$element: Self| $magnitude as u32;
                let is_negative = $negative;
                let (bits, negative) = survey(elements, magnitude, is_negative);
                macro_rules! signed {
                    ($signed:literal) => {
                        if bits < 1 << 23 {
                            magnitudes.write_seven::<I, _, $signed, false>(elements, short, is_negative, rows, cursor)
                        } else if bits < 1 << 32 {
                            magnitudes.write_ten::<I, _, $signed, false>(elements, short, is_negative, rows, cursor)
                        } else {
                            magnitudes.write_twenty::<I, _, $signed>(elements, magnitude, is_negative, rows, cursor)
                        }
                    };
                }
                // SAFETY: the caller has room for `MAX_LEN` bytes for each and `SLACK` more.
                Ok(unsafe {
                    if bits < 8 && !negative {
                        write_single::<_, false>(elements, short, rows, cursor)
                    } else if negative {
                        signed!(true)
                    } else {
                        signed!(false)
                    }
                })
            }
        }
    )* };
}

integers! {
    u16, 6, |element| element, |_: Self| false;
    i16, 7, |element| element.unsigned_abs(), |element: Self| element < 0;
    u32, 11, |element| element, |_: Self| false;
    i32, 12, |element| element.unsigned_abs(), |element: Self| element < 0;
    u64, 21, |element| element, |_: Self| false;
    i64, 21, |element| element.unsigned_abs(), |element: Self| element < 0;
}
