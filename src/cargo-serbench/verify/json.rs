//! Checks that JSON text contains every element of an array in the right place.

use std::fmt;

use serbench::{Dtype, TimeUnit, f16};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor},
};

/// Checks that `text` has the nested lists of `input`, the little-endian elements of an array of
/// this data type and shape in C order. Returns a description of the first difference.
///
/// NaN and infinities must be `null`; datetimes must be ISO 8601 with microseconds, as orjson writes
/// them. Floats are compared by bits after parsing the text at the precision of the data type.
pub fn check(text: &[u8], dtype: Dtype, shape: &[usize], input: &[u8]) -> Result<(), String> {
    let mut elements = Elements {
        dtype,
        input,
        next: 0,
    };
    let mut text = serde_json::Deserializer::from_slice(text);
    text.disable_recursion_limit();
    Axis {
        shape,
        elements: &mut elements,
    }
    .deserialize(&mut text)
    .and_then(|()| text.end())
    .map_err(|error| error.to_string())
}

struct Elements<'a> {
    dtype: Dtype,
    input: &'a [u8],
    next: usize,
}

/// One axis of the array; an element if no axis is left.
struct Axis<'a, 'b> {
    shape: &'a [usize],
    elements: &'a mut Elements<'b>,
}

impl<'de> DeserializeSeed<'de> for Axis<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        if self.shape.is_empty() {
            self.elements.check_next(from)
        } else {
            from.deserialize_seq(self)
        }
    }
}

impl<'de> Visitor<'de> for Axis<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} for shape {:?}", self.shape[0], self.shape)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (length, inner) = (self.shape[0], &self.shape[1..]);
        for index in 0..length {
            if list
                .next_element_seed(Axis {
                    shape: inner,
                    elements: self.elements,
                })?
                .is_none()
            {
                return Err(A::Error::invalid_length(
                    index,
                    &&*format!("{length} items"),
                ));
            }
        }
        match list.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom(format!(
                "more than {length} items in a list"
            ))),
        }
    }
}

impl Elements<'_> {
    fn check_next<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        let size = self.dtype.itemsize();
        let index = self.next;
        let bytes = self
            .input
            .get(index * size..(index + 1) * size)
            .ok_or_else(|| D::Error::custom("the input has fewer elements than its shape says"))?;
        self.next += 1;
        let expected = Value::of_bytes(self.dtype, bytes).ok_or_else(|| {
            D::Error::custom(format!("{} can't be represented in JSON", self.dtype))
        })?;
        let found = expected.like(self.dtype, from)?;
        if expected == found {
            Ok(())
        } else {
            let message = format!("element {index} is {expected:?}, but the text has {found:?}");
            Err(D::Error::custom(message))
        }
    }
}

/// An element, for comparison. Floats as bits; `None` is `null`.
#[derive(Debug, PartialEq)]
enum Value {
    Bool(bool),
    Integer(i128),
    Float(Option<u64>),
    Datetime(Option<i128>),
}

impl Value {
    /// An element of the input; `None` if JSON can't represent it.
    fn of_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        let float = |finite: bool| Self::Float(finite.then(|| unsigned(bytes)));
        Some(match dtype {
            Dtype::Bool => Self::Bool(bytes[0] != 0),
            Dtype::Int8 | Dtype::Int16 | Dtype::Int32 | Dtype::Int64 => {
                Self::Integer(signed(bytes).into())
            }
            Dtype::Uint8 | Dtype::Uint16 | Dtype::Uint32 | Dtype::Uint64 => {
                Self::Integer(unsigned(bytes).into())
            }
            Dtype::Float16 => float(f16::from_bits(unsigned(bytes) as u16).is_finite()),
            Dtype::Float32 => float(f32::from_bits(unsigned(bytes) as u32).is_finite()),
            Dtype::Float64 => float(f64::from_bits(unsigned(bytes)).is_finite()),
            Dtype::Datetime64(unit) => Self::Datetime(microseconds(signed(bytes), unit)),
            Dtype::Complex64
            | Dtype::Complex128
            | Dtype::Timedelta64(_)
            | Dtype::DatetimeStep(_)
            | Dtype::TimedeltaStep(_) => return None,
        })
    }

    /// Parses a value of this kind from the text, at the precision of the data type.
    fn like<'de, D: Deserializer<'de>>(&self, dtype: Dtype, from: D) -> Result<Self, D::Error> {
        Ok(match self {
            Self::Bool(_) => Self::Bool(bool::deserialize(from)?),
            Self::Integer(_) if is_unsigned(dtype) => Self::Integer(u64::deserialize(from)?.into()),
            Self::Integer(_) => Self::Integer(i64::deserialize(from)?.into()),
            Self::Float(_) if dtype == Dtype::Float32 => {
                let found = Option::<f32>::deserialize(from)?;
                Self::Float(found.map(|found| found.to_bits().into()))
            }
            Self::Float(_) => {
                let found = Option::<f64>::deserialize(from)?;
                Self::Float(found.map(|found| match dtype {
                    Dtype::Float16 => f16::from_f64(found).to_bits().into(),
                    _ => found.to_bits(),
                }))
            }
            Self::Datetime(_) => Self::Datetime(parse_datetime(&String::deserialize(from)?)),
        })
    }
}

fn is_unsigned(dtype: Dtype) -> bool {
    matches!(
        dtype,
        Dtype::Uint8 | Dtype::Uint16 | Dtype::Uint32 | Dtype::Uint64
    )
}

fn unsigned(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(wide)
}

fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len() as u32;
    (unsigned(bytes) << unused).cast_signed() >> unused
}

/// Microseconds since 1970, rounded down; years and months by the Gregorian calendar.
fn microseconds(count: i64, unit: TimeUnit) -> Option<i128> {
    let count = i128::from(count);
    let whole = |per: i128| Some(count * per);
    match unit {
        TimeUnit::Year => month_start(count * 12),
        TimeUnit::Month => month_start(count),
        TimeUnit::Week => whole(604_800_000_000),
        TimeUnit::Day => whole(86_400_000_000),
        TimeUnit::Hour => whole(3_600_000_000),
        TimeUnit::Minute => whole(60_000_000),
        TimeUnit::Second => whole(1_000_000),
        TimeUnit::Millisecond => whole(1_000),
        TimeUnit::Microsecond => whole(1),
        TimeUnit::Nanosecond => Some(count.div_euclid(1_000)),
        TimeUnit::Picosecond => Some(count.div_euclid(1_000_000)),
        TimeUnit::Femtosecond => Some(count.div_euclid(1_000_000_000)),
        TimeUnit::Attosecond => Some(count.div_euclid(1_000_000_000_000)),
    }
}

fn month_start(months_since_1970: i128) -> Option<i128> {
    let year = i16::try_from(1970 + months_since_1970.div_euclid(12)).ok()?;
    let month = i8::try_from(months_since_1970.rem_euclid(12) + 1).ok()?;
    since_epoch(jiff::civil::DateTime::new(year, month, 1, 0, 0, 0, 0).ok()?)
}

fn parse_datetime(text: &str) -> Option<i128> {
    since_epoch(text.parse().ok()?)
}

fn since_epoch(datetime: jiff::civil::DateTime) -> Option<i128> {
    let epoch = jiff::civil::DateTime::new(1970, 1, 1, 0, 0, 0, 0).ok()?;
    Some(datetime.duration_since(epoch).as_micros())
}

#[cfg(test)]
mod tests {
    use super::check;
    use serbench::{Dtype, TimeUnit};

    fn passes(text: &str, dtype: Dtype, shape: &[usize], input: &[u8]) -> bool {
        check(text.as_bytes(), dtype, shape, input).is_ok()
    }

    #[test]
    fn right_text_passes() {
        let f32s: Vec<u8> = [0.1_f32, f32::NAN, -0.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert!(passes("[0.1,null,-0.0]", Dtype::Float32, &[3], &f32s));
        assert!(passes(
            "[0.10000000149011612,null,-0.0]",
            Dtype::Float32,
            &[3],
            &f32s
        ));
        assert!(passes("[[],[]]", Dtype::Bool, &[2, 0, 3], &[]));
        assert!(passes(
            "[[1,-2],[3,4]]",
            Dtype::Int8,
            &[2, 2],
            &[1, 254, 3, 4]
        ));
        assert!(passes(
            "[18446744073709551615]",
            Dtype::Uint64,
            &[1],
            &[255; 8]
        ));
        let nat = i64::MIN.to_le_bytes();
        let nanoseconds = Dtype::Datetime64(TimeUnit::Nanosecond);
        assert!(passes(
            r#"["1677-09-21T00:12:43.145224"]"#,
            nanoseconds,
            &[1],
            &nat
        ));
        let year = Dtype::Datetime64(TimeUnit::Year);
        assert!(passes(
            r#"["2021-01-01T00:00:00"]"#,
            year,
            &[1],
            &51_i64.to_le_bytes()
        ));
    }

    #[test]
    fn wrong_text() {
        let problem = |text: &str, dtype, shape: &[usize], input: &[u8]| {
            check(text.as_bytes(), dtype, shape, input).unwrap_err()
        };
        let two = [1, 2];
        insta::assert_snapshot!(problem("[1]", Dtype::Uint8, &[2], &two), @"invalid length 1, expected 2 items at line 1 column 3");
        insta::assert_snapshot!(problem("[1,2,3]", Dtype::Uint8, &[2], &two), @"more than 2 items in a list at line 1 column 7");
        insta::assert_snapshot!(problem("[1,3]", Dtype::Uint8, &[2], &two), @"element 1 is Integer(2), but the text has Integer(3) at line 1 column 5");
        insta::assert_snapshot!(problem("[1,2]x", Dtype::Uint8, &[2], &two), @"trailing characters at line 1 column 6");
        insta::assert_snapshot!(problem("", Dtype::Uint8, &[2], &two), @"EOF while parsing a value at line 1 column 0");
        assert!(!passes(
            "[0.0]",
            Dtype::Float64,
            &[1],
            &(-0.0_f64).to_le_bytes()
        ));
        assert!(!passes(
            "[0.0]",
            Dtype::Float64,
            &[1],
            &f64::NAN.to_le_bytes()
        ));
        assert!(!passes("[1]", Dtype::Bool, &[1], &[1]));
    }
}
