//! Options for writing JSON.

/// Options for writing JSON. The defaults are those of orjson.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    pub(super) utc: Utc,
    pub(super) omit_microseconds: bool,
    pub(super) append_newline: bool,
    pub(super) indent: bool,
}

/// How to mark datetimes as UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Utc {
    /// No suffix.
    #[default]
    Naive,
    /// `+00:00`.
    Offset,
    /// `Z`.
    Z,
}

impl Utc {
    /// The end of a datetime with quote and comma, and its length.
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
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            utc: Utc::Naive,
            omit_microseconds: false,
            append_newline: false,
            indent: false,
        }
    }

    /// The suffix of datetimes, like orjson's `OPT_NAIVE_UTC` and `OPT_UTC_Z`; none by default.
    #[must_use]
    pub const fn utc(self, utc: Utc) -> Self {
        Self { utc, ..self }
    }

    /// Whether to omit microseconds, like orjson's `OPT_OMIT_MICROSECONDS`; off by default.
    #[must_use]
    pub const fn omit_microseconds(self, omit: bool) -> Self {
        Self {
            omit_microseconds: omit,
            ..self
        }
    }

    /// Whether to append a newline, like orjson's `OPT_APPEND_NEWLINE`; off by default.
    #[must_use]
    pub const fn append_newline(self, append: bool) -> Self {
        Self {
            append_newline: append,
            ..self
        }
    }

    /// Whether to write each element on a line of its own, indented by two spaces per axis, like orjson's
    /// `OPT_INDENT_2`; off by default. Takes several times as long.
    #[must_use]
    pub const fn indent(self, indent: bool) -> Self {
        Self { indent, ..self }
    }
}
