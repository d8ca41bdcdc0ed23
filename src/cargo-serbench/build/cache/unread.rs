//! Files that no build reads: documentation, images, workflows, records.

use std::{ffi::OsStr, path::Path};

/// Extensions of documents and images.
const ENDINGS: [&str; 12] = [
    "md", "markdown", "rst", "adoc", "png", "jpg", "jpeg", "gif", "svg", "webp", "pdf", "ipynb",
];

/// Prefixes of document names without an extension.
const NAMES: [&str; 12] = [
    "README",
    "LICENSE",
    "LICENCE",
    "COPYING",
    "NOTICE",
    "CHANGELOG",
    "CHANGES",
    "AUTHORS",
    "CONTRIBUTING",
    "CODEOWNERS",
    ".gitignore",
    ".mailmap",
];

/// Folders of workflows and records.
const FOLDERS: [&str; 4] = [".github", ".gitlab", ".ci", "baselines"];

/// Whether only people and CI systems read files with this name. This is checked in addition to the
/// proof of a build, because macros can read files without declaring it.
pub fn is_document(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut folders = path.parent().into_iter().flat_map(Path::iter);
    let ending = path.extension().and_then(OsStr::to_str);
    let is_source = ending.is_some_and(|ending| matches!(ending, "rs" | "lock"))
        || name == "Cargo.toml"
        || path.iter().any(|part| part == ".cargo");
    if is_source {
        return false;
    }
    let plain = ending.is_none() || name.starts_with('.');
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
        || (plain && NAMES.iter().any(|known| name.starts_with(known)))
        || folders.any(|folder| FOLDERS.iter().any(|known| folder == *known))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_document;

    #[test]
    fn documents_by_name() {
        for (path, document) in [
            ("README.md", true),
            ("docs/guide.rst", true),
            ("LICENSE-MIT", true),
            (".gitignore", true),
            (".github/workflows/ci.yml", true),
            ("baselines/1a2b/linux.json", true),
            ("src/lib.rs", false),
            ("Cargo.toml", false),
            ("inner/Cargo.lock", false),
            (".cargo/config.toml", false),
            ("baselines/Cargo.toml", false),
            (".gitattributes", false),
            ("rust-toolchain.toml", false),
            ("build.rs", false),
            ("data/big.json", false),
            ("notes.txt", false),
            ("README", true),
            ("LICENSE.txt", false),
        ] {
            assert_eq!(is_document(Path::new(path)), document, "{path}");
        }
    }
}
