//! Shares the machine between two builds that run at the same time.

use std::{
    fs::File,
    io::{self, Read, Seek},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use rustix::process::{Pid, Signal, kill_process};

/// One build's share of the machine and of stderr.
#[derive(Debug, Default)]
pub struct Share {
    /// Maximum number of processes for cargo; `None` for no limit.
    jobs: Option<usize>,
    /// Buffers cargo's messages until the other build has ended; `None` to print them immediately.
    said: Option<File>,
    /// cargo's process ID while it runs.
    process: AtomicU32,
}

impl Share {
    /// Half of the machine for each of two builds. The first prints its messages immediately.
    pub fn halves(cores: usize) -> io::Result<[Self; 2]> {
        let half = |said| Self {
            jobs: Some(cores.div_ceil(2)),
            said,
            process: AtomicU32::new(0),
        };
        Ok([half(None), half(Some(tempfile::tempfile()?))])
    }

    /// Applies the share to a cargo command.
    pub fn limit(&self, command: &mut Command) -> io::Result<()> {
        if let Some(jobs) = self.jobs {
            command.arg(format!("--jobs={jobs}"));
        }
        if let Some(file) = &self.said {
            command.stderr(Stdio::from(file.try_clone()?));
        }
        Ok(())
    }

    /// Remembers the process that does the work.
    pub fn started(&self, child: &Child) {
        self.process.store(child.id(), Relaxed);
    }

    pub fn ended(&self) {
        self.process.store(0, Relaxed);
    }

    /// Kills the build, because it is no longer needed.
    pub fn stop(&self) {
        let process = i32::try_from(self.process.load(Relaxed)).ok();
        if let Some(process) = process.and_then(Pid::from_raw) {
            // A process that has just exited needs no signal.
            let _ = kill_process(process, Signal::TERM);
        }
    }

    /// Cargo's messages so far, if they were buffered.
    pub fn take_said(&mut self) -> io::Result<String> {
        let mut text = Vec::new();
        if let Some(file) = &mut self.said {
            file.rewind()?;
            file.read_to_end(&mut text)?;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
