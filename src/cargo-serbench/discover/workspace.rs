//! The cargo workspace: its packages and bench targets.

use std::{
    collections::BTreeSet,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use cargo_metadata::{Metadata, MetadataCommand, Package, Target};
use sha2::{Digest, Sha256};

/// Which workspace and packages to use, as in cargo's own flags.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// `None` for the workspace of the current folder.
    pub manifest_path: Option<PathBuf>,
    pub packages: Vec<String>,
    pub exclude: Vec<String>,
    /// Whether to select all members.
    pub workspace: bool,
    /// Where cargo keeps what it knows about rustc, instead of in the workspace's target folder.
    pub remembered: Option<PathBuf>,
}

impl Choice {
    fn command(&self) -> MetadataCommand {
        let mut command = MetadataCommand::new();
        if let Some(path) = &self.manifest_path {
            command.manifest_path(path);
        }
        if let Some(folder) = &self.remembered {
            command.env("CARGO_BUILD_BUILD_DIR", folder);
        }
        command
    }

    /// The same choice in a copy at `root` of the workspace `here`: choosing from a
    /// member's folder selects that member in the copy, too, if it exists.
    pub fn at(&self, root: &Path, here: &Workspace) -> Self {
        let folder = self.folder(&here.root).unwrap_or_default();
        let own = root.join(folder).join("Cargo.toml");
        let manifest = match own.is_file() {
            true => own,
            false => root.join("Cargo.toml"),
        };
        Self {
            manifest_path: Some(manifest),
            // Copies have no target folder, so cargo would start rustc four times for each.
            remembered: Some(here.target_directory.clone()),
            ..self.clone()
        }
    }

    /// The folder of the manifest that cargo starts from, relative to the workspace at `here`.
    fn folder(&self, here: &Path) -> Option<PathBuf> {
        let start = match &self.manifest_path {
            Some(path) => path.canonicalize().ok()?.parent()?.to_path_buf(),
            None => std::env::current_dir().ok()?.canonicalize().ok()?,
        };
        let mut folders = start.ancestors();
        let folder = folders.find(|folder| folder.join("Cargo.toml").is_file())?;
        let below = folder.strip_prefix(here.canonicalize().ok()?);
        Some(below.ok()?.to_path_buf())
    }

    /// The selected members: named ones, or all if requested, or the default members.
    fn members(&self, metadata: &Metadata) -> Vec<String> {
        let all = self.workspace || (self.packages.is_empty() && !self.exclude.is_empty());
        let members = metadata.workspace_packages().into_iter();
        let members = members.filter(|package| {
            let name = package.name.to_string();
            let chosen = match self.packages.as_slice() {
                _ if all => true,
                [] => metadata.workspace_default_members.contains(&package.id),
                named => named.contains(&name),
            };
            chosen && !self.exclude.contains(&name)
        });
        members.map(|package| package.name.to_string()).collect()
    }
}

/// A cargo workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub root: PathBuf,
    pub target_directory: PathBuf,
    /// Names of the selected packages.
    pub packages: Vec<String>,
    /// The bench targets of the selected packages.
    pub targets: Vec<BenchTarget>,
    pub metadata: Metadata,
}

/// A `[[bench]]` of one package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BenchTarget {
    pub package: String,
    pub name: String,
    /// Its required features.
    pub required_features: Vec<String>,
}

impl BenchTarget {
    /// The first segment of its benchmarks' ids.
    pub fn suite(&self) -> String {
        suite_name(&self.name)
    }
}

/// The suite of bench target `name`: divan prints the crate's name.
pub fn suite_name(name: &str) -> String {
    name.replace('-', "_")
}

impl Workspace {
    /// Every bench target with its package, selected or not.
    pub fn benches(&self) -> impl Iterator<Item = (&Package, &Target)> + Clone {
        benches(&self.metadata)
    }

    /// Package and suite of every bench target, selected or not.
    pub fn suites(&self) -> impl Iterator<Item = (&str, String)> + Clone {
        self.benches()
            .map(|(package, bench)| (package.name.as_str(), suite_name(&bench.name)))
    }

    /// The folder for files that can be made again: builds, runs, the index. If the target folder
    /// is shared with other workspaces, each has a folder of its own; otherwise they would use each
    /// other's builds.
    pub fn scratch(&self) -> PathBuf {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let folder = self.target_directory.join("serbench");
        let root = real(&self.root);
        if real(&self.target_directory) == root.join("target") {
            return folder;
        }
        let hash = Sha256::digest(root.as_os_str().as_bytes());
        let name = root.file_name().unwrap_or_default().to_string_lossy();
        let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        folder.join(format!("{name}-{number:08x}"))
    }

    /// Packages in local folders, not from a registry or git repository.
    pub fn local_packages(&self) -> impl Iterator<Item = &Package> {
        let packages = self.metadata.packages.iter();
        packages.filter(|package| package.source.is_none())
    }
}

/// Runs `cargo metadata` for the chosen workspace and its dependencies.
pub fn workspace(choice: &Choice) -> Result<Workspace> {
    let metadata = metadata(&mut choice.command())?;
    let packages = choice.members(&metadata);
    Ok(of(metadata, packages))
}

/// Quickly finds the workspace around a manifest or the current folder, without dependencies and targets.
pub fn without_dependencies(manifest_path: Option<PathBuf>) -> Result<Workspace> {
    let choice = Choice {
        manifest_path,
        ..Choice::default()
    };
    Ok(of(metadata(choice.command().no_deps())?, Vec::new()))
}

/// The selected packages and their targets, without dependencies: needs no network or Cargo.lock.
pub fn members(choice: &Choice) -> Result<Workspace> {
    let metadata = metadata(choice.command().no_deps())?;
    let packages = choice.members(&metadata);
    Ok(of(metadata, packages))
}

fn metadata(command: &mut MetadataCommand) -> Result<Metadata> {
    command.exec().map_err(|error| {
        let advice = advice(&error.to_string());
        let what = format!("failed to ask cargo about this workspace (`cargo metadata`){advice}");
        anyhow::Error::from(error).context(what)
    })
}

/// What to do about an error of cargo that does not say it.
fn advice(error: &str) -> &'static str {
    match error.contains("could not find `Cargo.toml`") {
        true => "; is there a Cargo.toml?",
        false => "",
    }
}

fn benches(metadata: &Metadata) -> impl Iterator<Item = (&Package, &Target)> + Clone {
    let packages = metadata.workspace_packages().into_iter();
    packages.flat_map(|package| {
        let benches = package.targets.iter().filter(|target| target.is_bench());
        benches.map(move |bench| (package, bench))
    })
}

fn of(metadata: Metadata, packages: Vec<String>) -> Workspace {
    let mut targets: Vec<BenchTarget> = benches(&metadata)
        .filter(|(package, _)| packages.contains(&package.name.to_string()))
        .map(|(package, bench)| BenchTarget {
            package: package.name.to_string(),
            name: bench.name.clone(),
            required_features: bench.required_features.clone(),
        })
        .collect();
    targets.sort();
    Workspace {
        root: metadata.workspace_root.clone().into_std_path_buf(),
        target_directory: metadata.target_directory.clone().into_std_path_buf(),
        packages,
        targets,
        metadata,
    }
}

/// The version of divan that one of `packages` depends on, if it is older than 0.1.14, which lacks
/// arguments and options that this tool needs.
pub fn old_divan(metadata: &Metadata, packages: &BTreeSet<&str>) -> Option<String> {
    let resolved = metadata.resolve.as_ref()?.nodes.iter();
    resolved
        .filter(|node| packages.contains(metadata[&node.id].name.as_str()))
        .flat_map(|node| &node.dependencies)
        .map(|id| &metadata[id])
        .filter(|package| package.name.as_str() == "divan")
        .map(|package| &package.version)
        .find(|version| (version.major, version.minor, version.patch) < (0, 1, 14))
        .map(ToString::to_string)
}

/// Cargo's id of the workspace's `package`: the name alone may also match another version among the
/// dependencies.
pub fn package_id<'a>(workspace: &'a Workspace, package: &'a str) -> &'a str {
    workspace
        .metadata
        .workspace_packages()
        .into_iter()
        .find(|candidate| candidate.name.as_str() == package)
        .map_or(package, |found| found.id.repr.as_str())
}

/// The folder of `package`'s manifest, relative to the workspace's root.
pub fn package_folder(workspace: &Workspace, package: &str) -> PathBuf {
    workspace
        .metadata
        .workspace_packages()
        .into_iter()
        .find(|candidate| candidate.name.as_str() == package)
        .and_then(|found| found.manifest_path.parent())
        .and_then(|folder| folder.as_std_path().strip_prefix(&workspace.root).ok())
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn only_a_missing_manifest_is_looked_for() {
        let missing = "error: could not find `Cargo.toml` in `/tmp` or any parent directory";
        assert_eq!(advice(missing), "; is there a Cargo.toml?");
        assert_eq!(advice("error: failed to get `iai` as a dependency"), "");
    }
}
