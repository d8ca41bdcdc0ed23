//! The output of a bench process, and a summary of why it failed.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result};

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    /// The largest number of threads seen; 1 if it was not observed.
    pub threads: usize,
}

/// Files for a process to write to; pipes could fill up and block it.
#[derive(Debug)]
pub struct Output {
    stdout: File,
    stderr: File,
}

impl Output {
    /// Redirects the output of `command` to empty files.
    pub fn of(command: &mut Command) -> Result<Self> {
        let file = || tempfile::tempfile().context(UNUSABLE);
        let (stdout, stderr) = (file()?, file()?);
        command
            .stdout(stdout.try_clone().context(UNUSABLE)?)
            .stderr(stderr.try_clone().context(UNUSABLE)?);
        Ok(Self { stdout, stderr })
    }

    /// What was written to stdout so far; only the beginning if it is very long.
    pub fn stdout(&self) -> Result<String> {
        /// A bench that prints in every iteration can fill a disk; tables are shorter than this.
        const MOST: u64 = 16 << 20;
        read(&self.stdout, 0, MOST)
    }

    /// What was written to stderr so far; if it is very long, only the end, which has the reason for exiting.
    pub fn stderr(&self) -> Result<String> {
        const MOST: u64 = 64 << 10;
        let length = self.stderr.metadata().context(UNREADABLE)?.len();
        read(&self.stderr, length.saturating_sub(MOST), MOST)
    }

    /// The output of a process that has ended.
    pub fn ended(&self, status: ExitStatus) -> Result<Ended> {
        Ok(Ended {
            status,
            stdout: self.stdout()?,
            stderr: self.stderr()?,
            threads: 1,
        })
    }
}

const UNUSABLE: &str = "failed to make a temporary file for the output of a bench process";
const UNREADABLE: &str = "failed to read the output of a bench process";

/// Reads without moving the file position, which is shared with the process: it may still be writing.
fn read(file: &File, from: u64, most: u64) -> Result<String> {
    let length = file.metadata().context(UNREADABLE)?.len();
    let wanted = length.saturating_sub(from).min(most);
    let mut bytes = vec![0; usize::try_from(wanted).context(UNREADABLE)?];
    file.read_exact_at(&mut bytes, from).context(UNREADABLE)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The panic message in `stderr`, or else its last line, and how the process ended.
pub fn failure_summary(stderr: &str, how: &str) -> String {
    let mut lines = stderr
        .lines()
        .skip_while(|line| !line.contains("panicked at"));
    let words = match (lines.next(), lines.next()) {
        (Some(place), Some(message)) => {
            let place = place.split("panicked at").nth(1).unwrap_or_default().trim();
            format!("panicked at {} {message}", place.trim_end_matches(':'))
        }
        (_, _) => stderr
            .lines()
            .rfind(|line| !line.trim().is_empty() && !line.starts_with("Timer precision"))
            .unwrap_or("wrote nothing to stderr")
            .to_owned(),
    };
    format!("{words} ({how})")
}

#[cfg(test)]
mod tests {
    use super::failure_summary;

    #[test]
    fn failure_summary_prefer_the_panic() {
        let panic = "Timer precision: 20 ns\n\nthread 'main' panicked at benches/b.rs:7:5:\nno array\nnote: run with\n";
        assert_eq!(
            failure_summary(panic, "exit status: 101"),
            "panicked at benches/b.rs:7:5 no array (exit status: 101)"
        );
        assert_eq!(failure_summary("a\nb\n\n", "signal: 9"), "b (signal: 9)");
        assert_eq!(
            failure_summary("", "hung up"),
            "wrote nothing to stderr (hung up)"
        );
    }
}
