//! Converts floats to decimal with AVX2, four at a time.
//!
//! The steps are those for [single floats](super::super::shortest). AVX2 multiplies only 32-bit numbers,
//! so products of 64-bit numbers are put together from four.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_and_si128, _mm_castsi128_ps, _mm_cmpeq_epi32,
    _mm_cmpgt_epi32, _mm_movemask_ps, _mm_or_si128, _mm_set1_epi32, _mm_setzero_si128,
    _mm_srli_epi32, _mm_sub_epi32, _mm256_add_epi64, _mm256_add_pd, _mm256_and_si256,
    _mm256_andnot_si256, _mm256_blend_epi32, _mm256_blendv_epi8, _mm256_castpd_si256,
    _mm256_castsi256_pd, _mm256_castsi256_si128, _mm256_cmpeq_epi64, _mm256_cmpgt_epi64,
    _mm256_cvtepu32_epi64, _mm256_floor_pd, _mm256_movemask_pd, _mm256_mul_epu32, _mm256_mul_pd,
    _mm256_or_si256, _mm256_permutevar8x32_epi32, _mm256_set_m128i, _mm256_set1_epi64x,
    _mm256_set1_pd, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_sllv_epi64,
    _mm256_srli_epi64, _mm256_srlv_epi64, _mm256_sub_epi64, _mm256_sub_pd, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use zerocopy::transmute;

use super::Decimals;
use crate::json::fmt::{
    pow10::{LEAST, POW10},
    shortest::{FRACTION, LEAST_32, LEAST_64, SCALE_32, SCALE_64},
};

/// The decimals of four `f64`s, in the form of [`Decimals`].
struct Four {
    values: [[u32; 2]; 4],
    lasts: [u32; 4],
    exponents: [i32; 4],
    /// One bit per float, set if it isn't common.
    rare: u64,
}

/// [`Decimals::set_common_64`] with AVX2.
#[target_feature(enable = "avx2")]
pub(super) fn set_common_64<const N: usize>(decimals: &mut Decimals<N>, elements: &[f64]) -> u64 {
    const { assert!(N.is_multiple_of(4)) };
    let (values, _) = decimals.values.as_chunks_mut::<4>();
    let (lasts, _) = decimals.lasts.as_chunks_mut::<4>();
    let (exponents, _) = decimals.exponents.as_chunks_mut::<4>();
    let groups = values.iter_mut().zip(lasts).zip(exponents);
    let (fours, few) = elements.as_chunks::<4>();
    let mut last = [1.5; 4];
    last[..few.len()].copy_from_slice(few);
    let last = (!few.is_empty()).then_some(&last);
    let mut rare = 0;
    for (index, (((values, lasts), exponents), elements)) in
        groups.zip(fours.iter().chain(last)).enumerate()
    {
        let four = four(elements);
        *values = four.values;
        *lasts = four.lasts;
        *exponents = four.exponents;
        rare |= four.rare << (4 * index);
    }
    rare
}

#[inline]
#[target_feature(enable = "avx2")]
fn four(elements: &[f64; 4]) -> Four {
    let scales = elements.map(|element| {
        let biased = (element.to_bits() >> 52) as usize & 0x7ff;
        u32::from(SCALE_64[biased])
    });
    let [first, second, third, fourth] = scales.map(power);
    let even = _mm256_set_m128i(third, first);
    let odd = _mm256_set_m128i(fourth, second);
    let high = _mm256_unpacklo_epi64(even, odd);
    let low = _mm256_unpackhi_epi64(even, odd);
    let scales: __m128i = transmute!(scales);
    let shift = _mm256_cvtepu32_epi64(_mm_srli_epi32::<12>(scales));

    let bits = _mm256_and_si256(transmute!(*elements), all(i64::MAX));
    let fraction_bits = all((1 << 52) - 1);
    let mantissa = _mm256_and_si256(bits, fraction_bits);
    let is_normal = _mm256_cmpgt_epi64(bits, fraction_bits);
    let implicit = _mm256_and_si256(is_normal, all(1 << 52));
    let significand = _mm256_sllv_epi64(_mm256_or_si256(mantissa, implicit), shift);
    let (upper, lower) = product(significand, high, low);
    let scaled = Scaled {
        integer: _mm256_srli_epi64::<FRACTION>(upper),
        fraction: _mm256_or_si256(
            _mm256_slli_epi64::<{ 64 - FRACTION }>(upper),
            _mm256_srli_epi64::<FRACTION>(lower),
        ),
        half: _mm256_add_epi64(
            _mm256_srlv_epi64(high, _mm256_sub_epi64(all(FRACTION as i64 + 1), shift)),
            _mm256_andnot_si256(bits, all(1)),
        ),
    };
    let (integer, digit) = round(&scaled);

    let is_short = _mm256_cmpgt_epi64(all(1_000_000_000_000_000), integer);
    let longer = _mm256_add_epi64(times_10(integer), digit);
    let sixteen = _mm256_blendv_epi8(integer, longer, is_short);
    let lasts = lower_halves(_mm256_andnot_si256(is_short, digit));
    let index = _mm_and_si128(scales, _mm_set1_epi32(0xfff));
    let exponents = _mm_sub_epi32(_mm_set1_epi32(15 - LEAST), index);
    let exponents = _mm_add_epi32(exponents, lower_halves(is_short));
    Four {
        values: transmute!(split8(sixteen)),
        lasts: transmute!(lasts),
        exponents: transmute!(exponents),
        rare: rare(bits, mantissa),
    }
}

/// [`Decimals::set_common_32`] with AVX2.
#[target_feature(enable = "avx2")]
pub(super) fn set_common_32<const N: usize>(decimals: &mut Decimals<N>, bits: &[u32]) -> u64 {
    const { assert!(N.is_multiple_of(4)) };
    let (values, _) = decimals.values.as_flattened_mut()[..N].as_chunks_mut::<4>();
    let (exponents, _) = decimals.exponents.as_chunks_mut::<4>();
    let groups = values.iter_mut().zip(exponents);
    let (fours, few) = bits.as_chunks::<4>();
    let mut last = [1.5_f32.to_bits(); 4];
    last[..few.len()].copy_from_slice(few);
    let last = (!few.is_empty()).then_some(&last);
    let mut rare = 0;
    for (index, ((values, exponents), bits)) in groups.zip(fours.iter().chain(last)).enumerate() {
        let rare_four;
        (*values, *exponents, rare_four) = four_32(bits);
        rare |= rare_four << (4 * index);
    }
    rare
}

/// The values and exponents of four `f32`s, and one bit per float, set if it isn't common.
#[inline]
#[target_feature(enable = "avx2")]
fn four_32(bits: &[u32; 4]) -> ([u32; 4], [i32; 4], u64) {
    let scales = bits.map(|bits| SCALE_32[(bits >> 23) as usize & 0xff]);
    let [first, second, third, fourth] = scales.map(|scale| transmute!(scale));
    let even = _mm256_set_m128i(third, first);
    let odd = _mm256_set_m128i(fourth, second);
    let power = _mm256_unpacklo_epi64(even, odd);
    let others = _mm256_unpackhi_epi64(even, odd);
    let fraction = _mm256_blend_epi32::<0b1010_1010>(others, _mm256_setzero_si256());
    let exponents = lower_halves(_mm256_srli_epi64::<32>(others));

    let bits: __m128i = transmute!(*bits);
    let fraction_bits = _mm_set1_epi32((1 << 23) - 1);
    let mantissa = _mm_and_si128(bits, fraction_bits);
    let is_normal = _mm_cmpgt_epi32(bits, fraction_bits);
    let implicit = _mm_and_si128(is_normal, _mm_set1_epi32(1 << 23));
    let significand = _mm256_cvtepu32_epi64(_mm_or_si128(mantissa, implicit));
    let high = _mm256_mul_epu32(_mm256_srli_epi64::<32>(power), significand);
    let low = _mm256_srli_epi64::<32>(_mm256_mul_epu32(power, significand));
    let product = _mm256_add_epi64(high, low);

    let one = _mm256_sllv_epi64(all(1), fraction);
    let integer = _mm256_srlv_epi64(product, fraction);
    let rest = _mm256_and_si256(product, _mm256_sub_epi64(one, all(1)));
    let half = _mm256_srli_epi64::<33>(_mm256_sub_epi64(power, all(1)));
    let even = _mm256_andnot_si256(_mm256_cvtepu32_epi64(bits), all(1));
    let half = _mm256_add_epi64(half, even);
    let not_up = _mm256_cmpgt_epi64(one, _mm256_add_epi64(rest, half));
    let down = _mm256_cmpgt_epi64(half, rest);
    let digit = _mm256_add_epi64(times_10(rest), _mm256_srli_epi64::<1>(one));
    let digit = _mm256_srlv_epi64(digit, fraction);
    let is_tie = _mm256_cmpeq_epi64(rest, _mm256_srli_epi64::<2>(one));
    let digit = _mm256_blendv_epi8(digit, all(2), is_tie);
    let digit = _mm256_and_si256(digit, _mm256_andnot_si256(down, not_up));
    let integer = _mm256_add_epi64(_mm256_add_epi64(integer, all(1)), not_up);
    let decimal = _mm256_add_epi64(times_10(integer), digit);

    let eight = _mm256_cmpgt_epi64(decimal, all(9_999_999));
    let nine = _mm256_cmpgt_epi64(decimal, all(99_999_999));
    let by = _mm256_blendv_epi8(all(100), all(10), eight);
    let by = _mm256_blendv_epi8(by, all(1), nine);
    let values = lower_halves(_mm256_mul_epu32(decimal, by));
    let more = lower_halves(_mm256_add_epi64(eight, nine));
    let exponents = _mm_sub_epi32(_mm_add_epi32(exponents, _mm_set1_epi32(6)), more);

    let is_power = _mm_cmpeq_epi32(mantissa, _mm_setzero_si128());
    let is_small = _mm_cmpgt_epi32(_mm_set1_epi32(LEAST_32 as i32), bits);
    let is_special = _mm_cmpgt_epi32(bits, _mm_set1_epi32(f32::INFINITY.to_bits() as i32 - 1));
    let rare = _mm_or_si128(is_power, _mm_or_si128(is_small, is_special));
    let rare = _mm_movemask_ps(_mm_castsi128_ps(rare)) as u64;
    (transmute!(values), transmute!(exponents), rare)
}

/// [`super::Scaled`] of four floats.
struct Scaled {
    integer: __m256i,
    fraction: __m256i,
    half: __m256i,
}

#[inline]
#[target_feature(enable = "avx2")]
fn all(value: i64) -> __m256i {
    _mm256_set1_epi64x(value)
}

/// The high and the low half of the power of ten for an entry of `SCALE_64`.
#[expect(unsafe_code, reason = "a check takes two instructions for each float")]
#[inline(always)]
fn power(scale: u32) -> __m128i {
    const {
        let mut biased = 0;
        while biased < SCALE_64.len() {
            assert!(SCALE_64[biased] as usize & 0xfff < POW10.len());
            biased += 1;
        }
    }
    // SAFETY: all entries of `SCALE_64` are checked above.
    let power = unsafe { POW10.get_unchecked(scale as usize & 0xfff) };
    transmute!(*power)
}

/// The upper 128 of 192 bits of `significand` · (2⁶⁴ `high` + `low`), as upper and lower half.
/// `significand` must be below 2⁶⁰.
#[inline]
#[target_feature(enable = "avx2")]
fn product(significand: __m256i, high: __m256i, low: __m256i) -> (__m256i, __m256i) {
    let zero = _mm256_setzero_si256();
    let upper_half = |value| _mm256_srli_epi64::<32>(value);
    let lower_half = |value| _mm256_blend_epi32::<0b1010_1010>(value, zero);
    let add = |one, other| _mm256_add_epi64(one, other);
    // Multiplies the lower halves of the lanes.
    let times = |one, other| _mm256_mul_epu32(one, other);

    let (s0, s1) = (significand, upper_half(significand));
    let (l0, l1) = (low, upper_half(low));
    // No sum overflows: a product with `s1` is below 2⁶⁰, and any other leaves room for a half.
    let middle = add(times(l0, s1), upper_half(times(l0, s0)));
    let carry = upper_half(add(times(l1, s0), lower_half(middle)));
    let below = add(add(times(l1, s1), upper_half(middle)), carry);

    let (h0, h1) = (high, upper_half(high));
    let least = add(times(h0, s0), lower_half(below));
    let middle = add(add(times(h0, s1), upper_half(below)), upper_half(least));
    let more = add(times(h1, s0), lower_half(middle));
    let upper = add(add(times(h1, s1), upper_half(middle)), upper_half(more));
    let lower = _mm256_blend_epi32::<0b1010_1010>(least, _mm256_slli_epi64::<32>(more));
    (upper, lower)
}

/// [`super::round_64`].
#[inline]
#[target_feature(enable = "avx2")]
fn round(scaled: &Scaled) -> (__m256i, __m256i) {
    let Scaled {
        integer,
        fraction,
        half,
    } = *scaled;
    // AVX2 compares signed numbers only.
    let sign = all(i64::MIN);
    let signed = |value| _mm256_xor_si256(value, sign);
    let sum = _mm256_add_epi64(fraction, half);
    let up = _mm256_cmpgt_epi64(signed(fraction), signed(sum));
    let down = _mm256_cmpgt_epi64(signed(half), signed(fraction));
    // 10 · fraction + 2⁶³ + 6 in two halves, of which the bits from 2⁶⁴ on are the digit.
    let least = _mm256_add_epi64(_mm256_mul_epu32(fraction, all(10)), all(6));
    let upper = _mm256_mul_epu32(_mm256_srli_epi64::<32>(fraction), all(10));
    let upper = _mm256_add_epi64(upper, all(1 << 31));
    let digit = _mm256_add_epi64(upper, _mm256_srli_epi64::<32>(least));
    let digit = _mm256_srli_epi64::<32>(digit);
    let is_tie = _mm256_cmpeq_epi64(fraction, all(1 << 62));
    let digit = _mm256_blendv_epi8(digit, all(2), is_tie);
    (
        _mm256_sub_epi64(integer, up),
        _mm256_andnot_si256(_mm256_or_si256(up, down), digit),
    )
}

#[inline]
#[target_feature(enable = "avx2")]
fn times_10(value: __m256i) -> __m256i {
    _mm256_add_epi64(_mm256_slli_epi64::<3>(value), _mm256_slli_epi64::<1>(value))
}

/// The quotient by 10⁸ in the lower and the remainder in the upper half of each lane; all values must be
/// below 10¹⁶.
#[inline]
#[target_feature(enable = "avx2")]
fn split8(value: __m256i) -> __m256i {
    // 2⁵²: the lowest bit of the sum with a smaller integer is worth 1.
    const MAGIC: f64 = (1_u64 << 52) as f64;
    // 10⁸ / 2⁸. The reciprocal is rounded up, so the product is never below an exact quotient; and its
    // relative error of at most 2⁻⁵¹ is too small to reach the next one, as the quotient is below 2²⁷.
    const OVER: f64 = (1.0_f64 / 390_625.0).next_up();
    let magic = _mm256_set1_pd(MAGIC);
    let bits = _mm256_or_si256(_mm256_srli_epi64::<8>(value), _mm256_castpd_si256(magic));
    let float = _mm256_sub_pd(_mm256_castsi256_pd(bits), magic);
    let quotient = _mm256_floor_pd(_mm256_mul_pd(float, _mm256_set1_pd(OVER)));
    let quotient = _mm256_castpd_si256(_mm256_add_pd(quotient, magic));
    let whole = _mm256_mul_epu32(quotient, all(100_000_000));
    let rest = _mm256_sub_epi64(value, whole);
    _mm256_blend_epi32::<0b1010_1010>(quotient, _mm256_slli_epi64::<32>(rest))
}

/// The lower half of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn lower_halves(value: __m256i) -> __m128i {
    let even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(value, even))
}

/// One bit per float that isn't [common](super::is_common_64).
#[inline]
#[target_feature(enable = "avx2")]
fn rare(bits: __m256i, mantissa: __m256i) -> u64 {
    let is_power = _mm256_cmpeq_epi64(mantissa, _mm256_setzero_si256());
    let is_small = _mm256_cmpgt_epi64(all(LEAST_64 as i64), bits);
    let is_special = _mm256_cmpgt_epi64(bits, all(f64::INFINITY.to_bits() as i64 - 1));
    let rare = _mm256_or_si256(is_power, _mm256_or_si256(is_small, is_special));
    _mm256_movemask_pd(_mm256_castsi256_pd(rare)) as u64
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::{Decimals, set_common_32, set_common_64};
    use crate::random::Random;

    /// Random bits, with more subnormals, powers of two, integers and other special values.
    fn random_bits(random: &mut Random) -> u64 {
        let bits = random.next_u64();
        match random.below(8) {
            0 => bits & 0x7ff0_0000_0000_0000,
            1 => bits >> (12 + random.below(52)),
            2 => bits & (u64::MAX << random.below(52)),
            3 => ((bits >> random.below(60)) as f64).to_bits(),
            4 => (bits as f64 / 1e18).to_bits(),
            _ => bits,
        }
    }

    fn block(decimals: &Decimals<64>, len: usize, rare: u64) -> Vec<([u32; 2], u32, i32)> {
        let common = (0..len).filter(|index| rare >> index & 1 == 0);
        common
            .map(|index| {
                let (values, last) = (decimals.values[index], decimals.lasts[index]);
                (values, last, decimals.exponents[index])
            })
            .collect()
    }

    #[test]
    fn like_one_by_one_64() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        let mut random = Random::seeded(3);
        let mut one_by_one = Decimals::<64>::default();
        let mut together = Decimals::<64>::default();
        for round in 0..20_000_usize {
            let elements: [f64; 64] =
                std::array::from_fn(|_| f64::from_bits(random_bits(&mut random)));
            let elements = &elements[..1 + round % 64];
            let rare = one_by_one.set_common_64_one_by_one(elements);
            // SAFETY: AVX2 is available.
            #[expect(unsafe_code, reason = "the function needs AVX2")]
            let also_rare = unsafe { set_common_64(&mut together, elements) };
            assert_eq!(rare, also_rare, "{elements:?}");
            let len = elements.len();
            assert_eq!(
                block(&one_by_one, len, rare),
                block(&together, len, rare),
                "{elements:?}"
            );
        }
    }

    #[test]
    fn like_one_by_one_32() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        let mut random = Random::seeded(4);
        let mut one_by_one = Decimals::<64>::default();
        let mut together = Decimals::<64>::default();
        for round in 0..20_000_usize {
            let bits: [u32; 64] = std::array::from_fn(|_| {
                let double = f64::from_bits(random_bits(&mut random));
                let bits = if round % 2 == 0 {
                    (double as f32).to_bits()
                } else {
                    (double.to_bits() >> 32) as u32
                };
                bits & (u32::MAX >> 1)
            });
            same_32(&bits[..1 + round % 64], &mut one_by_one, &mut together);
        }
    }

    #[test]
    #[ignore = "tests all 2 billion positive floats: takes a minute with --release"]
    fn like_one_by_one_for_every_f32() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        let mut one_by_one = Decimals::<64>::default();
        let mut together = Decimals::<64>::default();
        for first in (0..1 << 31).step_by(64) {
            let bits: [u32; 64] = std::array::from_fn(|index| first + index as u32);
            same_32(&bits, &mut one_by_one, &mut together);
        }
    }

    /// AVX2 must be available.
    fn same_32(bits: &[u32], one_by_one: &mut Decimals<64>, together: &mut Decimals<64>) {
        let rare = one_by_one.set_common_32_one_by_one(bits);
        // SAFETY: AVX2 is available.
        #[expect(unsafe_code, reason = "the function needs AVX2")]
        let also_rare = unsafe { set_common_32(together, bits) };
        assert_eq!(rare, also_rare, "{bits:x?}");
        for index in (0..bits.len()).filter(|index| rare >> index & 1 == 0) {
            let of = |it: &Decimals<64>| (it.values.as_flattened()[index], it.exponents[index]);
            assert_eq!(of(one_by_one), of(together), "{:x}", bits[index]);
        }
    }
}
