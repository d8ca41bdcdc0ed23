//! Tests the text of datetimes at all levels.

use ndarray::{Array, ArrayD, IxDyn, array};
use serbench::{
    datetime::{
        Datetime64, DatetimeD, DatetimeH, DatetimeM, DatetimeMin, DatetimeMs, DatetimeNs,
        DatetimeS, DatetimeUs, DatetimeW, DatetimeY,
    },
    json::{self, JsonError, Options, Scalar, Utc},
    random::Random,
};

use super::text;

/// Days from 0000-01-01 to 1970-01-01.
const EPOCH: i64 = 719_528;

const DAY: i64 = 86_400;

/// The last second that orjson's calendar supports, since 1970.
const LAST_SECOND: i64 = 253_402_207_200;

#[test]
fn datetime_options() {
    let with = |options: Options, datetimes: &ArrayD<DatetimeNs>| {
        let mut out = b"before ".to_vec();
        json::write_with(datetimes, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let datetimes = array![[DatetimeNs(1_717_243_200_123_456_789), DatetimeNs(-1_000)]].into_dyn();
    assert_eq!(
        with(Options::new(), &datetimes),
        r#"before [["2024-06-01T12:00:00.123456","1969-12-31T23:59:59.999999"]]"#
    );
    assert_eq!(
        with(
            Options::new()
                .utc(Utc::Z)
                .omit_microseconds(true)
                .append_newline(true),
            &datetimes
        ),
        "before [[\"2024-06-01T12:00:00Z\",\"1969-12-31T23:59:59Z\"]]\n"
    );
    assert_eq!(
        with(Options::new().utc(Utc::Offset), &datetimes),
        r#"before [["2024-06-01T12:00:00.123456+00:00","1969-12-31T23:59:59.999999+00:00"]]"#
    );
    let check = |ours: String, expected: &str| assert_eq!(ours, format!("[\"{expected}\"]"));
    check(text(array![DatetimeY(-1970)].view()), "0000-01-01T00:00:00");
    check(text(array![DatetimeY(8029)].view()), "9999-01-01T00:00:00");
    check(text(array![DatetimeM(-1)].view()), "1969-12-01T00:00:00");
    check(text(array![DatetimeW(1)].view()), "1970-01-08T00:00:00");
    check(
        text(array![DatetimeD(-719_528)].view()),
        "0000-01-01T00:00:00",
    );
    check(text(array![DatetimeD(59)].view()), "1970-03-01T00:00:00");
    check(
        text(array![DatetimeS(253_402_207_200)].view()),
        "9999-12-30T22:00:00",
    );
    check(
        text(array![DatetimeMs(-1)].view()),
        "1969-12-31T23:59:59.999000",
    );
    check(
        text(array![DatetimeUs(951_782_400_000_001)].view()),
        "2000-02-29T00:00:00.000001",
    );
    check(
        text(array![DatetimeNs(i64::MIN)].view()),
        "1677-09-21T00:12:43.145224",
    );
}

#[test]
fn datetimes_out_of_range() {
    let mut out = b"before".to_vec();
    let mut datetimes = vec![DatetimeS(0); 100];
    datetimes[90] = DatetimeS(253_402_207_201);
    let error = json::write(&Array::from(datetimes), &mut out).unwrap_err();
    assert_eq!(out, b"before");
    assert!(matches!(
        error,
        JsonError::Datetime {
            count: 253_402_207_201,
            ..
        }
    ));
    assert!(error.to_string().contains("datetime64[s]"), "{error}");
    let error = json::to_vec(&array![DatetimeD(i64::MIN)]).unwrap_err();
    assert!(error.to_string().contains("NaT"), "{error}");
    assert!(json::to_vec(&array![DatetimeY(i64::MAX)]).is_err());
    assert!(json::to_vec(&array![DatetimeM(i64::MAX)]).is_err());
    assert!(json::to_vec(&array![DatetimeW(i64::MAX)]).is_err());
}

/// All dates from 0000-01-01 to `last` as text, counted one by one.
fn dates(last: &str) -> Vec<String> {
    let mut dates = Vec::new();
    let (mut year, mut month, mut day) = (0, 1, 1);
    loop {
        dates.push(format!("{year:04}-{month:02}-{day:02}"));
        if dates.last().is_some_and(|date| date == last) {
            return dates;
        }
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day += 1;
        if day > days {
            (month, day) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
}

/// The text of the datetime `count` units after 1970, if `per_second` units are a second or, if that is
/// negative, a unit is that many seconds.
fn expected(dates: &[String], count: i64, per_second: i64) -> String {
    let count = i128::from(count);
    let nanos = if per_second < 0 {
        count * i128::from(-per_second) * 1_000_000_000
    } else {
        count * 1_000_000_000 / i128::from(per_second)
    };
    let nanos = nanos + i128::from(EPOCH * DAY) * 1_000_000_000;
    let (second, micros) = (nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000);
    let (date, of_day) = (&dates[(second / 86_400) as usize], second % 86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let text = format!("\"{date}T{hour:02}:{minute:02}:{second:02}");
    if micros == 0 {
        text + "\""
    } else {
        format!("{text}.{micros:06}\"")
    }
}

fn check<T: Datetime64 + Scalar>(
    dates: &[String],
    counts: &[i64],
    per_second: i64,
    datetime: impl Fn(i64) -> T,
) {
    // Full and partial blocks, with brackets within them.
    for row in [7, 100, counts.len()] {
        let rows = counts.len() / row;
        let datetimes = counts[..row * rows].iter().map(|&count| datetime(count));
        let array = ArrayD::from_shape_vec(IxDyn(&[rows, row]), datetimes.collect()).unwrap();
        let expected: Vec<String> = counts[..row * rows]
            .iter()
            .map(|&count| expected(dates, count, per_second))
            .collect();
        let expected: Vec<String> = expected
            .chunks(row)
            .map(|row| format!("[{}]", row.join(",")))
            .collect();
        assert!(
            text(array.view()) == format!("[{}]", expected.join(",")),
            "texts of {} in rows of {row} differ",
            T::DTYPE
        );
    }
}

/// Every fifth of the first and the last days of months, and random datetimes of every other unit.
#[test]
fn datetimes_of_every_unit() {
    let dates = dates(if cfg!(miri) {
        "0004-12-31"
    } else {
        "9999-12-30"
    });
    let mut random = Random::seeded(7);
    let is_first_or_last = |date: &str| {
        ["-01", "-28", "-29", "-30", "-31"]
            .iter()
            .any(|day| date.ends_with(day))
    };
    let days: Vec<i64> = (0..dates.len())
        .filter(|&day| day % 5 == 0 && is_first_or_last(&dates[day]))
        .map(|day| day as i64 - EPOCH)
        .collect();
    check(&dates, &days, -DAY, DatetimeD);

    let len = if cfg!(miri) { 20 } else { 4_000 };
    let last = (dates.len() as i64 - EPOCH) * DAY - 1;
    let last = last.min(LAST_SECOND);
    let mut counts = |per_second: i64| -> Vec<i64> {
        let count =
            |second: i128| second * i128::from(per_second.max(1)) / i128::from(-per_second.min(-1));
        let first = count(i128::from(-EPOCH * DAY));
        let greatest = if per_second < 0 {
            count(i128::from(last))
        } else {
            count(i128::from(last) + 1) - 1
        };
        let first = first.max(i128::from(i64::MIN)) as i64;
        let greatest = greatest.min(i128::from(i64::MAX)) as i64;
        let unit = per_second.max(1);
        let mut counts = vec![
            first,
            greatest,
            0,
            -1,
            1,
            -unit,
            unit - 1,
            -unit - 1,
            greatest - 1,
        ];
        for _ in 0..len {
            let count = (i128::from(first)
                + i128::from(random.next_u64()) % (i128::from(greatest) - i128::from(first) + 1))
                as i64;
            // Multiples of seconds and minutes, and the counts beside.
            let multiple = [1, unit, 60 * unit][random.below(3) as usize];
            let near = count / multiple * multiple;
            counts.push((near + random.below(3) as i64 - 1).clamp(first, greatest));
        }
        counts.retain(|count| (first..=greatest).contains(count));
        counts
    };
    check(&dates, &counts(-7 * DAY), -7 * DAY, DatetimeW);
    check(&dates, &counts(-3_600), -3_600, DatetimeH);
    check(&dates, &counts(-60), -60, DatetimeMin);
    check(&dates, &counts(1), 1, DatetimeS);
    check(&dates, &counts(1_000), 1_000, DatetimeMs);
    check(&dates, &counts(1_000_000), 1_000_000, DatetimeUs);
    check(&dates, &counts(1_000_000_000), 1_000_000_000, DatetimeNs);
}
