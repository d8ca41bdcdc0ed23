//! Formats floats as JavaScript does, except for `1.0`, `1e+16` and the range without an exponent.

mod types;

use std::cell::RefCell;

use super::{
    cursor::Cursor,
    decimals::{Decimals, NULL, indices},
    digits::{Digits, ZEROS},
    integer::{FOUR, Magnitudes, survey, write_four, write_single},
    place::{FIRST, Place, exponent_text},
};
#[cfg(target_arch = "x86_64")]
use super::{place::WidePlace, wide::Wide};
use crate::json::{
    kernel::{BLOCK, Kept, Kernel, lend},
    options::Options,
    rows::Rows,
};

use types::Float;

/// The decimals of a block and their texts.
pub struct Scratch<const N: usize> {
    decimals: Decimals<N>,
    /// Two padding words, two words per text, and more padding. Padding is read, but has no effect.
    texts: [[u64; N]; 3],
    integers: Magnitudes<N>,
    /// The texts when using AVX-512.
    #[cfg(target_arch = "x86_64")]
    wide: Wide<N>,
}

thread_local! {
    static SCRATCH: RefCell<Kept<Scratch<BLOCK>>> = RefCell::default();
}

impl<const N: usize> Default for Scratch<N> {
    fn default() -> Self {
        Self {
            decimals: Decimals::default(),
            texts: [[ZEROS; N]; 3],
            integers: Magnitudes::default(),
            #[cfg(target_arch = "x86_64")]
            wide: Wide::default(),
        }
    }
}

/// Whether `test` holds for all `elements`. Tries three of them first, which usually rules it out.
#[inline(always)]
fn all<T: Copy>(elements: &[T], test: impl Fn(T) -> bool) -> bool {
    let (first, last) = (elements[0], elements[elements.len() - 1]);
    if !test(first) || !test(last) || !test(elements[elements.len() / 2]) {
        return false;
    }
    // No early exit, so that it vectorizes.
    elements
        .iter()
        .fold(true, |all, &element| all & test(element))
}

#[expect(unsafe_code, reason = "see `Cursor`")]
impl<T: Float> Kernel for T {
    const MAX_LEN: usize = T::LONGEST;
    type Scratch<const N: usize> = Scratch<N>;

    fn with_scratch<R>(borrow: impl FnOnce(&mut Scratch<BLOCK>) -> R) -> R {
        lend::<Self, _, _>(&SCRATCH, borrow)
    }

    #[inline(always)]
    unsafe fn write<I: Digits, const N: usize>(
        elements: &[Self],
        scratch: &mut Scratch<N>,
        rows: &mut Rows,
        _: &Options,
        cursor: Cursor,
    ) -> Result<Cursor, i64> {
        let elements = &elements[..elements.len().min(N)];
        // SAFETY: the caller's contract.
        Ok(unsafe {
            if all(elements, |element| element.integer().is_some()) {
                write_integers::<I, T, N>(elements, &mut scratch.integers, rows, cursor)
            } else if all(elements, |element| !element.is_finite()) {
                write_nulls(elements.len(), rows, cursor)
            } else {
                write_others::<I, T, N>(elements, scratch, rows, cursor)
            }
        })
    }
}

/// Writes floats that are all integers.
///
/// # Safety
/// See [`Kernel::write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_integers<I: Digits, T: Float, const N: usize>(
    elements: &[T],
    integers: &mut Magnitudes<N>,
    rows: &mut Rows,
    cursor: Cursor,
) -> Cursor {
    let magnitude = |element: T| element.integer().unwrap_or_default();
    let is_negative = |element: T| element.sign() == 1;
    let (bits, negative) = survey(elements, |element| magnitude(element).into(), is_negative);
    // SAFETY: the text has at most eleven characters, `.0` and a comma, which fits `MAX_LEN`.
    unsafe {
        if bits < 8 && !negative {
            write_single::<_, true>(elements, magnitude, rows, cursor)
        } else if bits < FOUR.len() as u64 {
            write_four::<_, true, true>(elements, magnitude, is_negative, rows, cursor)
        } else if bits < 1 << 23 {
            integers.write_seven::<I, _, true, true>(elements, magnitude, is_negative, rows, cursor)
        } else {
            integers.write_ten::<I, _, true, true>(elements, magnitude, is_negative, rows, cursor)
        }
    }
}

/// # Safety
/// See [`Kernel::write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_nulls(len: usize, rows: &mut Rows, mut cursor: Cursor) -> Cursor {
    let mut index = 0;
    while index < len {
        let end = index + rows.take(len - index);
        for _ in index..end {
            // SAFETY: the caller reserved `MAX_LEN` bytes and `SLACK` more.
            cursor = unsafe { write_null(cursor) };
        }
        // SAFETY: an element has been written; the caller reserved room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        index = end;
    }
    cursor
}

/// Whether more than an eighth of `elements` aren't common. Counts only if one of a few samples isn't.
#[inline(always)]
fn many_are_rare<T: Float>(elements: &[T]) -> bool {
    let step = elements.len().div_ceil(8);
    if elements
        .iter()
        .step_by(step)
        .all(|element| element.is_common())
    {
        return false;
    }
    let common = elements
        .iter()
        .map(|element| usize::from(element.is_common()));
    (elements.len() - common.sum::<usize>()) * 8 > elements.len()
}

/// Writes floats that aren't all integers or all `null`.
///
/// # Safety
/// See [`Kernel::write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_others<I: Digits, T: Float, const N: usize>(
    elements: &[T],
    scratch: &mut Scratch<N>,
    rows: &mut Rows,
    cursor: Cursor,
) -> Cursor {
    // SAFETY: the caller's contract.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if I::IS_AVX512 {
            return write_wide_block(elements, scratch, rows, cursor);
        }
        if many_are_rare(elements) {
            return write_mixed::<I, T, N>(elements, scratch, rows, cursor);
        }
        let rare = T::set_common::<I, N>(elements, &mut scratch.decimals);
        for index in indices(rare) {
            elements[index].set_rare(index, &mut scratch.decimals);
        }
        T::write_digits::<I, N>(elements.len(), scratch);
        write_rows::<I, T, N, false>(elements, |index| index, scratch, rows, cursor)
    }
}

/// Writes a block with AVX-512.
///
/// # Safety
/// See [`Kernel::write`]. The processor must support [`Level::Avx512`](crate::json::Level::Avx512).
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_wide_block<T: Float, const N: usize>(
    elements: &[T],
    scratch: &mut Scratch<N>,
    rows: &mut Rows,
    mut cursor: Cursor,
) -> Cursor {
    // SAFETY: the caller's contract.
    unsafe { T::set_wide(elements, scratch) };
    let texts = &scratch.wide;
    let mut index = 0;
    while index < elements.len() {
        let end = index + rows.take(elements.len() - index);
        for index in index..end {
            let (text, len) = texts.get(index);
            // SAFETY: the caller reserved `MAX_LEN` bytes and `SLACK` more.
            unsafe {
                cursor.put(0, *text);
                cursor.advance(len);
            }
        }
        // SAFETY: an element has been written; the caller reserved room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        index = end;
    }
    cursor
}

/// Writes a block with many rare floats. Collects the common floats first, so that the full
/// conversion runs only for those.
///
/// # Safety
/// See [`Kernel::write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_mixed<I: Digits, T: Float, const N: usize>(
    elements: &[T],
    scratch: &mut Scratch<N>,
    rows: &mut Rows,
    cursor: Cursor,
) -> Cursor {
    let mut common = [elements[0]; N];
    let mut places = [0_u8; N];
    let mut rare = 0_u64;
    let mut len = 0;
    for (index, &element) in elements.iter().enumerate() {
        let is_common = element.is_common();
        common[len % N] = element;
        places[index] = len as u8;
        len += usize::from(is_common);
        let is_plain = is_common | element.is_zero() | !element.is_finite();
        rare |= u64::from(!is_plain) << index;
    }
    // SAFETY: the caller's contract.
    unsafe { T::set_common::<I, N>(&common[..len], &mut scratch.decimals) };
    for index in indices(rare) {
        elements[index].set_rare(len, &mut scratch.decimals);
        places[index] = len as u8;
        len += 1;
    }
    // SAFETY: the caller's contract.
    unsafe {
        T::write_digits::<I, N>(len, scratch);
        let place = |index: usize| usize::from(places[index]) % N;
        write_rows::<I, T, N, true>(elements, place, scratch, rows, cursor)
    }
}

/// Writes `elements`, given the index of each one's decimal by `place`. With `PLAIN`, zeros, NaN and
/// infinities have no decimal.
///
/// # Safety
/// See [`Kernel::write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_rows<I: Digits, T: Float, const N: usize, const PLAIN: bool>(
    elements: &[T],
    place: impl Fn(usize) -> usize,
    scratch: &Scratch<N>,
    rows: &mut Rows,
    mut cursor: Cursor,
) -> Cursor {
    let elements = &elements[..elements.len().min(N)];
    let texts = scratch.texts.as_ptr().cast::<u8>();
    let decimals = &scratch.decimals;
    let mut index = 0;
    while index < elements.len() {
        let end = index + rows.take(elements.len() - index);
        for (step, &element) in elements[index..end].iter().enumerate() {
            let place = place(index + step);
            // SAFETY: the caller reserved `MAX_LEN` bytes and `SLACK` more. `texts` has sixteen
            // bytes of padding before the first text and more after the last.
            cursor = unsafe {
                if PLAIN && element.is_zero() {
                    write_zero(element, cursor)
                } else if PLAIN && !element.is_finite() {
                    write_null(cursor)
                } else {
                    let text = texts.add(16 * (place + 1) + T::START);
                    let (last, exponent) = (decimals.lasts[place], decimals.exponents[place]);
                    write_float::<I, T>(element, text, last, exponent, cursor)
                }
            };
        }
        // SAFETY: an element has been written; the caller reserved room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        index = end;
    }
    cursor
}

/// # Safety
/// The buffer must have room for 64 bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_zero<T: Float>(element: T, mut cursor: Cursor) -> Cursor {
    // SAFETY: the caller's contract.
    unsafe {
        cursor.put(0, *b"-");
        cursor.advance(element.sign());
        cursor.put(0, *b"0.0,");
        cursor.advance(4);
    }
    cursor
}

/// # Safety
/// The processor must support `I`. The buffer must have room for 64 bytes. `text` must point to sixteen
/// digits after a readable byte.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_float<I: Digits, T: Float>(
    element: T,
    text: *const u8,
    last: u32,
    exponent: i32,
    mut cursor: Cursor,
) -> Cursor {
    let (first, end) = (*T::FIXED.start(), (*T::FIXED.end()).min(14));
    if exponent < first || exponent > end {
        // SAFETY: the caller's contract.
        return unsafe { write_rare::<T>(element, text, last, exponent, cursor) };
    }
    // SAFETY: the caller's contract.
    unsafe {
        cursor.put(0, *b"-");
        cursor.advance(element.sign());
        #[cfg(target_arch = "x86_64")]
        if I::IS_AVX2 {
            return write_wide(text, last, exponent, cursor);
        }
        write_narrow(text, last, exponent, cursor)
    }
}

/// Writes a number without an exponent and without a sign.
///
/// # Safety
/// The buffer must have room for 64 bytes. `text` must point to sixteen digits after a readable byte.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_narrow(text: *const u8, last: u32, exponent: i32, mut cursor: Cursor) -> Cursor {
    let place = Place::of(exponent);
    // SAFETY: writes at most 27 bytes; the caller guarantees the byte before the text.
    unsafe {
        let (digits, sixteenth) = (significant(text, last), *text.add(15));
        let tail = (u16::from(sixteenth) | (0x3000 + ((last as u16) << 8))) >> place.tail;
        let len = (usize::from(place.extra) + digits).max(place.least.into());
        let arranged = place.arrange(text);
        cursor.put(0, place.prefix);
        cursor.put(place.start.into(), arranged);
        cursor.put(usize::from(place.start) + 16, tail.to_le_bytes());
        cursor.put(len, *b",");
        cursor.advance(len + 1);
    }
    cursor
}

/// [`write_narrow`] with AVX2.
///
/// # Safety
/// The processor must support AVX2. The buffer must have room for 64 bytes. `text` must point to sixteen
/// digits.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_wide(text: *const u8, last: u32, exponent: i32, mut cursor: Cursor) -> Cursor {
    let place = WidePlace::of(exponent);
    let extra = usize::from(place.extra);
    // SAFETY: writes at most 32 bytes.
    unsafe {
        let len = (extra + significant(text, last)).max(place.least.into());
        cursor.put(0, place.arrange(text));
        cursor.put(extra + 16, [b'0' + last as u8]);
        cursor.put(len, *b",");
        cursor.advance(len + 1);
    }
    cursor
}

/// The number of digits without trailing zeros, of seventeen.
///
/// # Safety
/// `text` must point to the first sixteen digits.
#[expect(unsafe_code, reason = "see `write_rows`")]
#[inline(always)]
unsafe fn significant(text: *const u8, last: u32) -> usize {
    // SAFETY: the caller's contract.
    let text = unsafe { text.cast::<[u64; 2]>().read_unaligned() };
    // One bit per digit, set if it isn't 0; the first digit is the lowest bit.
    let digits = nonzero(&text) | (((last + 15) << 12) & 0x1_0000);
    32 - digits.leading_zeros() as usize
}

/// One bit per digit, set if it isn't 0.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn nonzero(text: &[u64; 2]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: every x86-64 processor supports SSE2.
    #[expect(unsafe_code, reason = "three instructions instead of ten")]
    let zeros = unsafe {
        let zeros = _mm_cmpeq_epi8(zerocopy::transmute!(*text), _mm_set1_epi8(b'0' as i8));
        _mm_movemask_epi8(zeros)
    };
    zeros as u32 ^ 0xffff
}

/// Like the function for x86-64, but only the highest set bit is correct.
#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
fn nonzero(text: &[u64; 2]) -> u32 {
    // The bits in which digits differ. The first digit is in the lowest byte.
    const DIGIT: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let (first, second) = (u64::from_le(text[0]) & DIGIT, u64::from_le(text[1]) & DIGIT);
    let bits = std::hint::select_unpredictable(second == 0, first, second);
    let before = std::hint::select_unpredictable(second == 0, 8, 16);
    ((1_u64 << before) >> (bits.leading_zeros() / 8 + 1)) as u32
}

/// # Safety
/// The buffer must have room for 64 bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_null(mut cursor: Cursor) -> Cursor {
    // SAFETY: the caller's contract.
    unsafe {
        cursor.put(0, *b"null,   ");
        cursor.advance(5);
    }
    cursor
}

/// Writes `null`, a number with an exponent, or a number of at least 10¹⁵ and below 10¹⁶.
///
/// # Safety
/// The buffer must have room for 64 bytes. `text` must point to sixteen digits after a readable byte.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_rare<T: Float>(
    element: T,
    text: *const u8,
    last: u32,
    exponent: i32,
    mut cursor: Cursor,
) -> Cursor {
    if exponent == NULL {
        // SAFETY: the caller's contract.
        return unsafe { write_null(cursor) };
    }
    // SAFETY: the caller's contract.
    let digits = unsafe { significant(text, last) };
    let last = b'0' + last as u8;
    // SAFETY: writes at most 25 bytes; the caller guarantees the byte before the text.
    unsafe {
        cursor.put(0, *b"-");
        cursor.advance(element.sign());
        if T::FIXED.contains(&exponent) {
            cursor.copy::<16>(0, text);
            cursor.put(16, [b'.', last]);
            let len = (digits + 1).max(18);
            cursor.put(len, *b",");
            cursor.advance(len + 1);
        } else {
            cursor.put(0, Place::of(0).arrange(text));
            cursor.put(16, [*text.add(15), last]);
            let (suffix, suffix_len) = exponent_text(exponent);
            let end = digits + usize::from(digits > 1);
            cursor.put(end, suffix);
            cursor.advance(end + suffix_len);
        }
    }
    cursor
}

const _: () = assert!(FIRST <= *f32::FIXED.start() && FIRST <= *f64::FIXED.start());
