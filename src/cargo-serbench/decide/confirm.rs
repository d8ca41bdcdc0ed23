//! Confirms or clears each suspect of the screen with fresh blocks.

use super::{
    Policy,
    change::{Comparison, Reading},
    screen::{self, Screened, Wanted},
};
use crate::compare::stats::two_sided;
use crate::decide::evidence::{Evidence, Presence, Role};
use crate::run::Phase;

/// All suspects of a run.
pub(super) struct Suspicions<'a> {
    suspects: Vec<Suspect<'a>>,
    /// Seconds left to confirm them.
    seconds_left: f64,
    /// Whether the screen is over.
    pub(super) screen_over: bool,
}

/// A suspect after its last completed look.
pub(super) struct Suspect<'a> {
    case: Comparison<'a>,
    /// Suspects that share the reference.
    sharing: usize,
    /// The number of completed looks.
    looks: usize,
    /// The reading of the last completed look.
    pub(super) reading: Option<Reading>,
    pub(super) finding: Finding,
}

/// What confirmation found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    Open,
    /// The fresh change may be below the threshold and is not above it.
    Cleared,
    /// The fresh change is above the threshold at this corrected level.
    Confirmed {
        level: f64,
    },
}

impl<'a> Suspicions<'a> {
    /// Finds the suspects and looks at their fresh blocks.
    pub(super) fn new(cases: &[Comparison<'a>], policy: &Policy) -> Self {
        // Fresh blocks are only requested after the screen, so a stored run shows it even without its budget.
        let confirmed = |case: &Comparison<'a>| case.evidence.count(Phase::Confirm) > 0;
        let screen_over =
            screen::spent(cases, policy, policy.screen_share) || cases.iter().any(confirmed);
        let suspected: Vec<Comparison<'a>> = cases
            .iter()
            .filter(|case| case.evidence.presence == Presence::Both)
            .filter(|case| screen::screened(case, policy, screen_over) == Screened::Suspect)
            .copied()
            .collect();
        let mut suspects: Vec<Suspect<'a>> = suspected
            .iter()
            .map(|case| {
                let sharing = suspected
                    .iter()
                    .filter(|other| case.shares_reference(other));
                Suspect::new(*case, sharing.count(), policy)
            })
            .collect();
        // Controls must not cost the others power, so each is a family of its own.
        let (mut family, controls): (Vec<_>, Vec<_>) = suspects
            .iter_mut()
            .partition(|suspect| suspect.case.evidence.role == Role::Benchmark);
        holm(&mut family, policy);
        for control in controls {
            holm(&mut [control], policy);
        }
        Self {
            suspects,
            seconds_left: screen::left(cases, policy),
            screen_over,
        }
    }

    /// The suspect that this evidence belongs to.
    pub(super) fn of(&self, evidence: &Evidence) -> Option<&Suspect<'a>> {
        self.suspects
            .iter()
            .find(|suspect| suspect.case.evidence.id == evidence.id)
    }

    /// The fresh blocks that undecided suspects still need. If time is short, the slowest-looking
    /// suspects get them all: shared out evenly, a small budget could confirm none.
    pub(super) fn wanted(&self, policy: &Policy) -> Wanted<'a> {
        let mut open: Vec<(&Suspect<'a>, usize)> = self
            .suspects
            .iter()
            .filter(|suspect| suspect.finding == Finding::Open)
            .filter_map(|suspect| Some((suspect, *policy.looks.get(suspect.looks)?)))
            .collect();
        let excess = |suspect: &Suspect<'a>| suspect.excess(policy);
        open.sort_by(|(one, _), (other, _)| excess(other).total_cmp(&excess(one)));
        let mut wanted = Wanted::default();
        let mut left = self.seconds_left;
        for (place, (suspect, blocks)) in open.into_iter().enumerate() {
            let cost = suspect.cost(blocks);
            if left <= 0.0 || (place > 0 && cost > left) {
                break;
            }
            left -= cost;
            wanted.raise(&suspect.case, Phase::Confirm, blocks, suspect.sharing);
        }
        wanted
    }
}

impl<'a> Suspect<'a> {
    /// Evaluates as many fresh blocks as make up a complete look, of the suspect and its reference.
    fn new(case: Comparison<'a>, sharing: usize, policy: &Policy) -> Self {
        let shared = screen::shared_blocks(sharing);
        let complete = |blocks: &usize| {
            case.evidence.count(Phase::Confirm) >= *blocks
                && case
                    .reference
                    .is_none_or(|reference| reference.count(Phase::Confirm) >= blocks * shared)
        };
        let looks = policy
            .looks
            .iter()
            .take_while(|look| complete(look))
            .count();
        let last = looks.checked_sub(1).map(|last| policy.looks[last]);
        // Only the blocks of this look: how many more the reference has depends on other suspects.
        let reading = last.and_then(|blocks| case.reading(Phase::Confirm, blocks, blocks * shared));
        let mut suspect = Self {
            case,
            sharing,
            looks,
            reading,
            finding: Finding::Open,
        };
        if suspect.is_cleared(policy) {
            suspect.finding = Finding::Cleared;
        }
        suspect
    }

    /// How far it certainly was above its threshold in the screen, on the clock where that is clearest.
    fn excess(&self, policy: &Policy) -> f64 {
        let lower = self.case.screened().map(|reading| {
            let changes = [Some(&reading.judged), reading.wall_check.as_ref()];
            let changes = changes.into_iter().flatten();
            let lowest = changes.map(|change| change.slower_at(policy.suspect_level).lower);
            lowest.fold(f64::NEG_INFINITY, f64::max)
        });
        lower.unwrap_or(f64::NEG_INFINITY) - self.case.threshold()
    }

    /// The seconds needed to reach this many fresh blocks, including its share of the reference's
    /// blocks.
    fn cost(&self, blocks: usize) -> f64 {
        let of = |evidence: &Evidence, blocks: usize| {
            let missing = blocks.saturating_sub(evidence.count(Phase::Confirm));
            missing as f64 * evidence.seconds_per_block().unwrap_or(0.0)
        };
        let shared = blocks * screen::shared_blocks(self.sharing);
        let reference = self.case.reference.map_or(0.0, |it| of(it, shared));
        of(self.case.evidence, blocks) + reference / self.sharing.max(1) as f64
    }

    fn is_cleared(&self, policy: &Policy) -> bool {
        let last = self.looks == policy.looks.len();
        let threshold = self.case.threshold();
        self.reading.as_ref().is_some_and(|reading| {
            reading.is_below(threshold, policy) && !reading.wall_objects(threshold, policy, last)
        })
    }

    /// The level of the interval that must be above the threshold, given `family_size` suspects
    /// including this one.
    fn corrected_level(&self, family_size: usize, policy: &Policy) -> f64 {
        let blocks = self
            .looks
            .checked_sub(1)
            .map_or(0, |last| policy.looks[last]);
        corrected_level(blocks, self.case.clocks() * family_size, policy)
    }

    fn is_above(&self, level: f64) -> bool {
        let threshold = self.case.threshold();
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.above(threshold, level).is_some())
    }
}

/// The level of the interval for one of `tests` tests, looked at after `blocks` blocks. The family's
/// error probability is split evenly over the tests, and over the looks in proportion to their
/// number of blocks, so that most of it is left for the last look.
pub(super) fn corrected_level(blocks: usize, tests: usize, policy: &Policy) -> f64 {
    let all: usize = policy.looks.iter().sum();
    let share = blocks as f64 / all as f64;
    two_sided(policy.family_alpha * share / tests as f64)
}

/// Confirms a family of suspects (Holm 1979): each confirmed suspect relaxes the test
/// for the rest.
fn holm(family: &mut [&mut Suspect<'_>], policy: &Policy) {
    let mut family_size = family.len();
    loop {
        let mut found = 0;
        for suspect in family.iter_mut() {
            let level = suspect.corrected_level(family_size, policy);
            if suspect.finding == Finding::Open && suspect.is_above(level) {
                suspect.finding = Finding::Confirmed { level };
                found += 1;
            }
        }
        family_size -= found;
        if found == 0 || family_size == 0 {
            return;
        }
    }
}
