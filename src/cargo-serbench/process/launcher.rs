//! Starts bench executables, as workers or under divan, and waits for them.

use std::{
    ffi::OsString,
    io,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serbench::protocol;

use super::{
    output::{Ended, Output},
    worker::Worker,
};
use crate::{
    build::{
        Executable,
        wrapper::{DIVAN_NAMES, DIVAN_PROFILED, DIVAN_SOCKET},
    },
    interrupt,
};

/// How to start a process.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    pub executable: &'a Executable,
    /// The benchmark, as divan lists it.
    pub id: &'a str,
    /// The number of threads, for benchmarks with several.
    pub threads: Option<u32>,
    /// The CPU to pin it to; `None` lets the system choose.
    pub cpu: Option<usize>,
    /// Fraction by which operations are slowed down, see [`protocol::SLOWDOWN`].
    pub slowdown: f64,
    /// Bytes of padding in the environment, which shifts the stack, so that layouts are averaged.
    pub padding: usize,
}

/// The result of starting a worker.
#[derive(Debug)]
pub enum Started {
    Worker(Worker),
    /// The process exited without connecting: it is not a worker, or it failed earlier.
    Ended(Ended),
}

/// Starts bench processes, and listens for workers to connect.
#[derive(Debug)]
pub struct Launcher {
    listener: TcpListener,
    secret: String,
    timeout: Duration,
}

impl Launcher {
    /// `timeout` limits every wait for a process.
    pub fn new(timeout: Duration) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").context("failed to listen on a loopback socket")?;
        listener
            .set_nonblocking(true)
            .context("failed to listen on a loopback socket")?;
        // A random key per process keeps other programs on this machine from connecting.
        let secret = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Ok(Self {
            listener,
            secret: format!("{secret:016x}"),
            timeout,
        })
    }

    /// Starts a benchmark as a worker. A bench that does not know the protocol simply runs, with
    /// one sample of one iteration.
    pub fn worker(&self, launch: Launch<'_>) -> Result<Started> {
        self.worker_under(launch, &[])
    }

    /// The same under another program: `under` is that program and its arguments.
    pub fn worker_under(&self, launch: Launch<'_>, under: &[OsString]) -> Result<Started> {
        let address = self
            .listener
            .local_addr()
            .context("failed to listen on a loopback socket")?;
        let mut command = bench_command(launch, &["--sample-count", "1", "--sample-size", "1"]);
        // The library reads the first, the worker in divan the second.
        for socket in [protocol::SOCKET, DIVAN_SOCKET] {
            command.env(socket, format!("{address} {}", self.secret));
        }
        if !under.is_empty() {
            command.env(DIVAN_PROFILED, "1");
        }
        if launch.slowdown > 0.0 {
            command.env(protocol::SLOWDOWN, launch.slowdown.to_string());
        }
        let (mut child, output) = spawn(wrapped(command, under), launch)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let mut worker = Worker::new(child, stream, output, self.timeout)?;
                    if worker.hello(&self.secret)? {
                        return Ok(Started::Worker(worker));
                    }
                    bail!("rejected a connection with the wrong token; try again");
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("failed to accept a worker's connection"),
            }
            if let Some(status) = child
                .try_wait()
                .context("failed to wait for a bench process")?
            {
                return Ok(Started::Ended(output.ended(status)?));
            }
            check_deadline(&mut child, deadline, launch.id)?;
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Runs a benchmark to completion under divan, with the options `arguments`.
    pub fn run(&self, launch: Launch<'_>, arguments: &[&str]) -> Result<Ended> {
        let (child, output) = spawn(bench_command(launch, arguments), launch)?;
        finish(child, &output, self.timeout, launch.id)
    }

    /// The same under another program.
    pub fn run_under(
        &self,
        launch: Launch<'_>,
        arguments: &[&str],
        under: &[OsString],
    ) -> Result<Ended> {
        let command = wrapped(bench_command(launch, arguments), under);
        let (child, output) = spawn(command, launch)?;
        finish(child, &output, self.timeout, launch.id)
    }

    /// Runs a benchmark and counts its threads, which disturbs timing.
    pub fn watch(&self, launch: Launch<'_>, arguments: &[&str]) -> Result<Ended> {
        let (child, output) = spawn(bench_command(launch, arguments), launch)?;
        let tasks = format!("/proc/{}/task", child.id());
        let mut threads = 1;
        let look = || threads = threads.max(std::fs::read_dir(&tasks).map_or(0, Iterator::count));
        let ended = wait(child, &output, self.timeout, launch.id, look)?;
        Ok(Ended { threads, ..ended })
    }

    /// The output of an executable for `arguments`, to list and test with divan. `--format` requires
    /// nextest's environment. `full` includes the large cases.
    pub fn ask(&self, executable: &Executable, arguments: &[&str], full: bool) -> Result<Ended> {
        self.answer(executable, arguments, full, false)
    }

    /// The tree of all benchmarks, with arguments and numbers of threads, drawn with `arguments`. A divan without
    /// worker calls the bench functions for it.
    pub fn draw(&self, executable: &Executable, arguments: &[&str]) -> Result<Ended> {
        self.answer(executable, arguments, true, true)
    }

    fn answer(
        &self,
        executable: &Executable,
        arguments: &[&str],
        full: bool,
        names: bool,
    ) -> Result<Ended> {
        let launch = Launch {
            executable,
            id: arguments.first().unwrap_or(&"--list"),
            threads: None,
            cpu: None,
            slowdown: 0.0,
            padding: 0,
        };
        let mut command = base_command(executable);
        command.args(arguments);
        if arguments.contains(&"--format") {
            command.env("NEXTEST", "1");
        }
        if !full {
            command.env_remove(protocol::FULL);
        }
        if names {
            command.env(DIVAN_NAMES, "1");
        }
        let (child, output) = spawn(command, launch)?;
        finish(child, &output, self.timeout, launch.id)
    }
}

fn base_command(executable: &Executable) -> Command {
    let mut command = Command::new(&executable.path);
    command
        .current_dir(&executable.folder)
        .env("CARGO_MANIFEST_DIR", &executable.folder)
        .env(protocol::FULL, "1")
        .env_remove(protocol::SOCKET)
        .env_remove(DIVAN_SOCKET)
        .env_remove(DIVAN_NAMES)
        .env_remove(DIVAN_PROFILED)
        .env_remove(protocol::SLOWDOWN)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        // divan also reads options from the environment; only ours should apply.
        if name.to_string_lossy().starts_with("DIVAN_") {
            command.env_remove(name);
        }
    }
    command
}

fn bench_command(launch: Launch<'_>, arguments: &[&str]) -> Command {
    let mut command = base_command(launch.executable);
    command
        .args(["--bench", "--exact", launch.id])
        .args(arguments);
    if let Some(threads) = launch.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    command.env(protocol::PADDING, "x".repeat(launch.padding));
    command
}

/// `command` as arguments of the program in `under`, if given.
fn wrapped(command: Command, under: &[OsString]) -> Command {
    let Some((program, arguments)) = under.split_first() else {
        return command;
    };
    let mut outer = Command::new(program);
    outer
        .args(arguments)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

fn spawn(mut command: Command, launch: Launch<'_>) -> Result<(Child, Output)> {
    let output = Output::of(&mut command)?;
    let child = command
        .spawn()
        .with_context(|| format!("failed to start {}", launch.executable.path.display()))?;
    if let Some(cpu) = launch.cpu {
        pin(&child, cpu);
    }
    Ok((child, output))
}

/// Pins a process to one CPU. If the system refuses, measuring continues unpinned.
#[cfg(target_os = "linux")]
pub fn pin(child: &Child, cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    let _ = rustix::thread::sched_setaffinity(Some(rustix::process::Pid::from_child(child)), &set);
}

/// Does nothing: this system can't pin processes.
#[cfg(not(target_os = "linux"))]
pub fn pin(_child: &Child, _cpu: usize) {}

/// The CPUs this process may use; empty if the system does not say.
#[cfg(target_os = "linux")]
pub fn allowed_cpus() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .collect()
}

/// The CPUs this process may use; empty because this system does not say.
#[cfg(not(target_os = "linux"))]
pub fn allowed_cpus() -> Vec<usize> {
    Vec::new()
}

fn finish(child: Child, output: &Output, timeout: Duration, id: &str) -> Result<Ended> {
    wait(child, output, timeout, id, || {})
}

fn wait(
    mut child: Child,
    output: &Output,
    timeout: Duration,
    id: &str,
    mut look: impl FnMut(),
) -> Result<Ended> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child
            .try_wait()
            .context("failed to wait for a bench process")?
        {
            return output.ended(status);
        }
        check_deadline(&mut child, deadline, id)?;
        look();
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn check_deadline(child: &mut Child, deadline: Instant, id: &str) -> Result<()> {
    let interrupted = interrupt::check();
    if interrupted.is_ok() && Instant::now() < deadline {
        return Ok(());
    }
    let _ = child.kill();
    let _ = child.wait();
    interrupted?;
    bail!("`{id}` timed out; wait longer with `--timeout SECONDS`")
}
