//! Checks that a gate can fail: what the rules can decide with the blocks that the budget allows.

use super::{Policy, change::Comparison, confirm, screen};
use crate::{
    compare::stats::tail_of,
    decide::evidence::{Evidence, Presence, Role},
    run::Phase,
};

/// The seconds that the first blocks of all benchmarks take, including those of their references.
/// `None` before the first block.
pub fn first_verdicts(evidence: &[Evidence], policy: &Policy) -> Option<f64> {
    let cases = Comparison::all(evidence);
    let costs: Vec<f64> = cases
        .iter()
        .filter(|case| case.evidence.presence == Presence::Both)
        .filter_map(|case| {
            let divided = cases
                .iter()
                .filter(|other| other.reference.is_some_and(|it| it.id == case.evidence.id));
            let times = screen::shared_blocks(divided.count()).max(1) * policy.screen_blocks;
            Some(case.evidence.seconds_per_block()? * times as f64)
        })
        .collect();
    (!costs.is_empty()).then(|| costs.iter().sum())
}

/// The seconds that a gate takes to report any single regression: the first blocks of all benchmarks, the
/// confirmation of the most expensive one, and both self-checks on the cheapest, of which the slowed-down
/// one must be confirmed, too. `None` before the first block.
pub fn any_regression(evidence: &[Evidence], policy: &Policy) -> Option<f64> {
    let cases = Comparison::all(evidence);
    let costs = judged(&cases).filter_map(|case| {
        let look = first_possible_look(case.clocks(), policy)?;
        let checks = seconds(case, 2 * policy.screen_blocks + look)?;
        Some((seconds(case, look)?, checks))
    });
    let (looks, checks): (Vec<f64>, Vec<f64>) = costs.unzip();
    let dearest = looks.into_iter().max_by(f64::total_cmp)?;
    let cheapest = checks.into_iter().min_by(f64::total_cmp)?;
    Some(first_verdicts(evidence, policy)? + dearest + cheapest)
}

/// The benchmarks that both commits have.
fn judged<'c, 'a>(cases: &'c [Comparison<'a>]) -> impl Iterator<Item = &'c Comparison<'a>> {
    cases
        .iter()
        .filter(|case| case.evidence.role == Role::Benchmark)
        .filter(|case| case.evidence.presence == Presence::Both)
}

/// The seconds that `blocks` blocks of a benchmark and of its reference take.
fn seconds(case: &Comparison<'_>, blocks: usize) -> Option<f64> {
    let reference = case
        .reference
        .map_or(Some(0.0), Evidence::seconds_per_block)?;
    Some((case.evidence.seconds_per_block()? + reference) * blocks as f64)
}

/// Why no benchmark could have been called `regressed` by time, if so. A gate that can't fail must
/// not pass.
pub fn cannot_fail(evidence: &[Evidence], policy: &Policy) -> Option<String> {
    let cases = Comparison::all(evidence);
    let judged: Vec<&Comparison<'_>> = judged(&cases).collect();
    let tests = judged.iter().map(|case| case.clocks()).min()?;
    let Some(look) = first_possible_look(tests, policy) else {
        let most = policy.looks.last().copied().unwrap_or(0);
        return Some(format!(
            "this policy can never report a regression: {most} blocks reach p = {:.1e}, but it requires {:.1e}",
            smallest_p(most),
            tail_of(confirm::corrected_level(most, tests, policy)),
        ));
    };
    let budget = policy.budget_seconds?;
    let screened: f64 = evidence
        .iter()
        .flat_map(|evidence| &evidence.blocks)
        .filter(|block| block.phase == Phase::Screen)
        .map(|block| block.seconds)
        .sum();
    let confirming = judged
        .iter()
        .filter_map(|case| seconds(case, look))
        .min_by(f64::total_cmp);
    let screenable = judged
        .iter()
        .any(|case| case.evidence.count(Phase::Screen) >= policy.screen_blocks);
    match confirming {
        Some(confirming) if screenable && screened + confirming <= budget => None,
        Some(confirming) => Some(format!(
            "a budget of {budget} s can never report a regression here: the first blocks took \
             {screened:.1} s, and confirming one suspect takes {confirming:.1} s more; raise it \
             with --budget"
        )),
        None => Some(format!(
            "a budget of {budget} s can never report a regression here: it ran out before the first \
             block; raise it with --budget"
        )),
    }
}

/// The smallest number of fresh blocks that can confirm a single suspect.
fn first_possible_look(tests: usize, policy: &Policy) -> Option<usize> {
    let possible = |blocks: &&usize| {
        let level = confirm::corrected_level(**blocks, tests, policy);
        smallest_p(**blocks) <= tail_of(level)
    };
    policy.looks.iter().find(possible).copied()
}

/// The smallest p of a signed-rank test: all blocks on one side.
pub(super) fn smallest_p(blocks: usize) -> f64 {
    0.5_f64.powi(blocks.try_into().unwrap_or(i32::MAX))
}
