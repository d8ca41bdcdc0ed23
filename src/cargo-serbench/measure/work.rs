//! Chooses how many operations a slice of each arm runs, the same in all blocks.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    run::{Arm, Side},
    select::BenchId,
};

/// The work in one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Timed batches.
    pub batches: u64,
    /// Operations per batch.
    pub size: u64,
}

/// The operations of an arm, measured during warm-up.
#[derive(Clone, Copy, Debug)]
pub struct Warmed {
    pub operation_ns: f64,
    /// The work that fills a slice of this arm.
    pub filling: Batches,
}

/// Up to this ratio of their times, both commits run the same number of operations. Beyond it, a full
/// slice of one would take seconds of the other, and no effect of the batch size explains such a ratio.
const ALIKE: f64 = 4.0;

/// The work in a slice, by arm.
#[derive(Debug, Default)]
pub struct Work(BTreeMap<(Side, BenchId), Warmed>);

impl Work {
    pub fn of(&self, arm: &Arm) -> Option<Batches> {
        self.0.get(&key(arm)).map(|warmed| warmed.filling)
    }

    /// Sets the work of arms that have none yet. The slowest commit decides, so that no slice is too long.
    /// Called for each block: if a busy machine made one commit look far slower in an earlier one, both
    /// get the same work from now on. Different work is a different cost per operation.
    pub fn settle(&mut self, mut warmed: Vec<(&Arm, Warmed)>) {
        warmed.sort_by(|(_, one), (_, other)| other.operation_ns.total_cmp(&one.operation_ns));
        for (arm, own) in &warmed {
            if let Some(known) = self.0.get_mut(&key(arm)) {
                known.operation_ns = known.operation_ns.min(own.operation_ns);
            }
        }
        for (arm, own) in warmed {
            let known = self.0.get(&key(arm)).copied();
            let operation_ns = known.unwrap_or(own).operation_ns;
            let other = self.0.get_mut(&other_side(arm));
            let other = other.filter(|it| are_alike(it.operation_ns, operation_ns));
            let filling = match (known, other) {
                (Some(known), Some(other)) if known.filling != other.filling => {
                    other.filling = own.filling;
                    own.filling
                }
                (Some(known), _) => known.filling,
                (None, Some(other)) => other.filling,
                (None, None) => own.filling,
            };
            let settled = Warmed {
                operation_ns,
                filling,
            };
            self.0.insert(key(arm), settled);
        }
    }
}

fn other_side(arm: &Arm) -> (Side, BenchId) {
    let side = match arm.side {
        Side::Baseline => Side::Candidate,
        Side::Candidate => Side::Baseline,
    };
    (side, arm.id.clone())
}

fn key(arm: &Arm) -> (Side, BenchId) {
    (arm.side, arm.id.clone())
}

fn are_alike(one_ns: f64, other_ns: f64) -> bool {
    one_ns.max(other_ns) <= ALIKE * one_ns.min(other_ns)
}

/// Enough batches to fill the slice, of the `size` that the worker in divan chose as divan would, otherwise so
/// long that reading the clock takes less than 1 % of the time.
pub fn filling(operation_ns: f64, size: Option<u64>, slice: Duration) -> Batches {
    const BATCH_NS: f64 = 5_000.0;
    /// About the time to read the clock twice.
    const SHORTEST_NS: f64 = 50.0;
    let operation_ns = operation_ns.max(0.1);
    let size = size.unwrap_or((BATCH_NS / operation_ns).ceil() as u64);
    let size = size.max(1);
    let batch_ns = (size as f64 * operation_ns).max(SHORTEST_NS);
    let batches = (slice.as_nanos() as f64 / batch_ns).round().max(1.0);
    Batches {
        batches: batches as u64,
        size,
    }
}

#[cfg(test)]
mod tests {
    use super::{Batches, Warmed, Work, filling};
    use crate::run::{Arm, Side};
    use std::time::Duration;

    const SLICE: Duration = Duration::from_micros(1500);

    #[test]
    fn slices_are_filled() {
        let check = |operation_ns: f64, batches, size| {
            let expected = Batches { batches, size };
            assert_eq!(
                filling(operation_ns, None, SLICE),
                expected,
                "{operation_ns}"
            );
        };
        check(75.0, 299, 67);
        check(5_000.0, 300, 1);
        check(100_000.0, 15, 1);
        check(1e9, 1, 1);
        check(0.0, 300, 50_000);
    }

    #[test]
    fn workers_in_divan_choose_the_size() {
        let check = |operation_ns: f64, size, batches| {
            let expected = Batches { batches, size };
            let filled = filling(operation_ns, Some(size), SLICE);
            assert_eq!(filled, expected, "{operation_ns}");
        };
        check(75.0, 32, 625);
        check(5_000.0, 1, 300);
        check(5_000.0, 1000, 1);
        check(0.5, 1, 30_000);
    }

    fn arms() -> [Arm; 2] {
        [Side::Baseline, Side::Candidate].map(|side| Arm {
            side,
            id: "a".into(),
            slowdown: 0.0,
        })
    }

    fn warmed(arm: &Arm, operation_ns: f64) -> (&Arm, Warmed) {
        let filling = filling(operation_ns, None, SLICE);
        let warmed = Warmed {
            operation_ns,
            filling,
        };
        (arm, warmed)
    }

    /// The work in a slice of baseline and candidate, for these times per operation.
    fn settled(times: [f64; 2]) -> [Batches; 2] {
        let arms = arms();
        let warmed = |at: usize| warmed(&arms[at], times[at]);
        let (mut together, mut apart) = (Work::default(), Work::default());
        together.settle(vec![warmed(0), warmed(1)]);
        apart.settle(vec![warmed(1)]);
        apart.settle(vec![warmed(0)]);
        if times[0] <= times[1] {
            assert_eq!(together.of(&arms[0]), apart.of(&arms[0]));
        }
        [0, 1].map(|at| together.of(&arms[at]).unwrap())
    }

    #[test]
    fn a_disturbed_first_block_does_not_decide_for_all() {
        let [baseline, candidate] = &arms();
        for disturbed in [[11_000.0, 50_000.0], [50_000.0, 11_000.0]] {
            let mut work = Work::default();
            let block =
                |times: [f64; 2]| vec![warmed(baseline, times[0]), warmed(candidate, times[1])];
            let both = |work: &Work| [baseline, candidate].map(|arm| work.of(arm).unwrap());
            work.settle(block(disturbed));
            assert_eq!(
                both(&work),
                disturbed.map(|time| filling(time, None, SLICE))
            );
            work.settle(block([11_000.0, 11_500.0]));
            assert_eq!(both(&work), [filling(11_500.0, None, SLICE); 2]);
            // From then on nothing changes.
            work.settle(block([60_000.0, 11_000.0]));
            assert_eq!(both(&work), [filling(11_500.0, None, SLICE); 2]);
        }
    }

    #[test]
    fn the_slower_commit_chooses_for_both() {
        assert_eq!(settled([1000.0, 2000.0]), [filling(2000.0, None, SLICE); 2]);
        assert_eq!(settled([2000.0, 1000.0]), [filling(2000.0, None, SLICE); 2]);
    }

    #[test]
    fn far_slower_code_does_not_fill_seconds() {
        let [baseline, candidate] = settled([1000.0, 1e9]);
        assert_eq!(baseline, filling(1000.0, None, SLICE));
        assert_eq!(candidate, filling(1e9, None, SLICE));
    }
}
