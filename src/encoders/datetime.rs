//! Converts counts of units since 1970 to dates and times, and formats them.

use jiff_core::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::Offset,
};

use crate::{BoxError, TimeUnit, datetime::Datetime64};

/// The date and time of `datetime` in UTC.
///
/// If it is outside 0000-01-01T00:00:00 to 9999-12-30T22:00:00. This is orjson's rule, but where
/// orjson's arithmetic wraps around to another time or aborts (months before 1970), this is correct
/// or returns an error.
#[inline]
pub(super) fn civil<T: Datetime64>(datetime: T) -> Result<DateTime, BoxError> {
    let count = datetime.count();
    let civil = match T::UNIT {
        TimeUnit::Year => months(count.checked_mul(12)),
        TimeUnit::Month => months(Some(count)),
        TimeUnit::Week => seconds(count, 604_800),
        TimeUnit::Day => seconds(count, 86_400),
        TimeUnit::Hour => seconds(count, 3_600),
        TimeUnit::Minute => seconds(count, 60),
        TimeUnit::Second => seconds(count, 1),
        TimeUnit::Millisecond => utc(Timestamp::from_millisecond(count)),
        TimeUnit::Microsecond => utc(Timestamp::from_microsecond(count)),
        TimeUnit::Nanosecond => utc(Timestamp::from_nanosecond(i128::from(count))),
        TimeUnit::Picosecond | TimeUnit::Femtosecond | TimeUnit::Attosecond => None,
    };
    match civil {
        Some(civil) if (0..=9999).contains(&civil.date().year()) => Ok(civil),
        _ => Err(unrepresentable::<T>(count)),
    }
}

/// Text like RFC 3339 without an offset: `2024-06-01T12:30:00`, followed by `.123456` if the
/// microseconds aren't 0; finer parts are truncated.
pub(super) struct Text {
    bytes: [u8; 26],
    length: usize,
}

impl Text {
    /// Formats the result of [`civil`].
    pub(super) fn new<T: Datetime64>(datetime: T) -> Result<Self, BoxError> {
        let civil = civil(datetime)?;
        let (date, time) = (civil.date(), civil.time());
        let mut bytes = *b"0000-00-00T00:00:00.000000";
        let microseconds = time.subsec_nanosecond().unsigned_abs() / 1000;
        let year = date.year().unsigned_abs();
        pair(&mut bytes, 0, year / 100);
        pair(&mut bytes, 2, year % 100);
        for (at, field) in [
            (5, date.month()),
            (8, date.day()),
            (11, time.hour()),
            (14, time.minute()),
            (17, time.second()),
        ] {
            pair(&mut bytes, at, u16::from(field.unsigned_abs()));
        }
        for (at, below) in [(20, 10_000), (22, 100), (24, 1)] {
            pair(&mut bytes, at, (microseconds / below % 100) as u16);
        }
        let length = if microseconds == 0 { 19 } else { 26 };
        Ok(Self { bytes, length })
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("all bytes are ASCII")
    }
}

/// Writes the two digits of `number` at `at`.
#[inline]
fn pair(bytes: &mut [u8; 26], at: usize, number: u16) {
    bytes[at] = b'0' + (number / 10) as u8;
    bytes[at + 1] = b'0' + (number % 10) as u8;
}

fn months(count: Option<i64>) -> Option<DateTime> {
    let count = count?;
    let year = i16::try_from(count.div_euclid(12) + 1970).ok()?;
    let month = i8::try_from(count.rem_euclid(12) + 1).ok()?;
    let date = Date::new(year, month, 1).ok()?;
    Some(DateTime::from_parts(date, Time::MIN))
}

#[inline]
fn seconds(count: i64, per: i64) -> Option<DateTime> {
    utc(Timestamp::from_second(count.checked_mul(per)?))
}

#[inline]
fn utc<E>(timestamp: Result<Timestamp, E>) -> Option<DateTime> {
    Some(timestamp.ok()?.to_datetime(Offset::UTC))
}

#[cold]
fn unrepresentable<T: Datetime64>(count: i64) -> BoxError {
    let dtype = T::DTYPE;
    if count == i64::MIN {
        format!("NaT of {dtype} can't be encoded; replace it first").into()
    } else {
        format!("{count} as {dtype} is not {RANGE}, the range of orjson").into()
    }
}

/// The last hours of 9999 are excluded because some time zone may be ahead of UTC.
const RANGE: &str = "between 0000-01-01T00:00:00 and 9999-12-30T22:00:00";

#[cfg(test)]
mod tests {
    use super::{Text, civil};
    use crate::datetime::{DatetimeD, DatetimeS};

    // As in orjson 3.13.0.
    #[test]
    fn the_last_second_is_that_of_orjson() {
        let last = Text::new(DatetimeS(253_402_207_200)).unwrap();
        assert_eq!(last.as_str(), "9999-12-30T22:00:00");
        for error in [
            civil(DatetimeS(253_402_207_201)),
            // 9999-12-31T23:59:59
            civil(DatetimeS(253_402_300_799)),
            civil(DatetimeS(-62_167_219_201)),
        ] {
            let error = error.unwrap_err().to_string();
            let range = "between 0000-01-01T00:00:00 and 9999-12-30T22:00:00";
            assert!(error.contains(range), "{error}");
        }
        assert!(civil(DatetimeD(2_932_895)).is_ok());
        assert!(civil(DatetimeD(2_932_896)).is_err());
    }
}
