//! Verdicts on deterministic blocks, one rule at a time.

use std::ops::Range;

use super::{
    Decision, LimitCheck, Metric, Outcome, Policy, Request, Standing, Verdict, Waivable, decide,
    next, reach, summarize,
};
use crate::compare::stats::normal_quantile;
use crate::compare::{Clock, LEVEL};
use crate::decide::evidence::{BlockRatio, Evidence, MemoryPair, Presence, Role};
use crate::run::{Memory, Phase};

fn benchmark(id: &str) -> Evidence {
    Evidence::unmeasured(id)
}

/// Blocks with indices `numbers`, ratios `cpu` and `wall`, and standard deviation `spread`.
fn blocks(
    phase: Phase,
    numbers: Range<usize>,
    cpu: f64,
    wall: f64,
    spread: f64,
) -> Vec<BlockRatio> {
    numbers
        .map(|index| {
            // Multiples of the golden ratio fill 0..1 evenly, for any number of them.
            let even = (0.5 + 0.618_034 * index as f64).fract();
            let noise = spread * normal_quantile(even);
            BlockRatio {
                phase,
                cpu: cpu.ln() + noise,
                wall: wall.ln() + noise,
                seconds: 0.03,
            }
        })
        .collect()
}

/// A benchmark whose blocks vary by `spread` and whose true ratios are `cpu` and `wall`, measured
/// until no more blocks are requested.
#[derive(Clone, Copy)]
struct Truth {
    cpu: f64,
    wall: f64,
    spread: f64,
}

const SAME: Truth = Truth {
    cpu: 1.0,
    wall: 1.0,
    spread: 0.005,
};

/// Measures as requested, and decides.
fn measure(benchmarks: &[(Evidence, Truth)], policy: &Policy) -> Vec<Decision> {
    let mut evidence: Vec<Evidence> = benchmarks.iter().map(|(e, _)| e.clone()).collect();
    loop {
        let requests = next(&evidence, policy);
        if requests.is_empty() {
            return decide(&evidence, policy);
        }
        for request in requests {
            let at = evidence.iter().position(|e| e.id == request.id).unwrap();
            let Truth { cpu, wall, spread } = benchmarks[at].1;
            let have = evidence[at].blocks.len();
            let numbers = have..have + request.blocks;
            let more = blocks(request.phase, numbers, cpu, wall, spread);
            evidence[at].blocks.extend(more);
        }
    }
}

#[track_caller]
fn check(truth: Truth, verdict: Verdict, reason: &str) -> Decision {
    let decisions = measure(&[(benchmark("a"), truth)], &Policy::default());
    let decision = decisions.into_iter().next().unwrap();
    assert_eq!(decision.verdict, verdict, "{}", decision.reason);
    assert!(decision.reason.contains(reason), "{}", decision.reason);
    decision
}

#[test]
fn equal_code_is_unchanged_after_the_first_blocks() {
    let decision = check(SAME, Verdict::Unchanged, "all below +3.0 %");
    assert_eq!((decision.screen_blocks, decision.confirm_blocks), (8, 0));
    assert_eq!(decision.metric, Some(Metric::Latency(Clock::Cpu)));
}

#[test]
fn slower_code_is_regressed_after_fresh_blocks() {
    let truth = Truth {
        cpu: 1.1,
        wall: 1.1,
        ..SAME
    };
    let decision = check(truth, Verdict::Regressed, "CPU time +9.9 % [");
    assert_eq!((decision.screen_blocks, decision.confirm_blocks), (8, 16));
    let deciding = decision.deciding.unwrap();
    assert!(deciding.lower > 1.03_f64.ln() && deciding.level > 0.999);
    // Reports show the same level everywhere.
    let shown = [decision.change, decision.own, decision.wall];
    assert!(shown.iter().flatten().all(|it| it.level == LEVEL));
}

#[test]
fn luck_in_the_screen_does_not_count() {
    let mut evidence = benchmark("a");
    evidence.blocks = blocks(Phase::Screen, 0..8, 1.1, 1.1, 0.005);
    let policy = Policy::default();
    let fresh = |blocks| {
        vec![Request {
            id: "a".into(),
            phase: Phase::Confirm,
            blocks,
        }]
    };
    assert_eq!(next(&[evidence.clone()], &policy), fresh(16));
    let undecided = decide(&[evidence.clone()], &policy);
    assert_eq!(undecided[0].verdict, Verdict::Inconclusive);
    evidence
        .blocks
        .extend(blocks(Phase::Confirm, 0..16, 1.0, 1.0, 0.005));
    assert_eq!(next(&[evidence.clone()], &policy), []);
    let cleared = decide(&[evidence.clone()], &policy);
    assert_eq!(cleared[0].verdict, Verdict::Unchanged);
    assert!(cleared[0].reason.contains("looked slower at first"));
    evidence.screened_as_linked = true;
    let moved = decide(&[evidence], &policy);
    assert_eq!(moved[0].verdict, Verdict::Unchanged);
    assert!(moved[0].reason.contains("slower as cargo linked it"));
}

#[test]
fn slowed_positive_control_gets_a_second_chance() {
    // A screen with a wide interval and an estimate below the threshold.
    let unlucky = blocks(Phase::Screen, 0..64, 1.021, 1.021, 0.1);
    let check = |role, phase: Option<Phase>| {
        let evidence = Evidence {
            role,
            blocks: unlucky.clone(),
            ..benchmark("a")
        };
        let asked = next(&[evidence], &Policy::default());
        assert_eq!(asked.first().map(|request| request.phase), phase);
    };
    check(Role::Benchmark, None);
    check(Role::PositiveControl, Some(Phase::Confirm));
}

#[test]
fn noise_is_inconclusive_whatever_the_estimate() {
    for cpu in [0.95, 1.0, 1.02] {
        let truth = Truth {
            cpu,
            wall: cpu,
            spread: 0.6,
        };
        check(truth, Verdict::Inconclusive, "undecided at +3.0 %");
    }
    let truth = Truth {
        cpu: 1.0,
        wall: 1.0,
        spread: 0.2,
    };
    let decision = check(truth, Verdict::Inconclusive, "s more would decide");
    assert!(decision.needs_seconds.unwrap() > 1.0);
}

#[test]
fn wall_time_alone_regresses() {
    let truth = Truth { wall: 1.2, ..SAME };
    let decision = check(truth, Verdict::Regressed, "the clocks disagree: CPU time");
    assert_eq!(decision.metric, Some(Metric::Latency(Clock::Wall)));
}

#[test]
fn multithreaded_code_is_judged_by_wall_time() {
    let mut evidence = benchmark("a");
    evidence.by_wall = true;
    for (cpu, wall, verdict) in [
        (1.3, 1.0, Verdict::Unchanged),
        (1.0, 1.3, Verdict::Regressed),
    ] {
        let truth = Truth { cpu, wall, ..SAME };
        let decisions = measure(&[(evidence.clone(), truth)], &Policy::default());
        assert_eq!(decisions[0].verdict, verdict);
    }
}

#[test]
fn improvements() {
    let truth = Truth {
        cpu: 0.9,
        wall: 0.9,
        ..SAME
    };
    check(truth, Verdict::Improved, "below -1.0 % with 99.9");
    // However noisy: only the size of the improvement is uncertain.
    let truth = Truth {
        cpu: 0.4,
        wall: 0.4,
        spread: 0.5,
    };
    check(truth, Verdict::Improved, "below -1.0 % with 99.9");
}

/// What looks faster may only look so by luck, or because its code moved in memory, so fresh blocks decide.
#[test]
fn luck_improves_nothing() {
    let looked = |fresh: Option<f64>, improved_by_screen: bool| {
        let mut evidence = benchmark("a");
        evidence.improved_by_screen = improved_by_screen;
        evidence.blocks = blocks(Phase::Screen, 0..12, 0.93, 0.93, 0.002);
        if let Some(ratio) = fresh {
            let fresh = blocks(Phase::Confirm, 12..28, ratio, ratio, 0.01);
            evidence.blocks.extend(fresh);
        }
        let requests = next(std::slice::from_ref(&evidence), &Policy::default());
        let decision = decide(&[evidence], &Policy::default()).remove(0);
        (decision.verdict, requests.len(), decision.reason)
    };
    let (verdict, requests, reason) = looked(None, false);
    assert_eq!((verdict, requests), (Verdict::Unchanged, 1));
    assert!(
        reason.ends_with("; looks faster, but that was not confirmed with fresh blocks"),
        "{reason}"
    );
    let (verdict, requests, reason) = looked(Some(1.0), false);
    assert_eq!((verdict, requests), (Verdict::Unchanged, 0));
    assert!(
        reason.ends_with("; looked faster at first, but fresh blocks did not confirm it"),
        "{reason}"
    );
    assert_eq!(looked(Some(0.93), false).0, Verdict::Improved);
    assert_eq!(looked(Some(1.05), false).0, Verdict::Inconclusive);
    // Runs of older versions keep their verdicts.
    assert_eq!(looked(None, true).0, Verdict::Improved);
}

#[test]
fn reference_is_divided_out() {
    let mut encoder = benchmark("encoder");
    encoder.reference = Some("reference".into());
    let mut reference = benchmark("reference");
    reference.reference = Some("reference".into());
    let by = |ratio| Truth {
        cpu: ratio,
        wall: ratio,
        ..SAME
    };
    let (slower, faster) = (by(1.1), by(0.9));
    for (own, its, verdict, its_verdict, reason) in [
        (
            slower,
            slower,
            Verdict::Unchanged,
            Verdict::Regressed,
            "as did the reference by +10",
        ),
        (
            SAME,
            faster,
            Verdict::Unchanged,
            Verdict::Improved,
            "only the ratio changed",
        ),
        (
            SAME,
            slower,
            Verdict::Unchanged,
            Verdict::Regressed,
            "only the ratio changed",
        ),
        (
            slower,
            SAME,
            Verdict::Regressed,
            Verdict::Unchanged,
            "CPU time +10.0 %",
        ),
    ] {
        let benchmarks = [(encoder.clone(), own), (reference.clone(), its)];
        let decisions = measure(&benchmarks, &Policy::default());
        assert_eq!(decisions[0].verdict, verdict, "{}", decisions[0].reason);
        assert_eq!(decisions[1].verdict, its_verdict);
        assert!(
            decisions[0].reason.contains(reason),
            "{}",
            decisions[0].reason
        );
        let noted = "the ratio of 1 benchmark changed with it";
        assert_eq!(
            decisions[1].reason.contains(noted),
            reason == "only the ratio changed"
        );
    }
}

#[test]
fn missing_references_are_reported() {
    let mut encoder = benchmark("encoder");
    encoder.reference = Some("gone".into());
    let decisions = measure(&[(encoder, SAME)], &Policy::default());
    assert_eq!(decisions[0].verdict, Verdict::Unchanged);
    assert!(
        decisions[0]
            .reason
            .contains("its reference was not measured")
    );
}

#[test]
fn order_of_evidence_does_not_matter() {
    let policy = Policy::default();
    let slower = Truth {
        cpu: 1.06,
        wall: 1.06,
        spread: 0.03,
    };
    let mut benchmarks = vec![
        (benchmark("a"), SAME),
        (benchmark("b"), slower),
        (benchmark("c"), slower),
    ];
    benchmarks[1].0.reference = Some("a".into());
    let mut forward = measure(&benchmarks, &policy);
    benchmarks.reverse();
    forward.reverse();
    assert_eq!(forward, measure(&benchmarks, &policy));
}

#[test]
fn many_suspects_need_more_certainty() {
    let slower = Truth {
        cpu: 1.1,
        wall: 1.1,
        ..SAME
    };
    let level = |suspects: usize| {
        let benchmarks: Vec<_> = (0..suspects)
            .map(|index| (benchmark(&index.to_string()), slower))
            .collect();
        let decisions = measure(&benchmarks, &Policy::default());
        assert!(decisions.iter().all(|d| d.verdict == Verdict::Regressed));
        decisions[0].deciding.unwrap().level
    };
    assert!(level(1) < level(5) && level(5) < level(20));
    // Sixteen fresh blocks can't reach the level for a hundred suspects, so they get more.
    assert!(level(100) < 1.0);
}

/// What was not confirmed says how long a look takes, not how long one block does.
#[test]
fn confirming_takes_a_whole_look() {
    let mut suspect = benchmark("a");
    suspect.blocks = blocks(Phase::Screen, 0..8, 1.8, 1.8, 0.1);
    let needs = decide(&[suspect], &Policy::default())[0].needs_seconds;
    assert_eq!(needs.map(|seconds| (seconds / 0.03).round()), Some(16.0));
}

#[test]
fn spent_budget_leaves_the_rest_inconclusive() {
    let policy = Policy {
        budget_seconds: Some(0.5),
        ..Policy::default()
    };
    let noisy = Truth {
        spread: 0.2,
        ..SAME
    };
    let benchmarks = [(benchmark("a"), noisy), (benchmark("b"), SAME)];
    let decisions = measure(&benchmarks, &policy);
    assert_eq!(decisions[0].screen_blocks, 8);
    assert_eq!(decisions[0].verdict, Verdict::Inconclusive);
    assert_eq!(decisions[1].verdict, Verdict::Unchanged);
}

#[test]
fn benchmarks_of_one_commit_are_not_measured() {
    for (presence, verdict) in [
        (Presence::Identical, Verdict::Identical),
        (Presence::Added, Verdict::Added),
        (Presence::Removed, Verdict::Removed),
        (Presence::Failed("wrong output".to_owned()), Verdict::Failed),
        (
            Presence::FailedAtBaseline("wrong output".to_owned()),
            Verdict::Failed,
        ),
    ] {
        let mut evidence = benchmark("a");
        evidence.presence = presence;
        assert_eq!(next(&[evidence.clone()], &Policy::default()), []);
        let decisions = decide(&[evidence], &Policy::default());
        assert_eq!(decisions[0].verdict, verdict);
    }
}

#[test]
fn latency_limits_have_three_answers() {
    for (ratio, spread, standing) in [
        (1.3_f64, 0.01, Standing::Within),
        (1.7, 0.01, Standing::Over),
        (1.5, 0.2, Standing::Unclear),
    ] {
        let mut evidence = benchmark("a");
        evidence.presence = Presence::Added;
        evidence.tolerance.max_latency_ratio = Some(1.5);
        let asked = next(&[evidence.clone()], &Policy::default());
        assert_eq!(asked[0].blocks, 8);
        let values = blocks(Phase::Screen, 0..16, ratio, 1.0, spread);
        evidence.to_reference = values.iter().map(|block| block.cpu).collect();
        let more = next(&[evidence.clone()], &Policy::default());
        assert_eq!(more.is_empty(), standing != Standing::Unclear);
        let decisions = decide(&[evidence], &Policy::default());
        assert_eq!(decisions[0].limits[0].standing, standing);
        let over = summarize(&decisions, false).outcome == Outcome::Regressed;
        assert_eq!(over, standing == Standing::Over);
    }
}

/// Or every change of documentation would be inconclusive in strict mode.
#[test]
fn limits_of_identical_code_are_not_checked() {
    let [mut reference, mut encoder] = ["orjson", "serde"].map(benchmark);
    reference.presence = Presence::Identical;
    encoder.presence = Presence::Identical;
    encoder.reference = Some(reference.id.clone());
    encoder.tolerance.max_latency_ratio = Some(1.5);
    encoder.tolerance.max_memory_ratio = Some(1.5);
    let outcome = |evidence: &[Evidence]| {
        let decisions = decide(evidence, &Policy::default());
        summarize(&decisions, true).outcome
    };
    let mut both = [reference, encoder];
    assert_eq!(outcome(&both), Outcome::Passed);
    // Nothing is known about the ratio to another reference.
    both[0].presence = Presence::Both;
    let decisions = decide(&both, &Policy::default());
    let unclear = |check: &LimitCheck| check.standing == Standing::Unclear;
    assert!(decisions[1].limits.iter().all(unclear));
    assert_eq!(decisions[1].limits.len(), 2);
}

fn memory(peak: u64, bytes: u64, allocations: u64) -> Memory {
    Memory {
        peak: Some(peak),
        bytes,
        allocations,
        repeatable: true,
    }
}

#[track_caller]
fn check_memory(
    (baseline, candidate): (Memory, Memory),
    reference: (Memory, Memory),
    repeatable: bool,
    verdict: Verdict,
    reason: &str,
) {
    let with = |id: &str, (baseline, candidate)| {
        let mut evidence = benchmark(id);
        evidence.reference = Some("reference".into());
        evidence.memory = Some(MemoryPair {
            baseline: Some(baseline),
            candidate,
            repeatable,
        });
        (evidence, SAME)
    };
    let benchmarks = [
        with("encoder", (baseline, candidate)),
        with("reference", reference),
    ];
    let decision = &measure(&benchmarks, &Policy::default())[0];
    assert_eq!(decision.verdict, verdict, "{}", decision.reason);
    assert!(decision.reason.contains(reason), "{}", decision.reason);
}

#[test]
fn memory_is_compared_exactly() {
    let base = memory(1000, 2000, 10);
    let same = (base, base);
    let grown = memory(1100, 2000, 10);
    check_memory(same, same, true, Verdict::Unchanged, "CPU time");
    let reason = "peak heap +10.0 % (1000 -> 1100); CPU time";
    check_memory((base, grown), same, true, Verdict::Regressed, reason);
    let both = (base, grown);
    check_memory(both, both, true, Verdict::Unchanged, "CPU time");
    let reason = "peak heap +10.0 % relative to the reference (1000 -> 1000)";
    check_memory(same, (grown, base), true, Verdict::Regressed, reason);
    let reason = "memory differs between repeats";
    check_memory((base, grown), same, false, Verdict::Inconclusive, reason);
    check_memory(same, same, false, Verdict::Unchanged, reason);
    let fewer = memory(1000, 2000, 5);
    let reason = "allocations -50.0 % (10 -> 5)";
    check_memory((base, fewer), same, true, Verdict::Improved, reason);
    let none = memory(0, 0, 0);
    let reason = "(0 -> 10)";
    check_memory((none, base), (none, none), true, Verdict::Regressed, reason);
    check_memory((none, none), same, true, Verdict::Unchanged, "CPU time");
}

#[test]
fn memory_limits_are_exact() {
    for (peak, limit, standing) in [
        (150, 1.5, Standing::Within),
        (151, 1.5, Standing::Over),
        (0, 1.5, Standing::Within),
    ] {
        let with = |id: &str, peak| {
            let mut evidence = benchmark(id);
            evidence.presence = Presence::Added;
            evidence.memory = Some(MemoryPair {
                baseline: None,
                candidate: memory(peak, 1, 1),
                repeatable: true,
            });
            evidence
        };
        let mut encoder = with("encoder", peak);
        encoder.reference = Some("reference".into());
        encoder.tolerance.max_memory_ratio = Some(limit);
        let decisions = decide(&[encoder, with("reference", 100)], &Policy::default());
        assert_eq!(decisions[0].limits[0].standing, standing);
    }
}

/// A decision with this latency verdict.
fn decided(role: Role, verdict: Verdict) -> Decision {
    let mut evidence = benchmark("a");
    evidence.blocks = blocks(Phase::Screen, 0..8, 1.0, 1.0, 0.005);
    let mut decision = decide(&[evidence], &Policy::default()).remove(0);
    decision.role = role;
    decision.verdict = verdict;
    decision
}

#[test]
fn outcomes_follow_from_verdicts() {
    use Outcome::{CouldNotMeasure, Passed};
    use Verdict::{
        Added, Failed, Identical, Improved, Inconclusive, Regressed, Removed, Unchanged,
    };
    for (verdicts, outcome, strict_outcome) in [
        (&[][..], CouldNotMeasure, CouldNotMeasure),
        (&[Removed], CouldNotMeasure, CouldNotMeasure),
        (&[Unchanged, Improved, Added, Identical], Passed, Passed),
        (&[Unchanged, Inconclusive], Passed, Outcome::Inconclusive),
        (
            &[Inconclusive],
            Outcome::Inconclusive,
            Outcome::Inconclusive,
        ),
        (&[Unchanged, Failed], CouldNotMeasure, CouldNotMeasure),
        (&[Unchanged, Removed], CouldNotMeasure, CouldNotMeasure),
        (
            &[Removed, Regressed],
            Outcome::Regressed,
            Outcome::Regressed,
        ),
        (
            &[Failed, Regressed, Inconclusive],
            Outcome::Regressed,
            Outcome::Regressed,
        ),
    ] {
        let decisions: Vec<Decision> = verdicts
            .iter()
            .map(|verdict| decided(Role::Benchmark, *verdict))
            .collect();
        assert_eq!(
            summarize(&decisions, false).outcome,
            outcome,
            "{verdicts:?}"
        );
        assert_eq!(
            summarize(&decisions, true).outcome,
            strict_outcome,
            "{verdicts:?}"
        );
    }
}

#[test]
fn controls_can_take_a_pass_back() {
    use Verdict::{Failed, Improved, Inconclusive, Regressed, Unchanged};
    for (benchmark, same_code, slowed, outcome) in [
        (Unchanged, Unchanged, Regressed, Outcome::Passed),
        (Unchanged, Inconclusive, Regressed, Outcome::Passed),
        (Unchanged, Regressed, Regressed, Outcome::Inconclusive),
        (Unchanged, Improved, Regressed, Outcome::Inconclusive),
        (Unchanged, Unchanged, Inconclusive, Outcome::Inconclusive),
        (Unchanged, Unchanged, Unchanged, Outcome::Inconclusive),
        (Regressed, Unchanged, Unchanged, Outcome::Regressed),
        (Regressed, Regressed, Regressed, Outcome::CouldNotMeasure),
        (Failed, Regressed, Regressed, Outcome::CouldNotMeasure),
    ] {
        let decisions = [
            decided(Role::Benchmark, benchmark),
            decided(Role::NullControl, same_code),
            decided(Role::PositiveControl, slowed),
        ];
        let summary = summarize(&decisions, false);
        assert_eq!(
            summary.outcome, outcome,
            "{benchmark:?} {same_code:?} {slowed:?}"
        );
        assert_eq!(summary.verdicts.values().sum::<usize>(), 1);
        if outcome == Outcome::Inconclusive {
            assert!(
                summary
                    .problems
                    .iter()
                    .any(|problem| problem.contains("`a`"))
            );
        }
    }
}

#[test]
fn exit_codes_are_those_documented() {
    for (outcome, code, strict_code) in [
        (Outcome::Passed, 0, 0),
        (Outcome::Regressed, 100, 100),
        (Outcome::CouldNotMeasure, 101, 101),
        (Outcome::Inconclusive, 0, 102),
    ] {
        assert_eq!(outcome.exit(false).code(), code);
        assert_eq!(outcome.exit(true).code(), strict_code);
    }
}

/// What fails the gate, what can be accepted, and what can't.
#[test]
fn lost_benchmarks_fail_unless_accepted() {
    let reason = || "panicked".to_owned();
    for (presence, waivable) in [
        (Presence::Removed, Some(Waivable::Removal)),
        (
            Presence::FailedAtBaseline(reason()),
            Some(Waivable::FailedBaseline),
        ),
        (Presence::Failed(reason()), None),
    ] {
        let mut lost = benchmark("json::quicker::f64");
        lost.presence = presence;
        let mut new = benchmark("json::quick::f64");
        new.presence = Presence::Added;
        let mut decisions = decide(&[lost, new], &Policy::default());
        assert_eq!(decisions[0].waivable(), waivable);
        let summary = summarize(&decisions, false);
        assert_eq!(summary.outcome, Outcome::CouldNotMeasure);
        if waivable == Some(Waivable::Removal) {
            let renamed = "`json::quicker::f64` looks like `json::quick::f64`";
            assert!(decisions[0].reason.contains(renamed));
            assert!(summary.problems[0].contains("--removed"));
        }
        decisions[0].waived = waivable.map(|_| "accepted".to_owned());
        let passed = summarize(&decisions, true).outcome == Outcome::Passed;
        assert_eq!(passed, waivable.is_some());
    }
}

/// A gate that could not have failed does not pass.
#[test]
fn a_gate_must_be_able_to_fail() {
    let of = |seconds: f64| {
        let mut evidence = benchmark("a");
        evidence.blocks = blocks(Phase::Screen, 0..8, 1.0, 1.0, 0.005);
        for block in &mut evidence.blocks {
            block.seconds = seconds;
        }
        [evidence]
    };
    let passed = summarize(&decide(&of(0.03), &Policy::default()), false);
    assert_eq!(passed.outcome, Outcome::Passed);
    for (seconds, budget, looks, reason) in [
        (0.03, None, vec![16, 32], None),
        (0.03, Some(1.0), vec![16], None),
        (4.0, Some(120.0), vec![16], None),
        // 8 blocks to screen and 16 to confirm.
        (
            6.0,
            Some(120.0),
            vec![16],
            Some("48.0 s, and confirming one suspect takes 96.0 s more"),
        ),
        (0.03, Some(0.5), vec![16], Some("budget")),
        // 2^-6 is above the corrected level.
        (0.03, None, vec![6], Some("6 blocks reach p = 1.6e-2")),
        (
            0.03,
            None,
            Vec::new(),
            Some("can never report a regression"),
        ),
    ] {
        let policy = Policy {
            budget_seconds: budget,
            looks,
            ..Policy::default()
        };
        let found = reach::cannot_fail(&of(seconds), &policy);
        assert_eq!(found.is_some(), reason.is_some(), "{found:?}");
        if let (Some(found), Some(reason)) = (found, reason) {
            assert!(found.contains(reason), "{found}");
            let summary = passed.clone().unless(Some(found));
            assert_eq!(summary.outcome, Outcome::CouldNotMeasure);
        }
    }
    let first = reach::first_verdicts(&of(2.0), &Policy::default());
    assert_eq!(first, Some(16.0));
    // 8 blocks to screen, 16 to confirm, and 8 + 8 + 16 for the two self-checks.
    let any = reach::any_regression(&of(2.0), &Policy::default());
    assert_eq!(any, Some(2.0 * (8.0 + 16.0 + 32.0)));
}

/// A benchmark that looks slower but could not be confirmed within the budget does not pass.
#[test]
fn unconfirmed_slowdowns_do_not_pass() {
    let same = || {
        let mut same = benchmark("same");
        same.blocks = blocks(Phase::Screen, 0..8, 1.0, 1.0, 0.005);
        same
    };
    for (cpu, wall, count, outcome) in [
        (1.0, 1.0, 1, Outcome::Passed),
        (1.2, 1.2, 1, Outcome::Inconclusive),
        (1.2, 1.2, 8, Outcome::Inconclusive),
        (270.0, 270.0, 1, Outcome::CouldNotMeasure),
        (1.0, 270.0, 3, Outcome::CouldNotMeasure),
        (270.0, 270.0, 8, Outcome::CouldNotMeasure),
    ] {
        let mut slower = benchmark("slower");
        slower.blocks = blocks(Phase::Screen, 0..count, cpu, wall, 0.005);
        let mut decisions = decide(&[same(), slower], &Policy::default());
        assert_eq!(decisions[1].verdict, Verdict::Inconclusive);
        let summary = summarize(&decisions, false);
        assert_eq!(summary.outcome, outcome, "{cpu} {wall} {count}");
        let named = summary.problems.iter().any(|it| it.contains("`slower`"));
        assert_eq!(named, outcome != Outcome::Passed);
        decisions[1].waived = Some("tracked, not gated".to_owned());
        assert_eq!(summarize(&decisions, false).outcome, Outcome::Passed);
    }
}

/// The difference of identical code in a run explains slowdowns of that size, but no larger ones. In
/// both cases the gate does not pass.
#[test]
fn false_alarms_hide_no_regression() {
    let shifted = |id: &str, role: Role, ratio: f64| {
        let mut evidence = benchmark(id);
        evidence.role = role;
        evidence.blocks = blocks(Phase::Screen, 0..8, ratio, ratio, 0.001);
        let fresh = blocks(Phase::Confirm, 8..264, ratio, ratio, 0.001);
        evidence.blocks.extend(fresh);
        evidence
    };
    for (ratio, outcome) in [
        (1.0, Outcome::Inconclusive),
        (1.06, Outcome::CouldNotMeasure),
        (1.15, Outcome::Regressed),
        (3.0, Outcome::Regressed),
    ] {
        let evidence = [
            shifted("slower", Role::Benchmark, ratio),
            shifted("same", Role::NullControl, 1.06),
        ];
        let decisions = decide(&evidence, &Policy::default());
        assert_eq!(decisions[1].verdict, Verdict::Regressed);
        let summary = summarize(&decisions, false);
        assert_eq!(summary.outcome, outcome, "{ratio} {:?}", summary.problems);
        let said = |words: &str| summary.problems.iter().any(|it| it.contains(words));
        assert!(said("`same` differs from itself"));
        assert_eq!(
            said("`slower` is slower"),
            outcome == Outcome::CouldNotMeasure
        );
    }
}

#[test]
fn a_benchmark_without_a_block_does_not_pass() {
    let mut same = benchmark("same");
    same.blocks = blocks(Phase::Screen, 0..8, 1.0, 1.0, 0.005);
    let mut decisions = decide(&[same, benchmark("unmeasured")], &Policy::default());
    let summary = summarize(&decisions, false);
    assert_eq!(summary.outcome, Outcome::CouldNotMeasure);
    assert!(summary.problems[0].contains("`unmeasured` has no measurement"));
    decisions[1].waived = Some("tracked, not gated".to_owned());
    assert_eq!(summarize(&decisions, false).outcome, Outcome::Passed);
}

/// The rest of a budget confirms the slowest-looking benchmarks instead of leaving all undecided.
#[test]
fn the_slowest_are_confirmed_first() {
    let suspects: Vec<Evidence> = [1.10, 1.40, 1.20, 1.30]
        .iter()
        .map(|ratio| {
            let mut evidence = benchmark(&format!("by {ratio}"));
            evidence.blocks = blocks(Phase::Screen, 0..8, *ratio, *ratio, 0.005);
            for block in &mut evidence.blocks {
                block.seconds = 1.0;
            }
            evidence
        })
        .collect();
    // 32 s are spent, and 16 blocks of one benchmark take 16 s.
    for (budget, wanted) in [
        (None, &["by 1.1", "by 1.2", "by 1.3", "by 1.4"][..]),
        (Some(33.0), &["by 1.4"]),
        (Some(50.0), &["by 1.4"]),
        (Some(70.0), &["by 1.3", "by 1.4"]),
        (Some(32.0), &[]),
    ] {
        let policy = Policy {
            budget_seconds: budget,
            ..Policy::default()
        };
        let requests = next(&suspects, &policy);
        let mut ids: Vec<&str> = requests.iter().map(|it| it.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, wanted, "{budget:?}");
        assert!(
            requests
                .iter()
                .all(|it| it.phase == Phase::Confirm && it.blocks == 16)
        );
    }
}
