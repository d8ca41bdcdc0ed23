//! Computes digits with the vector instructions of x86-64: SSE2, which every processor supports, and
//! AVX2.
//!
//! The steps are those of [`digits8`](super::digits8). The AVX2 version adds quotient · (2ⁿ - divisor),
//! which leaves the quotient above the remainder in one step, and reorders the bytes at the end.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi64, _mm_cvtsi64_si128, _mm_mul_epu32, _mm_mulhi_epu16,
    _mm_mullo_epi16, _mm_or_si128, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi64x,
    _mm_setzero_si128, _mm_shuffle_epi32, _mm_slli_epi16, _mm_slli_epi32, _mm_slli_epi64,
    _mm_srli_epi16, _mm_srli_epi64, _mm_sub_epi16, _mm_sub_epi64, _mm_unpackhi_epi64,
    _mm_unpacklo_epi32, _mm_unpacklo_epi64, _mm_xor_si128, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_add_epi64, _mm256_cvtepu32_epi64, _mm256_mul_epu32, _mm256_mulhi_epu16,
    _mm256_mullo_epi16, _mm256_mullo_epi32, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setr_epi8, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_slli_epi64, _mm256_srli_epi16, _mm256_srli_epi64, _mm256_sub_epi16,
    _mm256_sub_epi64, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use zerocopy::transmute;

use super::{Digits, TO_COMMA, Ten, ZEROS, end_of_ten};

/// 2⁴⁵ / 10⁴ and 2⁵⁷ / 10⁸, rounded up: exact for numbers below 10⁸ and for all 32-bit numbers.
const OVER_10_TO_4: i64 = 0xd1b7_1759;
const OVER_10_TO_8: i64 = 0x55e6_3b89;

const fn zeros<const COMMA: bool>() -> i64 {
    (if COMMA { ZEROS ^ TO_COMMA } else { ZEROS }) as i64
}

#[target_feature(enable = "sse2")]
pub(super) fn write_sse2<const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
    let (values, _) = values.as_chunks::<2>();
    let (texts, _) = texts.as_chunks_mut::<2>();
    for (text, &values) in texts.iter_mut().zip(values) {
        let digits = digits_of_two(two(values));
        *text = transmute!(_mm_xor_si128(digits, _mm_set1_epi64x(zeros::<COMMA>())));
    }
}

#[target_feature(enable = "sse2")]
pub(super) fn write_ten_sse2<const COMMA: bool>(values: &[u32], texts: &mut [Ten]) {
    let (values, _) = values.as_chunks::<2>();
    let (texts, _) = texts.as_chunks_mut::<2>();
    for ([first, second], &values) in texts.iter_mut().zip(values) {
        let values = two(values);
        let high = _mm_srli_epi64::<57>(_mm_mul_epu32(values, _mm_set1_epi64x(OVER_10_TO_8)));
        let low = _mm_sub_epi64(values, _mm_mul_epu32(high, _mm_set1_epi64x(100_000_000)));
        let (pair, digits) = (digits_of_pairs(high), digits_of_two(low));
        let start = _mm_or_si128(pair, _mm_slli_epi64::<16>(digits));
        let start = _mm_or_si128(start, _mm_set1_epi8(b'0' as i8));
        let end = _mm_or_si128(
            _mm_srli_epi64::<48>(digits),
            _mm_set1_epi64x(end_of_ten(COMMA) as i64),
        );
        *first = transmute!(_mm_unpacklo_epi64(start, end));
        *second = transmute!(_mm_unpackhi_epi64(start, end));
    }
}

/// Each value in one half of the vector.
#[inline]
#[target_feature(enable = "sse2")]
fn two(values: [u32; 2]) -> __m128i {
    let values: u64 = transmute!(values);
    _mm_unpacklo_epi32(_mm_cvtsi64_si128(values as i64), _mm_setzero_si128())
}

/// The digits of two numbers below 10⁸, as values from 0 to 9.
#[inline]
#[target_feature(enable = "sse2")]
fn digits_of_two(values: __m128i) -> __m128i {
    let high = _mm_srli_epi64::<45>(_mm_mul_epu32(values, _mm_set1_epi64x(OVER_10_TO_4)));
    let below = _mm_mul_epu32(high, _mm_set1_epi64x((1 << 32) - 10_000));
    let halves = _mm_shuffle_epi32::<0b10_11_00_01>(_mm_add_epi64(values, below));
    let high = _mm_srli_epi16::<3>(_mm_mulhi_epu16(halves, _mm_set1_epi16(5_243)));
    let low = _mm_sub_epi16(halves, _mm_mullo_epi16(high, _mm_set1_epi16(100)));
    digits_of_pairs(_mm_or_si128(high, _mm_slli_epi32::<16>(low)))
}

/// The two digits of each 16-bit number; all must be below 100.
#[inline]
#[target_feature(enable = "sse2")]
fn digits_of_pairs(values: __m128i) -> __m128i {
    let tens = _mm_mulhi_epu16(values, _mm_set1_epi16(6_554));
    // tens + 2⁸ (value - 10 tens)
    _mm_sub_epi16(
        _mm_slli_epi16::<8>(values),
        _mm_mullo_epi16(tens, _mm_set1_epi16(2_559)),
    )
}

/// The AVX2 instructions.
pub(in crate::json) struct Avx2;

#[expect(unsafe_code, reason = "uses instructions that the target may lack")]
impl Digits for Avx2 {
    const IS_AVX2: bool = true;
    const IS_AVX512: bool = false;

    #[inline(always)]
    unsafe fn write<const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        // SAFETY: the caller's contract.
        unsafe { write_avx2::<COMMA>(values, texts) }
    }

    #[inline(always)]
    unsafe fn write_ten<const COMMA: bool>(values: &[u32], texts: &mut [Ten]) {
        // SAFETY: the caller's contract.
        unsafe { write_ten_avx2::<COMMA>(values, texts) }
    }
}

/// The instructions of [`Level::Avx512`](crate::json::Level::Avx512).
pub(in crate::json) struct Avx512;

#[expect(unsafe_code, reason = "uses instructions that the target may lack")]
impl Digits for Avx512 {
    const IS_AVX2: bool = true;
    const IS_AVX512: bool = true;

    #[inline(always)]
    unsafe fn write<const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
        // SAFETY: the caller's contract.
        unsafe { write_avx2::<COMMA>(values, texts) }
    }

    #[inline(always)]
    unsafe fn write_ten<const COMMA: bool>(values: &[u32], texts: &mut [Ten]) {
        // SAFETY: the caller's contract.
        unsafe { write_ten_avx2::<COMMA>(values, texts) }
    }
}

#[target_feature(enable = "avx2")]
fn write_avx2<const COMMA: bool>(values: &[u32], texts: &mut [u64]) {
    let (values, _) = values.as_chunks::<4>();
    let (texts, _) = texts.as_chunks_mut::<4>();
    for (text, &values) in texts.iter_mut().zip(values) {
        let digits = digits_of_four(_mm256_cvtepu32_epi64(transmute!(values)));
        *text = transmute!(_mm256_xor_si256(
            digits,
            _mm256_set1_epi64x(zeros::<COMMA>())
        ));
    }
}

#[target_feature(enable = "avx2")]
fn write_ten_avx2<const COMMA: bool>(values: &[u32], texts: &mut [Ten]) {
    let (values, _) = values.as_chunks::<4>();
    let (texts, _) = texts.as_chunks_mut::<4>();
    for ([first, second, third, fourth], &values) in texts.iter_mut().zip(values) {
        let values = _mm256_cvtepu32_epi64(transmute!(values));
        let high = _mm256_mul_epu32(values, _mm256_set1_epi64x(OVER_10_TO_8));
        let high = _mm256_srli_epi64::<57>(high);
        let above = _mm256_mul_epu32(high, _mm256_set1_epi64x(100_000_000));
        let digits = digits_of_four(_mm256_sub_epi64(values, above));
        let start = _mm256_or_si256(digits_of_pairs_256(high), _mm256_slli_epi64::<16>(digits));
        let start = _mm256_or_si256(start, _mm256_set1_epi8(b'0' as i8));
        let end = _mm256_or_si256(
            _mm256_srli_epi64::<48>(digits),
            _mm256_set1_epi64x(end_of_ten(COMMA) as i64),
        );
        [*first, *third] = transmute!(_mm256_unpacklo_epi64(start, end));
        [*second, *fourth] = transmute!(_mm256_unpackhi_epi64(start, end));
    }
}

/// The digits of four numbers below 10⁸, as values from 0 to 9.
#[inline]
#[target_feature(enable = "avx2")]
fn digits_of_four(values: __m256i) -> __m256i {
    let high = _mm256_mul_epu32(values, _mm256_set1_epi64x(OVER_10_TO_4));
    let high = _mm256_srli_epi64::<45>(high);
    let below = _mm256_mul_epu32(high, _mm256_set1_epi64x((1 << 32) - 10_000));
    let halves = _mm256_add_epi64(values, below);
    let high = _mm256_srli_epi16::<3>(_mm256_mulhi_epu16(halves, _mm256_set1_epi16(5_243)));
    let below = _mm256_mullo_epi32(high, _mm256_set1_epi32((1 << 16) - 100));
    let quarters = _mm256_add_epi32(halves, below);
    let high = _mm256_mulhi_epu16(quarters, _mm256_set1_epi16(6_554));
    let below = _mm256_mullo_epi16(high, _mm256_set1_epi16((1 << 8) - 10));
    let digits = _mm256_add_epi16(quarters, below);
    let backwards = _mm256_setr_epi8(
        7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, //
        7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8,
    );
    _mm256_shuffle_epi8(digits, backwards)
}

/// The two digits of each 16-bit number; all must be below 100.
#[inline]
#[target_feature(enable = "avx2")]
fn digits_of_pairs_256(values: __m256i) -> __m256i {
    let tens = _mm256_mulhi_epu16(values, _mm256_set1_epi16(6_554));
    let tens = _mm256_mullo_epi16(tens, _mm256_set1_epi16(2_559));
    _mm256_sub_epi16(_mm256_slli_epi16::<8>(values), tens)
}
