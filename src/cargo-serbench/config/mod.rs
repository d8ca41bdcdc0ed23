//! The effective configuration: built-in defaults, the workspace's and the package's metadata, flags.
//!
//! Each layer is a table with the same keys and overrides the one before, key by key. The package
//! metadata is that of the selected package, as cargo selects packages; if several are selected,
//! only one of them may have a table.

mod check;
mod hold;
pub mod keys;
pub mod policy;
mod read;
mod show;
#[cfg(test)]
mod tests;
mod unused;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, TargetKind};
use serde::Deserialize;

use self::read::{Layer, Source};
pub use self::{
    keys::{Config, Layout, Mode},
    policy::Tolerance,
    read::{Flag, Flags, nearest, reference_of},
};
use crate::discover::{Workspace, suite_name};

/// The configuration, and the origin of each value.
#[derive(Clone, Debug)]
pub struct InForce {
    pub config: Config,
    layer: Layer,
}

/// Loads the configuration of the selected packages of `workspace`, overridden by flags. Any mistake
/// is an error.
pub fn load(workspace: &Workspace, flags: &Flags) -> Result<InForce> {
    let (in_force, problems) = load_what_is_right(workspace, flags)?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(in_force)
}

/// The same, but replaces wrong values by defaults, and returns the errors.
pub fn load_what_is_right(workspace: &Workspace, flags: &Flags) -> Result<(InForce, Vec<String>)> {
    let root = &workspace.root;
    let mut texts = vec![("workspace", root.join("Cargo.toml"))];
    texts.extend(package_manifest(workspace)?.map(|path| ("package", path)));
    let mut read = Vec::new();
    for (of, path) in texts {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        read.push((of, relative(&path, root), text));
    }
    let sources: Vec<Source<'_>> = read
        .iter()
        .map(|(of, file, text)| Source { file, text, of })
        .collect();
    in_force(&sources, flags, Some(&suites(&workspace.metadata)))
}

/// The configuration without any files, overridden by flags.
pub fn built_in(flags: &Flags) -> Result<InForce> {
    in_force(&[], flags, None).map(|(in_force, _)| in_force)
}

/// The manifest with the package table to use.
fn package_manifest(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let mut with_table = workspace
        .metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| workspace.packages.contains(&package.name.to_string()))
        .filter(|package| package.metadata.get("serbench").is_some());
    let Some(package) = with_table.next() else {
        return Ok(None);
    };
    if let Some(other) = with_table.next() {
        bail!(
            "the packages {} and {} are both selected and have a [package.metadata.serbench] each; \
             choose one with --package, or move what both share to [workspace.metadata.serbench]",
            package.name,
            other.name
        );
    }
    Ok(Some(package.manifest_path.clone().into_std_path_buf()))
}

fn relative(path: &Path, root: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.display().to_string().replace('\\', "/")
}

/// The configuration if nothing is configured.
#[cfg(test)]
pub fn default_config() -> Config {
    let in_force = built_in(&Flags::default());
    in_force.expect("the defaults are right").config
}

/// The suites of all bench targets in the workspace.
fn suites(metadata: &Metadata) -> Vec<String> {
    metadata
        .workspace_packages()
        .into_iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.contains(&TargetKind::Bench))
        .map(|target| suite_name(&target.name))
        .collect()
}

/// Merges the layers and returns the errors in them. `suites` are the existing ones, if
/// known.
fn in_force(
    sources: &[Source<'_>],
    flags: &Flags,
    suites: Option<&[String]>,
) -> Result<(InForce, Vec<String>)> {
    let mut layer = Layer::of_defaults()?;
    let mut problems = Vec::new();
    for source in sources {
        let (upper, wrong) = read::read(*source)?;
        layer.merge(upper);
        problems.extend(wrong);
    }
    layer.merge_flags(flags);
    let mut config = Config::deserialize(layer.to_value())
        .context("read the configuration that all files and flags make")?;
    if let Some(suites) = suites {
        problems.extend(check::suites(&layer, suites));
        config.there = suites.to_vec();
    }
    if config.indifference > config.threshold && !layer.keys["indifference"].is_set() {
        config.indifference = config.threshold;
    }
    problems.extend(check::indifference(&layer, &config));
    Ok((InForce { config, layer }, problems))
}
