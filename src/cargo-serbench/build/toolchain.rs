//! The toolchain, and the key that makes two records comparable.

use std::{path::Path, process::Command};

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
    ask_version(Command::new(rustc))
}

fn ask_version(mut rustc: Command) -> Result<String> {
    let output = rustc.arg("--version").output();
    let output = output.with_context(|| {
        format!(
            "failed to run {} --version",
            rustc.get_program().to_string_lossy()
        )
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version of the compiler that rustup chooses for a folder.
pub fn rustc_version_in(folder: &Path) -> Result<String> {
    let mut command = Command::new("rustc");
    command.env_remove("RUSTUP_TOOLCHAIN").current_dir(folder);
    ask_version(command)
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
