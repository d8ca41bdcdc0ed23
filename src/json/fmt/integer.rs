//! Text of integers.

use std::cell::RefCell;

use super::{
    cursor::Cursor,
    digits::{Digits, ZEROS, alone, digits8, split8},
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

/// Four digits of each number below 2,048: what integers from 10¹⁶ on start with is at most 1,844,
/// and all of a small integer. 8 KiB.
pub(super) static FOUR: [u32; 2048] = {
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
    /// Or the texts of the four digits before the last sixteen.
    values: [u32; N],
    halves: [[u32; 2]; N],
    /// Texts of 8 or 16 bytes, and room to read beyond the last.
    texts: [[u64; N]; 3],
}

thread_local! {
    static MAGNITUDES: RefCell<Kept<Magnitudes<BLOCK>>> = RefCell::default();
}

impl<const N: usize> Default for Magnitudes<N> {
    fn default() -> Self {
        Self {
            values: [0; N],
            halves: [[0; 2]; N],
            texts: [[0; N]; 3],
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
        // An earlier block may have left more than eight digits.
        self.values[elements.len()..padded].fill(0);
        let texts = &mut self.texts.as_flattened_mut()[..padded];
        // SAFETY: the caller's contract.
        unsafe { I::write::<true>(&self.values[..padded], texts) };
        let texts = self.texts.as_ptr().cast::<u8>();
        // SAFETY: the texts are those of the elements, and there are more bytes behind them.
        unsafe {
            let lead = |index: usize, text| (lead_of_seven(text), is_negative(elements[index]));
            copy_each::<8, SIGNED, POINT>(texts, elements.len(), 7, rows, cursor, lead)
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
        let texts = self.texts.as_flattened_mut().as_chunks_mut().0;
        // SAFETY: the caller's contract.
        unsafe { I::write_ten::<true>(&self.values[..padded], &mut texts[..padded]) };
        let texts = self.texts.as_ptr().cast::<u8>();
        // SAFETY: the texts are those of the elements, and there are more bytes behind them.
        unsafe {
            let lead = |index: usize, text| (lead_of(text, 9), is_negative(elements[index]));
            copy_each::<16, SIGNED, POINT>(texts, elements.len(), 10, rows, cursor, lead)
        }
    }

    /// The same with any magnitude of 64 bits, below 10¹⁶ unless `ABOVE`.
    ///
    /// # Safety
    /// As [`write_seven`](Self::write_seven).
    #[inline(always)]
    unsafe fn write_twenty<I: Digits, T: Copy, const SIGNED: bool, const ABOVE: bool>(
        &mut self,
        elements: &[T],
        magnitude: impl Fn(T) -> u64,
        is_negative: impl Fn(T) -> bool,
        rows: &mut Rows,
        cursor: Cursor,
    ) -> Cursor {
        let elements = &elements[..elements.len().min(N)];
        for (index, &element) in elements.iter().enumerate() {
            let mut magnitude = alone(magnitude(element));
            if ABOVE {
                let high = magnitude / 10_000_000_000_000_000;
                self.values[index] = FOUR[high as usize % FOUR.len()];
                magnitude -= high * 10_000_000_000_000_000;
            }
            self.halves[index] = split8(magnitude);
        }
        let padded = (2 * elements.len()).next_multiple_of(4);
        let texts = &mut self.texts.as_flattened_mut()[..padded];
        // SAFETY: the caller's contract.
        unsafe {
            I::write::<false>(&self.halves.as_flattened()[..padded], texts);
            self.copy_twenty::<T, SIGNED, ABOVE>(elements, is_negative, rows, cursor)
        }
    }

    /// # Safety
    /// There is room as for [`write_seven`](Self::write_seven).
    #[inline(always)]
    unsafe fn copy_twenty<T: Copy, const SIGNED: bool, const ABOVE: bool>(
        &self,
        elements: &[T],
        is_negative: impl Fn(T) -> bool,
        rows: &mut Rows,
        mut cursor: Cursor,
    ) -> Cursor {
        let texts = self.texts.as_ptr().cast::<u8>();
        let mut index = 0;
        while index < elements.len() {
            let end = index + rows.take(elements.len() - index);
            for (step, &element) in elements[index..end].iter().enumerate() {
                // SAFETY: there are texts of all elements, and more bytes behind them;
                // the caller has the room.
                unsafe {
                    if SIGNED {
                        cursor.put(0, *b"-");
                        cursor.advance(is_negative(element).into());
                    }
                    let mut last = 15;
                    if ABOVE {
                        let digits = u32::from_le(self.values[index + step]);
                        let zeros = u64::from(digits ^ ZEROS as u32) | (1 << 32);
                        let zeros = zeros.trailing_zeros() & !7;
                        cursor.put(0, (u64::from(digits) >> zeros).to_le_bytes());
                        cursor.advance(4 - zeros as usize / 8);
                        // Then no digit of the sixteen is left out.
                        last = if zeros < 32 { 0 } else { last };
                    }
                    let text = texts.add(16 * (index + step));
                    let lead = lead_of(text, last);
                    cursor.copy::<16>(0, text.add(lead));
                    cursor.put(16 - lead, *b",");
                    cursor.advance(17 - lead);
                }
            }
            // SAFETY: an element has been written; there is room for the brackets.
            cursor = unsafe { rows.close(cursor) };
            index = end;
        }
        cursor
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
                cursor.copy::<STRIDE>(0, text);
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

/// How many of sixteen digits are zeros before any other digit or the one at `last`.
///
/// # Safety
/// Sixteen bytes from `text` on can be read.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn lead_of(text: *const u8, last: u32) -> usize {
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
        (digits | (1 << last)).trailing_zeros() as usize
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    {
        // SAFETY: the caller's contract.
        let text = u128::from_le(unsafe { text.cast::<u128>().read_unaligned() });
        let digits = text ^ (u128::from(ZEROS) | (u128::from(ZEROS) << 64));
        (digits | (1 << (8 * last))).trailing_zeros() as usize / 8
    }
}

/// Writes `elements` of which `magnitude` is below 2,048 and `is_negative` tells the sign, if
/// `SIGNED`. A comma follows each, or `.0,` if `POINT`.
///
/// The four digits and what follows them fit into a register, where the zeros at the start are
/// shifted out.
///
/// # Safety
/// There is room for them, for the brackets, and for 64 bytes more.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
pub(super) unsafe fn write_four<T: Copy, const SIGNED: bool, const POINT: bool>(
    elements: &[T],
    magnitude: impl Fn(T) -> u32,
    is_negative: impl Fn(T) -> bool,
    rows: &mut Rows,
    mut cursor: Cursor,
) -> Cursor {
    let (suffix, len) = if POINT { (*b".0, ", 7) } else { (*b",   ", 5) };
    let suffix = u64::from(u32::from_le_bytes(suffix)) << 32;
    let mut rest = elements;
    while !rest.is_empty() {
        let (row, after) = rest.split_at(rows.take(rest.len()));
        for &element in row {
            let digits = u32::from_le(FOUR[magnitude(element) as usize % FOUR.len()]);
            // The last digit stays, even if it is 0.
            let zeros = ((digits ^ ZEROS as u32) | (1 << 24)).trailing_zeros() & !7;
            let text = (u64::from(digits) | suffix) >> zeros;
            // SAFETY: the caller's contract.
            unsafe {
                if SIGNED {
                    cursor.put(0, *b"-");
                    cursor.advance(is_negative(element).into());
                }
                cursor.put(0, text.to_le_bytes());
                cursor.advance(len - zeros as usize / 8);
            }
        }
        // SAFETY: an element has been written; there is room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        rest = after;
    }
    cursor
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
                        if bits < FOUR.len() as u64 {
                            write_four::<_, $signed, false>(elements, short, is_negative, rows, cursor)
                        } else if bits < 1 << 23 {
                            magnitudes.write_seven::<I, _, $signed, false>(elements, short, is_negative, rows, cursor)
                        } else if bits < 1 << 32 {
                            magnitudes.write_ten::<I, _, $signed, false>(elements, short, is_negative, rows, cursor)
                        } else if bits < 1 << 53 {
                            magnitudes.write_twenty::<I, _, $signed, false>(elements, magnitude, is_negative, rows, cursor)
                        } else {
                            magnitudes.write_twenty::<I, _, $signed, true>(elements, magnitude, is_negative, rows, cursor)
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
