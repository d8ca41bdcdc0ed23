//! The shortest decimal that reads back as a float, and of those the nearest.
//!
//! The method is that of zmij by Victor Zverovich and xjb by Xiang JunBo, descendants of Schubfach
//! (Giulietti 2020): the significand times a power of ten to 128 bits, scaled so that the integer
//! part is the shorter candidate and the fraction decides on one more digit. Their proofs are by
//! computer over all exponents, and so are the constants 6 and 2⁶² below. That `f32` needs no more
//! than 64 bits of the power is checked over all its values.

use std::hint::select_unpredictable;

use super::{
    digits::alone,
    pow10::{LEAST, POW10, log2_of_10_to, log10_of_2_to},
};

/// How far the integer part lies above the low end of the upper word of the product.
const FRACTION: i32 = 6;

/// A decimal: `significand` · 10^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) significand: u64,
    pub(super) exponent: i32,
}

/// For each biased exponent of `f64`: the index of its power of ten, and in the upper half by how
/// much to shift the significand. 8 KiB.
static SCALE_64: [u32; 2048] = {
    let mut table = [0; 2048];
    let mut biased = 0;
    while biased < 2048 {
        let exponent = if biased == 0 { 1 } else { biased } - 1075;
        let power = -log10_of_2_to(exponent) - 1;
        let power = if power < LEAST { LEAST } else { power };
        let shift = exponent + log2_of_10_to(power) + 1 + FRACTION;
        table[biased as usize] = (power - LEAST) as u32 | ((shift as u32) << 16);
        biased += 1;
    }
    table
};

/// A positive float times a power of ten.
#[derive(Clone, Copy, Default)]
pub(super) struct Scaled {
    /// The shorter candidate, of 15 or 16 digits for a normal float.
    integer: u64,
    /// In units of 2⁻⁶⁴.
    fraction: u64,
    /// Half the distance to the next float, in such units; 1 more if that is in the interval.
    half: u64,
}

/// `significand`, with the implicit bit of `bits` if it has one, times a power of ten, and the
/// exponent of one digit more than the integer part has.
#[inline(always)]
pub(super) fn scale_64(bits: u64, significand: u64) -> (Scaled, i32) {
    let scale = SCALE_64[(bits >> 52) as usize & 0x7ff];
    let (index, shift) = (scale as usize & 0xffff, scale >> 16);
    let (high, low) = POW10[index.min(POW10.len() - 1)];
    let significand = u128::from(significand << shift);
    let product = u128::from(high) * significand + ((u128::from(low) * significand) >> 64);
    let (upper, lower) = ((product >> 64) as u64, product as u64);
    // Not one shift across words, which is slow on many processors.
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

/// The integer part and one more digit, or 0, that are the shortest decimal.
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
    // Half to even: 2.5 is 2; 6 makes up for the truncated power.
    let digit = ((u128::from(fraction) * 10 + (1 << 63) + 6) >> 64) as u64;
    let digit = select_unpredictable(fraction == 1 << 62, 2, digit);
    (
        integer + u64::from(up),
        select_unpredictable(up | down, 0, digit),
    )
}

/// The integer part and the fraction of a significand by a power of ten.
#[inline(always)]
const fn scaled(high: u64, low: u64, significand: u64) -> (u64, u64) {
    let significand = significand as u128;
    let product = high as u128 * significand + ((low as u128 * significand) >> 64);
    let (upper, lower) = ((product >> 64) as u64, product as u64);
    let fraction = (upper << (64 - FRACTION)) | (lower >> FRACTION);
    (upper >> FRACTION, fraction)
}

/// For each biased exponent of `f32`: the power of ten to 64 bits, rounded up, and how many bits
/// of the product are the fraction, and the exponent of the additional digit.
static SCALE_32: [Scale32; 256] = {
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
            power: POW10[(-decimal - 1 - LEAST) as usize].0 + 1,
            fraction: (32 - shift) as u32,
            exponent: decimal,
        };
        biased += 1;
    }
    table
};

/// An entry of [`SCALE_32`].
#[derive(Clone, Copy)]
struct Scale32 {
    power: u64,
    fraction: u32,
    exponent: i32,
}

/// The product of a significand, with the implicit bit of `bits` if it has one, and a power of ten.
#[inline(always)]
pub(super) fn scale_32(bits: u32, significand: u32) -> u64 {
    let power = SCALE_32[(bits >> 23) as usize & 0xff].power;
    let significand = u64::from(significand);
    // In halves, because a shift across words takes longer than a product.
    (power >> 32) * significand + (((power & 0xffff_ffff) * significand) >> 32)
}

/// The significand of the shortest decimal, of 7 to 9 digits for a normal float, and the exponent.
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

/// The decimal of a subnormal `f64`, given without its sign.
#[inline(always)]
pub(super) fn subnormal_64(bits: u64) -> Decimal {
    let mantissa = bits & ((1 << 52) - 1);
    let (scaled, exponent) = scale_64(mantissa, mantissa);
    let (integer, digit) = round_64(scaled);
    Decimal {
        significand: integer * 10 + digit,
        exponent,
    }
}

/// For each biased exponent of a normal `f32`, the decimal of the power of two with nine digits, and
/// the exponent of the first. 2 KiB.
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

/// Nine digits of the normal power of two with these bits, and the exponent of the first.
#[inline(always)]
pub(super) fn power_of_two_32(bits: u32) -> (u32, i32) {
    POWERS_OF_TWO_32[(bits >> 23) as usize & 0xff]
}

/// The decimal of a subnormal `f32`, given without its sign.
#[inline(always)]
pub(super) fn subnormal_32(bits: u32) -> Decimal {
    let mantissa = bits & ((1 << 23) - 1);
    let (significand, exponent) = round_32(mantissa, scale_32(mantissa, mantissa));
    Decimal {
        significand: significand.into(),
        exponent,
    }
}

/// [`power_of_two`] of a normal `f64`: the integer part of fifteen or sixteen digits, one more
/// digit, and the exponent of the latter.
#[inline(always)]
pub(super) fn power_of_two_64(bits: u64) -> (u64, u64, i32) {
    power_of_two((bits >> 52) as i32 - 1023, 52)
}

/// The decimal of 2^`exponent` in a type with `bits` bits after the first: below it floats lie
/// twice as close as above. An integer part, one more digit or 0, and the exponent of that.
#[inline(always)]
const fn power_of_two(exponent: i32, bits: i32) -> (u64, u64, i32) {
    let exponent = exponent - bits;
    // floor(log₁₀(3/4 · 2^exponent))
    let decimal = (exponent * 315_653 - 131_072) >> 20;
    let power = -decimal - 1;
    let shift = exponent + log2_of_10_to(power) + 1 + FRACTION;
    let (high, low) = POW10[(power - LEAST) as usize];
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

/// The digit that `fraction` has after `by` has been added.
const fn rounded(fraction: u64, by: u64) -> u64 {
    ((fraction as u128 * 10 + by as u128) >> 64) as u64
}
