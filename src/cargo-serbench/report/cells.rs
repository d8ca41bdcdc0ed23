//! Formats figures, and cells of tables with ratios and changes.

use super::table::{Cell, Tone};
use crate::{compare::stats::LogRatio, values::figures};

pub use crate::values::figures::{
    brief, bytes, figures, fraction, mebibytes, percent, rate, ratio_of, size, throughput, time,
};

/// A ratio with its interval: `1.213 [1.190, 1.241]`.
pub fn ratio(estimate: &LogRatio) -> Cell {
    let [point, lower, upper] = estimate.ratios();
    Cell::toned(
        figures::ratio_within(point, [lower, upper]),
        tone(lower, upper),
    )
}

/// A ratio without its interval, two decimals.
pub fn brief_ratio(estimate: &LogRatio) -> Cell {
    let [point, lower, upper] = estimate.ratios();
    let decimals = match point {
        it if it < 1.0 => figures::below_one(it, 2),
        it if it < 10.0 => 2,
        _ => 1,
    };
    Cell::toned(format!("{point:.decimals$}"), tone(lower, upper))
}

/// A change in percent with its interval: `+5.1 % [+4.2, +6.0]`.
pub fn change(estimate: &LogRatio) -> Cell {
    let [point, lower, upper] = estimate.ratios();
    Cell::toned(
        figures::change_within(point, [lower, upper]),
        tone(lower, upper),
    )
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
    use super::{brief_ratio, change, ratio};
    use crate::compare::stats::LogRatio;

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
            change(&estimate(1.051, 1.042, 1.06)).text,
            "+5.1 % [+4.2, +6.0]"
        );
        let tiny = estimate(0.008_31, 0.008, 0.009);
        assert_eq!(ratio(&tiny).text, "0.00831 [0.00800, 0.00900]");
        assert_eq!(brief_ratio(&tiny).text, "0.0083");
    }
}
