//! Formats integers of 16 bits and more.

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

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86;

/// The four digits of each number below 2,048. Used for small integers, and for the digits of large
/// ones above 10¹⁶, which are at most 1,844. 8 KiB.
pub(super) static FOUR: [u32; 2048] = {
    let mut table = [0; 2048];
    let mut value = 0;
    while value < 2048 {
        table[value] = ((digits8(value as u32) >> 32) as u32).to_le();
        value += 1;
    }
    table
};

/// The size of all tables of this module, in bytes.
pub(super) const TABLES: usize = size_of_val(&FOUR);

/// The magnitudes of a block of integers, and their text.
pub struct Magnitudes<const N: usize> {
    /// The magnitudes, or the text of the four digits before the last sixteen.
    values: [u32; N],
    halves: [[u32; 2]; N],
    /// Texts of 8 or 16 bytes, and padding that is read after the last.
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
    /// Writes `elements` with magnitudes below 10⁷, each followed by a comma, or by `.0,` with `POINT`.
    /// The sign is written only with `SIGNED`.
    ///
    /// # Safety
    /// The processor must support `I`. The buffer must have room for the digits, sign and suffix of
    /// each element, for the brackets, and for 64 bytes more.
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
            // Adds an eighth digit, which the comma replaces.
            *value = magnitude(element) * 10;
        }
        let padded = elements.len().next_multiple_of(4);
        // An earlier block may have left more than eight digits.
        self.values[elements.len()..padded].fill(0);
        let texts = &mut self.texts.as_flattened_mut()[..padded];
        // SAFETY: the caller's contract.
        unsafe { I::write::<true>(&self.values[..padded], texts) };
        let texts = self.texts.as_ptr().cast::<u8>();
        // SAFETY: there is a text for each element, followed by padding.
        unsafe {
            let lead = |index: usize, text| (lead_of_seven(text), is_negative(elements[index]));
            copy_each::<8, SIGNED, POINT>(texts, elements.len(), 7, rows, cursor, lead)
        }
    }

    /// Like [`write_seven`](Self::write_seven), for magnitudes of 32 bits.
    ///
    /// # Safety
    /// See [`write_seven`](Self::write_seven).
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
        // SAFETY: there is a text for each element, followed by padding.
        unsafe {
            let lead = |index: usize, text| (lead_of(text, 9), is_negative(elements[index]));
            copy_each::<16, SIGNED, POINT>(texts, elements.len(), 10, rows, cursor, lead)
        }
    }

    /// Like [`write_seven`](Self::write_seven), for magnitudes of 64 bits: below 10¹⁶, or any with `ABOVE`.
    ///
    /// # Safety
    /// See [`write_seven`](Self::write_seven).
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
    /// The buffer must have room as for [`write_seven`](Self::write_seven).
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
                // SAFETY: there is a text for each element, followed by padding; the caller
                // reserved the room.
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
                        // Keep all sixteen digits if other digits precede them.
                        last = if zeros < 32 { 0 } else { last };
                    }
                    let text = texts.add(16 * (index + step));
                    let lead = lead_of(text, last);
                    cursor.copy::<16>(0, text.add(lead));
                    cursor.put(16 - lead, *b",");
                    cursor.advance(17 - lead);
                }
            }
            // SAFETY: an element has been written; the caller reserved room for the brackets.
            cursor = unsafe { rows.close(cursor) };
            index = end;
        }
        cursor
    }
}

/// Writes `len` texts of `digits` digits and a comma without their leading zeros. The texts are
/// `STRIDE` bytes apart. `lead` returns the number of leading zeros and whether the sign is negative.
///
/// # Safety
/// `texts` must point to `len` texts followed by `STRIDE` readable bytes. The buffer must have room as
/// for [`Magnitudes::write_seven`].
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
            // SAFETY: the caller's contract; `lead` is at most `digits - 1`.
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
        // SAFETY: an element has been written; the caller reserved room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        index = end;
    }
    cursor
}

/// The number of leading zeros among the first six digits.
///
/// # Safety
/// `text` must point to eight readable bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn lead_of_seven(text: *const u8) -> usize {
    // SAFETY: the caller's contract.
    let text = u64::from_le(unsafe { text.cast::<u64>().read_unaligned() });
    let digits = (text ^ ZEROS) | (1 << 48);
    digits.trailing_zeros() as usize / 8
}

/// The number of leading zeros among sixteen digits, at most `last`.
///
/// # Safety
/// `text` must point to sixteen readable bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn lead_of(text: *const u8, last: u32) -> usize {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{
            _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
        };
        // SAFETY: the caller's contract; every x86-64 processor supports SSE2.
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

/// Writes `elements` with magnitudes below 2,048, each followed by a comma, or by `.0,` with `POINT`.
/// The sign is written only with `SIGNED`.
///
/// The four digits and the suffix fit into a register, and leading zeros are shifted out.
///
/// # Safety
/// The buffer must have room for the elements, for the brackets, and for 64 bytes more.
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
            // Keep the last digit, even if it is 0.
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
        // SAFETY: an element has been written; the caller reserved room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        rest = after;
    }
    cursor
}

/// Writes non-negative numbers below 10, each followed by a comma, or by `.0,` with `POINT`.
///
/// # Safety
/// The buffer must have room for the elements, for the brackets, and for 64 bytes more.
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
        // SAFETY: these bytes have just been written; the caller reserved room for the brackets.
        unsafe {
            cursor.advance(row.len() * if POINT { 4 } else { 2 });
            cursor = rows.close(cursor);
        }
        rest = after;
    }
    cursor
}

/// Chooses how to write a block: returns the bitwise OR of all magnitudes, which bounds the number of
/// digits, and whether any element is negative.
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
                #[cfg(all(target_arch = "x86_64", not(miri)))]
                if I::IS_AVX512 && (bits >= 8 || negative) {
                    const SIGNED: bool = <$type>::MIN != 0;
                    // SAFETY: the caller reserved `MAX_LEN` bytes for each and `SLACK` more.
                    return Ok(unsafe { x86::write::<_, SIGNED>(elements, bits, rows, cursor) });
                }
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
                // SAFETY: the caller reserved `MAX_LEN` bytes for each and `SLACK` more.
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
