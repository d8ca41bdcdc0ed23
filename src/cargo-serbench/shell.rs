//! The only writer to stdout and stderr: answers, status lines like cargo's, warnings, progress.

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

/// Silences status and progress, not warnings and errors.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Relaxed);
}

/// Decides about colour on stdout and stderr.
pub fn set_color(choice: Color) {
    choice.write_global();
}

/// Prints to stdout. A reader that closes it early, as `head` does, has seen enough: no error.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(escape::styled(text).as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("write to stdout")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether stdout is read by somebody who sees it grow.
pub fn is_watched() -> bool {
    std::io::stdout().is_terminal()
}

/// The columns that a report may take: what `COLUMNS` says, else the terminal's on stdout. Files and
/// pipes have no limit.
pub fn width() -> Option<usize> {
    let asked = std::env::var("COLUMNS");
    let asked = asked.ok().and_then(|columns| columns.parse().ok());
    let terminal = || Some(usize::from(terminal_size::terminal_size()?.0.0));
    asked.filter(|columns| *columns > 0).or_else(terminal)
}

/// Whether status and progress are silenced.
pub fn is_quiet() -> bool {
    QUIET.load(Relaxed)
}

/// A line of what is being done: `   Measuring 104 pairs`.
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

/// A path as the user would type it from where they stand.
pub fn shown(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// What another program has said on its stderr, with its colours and nothing else that a terminal or
/// a CI log would obey.
pub fn pass_on(text: &str) {
    let _ = anstream::stderr()
        .lock()
        .write_all(escape::foreign(text).as_bytes());
}

/// Warns of something that does not stop the run.
pub fn warning(message: impl Display) {
    line(WARN, "warning:", message);
}

/// Says what to do next.
pub fn hint(message: impl Display) {
    line(NOTE, "hint:", message);
}

/// Says why the command failed.
pub fn error(message: impl Display) {
    line(BAD, "error:", message);
}

/// Writes a styled word and a message, which may quote anything: here it is made safe to show.
fn line(style: Style, word: impl Display, message: impl Display) {
    let message = escape::message(&message.to_string());
    // A closed stderr is not a reason to fail.
    let _ = writeln!(
        anstream::stderr().lock(),
        "{style}{word}{style:#} {message}"
    );
}

/// Progress of long work, redrawn in place on a terminal, and a line now and then elsewhere. It is
/// drawn only when [`Progress::update`] is called, never by a thread of its own: a ticking thread
/// would disturb what is measured.
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

    /// `done` and `total` are in any unit of work; `what` is what is under way.
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
    /// Takes the line away, for other lines to be printed.
    pub fn clear(&self) {
        if self.terminal && !QUIET.load(Relaxed) {
            let _ = write!(anstream::stderr().lock(), "\r\x1b[2K");
        }
    }
}
