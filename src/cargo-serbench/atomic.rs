//! Writes files so that neither a full disk nor `kill -9` leaves a partial one: writes to another name
//! in the same folder, then renames it.

use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use tempfile::NamedTempFile;

/// Prefix of temporary file names.
const STAGING: &str = ".serbench-writing-";

/// Creates or replaces the file at `path`. On error, the old file is unchanged.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_by(folder_of(path), path, bytes)
}

/// The same, with the temporary file in `staging`, a folder on the same file system.
pub fn write_by(staging: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Keep a link a link.
    let real = path.canonicalize();
    let path = real.as_deref().unwrap_or(path);
    let staged = stage(staging, bytes)?;
    make(folder_of(path))?;
    if let Ok(old) = fs::metadata(path) {
        staged.as_file().set_permissions(old.permissions())?;
    }
    staged.persist(path)?;
    sync_folder(path)
}

/// Creates a file. If it exists, the error is `AlreadyExists`.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    stage(folder_of(path), bytes)?.persist_noclobber(path)?;
    sync_folder(path)
}

/// Removes temporary files of killed writers from `folder`. A writer locks its file, and the kernel
/// unlocks it however the writer ends.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(STAGING);
        let abandoned = |path: &Path| File::open(path).is_ok_and(|file| file.try_lock().is_ok());
        if is_ours && abandoned(&entry.path()) {
            // If this fails, it is removed next time.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes the bytes to a temporary file in `folder`, which is created if missing.
fn stage(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    make(folder)?;
    sweep(folder);
    let mut file = tempfile::Builder::new()
        .prefix(STAGING)
        // Limited by the user's umask, as for any file.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.as_file().lock()?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Creates a folder. A file in its place must not look like the existing file of [`write_new`].
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
        _ => error,
    })
}

/// Makes the new name durable, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File, Permissions},
        io::ErrorKind,
        os::unix::fs::{MetadataExt, PermissionsExt, symlink},
        path::Path,
    };

    use super::{STAGING, sweep, write, write_new};

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_replaced_completely() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a.txt");
        write(&path, b"one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        let link = folder.path().join("link");
        symlink("new/a.txt", &link).unwrap();
        write(&link, b"three").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(&folder.path().join("new")), ["a.txt"]);
    }

    #[test]
    fn a_new_file_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_new(&path, b"one").unwrap();
        let taken = |path: &Path| write_new(path, b"two").unwrap_err().kind();
        assert_eq!(taken(&path), ErrorKind::AlreadyExists);
        let dangling = folder.path().join("dangling");
        symlink("nowhere", &dangling).unwrap();
        assert_eq!(taken(&dangling), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(taken(&path.join("in/a file")), ErrorKind::NotADirectory);
        assert_eq!(names(folder.path()), ["a.txt", "dangling"]);
    }

    #[test]
    fn files_of_killed_writers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("{STAGING}dead"));
        fs::write(&left, "half").unwrap();
        let writing = folder.path().join(format!("{STAGING}alive"));
        let file = File::create(&writing).unwrap();
        file.lock().unwrap();
        sweep(folder.path());
        assert!(!left.exists() && writing.exists());
    }
}
