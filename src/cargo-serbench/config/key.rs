//! The keys of the configuration: what each is called and what it may hold, wherever it is written.

use serde::{Deserialize, Serialize};

/// What a benchmark does to the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Fail when it regresses or is over a limit
    Gate,
    /// Measure, store and report, never fail
    Track,
    /// Do not measure
    Off,
}

/// A key and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub place: Place,
}

/// Where a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the table itself.
    Table,
    /// In the table and in an override.
    Both,
    /// In an override.
    Override,
}

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tolerated change, `0.03` or `"3%"`.
    Fraction {
        /// Whether 0 makes sense.
        zero: bool,
    },
    /// A number of times the reference.
    Ratio,
    Seconds,
    Switch,
    Name,
    Names,
    Globs,
    Mode,
    /// A name for all suites, or one for each.
    Reference,
    /// Tables with keys of their own.
    Overrides,
}

/// Every key, in the order in which it is shown.
pub const KEYS: &[Key] = &[
    key("suites", Kind::Names, Place::Table),
    key("memory-suite", Kind::Name, Place::Table),
    key("features", Kind::Names, Place::Table),
    key("default-features", Kind::Switch, Place::Table),
    key("profile", Kind::Name, Place::Table),
    key("benchmarks", Kind::Globs, Place::Override),
    key("threshold", Kind::Fraction { zero: false }, Place::Both),
    key("indifference", Kind::Fraction { zero: true }, Place::Both),
    key(
        "memory-threshold",
        Kind::Fraction { zero: true },
        Place::Both,
    ),
    key("max-latency-ratio", Kind::Ratio, Place::Both),
    key("max-memory-ratio", Kind::Ratio, Place::Both),
    key("budget", Kind::Seconds, Place::Table),
    key("default-branch", Kind::Name, Place::Table),
    key("strict", Kind::Switch, Place::Table),
    key("require-baseline", Kind::Switch, Place::Table),
    key("mode", Kind::Mode, Place::Both),
    key("reason", Kind::Name, Place::Override),
    key("reference", Kind::Reference, Place::Table),
    key("override", Kind::Overrides, Place::Table),
];

const fn key(name: &'static str, kind: Kind, place: Place) -> Key {
    Key { name, kind, place }
}

/// The keys that may stand in an override, or in the table itself.
pub fn keys(in_override: bool) -> impl Iterator<Item = &'static Key> {
    let elsewhere = if in_override {
        Place::Table
    } else {
        Place::Override
    };
    KEYS.iter().filter(move |key| key.place != elsewhere)
}

impl Kind {
    /// What is allowed, in words that follow "allowed is".
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Fraction { zero: false } => r#"a change above 0 and below 10, as 0.03 or "3%""#,
            Self::Fraction { zero: true } => r#"a change from 0 to below 10, as 0.01 or "1%""#,
            Self::Ratio => "a number above 0, as 1.5 for half as much again",
            Self::Seconds => "a number of seconds above 0, a million at most",
            Self::Switch => "true or false",
            Self::Name => "a string that is not empty",
            Self::Names => r#"a list of strings that are not empty, as ["json"]"#,
            Self::Globs => r#"a list of globs over ids, as ["json::*::f64::**"]"#,
            Self::Mode => r#""gate", "track" or "off""#,
            Self::Reference => {
                r#"an encoder for all suites, or a table of them, as { json = "orjson" }"#
            }
            Self::Overrides => "a list of tables, each with its `benchmarks`",
        }
    }

    /// Reads a number as it was typed, a percentage where that makes sense. The error says what
    /// would be right.
    pub fn number(self, text: &str) -> Result<f64, String> {
        let allowed = || format!("allowed is {}", self.allowed());
        let percent = text.strip_suffix('%').map(str::trim_end);
        let value = match (self, percent) {
            // Shifting the decimal point in the text gives the number nearest to what is meant;
            // dividing by 100 would make 2.9 % of something else than 0.029.
            (Self::Fraction { .. }, Some(digits)) => format!("{digits}e-2").parse(),
            _ => text.parse::<f64>(),
        };
        let value = value.map_err(|_| allowed())?;
        let possible = match self {
            Self::Fraction { zero } => (value > 0.0 || zero && value == 0.0) && value < 10.0,
            Self::Ratio => value > 0.0 && value.is_finite(),
            Self::Seconds => value > 0.0 && value <= 1e6,
            _ => false,
        };
        if matches!(self, Self::Fraction { .. }) && percent.is_none() && value >= 1.0 {
            // 3 for 3 % is the likeliest slip of all, and would switch the gate off.
            let hundredth = self.number(&format!("{text}%")).map_err(|_| allowed())?;
            let literally = (value * 1e5).round() / 1e3;
            return Err(format!(
                "did you mean \"{text}%\" ({hundredth}), or really \"{literally}%\"?"
            ));
        }
        possible.then_some(value).ok_or_else(allowed)
    }
}

/// The one of `known` that `unknown` was probably meant to be.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro(unknown, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{Kind, nearest};

    const THRESHOLD: Kind = Kind::Fraction { zero: false };
    const INDIFFERENCE: Kind = Kind::Fraction { zero: true };

    #[test]
    fn possible_numbers() {
        let check = |kind: Kind, text: &str, expected: f64| {
            assert_eq!(kind.number(text), Ok(expected), "{text}");
        };
        check(THRESHOLD, "0.03", 0.03);
        check(THRESHOLD, "3%", 0.03);
        check(THRESHOLD, "2.9 %", 0.029);
        check(THRESHOLD, "150%", 1.5);
        check(THRESHOLD, "999%", 9.99);
        check(INDIFFERENCE, "0", 0.0);
        check(Kind::Ratio, "1.5", 1.5);
        check(Kind::Ratio, "12", 12.0);
        check(Kind::Seconds, "0.5", 0.5);
        check(Kind::Seconds, "1000000", 1e6);
    }

    #[test]
    fn impossible_numbers() {
        let check = |kind: Kind, text: &str| {
            let expected = Err(format!("allowed is {}", kind.allowed()));
            assert_eq!(kind.number(text), expected, "{text}");
        };
        for text in [
            "0", "-0.01", "-3%", "1000%", "10%%", "nan", "inf", "", "%", "x", "3e9",
        ] {
            check(THRESHOLD, text);
        }
        check(INDIFFERENCE, "-0.01");
        for text in ["0", "-1", "inf", "nan", "150%"] {
            check(Kind::Ratio, text);
        }
        for text in ["0", "-1", "inf", "nan", "1e7"] {
            check(Kind::Seconds, text);
        }
        insta::assert_snapshot!(THRESHOLD.number("3").unwrap_err(), @r#"did you mean "3%" (0.03), or really "300%"?"#);
        insta::assert_snapshot!(INDIFFERENCE.number("1.1").unwrap_err(), @r#"did you mean "1.1%" (0.011), or really "110%"?"#);
        insta::assert_snapshot!(THRESHOLD.number("0").unwrap_err(), @r#"allowed is a change above 0 and below 10, as 0.03 or "3%""#);
    }

    #[test]
    fn slips_of_the_pen() {
        let known = ["threshold", "indifference", "suites"];
        assert_eq!(nearest("treshold", known), Some("threshold"));
        assert_eq!(nearest("suite", known), Some("suites"));
        assert_eq!(nearest("zzz", known), None);
    }
}
