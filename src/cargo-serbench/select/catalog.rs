//! Executables in, the benchmarks they hold out, each with the executable that counts its memory.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::{
    build::{Built, Executable},
    config::Config,
    divan,
    process::{Launcher, failure_summary},
    select::BenchId,
};

/// A benchmark and where to find it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: BenchId,
    pub executable: Executable,
    /// Hash of the executable's code and data.
    pub hash: String,
    /// Whether it is only measured with `--full`.
    pub large: bool,
    /// The executable and id whose allocator counts, when it is another one.
    pub memory: Option<(Executable, BenchId)>,
    pub reference: Option<BenchId>,
}

/// What the executables of one commit hold.
#[derive(Debug, Default)]
pub struct Catalog {
    /// By id.
    pub benchmarks: BTreeMap<BenchId, Listed>,
    /// Benchmarks that can't be addressed, and bench targets that aren't divan's, in words.
    pub problems: Vec<String>,
}

/// Asks each executable for its benchmarks.
pub fn catalog(launcher: &Launcher, built: &[Built], config: &Config) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    let mut counting: BTreeMap<BenchId, (Executable, BenchId)> = BTreeMap::new();
    let mut doubled: BTreeMap<String, &Built> = BTreeMap::new();
    for bench in built {
        if !bench.divan {
            catalog.problems.push(format!(
                "bench `{}` of {} is no divan bench: its main does not call divan::main()",
                bench.target.name, bench.target.package
            ));
            continue;
        }
        let ended = launcher.list(&bench.executable, true)?;
        if !ended.status.success() {
            bail!(
                "bench `{}` could not list its benchmarks: {}",
                bench.target.name,
                failure_summary(&ended.stderr, &ended.status.to_string())
            );
        }
        let listing = divan::listing(&ended.stdout);
        catalog
            .problems
            .extend(listing.problems.iter().map(ToString::to_string));
        let small = launcher.list(&bench.executable, false)?.stdout;
        let small: BTreeSet<BenchId> = ids(&divan::listing(&small).ids).collect();
        let is_memory = bench.target.suite() == config.memory_suite;
        for id in ids(&listing.ids) {
            match id.strip_prefix(&format!("{}::", config.memory_suite)) {
                Some(timed) if is_memory => {
                    counting.insert(timed.into(), (bench.executable.clone(), id));
                }
                Some(_) | None => {
                    let listed = listed(&id, bench, !small.contains(&id));
                    if let Some(other) = catalog.benchmarks.insert(id, listed) {
                        doubled.insert(other.hash, bench);
                    }
                }
            }
        }
    }
    let told = doubled.values().map(|bench| {
        format!(
            "more than one package has a bench `{}` with the same benchmarks, which can't be told \
             apart; those of {} are measured. Rename a bench, or choose with --package",
            bench.target.name, bench.target.package
        )
    });
    catalog.problems.extend(told);
    add_references(&mut catalog, config);
    for (id, benchmark) in &mut catalog.benchmarks {
        benchmark.memory = counting.remove(id);
    }
    Ok(catalog)
}

/// Where ids begin to be more than text.
fn ids(listed: &[String]) -> impl Iterator<Item = BenchId> {
    listed.iter().map(|id| id.as_str().into())
}

fn listed(id: &BenchId, bench: &Built, large: bool) -> Listed {
    Listed {
        id: id.clone(),
        executable: bench.executable.clone(),
        hash: bench.hash.clone(),
        large,
        memory: None,
        reference: None,
    }
}

fn add_references(catalog: &mut Catalog, config: &Config) {
    let ids: BTreeSet<BenchId> = catalog.benchmarks.keys().cloned().collect();
    for (id, benchmark) in &mut catalog.benchmarks {
        benchmark.reference = config
            .reference(id.suite())
            .and_then(|reference| id.reference(reference))
            .filter(|reference| ids.contains(reference));
    }
}
