//! Converts datetimes to text with AVX-512, eight at a time.

use std::arch::x86_64::{
    __m512i, __mmask8, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEG_INF, _mm512_add_epi64,
    _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_cmpge_epi64_mask, _mm512_cmple_epi64_mask,
    _mm512_cvt_roundpd_epi64, _mm512_cvtepi64_pd, _mm512_mask_add_epi64, _mm512_mask_mov_epi64,
    _mm512_mask_sub_epi64, _mm512_movepi64_mask, _mm512_mul_epu32, _mm512_mul_pd,
    _mm512_mullo_epi64, _mm512_or_si512, _mm512_permutex2var_epi64, _mm512_permutexvar_epi8,
    _mm512_set1_pd, _mm512_setr_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_sub_epi64, _mm512_ternarylogic_epi64, _mm512_test_epi64_mask, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi64,
};

use super::{DAY, EPOCH, Scale};
use crate::json::fmt::lanes::{all, digits2, divide, load, reciprocal, store_two};

/// The texts of a block of datetimes: quote, date, time and microseconds.
#[repr(align(64))]
pub(super) struct Texts<const N: usize>([[u8; 32]; N]);

impl<const N: usize> Default for Texts<N> {
    fn default() -> Self {
        // Each element is a bit of a `u64`.
        const { assert!(N <= 64) };
        Self([[0; 32]; N])
    }
}

impl<const N: usize> Texts<N> {
    /// Sets the texts of at most `N` datetimes, given their counts. Returns which of them have
    /// microseconds; the first is the lowest bit. `None` if one is out of range.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi")]
    pub(super) fn set(&mut self, counts: &[u64], scale: Scale, omit_micros: bool) -> Option<u64> {
        let mut with_micros = 0;
        let groups = counts.chunks(8).zip(self.0.as_chunks_mut().0);
        for (group, (counts, texts)) in groups.enumerate() {
            let mut eight = [0; 8];
            let counts = counts.try_into().unwrap_or_else(|_| {
                eight[..counts.len()].copy_from_slice(counts);
                &eight
            });
            let (second, micros) = seconds(load(counts, 0), scale)?;
            let has_micros = _mm512_test_epi64_mask(micros, micros);
            with_micros |= u64::from(has_micros) << (8 * group);
            place(second, micros, texts);
        }
        Some(if omit_micros { 0 } else { with_micros })
    }

    /// The text of an element. Its length depends on whether it has microseconds.
    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> &[u8; 32] {
        &self.0[index]
    }
}

/// The seconds since 0000-01-01 and the microseconds of eight datetimes. `None` if one is out of range.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn seconds(counts: __m512i, scale: Scale) -> Option<(__m512i, __m512i)> {
    let (least, greatest) = scale.range();
    let in_range = _mm512_cmpge_epi64_mask(counts, all(least))
        & _mm512_cmple_epi64_mask(counts, all(greatest));
    if in_range != __mmask8::MAX {
        return None;
    }
    let epoch = all(EPOCH * DAY);
    if scale.counts == 1 {
        let seconds = _mm512_mullo_epi64(counts, all(scale.seconds));
        return Some((_mm512_add_epi64(seconds, epoch), _mm512_setzero_si512()));
    }
    // The quotient of the rounded count may be too large or too small by 1.
    let quotient = _mm512_mul_pd(
        _mm512_cvtepi64_pd(counts),
        _mm512_set1_pd(1.0 / scale.counts as f64),
    );
    let quotient =
        _mm512_cvt_roundpd_epi64::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(quotient);
    let divisor = all(scale.counts);
    let rest = _mm512_sub_epi64(counts, _mm512_mullo_epi64(quotient, divisor));
    let is_above = _mm512_movepi64_mask(rest);
    let quotient = _mm512_mask_sub_epi64(quotient, is_above, quotient, all(1));
    let rest = _mm512_mask_add_epi64(rest, is_above, rest, divisor);
    let is_below = _mm512_cmpge_epi64_mask(rest, divisor);
    let quotient = _mm512_mask_add_epi64(quotient, is_below, quotient, all(1));
    let rest = _mm512_mask_sub_epi64(rest, is_below, rest, divisor);
    let micros = match scale.counts {
        1_000 => _mm512_mul_epu32(rest, all(1_000)),
        1_000_000 => rest,
        _ => divide(rest, const { reciprocal(52, 1_000, 30) }),
    };
    Some((_mm512_add_epi64(quotient, epoch), micros))
}

/// Sets the texts of eight datetimes, given their seconds since 0000-01-01 and microseconds.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi")]
fn place(seconds: __m512i, micros: __m512i, texts: &mut [[u8; 32]; 8]) {
    // A day has 675 · 2⁷ seconds.
    let days = divide(
        _mm512_srli_epi64::<7>(seconds),
        const { reciprocal(52, 675, 32) },
    );
    let of_day = _mm512_sub_epi64(seconds, _mm512_mul_epu32(days, all(DAY)));
    let [time, rest] = time(of_day, micros);
    let [date, time, rest] = [date(days), time, rest].map(|fields| digits2(fields));
    let even = _mm512_unpacklo_epi64(date, time);
    let odd = _mm512_unpackhi_epi64(date, time);
    place_two::<0, 2>(even, rest, texts);
    place_two::<1, 3>(odd, rest, texts);
    place_two::<4, 6>(even, rest, texts);
    place_two::<5, 7>(odd, rest, texts);
}

/// The dates `days` days after 0000-01-01, as century, year of the century, month and day in the 16-bit
/// fields of each word, the lowest first. See [`date`](super::date) for the steps.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn date(days: __m512i) -> __m512i {
    let days = _mm512_add_epi64(days, all(146_097 - 60));
    let quarters = _mm512_add_epi64(_mm512_slli_epi64::<2>(days), all(3));
    let century = divide(quarters, const { reciprocal(52, 146_097, 25) });
    let quarters = _mm512_sub_epi64(quarters, _mm512_mul_epu32(century, all(146_097)));
    let product = _mm512_mul_epu32(_mm512_or_si512(quarters, all(3)), all(2_939_745));
    let year = _mm512_srli_epi64::<32>(product);
    let of_year = _mm512_srli_epi64::<2>(_mm512_and_si512(product, all(0xffff_ffff)));
    let of_year = divide(of_year, const { reciprocal(52, 2_939_745, 30) });
    let months = _mm512_add_epi64(_mm512_mul_epu32(of_year, all(2_141)), all(197_913));
    let next_year = _mm512_cmpge_epi64_mask(of_year, all(306));
    let month = _mm512_srli_epi64::<16>(months);
    let month = _mm512_mask_sub_epi64(month, next_year, month, all(12));
    let of_month = _mm512_and_si512(months, all(0xffff));
    let of_month = divide(of_month, const { reciprocal(52, 2_141, 16) });
    let day = _mm512_add_epi64(of_month, all(1));

    let year = _mm512_mask_add_epi64(year, next_year, year, all(1));
    let next_century = _mm512_cmpeq_epi64_mask(year, all(100));
    let year = _mm512_mask_mov_epi64(year, next_century, _mm512_setzero_si512());
    let century = _mm512_sub_epi64(century, all(4));
    let century = _mm512_mask_add_epi64(century, next_century, century, all(1));
    fields([century, year, month, day])
}

/// The hours, minutes, seconds and first two digits of the microseconds, and the other four digits, in
/// the 16-bit fields of each word, the lowest first.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn time(of_day: __m512i, micros: __m512i) -> [__m512i; 2] {
    let minutes = divide(of_day, const { reciprocal(52, 60, 17) });
    let hours = divide(of_day, const { reciprocal(52, 3_600, 17) });
    let minute = _mm512_sub_epi64(minutes, _mm512_mul_epu32(hours, all(60)));
    let second = _mm512_sub_epi64(of_day, _mm512_mul_epu32(minutes, all(60)));
    let first = divide(micros, const { reciprocal(52, 10_000, 20) });
    let hundreds = divide(micros, const { reciprocal(52, 100, 20) });
    let middle = _mm512_sub_epi64(hundreds, _mm512_mul_epu32(first, all(100)));
    let last = _mm512_sub_epi64(micros, _mm512_mul_epu32(hundreds, all(100)));
    let zero = _mm512_setzero_si512();
    [
        fields([hours, minute, second, first]),
        fields([middle, last, zero, zero]),
    ]
}

/// Puts four numbers below 2¹⁶ into each word, the first into the lowest bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn fields([first, second, third, fourth]: [__m512i; 4]) -> __m512i {
    const OR: i32 = 0xfe;
    let low = _mm512_or_si512(first, _mm512_slli_epi64::<16>(second));
    let (third, fourth) = (
        _mm512_slli_epi64::<32>(third),
        _mm512_slli_epi64::<48>(fourth),
    );
    _mm512_ternarylogic_epi64::<OR>(low, third, fourth)
}

/// A text without its digits.
const TEXT: [u8; 32] = *b"\"0000-00-00T00:00:00.000000     ";

/// Where the digits of a text are taken from: those of the date start at 0, those of the time at 8, the
/// last four at 16. The lower digit of each pair comes first. Byte 20 is 0.
const SOURCES: [u8; 32] = [
    20, 1, 0, 3, 2, 20, 5, 4, 20, 7, 6, 20, 9, 8, 20, 11, 10, 20, 13, 12, 20, 15, 14, 17, 16, 19,
    18, 20, 20, 20, 20, 20,
];

/// The same 32 bytes twice, for the bytes of the second text `distance` further.
const fn twice(bytes: [u8; 32], distance: u8) -> [u64; 8] {
    let mut words = [0; 8];
    let mut index = 0;
    while index < 64 {
        let byte = bytes[index % 32] + if index < 32 { 0 } else { distance };
        words[index / 8] |= (byte as u64) << (index % 8 * 8);
        index += 1;
    }
    words
}

/// Writes the texts of two datetimes, whose dates and times are pairs of words.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn place_two<const FIRST: usize, const SECOND: usize>(
    pairs: __m512i,
    rest: __m512i,
    texts: &mut [[u8; 32]; 8],
) {
    static TEXTS: [u64; 8] = twice(TEXT, 0);
    static BOTH: [u64; 8] = twice(SOURCES, 32);
    let [one, two] = [FIRST, SECOND].map(|element| element as i64 & 6);
    let [rest_one, rest_two] = [FIRST, SECOND].map(|element| element as i64 + 8);
    let index = _mm512_setr_epi64(
        one,
        one + 1,
        rest_one,
        rest_one,
        two,
        two + 1,
        rest_two,
        rest_two,
    );
    let digits = _mm512_permutex2var_epi64(pairs, index, rest);
    let digits = _mm512_permutexvar_epi8(load(&BOTH, 0), digits);
    let both = _mm512_or_si512(digits, load(&TEXTS, 0));
    store_two::<FIRST, SECOND>(both, texts);
}
