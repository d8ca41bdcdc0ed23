//! Handles Ctrl-C and SIGTERM: checked between steps, so that a run ends cleanly.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::exit::Exit;

/// Set by Ctrl-C and SIGTERM.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The error returned when the user interrupts a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted before a verdict")
    }
}

impl std::error::Error for Interrupted {}

/// Makes [`check`] report Ctrl-C and SIGTERM, instead of ending the process.
pub fn catch() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Relaxed) {
            // The second time, exit immediately. 130 is the shells' code for death by SIGINT.
            std::process::exit(Exit::Interrupted.code().into());
        }
    })
    .context("failed to listen for Ctrl-C")
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail as on a full disk. By default
/// it would kill the process without a message.
pub fn survive_file_limit() {
    const SIGXFSZ: i32 = signal_hook::consts::SIGXFSZ;
    // If this fails, the default applies.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Returns an error if the user has interrupted.
pub fn check() -> Result<()> {
    if INTERRUPTED.load(Relaxed) {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}

/// Returns an error if the user's interrupt ended a child process. A terminal sends it to all processes,
/// so this process may notice it slightly later.
pub fn check_ended(status: ExitStatus) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(1);
    while was_interrupted(status) && check().is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    check()
}

fn was_interrupted(status: ExitStatus) -> bool {
    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    matches!(status.signal(), Some(SIGINT | SIGTERM))
}
