//! What the facts about a machine mean for verdicts, and how to improve them.

use serde::Serialize;

use super::facts::{Facts, Git};

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Pass,
    /// Verdicts stay correct, but take longer or are less certain.
    Warn,
    /// Measuring is impossible.
    Fail,
}

/// One line of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    pub found: String,
    /// How to fix it.
    pub advice: Option<&'static str>,
}

fn pass(name: &'static str, found: impl Into<String>) -> Check {
    let found = found.into();
    Check {
        name,
        state: State::Pass,
        found,
        advice: None,
    }
}

fn warn(name: &'static str, found: impl Into<String>, advice: &'static str) -> Check {
    let found = found.into();
    Check {
        name,
        state: State::Warn,
        found,
        advice: Some(advice),
    }
}

fn fail(name: &'static str, found: impl Into<String>, advice: &'static str) -> Check {
    Check {
        state: State::Fail,
        ..warn(name, found, advice)
    }
}

/// All checks, the machine first. Facts that are unknown have no line.
pub fn checks(facts: &Facts) -> Vec<Check> {
    let machine = [
        governor(facts),
        turbo(facts),
        power(facts),
        load(facts),
        steal(facts),
        siblings(facts),
        quota(facts),
        pinning(facts),
        memory(facts),
        swap(facts),
        aslr(facts),
        clock(facts),
    ];
    let tools = [
        Some(toolchain(facts)),
        Some(linker(facts)),
        Some(valgrind(facts)),
        counters(facts),
    ];
    let project = [
        Some(workspace(facts)),
        git(facts),
        disk(facts),
        Some(temporary(facts)),
    ];
    machine
        .into_iter()
        .chain(tools)
        .chain(project)
        .flatten()
        .collect()
}

fn governor(facts: &Facts) -> Option<Check> {
    const NAME: &str = "CPU governor";
    Some(match facts.governor.as_deref()? {
        governor @ ("performance" | "schedutil" | "powersave") if governor != "powersave" => {
            pass(NAME, governor)
        }
        other => warn(
            NAME,
            other,
            "the clock rate depends on the load, so more blocks are needed; `sudo cpupower frequency-set -g performance` fixes it",
        ),
    })
}

fn turbo(facts: &Facts) -> Option<Check> {
    Some(match facts.turbo? {
        false => pass("turbo", "off"),
        true => pass(
            "turbo",
            "on; both programs of a pair run within milliseconds of each other",
        ),
    })
}

fn power(facts: &Facts) -> Option<Check> {
    Some(match facts.on_battery? {
        false => pass("power", "mains"),
        true => warn(
            "power",
            "battery",
            "plug it in: on battery the clock rate varies",
        ),
    })
}

/// A higher load per CPU means more blocks.
const BUSY: f64 = 0.75;

fn load(facts: &Facts) -> Option<Check> {
    let (load, cpus) = (facts.load?, facts.cpus);
    let found = format!("{load:.1} on {cpus} CPUs");
    Some(match load < BUSY * cpus as f64 {
        true => pass("load", found),
        false => warn(
            "load",
            found,
            "other programs are busy; verdicts stay right, but need more blocks",
        ),
    })
}

fn steal(facts: &Facts) -> Option<Check> {
    let steal = facts.steal?;
    let found = format!(
        "{:.1} % of CPU time goes to other virtual machines",
        100.0 * steal
    );
    Some(match steal < 0.02 {
        true => pass("steal", found),
        false => warn(
            "steal",
            found,
            "other virtual machines use the CPU; expect more blocks, or use another host",
        ),
    })
}

fn siblings(facts: &Facts) -> Option<Check> {
    Some(match facts.smt? {
        false => pass("SMT", "off"),
        true => pass(
            "SMT",
            "on; both programs of a pair share one logical CPU and its neighbour",
        ),
    })
}

fn quota(facts: &Facts) -> Option<Check> {
    let quota = facts.quota?;
    let found = format!("{quota:.2} CPUs");
    Some(match quota >= 1.0 {
        true => pass("CPU quota", found),
        false => warn(
            "CPU quota",
            found,
            "the container pauses programs many times a second; raise its CPU limit to 1 or more",
        ),
    })
}

fn pinning(facts: &Facts) -> Option<Check> {
    let allowed = facts.allowed_cpus?;
    Some(match allowed {
        0 => warn(
            "pinning",
            "not possible",
            "programs may move between CPUs; expect more blocks",
        ),
        _ => pass(
            "pinning",
            format!("{allowed} of {} CPUs may be used", facts.cpus.max(allowed)),
        ),
    })
}

const GIB: u64 = 1 << 30;

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB as f64)
}

fn memory(facts: &Facts) -> Option<Check> {
    let available = facts.memory?;
    let found = format!("{} available", gib(available));
    Some(match available {
        0..GIB => warn(
            "memory",
            found,
            "builds with LTO need 1 to 2 GiB; close programs or add memory",
        ),
        _ => pass("memory", found),
    })
}

fn swap(facts: &Facts) -> Option<Check> {
    Some(match facts.swapping? {
        0 => pass("swap", "idle"),
        pages => warn(
            "swap",
            format!("{pages} pages in the last half second"),
            "the machine swaps: free memory first",
        ),
    })
}

fn aslr(facts: &Facts) -> Option<Check> {
    Some(match facts.aslr? {
        false => warn(
            "ASLR",
            "off",
            "every process gets the same addresses, so restarting does not average them out; `sudo sysctl kernel.randomize_va_space=2`",
        ),
        true => pass("ASLR", "on"),
    })
}

fn clock(facts: &Facts) -> Option<Check> {
    let (cost, step) = (facts.clock_cost_ns, facts.clock_step_ns);
    let source = facts.clock_source.as_deref().unwrap_or("unknown source");
    let found = format!("{source}, {step:.0} ns resolution, {cost:.0} ns per reading");
    Some(match cost < 200.0 && step < 1000.0 {
        true => pass("clock", found),
        false => warn(
            "clock",
            found,
            "reading the clock is slow; use the clock source tsc if available (/sys/devices/system/clocksource)",
        ),
    })
}

fn toolchain(facts: &Facts) -> Check {
    match &facts.rustc {
        Ok(version) => pass("toolchain", version),
        Err(error) => fail("toolchain", error, "install Rust from https://rustup.rs"),
    }
}

fn linker(facts: &Facts) -> Check {
    match &facts.layout {
        Ok(()) => pass(
            "linker",
            "rust-lld; executables are linked in several orders",
        ),
        Err(reason) => warn(
            "linker",
            format!("layout not checked: {reason}"),
            "code that merely moved can look 2 to 20 % slower; use the toolchain's own linker on x86-64 Linux",
        ),
    }
}

fn valgrind(facts: &Facts) -> Check {
    match &facts.valgrind {
        Some(version) => pass("valgrind", version),
        None => warn(
            "valgrind",
            "not found",
            "`explain` counts instructions with it; install the package `valgrind`",
        ),
    }
}

fn counters(facts: &Facts) -> Option<Check> {
    Some(match facts.counters? {
        true => pass("hardware counters", "available; not needed"),
        false => pass("hardware counters", "not available; not needed"),
    })
}

fn workspace(facts: &Facts) -> Check {
    match &facts.benches {
        Ok(0) => fail(
            "benches",
            "none here",
            "`cargo serbench init` writes one; `-p PACKAGE` selects another package",
        ),
        Ok(count) => pass("benches", shell_count(*count)),
        Err(error) => fail(
            "benches",
            error,
            "run it in a cargo workspace, or pass --manifest-path",
        ),
    }
}

fn shell_count(count: usize) -> String {
    crate::shell::count(count, "bench target")
}

fn git(facts: &Facts) -> Option<Check> {
    const NAME: &str = "git";
    Some(match facts.git.as_ref()? {
        Git::None => fail(
            NAME,
            "no repository",
            "comparing commits needs one: `git init`",
        ),
        Git::Refused(error) => fail(
            NAME,
            error,
            "`git config --global --add safe.directory FOLDER` if you own the folder",
        ),
        Git::NoCommit => fail(
            NAME,
            "no commit yet",
            "commit first: a gate compares with a commit",
        ),
        Git::Shallow => warn(
            NAME,
            "shallow clone",
            "the baseline may be missing; `git fetch --unshallow`",
        ),
        Git::Complete => pass(NAME, "complete clone"),
    })
}

fn disk(facts: &Facts) -> Option<Check> {
    let free = facts.disk?;
    let found = format!("{} free for target/", gib(free));
    Some(if free < GIB {
        fail(
            "disk",
            found,
            "two builds need 1 to 4 GiB; `cargo clean` or set CARGO_TARGET_DIR",
        )
    } else if free < 4 * GIB {
        warn("disk", found, "two builds need 1 to 4 GiB")
    } else {
        pass("disk", found)
    })
}

fn temporary(facts: &Facts) -> Check {
    match &facts.temporary {
        Ok(()) => pass("temporary folder", "writable"),
        Err(error) => fail("temporary folder", error, "set TMPDIR to a writable folder"),
    }
}

/// The checks, one per line, with advice below those that did not pass.
pub fn text(checks: &[Check]) -> String {
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let (word, style) = match check.state {
            State::Pass => ("pass", crate::shell::GOOD),
            State::Warn => ("warn", crate::shell::WARN),
            State::Fail => ("fail", crate::shell::BAD),
        };
        text += &format!(
            "{style}{word}{style:#}  {:width$}  {}\n",
            check.name, check.found
        );
        if let Some(advice) = check.advice {
            text += &format!("      {:width$}  {advice}\n", "");
        }
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    text + &format!(
        "\n{} passed, {} warned, {} failed\n",
        count(State::Pass),
        count(State::Warn),
        count(State::Fail)
    )
}

#[cfg(test)]
mod tests {
    use super::{
        super::facts::{Facts, Git},
        State, checks, text,
    };

    fn sound() -> Facts {
        Facts {
            cpus: 4,
            governor: Some("performance".to_owned()),
            turbo: Some(false),
            on_battery: Some(false),
            load: Some(0.3),
            steal: Some(0.0),
            smt: Some(false),
            quota: None,
            allowed_cpus: Some(4),
            memory: Some(8 << 30),
            swapping: Some(0),
            aslr: Some(true),
            clock_source: Some("tsc".to_owned()),
            clock_step_ns: 10.0,
            clock_cost_ns: 25.0,
            rustc: Ok("rustc 1.95.0".to_owned()),
            layout: Ok(()),
            valgrind: Some("valgrind-3.19.0".to_owned()),
            counters: Some(false),
            benches: Ok(6),
            git: Some(Git::Complete),
            disk: Some(80 << 30),
            temporary: Ok(()),
        }
    }

    fn states(facts: &Facts) -> Vec<(&'static str, State)> {
        let checks = checks(facts).into_iter();
        checks
            .filter(|check| check.state != State::Pass)
            .map(|check| (check.name, check.state))
            .collect()
    }

    #[test]
    fn a_sound_machine_passes() {
        assert_eq!(states(&sound()), []);
    }

    #[test]
    fn every_fault_has_advice() {
        let faulty = Facts {
            governor: Some("powersave".to_owned()),
            on_battery: Some(true),
            load: Some(9.0),
            steal: Some(0.2),
            quota: Some(0.5),
            allowed_cpus: Some(0),
            memory: Some(1 << 20),
            swapping: Some(7),
            aslr: Some(false),
            clock_cost_ns: 900.0,
            rustc: Err("run rustc: not found".to_owned()),
            layout: Err("another linker was chosen".to_owned()),
            valgrind: None,
            benches: Ok(0),
            git: Some(Git::None),
            disk: Some(1),
            temporary: Err("read-only".to_owned()),
            ..sound()
        };
        let checks = checks(&faulty);
        assert!(
            checks
                .iter()
                .all(|check| (check.state == State::Pass) == check.advice.is_none())
        );
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&checks)).to_string());
    }

    #[test]
    fn an_unknown_fact_has_no_line() {
        let unknown = Facts {
            governor: None,
            turbo: None,
            steal: None,
            git: None,
            ..sound()
        };
        let lines = checks(&unknown);
        assert!(
            !lines
                .iter()
                .any(|check| ["CPU governor", "turbo", "steal", "git"].contains(&check.name))
        );
    }
}
