//! How a build shares the machine with another one at the same time.

use std::{
    fs::File,
    io::{self, Read, Seek},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use rustix::process::{Pid, Signal, kill_process};

/// The part of the machine, and of the user's attention, that a build takes.
#[derive(Debug, Default)]
pub struct Share {
    /// Processes that cargo may start at once; as many as it wants if absent.
    jobs: Option<usize>,
    /// Takes what cargo says until the other build has ended; absent if it says it at once.
    said: Option<File>,
    /// cargo's process, while there is one.
    process: AtomicU32,
}

impl Share {
    /// Half of the machine for each of two builds. The first says what it does at once.
    pub fn halves(cores: usize) -> io::Result<[Self; 2]> {
        let half = |said| Self {
            jobs: Some(cores.div_ceil(2)),
            said,
            process: AtomicU32::new(0),
        };
        Ok([half(None), half(Some(tempfile::tempfile()?))])
    }

    /// Gives a command of cargo its share.
    pub fn limit(&self, command: &mut Command) -> io::Result<()> {
        if let Some(jobs) = self.jobs {
            command.arg(format!("--jobs={jobs}"));
        }
        if let Some(file) = &self.said {
            command.stderr(Stdio::from(file.try_clone()?));
        }
        Ok(())
    }

    /// Notes the process that does the work.
    pub fn started(&self, child: &Child) {
        self.process.store(child.id(), Relaxed);
    }

    pub fn ended(&self) {
        self.process.store(0, Relaxed);
    }

    /// Ends the work: it is not needed any more.
    pub fn stop(&self) {
        let process = i32::try_from(self.process.load(Relaxed)).ok();
        if let Some(process) = process.and_then(Pid::from_raw) {
            // One that has just ended by itself needs no signal.
            let _ = kill_process(process, Signal::TERM);
        }
    }

    /// What cargo has said so far, if it was kept.
    pub fn take_said(&mut self) -> io::Result<String> {
        let mut text = Vec::new();
        if let Some(file) = &mut self.said {
            file.rewind()?;
            file.read_to_end(&mut text)?;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
