//! The protocol between `cargo serbench` and a worker process.
//!
//! The tool listens on a loopback socket and passes its address and a secret in the environment
//! ([`SOCKET`]). The worker connects, says hello with the secret, then answers one [`Command`]
//! after another until the tool closes the connection. A command is a line of words. An answer is a
//! list of named byte strings ([`Answer`]), each written as a line `name length` and the bytes,
//! terminated by a line `end 0`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read, Write},
};

/// The environment variable that turns a bench into a worker: `address secret`.
pub const SOCKET: &str = "SERBENCH_SOCKET";

/// The environment variable that slows every operation down by this fraction, for self-checks and
/// trials: `0.06` adds 6 % of the operation's own time.
pub const SLOWDOWN: &str = "SERBENCH_SLOWDOWN";

/// The environment variable that makes benches also register large arrays.
pub const FULL: &str = "SERBENCH_FULL";

/// An environment variable that is only padding: it shifts the stack of a worker, whose
/// address is effectively random and affects timings.
pub const PADDING: &str = "SERBENCH_PADDING";

/// The version of this protocol, which must be the same on both sides.
pub const VERSION: u32 = 1;

/// The maximum length of a byte string in an answer, enough for a full-size array and its text.
const LONGEST: u64 = 1 << 34;

/// A request to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run the operation once and describe input and output.
    Verify,
    /// Run operations for about this many nanoseconds; answered by a [`Slice`].
    Warm {
        /// Wall time to spend.
        nanos: u64,
    },
    /// Run `batches` batches of `size` operations each; answered by a [`Slice`].
    Run {
        /// Number of batches, each timed separately.
        batches: u64,
        /// Operations per batch.
        size: u64,
    },
    /// Run the operation once and count its allocations; answered by `memory` if a
    /// [`CountingAllocator`](crate::CountingAllocator) is installed.
    Memory,
    /// Run the operation twice and sample its live bytes; answered by `heap` like [`Self::Memory`].
    Heap,
    /// Run the operation once and measure the growth of the process's peak resident set; answered by `rss`.
    Rss,
}

impl Command {
    /// Writes the command as one line.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn write(self, mut to: impl Write) -> io::Result<()> {
        let line = match self {
            Self::Verify => "verify\n".to_owned(),
            Self::Warm { nanos } => format!("warm {nanos}\n"),
            Self::Run { batches, size } => format!("run {batches} {size}\n"),
            Self::Memory => "memory\n".to_owned(),
            Self::Heap => "heap\n".to_owned(),
            Self::Rss => "rss\n".to_owned(),
        };
        to.write_all(line.as_bytes())
    }

    /// Reads the next command; `None` if the tool has closed the connection.
    ///
    /// # Errors
    /// If the connection breaks or the line is not a command.
    pub fn read(mut from: impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse().map_err(|_| malformed(&line));
        match words[..] {
            ["verify"] => Ok(Some(Self::Verify)),
            ["warm", nanos] => Ok(Some(Self::Warm {
                nanos: number(nanos)?,
            })),
            ["run", batches, size] => Ok(Some(Self::Run {
                batches: number(batches)?,
                size: number(size)?,
            })),
            ["memory"] => Ok(Some(Self::Memory)),
            ["heap"] => Ok(Some(Self::Heap)),
            ["rss"] => Ok(Some(Self::Rss)),
            _ => Err(malformed(&line)),
        }
    }
}

/// The measurements of one slice. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slice {
    /// Operations run.
    pub operations: u64,
    /// Wall time of all of them.
    pub wall_ns: f64,
    /// CPU time of the thread that ran them.
    pub cpu_ns: f64,
    /// CPU time of the whole process; more than `cpu_ns` if other threads worked, too.
    pub process_cpu_ns: f64,
    /// Wall time per operation in the fastest batch.
    pub fastest_ns: f64,
    /// Wall time per operation in the median batch.
    pub median_ns: f64,
    /// The fraction of the wall time in which the thread waited for something other than a CPU. Only known
    /// after warming up on Linux; otherwise, and from older workers, zero.
    pub waited: f64,
}

impl Slice {
    /// Converts the slice to an answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let Self {
            operations,
            wall_ns,
            cpu_ns,
            process_cpu_ns,
            fastest_ns,
            median_ns,
            waited,
        } = self;
        let text = format!(
            "{operations} {wall_ns} {cpu_ns} {process_cpu_ns} {fastest_ns:.3} {median_ns:.3} \
             {waited:.3}"
        );
        Answer::default().with("slice", text)
    }

    /// The slice in an answer, if it is well-formed.
    #[must_use]
    pub fn from_answer(answer: &Answer) -> Option<Self> {
        let mut words = answer.text("slice")?.split(' ');
        let operations = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok();
        Some(Self {
            operations,
            wall_ns: number()?,
            cpu_ns: number()?,
            process_cpu_ns: number()?,
            fastest_ns: number()?,
            median_ns: number()?,
            waited: number().unwrap_or(0.0),
        })
    }
}

/// An answer: byte strings by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer(BTreeMap<String, Vec<u8>>);

impl Answer {
    /// Adds a byte string.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.to_owned(), bytes.into());
        self
    }

    /// The byte string `name`.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The byte string `name`, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// Removes and returns the byte string `name`.
    pub fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        self.0.remove(name)
    }

    /// Writes the answer.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        for (name, bytes) in &self.0 {
            to.write_all(format!("{name} {}\n", bytes.len()).as_bytes())?;
            to.write_all(bytes)?;
        }
        to.write_all(b"end 0\n")?;
        to.flush()
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// If the connection breaks or is closed, or a line is not part of an answer.
    pub fn read(mut from: impl BufRead) -> io::Result<Self> {
        let mut answer = Self::default();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (name, length) = line
                .trim_end()
                .split_once(' ')
                .ok_or_else(|| malformed(&line))?;
            let length: u64 = length.parse().map_err(|_| malformed(&line))?;
            if name == "end" {
                return Ok(answer);
            }
            if length > LONGEST {
                return Err(malformed(&line));
            }
            // Grow by what arrives, not by the announced length.
            let mut bytes = Vec::new();
            (&mut from).take(length).read_to_end(&mut bytes)?;
            if bytes.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.0.insert(name.to_owned(), bytes);
        }
    }
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not a line of the protocol: {line:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{Answer, Command, Slice};

    #[test]
    fn commands_round_trip() {
        for command in [
            Command::Verify,
            Command::Warm { nanos: 7 },
            Command::Run {
                batches: 3,
                size: 1,
            },
            Command::Memory,
            Command::Heap,
            Command::Rss,
        ] {
            let mut bytes = Vec::new();
            command.write(&mut bytes).unwrap();
            assert_eq!(Command::read(bytes.as_slice()).unwrap(), Some(command));
        }
        assert_eq!(Command::read(&b""[..]).unwrap(), None);
        assert!(Command::read(&b"run 1\n"[..]).is_err());
    }

    #[test]
    fn answers_round_trip() {
        let answer = Answer::default().with("a", "x\ny").with("b", vec![0, 255]);
        let mut bytes = Vec::new();
        answer.write(&mut bytes).unwrap();
        assert_eq!(Answer::read(bytes.as_slice()).unwrap(), answer);
        bytes.truncate(bytes.len() - 8);
        assert!(Answer::read(bytes.as_slice()).is_err());
        assert!(Answer::read(&b"a 99999999999999999999\n"[..]).is_err());
    }

    #[test]
    fn slices_round_trip() {
        let slice = Slice {
            operations: 5,
            wall_ns: 10.0,
            cpu_ns: 9.0,
            process_cpu_ns: 9.5,
            fastest_ns: 1.5,
            median_ns: 2.0,
            waited: 0.25,
        };
        assert_eq!(Slice::from_answer(&slice.answer()), Some(slice));
        let older = Answer::default().with("slice", "5 10 9 9.5 1.5 2");
        let unknown = Slice {
            waited: 0.0,
            ..slice
        };
        assert_eq!(Slice::from_answer(&older), Some(unknown));
        assert_eq!(Slice::from_answer(&Answer::default()), None);
    }
}
