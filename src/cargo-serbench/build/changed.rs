//! What is replaced in divan's source to add a worker to it.

use super::{fingerprint::text_hash, wrapper::KNOWN};

/// The worker's source, with `VERSION` in place of the protocol's version.
pub const WORKER: &str = include_str!("worker.rs.in");

/// Lines of divan's loop, each there once, and what replaces them: the worker says how large the next sample is and
/// takes its duration. It has no loop of its own: a second copy of the code is as fast only by chance, and takes
/// LLVM as long again.
const LOOP: [(&str, &str); 3] = [
    (
        "let mut rem_samples = if current_mode.is_collect() {",
        "let mut serbench = match self.thread_count.get() {
            1 if !is_test => crate::serbench_worker::connect(timer.precision().picos),
            _ => None,
        };
        let mut rem_samples = if current_mode.is_collect() {",
    ),
    (
        "let sample_size = current_mode.sample_size();",
        "let sample_size = match &mut serbench {
                Some(worker) => worker.next_size(),
                None => current_mode.sample_size(),
            };",
    ),
    (
        "let slowest_time = slowest_sample.duration();",
        "let slowest_time = slowest_sample.duration();
            if let Some(worker) = &mut serbench {
                worker.took(slowest_time.picos, OVERHEAD);
                continue;
            }",
    ),
];

/// What divan subtracts from a sample's time, in picoseconds: the cost of its loop and of counting allocations. In
/// version 0.1.14 that of the loop.
const OVERHEADS: [&str; 2] = [
    "bench_overheads.total_overhead(sample_size, &slowest_sample.alloc_info).picos",
    "self.shared_context.bench_overhead.picos.saturating_mul(sample_size as u128)",
];

/// How exactly divan measures what it subtracts, in its clock. A worker measures it in less time.
pub const CALIBRATION: [(&str, &str); 2] = [
    (
        "let sample_count: usize = 100;",
        "let sample_count: usize = crate::serbench_worker::calibration().0;",
    ),
    (
        "let sample_count = 100;
        let sample_size = 50_000;",
        "let (sample_count, sample_size) = crate::serbench_worker::calibration();",
    ),
];

/// Where a bench's options are replaced by those of the arguments. Divan measures with the former.
const OWN_SIZE: [(&str, &str); 1] = [(
    "options = self.bench_options.overwrite(entry_options);",
    "crate::serbench_worker::own_size(entry_options.sample_size);
                options = self.bench_options.overwrite(entry_options);",
)];

/// Where divan calls a bench function, which prepares input and may take minutes. Not needed to draw the names.
const NAMED: [(&str, &str); 1] = [(
    "with_bencher(Bencher::new(&mut bench_context));",
    "if crate::serbench_worker::draws_names() {
                    tree_painter.borrow_mut().finish_empty_leaf();
                    continue;
                }
                with_bencher(Bencher::new(&mut bench_context));",
)];

/// Instead of the closure that initializes a benchmark's arguments: a call of a function that is generic only
/// over their type, up to the beginning of its body. Threads may make the arguments twice, but use the same.
const SHARED: &str = "let args = match self.args.get() {
            Some(args) => args,
            None => {
                let _ = self.args.set(erase(make_args(), &arg_to_string));
                self.args.get().unwrap()
            }
        };
        BenchArgsRunner { args, bench: bench::<I::Item, B> }
    }
}

fn erase<I>(made: I, arg_to_string: &dyn Fn(&I::Item) -> String) -> ErasedArgsSlice
where
    I: IntoIterator,
    I::Item: Any + Send + Sync,
{";

/// Makes `Divan::default()` read the arguments, because the `main` of some benches does not. `FIELDS`
/// are the fields of the struct.
const DEFAULT: &str = "
impl Default for Divan {
    fn default() -> Self {
        Self { FIELDS }.config_with_args()
    }
}
";

/// Options that a bench's `main` may set, and the names of the values in divan's source. Those in the
/// arguments take precedence in `Divan::default().sample_size(100_000)`, too; in divan the last one counts.
pub const OPTIONS: [(&str, &str); 5] = [
    ("sample_count", "count"),
    ("sample_size", "count"),
    ("min_time", "time"),
    ("max_time", "time"),
    ("skip_ext_time", "skip"),
];

/// A hash of what is added to divan, and to which versions.
pub fn changes() -> String {
    let lines = [&LOOP[..], &CALIBRATION, &OWN_SIZE, &NAMED];
    text_hash(
        format!("{WORKER}{lines:?}{OVERHEADS:?}{SHARED}{DEFAULT}{OPTIONS:?}{KNOWN:?}").as_bytes(),
    )
}

/// Adds the calls of the worker to divan's loop; `None` if it differs from the supported versions'.
pub fn with_calls(module: &str) -> Option<String> {
    const START: &str = "sample_start = UntaggedTimestamp::start(timer_kind);";
    const END: &str = "sample_end = UntaggedTimestamp::end(timer_kind);";
    const OLDER: &str = "self.shared_context.bench_overhead.picos";
    let starts = module.matches(START).count();
    if starts == 0 || starts != module.matches(END).count() {
        return None;
    }
    let [overhead, older] = OVERHEADS;
    let overhead = match module.contains(OLDER) {
        true => older,
        false => overhead,
    };
    let module = with_lines(module, &LOOP)?.replacen("OVERHEAD", overhead, 1);
    Some(
        module
            .replace(
                START,
                &format!("crate::serbench_worker::started(); {START}"),
            )
            .replace(END, &format!("{END} crate::serbench_worker::ended();")),
    )
}

/// Replaces lines; `None` unless each is there once.
pub fn with_lines(text: &str, lines: &[(&str, &str)]) -> Option<String> {
    let once = |(line, _): &(&str, &str)| text.matches(line).count() == 1;
    let replace = |text: String, (line, other): &(&str, &str)| text.replacen(line, other, 1);
    let all = lines.iter().all(once);
    all.then(|| lines.iter().fold(text.to_owned(), replace))
}

/// Makes divan compile the code that lists `args = …` once for each type of arguments, not for each benchmark;
/// `None` if it differs from the supported versions'. It was a fifth of what LLVM got for a bench of 143 benchmarks.
pub fn with_shared_code(arguments: &str) -> Option<String> {
    const START: &str = "let args = self.args.get_or_init(|| {";
    const END: &str =
        "\n        });\n\n        BenchArgsRunner { args, bench: bench::<I::Item, B> }\n    }\n}\n";
    const MADE: &str = "make_args()";
    let (before, rest) = arguments.split_once(START)?;
    let (body, after) = rest.split_once(END)?;
    if body.matches(MADE).count() != 1 || after.contains(END) {
        return None;
    }
    let body = body.replacen(MADE, "made", 1);
    Some(format!("{before}{SHARED}{body}\n}}\n{after}"))
}

/// Makes divan obey its arguments whatever a bench's `main` calls; `None` if its runner differs from the
/// supported versions'.
pub fn with_arguments(runner: &str) -> Option<String> {
    const DERIVED: &str = "#[derive(Default)]\npub struct Divan {\n";
    const PARSED: &str = "Self::default().config_with_args()";
    const ALWAYS_BENCH: &str = "self.run_action(Action::Bench);";
    let once = |text: &str| runner.matches(text).count() == 1;
    if ![DERIVED, PARSED, ALWAYS_BENCH].into_iter().all(once) {
        return None;
    }
    let (before, fields) = runner.split_once(DERIVED)?;
    let (fields, after) = fields.split_once("\n}\n")?;
    let named = |line: &str| {
        let (name, _) = line.trim().split_once(": ")?;
        Some(format!("{name}: Default::default(),"))
    };
    let values: Option<String> = fields.lines().map(named).collect();
    let default = DEFAULT.replacen("FIELDS", &values?, 1);
    let mut after = after.replacen(PARSED, "Self::default()", 1).replacen(
        ALWAYS_BENCH,
        "self.run_action(self.action);",
        1,
    );
    for (name, value) in OPTIONS {
        let option = format!("self.bench_options.{name}");
        let set = format!("{option} = Some({value});");
        let mut kept = format!("{option}.get_or_insert({value});");
        if name == "sample_size" {
            kept += &format!(" crate::serbench_worker::own_size(Some({value}));");
        }
        after = after.replacen(&set, &kept, 1);
    }
    let after = with_lines(&with_lines(&after, &OWN_SIZE)?, &NAMED)?;
    Some(format!(
        "{before}pub struct Divan {{\n{fields}\n}}\n{default}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{OVERHEADS, with_arguments, with_calls, with_shared_code};
    use crate::build::wrapper::tests::divan;

    #[test]
    fn the_overhead_is_divans() {
        let text = fs::read_to_string(divan().join("src/benchmark/mod.rs")).unwrap();
        let [overhead, older] = OVERHEADS;
        let calls = with_calls(&text).unwrap();
        assert!(calls.contains(&format!("took(slowest_time.picos, {overhead});")));
        let calls = with_calls(&format!(
            "{text}// self.shared_context.bench_overhead.picos"
        ))
        .unwrap();
        assert!(calls.contains(&format!("took(slowest_time.picos, {older});")));
    }

    #[test]
    fn a_runner_of_another_form_is_left_alone() {
        let text = fs::read_to_string(divan().join("src/divan.rs")).unwrap();
        assert!(with_arguments(&text).is_some());
        for (from, to) in [
            ("#[derive(Default)]\npub struct Divan", "pub struct Divan"),
            ("Self::default().config", "Self::new().config"),
            (
                "    action: Action,\n",
                "    // No field.\n    action: Action,\n",
            ),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(text, other);
            assert_eq!(with_arguments(&other), None, "{to}");
        }
    }

    #[test]
    fn arguments_of_another_form_are_left_alone() {
        let text = fs::read_to_string(divan().join("src/benchmark/args.rs")).unwrap();
        assert!(with_shared_code(&text).is_some());
        for line in [
            "self.args.get_or_init(|| {",
            "make_args()",
            "BenchArgsRunner { args, bench",
        ] {
            assert_eq!(
                with_shared_code(&text.replacen(line, "other", 1)),
                None,
                "{line}"
            );
        }
    }

    #[test]
    fn a_loop_of_another_form_is_left_alone() {
        assert_eq!(with_calls("let slowest_time = something_else();"), None);
        let text = fs::read_to_string(divan().join("src/benchmark/mod.rs")).unwrap();
        assert!(with_calls(&text).is_some());
        assert_eq!(
            with_calls(&text.replacen("sample_end = ", "sample_end2 = ", 1)),
            None
        );
    }
}
