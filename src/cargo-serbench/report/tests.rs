//! One report with every verdict and with malicious names, in every format.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{FORMATS, Format, Place, Report, SCHEMA, Verdicts, html, json, next};
use crate::{
    compare::{
        self, CaseTable, Clock,
        means::{self, Means, Point},
        sides::{self, Both, Measured},
        stats::LogRatio,
    },
    config,
    decide::{
        self, Decision, LimitCheck, Metric, Standing, Summary, Verdict, evidence,
        evidence::Evidence,
    },
    record::tests::two_encoders,
    run::{Arm, Benchmark, Block, Phase, Run, Side, Times, Verification},
    select::BenchId,
};

/// An id with line ends, workflow commands, links, mentions, and colours.
const HARMFUL: &str = "::error title=x::\u{1b}[31m\r\n::warning::@octocat <img src=x> [a](https://evil.example) a|b `c`";

/// Owns everything that a report borrows.
struct Owned {
    runs: Vec<Run>,
    tables: Vec<CaseTable>,
    evidence: Vec<Evidence>,
    decisions: Vec<Decision>,
    summary: Summary,
    measured: BTreeMap<BenchId, Both<Measured>>,
    means: Means,
    places: BTreeMap<String, Place>,
}

impl Owned {
    /// A run of `ids` with the given verdicts.
    fn of(verdicts: &[(&str, Verdict)]) -> Self {
        let run = run(verdicts);
        let evidence = evidence::evidence(&run, &config::default_config());
        let mut decisions = decide::decide(&evidence, &decide::policy(None));
        for (id, verdict) in verdicts {
            let decision = decisions.iter_mut().find(|decision| decision.id == *id);
            force(decision.expect("each id has a decision"), *verdict);
        }
        let summary = decide::summarize(&decisions, false);
        let measured = sides::measured(&run);
        let points: Vec<Point<'_>> = run
            .benchmarks
            .keys()
            .filter_map(|id| {
                Some(Point {
                    encoder: sides::encoder(&run, id)?,
                    dtype: sides::dtype(&run, id),
                    baseline: Some(measured[id].baseline?.ratio?.ln()),
                    candidate: Some(measured[id].candidate?.ratio?.ln()),
                    change: None,
                })
            })
            .collect();
        let means = means::means(&points);
        let place = Place {
            file: "benches/json.rs".to_owned(),
            line: 7,
        };
        let places = verdicts
            .iter()
            .map(|(id, _)| ((*id).to_owned(), place.clone()));
        Self {
            places: places.take(1).collect(),
            runs: vec![run],
            tables: Vec::new(),
            evidence,
            decisions,
            summary,
            measured,
            means,
        }
    }

    fn report(&self) -> Report<'_> {
        Report {
            runs: &self.runs,
            tables: &self.tables,
            verdicts: self.tables.is_empty().then_some(Verdicts {
                evidence: &self.evidence,
                decisions: &self.decisions,
                summary: &self.summary,
            }),
            measured: &self.measured,
            means: &self.means,
            places: &self.places,
            touched: &[],
            history: None,
            exit_code: self.summary.outcome.exit(false).code(),
            explanations: &[],
            only_explanations: false,
        }
    }

    fn render(&self, format: &str) -> String {
        let format = Format::of(format).expect("a known format");
        let text = format.render(&self.report(), None).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }
}

/// Benchmarks of `json` at both commits, each measured in a few blocks, with a change that fits its
/// verdict; their reference, and the two self-checks.
fn run(verdicts: &[(&str, Verdict)]) -> Run {
    let mut run = two_encoders();
    run.baseline = Some(run.candidate.clone());
    let with_reference = |it: &&Benchmark| it.reference.is_some();
    let template = run.benchmarks.values().find(with_reference);
    let template = template.expect("one has a reference").clone();
    let reference = template.reference.clone().expect("it has a reference");
    run.benchmarks.clear();
    run.blocks.clear();
    run.self_check = Some(reference.clone());
    let at = |dtype: &str, executable: &str| {
        let verification = template.candidate.clone().expect("it was verified");
        Some(Verification {
            dtype: Some(dtype.to_owned()),
            executable: executable.to_owned(),
            ..verification
        })
    };
    let mut add = |id: &BenchId, reference: Option<&BenchId>, time: f64, change: f64| {
        let dtype = if id.case().starts_with("f32") {
            "float32"
        } else {
            "float64"
        };
        let benchmark = Benchmark {
            reference: reference.cloned(),
            baseline: at(dtype, "aa"),
            candidate: at(dtype, "bb"),
        };
        run.benchmarks.insert(id.clone(), benchmark);
        let sides = [(Side::Baseline, 0.0), (Side::Candidate, 0.0)];
        run.blocks.extend(blocks(id, sides, time, change));
    };
    add(&reference, None, 1000.0, 1.0);
    for (number, (id, verdict)) in verdicts.iter().enumerate() {
        let change = match verdict {
            Verdict::Regressed => 1.12,
            Verdict::Improved => 0.92,
            Verdict::Inconclusive => 1.03,
            _ => 1.0,
        };
        add(
            &BenchId::new(*id),
            Some(&reference),
            400.0 + 300.0 * number as f64,
            change,
        );
    }
    let same = Side::Candidate;
    let null = blocks(&reference, [(same, 0.0), (same, 0.0)], 1000.0, 1.0);
    let positive = blocks(&reference, [(same, 0.0), (same, 0.06)], 1000.0, 1.06);
    run.blocks.extend(null.into_iter().chain(positive));
    run
}

/// A few slightly noisy blocks of two arms.
fn blocks(id: &BenchId, arms: [(Side, f64); 2], time: f64, change: f64) -> Vec<Block> {
    let arm = |(side, slowdown)| Arm {
        side,
        id: id.clone(),
        slowdown,
    };
    let block = |number: i32| {
        let noise = 1.0 + 0.002 * f64::from(number % 5 - 2);
        let slices = |time: f64| {
            let of = |slice: i32| Times {
                cpu: Some(time * (1.0 + 0.01 * f64::from(slice))),
                wall: time * 1.02,
                fastest: time,
            };
            (0..4).map(of).collect()
        };
        Block {
            phase: if number < 16 {
                Phase::Screen
            } else {
                Phase::Confirm
            },
            arms: arms.map(arm).to_vec(),
            cpu: Some(0),
            seconds: 0.05,
            slices: vec![slices(time), slices(time * change * noise)],
            backwards: false,
            disturbance: None,
        }
    };
    (0..32).map(block).collect()
}

fn force(decision: &mut Decision, verdict: Verdict) {
    let change = |percent: f64| {
        let log = |percent: f64| (percent / 100.0).ln_1p();
        LogRatio {
            point: log(percent),
            lower: log(percent - 1.0),
            upper: log(percent + 1.0),
            level: 0.95,
        }
    };
    let (percent, reason) = match verdict {
        Verdict::Regressed => (
            12.0,
            "CPU time +12.0 % [+11.0 %, +13.0 %], all above +3.0 %",
        ),
        Verdict::Improved => (-8.0, "CPU time -8.0 % [-9.0 %, -7.0 %], all below -1.0 %"),
        Verdict::Inconclusive => (3.0, "CPU time +3.0 % [+2.0 %, +4.0 %], undecided at +3.0 %"),
        Verdict::Failed => (
            0.0,
            "panicked at benches/b.rs:7:5 \u{1b}[31mno\n::error::array",
        ),
        Verdict::Unchanged => (0.1, "CPU time +0.1 % [-0.9 %, +1.1 %], all below +3.0 %"),
        Verdict::Identical => (0.0, "the same code and data"),
        Verdict::Added => (0.0, "not in the baseline"),
        Verdict::Removed => (0.0, "not in the candidate"),
        Verdict::Skipped => (0.0, "marked with `#[ignore]`"),
    };
    let compared = matches!(
        verdict,
        Verdict::Regressed | Verdict::Improved | Verdict::Inconclusive | Verdict::Unchanged
    );
    decision.verdict = verdict;
    decision.reason = reason.to_owned();
    decision.change = compared.then(|| change(percent));
    decision.deciding = decision.change;
    decision.metric = compared.then_some(Metric::Latency(Clock::Cpu));
    decision.needs_seconds = (verdict == Verdict::Inconclusive).then_some(40.0);
}

fn every_verdict() -> Owned {
    let mut owned = Owned::of(&[
        ("json::slow::f64::100x100", Verdict::Regressed),
        ("json::fast::f32::100x100", Verdict::Improved),
        ("json::same::f64::100x100", Verdict::Unchanged),
        ("json::vague::f64::100x100", Verdict::Inconclusive),
        ("json::equal::f64::100x100", Verdict::Identical),
        ("json::slow::f32::100x100", Verdict::Added),
        ("json::gone::f64::100x100", Verdict::Removed),
        ("json::wrong::f64::100x100", Verdict::Failed),
        ("json::later::f64::100x100", Verdict::Skipped),
        ("json::meant::f64::100x100", Verdict::Regressed),
        ("json::moved::f64::100x100", Verdict::Unchanged),
    ]);
    for decision in &mut owned.decisions {
        match decision.id.as_str() {
            "json::meant::f64::100x100" => {
                decision.waived = Some("accepted: checks | its input".to_owned());
            }
            "json::moved::f64::100x100" => {
                decision.reason +=
                    "; slower as cargo linked it, but not with its functions in other orders";
            }
            _ => {}
        }
    }
    owned.summary = decide::summarize(&owned.decisions, false);
    owned
}

fn one_commit() -> Owned {
    let run = two_encoders();
    Owned {
        tables: compare::cases(&run),
        measured: sides::measured(&run),
        runs: vec![run],
        ..Owned::of(&[])
    }
}

#[test]
fn gate_report() {
    insta::assert_snapshot!("gate_report", every_verdict().render("terminal"));
}

#[test]
fn pull_request_markdown() {
    insta::assert_snapshot!("pull_request_markdown", every_verdict().render("markdown"));
}

#[test]
fn html_page() {
    let page = every_verdict().render("html");
    // One element per line, without the style sheet, gives readable diffs.
    let body = page.split("</style>").nth(1).unwrap();
    insta::assert_snapshot!("html_page", body.replace("><", ">\n<"));
}

/// The figures of a benchmark in the JSON format, to compare other formats with.
struct Wanted {
    id: String,
    verdict: String,
    /// Point, lower and upper bound; 1.05 is 5 % slower.
    change: Option<[f64; 3]>,
    latency_ns: f64,
    ratio: Option<f64>,
    accepted: Option<String>,
    /// What the reason says beside the figures.
    remark: Option<String>,
}

fn wanted(json: &Value) -> Vec<Wanted> {
    let of = |row: &Value| Wanted {
        id: row["id"].as_str().unwrap().to_owned(),
        verdict: row["verdict"].as_str().unwrap().to_owned(),
        change: row["change"]
            .is_object()
            .then(|| ["ratio", "lower", "upper"].map(|name| row["change"][name].as_f64().unwrap())),
        latency_ns: row["latency_ns"]["candidate"].as_f64().unwrap(),
        ratio: row["ratio_to_reference"]["candidate"].as_f64(),
        accepted: row["accepted"].as_str().map(str::to_owned),
        remark: row["reason"]
            .as_str()
            .and_then(|it| it.split_once("; "))
            .map(|(_, remark)| remark.to_owned()),
    };
    json["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(of)
        .collect()
}

impl Wanted {
    /// The change as text, derived here from the figures in the JSON.
    fn change_text(&self) -> Option<String> {
        let [point, lower, upper] = self.change?.map(|ratio| 100.0 * (ratio - 1.0));
        Some(format!("{point:+.1} % [{lower:+.1}, {upper:+.1}]"))
    }

    fn cells(&self) -> Vec<String> {
        let latency = match self.latency_ns {
            short if short < 1000.0 => format!("{short:.1} ns"),
            long => format!("{:.3} µs", long / 1000.0),
        };
        let ratio = self.ratio.map(|ratio| format!("-> {ratio:.3}"));
        let verdict = match &self.accepted {
            Some(_) => format!("{} (accepted)", self.verdict),
            None => self.verdict.clone(),
        };
        let texts = [Some(verdict), Some(latency), ratio];
        texts
            .into_iter()
            .flatten()
            .chain(self.change_text())
            .collect()
    }
}

#[test]
fn every_format_agrees_with_the_json() {
    let report = every_verdict();
    let json: Value = serde_json::from_str(&report.render("json")).unwrap();
    let wanted = wanted(&json);
    let verdicts: std::collections::BTreeSet<&str> =
        wanted.iter().map(|it| it.verdict.as_str()).collect();
    assert_eq!(verdicts.len(), 9, "{verdicts:?}");
    assert_eq!(wanted.iter().filter(|it| it.accepted.is_some()).count(), 1);
    assert_eq!(wanted.iter().filter(|it| it.remark.is_some()).count(), 1);
    let [terminal, markdown, comment] =
        ["terminal", "markdown", "comment"].map(|form| report.render(form));
    // The tables beside pictures have fewer columns.
    let page = report.render("html");
    let figures = page
        .split("<figure>")
        .map(|it| it.split("</figure>").last().unwrap());
    let html = figures
        .collect::<String>()
        .replace("<tr>", "\n<tr>")
        .replace("<li>", "\n<li>")
        .replace("</tr>", "</tr>\n");
    let unescaped = |text: &str| {
        let text = text.replace('\\', "").replace("&gt;", ">");
        text.replace('\u{2192}', "->")
    };
    for it in &wanted {
        let rows = [
            (&terminal, format!("{}  ", it.id)),
            (&markdown, format!("| `{}` ", it.id)),
            (&comment, format!("| `{}` ", it.id)),
            (&html, format!("<tr><td><code>{}</code></td>", it.id)),
        ];
        for (text, begin) in rows {
            let row = text.lines().find(|line| line.starts_with(&begin));
            let row = unescaped(row.unwrap_or_else(|| panic!("no {begin:?} in {text}")));
            for cell in it.cells() {
                assert!(row.contains(&cell), "no {cell:?} in {row}");
            }
            for words in it.accepted.iter().chain(&it.remark) {
                let noted = |line: &str| line.contains(&it.id) && line.contains(words);
                assert!(unescaped(text).lines().any(noted), "no {words:?} in {text}");
            }
        }
    }
    for_programs(&report, &wanted);
}

/// The same for machine-readable formats.
fn for_programs(report: &Owned, wanted: &[Wanted]) {
    let text = report.render("csv");
    let mut lines = csv::Reader::from_reader(text.as_bytes());
    let lines: Vec<BTreeMap<String, String>> =
        lines.deserialize().map(|line| line.unwrap()).collect();
    assert_eq!(lines.len(), wanted.len());
    let parse = |form: &str| -> Value { serde_json::from_str(&report.render(form)).unwrap() };
    let (bencher, action) = (parse("bencher"), parse("benchmark-action"));
    let [metrics, junit] = ["openmetrics", "junit"].map(|form| report.render(form));
    for it in wanted {
        let id = &it.id;
        let line = lines.iter().find(|line| line["id"] == *id).unwrap();
        line_says(line, it);
        near(&bencher[id]["latency"]["value"], it.latency_ns);
        let mut entries = action.as_array().unwrap().iter();
        let entry = entries.find(|entry| entry["name"] == **id).unwrap();
        near(&entry["value"], it.latency_ns);
        let accepted = it.accepted.as_ref().map_or("", |_| ",accepted=\"true\"");
        let sample = format!(
            "serbench_verdict{{benchmark=\"{id}\",verdict=\"{}\"{accepted}}} 1\n",
            it.verdict
        );
        assert!(metrics.contains(&sample), "{sample}");
        let mut cases = junit.split("<testcase ");
        let case = cases.find(|case| case.contains(&format!("\"{id}\"")));
        test_case_says(case.unwrap(), it);
    }
    let outcome = junit.split("<testcase ").last().unwrap();
    assert!(
        outcome.starts_with("name=\"outcome\"") && outcome.contains("<failure"),
        "{junit}"
    );
}

#[track_caller]
fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= 1e-9 * expected.abs(), "{value}");
}

/// Compares a line of the CSV.
fn line_says(line: &BTreeMap<String, String>, it: &Wanted) {
    assert_eq!(line["verdict"], it.verdict, "{}", it.id);
    let number = |name: &str| -> Value { line[name].parse::<f64>().unwrap().into() };
    for (name, value) in ["change", "change_lower", "change_upper"].iter().zip(0..) {
        match it.change {
            None => assert_eq!(line[*name], "", "{}", it.id),
            Some(change) => near(&number(name), change[value]),
        }
    }
    near(&number("candidate_latency_ns"), it.latency_ns);
    let accepted = it.accepted.clone().unwrap_or_default();
    assert_eq!(line["accepted"], accepted, "{}", it.id);
}

/// Compares a test case of the JUnit XML.
fn test_case_says(case: &str, it: &Wanted) {
    let words = it.accepted.iter().chain(&it.remark);
    for words in words.chain([&format!("{}: ", it.verdict)]) {
        assert!(case.contains(words), "{words:?}: {case}");
    }
    let status = ["<failure", "<error", "<skipped"]
        .into_iter()
        .find(|tag| case.contains(tag));
    let wanted = match (it.verdict.as_str(), &it.accepted) {
        (_, Some(_)) => None,
        ("regressed", None) => Some("<failure"),
        ("failed" | "removed", None) => Some("<error"),
        // Nothing that a test suite could call passed.
        ("inconclusive" | "skipped", None) => Some("<skipped"),
        (_, None) => None,
    };
    assert_eq!(status, wanted, "{}", it.id);
}

/// Annotations have a level: what fails the gate is an error.
#[test]
fn annotations_of_every_verdict() {
    let text = every_verdict().render("github");
    let line = |encoder: &str| {
        let id = format!("json%3A%3A{encoder}%3A%3Af64");
        text.lines()
            .find(|line| line.contains(&id))
            .map(str::to_owned)
    };
    for (encoder, level) in [
        ("slow", Some("::error ")),
        ("wrong", Some("::error ")),
        ("gone", Some("::error ")),
        ("vague", Some("::warning ")),
        ("later", Some("::warning ")),
        ("meant", Some("::notice ")),
        ("same", None),
        ("equal", None),
    ] {
        let line = line(encoder);
        assert_eq!(
            line.as_deref()
                .map(|it| it.starts_with(level.unwrap_or("?"))),
            level.map(|_| true),
            "{encoder}: {text}"
        );
    }
    assert!(
        line("meant")
            .unwrap()
            .contains("accepted: checks | its input")
    );
}

/// A verdict that is not `unchanged` has a next step; what fails the gate comes first.
#[test]
fn every_verdict_has_a_next_step() {
    for (verdict, words) in [
        (Verdict::Regressed, "look at json::it::f64"),
        (Verdict::Failed, "run json::it::f64"),
        (Verdict::Removed, "if benchmarks were removed on purpose"),
        (
            Verdict::Inconclusive,
            "about 40 s more would probably decide",
        ),
        (
            Verdict::Improved,
            "record the improvement as the new baseline",
        ),
        (Verdict::Added, "record new benchmarks as a baseline"),
        (Verdict::Skipped, "to measure json::it::f64"),
        (Verdict::Identical, "to measure it anyway"),
    ] {
        let text = Owned::of(&[("json::it::f64", verdict)]).render("terminal");
        let said = |line: &str| line.starts_with("Next: ") && line.contains(words);
        assert!(text.lines().any(said), "{verdict:?}: {text}");
    }
    let text = Owned::of(&[("json::it::f64", Verdict::Unchanged)]).render("terminal");
    assert!(!text.contains("Next: "), "{text}");
}

/// A regression in a library is not in the bench: the changed functions are named if they are few.
#[test]
fn changed_functions_are_named() {
    let owned = Owned::of(&[("json::it::f64", Verdict::Regressed)]);
    let place = |line| Place {
        file: "src/lib.rs".to_owned(),
        line,
    };
    let touched: Vec<(String, Place)> = ["parse", "skip", "next", "peek"]
        .into_iter()
        .zip([3, 14, 15, 92])
        .map(|(name, line)| (name.to_owned(), place(line)))
        .collect();
    for (count, expected) in [
        (0, "look at json::it::f64 (benches/json.rs:7)"),
        (
            2,
            "look at parse (src/lib.rs:3), skip (src/lib.rs:14), which changed; the benchmark is json::it::f64",
        ),
        (4, "look at json::it::f64 (benches/json.rs:7)"),
    ] {
        let report = Report {
            touched: &touched[..count],
            ..owned.report()
        };
        let steps = next::steps(&report);
        assert!(steps[0].text.starts_with(expected), "{}", steps[0].text);
    }
}

/// A benchmark over a limit fails the gate without a regression.
#[test]
fn a_limit_has_a_next_step() {
    for (standing, words) in [
        (Standing::Over, "accept json::it::f64 --reason TEXT"),
        (Standing::Unclear, "too close to the threshold or limit"),
    ] {
        let mut report = Owned::of(&[("json::it::f64", Verdict::Unchanged)]);
        let decision = report
            .decisions
            .iter_mut()
            .find(|it| it.id == "json::it::f64");
        decision.unwrap().limits.push(LimitCheck {
            metric: Metric::PeakHeap,
            ratio: LogRatio {
                point: 0.7,
                lower: 0.7,
                upper: 0.7,
                level: 0.95,
            },
            limit: 1.5,
            standing,
        });
        report.summary = decide::summarize(&report.decisions, true);
        let text = report.render("terminal");
        assert!(text.contains("Next: ") && text.contains(words), "{text}");
    }
}

/// Counters of divan get columns where a benchmark has them.
#[test]
fn counters_are_shown() {
    let without = one_commit().render("terminal");
    assert!(!without.contains("Items/s"), "{without}");
    let mut run = two_encoders();
    for benchmark in run.benchmarks.values_mut() {
        let verification = benchmark.candidate.as_mut().unwrap();
        verification.counted.items = Some(1000);
    }
    let owned = Owned {
        tables: compare::cases(&run),
        runs: vec![run],
        ..Owned::of(&[])
    };
    let text = owned.render("terminal");
    let row = text
        .lines()
        .find(|line| line.starts_with("orjson "))
        .unwrap();
    // 1000 items in 1.000 µs.
    assert!(
        text.contains("Items/s") && row.contains("1.000 G"),
        "{text}"
    );
    assert!(!text.contains("Chars/s"), "{text}");
    let json: Value = serde_json::from_str(&owned.render("json")).unwrap();
    let rates = json["measurements"].as_array().unwrap().iter();
    let rates: Vec<f64> = rates
        .map(|it| it["items_per_second"].as_f64().unwrap())
        .collect();
    assert!(rates.iter().all(|it| (1e7..2e9).contains(it)), "{rates:?}");
}

#[test]
fn one_commit_by_itself() {
    insta::assert_snapshot!("one_commit", one_commit().render("terminal"));
}

#[test]
fn test_cases_of_one_commit_say_the_latency() {
    insta::assert_snapshot!(one_commit().render("junit"));
}

#[test]
fn small_forms() {
    let report = Owned::of(&[("json::slow::f64::100x100", Verdict::Regressed)]);
    let forms = [
        "github",
        "csv",
        "bencher",
        "benchmark-action",
        "openmetrics",
    ];
    let all: String = forms
        .iter()
        .map(|form| format!("--- {form}\n{}", report.render(form)))
        .collect();
    insta::assert_snapshot!("small_forms", all);
    assert!(report.render("openmetrics").ends_with("\n# EOF\n"));
}

#[test]
fn harmful_names_are_escaped() {
    let report = Owned::of(&[
        (HARMFUL, Verdict::Regressed),
        ("json::w::f64::1", Verdict::Failed),
    ]);
    for format in &FORMATS {
        let text = format.render(&report.report(), Some(80)).unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(
            !text.contains(['\u{1b}', '\r']),
            "{}: {text:?}",
            format.name
        );
        let commands = text
            .lines()
            .filter(|line| line.trim_start().starts_with("::"));
        for line in commands {
            assert_eq!(format.name, "github", "{line}");
            assert!(line.contains("title="), "{line}");
        }
        assert!(format.name != "html" || !text.contains("<img"), "{text}");
    }
    let markdown = report.render("markdown");
    let prose = prose(&markdown);
    assert!(
        !prose.contains("@octocat") && !prose.replace(r"\[", "").contains('['),
        "{markdown}"
    );
    let table = markdown.lines().filter(|line| line.starts_with('|'));
    let pipes = |line: &str| line.replace(r"\|", "").matches('|').count();
    let widths: Vec<usize> = table.map(pipes).collect();
    assert!(
        widths.windows(2).take(2).all(|pair| pair[0] == pair[1]),
        "{markdown}"
    );
}

/// Markdown without its code spans, by the rules of CommonMark.
fn prose(markdown: &str) -> String {
    let mut prose = String::new();
    let mut rest = markdown;
    while let Some(character) = rest.chars().next() {
        let fence = rest.len() - rest.trim_start_matches('`').len();
        let marks = "`".repeat(fence);
        let closing = rest[fence..].match_indices(&marks).find(|(at, _)| {
            let inner = &rest[fence..];
            !inner[at + fence..].starts_with('`') && !inner[..*at].ends_with('`')
        });
        if let (1.., Some((at, _))) = (fence, closing) {
            rest = &rest[fence + at + fence..];
            continue;
        }
        let escaped = usize::from(character == '\\' && rest.len() > 1);
        let next: String = rest.chars().take(1 + escaped).collect();
        rest = &rest[next.len()..];
        prose += &next;
    }
    prose
}

#[test]
fn json_is_as_documented() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for report in [every_verdict(), one_commit()] {
        let json: Value = serde_json::from_str(&report.render("json")).unwrap();
        check(&schema, &schema, &json, "report");
    }
    // Proves that the check can fail.
    let mut json: Value = serde_json::from_str(&every_verdict().render("json")).unwrap();
    json["verdicts"][0]["verdict"] = "fine".into();
    assert!(std::panic::catch_unwind(|| check(&schema, &schema, &json, "report")).is_err());
}

/// Asserts that `value` matches `schema`. A full validator has sixty dependencies; this one supports the
/// keywords that the schema uses, and rejects others.
fn check(root: &Value, schema: &Value, value: &Value, at: &str) {
    for (keyword, argument) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "properties" => {}
            "$ref" => {
                let pointer = argument.as_str().unwrap().trim_start_matches('#');
                check(root, root.pointer(pointer).unwrap(), value, at);
            }
            "const" => assert_eq!(value, argument, "{at}"),
            "enum" => assert!(
                argument.as_array().unwrap().contains(value),
                "{at}: {value}"
            ),
            "anyOf" => {
                let fits = |schema: &&Value| {
                    std::panic::catch_unwind(|| check(root, schema, value, at)).is_ok()
                };
                assert!(
                    argument.as_array().unwrap().iter().any(|it| fits(&it)),
                    "{at}: {value}"
                );
            }
            "type" => {
                let one = std::slice::from_ref(argument);
                let types = argument.as_array().map_or(one, Vec::as_slice);
                let fits = types.iter().any(|kind| has_type(value, kind));
                assert!(fits, "{at}: {value} is not {argument}");
            }
            "required" => {
                for name in argument.as_array().unwrap() {
                    assert!(
                        value.get(name.as_str().unwrap()).is_some(),
                        "{at} lacks {name}"
                    );
                }
            }
            "items" => {
                for (number, item) in value.as_array().unwrap().iter().enumerate() {
                    check(root, argument, item, &format!("{at}[{number}]"));
                }
            }
            "additionalProperties" => {
                for name in value.as_object().unwrap().keys() {
                    assert!(schema["properties"].get(name).is_some(), "{at} has {name}");
                }
            }
            other => panic!("unknown keyword {other}"),
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            check(root, schema, value, &format!("{at}.{name}"));
        }
    }
}

fn has_type(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn comments_fit_and_count_what_is_left_out() {
    let ids: Vec<String> = (0..500)
        .map(|number| format!("json::{}{number}::f64::1", "x".repeat(60)))
        .collect();
    let verdicts: Vec<(&str, Verdict)> = ids
        .iter()
        .map(|id| (id.as_str(), Verdict::Regressed))
        .collect();
    let comment = Owned::of(&verdicts).render("comment");
    assert!(comment.len() <= 60_000, "{}", comment.len());
    assert!(comment.starts_with("<!-- cargo-serbench -->\n**Regressed**"));
    assert!(comment.contains(" more in the artifact"));
    assert!(
        every_verdict()
            .render("comment")
            .contains("How this was measured")
    );
}

#[test]
fn equal_reasons_are_counted() {
    let ids: Vec<String> = (0..9)
        .map(|number| format!("json::e{number}::f64::1"))
        .collect();
    let verdicts: Vec<(&str, Verdict)> = ids
        .iter()
        .map(|id| (id.as_str(), Verdict::Regressed))
        .collect();
    let regressed = Owned::of(&verdicts);
    for format in ["terminal", "markdown", "html"] {
        let text = regressed.render(format);
        assert_eq!(text.matches("all above +3.0 %").count(), 3, "{text}");
        assert!(
            text.contains("6 more regressed for the same reason"),
            "{text}"
        );
    }
    // What failed has a reason of its own.
    let failed = |(id, _): &(_, _)| (*id, Verdict::Failed);
    let verdicts: Vec<(&str, Verdict)> = verdicts.iter().map(failed).collect();
    let text = Owned::of(&verdicts).render("terminal");
    assert!(!text.contains("for the same reason"), "{text}");
}

#[test]
fn a_large_page_stays_small() {
    let ids: Vec<String> = (0..1000)
        .map(|number| format!("json::e{number}::f64::100x100"))
        .collect();
    let verdicts: Vec<(&str, Verdict)> = ids
        .iter()
        .map(|id| (id.as_str(), Verdict::Unchanged))
        .collect();
    let owned = Owned::of(&verdicts);
    assert!(owned.render("html").len() < 1_500_000);
    let history = history(&ids, 50);
    let page = html::render(&Report {
        history: Some(&history),
        ..owned.report()
    });
    assert!(page.len() < 2_000_000, "{}", page.len());
    // Every benchmark has a line, and the most important ones a chart.
    assert_eq!(page.matches("<svg class=\"spark\"").count(), 1000);
    assert_eq!(page.matches("<article").count(), 12);
}

/// A record of each benchmark at some commits, and what this run measured.
fn history(ids: &[String], commits: usize) -> html::History<'_> {
    let stop = |_| html::Stop {
        sha: "0123456789abcdef0123456789abcdef01234567",
        subject: "Faster | <b>floats</b>",
        measured: "2026-11-21T01:10:52Z",
    };
    let dot = |place| html::Dot {
        places: (place, place),
        value: 1.0 + 0.01 * place as f64,
    };
    let level = html::Level {
        places: (0, commits - 1),
        records: commits,
        middle: 1.01,
        band: (1.0, 1.02),
        change: None,
    };
    let multiple = |id| html::Multiple {
        id,
        reference: Some("json::orjson::f64"),
        tracks: vec![html::Track {
            machine: 0,
            dots: (0..commits).map(dot).collect(),
            levels: vec![level],
        }],
        accepted: Vec::new(),
        now: Some(1.04),
    };
    html::History {
        commits: (0..commits).map(stop).collect(),
        machines: vec![html::Machine {
            key: "plan9-mips-b6a33cd3",
            machine: "R3000, 3 CPUs, plan9 mips",
            toolchain: "rustc 1.95.0, profile bench",
        }],
        charts: ids.iter().map(|id| multiple(id.as_str())).collect(),
        accepted: Vec::new(),
    }
}

/// Each benchmark with records has a line whose values can be read as text, too.
#[test]
fn records_are_drawn() {
    let owned = every_verdict();
    assert!(!owned.render("html").contains("id=\"history\""));
    let ids = ["json::slow::f64::100x100".to_owned(), HARMFUL.to_owned()];
    let history = history(&ids, 3);
    let report = Report {
        history: Some(&history),
        ..owned.report()
    };
    let page = html::render(&report);
    assert!(page.contains("href=\"#history\">History</a>"), "{page}");
    let section = page.split("<section id=\"history\">").nth(1).unwrap();
    let section = section.split("</section>").next().unwrap();
    for words in [
        "The last 3 recorded commits. Lower is faster.",
        "<title>0123456789 Faster | &lt;b&gt;floats&lt;/b&gt;: 1.010</title>",
        "<desc>1.000, 1.010, 1.020 \u{d7} json::orjson::f64</desc>",
        "Last 1.020 \u{d7} json::orjson::f64; this run 1.040",
        "<td>3</td><td>1.000</td><td>1.020</td><td>1.020</td><td>1.040</td>",
        "Records of R3000, 3 CPUs, plan9 mips",
    ] {
        assert!(section.contains(words), "no {words:?} in {section}");
    }
    assert!(
        !section.contains("<img") && !section.contains('\u{1b}'),
        "{section}"
    );
    let json: Value = serde_json::from_str(&json::render(&report).unwrap()).unwrap();
    let series = &json["history"]["series"];
    assert_eq!(series[0]["id"], "json::slow::f64::100x100");
    assert_eq!(series[0]["values"], serde_json::json!([1.0, 1.01, 1.02]));
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    check(&schema, &schema, &json, "report");
}

#[test]
fn the_heap_of_large_inputs_is_drawn() {
    let mut run = two_encoders();
    let long = BenchId::new(format!("json::{}::f64", "long_".repeat(12)));
    let alone = run.benchmarks["json::alone"].clone();
    run.benchmarks.insert(long, alone);
    let flat = |run: Run| Owned {
        tables: compare::cases(&run),
        runs: vec![run],
        ..Owned::of(&[])
    };
    assert!(!flat(run.clone()).render("html").contains("polyline"));
    let ids: Vec<BenchId> = run.benchmarks.keys().cloned().collect();
    let heap = |run: &mut Run, id: &BenchId, points: &[(u64, u64)]| {
        let benchmark = run.benchmarks.get_mut(id).unwrap();
        benchmark.candidate.as_mut().unwrap().heap = points.to_vec();
    };
    heap(
        &mut run,
        &ids[0],
        &[(0, 4096), (500_000, 8192), (1_000_000, 0)],
    );
    heap(&mut run, &ids[1], &[(0, 16_384), (2_000_000, 0)]);
    let page = flat(run).render("html");
    assert!(page.contains("Heap of one operation over time"), "{page}");
    assert!(page.contains("8.0 KiB peak, 1.000 ms"), "{page}");
    // A name stays above its own picture.
    let chart = page.split("<section id=\"heap\">").nth(1).unwrap();
    let names = chart
        .split("<text x=")
        .skip(1)
        .map(|it| it.split(['>', '<']).nth(1).unwrap().chars().count());
    assert!(names.max().unwrap() <= 38, "{chart}");
    // Half as high as the other, whose array is twice as large.
    let lines = page.matches("<polyline class=\"heap\"").count();
    assert_eq!(lines, 2, "{page}");
}
