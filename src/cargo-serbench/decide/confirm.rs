//! Confirms or clears each suspect of the screen with fresh blocks, and what looks improved likewise.

use std::cmp::Ordering;

use super::{
    Policy,
    change::{Change, Comparison, Reading},
    reach::smallest_p,
    screen::{self, Screened, Wanted},
    verdict::{DECIDED, z_of},
};
use crate::compare::stats::{LogRatio, normal_quantile, tail_of, two_sided};
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

/// How a benchmark looks in the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Looks {
    Slower,
    Faster,
}

impl Looks {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
        }
    }
}

/// A suspect after its last completed look.
pub(super) struct Suspect<'a> {
    case: Comparison<'a>,
    pub(super) direction: Looks,
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
    /// The fresh change may be below the threshold and is not above it; or it is no clear improvement.
    Cleared,
    /// The fresh change is above the threshold, or below the indifference, at this corrected level.
    Confirmed {
        level: f64,
    },
}

impl<'a> Suspicions<'a> {
    /// Finds the suspects and looks at their fresh blocks.
    pub(super) fn new(cases: &[Comparison<'a>], policy: &Policy) -> Self {
        // A stored run shows by its fresh blocks that the screen is over, even without its budget.
        let confirmed = |case: &Comparison<'a>| case.evidence.count(Phase::Confirm) > 0;
        let over = screen::spent(cases, policy, policy.screen_share) || cases.iter().any(confirmed);
        Self::among(cases, over, policy)
    }

    /// The suspects so far, while the screen goes on.
    pub(super) fn during_screen(cases: &[Comparison<'a>], policy: &Policy) -> Self {
        Self::among(cases, false, policy)
    }

    fn among(cases: &[Comparison<'a>], screen_over: bool, policy: &Policy) -> Self {
        let looks = |case: &Comparison<'a>| match screen::screened(case, policy, screen_over) {
            Screened::Suspect => Some(Looks::Slower),
            Screened::Improved if !case.evidence.improved_by_screen => Some(Looks::Faster),
            Screened::Improved | Screened::Open | Screened::Unchanged => None,
        };
        let suspected: Vec<(Comparison<'a>, Looks)> = cases
            .iter()
            .filter(|case| case.evidence.presence == Presence::Both)
            .filter_map(|case| Some((*case, looks(case)?)))
            .collect();
        let mut suspects: Vec<Suspect<'a>> = suspected
            .iter()
            .map(|(case, looks)| {
                let sharing = suspected
                    .iter()
                    .filter(|(other, _)| case.shares_reference(other));
                Suspect::new(*case, *looks, sharing.count(), policy)
            })
            .collect();
        // Controls must not cost the others power, so each is a family of its own.
        let (family, controls): (Vec<_>, Vec<_>) = suspects
            .iter_mut()
            .partition(|suspect| suspect.is_benchmark());
        // Nor must the slower and the faster ones cost each other power.
        let (mut slower, mut faster): (Vec<_>, Vec<_>) = family
            .into_iter()
            .partition(|suspect| suspect.direction == Looks::Slower);
        holm(&mut slower, policy);
        holm(&mut faster, policy);
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

    /// The fresh blocks that undecided suspects still need. If time is short, those that can be confirmed
    /// soonest get them all: shared out evenly, a small budget could confirm none.
    pub(super) fn wanted(&self, policy: &Policy) -> Wanted<'a> {
        let plans = self.plans(policy);
        let chosen = fitting(&plans, self.seconds_left);
        if !chosen.is_empty() || self.seconds_left <= 0.0 {
            return request(chosen);
        }
        // Costs are only estimates, and there is nothing else to do.
        let fits = |plan: &&Plan<'_, 'a>| plan.suspect.cost(plan.next) <= self.seconds_left;
        request(plans.iter().find(fits).or(plans.first()))
    }

    /// The fresh blocks of suspects that stand so clearly above their threshold that few will confirm them,
    /// within the share of the budget that the screen leaves. Which these are depends on the screen alone, so
    /// confirming them now changes neither who becomes a suspect nor any correction.
    pub(super) fn clear(&self, cases: &[Comparison<'a>], policy: &Policy) -> Wanted<'a> {
        let share = 1.0 - policy.screen_share;
        let seconds = screen::left_of(cases, policy, Phase::Confirm, share).min(self.seconds_left);
        let mut plans = self.plans(policy);
        plans.retain(|plan| {
            let level = policy.clear_suspect_level;
            let soon = plan.expected.is_some_and(|blocks| plan.next <= blocks);
            let slower = plan.suspect.direction == Looks::Slower;
            soon && slower && plan.suspect.excess(level) > 0.0
        });
        request(fitting(&plans, seconds))
    }

    /// What undecided suspects need, slower ones first and of those the ones that can be confirmed soonest.
    fn plans(&self, policy: &Policy) -> Vec<Plan<'_, 'a>> {
        let family = |direction| {
            let all = self.suspects.iter().filter(|it| it.is_benchmark());
            all.filter(|it| it.direction == direction).count()
        };
        let families = [Looks::Slower, Looks::Faster].map(family);
        let open = self.suspects.iter();
        let open = open.filter(|suspect| suspect.finding == Finding::Open);
        let mut plans: Vec<Plan<'_, 'a>> = open
            .filter_map(|suspect| {
                let next = *policy.looks.get(suspect.looks)?;
                let family = match suspect.is_benchmark() {
                    true => families[suspect.direction as usize],
                    false => 1,
                };
                let expected = suspect.expected(family, policy);
                Some(Plan {
                    suspect,
                    next,
                    expected,
                    seconds: suspect.cost(expected.unwrap_or(next).max(next)),
                })
            })
            .collect();
        let excess = |plan: &Plan<'_, 'a>| plan.suspect.excess(policy.suspect_level);
        plans.sort_by(|one, other| {
            let hopeless = |plan: &Plan<'_, 'a>| plan.expected.is_none();
            (one.suspect.direction.cmp(&other.suspect.direction))
                .then(hopeless(one).cmp(&hopeless(other)))
                .then(match hopeless(one) {
                    true => Ordering::Equal,
                    false => one.seconds.total_cmp(&other.seconds),
                })
                .then(excess(other).total_cmp(&excess(one)))
        });
        plans
    }
}

/// What an undecided suspect needs.
struct Plan<'s, 'a> {
    suspect: &'s Suspect<'a>,
    /// The number of fresh blocks at its next look.
    next: usize,
    /// The number that will probably confirm it; `None` if even the last look will probably not.
    expected: Option<usize>,
    /// Seconds until then, or until the next look.
    seconds: f64,
}

/// The first of `plans` that together fit into `seconds`.
fn fitting<'p, 's, 'a>(plans: &'p [Plan<'s, 'a>], mut seconds: f64) -> Vec<&'p Plan<'s, 'a>> {
    let fits = |plan: &&Plan<'s, 'a>| {
        let fits = plan.seconds <= seconds;
        if fits {
            seconds -= plan.seconds;
        }
        fits
    };
    plans.iter().filter(fits).collect()
}

fn request<'p, 's: 'p, 'a: 's>(plans: impl IntoIterator<Item = &'p Plan<'s, 'a>>) -> Wanted<'a> {
    let mut wanted = Wanted::default();
    for Plan { suspect, next, .. } in plans {
        wanted.raise(&suspect.case, Phase::Confirm, *next, suspect.sharing);
    }
    wanted
}

impl<'a> Suspect<'a> {
    /// Evaluates as many fresh blocks as make up a complete look, of the suspect and its reference.
    fn new(case: Comparison<'a>, direction: Looks, sharing: usize, policy: &Policy) -> Self {
        let shared = screen::shared_blocks(sharing);
        // A suspect that is found later and shares the reference must not undo a look.
        let complete = |blocks: &usize| {
            let counts = [Some(case.evidence), case.reference].into_iter().flatten();
            let counts = counts.map(|evidence| evidence.count(Phase::Confirm));
            counts.min().is_some_and(|count| count >= *blocks)
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
            direction,
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

    fn is_benchmark(&self) -> bool {
        self.case.evidence.role == Role::Benchmark
    }

    /// How far its whole interval of `level` was beyond what is tolerated in the screen, on the clock where
    /// that is clearest.
    fn excess(&self, level: f64) -> f64 {
        let excess = self.case.screened().map(|reading| {
            let all = self
                .changes(&reading)
                .map(|change| self.beyond(change, level).0);
            all.fold(f64::NEG_INFINITY, f64::max)
        });
        excess.unwrap_or(f64::NEG_INFINITY)
    }

    /// How far the interval of `level` and the estimate are above the threshold, or below the indifference if it
    /// looks faster.
    fn beyond(&self, change: &Change, level: f64) -> (f64, f64) {
        match self.direction {
            Looks::Slower => {
                let LogRatio { point, lower, .. } = change.slower_at(level);
                let threshold = self.case.threshold();
                (lower - threshold, point - threshold)
            }
            Looks::Faster => {
                let LogRatio { point, upper, .. } = change.faster_at(level);
                let indifference = self.case.indifference();
                (-indifference - upper, -indifference - point)
            }
        }
    }

    /// The changes that can confirm it: wall time alone improves nothing.
    fn changes<'r>(&self, reading: &'r Reading) -> impl Iterator<Item = &'r Change> {
        reading.changes().take(self.tests())
    }

    /// The number of clocks that can confirm it.
    fn tests(&self) -> usize {
        match self.direction {
            Looks::Slower => self.case.clocks(),
            Looks::Faster => 1,
        }
    }

    /// The number of fresh blocks at the look that will confirm it with 80 % probability if the screen's
    /// estimate is right, given `family_size` suspects including this one.
    fn expected(&self, family_size: usize, policy: &Policy) -> Option<usize> {
        let reading = self.case.screened()?;
        let enough = |blocks: &usize| {
            let level = corrected_level(*blocks, self.tests() * family_size, policy);
            let errors = z_of(level) + normal_quantile(DECIDED);
            let probable = |change: &Change| {
                let error = change.error_of_one_block(policy.clear_level);
                let (_, excess) = self.beyond(change, policy.clear_level);
                excess > errors * error / (*blocks as f64).sqrt()
            };
            smallest_p(*blocks) <= tail_of(level) && self.changes(&reading).any(probable)
        };
        policy.looks.iter().copied().find(enough)
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
        self.reading
            .as_ref()
            .is_some_and(|reading| match self.direction {
                Looks::Slower => {
                    let objects = reading.wall_objects(threshold, policy, last);
                    reading.is_below(threshold, policy) && !objects
                }
                Looks::Faster => self.beyond(&reading.judged, policy.clear_level).0 <= 0.0,
            })
    }

    /// Whether it is within its threshold although its improvement was not confirmed. The screen was certain
    /// that it is not slower, so it is enough that fresh blocks don't contradict.
    pub(super) fn is_not_slower(&self, policy: &Policy) -> bool {
        let threshold = self.case.threshold();
        let fresh = self.reading.as_ref();
        let contradicts = fresh.is_some_and(|reading| {
            let above = reading.judged.slower_at(policy.clear_level).upper >= threshold;
            above || reading.wall_objects(threshold, policy, true)
        });
        self.direction == Looks::Faster && !contradicts
    }

    /// The level of the interval that must be beyond what is tolerated, given `family_size` suspects
    /// including this one.
    fn corrected_level(&self, family_size: usize, policy: &Policy) -> f64 {
        let blocks = self
            .looks
            .checked_sub(1)
            .map_or(0, |last| policy.looks[last]);
        corrected_level(blocks, self.tests() * family_size, policy)
    }

    fn is_beyond(&self, level: f64) -> bool {
        let fresh = self.reading.as_ref();
        fresh.is_some_and(|reading| {
            self.changes(reading)
                .any(|change| self.beyond(change, level).0 > 0.0)
        })
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
            if suspect.finding == Finding::Open && suspect.is_beyond(level) {
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
