//! Places the decimal point among the digits of a float, and formats its exponent.

use super::digits::digits8;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(super) use x86::WidePlace;

/// The range of decimal exponents that have a [`Place`], counted for the first digit.
pub(super) const FIRST: i32 = -6;
const LAST: i32 = 14;

/// How to arrange digits as a number without an exponent.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Mask of the bytes before the point, taken from the digits as they are.
    whole: [u64; 2],
    /// Mask of the bytes after the point, taken from the digits shifted by one byte.
    moved: [u64; 2],
    /// The point itself.
    point: [u64; 2],
    /// The start of numbers below 1.
    pub(super) prefix: [u8; 8],
    /// The offset of the digits in the text.
    pub(super) start: u8,
    /// The number of bytes besides the digits.
    pub(super) extra: u8,
    /// The minimum length: `100.0` has one significant digit, but five bytes.
    pub(super) least: u8,
    /// By how many bits to shift the last two digits: below 1, only the second is needed.
    pub(super) tail: u8,
}

static PLACES: [Place; 32] = {
    let mut table = [Place {
        whole: [u64::MAX; 2],
        moved: [0; 2],
        point: [0; 2],
        prefix: *b"0.000000",
        start: 0,
        extra: 0,
        least: 0,
        tail: 8,
    }; 32];
    let mut exponent = FIRST;
    while exponent <= LAST {
        let place = &mut table[(exponent - FIRST) as usize];
        if exponent < 0 {
            place.start = (1 - exponent) as u8;
            place.extra = place.start;
        } else {
            let point = exponent as usize + 1;
            place.extra = 1;
            place.least = point as u8 + 2;
            place.tail = 0;
            place.point[point / 8] = (b'.' as u64) << (point % 8 * 8);
            let mut byte = point;
            while byte < 16 {
                let mask = 0xff << (byte % 8 * 8);
                place.whole[byte / 8] &= !mask;
                if byte > point {
                    place.moved[byte / 8] |= mask;
                }
                byte += 1;
            }
        }
        exponent += 1;
    }
    table
};

impl Place {
    /// The place for an exponent from [`FIRST`] to [`LAST`].
    #[inline(always)]
    pub(super) fn of(exponent: i32) -> &'static Self {
        debug_assert!((FIRST..=LAST).contains(&exponent));
        &PLACES[(exponent - FIRST) as usize % 32]
    }

    /// Copies sixteen digits and inserts the point.
    ///
    /// # Safety
    /// `digits` must point to sixteen readable bytes after another readable byte.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "two loads instead of shifts across words")]
    #[inline(always)]
    pub(super) unsafe fn arrange(&self, digits: *const u8) -> [u8; 16] {
        use std::arch::x86_64::{_mm_and_si128, _mm_loadu_si128, _mm_or_si128};
        use zerocopy::transmute;
        // SAFETY: the caller's contract; every x86-64 processor supports SSE2.
        unsafe {
            let whole = _mm_loadu_si128(digits.cast());
            let moved = _mm_loadu_si128(digits.sub(1).cast());
            let whole = _mm_and_si128(whole, transmute!(self.whole));
            let moved = _mm_and_si128(moved, transmute!(self.moved));
            let text = _mm_or_si128(_mm_or_si128(whole, moved), transmute!(self.point));
            transmute!(text)
        }
    }

    /// Copies sixteen digits and inserts the point.
    ///
    /// # Safety
    /// `digits` must point to sixteen readable bytes after another readable byte.
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    #[expect(unsafe_code, reason = "two loads instead of shifts across words")]
    #[inline(always)]
    pub(super) unsafe fn arrange(&self, digits: *const u8) -> [u8; 16] {
        // SAFETY: the caller's contract.
        let (whole, moved) = unsafe {
            (
                digits.cast::<[u64; 2]>().read_unaligned(),
                digits.sub(1).cast::<[u64; 2]>().read_unaligned(),
            )
        };
        let text = |word: usize| {
            let text = (u64::from_le(whole[word]) & self.whole[word])
                | (u64::from_le(moved[word]) & self.moved[word])
                | self.point[word];
            text.to_le()
        };
        zerocopy::transmute!([text(0), text(1)])
    }
}

/// The range of decimal exponents of `f64`.
const EXPONENTS: std::ops::Range<i32> = -324..309;

/// `e-324,` to `e+308,` with the length in the highest byte. 5 KiB.
static EXPONENT_TEXTS: [u64; (EXPONENTS.end - EXPONENTS.start) as usize] = {
    let mut table = [0; (EXPONENTS.end - EXPONENTS.start) as usize];
    let mut exponent = EXPONENTS.start;
    while exponent < EXPONENTS.end {
        let magnitude = exponent.unsigned_abs();
        let digits = 1 + (magnitude >= 10) as u64 + (magnitude >= 100) as u64;
        let sign = if exponent < 0 { b'-' } else { b'+' } as u64;
        let text = (digits8(magnitude) >> (64 - 8 * digits)) | ((b',' as u64) << (8 * digits));
        table[(exponent - EXPONENTS.start) as usize] =
            b'e' as u64 | (sign << 8) | (text << 16) | ((digits + 3) << 56);
        exponent += 1;
    }
    table
};

/// The size of all tables of this module, in bytes.
pub(super) const TABLES: usize = size_of_val(&PLACES) + size_of_val(&EXPONENT_TEXTS) + WIDE;
#[cfg(target_arch = "x86_64")]
const WIDE: usize = x86::TABLES;
#[cfg(not(target_arch = "x86_64"))]
const WIDE: usize = 0;

/// The text of an exponent with its comma, and its length.
#[inline(always)]
pub(super) fn exponent_text(exponent: i32) -> ([u8; 8], usize) {
    let text = EXPONENT_TEXTS[(exponent - EXPONENTS.start) as usize];
    (text.to_le_bytes(), (text >> 56) as usize)
}
