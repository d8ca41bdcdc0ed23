//! Removes the effect of code layout from the comparison of two executables.
//!
//! The address of a function can make its loops up to 25 % faster or slower with the same
//! instructions (Mytkowicz et al. 2009, "Producing wrong data without doing anything obviously
//! wrong!"), and an edit anywhere moves all functions after it. So both commits are linked again from
//! the inputs of their builds, without compiling: first the functions that both have, in the same
//! order, starting at the same address, so that they get equal addresses in both. Functions that only
//! one has, or that differ in size, follow. Several such pairs are linked, each in another random
//! order, and each block of a measurement uses a random pair: unchanged code has the same layout at both
//! commits in every block, and changed code is measured in many layouts.

mod graph;
mod identity;
mod order;
mod registry;
mod relink;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};

use crate::build::{Executable, code_hash, linker};
use order::{Common, Function};
use relink::Inputs;

/// Number of pairs to link if linking is as fast as it should be.
const MOST: u64 = 16;

/// Number of pairs to link even if it is slow.
const LEAST: u64 = 4;

/// Time limit for linking the pairs of one bench.
const PATIENCE: Duration = Duration::from_secs(2);

/// The executables of one bench at two commits, linked again.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// For baseline and candidate: files with the same orders.
    pub files: [Vec<PathBuf>; 2],
    /// Functions that both have, by name and size.
    pub common: usize,
    /// How many of them have equal addresses in the first pair.
    pub equal: usize,
}

/// Hashes of the code of an executable's benchmarks, by divan's path; see [`identity`]. Benchmarks
/// that can't be found are missing.
///
/// # Errors
/// If no benchmark can be hashed.
pub fn identities(
    executable: &Executable,
    paths: &BTreeSet<&str>,
    scratch: &Path,
) -> Result<BTreeMap<String, String>> {
    let (inputs, _) = proven(executable, scratch)?;
    identity::identities(&inputs, &executable.folder, paths)
}

/// The inputs an executable was linked from, verified to reproduce it, and its bytes.
fn proven(executable: &Executable, scratch: &Path) -> Result<(Inputs, Vec<u8>)> {
    let Some(archive) = &executable.link_inputs else {
        return Err(anyhow::anyhow!(linker::why_not_kept()));
    };
    let linker = &relink::rust_lld()?;
    let inputs = Inputs::unpack(archive, scratch)?;
    let bytes = read(&executable.path)?;
    let again = inputs.link_as_before(linker)?;
    ensure!(
        code_hash(&again) == code_hash(&bytes),
        "relinking the saved inputs does not reproduce {}",
        executable.path.display()
    );
    Ok((inputs, bytes))
}

/// Links the executables of one bench at two commits again, into files next to the staged ones.
///
/// # Errors
/// If relinking is not possible here; the executables can be measured as cargo linked them.
pub fn align(executables: [&Executable; 2], scratch: &Path) -> Result<Aligned> {
    let [one, other] = executables.map(|executable| proven(executable, scratch));
    let ((one, one_bytes), (other, other_bytes)) = (one?, other?);
    let linker = relink::rust_lld()?;
    let (inputs, bytes) = ([one, other], [one_bytes, other_bytes]);
    let functions = [0, 1].map(|side| order::functions(&bytes[side]));
    let common = order::common([&functions[0], &functions[1]]);
    ensure!(
        !common.is_empty(),
        "the executables have no symbols in common (is `strip` set?)"
    );
    let start = text_start(&bytes)?;
    let started = Instant::now();
    let mut files = [Vec::new(), Vec::new()];
    for variant in 0..MOST {
        if variant >= LEAST && started.elapsed() > PATIENCE {
            break;
        }
        let order = order::permuted(&common, variant);
        for side in [0, 1] {
            let to = variant_path(&executables[side].path, variant);
            let symbols: Vec<&str> = order
                .iter()
                .map(|common| common.symbols[side].as_str())
                .collect();
            inputs[side].link(&linker, &symbols, start, &to)?;
            files[side].push(to);
        }
    }
    let equal = equal(&common, [&files[0][0], &files[1][0]])?;
    Ok(Aligned {
        files,
        common: common.len(),
        equal,
    })
}

/// `arm-a/NAME.v03` for `arm-a/NAME.0`: paths of equal length for all variants.
fn variant_path(staged: &Path, variant: u64) -> PathBuf {
    staged.with_extension(format!("v{variant:02}"))
}

fn equal(common: &[Common], files: [&Path; 2]) -> Result<usize> {
    let [one, other] = files.map(|file| read(file).map(|bytes| order::functions(&bytes)));
    let functions: [Vec<Function>; 2] = [one?, other?];
    Ok(order::aligned(common, [&functions[0], &functions[1]]))
}

/// An address for the code of both executables, after everything that precedes it.
fn text_start(executables: &[Vec<u8>; 2]) -> Result<u64> {
    const HUGE_PAGE: u64 = 2 << 20;
    let mut highest = 0;
    for bytes in executables {
        let file = object::File::parse(bytes.as_slice()).context("failed to read an executable")?;
        let text = file
            .section_by_name(".text")
            .context("an executable has no .text")?;
        highest = highest.max(text.address());
    }
    Ok((highest + 1).next_multiple_of(HUGE_PAGE))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

/// The aligned executables of all benches, by staged file.
#[derive(Clone, Debug, Default)]
pub struct Layouts {
    pub files: BTreeMap<PathBuf, Vec<PathBuf>>,
    pub common: usize,
    pub equal: usize,
    /// Why benches are measured as cargo linked them instead.
    pub problems: Vec<String>,
}

impl Layouts {
    /// Aligns each pair of executables.
    pub fn of(pairs: &[[&Executable; 2]], scratch: &Path) -> Self {
        let mut layouts = Self::default();
        for pair in pairs {
            match align(*pair, scratch) {
                Ok(Aligned {
                    files,
                    common,
                    equal,
                }) => {
                    layouts.common += common;
                    layouts.equal += equal;
                    for (executable, files) in pair.iter().zip(files) {
                        layouts.files.insert(executable.path.clone(), files);
                    }
                }
                Err(error) => layouts.problems.push(format!("{error:#}")),
            }
        }
        layouts
    }

    /// The number of pairs that a block chooses from.
    pub fn variants(&self) -> usize {
        self.files.values().map(Vec::len).min().unwrap_or(0)
    }
}
