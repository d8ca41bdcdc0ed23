//! Sends an array to another process in some format, and gets it back the same way.
//!
//! The other process is a second one of the same executable, so its `main` must begin with
//! [`serve_if_child`].

use std::{
    borrow::Cow,
    env,
    io::{self, Read, Write},
    process::{ChildStdin, ChildStdout, Command, Stdio},
};

use ndarray::{Array1, ArrayView1};
#[cfg(feature = "arrow")]
use serbench::Encoder;
use serbench::npy;
use zerocopy::IntoBytes;

#[cfg(feature = "arrow")]
use super::arrow;

/// Says in the environment that a process is the child, and its format.
const CHILD: &str = "SERBENCH_BOUNDARY_CHILD";

/// How an array crosses from one process to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// The elements' bytes alone.
    Raw,
    /// An NPY file.
    Npy,
    /// An Arrow stream of one column.
    #[cfg(feature = "arrow")]
    Arrow,
    /// JSON text by `serde_json`. NaN and infinities are refused on arrival.
    Json,
}

impl Transfer {
    /// Every way that this build has.
    pub(crate) const ALL: &[Self] = &[
        Self::Raw,
        Self::Npy,
        #[cfg(feature = "arrow")]
        Self::Arrow,
        Self::Json,
    ];

    /// The name in benchmark ids.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Npy => "npy",
            #[cfg(feature = "arrow")]
            Self::Arrow => "arrow",
            Self::Json => "json",
        }
    }

    pub(crate) fn encode(self, array: ArrayView1<'_, f64>, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Raw => out.extend_from_slice(elements(&array).as_bytes()),
            Self::Npy => npy::save(out, &array)?,
            #[cfg(feature = "arrow")]
            Self::Arrow => arrow::Arrow
                .encode(array.into_dyn(), out)
                .map_err(io::Error::other)?,
            Self::Json => serde_json::to_writer(out, &*elements(&array))?,
        }
        Ok(())
    }

    pub(crate) fn decode(self, bytes: &[u8]) -> io::Result<Array1<f64>> {
        Ok(match self {
            Self::Raw => {
                let (chunks, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(invalid("the last element is cut off"));
                }
                chunks
                    .iter()
                    .map(|chunk| f64::from_ne_bytes(*chunk))
                    .collect()
            }
            Self::Npy => npy::load(bytes)
                .and_then(|npy| npy.to_owned())
                .map_err(io::Error::other)?
                .into_dimensionality()
                .map_err(io::Error::other)?,
            #[cfg(feature = "arrow")]
            Self::Arrow => arrow::Arrow
                .decode(bytes, &[])
                .map_err(io::Error::other)?
                .into_dimensionality()
                .map_err(io::Error::other)?,
            Self::Json => serde_json::from_slice::<Vec<f64>>(bytes)?.into(),
        })
    }
}

/// The elements in one piece of memory, copied if they aren't so already.
fn elements<'a>(array: &'a ArrayView1<'_, f64>) -> Cow<'a, [f64]> {
    match array.as_slice() {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(array.to_vec()),
    }
}

/// A process that returns every array sent to it, decoded and encoded again. It ends when this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    child: std::process::Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    transfer: Transfer,
    buffer: Vec<u8>,
}

impl Peer {
    /// Starts this executable once more.
    ///
    /// # Errors
    /// When the process can't be started.
    pub(crate) fn start(transfer: Transfer) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .env(CHILD, transfer.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Ok(Self {
            input,
            output: output.ok_or_else(|| invalid("no pipe from the child"))?,
            child,
            transfer,
            buffer: Vec::new(),
        })
    }

    /// Encodes `array`, sends it, and decodes what comes back.
    ///
    /// # Errors
    /// When the other process is gone or couldn't read the array.
    pub(crate) fn round_trip(&mut self, array: ArrayView1<'_, f64>) -> io::Result<Array1<f64>> {
        let input = self
            .input
            .as_mut()
            .ok_or_else(|| invalid("no pipe to the child"))?;
        self.buffer.clear();
        self.transfer.encode(array, &mut self.buffer)?;
        send(input, &self.buffer)?;
        if !receive(&mut self.output, &mut self.buffer)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.transfer.decode(&self.buffer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input ends the process; if that fails it is gone already.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// In a process that [`Peer::start`] started, serves until its input ends and returns true; in any
/// other returns false at once. To be called first in `main`.
///
/// # Errors
/// When a pipe breaks or what comes isn't an array in the transfer's format.
pub(crate) fn serve_if_child() -> io::Result<bool> {
    let Ok(name) = env::var(CHILD) else {
        return Ok(false);
    };
    let transfer = Transfer::ALL
        .iter()
        .find(|transfer| transfer.name() == name);
    let transfer = transfer.ok_or_else(|| invalid("unknown transfer"))?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut buffer = Vec::new();
    while receive(&mut input, &mut buffer)? {
        let array = transfer.decode(&buffer)?;
        buffer.clear();
        transfer.encode(array.view(), &mut buffer)?;
        send(&mut output, &buffer)?;
    }
    Ok(true)
}

/// Writes the length of `bytes` and them.
pub(crate) fn send(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(&(bytes.len() as u64).to_ne_bytes())?;
    writer.write_all(bytes)?;
    writer.flush()
}

/// Reads what [`send`] wrote; false when there is no more.
pub(crate) fn receive(reader: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 8];
    match reader.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    bytes.clear();
    let length = u64::from_ne_bytes(length);
    let read = reader.take(length).read_to_end(bytes)?;
    if read as u64 == length {
        Ok(true)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
