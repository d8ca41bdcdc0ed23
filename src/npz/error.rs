//! The error of loading an NPZ archive.

use std::{error::Error, fmt};

use crate::npy::NpyError;

/// Why an archive or one of its members can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NpzError {
    /// The data don't end like a ZIP archive.
    NotAnArchive,
    /// The archive contradicts itself.
    InvalidArchive {
        /// How.
        reason: &'static str,
        /// Where, in bytes from the start of the data.
        offset: usize,
    },
    /// The compressed members together claim to be larger than allowed.
    TooLarge {
        /// Bytes they claim.
        declared: u64,
        /// [`NpzOptions::max_uncompressed_bytes`](super::NpzOptions::max_uncompressed_bytes).
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
    /// The member is compressed by another method than DEFLATE.
    UnsupportedMethod {
        /// Its name.
        name: String,
        /// The number that ZIP has for the method.
        method: u16,
    },
    /// The member needs a feature of ZIP that this reader doesn't have.
    UnsupportedFeature {
        /// Its name.
        name: String,
        /// Which feature.
        feature: &'static str,
    },
    /// The member contradicts itself.
    InvalidMember {
        /// Its name.
        name: String,
        /// How.
        reason: &'static str,
    },
    /// The content of the member has another CRC-32 than the archive says.
    WrongCrc {
        /// Its name.
        name: String,
    },
    /// The member is not an NPY file; [`raw`](super::NpzFile::raw) gives its content.
    NotNpy {
        /// Its name.
        name: String,
    },
    /// The member is an NPY file that can't be loaded.
    Npy {
        /// Its name.
        name: String,
        /// Why.
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
                "the compressed members claim {declared} bytes, above the limit of {limit}; \
                 `NpzOptions::max_uncompressed_bytes` raises it"
            ),
            Self::Missing { key } => write!(f, "{key} is not a file in the archive"),
            Self::Encrypted { name } => write!(f, "{name} is encrypted"),
            Self::UnsupportedMethod { name, method } => {
                write!(
                    f,
                    "{name} is compressed by method {method}, not stored (0) or DEFLATE (8)"
                )
            }
            Self::UnsupportedFeature { name, feature } => {
                write!(f, "{name} needs {feature}, which is not supported")
            }
            Self::InvalidMember { name, reason } => write!(f, "{name}: {reason}"),
            Self::WrongCrc { name } => write!(f, "{name}: CRC-32 mismatch: the content is damaged"),
            Self::NotNpy { name } => write!(f, "{name} is not an NPY file; `raw` gives its bytes"),
            Self::Npy { name, error } => write!(f, "{name}: {error}"),
        }
    }
}

// `Display` shows the cause; as a `source`, reports would print it twice.
impl Error for NpzError {}
