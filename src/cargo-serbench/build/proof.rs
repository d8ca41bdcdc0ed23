//! Records everything that went into a build: files, folders that build scripts watch,
//! environment variables. A build can replace another one only if all of it is unchanged.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use cargo_metadata::BuildScript;
use serde::{Deserialize, Serialize};

use super::{
    fingerprint::{contains, text_hash},
    inputs::{
        Inputs, Ledger, Report, dependency_file, hashed, own, script_files, script_output, watched,
    },
};
use crate::discover::Workspace;

/// Everything a build read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Files with hashes, relative to the root of the tree if they are in it.
    files: Inputs,
    /// Folders relative to the root of the tree in which build scripts read any file.
    watched: BTreeSet<PathBuf>,
    /// Files that build scripts read, as in `files`.
    read_by_scripts: BTreeSet<PathBuf>,
    /// Environment variables that a source or build script reads, with hashes of their
    /// values, which may be secrets.
    variables: BTreeMap<String, Option<String>>,
}

impl Proof {
    /// Everything that `report`'s build read of the tree at `top`.
    pub fn of(
        workspace: &Workspace,
        top: &Path,
        target_directory: &Path,
        ledger: &Ledger,
        report: &Report,
    ) -> Self {
        let mut proof = Self::default();
        let place = Place::new(top, target_directory);
        for artifact in &report.artifacts {
            let Some(file) = artifact.filenames.first() else {
                continue;
            };
            let list = dependency_file(file.as_std_path());
            let list = list.and_then(|list| fs::read_to_string(list).ok());
            proof.ask_for(variables_of_sources(&list.unwrap_or_default()));
            let compiled = ledger.compiled(file.as_std_path()).into_iter().flatten();
            for (path, hash) in compiled {
                proof.enter(&place, path, hash.clone());
            }
        }
        for script in &report.scripts {
            proof.enter_script(workspace, &place, script);
        }
        proof
    }

    fn enter_script(&mut self, workspace: &Workspace, place: &Place, script: &BuildScript) {
        let names = script_output(script, "rerun-if-env-changed");
        self.ask_for(names.into_iter());
        let Some(package) = workspace
            .metadata
            .packages
            .iter()
            .find(|package| package.id == script.package_id)
        else {
            return;
        };
        let folder = package
            .manifest_path
            .parent()
            .map(|folder| folder.as_std_path());
        let is_own = own(&workspace.metadata, &script.package_id).is_some();
        let paths: Vec<PathBuf> = watched(package, script)
            .into_iter()
            // Packages from registries and git repositories never change.
            .filter(|path| is_own || folder.is_none_or(|folder| !path.starts_with(folder)))
            .collect();
        for path in paths.iter().filter(|path| path.is_dir()) {
            if let Some(inner) = place.inner(path) {
                self.watched.insert(inner);
            }
        }
        for (path, hash) in hashed(script_files(paths)) {
            self.read_by_scripts.extend(place.of(&path));
            self.enter(place, &path, hash);
        }
    }

    fn enter(&mut self, place: &Place, path: &Path, hash: Option<String>) {
        if let Some(path) = place.of(path) {
            self.files.insert(path, hash);
        }
    }

    fn ask_for(&mut self, names: impl Iterator<Item = String>) {
        for name in names.filter(|name| !is_cargos(name)) {
            let value = value(&name);
            self.variables.insert(name, value);
        }
    }

    /// Whether a build of the tree at `top` would read the same now.
    pub fn holds(&self, top: &Path) -> bool {
        self.holds_except(top, &BTreeSet::new())
    }

    /// The same, whatever some files of the tree contain.
    pub fn holds_except(&self, top: &Path, except: &BTreeSet<PathBuf>) -> bool {
        let checked = || {
            self.files
                .iter()
                .filter(|(path, _)| !except.contains(*path))
        };
        let files = checked().map(|(path, _)| top.join(path)).collect();
        let now: Vec<_> = hashed(files).into_values().collect();
        let before: BTreeMap<PathBuf, &Option<String>> = checked()
            .map(|(path, hash)| (top.join(path), hash))
            .collect();
        let same_files = before.len() == now.len() && before.into_values().eq(now.iter());
        let mut variables = self.variables.iter();
        same_files && variables.all(|(name, before)| value(name) == *before)
    }

    /// Whether a build script or a compilation read a file of the tree, or would read it if it existed.
    pub fn reads(&self, path: &Path) -> bool {
        self.files.contains_key(path) || self.is_watched(path)
    }

    /// Whether only the compiler read a file of the tree, no build script.
    pub fn only_compiles(&self, path: &Path) -> bool {
        self.files.contains_key(path)
            && !self.read_by_scripts.contains(path)
            && !self.is_watched(path)
    }

    /// Whether a source names this file in a string, as `include_str!` does: then its text is data. If a
    /// source can't be read, it may.
    pub fn is_named(&self, top: &Path, file: &Path) -> bool {
        let quoted = format!("{}\"", file.file_name().unwrap_or_default().display());
        let is_source = |path: &&PathBuf| path.extension().is_some_and(|it| it == "rs");
        let mut sources = self.files.keys().filter(is_source);
        sources.any(|path| {
            fs::read(top.join(path)).map_or(true, |text| contains(&text, quoted.as_bytes()))
        })
    }

    fn is_watched(&self, path: &Path) -> bool {
        self.watched.iter().any(|folder| path.starts_with(folder))
    }
}

/// The folders that stored paths are relative to.
struct Place {
    top: PathBuf,
    target_directory: PathBuf,
}

impl Place {
    fn new(top: &Path, target_directory: &Path) -> Self {
        Self {
            top: real(top),
            target_directory: real(target_directory),
        }
    }

    /// The path as stored; `None` for build outputs.
    fn of(&self, path: &Path) -> Option<PathBuf> {
        let path = real(path);
        if path.starts_with(&self.target_directory) {
            return None;
        }
        Some(match path.strip_prefix(&self.top) {
            Ok(inner) => inner.to_path_buf(),
            Err(_) => path,
        })
    }

    /// The path within the tree.
    fn inner(&self, path: &Path) -> Option<PathBuf> {
        self.of(path).filter(|path| path.is_relative())
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn value(name: &str) -> Option<String> {
    env::var_os(name).map(|value| text_hash(value.as_encoded_bytes()))
}

/// The variable names in rustc's dependency file: `# env-dep:NAME=VALUE`.
fn variables_of_sources(list: &str) -> impl Iterator<Item = String> {
    list.lines().filter_map(|line| {
        let rest = line.strip_prefix("# env-dep:")?;
        let name = rest.split_once('=').map_or(rest, |(name, _)| name);
        Some(name.to_owned())
    })
}

/// Whether cargo sets a variable for every compilation, from the manifest.
fn is_cargos(name: &str) -> bool {
    const PREFIXES: [&str; 5] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
    ];
    const NAMES: [&str; 5] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Proof, hashed, variables_of_sources};

    #[test]
    fn rustc_lists_variables() {
        let list = "a.rlib: src/lib.rs\n\n# env-dep:A=b: c\n# env-dep:UNSET\n";
        let names: Vec<String> = variables_of_sources(list).collect();
        assert_eq!(names, ["A", "UNSET"]);
    }

    #[test]
    fn a_proof_holds_while_nothing_changes() {
        let top = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(top.path().join(file), text).unwrap();
        write("lib.rs", "one");
        write("notes.txt", "two");
        let paths = ["absent.rs", "lib.rs", "notes.txt"];
        let found = hashed(paths.iter().map(|path| top.path().join(path)).collect());
        let files = found.into_iter().map(|(path, hash)| {
            let inner = path.strip_prefix(top.path()).unwrap();
            (inner.to_path_buf(), hash)
        });
        let proof = Proof {
            files: files.collect(),
            watched: ["assets".into()].into(),
            read_by_scripts: ["notes.txt".into()].into(),
            variables: [("SERBENCH_NOT_SET".to_owned(), None)].into(),
        };
        assert!(proof.holds(top.path()));
        for (path, read) in [
            ("lib.rs", true),
            ("absent.rs", true),
            ("assets/new/logo.svg", true),
            ("README.md", false),
        ] {
            assert_eq!(proof.reads(Path::new(path)), read, "{path}");
        }
        for (path, only_compiles) in [
            ("lib.rs", true),
            ("notes.txt", false),
            ("assets/logo.svg", false),
            ("README.md", false),
        ] {
            assert_eq!(
                proof.only_compiles(Path::new(path)),
                only_compiles,
                "{path}"
            );
        }
        write("lib.rs", "other");
        assert!(!proof.holds(top.path()));
        assert!(proof.holds_except(top.path(), &["lib.rs".into()].into()));
        assert!(!proof.holds_except(top.path(), &["notes.txt".into()].into()));
        write("lib.rs", "one");
        assert!(proof.holds(top.path()));
        write("absent.rs", "");
        assert!(!proof.holds(top.path()));
        let asked = Proof {
            variables: [("PATH".to_owned(), Some("other".to_owned()))].into(),
            ..Proof::default()
        };
        assert!(!asked.holds(top.path()));
    }
}
