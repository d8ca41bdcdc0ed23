//! Finds packages in a workspace's folder that are not part of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Workspace;

/// How many folders below the workspace's are searched.
const DEPTH: usize = 4;

/// Folders of packages that the workspace does not contain and that seem to have divan benches, relative to its root.
pub fn with_divan(workspace: &Workspace) -> Vec<PathBuf> {
    let manifests = workspace.metadata.packages.iter();
    let known: Vec<&Path> = manifests
        .filter_map(|package| package.manifest_path.as_std_path().parent())
        .collect();
    let mut found = Vec::new();
    search(&workspace.root, DEPTH, &mut |folder| {
        if folder != workspace.root && !known.contains(&folder) && names_divan(folder) {
            found.push(
                folder
                    .strip_prefix(&workspace.root)
                    .unwrap_or(folder)
                    .into(),
            );
        }
    });
    found.sort();
    found
}

/// Whether a folder is that of a package with benches whose manifest names divan.
fn names_divan(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let has_benches = manifest.contains("[[bench]]") || folder.join("benches").is_dir();
    has_benches && manifest.contains("divan")
}

/// Calls `visit` for a folder and those in it, without hidden ones and builds.
fn search(folder: &Path, depth: usize, visit: &mut dyn FnMut(&Path)) {
    visit(folder);
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let skipped = name == "target" || name.to_string_lossy().starts_with('.');
        if !skipped && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&entry.path(), depth - 1, visit);
        }
    }
}
