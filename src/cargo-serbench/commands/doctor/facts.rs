//! Reads the facts that verdicts depend on from the system. Unknown facts are `None`.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    build::{linker, toolchain},
    discover::{git, workspace},
    process,
    session::{self, Request},
};

/// The facts; see [`super::checks`] for what they mean.
#[derive(Clone, Debug)]
pub struct Facts {
    pub cpus: usize,
    pub governor: Option<String>,
    pub turbo: Option<bool>,
    pub on_battery: Option<bool>,
    /// Average number of runnable processes in the last minute.
    pub load: Option<f64>,
    /// Fraction of CPU time that the hypervisor gave to others in the last half second.
    pub steal: Option<f64>,
    pub smt: Option<bool>,
    /// The number of CPUs a container may use; `None` if unlimited.
    pub quota: Option<f64>,
    pub allowed_cpus: Option<usize>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Pages swapped in the last half second.
    pub swapping: Option<u64>,
    pub aslr: Option<bool>,
    pub clock_source: Option<String>,
    pub clock_step_ns: f64,
    pub clock_cost_ns: f64,
    pub rustc: Result<String, String>,
    /// Why layout can't be checked; `Ok` if it can.
    pub layout: Result<(), String>,
    pub valgrind: Option<String>,
    pub counters: Option<bool>,
    /// Bench targets of the selected packages.
    pub benches: Result<usize, String>,
    /// `None` outside a workspace.
    pub git: Option<Git>,
    /// Free space for builds, in bytes.
    pub disk: Option<u64>,
    pub temporary: Result<(), String>,
}

/// The state of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Git {
    None,
    /// libgit2 refuses to read it; the reason.
    Refused(String),
    NoCommit,
    Shallow,
    Complete,
}

/// Reads all facts; takes about half a second.
pub fn facts(request: &Request) -> Facts {
    let before = Counters::read();
    std::thread::sleep(Duration::from_millis(500));
    let after = Counters::read();
    let workspace = workspace::workspace(&request.choice);
    let (clock_step_ns, clock_cost_ns) = clock();
    Facts {
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        turbo: turbo(),
        on_battery: on_battery(),
        load: line("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        steal: before
            .as_ref()
            .zip(after.as_ref())
            .map(|(before, after)| after.stolen_since(before)),
        smt: line("/sys/devices/system/cpu/smt/active").map(|text| text == "1"),
        quota: line("/sys/fs/cgroup/cpu.max").and_then(|text| quota(&text)),
        allowed_cpus: cfg!(target_os = "linux").then(|| process::allowed_cpus().len()),
        memory: meminfo("MemAvailable"),
        swapping: before
            .zip(after)
            .map(|(before, after)| after.swapped.saturating_sub(before.swapped)),
        aslr: line("/proc/sys/kernel/randomize_va_space").map(|text| text != "0"),
        clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        clock_step_ns,
        clock_cost_ns,
        rustc: toolchain::rustc_version().map_err(brief),
        layout: linker::layout_checkable().map_err(brief),
        valgrind: version("valgrind"),
        counters: cfg!(target_os = "linux")
            .then(|| Path::new("/sys/bus/event_source/devices/cpu").exists()),
        benches: workspace
            .as_ref()
            .map(|workspace| workspace.targets.len())
            .map_err(|error| {
                format!("{error:#}")
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }),
        git: workspace
            .as_ref()
            .ok()
            .map(|workspace| repository(&workspace.root)),
        disk: workspace
            .as_ref()
            .ok()
            .and_then(|workspace| free(&workspace.target_directory)),
        temporary: session::check_temporary().map_err(brief),
    }
}

fn brief(error: anyhow::Error) -> String {
    format!("{error:#}")
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The first line of a small file.
fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

fn turbo() -> Option<bool> {
    let intel = line("/sys/devices/system/cpu/intel_pstate/no_turbo").map(|text| text == "0");
    intel.or_else(|| line("/sys/devices/system/cpu/cpufreq/boost").map(|text| text == "1"))
}

/// Whether the machine runs on battery; `None` without a battery.
fn on_battery() -> Option<bool> {
    let supplies = fs::read_dir("/sys/class/power_supply").ok()?.flatten();
    let states = supplies.filter_map(|supply| {
        let read = |name: &str| line(supply.path().join(name).to_str()?);
        (read("type")? == "Battery").then(|| read("status"))?
    });
    let states: Vec<String> = states.collect();
    (!states.is_empty()).then(|| states.iter().any(|state| state == "Discharging"))
}

/// The number of CPUs in cgroup 2's `cpu.max`: `QUOTA PERIOD` in microseconds, or `max PERIOD`.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    Some(quota / period)
}

fn meminfo(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// System counters that only increase.
struct Counters {
    /// CPU time by kind, in ticks, including steal time.
    ticks: Vec<u64>,
    /// Pages swapped in and out.
    swapped: u64,
}

impl Counters {
    fn read() -> Option<Self> {
        let ticks = line("/proc/stat")?;
        let ticks = ticks.split_whitespace().skip(1);
        let vmstat = fs::read_to_string("/proc/vmstat").ok()?;
        let pages = vmstat.lines().filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            ["pswpin", "pswpout"]
                .contains(&name)
                .then(|| value.parse::<u64>().ok())?
        });
        Some(Self {
            ticks: ticks.filter_map(|ticks| ticks.parse().ok()).collect(),
            swapped: pages.sum(),
        })
    }

    /// Steal time as a fraction of all CPU time since `before`. The fields are those of proc(5): user,
    /// nice, system, idle, iowait, irq, softirq, steal, and guest times, which user includes.
    fn stolen_since(&self, before: &Self) -> f64 {
        const STEAL: usize = 7;
        let spent: Vec<u64> = self
            .ticks
            .iter()
            .zip(&before.ticks)
            .map(|(now, then)| now.saturating_sub(*then))
            .collect();
        let all: u64 = spent.iter().take(STEAL + 1).sum();
        let stolen = spent.get(STEAL).copied().unwrap_or(0);
        stolen as f64 / all.max(1) as f64
    }
}

/// The smallest observed step of the clock, and the cost of a reading, in nanoseconds.
fn clock() -> (f64, f64) {
    const READINGS: u32 = 100_000;
    let started = Instant::now();
    let (mut last, mut step) = (started, Duration::MAX);
    for _ in 0..READINGS {
        let now = Instant::now();
        let since = now - last;
        if !since.is_zero() {
            step = step.min(since);
        }
        last = now;
    }
    let cost = (last - started).as_nanos() as f64 / f64::from(READINGS);
    (step.as_nanos() as f64, cost)
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output
        .status
        .success()
        .then(|| text.lines().next().unwrap_or(program).to_owned())
}

fn repository(root: &Path) -> Git {
    let repo = match git::open(root) {
        Ok(Some(repo)) => repo,
        Ok(None) => return Git::None,
        Err(error) => return Git::Refused(brief(error)),
    };
    match repo.head() {
        Ok(Some(_)) if repo.is_shallow() => Git::Shallow,
        Ok(Some(_)) => Git::Complete,
        Ok(None) => Git::NoCommit,
        Err(error) => Git::Refused(brief(error)),
    }
}

/// Free bytes on the disk of `folder`, or of its nearest existing parent.
fn free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::{Counters, quota};

    #[test]
    fn quotas_of_containers() {
        assert_eq!(quota("max 100000"), None);
        assert_eq!(quota("50000 100000"), Some(0.5));
    }

    #[test]
    fn steal_is_a_share_of_all_time() {
        let counters = |ticks: &[u64]| Counters {
            ticks: ticks.to_vec(),
            swapped: 0,
        };
        let before = counters(&[10, 0, 10, 100, 0, 0, 0, 5, 3, 0]);
        let after = counters(&[20, 0, 20, 170, 0, 0, 0, 15, 13, 0]);
        assert!((after.stolen_since(&before) - 0.1).abs() < 1e-12);
        assert!(before.stolen_since(&before).abs() < 1e-12);
    }
}
