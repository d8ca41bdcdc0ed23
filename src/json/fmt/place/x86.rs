//! Places the decimal point with AVX2: one shuffle arranges all digits.

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_broadcastsi128_si256, _mm256_or_si256, _mm256_shuffle_epi8,
};

use zerocopy::transmute;

use super::{FIRST, LAST};

/// How to arrange digits as a number without an exponent.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
pub(in crate::json::fmt) struct WidePlace {
    /// For each byte of the text, the digit to take; 0x80 for none.
    digits: [u8; 32],
    /// The other bytes: the point and the start of numbers below 1.
    others: [u8; 32],
    /// The number of bytes besides the digits.
    pub(in crate::json::fmt) extra: u8,
    /// The minimum length: `100.0` has one significant digit, but five bytes.
    pub(in crate::json::fmt) least: u8,
}

/// 3 KiB.
static PLACES: [WidePlace; 32] = {
    let mut table = [WidePlace {
        digits: [0x80; 32],
        others: [0; 32],
        extra: 0,
        least: 0,
    }; 32];
    let mut exponent = FIRST;
    while exponent <= LAST {
        let place = &mut table[(exponent - FIRST) as usize];
        let point = if exponent < 0 {
            1
        } else {
            exponent as usize + 1
        };
        let start = if exponent < 0 { 1 - exponent } else { 0 } as usize;
        place.extra = if exponent < 0 { start as u8 } else { 1 };
        place.least = if exponent < 0 { 0 } else { point as u8 + 2 };
        let mut digit = 0;
        let mut byte = 0;
        while byte < 32 {
            if byte == point {
                place.others[byte] = b'.';
            } else if byte < start {
                place.others[byte] = b'0';
            } else if digit < 16 {
                place.digits[byte] = digit;
                digit += 1;
            }
            byte += 1;
        }
        exponent += 1;
    }
    table
};

pub(super) const TABLES: usize = size_of_val(&PLACES);

impl WidePlace {
    /// The place for an exponent from [`FIRST`] to `LAST`.
    #[inline(always)]
    pub(in crate::json::fmt) fn of(exponent: i32) -> &'static Self {
        debug_assert!((FIRST..=LAST).contains(&exponent));
        &PLACES[(exponent - FIRST) as usize % 32]
    }

    /// Copies sixteen digits to where they belong. The seventeenth follows the last of them.
    ///
    /// # Safety
    /// The processor must support AVX2. `digits` must point to sixteen readable bytes.
    #[expect(unsafe_code, reason = "reads the digits without a check of bounds")]
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::json::fmt) unsafe fn arrange(&self, digits: *const u8) -> [u8; 32] {
        // SAFETY: the caller's contract.
        let digits = unsafe { _mm_loadu_si128(digits.cast()) };
        let digits =
            _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(digits), transmute!(self.digits));
        transmute!(_mm256_or_si256(digits, transmute!(self.others)))
    }
}
