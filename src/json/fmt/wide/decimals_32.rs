//! Converts `f32`s to decimal. The steps are those for [single floats](super::super::shortest).

use std::arch::x86_64::{
    __m512i, _mm256_maskz_loadu_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_andnot_si512,
    _mm512_cmpeq_epi64_mask, _mm512_cmpge_epu64_mask, _mm512_cmpgt_epu64_mask,
    _mm512_cvtepu32_epi64, _mm512_i64gather_epi64, _mm512_mask_add_epi64, _mm512_mask_mov_epi64,
    _mm512_maskz_mov_epi64, _mm512_mul_epu32, _mm512_slli_epi64, _mm512_sllv_epi64,
    _mm512_srai_epi64, _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_sub_epi64,
    _mm512_testn_epi64_mask,
};

use super::{NULL, Wide, first};
use crate::json::fmt::{
    lanes::{all, load, opaque, store},
    shortest::{LEAST_32, SCALE_32},
};

/// The bits of the mantissa.
const MANTISSA: i64 = (1 << 23) - 1;

const INFINITY: i64 = f32::INFINITY.to_bits() as i64;

impl<const N: usize> Wide<N> {
    /// Sets the words to the products with the powers of ten, half the distances to the next float plus
    /// 1 if the bound is included, and the number of fraction bits; and the exponents.
    ///
    /// Returns the floats that aren't [common](super::super::shortest::is_common_32).
    #[target_feature(enable = "avx512f,avx512vl")]
    #[expect(unsafe_code, reason = "a gather has no check of bounds")]
    pub(super) fn scale_32(&mut self, bits: &[u32]) -> u64 {
        let [products, halves, fractions, _] = &mut self.words;
        let mut uncommon = 0;
        for (group, bits) in bits.chunks(8).take(N / 8).enumerate() {
            let bits = load_some(bits);
            // Each entry has two words.
            let index = _mm512_slli_epi64::<1>(_mm512_srli_epi64::<23>(bits));
            let index = _mm512_and_si512(index, all(0x1fe));
            let scales = SCALE_32.as_ptr().cast::<i64>();
            // SAFETY: the index is that of one of 256 entries.
            let (power, scale) = unsafe {
                (
                    _mm512_i64gather_epi64::<8>(index, scales),
                    _mm512_i64gather_epi64::<8>(index, scales.add(1)),
                )
            };
            let fraction = _mm512_and_si512(scale, all(0xffff_ffff));
            store(fractions, group, fraction);
            store(&mut self.exponents, group, _mm512_srai_epi64::<32>(scale));
            let mantissa = _mm512_and_si512(bits, all(MANTISSA));
            let is_normal = _mm512_cmpgt_epu64_mask(bits, all(MANTISSA));
            let significand = _mm512_mask_add_epi64(mantissa, is_normal, mantissa, all(1 << 23));
            let high = _mm512_mul_epu32(_mm512_srli_epi64::<32>(power), significand);
            let low = _mm512_srli_epi64::<32>(_mm512_mul_epu32(power, significand));
            store(products, group, _mm512_add_epi64(high, low));
            let half = _mm512_srli_epi64::<33>(_mm512_add_epi64(power, all(-1)));
            let even = _mm512_andnot_si512(bits, all(1));
            store(halves, group, _mm512_add_epi64(half, even));

            let is_power = _mm512_testn_epi64_mask(bits, all(MANTISSA));
            let above = _mm512_sub_epi64(bits, all(LEAST_32.into()));
            let limit = all(INFINITY - i64::from(LEAST_32));
            let is_outside = _mm512_cmpge_epu64_mask(above, limit);
            uncommon |= u64::from(is_power | is_outside) << (8 * group);
        }
        uncommon & first(bits.len())
    }

    /// Sets the first words to the nine digits.
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn round_32(&mut self, groups: usize) {
        let [words_0, halves, fractions, _] = &mut self.words;
        for group in 0..groups.min(N / 8) {
            let (product, half) = (load(words_0, group), load(halves, group));
            let fraction = load(fractions, group);
            let one = _mm512_sllv_epi64(all(1), fraction);
            let integer = _mm512_srlv_epi64(product, fraction);
            let rest = _mm512_and_si512(product, _mm512_add_epi64(one, all(-1)));
            let up = _mm512_cmpge_epu64_mask(_mm512_add_epi64(rest, half), one);
            let down = _mm512_cmpgt_epu64_mask(half, rest);
            let digit = _mm512_add_epi64(times_10(rest), _mm512_srli_epi64::<1>(one));
            let digit = _mm512_srlv_epi64(digit, fraction);
            let is_tie = _mm512_cmpeq_epi64_mask(rest, _mm512_srli_epi64::<2>(one));
            let digit = _mm512_mask_mov_epi64(digit, is_tie, all(2));
            let digit = _mm512_maskz_mov_epi64(!(up | down), digit);
            let integer = _mm512_mask_add_epi64(integer, up, integer, all(1));
            let decimal = _mm512_add_epi64(_mm512_mul_epu32(integer, all(10)), digit);

            let is_short = !_mm512_cmpgt_epu64_mask(decimal, all(99_999_999));
            let is_shorter = !_mm512_cmpgt_epu64_mask(decimal, all(9_999_999));
            let by = _mm512_mask_mov_epi64(all(1), is_short, all(10));
            let by = _mm512_mask_mov_epi64(by, is_shorter, all(100));
            store(words_0, group, _mm512_mul_epu32(decimal, by));
            let exponent = _mm512_add_epi64(load(&self.exponents, group), all(8));
            let exponent = _mm512_mask_add_epi64(exponent, is_short, exponent, all(-1));
            let exponent = _mm512_mask_add_epi64(exponent, is_shorter, exponent, all(-1));
            store(&mut self.exponents, group, exponent);
        }
    }

    /// Sets the decimals of zeros, infinities and NaN. Returns the other floats of `uncommon`.
    #[cold]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn set_plain_32(&mut self, bits: &[u32], uncommon: u64) -> u64 {
        let mut rare = uncommon;
        for (group, bits) in bits.chunks(8).take(N / 8).enumerate() {
            let bits = load_some(bits);
            let is_zero = _mm512_testn_epi64_mask(bits, bits);
            let is_special = _mm512_cmpge_epu64_mask(bits, all(INFINITY));
            let is_plain = is_zero | is_special;
            let decimal = _mm512_maskz_mov_epi64(!is_plain, load(&self.words[0], group));
            store(&mut self.words[0], group, decimal);
            let exponent = load(&self.exponents, group);
            let exponent = _mm512_maskz_mov_epi64(!is_zero, exponent);
            let exponent = _mm512_mask_mov_epi64(exponent, is_special, all(NULL as i64));
            store(&mut self.exponents, group, exponent);
            rare &= !(u64::from(is_plain) << (8 * group));
        }
        rare
    }
}

/// At most eight words, followed by zeros, in lanes of 64 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
#[expect(unsafe_code, reason = "loads a part of a vector")]
fn load_some(bits: &[u32]) -> __m512i {
    let mask = ((1_u32 << bits.len().min(8)) - 1) as u8;
    // SAFETY: only the words of the slice are read.
    unsafe { _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(mask, bits.as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn times_10(value: __m512i) -> __m512i {
    let twofold = _mm512_add_epi64(value, value);
    _mm512_add_epi64(opaque(twofold), _mm512_slli_epi64::<3>(value))
}
