//! The supported numpy data types, with numpy's names.

#[cfg(feature = "npy")]
mod descr;

use std::fmt;

#[cfg(feature = "npy")]
pub(crate) use self::descr::{Descr, split_order};

/// The unit of a `datetime64` or `timedelta64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// `Y`, calendar years since 1970.
    Year,
    /// `M`, calendar months since January 1970.
    Month,
    /// `W`, weeks of seven days.
    Week,
    /// `D`, days.
    Day,
    /// `h`, hours.
    Hour,
    /// `m`, minutes.
    Minute,
    /// `s`, seconds.
    Second,
    /// `ms`, 10⁻³ s.
    Millisecond,
    /// `us`, 10⁻⁶ s.
    Microsecond,
    /// `ns`, 10⁻⁹ s.
    Nanosecond,
    /// `ps`, 10⁻¹² s.
    Picosecond,
    /// `fs`, 10⁻¹⁵ s.
    Femtosecond,
    /// `as`, 10⁻¹⁸ s.
    Attosecond,
}

impl TimeUnit {
    /// Every unit, coarsest first.
    pub const ALL: [Self; 13] = [
        Self::Year,
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Minute,
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
        Self::Picosecond,
        Self::Femtosecond,
        Self::Attosecond,
    ];

    /// numpy's abbreviation, as in `datetime64[ns]`.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Year => "Y",
            Self::Month => "M",
            Self::Week => "W",
            Self::Day => "D",
            Self::Hour => "h",
            Self::Minute => "m",
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
            Self::Picosecond => "ps",
            Self::Femtosecond => "fs",
            Self::Attosecond => "as",
        }
    }

    /// The unit with this abbreviation.
    #[must_use]
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.symbol() == symbol)
    }
}

/// A numpy data type.
///
/// `Display` and [`Dtype::from_name`] use numpy's names: `float32`, `datetime64[ns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// With a one-byte discriminant, steps are copied as overlapping words after that byte, which the
// processor can't forward from one copy to the next: reading a header took twice as long.
#[repr(u32)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Signed 8-bit integer.
    Int8,
    /// Signed 16-bit integer.
    Int16,
    /// Signed 32-bit integer.
    Int32,
    /// Signed 64-bit integer.
    Int64,
    /// Unsigned 8-bit integer.
    Uint8,
    /// Unsigned 16-bit integer.
    Uint16,
    /// Unsigned 32-bit integer.
    Uint32,
    /// Unsigned 64-bit integer.
    Uint64,
    /// IEEE 754 binary16.
    Float16,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// Two `float32`.
    Complex64,
    /// Two `float64`.
    Complex128,
    /// A point in time: an `int64` count of units since 1970; the minimum is NaT.
    Datetime64(TimeUnit),
    /// A duration: an `int64` count of units; the minimum is NaT.
    Timedelta64(TimeUnit),
    /// A point in time in steps other than one unit: `datetime64[25s]`, `datetime64`.
    DatetimeStep(TimeStep),
    /// A duration in steps other than one unit: `timedelta64[25s]`, `timedelta64`.
    TimedeltaStep(TimeStep),
}

/// The step of a `datetime64` or `timedelta64`, if it isn't one [`TimeUnit`]. Such elements can be
/// loaded as `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeStep {
    /// Number of units in a step: 25 for `datetime64[25s]`.
    pub multiple: u32,
    /// The unit; `None` for numpy's generic times, whose counts have no unit.
    pub unit: Option<TimeUnit>,
}

impl TimeStep {
    const GENERIC: Self = Self {
        multiple: 1,
        unit: None,
    };
}

impl fmt::Display for TimeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Some(unit) => write!(f, "[{}{}]", self.multiple, unit.symbol()),
            None => Ok(()),
        }
    }
}

/// The unit or step in brackets, or nothing: `[ns]`, `[25s]`. Multiples are C `int`s in numpy.
fn parse_step(text: &str) -> Option<Result<TimeUnit, TimeStep>> {
    if text.is_empty() {
        return Some(Err(TimeStep::GENERIC));
    }
    let text = text.strip_prefix('[')?.strip_suffix(']')?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (multiple, symbol) = text.split_at(digits);
    let unit = TimeUnit::from_symbol(symbol);
    match multiple {
        "" if symbol == "generic" => Some(Err(TimeStep::GENERIC)),
        "" => unit.map(Ok),
        _ => match (multiple.parse::<i32>().ok()?.unsigned_abs(), unit?) {
            (0, _) => None,
            (1, unit) => Some(Ok(unit)),
            (multiple, unit) => Some(Err(TimeStep {
                multiple,
                unit: Some(unit),
            })),
        },
    }
}

impl Dtype {
    /// The data type with numpy's name `name`, if it is supported.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_plain_name(name).or_else(|| Self::from_time_name(name))
    }

    /// Times by name: `datetime64[ns]`, `timedelta64[25s]`, `datetime64`.
    fn from_time_name(name: &str) -> Option<Self> {
        if let Some(step) = name.strip_prefix("datetime64") {
            return Some(Self::datetime(parse_step(step)?));
        }
        let step = name.strip_prefix("timedelta64")?;
        Some(Self::timedelta(parse_step(step)?))
    }

    const fn datetime(step: Result<TimeUnit, TimeStep>) -> Self {
        match step {
            Ok(unit) => Self::Datetime64(unit),
            Err(step) => Self::DatetimeStep(step),
        }
    }

    const fn timedelta(step: Result<TimeUnit, TimeStep>) -> Self {
        match step {
            Ok(unit) => Self::Timedelta64(unit),
            Err(step) => Self::TimedeltaStep(step),
        }
    }
}

// The data types without a unit: name, type string without byte order, and bytes per
// element.
macro_rules! plain {
    ($($dtype:ident, $name:literal, $code:literal, $itemsize:literal;)*) => {
        impl Dtype {
            /// Bytes per element.
            #[must_use]
            pub const fn itemsize(self) -> usize {
                match self {
                    $(Self::$dtype => $itemsize,)*
                    Self::Datetime64(_)
                    | Self::Timedelta64(_)
                    | Self::DatetimeStep(_)
                    | Self::TimedeltaStep(_) => 8,
                }
            }

            const fn plain_name(self) -> Option<&'static str> {
                match self {
                    $(Self::$dtype => Some($name),)*
                    Self::Datetime64(_)
                    | Self::Timedelta64(_)
                    | Self::DatetimeStep(_)
                    | Self::TimedeltaStep(_) => None,
                }
            }

            fn from_plain_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$dtype),)*
                    _ => None,
                }
            }
        }

        #[cfg(feature = "npy")]
        impl Dtype {
            /// The type string without byte order and unit: `f8`, `M8`.
            const fn code(self) -> &'static [u8] {
                match self {
                    $(Self::$dtype => $code,)*
                    Self::Datetime64(_) | Self::DatetimeStep(_) => b"M8",
                    Self::Timedelta64(_) | Self::TimedeltaStep(_) => b"m8",
                }
            }

            #[inline]
            const fn from_code(code: &[u8]) -> Option<Self> {
                match code {
                    $($code => Some(Self::$dtype),)*
                    _ => None,
                }
            }
        }
    };
}

plain! {
    Bool, "bool", b"b1", 1;
    Int8, "int8", b"i1", 1;
    Int16, "int16", b"i2", 2;
    Int32, "int32", b"i4", 4;
    Int64, "int64", b"i8", 8;
    Uint8, "uint8", b"u1", 1;
    Uint16, "uint16", b"u2", 2;
    Uint32, "uint32", b"u4", 4;
    Uint64, "uint64", b"u8", 8;
    Float16, "float16", b"f2", 2;
    Float32, "float32", b"f4", 4;
    Float64, "float64", b"f8", 8;
    Complex64, "complex64", b"c8", 8;
    Complex128, "complex128", b"c16", 16;
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datetime64(unit) => write!(f, "datetime64[{}]", unit.symbol()),
            Self::Timedelta64(unit) => write!(f, "timedelta64[{}]", unit.symbol()),
            Self::DatetimeStep(step) => write!(f, "datetime64{step}"),
            Self::TimedeltaStep(step) => write!(f, "timedelta64{step}"),
            plain => f.write_str(plain.plain_name().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dtype, TimeStep, TimeUnit};

    /// One of each kind, and every unit.
    pub(super) fn every_dtype() -> Vec<Dtype> {
        let plain = [
            "bool",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "float16",
            "float32",
            "float64",
            "complex64",
            "complex128",
        ];
        let plain = plain.map(|name| Dtype::from_name(name).unwrap());
        let units = TimeUnit::ALL.into_iter();
        let times = units.flat_map(|unit| [Dtype::Datetime64(unit), Dtype::Timedelta64(unit)]);
        plain.into_iter().chain(times).collect()
    }

    #[test]
    fn names_round_trip() {
        for dtype in every_dtype() {
            assert_eq!(Dtype::from_name(&dtype.to_string()), Some(dtype));
        }
        assert_eq!(
            Dtype::Datetime64(TimeUnit::Nanosecond).to_string(),
            "datetime64[ns]"
        );
        let steps = TimeStep {
            multiple: 25,
            unit: Some(TimeUnit::Second),
        };
        for (name, dtype) in [
            ("datetime64[25s]", Dtype::DatetimeStep(steps)),
            ("timedelta64[25s]", Dtype::TimedeltaStep(steps)),
            ("datetime64", Dtype::DatetimeStep(TimeStep::GENERIC)),
        ] {
            assert_eq!(Dtype::from_name(name), Some(dtype));
            assert_eq!(dtype.to_string(), name);
        }
        for wrong in [
            "",
            "float",
            "datetime64[xs]",
            "datetime64[ns",
            "datetime64[]",
            "datetime64[0s]",
            "datetime64[-1s]",
            "datetime64[25]",
            "datetime64[2147483648s]",
        ] {
            assert_eq!(Dtype::from_name(wrong), None, "{wrong}");
        }
    }
}
