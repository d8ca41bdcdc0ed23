//! Parses numbers in cells of divan's table, with all printed digits.

use std::fmt;

/// A time printed by divan, in whole picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Picos(pub u64);

/// A number printed by divan, in thousandths: it prints at most three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thousandths(pub u64);

/// Divan's units of time in picoseconds, largest first.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000_000),
    ("h", 3_600_000_000_000_000),
    ("m", 60_000_000_000_000),
    ("s", 1_000_000_000_000),
    ("ms", 1_000_000_000),
    ("µs", 1_000_000),
    ("ns", 1_000),
];

/// Divan's units of size; the binary ones with `--bytes-format binary`.
const SIZES: [(&str, u64); 11] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

impl Picos {
    /// Parses `20.47 µs`; rejects anything that divan would not print.
    pub(super) fn parse(cell: &str) -> Option<Self> {
        let (number, unit) = cell.split_once(' ')?;
        let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let Thousandths(thousandths) = Thousandths::parse(number)?;
        let picos = Self(thousandths.checked_mul(scale / 1000)?);
        (picos.to_string() == cell).then_some(picos)
    }
}

impl fmt::Display for Picos {
    /// Divan's form: at most four digits, truncated; nothing below a thousandth of a nanosecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.into_iter().find(|(_, scale)| *scale <= self.0);
        let (name, scale) = unit.unwrap_or(("ns", 1_000));
        let whole = (self.0 / scale).to_string();
        let decimals = 4_usize.saturating_sub(whole.len());
        let thousandths = u128::from(self.0 % scale) * 1000 / u128::from(scale);
        let fraction = format!("{thousandths:03}");
        let fraction = fraction[..decimals].trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        f.pad(&format!("{whole}{point}{fraction} {name}"))
    }
}

impl Thousandths {
    /// Parses `0.142` or `12`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| {
            let all_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            all_digits.then(|| part.parse::<u64>().ok()).flatten()
        };
        if fraction.is_empty() || fraction.len() > 3 {
            return None;
        }
        let thousandths = digits(&format!("{fraction:0<3}"))?;
        let sum = digits(whole)?.checked_mul(1000)?.checked_add(thousandths)?;
        Some(Self(sum))
    }

    /// Parses `1.024 KB` as bytes.
    pub(super) fn parse_bytes(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let (_, scale) = SIZES.into_iter().find(|(name, _)| *name == unit)?;
        Self::parse(number)?.0.checked_mul(scale).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Picos, Thousandths};

    /// Checks what divan prints for a time, and what is read back.
    fn check(picos: u64, printed: &str, read: u64) {
        assert_eq!(Picos(picos).to_string(), printed);
        assert_eq!(Picos::parse(printed), Some(Picos(read)), "{printed}");
    }

    #[test]
    fn times_are_truncated_to_four_digits() {
        // The first of these come from divan's own tests (src/time/fine_duration.rs).
        check(0, "0 ns", 0);
        check(1, "0.001 ns", 1);
        check(12, "0.012 ns", 12);
        check(100, "0.1 ns", 100);
        check(1_002, "1.002 ns", 1_002);
        check(100_002, "100 ns", 100_000);
        check(100_200, "100.2 ns", 100_200);
        check(1_234_567, "1.234 µs", 1_234_000);
        check(100_020_000, "100 µs", 100_000_000);
        check(999_999_999, "999.9 µs", 999_900_000);
        check(10_000_000_000, "10 ms", 10_000_000_000);
        check(1_048_576_000_000, "1.048 s", 1_048_000_000_000);
        check(59_999_000_000_000, "59.99 s", 59_990_000_000_000);
        check(90_000_000_000_000, "1.5 m", 90_000_000_000_000);
        check(5_400_000_000_000_000, "1.5 h", 5_400_000_000_000_000);
        check(u64::MAX, "213.5 d", 18_446_400_000_000_000_000);
    }

    #[test]
    fn nothing_else_is_a_time() {
        for text in [
            "",
            " ",
            "ns",
            "1",
            "1ns",
            "1  ns",
            " 1 ns",
            "1 ns ",
            "01 ns",
            "1.0 ns",
            "1. ns",
            ".5 ns",
            "1.2345 ns",
            "123.45 ns",
            "1234 ns",
            "1137.4 ns",
            "0.5 µs",
            "60 s",
            "-1 ns",
            "+1 ns",
            "1e3 ns",
            "1,5 ns",
            "inf ns",
            "NaN ns",
            "1 us",
            "1 μs",
            "1 ps",
            "1 KB",
            "٣ ns",
            "999 d",
            "99999999999999999999 d",
        ] {
            assert_eq!(Picos::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn counts_and_sizes_are_thousandths() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.142", Some(142)),
            ("12345", Some(12_345_000)),
            ("1.5", Some(1_500)),
            ("", None),
            ("1.", None),
            (".1", None),
            ("0.1234", None),
            ("-1", None),
            ("1 B", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(
                Thousandths::parse(text),
                expected.map(Thousandths),
                "{text:?}"
            );
        }
        for (text, expected) in [
            ("146.2 B", Some(146_200)),
            ("1.024 KB", Some(1_024_000)),
            ("1.048 MB", Some(1_048_000_000)),
            ("1.5 KiB", Some(1_536_000)),
            ("1 KB/s", None),
            ("1", None),
            ("99999 PB", None),
        ] {
            assert_eq!(
                Thousandths::parse_bytes(text),
                expected.map(Thousandths),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn printed_times_are_read_up_to_truncation(picos in prop_oneof![any::<u64>(), 0..2_000_000_u64]) {
            let printed = Picos(picos).to_string();
            let read = Picos::parse(&printed).expect("divan's own form");
            prop_assert_eq!(read.to_string(), printed);
            prop_assert!(read.0 <= picos);
            // Four digits or a picosecond: less than a thousandth is truncated.
            prop_assert!(picos - read.0 <= picos / 1000);
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC{0,30}") {
            let _ = (Picos::parse(&text), Thousandths::parse(&text), Thousandths::parse_bytes(&text));
        }
    }
}
