//! Estimates, for each benchmark of a run, its latency, its memory and its ratio to the reference.

pub mod means;
pub mod scaling;
pub mod sides;
pub mod stats;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use self::stats::{LogRatio, WalshAverages};
use crate::{
    run::{Block, Run, Side, Times, Verification},
    select::BenchId,
};

/// The confidence level of intervals in tables.
pub const LEVEL: f64 = 0.95;

/// The clock used for a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// CPU time of the single working thread; excludes waiting; unaffected by other processes.
    #[default]
    Cpu,
    /// Wall time.
    Wall,
}

impl Clock {
    /// The clock of a benchmark's latency.
    pub fn of(verification: &Verification) -> Self {
        match verification.has_cpu_latency() {
            true => Self::Cpu,
            false => Self::Wall,
        }
    }

    /// Its name in every report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "CPU time",
            Self::Wall => "wall time",
        }
    }
}

/// A benchmark of one commit, and its ratio to the reference.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: BenchId,
    /// Its name in the table: the encoder, or the part of the id that is not in the table's title.
    pub name: String,
    pub encoder: String,
    pub verification: Verification,
    /// Median time of an operation in nanoseconds; `None` if it was not timed.
    pub latency_ns: Option<f64>,
    /// Log-ratio encoder / reference. `None` without a reference, or with too few blocks.
    pub ratio: Option<LogRatio>,
    /// Blocks behind the ratio.
    pub blocks: usize,
    /// Whether this is the reference of the case.
    pub is_reference: bool,
    /// 10⁹ bytes per second: of output, or of input if there is no output.
    pub gigabytes_per_second: Option<f64>,
}

impl Row {
    /// Converts a `count` per operation to a rate per second.
    pub fn per_second(&self, count: Option<u64>) -> Option<f64> {
        Some(count? as f64 / self.latency_ns? * 1e9)
    }
}

/// All encoders on one array; without a reference, the benchmarks of one group.
#[derive(Clone, Debug)]
pub struct CaseTable {
    pub suite: String,
    /// Data type and shape, as in the id; without a reference, the name of the group or an empty string.
    pub case: String,
    /// The name of the reference encoder, if the suite has one.
    pub reference: Option<String>,
    /// The reference first, then from fastest to slowest.
    pub rows: Vec<Row>,
    /// Whether it was already printed, right after it was measured.
    pub shown: bool,
}

impl CaseTable {
    /// Whether it compares something and so gets a table of its own.
    pub fn is_compared(&self) -> bool {
        self.reference.is_some() || self.rows.len() > 1
    }
}

/// The tables of one commit.
pub fn cases(run: &Run) -> Vec<CaseTable> {
    let rows = run.benchmarks.iter().filter_map(|(id, benchmark)| {
        let verification = benchmark.candidate.as_ref()?;
        let reference = benchmark.reference.as_ref();
        let (blocks, ratio) = reference.map_or((0, None), |reference| ratio(run, reference, id));
        let latency_ns = latency(run, id, verification);
        let row = row(id, verification.clone(), latency_ns, (blocks, ratio));
        Some((row, reference))
    });
    group(rows)
}

/// A row of a table.
pub fn row(
    id: &BenchId,
    verification: Verification,
    latency_ns: Option<f64>,
    (blocks, ratio): (usize, Option<LogRatio>),
) -> Row {
    let bytes = verification.bytes_out.or(verification.bytes_in);
    Row {
        id: id.clone(),
        name: id.encoder().to_owned(),
        encoder: id.encoder().to_owned(),
        verification,
        latency_ns,
        ratio,
        blocks,
        is_reference: false,
        gigabytes_per_second: latency_ns
            .zip(bytes)
            .map(|(time, bytes)| bytes as f64 / time),
    }
}

/// Groups rows into tables. Each row comes with the id of its reference.
pub fn group<'a>(rows: impl Iterator<Item = (Row, Option<&'a BenchId>)>) -> Vec<CaseTable> {
    let rows: Vec<(Row, Option<&BenchId>)> = rows.collect();
    let referenced = rows.iter().filter(|(_, reference)| reference.is_some());
    let of_encoders: BTreeSet<String> = referenced
        .map(|(row, _)| row.id.qualified_suite().to_owned())
        .collect();
    let mut cases: BTreeMap<(String, String), CaseTable> = BTreeMap::new();
    for (mut row, reference) in rows {
        let id = row.id.clone();
        let (suite, mut case) = (id.qualified_suite(), id.case());
        if !of_encoders.contains(suite) {
            // A module, a `bench_group` or a function: benchmarks that their author grouped.
            (case, row.name) = match case {
                "" => ("", id.encoder().to_owned()),
                case => (id.encoder(), case.to_owned()),
            };
        }
        let entry = cases
            .entry((suite.to_owned(), case.to_owned()))
            .or_insert_with(|| CaseTable {
                suite: suite.to_owned(),
                case: case.to_owned(),
                reference: None,
                rows: Vec::new(),
                shown: false,
            });
        if let Some(reference) = reference {
            entry.reference = Some(reference.encoder().to_owned());
        }
        entry.rows.push(row);
    }
    let mut cases: Vec<CaseTable> = cases.into_values().collect();
    for case in &mut cases {
        for row in &mut case.rows {
            row.is_reference = Some(&row.encoder) == case.reference.as_ref();
        }
        match case.reference {
            Some(_) => case.rows.sort_by(by_weight),
            None => case
                .rows
                .sort_by(|one, other| by_name(&one.name, &other.name)),
        }
    }
    cases.sort_by_key(|case| (case.suite.clone(), dtype_order(case), case.case.clone()));
    cases
}

/// The reference first, then by latency; untimed rows last, by name.
fn by_weight(one: &Row, other: &Row) -> Ordering {
    let latency = |row: &Row| row.latency_ns.unwrap_or(f64::INFINITY);
    (other.is_reference.cmp(&one.is_reference))
        .then(latency(one).total_cmp(&latency(other)))
        .then_with(|| one.encoder.cmp(&other.encoder))
}

/// Natural sort order: `2` before `10`.
fn by_name(one: &str, other: &str) -> Ordering {
    let is_digit = |it: char| it.is_ascii_digit();
    let (mut one_left, mut other_left) = (one, other);
    while let (Some(a), Some(b)) = (one_left.chars().next(), other_left.chars().next()) {
        let digits = is_digit(a) && is_digit(b);
        let length = |text: &str, first: char| match digits {
            true => text.find(|it| !is_digit(it)).unwrap_or(text.len()),
            false => first.len_utf8(),
        };
        let (head_a, tail_a) = one_left.split_at(length(one_left, a));
        let (head_b, tail_b) = other_left.split_at(length(other_left, b));
        let order = match digits {
            true => {
                let [a, b] = [head_a, head_b].map(|digits| digits.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            false => head_a.cmp(head_b),
        };
        if order.is_ne() {
            return order;
        }
        (one_left, other_left) = (tail_a, tail_b);
    }
    one_left
        .len()
        .cmp(&other_left.len())
        .then_with(|| one.cmp(other))
}

/// pynumpy's order of data types; unknown ones last.
fn dtype_order(case: &CaseTable) -> usize {
    const ORDER: [&str; 13] = [
        "float16",
        "float32",
        "float64",
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "datetime64[ns]",
    ];
    let dtype = case
        .rows
        .iter()
        .find_map(|row| row.verification.dtype.as_deref());
    ORDER
        .iter()
        .position(|name| Some(*name) == dtype)
        .unwrap_or(ORDER.len())
}

/// The number of blocks and the estimate of `id` / `reference` at the candidate.
pub fn ratio(run: &Run, reference: &str, id: &str) -> (usize, Option<LogRatio>) {
    let clock = clock(run, &[reference, id], Side::Candidate);
    let logs = log_ratios(
        &run.blocks,
        (Side::Candidate, reference),
        (Side::Candidate, id),
        clock,
    );
    (logs.len(), estimate(&logs))
}

/// The estimate from blocks' log-ratios; `None` if there are too few for an interval.
pub fn estimate(logs: &[f64]) -> Option<LogRatio> {
    if logs.is_empty() {
        return None;
    }
    let estimate = WalshAverages::new(logs).estimate(LEVEL);
    estimate.lower.is_finite().then_some(estimate)
}

/// CPU time if it is the latency of all benchmarks; otherwise wall time.
pub fn clock(run: &Run, ids: &[&str], side: Side) -> Clock {
    let verification = |id: &&str| run.benchmarks.get(*id)?.at(side);
    let by_cpu = |id: &&str| verification(id).is_some_and(Verification::has_cpu_latency);
    match ids.iter().all(by_cpu) {
        true => Clock::Cpu,
        false => Clock::Wall,
    }
}

/// The log-ratio `numerator` / `denominator` of each block that has both arms without a slowdown.
pub fn log_ratios(
    blocks: &[Block],
    denominator: (Side, &str),
    numerator: (Side, &str),
    clock: Clock,
) -> Vec<f64> {
    let position = |block: &Block, (side, id): (Side, &str)| {
        block
            .arms
            .iter()
            .position(|arm| arm.side == side && arm.id == id && arm.slowdown == 0.0)
    };
    blocks
        .iter()
        .filter_map(|block| {
            let one = &block.slices[position(block, denominator)?];
            let other = &block.slices[position(block, numerator)?];
            Some(stats::block_log_ratio(
                &times(one, clock),
                &times(other, clock),
            ))
        })
        .collect()
}

/// The times of slices on a clock, for comparisons. If divan measured, the fastest sample is the most
/// stable of the values it prints.
pub fn times(slices: &[Times], clock: Clock) -> Vec<f64> {
    slices
        .iter()
        .map(|times| match (clock, times.cpu) {
            (Clock::Cpu, Some(cpu)) => cpu,
            (Clock::Wall, Some(_)) => times.wall,
            (Clock::Cpu | Clock::Wall, None) => times.fastest,
        })
        .collect()
}

/// The times of slices on a clock, for tables. If divan measured, these are the medians that `cargo bench`
/// shows: with several threads, the fastest sample may be of one that ran alone.
pub fn shown(slices: &[Times], clock: Clock) -> Vec<f64> {
    let of = |times: &Times| match (clock, times.cpu) {
        (Clock::Cpu, Some(cpu)) => cpu,
        (Clock::Cpu | Clock::Wall, _) => times.wall,
    };
    slices.iter().map(of).collect()
}

/// The median over all slices of the candidate.
pub fn latency(run: &Run, id: &str, verification: &Verification) -> Option<f64> {
    let clock = Clock::of(verification);
    let mut all = Vec::new();
    for block in &run.blocks {
        for (arm, slices) in block.arms.iter().zip(&block.slices) {
            if arm.id == id && arm.side == Side::Candidate && arm.slowdown == 0.0 {
                all.extend(shown(slices, clock));
            }
        }
    }
    (!all.is_empty()).then(|| stats::median(&all))
}

#[cfg(test)]
mod tests {
    use super::{Clock, by_name, group, row, shown, times};
    use crate::{
        run::{Times, Verification},
        select::BenchId,
    };

    fn tables(ids: &[&str]) -> Vec<String> {
        let rows = ids.iter().map(|id| {
            let row = row(
                &BenchId::from(*id),
                Verification::unseen(""),
                None,
                (0, None),
            );
            (row, None)
        });
        let tables = group(rows).into_iter().map(|table| {
            let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
            format!("{} {}: {}", table.suite, table.case, names.join(" "))
        });
        tables.collect()
    }

    #[test]
    fn tables_show_the_median_that_divan_prints() {
        let slice = Times {
            cpu: None,
            wall: 20.0,
            fastest: 6.0,
        };
        assert_eq!(shown(&[slice], Clock::Wall), [20.0]);
        assert_eq!(times(&[slice], Clock::Wall), [6.0]);
        let by_worker = Times {
            cpu: Some(9.0),
            ..slice
        };
        assert_eq!(shown(&[by_worker], Clock::Cpu), [9.0]);
    }

    #[test]
    fn without_encoders_tables_are_groups() {
        let ids = [
            "b::f",
            "b::g::10",
            "b::g::9",
            "b::m::x::1",
            "b::m::y",
            "p/b::g::1",
        ];
        assert_eq!(
            tables(&ids),
            ["b : f", "b g: 9 10", "b m: x::1 y", "p/b g: 1"]
        );
    }

    #[test]
    fn numbers_count_by_value() {
        let mut names = ["b10", "b9", "b09", "a", "1_000", "é2", "é10", "b"];
        names.sort_by(|one, other| by_name(one, other));
        assert_eq!(names, ["1_000", "a", "b", "b09", "b9", "b10", "é2", "é10"]);
    }
}
