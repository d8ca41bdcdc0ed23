//! Names of exit codes, and the errors that have their own.

use std::process::ExitCode;

/// The exit code. The numbers are documented: scripts and CI rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Passed = 0,
    /// The command line is wrong, or asks for something that does not exist.
    Usage = 2,
    /// A benchmark regressed or is over a limit.
    Regressed = 100,
    /// A build failed, an output is wrong, nothing was measured, a required baseline is missing.
    CouldNotMeasure = 101,
    /// Inconclusive, in strict mode.
    Inconclusive = 102,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }

    /// `self` if it is a failure, otherwise `next`.
    pub fn or(self, next: Self) -> Self {
        if self == Self::Passed { next } else { self }
    }

    /// The exit code of an error.
    pub fn of(error: &anyhow::Error) -> Self {
        if error.is::<Usage>() {
            Self::Usage
        } else {
            Self::CouldNotMeasure
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command line mistake that is only found once the workspace is known.
#[derive(Clone, Debug)]
pub struct Usage(String);

impl Usage {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

#[cfg(test)]
mod tests {
    use super::{Exit, Usage};

    #[test]
    fn codes_of_errors() {
        let usage = anyhow::Error::new(Usage::new("no such bench"));
        assert_eq!(Exit::of(&usage), Exit::Usage);
        assert_eq!(Exit::of(&usage.context("more")), Exit::Usage);
        assert_eq!(
            Exit::of(&anyhow::anyhow!("disk full")),
            Exit::CouldNotMeasure
        );
    }

    #[test]
    fn the_first_failure_counts() {
        assert_eq!(Exit::Passed.or(Exit::Regressed), Exit::Regressed);
        assert_eq!(
            Exit::CouldNotMeasure.or(Exit::Regressed),
            Exit::CouldNotMeasure
        );
    }
}
