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

use super::{
    changed::{
        CALIBRATION, WORKER, changes, with_arguments, with_calls, with_lines, with_shared_code,
    },
    configuration::rustc_wrapper,
    fingerprint::{full_hash, text_hash},
};
use crate::{discover::overlay::copy_folder, shell};

/// The environment variable that makes divan run as a worker: `address secret`.
pub const DIVAN_SOCKET: &str = "SERBENCH_DIVAN_SOCKET";

/// The environment variable that makes a worker in divan draw the names of benchmarks without calling them.
pub const DIVAN_NAMES: &str = "SERBENCH_DIVAN_NAMES";

/// The environment variable that makes a worker in divan tell callgrind to count only what divan times.
pub const DIVAN_PROFILED: &str = "SERBENCH_PROFILED";

/// The environment variable that turns the tool into a wrapper: the folder for changed sources.
const FOLDER: &str = "SERBENCH_DIVAN_FOLDER";

/// The name of that folder.
pub const COPIES: &str = "divan";

/// The environment variable with the user's own wrapper.
const INNER: &str = "SERBENCH_INNER_WRAPPER";

/// The environment variables in which cargo looks for a wrapper, in its order.
const WRAPPERS: [&str; 2] = ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"];

/// Library names of divan's packages, the packages' names, and the supported versions.
pub const KNOWN: [(&str, &str, &[&str]); 2] = [
    (
        "divan",
        "divan",
        &[
            "0.1.14", "0.1.15", "0.1.16", "0.1.17", "0.1.18", "0.1.19", "0.1.20", "0.1.21",
        ],
    ),
    (
        "codspeed_divan_compat_walltime",
        "codspeed-divan-compat-walltime",
        &[
            "2.10.1", "3.0.0", "3.0.1", "3.0.2", "3.0.3", "3.0.4", "3.0.5", "4.0.0", "4.0.1",
            "4.0.2", "4.0.3", "4.0.4", "4.0.5", "4.1.0", "4.2.0", "4.2.1", "4.3.0", "4.4.0",
            "4.4.1", "4.5.0", "4.6.0", "4.7.0", "5.0.0", "5.0.1", "5.0.2", "5.0.3", "6.0.0",
        ],
    ),
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
    let package =
        ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"].map(|name| env::var(name).unwrap_or_default());
    if let Some(changed) = with_worker(&folder, &arguments, &package) {
        if let Ok(output) = compile(&changed).output()
            && output.status.success()
        {
            // Cargo reads the compiler's messages from stderr.
            shell::pass_on(&String::from_utf8_lossy(&output.stderr));
            return Some(ExitCode::SUCCESS);
        }
        shell::warning(format_args!(
            "{} {} does not compile with a worker, so divan itself times its benchmarks",
            package[0], package[1]
        ));
    }
    let error = compile(&arguments).exec();
    let compiler = Path::new(&compiler).display();
    shell::error(format_args!("failed to start {compiler}: {error}"));
    Some(ExitCode::FAILURE)
}

/// Says which worker builds in `here` add to divan; `none` if [`add_workers`] doesn't.
pub fn worker(here: &Path) -> String {
    match users_wrapper(here) {
        Ok(_) => changes(),
        Err(_) => "none".to_owned(),
    }
}

/// Makes cargo, which runs in `here`, call the tool as a wrapper, which calls the user's own. Does nothing if cargo's
/// configuration can't be understood.
pub fn add_workers(command: &mut Command, here: &Path, target_directory: &Path) {
    let (Ok(tool), Ok(inner)) = (env::current_exe(), users_wrapper(here)) else {
        return;
    };
    if let Some(inner) = inner {
        command.env(INNER, inner);
    }
    // The same for all commits, because executables contain paths of sources.
    let folder = target_directory.ancestors().nth(2);
    command
        .env(WRAPPERS[0], tool)
        .env(FOLDER, folder.unwrap_or(target_directory).join(COPIES));
}

/// The wrapper of rustc that cargo would use in `here`.
fn users_wrapper(here: &Path) -> Result<Option<OsString>> {
    match WRAPPERS.into_iter().find_map(env::var_os) {
        Some(set) => Ok(Some(set).filter(|it| !it.is_empty())),
        None => rustc_wrapper(here),
    }
}

/// If `arguments` compile a supported divan, whose name and version are `package`: the same for its source with a
/// worker.
fn with_worker(
    folder: &Path,
    arguments: &[OsString],
    [package, version]: &[String; 2],
) -> Option<Vec<OsString>> {
    let at = arguments.iter().position(|it| it == "--crate-name")?;
    let name = arguments.get(at + 1)?.to_str()?;
    let (_, known, versions) = KNOWN.iter().find(|(known, ..)| *known == name)?;
    // Cargo caps lints of all packages but local ones, whose sources may change at any time.
    let is_fixed = arguments.iter().any(|it| it == "--cap-lints");
    if known != package || !versions.contains(&version.as_str()) || !is_fixed {
        return None;
    }
    let source = arguments
        .iter()
        .position(|it| Path::new(it).ends_with("src/lib.rs"))?;
    let original = Path::new(&arguments[source]).parent()?.parent()?;
    // A git repository or a vendored package may have other code of the same version.
    let hash = sources_hash(&original.join("src")).ok()?;
    let changed = folder.join(format!("{package}-{version}-{hash}-{}", changes()));
    if !changed.exists() {
        write_changed(original, &changed).ok()?;
    }
    let mut arguments = arguments.to_vec();
    arguments[source] = changed.join("src/lib.rs").into();
    Some(arguments)
}

/// A hash of the files in a folder.
fn sources_hash(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    let mut facts = String::new();
    for file in files {
        let name = file.strip_prefix(folder)?.display().to_string();
        let hash = full_hash(&file)?;
        facts += &format!("{name}\t{hash}\n");
    }
    Ok(text_hash(facts.as_bytes()))
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
    let clock = source.join("time/timer.rs");
    if let Some(text) = with_lines(&fs::read_to_string(&clock)?, &CALIBRATION) {
        fs::write(&clock, text)?;
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

#[cfg(test)]
pub mod tests {
    use std::{
        ffi::OsString,
        fs,
        path::{Path, PathBuf},
    };

    use super::{with_worker, write_changed};
    use crate::{build::changed::OPTIONS, discover::overlay::copy_folder};

    /// The divan that this package's own bench depends on.
    pub fn divan() -> PathBuf {
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
        for (call, times) in [("connect(", 1), ("started()", 3), ("ended()", 3)] {
            let call = format!("crate::serbench_worker::{call}");
            assert_eq!(calls.matches(&call).count(), times, "{call}");
        }
        assert!(read("src/benchmark/args.rs").contains("erase(make_args(), &arg_to_string)"));
        let runner = read("src/divan.rs");
        assert!(runner.contains("impl Default for Divan"));
        assert!(runner.contains("filters: Default::default(),"));
        assert!(!runner.contains("run_action(Action::Bench)"));
        assert_eq!(runner.matches("serbench_worker::own_size(").count(), 2);
        assert!(runner.contains("if crate::serbench_worker::draws_names() {"));
        assert!(read("src/time/timer.rs").contains("serbench_worker::calibration()"));
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
        let root = |folder: &Path| folder.join("src/lib.rs").into_os_string();
        let compile = |name: &str, folder_of_divan: &Path, caps: &[&str], package: [&str; 2]| {
            let flags = ["--crate-name", name, "--edition=2021"].map(OsString::from);
            let caps = caps.iter().map(OsString::from);
            let arguments: Vec<OsString> = flags
                .into_iter()
                .chain([root(folder_of_divan)])
                .chain(caps)
                .collect();
            with_worker(folder.path(), &arguments, &package.map(str::to_owned))
        };
        let caps = ["--cap-lints", "allow"];
        let known = ["divan", "0.1.21"];
        let changed = |of: &Path| {
            let arguments = compile("divan", of, &caps, known).unwrap();
            PathBuf::from(&arguments[3])
        };
        assert!(changed(&divan).starts_with(folder.path()));
        // A vendored package has the folder `divan`, one in a git repository has any name.
        let vendored = folder.path().join("vendor/divan");
        copy_folder(&divan, &vendored).unwrap();
        assert_eq!(changed(&vendored), changed(&divan));
        let other = folder.path().join("checkouts/1234567");
        copy_folder(&divan, &other).unwrap();
        fs::write(other.join("src/more.rs"), "").unwrap();
        assert_ne!(changed(&other), changed(&divan));

        assert_eq!(compile("divan_macros", &divan, &caps, known), None);
        assert_eq!(compile("divan", &divan, &caps, ["divan", "0.1.13"]), None);
        assert_eq!(compile("divan", &divan, &caps, ["mine", "0.1.21"]), None);
        assert_eq!(compile("divan", &divan, &[], known), None, "local");
    }
}
