//! The benchmarks of one commit: which executable holds each.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::inventory::{Entry, inventory};
use crate::{
    build::{Built, Executable},
    config::Config,
    process::Launcher,
    select::BenchId,
};

/// A benchmark and where to find it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Names it in this tool; see [`Naming`].
    pub id: BenchId,
    pub executable: Executable,
    /// What `--exact` selects it by.
    pub path: String,
    /// One of several numbers of threads that it runs with.
    pub threads: Option<u32>,
    /// Hash of the executable's code and data.
    pub hash: String,
    /// Whether it may be a worker; otherwise only divan can run it.
    pub serbench: bool,
    /// Whether it is only measured with `--full`.
    pub large: bool,
    /// Whether it is marked with `#[ignore]`.
    pub ignored: bool,
    pub reference: Option<BenchId>,
}

/// What the executables of one commit hold.
#[derive(Debug, Default)]
pub struct Catalog {
    /// By id.
    pub benchmarks: BTreeMap<BenchId, Listed>,
    /// Benchmarks that can't be addressed, and bench targets that aren't divan's, in words.
    pub problems: Vec<String>,
    /// Why bench targets of the workspace list nothing, by their suite as ids have it.
    pub silent: BTreeMap<String, String>,
}

/// Which benchmarks have their package in front of their id, as in `package/suite::function`.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// Suites that several packages have.
    shared: BTreeSet<String>,
    /// Packages and suites that go without all the same, because the other commit has them so.
    plain: BTreeSet<(String, String)>,
}

impl Naming {
    /// From the package and the suite of every bench of a workspace.
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

    /// Names the benchmarks that another workspace has, too, as they are named there.
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

    /// What stands in front of the ids of a package's suite.
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

/// Asks each executable for its benchmarks.
pub fn catalog(
    launcher: &Launcher,
    built: &[Built],
    naming: &Naming,
    config: &Config,
) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    for bench in built {
        if !bench.divan {
            catalog.problems.push(format!(
                "bench `{}` of {} does not call divan::main(), so it is left out",
                bench.target.name, bench.target.package
            ));
            continue;
        }
        let inventory =
            inventory(launcher, &bench.executable, bench.serbench).with_context(|| {
                format!(
                    "bench `{}` could not list its benchmarks",
                    bench.target.name
                )
            })?;
        catalog.problems.extend(inventory.problems);
        for entry in inventory.benchmarks {
            catalog.add(bench, naming, entry, false);
        }
        for path in inventory.ignored {
            let (threads, large) = (None, false);
            catalog.add(
                bench,
                naming,
                Entry {
                    path,
                    threads,
                    large,
                },
                true,
            );
        }
    }
    add_references(&mut catalog, config);
    Ok(catalog)
}

impl Catalog {
    /// Notes which of all benches of the workspace list nothing, and why.
    pub fn note_silent<'a>(
        &mut self,
        benches: impl Iterator<Item = (&'a str, String)>,
        built: &[Built],
        naming: &Naming,
    ) {
        let listed = self.benchmarks.keys();
        let listed: BTreeSet<String> = listed.map(|id| id.qualified_suite().to_owned()).collect();
        for (package, suite) in benches {
            let name = naming.prefix(package, &suite) + &suite;
            if listed.contains(&name) {
                continue;
            }
            let bench = built
                .iter()
                .find(|it| it.target.package == package && it.target.suite() == suite);
            let why = match bench {
                None => "is not selected".to_owned(),
                Some(bench) if !bench.divan => "does not call divan::main()".to_owned(),
                Some(_) => "lists no benchmarks".to_owned(),
            };
            let reason = format!(
                "bench `{suite}` of {package} is still there but {why}; remove its [[bench]] if its \
                 benchmarks are to go"
            );
            self.silent.insert(name, reason);
        }
    }

    /// Why a benchmark that is not listed is not just gone.
    pub fn silence(&self, id: &BenchId) -> Option<&str> {
        let reason = self.silent.get(id.qualified_suite())?;
        (!self.benchmarks.contains_key(id)).then_some(reason)
    }

    fn add(&mut self, bench: &Built, naming: &Naming, entry: Entry, ignored: bool) {
        let Entry {
            path,
            threads,
            large,
        } = entry;
        let listed = Listed {
            id: naming.id(bench, &path, threads),
            executable: bench.executable.clone(),
            path,
            threads,
            hash: bench.hash.clone(),
            serbench: bench.serbench,
            large,
            ignored,
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
