//! Chooses how many operations a slice of each arm runs, once for all blocks.

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
    pub fn settle(&mut self, mut warmed: Vec<(&Arm, Warmed)>) {
        warmed.sort_by(|(_, one), (_, other)| other.operation_ns.total_cmp(&one.operation_ns));
        for (arm, own) in warmed {
            if self.of(arm).is_some() {
                continue;
            }
            let other_side = match arm.side {
                Side::Baseline => Side::Candidate,
                Side::Candidate => Side::Baseline,
            };
            let other = self.0.get(&(other_side, arm.id.clone()));
            let filling = match other {
                Some(other) if are_alike(other.operation_ns, own.operation_ns) => other.filling,
                Some(_) | None => own.filling,
            };
            self.0.insert(key(arm), Warmed { filling, ..own });
        }
    }
}

fn key(arm: &Arm) -> (Side, BenchId) {
    (arm.side, arm.id.clone())
}

fn are_alike(one_ns: f64, other_ns: f64) -> bool {
    one_ns.max(other_ns) <= ALIKE * one_ns.min(other_ns)
}

/// Batches long enough that reading the clock takes less than 1 % of the time, and enough of them to
/// fill the slice.
pub fn filling(operation_ns: f64, slice: Duration) -> Batches {
    const BATCH_NS: f64 = 5_000.0;
    let size = (BATCH_NS / operation_ns.max(0.1)).ceil().max(1.0);
    let batches = (slice.as_nanos() as f64 / (size * operation_ns.max(0.1)))
        .round()
        .max(1.0);
    Batches {
        batches: batches as u64,
        size: size as u64,
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
            assert_eq!(filling(operation_ns, SLICE), expected, "{operation_ns}");
        };
        check(75.0, 299, 67);
        check(5_000.0, 300, 1);
        check(100_000.0, 15, 1);
        check(1e9, 1, 1);
        check(0.0, 300, 50_000);
    }

    /// The work in a slice of baseline and candidate, for these times per operation.
    fn settled(times: [f64; 2]) -> [Batches; 2] {
        let arms = [Side::Baseline, Side::Candidate].map(|side| Arm {
            side,
            id: "a".into(),
            slowdown: 0.0,
        });
        let warmed = |at: usize| {
            let (operation_ns, filling) = (times[at], filling(times[at], SLICE));
            let warmed = Warmed {
                operation_ns,
                filling,
            };
            (&arms[at], warmed)
        };
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
    fn the_slower_commit_chooses_for_both() {
        assert_eq!(settled([1000.0, 2000.0]), [filling(2000.0, SLICE); 2]);
        assert_eq!(settled([2000.0, 1000.0]), [filling(2000.0, SLICE); 2]);
    }

    #[test]
    fn far_slower_code_does_not_fill_seconds() {
        let [baseline, candidate] = settled([1000.0, 1e9]);
        assert_eq!(baseline, filling(1000.0, SLICE));
        assert_eq!(candidate, filling(1e9, SLICE));
    }
}
