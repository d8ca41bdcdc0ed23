//! The tool's side of the protocol: a bench process that answers commands.

use std::{
    io::{self, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::Child,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use serbench::protocol::{self, Answer};

use super::{
    child::KillOnDrop,
    output::{Output, failure_summary},
};
use crate::interrupt;

/// A bench process that waits for commands. Dropping it kills the process.
#[derive(Debug)]
pub struct Worker {
    child: KillOnDrop,
    commands: TcpStream,
    answers: BufReader<Answers>,
    output: Output,
    timeout: Duration,
    /// Whether this is the worker in divan ([`crate::build::wrapper`]), which only measures time.
    pub in_divan: bool,
}

/// The stream from a worker. Reading stops when the user interrupts.
#[derive(Debug)]
struct Answers {
    stream: TcpStream,
    timeout: Duration,
}

/// How long to wait for an answer before checking whether the user has interrupted.
const PATIENCE: Duration = Duration::from_millis(250);

impl Read for Answers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.stream.read(buffer) {
                Err(error) if is_timeout(&error) => {
                    if interrupt::check().is_err() {
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                }
                read => return read,
            }
        }
    }
}

/// Whether a read timed out; systems report it in either way.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl Worker {
    pub fn new(child: Child, stream: TcpStream, output: Output, timeout: Duration) -> Result<Self> {
        let setup = || -> io::Result<(TcpStream, BufReader<Answers>)> {
            stream.set_nonblocking(false)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok((
                stream.try_clone()?,
                BufReader::new(Answers { stream, timeout }),
            ))
        };
        let (commands, answers) = setup().context("failed to accept a worker's connection")?;
        Ok(Self {
            child: KillOnDrop(child),
            commands,
            answers,
            output,
            timeout,
            in_divan: false,
        })
    }

    /// Whether the worker has this run's token. Returns an error if its version does not match.
    pub fn hello(&mut self, secret: &str) -> Result<bool> {
        let hello = Answer::read(&mut self.answers).context("failed to read a worker's hello")?;
        if let Some(problem) = mismatch(&hello) {
            bail!(problem);
        }
        self.in_divan = hello.text("driver") == Some("divan");
        Ok(hello.text("secret") == Some(secret))
    }

    /// Sends a command and waits for the answer. If the worker died, the error contains the end of
    /// its stderr.
    pub fn ask(&mut self, command: protocol::Command) -> Result<Answer> {
        let mut exchange = || -> io::Result<Answer> {
            command.write(&mut self.commands)?;
            Answer::read(&mut self.answers)
        };
        exchange().map_err(|error| self.reason(&error))
    }

    fn reason(&mut self, error: &io::Error) -> anyhow::Error {
        if let Err(interrupted) = interrupt::check() {
            return interrupted;
        }
        if is_timeout(error) {
            let seconds = self.timeout.as_secs();
            return anyhow!("no answer in {seconds} s; wait longer with `--timeout SECONDS`");
        }
        if let Err(error) = self.commands.flush() {
            return error.into();
        }
        // The connection closes slightly before the process exits.
        let ended = Instant::now() + Duration::from_secs(2);
        let mut status = None;
        while status.is_none() && Instant::now() < ended {
            status = self.child.try_wait().ok().flatten();
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(Err(interrupted)) = status.map(interrupt::check_ended) {
            return interrupted;
        }
        let stderr = self.output.stderr().unwrap_or_default();
        let how = status.map_or_else(
            || "closed the connection".to_owned(),
            |status| status.to_string(),
        );
        anyhow!("{}", failure_summary(&stderr, &how))
    }

    /// Closes the connection and waits for the process to exit by itself, so that it can write a profile.
    pub fn finish(mut self) -> Result<()> {
        let _ = self.commands.shutdown(Shutdown::Both);
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .context("failed to wait for a bench process")?
            {
                interrupt::check_ended(status)?;
                if status.success() {
                    return Ok(());
                }
                let stderr = self.output.stderr()?;
                bail!("{}", failure_summary(&stderr, &status.to_string()));
            }
            interrupt::check()?;
            if Instant::now() >= deadline {
                bail!("the bench did not exit when it was done");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The process ID.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Limits all further waits.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.answers.get_mut().timeout = timeout;
    }

    /// What the process has written to stdout so far, including divan's own lines.
    pub fn stdout(&self) -> Result<String> {
        self.output.stdout()
    }
}

/// Why the bench's serbench and this tool are incompatible, if they are.
fn mismatch(hello: &Answer) -> Option<String> {
    let version = hello.text("version").unwrap_or_default();
    let theirs: u32 = version.parse().unwrap_or(0);
    if theirs == protocol::VERSION {
        return None;
    }
    let library = hello.text("library").unwrap_or("of an older version");
    let way_out = if theirs > protocol::VERSION {
        "update the tool: `cargo install cargo-serbench`"
    } else {
        "update the library: `cargo update -p serbench`, or its version in Cargo.toml"
    };
    Some(format!(
        "the bench links serbench {library} (protocol {theirs}) and this is cargo-serbench {} \
         (protocol {}); {way_out}",
        env!("CARGO_PKG_VERSION"),
        protocol::VERSION
    ))
}

#[cfg(test)]
mod tests {
    use serbench::protocol::{self, Answer};

    use super::mismatch;

    #[test]
    fn versions_are_compared_in_both_directions() {
        let hello = |version: u32| {
            let hello = Answer::default().with("version", version.to_string());
            hello.with("library", "9.8.7")
        };
        assert_eq!(mismatch(&hello(protocol::VERSION)), None);
        let newer = mismatch(&hello(protocol::VERSION + 1)).unwrap();
        assert!(newer.contains("serbench 9.8.7"), "{newer}");
        assert!(newer.ends_with("`cargo install cargo-serbench`"), "{newer}");
        let older = mismatch(&Answer::default().with("version", "0")).unwrap();
        assert!(
            older.contains("serbench of an older version (protocol 0)"),
            "{older}"
        );
        assert!(older.contains("`cargo update -p serbench`"), "{older}");
    }
}
