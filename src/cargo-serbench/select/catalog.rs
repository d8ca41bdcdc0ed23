//! The benchmarks of one commit, and the executable of each.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};

use super::inventory::{Entry, Inventory, inventory};
use crate::{
    build::{self, Built, Executable},
    config::Config,
    discover::BenchTarget,
    interrupt,
    process::Launcher,
    select::BenchId,
};

/// A benchmark and its executable.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id in this tool; see [`Naming`].
    pub id: BenchId,
    pub executable: Executable,
    /// The name passed to `--exact`.
    pub path: String,
    /// The number of threads to run with, for benchmarks with several.
    pub threads: Option<u32>,
    /// Hash of the executable's code and data.
    pub hash: String,
    /// Whether it may be a worker; otherwise only divan can run it.
    pub serbench: bool,
    /// Whether it is only measured with `--full`.
    pub large: bool,
    /// Why it can't be run.
    pub obstacle: Option<Obstacle>,
    pub reference: Option<BenchId>,
}

/// Why a benchmark is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is marked with `#[ignore]`.
    Ignored,
    /// Its bench target can't list its benchmarks; the reason. This entry stands for all of them.
    Unlisted(String),
}

/// The benchmarks of one commit.
#[derive(Debug, Default)]
pub struct Catalog {
    /// By id.
    pub benchmarks: BTreeMap<BenchId, Listed>,
    /// Benchmarks that can't be addressed, and bench targets that don't use divan, as messages.
    pub problems: Vec<String>,
    /// Why bench targets of the workspace list nothing, by suite.
    pub silent: BTreeMap<String, String>,
    /// Why bench targets of the baseline could not list their benchmarks, by suite.
    pub unlisted: BTreeMap<String, String>,
}

/// Which ids start with their package, as in `package/suite::function`.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// Suites that several packages have.
    shared: BTreeSet<String>,
    /// Exceptions: packages and suites without prefix, because the other commit has them without.
    plain: BTreeSet<(String, String)>,
}

impl Naming {
    /// From package and suite of every bench in a workspace.
    pub fn new<'a>(benches: impl Iterator<Item = (&'a str, String)>) -> Self {
        let mut packages: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (package, suite) in benches {
            packages.entry(suite).or_default().insert(package);
        }
        packages.retain(|_, packages| packages.len() > 1);
        Self {
            shared: packages.into_keys().collect(),
            plain: BTreeSet::new(),
        }
    }

    /// Names benchmarks that another workspace also has as they are named there.
    pub fn like<'a>(mut self, others: impl Iterator<Item = (&'a str, String)> + Clone) -> Self {
        let there = Self::new(others.clone());
        for (package, suite) in others {
            if !there.shared.contains(&suite) {
                self.plain.insert((package.to_owned(), suite));
            }
        }
        self.shared.extend(there.shared);
        self
    }

    /// The prefix of the ids in a package's suite.
    fn prefix(&self, package: &str, suite: &str) -> String {
        let bench = (package.to_owned(), suite.to_owned());
        match self.shared.contains(suite) && !self.plain.contains(&bench) {
            true => format!("{package}/"),
            false => String::new(),
        }
    }

    fn id(&self, bench: &Built, path: &str, threads: Option<u32>) -> BenchId {
        let package = self.prefix(&bench.target.package, &bench.target.suite());
        let threads = threads.map_or_else(String::new, |threads| format!("::t={threads}"));
        format!("{package}{path}{threads}").as_str().into()
    }
}

const NO_ARGUMENTS: &str = "its main ignores its arguments, so no benchmark can be run by itself; \
    call `divan::main()`, or `Divan::from_args()` in place of `Divan::default()`";

/// Lists the benchmarks of each executable. If one can't list, the others are unaffected: a
/// failed benchmark with the bench target's name takes the place of its benchmarks.
pub fn catalog(
    launcher: &Launcher,
    built: &[Built],
    naming: &Naming,
    config: &Config,
) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    let mut unlisted = Vec::new();
    for bench in built {
        if !bench.divan && build::runs_divan(&bench.executable.path) {
            unlisted.push((bench, anyhow!(NO_ARGUMENTS)));
            continue;
        }
        if !bench.divan {
            catalog.problems.push(format!(
                "bench `{}` of {} does not call divan::main(), so it is ignored",
                bench.target.name, bench.target.package
            ));
            continue;
        }
        match inventory(launcher, &bench.executable, bench.serbench) {
            Ok(inventory) => catalog.enter(bench, naming, inventory),
            Err(error) => {
                interrupt::check()?;
                unlisted.push((bench, error));
            }
        }
    }
    if catalog.benchmarks.is_empty() && !unlisted.is_empty() {
        let (bench, error) = unlisted.swap_remove(0);
        return Err(error.context(could_not_list(bench)));
    }
    for (bench, error) in unlisted {
        let reason = format!("{}: {error:#}", could_not_list(bench));
        catalog.problems.push(reason.clone());
        let prefix = naming.prefix(&bench.target.package, &bench.target.suite());
        let id = format!("{prefix}{}", bench.target.suite());
        let entry = Entry {
            path: bench.target.suite(),
            threads: None,
            large: false,
        };
        let obstacle = Some(Obstacle::Unlisted(reason));
        catalog.add(bench, id.as_str().into(), entry, obstacle);
    }
    add_references(&mut catalog, config);
    Ok(catalog)
}

fn could_not_list(bench: &Built) -> String {
    format!(
        "bench `{}` could not list its benchmarks",
        bench.target.name
    )
}

impl Catalog {
    /// Adds the benchmarks of a bench target.
    fn enter(&mut self, bench: &Built, naming: &Naming, inventory: Inventory) {
        self.problems.extend(inventory.problems);
        for entry in inventory.benchmarks {
            let id = naming.id(bench, &entry.path, entry.threads);
            self.add(bench, id, entry, None);
        }
        for path in inventory.ignored {
            let entry = Entry {
                path,
                threads: None,
                large: false,
            };
            let id = naming.id(bench, &entry.path, None);
            self.add(bench, id, entry, Some(Obstacle::Ignored));
        }
    }

    /// Notes which benches of the workspace list nothing, and why. `others` were not built because they don't
    /// run divan.
    pub fn note_silent<'a>(
        &mut self,
        benches: impl Iterator<Item = (&'a str, String)>,
        (built, others): (&[Built], &[BenchTarget]),
        naming: &Naming,
    ) {
        let listed = self.benchmarks.keys();
        let listed: BTreeSet<String> = listed.map(|id| id.qualified_suite().to_owned()).collect();
        for (package, suite) in benches {
            let name = naming.prefix(package, &suite) + &suite;
            if listed.contains(&name) {
                continue;
            }
            let is_it = |it: &BenchTarget| it.package == package && it.suite() == suite;
            let bench = built.iter().find(|it| is_it(&it.target));
            let why = match bench {
                None if others.iter().any(is_it) => {
                    "does not call divan::main(), or has no `harness = false`".to_owned()
                }
                None => "is not selected".to_owned(),
                Some(bench) if !bench.divan => "does not call divan::main()".to_owned(),
                Some(_) if self.benchmarks.contains_key(name.as_str()) => {
                    "can't list its benchmarks".to_owned()
                }
                Some(_) => "lists no benchmarks".to_owned(),
            };
            let reason = format!(
                "bench `{suite}` of {package} still exists but {why}; remove its [[bench]] to remove its \
                 benchmarks"
            );
            self.silent.insert(name, reason);
        }
    }

    /// Why a benchmark that is not listed may not have been removed.
    pub fn silence(&self, id: &BenchId) -> Option<&str> {
        let reason = self.silent.get(id.qualified_suite())?;
        (!self.benchmarks.contains_key(id)).then_some(reason)
    }

    /// Drops the benchmarks of targets that can't list, because the other commit may know them.
    pub fn set_unlisted_aside(&mut self) {
        let unlisted = &mut self.unlisted;
        self.benchmarks.retain(|id, listed| match &listed.obstacle {
            Some(Obstacle::Unlisted(reason)) => {
                unlisted.insert(id.as_str().to_owned(), reason.clone());
                false
            }
            Some(Obstacle::Ignored) | None => true,
        });
    }

    fn add(&mut self, bench: &Built, id: BenchId, entry: Entry, obstacle: Option<Obstacle>) {
        let Entry {
            path,
            threads,
            large,
        } = entry;
        let listed = Listed {
            id,
            executable: bench.executable.clone(),
            path,
            threads,
            hash: bench.hash.clone(),
            serbench: bench.serbench,
            large,
            obstacle,
            reference: None,
        };
        self.benchmarks.insert(listed.id.clone(), listed);
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
