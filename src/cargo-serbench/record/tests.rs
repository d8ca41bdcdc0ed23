//! Checks which facts of a run a record keeps, and every error when reading one.

use std::{collections::BTreeMap, path::Path};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::{Just, Strategy, any, prop_oneof},
    prop_assert_eq, proptest,
    sample::Index,
};

use crate::select::BenchId;

use super::{Blocks, Measured, Origin, Record, SCHEMA, difference, text};
use crate::{
    build::toolchain::Toolchain,
    config::keys::fields,
    discover::machine::Machine,
    run::{
        self, Arm, Benchmark, Block, Memory, Phase, Run, Side, Source, State, Times, Verification,
    },
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn machine() -> Machine {
    Machine {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
        cpus: 4,
    }
}

fn toolchain() -> Toolchain {
    Toolchain {
        rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
        flags: vec![
            "-Cllvm-args=-align-all-functions=6".to_owned(),
            "-Cllvm-args=-align-all-nofallthru-blocks=6".to_owned(),
        ],
        profile: "bench".to_owned(),
        features: vec!["--features=encoders".to_owned()],
    }
}

fn subject() -> Verification {
    Verification {
        state: State::Verified,
        native: true,
        executable: "7e47e973b0bd3e3a".to_owned(),
        code: None,
        dtype: Some("datetime64[ns]".to_owned()),
        shape: Some(vec![100, 100]),
        bytes_in: Some(80_000),
        bytes_out: Some(192_941),
        counted: run::Counted::default(),
        multithreaded: false,
        waits: false,
        prints: false,
        memory: Some(Memory {
            peak: Some(262_144),
            bytes: 524_288,
            allocations: 12,
            repeatable: true,
        }),
        heap: Vec::new(),
        rss: Some(258_048),
        seconds: 0.0,
    }
}

fn benchmark(reference: Option<&str>) -> Benchmark {
    Benchmark {
        reference: reference.map(BenchId::from),
        baseline: None,
        candidate: Some(subject()),
    }
}

fn run(benchmarks: BTreeMap<String, Benchmark>, blocks: Vec<Block>) -> Run {
    Run {
        schema: 1,
        tool: "serbench 0.1.0".to_owned(),
        started_at: "2026-11-21T01:10:52Z".to_owned(),
        seconds: 4.0,
        seed: 40_632_498,
        machine: machine(),
        toolchain: toolchain(),
        baseline: None,
        candidate: Source {
            commit: Some(COMMIT.to_owned()),
            tree: Some("c".repeat(40)),
            subject: Some("Faster floats".to_owned()),
            dirty: false,
            lock: Some("74511591deae2493".to_owned()),
        },
        budget: None,
        identical_measured: false,
        layout: None,
        shard: None,
        self_check: None,
        notes: Vec::new(),
        proof: None,
        benchmarks: benchmarks
            .into_iter()
            .map(|(id, benchmark)| (BenchId::new(id), benchmark))
            .collect(),
        kept: Vec::new(),
        explained: BTreeMap::new(),
        blocks,
    }
}

/// A block of arms with these times in each slice, on both clocks.
fn block(arms: &[(&str, f64)]) -> Block {
    let slice = |time: f64| Times {
        cpu: Some(time),
        wall: time * 2.0,
        fastest: time,
    };
    Block {
        phase: Phase::Screen,
        arms: arms
            .iter()
            .map(|(id, _)| Arm {
                side: Side::Candidate,
                id: (*id).into(),
                slowdown: 0.0,
            })
            .collect(),
        cpu: Some(0),
        seconds: 0.05,
        slices: arms.iter().map(|(_, time)| vec![slice(*time); 4]).collect(),
        backwards: false,
        disturbance: None,
    }
}

pub fn two_encoders() -> Run {
    let benchmarks = [
        ("json::orjson::f64", None),
        ("json::serde::f64", Some("json::orjson::f64")),
        ("json::alone", None),
    ];
    let benchmarks = benchmarks.map(|(id, reference)| (id.to_owned(), benchmark(reference)));
    let pair = |time| block(&[("json::orjson::f64", 1000.0), ("json::serde::f64", time)]);
    let mut slowed = pair(9000.0);
    slowed.arms[1].slowdown = 0.05;
    let mut foreign = pair(9000.0);
    foreign.arms[1].side = Side::Baseline;
    let blocks = vec![
        pair(1050.0),
        pair(1100.0),
        slowed,
        foreign,
        block(&[("json::alone", 12_345.678)]),
    ];
    run(BTreeMap::from(benchmarks), blocks)
}

#[test]
fn records_keep_the_facts_of_a_run() {
    let record = Record::from_run(&two_encoders()).unwrap();
    insta::assert_snapshot!(text::write(&record));
    assert_eq!(
        record.log_ratios("json::serde::f64"),
        Some(&[0.0488, 0.0953][..])
    );
    assert_eq!(record.log_ratios("json::orjson::f64"), None);
}

#[test]
fn only_commits_are_recorded() {
    let mut run = two_encoders();
    run.candidate.dirty = true;
    assert_eq!(Record::from_run(&run), None);
    run.candidate.dirty = false;
    run.candidate.commit = None;
    assert_eq!(Record::from_run(&run), None);
}

#[test]
fn impossible_times_are_left_out() {
    let mut run = two_encoders();
    for times in &mut run.blocks[0].slices[0] {
        times.wall = 0.0;
    }
    for times in &mut run.blocks[1].slices[0] {
        times.cpu = Some(0.0);
    }
    let record = Record::from_run(&run).unwrap();
    let blocks = record.benchmarks["json::serde::f64"].log_ratios.clone();
    // The first block has no ratio, the second has none on the CPU clock.
    let expected = Blocks {
        cpu: None,
        wall: vec![0.0953],
    };
    assert_eq!(blocks, Some(expected));
}

#[test]
fn threads_are_judged_by_wall_time() {
    let mut run = two_encoders();
    run.blocks[0].slices[1][0].wall = 8e3;
    for times in &mut run.blocks[0].slices[1] {
        times.wall = 4000.0;
    }
    let serde = run.benchmarks.get_mut("json::serde::f64").unwrap();
    serde.candidate.as_mut().unwrap().multithreaded = true;
    let record = Record::from_run(&run).unwrap();
    assert_eq!(
        record.log_ratios("json::serde::f64"),
        // ln 2 and ln 1.1, with the stored number of digits.
        Some(&[std::f64::consts::LN_2, 0.0953].map(|log| (log * 1e4).round() / 1e4)[..])
    );
}

/// 13 data types, the reference and 8 encoders, 12 blocks, with all digits.
pub fn default_grid() -> Record {
    let encoders = [
        "orjson",
        "serde_json",
        "serde_json_reused",
        "serde_json_value",
        "simd_json",
        "simd_json_value",
        "sonic_rs",
        "sonic_rs_reused",
        "sonic_rs_value",
    ];
    let dtypes = [
        "f16",
        "f32",
        "f64",
        "bool",
        "i8",
        "i16",
        "i32",
        "i64",
        "u8",
        "u16",
        "u32",
        "u64",
        "DatetimeNs",
    ];
    let mut benchmarks = BTreeMap::new();
    let mut blocks = Vec::new();
    for dtype in dtypes {
        let reference = format!("json::orjson::{dtype}::100x100");
        for (number, encoder) in encoders.iter().enumerate() {
            let id = format!("json::{encoder}::{dtype}::100x100");
            let compared = (id != reference).then_some(reference.as_str());
            benchmarks.insert(id.clone(), benchmark(compared));
            for round in 0..if number == 0 { 0 } else { 12 } {
                let time = 53_214.5 * (1.0 - 0.07 * number as f64 + 0.0123 * f64::from(round));
                blocks.push(block(&[(&reference, 51_789.3), (&id, time)]));
            }
        }
    }
    Record::from_run(&run(benchmarks, blocks)).unwrap()
}

#[test]
fn records_are_small_enough_for_a_repository() {
    let record = default_grid();
    assert_eq!(record.benchmarks.len(), 117);
    let text = text::write(&record);
    assert!(text.len() <= 64 * 1024, "{} bytes", text.len());
    // One benchmark per line.
    assert_eq!(text.lines().count(), 117 + 12);
    assert_eq!(text::read(text.as_bytes(), Path::new("f")).unwrap(), record);
}

#[test]
fn differing_factors_are_named() {
    let record = Record::from_run(&two_encoders()).unwrap();
    let mut other = record.clone();
    assert_eq!(difference(&record.factors(), &other.factors()), []);
    assert_eq!(record.key(), other.key());
    other.machine.cpus = 8;
    other.toolchain.profile = "fast".to_owned();
    let expected = [
        ("cpus", "4".to_owned(), "8".to_owned()),
        ("profile", "bench".to_owned(), "fast".to_owned()),
    ];
    assert_eq!(difference(&record.factors(), &other.factors()), expected);
    assert_ne!(record.key(), other.key());
}

#[test]
fn a_part_measured_again_keeps_the_rest() {
    let old = Record::from_run(&two_encoders()).unwrap();
    let mut new = two_encoders();
    new.started_at = "2026-11-22T00:00:00Z".to_owned();
    new.benchmarks.remove("json::alone");
    let mut new = Record::from_run(&new).unwrap();
    new.update(&old);
    assert_eq!(new.benchmarks.len(), 3);
    let started = |id: &str| new.runs[new.benchmarks[id].run].started_at.as_str();
    assert_eq!(started("json::alone"), "2026-11-21T01:10:52Z");
    assert_eq!(started("json::serde::f64"), "2026-11-22T00:00:00Z");
    // If all are measured again, the old run is gone.
    let again = Record::from_run(&two_encoders()).unwrap();
    let mut all = again.clone();
    all.update(&new);
    assert_eq!(all, again);
}

#[test]
fn a_benchmark_that_was_not_measured_keeps_its_record() {
    let old = Record::from_run(&two_encoders()).unwrap();
    let mut new = two_encoders();
    new.started_at = "2026-11-22T00:00:00Z".to_owned();
    new.blocks.retain(|block| {
        block
            .arms
            .iter()
            .all(|arm| arm.id.as_str() != "json::alone")
    });
    let mut new = Record::from_run(&new).unwrap();
    assert_eq!(new.benchmarks["json::alone"].latency_ns, None);
    new.update(&old);
    let kept = &new.benchmarks["json::alone"];
    assert_eq!(kept.latency_ns, old.benchmarks["json::alone"].latency_ns);
    assert_eq!(new.runs[kept.run], old.runs[0]);
}

fn problem(text: &str) -> String {
    let error = text::read(text.as_bytes(), Path::new("baselines/c/k.json")).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("baselines/c/k.json"), "{error}");
    error
}

#[test]
fn damaged_records() {
    let good = text::write(&Record::from_run(&two_encoders()).unwrap());
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        problem(&good.replacen(from, to, 1))
    };
    let nested = |depth| format!("{{\"schema\": {}", "[".repeat(depth));
    let conflict = format!("<<<<<<< HEAD\n{good}");
    let messages = [
        problem(""),
        problem(&good[..good.len() / 2]),
        problem(&conflict),
        problem("[]"),
        problem("{}"),
        problem(&nested(100_000)),
        with("\"schema\": 3", "\"schema\": 4"),
        with("\"schema\": 3", "\"schema\": 0"),
        with("\"schema\": 3", "\"schema\": -1"),
        with("\"schema\": 3", "\"schema\": 3, \"colour\": 3"),
        with(
            "\"tool\":\"serbench 0.1.0\"",
            "\"tool\":\"serbench 9.9.0\", \"colour\": 3",
        ),
        with("12346.0", "1e999"),
        with("12346.0", "NaN"),
        with("12346.0", "null, \"no_such_field\": 1"),
        with("12346.0", "-12346.0"),
        with("[0.0488,", "[\"0.0488\","),
        with("[0.0488,0.0953]", "[0.0488,0.0953],\"wall\":[0.1]"),
        with("[0.0488,", "[1e300,"),
        with("\"executable\"", "\"slower_than\":\"HEAD\",\"executable\""),
        with("\"rss\":258048", "\"rss\":-258048"),
        with("\"executable\"", "\"run\":7,\"executable\""),
        with(COMMIT, "HEAD"),
        with("\"verified\"", "\"perfect\""),
        problem(&format!("{good}{good}")),
    ];
    let ending = "; `git checkout -- baselines/c/k.json` restores the committed one, or delete it \
                  and measure the commit again";
    insta::assert_snapshot!(messages.join("\n").replace(ending, " …"));
}

fn number() -> impl Strategy<Value = f64> {
    let finite = any::<f64>().prop_map(|value| if value.is_finite() { value } else { 0.5 });
    prop_oneof![-3.0..3.0, finite]
}

fn numbers() -> impl Strategy<Value = Blocks> {
    let pairs = vec((number(), number()), 1..14);
    (pairs, 0..3).prop_map(|(pairs, clocks)| {
        let (cpu, wall) = pairs.into_iter().unzip();
        let (cpu, wall) = match clocks {
            0 => (None, wall),
            1 => (Some(cpu), Vec::new()),
            _ => (Some(cpu), wall),
        };
        Blocks { cpu, wall }
    })
}

fn believable(Blocks { cpu, wall }: Blocks) -> Blocks {
    let bound = |logs: Vec<f64>| -> Vec<f64> {
        logs.into_iter().map(|log| log.clamp(-23.0, 23.0)).collect()
    };
    Blocks {
        cpu: cpu.map(bound),
        wall: bound(wall),
    }
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Verified),
        Just(State::Unchecked),
        Just(State::Skipped("ignored".to_owned())),
        any::<String>().prop_map(State::Failed),
    ]
}

fn any_measured() -> impl Strategy<Value = Measured> {
    let words = (
        any::<Index>(),
        state(),
        option::of(".{1,9}"),
        ".{0,9}",
        any::<[bool; 4]>(),
    );
    let array = (option::of(".*"), option::of(vec(0_usize..9, 0..4)));
    let sizes = option::of((any::<[u64; 3]>(), any::<bool>()));
    let counts = (option::of(any::<u64>()), sizes, option::of(number()));
    let blocks = (option::of(numbers()), option::of(numbers()));
    (words, array, counts, blocks).prop_map(|(words, array, counts, blocks)| {
        let (run, state, reference, executable, [native, multithreaded, prints, waits]) = words;
        let memory = counts
            .1
            .map(|([peak, bytes, allocations], repeatable)| Memory {
                peak: (peak % 3 > 0).then_some(peak),
                bytes,
                allocations,
                repeatable,
            });
        Measured {
            run: run.index(2),
            state,
            log_ratios: blocks.0.filter(|_| reference.is_some()).map(believable),
            reference: reference.map(BenchId::from),
            slower_than: prints.then(|| "0a".repeat(20)),
            executable,
            native,
            multithreaded,
            waits,
            prints,
            dtype: array.0,
            shape: array.1,
            bytes_in: counts.0,
            bytes_out: memory.and_then(|memory| memory.peak),
            memory,
            rss: counts.0,
            latency_ns: counts.2.map(f64::abs),
            times_ns: blocks.1,
        }
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let benchmarks = btree_map(".{0,20}", any_measured(), 0..5);
    let words = (
        "[0-9a-f]{40}",
        ".*",
        option::of("[0-9a-f]{16}"),
        ".*",
        vec(".*", 0..3),
    );
    (benchmarks, words, any::<(u64, u64)>()).prop_map(|(benchmarks, words, seeds)| {
        let (commit, subject, lock, cpu, features) = words;
        let origin = |seed| Origin {
            started_at: "2026-11-21T01:10:52Z".to_owned(),
            seed,
            tool: cpu.clone(),
        };
        Record {
            schema: SCHEMA,
            tree: Some(commit.clone()),
            commit,
            subject,
            lock,
            runs: vec![origin(seeds.0), origin(seeds.1)],
            machine: Machine { cpu, ..machine() },
            toolchain: Toolchain {
                features,
                ..toolchain()
            },
            benchmarks: benchmarks
                .into_iter()
                .map(|(id, measured)| (BenchId::new(id), measured))
                .collect(),
        }
    })
}

proptest! {
    #[test]
    fn records_round_trip(record in any_record()) {
        let text = text::write(&record);
        prop_assert_eq!(text.lines().count(), record.benchmarks.len().max(1) + 12 - usize::from(record.benchmarks.is_empty()));
        prop_assert_eq!(text::read(text.as_bytes(), Path::new("f")).unwrap(), record);
    }

    #[test]
    fn damage_is_an_error_or_harmless(record in any_record(), at: Index, byte: u8, cut: bool) {
        let mut bytes = text::write(&record).into_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        match text::read(&bytes, Path::new("the/file")) {
            Ok(_) => {}
            Err(error) => prop_assert_eq!(error.to_string().contains("the/file"), true),
        }
    }
}

/// A field that an older version does not know makes a new schema.
#[test]
fn schemas_have_these_fields() {
    let run = [
        fields::<Run>(),
        fields::<Source>(),
        fields::<run::Layout>(),
        fields::<Benchmark>(),
        fields::<run::Verification>(),
        fields::<Memory>(),
        fields::<Block>(),
        fields::<Arm>(),
    ];
    let record = [
        fields::<Record>(),
        fields::<Origin>(),
        fields::<Measured>(),
        fields::<Blocks>(),
    ];
    let lines = |fields: &[Vec<String>]| -> String {
        let lines = fields
            .iter()
            .map(|fields| format!("{}\n", fields.join(" ")));
        lines.collect()
    };
    let record = format!("record, schema {SCHEMA}\n{}", lines(&record));
    let run = format!("run, schema {}\n{}", run::SCHEMA, lines(&run));
    insta::assert_snapshot!(run + &record);
}
