//! An executable and a benchmark id in, a running worker or the output of a finished program out.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use serbench::protocol::{self, Answer};

/// Set by Ctrl-C and SIGTERM.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What is returned from deep inside a measurement when the user interrupts it.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; there is no verdict")
    }
}

impl std::error::Error for Interrupted {}

/// From now on Ctrl-C and SIGTERM are noticed by [`check_interrupt`] instead of ending the process.
pub fn catch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Relaxed) {
            // The second time the user means it. 130 is what shells call death by SIGINT.
            std::process::exit(130);
        }
    })
    .context("listen for Ctrl-C")
}

/// Fails when the user has interrupted.
pub fn check_interrupt() -> Result<()> {
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
    while was_interrupted(status) && check_interrupt().is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    check_interrupt()
}

#[cfg(unix)]
fn was_interrupted(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;

    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    matches!(status.signal(), Some(SIGINT | SIGTERM))
}

#[cfg(not(unix))]
fn was_interrupted(_status: ExitStatus) -> bool {
    false
}

/// A built bench executable that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    pub path: PathBuf,
    /// Equal files, of which measuring starts one or the other.
    pub copies: Vec<PathBuf>,
    /// The package's folder: where cargo would run it.
    pub folder: PathBuf,
}

/// How one process is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    pub executable: &'a Executable,
    /// The benchmark, as divan lists it.
    pub id: &'a str,
    /// The CPU it is pinned to; `None` leaves it to the system.
    pub cpu: Option<usize>,
    /// Fraction by which operations are slowed down, see [`protocol::SLOWDOWN`].
    pub slowdown: f64,
    /// Bytes of padding in the environment, which moves the stack: layouts are averaged over.
    pub padding: usize,
}

/// A bench process that waits for commands. Dropping it ends the process.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    commands: TcpStream,
    answers: BufReader<Answers>,
    output: Output,
    timeout: Duration,
}

/// What a worker sends. Waiting for it ends when the user interrupts.
#[derive(Debug)]
struct Answers {
    stream: TcpStream,
    timeout: Duration,
}

/// How long waiting for an answer goes on before looking whether the user has interrupted.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a launch led to.
#[derive(Debug)]
pub enum Started {
    Worker(Worker),
    /// The process ended without connecting: not a worker, or it failed before.
    Ended(Ended),
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Files that a process writes into; pipes could fill and block it.
#[derive(Debug)]
struct Output {
    stdout: File,
    stderr: File,
}

/// Starts processes and takes their calls.
#[derive(Debug)]
pub struct Launcher {
    listener: TcpListener,
    secret: String,
    timeout: Duration,
}

impl Launcher {
    /// `timeout` bounds every wait for a process.
    pub fn new(timeout: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen on a loopback socket")?;
        listener
            .set_nonblocking(true)
            .context("listen on a loopback socket")?;
        // Randomly keyed per process; keeps other programs of this machine from calling in.
        let secret = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Ok(Self {
            listener,
            secret: format!("{secret:016x}"),
            timeout,
        })
    }

    /// Starts a benchmark as a worker. A bench that does not know the protocol just runs: with
    /// one sample of one iteration.
    pub fn worker(&self, launch: Launch<'_>) -> Result<Started> {
        let address = self
            .listener
            .local_addr()
            .context("listen on a loopback socket")?;
        let mut command = bench_command(launch, &["--sample-count", "1", "--sample-size", "1"]);
        command.env(protocol::SOCKET, format!("{address} {}", self.secret));
        if launch.slowdown > 0.0 {
            command.env(protocol::SLOWDOWN, launch.slowdown.to_string());
        }
        let (mut child, output) = spawn(command, launch)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let mut worker = Worker::new(child, stream, output, self.timeout)?;
                    if worker.hello(&self.secret)? {
                        return Ok(Started::Worker(worker));
                    }
                    bail!("a program without the run's secret called in; try again");
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("accept a worker's call"),
            }
            if let Some(status) = child.try_wait().context("wait for a bench process")? {
                let Output { stdout, stderr } = output;
                let (stdout, stderr) = (text(stdout)?, text(stderr)?);
                return Ok(Started::Ended(Ended {
                    status,
                    stdout,
                    stderr,
                }));
            }
            check_deadline(&mut child, deadline, launch.id)?;
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Runs a benchmark to its end under divan itself, with divan's options `arguments`.
    pub fn run(&self, launch: Launch<'_>, arguments: &[&str]) -> Result<Ended> {
        let (child, output) = spawn(bench_command(launch, arguments), launch)?;
        finish(child, output, self.timeout, launch.id)
    }

    /// The output of `executable --list --format terse`, which divan obeys under nextest only.
    /// With `full` the large cases are among them.
    pub fn list(&self, executable: &Executable, full: bool) -> Result<Ended> {
        let launch = Launch {
            executable,
            id: "--list",
            cpu: None,
            slowdown: 0.0,
            padding: 0,
        };
        let mut command = base_command(executable);
        command
            .env("NEXTEST", "1")
            .args(["--list", "--format", "terse"]);
        if !full {
            command.env_remove(protocol::FULL);
        }
        let (child, output) = spawn(command, launch)?;
        finish(child, output, self.timeout, launch.id)
    }
}

fn base_command(executable: &Executable) -> Command {
    let mut command = Command::new(&executable.path);
    command
        .current_dir(&executable.folder)
        .env("CARGO_MANIFEST_DIR", &executable.folder)
        .env(protocol::FULL, "1")
        .env_remove(protocol::SOCKET)
        .env_remove(protocol::SLOWDOWN)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        // divan reads its options from the environment too; only ours may count.
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
    command.env(protocol::PADDING, "x".repeat(launch.padding));
    command
}

fn spawn(mut command: Command, launch: Launch<'_>) -> Result<(Child, Output)> {
    let temporary = || tempfile::tempfile().context("make a temporary file");
    let output = Output {
        stdout: temporary()?,
        stderr: temporary()?,
    };
    let clone = |file: &File| file.try_clone().context("make a temporary file");
    command
        .stdout(clone(&output.stdout)?)
        .stderr(clone(&output.stderr)?);
    let child = command
        .spawn()
        .with_context(|| format!("start {}", launch.executable.path.display()))?;
    if let Some(cpu) = launch.cpu {
        pin(&child, cpu);
    }
    Ok((child, output))
}

/// Pins a process to one CPU; where the system does not let us, measuring goes on without.
#[cfg(target_os = "linux")]
fn pin(child: &Child, cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    let _ = rustix::thread::sched_setaffinity(Some(rustix::process::Pid::from_child(child)), &set);
}

#[cfg(not(target_os = "linux"))]
fn pin(_child: &Child, _cpu: usize) {}

/// The CPUs this process may use; empty where the system does not say.
#[cfg(target_os = "linux")]
pub fn allowed_cpus() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .collect()
}

/// The CPUs this process may use; empty where the system does not say.
#[cfg(not(target_os = "linux"))]
pub fn allowed_cpus() -> Vec<usize> {
    Vec::new()
}

fn finish(mut child: Child, output: Output, timeout: Duration, id: &str) -> Result<Ended> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().context("wait for a bench process")? {
            let Output { stdout, stderr } = output;
            return Ok(Ended {
                status,
                stdout: text(stdout)?,
                stderr: text(stderr)?,
            });
        }
        check_deadline(&mut child, deadline, id)?;
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn check_deadline(child: &mut Child, deadline: Instant, id: &str) -> Result<()> {
    let interrupted = check_interrupt();
    if interrupted.is_ok() && Instant::now() < deadline {
        return Ok(());
    }
    let _ = child.kill();
    let _ = child.wait();
    interrupted?;
    bail!("`{id}` did not end in time; give it longer with --timeout SECONDS")
}

fn text(mut file: File) -> Result<String> {
    /// A bench that prints in every iteration can fill a disk; nobody reads more than this.
    const MOST: u64 = 16 << 20;
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.take(MOST).read_to_end(&mut bytes))
        .context("read the output of a bench process")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Read for Answers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.stream.read(buffer) {
                Err(error) if is_timeout(&error) => {
                    if check_interrupt().is_err() {
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                }
                read => return read,
            }
        }
    }
}

/// Whether a read ended for want of data; systems call it either way.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl Worker {
    fn new(child: Child, stream: TcpStream, output: Output, timeout: Duration) -> Result<Self> {
        let setup = || -> io::Result<(TcpStream, BufReader<Answers>)> {
            stream.set_nonblocking(false)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok((
                stream.try_clone()?,
                BufReader::new(Answers { stream, timeout }),
            ))
        };
        let (commands, answers) = setup().context("accept a worker's call")?;
        Ok(Self {
            child,
            commands,
            answers,
            output,
            timeout,
        })
    }

    /// Whether the worker belongs to this run. A wrong version is an error of its own.
    fn hello(&mut self, secret: &str) -> Result<bool> {
        let hello = Answer::read(&mut self.answers).context("read a worker's hello")?;
        let version = hello.text("version").unwrap_or("none");
        if version != protocol::VERSION.to_string() {
            bail!(
                "the bench links a serbench of protocol {version}, this tool speaks {}; \
                 use the same version of `serbench` in Cargo.toml and of `cargo serbench`",
                protocol::VERSION
            );
        }
        Ok(hello.text("secret") == Some(secret))
    }

    /// Sends a command and waits for the answer. The error of a worker that died holds the end of
    /// what it wrote to stderr.
    pub fn ask(&mut self, command: protocol::Command) -> Result<Answer> {
        let mut exchange = || -> io::Result<Answer> {
            command.write(&mut self.commands)?;
            Answer::read(&mut self.answers)
        };
        exchange().map_err(|error| self.reason(&error))
    }

    fn reason(&mut self, error: &io::Error) -> anyhow::Error {
        if let Err(interrupted) = check_interrupt() {
            return interrupted;
        }
        if is_timeout(error) {
            let seconds = self.timeout.as_secs();
            return anyhow!("no answer in {seconds} s; give it longer with --timeout SECONDS");
        }
        if let Err(error) = self.commands.flush() {
            return error.into();
        }
        // The connection breaks a moment before the process is gone.
        let ended = Instant::now() + Duration::from_secs(2);
        let mut status = None;
        while status.is_none() && Instant::now() < ended {
            status = self.child.try_wait().ok().flatten();
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(Err(interrupted)) = status.map(check_ended) {
            return interrupted;
        }
        let stderr = self
            .output
            .stderr
            .try_clone()
            .ok()
            .and_then(|file| text(file).ok());
        let how = status.map_or_else(|| "hung up".to_owned(), |status| status.to_string());
        anyhow!("{}", last_words(&stderr.unwrap_or_default(), &how))
    }

    /// What the process has written to stdout up to now, divan's own lines included.
    pub fn stdout(&self) -> Result<String> {
        text(
            self.output
                .stdout
                .try_clone()
                .context("read the output of a bench process")?,
        )
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Killing spares the bench its own farewell, which nobody reads.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A panic message if there is one in `stderr`, else its last line, and how the process ended.
pub fn last_words(stderr: &str, how: &str) -> String {
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
    use super::last_words;

    #[test]
    fn last_words_prefer_the_panic() {
        let panic = "Timer precision: 20 ns\n\nthread 'main' panicked at benches/b.rs:7:5:\nno array\nnote: run with\n";
        assert_eq!(
            last_words(panic, "exit status: 101"),
            "panicked at benches/b.rs:7:5 no array (exit status: 101)"
        );
        assert_eq!(last_words("a\nb\n\n", "signal: 9"), "b (signal: 9)");
        assert_eq!(
            last_words("", "hung up"),
            "wrote nothing to stderr (hung up)"
        );
    }
}
