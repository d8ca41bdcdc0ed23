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
use serde::Deserialize;

use self::read::{Layer, Source};
pub use self::{
    keys::{Config, Layout, Mode},
    policy::Tolerance,
    read::{Flags, nearest},
};
use crate::discover::Workspace;

/// The configuration, and the origin of each value.
#[derive(Clone, Debug)]
pub struct Effective {
    pub config: Config,
    layer: Layer,
}

/// Loads the configuration of the selected packages of `workspace`, overridden by flags. Any mistake
/// is an error.
pub fn load(workspace: &Workspace, flags: &Flags) -> Result<Effective> {
    let (effective, problems) = load_lenient(workspace, flags)?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(effective)
}

/// The same, but replaces wrong values with defaults, and returns the errors.
pub fn load_lenient(workspace: &Workspace, flags: &Flags) -> Result<(Effective, Vec<String>)> {
    let root = &workspace.root;
    let mut sources = vec![source("workspace", &root.join("Cargo.toml"), root)?];
    if let Some(manifest) = package_manifest(workspace)? {
        sources.push(source("package", &manifest, root)?);
    }
    let suites: Vec<String> = workspace.suites().map(|(_, suite)| suite).collect();
    effective(&sources, flags, Some(&suites))
}

fn source(of: &'static str, manifest: &Path, root: &Path) -> Result<Source> {
    let text = fs::read_to_string(manifest);
    let shown = manifest.strip_prefix(root).unwrap_or(manifest);
    Ok(Source {
        file: shown.display().to_string(),
        text: text.with_context(|| format!("failed to read {}", manifest.display()))?,
        of,
    })
}

/// The configuration without any files, overridden by flags.
pub fn built_in(flags: &Flags) -> Result<Effective> {
    effective(&[], flags, None).map(|(effective, _)| effective)
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

/// The configuration if nothing is configured.
#[cfg(test)]
pub fn default_config() -> Config {
    let effective = built_in(&Flags::default());
    effective.expect("the defaults are right").config
}

/// Merges the layers and returns the errors in them. `suites` are the existing ones, if known.
fn effective(
    sources: &[Source],
    flags: &Flags,
    suites: Option<&[String]>,
) -> Result<(Effective, Vec<String>)> {
    let mut layer = Layer::of_defaults()?;
    let mut problems = Vec::new();
    for source in sources {
        let (upper, wrong) = read::read(source)?;
        layer.merge(upper);
        problems.extend(wrong);
    }
    layer.merge_flags(flags);
    let mut config = Config::deserialize(layer.to_value())
        .context("failed to read the configuration that all files and flags make")?;
    if let Some(suites) = suites {
        problems.extend(check::suites(&layer, suites));
        config.known_suites = suites.to_vec();
    }
    if config.indifference > config.threshold && !layer.keys["indifference"].is_set() {
        config.indifference = config.threshold;
    }
    problems.extend(check::indifference(&layer, &config));
    Ok((Effective { config, layer }, problems))
}
