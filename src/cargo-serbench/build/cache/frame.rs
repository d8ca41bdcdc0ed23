//! Hashes everything a build depends on except its tree: toolchain, machine, flags, environment, cargo's
//! configuration, Cargo.lock. Equal trees in equal frames give equal builds.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::{
    build::{
        Options, changed,
        configuration::{cargo_home, configuration_files},
        fingerprint::{file_hash, hex, text_hash},
        toolchain::said,
    },
    discover::{BenchTarget, Workspace, machine},
};

/// Builds cached by versions with another number are ignored.
const VERSION: u32 = 2;

/// The hash of everything that a build of `targets` depends on except the files below `top`.
/// Fails with the reason if that can't be determined.
pub fn frame(
    workspace: &Workspace,
    top: &Path,
    targets: &[BenchTarget],
    options: &Options,
) -> Result<String> {
    let outside = workspace
        .local_packages()
        .find(|package| !is_inside(package.manifest_path.as_std_path(), top));
    if let Some(package) = outside {
        bail!("package `{}` lies outside the repository", package.name);
    }
    let here = options.here(workspace)?;
    let configuration = configuration(&here);
    let variables = variables(std::env::vars_os(), cargo_home());
    let flags = options.flags.join(" ");
    let texts = configuration.values().chain(variables.values());
    for text in texts.chain([&flags]) {
        refuse_files(text)?;
    }
    let mut facts = String::new();
    let mut fact = |name: &str, value: &str| {
        writeln!(facts, "{name}\t{}\t{value}", value.len()).expect("writing to a string");
    };
    fact("version", &VERSION.to_string());
    fact("tool", env!("CARGO_PKG_VERSION"));
    fact("worker in divan", &changed::changes());
    fact("machine", &format!("{:?}", machine::machine()));
    for (name, text) in compilers(&here, options.own_toolchain)? {
        fact(name, &text);
    }
    let inner = workspace.root.strip_prefix(top).unwrap_or(Path::new(""));
    fact("workspace", &inner.display().to_string());
    let lock = file_hash(&workspace.root.join("Cargo.lock"));
    fact("lock", lock.as_deref().unwrap_or("none"));
    fact("options", &format!("{:?}", without_network(options)));
    fact("targets", &format!("{targets:?}"));
    for (path, text) in &configuration {
        // Only their order counts, not their paths, so that a cache can be moved with its folder.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fact(&name, text);
    }
    for (name, value) in &variables {
        fact(name, value);
    }
    Ok(hex(&Sha256::digest(facts)))
}

fn is_inside(path: &Path, top: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    real(path).starts_with(real(top))
}

/// Access to the network does not change what cargo builds.
fn without_network(options: &Options) -> Options {
    Options {
        network: Vec::new(),
        ..options.clone()
    }
}

/// The versions of all programs that take part in a build.
fn compilers(here: &Path, own_toolchain: bool) -> Result<Vec<(&'static str, String)>> {
    let chosen = |names: [&str; 2]| {
        let mut names = names.iter().filter(|_| !own_toolchain);
        names.find_map(std::env::var_os)
    };
    let rustc = chosen(["RUSTC", "CARGO_BUILD_RUSTC"]).unwrap_or_else(|| "rustc".into());
    let cargo = chosen(["CARGO", "CARGO"]).unwrap_or_else(|| "cargo".into());
    let ask = |program: &std::ffi::OsStr, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument);
        if own_toolchain {
            command.current_dir(here).env_remove("RUSTUP_TOOLCHAIN");
        }
        said(&mut command)
    };
    let rustc = ask(&rustc, "-vV")?;
    let released = rustc.contains("commit-hash: ")
        && !rustc.contains("commit-hash: unknown")
        && !rustc.contains("-dev");
    ensure!(
        released,
        "this rustc is a custom build, so its version doesn't identify it"
    );
    let linker = ask("cc".as_ref(), "--version").unwrap_or_default();
    Ok(vec![
        ("rustc", rustc),
        ("cargo", ask(&cargo, "-V")?),
        ("cc", linker),
    ])
}

/// The files of cargo's configuration that apply in a folder, by path.
fn configuration(here: &Path) -> BTreeMap<PathBuf, String> {
    configuration_files(here)
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            Some((path, text))
        })
        .collect()
}

/// Fails if flags or configuration refer to files whose content would matter, too.
fn refuse_files(text: &str) -> Result<()> {
    let separators = |it: char| it.is_whitespace() || "\"'[],=\x1f".contains(it);
    let mut flag = false;
    for word in text.split(separators).filter(|word| !word.is_empty()) {
        // `-L /there`, `-Clink-arg=-T/there`, `-Cprofile-use=/there`
        if word.contains('/') && (flag || word.starts_with('-')) {
            bail!("a flag names a file ({word})");
        }
        flag = word.starts_with('-') || (flag && !word.contains('/'));
        if word.ends_with(".json") {
            bail!("a target is described by a file ({word})");
        }
    }
    let mut keys = text.lines().filter_map(|line| line.split_once('='));
    let key = keys.find(|(key, _)| {
        let name = key.trim().trim_matches('"');
        name == "include" || name == "rustc" || name.ends_with(".rustc")
    });
    match key {
        Some((key, _)) => bail!("cargo's configuration has `{}`", key.trim()),
        None => Ok(()),
    }
}

/// Variables of `all` that cargo, rustc or C compilers read, with hashes of their values. `CARGO_HOME` has
/// its default if it is not set: rustup sets it for its children, so it would depend on who starts the tool.
fn variables(
    all: impl IntoIterator<Item = (OsString, OsString)>,
    cargo_home: Option<PathBuf>,
) -> BTreeMap<String, String> {
    let home = cargo_home.map(|home| ("CARGO_HOME".into(), home.into_os_string()));
    let all = all.into_iter().chain(home);
    let named = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named
        .filter(|(name, _)| counts(name))
        .map(|(name, value)| {
            let text = value.to_string_lossy().into_owned();
            let kept = match name.ends_with("FLAGS") {
                true => text,
                false => text_hash(text.as_bytes()),
            };
            (name, kept)
        })
        .collect()
}

/// Set by cargo and rustup for their children, or only about output and where it is written.
const NEVER: [&str; 21] = [
    "CARGO",
    "CARGO_MAKEFLAGS",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_JOBS",
    "CARGO_TARGET_TMPDIR",
    "CARGO_NET_OFFLINE",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_LOG_STYLE",
    "RUST_RECURSION_COUNT",
    "RUST_TEST_THREADS",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_TOOLCHAIN_SOURCE",
    "RUSTUP_HOME",
    "RUSTUP_AUTO_INSTALL",
    "LD_LIBRARY_PATH",
];

/// The same, by prefix.
const NEVER_PREFIXES: [&str; 7] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_TERM_",
    "CARGO_HTTP_",
    "CARGO_ALIAS_",
    "CARGO_REGISTR",
];

/// Prefixes of variables that count.
const PREFIXES: [&str; 8] = [
    "CARGO_",
    "RUST",
    "PKG_CONFIG",
    "MACOSX_",
    "CMAKE_",
    "TARGET_",
    "HOST_",
    "LIBRARY_",
];

/// A variable counts if it equals, starts with or ends with one of these words.
const WORDS: [&str; 16] = [
    "CC",
    "CXX",
    "AR",
    "LD",
    "NM",
    "RANLIB",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "SDKROOT",
    "SOURCE_DATE_EPOCH",
    "LD_PRELOAD",
];

/// Whether a build may depend on a variable. If in doubt, it does. Excluded are those that cargo sets
/// for its children, and those that only affect output and where it is written.
fn counts(name: &str) -> bool {
    if NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|it| name.starts_with(it)) {
        return false;
    }
    let is_word = |word: &str| {
        let rest = name.strip_prefix(word);
        let prefixed = name.strip_suffix(word);
        name == word
            || rest.is_some_and(|rest| rest.starts_with('_'))
            || prefixed.is_some_and(|prefix| prefix.ends_with('_'))
    };
    PREFIXES.iter().any(|it| name.starts_with(it)) || WORDS.iter().any(|word| is_word(word))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::PathBuf};

    use super::{counts, refuse_files, variables};

    #[test]
    fn a_direct_start_has_the_variables_of_a_start_by_rustup() {
        let of = |set: &[(&str, &str)]| {
            let set: Vec<(OsString, OsString)> = set
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            variables(set, Some(PathBuf::from("/home/me/.cargo")))
        };
        let direct = of(&[("CC", "clang")]);
        let by_rustup = of(&[
            ("CC", "clang"),
            ("CARGO_HOME", "/home/me/.cargo"),
            ("RUSTUP_HOME", "/home/me/.rustup"),
            ("RUSTUP_TOOLCHAIN", "stable"),
            ("RUSTUP_TOOLCHAIN_SOURCE", "default"),
        ]);
        assert_eq!(direct, by_rustup);
    }

    #[test]
    fn variables_of_builds_count() {
        for name in [
            "RUSTFLAGS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_BENCH_LTO",
            "CARGO_INCREMENTAL",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "CC",
            "CC_x86_64_unknown_linux_gnu",
            "TARGET_CFLAGS",
            "LDFLAGS",
        ] {
            assert!(counts(name), "{name}");
        }
        for name in [
            "HOME",
            "PWD",
            "CARGO_PKG_VERSION",
            "CARGO_MANIFEST_DIR",
            "CARGO_TERM_COLOR",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "RUST_BACKTRACE",
            "LD_LIBRARY_PATH",
            "GITHUB_RUN_ID",
            "ACCOUNT",
        ] {
            assert!(!counts(name), "{name}");
        }
    }

    #[test]
    fn flags_that_name_files_are_rejected() {
        for text in [
            "-Cprofile-use=/tmp/a.profdata",
            "-Ctarget-cpu=native -L /opt/lib",
            "rustflags = [\"-C\", \"link-arg=-T/etc/x.ld\"]",
            "[build]\ntarget = \"mine.json\"",
            "include = \"other.toml\"",
            "[build]\nrustc = \"mine\"",
        ] {
            assert!(refuse_files(text).is_err(), "{text}");
        }
        for text in [
            "",
            "-Ctarget-cpu=native --cfg=two",
            "[build]\nrustflags = [\"--cfg=two\"]\n",
            "[target.x86_64-unknown-linux-gnu]\nlinker = \"cc\"",
            "[source.mine]\nregistry = \"sparse+https://example.org/index/\"",
            "[build]\nrustc-wrapper = \"/usr/bin/sccache\"",
        ] {
            assert!(refuse_files(text).is_ok(), "{text}");
        }
    }
}
