//! Builds whose divan has another worker: by another version of the tool, or while cargo's configuration could
//! not be understood. Cargo doesn't notice that divan would now be compiled differently. It would take the old one at one
//! commit and build a new one at the other.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::inputs::unit_hash;

/// Says in a target folder which worker its divan was compiled with.
pub const STAMP: &str = ".serbench-worker";

/// Makes cargo compile divan again if it has another worker than this in this target folder.
///
/// # Errors
/// If a file can't be read, written or removed.
pub fn forget_other_workers(target_directory: &Path, worker: &str) -> io::Result<()> {
    let stamp = target_directory.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|before| before == worker) {
        return Ok(());
    }
    // `release/.fingerprint`, or `TARGET/release/.fingerprint`.
    for profile in folders(target_directory)? {
        for folder in [vec![profile.clone()], folders(&profile)?].concat() {
            forget_divan(&folder.join(".fingerprint"))?;
        }
    }
    fs::create_dir_all(target_directory)?;
    fs::write(stamp, worker)
}

/// Removes what cargo knows of divan's packages, and so that they are up to date.
fn forget_divan(fingerprints: &Path) -> io::Result<()> {
    let of_divan = |folder: &PathBuf| {
        let name = folder.file_name().and_then(OsStr::to_str).unwrap_or("");
        let package = name.rsplit_once('-').map(|(package, _)| package);
        unit_hash(name).is_some() && package.is_some_and(|package| package.contains("divan"))
    };
    let mut units = folders(fingerprints)?.into_iter().filter(of_divan);
    units.try_for_each(fs::remove_dir_all)
}

/// The folders in a folder, which need not exist.
fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{STAMP, forget_other_workers};

    #[test]
    fn divan_with_another_worker_is_compiled_again() {
        let target = tempfile::tempdir().unwrap();
        let units = [
            "release/.fingerprint/divan-0123456789abcdef",
            "release/.fingerprint/divan-macros-0123456789abcdef",
            "x86_64-unknown-linux-gnu/release/.fingerprint/codspeed-divan-compat-0123456789abcdef",
            "release/.fingerprint/serde-0123456789abcdef",
            "release/.fingerprint/divan",
        ]
        .map(|unit| target.path().join(unit));
        let left = || units.each_ref().map(|unit| unit.exists());
        let build = || {
            for unit in &units {
                fs::create_dir_all(unit).unwrap();
            }
        };
        build();
        forget_other_workers(target.path(), "this").unwrap();
        assert_eq!(left(), [false, false, false, true, true]);
        build();
        forget_other_workers(target.path(), "this").unwrap();
        assert_eq!(left(), [true; 5]);
        fs::write(target.path().join(STAMP), "another").unwrap();
        forget_other_workers(target.path(), "this").unwrap();
        assert_eq!(left(), [false, false, false, true, true]);
    }

    #[test]
    fn a_new_folder_is_no_error() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("build/worktree");
        forget_other_workers(&target, "this").unwrap();
        assert!(target.join(STAMP).exists());
    }
}
