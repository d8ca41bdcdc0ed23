//! Formats integers with AVX-512: computes the digits of several in one vector, then keeps only the bytes
//! of their text by one compression.
//!
//! Each integer has a place of 8, 16 or 32 bytes in the vector. Each word of 64 bits of a place has six
//! digits in its first bytes. A comma follows the last digit. The first digit of a place would always be
//! 0; the sign takes its byte.

use std::arch::x86_64::{
    __m512i, _bzhi_u64, _mm_maskz_loadu_epi16, _mm256_maskz_loadu_epi32, _mm512_abs_epi64,
    _mm512_cvtepi16_epi64, _mm512_cvtepi32_epi64, _mm512_cvtepu16_epi64, _mm512_cvtepu32_epi64,
    _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_maskz_compress_epi8,
    _mm512_maskz_loadu_epi64, _mm512_movepi64_mask, _mm512_mulhi_epu16, _mm512_mullo_epi16,
    _mm512_permutex2var_epi64, _mm512_permutexvar_epi64, _mm512_set1_epi16, _mm512_set1_epi64,
    _mm512_setr_epi64, _mm512_setzero_si512, _mm512_slli_epi16, _mm512_slli_epi64,
    _mm512_srli_epi64, _mm512_sub_epi16, _mm512_ternarylogic_epi64, _mm512_test_epi8_mask,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64, _pdep_u64,
};

use zerocopy::transmute;

use super::{Cursor, Rows};
use crate::json::fmt::lanes::reciprocal;

/// The sizes of places, in bytes: for integers below 10⁵, below 10¹¹ and for all.
const FIVE: usize = 8;
const ELEVEN: usize = 16;
const TWENTY: usize = 32;

const MILLION: u64 = 1_000_000;

/// A negative factor. Products of 52 bits wrap around.
const fn minus(value: u64) -> i64 {
    ((1 << 52) - value) as i64
}

/// Writes `elements`, each followed by a comma. `T` is an integer of 16, 32 or 64 bits, which has a sign
/// with `SIGNED`. `bits` is the bitwise OR of all magnitudes.
///
/// # Safety
/// The processor must support the instructions. The buffer must have room for the digits, sign and
/// comma of each element, for the brackets, and for 64 bytes more.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline]
#[target_feature(enable = "bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
pub(super) unsafe fn write<T: Copy, const SIGNED: bool>(
    elements: &[T],
    bits: u64,
    rows: &mut Rows,
    cursor: Cursor,
) -> Cursor {
    // SAFETY: the caller's contract. All magnitudes are below 10⁵ or 10¹¹.
    unsafe {
        if size_of::<T>() == 2 || bits < 1 << 16 {
            write_places::<T, SIGNED, FIVE>(elements, rows, cursor)
        } else if size_of::<T>() == 4 || bits < 1 << 36 {
            write_places::<T, SIGNED, ELEVEN>(elements, rows, cursor)
        } else {
            write_places::<T, SIGNED, TWENTY>(elements, rows, cursor)
        }
    }
}

/// [`write`] with places of `PLACE` bytes, which must be enough for each element.
///
/// # Safety
/// See [`write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline]
#[target_feature(enable = "bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
#[target_feature(enable = "avx512ifma,avx512vbmi2")]
unsafe fn write_places<T: Copy, const SIGNED: bool, const PLACE: usize>(
    elements: &[T],
    rows: &mut Rows,
    mut cursor: Cursor,
) -> Cursor {
    // In a register: if it were stored for each vector, the next load would wait for the addresses of
    // all texts before it.
    let mut left = rows.left();
    for group in elements.chunks(8) {
        // The steps of a whole group within a row are compiled apart, without counting.
        if group.len() == 8 && left > 8 {
            for (text, kept) in texts::<T, SIGNED, PLACE>(group).into_iter().take(PLACE / 8) {
                // SAFETY: the caller's contract.
                cursor = unsafe { compress(text, kept, cursor) };
            }
            left -= 8;
            continue;
        }
        let texts = texts::<T, SIGNED, PLACE>(group);
        let groups = group.chunks(64 / PLACE);
        for ((text, kept), group) in texts.into_iter().zip(groups) {
            let count = group.len();
            // SAFETY: the caller's contract.
            cursor = unsafe { pack::<PLACE>(text, kept, count, &mut left, rows, cursor) };
        }
    }
    rows.take(rows.left() - left);
    cursor
}

/// The texts of at most eight integers in the first `PLACE / 8` vectors, and masks of the bytes to keep.
#[inline]
#[target_feature(enable = "bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")]
fn texts<T: Copy, const SIGNED: bool, const PLACE: usize>(group: &[T]) -> [(__m512i, u64); 4] {
    let mut values = load::<T, SIGNED>(group);
    let mut negative = 0;
    if SIGNED {
        negative = u64::from(_mm512_movepi64_mask(values));
        values = _mm512_abs_epi64(values);
    }
    let zero = _mm512_setzero_si512();
    let words = match PLACE {
        FIVE => [digits(values), zero, zero, zero],
        ELEVEN => {
            let [first, second] = eleven(values);
            [first, second, zero, zero]
        }
        _ => twenty(values),
    };
    let mut texts = [(zero, 0); 4];
    for (index, word) in words.into_iter().take(PLACE / 8).enumerate() {
        texts[index] = text_of::<PLACE>(word, negative >> (64 / PLACE * index));
    }
    texts
}

/// At most eight integers, each in a word. The other words are 0.
#[expect(unsafe_code, reason = "loads only some lanes")]
#[inline]
#[target_feature(enable = "bmi2,avx512f,avx512bw,avx512vl")]
fn load<T: Copy, const SIGNED: bool>(group: &[T]) -> __m512i {
    const { assert!(matches!(size_of::<T>(), 2 | 4 | 8)) };
    let lanes = _bzhi_u64(0xff, group.len() as u32) as u8;
    let from = group.as_ptr();
    // SAFETY: only lanes of elements are read, and they are as wide as an element.
    unsafe {
        match (size_of::<T>(), SIGNED) {
            (2, false) => _mm512_cvtepu16_epi64(_mm_maskz_loadu_epi16(lanes, from.cast())),
            (2, true) => _mm512_cvtepi16_epi64(_mm_maskz_loadu_epi16(lanes, from.cast())),
            (4, false) => _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(lanes, from.cast())),
            (4, true) => _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(lanes, from.cast())),
            _ => _mm512_maskz_loadu_epi64(lanes, from.cast()),
        }
    }
}

/// The digits of eight integers below 10¹², each in two words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn eleven(values: __m512i) -> [__m512i; 2] {
    let [high, low] = split(values).map(|words| digits(words));
    [
        _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11),
        _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15),
    ]
    .map(|places| _mm512_permutex2var_epi64(high, places, low))
}

/// The digits of eight integers, each in four words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn twenty(values: __m512i) -> [__m512i; 4] {
    // The integers whose words the first steps below put into the same vector.
    let order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    let [high, low] = divide(_mm512_permutexvar_epi64(order, values)).map(|half| split(half));
    let [first, second] = high.map(|words| digits(words));
    let [third, fourth] = low.map(|words| digits(words));
    let (high, low) = (
        [
            _mm512_unpacklo_epi64(first, second),
            _mm512_unpackhi_epi64(first, second),
        ],
        [
            _mm512_unpacklo_epi64(third, fourth),
            _mm512_unpackhi_epi64(third, fourth),
        ],
    );
    let start = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    let end = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    [
        _mm512_permutex2var_epi64(high[0], start, low[0]),
        _mm512_permutex2var_epi64(high[0], end, low[0]),
        _mm512_permutex2var_epi64(high[1], start, low[1]),
        _mm512_permutex2var_epi64(high[1], end, low[1]),
    ]
}

/// The quotient and the remainder of a division by 10¹². Only the lowest 52 bits of each word are valid.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn divide(values: __m512i) -> [__m512i; 2] {
    // 10¹² = 2¹² · 5¹².
    const OVER: i64 = reciprocal(79, 5_u64.pow(12), 52);
    let shifted = _mm512_srli_epi64::<12>(values);
    let high = _mm512_madd52hi_epu64(_mm512_setzero_si512(), shifted, _mm512_set1_epi64(OVER));
    let high = _mm512_srli_epi64::<27>(high);
    let above = _mm512_set1_epi64(const { minus(MILLION * MILLION) });
    [high, _mm512_madd52lo_epu64(values, high, above)]
}

/// The quotients and the remainders of a division by 10⁶ of numbers below 10¹². Only the lowest 52 bits
/// of each word are valid.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn split(values: __m512i) -> [__m512i; 2] {
    const OVER: i64 = reciprocal(71, MILLION, 40);
    let high = _mm512_madd52hi_epu64(_mm512_setzero_si512(), values, _mm512_set1_epi64(OVER));
    let high = _mm512_srli_epi64::<19>(high);
    let above = _mm512_set1_epi64(const { minus(MILLION) });
    [high, _mm512_madd52lo_epu64(values, high, above)]
}

/// The six digits of the number below 10⁶ in the lowest 52 bits of each word, in the first six bytes, as
/// values from 0 to 9. The other bytes are anything.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512ifma")]
fn digits(values: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let hundreds = _mm512_set1_epi64(const { reciprocal(52, 100, 20) });
    let hundreds = _mm512_madd52hi_epu64(zero, values, hundreds);
    let highest = _mm512_set1_epi64(const { reciprocal(52, 10_000, 20) });
    let highest = _mm512_madd52hi_epu64(zero, values, highest);
    // Three numbers of two digits, from 16 bits to 16 bits, the highest first:
    // highest + 2¹⁶ (hundreds - 100 highest) + 2³² (values - 100 hundreds).
    let pairs = _mm512_slli_epi64::<32>(values);
    let to_hundreds = _mm512_set1_epi64(const { minus((100 << 32) - (1 << 16)) });
    let pairs = _mm512_madd52lo_epu64(pairs, hundreds, to_hundreds);
    let to_highest = _mm512_set1_epi64(const { minus((100 << 16) - 1) });
    let pairs = _mm512_madd52lo_epu64(pairs, highest, to_highest);
    // tens + 2⁸ (pair - 10 tens)
    let tens = _mm512_mulhi_epu16(pairs, _mm512_set1_epi16(6_554));
    let tens = _mm512_mullo_epi16(tens, _mm512_set1_epi16(2_559));
    _mm512_sub_epi16(_mm512_slli_epi16::<8>(pairs), tens)
}

/// The masks of places of `PLACE` bytes, one bit for each byte of the vector.
struct Places<const PLACE: usize>;

impl<const PLACE: usize> Places<PLACE> {
    /// The first bytes.
    const FIRST: u64 = {
        let mut mask = 0;
        let mut byte = 0;
        while byte < 64 {
            mask |= 1 << byte;
            byte += PLACE;
        }
        mask
    };
    /// The last digits.
    const LAST: u64 = Self::FIRST << (PLACE - 3);
    /// The digits, with the sign.
    const DIGITS: u64 = 0x3f3f_3f3f_3f3f_3f3f;
    /// The digits and the comma.
    const TEXT: u64 = Self::DIGITS | (Self::FIRST << (PLACE - 2));

    /// The bytes of the text besides the digits, which are `0` here.
    const OTHERS: [u8; 64] = {
        let mut bytes = [b'0'; 64];
        let mut byte = 0;
        while byte < 64 {
            if byte % 8 > 5 {
                bytes[byte] = b',';
            } else if byte % PLACE == 0 {
                bytes[byte] = b'-';
            }
            byte += 1;
        }
        bytes
    };
}

/// The text of a vector of digits, and a mask of the bytes to keep. The lowest bits of `negative` are the
/// signs.
#[inline]
#[target_feature(enable = "bmi2,avx512f,avx512bw")]
fn text_of<const PLACE: usize>(digits: __m512i, negative: u64) -> (__m512i, u64) {
    let digit_bytes = _mm512_set1_epi64(0x0000_ffff_ffff_ffff);
    let others = transmute!(Places::<PLACE>::OTHERS);
    // (digits & digit_bytes) | others
    let text = _mm512_ternarylogic_epi64::<0xea>(digits, digit_bytes, others);
    let significant = _mm512_test_epi8_mask(digits, digit_bytes) | Places::<PLACE>::LAST;
    // All bits from the first significant one of each place on.
    let kept = significant | (!significant).wrapping_add(Places::<PLACE>::FIRST);
    let signs = _pdep_u64(negative, Places::<PLACE>::FIRST);
    (text, (kept & Places::<PLACE>::TEXT) | signs)
}

/// Writes the bytes of the first `count` integers that are `kept`.
///
/// # Safety
/// See [`write`].
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline]
#[target_feature(enable = "bmi2,popcnt,avx512f,avx512bw,avx512vbmi2")]
unsafe fn pack<const PLACE: usize>(
    text: __m512i,
    mut kept: u64,
    count: usize,
    left: &mut usize,
    rows: &mut Rows,
    mut cursor: Cursor,
) -> Cursor {
    let mut written = 0;
    while count - written >= *left {
        written += *left;
        // A row ends here.
        let ending = _bzhi_u64(kept, (PLACE * written) as u32);
        kept ^= ending;
        // SAFETY: the caller reserved the room; at least one element has been written.
        unsafe {
            cursor = compress(text, ending, cursor);
            rows.take(rows.left());
            cursor = rows.close(cursor);
        }
        *left = rows.left();
        if written == count {
            return cursor;
        }
    }
    *left -= count - written;
    // SAFETY: the caller reserved the room.
    unsafe { compress(text, _bzhi_u64(kept, (PLACE * count) as u32), cursor) }
}

/// Writes the bytes that are `kept`.
///
/// # Safety
/// The buffer must have room for 64 bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline]
#[target_feature(enable = "popcnt,avx512f,avx512vbmi2")]
unsafe fn compress(text: __m512i, kept: u64, mut cursor: Cursor) -> Cursor {
    let text: [u8; 64] = transmute!(_mm512_maskz_compress_epi8(kept, text));
    // SAFETY: the caller's contract.
    unsafe {
        cursor.put(0, text);
        cursor.advance(kept.count_ones() as usize);
    }
    cursor
}
