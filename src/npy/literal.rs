//! Parses the dictionary of a header that isn't in numpy's exact format.

use super::{NpyError, header::MAX_AXES};

/// The entries of the dictionary.
pub(super) struct Fields<'a> {
    pub(super) descr: Descr<'a>,
    pub(super) fortran_order: bool,
    pub(super) axes: Vec<usize>,
}

pub(super) enum Descr<'a> {
    /// The text between the quotes.
    Name(&'a [u8]),
    /// The source text of a list or tuple.
    Structured(&'a [u8]),
}

/// An entry of a structured data type.
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) descr: &'a [u8],
    pub(super) shape: Vec<usize>,
}

/// An error in a literal, and its position in the text.
pub(super) enum Problem {
    Invalid(&'static str, usize),
    TooManyAxes,
    ShapeOverflow,
}

impl Problem {
    pub(super) fn into_error(self, start: usize) -> NpyError {
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

/// A strict parser for the single Python dictionary literal that a header consists of. Brackets are
/// counted, not parsed recursively, so that nesting can't exhaust the stack.
pub(super) struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn fields(mut self) -> Result<Fields<'a>, Problem> {
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

    /// The entries of a structured data type, `[('x', '<f8'), ('y', '<i4', (2,))]`; `None` if one is
    /// itself structured, or the text is not such a list.
    pub(super) fn record(mut self) -> Option<Vec<Field<'a>>> {
        self.record_fields().ok()
    }

    fn record_fields(&mut self) -> Result<Vec<Field<'a>>, Problem> {
        let mut fields = Vec::new();
        self.expect(b'[', "expected `[`")?;
        while !self.skip(b']') {
            fields.push(self.field()?);
            if !self.skip(b',') {
                self.expect(b']', "expected `,` or `]`")?;
                break;
            }
        }
        if self.at < self.text.len() {
            return self.invalid("unexpected text after the fields");
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Field<'a>, Problem> {
        self.expect(b'(', "expected `(`")?;
        let name = self.field_name()?;
        self.expect(b',', "expected `,`")?;
        self.space();
        let descr = self.string()?;
        let comma = self.skip(b',');
        let mut shape = Vec::new();
        if !self.skip(b')') {
            if !comma {
                return self.invalid("expected `,` or `)`");
            }
            shape = self.field_shape()?;
            self.skip(b',');
            self.expect(b')', "expected `)`")?;
        }
        Ok(Field { name, descr, shape })
    }

    /// A name, or a title and a name.
    fn field_name(&mut self) -> Result<&'a [u8], Problem> {
        let titled = self.skip(b'(');
        self.space();
        let mut name = self.string()?;
        if titled {
            self.expect(b',', "expected `,`")?;
            self.space();
            name = self.string()?;
            self.skip(b',');
            self.expect(b')', "expected `)`")?;
        }
        Ok(name)
    }

    /// A tuple, or the length of one axis.
    fn field_shape(&mut self) -> Result<Vec<usize>, Problem> {
        self.space();
        match number(&self.text[self.at..]) {
            Some((axis, digits)) => {
                self.at += digits;
                Ok(vec![axis.ok_or(Problem::ShapeOverflow)?])
            }
            None => self.shape(),
        }
    }

    fn descr(&mut self) -> Result<Descr<'a>, Problem> {
        match self.text.get(self.at) {
            Some(b'[' | b'(') => self.nested().map(Descr::Structured),
            _ => self.string().map(Descr::Name),
        }
    }

    fn string(&mut self) -> Result<&'a [u8], Problem> {
        // Python 2 wrote `u'…'` for text.
        let prefix = usize::from(matches!(self.text.get(self.at), Some(b'u' | b'U')));
        let (quote, rest) = match &self.text[self.at + prefix..] {
            [quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
            _ => return self.invalid("expected a string"),
        };
        match rest
            .iter()
            .position(|&byte| byte == quote || byte == b'\\' || byte == b'\n')
        {
            Some(len) if rest[len] == quote => {
                self.at += prefix + len + 2;
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
            self.skip(b'+');
            self.space();
            let Some((axis, digits)) = number(&self.text[self.at..]) else {
                return self.invalid("expected an axis length in decimal digits");
            };
            axes.push(axis.ok_or(Problem::ShapeOverflow)?);
            self.at += digits;
            // Python 2 wrote long integers like this, and numpy still reads them.
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

    /// The source text of a list or tuple with any content.
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

    /// Skips `byte` and any space before it, if it is next.
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

/// The decimal number at the start of `text`, and its number of digits; the number is `None` if it
/// is too large. Leading zeros are an error, as in Python.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<(Option<usize>, usize)> {
    // Nineteen digits always fit 64 bits; a longer number is too large for any shape.
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
