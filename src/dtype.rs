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
    /// A point in time: an `int64` count of units since 1970; the least value is NaT.
    Datetime64(TimeUnit),
    /// A duration: an `int64` count of units; the least value is NaT.
    Timedelta64(TimeUnit),
}

impl Dtype {
    /// The data type with numpy's name `name`, or `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let unit = |prefix: &str| {
            let symbol = name.strip_prefix(prefix)?.strip_suffix(']')?;
            TimeUnit::from_symbol(symbol)
        };
        Self::from_plain_name(name)
            .or_else(|| unit("datetime64[").map(Self::Datetime64))
            .or_else(|| unit("timedelta64[").map(Self::Timedelta64))
    }
}

// Everything that numpy calls a data type without a unit: its name, the type string without the
// byte order, and the bytes of an element.
macro_rules! plain {
    ($($dtype:ident, $name:literal, $code:literal, $itemsize:literal;)*) => {
        impl Dtype {
            /// Bytes per element.
            #[must_use]
            pub const fn itemsize(self) -> usize {
                match self {
                    $(Self::$dtype => $itemsize,)*
                    Self::Datetime64(_) | Self::Timedelta64(_) => 8,
                }
            }

            const fn plain_name(self) -> Option<&'static str> {
                match self {
                    $(Self::$dtype => Some($name),)*
                    Self::Datetime64(_) | Self::Timedelta64(_) => None,
                }
            }

            fn from_plain_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$dtype),)*
                    _ => None,
                }
            }

            /// The type string without byte order and unit: `f8`, `M8`.
            const fn code(self) -> &'static [u8] {
                match self {
                    $(Self::$dtype => $code,)*
                    Self::Datetime64(_) => b"M8",
                    Self::Timedelta64(_) => b"m8",
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

#[cfg(feature = "npy")]
const NATIVE: u8 = if cfg!(target_endian = "little") {
    b'<'
} else {
    b'>'
};

/// A type string as NPY, pickles and messages have it: `<f8`, `<M8[ns]`.
#[cfg(feature = "npy")]
pub(crate) struct Descr {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

#[cfg(feature = "npy")]
impl Descr {
    /// `<M8[ns]` and its like.
    pub(crate) const LONGEST: usize = 8;

    /// numpy's `dtype.str` of elements in this machine's byte order.
    pub(crate) fn native(dtype: Dtype) -> Self {
        let mut descr = Self {
            bytes: [0; Self::LONGEST],
            len: 0,
        };
        descr.push(&[if dtype.itemsize() == 1 { b'|' } else { NATIVE }]);
        descr.push(dtype.code());
        if let Dtype::Datetime64(unit) | Dtype::Timedelta64(unit) = dtype {
            descr.push(b"[");
            descr.push(unit.symbol().as_bytes());
            descr.push(b"]");
        }
        descr
    }

    fn push(&mut self, text: &[u8]) {
        self.bytes[self.len..self.len + text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Filled up with zeros.
    pub(crate) const fn padded(&self) -> [u8; Self::LONGEST] {
        self.bytes
    }

    /// The data type that `descr` names, and whether its elements have the other byte order.
    #[inline]
    pub(crate) fn parse(descr: &[u8]) -> Option<(Dtype, bool)> {
        let (order, code) = match descr {
            [order @ (b'<' | b'>' | b'=' | b'|'), code @ ..] => (*order, code),
            code => (b'=', code),
        };
        let dtype = match code {
            b"?" => Dtype::Bool,
            [b'M', b'8', b'[', unit @ .., b']'] => Dtype::Datetime64(time_unit(unit)?),
            [b'm', b'8', b'[', unit @ .., b']'] => Dtype::Timedelta64(time_unit(unit)?),
            code => Dtype::from_code(code)?,
        };
        let swapped = matches!(order, b'<' | b'>') && order != NATIVE && dtype.itemsize() > 1;
        Some((dtype, swapped))
    }
}

#[cfg(feature = "npy")]
fn time_unit(symbol: &[u8]) -> Option<TimeUnit> {
    TimeUnit::from_symbol(std::str::from_utf8(symbol).ok()?)
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

    /// One of each kind, and every unit.
    fn every_dtype() -> Vec<Dtype> {
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
        for wrong in ["", "float", "datetime64", "datetime64[xs]", "datetime64[ns"] {
            assert_eq!(Dtype::from_name(wrong), None, "{wrong}");
        }
    }

    #[cfg(feature = "npy")]
    #[test]
    fn type_strings_round_trip() {
        use super::Descr;

        for dtype in every_dtype() {
            let descr = Descr::native(dtype);
            assert_eq!(Descr::parse(descr.as_bytes()), Some((dtype, false)));
            assert!(descr.padded().starts_with(descr.as_bytes()));
        }
        assert_eq!(Descr::parse(b"?"), Some((Dtype::Bool, false)));
        for wrong in [&b""[..], b"<", b"f3", b"<i8garbage", b"<M8[xs]"] {
            assert_eq!(Descr::parse(wrong), None, "{wrong:?}");
        }
    }
}
