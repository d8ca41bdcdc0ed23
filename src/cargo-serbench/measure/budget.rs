//! How long a comparison of two commits may measure.

use std::time::{Duration, Instant};

use crate::{
    config::Config,
    decide::{self, Policy, evidence::Evidence},
    shell,
    values::quantities::Seconds,
};

/// Seconds up to which a default budget grows.
const LONGEST: f64 = 300.0;

/// The seconds that one comparison may measure, from its start.
pub(super) struct Budget {
    pub(super) seconds: f64,
    started: Instant,
    /// Whether someone asked for it.
    is_fixed: bool,
    /// Whether it has grown, which is hinted at once.
    has_grown: bool,
}

impl Budget {
    /// The configured one; by default a minute and two seconds for each of the `benchmarks`, as very noisy ones
    /// could otherwise take very long.
    pub(super) fn start(config: &Config, benchmarks: usize) -> Self {
        let default = 60.0 + 2.0 * benchmarks as f64;
        Self {
            seconds: config.budget.map_or(default, Seconds::value),
            started: Instant::now(),
            is_fixed: config.budget.is_some(),
            has_grown: false,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        decide::policy(Some(self.seconds))
    }

    pub(super) fn deadline(&self) -> Instant {
        // Instants can't represent more than a few years.
        self.started + Duration::from_secs_f64(self.seconds.clamp(0.0, 1e8))
    }

    /// Lets a default budget grow if it is too short to report any regression, because single operations take
    /// long: to the time that takes, and a quarter more, for blocks that must be repeated or take a little longer.
    pub(super) fn stretch(&mut self, evidence: &[Evidence]) {
        let needed = decide::reach::any_regression(evidence, &self.policy()).unwrap_or(0.0);
        let longer = (1.25 * needed).ceil().min(LONGEST);
        if self.is_fixed || needed <= self.seconds || longer <= self.seconds {
            return;
        }
        if !self.has_grown {
            shell::hint(format_args!(
                "benchmarks take long here, so measuring may take up to {LONGEST:.0} s instead of {:.0} s; \
                 `--budget` sets another limit",
                self.seconds
            ));
        }
        self.has_grown = true;
        self.seconds = longer;
    }

    /// Warns if there is not even time for the first blocks of all benchmarks.
    pub(super) fn warn(&self, evidence: &[Evidence]) {
        let first = decide::reach::first_verdicts(evidence, &self.policy());
        if let Some(seconds) = first.filter(|seconds| *seconds > self.seconds) {
            shell::warning(format_args!(
                "the first verdicts on all benchmarks take about {seconds:.0} s, more than the budget of \
                 {:.0} s, so some will be inconclusive; pass `--budget {}` or choose fewer benchmarks",
                self.seconds,
                (1.5 * seconds).ceil()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::Budget;
    use crate::{
        decide::evidence::{BlockRatio, Evidence},
        run::Phase,
    };

    #[test]
    fn only_a_default_budget_grows() {
        let evidence = |seconds_per_block| {
            let mut evidence = Evidence::unmeasured("a::x");
            evidence.blocks.push(BlockRatio {
                phase: Phase::Screen,
                cpu: 0.0,
                wall: 0.0,
                seconds: seconds_per_block,
            });
            [evidence]
        };
        let stretched = |is_fixed, seconds_per_block| {
            let mut budget = Budget {
                seconds: 62.0,
                started: Instant::now(),
                is_fixed,
                has_grown: false,
            };
            budget.stretch(&evidence(seconds_per_block));
            // A little longer.
            budget.stretch(&evidence(1.05 * seconds_per_block));
            budget.seconds
        };
        // Without the quarter, 56 blocks: 8 to screen, 16 to confirm, and 32 for the self-checks.
        let tried = [(false, 0.8), (false, 2.0), (false, 60.0), (true, 2.0)];
        let budgets = tried.map(|(is_fixed, seconds)| stretched(is_fixed, seconds).to_string());
        assert_eq!(budgets, ["62", "140", "300", "62"]);
    }
}
