//! Formats numbers with their units, for every report and message: `53.21 µs`, `+5.1 %`.

/// A time in nanoseconds, to four significant digits: `53.21 µs`.
pub fn time(nanoseconds: f64) -> String {
    let (scaled, unit) = match nanoseconds {
        0.0 => return "0 ns".to_owned(),
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
pub fn below_one(number: f64, digits: usize) -> usize {
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

/// A count per operation: one decimal if small, thousands separated.
pub fn count(value: f64) -> String {
    if value.abs() < 10.0 && (value - value.round()).abs() >= 0.05 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let groups: Vec<&str> = {
        let first = digits.len() % 3;
        let (head, rest) = digits.split_at(first);
        let rest = (0..rest.len() / 3).map(|at| &rest[3 * at..3 * at + 3]);
        std::iter::once(head)
            .chain(rest)
            .filter(|it| !it.is_empty())
            .collect()
    };
    let sign = if value <= -0.5 { "-" } else { "" };
    format!("{sign}{}", groups.join(","))
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

/// A log-ratio as a signed percentage: `+5.1 %`.
pub fn percent(log_ratio: f64) -> String {
    match log_ratio.is_finite() {
        true => signed_percent(log_ratio.exp_m1()),
        false => "unknown".to_owned(),
    }
}

/// A fraction as a signed percentage: `+5.1 %`.
pub fn signed_percent(fraction: f64) -> String {
    format!("{:+.1} %", 100.0 * fraction)
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

/// A ratio with its interval: `1.213 [1.190, 1.241]`.
pub fn ratio_within(ratio: f64, [lower, upper]: [f64; 2]) -> String {
    let decimals = decimals(ratio);
    format!("{ratio:.decimals$} [{lower:.decimals$}, {upper:.decimals$}]")
}

/// A ratio with its interval, as changes in percent: `+5.1 % [+4.2, +6.0]`.
pub fn change_within(ratio: f64, interval: [f64; 2]) -> String {
    let [lower, upper] = interval.map(|bound| 100.0 * (bound - 1.0));
    format!("{} [{lower:+.1}, {upper:+.1}]", signed_percent(ratio - 1.0))
}

fn decimals(ratio: f64) -> usize {
    match ratio {
        it if it < 1.0 => below_one(it, 3),
        it if it < 10.0 => 3,
        it if it < 100.0 => 1,
        _ => 0,
    }
}

/// Rounds to a number of significant digits.
pub fn round_to(value: f64, digits: usize) -> f64 {
    let decimals = digits.saturating_sub(1);
    format!("{value:.decimals$e}")
        .parse()
        .expect("a float as Rust prints it")
}

#[cfg(test)]
mod tests {
    use super::{
        brief, bytes, change_within, count, figures, mebibytes, percent, rate, ratio_of,
        ratio_within, round_to, throughput, time,
    };

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
        assert_eq!(time(0.0), "0 ns");
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
    }

    #[test]
    fn counts_are_readable() {
        let check = |value: f64, expected: &str| assert_eq!(count(value), expected);
        check(0.0, "0");
        check(0.25, "0.2");
        check(3.0, "3");
        check(1234.6, "1,235");
        check(-12_345_678.0, "-12,345,678");
        check(999.0, "999");
    }

    #[test]
    fn ratios_and_changes() {
        assert_eq!(ratio_within(1.2, [1.19, 1.21]), "1.200 [1.190, 1.210]");
        assert_eq!(ratio_within(14.04, [13.9, 14.1]), "14.0 [13.9, 14.1]");
        assert_eq!(ratio_within(2345.6, [2300.0, 2400.4]), "2346 [2300, 2400]");
        assert_eq!(change_within(1.051, [1.042, 1.06]), "+5.1 % [+4.2, +6.0]");
        assert_eq!(percent(1.051_f64.ln()), "+5.1 %");
        assert_eq!(percent(f64::INFINITY), "unknown");
    }

    #[test]
    fn rounding_keeps_digits() {
        assert_eq!(round_to(123_456.0, 5).to_string(), "123460");
        assert_eq!(round_to(0.001_234_56, 3).to_string(), "0.00123");
    }
}
