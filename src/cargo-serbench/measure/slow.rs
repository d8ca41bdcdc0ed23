//! Benchmarks that take seconds are measured last, in the remaining time.

use std::collections::BTreeMap;

use super::schedule::Job;
use crate::{
    decide::evidence::Evidence,
    run::{Arm, Run},
    select::BenchId,
    shell,
};

/// Number of processes of one commit in a first block: it is tuned once and runs twice.
const PROCESSES: f64 = 3.0;

/// The fraction of the budget that one block may take, unless it is slow.
const SHARE: f64 = 0.05;

/// Seconds that one block may always take.
const QUICK: f64 = 1.0;

/// Slow benchmarks, and the seconds that a block of each takes.
#[derive(Debug, Default)]
pub struct Slow(BTreeMap<BenchId, f64>);

impl Slow {
    /// Empty if all are slow: then there is nothing to wait for.
    pub fn of(run: &Run, budget: f64) -> Self {
        let seconds = |id: &BenchId| {
            let benchmark = &run.benchmarks[id];
            let sides = [&benchmark.baseline, &benchmark.candidate];
            let sides = sides.into_iter().flatten();
            2.0 * PROCESSES * sides.map(|it| it.seconds).fold(0.0, f64::max)
        };
        let measured = run.benchmarks.iter().filter(|(_, benchmark)| {
            let sides = (&benchmark.baseline, &benchmark.candidate);
            let (Some(one), Some(other)) = sides else {
                return false;
            };
            let known = one.is_same_code(other) && !run.identical_measured;
            one.is_measurable() && other.is_measurable() && !known
        });
        let (slow, others): (Vec<_>, Vec<_>) = measured
            .map(|(id, _)| (id.clone(), seconds(id)))
            .partition(|(_, seconds)| is_slow(*seconds, budget));
        match others.is_empty() {
            true => Self::default(),
            false => Self(slow.into_iter().collect()),
        }
    }

    /// The evidence without slow benchmarks.
    pub fn hide(&self, mut evidence: Vec<Evidence>) -> Vec<Evidence> {
        evidence.retain(|it| !self.0.contains_key(&it.id));
        evidence
    }

    /// Admits slow benchmarks with a block that fits into the `left` seconds, quickest
    /// first. Returns whether any was admitted; the others stay hidden.
    pub fn admit(&mut self, mut left: f64) -> bool {
        let mut waiting: Vec<(BenchId, f64)> = std::mem::take(&mut self.0).into_iter().collect();
        waiting.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let fits = |(_, seconds): &(BenchId, f64)| {
            left -= seconds;
            left >= 0.0
        };
        let (admitted, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(fits);
        self.0 = others.into_iter().collect();
        !admitted.is_empty()
    }

    /// Warns about benchmarks that were never admitted.
    pub fn warn(&self, budget: f64) {
        if let Some(text) = self.warning(budget) {
            shell::warning(text);
        }
    }

    /// One warning for all of them, with the override for the first few.
    fn warning(&self, budget: f64) -> Option<String> {
        const NAMED: usize = 3;
        let ids: Vec<String> = self.0.keys().map(|id| format!("\"{id}\"")).collect();
        let all: f64 = self.0.values().sum();
        let least = self.0.values().copied().fold(f64::INFINITY, f64::min);
        let who = match self.0.keys().next()? {
            id if ids.len() == 1 => format!("`{id}` is not measured: a comparison of it"),
            _ => format!(
                "{} benchmarks are not measured: a comparison of each",
                ids.len()
            ),
        };
        let listed = match ids.get(NAMED..) {
            None | Some([]) => ids.join(", "),
            Some(more) => {
                let named = ids[..NAMED].join(",\n    ");
                format!("\n    {named},\n    # and {} more\n  ", more.len())
            }
        };
        let leave = match ids.len() {
            1 => "leave it out",
            _ => "leave them out",
        };
        Some(format!(
            "{who} takes {least:.0} s or more, and too little is left of the budget of {budget:.0} s; \
             pass `--budget {:.0}` or {leave}:\n  \
             [[package.metadata.serbench.override]]\n  benchmarks = [{listed}]\n  mode = \"off\"",
            (budget + 10.0 * all).ceil()
        ))
    }
}

fn is_slow(seconds: f64, budget: f64) -> bool {
    seconds > QUICK.max(SHARE * budget)
}

/// Jobs that are measured together.
#[derive(Clone, Debug, PartialEq)]
pub struct Case<T> {
    pub name: T,
    pub jobs: Vec<Job>,
    /// Seconds that a block of its only job takes, if that is long and others wait for it.
    pub slow: Option<f64>,
    /// Whether no other has its name after it.
    pub finishes: bool,
}

/// Moves jobs that take long to the end, quickest first, so that they take no time from the others.
/// `seconds` is the duration of a process that runs an arm once.
pub fn last<T: Clone + PartialEq>(
    cases: Vec<(T, Vec<Job>)>,
    budget: f64,
    seconds: impl Fn(&Arm) -> f64,
) -> Vec<Case<T>> {
    let block = |job: &Job| PROCESSES * job.arms.iter().map(&seconds).sum::<f64>();
    let case = |name: &T, jobs, slow| Case {
        name: name.clone(),
        jobs,
        slow,
        finishes: false,
    };
    let (mut sorted, mut slow) = (Vec::new(), Vec::new());
    for (name, jobs) in cases {
        let (long, quick): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| is_slow(block(job), budget));
        if !quick.is_empty() {
            sorted.push(case(&name, quick, None));
        }
        slow.extend(long.into_iter().map(|job| (block(&job), name.clone(), job)));
    }
    let others = !sorted.is_empty();
    slow.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    sorted.extend(slow.into_iter().map(|(seconds, name, job)| {
        let waits = others.then_some(seconds);
        case(&name, vec![job], waits)
    }));
    for index in 0..sorted.len() {
        let later = &sorted[index + 1..];
        sorted[index].finishes = later.iter().all(|case| case.name != sorted[index].name);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Job, Slow, last};
    use crate::run::{Arm, Phase, Side};

    #[test]
    fn benchmarks_that_fit_are_admitted_once() {
        let waiting = || {
            Slow(BTreeMap::from([
                ("a::x".into(), 30.0),
                ("a::y".into(), 7.0),
            ]))
        };
        assert!(!waiting().admit(5.0));
        assert!(waiting().admit(10.0));
        let mut slow = waiting();
        assert!(slow.admit(40.0));
        assert!(!slow.admit(40.0));
    }

    #[test]
    fn all_that_were_left_out_share_a_warning() {
        let of = |count: usize| {
            let ids = ["a::v", "a::w", "a::x", "a::y", "a::z"].map(Into::into);
            let times = [20.0, 7.0, 8.0, 9.0, 10.0];
            Slow(ids.into_iter().zip(times).take(count).collect()).warning(60.0)
        };
        assert_eq!(of(0), None);
        insta::assert_snapshot!(of(1).unwrap(), @r#"
        `a::v` is not measured: a comparison of it takes 20 s or more, and too little is left of the budget of 60 s; pass `--budget 260` or leave it out:
          [[package.metadata.serbench.override]]
          benchmarks = ["a::v"]
          mode = "off"
        "#);
        insta::assert_snapshot!(of(2).unwrap(), @r#"
        2 benchmarks are not measured: a comparison of each takes 7 s or more, and too little is left of the budget of 60 s; pass `--budget 330` or leave them out:
          [[package.metadata.serbench.override]]
          benchmarks = ["a::v", "a::w"]
          mode = "off"
        "#);
        insta::assert_snapshot!(of(5).unwrap(), @r#"
        5 benchmarks are not measured: a comparison of each takes 7 s or more, and too little is left of the budget of 60 s; pass `--budget 600` or leave them out:
          [[package.metadata.serbench.override]]
          benchmarks = [
            "a::v",
            "a::w",
            "a::x",
            # and 2 more
          ]
          mode = "off"
        "#);
    }

    #[test]
    fn benchmarks_that_do_not_fit_stay_hidden() {
        let mut slow = Slow(BTreeMap::from([
            ("a::x".into(), 30.0),
            ("a::y".into(), 7.0),
        ]));
        assert!(slow.admit(20.0));
        assert_eq!(slow.0.keys().collect::<Vec<_>>(), ["a::x"]);
    }

    #[test]
    fn slow_jobs_come_last() {
        let times = BTreeMap::from([("w", 4.0), ("x", 0.0), ("y", 2.0), ("z", 0.5)]);
        let sorted = |cases: &[(u8, &str)]| {
            let job = |id: char| Job {
                phase: Phase::Screen,
                arms: vec![Arm {
                    side: Side::Candidate,
                    id: id.to_string().into(),
                    slowdown: 0.0,
                }],
                blocks: 1,
            };
            let jobs = |ids: &str| ids.chars().map(job).collect();
            let cases = cases.iter().map(|(name, ids)| (*name, jobs(ids))).collect();
            let sorted = last(cases, 60.0, |arm| times[arm.id.as_str()]).into_iter();
            let ids = |jobs: Vec<Job>| jobs.iter().map(|job| job.arms[0].id.to_string()).collect();
            sorted
                .map(|it| (it.name, ids(it.jobs), it.slow, it.finishes))
                .collect::<Vec<(u8, String, Option<f64>, bool)>>()
        };
        let expected = |name, ids: &str, slow, finishes| (name, ids.to_owned(), slow, finishes);
        assert_eq!(
            sorted(&[(1, "wxz"), (2, "z"), (3, "y")]),
            [
                expected(1, "xz", None, false),
                expected(2, "z", None, true),
                expected(3, "y", Some(6.0), true),
                expected(1, "w", Some(12.0), true),
            ]
        );
        // Alone, they take time from nothing.
        assert_eq!(
            sorted(&[(1, "wy")]),
            [expected(1, "y", None, false), expected(1, "w", None, true)]
        );
    }
}
