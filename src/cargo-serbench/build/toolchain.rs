//! The toolchain, and the key that makes two records comparable.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Options, fingerprint::hex};
use crate::discover::machine::Machine;

/// Files that select how cargo builds in their folder and below.
pub const HOW_TO_BUILD: [&str; 4] = [
    "rust-toolchain.toml",
    "rust-toolchain",
    ".cargo/config.toml",
    ".cargo/config",
];

/// The properties of a build that affect times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toolchain {
    /// `rustc --version`, with the commit.
    pub rustc: String,
    /// Flags that this tool adds to the user's.
    pub flags: Vec<String>,
    /// The cargo profile.
    pub profile: String,
    /// Arguments that select features.
    pub features: Vec<String>,
}

/// The properties of builds with `options`.
pub fn toolchain(options: &Options) -> Result<Toolchain> {
    Ok(Toolchain {
        rustc: rustc_version()?,
        flags: options.flags.clone(),
        profile: options.profile.clone(),
        features: options.features.clone(),
    })
}

/// The version of the compiler in use.
pub fn rustc_version() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    first_line(said(Command::new(rustc).arg("-vV")))
}

/// The version, without what `-vV` adds to it.
fn first_line(said: Result<String>) -> Result<String> {
    Ok(said?.lines().next().unwrap_or_default().trim().to_owned())
}

/// What a program of the toolchain prints. It's asked once by each run: rustup's rustc takes 15 ms of CPU
/// time to say its version.
pub fn said(command: &mut Command) -> Result<String> {
    static SAID: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    // With the folder and the variables that the command sets.
    let question = format!("{:?} {command:?}", command.get_current_dir());
    let known = || SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = known().get(&question) {
        return Ok(answer.clone());
    }
    let output = command.output().with_context(|| {
        let program = command.get_program();
        format!("failed to run {}", program.to_string_lossy())
    })?;
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    known().insert(question, answer.clone());
    Ok(answer)
}

/// The version of the compiler that rustup chooses for a folder.
pub fn rustc_version_in(folder: &Path) -> Result<String> {
    let mut command = Command::new("rustc");
    command.env_remove("RUSTUP_TOOLCHAIN").current_dir(folder);
    first_line(said(command.arg("-vV")))
}

/// The factors by name, most informative first.
pub fn factors(machine: &Machine, toolchain: &Toolchain) -> Vec<(&'static str, String)> {
    let Machine {
        os,
        arch,
        cpu,
        cpus,
    } = machine;
    let Toolchain {
        rustc,
        flags,
        profile,
        features,
    } = toolchain;
    vec![
        ("os", os.clone()),
        ("arch", arch.clone()),
        ("cpu", cpu.clone()),
        ("cpus", cpus.to_string()),
        ("rustc", rustc.clone()),
        ("flags", flags.join(" ")),
        ("profile", profile.clone()),
        ("features", features.join(" ")),
    ]
}

/// A short name for the factors: `linux-x86_64-1a2b3c4d`. Equal for equal factors.
pub fn key(machine: &Machine, toolchain: &Toolchain) -> String {
    let mut text = String::new();
    for (name, value) in factors(machine, toolchain) {
        text += &format!("{name}={value}\n");
    }
    format!(
        "{}-{}-{}",
        machine.os,
        machine.arch,
        &hex(&Sha256::digest(text))[..8]
    )
}
