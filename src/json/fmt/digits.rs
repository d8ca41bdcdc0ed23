//! Converts integers to decimal digits, several at a time.

/// `'0'` in each byte.
pub(super) const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of `value` as text, with the first digit in the lowest byte. `value` must be below
/// 10⁸.
///
/// Splits the value into halves, quarters and digits in parallel lanes of one word, and divides by
/// multiplying (Khuong 2017, "How to print integers really fast"; Lemire 2021).
#[inline(always)]
pub(super) const fn digits8(value: u32) -> u64 {
    debug_assert!(value < 100_000_000);
    let value = value as u64;
    let high = (value * 109_951_163) >> 40;
    let halves = high | ((value - high * 10_000) << 32);
    let high = ((halves * 5_243) >> 19) & 0x0000_007f_0000_007f;
    let quarters = high | ((halves - high * 100) << 16);
    let high = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    (high | ((quarters - high * 10) << 8)) | ZEROS
}

/// Returns `value`, but keeps the compiler from vectorizing the code around it, which would take twice
/// as long: it would split 64-bit products into lanes and put them together again.
#[inline(always)]
pub(super) fn alone(value: u64) -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut value = value;
        // SAFETY: the assembly is only a comment.
        #[expect(unsafe_code, reason = "`black_box` goes through memory")]
        unsafe {
            std::arch::asm!("/* {} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
        }
        value
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    value
}

/// The number of digits of `value`; 1 for 0.
#[inline(always)]
pub(super) fn count(value: u64) -> usize {
    let least = usize::from(LEAST_DIGITS[(value | 1).leading_zeros() as usize % 64]);
    least + usize::from(value >= TENS[least % 32])
}

/// The minimum number of digits of a value, by its number of leading zero bits.
static LEAST_DIGITS: [u8; 64] = {
    let mut table = [1; 64];
    let mut zeros = 0;
    while zeros < 64 {
        let mut least = (u64::MAX >> zeros >> 1) + 1;
        while least >= 10 {
            table[zeros] += 1;
            least /= 10;
        }
        zeros += 1;
    }
    table
};

/// 10⁰ to 10¹⁹, then `u64::MAX`.
pub(super) static TENS: [u64; 32] = {
    let mut table = [u64::MAX; 32];
    table[0] = 1;
    let mut index = 1;
    while index < 20 {
        table[index] = table[index - 1] * 10;
        index += 1;
    }
    table
};

/// The size of all tables of this module, in bytes.
pub(super) const TABLES: usize = size_of_val(&LEAST_DIGITS) + size_of_val(&TENS);

/// `value / 10⁸` and `value % 10⁸`; `value` must be below 10¹⁶.
#[inline(always)]
pub(super) const fn split8(value: u64) -> [u32; 2] {
    let high = ((value as u128 * 0xabcc_7711_8461_cefd) >> 90) as u64;
    [high as u32, (value - high * 100_000_000) as u32]
}

/// XORed with the digits, turns a last digit of 0 into a comma.
const TO_COMMA: u64 = ((b'0' ^ b',') as u64) << 56;

/// The text of an integer of at most 32 bits: ten digits and a comma, in the first eleven bytes.
pub(super) type Ten = [u64; 2];

/// The second word of a [`Ten`] without its digits.
const fn end_of_ten(comma: bool) -> u64 {
    if comma {
        ((b',' as u64) << 16) | (ZEROS & 0xffff)
    } else {
        ZEROS
    }
}

/// A set of instructions that computes digits.
///
/// All texts are in little-endian order, so that they can be read as bytes. `texts` must be as long
/// as `values`.
#[expect(unsafe_code, reason = "uses instructions that the target may lack")]
pub trait Digits {
    /// Whether AVX2 is among the instructions.
    const IS_AVX2: bool;

    /// Whether the instructions are those of [`Level::Avx512`](crate::json::Level::Avx512).
    const IS_AVX512: bool;

    /// Computes [`digits8`] of all `values`; their number must be a multiple of four. With `COMMA`, the
    /// last digit must be 0 and is replaced with a comma.
    ///
    /// # Safety
    /// The processor must support the instructions.
    unsafe fn write<const COMMA: bool>(values: &[u32], texts: &mut [u64]);

    /// Computes ten digits of all `values`; their number must be a multiple of four. The digits are
    /// followed by a comma with `COMMA`, otherwise by `0`s.
    ///
    /// # Safety
    /// The processor must support the instructions.
    unsafe fn write_ten<const COMMA: bool>(values: &[u32], texts: &mut [Ten]);
}

/// The instructions that every processor of the target supports.
pub(in crate::json) struct Baseline;

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[expect(unsafe_code, reason = "the trait's methods are unsafe")]
impl Digits for Baseline {
    const IS_AVX2: bool = false;
    const IS_AVX512: bool = false;

    #[inline(always)]
    unsafe fn write<const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        // SAFETY: every x86-64 processor supports SSE2.
        unsafe { x86::write_sse2::<COMMA>(values, texts) }
    }

    #[inline(always)]
    unsafe fn write_ten<const COMMA: bool>(values: &[u32], texts: &mut [Ten]) {
        // SAFETY: as above.
        unsafe { x86::write_ten_sse2::<COMMA>(values, texts) }
    }
}

#[cfg(any(not(target_arch = "x86_64"), miri))]
#[expect(unsafe_code, reason = "the trait's methods are unsafe")]
impl Digits for Baseline {
    const IS_AVX2: bool = false;
    const IS_AVX512: bool = false;

    #[inline(always)]
    unsafe fn write<const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        let comma = if COMMA { TO_COMMA } else { 0 };
        for (text, value) in texts.iter_mut().zip(values) {
            *text = (digits8(*value) ^ comma).to_le();
        }
    }

    #[inline(always)]
    unsafe fn write_ten<const COMMA: bool>(values: &[u32], texts: &mut [Ten]) {
        for (text, value) in texts.iter_mut().zip(values) {
            let high = value / 100_000_000;
            let low = digits8(value - high * 100_000_000);
            // The last two of eight digits.
            let pair = digits8(high) >> 48;
            *text = [
                (pair | (low << 16)).to_le(),
                ((low >> 48) | (end_of_ten(COMMA) & !0xffff)).to_le(),
            ];
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(in crate::json) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests {
    use super::{Baseline, Digits, TENS, count, digits8, split8};

    fn expected(value: u32) -> u64 {
        u64::from_le_bytes(format!("{value:08}").into_bytes().try_into().unwrap())
    }

    #[expect(unsafe_code, reason = "the method is unsafe")]
    fn check(values: [u32; 4]) {
        let expected = values.map(expected);
        assert_eq!(values.map(digits8), expected);
        let expected = expected.map(u64::to_le);
        let mut texts = [0; 4];
        // SAFETY: the baseline is available.
        unsafe { Baseline::write::<false>(&values, &mut texts) };
        assert_eq!(texts, expected);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 is available.
            unsafe { super::Avx2::write::<false>(&values, &mut texts) };
            assert_eq!(texts, expected);
        }
    }

    #[test]
    fn digits_of_all_lengths() {
        let step = if cfg!(miri) { 9_973_777 } else { 397 };
        for value in (0..99_999_000).step_by(step) {
            check([value, value + 1, value + 10, 99_999_999 - value]);
        }
    }

    /// Tests all numbers below 10⁴ in each quarter, which covers every input of the inner steps.
    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn digits_of_each_quarter() {
        for value in 0..10_000 {
            check([value, value * 10_000, value * 10_001, 99_990_000 + value]);
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count(0), 1);
        assert_eq!(count(u64::MAX), 20);
        for (index, &power) in TENS[..20].iter().enumerate() {
            assert_eq!(count(power), index + 1);
            assert_eq!(count(power - 1), index.max(1));
        }
        for bit in 0..64 {
            for value in [1_u64 << bit, (1 << bit) - 1, (1 << bit) + 1] {
                assert_eq!(count(value), value.to_string().len());
            }
        }
    }

    #[test]
    fn halves_of_sixteen_digits() {
        for value in [
            0,
            99_999_999,
            100_000_000,
            9_999_999_900_000_000,
            9_999_999_999_999_999,
        ] {
            let halves = [value / 100_000_000, value % 100_000_000];
            assert_eq!(split8(value).map(u64::from), halves);
        }
    }
}
