//! Text of floats, as JavaScript has it but for `1.0`, `1e+16` and where it changes to exponents.

use std::{hint::select_unpredictable, ops::RangeInclusive};

use half::f16;

use super::{
    cursor::Cursor,
    digits::{Digits, TENS, alone, count, split8},
    integer::Groups,
    place::{FIRST, Place, exponent_text},
    shortest::{Decimal, Scaled, decimal_32, decimal_64, round_32, round_64, scale_32, scale_64},
};
use crate::json::{kernel::Kernel, options::Options, rows::Rows};

/// The exponent of what isn't finite.
const NULL: i32 = i32::MAX;

/// The decimals of a block, of seventeen digits each.
#[repr(C)]
pub struct Decimals<const N: usize> {
    /// The first sixteen digits as numbers of eight.
    values: [[u32; 2]; N],
    /// The seventeenth digit.
    lasts: [u32; N],
    /// The decimal exponent of the first digit.
    exponents: [i32; N],
    /// What `f64` and the narrower types keep between two steps.
    scaled: [Scaled; N],
    products: [u64; N],
    /// What lies before the first text, which is read but not used.
    before: [u64; 2],
    texts: [[u64; 2]; N],
    integers: Groups<N>,
}

impl<const N: usize> Default for Decimals<N> {
    fn default() -> Self {
        Self {
            values: [[0; 2]; N],
            lasts: [0; N],
            exponents: [0; N],
            scaled: [Scaled::default(); N],
            products: [0; N],
            before: [0; 2],
            texts: [[0; 2]; N],
            integers: Groups::default(),
        }
    }
}

impl<const N: usize> Decimals<N> {
    /// Sets a zero, a power of two, a subnormal, or what isn't finite.
    #[inline]
    fn set_rare(
        &mut self,
        index: usize,
        is_zero: bool,
        is_null: bool,
        decimal: impl FnOnce() -> Decimal,
    ) {
        if is_zero | is_null {
            self.values[index] = [0; 2];
            self.lasts[index] = 0;
            self.exponents[index] = if is_null { NULL } else { 0 };
            return;
        }
        let Decimal {
            significand,
            exponent,
        } = decimal();
        let missing = 17 - count(significand);
        let digits = significand * TENS[missing];
        self.values[index] = split8(digits / 10);
        self.lasts[index] = (digits % 10) as u32;
        self.exponents[index] = exponent + 16 - missing as i32;
    }
}

/// A float: how to get at its decimal.
pub trait Float: Copy + PartialEq + 'static {
    /// The decimal exponents that are written without `e`.
    const FIXED: RangeInclusive<i32>;
    /// The most bytes of one and its comma.
    const LONGEST: usize;

    /// 1 if it is negative.
    fn sign(self) -> usize;

    fn is_finite(self) -> bool;

    /// The magnitude when it is an integer of at most 32 bits.
    fn integer(self) -> Option<u32>;

    /// Fills in values, lasts and exponents.
    fn decimals<const N: usize>(elements: &[Self], decimals: &mut Decimals<N>);
}

impl Float for f64 {
    const FIXED: RangeInclusive<i32> = -5..=15;
    const LONGEST: usize = 25;

    #[inline(always)]
    fn sign(self) -> usize {
        (self.to_bits() >> (size_of::<Self>() * 8 - 1)) as usize
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn integer(self) -> Option<u32> {
        // The sum has its unit at the lowest bit, so that it is rounded to an integer.
        let shift = (1_u64 << 52) as f64;
        let sum = self.abs() + shift;
        let is_whole = (sum - shift).to_bits() == self.abs().to_bits();
        (is_whole && self.abs() < (1_u64 << 32) as f64).then_some(sum.to_bits() as u32)
    }

    #[inline(always)]
    fn decimals<const N: usize>(elements: &[Self], decimals: &mut Decimals<N>) {
        // In two steps, so that a processor overlaps more elements: each alone waits long for its
        // products.
        let mut rare = Indices::<N>::new();
        for (index, element) in elements.iter().enumerate() {
            let bits = alone(element.to_bits()) & (u64::MAX >> 1);
            let (biased, mantissa) = (bits >> 52, bits & ((1 << 52) - 1));
            if (mantissa == 0) | (biased.wrapping_sub(1) >= 0x7fe) {
                rare.push(index);
            }
            (decimals.scaled[index], decimals.exponents[index]) =
                scale_64(bits, mantissa | (1 << 52));
        }
        for index in 0..elements.len() {
            let (integer, digit) = round_64(decimals.scaled[index]);
            let integer = alone(integer);
            let is_short = integer < 1_000_000_000_000_000;
            let sixteen = select_unpredictable(is_short, integer * 10 + digit, integer);
            decimals.values[index] = split8(sixteen);
            decimals.lasts[index] = select_unpredictable(is_short, 0, digit as u32);
            decimals.exponents[index] += 16 - i32::from(is_short);
        }
        for index in rare.iter() {
            let bits = elements[index].to_bits() & (u64::MAX >> 1);
            decimals.set_rare(index, bits == 0, bits >> 52 == 0x7ff, || decimal_64(bits));
        }
    }
}

/// The indices of the few elements of a block that need something else.
struct Indices<const N: usize> {
    indices: [u8; N],
    len: usize,
}

impl<const N: usize> Indices<N> {
    fn new() -> Self {
        Self {
            indices: [0; N],
            len: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, index: usize) {
        self.indices[self.len % N] = index as u8;
        self.len += 1;
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.indices[..self.len].iter().map(|&index| index.into())
    }
}

/// What both narrower types have in common.
#[inline(always)]
fn decimals_32<const N: usize>(bits: &[u32; N], len: usize, decimals: &mut Decimals<N>) {
    let bits = &bits[..len.min(N)];
    let mut rare = Indices::<N>::new();
    for (index, &bits) in bits.iter().enumerate() {
        let bits = alone(bits.into()) as u32;
        let (biased, mantissa) = (bits >> 23, bits & ((1 << 23) - 1));
        if (mantissa == 0) | (biased.wrapping_sub(1) >= 0xfe) {
            rare.push(index);
        }
        decimals.products[index] = scale_32(bits, mantissa | (1 << 23));
    }
    for (index, &bits) in bits.iter().enumerate() {
        let (decimal, exponent) = round_32(bits, alone(decimals.products[index]));
        // Of seven to nine digits.
        let (nine, eight) = (decimal >= 100_000_000, decimal >= 10_000_000);
        let tenth = decimal / 10;
        let shorter = select_unpredictable(eight, decimal, decimal.wrapping_mul(10));
        let high = select_unpredictable(nine, tenth, shorter);
        let last = select_unpredictable(nine, decimal - tenth * 10, 0);
        decimals.values[index] = [high, last * 10_000_000];
        decimals.lasts[index] = 0;
        decimals.exponents[index] = exponent + 6 + i32::from(eight) + i32::from(nine);
    }
    for index in rare.iter() {
        let bits = bits[index];
        decimals.set_rare(index, bits == 0, bits >> 23 == 0xff, || decimal_32(bits));
    }
}

impl Float for f32 {
    const FIXED: RangeInclusive<i32> = -6..=12;
    const LONGEST: usize = 18;

    #[inline(always)]
    fn sign(self) -> usize {
        (self.to_bits() >> (size_of::<Self>() * 8 - 1)) as usize
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn integer(self) -> Option<u32> {
        let shift = (1_u32 << 23) as f32;
        let sum = self.abs() + shift;
        let is_whole = (sum - shift).to_bits() == self.abs().to_bits();
        (is_whole && self.abs() < shift).then_some(sum.to_bits() & ((1 << 23) - 1))
    }

    #[inline(always)]
    fn decimals<const N: usize>(elements: &[Self], decimals: &mut Decimals<N>) {
        let mut bits = [0; N];
        for (bits, element) in bits.iter_mut().zip(elements) {
            *bits = element.to_bits() & (u32::MAX >> 1);
        }
        decimals_32(&bits, elements.len(), decimals);
    }
}

/// The `f32` of the same value; NaN and infinities are NaN. In lanes, unlike `f32::from`.
#[inline(always)]
fn widened(element: f16) -> f32 {
    let bits = u32::from(element.to_bits());
    // The exponent's bias is 112 more; subnormals become right by the multiplication.
    let scale = f32::from_bits((127 + 112) << 23);
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * scale;
    let special = if bits & 0x7c00 == 0x7c00 {
        0x7fc0_0000
    } else {
        0
    };
    f32::from_bits(magnitude.to_bits() | special | ((bits & 0x8000) << 16))
}

impl Float for f16 {
    const FIXED: RangeInclusive<i32> = f32::FIXED;
    const LONGEST: usize = f32::LONGEST;

    #[inline(always)]
    fn sign(self) -> usize {
        (self.to_bits() >> 15).into()
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.to_bits() & 0x7c00 != 0x7c00
    }

    #[inline(always)]
    fn integer(self) -> Option<u32> {
        widened(self).integer()
    }

    #[inline(always)]
    fn decimals<const N: usize>(elements: &[Self], decimals: &mut Decimals<N>) {
        let mut bits = [0; N];
        for (bits, element) in bits.iter_mut().zip(elements) {
            *bits = widened(*element).to_bits() & (u32::MAX >> 1);
        }
        decimals_32(&bits, elements.len(), decimals);
    }
}

/// Whether `test` holds for all `elements`, none of which is most often known from three of them.
#[inline(always)]
fn all<T: Copy>(elements: &[T], test: impl Fn(T) -> bool) -> bool {
    let (first, last) = (elements[0], elements[elements.len() - 1]);
    if !test(first) || !test(last) || !test(elements[elements.len() / 2]) {
        return false;
    }
    // Without an early exit, so that it is done in lanes.
    elements
        .iter()
        .fold(true, |all, &element| all & test(element))
}

#[expect(unsafe_code, reason = "see `Cursor`")]
impl<T: Float> Kernel for T {
    const MAX_LEN: usize = T::LONGEST;
    type Scratch<const N: usize> = Decimals<N>;

    #[inline(always)]
    unsafe fn write<I: Digits, const N: usize>(
        elements: &[Self],
        scratch: &mut Decimals<N>,
        rows: &mut Rows,
        _: &Options,
        mut cursor: Cursor,
    ) -> Result<Cursor, i64> {
        let elements = &elements[..elements.len().min(N)];
        if all(elements, |element| element.integer().is_some()) {
            let groups = &mut scratch.integers;
            for (index, element) in elements.iter().enumerate() {
                let magnitude = element.integer().unwrap_or_default();
                groups.set_32(index, magnitude, element.sign() == 1);
            }
            // SAFETY: such a float has at most eleven characters, `.0` and a comma.
            return Ok(unsafe { groups.write::<I, 2, true, true>(elements.len(), rows, cursor) });
        }
        let is_null = all(elements, |element| !element.is_finite());
        if !is_null {
            T::decimals(elements, scratch);
            let groups = (2 * elements.len()).next_multiple_of(4);
            let texts = &mut scratch.texts.as_flattened_mut()[..groups];
            // SAFETY: the caller's contract.
            unsafe { I::write::<2, false>(&scratch.values.as_flattened()[..groups], texts) };
        }
        let mut index = 0;
        while index < elements.len() {
            let end = index + rows.take(elements.len() - index);
            if is_null {
                for _ in index..end {
                    // SAFETY: the caller has room for `MAX_LEN` bytes and `SLACK` more.
                    cursor = unsafe { write_null(cursor) };
                }
            } else {
                // SAFETY: as above.
                cursor = unsafe { write_row(elements, scratch, index..end, cursor) };
            }
            // SAFETY: an element has been written; the caller has room for the brackets.
            cursor = unsafe { rows.close(cursor) };
            index = end;
        }
        Ok(cursor)
    }
}

/// # Safety
/// There is room for [`Kernel::MAX_LEN`] bytes each and 64 more.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_row<T: Float, const N: usize>(
    elements: &[T],
    decimals: &Decimals<N>,
    row: std::ops::Range<usize>,
    mut cursor: Cursor,
) -> Cursor {
    let elements = elements[row.clone()]
        .iter()
        .zip(&decimals.texts[row.clone()]);
    let decimals = decimals.exponents[row.clone()]
        .iter()
        .zip(&decimals.lasts[row]);
    for ((element, text), (&exponent, &last)) in elements.zip(decimals) {
        // SAFETY: the caller's contract; before the first text there are bytes of the same struct.
        cursor = unsafe { write_float::<T>(*element, text, last, exponent, cursor) };
    }
    cursor
}

/// # Safety
/// There is room for 64 bytes; one byte before `text` can be read.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_float<T: Float>(
    element: T,
    text: &[u64; 2],
    last: u32,
    exponent: i32,
    mut cursor: Cursor,
) -> Cursor {
    let digits = significant(text, last);
    let (first, end) = (*T::FIXED.start(), (*T::FIXED.end()).min(14));
    if exponent < first || exponent > end {
        // SAFETY: the caller's contract.
        return unsafe { write_rare::<T>(element, text, last, exponent, cursor) };
    }
    let place = Place::of(exponent);
    let tail =
        (((u64::from_le(text[1]) >> 56) as u16) | (0x3000 + ((last as u16) << 8))) >> place.tail;
    let len = (usize::from(place.extra) + digits).max(place.least.into());
    // SAFETY: the last byte written is the 28th; the byte before the text is the caller's.
    unsafe {
        let [low, high] = place.arrange(text.as_ptr().cast());
        cursor.put(0, *b"-");
        cursor.advance(element.sign());
        cursor.put(0, place.prefix);
        cursor.put(place.start.into(), low.to_le_bytes());
        cursor.put(usize::from(place.start) + 8, high.to_le_bytes());
        cursor.put(usize::from(place.start) + 16, tail.to_le_bytes());
        cursor.put(len, *b",");
        cursor.advance(len + 1);
    }
    cursor
}

/// How many of the seventeen digits there are without zeros at the end.
#[inline(always)]
fn significant(text: &[u64; 2], last: u32) -> usize {
    // A bit for each digit that isn't 0, the first one's the lowest.
    let digits = nonzero(text) | (((last + 15) << 12) & 0x1_0000);
    32 - digits.leading_zeros() as usize
}

/// A bit for each of sixteen digits that isn't 0.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn nonzero(text: &[u64; 2]) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: every x86-64 processor has SSE2.
    #[expect(unsafe_code, reason = "three instructions in place of ten")]
    let zeros = unsafe {
        let zeros = _mm_cmpeq_epi8(zerocopy::transmute!(*text), _mm_set1_epi8(b'0' as i8));
        _mm_movemask_epi8(zeros)
    };
    zeros as u32 ^ 0xffff
}

/// A bit for each of sixteen digits that isn't 0, but only the last one's is sure to be right.
#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
fn nonzero(text: &[u64; 2]) -> u32 {
    // The bits of a digit besides those of '0', the first digit in the lowest byte.
    const DIGIT: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let (first, second) = (u64::from_le(text[0]) & DIGIT, u64::from_le(text[1]) & DIGIT);
    let bits = select_unpredictable(second == 0, first, second);
    let before = select_unpredictable(second == 0, 8, 16);
    ((1_u64 << before) >> (bits.leading_zeros() / 8 + 1)) as u32
}

/// # Safety
/// There is room for 64 bytes.
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

/// `null`, a number with an exponent, or one from 10¹⁵ to below 10¹⁶.
///
/// # Safety
/// There is room for 64 bytes; one byte before `text` can be read.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_rare<T: Float>(
    element: T,
    text: &[u64; 2],
    last: u32,
    exponent: i32,
    mut cursor: Cursor,
) -> Cursor {
    if exponent == NULL {
        // SAFETY: the caller's contract.
        return unsafe { write_null(cursor) };
    }
    let digits = significant(text, last);
    let last = b'0' + last as u8;
    // SAFETY: at most 25 bytes are written; the byte before the text is the caller's.
    unsafe {
        cursor.put(0, *b"-");
        cursor.advance(element.sign());
        if T::FIXED.contains(&exponent) {
            cursor.copy::<16>(0, text.as_ptr().cast());
            cursor.put(16, [b'.', last]);
            let len = (digits + 1).max(18);
            cursor.put(len, *b",");
            cursor.advance(len + 1);
        } else {
            let [low, high] = Place::of(0).arrange(text.as_ptr().cast());
            cursor.put(0, low.to_le_bytes());
            cursor.put(8, high.to_le_bytes());
            cursor.put(16, [(u64::from_le(text[1]) >> 56) as u8, last]);
            let (suffix, suffix_len) = exponent_text(exponent);
            let end = digits + usize::from(digits > 1);
            cursor.put(end, suffix);
            cursor.advance(end + suffix_len);
        }
    }
    cursor
}

const _: () = assert!(FIRST <= *f32::FIXED.start() && FIRST <= *f64::FIXED.start());
