//! Builds benches the same way for every commit, each in its own folders.

pub mod cache;
mod cargo;
mod changed;
mod chosen;
mod configuration;
mod fingerprint;
mod folders;
mod inputs;
pub mod linker;
mod proof;
pub mod share;
pub mod toolchain;
mod upgraded;
pub mod wrapper;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::discover::{BenchTarget, Workspace};

pub use cargo::{Done, build};
pub use configuration::cargo_home;
pub use fingerprint::{code_hash, file_hash, hex, path_hash, runs_divan};
pub use folders::{
    has_seed, last_seconds, prune, seed, stage_executables, target_directory, touch,
};
pub use inputs::Inputs;

/// Options passed on to cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub profile: String,
    /// `--features …` and similar arguments.
    pub features: Vec<String>,
    /// `--offline`, `--locked`, `--frozen`.
    pub network: Vec<String>,
    /// Flags for rustc in addition to the user's.
    pub flags: Vec<String>,
    /// Build each commit with the toolchain and cargo configuration of its own tree, instead of
    /// those of the current folder.
    pub own_toolchain: bool,
}

impl Options {
    /// The folder that cargo runs in, whose toolchain and configuration it uses.
    pub fn here(&self, workspace: &Workspace) -> Result<PathBuf> {
        match self.own_toolchain {
            true => Ok(workspace.root.clone()),
            false => std::env::current_dir().context("failed to find the current folder"),
        }
    }
}

/// A bench target and its executable.
#[derive(Clone, Debug)]
pub struct Built {
    pub target: BenchTarget,
    pub executable: Executable,
    /// Hash of code and data: executables with the same hash behave the same.
    pub hash: String,
    /// Whether it contains divan.
    pub divan: bool,
    /// Whether it contains the library's protocol, so that its benchmarks may be workers.
    pub serbench: bool,
    /// The source files it was built from, relative to the workspace.
    pub sources: Inputs,
}

/// The executable of a bench.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    pub path: PathBuf,
    /// Identical copies; a measurement starts any of them.
    pub copies: Vec<PathBuf>,
    /// The saved link inputs, if any.
    pub link_inputs: Option<PathBuf>,
    /// The package's folder, where cargo would run it.
    pub folder: PathBuf,
}
