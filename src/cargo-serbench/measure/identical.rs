//! Finds the benchmarks that run the same code at both commits and need no measuring.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    build::Executable,
    config::Config,
    layout,
    run::{Benchmark, Run, Verification},
    select::{
        BenchId,
        catalog::{Catalog, Listed},
    },
    shell,
};

/// Adds benchmarks that run the same code at both commits to the run, without starting them.
pub fn skip(
    catalogs: [&Catalog; 2],
    chosen: &BTreeSet<BenchId>,
    config: &Config,
    scratch: &Path,
    run: &mut Run,
) {
    if run.identical_measured {
        return;
    }
    let both: Vec<[&Listed; 2]> = chosen
        .iter()
        .filter_map(|id| {
            let [one, other] = catalogs.map(|catalog| catalog.benchmarks.get(id));
            Some([one?, other?])
        })
        .filter(|[_, candidate]| candidate.obstacle.is_none())
        .collect();
    let (same, different): (Vec<&[&Listed; 2]>, Vec<&[&Listed; 2]>) =
        both.iter().partition(|[one, other]| one.hash == other.hash);
    for pair in same {
        enter(*pair, None, run);
    }
    let mut codes = Codes::of(&different, scratch);
    let mut same: BTreeMap<&BenchId, String> = BTreeMap::new();
    for [one, other] in different.iter().copied() {
        if let (Some(before), Some(after)) = (codes.code(one), codes.code(other))
            && before == after
        {
            same.insert(&other.id, after);
        }
    }
    let found = same.len();
    keep_limited(&different, config, &mut same);
    for pair in different.iter().copied() {
        if let Some(code) = same.get(&pair[1].id) {
            enter(*pair, Some(code), run);
        }
    }
    codes.report(found, different.len(), run);
}

fn enter([baseline, candidate]: [&Listed; 2], code: Option<&str>, run: &mut Run) {
    let side = |listed: &Listed| {
        Some(Verification {
            code: code.map(str::to_owned),
            ..Verification::unseen(&listed.hash)
        })
    };
    let benchmark = Benchmark {
        reference: candidate.reference.clone(),
        baseline: side(baseline),
        candidate: side(candidate),
    };
    run.benchmarks.insert(candidate.id.clone(), benchmark);
}

/// Limits on a ratio are checked by measuring both benchmarks, unless neither changed.
fn keep_limited(all: &[&[&Listed; 2]], config: &Config, same: &mut BTreeMap<&BenchId, String>) {
    let limited = all.iter().filter(|[_, listed]| {
        let tolerance = config.tolerance(&listed.id);
        tolerance.max_latency_ratio.is_some() || tolerance.max_memory_ratio.is_some()
    });
    for [_, listed] in limited {
        let Some(reference) = &listed.reference else {
            continue;
        };
        if !(same.contains_key(&listed.id) && same.contains_key(reference)) {
            same.remove(&listed.id);
            same.remove(reference);
        }
    }
}

/// The hashes of the code of benchmarks, by executable.
#[derive(Default)]
struct Codes {
    hashes: BTreeMap<PathBuf, BTreeMap<String, String>>,
    problems: BTreeSet<String>,
}

impl Codes {
    fn of(pairs: &[&[&Listed; 2]], scratch: &Path) -> Self {
        let mut wanted: BTreeMap<&Path, (&Executable, BTreeSet<&str>)> = BTreeMap::new();
        for listed in pairs.iter().flat_map(|pair| pair.iter()) {
            let executable = &listed.executable;
            let (_, paths) = wanted
                .entry(&executable.path)
                .or_insert_with(|| (executable, BTreeSet::new()));
            paths.insert(&listed.path);
        }
        let mut codes = Self::default();
        for (path, (executable, paths)) in wanted {
            // Relinking reports why the build has no inputs.
            if executable.link_inputs.is_none() {
                continue;
            }
            match layout::identities(executable, &paths, scratch) {
                Ok(hashes) => {
                    codes.hashes.insert(path.to_owned(), hashes);
                }
                Err(error) => {
                    codes.problems.insert(format!("{error:#}"));
                }
            }
        }
        codes
    }

    /// The hash of everything a benchmark can reach.
    fn code(&self, listed: &Listed) -> Option<String> {
        let codes = self.hashes.get(&listed.executable.path)?;
        codes.get(&listed.path).cloned()
    }

    fn report(&mut self, same: usize, compared: usize, run: &mut Run) {
        for problem in &self.problems {
            run.notes.push(format!(
                "could not compare the code of benchmarks: {problem}"
            ));
        }
        if same > 0 {
            let all = shell::count(compared, "benchmark");
            let verb = if same == 1 { "runs" } else { "run" };
            shell::status(
                "Identical",
                format_args!("{same} of {all} {verb} the same code at both commits"),
            );
        }
    }
}
