//! Benchmarks `cargo serbench history`: appending a commit to an index of ten and of ten thousand commits,
//! and computing all charts and change points of ten thousand commits with 80 benchmarks.

#[path = "../record/changes.rs"]
#[expect(dead_code, unused_imports, reason = "used and tested in the tool")]
mod changes;
#[path = "../compare"]
mod compare {
    #[expect(dead_code, unused_imports, reason = "charts need medians alone")]
    pub mod stats;
}
#[path = "../record/index.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the tool updates the index, and tests it"
)]
mod index;
#[path = "../record/series.rs"]
#[expect(dead_code, unused_imports, reason = "it is tested in the tool")]
mod series;

use divan::{Bencher, black_box};
use index::{Entry, Index, Name, Point, Stamp};
use serbench::random::Random;
use tempfile::TempDir;

const DTYPES: [&str; 10] = [
    "f16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32",
];
const ENCODERS: [&str; 8] = ["orjson", "a", "b", "c", "d", "e", "f", "g"];

fn main() {
    divan::main();
}

/// Appends a commit to an index of this many.
#[divan::bench(args = [10, 100, 1_000, 10_000])]
fn append(bencher: Bencher<'_, '_>, commits: u64) {
    let folder = filled(commits);
    let mut index = Index::open(&folder.path().join("index")).expect("it was just made");
    let mut next = commits;
    bencher
        .with_inputs(|| {
            next += 1;
            (entry(next), names())
        })
        .bench_local_values(|(entry, names)| index.append(entry, names).expect("there is room"));
}

/// Reads an index of this many commits, draws every chart and finds every change point.
#[divan::bench(args = [10, 100, 1_000, 10_000], sample_count = 20, sample_size = 1)]
fn render(bencher: Bencher<'_, '_>, commits: u64) {
    let folder = filled(commits);
    let order: Vec<String> = (0..commits).map(commit).collect();
    bencher.bench_local(|| {
        let index = Index::open(&folder.path().join("index")).expect("it was just made");
        let all = series::series(&index, &order, |_| true);
        assert_eq!(all.len(), 80);
        for series in &all {
            let values: Vec<f64> = series.points.iter().map(|point| point.value).collect();
            black_box(series::sparkline(&values, 40));
            let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
            black_box(changes::change_points(
                &logs,
                &changes::Sensitivity::default(),
            ));
        }
    });
}

fn filled(commits: u64) -> TempDir {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let mut index = Index::open(&folder.path().join("index")).expect("the folder is ours");
    for number in 0..commits {
        index.append(entry(number), names()).expect("there is room");
    }
    folder
}

fn commit(number: u64) -> String {
    format!("{number:040x}")
}

fn entry(number: u64) -> Entry {
    let mut random = Random::seeded(number);
    let mut point = |reference: bool| Point {
        ratio: (!reference).then(|| 1.0 + rounded(random.unit(), 1e5)),
        latency_ns: Some(50_000.0 + rounded(random.unit() * 1e3, 10.0)),
    };
    Entry {
        commit: commit(number),
        key: "linux-x86_64-1a2b3c4d".to_owned(),
        stamp: Stamp {
            size: 65_536,
            modified: 1_700_000_000_000_000_000 + number,
        },
        machine: "AMD EPYC 7763 64-Core Processor, 4 CPUs, linux x86_64".to_owned(),
        toolchain: "rustc 1.95.0 (59807616e 2026-04-14), profile bench".to_owned(),
        subject: "Encode floats without a second look at the exponent".to_owned(),
        started_at: "2026-11-21T01:10:52Z".to_owned(),
        names: 0,
        points: DTYPES
            .iter()
            .flat_map(|_| ENCODERS)
            .map(|encoder| point(encoder == "orjson"))
            .collect(),
    }
}

fn names() -> Vec<Name> {
    let id = |encoder: &str, dtype: &str| format!("json::{encoder}::{dtype}::100x100");
    let name = |encoder: &str, dtype: &str| Name {
        id: id(encoder, dtype),
        reference: (encoder != "orjson").then(|| id("orjson", dtype)),
    };
    DTYPES
        .iter()
        .flat_map(|dtype| ENCODERS.map(|encoder| name(encoder, dtype)))
        .collect()
}

/// With as many digits as the tool stores.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
