//! Helpers for vectors of eight 64-bit lanes.

use std::arch::x86_64::{
    __m512i, _mm256_storeu_si256, _mm512_add_epi16, _mm512_castsi512_si256,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_mulhi_epu16,
    _mm512_mullo_epi16, _mm512_set1_epi16, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

/// The same value in all lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn all(value: i64) -> __m512i {
    _mm512_set1_epi64(value)
}

/// The eight words of a group.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "zerocopy doesn't know the type yet")]
pub(super) fn load<const N: usize>(words: &[u64; N], group: usize) -> __m512i {
    let words = &words.as_chunks::<8>().0[group];
    // SAFETY: the array has 64 bytes; the read is unaligned.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "see `load`")]
pub(super) fn store<const N: usize>(words: &mut [u64; N], group: usize, value: __m512i) {
    let words = &mut words.as_chunks_mut::<8>().0[group];
    // SAFETY: the array has 64 bytes; the write is unaligned.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), value) };
}

/// Writes the lower half to one text of a group and the upper half to another.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "see `load`")]
pub(super) fn store_two<const FIRST: usize, const SECOND: usize>(
    both: __m512i,
    texts: &mut [[u8; 32]; 8],
) {
    // SAFETY: each text has 32 bytes; the writes are unaligned.
    unsafe {
        _mm256_storeu_si256(
            texts[FIRST].as_mut_ptr().cast(),
            _mm512_castsi512_si256(both),
        );
        let second = _mm512_extracti64x4_epi64::<1>(both);
        _mm256_storeu_si256(texts[SECOND].as_mut_ptr().cast(), second);
    }
}

/// Returns `value`, but keeps the compiler from combining the instructions before and after, which
/// would take longer: for instance, it multiplies instead of shifting and adding.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "`black_box` goes through memory")]
pub(super) fn opaque(mut value: __m512i) -> __m512i {
    // SAFETY: the assembly is only a comment.
    unsafe {
        std::arch::asm!("/* {} */", inout(zmm_reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}

/// 2^`exponent` / `divisor`, rounded up. The product with a number below 2^`bits`, shifted right by
/// `exponent`, is exactly its quotient by `divisor`.
pub(super) const fn reciprocal(exponent: u32, divisor: u64, bits: u32) -> i64 {
    let power = 1_u128 << exponent;
    let quotient = power.div_ceil(divisor as u128);
    let excess = quotient * divisor as u128 - power;
    // The excess must not add up to a multiple of the divisor (Granlund and Montgomery 1994).
    assert!(quotient < 1 << 52 && excess << bits <= power);
    quotient as i64
}

/// The quotients of `values` by the divisor of `reciprocal`, whose exponent must be 52.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn divide(values: __m512i, reciprocal: i64) -> __m512i {
    _mm512_madd52hi_epu64(_mm512_setzero_si512(), values, all(reciprocal))
}

/// The digits of 32 numbers below 100, as values from 0 to 9. The last digit is the lower byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn digits2(values: __m512i) -> __m512i {
    let tens = _mm512_mulhi_epu16(values, _mm512_set1_epi16(6_554));
    // Adds quotient · (2⁸ - divisor), which leaves the quotient above the remainder.
    let below = _mm512_mullo_epi16(tens, _mm512_set1_epi16((1 << 8) - 10));
    _mm512_add_epi16(values, below)
}
