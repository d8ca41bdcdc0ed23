//! Where the bytes of a text are taken from.

/// The characters that aren't digits, in the order in which they follow the digits.
const OTHERS: [u8; 7] = *b".0-,nul";

/// Where the bytes of a text are taken from: for each exponent from [`FIRST`], then for numbers with an
/// exponent, then for `null`; and the same for negative numbers. 1.5 KiB.
pub(super) type Sources = [[u8; 32]; 48];
pub(super) const FIRST: i64 = -6;
pub(super) const EXPONENTIAL: i64 = 22;
pub(super) const NULLS: i64 = 23;
pub(super) const NEGATIVE: i64 = 24;

/// How the digits of a type are stored: from `first` backwards, and the rest from `first` + 1 on, then
/// [`OTHERS`].
struct Layout {
    digits: usize,
    first: u8,
}

impl Layout {
    /// Where a digit is; a comma after the last one.
    const fn digit(&self, index: usize) -> u8 {
        let first = self.first as usize;
        if index <= first {
            (first - index) as u8
        } else if index < self.digits {
            index as u8
        } else {
            self.other(b',')
        }
    }

    const fn other(&self, character: u8) -> u8 {
        let mut index = 0;
        while OTHERS[index] != character {
            index += 1;
        }
        (self.digits + index) as u8
    }

    const fn sources(&self) -> Sources {
        let mut sources = [[0; 32]; 48];
        let mut entry = 0;
        while entry < 24 {
            sources[entry] = self.text(entry as i64, false);
            sources[entry + 24] = self.text(entry as i64, true);
            entry += 1;
        }
        sources
    }

    const fn text(&self, entry: i64, negative: bool) -> [u8; 32] {
        let mut text = [self.other(b','); 32];
        if entry == NULLS {
            [text[0], text[1]] = [self.other(b'n'), self.other(b'u')];
            [text[2], text[3]] = [self.other(b'l'); 2];
            return text;
        }
        let exponent = if entry == EXPONENTIAL {
            0
        } else {
            entry + FIRST
        };
        let mut at = 0;
        if negative {
            text[at] = self.other(b'-');
            at += 1;
        }
        // Numbers below 1 start with zeros before the first digit.
        let mut digit = if exponent < 0 { exponent } else { 0 };
        let mut until_point = if exponent < 0 { 1 } else { exponent + 1 };
        while at < 32 {
            text[at] = if until_point == 0 {
                self.other(b'.')
            } else if digit < 0 || (digit >= self.digits as i64 && digit <= exponent + 1) {
                self.other(b'0')
            } else {
                self.digit(digit as usize)
            };
            if until_point != 0 {
                digit += 1;
            }
            until_point -= 1;
            at += 1;
        }
        text
    }
}

pub(super) static SOURCES_64: Sources = Layout {
    digits: 17,
    first: 15,
}
.sources();

pub(super) static SOURCES_32: Sources = Layout {
    digits: 9,
    first: 8,
}
.sources();

/// The size of all tables of this module, in bytes.
pub(in crate::json::fmt) const TABLES: usize = size_of_val(&SOURCES_64) + size_of_val(&SOURCES_32);

/// [`OTHERS`] after a byte.
pub(super) const fn others(first: u8) -> i64 {
    let [a, b, c, d, e, f, g] = OTHERS;
    i64::from_le_bytes([first, a, b, c, d, e, f, g])
}
