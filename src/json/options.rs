//! What can be chosen about the text.

/// How text is written; by default as orjson does it without options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub(super) utc: Utc,
    pub(super) omit_microseconds: bool,
    pub(super) append_newline: bool,
}

/// What follows a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Utc {
    /// Nothing.
    #[default]
    Naive,
    /// `+00:00`.
    Offset,
    /// `Z`.
    Z,
}

impl Utc {
    /// What closes a moment, and how many bytes of it count.
    #[inline(always)]
    pub(super) const fn suffix(self) -> ([u8; 8], usize) {
        match self {
            Self::Naive => (*b"\",      ", 2),
            Self::Offset => (*b"+00:00\",", 8),
            Self::Z => (*b"Z\",     ", 3),
        }
    }
}

impl Options {
    /// orjson's text without options.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            utc: Utc::Naive,
            omit_microseconds: false,
            append_newline: false,
        }
    }

    /// What follows a moment: `OPT_NAIVE_UTC` and `OPT_UTC_Z` of orjson.
    #[must_use]
    pub const fn utc(self, utc: Utc) -> Self {
        Self { utc, ..self }
    }

    /// Leaves out the microseconds of moments: `OPT_OMIT_MICROSECONDS` of orjson.
    #[must_use]
    pub const fn omit_microseconds(self, omit: bool) -> Self {
        Self {
            omit_microseconds: omit,
            ..self
        }
    }

    /// Ends the text with a line feed: `OPT_APPEND_NEWLINE` of orjson.
    #[must_use]
    pub const fn append_newline(self, append: bool) -> Self {
        Self {
            append_newline: append,
            ..self
        }
    }
}
