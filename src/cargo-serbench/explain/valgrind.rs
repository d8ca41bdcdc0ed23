//! Runs a benchmark under valgrind for an exact number of operations.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use serbench::protocol;

use super::{callgrind, dhat};
use crate::{
    build::Executable,
    interrupt,
    process::{Launch, Launcher, Started, failure_summary},
};

/// A benchmark at one commit.
#[derive(Clone, Debug)]
pub struct Subject {
    pub executable: Executable,
    /// The name passed to `--exact`.
    pub path: String,
    pub threads: Option<u32>,
    /// Whether it speaks the protocol; otherwise divan runs it.
    pub native: bool,
}

/// Limits for processes.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Folder for profiles until they are read.
    pub folder: &'a Path,
    /// When processes that still run are killed.
    pub deadline: Instant,
}

/// Checks that valgrind is installed; the error says how to install it.
pub fn check() -> Result<(), String> {
    let found = Command::new("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    match (found, cfg!(target_os = "linux")) {
        (true, _) => Ok(()),
        (false, true) => Err(
            "valgrind is not installed, so functions can't be compared: `apt-get install valgrind`, \
             `dnf install valgrind`"
                .to_owned(),
        ),
        (false, false) => Err("comparing functions needs valgrind, which needs Linux".to_owned()),
    }
}

/// The instructions of one operation. With `stacks`, also the instructions of every stack.
pub fn callgrind(
    subject: &Subject,
    operations: u64,
    stacks: bool,
    limits: Limits<'_>,
) -> Result<callgrind::Profile> {
    let mut options = vec!["--cache-sim=yes", "--collect-systime=nsec"];
    if stacks {
        options.push("--separate-callers=64");
    }
    let profile = |operations: u64| {
        let output = "--callgrind-out-file";
        let text = run(subject, operations, ("callgrind", output), &options, limits)?;
        callgrind::parse(&text)
    };
    let (shorter, longer) = (profile(operations)?, profile(2 * operations)?);
    Ok(shorter.per_operation(&longer, operations))
}

/// The allocations of one operation.
pub fn dhat(subject: &Subject, operations: u64, limits: Limits<'_>) -> Result<dhat::Sites> {
    let profile = |operations: u64| {
        let output = ("dhat", "--dhat-out-file");
        // The names of inlined functions consist of their last segment, without a path.
        let options = ["--read-inline-info=no", "--num-callers=24"];
        dhat::parse(&run(subject, operations, output, &options, limits)?)
    };
    let (shorter, longer) = (profile(operations)?, profile(2 * operations)?);
    Ok(dhat::per_operation(&shorter, &longer, operations))
}

/// Runs a fresh process and returns its profile as text.
fn run(
    subject: &Subject,
    operations: u64,
    (tool, output): (&str, &str),
    options: &[&str],
    limits: Limits<'_>,
) -> Result<String> {
    let folder =
        tempfile::tempdir_in(limits.folder).context("failed to make a folder for a profile")?;
    let file = folder.path().join("profile");
    let mut under: Vec<OsString> = vec!["valgrind".into(), "--quiet".into()];
    under.extend([format!("--tool={tool}").into(), "--demangle=no".into()]);
    let mut option = OsString::from(format!("{output}="));
    option.push(&file);
    under.push(option);
    under.extend(options.iter().map(OsString::from));
    let launch = Launch {
        executable: &subject.executable,
        id: &subject.path,
        threads: subject.threads,
        cpu: None,
        slowdown: 0.0,
        padding: 0,
    };
    let launcher = Launcher::new(left(limits.deadline)?)?;
    let ran = match subject.native {
        true => work(&launcher, launch, &under, operations, limits.deadline),
        false => under_divan(&launcher, launch, &under, operations),
    };
    ran.map_err(|error| match interrupt::check() {
        Ok(()) => readable(error),
        Err(interrupted) => interrupted,
    })?;
    fs::read_to_string(&file)
        .with_context(|| format!("failed to read the profile that {tool} wrote"))
}

fn work(
    launcher: &Launcher,
    launch: Launch<'_>,
    under: &[OsString],
    operations: u64,
    deadline: Instant,
) -> Result<()> {
    let mut worker = match launcher.worker_under(launch, under)? {
        Started::Worker(worker) => worker,
        Started::Ended(ended) => {
            bail!(failure_summary(&ended.stderr, &ended.status.to_string()))
        }
    };
    worker.set_timeout(left(deadline)?);
    worker.ask(protocol::Command::Run {
        batches: 1,
        size: operations,
    })?;
    worker.set_timeout(left(deadline)?);
    worker.finish()
}

fn under_divan(
    launcher: &Launcher,
    launch: Launch<'_>,
    under: &[OsString],
    operations: u64,
) -> Result<()> {
    let size = operations.to_string();
    let arguments = ["--sample-count", "1", "--sample-size", &size];
    let ended = launcher.run_under(launch, &arguments, under)?;
    match ended.status.success() {
        true => Ok(()),
        false => bail!(failure_summary(&ended.stderr, &ended.status.to_string())),
    }
}

/// The remaining time, or an error if there is none.
fn left(deadline: Instant) -> Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => bail!("no time is left"),
        left => Ok(left),
    }
}

/// Explains known failures of valgrind.
fn readable(error: anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}");
    match text.contains("signal: 4") || text.contains("unhandled instruction") {
        true => anyhow!(
            "valgrind does not support an instruction of the executable; is it built for a newer CPU \
             (`-C target-cpu=native`)?"
        ),
        false => error,
    }
}
