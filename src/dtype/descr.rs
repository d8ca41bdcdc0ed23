//! The type strings of NPY files, pickles and messages: `<f8`, `<M8[ns]`.

use super::Dtype;

const NATIVE: u8 = if cfg!(target_endian = "little") {
    b'<'
} else {
    b'>'
};

/// A type string as in numpy's `dtype.str`.
pub(crate) struct Descr {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl Descr {
    /// The longest one of [`Element`](crate::Element) types: `<M8[ns]` and the like.
    const LONGEST: usize = 8;

    /// The type string for elements in this machine's byte order. No element counts in steps of
    /// several units.
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

    /// Padded with zeros.
    #[cfg(feature = "concat")]
    pub(crate) const fn padded(&self) -> [u8; Self::LONGEST] {
        self.bytes
    }

    /// The data type of `descr`, and whether its byte order differs from this machine's.
    #[inline]
    pub(crate) fn parse(descr: &[u8]) -> Option<(Dtype, bool)> {
        let (order, code) = split_order(descr);
        let dtype = match Dtype::from_code(code) {
            Some(dtype) => dtype,
            None => other(order, code)?,
        };
        let swapped = matches!(order, Some(b'<' | b'>')) && order != Some(NATIVE);
        Some((dtype, swapped && dtype.itemsize() > 1))
    }
}

/// The byte order at the start of a type string, if any, and the rest.
#[inline]
pub(crate) const fn split_order(descr: &[u8]) -> (Option<u8>, &[u8]) {
    match descr {
        [order @ (b'<' | b'>' | b'=' | b'|'), code @ ..] => (Some(*order), code),
        code => (None, code),
    }
}

/// Other strings that `numpy.dtype` accepts for a supported data type, except characters and names
/// whose size depends on the platform, such as C's `long`.
#[cold]
fn other(order: Option<u8>, code: &[u8]) -> Option<Dtype> {
    if let [character] = code
        && let Some(dtype) = from_character(*character)
    {
        return Some(dtype);
    }
    let name = std::str::from_utf8(code).ok()?;
    let time = match name.as_bytes() {
        [b'M', b'8', ..] => Dtype::from_time_name(&format!("datetime64{}", &name[2..])),
        [b'm', b'8', ..] => Dtype::from_time_name(&format!("timedelta64{}", &name[2..])),
        _ => Dtype::from_time_name(name),
    };
    // numpy accepts a byte order only before names of times.
    time.or_else(|| order.map_or_else(|| from_alias(name), |_| None))
}

/// The data type with this `dtype.char`.
const fn from_character(character: u8) -> Option<Dtype> {
    Some(match character {
        b'?' => Dtype::Bool,
        b'b' => Dtype::Int8,
        b'B' => Dtype::Uint8,
        b'h' => Dtype::Int16,
        b'H' => Dtype::Uint16,
        b'i' => Dtype::Int32,
        b'I' => Dtype::Uint32,
        b'q' => Dtype::Int64,
        b'Q' => Dtype::Uint64,
        b'e' => Dtype::Float16,
        b'f' => Dtype::Float32,
        b'd' => Dtype::Float64,
        b'F' => Dtype::Complex64,
        b'D' => Dtype::Complex128,
        b'M' => Dtype::DatetimeStep(super::TimeStep::GENERIC),
        b'm' => Dtype::TimedeltaStep(super::TimeStep::GENERIC),
        _ => return None,
    })
}

/// The data type with this numpy name or alias.
fn from_alias(name: &str) -> Option<Dtype> {
    Some(match name {
        "bool_" => Dtype::Bool,
        "byte" => Dtype::Int8,
        "ubyte" => Dtype::Uint8,
        "short" => Dtype::Int16,
        "ushort" => Dtype::Uint16,
        "intc" => Dtype::Int32,
        "uintc" => Dtype::Uint32,
        "longlong" => Dtype::Int64,
        "ulonglong" => Dtype::Uint64,
        "half" => Dtype::Float16,
        "single" => Dtype::Float32,
        "double" | "float" => Dtype::Float64,
        "csingle" => Dtype::Complex64,
        "cdouble" | "complex" => Dtype::Complex128,
        name => return Dtype::from_plain_name(name),
    })
}

#[cfg(test)]
mod tests {
    use super::{Descr, Dtype, NATIVE};
    use crate::dtype::tests::every_dtype;

    #[test]
    fn type_strings_round_trip() {
        for dtype in every_dtype() {
            let descr = Descr::native(dtype);
            assert_eq!(Descr::parse(descr.as_bytes()), Some((dtype, false)));
        }
    }

    // What numpy 2.4 returns for the same strings.
    #[test]
    fn type_strings_are_read_as_numpy_does() {
        for (descr, name) in [
            ("?", "bool"),
            ("d", "float64"),
            ("=d", "float64"),
            ("|d", "float64"),
            ("f", "float32"),
            ("e", "float16"),
            ("H", "uint16"),
            ("b", "int8"),
            ("F", "complex64"),
            ("float32", "float32"),
            ("uint8", "uint8"),
            ("bool", "bool"),
            ("double", "float64"),
            ("datetime64[ns]", "datetime64[ns]"),
            ("M8[25s]", "datetime64[25s]"),
            ("m8[1s]", "timedelta64[s]"),
            ("M8[01s]", "datetime64[s]"),
            ("M8", "datetime64"),
            ("M", "datetime64"),
            ("M8[generic]", "datetime64"),
            ("timedelta64", "timedelta64"),
        ] {
            let dtype = Dtype::from_name(name).unwrap();
            assert_eq!(
                Descr::parse(descr.as_bytes()),
                Some((dtype, false)),
                "{descr}"
            );
        }
    }

    #[test]
    fn other_byte_orders_are_swapped() {
        let other = if NATIVE == b'<' { ">" } else { "<" };
        for (code, name) in [
            ("d", "float64"),
            ("H", "uint16"),
            ("M8[25s]", "datetime64[25s]"),
        ] {
            let descr = format!("{other}{code}");
            let dtype = Dtype::from_name(name).unwrap();
            assert_eq!(
                Descr::parse(descr.as_bytes()),
                Some((dtype, true)),
                "{descr}"
            );
        }
    }

    #[test]
    fn other_type_strings_are_rejected() {
        for wrong in [
            "",
            "<",
            "<<f8",
            "f3",
            "<i8garbage",
            "<M8[xs]",
            "<M[s]",
            "M[s]",
            "<float64",
            "l",
            "<L",
            "long",
            "float_",
            "g",
            "?1",
            "d8",
            "float64 ",
            "M8[0s]",
            "M8[1]",
            "<V2",
            "|S3",
        ] {
            assert_eq!(Descr::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
