//! Disturbances of processes during a measurement, from counters in Linux's /proc.

use std::fs;

use serde::{Deserialize, Serialize};

/// Disturbances of some processes and their CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disturbance {
    /// How often the scheduler preempted their main threads.
    pub preemptions: u64,
    /// Page faults that had to read from disk.
    pub major_faults: u64,
    /// Hundredths of a second that the hypervisor gave to others while the CPU had work (steal time).
    pub stolen: u64,
}

impl Disturbance {
    /// The counters so far of `processes` and of `cpu` (all CPUs if `None`); `None` if the system does
    /// not provide them.
    pub fn so_far(processes: &[u32], cpu: Option<usize>) -> Option<Self> {
        let mut sum = Self {
            stolen: stolen(&fs::read_to_string("/proc/stat").ok()?, cpu)?,
            ..Self::default()
        };
        for process in processes {
            let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            sum.preemptions += preemptions(&status)?;
            sum.major_faults += major_faults(&stat)?;
        }
        Some(sum)
    }

    /// The difference since `before`; `None` if there is none.
    pub fn since(self, before: Self) -> Option<Self> {
        (self != before).then_some(Self {
            preemptions: self.preemptions.saturating_sub(before.preemptions),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            stolen: self.stolen.saturating_sub(before.stolen),
        })
    }
}

fn preemptions(status: &str) -> Option<u64> {
    let line = |line: &str| {
        line.strip_prefix("nonvoluntary_ctxt_switches:")?
            .trim()
            .parse()
            .ok()
    };
    status.lines().find_map(line)
}

/// The twelfth field (proc_pid_stat(5)); the second, a name, may contain spaces and brackets.
fn major_faults(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(9)?.parse().ok()
}

/// The eighth number of a CPU's line (proc_stat(5)).
fn stolen(stat: &str, cpu: Option<usize>) -> Option<u64> {
    let name = cpu.map_or_else(|| "cpu".to_owned(), |cpu| format!("cpu{cpu}"));
    let mut lines = stat.lines().map(str::split_whitespace);
    let mut fields = lines.find_map(|mut fields| (fields.next()? == name).then_some(fields))?;
    fields.nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Disturbance, major_faults, preemptions, stolen};

    #[test]
    fn fields_are_those_of_the_manual() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 7 0 1 2 0 0 20 0 1 0 99 1 2";
        assert_eq!(major_faults(stat), Some(7));
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t9\nnonvoluntary_ctxt_switches:\t12\n";
        assert_eq!(preemptions(status), Some(12));
        let stat =
            "cpu  1 2 3 4 5 6 7 88 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\ncpu1 1 2 3 4 5 6 7 80 0 0\n";
        assert_eq!(stolen(stat, Some(1)), Some(80));
        assert_eq!(stolen(stat, None), Some(88));
        assert_eq!(stolen(stat, Some(2)), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_running_process_has_counters() {
        assert!(Disturbance::so_far(&[std::process::id()], None).is_some());
        assert_eq!(Disturbance::so_far(&[0], None), None);
    }
}
