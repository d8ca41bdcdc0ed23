//! Measures benches that only divan can run, by parsing its table: each slice is a process.

use std::time::Duration;

use anyhow::{Result, bail};

use super::{ArmFailed, Engine, OPTIMISED_AWAY, Runnable, order, with_arm};
use crate::{
    divan,
    measure::work::{Batches, Warmed},
    process::{Launch, failure_summary},
    run::{Arm, State, Times},
};

/// About two cycles. Divan subtracts its own overhead, which varies by one cycle: shorter times
/// read as zero in one process and as one cycle in the next.
const RESOLUTION: divan::Picos = divan::Picos(600);

/// The measuring time of one process of a bench that only divan can run.
const FOREIGN_VISIT: Duration = Duration::from_millis(8);

impl Engine<'_> {
    /// The slices of each arm; each slice is a process.
    pub(super) fn alternate_processes(
        &mut self,
        arms: &[Arm],
        runnables: &[Runnable],
        cpu: Option<usize>,
        backwards: bool,
    ) -> Result<Vec<Vec<Times>>> {
        self.tune(arms, runnables, cpu)?;
        let mut slices = vec![Vec::new(); arms.len()];
        for alternation in 0..2 {
            for arm in order(arms.len(), alternation, backwards) {
                let batches = self.work_of(&arms[arm])?;
                let row = with_arm(&arms[arm], self.visit(&runnables[arm], cpu, batches))?;
                let nanoseconds = |picos: divan::Picos| picos.0 as f64 / 1e3;
                let (wall, fastest) = (nanoseconds(row.median), nanoseconds(row.fastest));
                let times = Times {
                    cpu: None,
                    wall,
                    fastest,
                };
                slices[arm].push(times.rounded());
            }
        }
        Ok(slices)
    }

    /// Fixes the sample size of each benchmark for all later visits. If divan chose it, it would differ
    /// between processes, and so would the result.
    fn tune(&mut self, arms: &[Arm], runnables: &[Runnable], cpu: Option<usize>) -> Result<()> {
        let mut warmed = Vec::new();
        for (arm, runnable) in arms.iter().zip(runnables) {
            if self.work.of(arm).is_some() {
                continue;
            }
            if let Some(it) = with_arm(arm, self.tuned(runnable, cpu))? {
                warmed.push((arm, it));
                continue;
            }
            // Each visit checks that there is something left to time.
            let same = |(other, _): &&(&Arm, Warmed)| other.id == arm.id;
            if let Some((_, it)) = warmed.iter().find(same).copied() {
                warmed.push((arm, it));
                continue;
            }
            let mut everywhere = true;
            for (other, runnable) in arms.iter().zip(runnables) {
                if other.id == arm.id && other.side != arm.side {
                    everywhere &= with_arm(other, self.tuned(runnable, cpu))?.is_none();
                }
            }
            let reason = OPTIMISED_AWAY.to_owned();
            let state = if everywhere {
                State::Skipped(reason)
            } else {
                State::Failed(reason)
            };
            let (side, id) = (arm.side, arm.id.clone());
            return Err(ArmFailed { side, id, state }.into());
        }
        self.work.settle(warmed);
        Ok(())
    }

    /// The sample size that divan would choose when warm: it doubles the size until
    /// a sample takes a hundred times the precision of its clock, but starts cold. `None` if the
    /// operation takes no time.
    fn tuned(&mut self, runnable: &Runnable, cpu: Option<usize>) -> Result<Option<Warmed>> {
        const COLD: [&str; 6] = [
            "--min-time",
            "0",
            "--max-time",
            "0.02",
            "--skip-ext-time",
            "false",
        ];
        let (row, precision) = self.run_divan(runnable, cpu, &COLD)?;
        let mut size = row.sample_size();
        let operation = row.median.0.max(1);
        // In shorter samples, the loop and the clock weigh too much.
        let precisions = if operation < 2_000 { 1_000 } else { 100 };
        while size < 1 << 20 && size * operation <= precisions * precision.0 {
            size *= 2;
        }
        let sample_ns = (size * operation) as f64 / 1e3;
        let visit_ns = FOREIGN_VISIT.as_nanos() as f64;
        let batches = (visit_ns / sample_ns).clamp(1.0, 100.0) as u64;
        let batches = Batches { batches, size };
        let warmed = Warmed {
            operation_ns: operation as f64 / 1e3,
            filling: batches,
        };
        let too_short = |row: &divan::Measurement| row.optimised_away() || row.median < RESOLUTION;
        if too_short(&row) {
            let (row, _) = self.run_divan(runnable, cpu, &options(batches))?;
            return Ok((!too_short(&row)).then_some(warmed));
        }
        Ok(Some(warmed))
    }

    fn visit(
        &mut self,
        runnable: &Runnable,
        cpu: Option<usize>,
        batches: Batches,
    ) -> Result<divan::Measurement> {
        // Divan measures its own overhead in each process; a disturbed process subtracts too much.
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            let (row, _) = self.run_divan(runnable, cpu, &options(batches))?;
            if !row.optimised_away() {
                return Ok(row);
            }
        }
        bail!(OPTIMISED_AWAY);
    }

    /// Runs one process under divan, and reads the precision of its clock.
    fn run_divan<S: AsRef<str>>(
        &mut self,
        runnable: &Runnable,
        cpu: Option<usize>,
        options: &[S],
    ) -> Result<(divan::Measurement, divan::Picos)> {
        let launch = Launch {
            executable: &runnable.executable,
            id: &runnable.path,
            threads: runnable.threads,
            cpu,
            slowdown: 0.0,
            padding: self.random.below(4096) as usize,
        };
        let options: Vec<&str> = options.iter().map(AsRef::as_ref).collect();
        let ended = self.launcher.run(launch, &options)?;
        if !ended.status.success() {
            bail!(failure_summary(&ended.stderr, &ended.status.to_string()));
        }
        let row = divan::measurement(&ended.stdout, &runnable.path)?;
        let precision = divan::timer_precision(&ended.stderr);
        Ok((row, precision.unwrap_or(divan::Picos(20_000))))
    }
}

/// The options passed to divan for a visit. Preparing inputs may take much longer than the
/// operation, which limits the number of samples.
fn options(Batches { batches, size }: Batches) -> [String; 10] {
    [
        "--sample-count",
        &batches.to_string(),
        "--sample-size",
        &size.to_string(),
        "--min-time",
        "0",
        "--max-time",
        "0.1",
        "--skip-ext-time",
        "false",
    ]
    .map(str::to_owned)
}
