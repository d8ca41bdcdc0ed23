//! Checks the source files of a build, in case cargo considers it fresh although a file has changed.
//!
//! Cargo compares modification times: replacing a file by one with an older time goes unnoticed.
//! So every file that a compilation read is hashed, and the hashes are stored next to the build.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use cargo_metadata::{Artifact, BuildScript, Metadata, Package, PackageId, TargetKind};
use serde::{Deserialize, Serialize};

use super::fingerprint::file_hash;
use crate::{atomic, discover::Workspace};

/// Files by path, with short hashes; `None` for a missing file.
pub type Inputs = BTreeMap<PathBuf, Option<String>>;

/// What is known about the builds in a target folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The inputs of each compilation of the workspace's own packages, by output file.
    compiled: BTreeMap<PathBuf, Inputs>,
    /// The files that their build scripts asked cargo to watch, by output folder.
    #[serde(default)]
    scripts: BTreeMap<PathBuf, Inputs>,
    /// The hashes in the names of units from registries and git repositories.
    pub foreign: BTreeSet<String>,
    /// The duration of the last build that compiled something, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// What one invocation of cargo reported.
#[derive(Debug, Default)]
pub struct Report {
    pub artifacts: Vec<Artifact>,
    pub scripts: Vec<BuildScript>,
}

const FILE: &str = "serbench-inputs.json";

impl Ledger {
    /// The ledger of a target folder; empty if it is missing or unreadable.
    pub fn load(target_directory: &Path) -> Self {
        let bytes = fs::read(target_directory.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub fn store(&self, target_directory: &Path) -> Result<()> {
        let path = target_directory.join(FILE);
        let write = || -> Result<()> { Ok(atomic::write(&path, &serde_json::to_vec(self)?)?) };
        write().with_context(|| format!("failed to write {}", path.display()))
    }

    /// Adds what was compiled. Returns the packages that cargo considers fresh although their inputs
    /// have changed.
    pub fn enter(&mut self, workspace: &Workspace, report: &Report) -> Vec<PackageId> {
        let mut stale = Vec::new();
        for artifact in &report.artifacts {
            let Some(package) = own(&workspace.metadata, &artifact.package_id) else {
                self.foreign.extend(unit_hashes(artifact));
                continue;
            };
            let Some(file) = artifact.filenames.first() else {
                continue;
            };
            let file = file.as_std_path();
            let now = inputs(workspace, package, file);
            if artifact.fresh && self.compiled.get(file) != Some(&now) {
                stale.push(artifact.package_id.clone());
            }
            self.compiled.insert(file.to_path_buf(), now);
        }
        for script in &report.scripts {
            let Some(package) = own(&workspace.metadata, &script.package_id) else {
                self.foreign.extend(script_hash(script));
                continue;
            };
            let now = script_inputs(package, script);
            let known = self
                .scripts
                .insert(script.out_dir.clone().into(), now.clone());
            if known.as_ref() != Some(&now) && is_used_again(script, report) {
                stale.push(script.package_id.clone());
            }
        }
        stale.sort();
        stale.dedup();
        stale
    }

    /// Files outside the tree at `top` that the tree's own packages were built from. Excludes build
    /// outputs in `built`, and git's own files: many build scripts ask git for the commit.
    pub fn outside(
        &self,
        workspace: &Workspace,
        report: &Report,
        (top, built): (&Path, &Path),
    ) -> BTreeSet<PathBuf> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let (top, built) = (real(top), real(built));
        let is_here = |id: &PackageId| {
            let package = own(&workspace.metadata, id);
            package.is_some_and(|it| real(it.manifest_path.as_std_path()).starts_with(&top))
        };
        let artifacts = report.artifacts.iter().filter(|it| is_here(&it.package_id));
        let compiled =
            artifacts.filter_map(|it| self.compiled.get(it.filenames.first()?.as_std_path()));
        let scripts = report.scripts.iter().filter(|it| is_here(&it.package_id));
        let scripts = scripts.filter_map(|it| self.scripts.get(it.out_dir.as_std_path()));
        let paths = compiled
            .chain(scripts)
            .flatten()
            .map(|(path, _)| real(path));
        paths
            .filter(|path| !path.starts_with(&top) && !path.starts_with(&built))
            .filter(|path| !path.iter().any(|part| part == ".git"))
            .collect()
    }

    /// The inputs of the compilation that wrote `file`, for the workspace's own packages.
    pub fn compiled(&self, file: &Path) -> Option<&Inputs> {
        self.compiled.get(file)
    }

    /// The source files of a bench: its own and those of all libraries in the workspace, relative
    /// to `root`. Excludes generated files.
    pub fn sources(&self, workspace: &Workspace, report: &Report, bench: &Artifact) -> Inputs {
        let of_bench = |artifact: &&Artifact| {
            let target = &artifact.target;
            let linked = [
                TargetKind::Bench,
                TargetKind::Bin,
                TargetKind::Test,
                TargetKind::Example,
            ];
            target == &bench.target || !target.kind.iter().any(|kind| linked.contains(kind))
        };
        let files = report.artifacts.iter().filter(of_bench);
        let compiled = files
            .filter_map(|artifact| self.compiled.get(artifact.filenames.first()?.as_std_path()))
            .flatten()
            .map(|(path, hash)| (path.clone(), hash.clone()));
        let scripts = report.scripts.iter().filter_map(|script| {
            let package = own(&workspace.metadata, &script.package_id)?;
            Some(script_inputs(package, script))
        });
        compiled
            .chain(scripts.flatten())
            .filter_map(|(path, hash)| {
                Some((path.strip_prefix(&workspace.root).ok()?.to_path_buf(), hash))
            })
            .collect()
    }
}

/// The package, unless it comes from a registry or git repository, which never change.
pub fn own<'a>(metadata: &'a Metadata, id: &PackageId) -> Option<&'a Package> {
    let package = metadata.packages.iter().find(|package| package.id == *id)?;
    package.source.is_none().then_some(package)
}

/// Whether cargo reused anything from a build script's package that was compiled before.
fn is_used_again(script: &BuildScript, report: &Report) -> bool {
    let of_package = report.artifacts.iter().filter(|artifact| {
        let is_script = artifact.target.kind.contains(&TargetKind::CustomBuild);
        artifact.package_id == script.package_id && !is_script
    });
    of_package.into_iter().any(|artifact| artifact.fresh)
}

/// The inputs of a compilation, from rustc's dependency file; all files of the package if it is missing.
fn inputs(workspace: &Workspace, package: &Package, output: &Path) -> Inputs {
    let folder = package.manifest_path.parent().map(|it| it.as_std_path());
    let folder = folder.unwrap_or(&workspace.root);
    let list = dependency_file(output).and_then(|path| fs::read_to_string(path).ok());
    let paths = match list {
        Some(list) => dependencies(&list)
            .into_iter()
            // Cargo runs rustc in the workspace for the workspace's packages, otherwise in the package.
            .map(|path| {
                let path = Path::new(&path);
                [&workspace.root, folder]
                    .map(|folder| folder.join(path))
                    .into_iter()
                    .find(|path| path.exists())
                    .unwrap_or_else(|| workspace.root.join(path))
            })
            .collect(),
        None => files_of(folder),
    };
    hashed(paths)
}

/// The files with their hashes.
pub fn hashed(paths: Vec<PathBuf>) -> Inputs {
    let hash = |path: PathBuf| {
        let hash = file_hash(&path);
        (path, hash)
    };
    paths.into_iter().map(hash).collect()
}

/// The dependency file that rustc wrote for `output`; for build scripts, the only one in its folder.
pub fn dependency_file(output: &Path) -> Option<PathBuf> {
    let folder = output.parent()?;
    let name = output.file_stem()?.to_str()?;
    let names = [name, name.strip_prefix("lib").unwrap_or(name)];
    let named = names.map(|name| folder.join(format!("{name}.d")));
    named.into_iter().find(|path| path.exists()).or_else(|| {
        let entries = fs::read_dir(folder).ok()?.flatten();
        let mut lists = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "d"));
        lists.next().filter(|_| lists.next().is_none())
    })
}

/// The files after `target:` in make's syntax, where spaces in names are escaped.
fn dependencies(list: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, names)) = line.split_once(": ") else {
            continue;
        };
        let names = names.replace("\\ ", "\0");
        let names = names.split_whitespace().map(|name| name.replace('\0', " "));
        files.extend(names);
    }
    files
}

/// The files that a build script asked cargo to watch.
fn script_inputs(package: &Package, script: &BuildScript) -> Inputs {
    hashed(script_files(watched(package, script)))
}

/// The values that a build script printed for `key`.
pub fn script_output(script: &BuildScript, key: &str) -> Vec<String> {
    let output = script.out_dir.with_file_name("output");
    let text = fs::read_to_string(output).unwrap_or_default();
    let said = text.lines().filter_map(|line| {
        let directive = line.strip_prefix("cargo:")?;
        let directive = directive.strip_prefix(':').unwrap_or(directive);
        let value = directive.strip_prefix(key)?.strip_prefix('=')?;
        Some(value.to_owned())
    });
    said.collect()
}

/// The files and folders that a build script asked cargo to watch.
pub fn watched(package: &Package, script: &BuildScript) -> Vec<PathBuf> {
    let Some(folder) = package.manifest_path.parent() else {
        return Vec::new();
    };
    let folder = folder.as_std_path();
    let asked = script_output(script, "rerun-if-changed");
    let asked: Vec<PathBuf> = asked.iter().map(|path| folder.join(path)).collect();
    let variables = script_output(script, "rerun-if-env-changed");
    // By default cargo watches the whole package.
    let mut watched = match asked.is_empty() && variables.is_empty() {
        true => vec![folder.to_path_buf()],
        false => asked,
    };
    watched.extend(linked(script));
    watched
}

/// The native libraries that a build script links from elsewhere, which cargo does not watch.
fn linked(script: &BuildScript) -> Vec<PathBuf> {
    let after = |text: &str| {
        text.rsplit_once('=')
            .map_or(text, |(_, rest)| rest)
            .to_owned()
    };
    let names = script.linked_libs.iter().map(|it| after(it.as_str()));
    let files: Vec<String> = names
        .flat_map(|name| ["a", "so", "dylib"].map(|end| format!("lib{name}.{end}")))
        .collect();
    let folders = script
        .linked_paths
        .iter()
        .map(|it| PathBuf::from(after(it.as_str())));
    let folders = folders.filter(|folder| !folder.starts_with(&script.out_dir));
    folders
        .flat_map(|folder| {
            files
                .iter()
                .map(move |file| folder.join(file))
                .collect::<Vec<_>>()
        })
        .filter(|path| path.is_file())
        .collect()
}

/// Files, and for folders, all files in them.
pub fn script_files(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let files = paths.into_iter().flat_map(|path| match path.is_dir() {
        true => files_of(&path),
        false => vec![path],
    });
    files.collect()
}

/// All files in a folder, except hidden files and target folders.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // Cargo tags target folders, whatever their name.
    if folder.join("CACHEDIR.TAG").is_file() {
        return files;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_of(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
    files
}

/// The hashes in cargo's names of a unit: `libanyhow-0123456789abcdef.rlib`, and for build scripts
/// the folder `anyhow-0123456789abcdef`.
fn unit_hashes(artifact: &Artifact) -> BTreeSet<String> {
    let names = artifact.filenames.iter().flat_map(|file| {
        let folder = file.parent().and_then(|folder| folder.file_name());
        [file.file_stem(), folder]
    });
    names
        .flatten()
        .filter_map(|name| unit_hash(name).map(str::to_owned))
        .collect()
}

fn script_hash(script: &BuildScript) -> Option<String> {
    let folder = script.out_dir.parent()?.file_name()?;
    unit_hash(folder).map(str::to_owned)
}

/// The hash at the end of a name, before the extension.
pub fn unit_hash(name: &str) -> Option<&str> {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let (_, hash) = stem.rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::{dependencies, unit_hash};

    #[test]
    fn rustc_lists_what_it_read() {
        let list = "/t/a.d: src/lib.rs /t/with\\ blank.txt\n\n/t/a.rlib: src/lib.rs\n\nsrc/lib.rs:\n# env-dep:A=b: c\n";
        let files: Vec<String> = dependencies(list).into_iter().collect();
        assert_eq!(files, ["/t/with blank.txt", "src/lib.rs"]);
    }

    #[test]
    fn units_are_named_by_hashes() {
        for (name, hash) in [
            ("libanyhow-0123456789abcdef.rlib", Some("0123456789abcdef")),
            ("anyhow-0123456789abcdef", Some("0123456789abcdef")),
            (
                "a-0123456789abcdef.a.0123-cgu.0.rcgu.o",
                Some("0123456789abcdef"),
            ),
            ("build-script-build", None),
            ("deps", None),
            ("liba.rlib", None),
        ] {
            assert_eq!(unit_hash(name), hash, "{name}");
        }
    }
}
