//! Turns decimals into text.
//!
//! Each text is a permutation of its digits and of the other characters, by the table entry for the
//! exponent and sign. Trailing zeros are replaced with commas before, so that the last digit is
//! followed by a comma.

use std::arch::x86_64::{
    __m256i, __m512i, __mmask8, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_epi64,
    _mm512_and_si512, _mm512_andnot_si512, _mm512_castsi256_si512, _mm512_cmpeq_epi64_mask,
    _mm512_cmplt_epu64_mask, _mm512_inserti64x4, _mm512_lzcnt_epi64, _mm512_madd52lo_epu64,
    _mm512_mask_add_epi64, _mm512_mask_cmpgt_epi64_mask, _mm512_mask_mov_epi64,
    _mm512_mask_or_epi64, _mm512_mask_sub_epi64, _mm512_maskz_sllv_epi64, _mm512_movepi64_mask,
    _mm512_mul_epu32, _mm512_mulhi_epu16, _mm512_mullo_epi32, _mm512_or_si512,
    _mm512_permutex2var_epi64, _mm512_permutexvar_epi8, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_setr_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sllv_epi64,
    _mm512_srli_epi16, _mm512_srli_epi64, _mm512_sub_epi64, _mm512_ternarylogic_epi64,
    _mm512_test_epi64_mask, _mm512_testn_epi64_mask, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::{
    NULL, Wide, indices,
    sources::{EXPONENTIAL, FIRST, NEGATIVE, NULLS, SOURCES_32, SOURCES_64, Sources, others},
};
use crate::json::fmt::{
    lanes::{all, digits2, divide, load, reciprocal, store, store_two},
    place::exponent_text,
};

const ZEROS: i64 = 0x3030_3030_3030_3030;
const COMMAS: i64 = 0x2c2c_2c2c_2c2c_2c2c;

impl<const N: usize> Wide<N> {
    /// Given the first and the second eight digits and the seventeenth, sets the words to the characters
    /// of the second and the first eight digits, backwards, and of the others, and to the offsets into
    /// the table. Also sets the lengths, for numbers with an exponent those without exponent and point.
    ///
    /// Returns the numbers with an exponent.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512ifma")]
    pub(super) fn set_characters_64(&mut self, groups: usize, negative: u64) -> u64 {
        let [words_0, words_1, words_2, offsets] = &mut self.words;
        let mut exponential = 0;
        for group in 0..groups.min(N / 8) {
            let exponents = load(&self.exponents, group);
            let form = Form::of::<-5, 15>(exponents, (negative >> (8 * group)) as __mmask8);
            store(offsets, group, form.offsets());
            exponential |= u64::from(!(form.fixed | form.nulls)) << (8 * group);
            let high = digits8(load(words_0, group));
            let low = digits8(load(words_1, group));
            let last = load(words_2, group);

            // At least one digit after the point is kept.
            let is_greatest = _mm512_cmpeq_epi64_mask(exponents, all(15));
            let shift = _mm512_slli_epi64::<3>(_mm512_sub_epi64(all(14), exponents));
            let shift = _mm512_mask_mov_epi64(shift, is_greatest, _mm512_setzero_si512());
            let kept =
                _mm512_or_si512(_mm512_or_si512(low, last), _mm512_sllv_epi64(all(1), shift));
            let high_shift = _mm512_sub_epi64(shift, all(64));
            let high_kept = _mm512_or_si512(high, _mm512_sllv_epi64(all(1), high_shift));
            let is_short = _mm512_testn_epi64_mask(kept, kept);
            let trailing = Trailing::of(_mm512_mask_mov_epi64(kept, is_short, high_kept));
            let fill = _mm512_ternarylogic_epi64::<0xca>(trailing.kept, all(ZEROS), all(COMMAS));
            let low_fill = _mm512_mask_mov_epi64(fill, is_short, all(COMMAS));
            let high_fill = _mm512_mask_mov_epi64(all(ZEROS), is_short, fill);
            store(words_0, group, _mm512_or_si512(low, low_fill));
            store(words_1, group, _mm512_or_si512(high, high_fill));
            let is_long = is_greatest | _mm512_test_epi64_mask(last, last);
            let (comma, zero) = (all(others(b',')), all(others(b'0')));
            store(
                words_2,
                group,
                _mm512_mask_or_epi64(comma, is_long, zero, last),
            );

            let digits = _mm512_sub_epi64(all(16), _mm512_srli_epi64::<3>(trailing.bits));
            let digits = _mm512_mask_add_epi64(digits, is_short, digits, all(-8));
            let digits = _mm512_mask_add_epi64(digits, is_long, digits, all(1));
            store(&mut self.lens, group, form.lens(digits));
        }
        exponential
    }

    /// Given the nine digits, sets the words to the characters of the last eight, backwards, and of the
    /// others, and to the offsets into the table. Also sets the lengths as for `f64`, and
    /// returns the same.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512ifma")]
    pub(super) fn set_characters_32(&mut self, groups: usize, negative: u64) -> u64 {
        // Exact for the digits of all `f32`s.
        const OVER: i64 = ((1_u64 << 52) / 100_000_000 + 1) as i64;
        let [words_0, words_1, _, offsets] = &mut self.words;
        let mut exponential = 0;
        for group in 0..groups.min(N / 8) {
            let exponents = load(&self.exponents, group);
            let form = Form::of::<-6, 12>(exponents, (negative >> (8 * group)) as __mmask8);
            store(offsets, group, form.offsets());
            exponential |= u64::from(!(form.fixed | form.nulls)) << (8 * group);
            let nine = load(words_0, group);
            let first = divide(nine, OVER);
            let rest = _mm512_sub_epi64(nine, _mm512_mul_epu32(first, all(100_000_000)));
            let rest = digits8(rest);

            // At least one digit after the point is kept; if there is none, all digits are.
            let shift = _mm512_slli_epi64::<3>(_mm512_sub_epi64(all(7), exponents));
            let is_large = _mm512_mask_cmpgt_epi64_mask(form.fixed, exponents, all(7));
            let shift = _mm512_mask_mov_epi64(shift, is_large, _mm512_setzero_si512());
            let kept = _mm512_maskz_sllv_epi64(form.fixed, all(1), shift);
            let trailing = Trailing::of(_mm512_or_si512(rest, kept));
            let fill = _mm512_ternarylogic_epi64::<0xca>(trailing.kept, all(ZEROS), all(COMMAS));
            store(words_0, group, _mm512_or_si512(rest, fill));
            store(words_1, group, _mm512_or_si512(first, all(others(b'0'))));

            let digits = _mm512_sub_epi64(all(9), _mm512_srli_epi64::<3>(trailing.bits));
            let digits = _mm512_mask_add_epi64(digits, is_large, exponents, all(2));
            store(&mut self.lens, group, form.lens(digits));
        }
        exponential
    }

    /// Sets the texts from the words.
    #[target_feature(enable = "avx512f,avx512vbmi")]
    pub(super) fn place_64(&mut self, groups: usize) {
        let [lows, highs, others, offsets] = &self.words;
        let (offsets, texts) = (offsets.as_chunks().0, self.texts.as_chunks_mut().0);
        for group in 0..groups.min(N / 8) {
            let (low, high) = (load(lows, group), load(highs, group));
            let others = load(others, group);
            let even = _mm512_unpacklo_epi64(low, high);
            let odd = _mm512_unpackhi_epi64(low, high);
            let with_others = |pairs, first: i64, second: i64| {
                let [one, two] = [first, second].map(|element| element & 6);
                let index =
                    _mm512_setr_epi64(one, one + 1, 8 + first, 0, two, two + 1, 8 + second, 0);
                _mm512_permutex2var_epi64(pairs, index, others)
            };
            let (offsets, texts) = (&offsets[group], &mut texts[group]);
            place_two::<0, 2, 0, 32>(with_others(even, 0, 2), &SOURCES_64, offsets, texts);
            place_two::<1, 3, 0, 32>(with_others(odd, 1, 3), &SOURCES_64, offsets, texts);
            place_two::<4, 6, 0, 32>(with_others(even, 4, 6), &SOURCES_64, offsets, texts);
            place_two::<5, 7, 0, 32>(with_others(odd, 5, 7), &SOURCES_64, offsets, texts);
        }
    }

    /// Sets the texts from the words.
    #[target_feature(enable = "avx512f,avx512vbmi")]
    pub(super) fn place_32(&mut self, groups: usize) {
        let [rests, firsts, _, offsets] = &self.words;
        let (offsets, texts) = (offsets.as_chunks().0, self.texts.as_chunks_mut().0);
        for group in 0..groups.min(N / 8) {
            let (rest, first) = (load(rests, group), load(firsts, group));
            let even = _mm512_unpacklo_epi64(rest, first);
            let odd = _mm512_unpackhi_epi64(rest, first);
            let (offsets, texts) = (&offsets[group], &mut texts[group]);
            place_two::<0, 2, 0, 16>(even, &SOURCES_32, offsets, texts);
            place_two::<1, 3, 0, 16>(odd, &SOURCES_32, offsets, texts);
            place_two::<4, 6, 32, 48>(even, &SOURCES_32, offsets, texts);
            place_two::<5, 7, 32, 48>(odd, &SOURCES_32, offsets, texts);
        }
    }

    /// Appends the exponents to the texts of `exponential` numbers.
    pub(super) fn append_exponents(&mut self, exponential: u64, negative: u64) {
        for index in indices(exponential) {
            let digits = self.lens[index] - (negative >> index & 1);
            // A single digit has no point.
            let end = (self.lens[index] + u64::from(digits > 1)) as usize % 24;
            let (suffix, suffix_len) = exponent_text(self.exponents[index] as i32);
            self.texts[index][end..end + 8].copy_from_slice(&suffix);
            self.lens[index] = (end + suffix_len) as u64;
        }
    }
}

/// The forms of eight numbers.
struct Form {
    exponents: __m512i,
    /// The numbers without an exponent.
    fixed: __mmask8,
    nulls: __mmask8,
    negative: __mmask8,
}

impl Form {
    /// The numbers from 10^`LEAST` to below 10^(`GREATEST` + 1) are written without an exponent.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of<const LEAST: i64, const GREATEST: i64>(exponents: __m512i, negative: __mmask8) -> Self {
        let above = _mm512_sub_epi64(exponents, all(LEAST));
        Self {
            exponents,
            fixed: _mm512_cmplt_epu64_mask(above, all(GREATEST - LEAST + 1)),
            nulls: _mm512_cmpeq_epi64_mask(exponents, all(NULL as i64)),
            negative,
        }
    }

    /// The offsets into the table of the sources, in bytes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn offsets(&self) -> __m512i {
        let entry = _mm512_sub_epi64(self.exponents, all(FIRST));
        let entry = _mm512_mask_mov_epi64(entry, !self.fixed, all(EXPONENTIAL));
        let entry = _mm512_mask_mov_epi64(entry, self.nulls, all(NULLS));
        let entry = _mm512_mask_add_epi64(entry, self.negative, entry, all(NEGATIVE));
        _mm512_slli_epi64::<5>(entry)
    }

    /// The lengths with a comma, but without point and exponent, given the numbers of significant digits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    fn lens(&self, digits: __m512i) -> __m512i {
        let below_1 = self.fixed & _mm512_movepi64_mask(self.exponents);
        let lens = _mm512_mask_add_epi64(digits, self.fixed, digits, all(2));
        let lens = _mm512_mask_sub_epi64(lens, below_1, lens, self.exponents);
        let lens = _mm512_mask_add_epi64(lens, self.negative, lens, all(1));
        _mm512_mask_mov_epi64(lens, self.nulls, all(5))
    }
}

/// Which of eight 8-digit numbers' last digits are zeros that aren't written.
struct Trailing {
    /// All bits of the digits that are written.
    kept: __m512i,
    /// The number of the others, times eight.
    bits: __m512i,
}

impl Trailing {
    /// The last digit is the lowest byte.
    #[inline]
    #[target_feature(enable = "avx512f,avx512cd")]
    fn of(digits: __m512i) -> Self {
        // The bits below the lowest that is set.
        let below = _mm512_andnot_si512(digits, _mm512_add_epi64(digits, all(-1)));
        let bits = _mm512_sub_epi64(all(64), _mm512_lzcnt_epi64(below));
        let bits = _mm512_and_si512(bits, all(!7));
        Self {
            kept: _mm512_sllv_epi64(all(-1), bits),
            bits,
        }
    }
}

/// Writes two texts, whose digits and other characters start at `FIRST_BYTE` and `SECOND_BYTE`.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
#[expect(unsafe_code, reason = "reads the sources without a check of bounds")]
fn place_two<
    const FIRST: usize,
    const SECOND: usize,
    const FIRST_BYTE: i64,
    const SECOND_BYTE: i64,
>(
    characters: __m512i,
    sources: &'static Sources,
    offsets: &[u64; 8],
    texts: &mut [[u8; 32]; 8],
) {
    const EACH: i64 = 0x0101_0101_0101_0101;
    let source = |offset: u64| -> __m256i {
        debug_assert!(offset as usize <= size_of::<Sources>() - 32);
        // SAFETY: the offset is that of an entry.
        unsafe { _mm256_loadu_si256(sources.as_ptr().byte_add(offset as usize).cast()) }
    };
    let (first, second) = (source(offsets[FIRST]), source(offsets[SECOND]));
    let sources = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second);
    let (low, high) = (FIRST_BYTE * EACH, SECOND_BYTE * EACH);
    let sources = _mm512_or_si512(
        sources,
        _mm512_setr_epi64(low, low, low, low, high, high, high, high),
    );
    let both = _mm512_permutexvar_epi8(sources, characters);
    store_two::<FIRST, SECOND>(both, texts);
}

/// The digits of eight numbers below 10⁸, as values from 0 to 9. The last digit is the lowest byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn digits8(values: __m512i) -> __m512i {
    let high = divide(values, const { reciprocal(52, 10_000, 27) });
    // Adds quotient · (2ⁿ - divisor), which leaves the quotient above the remainder.
    let halves = _mm512_madd52lo_epu64(values, high, all((1 << 32) - 10_000));
    let high = _mm512_srli_epi16::<3>(_mm512_mulhi_epu16(halves, _mm512_set1_epi16(5_243)));
    let below = _mm512_mullo_epi32(high, _mm512_set1_epi32((1 << 16) - 100));
    let quarters = _mm512_add_epi32(halves, below);
    digits2(quarters)
}
