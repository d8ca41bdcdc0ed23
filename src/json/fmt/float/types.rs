//! The float types: how each is tested, converted to decimal and written as digits.

use std::ops::RangeInclusive;

use half::f16;

use super::{
    super::{
        decimals::Decimals,
        digits::Digits,
        shortest::{is_common_32, is_common_64},
    },
    Scratch,
};

/// A float that can be converted to decimal.
pub trait Float: Copy + PartialEq + 'static {
    /// The range of decimal exponents written without `e`.
    const FIXED: RangeInclusive<i32>;
    /// The maximum length of the text in bytes, with a comma.
    const LONGEST: usize;
    /// Where the digits start in a text: 1 if nine digits are stored as the last of ten.
    const START: usize;

    /// 1 if the sign bit is set, otherwise 0.
    fn sign(self) -> usize;

    fn is_finite(self) -> bool;

    /// The magnitude, if it is an integer of at most 32 bits.
    fn integer(self) -> Option<u32>;

    fn is_zero(self) -> bool;

    /// Whether the float is converted together with others; false for zero, powers of two, small
    /// subnormals, infinities and NaN.
    fn is_common(self) -> bool;

    /// Sets the decimal of a float that isn't common.
    fn set_rare<const N: usize>(self, index: usize, decimals: &mut Decimals<N>);

    /// Sets the decimals of all common elements. Returns the others, one bit for each element.
    ///
    /// # Safety
    /// The processor must support `I`.
    #[expect(unsafe_code, reason = "see `Digits`")]
    unsafe fn set_common<I: Digits, const N: usize>(
        elements: &[Self],
        decimals: &mut Decimals<N>,
    ) -> u64;

    /// Converts the first `len` values to text.
    ///
    /// # Safety
    /// The processor must support `I`.
    #[expect(unsafe_code, reason = "see `Digits`")]
    unsafe fn write_digits<I: Digits, const N: usize>(len: usize, scratch: &mut Scratch<N>);

    /// Sets the texts of at most `N` elements with AVX-512.
    ///
    /// # Safety
    /// The processor must support [`Level::Avx512`](crate::json::Level::Avx512).
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "see `Digits`")]
    unsafe fn set_wide<const N: usize>(elements: &[Self], scratch: &mut Scratch<N>);
}

impl Float for f64 {
    const FIXED: RangeInclusive<i32> = -5..=15;
    const LONGEST: usize = 25;
    const START: usize = 0;

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
        // The lowest bit of the sum is worth 1, so the addition rounds to an integer.
        let shift = (1_u64 << 52) as f64;
        let sum = self.abs() + shift;
        let is_whole = (sum - shift).to_bits() == self.abs().to_bits();
        (is_whole && self.abs() < (1_u64 << 32) as f64).then_some(sum.to_bits() as u32)
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        self.to_bits() << 1 == 0
    }

    #[inline(always)]
    fn is_common(self) -> bool {
        is_common_64(self.to_bits() & (u64::MAX >> 1))
    }

    #[inline(always)]
    fn set_rare<const N: usize>(self, index: usize, decimals: &mut Decimals<N>) {
        decimals.set_rare_64(index, self);
    }

    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn set_common<I: Digits, const N: usize>(
        elements: &[Self],
        decimals: &mut Decimals<N>,
    ) -> u64 {
        // SAFETY: the caller's contract.
        unsafe { decimals.set_common_64::<I>(elements) }
    }

    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn write_digits<I: Digits, const N: usize>(len: usize, scratch: &mut Scratch<N>) {
        let groups = (2 * len).next_multiple_of(4);
        let texts = &mut scratch.texts.as_flattened_mut()[2..2 + groups];
        let values = &scratch.decimals.values.as_flattened()[..groups];
        // SAFETY: the caller's contract.
        unsafe { I::write::<false>(values, texts) };
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn set_wide<const N: usize>(elements: &[Self], scratch: &mut Scratch<N>) {
        // SAFETY: the caller's contract.
        unsafe { scratch.wide.set_64(elements, &mut scratch.decimals) };
    }
}

impl Float for f32 {
    const FIXED: RangeInclusive<i32> = -6..=12;
    const LONGEST: usize = 18;
    const START: usize = 1;

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
    fn is_zero(self) -> bool {
        self.to_bits() << 1 == 0
    }

    #[inline(always)]
    fn is_common(self) -> bool {
        is_common_32(self.to_bits() & (u32::MAX >> 1))
    }

    #[inline(always)]
    fn set_rare<const N: usize>(self, index: usize, decimals: &mut Decimals<N>) {
        decimals.set_rare_32(index, self);
    }

    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn set_common<I: Digits, const N: usize>(
        elements: &[Self],
        decimals: &mut Decimals<N>,
    ) -> u64 {
        let mut bits = [0; N];
        for (bits, element) in bits.iter_mut().zip(elements) {
            *bits = element.to_bits() & (u32::MAX >> 1);
        }
        // SAFETY: the caller's contract.
        unsafe { decimals.set_common_32::<I>(&bits[..elements.len().min(N)]) }
    }

    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn write_digits<I: Digits, const N: usize>(len: usize, scratch: &mut Scratch<N>) {
        let padded = len.next_multiple_of(4);
        let texts = scratch.texts.as_flattened_mut()[2..].as_chunks_mut().0;
        let values = &scratch.decimals.values.as_flattened()[..padded];
        // SAFETY: the caller's contract.
        unsafe { I::write_ten::<false>(values, &mut texts[..padded]) };
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn set_wide<const N: usize>(elements: &[Self], scratch: &mut Scratch<N>) {
        let mut bits = [0; N];
        let mut negative = 0;
        for (index, (bits, element)) in bits.iter_mut().zip(elements).enumerate() {
            *bits = element.to_bits() & (u32::MAX >> 1);
            negative |= (element.sign() as u64) << index;
        }
        let bits = &bits[..elements.len().min(N)];
        // SAFETY: the caller's contract.
        unsafe { scratch.wide.set_32(bits, negative, &mut scratch.decimals) };
    }
}

/// Converts to the `f32` of the same value; infinities become NaN. Unlike `f32::from`, it vectorizes.
#[inline(always)]
fn widened(element: f16) -> f32 {
    /// The difference of the biases, in the exponent.
    const BIAS: u32 = 112 << 23;
    /// The smallest normal `f16`.
    const SMALLEST: u32 = 113 << 23;
    let bits = u32::from(element.to_bits());
    // A subnormal gets the exponent and the implicit bit of the smallest normal number, which is then
    // subtracted. Multiplying instead would need subnormal `f32`s, which take far longer.
    let shifted = (bits & 0x7fff) << 13;
    let magnitude = if bits & 0x7c00 == 0 {
        f32::from_bits(shifted + SMALLEST) - f32::from_bits(SMALLEST)
    } else {
        f32::from_bits(shifted + BIAS)
    };
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
    const START: usize = f32::START;

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
    fn is_zero(self) -> bool {
        self.to_bits() << 1 == 0
    }

    #[inline(always)]
    fn is_common(self) -> bool {
        // A subnormal `f16` is normal as `f32`.
        Float::is_common(widened(self))
    }

    #[inline(always)]
    fn set_rare<const N: usize>(self, index: usize, decimals: &mut Decimals<N>) {
        decimals.set_rare_32(index, widened(self));
    }

    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn set_common<I: Digits, const N: usize>(
        elements: &[Self],
        decimals: &mut Decimals<N>,
    ) -> u64 {
        let mut bits = [0; N];
        for (bits, element) in bits.iter_mut().zip(elements) {
            *bits = widened(*element).to_bits() & (u32::MAX >> 1);
        }
        // SAFETY: the caller's contract.
        unsafe { decimals.set_common_32::<I>(&bits[..elements.len().min(N)]) }
    }

    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn write_digits<I: Digits, const N: usize>(len: usize, scratch: &mut Scratch<N>) {
        // SAFETY: the caller's contract.
        unsafe { f32::write_digits::<I, N>(len, scratch) };
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    unsafe fn set_wide<const N: usize>(elements: &[Self], scratch: &mut Scratch<N>) {
        let mut bits = [0; N];
        let mut negative = 0;
        for (index, (bits, element)) in bits.iter_mut().zip(elements).enumerate() {
            *bits = widened(*element).to_bits() & (u32::MAX >> 1);
            negative |= (element.sign() as u64) << index;
        }
        let bits = &bits[..elements.len().min(N)];
        // SAFETY: the caller's contract.
        unsafe { scratch.wide.set_32(bits, negative, &mut scratch.decimals) };
    }
}
