//! Converts blocks of floats to decimal.

use std::hint::select_unpredictable;

use super::{
    digits::{Digits, TENS, alone, count, split8},
    shortest::{
        Decimal, Scaled, is_common_32, is_common_64, power_of_two_32, power_of_two_64, round_32,
        round_64, scale_32, scale_64, subnormal_32, subnormal_64,
    },
};

#[cfg(target_arch = "x86_64")]
mod x86;

/// Marks the exponent of NaN and infinities.
pub(super) const NULL: i32 = i32::MAX;

/// The decimals of a block, with up to seventeen digits each.
pub struct Decimals<const N: usize> {
    /// The first sixteen digits of an `f64` as two numbers of eight digits. For `f32` and `f16`, each
    /// number is one element's nine digits, so only half are used.
    pub(super) values: [[u32; 2]; N],
    /// The seventeenth digit.
    pub(super) lasts: [u32; N],
    /// The decimal exponent of the first digit.
    pub(super) exponents: [i32; N],
    /// Intermediate results: `scaled` of `f64`, `products` of `f32` and `f16`.
    scaled: [Scaled; N],
    products: [u64; N],
}

impl<const N: usize> Default for Decimals<N> {
    fn default() -> Self {
        // Each element that needs the slow path is a bit of a `u64`.
        const { assert!(N <= 64) };
        Self {
            values: [[0; 2]; N],
            lasts: [0; N],
            exponents: [0; N],
            scaled: [Scaled::default(); N],
            products: [0; N],
        }
    }
}

impl<const N: usize> Decimals<N> {
    /// Sets the decimals of all common elements. Returns the others, as bits: the first element is the
    /// lowest.
    ///
    /// # Safety
    /// The processor must support `I`.
    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    pub(super) unsafe fn set_common_64<I: Digits>(&mut self, elements: &[f64]) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if I::IS_AVX2 {
            // SAFETY: the caller's contract.
            return unsafe { x86::set_common_64(self, elements) };
        }
        self.set_common_64_one_by_one(elements)
    }

    /// Like [`set_common_64`](Self::set_common_64), for `f32`, given the bits without the sign.
    ///
    /// # Safety
    /// The processor must support `I`.
    #[expect(unsafe_code, reason = "see `Digits`")]
    #[inline(always)]
    pub(super) unsafe fn set_common_32<I: Digits>(&mut self, bits: &[u32]) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if I::IS_AVX2 {
            // SAFETY: the caller's contract.
            return unsafe { x86::set_common_32(self, bits) };
        }
        self.set_common_32_one_by_one(bits)
    }

    #[inline(always)]
    fn set_common_64_one_by_one(&mut self, elements: &[f64]) -> u64 {
        let elements = &elements[..elements.len().min(N)];
        let mut rare = Bits::default();
        // Two loops, so that the processor can overlap more elements: a single one spends most of
        // its time waiting for multiplications.
        for (index, element) in elements.iter().enumerate() {
            let bits = alone(element.to_bits()) & (u64::MAX >> 1);
            rare.push(!is_common_64(bits));
            (self.scaled[index], self.exponents[index]) = scale_64(bits);
        }
        for index in 0..elements.len() {
            let (integer, digit) = round_64(self.scaled[index]);
            self.set_integer_and_digit(index, integer, digit, self.exponents[index]);
        }
        rare.of(elements.len())
    }

    #[inline(always)]
    fn set_common_32_one_by_one(&mut self, bits: &[u32]) -> u64 {
        let bits = &bits[..bits.len().min(N)];
        let mut rare = Bits::default();
        for (index, &bits) in bits.iter().enumerate() {
            let bits = alone(bits.into()) as u32;
            rare.push(!is_common_32(bits));
            self.products[index] = scale_32(bits);
        }
        for (index, &bits) in bits.iter().enumerate() {
            let (decimal, exponent) = round_32(bits, alone(self.products[index]));
            // The decimal has seven to nine digits.
            let (nine, eight) = (decimal >= 100_000_000, decimal >= 10_000_000);
            let by = select_unpredictable(eight, 10, 100);
            let by = select_unpredictable(nine, 1, by);
            self.values.as_flattened_mut()[index] = decimal * by;
            self.exponents[index] = exponent + 6 + i32::from(eight) + i32::from(nine);
        }
        rare.of(bits.len())
    }

    /// Sets an `f64` that isn't common.
    pub(super) fn set_rare_64(&mut self, index: usize, element: f64) {
        let bits = element.to_bits() & (u64::MAX >> 1);
        if element.is_normal() {
            let (integer, digit, exponent) = power_of_two_64(bits);
            self.set_integer_and_digit(index, integer, digit, exponent);
        } else if bits != 0 && element.is_finite() {
            self.set_17(index, subnormal_64(bits));
        } else {
            self.values[index] = [0; 2];
            self.lasts[index] = 0;
            self.exponents[index] = if element.is_finite() { 0 } else { NULL };
        }
    }

    /// Sets an `f32` that isn't common.
    pub(super) fn set_rare_32(&mut self, index: usize, element: f32) {
        let bits = element.to_bits() & (u32::MAX >> 1);
        if element.is_normal() {
            let (significand, exponent) = power_of_two_32(bits);
            self.values.as_flattened_mut()[index] = significand;
            self.exponents[index] = exponent;
        } else if bits != 0 && element.is_finite() {
            self.set_9(index, subnormal_32(bits));
        } else {
            self.values.as_flattened_mut()[index] = 0;
            self.exponents[index] = if element.is_finite() { 0 } else { NULL };
        }
    }

    /// Sets a decimal of at most nine digits, for `f32` and `f16`.
    fn set_9(&mut self, index: usize, decimal: Decimal) {
        let missing = 9 - count(decimal.significand);
        self.values.as_flattened_mut()[index] = (decimal.significand * TENS[missing]) as u32;
        self.exponents[index] = decimal.exponent + 8 - missing as i32;
    }

    /// Sets a decimal of at most seventeen digits.
    fn set_17(&mut self, index: usize, decimal: Decimal) {
        let missing = 17 - count(decimal.significand);
        let digits = decimal.significand * TENS[missing];
        let sixteen = digits / 10;
        self.values[index] = split8(sixteen);
        self.lasts[index] = (digits - sixteen * 10) as u32;
        self.exponents[index] = decimal.exponent + 16 - missing as i32;
    }

    /// Sets an integer part of fifteen or sixteen digits and one more digit, whose decimal exponent is
    /// `exponent`.
    #[inline(always)]
    fn set_integer_and_digit(&mut self, index: usize, integer: u64, digit: u64, exponent: i32) {
        let integer = alone(integer);
        let is_short = integer < 1_000_000_000_000_000;
        let sixteen = select_unpredictable(is_short, integer * 10 + digit, integer);
        self.values[index] = split8(sixteen);
        self.lasts[index] = select_unpredictable(is_short, 0, digit as u32);
        self.exponents[index] = exponent + 16 - i32::from(is_short);
    }
}

/// Bits pushed one by one, without shifts by a variable number.
#[derive(Default)]
struct Bits(u64);

impl Bits {
    #[inline(always)]
    fn push(&mut self, bit: bool) {
        self.0 = (self.0 >> 1) | (u64::from(bit) << 63);
    }

    /// The last `len` bits; the one pushed first is the lowest.
    #[inline(always)]
    fn of(self, len: usize) -> u64 {
        self.0.checked_shr(64 - len as u32).unwrap_or(0)
    }
}

/// The indices of the bits that are set.
#[inline(always)]
pub(super) fn indices(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        (index < 64).then_some(index)
    })
}
