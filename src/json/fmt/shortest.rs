//! Finds the shortest decimal that parses to a given float; among several, the nearest.
//!
//! The algorithm is that of zmij by Victor Zverovich and xjb by Xiang JunBo, which are based on
//! Schubfach (Giulietti 2020): it multiplies the significand by a power of ten with 128 bits, scaled
//! so that the integer part is the shorter candidate and the fraction decides on one more digit. Both
//! were verified by computer for all exponents, including the constants 6 and 2⁶² below. For `f32`, a
//! test over all values checks that 64 bits of the power are enough.

use std::hint::select_unpredictable;

use zerocopy::{Immutable, IntoBytes};

use super::{
    digits::alone,
    pow10::{LEAST, POW10, log2_of_10_to, log10_of_2_to},
};

/// The number of fraction bits in the upper word of the product.
pub(super) const FRACTION: i32 = 6;

/// The decimal number `significand` · 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) significand: u64,
    pub(super) exponent: i32,
}

/// For each biased exponent of `f64`: the index of its power of ten in the lower twelve bits, and the
/// shift of the significand above. 4 KiB.
pub(super) static SCALE_64: [u16; 2048] = {
    let mut table = [0; 2048];
    let mut biased = 0;
    while biased < 2048 {
        let exponent = if biased == 0 { 1 } else { biased } - 1075;
        let power = -log10_of_2_to(exponent) - 1;
        let power = if power < LEAST { LEAST } else { power };
        let shift = exponent + log2_of_10_to(power) + 1 + FRACTION;
        table[biased as usize] = (power - LEAST) as u16 | ((shift as u16) << 12);
        biased += 1;
    }
    table
};

/// The size of all tables of this module, in bytes.
pub(super) const TABLES: usize = size_of_val(&SCALE_64)
    + size_of_val(&SCALE_32)
    + size_of_val(&POWERS_OF_TWO_32)
    + size_of_val(&POW10);

/// A positive float multiplied by a power of ten.
#[derive(Clone, Copy, Default)]
pub(super) struct Scaled {
    /// The shorter candidate, with 15 or 16 digits for a normal float.
    integer: u64,
    /// In units of 2⁻⁶⁴.
    fraction: u64,
    /// Half the distance to the next float in the same units, plus 1 if the bound is included.
    half: u64,
}

/// The bits of the smallest subnormals that are scaled to as many digits as normal floats: to an integer
/// part of at least 10¹⁴, or for `f32` 10⁵.
pub(super) const LEAST_64: u64 = 1 << 48;
pub(super) const LEAST_32: u32 = 1 << 20;

/// Whether [`scale_64`] and [`round_64`] give fifteen to seventeen digits; false for zero, powers of two,
/// small subnormals, infinities and NaN. `bits` are without the sign.
#[inline(always)]
pub(super) fn is_common_64(bits: u64) -> bool {
    let limit = f64::INFINITY.to_bits() - LEAST_64;
    (bits << 12 != 0) & (bits.wrapping_sub(LEAST_64) < limit)
}

/// [`is_common_64`] for `f32`, with seven to nine digits.
#[inline(always)]
pub(super) fn is_common_32(bits: u32) -> bool {
    let limit = f32::INFINITY.to_bits() - LEAST_32;
    (bits << 9 != 0) & (bits.wrapping_sub(LEAST_32) < limit)
}

/// Scales a float given its bits without the sign. Also returns the decimal exponent of the digit after
/// the integer part.
#[inline(always)]
pub(super) fn scale_64(bits: u64) -> (Scaled, i32) {
    let implicit = u64::from(bits >> 52 != 0) << 52;
    let significand = (bits & ((1 << 52) - 1)) | implicit;
    let scale = u32::from(SCALE_64[(bits >> 52) as usize & 0x7ff]);
    let (index, shift) = (scale as usize & 0xfff, scale >> 12);
    let [high, low] = POW10[index.min(POW10.len() - 1)];
    let significand = u128::from(significand << shift);
    let product = u128::from(high) * significand + ((u128::from(low) * significand) >> 64);
    let (upper, lower) = ((product >> 64) as u64, product as u64);
    // Two shifts, because one across two words is slow on many processors.
    let fraction = (upper << (64 - FRACTION)) | alone(lower >> FRACTION);
    let integer = upper >> FRACTION;
    let half = (high >> ((FRACTION as u32 + 1).wrapping_sub(shift) & 63)) + (!bits & 1);
    let scaled = Scaled {
        integer,
        fraction,
        half,
    };
    (scaled, -1 - LEAST - index as i32)
}

/// The integer part and one more digit of the shortest decimal; the digit is 0 if not needed.
#[inline(always)]
pub(super) fn round_64(
    Scaled {
        integer,
        fraction,
        half,
    }: Scaled,
) -> (u64, u64) {
    let up = fraction.checked_add(half).is_none();
    let down = half > fraction;
    // Ties round to even: 2.5 becomes 2. The 6 compensates for the truncated power.
    let digit = ((u128::from(fraction) * 10 + (1 << 63) + 6) >> 64) as u64;
    let digit = select_unpredictable(fraction == 1 << 62, 2, digit);
    (
        integer + u64::from(up),
        select_unpredictable(up | down, 0, digit),
    )
}

/// The integer part and the fraction of the product of a significand and a power of ten.
#[inline(always)]
const fn scaled(high: u64, low: u64, significand: u64) -> (u64, u64) {
    let significand = significand as u128;
    let product = high as u128 * significand + ((low as u128 * significand) >> 64);
    let (upper, lower) = ((product >> 64) as u64, product as u64);
    let fraction = (upper << (64 - FRACTION)) | (lower >> FRACTION);
    (upper >> FRACTION, fraction)
}

/// For each biased exponent of `f32`: the power of ten with 64 bits, rounded up, the number of fraction
/// bits in the product, and the decimal exponent of the digit after the integer part.
pub(super) static SCALE_32: [Scale32; 256] = {
    let zero = Scale32 {
        power: 0,
        fraction: 32,
        exponent: 0,
    };
    let mut table = [zero; 256];
    let mut biased = 0;
    while biased < 256 {
        let exponent = if biased == 0 { 1 } else { biased } - 150;
        let decimal = log10_of_2_to(exponent);
        let shift = exponent + log2_of_10_to(-decimal - 1) + 1;
        table[biased as usize] = Scale32 {
            power: POW10[(-decimal - 1 - LEAST) as usize][0] + 1,
            fraction: (32 - shift) as u32,
            exponent: decimal,
        };
        biased += 1;
    }
    table
};

/// An entry of [`SCALE_32`].
#[derive(Clone, Copy, IntoBytes, Immutable)]
#[repr(C)]
pub(super) struct Scale32 {
    power: u64,
    fraction: u32,
    exponent: i32,
}

/// Scales a float given its bits without the sign.
#[inline(always)]
pub(super) fn scale_32(bits: u32) -> u64 {
    let implicit = u32::from(bits >> 23 != 0) << 23;
    let significand = (bits & ((1 << 23) - 1)) | implicit;
    let power = SCALE_32[(bits >> 23) as usize & 0xff].power;
    let significand = u64::from(significand);
    // Two products, because a shift across words takes longer than a multiplication.
    (power >> 32) * significand + (((power & 0xffff_ffff) * significand) >> 32)
}

/// The significand, with 7 to 9 digits for a normal float, and the exponent of the shortest decimal.
#[inline(always)]
pub(super) fn round_32(bits: u32, product: u64) -> (u32, i32) {
    let Scale32 {
        power,
        fraction,
        exponent,
    } = SCALE_32[(bits >> 23) as usize & 0xff];
    let one = 1_u64 << fraction;
    let (integer, rest) = (product >> fraction, product & (one - 1));
    let half = ((power - 1) >> 33) + u64::from(!bits & 1);
    let up = rest + half >= one;
    let down = half > rest;
    let digit = ((rest * 10 + (one >> 1)) >> fraction) as u32;
    let digit = select_unpredictable(rest == one >> 2, 2, digit);
    let digit = select_unpredictable(up | down, 0, digit);
    ((integer as u32 + u32::from(up)) * 10 + digit, exponent)
}

/// The shortest decimal of a subnormal `f64`, whose sign bit must be 0.
pub(super) fn subnormal_64(bits: u64) -> Decimal {
    let (scaled, exponent) = scale_64(bits);
    let (integer, digit) = round_64(scaled);
    Decimal {
        significand: integer * 10 + digit,
        exponent,
    }
}

/// For each biased exponent of a normal `f32`: the nine digits of that power of two, and the decimal
/// exponent of the first. 2 KiB.
static POWERS_OF_TWO_32: [(u32, i32); 256] = {
    let mut table = [(0, 0); 256];
    let mut biased = 1;
    while biased < 255 {
        let (integer, digit, exponent) = power_of_two(biased - 127, 23);
        let (mut significand, mut exponent) = (integer * 10 + digit, exponent + 8);
        while significand < 100_000_000 {
            significand *= 10;
            exponent -= 1;
        }
        table[biased as usize] = (significand as u32, exponent);
        biased += 1;
    }
    table
};

/// The nine digits of a normal power of two, and the decimal exponent of the first.
#[inline(always)]
pub(super) fn power_of_two_32(bits: u32) -> (u32, i32) {
    POWERS_OF_TWO_32[(bits >> 23) as usize & 0xff]
}

/// The shortest decimal of a subnormal `f32`, whose sign bit must be 0.
pub(super) fn subnormal_32(bits: u32) -> Decimal {
    let (significand, exponent) = round_32(bits, scale_32(bits));
    Decimal {
        significand: significand.into(),
        exponent,
    }
}

/// [`power_of_two`] for a normal `f64`; the integer part has fifteen or sixteen digits.
#[inline(always)]
pub(super) fn power_of_two_64(bits: u64) -> (u64, u64, i32) {
    power_of_two((bits >> 52) as i32 - 1023, 52)
}

/// The shortest decimal of 2^`exponent` in a type with `bits` explicit significand bits: integer part,
/// one more digit, and its decimal exponent. Powers of two are special because floats are twice as
/// dense below as above.
#[inline(always)]
const fn power_of_two(exponent: i32, bits: i32) -> (u64, u64, i32) {
    let exponent = exponent - bits;
    // floor(log₁₀(3/4 · 2^exponent))
    let decimal = (exponent * 315_653 - 131_072) >> 20;
    let power = -decimal - 1;
    let shift = exponent + log2_of_10_to(power) + 1 + FRACTION;
    let [high, low] = POW10[(power - LEAST) as usize];
    let (integer, fraction) = scaled(high, low, 1 << (bits + shift));
    let half = high >> (FRACTION + 1 - shift);
    if half > u64::MAX - fraction {
        return (integer + 1, 0, decimal);
    }
    if half >> 1 > fraction {
        return (integer, 0, decimal);
    }
    let nearest = rounded(fraction, (1 << 63) - 1);
    let least = rounded(fraction - (half >> 1), u64::MAX);
    let digit = if nearest > least { nearest } else { least };
    (integer, digit, decimal)
}

/// The first decimal digit of `fraction`, after adding `by` to ten times the fraction.
const fn rounded(fraction: u64, by: u64) -> u64 {
    ((fraction as u128 * 10 + by as u128) >> 64) as u64
}
