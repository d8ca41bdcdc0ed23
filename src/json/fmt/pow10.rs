//! Powers of ten with a precision of 128 bits, computed at compile time.

/// The minimum and maximum exponents in the table: those needed to scale 2⁻¹⁰⁷⁴ to 2⁹⁷¹.
pub(super) const LEAST: i32 = -293;
const GREATEST: i32 = 323;
const COUNT: usize = (GREATEST - LEAST + 1) as usize;

/// The leading 128 bits of 10^([`LEAST`] + index), normalized and rounded down, as high and low
/// half. 9.6 KiB.
pub(super) static POW10: [[u64; 2]; COUNT] = powers();

/// floor(log₁₀(2^`exponent`)), for exponents from -1334 to 2620.
pub(super) const fn log10_of_2_to(exponent: i32) -> i32 {
    (exponent * 315_653) >> 20
}

/// floor(log₂(10^`exponent`)), for exponents from -350 to 350.
pub(super) const fn log2_of_10_to(exponent: i32) -> i32 {
    (exponent * 217_707) >> 16
}

/// Enough for 10³²³, and for 128 bits of 10⁻²⁹³. Limbs are in little-endian order.
const LIMBS: usize = 18;
type Big = [u64; LIMBS];

const fn powers() -> [[u64; 2]; COUNT] {
    let mut table = [[0; 2]; COUNT];
    let one = (-LEAST) as usize;
    let mut big: Big = [0; LIMBS];
    big[0] = 1;
    table[one] = leading(&big);
    let mut index = one + 1;
    while index < COUNT {
        big = times_10(big);
        table[index] = leading(&big);
        index += 1;
    }
    // floor(floor(a / 10) / 10) is floor(a / 100), so rounding errors don't add up.
    let mut big: Big = [0; LIMBS];
    big[LIMBS - 1] = 1 << 63;
    let mut index = one;
    while index > 0 {
        index -= 1;
        big = over_10(big);
        table[index] = leading(&big);
    }
    table
}

const fn times_10(mut big: Big) -> Big {
    let mut carry = 0;
    let mut limb = 0;
    while limb < LIMBS {
        let product = big[limb] as u128 * 10 + carry;
        big[limb] = product as u64;
        carry = product >> 64;
        limb += 1;
    }
    assert!(carry == 0);
    big
}

const fn over_10(mut big: Big) -> Big {
    let mut rest = 0;
    let mut limb = LIMBS;
    while limb > 0 {
        limb -= 1;
        let dividend = (rest << 64) | big[limb] as u128;
        big[limb] = (dividend / 10) as u64;
        rest = dividend % 10;
    }
    big
}

const fn leading(big: &Big) -> [u64; 2] {
    let mut top = LIMBS - 1;
    while big[top] == 0 {
        top -= 1;
    }
    let first = big[top];
    let second = if top >= 1 { big[top - 1] } else { 0 };
    let third = if top >= 2 { big[top - 2] } else { 0 };
    let shift = first.leading_zeros();
    if shift == 0 {
        return [first, second];
    }
    [
        (first << shift) | (second >> (64 - shift)),
        (second << shift) | (third >> (64 - shift)),
    ]
}

#[cfg(test)]
mod tests {
    use super::{LEAST, POW10, log2_of_10_to, log10_of_2_to};

    fn power(exponent: i32) -> [u64; 2] {
        POW10[(exponent - LEAST) as usize]
    }

    #[test]
    fn powers_are_those_known() {
        assert_eq!(power(0), [1 << 63, 0]);
        assert_eq!(power(1), [0xa000_0000_0000_0000, 0]);
        assert_eq!(power(28), [0x813f_3978_f894_0984, 0x4000_0000_0000_0000]);
        assert_eq!(power(-1), [0xcccc_cccc_cccc_cccc, 0xcccc_cccc_cccc_cccc]);
        assert_eq!(power(-292), [0xff77_b1fc_bebc_dc4f, 0x25e8_e89c_13bb_0f7a]);
        assert_eq!(power(323), [0xfcf6_2c1d_ee38_2c42, 0x4672_9e03_dd9e_d7b5]);
    }

    #[test]
    fn logarithms() {
        for exponent in -1074..=1023 {
            let expected = (f64::from(exponent) * 2_f64.log10()).floor() as i32;
            assert_eq!(log10_of_2_to(exponent), expected, "{exponent}");
        }
        for exponent in -323..=323 {
            let expected = (f64::from(exponent) * 10_f64.log2()).floor() as i32;
            assert_eq!(log2_of_10_to(exponent), expected, "{exponent}");
        }
    }
}
