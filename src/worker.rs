//! The worker's side of the protocol: runs slices of one operation when the tool requests them.

use std::{
    env,
    hint::black_box,
    io::{self, BufReader, BufWriter, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{
    Check, CountingAllocator, Description, allocator,
    protocol::{Answer, Command, SLOWDOWN, SOCKET, Slice, VERSION},
};

/// A connection to the tool.
pub(crate) struct Worker {
    commands: BufReader<TcpStream>,
    answers: BufWriter<TcpStream>,
    /// The fraction of its own time by which each operation is slowed down.
    slowdown: f64,
}

impl Worker {
    /// Connects to the tool that started this process, if any.
    pub(crate) fn from_env() -> Option<Self> {
        let socket = env::var(SOCKET).ok()?;
        match Self::connect(&socket) {
            Ok(worker) => Some(worker),
            Err(error) => panic!("can't reach cargo serbench at {socket}: {error}"),
        }
    }

    fn connect(socket: &str) -> io::Result<Self> {
        settle_allocator();
        let (address, secret) = socket.split_once(' ').unwrap_or((socket, ""));
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let slowdown = env::var(SLOWDOWN)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0);
        let commands = BufReader::new(stream.try_clone()?);
        let mut worker = Self {
            commands,
            answers: BufWriter::new(stream),
            slowdown,
        };
        let version = VERSION.to_string();
        Answer::default()
            .with("version", version)
            .with("library", env!("CARGO_PKG_VERSION"))
            .with("secret", secret)
            .write(&mut worker.answers)?;
        Ok(worker)
    }
}

/// Puts the heap into the state of a program that has run for a while. glibc maps large blocks one
/// by one, and returns memory at the end of the heap, until the first large block is freed;
/// then it keeps them (mallopt(3), "dynamic mmap threshold"). Otherwise, whether an encoder frees
/// such a block would decide whether each of its results needs new pages.
fn settle_allocator() {
    /// Above the size of small arrays. Larger blocks are still mapped and grow without a copy,
    /// which the reference relies on, like orjson.
    const LARGE: usize = 1 << 20;
    drop(black_box(Vec::<u8>::with_capacity(LARGE)));
}

/// Answers commands until the tool closes the connection.
pub(crate) fn serve<O, F: FnMut() -> O>(
    mut worker: Worker,
    operation: &mut F,
    describe: impl FnOnce(&mut F) -> Description,
) {
    let mut describe = Some(describe);
    // A broken connection means that the tool has exited or is no longer interested.
    while let Ok(Some(command)) = Command::read(&mut worker.commands) {
        let answer = match command {
            Command::Verify => match describe.take() {
                Some(describe) => verify(operation, describe),
                None => Answer::default(),
            },
            Command::Warm { nanos } => warm(operation, nanos).answer(),
            Command::Run { batches, size } => {
                slice(operation, batches, size, worker.slowdown).answer()
            }
            Command::Memory => memory(operation),
            Command::Heap => heap(operation),
            Command::Rss => rss(operation),
        };
        if answer.write(&mut worker.answers).is_err() {
            break;
        }
    }
    let _ = worker.answers.flush();
}

fn verify<F>(operation: &mut F, describe: impl FnOnce(&mut F) -> Description) -> Answer {
    let Description {
        dtype,
        shape,
        bytes_in,
        bytes_out,
        check,
    } = describe(operation);
    let mut answer = Answer::default();
    if let Some(dtype) = dtype {
        answer = answer.with("dtype", dtype.to_string());
    }
    if let Some(shape) = shape {
        let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        answer = answer.with("shape", axes.join("x"));
    }
    for (name, bytes) in [("bytes_in", bytes_in), ("bytes_out", bytes_out)] {
        if let Some(bytes) = bytes {
            answer = answer.with(name, bytes.to_string());
        }
    }
    match check {
        Check::Unchecked => answer.with("check", "unchecked"),
        Check::Passed => answer.with("check", "passed"),
        Check::Failed(difference) => answer
            .with("check", "failed")
            .with("difference", difference),
        Check::Json {
            output,
            input,
            same_bytes,
        } => answer
            .with("check", "json")
            .with("output", output)
            .with("input", input)
            .with("same_bytes", if same_bytes { "yes" } else { "no" }),
    }
}

/// Runs single operations until `nanos` have passed, at least two of them unless one takes long.
fn warm<O>(operation: &mut impl FnMut() -> O, nanos: u64) -> Slice {
    /// After this long, a second run is not worth its time.
    const LONG: Duration = Duration::from_millis(20);
    let until = Instant::now() + Duration::from_nanos(nanos);
    let mut operations = 0;
    let mut fastest = Duration::MAX;
    let waits_before = waits();
    let start = Instant::now();
    let (cpu, process_cpu) = cpu_clocks();
    while operations == 0 || (operations == 1 && fastest < LONG) || Instant::now() < until {
        let before = Instant::now();
        drop(black_box(operation()));
        fastest = fastest.min(before.elapsed());
        operations += 1;
    }
    let (cpu_after, process_cpu_after) = cpu_clocks();
    let wall_ns = nanoseconds(start.elapsed());
    let cpu_ns = cpu_after - cpu;
    // A preempted thread did not wait, although its wall time is longer, too.
    let waited = match waits() > waits_before {
        true => (1.0 - cpu_ns / wall_ns).max(0.0),
        false => 0.0,
    };
    Slice {
        operations,
        wall_ns,
        cpu_ns,
        process_cpu_ns: process_cpu_after - process_cpu,
        fastest_ns: nanoseconds(fastest),
        median_ns: wall_ns / operations as f64,
        waited,
    }
}

/// Runs `batches` timed batches of `size` operations; both at least 1.
fn slice<O>(operation: &mut impl FnMut() -> O, batches: u64, size: u64, slowdown: f64) -> Slice {
    let (batches, size) = (batches.max(1), size.max(1));
    let mut times = Vec::with_capacity(usize::try_from(batches).unwrap_or(0));
    let start = Instant::now();
    let (cpu, process_cpu) = cpu_clocks();
    for _ in 0..batches {
        let before = Instant::now();
        for _ in 0..size {
            drop(black_box(operation()));
        }
        times.push(before.elapsed());
    }
    if slowdown > 0.0 {
        slow_down(&mut times, slowdown);
    }
    let (cpu_after, process_cpu_after) = cpu_clocks();
    let wall = start.elapsed();
    times.sort_unstable();
    Slice {
        operations: batches * size,
        wall_ns: nanoseconds(wall),
        cpu_ns: cpu_after - cpu,
        process_cpu_ns: process_cpu_after - process_cpu,
        fastest_ns: nanoseconds(times[0]) / size as f64,
        median_ns: nanoseconds(times[times.len() / 2]) / size as f64,
        waited: 0.0,
    }
}

/// Adds this fraction to each time, and spends the sum of what it adds. Between batches, that would change how fast
/// some operations run: a processor predicts what it did just before.
fn slow_down(times: &mut [Duration], slowdown: f64) {
    let fastest = times.iter().min().copied().unwrap_or_default();
    let start = cpu_clocks().0;
    let mut added = Duration::ZERO;
    for time in times {
        // Don't slow a preempted batch down for the time it did not run.
        let own = (*time).min(4 * fastest).mul_f64(slowdown);
        *time += own;
        added += own;
    }
    while cpu_clocks().0 - start < nanoseconds(added) {}
}

fn memory<O>(operation: &mut impl FnMut() -> O) -> Answer {
    // Run once before, so that lazily built tables of the encoder are not counted.
    drop(black_box(operation()));
    match CountingAllocator::measure(|| drop(black_box(operation()))) {
        None => Answer::default(),
        Some(memory) => Answer::default().with(
            "memory",
            format!("{} {} {}", memory.peak, memory.bytes, memory.allocations),
        ),
    }
}

/// Live bytes over time, one line per point: nanoseconds and bytes.
fn heap<O>(operation: &mut impl FnMut() -> O) -> Answer {
    drop(black_box(operation()));
    let Some(points) = allocator::timeline(|| drop(black_box(operation()))) else {
        return Answer::default();
    };
    let lines: Vec<String> = points
        .iter()
        .map(|(nanos, bytes)| format!("{nanos} {bytes}"))
        .collect();
    Answer::default().with("heap", lines.join("\n"))
}

/// Peak minus current resident set around the first operation of this process, in bytes.
fn rss<O>(operation: &mut impl FnMut() -> O) -> Answer {
    // Resets the peak to the current size (proc_pid_clear_refs(5)); other systems can't.
    let reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = status_kib("VmRSS:");
    drop(black_box(operation()));
    match (reset, before, status_kib("VmHWM:")) {
        (true, Some(before), Some(peak)) => {
            Answer::default().with("rss", (peak.saturating_sub(before) * 1024).to_string())
        }
        _ => Answer::default(),
    }
}

fn status_kib(field: &str) -> Option<u64> {
    let size = status("self", field)?;
    size.strip_suffix(" kB")?.parse().ok()
}

/// How often this thread gave up its CPU to wait for something; 0 if the system does not say.
fn waits() -> u64 {
    let count = status("thread-self", "voluntary_ctxt_switches:");
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// A field of Linux's status of a process or thread (proc_pid_status(5)).
fn status(of: &str, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{of}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().to_owned())
}

/// CPU time of this thread and of this process, in nanoseconds.
fn cpu_clocks() -> (f64, f64) {
    let read = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    (read(ClockId::ThreadCPUTime), read(ClockId::ProcessCPUTime))
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
        time::{Duration, Instant},
    };

    use super::{slice, warm};

    #[test]
    fn slowing_down_leaves_no_gaps_between_batches() {
        let mut calls = Vec::new();
        let mut operation = || {
            let start = Instant::now();
            spin();
            calls.push((start, Instant::now()));
        };
        let slowed = slice(&mut operation, 5, 1, 10.0);
        let gaps = calls.windows(2).map(|pair| pair[1].0 - pair[0].1);
        assert!(gaps.min() < Some(Duration::from_millis(5)), "{calls:?}");
        assert!(slowed.cpu_ns > 50e6, "{slowed:?}");
        assert!(slowed.fastest_ns > 10e6, "{slowed:?}");
    }

    fn spin() {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1) {}
    }

    #[test]
    fn sleeping_is_waiting() {
        let slice = warm(&mut || thread::sleep(Duration::from_millis(1)), 1);
        assert!(slice.waited > 0.5, "{slice:?}");
        assert!(warm(&mut spin, 1).waited <= 0.0);
    }

    #[test]
    fn preemption_is_not_waiting() {
        let done = AtomicBool::new(false);
        let threads = 2 * thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        std::hint::spin_loop()
                    }
                });
            }
            let slice = warm(&mut spin, 30_000_000);
            done.store(true, Ordering::Relaxed);
            assert!(slice.cpu_ns < 0.8 * slice.wall_ns, "{slice:?}");
            assert!(slice.waited <= 0.0, "{slice:?}");
        });
    }
}
