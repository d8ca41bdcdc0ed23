//! Percentages, ratios and seconds as written in Cargo.toml and on the command line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use toml::Value;

/// A change, written `3%`. The fraction `0.03` is accepted, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "String")]
pub struct Percent(f64);

/// A multiple of the reference; 1.5 is 50 % more.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Ratio(f64);

/// A duration.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Seconds(f64);

/// Why a text is not a valid quantity, and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUnit(String);

impl InvalidUnit {
    pub fn new(expected: &str) -> Self {
        Self(expected.to_owned())
    }
}

impl fmt::Display for InvalidUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidUnit {}

impl Percent {
    /// 3 % gives 0.03.
    pub const fn fraction(self) -> f64 {
        self.0
    }

    /// From a fraction: 0.03 is 3 %.
    pub const fn of_fraction(fraction: f64) -> Self {
        Self(fraction)
    }

    /// Parses a percentage above zero.
    pub fn above_zero(text: &str) -> Result<Self, InvalidUnit> {
        let expected = || InvalidUnit("expected a percentage above 0%, such as 3%".to_owned());
        let percent = percent(text)?.ok_or_else(expected)?;
        (percent.0 > 0.0).then_some(percent).ok_or_else(expected)
    }
}

impl Ratio {
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl Seconds {
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let expected = || {
            let expected = "expected a percentage from 0% to below 1000%, such as 3%";
            InvalidUnit(expected.to_owned())
        };
        percent(text)?.ok_or_else(expected)
    }
}

/// `None` if it is not a percentage.
fn percent(text: &str) -> Result<Option<Percent>, InvalidUnit> {
    let digits = text.strip_suffix('%').map(str::trim_end);
    let value = match digits {
        // Shift the decimal point in the text to get the nearest number: 2.9 divided by 100 is not
        // 0.029.
        Some(digits) => format!("{digits}e-2").parse::<f64>(),
        None => text.parse(),
    };
    let Some(value) = value.ok().filter(|it| (0.0..10.0).contains(it)) else {
        // 20 may mean 20 %, so suggest that.
        return match text.parse::<f64>() {
            Ok(number) if (10.0..1000.0).contains(&number) => {
                Err(InvalidUnit(format!("did you mean {text}%?")))
            }
            Ok(_) | Err(_) => Ok(None),
        };
    };
    if digits.is_none() && value >= 1.0 {
        // Writing 3 for 3 % is the most likely mistake, and would disable the gate.
        return Err(InvalidUnit(format!(
            "did you mean {text}%, or really {}?",
            Percent(value)
        )));
    }
    Ok(Some(Percent(value)))
}

impl FromStr for Ratio {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        number(text, |ratio| ratio > 0.0 && ratio.is_finite())
            .map(Self)
            .ok_or_else(|| InvalidUnit("expected a number above 0, such as 1.5".to_owned()))
    }
}

impl FromStr for Seconds {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let expected = "expected seconds, above 0 and at most a million, such as 60";
        number(text, |seconds| seconds > 0.0 && seconds <= 1e6)
            .map(Self)
            .ok_or_else(|| InvalidUnit(expected.to_owned()))
    }
}

fn number(text: &str, possible: impl Fn(f64) -> bool) -> Option<f64> {
    text.parse().ok().filter(|number| possible(*number))
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shift the decimal point in the text again, so that the original text is printed.
        let text = format!("{:e}", self.0);
        let hundredfold = text.split_once('e').and_then(|(digits, exponent)| {
            let exponent = exponent.parse::<i32>().ok()? + 2;
            format!("{digits}e{exponent}").parse::<f64>().ok()
        });
        write!(f, "{}%", hundredfold.unwrap_or(self.0 * 100.0))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// For `deserialize_with`, see [`Percent::above_zero`].
pub fn above_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Percent, D::Error> {
    Percent::above_zero(&text(&Value::deserialize(deserializer)?)).map_err(D::Error::custom)
}

/// The same for an optional key.
pub fn some_above_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Percent>, D::Error> {
    above_zero(deserializer).map(Some)
}

/// A number, or a percentage in quotes. A plain number in quotes is not accepted.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) if text.ends_with('%') => text.clone(),
        Value::Integer(_) | Value::Float(_) => value.to_string(),
        Value::String(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => String::new(),
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> Self {
        percent.to_string()
    }
}

/// For serde.
macro_rules! from_value {
    ($($unit:ident)*) => {$(
        impl TryFrom<Value> for $unit {
            type Error = InvalidUnit;

            fn try_from(value: Value) -> Result<Self, InvalidUnit> {
                text(&value).parse()
            }
        }
    )*};
}

from_value!(Percent Ratio Seconds);

#[cfg(test)]
mod tests {
    use super::{InvalidUnit, Percent, Ratio, Seconds};

    #[test]
    fn possible_percentages() {
        let check = |text: &str, fraction: f64, shown: &str| {
            let percent: Percent = text.parse().unwrap();
            assert_eq!(percent, Percent(fraction), "{text}");
            assert_eq!(percent.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(percent), "{text}");
        };
        check("0.03", 0.03, "3%");
        check("3%", 0.03, "3%");
        check("2.9 %", 0.029, "2.9%");
        check("0.001%", 1e-5, "0.001%");
        check("150%", 1.5, "150%");
        check("999%", 9.99, "999%");
        check("0", 0.0, "0%");
        assert_eq!(Percent::above_zero("3%"), Ok(Percent(0.03)));
    }

    #[test]
    fn impossible_percentages() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                text.parse::<Percent>(),
                Err(InvalidUnit(expected.to_owned())),
                "{text}"
            );
        };
        for text in [
            "-0.01", "-3%", "1000%", "10%%", "nan", "inf", "", "%", "x", "3e9",
        ] {
            check(
                text,
                "expected a percentage from 0% to below 1000%, such as 3%",
            );
            assert!(Percent::above_zero(text).is_err(), "{text}");
        }
        check("3", "did you mean 3%, or really 300%?");
        check("1.1", "did you mean 1.1%, or really 110%?");
        check("20", "did you mean 20%?");
        for text in ["0", "0%", "-1%"] {
            insta::allow_duplicates!(
                insta::assert_snapshot!(Percent::above_zero(text).unwrap_err(), @"expected a percentage above 0%, such as 3%")
            );
        }
    }

    #[test]
    fn ratios_and_seconds() {
        assert_eq!("1.5".parse(), Ok(Ratio(1.5)));
        assert_eq!("12".parse(), Ok(Ratio(12.0)));
        assert_eq!("1000000".parse(), Ok(Seconds(1e6)));
        for text in ["0", "-1", "inf", "nan", "150%"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
        assert!("1e7".parse::<Seconds>().is_err());
        assert_eq!(Ratio(1.5).to_string(), "1.5");
        assert_eq!(Seconds(60.0).to_string(), "60 s");
    }

    #[test]
    fn in_files() {
        let percent =
            |json: &str| serde_json::from_str::<Percent>(json).map_err(|error| error.to_string());
        assert_eq!(percent("0.03"), Ok(Percent(0.03)));
        assert_eq!(percent("\"3%\""), Ok(Percent(0.03)));
        assert_eq!(percent("0"), Ok(Percent(0.0)));
        for wrong in ["3", "\"0.03\"", "-1", "true", "[]"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
        let json = serde_json::to_string(&(Percent(0.03), Ratio(1.5), Seconds(7.0))).unwrap();
        assert_eq!(json, "[\"3%\",1.5,7.0]");
    }
}
