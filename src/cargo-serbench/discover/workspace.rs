//! The cargo workspace: its packages and bench targets.

use std::{
    collections::BTreeSet,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};
use sha2::{Digest, Sha256};

/// Which workspace and which of its packages, as cargo's own flags say it.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Absent for the current folder's.
    pub manifest_path: Option<PathBuf>,
    pub packages: Vec<String>,
    pub exclude: Vec<String>,
    /// All members.
    pub workspace: bool,
}

impl Choice {
    fn command(&self) -> MetadataCommand {
        let mut command = MetadataCommand::new();
        if let Some(path) = &self.manifest_path {
            command.manifest_path(path);
        }
        command
    }

    /// The same choice in the copy at `root` of the workspace at `here`: what is chosen in a
    /// member's folder is that member in the copy, too, if it has it.
    pub fn at(&self, root: &Path, here: &Path) -> Self {
        let folder = self.folder(here).unwrap_or_default();
        let own = root.join(folder).join("Cargo.toml");
        let manifest = match own.is_file() {
            true => own,
            false => root.join("Cargo.toml"),
        };
        Self {
            manifest_path: Some(manifest),
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

    /// The chosen members: those named, else all where that is asked for, else the default ones.
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
    /// Names of the packages that the user selected.
    pub packages: Vec<String>,
    /// The bench targets of these.
    pub targets: Vec<BenchTarget>,
    pub metadata: Metadata,
}

/// A `[[bench]]` of one package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BenchTarget {
    pub package: String,
    pub name: String,
    /// Features without which cargo does not build it.
    pub required_features: Vec<String>,
}

impl BenchTarget {
    /// The first segment of the ids of its benchmarks.
    pub fn suite(&self) -> String {
        suite_name(&self.name)
    }
}

/// The suite of the bench target `name`: divan prints the crate's name.
pub fn suite_name(name: &str) -> String {
    name.replace('-', "_")
}

impl Workspace {
    /// The package and suite of every bench target, selected or not.
    pub fn suites(&self) -> impl Iterator<Item = (&str, String)> + Clone {
        self.metadata
            .workspace_packages()
            .into_iter()
            .flat_map(|package| package.targets.iter().map(move |target| (package, target)))
            .filter(|(_, target)| target.kind.contains(&TargetKind::Bench))
            .map(|(package, target)| (package.name.as_str(), suite_name(&target.name)))
    }

    /// Where this tool keeps what it can make again: builds, runs, the index. In a target folder
    /// that other workspaces may share, each has a folder of its own: they would take one
    /// another's builds for theirs.
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

    /// Packages that lie in folders, not in a registry or a git repository.
    pub fn local_packages(&self) -> impl Iterator<Item = &Package> {
        let packages = self.metadata.packages.iter();
        packages.filter(|package| package.source.is_none())
    }
}

/// Asks cargo about the chosen workspace and its dependencies.
pub fn workspace(choice: &Choice) -> Result<Workspace> {
    let metadata = metadata(&mut choice.command())?;
    let packages = choice.members(&metadata);
    Ok(of(metadata, packages))
}

/// The workspace around a manifest, or the current folder, without dependencies and targets: at once.
pub fn without_dependencies(manifest_path: Option<PathBuf>) -> Result<Workspace> {
    let choice = Choice {
        manifest_path,
        ..Choice::default()
    };
    Ok(of(metadata(choice.command().no_deps())?, Vec::new()))
}

/// The chosen packages and their targets, without dependencies: no network, no Cargo.lock.
pub fn members(choice: &Choice) -> Result<Workspace> {
    let metadata = metadata(choice.command().no_deps())?;
    let packages = choice.members(&metadata);
    Ok(of(metadata, packages))
}

fn metadata(command: &mut MetadataCommand) -> Result<Metadata> {
    command
        .exec()
        .context("ask cargo about this workspace (`cargo metadata`); is there a Cargo.toml?")
}

fn of(metadata: Metadata, packages: Vec<String>) -> Workspace {
    let mut targets: Vec<BenchTarget> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| packages.contains(&package.name.to_string()))
        .flat_map(|package| {
            package
                .targets
                .iter()
                .filter(|target| target.kind.contains(&TargetKind::Bench))
                .map(|target| BenchTarget {
                    package: package.name.to_string(),
                    name: target.name.clone(),
                    required_features: target.required_features.clone(),
                })
                .collect::<Vec<_>>()
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

/// The version of divan that one of `packages` depends on, if it is older than 0.1.14: arguments
/// and the options that this tool needs are not all there before.
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

/// What cargo knows the workspace's `package` by; the bare name may be another version's, too, that
/// something depends on.
pub fn package_id<'a>(workspace: &'a Workspace, package: &'a str) -> &'a str {
    workspace
        .metadata
        .workspace_packages()
        .into_iter()
        .find(|candidate| candidate.name.as_str() == package)
        .map_or(package, |found| found.id.repr.as_str())
}

/// The folder of the manifest that `package` has in the workspace, relative to its root.
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
