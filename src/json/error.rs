//! The error of writing an array as JSON.

use std::{fmt, io};

use crate::Dtype;

/// Why an array can't be written as JSON.
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// A datetime is NaT or outside 0000-01-01T00:00:00 to 9999-12-30T22:00:00.
    Datetime {
        /// The stored count of units.
        count: i64,
        /// The data type, which includes the unit.
        dtype: Dtype,
    },
    /// The writer failed.
    Io(io::Error),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datetime {
                count: i64::MIN,
                dtype,
            } => {
                write!(f, "NaT of {dtype} can't be encoded; replace it first")
            }
            Self::Datetime { count, dtype } => write!(
                f,
                "{count} as {dtype} is not between 0000-01-01T00:00:00 and 9999-12-30T22:00:00, \
                 the range of orjson"
            ),
            Self::Io(error) => write!(f, "write JSON: {error}"),
        }
    }
}

impl std::error::Error for JsonError {}

impl From<io::Error> for JsonError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
