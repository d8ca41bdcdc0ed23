//! Building benches: the same way for every commit, each in folders of its own.

pub mod cache;
mod cargo;
mod fingerprint;
mod folders;
mod inputs;
pub mod linker;
mod proof;
pub mod share;
pub mod toolchain;

use std::path::PathBuf;

use crate::discover::BenchTarget;

pub use cargo::{Done, build};
pub use fingerprint::{code_hash, file_hash, hex, path_hash, runs_divan};
pub use folders::{
    has_seed, last_seconds, prune, seed, stage_executables, target_directory, touch,
};
pub use inputs::Inputs;

/// What is passed on to cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub profile: String,
    /// `--features …` and the like, in cargo's words.
    pub features: Vec<String>,
    /// `--offline`, `--locked`, `--frozen`.
    pub network: Vec<String>,
    /// Flags for rustc besides the user's own.
    pub flags: Vec<String>,
    /// Build each commit with the toolchain and cargo configuration of its own tree, instead of
    /// those of the current folder.
    pub own_toolchain: bool,
}

/// A bench target and its executable.
#[derive(Clone, Debug)]
pub struct Built {
    pub target: BenchTarget,
    pub executable: Executable,
    /// Hash of code and data: equal for executables that can't behave differently.
    pub hash: String,
    /// Whether divan is in it.
    pub divan: bool,
    /// Whether the library's protocol is in it, so that its benchmarks may be workers.
    pub serbench: bool,
    /// The source files it is made of, relative to the workspace.
    pub sources: Inputs,
}

/// A built bench executable that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    pub path: PathBuf,
    /// Equal copies; measuring starts any of them.
    pub copies: Vec<PathBuf>,
    /// What it was linked from, if that was kept.
    pub link_inputs: Option<PathBuf>,
    /// The package's folder: where cargo would run it.
    pub folder: PathBuf,
}
