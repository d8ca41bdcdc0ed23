//! What is in force: compiled-in defaults, the workspace's and the package's metadata, flags.
//!
//! Each of these layers is a table of the same keys, laid over the one before, key by key. The
//! package whose table counts is the one that is selected, as cargo selects packages; where several
//! are, it is the only one of them that has a table.

pub mod key;
pub mod units;

mod check;
mod flags;
mod glob;
mod idle;
mod layer;
mod show;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, TargetKind};
use serde::Deserialize;

pub use self::flags::{Flag, Flags};
use self::{
    glob::Globs,
    layer::{EVERY_SUITE, Layer, Source},
};
pub use crate::config::key::Mode;
use crate::discover::Workspace;

const DEFAULTS: Source<'static> = Source {
    file: None,
    text: include_str!("default.toml"),
    of: "package",
};

/// Everything that can be configured. See `default.toml` for the meaning of each key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The encoder that others are divided by, for each suite and for `*`; see [`Config::reference`].
    reference: BTreeMap<String, String>,
    /// Suites that are measured when none is named; empty for all.
    pub suites: Vec<String>,
    /// The bench whose allocator counts for the benchmarks of others.
    pub memory_suite: String,
    /// Features that the benches are built with.
    pub features: Vec<String>,
    /// Whether the package's default features are on, too.
    pub default_features: bool,
    /// The cargo profile that the benches are built with.
    pub profile: String,
    threshold: f64,
    indifference: f64,
    memory_threshold: f64,
    max_latency_ratio: Option<f64>,
    max_memory_ratio: Option<f64>,
    /// Seconds of measuring; absent for what is usual for the command.
    pub budget: Option<f64>,
    /// The branch that a baseline is looked for on.
    pub default_branch: Option<String>,
    /// Whether `inconclusive` fails.
    pub strict: bool,
    /// Whether a missing baseline fails.
    pub require_baseline: bool,
    mode: Mode,
    #[serde(rename = "override")]
    overrides: Vec<Override>,
}

/// Other rules for some benchmarks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Override {
    benchmarks: Globs,
    threshold: Option<f64>,
    indifference: Option<f64>,
    memory_threshold: Option<f64>,
    max_latency_ratio: Option<f64>,
    max_memory_ratio: Option<f64>,
    mode: Option<Mode>,
    /// For people, who see it in `cargo serbench config`.
    reason: Option<String>,
}

/// What a benchmark is allowed; fractions, 0.03 is 3 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Change of latency that is tolerated.
    pub threshold: f64,
    /// Change that is not worth telling.
    pub indifference: f64,
    /// Change of memory that is tolerated.
    pub memory_threshold: f64,
    /// Most that the candidate's latency may be of its reference's; 1.5 is half as much again.
    pub max_latency_ratio: Option<f64>,
    /// Most that the candidate's peak heap may be of its reference's.
    pub max_memory_ratio: Option<f64>,
}

#[cfg(test)]
impl Default for Tolerance {
    fn default() -> Self {
        Self {
            threshold: 0.03,
            indifference: 0.01,
            memory_threshold: 0.03,
            max_latency_ratio: None,
            max_memory_ratio: None,
        }
    }
}

impl Config {
    /// The encoder that the others of `suite` are divided by.
    pub fn reference(&self, suite: &str) -> Option<&str> {
        let found = self.reference.get(suite);
        found
            .or_else(|| self.reference.get(EVERY_SUITE))
            .map(String::as_str)
    }

    /// What the benchmark `id` is allowed.
    pub fn tolerance(&self, id: &str) -> Tolerance {
        let threshold = self.last(id, |it| it.threshold).unwrap_or(self.threshold);
        let indifference = self.last(id, |it| it.indifference);
        Tolerance {
            threshold,
            // Two overrides of one benchmark may each be right and contradict each other.
            indifference: indifference.unwrap_or(self.indifference).min(threshold),
            memory_threshold: self
                .last(id, |it| it.memory_threshold)
                .unwrap_or(self.memory_threshold),
            max_latency_ratio: self
                .last(id, |it| it.max_latency_ratio)
                .or(self.max_latency_ratio),
            max_memory_ratio: self
                .last(id, |it| it.max_memory_ratio)
                .or(self.max_memory_ratio),
        }
    }

    /// What the benchmark `id` does to the exit code.
    pub fn mode(&self, id: &str) -> Mode {
        self.last(id, |it| it.mode).unwrap_or(self.mode)
    }

    /// The last word of the overrides of `id` on one key.
    fn last<T>(&self, id: &str, key: impl Fn(&Override) -> Option<T>) -> Option<T> {
        let matching = |it: &&Override| it.benchmarks.is_match(id);
        self.overrides.iter().rev().filter(matching).find_map(key)
    }
}

/// The configuration, and where each value of it comes from.
#[derive(Clone, Debug)]
pub struct InForce {
    pub config: Config,
    layer: Layer,
}

impl InForce {
    /// As TOML, with the origin of each value.
    pub fn to_toml(&self) -> String {
        show::toml(self)
    }

    /// The same for programs.
    pub fn to_json(&self) -> serde_json::Value {
        show::json(self)
    }
}

/// Reads what holds for the selected packages of `workspace`, under what was typed.
pub fn load(workspace: &Workspace, flags: &Flags) -> Result<InForce> {
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
        .map(|(of, file, text)| Source {
            file: Some(file),
            text,
            of,
        })
        .collect();
    in_force(&sources, flags, Some(&suites(&workspace.metadata)))
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
    let in_force = in_force(&[], &Flags::default(), None);
    in_force.expect("the defaults are right").config
}

/// The suites of all bench targets of the workspace.
fn suites(metadata: &Metadata) -> Vec<String> {
    metadata
        .workspace_packages()
        .into_iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.contains(&TargetKind::Bench))
        .map(|target| target.name.replace('-', "_"))
        .collect()
}

/// Lays the layers over each other. `suites` are those that there are, if that is known.
fn in_force(sources: &[Source<'_>], flags: &Flags, suites: Option<&[String]>) -> Result<InForce> {
    let mut problems = Vec::new();
    let mut layer = layer::read(DEFAULTS, &mut problems)?;
    for source in sources {
        layer.merge(layer::read(*source, &mut problems)?);
    }
    layer.merge_flags(flags::layer(flags));
    check::name_suites(&mut layer);
    if let Some(suites) = suites {
        check::suites(&layer, suites, &mut problems);
    }
    check::indifference(&mut layer, &mut problems);
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let config = Config::deserialize(layer.to_value())
        .context("the keys in default.toml and in the program differ")?;
    Ok(InForce { config, layer })
}
