//! Formats datetimes: `"2024-06-01T12:30:00.123456"`.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::cell::RefCell;

#[cfg(target_arch = "x86_64")]
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{cursor::Cursor, digits::Digits};
use crate::json::{
    kernel::{BLOCK, Kept, Kernel, lend},
    options::Options,
    rows::Rows,
};
use crate::{
    TimeUnit,
    datetime::{
        Datetime64, DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs,
        DatetimeS, DatetimeUs, DatetimeW, DatetimeY,
    },
};

#[cfg(target_arch = "x86_64")]
use x86::Texts;

/// A date and time as decimal numbers: `20240601`, `123000` and microseconds.
#[derive(Clone, Copy)]
struct Civil {
    date: u32,
    time: u32,
    micros: u32,
}

/// Days from 0000-01-01 to 1970-01-01.
const EPOCH: i64 = 719_528;

/// The last second that orjson's calendar supports: 9999-12-30T22:00:00. For units of years and
/// months, the limit is the end of 9999.
const LAST_SECOND: i64 = 253_402_207_200;

const DAY: i64 = 86_400;

/// A unit of whole or parts of seconds: `counts` of it are `seconds`, and one of the two is 1.
#[derive(Clone, Copy)]
struct Scale {
    seconds: i64,
    counts: i64,
}

impl Scale {
    /// `None` for months and years, whose lengths vary, and for units that orjson doesn't support.
    const fn of(unit: TimeUnit) -> Option<Self> {
        let (seconds, counts) = match unit {
            TimeUnit::Week => (7 * DAY, 1),
            TimeUnit::Day => (DAY, 1),
            TimeUnit::Hour => (3_600, 1),
            TimeUnit::Minute => (60, 1),
            TimeUnit::Second => (1, 1),
            TimeUnit::Millisecond => (1, 1_000),
            TimeUnit::Microsecond => (1, 1_000_000),
            TimeUnit::Nanosecond => (1, 1_000_000_000),
            _ => return None,
        };
        Some(Self { seconds, counts })
    }

    /// The least and the greatest count that can be represented.
    #[cfg(target_arch = "x86_64")]
    const fn range(self) -> (i64, i64) {
        let seconds = self.seconds;
        (
            (-EPOCH * DAY).saturating_mul(self.counts) / seconds,
            LAST_SECOND
                .saturating_mul(self.counts)
                .saturating_add(self.counts - 1)
                / seconds,
        )
    }
}

impl Civil {
    /// `None` outside the years 0000 to 9999.
    #[inline(always)]
    fn new<T: Datetime64>(datetime: T) -> Option<Self> {
        let count = datetime.count();
        match T::UNIT {
            TimeUnit::Year => Self::from_month(count.checked_mul(12)?),
            TimeUnit::Month => Self::from_month(count),
            unit => {
                let Scale { seconds, counts } = Scale::of(unit)?;
                let micros = count.rem_euclid(counts) * 1_000_000 / counts;
                let second = count.div_euclid(counts).checked_mul(seconds)?;
                Self::from_second(second, micros as u32)
            }
        }
    }

    #[inline(always)]
    fn from_month(months: i64) -> Option<Self> {
        let year = months.div_euclid(12).checked_add(1970)?;
        if !(0..=9999).contains(&year) {
            return None;
        }
        let month = months.rem_euclid(12) as u32 + 1;
        Some(Self {
            date: year as u32 * 10_000 + month * 100 + 1,
            time: 0,
            micros: 0,
        })
    }

    #[inline(always)]
    fn from_second(second: i64, micros: u32) -> Option<Self> {
        if !(-EPOCH * DAY..=LAST_SECOND).contains(&second) {
            return None;
        }
        // Unsigned, so that the compiler replaces divisions with multiplications.
        let since_zero = (second + EPOCH * DAY) as u64;
        let day = (since_zero / DAY as u64) as u32;
        let of_day = (since_zero - u64::from(day) * DAY as u64) as u32;
        let minute = of_day / 60;
        let hour = of_day / 3600;
        let time = hour * 10_000 + (minute - hour * 60) * 100 + (of_day - minute * 60);
        Some(Self {
            date: date(day),
            time,
            micros,
        })
    }
}

/// The date `day` days after 0000-01-01, as a decimal number.
///
/// Neri and Schneider 2022, "Euclidean affine functions and their application to calendar
/// algorithms", Figure 12, shifted by 400 years so that no number is negative.
#[inline(always)]
fn date(day: u32) -> u32 {
    // Their years start in March.
    let day = day + 146_097 - 60;
    let quarters = 4 * day + 3;
    let century = quarters / 146_097;
    let quarters = (quarters % 146_097) | 3;
    let product = u64::from(quarters) * 2_939_745;
    let year = century * 100 + (product >> 32) as u32;
    let of_year = (product as u32) / 2_939_745 / 4;
    let months = 2_141 * of_year + 197_913;
    let next_year = of_year >= 306;
    let month = (months >> 16) - if next_year { 12 } else { 0 };
    let of_month = (months & 0xffff) / 2_141;
    (year + u32::from(next_year) - 400) * 10_000 + month * 100 + of_month + 1
}

/// Date, time and microseconds of a block of datetimes, as numbers and as text.
pub struct Parts<const N: usize> {
    values: [[u32; 3]; N],
    texts: [[u64; 3]; N],
    /// The texts when using AVX-512.
    #[cfg(target_arch = "x86_64")]
    wide: Texts<N>,
}

thread_local! {
    static PARTS: RefCell<Kept<Parts<BLOCK>>> = RefCell::default();
}

impl<const N: usize> Default for Parts<N> {
    fn default() -> Self {
        Self {
            values: [[0; 3]; N],
            texts: [[0; 3]; N],
            #[cfg(target_arch = "x86_64")]
            wide: Texts::default(),
        }
    }
}

/// # Errors
/// The count of a datetime that can't be represented.
#[inline(always)]
fn parts<T: Datetime64>(datetime: T, options: &Options) -> Result<[u32; 3], i64> {
    let Civil { date, time, micros } = Civil::new(datetime).ok_or(datetime.count())?;
    Ok([
        date,
        time,
        if options.omit_microseconds { 0 } else { micros },
    ])
}

/// # Safety
/// The buffer must have room for 64 bytes.
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_one(
    [date, time, micros]: [u64; 3],
    has_micros: bool,
    options: &Options,
    mut cursor: Cursor,
) -> Cursor {
    let micros = ((micros >> 8) & !0xff) | u64::from(b'.');
    let (suffix, suffix_len) = options.utc.suffix();
    let len = if has_micros { 27 } else { 20 };
    // SAFETY: writes at most 36 bytes.
    unsafe {
        cursor.put(0, *b"\"0000-00-00T00:00:00");
        cursor.put(1, (date as u32).to_le_bytes());
        cursor.put(6, ((date >> 32) as u16).to_le_bytes());
        cursor.put(9, ((date >> 48) as u16).to_le_bytes());
        cursor.put(12, ((time >> 16) as u16).to_le_bytes());
        cursor.put(15, ((time >> 32) as u16).to_le_bytes());
        cursor.put(18, ((time >> 48) as u16).to_le_bytes());
        cursor.put(20, micros.to_le_bytes());
        cursor.put(len, suffix);
        cursor.advance(len + suffix_len);
    }
    cursor
}

/// Writes a block with AVX-512. Returns `None` if that can't be done: units of months and years, and
/// datetimes out of range.
///
/// # Safety
/// See [`Kernel::write`]. The processor must support [`Level::Avx512`](crate::json::Level::Avx512).
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "see `Cursor`")]
#[inline(always)]
unsafe fn write_wide<T: Datetime64 + IntoBytes + Immutable, const N: usize>(
    elements: &[T],
    texts: &mut Texts<N>,
    rows: &mut Rows,
    options: &Options,
    mut cursor: Cursor,
) -> Option<Cursor> {
    let scale = const { Scale::of(T::UNIT) }?;
    let counts = <[u64]>::ref_from_bytes(elements.as_bytes()).ok()?;
    // SAFETY: the caller's contract.
    let with_micros = unsafe { texts.set(counts, scale, options.omit_microseconds) }?;
    let (suffix, suffix_len) = options.utc.suffix();
    let mut index = 0;
    while index < elements.len() {
        let end = index + rows.take(elements.len() - index);
        for index in index..end {
            let len = if with_micros >> index & 1 == 1 {
                27
            } else {
                20
            };
            // SAFETY: the caller reserved `MAX_LEN` bytes and `SLACK` more.
            unsafe {
                cursor.put(0, *texts.get(index));
                cursor.put(len, suffix);
                cursor.advance(len + suffix_len);
            }
        }
        // SAFETY: an element has been written; the caller reserved room for the brackets.
        cursor = unsafe { rows.close(cursor) };
        index = end;
    }
    Some(cursor)
}

macro_rules! datetimes {
    ($($type:ty),*) => { $(
        #[expect(unsafe_code, reason = "see `Cursor`")]
        impl Kernel for $type {
            /// Includes ten bytes for quotes, UTC offset and comma.
            const MAX_LEN: usize = 35;
            type Scratch<const N: usize> = Parts<N>;

            fn with_scratch<R>(borrow: impl FnOnce(&mut Parts<BLOCK>) -> R) -> R {
                lend::<Self, _, _>(&PARTS, borrow)
            }

            #[inline(always)]
            unsafe fn write<I: Digits, const N: usize>(
                elements: &[Self],
                scratch: &mut Parts<N>,
                rows: &mut Rows,
                options: &Options,
                mut cursor: Cursor,
            ) -> Result<Cursor, i64> {
                #[cfg(target_arch = "x86_64")]
                if I::IS_AVX512 {
                    // SAFETY: the caller's contract.
                    let end = unsafe { write_wide(elements, &mut scratch.wide, rows, options, cursor) };
                    if let Some(end) = end {
                        return Ok(end);
                    }
                }
                for (value, &element) in scratch.values.iter_mut().zip(elements) {
                    *value = parts(element, options)?;
                }
                let groups = (3 * elements.len()).next_multiple_of(4);
                let texts = &mut scratch.texts.as_flattened_mut()[..groups];
                // SAFETY: the caller's contract.
                unsafe { I::write::<false>(&scratch.values.as_flattened()[..groups], texts) };
                let mut index = 0;
                while index < elements.len() {
                    let end = index + rows.take(elements.len() - index);
                    let row = scratch.texts[index..end].iter().zip(&scratch.values[index..end]);
                    for (&text, value) in row {
                        // SAFETY: the caller reserved `MAX_LEN` bytes and `SLACK` more.
                        cursor = unsafe { write_one(text.map(u64::from_le), value[2] != 0, options, cursor) };
                    }
                    // SAFETY: an element has been written; the caller reserved room for the brackets.
                    cursor = unsafe { rows.close(cursor) };
                    index = end;
                }
                Ok(cursor)
            }
        }
    )* };
}

datetimes! {
    DatetimeY, DatetimeM, DatetimeW, DatetimeD, DatetimeH, DatetimeMin, DatetimeS, DatetimeMs,
    DatetimeUs, DatetimeNs
}
