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
    let (integer, fraction) = scaled(high, low, significand << shift);
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
fn scaled(high: u64, low: u64, significand: u64) -> (u64, u64) {
    let product = u128::from(high) * u128::from(significand)
        + ((u128::from(low) * u128::from(significand)) >> 64);
    let (upper, lower) = ((product >> 64) as u64, product as u64);
    // Not one shift across words, which is slow on many processors.
    let fraction = (upper << (64 - FRACTION)) | alone(lower >> FRACTION);
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

/// The decimal of any positive finite `f64`.
pub(super) fn decimal_64(bits: u64) -> Decimal {
    if bits & ((1 << 52) - 1) == 0 && bits != 0 {
        return power_of_two((bits >> 52) as i32 - 1023, 52);
    }
    let mantissa = bits & ((1 << 52) - 1);
    let (scaled, exponent) = scale_64(bits, mantissa | (u64::from(bits >> 52 != 0) << 52));
    let (integer, digit) = round_64(scaled);
    Decimal {
        significand: integer * 10 + digit,
        exponent,
    }
}

/// The decimal of any positive finite `f32`.
pub(super) fn decimal_32(bits: u32) -> Decimal {
    if bits & ((1 << 23) - 1) == 0 && bits != 0 {
        return power_of_two((bits >> 23) as i32 - 127, 23);
    }
    let mantissa = bits & ((1 << 23) - 1);
    let product = scale_32(bits, mantissa | (u32::from(bits >> 23 != 0) << 23));
    let (significand, exponent) = round_32(bits, product);
    Decimal {
        significand: significand.into(),
        exponent,
    }
}

/// The decimal of 2^`exponent` in a type with `bits` bits after the first: below it floats lie
/// twice as close as above.
fn power_of_two(exponent: i32, bits: i32) -> Decimal {
    let exponent = exponent - bits;
    // floor(log₁₀(3/4 · 2^exponent))
    let decimal = (exponent * 315_653 - 131_072) >> 20;
    let power = -decimal - 1;
    let shift = exponent + log2_of_10_to(power) + 1 + FRACTION;
    let (high, low) = POW10[(power - LEAST) as usize];
    let (integer, fraction) = scaled(high, low, 1 << (bits + shift));
    let half = high >> (FRACTION + 1 - shift);
    if half > u64::MAX - fraction {
        return Decimal {
            significand: (integer + 1) * 10,
            exponent: decimal,
        };
    }
    if half >> 1 > fraction {
        return Decimal {
            significand: integer * 10,
            exponent: decimal,
        };
    }
    let rounded = |fraction: u64, by: u64| (u128::from(fraction) * 10 + u128::from(by)) >> 64;
    let digit = rounded(fraction, (1 << 63) - 1).max(rounded(fraction - (half >> 1), u64::MAX));
    Decimal {
        significand: integer * 10 + digit as u64,
        exponent: decimal,
    }
}
