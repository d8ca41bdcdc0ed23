//! The only module that writes to stdout and stderr: answers, status lines like cargo's, warnings, progress.

use std::{
    fmt::Display,
    io::{ErrorKind, IsTerminal, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Effects, Style};
use anyhow::{Context, Result};

use crate::escape;

pub use anstream::ColorChoice as Color;

static QUIET: AtomicBool = AtomicBool::new(false);

pub const GOOD: Style = AnsiColor::Green.on_default().effects(Effects::BOLD);
pub const WARN: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
pub const BAD: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
const NOTE: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);

/// Hides status and progress, but not warnings and errors.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Relaxed);
}

/// Chooses colours for stdout and stderr.
pub fn set_color(choice: Color) {
    choice.write_global();
}

/// Prints to stdout. It is not an error if the reader closes it early, as `head` does.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(escape::styled(text).as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("failed to write to stdout")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether stdout is a terminal, where output appears immediately.
pub fn is_watched() -> bool {
    std::io::stdout().is_terminal()
}

/// The maximum width of a report: `COLUMNS`, or the width of the terminal on stdout. Files and
/// pipes have no limit.
pub fn width() -> Option<usize> {
    let asked = std::env::var("COLUMNS");
    let asked = asked.ok().and_then(|columns| columns.parse().ok());
    let terminal = || {
        Some(usize::from(
            terminal_size::terminal_size_of(std::io::stdout())?.0.0,
        ))
    };
    asked.filter(|columns| *columns > 0).or_else(terminal)
}

/// Whether status and progress are hidden.
pub fn is_quiet() -> bool {
    QUIET.load(Relaxed)
}

/// Prints a status line: `   Measuring 104 pairs`.
pub fn status(verb: &str, message: impl Display) {
    if !QUIET.load(Relaxed) {
        line(GOOD, format_args!("{verb:>12}"), message);
    }
}

/// A number and its noun: `1 block`, `2 blocks`.
pub fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// A path relative to the current folder, as a user would type it.
pub fn shown(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// Prints another program's stderr, with its colours but nothing else that a terminal or
/// a CI log would interpret.
pub fn pass_on(text: &str) {
    let _ = anstream::stderr()
        .lock()
        .write_all(escape::foreign(text).as_bytes());
}

/// Prints a warning.
pub fn warning(message: impl Display) {
    line(WARN, "warning:", message);
}

/// Prints a hint on what to do next.
pub fn hint(message: impl Display) {
    line(NOTE, "hint:", message);
}

/// Prints an error.
pub fn error(message: impl Display) {
    line(BAD, "error:", message);
}

/// Prints a styled word and a message. The message may quote untrusted text, so it is escaped here.
fn line(style: Style, word: impl Display, message: impl Display) {
    let message = escape::message(&message.to_string());
    // A closed stderr is no reason to fail.
    let _ = writeln!(
        anstream::stderr().lock(),
        "{style}{word}{style:#} {message}"
    );
}

/// Progress of long work, redrawn in place on a terminal, and occasional lines elsewhere. It is
/// only drawn by [`Progress::update`], never by a separate thread: a ticking thread
/// would disturb measurements.
#[derive(Debug)]
pub struct Progress {
    verb: &'static str,
    started: Instant,
    drawn: Instant,
    terminal: bool,
}

impl Progress {
    pub fn start(verb: &'static str) -> Self {
        let now = Instant::now();
        Self {
            verb,
            started: now,
            drawn: now,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// `done` and `total` are in any unit; `what` is the current step.
    pub fn update(&mut self, done: f64, total: f64, what: impl Display) {
        let pause = if self.terminal {
            Duration::from_millis(100)
        } else {
            Duration::from_secs(15)
        };
        if QUIET.load(Relaxed) || self.drawn.elapsed() < pause {
            return;
        }
        self.drawn = Instant::now();
        let fraction = (done / total.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        let spent = self.started.elapsed().as_secs_f64();
        let left = if fraction > 0.0 {
            spent / fraction - spent
        } else {
            f64::NAN
        };
        let verb = self.verb;
        let left = if left.is_finite() {
            format!(", {left:.0} s left")
        } else {
            String::new()
        };
        let text = format!("{:3.0} %{left}  {what}", fraction * 100.0);
        if self.terminal {
            let text = escape::visible(&text);
            let mut stderr = anstream::stderr().lock();
            let _ = write!(stderr, "\r\x1b[2K{GOOD}{verb:>12}{GOOD:#} {text}\r");
        } else {
            line(GOOD, format_args!("{verb:>12}"), text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Progress {
    /// Clears the line, so that other lines can be printed.
    pub fn clear(&self) {
        if self.terminal && !QUIET.load(Relaxed) {
            let _ = write!(anstream::stderr().lock(), "\r\x1b[2K");
        }
    }
}
