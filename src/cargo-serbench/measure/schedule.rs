//! Schedules which arms are measured together.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    compare::stats,
    decide::Request,
    decide::evidence::{Evidence, Presence, Role, control_id},
    run::{Arm, Benchmark, Phase, Run, Side, Verification},
    select::BenchId,
};

/// Blocks to measure with the same arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub phase: Phase,
    pub arms: Vec<Arm>,
    pub blocks: usize,
}

/// For one commit: each encoder paired with its reference; benchmarks without a reference alone.
pub fn beside_references(run: &Run, blocks: usize) -> Vec<Job> {
    let works = |id: &BenchId| works(&run.benchmarks, id, Side::Candidate);
    let arm = |id: &BenchId| arm(Side::Candidate, id, 0.0);
    let referenced: BTreeSet<&BenchId> = run
        .benchmarks
        .iter()
        .filter(|(id, _)| works(id))
        .filter_map(|(_, benchmark)| benchmark.reference.as_ref())
        .collect();
    run.benchmarks
        .iter()
        .filter(|(id, _)| works(id))
        .filter_map(|(id, benchmark)| match &benchmark.reference {
            Some(reference) if works(reference) => Some(vec![arm(reference), arm(id)]),
            // Measured in the pairs of others.
            None if referenced.contains(id) => None,
            Some(_) | None => Some(vec![arm(id)]),
        })
        .map(|arms| Job {
            phase: Phase::Screen,
            arms,
            blocks,
        })
        .collect()
}

/// Work grouped by array, in the order in which to measure. `first` ranks data types, as ids write
/// them.
pub fn by_case(work: Vec<Job>, first: impl Fn(&str) -> usize) -> Vec<(BenchId, Vec<Job>)> {
    let mut cases: Vec<(BenchId, Vec<Job>)> = Vec::new();
    for job in work {
        let id = &job.arms[job.arms.len() - 1].id;
        let key = |id: &BenchId| (id.qualified_suite().to_owned(), id.case().to_owned());
        match cases.iter_mut().find(|(known, _)| key(known) == key(id)) {
            Some((_, jobs)) => jobs.push(job),
            None => cases.push((id.clone(), vec![job])),
        }
    }
    let rank = |id: &BenchId| id.case().split("::").map(&first).min();
    cases.sort_by_cached_key(|(id, _)| (id.qualified_suite().to_owned(), rank(id)));
    cases
}

/// Whether trials slow down `id`: not references, which would hide the slowdown.
pub fn is_slowable(run: &Run, id: &BenchId) -> bool {
    let mut references = run.benchmarks.values().map(|it| &it.reference);
    !references.any(|reference| reference.as_ref() == Some(id))
}

/// The arms of everything that a gate may request, by name. The positive control is slowed down by twice
/// `threshold`; `injected` slows down all candidates except references, in
/// trials.
pub fn between_commits(
    run: &Run,
    threshold: impl Fn(&str) -> f64,
    injected: f64,
) -> BTreeMap<BenchId, Vec<Arm>> {
    let mut arms = BTreeMap::new();
    for (id, benchmark) in &run.benchmarks {
        let in_baseline = works(&run.benchmarks, id, Side::Baseline);
        if let (false, Some(reference)) = (in_baseline, &benchmark.reference) {
            // Only compared with the reference, for a limit.
            arms.insert(id.clone(), versus_reference(reference, id));
            continue;
        }
        let slowdown = if is_slowable(run, id) { injected } else { 0.0 };
        arms.insert(
            id.clone(),
            vec![
                arm(Side::Baseline, id, 0.0),
                arm(Side::Candidate, id, slowdown),
            ],
        );
    }
    if let Some(id) = &run.self_check {
        for (role, slowdown) in [
            (Role::NullControl, 0.0),
            (Role::PositiveControl, 2.0 * threshold(id)),
        ] {
            let pair = vec![
                arm(Side::Candidate, id, 0.0),
                arm(Side::Candidate, id, slowdown),
            ];
            arms.insert(control_id(id, role), pair);
        }
    }
    arms
}

/// The requests of a decision as jobs. Benchmarks with a limit are measured against their reference as often.
pub fn requested(
    run: &Run,
    requests: &[Request],
    arms: &BTreeMap<BenchId, Vec<Arm>>,
    limited: impl Fn(&str) -> bool,
) -> Vec<Job> {
    let mut all = Vec::new();
    for Request { id, phase, blocks } in requests {
        let work = |arms| Job {
            phase: *phase,
            arms,
            blocks: *blocks,
        };
        all.push(work(arms[id].clone()));
        let reference = run
            .benchmarks
            .get(id)
            .and_then(|benchmark| benchmark.reference.as_ref());
        if let Some(reference) = reference
            && limited(id)
            && works(&run.benchmarks, reference, Side::Candidate)
            && arms[id][0].side == Side::Baseline
        {
            all.push(work(versus_reference(reference, id)));
        }
    }
    all
}

/// The arms of an encoder and its reference at the candidate.
fn versus_reference(reference: &BenchId, id: &BenchId) -> Vec<Arm> {
    vec![
        arm(Side::Candidate, reference, 0.0),
        arm(Side::Candidate, id, 0.0),
    ]
}

/// The measured benchmarks whose blocks cost no more than the median: a self-check
/// should not use up the budget.
pub fn cheap(evidence: &[Evidence]) -> Vec<BenchId> {
    let costs: Vec<(f64, &BenchId)> = evidence
        .iter()
        .filter(|evidence| evidence.presence == Presence::Both)
        .filter_map(|evidence| Some((evidence.seconds_per_block()?, &evidence.id)))
        .collect();
    let seconds: Vec<f64> = costs.iter().map(|(seconds, _)| *seconds).collect();
    if seconds.is_empty() {
        return Vec::new();
    }
    let most = 1.5 * stats::median(&seconds);
    let cheap = costs.into_iter().filter(|(seconds, _)| *seconds <= most);
    cheap.map(|(_, id)| id.clone()).collect()
}

/// The benchmark for the self-check, chosen by `seed`: a worker if one is measured, if possible one that
/// does not wait, which could not be slowed down by a known amount; `None` if nothing is measured.
pub fn self_check(run: &Run, measured: &[BenchId], seed: u64) -> Option<BenchId> {
    let verification = |id: &BenchId| run.benchmarks.get(id)?.candidate.as_ref();
    let those = |wanted: fn(&Verification) -> bool| -> Vec<&BenchId> {
        let ids = measured.iter();
        ids.filter(|id| verification(id).is_some_and(wanted))
            .collect()
    };
    let choices = [those(Verification::has_cpu_latency), those(|it| it.native)];
    let choice = choices.into_iter().find(|choice| !choice.is_empty());
    let choice = choice.unwrap_or_else(|| measured.iter().collect());
    let index = seed.checked_rem(choice.len() as u64)?;
    Some(choice[index as usize].clone())
}

fn works(benchmarks: &BTreeMap<BenchId, Benchmark>, id: &BenchId, side: Side) -> bool {
    let verification = benchmarks.get(id).and_then(|benchmark| benchmark.at(side));
    verification.is_some_and(|verification| verification.is_measurable())
}

fn arm(side: Side, id: &BenchId, slowdown: f64) -> Arm {
    Arm {
        side,
        id: id.clone(),
        slowdown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Job, arm, by_case};
    use crate::{
        run::{Phase, Side},
        select::BenchId,
    };

    #[test]
    fn cases_are_ordered_and_complete() {
        let job = |id: &str| Job {
            phase: Phase::Screen,
            arms: vec![arm(Side::Candidate, &BenchId::new(id), 0.0)],
            blocks: 1,
        };
        let work = [
            "a::one::bool::4",
            "a::one::f64::4",
            "a::one::f64::8",
            "a::two::bool::4",
            "a::two::f64::4",
            "b::one::f64::4",
        ];
        let first = |segment: &str| usize::from(segment != "f64");
        let cases = by_case(work.map(job).into(), first);
        let ids: Vec<Vec<&str>> = cases
            .iter()
            .map(|(_, jobs)| jobs.iter().map(|job| job.arms[0].id.as_str()).collect())
            .collect();
        assert_eq!(
            ids,
            [
                vec!["a::one::f64::4", "a::two::f64::4"],
                vec!["a::one::f64::8"],
                vec!["a::one::bool::4", "a::two::bool::4"],
                vec!["b::one::f64::4"],
            ]
        );
    }
}
