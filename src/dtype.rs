//! The numpy data types that arrays here can have, by numpy's names.

use std::fmt;

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
    /// A moment: an `int64` count of units since 1970; the least value is NaT.
    Datetime64(TimeUnit),
    /// A duration: an `int64` count of units; the least value is NaT.
    Timedelta64(TimeUnit),
}

impl Dtype {
    /// Bytes per element.
    #[must_use]
    pub const fn itemsize(self) -> usize {
        match self {
            Self::Bool | Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 | Self::Float16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Int64
            | Self::Uint64
            | Self::Float64
            | Self::Complex64
            | Self::Datetime64(_)
            | Self::Timedelta64(_) => 8,
            Self::Complex128 => 16,
        }
    }

    /// The data type with numpy's name `name`, or `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        const PLAIN: [Dtype; 14] = [
            Dtype::Bool,
            Dtype::Int8,
            Dtype::Int16,
            Dtype::Int32,
            Dtype::Int64,
            Dtype::Uint8,
            Dtype::Uint16,
            Dtype::Uint32,
            Dtype::Uint64,
            Dtype::Float16,
            Dtype::Float32,
            Dtype::Float64,
            Dtype::Complex64,
            Dtype::Complex128,
        ];
        let unit = |prefix: &str| {
            let symbol = name.strip_prefix(prefix)?.strip_suffix(']')?;
            TimeUnit::from_symbol(symbol)
        };
        PLAIN
            .into_iter()
            .find(|dtype| dtype.plain_name() == Some(name))
            .or_else(|| unit("datetime64[").map(Self::Datetime64))
            .or_else(|| unit("timedelta64[").map(Self::Timedelta64))
    }

    const fn plain_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Datetime64(_) | Self::Timedelta64(_) => return None,
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datetime64(unit) => write!(f, "datetime64[{}]", unit.symbol()),
            Self::Timedelta64(unit) => write!(f, "timedelta64[{}]", unit.symbol()),
            plain => f.write_str(plain.plain_name().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dtype, TimeUnit};

    #[test]
    fn names_round_trip() {
        for name in [
            "bool",
            "int8",
            "uint64",
            "float16",
            "complex128",
            "datetime64[ns]",
            "timedelta64[h]",
        ] {
            assert_eq!(
                Dtype::from_name(name)
                    .map(|dtype| dtype.to_string())
                    .as_deref(),
                Some(name)
            );
        }
        for wrong in ["", "float", "datetime64", "datetime64[xs]", "datetime64[ns"] {
            assert_eq!(Dtype::from_name(wrong), None, "{wrong}");
        }
        for unit in TimeUnit::ALL {
            assert_eq!(TimeUnit::from_symbol(unit.symbol()), Some(unit));
        }
    }
}
