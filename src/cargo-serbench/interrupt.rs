//! Ctrl-C and SIGTERM: noticed between steps, so that a run ends cleanly.

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

/// What is returned from deep inside a measurement when the user interrupts it.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted before a verdict")
    }
}

impl std::error::Error for Interrupted {}

/// From now on Ctrl-C and SIGTERM are noticed by [`check`] instead of ending the process.
pub fn catch() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Relaxed) {
            // The second time the user means it. 130 is what shells call death by SIGINT.
            std::process::exit(Exit::Interrupted.code().into());
        }
    })
    .context("listen for Ctrl-C")
}

/// From now on a write beyond the limit on file sizes (`ulimit -f`) fails, as on a full disk. By
/// itself it would end the process without a word.
pub fn survive_file_limit() {
    const SIGXFSZ: i32 = signal_hook::consts::SIGXFSZ;
    // Without it the process ends as it would have.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Fails when the user has interrupted.
pub fn check() -> Result<()> {
    if INTERRUPTED.load(Relaxed) {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}

/// Fails when the user's interrupt ended a process of ours. A terminal sends it to all at once, so
/// our own notice may come a moment later.
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
