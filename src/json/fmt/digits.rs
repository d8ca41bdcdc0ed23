//! Decimal digits of integers, many at a time.

/// `'0'` in each byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of `value`, below 10⁸, as text, the first in the lowest byte.
///
/// Halves, quarters and digits are split in parallel lanes of one word, each quotient by a
/// multiplication (Khuong 2017, "How to print integers really fast"; Lemire 2021).
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

/// `value`, so that the compiler can't compute with several at a time: it would take products of 64
/// bits apart into lanes and put them together again, which takes twice as long.
#[inline(always)]
pub(super) fn alone(value: u64) -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut value = value;
        // SAFETY: there is no instruction.
        #[expect(unsafe_code, reason = "`black_box` goes through memory")]
        unsafe {
            std::arch::asm!("/* {} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
        }
        value
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    value
}

/// How many digits `value` has; 1 for 0.
#[inline(always)]
pub(super) fn count(value: u64) -> usize {
    let least = usize::from(LEAST_DIGITS[(value | 1).leading_zeros() as usize % 64]);
    least + usize::from(value >= TENS[least % 32])
}

/// For each number of leading zeros the digits that such numbers have at least.
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

/// How many digits `value`, below 10⁸, has; 1 for 0. In lanes.
#[inline(always)]
pub(super) const fn count8(value: u32) -> u32 {
    // Signed, because processors compare such lanes.
    let value = value as i32;
    1 + (value >= 10) as u32
        + (value >= 100) as u32
        + (value >= 1_000) as u32
        + (value >= 10_000) as u32
        + (value >= 100_000) as u32
        + (value >= 1_000_000) as u32
        + (value >= 10_000_000) as u32
}

/// 10⁰ to 10¹⁹, then the greatest number.
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

/// `value / 10⁸` and `value % 10⁸`; `value` is below 10¹⁶.
#[inline(always)]
pub(super) const fn split8(value: u64) -> [u32; 2] {
    let high = ((value as u128 * 0xabcc_7711_8461_cefd) >> 90) as u64;
    [high as u32, (value - high * 100_000_000) as u32]
}

/// The instructions to make digits with.
pub trait Digits {
    /// [`digits8`] of each of `values`, whose number is a multiple of four and that of `texts`,
    /// in little-endian order, so that the texts can be read as bytes. The last digit of each
    /// `G`th is replaced by a comma if `COMMA`.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[expect(unsafe_code, reason = "instructions beyond the target's are used")]
    unsafe fn write<const G: usize, const COMMA: bool>(values: &[u32], texts: &mut [u64]);
}

/// What makes a comma of the last digit when that is 0.
const TO_COMMA: u64 = ((b'0' ^ b',') as u64) << 56;

/// [`TO_COMMA`] for the last of each `G` words from word `first` on, else 0.
const fn commas<const G: usize, const COMMA: bool>(first: usize) -> [u64; 4] {
    let mut masks = [0; 4];
    let mut lane = 0;
    while lane < 4 {
        if COMMA && (first + lane) % G == G - 1 {
            masks[lane] = TO_COMMA;
        }
        lane += 1;
    }
    masks
}

/// Those that every processor of the target has.
pub(in crate::json) struct Baseline;

#[expect(unsafe_code, reason = "the trait's method is unsafe")]
impl Digits for Baseline {
    #[inline(always)]
    unsafe fn write<const G: usize, const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: every x86-64 processor has SSE2.
        unsafe {
            x86::write_sse2::<G, COMMA>(values, texts);
        }
        #[cfg(any(not(target_arch = "x86_64"), miri))]
        for (index, (text, value)) in texts.iter_mut().zip(values).enumerate() {
            let comma = if COMMA && index % G == G - 1 {
                TO_COMMA
            } else {
                0
            };
            *text = (digits8(*value) ^ comma).to_le();
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(in crate::json) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_add_epi16, _mm_mul_epu32, _mm_mulhi_epu16, _mm_mullo_epi16,
        _mm_or_si128, _mm_set_epi32, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi64x,
        _mm_slli_epi16, _mm_slli_epi32, _mm_slli_epi64, _mm_srli_epi16, _mm_srli_epi64,
        _mm_sub_epi16, _mm_sub_epi64, _mm_xor_si128, _mm256_cvtepu32_epi64, _mm256_mul_epu32,
        _mm256_mulhi_epu16, _mm256_mullo_epi16, _mm256_or_si256, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_epi64x, _mm256_slli_epi16, _mm256_slli_epi32,
        _mm256_slli_epi64, _mm256_srli_epi16, _mm256_srli_epi64, _mm256_sub_epi16,
        _mm256_sub_epi64, _mm256_xor_si256,
    };

    use zerocopy::transmute;

    use super::{Digits, commas};

    #[target_feature(enable = "sse2")]
    pub(super) fn write_sse2<const G: usize, const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        let (values, _) = values.as_chunks::<4>();
        let (texts, _) = texts.as_chunks_mut::<4>();
        for (index, (text, &[first, second, third, fourth])) in
            texts.iter_mut().zip(values).enumerate()
        {
            let commas = if G == 3 {
                [
                    const { commas::<G, COMMA>(0) },
                    const { commas::<G, COMMA>(1) },
                    const { commas::<G, COMMA>(2) },
                ][index % 3]
            } else {
                const { commas::<G, COMMA>(0) }
            };
            let [low, high]: [__m128i; 2] = transmute!(commas);
            let halves = [
                _mm_xor_si128(two(_mm_set_epi32(0, second as i32, 0, first as i32)), low),
                _mm_xor_si128(two(_mm_set_epi32(0, fourth as i32, 0, third as i32)), high),
            ];
            *text = transmute!(halves);
        }
    }

    /// [`digits8`](super::digits8) in each half.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn two(values: __m128i) -> __m128i {
        let high = _mm_srli_epi64::<45>(_mm_mul_epu32(values, _mm_set1_epi64x(0xd1b7_1759)));
        let low = _mm_sub_epi64(values, _mm_mul_epu32(high, _mm_set1_epi64x(10_000)));
        let halves = _mm_or_si128(high, _mm_slli_epi64::<32>(low));
        let high = _mm_srli_epi16::<3>(_mm_mulhi_epu16(halves, _mm_set1_epi16(5_243)));
        let low = _mm_sub_epi16(halves, _mm_mullo_epi16(high, _mm_set1_epi16(100)));
        let quarters = _mm_or_si128(high, _mm_slli_epi32::<16>(low));
        let high = _mm_mulhi_epu16(quarters, _mm_set1_epi16(6_554));
        let low = _mm_sub_epi16(quarters, _mm_mullo_epi16(high, _mm_set1_epi16(10)));
        let digits = _mm_add_epi16(high, _mm_slli_epi16::<8>(low));
        _mm_or_si128(digits, _mm_set1_epi8(b'0' as i8))
    }

    /// AVX2.
    pub(in crate::json) struct Avx2;

    #[expect(unsafe_code, reason = "instructions beyond the target's are used")]
    impl Digits for Avx2 {
        #[inline(always)]
        unsafe fn write<const G: usize, const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
            // SAFETY: the caller's contract.
            unsafe { write_avx2::<G, COMMA>(values, texts) }
        }
    }

    #[target_feature(enable = "avx2")]
    fn write_avx2<const G: usize, const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        let (values, _) = values.as_chunks::<4>();
        let (texts, _) = texts.as_chunks_mut::<4>();
        if G == 3 {
            let triples = texts.chunks_mut(3).zip(values.chunks(3));
            for (texts, values) in triples {
                let commas = const {
                    [
                        commas::<G, COMMA>(0),
                        commas::<G, COMMA>(1),
                        commas::<G, COMMA>(2),
                    ]
                };
                for ((text, values), comma) in texts.iter_mut().zip(values).zip(commas) {
                    *text = four(*values, comma);
                }
            }
        } else {
            for (text, values) in texts.iter_mut().zip(values) {
                *text = four(*values, const { commas::<G, COMMA>(0) });
            }
        }
    }

    /// [`digits8`](super::digits8) of each, and `commas`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four(values: [u32; 4], commas: [u64; 4]) -> [u64; 4] {
        let digits = digits_of_four(_mm256_cvtepu32_epi64(transmute!(values)));
        transmute!(_mm256_xor_si256(digits, transmute!(commas)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn digits_of_four(values: __m256i) -> __m256i {
        let high =
            _mm256_srli_epi64::<45>(_mm256_mul_epu32(values, _mm256_set1_epi64x(0xd1b7_1759)));
        let low = _mm256_sub_epi64(values, _mm256_mul_epu32(high, _mm256_set1_epi64x(10_000)));
        let halves = _mm256_or_si256(high, _mm256_slli_epi64::<32>(low));
        let high = _mm256_srli_epi16::<3>(_mm256_mulhi_epu16(halves, _mm256_set1_epi16(5_243)));
        let low = _mm256_sub_epi16(halves, _mm256_mullo_epi16(high, _mm256_set1_epi16(100)));
        let quarters = _mm256_or_si256(high, _mm256_slli_epi32::<16>(low));
        let high = _mm256_mulhi_epu16(quarters, _mm256_set1_epi16(6_554));
        let low = _mm256_sub_epi16(quarters, _mm256_mullo_epi16(high, _mm256_set1_epi16(10)));
        let digits = _mm256_or_si256(high, _mm256_slli_epi16::<8>(low));
        _mm256_or_si256(digits, _mm256_set1_epi8(b'0' as i8))
    }
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Digits, TENS, count, count8, digits8, split8};

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
        unsafe { Baseline::write::<1, false>(&values, &mut texts) };
        assert_eq!(texts, expected);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 is available.
            unsafe { super::Avx2::write::<1, false>(&values, &mut texts) };
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

    /// Each step splits numbers below 10⁴ and 10²; all of them.
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
            if index < 8 {
                assert_eq!(count8(power as u32) as usize, index + 1);
                assert_eq!(count8(power as u32 - 1) as usize, index.max(1));
            }
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
