//! Peaks of the heap that can't be compared.

use crate::{
    run::{Benchmark, Run, Verification},
    shell,
};

/// Notes that a peak known at only one commit is not compared.
pub fn note_lone(run: &mut Run) {
    let lone = run.benchmarks.values().filter(|it| has_lone_peak(it));
    let lone = lone.count();
    if lone > 0 {
        let count = shell::count(lone, "benchmark");
        let note = format!(
            "peak heap of {count} not compared: divan prints it at only one of the commits"
        );
        shell::hint(&note);
        run.notes.push(note);
    }
}

fn has_lone_peak(benchmark: &Benchmark) -> bool {
    let peak = |verification: &Option<Verification>| {
        let memory = verification.as_ref()?.memory?;
        Some(memory.peak.is_some())
    };
    let peaks = (peak(&benchmark.baseline), peak(&benchmark.candidate));
    matches!(peaks, (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::has_lone_peak;
    use crate::run::{Benchmark, Memory, Verification};

    #[test]
    fn a_peak_at_one_commit_is_lone() {
        let verified = |memory: Option<Option<u64>>| {
            let memory = memory.map(|peak| Memory {
                peak,
                bytes: 100,
                allocations: 1,
                repeatable: true,
            });
            let unseen = Verification::unseen("");
            Some(Verification { memory, ..unseen })
        };
        let lone = |baseline, candidate| {
            has_lone_peak(&Benchmark {
                baseline: verified(baseline),
                candidate: verified(candidate),
                ..Benchmark::default()
            })
        };
        assert!(lone(Some(None), Some(Some(100))));
        assert!(lone(Some(Some(100)), Some(None)));
        assert!(!lone(Some(Some(100)), Some(Some(0))));
        assert!(!lone(Some(None), Some(None)));
        // Without the counts of one commit, nothing is compared.
        assert!(!lone(None, Some(Some(100))));
    }
}
