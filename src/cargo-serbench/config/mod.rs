//! The configuration in force: built-in defaults, the workspace's and the package's metadata, flags.
//!
//! Each of these layers is a table of the same keys, laid over the one before, key by key. The
//! package whose table counts is the one that is selected, as cargo selects packages; where several
//! are, it is the only one of them that has a table.

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

/// The configuration, and where each value of it comes from.
#[derive(Clone, Debug)]
pub struct InForce {
    pub config: Config,
    layer: Layer,
}

/// Reads what holds for the selected packages of `workspace`, under what was typed. Anything wrong in
/// it is an error.
pub fn load(workspace: &Workspace, flags: &Flags) -> Result<InForce> {
    let (in_force, problems) = load_what_is_right(workspace, flags)?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(in_force)
}

/// The same, with the defaults for what is wrong, and what that is.
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

/// What holds where no file says anything, under what was typed.
pub fn built_in(flags: &Flags) -> Result<InForce> {
    in_force(&[], flags, None).map(|(in_force, _)| in_force)
}

/// The manifest of the package whose table counts.
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

/// What holds where nothing is configured.
#[cfg(test)]
pub fn default_config() -> Config {
    let in_force = built_in(&Flags::default());
    in_force.expect("the defaults are right").config
}

/// The suites of all bench targets of the workspace.
fn suites(metadata: &Metadata) -> Vec<String> {
    metadata
        .workspace_packages()
        .into_iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.contains(&TargetKind::Bench))
        .map(|target| suite_name(&target.name))
        .collect()
}

/// Lays the layers over each other, and says what is wrong in them. `suites` are those that there
/// are, if that is known.
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
