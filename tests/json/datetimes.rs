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

/// The number of days from 0000-01-01 to 9999-12-31.
const DAYS: i64 = 3_652_059;

/// The date `day` days after 0000-01-01, found by counting years and months.
fn date(day: i64) -> String {
    /// The calendar repeats after 400 years.
    const CYCLE: i64 = 146_097;
    let (mut year, mut day) = (day / CYCLE * 400, day % CYCLE);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while day >= 365 + i64::from(is_leap(year)) {
        day -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

/// The text of the datetime `count` units after 1970, if `per_second` units are a second or, if that is
/// negative, a unit is that many seconds.
fn expected(count: i64, per_second: i64) -> String {
    let count = i128::from(count);
    let nanos = if per_second < 0 {
        count * i128::from(-per_second) * 1_000_000_000
    } else {
        count * 1_000_000_000 / i128::from(per_second)
    };
    let nanos = nanos + i128::from(EPOCH * DAY) * 1_000_000_000;
    let (second, micros) = (nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000);
    let (date, of_day) = (date((second / 86_400) as i64), second % 86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let text = format!("\"{date}T{hour:02}:{minute:02}:{second:02}");
    if micros == 0 {
        text + "\""
    } else {
        format!("{text}.{micros:06}\"")
    }
}

fn check<T: Datetime64 + Scalar>(counts: &[i64], per_second: i64, datetime: impl Fn(i64) -> T) {
    // Full and partial blocks, with brackets within them.
    for row in [7, 100, counts.len()] {
        let rows = counts.len() / row;
        let datetimes = counts[..row * rows].iter().map(|&count| datetime(count));
        let array = ArrayD::from_shape_vec(IxDyn(&[rows, row]), datetimes.collect()).unwrap();
        let expected: Vec<String> = counts[..row * rows]
            .iter()
            .map(|&count| expected(count, per_second))
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

/// Days of all centuries, every day of some years, and random datetimes of every other unit.
#[test]
fn datetimes_of_every_unit() {
    let years = [0, 694_000, 730_000, DAYS - 800].map(|first| first..first + 799);
    let days = (0..DAYS - 1).step_by(97).chain(years.into_iter().flatten());
    let step = if cfg!(miri) { 4_001 } else { 1 };
    let days: Vec<i64> = days.step_by(step).map(|day| day - EPOCH).collect();
    check(&days, -DAY, DatetimeD);

    let mut random = Random::seeded(7);
    let len = if cfg!(miri) { 20 } else { 1_000 };
    let mut counts = |per_second: i64| -> Vec<i64> {
        let count =
            |second: i128| second * i128::from(per_second.max(1)) / i128::from(-per_second.min(-1));
        let first = count(i128::from(-EPOCH * DAY));
        let greatest = if per_second < 0 {
            count(i128::from(LAST_SECOND))
        } else {
            count(i128::from(LAST_SECOND) + 1) - 1
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
        counts
    };
    check(&counts(-7 * DAY), -7 * DAY, DatetimeW);
    check(&counts(-3_600), -3_600, DatetimeH);
    check(&counts(-60), -60, DatetimeMin);
    check(&counts(1), 1, DatetimeS);
    check(&counts(1_000), 1_000, DatetimeMs);
    check(&counts(1_000_000), 1_000_000, DatetimeUs);
    check(&counts(1_000_000_000), 1_000_000_000, DatetimeNs);
}
