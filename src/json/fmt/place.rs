//! Where the point goes among the digits of a float, and the exponent behind them.

use super::digits::digits8;

/// The decimal exponents of the first digit for which there is a [`Place`].
pub(super) const FIRST: i32 = -6;
const LAST: i32 = 14;

/// How digits become a number without an exponent.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Which bytes are those of the digits, before the point.
    whole: [u64; 2],
    /// Which bytes are those of the digits moved on by one, after the point.
    moved: [u64; 2],
    /// The point itself.
    point: [u64; 2],
    /// What numbers below 1 start with.
    pub(super) prefix: [u8; 8],
    /// Where the digits go.
    pub(super) start: u8,
    /// Bytes besides the digits.
    pub(super) extra: u8,
    /// The least length: `100.0` has one digit and five bytes.
    pub(super) least: u8,
    /// Of the last two digits as a word, by how much to shift them: below 1 only one is left.
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
    /// That of an exponent from [`FIRST`] to 14.
    #[inline(always)]
    pub(super) fn of(exponent: i32) -> &'static Self {
        debug_assert!((FIRST..=LAST).contains(&exponent));
        &PLACES[(exponent - FIRST) as usize % 32]
    }

    /// The sixteen digits at `digits` with the point among them.
    ///
    /// # Safety
    /// Sixteen bytes from `digits` on can be read, and one before it.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "two loads instead of shifts across words")]
    #[inline(always)]
    pub(super) unsafe fn arrange(&self, digits: *const u8) -> [u8; 16] {
        use std::arch::x86_64::{_mm_and_si128, _mm_loadu_si128, _mm_or_si128};
        use zerocopy::transmute;
        // SAFETY: the caller's contract; every x86-64 processor has SSE2.
        unsafe {
            let whole = _mm_loadu_si128(digits.cast());
            let moved = _mm_loadu_si128(digits.sub(1).cast());
            let whole = _mm_and_si128(whole, transmute!(self.whole));
            let moved = _mm_and_si128(moved, transmute!(self.moved));
            let text = _mm_or_si128(_mm_or_si128(whole, moved), transmute!(self.point));
            transmute!(text)
        }
    }

    /// The sixteen digits at `digits` with the point among them.
    ///
    /// # Safety
    /// Sixteen bytes from `digits` on can be read, and one before it.
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

/// The least exponent of a float's first digit, and the greatest.
const EXPONENTS: std::ops::Range<i32> = -324..309;

/// `e-324,` to `e+308,` and in the upper byte the length. 5 KiB.
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

/// The text of an exponent with its comma, and its length.
#[inline(always)]
pub(super) fn exponent_text(exponent: i32) -> ([u8; 8], usize) {
    let text = EXPONENT_TEXTS[(exponent - EXPONENTS.start) as usize];
    (text.to_le_bytes(), (text >> 56) as usize)
}
