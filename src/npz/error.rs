//! The error of loading an NPZ archive.

use std::{error::Error, fmt};

use crate::npy::NpyError;

/// Why an archive or one of its members can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NpzError {
    /// The data don't end like a ZIP archive.
    NotAnArchive,
    /// The archive is malformed.
    InvalidArchive {
        /// What is wrong.
        reason: &'static str,
        /// Position in bytes from the start of the data.
        offset: usize,
    },
    /// The compressed members together claim to be larger than allowed.
    TooLarge {
        /// Claimed size in bytes.
        declared: u64,
        /// The limit, [`NpzOptions::max_uncompressed_bytes`](super::NpzOptions::max_uncompressed_bytes).
        limit: u64,
    },
    /// No member has this name, with or without `.npy`.
    Missing {
        /// The name.
        key: String,
    },
    /// The member is encrypted.
    Encrypted {
        /// Its name.
        name: String,
    },
    /// The member uses another compression method than DEFLATE.
    UnsupportedMethod {
        /// Its name.
        name: String,
        /// ZIP's number for the method.
        method: u16,
    },
    /// The member needs an unsupported feature of ZIP.
    UnsupportedFeature {
        /// Its name.
        name: String,
        /// The feature.
        feature: &'static str,
    },
    /// The member is malformed.
    InvalidMember {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The CRC-32 of the content does not match the archive's.
    WrongCrc {
        /// Its name.
        name: String,
    },
    /// The member is not an NPY file; [`raw`](super::NpzFile::raw) returns its content.
    NotNpy {
        /// Its name.
        name: String,
    },
    /// The member is an NPY file that can't be loaded.
    Npy {
        /// Its name.
        name: String,
        /// The reason.
        error: NpyError,
    },
}

impl fmt::Display for NpzError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArchive => {
                f.write_str("not an NPZ file: no end of a ZIP central directory at its end")
            }
            Self::InvalidArchive { reason, offset } => {
                write!(f, "invalid archive at byte {offset}: {reason}")
            }
            Self::TooLarge { declared, limit } => write!(
                f,
                "the compressed members claim {declared} bytes, above the limit of {limit}; raise it with \
                 `NpzOptions::max_uncompressed_bytes`"
            ),
            Self::Missing { key } => write!(f, "{key} is not a file in the archive"),
            Self::Encrypted { name } => write!(f, "{name} is encrypted"),
            Self::UnsupportedMethod { name, method } => {
                write!(
                    f,
                    "{name} uses compression method {method}; only stored (0) and DEFLATE (8) are supported"
                )
            }
            Self::UnsupportedFeature { name, feature } => {
                write!(f, "{name} needs {feature}, which is not supported")
            }
            Self::InvalidMember { name, reason } => write!(f, "{name}: {reason}"),
            Self::WrongCrc { name } => write!(f, "{name}: CRC-32 mismatch: the content is damaged"),
            Self::NotNpy { name } => {
                write!(f, "{name} is not an NPY file; use `raw` for its bytes")
            }
            Self::Npy { name, error } => write!(f, "{name}: {error}"),
        }
    }
}

// `Display` includes the cause; with a `source`, it would be printed twice.
impl Error for NpzError {}
