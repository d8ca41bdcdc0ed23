//! Converts `f64`s to decimal.
//!
//! The steps are those for [single floats](super::super::shortest). Products are put together from
//! limbs of 52 bits (IFMA), and the power of ten is shifted so that the integer part of the product is
//! a limb of its own.

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_andnot_si512,
    _mm512_cmpeq_epi64_mask, _mm512_cmpge_epu64_mask, _mm512_cmpgt_epu64_mask,
    _mm512_cmplt_epu64_mask, _mm512_i64gather_epi64, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64,
    _mm512_mask_add_epi64, _mm512_mask_mov_epi64, _mm512_maskz_and_epi64, _mm512_maskz_loadu_epi64,
    _mm512_maskz_mov_epi64, _mm512_mul_epu32, _mm512_setzero_si512, _mm512_shldi_epi64,
    _mm512_shrdv_epi64, _mm512_slli_epi64, _mm512_sllv_epi64, _mm512_srli_epi64, _mm512_srlv_epi64,
    _mm512_sub_epi64, _mm512_testn_epi64_mask,
};

use super::{NULL, Wide, first};
use crate::json::fmt::{
    lanes::{all, load, opaque, store},
    pow10::{LEAST, POW10},
    shortest::{FRACTION, LEAST_64, SCALE_64},
};

/// The bits of a limb, and of the mantissa.
const LIMB: i64 = (1 << 52) - 1;

const INFINITY: i64 = f64::INFINITY.to_bits() as i64;

impl<const N: usize> Wide<N> {
    /// Sets the words to the power of ten for each float, as high and low half, and [`sum`]; and the
    /// exponents to those of sixteen digits.
    ///
    /// Returns the floats that aren't [common](super::super::shortest::is_common_64), and the signs.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    #[expect(unsafe_code, reason = "a gather has no check of bounds")]
    pub(super) fn scale_64(&mut self, elements: &[f64]) -> (u64, u64) {
        let [highs, lows, sums, _] = &mut self.words;
        let (mut uncommon, mut negative) = (0, 0);
        for (group, elements) in elements.chunks(8).take(N / 8).enumerate() {
            let elements = load_some(elements);
            let bits = _mm512_and_si512(elements, all(i64::MAX));
            let biased = biased(bits);
            let log10 = all(LOG10_OFFSET as i64);
            let log10 = _mm512_madd52lo_epu64(log10, biased, all(LOG10_OF_2 as i64));
            let log10 = _mm512_srli_epi64::<20>(log10);
            let log2 = _mm512_mul_epu32(log10, all(LOG2_OF_10 as i64));
            let log2 = _mm512_srli_epi64::<16>(_mm512_sub_epi64(all(LOG2_OFFSET as i64), log2));
            // Each power has two words.
            let index = _mm512_sub_epi64(all(2 * 616), _mm512_add_epi64(log10, log10));
            let powers = POW10.as_ptr().cast::<i64>();
            // SAFETY: all exponents are checked below.
            let (high, low) = unsafe {
                (
                    _mm512_i64gather_epi64::<8>(index, powers),
                    _mm512_i64gather_epi64::<8>(index, powers.add(1)),
                )
            };
            store(highs, group, high);
            store(lows, group, low);
            store(sums, group, _mm512_add_epi64(biased, log2));
            let exponent = _mm512_sub_epi64(log10, all(308));
            store(&mut self.exponents, group, exponent);

            let is_power = _mm512_testn_epi64_mask(bits, all(LIMB));
            let above = _mm512_sub_epi64(bits, all(LEAST_64 as i64));
            let limit = all(INFINITY - LEAST_64 as i64);
            let is_outside = _mm512_cmpge_epu64_mask(above, limit);
            uncommon |= u64::from(is_power | is_outside) << (8 * group);
            let sign = _mm512_cmpgt_epu64_mask(elements, all(i64::MAX));
            negative |= u64::from(sign) << (8 * group);
        }
        (uncommon & first(elements.len()), negative)
    }

    /// Sets the words to the scaled floats: the integer part, the fraction in units of 2⁻⁶⁴, and half the
    /// distance to the next float plus 1 if the bound is included.
    #[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
    pub(super) fn multiply_64(&mut self, elements: &[f64]) {
        let [words_0, words_1, words_2, _] = &mut self.words;
        for (group, elements) in elements.chunks(8).take(N / 8).enumerate() {
            let bits = _mm512_and_si512(load_some(elements), all(i64::MAX));
            let mantissa = _mm512_and_si512(bits, all(LIMB));
            let is_normal = _mm512_cmpgt_epu64_mask(bits, all(LIMB));
            let (high, low, sum) = (
                load(words_0, group),
                load(words_1, group),
                load(words_2, group),
            );
            // The power in units of 2⁻¹⁵⁶. The lower limbs have more bits, which the multiplication
            // ignores.
            let upper = _mm512_srlv_epi64(high, _mm512_sub_epi64(all(2060), sum));
            let middle = _mm512_shrdv_epi64(low, high, _mm512_sub_epi64(all(2072), sum));
            let lower = _mm512_sllv_epi64(low, _mm512_sub_epi64(sum, all(2020)));
            let half = _mm512_srlv_epi64(high, _mm512_sub_epi64(all(2049), sum));
            let even = _mm512_andnot_si512(bits, all(1));
            store(words_2, group, _mm512_add_epi64(opaque(half), even));
            // A normal significand has another bit above the mantissa, for which the power is added a
            // limb higher.
            let least = _mm512_maskz_and_epi64(is_normal, lower, all(LIMB));
            let least = _mm512_madd52hi_epu64(least, mantissa, lower);
            let least = _mm512_madd52lo_epu64(least, mantissa, middle);
            let more = _mm512_maskz_and_epi64(is_normal, middle, all(LIMB));
            let more = _mm512_madd52hi_epu64(more, mantissa, middle);
            let more = _mm512_madd52lo_epu64(more, mantissa, upper);
            let most = _mm512_maskz_mov_epi64(is_normal, upper);
            let most = _mm512_madd52hi_epu64(most, mantissa, upper);
            let more = _mm512_add_epi64(more, _mm512_srli_epi64::<52>(least));
            let integer = _mm512_add_epi64(most, _mm512_srli_epi64::<52>(more));
            let fraction = _mm512_shldi_epi64::<12>(more, _mm512_slli_epi64::<12>(least));
            store(words_0, group, integer);
            store(words_1, group, fraction);
        }
    }

    /// Sets the words to the first and the second eight digits, and the seventeenth.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn round_64(&mut self, groups: usize) {
        let [words_0, words_1, words_2, _] = &mut self.words;
        for group in 0..groups.min(N / 8) {
            let (integer, digit) = round(
                load(words_0, group),
                load(words_1, group),
                load(words_2, group),
            );
            let is_short = _mm512_cmplt_epu64_mask(integer, all(1_000_000_000_000_000));
            // Ten times the integer and the digit; the product with 2 has at most 52 bits.
            let longer = _mm512_madd52lo_epu64(digit, integer, all(2));
            let eightfold = _mm512_slli_epi64::<3>(integer);
            let sixteen = _mm512_mask_add_epi64(integer, is_short, opaque(longer), eightfold);
            let [high, low] = split8(sixteen);
            store(words_0, group, high);
            store(words_1, group, low);
            store(words_2, group, _mm512_maskz_mov_epi64(!is_short, digit));
            let exponent = load(&self.exponents, group);
            let exponent = _mm512_mask_add_epi64(exponent, is_short, exponent, all(-1));
            store(&mut self.exponents, group, exponent);
        }
    }

    /// Sets the decimals of zeros, infinities and NaN. Returns the other floats of `uncommon`.
    #[cold]
    #[target_feature(enable = "avx512f")]
    pub(super) fn set_plain_64(&mut self, elements: &[f64], uncommon: u64) -> u64 {
        let mut rare = uncommon;
        for (group, elements) in elements.chunks(8).take(N / 8).enumerate() {
            let bits = _mm512_and_si512(load_some(elements), all(i64::MAX));
            let is_zero = _mm512_testn_epi64_mask(bits, bits);
            let is_special = _mm512_cmpge_epu64_mask(bits, all(INFINITY));
            let is_plain = is_zero | is_special;
            for words in &mut self.words[..3] {
                let word = _mm512_maskz_mov_epi64(!is_plain, load(words, group));
                store(words, group, word);
            }
            let exponent = load(&self.exponents, group);
            let exponent = _mm512_maskz_mov_epi64(!is_zero, exponent);
            let exponent = _mm512_mask_mov_epi64(exponent, is_special, all(NULL as i64));
            store(&mut self.exponents, group, exponent);
            rare &= !(u64::from(is_plain) << (8 * group));
        }
        rare
    }
}

/// At most eight floats, followed by zeros.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads a part of a vector")]
fn load_some(elements: &[f64]) -> __m512i {
    let mask = ((1_u32 << elements.len().min(8)) - 1) as __mmask8;
    // SAFETY: only the elements of the slice are read.
    unsafe { _mm512_maskz_loadu_epi64(mask, elements.as_ptr().cast()) }
}

/// The biased exponents; that of subnormals is 1.
#[inline]
#[target_feature(enable = "avx512f")]
fn biased(bits: __m512i) -> __m512i {
    let is_normal = _mm512_cmpgt_epu64_mask(bits, all(LIMB));
    _mm512_mask_mov_epi64(all(1), is_normal, _mm512_srli_epi64::<52>(bits))
}

/// 324 + floor(log₁₀(2^e)), where e is the exponent of the lowest bit of the significand. The index of
/// the power of ten is 616 less this.
const fn log10(biased: u64) -> u64 {
    (biased * LOG10_OF_2 + LOG10_OFFSET) >> 20
}
const LOG10_OF_2: u64 = 315_653;
const LOG10_OFFSET: u64 = (324 << 20) - 1075 * LOG10_OF_2;

/// 2048 less the number of leading zeros of 2^e · 10^power, which is at least 0.1 and less than 1.
const fn sum(biased: u64, log10: u64) -> u64 {
    biased + ((LOG2_OFFSET - log10 * LOG2_OF_10) >> 16)
}
const LOG2_OF_10: u64 = 217_707;
const LOG2_OFFSET: u64 = 323 * LOG2_OF_10 + (974 << 16);

/// The formulas agree with the table, so no index is out of bounds.
const _: () = {
    let mut biased = 1;
    while biased < 2048 {
        let (index, shift) = (SCALE_64[biased] & 0xfff, SCALE_64[biased] >> 12);
        let log10 = log10(biased as u64);
        assert!(log10 + index as u64 == 616 && (index as usize) < POW10.len());
        assert!(sum(biased as u64, log10) == 2048 - FRACTION as u64 + shift as u64);
        assert!(shift <= FRACTION as u16);
        biased += 1;
    }
    assert!(LEAST == -293);
};

/// [`round_64`](super::super::shortest::round_64).
#[inline]
#[target_feature(enable = "avx512f")]
fn round(integer: __m512i, fraction: __m512i, half: __m512i) -> (__m512i, __m512i) {
    let sum = opaque(_mm512_add_epi64(fraction, half));
    let up = _mm512_cmplt_epu64_mask(sum, fraction);
    let down = _mm512_cmpgt_epu64_mask(half, fraction);
    // 10 · fraction + 2⁶³ + 6 in two halves, of which the bits from 2⁶⁴ on are the digit.
    let least = _mm512_add_epi64(_mm512_mul_epu32(fraction, all(10)), all(6));
    let upper = _mm512_mul_epu32(_mm512_srli_epi64::<32>(fraction), all(10));
    let upper = _mm512_add_epi64(upper, all(1 << 31));
    let digit = _mm512_add_epi64(upper, _mm512_srli_epi64::<32>(least));
    let digit = _mm512_srli_epi64::<32>(digit);
    let is_tie = _mm512_cmpeq_epi64_mask(fraction, all(1 << 62));
    let digit = _mm512_mask_mov_epi64(digit, is_tie, all(2));
    (
        _mm512_mask_add_epi64(integer, up, integer, all(1)),
        _mm512_maskz_mov_epi64(!(up | down), digit),
    )
}

/// The quotient by 10⁸ and the remainder; all values must be below 10¹⁶.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn split8(value: __m512i) -> [__m512i; 2] {
    // A quarter of the value has at most 52 bits. The reciprocal is rounded up; its error is too small to
    // reach the next quotient.
    const OVER: i64 = ((1_u128 << 76) / 25_000_000 + 1) as i64;
    let quarter = _mm512_srli_epi64::<2>(value);
    let quotient = _mm512_madd52hi_epu64(_mm512_setzero_si512(), quarter, all(OVER));
    let quotient = _mm512_srli_epi64::<24>(quotient);
    let whole = _mm512_mul_epu32(quotient, all(100_000_000));
    [quotient, _mm512_sub_epi64(value, whole)]
}
