//! The tool as rustc's wrapper: compiles divan with a worker in it, so that ordinary divan benches
//! are measured in slices, like those that use the library. The crate under test, its Cargo.toml and
//! its Cargo.lock do not change.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::SystemTime,
};

use anyhow::{Context, Result};

use super::{configuration::is_configured, fingerprint::text_hash};
use crate::{discover::overlay::copy_folder, shell};

/// The environment variable that makes divan run as a worker: `address secret`.
pub const DIVAN_SOCKET: &str = "SERBENCH_DIVAN_SOCKET";

/// The environment variable that turns the tool into a wrapper: the folder for changed sources.
const FOLDER: &str = "SERBENCH_DIVAN_FOLDER";

/// The name of that folder.
pub const COPIES: &str = "divan";

/// The environment variable with the user's own wrapper.
const INNER: &str = "SERBENCH_INNER_WRAPPER";

/// The environment variables in which cargo looks for a wrapper, in its order.
const WRAPPERS: [&str; 2] = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"];

/// Library names of divan's packages, the beginning of their folders' names, and the supported versions.
const KNOWN: [(&str, &str, &[&str]); 2] = [
    (
        "divan",
        "divan-",
        &[
            "0.1.14", "0.1.15", "0.1.16", "0.1.17", "0.1.18", "0.1.19", "0.1.20", "0.1.21",
        ],
    ),
    (
        "codspeed_divan_compat_walltime",
        "codspeed-divan-compat-walltime-",
        &[
            "4.0.0", "4.0.1", "4.0.2", "4.0.3", "4.0.4", "4.0.5", "4.1.0", "4.2.0", "4.2.1",
            "4.3.0", "4.4.0", "4.4.1", "4.5.0", "4.6.0", "4.7.0", "5.0.0", "5.0.1", "5.0.2",
            "5.0.3", "6.0.0",
        ],
    ),
];

/// The worker's source, with `VERSION` in place of the protocol's version.
const WORKER: &str = include_str!("worker.rs.in");

/// After this line of divan's loop, `record_sample` runs a batch.
const RECORDER: &str = "let record_sample = self.sample_recorder(gen_input, benched, drop_input);";

/// Up to 0.1.15, the loop keeps the outputs of all batches here.
const STORE: &str = "let mut defer_store = DeferStore::default();";

/// Serves the benchmark, except in test mode or with several threads. `STORE` is an argument of older
/// versions.
const SERVE: &str = "
        if self.thread_count.get() == 1 && !is_test {
            let timer = self.shared_context.timer;
            crate::serbench_worker::serve(|size| {
                let [start, end] = record_sample(size, None, STORE&mut |_: &I| {}).0;
                end.duration_since(start, timer).picos as f64 / 1e3
            });
        }";

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
const OPTIONS: [(&str, &str); 5] = [
    ("sample_count", "count"),
    ("sample_size", "count"),
    ("min_time", "time"),
    ("max_time", "time"),
    ("skip_ext_time", "skip"),
];

/// Compiles, if this process was started as a wrapper.
pub fn run() -> Option<ExitCode> {
    let folder = PathBuf::from(env::var_os(FOLDER)?);
    let mut arguments = env::args_os().skip(1);
    let compiler = arguments.next()?;
    // In the same builds the tool is the linker, whose first argument is a flag or a file of flags.
    if compiler.to_string_lossy().starts_with(['-', '@']) {
        return None;
    }
    let arguments: Vec<OsString> = arguments.collect();
    let compile = |arguments: &[OsString]| {
        let mut command = match env::var_os(INNER) {
            Some(inner) => {
                let mut command = Command::new(inner);
                command.arg(&compiler);
                command
            }
            None => Command::new(&compiler),
        };
        command.args(arguments);
        command
    };
    if let Some((changed, package)) = with_worker(&folder, &arguments) {
        if let Ok(output) = compile(&changed).output()
            && output.status.success()
        {
            // Cargo reads the compiler's messages from stderr.
            shell::pass_on(&String::from_utf8_lossy(&output.stderr));
            return Some(ExitCode::SUCCESS);
        }
        shell::warning(format_args!(
            "{package} does not compile with a worker, so divan itself times its benchmarks"
        ));
    }
    let error = compile(&arguments).exec();
    let compiler = Path::new(&compiler).display();
    shell::error(format_args!("failed to start {compiler}: {error}"));
    Some(ExitCode::FAILURE)
}

/// Makes cargo call the tool as a wrapper, unless cargo's configuration names one.
pub fn add_workers(command: &mut Command, target_directory: &Path) {
    let Ok(tool) = env::current_exe() else {
        return;
    };
    if is_configured(&["rustc-wrapper"]) {
        return;
    }
    let mut inner = WRAPPERS.into_iter().filter_map(env::var_os);
    if let Some(inner) = inner.next().filter(|it| !it.is_empty()) {
        command.env(INNER, inner);
    }
    // The same for all commits, because executables contain paths of sources.
    let folder = target_directory.ancestors().nth(2);
    command
        .env(WRAPPERS[0], tool)
        .env(FOLDER, folder.unwrap_or(target_directory).join(COPIES));
}

/// If `arguments` compile a supported divan: the same for its source with a worker, and its package.
fn with_worker(folder: &Path, arguments: &[OsString]) -> Option<(Vec<OsString>, String)> {
    let at = arguments.iter().position(|it| it == "--crate-name")?;
    let name = arguments.get(at + 1)?.to_str()?;
    let (_, prefix, versions) = KNOWN.iter().find(|(known, ..)| *known == name)?;
    let source = arguments
        .iter()
        .position(|it| Path::new(it).ends_with("src/lib.rs"))?;
    let package = Path::new(&arguments[source]).parent()?.parent()?;
    let package_name = package.file_name()?.to_str()?;
    let version = package_name.strip_prefix(prefix)?;
    if !versions.contains(&version) {
        return None;
    }
    let changed = folder.join(format!("{package_name}-{}", changes()));
    if !changed.exists() {
        write_changed(package, &changed).ok()?;
    }
    let mut arguments = arguments.to_vec();
    arguments[source] = changed.join("src/lib.rs").into();
    Some((arguments, package_name.to_owned()))
}

/// A hash of what is added to divan.
pub fn changes() -> String {
    text_hash(format!("{WORKER}{SERVE}{SHARED}{DEFAULT}{OPTIONS:?}").as_bytes())
}

/// Writes a package with a worker to `changed`, completely or not at all.
fn write_changed(package: &Path, changed: &Path) -> Result<()> {
    let parent = changed.parent().unwrap_or(changed);
    fs::create_dir_all(parent)?;
    let staging = tempfile::tempdir_in(parent)?;
    copy_folder(package, staging.path())?;
    let source = staging.path().join("src");
    let library = fs::read_to_string(source.join("lib.rs"))?;
    fs::write(
        source.join("lib.rs"),
        library + "\n#[allow(missing_docs, clippy::all)]\nmod serbench_worker;\n",
    )?;
    let version = serbench::protocol::VERSION.to_string();
    fs::write(
        source.join("serbench_worker.rs"),
        WORKER.replacen("\"VERSION\"", &format!("{version:?}"), 1),
    )?;
    let module = ["benchmark/mod.rs", "bench/mod.rs"]
        .map(|name| source.join(name))
        .into_iter()
        .find(|path| path.exists())
        .context("failed to find divan's loop")?;
    let text = with_calls(&fs::read_to_string(&module)?).context("failed to read divan's loop")?;
    fs::write(&module, text)?;
    let arguments = module.with_file_name("args.rs");
    if let Some(text) = with_shared_code(&fs::read_to_string(&arguments)?) {
        fs::write(&arguments, text)?;
    }
    let runner = source.join("divan.rs");
    if let Some(text) = with_arguments(&fs::read_to_string(&runner)?) {
        fs::write(&runner, text)?;
    }
    let original = fs::metadata(package.join("src/lib.rs"))?.modified()?;
    set_modified(staging.path(), original)?;
    let staged = staging.keep();
    fs::rename(&staged, changed).or_else(|error| {
        fs::remove_dir_all(&staged)?;
        // Another compilation may have been first.
        if changed.exists() {
            Ok(())
        } else {
            Err(error.into())
        }
    })
}

/// Gives all files in a folder the modification times of the originals. Cargo recompiles files that are newer
/// than the start of its last compilation, and these have just been written.
fn set_modified(folder: &Path, time: SystemTime) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            set_modified(&path, time)?;
        } else {
            File::open(&path)?.set_modified(time)?;
        }
    }
    Ok(())
}

/// Adds the calls of the worker to divan's loop; `None` if it differs from the supported versions'.
fn with_calls(module: &str) -> Option<String> {
    const START: &str = "sample_start = UntaggedTimestamp::start(timer_kind);";
    const END: &str = "sample_end = UntaggedTimestamp::end(timer_kind);";
    let once = module.matches(RECORDER).count() == 1;
    let starts = module.matches(START).count();
    if !once || starts == 0 || starts != module.matches(END).count() {
        return None;
    }
    let older = format!("{RECORDER}\n        {STORE}");
    let (line, store) = match module.contains(&older) {
        true => (older.as_str(), "&mut defer_store, "),
        false => (RECORDER, ""),
    };
    let serve = SERVE.replacen("STORE", store, 1);
    Some(
        module
            .replace(line, &format!("{line}{serve}"))
            .replace(
                START,
                &format!("crate::serbench_worker::started(); {START}"),
            )
            .replace(END, &format!("{END} crate::serbench_worker::ended();")),
    )
}

/// Makes divan compile the code that lists `args = …` once for each type of arguments, not for each benchmark;
/// `None` if it differs from the supported versions'. It was a fifth of what LLVM got for a bench of 143 benchmarks.
fn with_shared_code(arguments: &str) -> Option<String> {
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
fn with_arguments(runner: &str) -> Option<String> {
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
    for (option, value) in OPTIONS {
        let option = format!("self.bench_options.{option}");
        let set = format!("{option} = Some({value});");
        after = after.replacen(&set, &format!("{option}.get_or_insert({value});"), 1);
    }
    Some(format!(
        "{before}pub struct Divan {{\n{fields}\n}}\n{default}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use super::{
        KNOWN, OPTIONS, RECORDER, STORE, with_arguments, with_calls, with_shared_code, with_worker,
        write_changed,
    };

    /// The divan that this package's own bench depends on.
    fn divan() -> PathBuf {
        let metadata = cargo_metadata::MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .other_options(vec!["--offline".to_owned()])
            .exec()
            .unwrap();
        let divan = metadata.packages.into_iter().find(|it| it.name == "divan");
        divan.unwrap().manifest_path.parent().unwrap().into()
    }

    #[test]
    fn divan_gets_a_worker() {
        let folder = tempfile::tempdir().unwrap();
        let changed = folder.path().join("a/divan");
        write_changed(&divan(), &changed).unwrap();
        let read = |file: &str| fs::read_to_string(changed.join(file)).unwrap();
        assert!(read("src/lib.rs").ends_with("mod serbench_worker;\n"));
        assert!(read("src/serbench_worker.rs").contains("(\"version\", \"1\")"));
        let calls = read("src/benchmark/mod.rs");
        for (call, times) in [("serve(", 1), ("started()", 3), ("ended()", 3)] {
            let call = format!("crate::serbench_worker::{call}");
            assert_eq!(calls.matches(&call).count(), times, "{call}");
        }
        assert!(read("src/benchmark/args.rs").contains("erase(make_args(), &arg_to_string)"));
        let runner = read("src/divan.rs");
        assert!(runner.contains("impl Default for Divan"));
        assert!(runner.contains("filters: Default::default(),"));
        assert!(!runner.contains("run_action(Action::Bench)"));
        for (option, value) in OPTIONS {
            let set = format!("self.bench_options.{option}.get_or_insert({value});");
            assert!(runner.contains(&set), "{option}");
        }
        let left: Vec<_> = fs::read_dir(folder.path().join("a")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        // Newer files would be compiled again in the next build, with all that depends on them.
        let modified = |file: &Path| fs::metadata(file).unwrap().modified().unwrap();
        let original = modified(&divan().join("src/lib.rs"));
        for file in [
            "src/lib.rs",
            "src/serbench_worker.rs",
            "src/benchmark/mod.rs",
            "src/cli.rs",
        ] {
            assert!(modified(&changed.join(file)) <= original, "{file}");
        }
    }

    #[test]
    fn only_known_sources_are_changed() {
        let folder = tempfile::tempdir().unwrap();
        let divan = divan();
        let compile = |name: &str, package: &str| {
            let source = format!("{package}/src/lib.rs");
            let arguments = ["--crate-name", name, "--edition=2021", &source];
            with_worker(folder.path(), &arguments.map(Into::into))
        };
        let [(_, prefix, versions), _] = KNOWN;
        let name = divan.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, format!("{prefix}{}", versions[versions.len() - 1]));
        let (changed, package) = compile("divan", divan.to_str().unwrap()).unwrap();
        assert_eq!(package, name);
        assert!(
            changed[3]
                .to_str()
                .unwrap()
                .starts_with(folder.path().to_str().unwrap())
        );
        assert_eq!(compile("divan_macros", divan.to_str().unwrap()), None);
        assert_eq!(compile("divan", "/checkout/divan"), None);
        assert_eq!(compile("divan", "/registry/divan-0.1.13"), None);
    }

    #[test]
    fn older_loops_pass_their_store() {
        let text = fs::read_to_string(divan().join("src/benchmark/mod.rs")).unwrap();
        let older = format!("{RECORDER}\n        {STORE}");
        let calls = with_calls(&text.replacen(RECORDER, &older, 1)).unwrap();
        let serves = calls.find("serbench_worker::serve").unwrap();
        assert!(calls.find(STORE).unwrap() < serves);
        assert!(
            calls[serves..].contains("record_sample(size, None, &mut defer_store, &mut |_: &I|")
        );
        assert!(
            with_calls(&text)
                .unwrap()
                .contains("record_sample(size, None, &mut |_: &I|")
        );
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
        assert_eq!(with_calls("let record_sample = something_else();"), None);
        let text = fs::read_to_string(divan().join("src/benchmark/mod.rs")).unwrap();
        assert!(with_calls(&text).is_some());
        assert_eq!(
            with_calls(&text.replacen("sample_end = ", "sample_end2 = ", 1)),
            None
        );
    }
}
