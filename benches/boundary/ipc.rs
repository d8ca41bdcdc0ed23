//! Sends an array to a child process in a given format and receives it back in the same format.
//!
//! The child process runs the same executable, so `main` must start with [`serve_if_child`].

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

/// The environment variable that makes a process the child; its value is the format.
const CHILD: &str = "SERBENCH_BOUNDARY_CHILD";

/// The format in which an array is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// Only the bytes of the elements.
    Raw,
    /// An NPY file.
    Npy,
    /// An Arrow stream of one column.
    #[cfg(feature = "arrow")]
    Arrow,
    /// JSON, written by `serde_json`. The receiver rejects NaN and infinities.
    Json,
}

impl Transfer {
    /// All formats that this build supports.
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
                    return Err(invalid("the last element is incomplete"));
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

/// The elements as a slice, copied if they aren't contiguous.
fn elements<'a>(array: &'a ArrayView1<'_, f64>) -> Cow<'a, [f64]> {
    match array.as_slice() {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(array.to_vec()),
    }
}

/// A child process that decodes every array sent to it, encodes it again and returns it. It is stopped
/// on drop.
#[derive(Debug)]
pub(crate) struct Peer {
    child: std::process::Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    transfer: Transfer,
    buffer: Vec<u8>,
}

impl Peer {
    /// Starts this executable as a child process.
    ///
    /// # Errors
    /// If the process can't be started.
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

    /// Encodes and sends `array`, and decodes the response.
    ///
    /// # Errors
    /// If the child process has exited or couldn't read the array.
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
        // Closing stdin stops the process. If this fails, it has already exited.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// In a process started by [`Peer::start`], serves until stdin is closed and returns `true`. In any
/// other process, returns `false` immediately. Call this first in `main`.
///
/// # Errors
/// If a pipe breaks, or if the input isn't an array in the expected format.
pub(crate) fn serve_if_child() -> io::Result<bool> {
    let Ok(name) = env::var(CHILD) else {
        return Ok(false);
    };
    let transfer = Transfer::ALL
        .iter()
        .find(|transfer| transfer.name() == name);
    let transfer = transfer.ok_or_else(|| invalid("unknown format"))?;
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

/// Writes the length of `bytes`, then the bytes.
pub(crate) fn send(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(&(bytes.len() as u64).to_ne_bytes())?;
    writer.write_all(bytes)?;
    writer.flush()
}

/// Reads a message written by [`send`]; returns `false` at the end of the input.
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
