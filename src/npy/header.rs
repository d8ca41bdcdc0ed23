//! The bytes of an NPY file in, what its header says and where the elements are out.

use ndarray::{Dimension, IxDyn};

use super::NpyError;
use crate::{Dtype, TimeUnit};

/// What [`load_npy_with`](super::load_npy_with) accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyOptions {
    /// The most bytes the header can have; 10 000 as in numpy.
    pub max_header_size: usize,
    /// Whether bytes after the last element are an error. numpy ignores them, and so does the
    /// default.
    pub reject_trailing: bool,
    /// Whether Fortran order is an error.
    pub c_order_only: bool,
}

impl Default for NpyOptions {
    fn default() -> Self {
        Self {
            max_header_size: 10_000,
            reject_trailing: false,
            c_order_only: false,
        }
    }
}

/// What a header says, checked against the length of the data.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) dtype: Dtype,
    /// Whether the elements have the other byte order than this machine.
    pub(crate) swapped: bool,
    pub(crate) fortran_order: bool,
    pub(crate) shape: IxDyn,
    /// Where the elements start in the data.
    pub(crate) payload: usize,
    /// How many bytes they take.
    pub(crate) len: usize,
}

impl Header {
    pub(crate) fn shape(&self) -> &[usize] {
        self.shape
            .as_array_view()
            .to_slice()
            .expect("the axis lengths of an `IxDyn` are one slice")
    }
}

pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// The most axes numpy has.
pub(super) const MAX_AXES: usize = 64;

/// Reads the header of `data`. Allocates only for shapes of more than four axes or in unusual
/// notation, a few times the length of the header at most.
#[inline]
pub(crate) fn read(data: &[u8], options: &NpyOptions) -> Result<Header, NpyError> {
    let (text, start) = text(data, options.max_header_size)?;
    let payload = start + text.len();
    if let Some(common) = common(text) {
        let axes = &common.axes[..common.count];
        return check(
            data,
            options,
            payload,
            common.descr,
            common.fortran_order,
            axes,
        );
    }
    let fields = Literal { text, at: 0 }
        .fields()
        .map_err(|problem| problem.into_error(start))?;
    match fields.descr {
        Descr::Name(descr) => check(
            data,
            options,
            payload,
            descr,
            fields.fortran_order,
            &fields.axes,
        ),
        Descr::Structured(descr) => Err(unsupported(descr, payload)),
    }
}

/// Puts the entries of a header against the length of the data and the options.
#[inline]
fn check(
    data: &[u8],
    options: &NpyOptions,
    payload: usize,
    descr: &[u8],
    fortran_order: bool,
    axes: &[usize],
) -> Result<Header, NpyError> {
    let (dtype, swapped) = dtype(descr, payload)?;
    if fortran_order && options.c_order_only {
        return Err(NpyError::FortranOrder);
    }
    let len = byte_len(axes, dtype.itemsize())?;
    let have = data.len() - payload;
    if len > have {
        return Err(NpyError::Truncated { need: len, have });
    }
    if options.reject_trailing && len < have {
        return Err(NpyError::TrailingBytes { count: have - len });
    }
    Ok(Header {
        dtype,
        swapped,
        fortran_order,
        shape: IxDyn(axes),
        payload,
        len,
    })
}

/// The text of the header, and where it starts.
#[inline]
fn text(data: &[u8], max_header_size: usize) -> Result<(&[u8], usize), NpyError> {
    let short = || match data.strip_prefix(&MAGIC) {
        None if !MAGIC.starts_with(data) => NpyError::BadMagic,
        _ => NpyError::TooShort { len: data.len() },
    };
    let (fixed, rest) = data.split_first_chunk::<10>().ok_or_else(short)?;
    let [magic @ .., major, minor, low, high] = *fixed;
    if magic != MAGIC {
        return Err(NpyError::BadMagic);
    }
    let (len, start, rest) = match (major, minor) {
        (1, 0) => (usize::from(u16::from_le_bytes([low, high])), 10, rest),
        (2 | 3, 0) => {
            let (upper, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            let len = u32::from_le_bytes([low, high, upper[0], upper[1]]);
            (usize::try_from(len).unwrap_or(usize::MAX), 12, rest)
        }
        _ => return Err(NpyError::UnsupportedVersion { major, minor }),
    };
    let limit = max_header_size.min(rest.len());
    if len > limit {
        return Err(NpyError::HeaderTooLarge { len, limit });
    }
    Ok((&rest[..len], start))
}

/// The bytes of all elements. Axes of length zero are left out of the product, so that a shape is
/// refused for its other axes whether or not it is empty, as ndarray does.
#[inline]
pub(crate) fn byte_len(axes: &[usize], itemsize: usize) -> Result<usize, NpyError> {
    let mut len = itemsize;
    let mut empty = false;
    for &axis in axes {
        if axis == 0 {
            empty = true;
        } else {
            len = len.checked_mul(axis).ok_or(NpyError::ShapeOverflow)?;
        }
    }
    if isize::try_from(len).is_err() {
        return Err(NpyError::ShapeOverflow);
    }
    Ok(if empty { 0 } else { len })
}

/// The entries of the dictionary.
struct Fields<'a> {
    descr: Descr<'a>,
    fortran_order: bool,
    axes: Vec<usize>,
}

enum Descr<'a> {
    /// The text between the quotes.
    Name(&'a [u8]),
    /// The text of a list or tuple.
    Structured(&'a [u8]),
}

/// The entries of a dictionary in numpy's own words, with up to four axes.
struct Common<'a> {
    descr: &'a [u8],
    fortran_order: bool,
    axes: [usize; 4],
    count: usize,
}

/// The entries of a header in the very words that numpy writes, with up to four axes; `None` for
/// any other, right or wrong.
#[inline]
fn common(text: &[u8]) -> Option<Common<'_>> {
    let rest = text.strip_prefix(b"{'descr': '")?;
    let quote = rest
        .iter()
        .take(16)
        .position(|&byte| byte == b'\'' || byte == b'\\')?;
    let (descr, rest) = rest.split_at(quote);
    let rest = rest.strip_prefix(b"', 'fortran_order': ")?;
    let (fortran_order, rest) = match rest.strip_prefix(b"False, 'shape': (") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix(b"True, 'shape': (")?),
    };
    let (axes, count, rest) = common_axes(rest)?;
    let padding = rest.strip_prefix(b"), }")?;
    let (&newline, padding) = padding.split_last()?;
    (newline == b'\n' && blank(padding)).then_some(Common {
        descr,
        fortran_order,
        axes,
        count,
    })
}

/// Whether all of `padding` is spaces, sixteen bytes at a time; the last sixteen overlap others.
#[inline]
fn blank(padding: &[u8]) -> bool {
    match padding.last_chunk::<16>() {
        Some(last) => padding
            .as_chunks::<16>()
            .0
            .iter()
            .chain([last])
            .all(|chunk| *chunk == [b' '; 16]),
        None => padding.iter().all(|&byte| byte == b' '),
    }
}

/// `` for no axis, `3,` for one, `3, 4` for two and so on, up to the closing parenthesis.
#[inline]
fn common_axes(mut rest: &[u8]) -> Option<([usize; 4], usize, &[u8])> {
    let mut axes = [0; 4];
    let mut count = 0;
    while *rest.first()? != b')' {
        if count > 0 {
            rest = match (count, rest) {
                (1, [b',', b')', ..]) => return Some((axes, 1, &rest[1..])),
                (_, [b',', b' ', rest @ ..]) => rest,
                _ => return None,
            };
        }
        let (axis, digits) = number(rest)?;
        *axes.get_mut(count)? = axis?;
        rest = &rest[digits..];
        count += 1;
    }
    (count != 1).then_some((axes, count, rest))
}

/// The decimal number that `text` starts with, and how many digits it has; the number is absent
/// if it is too large. Leading zeros are no number, as in Python.
#[inline]
fn number(text: &[u8]) -> Option<(Option<usize>, usize)> {
    // Nineteen digits always fit 64 bits; a number of more is beyond any shape.
    let mut value = 0_u64;
    let mut digits = 0;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        digits += 1;
    }
    let fits = (digits <= 19).then_some(value);
    let value = fits.and_then(|value| usize::try_from(value).ok());
    (digits == 1 || (digits > 1 && text[0] != b'0')).then_some((value, digits))
}

/// The data type that `descr` names, and whether it has the other byte order.
#[inline]
pub(crate) fn dtype(descr: &[u8], payload: usize) -> Result<(Dtype, bool), NpyError> {
    let (order, code) = match descr {
        [order @ (b'<' | b'>' | b'=' | b'|'), code @ ..] => (*order, code),
        code => (b'=', code),
    };
    let other = if cfg!(target_endian = "little") {
        b'>'
    } else {
        b'<'
    };
    let dtype = match code {
        b"b1" | b"?" => Dtype::Bool,
        b"i1" => Dtype::Int8,
        b"i2" => Dtype::Int16,
        b"i4" => Dtype::Int32,
        b"i8" => Dtype::Int64,
        b"u1" => Dtype::Uint8,
        b"u2" => Dtype::Uint16,
        b"u4" => Dtype::Uint32,
        b"u8" => Dtype::Uint64,
        b"f2" => Dtype::Float16,
        b"f4" => Dtype::Float32,
        b"f8" => Dtype::Float64,
        b"c8" => Dtype::Complex64,
        b"c16" => Dtype::Complex128,
        [b'M', b'8', b'[', unit @ .., b']'] => {
            Dtype::Datetime64(time_unit(unit).ok_or_else(|| unsupported(descr, payload))?)
        }
        [b'm', b'8', b'[', unit @ .., b']'] => {
            Dtype::Timedelta64(time_unit(unit).ok_or_else(|| unsupported(descr, payload))?)
        }
        b"O" | b"O4" | b"O8" => return Err(NpyError::ObjectDtype { payload }),
        _ => return Err(unsupported(descr, payload)),
    };
    Ok((dtype, order == other && dtype.itemsize() > 1))
}

fn time_unit(symbol: &[u8]) -> Option<TimeUnit> {
    TimeUnit::from_symbol(std::str::from_utf8(symbol).ok()?)
}

#[cold]
fn unsupported(descr: &[u8], payload: usize) -> NpyError {
    NpyError::UnsupportedDtype {
        descr: String::from_utf8_lossy(descr).into_owned(),
        payload,
    }
}

/// What is wrong with a literal, and where in the text.
enum Problem {
    Invalid(&'static str, usize),
    TooManyAxes,
    ShapeOverflow,
}

impl Problem {
    fn into_error(self, start: usize) -> NpyError {
        match self {
            Self::Invalid(reason, at) => NpyError::InvalidHeader {
                reason,
                offset: start + at,
            },
            Self::TooManyAxes => NpyError::TooManyAxes,
            Self::ShapeOverflow => NpyError::ShapeOverflow,
        }
    }
}

/// A strict reader of the one Python dictionary literal that a header can be. Brackets are
/// counted, not descended into, so that no nesting can exhaust the stack.
struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    fn fields(mut self) -> Result<Fields<'a>, Problem> {
        let mut descr = None;
        let mut fortran_order = None;
        let mut shape = None;
        self.expect(b'{', "expected `{`")?;
        while !self.skip(b'}') {
            self.space();
            let at = self.at;
            let key = self.string()?;
            self.expect(b':', "expected `:`")?;
            self.space();
            let duplicate = match key {
                b"descr" => descr.replace(self.descr()?).is_some(),
                b"fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                b"shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(Problem::Invalid("unknown key", at)),
            };
            if duplicate {
                return Err(Problem::Invalid("duplicate key", at));
            }
            if !self.skip(b',') {
                self.expect(b'}', "expected `,` or `}`")?;
                break;
            }
        }
        self.space();
        if self.at < self.text.len() {
            return self.invalid("unexpected text after the dictionary");
        }
        let missing = |key| Problem::Invalid(key, self.text.len());
        Ok(Fields {
            descr: descr.ok_or_else(|| missing("key 'descr' is missing"))?,
            fortran_order: fortran_order
                .ok_or_else(|| missing("key 'fortran_order' is missing"))?,
            axes: shape.ok_or_else(|| missing("key 'shape' is missing"))?,
        })
    }

    fn descr(&mut self) -> Result<Descr<'a>, Problem> {
        match self.text.get(self.at) {
            Some(b'[' | b'(') => self.nested().map(Descr::Structured),
            _ => self.string().map(Descr::Name),
        }
    }

    fn string(&mut self) -> Result<&'a [u8], Problem> {
        let rest = &self.text[self.at..];
        let (quote, rest) = match rest {
            [quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
            _ => return self.invalid("expected a string"),
        };
        match rest
            .iter()
            .position(|&byte| byte == quote || byte == b'\\' || byte == b'\n')
        {
            Some(len) if rest[len] == quote => {
                self.at += len + 2;
                Ok(&rest[..len])
            }
            Some(_) => self.invalid("unexpected escape or end of line in a string"),
            None => self.invalid("unclosed string"),
        }
    }

    fn boolean(&mut self) -> Result<bool, Problem> {
        let rest = &self.text[self.at..];
        let (value, word) = match rest {
            [b'T', b'r', b'u', b'e', ..] => (true, 4),
            [b'F', b'a', b'l', b's', b'e', ..] => (false, 5),
            _ => return self.invalid("expected `True` or `False`"),
        };
        self.at += word;
        Ok(value)
    }

    fn shape(&mut self) -> Result<Vec<usize>, Problem> {
        let mut axes = Vec::new();
        let mut comma = true;
        self.expect(b'(', "expected a tuple")?;
        while !self.skip(b')') {
            if !comma {
                return self.invalid("expected `,` or `)`");
            }
            if axes.len() == MAX_AXES {
                return Err(Problem::TooManyAxes);
            }
            self.space();
            let Some((axis, digits)) = number(&self.text[self.at..]) else {
                return self.invalid("expected an axis length in decimal digits");
            };
            axes.push(axis.ok_or(Problem::ShapeOverflow)?);
            self.at += digits;
            // Python 2 wrote long integers so, and numpy still reads them.
            if self.text.get(self.at) == Some(&b'L') {
                self.at += 1;
            }
            comma = self.skip(b',');
        }
        if axes.len() == 1 && !comma {
            return self.invalid("a number in parentheses is not a tuple");
        }
        Ok(axes)
    }

    /// The text of a list or tuple, whatever is in it.
    fn nested(&mut self) -> Result<&'a [u8], Problem> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\'' | b'"' => {
                    self.string()?;
                    continue;
                }
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(&self.text[start..self.at]);
            }
        }
        self.at = start;
        self.invalid("unclosed bracket")
    }

    fn space(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
        self.at += self.text[self.at..].iter().take_while(|b| blank(b)).count();
    }

    /// Steps over `byte` and space before it, if it is next.
    fn skip(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Problem> {
        if self.skip(byte) {
            return Ok(());
        }
        self.invalid(reason)
    }

    fn invalid<T>(&self, reason: &'static str) -> Result<T, Problem> {
        Err(Problem::Invalid(reason, self.at))
    }
}
