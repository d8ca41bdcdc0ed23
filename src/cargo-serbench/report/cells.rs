//! Formats numbers with their units.

use super::table::{Cell, Tone};
use crate::compare::stats::LogRatio;

/// A time in nanoseconds, to four significant digits: `53.21 µs`.
pub fn time(nanoseconds: f64) -> String {
    let (scaled, unit) = match nanoseconds {
        t if t < 1e3 => (t, "ns"),
        t if t < 1e6 => (t / 1e3, "µs"),
        t if t < 1e9 => (t / 1e6, "ms"),
        t => (t / 1e9, "s"),
    };
    format!("{} {unit}", figures(scaled))
}

/// Four significant digits, no exponent: `53.21`, `1234`; three below 10: `0.443`, `0.00123`.
pub fn figures(number: f64) -> String {
    let decimals = match number.abs() {
        n if n < 1.0 => below_one(n, 3),
        n if n < 10.0 => 3,
        n if n < 100.0 => 2,
        n if n < 1000.0 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}")
}

/// The decimals that show `digits` significant digits of a number below 1: small ones must not look like 0.
fn below_one(number: f64, digits: usize) -> usize {
    let zeros = match number > 0.0 {
        true => (-number.log10()).ceil() - 1.0,
        false => 0.0,
    };
    digits + zeros.clamp(0.0, 9.0) as usize
}

/// Bytes per second to four significant digits: `443.2 MB/s`.
pub fn throughput(gigabytes_per_second: f64) -> String {
    let (scaled, unit) = match gigabytes_per_second {
        it if it >= 1.0 => (it, "GB/s"),
        it if it >= 1e-3 => (it * 1e3, "MB/s"),
        it if it >= 1e-6 => (it * 1e6, "kB/s"),
        it => (it * 1e9, "B/s"),
    };
    format!("{} {unit}", figures(scaled))
}

/// A number per second to four significant digits: `3.333 M`.
pub fn rate(per_second: f64) -> String {
    let (scaled, unit) = match per_second {
        it if it < 1e3 => (it, ""),
        it if it < 1e6 => (it / 1e3, " k"),
        it if it < 1e9 => (it / 1e6, " M"),
        it => (it / 1e9, " G"),
    };
    figures(scaled) + unit
}

/// At most two decimals, without trailing zeros: `18.27`, `8`; more below 0.1: `0.0037`.
pub fn brief(number: f64) -> String {
    let decimals = match number.abs() {
        n if n < 1.0 => below_one(n, 2),
        _ => 2,
    };
    let text = format!("{number:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Bytes in binary units with one decimal: `53.2 MiB`; exact below 1 KiB.
pub fn bytes(bytes: u64) -> String {
    let count = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", count / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", count / 1_048_576.0),
        _ => format!("{:.2} GiB", count / 1_073_741_824.0),
    }
}

/// Bytes in MiB, as pynumpy prints them.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1_048_576.0)
}

/// Bytes without a space, as pynumpy prints them: `53.2MiB`.
pub fn size(count: u64) -> String {
    bytes(count).replace(' ', "")
}

/// A ratio with its interval: `1.213 [1.190, 1.241]`.
pub fn ratio(estimate: &LogRatio) -> Cell {
    let [point, lower, upper] = estimate.ratios();
    let decimals = decimals(point);
    Cell::toned(
        format!("{point:.decimals$} [{lower:.decimals$}, {upper:.decimals$}]"),
        tone(lower, upper),
    )
}

/// A ratio without its interval, two decimals.
pub fn brief_ratio(estimate: &LogRatio) -> Cell {
    let [point, lower, upper] = estimate.ratios();
    let decimals = match point {
        it if it < 1.0 => below_one(it, 2),
        it if it < 10.0 => 2,
        _ => 1,
    };
    Cell::toned(format!("{point:.decimals$}"), tone(lower, upper))
}

/// A change in percent with its interval: `+5.1 % [+4.2, +6.0]`.
pub fn change(estimate: &LogRatio) -> Cell {
    let [point, lower, upper] = estimate.ratios().map(|ratio| (ratio - 1.0) * 100.0);
    Cell::toned(
        format!("{point:+.1} % [{lower:+.1}, {upper:+.1}]"),
        tone(lower / 100.0 + 1.0, upper / 100.0 + 1.0),
    )
}

/// A log-ratio as a signed percentage: `+5.1 %`.
pub fn percent(log_ratio: f64) -> String {
    match log_ratio.is_finite() {
        true => format!("{:+.1} %", 100.0 * log_ratio.exp_m1()),
        false => "unknown".to_owned(),
    }
}

/// A fraction in percent without a sign, with as many decimals as needed: `3 %`, `3.1 %`.
pub fn fraction(fraction: f64) -> String {
    let text = format!("{:.1}", fraction * 100.0);
    format!("{} %", text.trim_end_matches(".0"))
}

/// A ratio without its interval: `1.213`, `14.0`.
pub fn ratio_of(ratio: f64) -> String {
    let decimals = decimals(ratio);
    format!("{ratio:.decimals$}")
}

fn decimals(ratio: f64) -> usize {
    match ratio {
        it if it < 1.0 => below_one(it, 3),
        it if it < 10.0 => 3,
        it if it < 100.0 => 1,
        _ => 0,
    }
}

fn tone(lower: f64, upper: f64) -> Tone {
    match (lower > 1.0, upper < 1.0) {
        (true, _) => Tone::Bad,
        (_, true) => Tone::Good,
        (false, false) => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        brief, brief_ratio, bytes, change, figures, mebibytes, rate, ratio, ratio_of, throughput,
        time,
    };
    use crate::compare::stats::LogRatio;

    #[test]
    fn units() {
        let check = |nanoseconds, expected: &str| assert_eq!(time(nanoseconds), expected);
        check(0.5, "0.500 ns");
        check(75.23, "75.23 ns");
        check(53_214.0, "53.21 µs");
        check(195e6, "195.0 ms");
        check(3.2e9, "3.200 s");
        assert_eq!(rate(3_333_333.0), "3.333 M");
        assert_eq!(rate(12.0), "12.00");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(55_784_243), "53.2 MiB");
        assert_eq!(mebibytes(1_048_576), "1.0");
    }

    /// A benchmark far slower or faster than others must not be shown as zero.
    #[test]
    fn small_numbers_are_not_zero() {
        assert_eq!(time(0.012_34), "0.0123 ns");
        assert_eq!(figures(0.1), "0.100");
        assert_eq!(figures(0.000_123_4), "0.000123");
        assert_eq!(figures(0.0), "0.000");
        assert_eq!(brief(0.003_664), "0.0037");
        assert_eq!(brief(0.366), "0.37");
        assert_eq!(brief(0.0), "0");
        assert_eq!(ratio_of(0.008_31), "0.00831");
        for (rate, expected) in [
            (52.72, "52.72 GB/s"),
            (1.0, "1.000 GB/s"),
            (0.4432, "443.2 MB/s"),
            (0.000_012_3, "12.30 kB/s"),
            (0.000_000_004, "4.000 B/s"),
            (0.0, "0.000 B/s"),
        ] {
            assert_eq!(throughput(rate), expected);
        }
        let tiny = LogRatio {
            point: 0.008_31_f64.ln(),
            lower: 0.008_f64.ln(),
            upper: 0.009_f64.ln(),
            level: 0.95,
        };
        assert_eq!(ratio(&tiny).text, "0.00831 [0.00800, 0.00900]");
        assert_eq!(brief_ratio(&tiny).text, "0.0083");
    }

    #[test]
    fn estimates() {
        let estimate = |point: f64, lower: f64, upper: f64| LogRatio {
            point: point.ln(),
            lower: lower.ln(),
            upper: upper.ln(),
            level: 0.95,
        };
        assert_eq!(
            ratio(&estimate(1.2, 1.19, 1.21)).text,
            "1.200 [1.190, 1.210]"
        );
        assert_eq!(
            ratio(&estimate(14.04, 13.9, 14.1)).text,
            "14.0 [13.9, 14.1]"
        );
        assert_eq!(
            ratio(&estimate(2345.6, 2300.0, 2400.4)).text,
            "2346 [2300, 2400]"
        );
        assert_eq!(
            change(&estimate(1.051, 1.042, 1.06)).text,
            "+5.1 % [+4.2, +6.0]"
        );
    }
}
