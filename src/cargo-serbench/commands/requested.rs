//! The bench targets and benchmarks that the user asked for, and the errors for names that don't exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::{Result, anyhow, bail};

use crate::{
    config::{Config, Mode, nearest},
    discover::{BenchTarget, Workspace, harness, outside, suite_name},
    exit::Usage,
    select::{self, BenchId, catalog::Catalog, shard},
    session::{Request, Session},
};

/// The requested bench targets, without those that surely don't run divan.
pub fn targets(workspace: &Workspace, config: &Config, request: &Request) -> Vec<BenchTarget> {
    let mut targets = named(workspace, config, request);
    let others = others(workspace, &targets);
    targets.retain(|target| !others.contains(target));
    targets
}

/// The requested bench targets that surely don't run divan.
pub fn of_other_harnesses(
    workspace: &Workspace,
    config: &Config,
    request: &Request,
) -> Vec<BenchTarget> {
    others(workspace, &named(workspace, config, request))
}

fn others(workspace: &Workspace, targets: &[BenchTarget]) -> Vec<BenchTarget> {
    let without = harness::without_divan(workspace);
    let is_other =
        |target: &&BenchTarget| without.contains(&(target.package.clone(), target.name.clone()));
    targets.iter().filter(is_other).cloned().collect()
}

fn named(workspace: &Workspace, config: &Config, request: &Request) -> Vec<BenchTarget> {
    let named = &request.benches;
    // `--bench` without `--suite` means only that bench, not the configured suites.
    let by_suite = named.is_empty() || !request.suites.is_empty();
    let wanted = |target: &&BenchTarget| {
        let all = config.suites.is_empty();
        let configured = by_suite && (all || config.suites.contains(&target.suite()));
        configured || named.contains(&target.name)
    };
    workspace.targets.iter().filter(wanted).cloned().collect()
}

/// Those of `others` that mean to run divan, but whose `main` cargo never calls.
pub fn without_main(workspace: &Workspace, others: &[BenchTarget]) -> Vec<BenchTarget> {
    let without = harness::without_main(workspace);
    let is_one = |it: &&BenchTarget| without.contains(&(it.package.clone(), it.name.clone()));
    others.iter().filter(is_one).cloned().collect()
}

/// What to do about benches whose `main` cargo never calls; absent if there are none.
pub fn add_harness(without_main: &[BenchTarget]) -> Option<String> {
    let first = without_main.first()?;
    let names = without_main.iter().map(|target| target.name.as_str());
    Some(format!(
        "no `harness = false` in Cargo.toml for {}, so cargo never calls divan::main(); add it for each:\n\
         [[bench]]\nname = \"{}\"\nharness = false",
        Vec::from_iter(names).join(", "),
        first.name
    ))
}

/// The error if the requested bench targets don't exist.
pub fn no_target(workspace: &Workspace, config: &Config, request: &Request) -> anyhow::Error {
    if workspace.targets.is_empty() {
        return no_bench_here(workspace);
    }
    let others = of_other_harnesses(workspace, config, request);
    if !others.is_empty() {
        if let Some(advice) = add_harness(&without_main(workspace, &others)) {
            return anyhow!(advice);
        }
        let names: Vec<&str> = others.iter().map(|target| target.name.as_str()).collect();
        return anyhow!(
            "no divan bench among {}; a divan bench has `harness = false` and a main that calls \
             divan::main(); `cargo serbench init` writes a starter",
            names.join(", ")
        );
    }
    let asked: Vec<&str> = config
        .suites
        .iter()
        .chain(&request.benches)
        .map(String::as_str)
        .filter(|name| !is_there(name, workspace))
        .collect();
    let usage = no_bench(&asked, workspace);
    if request.benches.is_empty() && request.suites.is_empty() {
        anyhow!("{usage}")
    } else {
        usage.into()
    }
}

/// The error if the selected packages have no bench: lists the packages that do.
fn no_bench_here(workspace: &Workspace) -> anyhow::Error {
    let mut elsewhere: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (package, suite) in workspace.suites() {
        elsewhere.entry(package).or_default().push(suite);
    }
    if elsewhere.is_empty() {
        let outside = outside::with_divan(workspace);
        if !outside.is_empty() {
            return anyhow!(
                "no [[bench]] in {}, but in {}, which the workspace does not contain; run \
                 `cargo serbench` there",
                workspace.root.display(),
                listed(&outside)
            );
        }
        return anyhow!(
            "no [[bench]] in {}; a divan bench has `harness = false` and a main that calls \
             divan::main(); `cargo serbench init` writes a starter",
            workspace.root.display()
        );
    }
    let flags: Vec<String> = elsewhere
        .iter()
        .map(|(package, suites)| format!("`-p {package}` ({})", suites.join(", ")))
        .collect();
    anyhow!(
        "no [[bench]] in {}; other packages of the workspace have some: {}; `--workspace` \
         selects all",
        workspace.packages.join(", "),
        flags.join(", ")
    )
}

/// The first few folders.
fn listed(folders: &[PathBuf]) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = folders
        .iter()
        .take(SHOWN)
        .map(|folder| folder.display().to_string())
        .collect();
    if folders.len() > SHOWN {
        names.push(format!("{} more", folders.len() - SHOWN));
    }
    names.join(", ")
}

/// Rejects names of benches and suites that the workspace does not have.
pub fn check_names(workspace: &Workspace, request: &Request) -> Result<(), Usage> {
    let targets = &workspace.targets;
    let mut benches = request.benches.iter();
    let bench = benches.find(|name| !targets.iter().any(|target| target.name == **name));
    let mut suites = request.suites.iter();
    let suite = suites.find(|name| *name != "all" && !is_there(name, workspace));
    match bench.or(suite) {
        None => Ok(()),
        Some(unknown) => Err(no_bench(&[unknown], workspace)),
    }
}

fn is_there(name: &str, workspace: &Workspace) -> bool {
    let suite = suite_name(name);
    let targets = &workspace.targets;
    targets.iter().any(|target| target.suite() == suite)
}

fn no_bench(asked: &[&str], workspace: &Workspace) -> Usage {
    let there: Vec<&str> = workspace
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let near = match asked {
        [one] => nearest(one, there.iter().copied()),
        _ => None,
    };
    let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    Usage::new(format!(
        "no bench named {}; {hint}available: {}",
        asked.join(", "),
        there.join(", ")
    ))
}

/// The requested ids from one or two catalogs.
pub fn choose(session: &Session, catalogs: &[&Catalog]) -> Result<BTreeSet<BenchId>> {
    let Session {
        config, request, ..
    } = session;
    let ids: BTreeSet<BenchId> = catalogs
        .iter()
        .flat_map(|catalog| catalog.benchmarks.keys().cloned())
        .collect();
    if ids.is_empty() {
        bail!("nothing to measure: the benches contain no benchmarks");
    }
    // Decided by the baseline if it has the benchmark, or a candidate could hide benchmarks
    // as large cases.
    let is_large = |id: &&BenchId| {
        let mut listed = catalogs.iter().filter_map(|it| it.benchmarks.get(*id));
        listed.next().is_some_and(|listed| listed.large)
    };
    let large = ids.iter().filter(is_large).cloned().collect();
    let reference = |suite: &str| config.reference(suite);
    let mut chosen = select::choose(&ids, &large, &request.selection, reference)?;
    let on: BTreeSet<BenchId> = chosen
        .iter()
        .filter(|id| config.mode(id) != Mode::Off)
        .cloned()
        .collect();
    // A reference is included if something is divided by it.
    let needed: BTreeSet<BenchId> = on
        .iter()
        .filter_map(|id| id.reference(config.reference(id.suite())?))
        .collect();
    chosen.retain(|id| on.contains(id) || needed.contains(id));
    if let Some(shard) = request.selection.shard {
        let reference = |id: &str| {
            let known = catalogs
                .iter()
                .find_map(|catalog| catalog.benchmarks.get(id))?;
            known.reference.as_deref()
        };
        chosen = shard::keep(&chosen, shard, reference);
        if chosen.is_empty() {
            bail!(
                "nothing to measure: shard {shard} of these benchmarks is empty; use fewer shards"
            );
        }
    }
    if chosen.is_empty() {
        bail!(
            "nothing to measure: all of these benchmarks have mode `off`; `--mode track` measures \
             them, and `cargo serbench config` shows where it is set"
        );
    }
    Ok(chosen)
}
