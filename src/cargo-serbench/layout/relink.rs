//! Links the inputs of an earlier link again, with the functions in another order.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use object::read::archive::ArchiveFile;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::build::toolchain::said;

/// The inputs of a link, unpacked.
pub struct Inputs {
    /// Deleted on drop.
    _folder: TempDir,
    /// The folder in it that paths in the response file are relative to.
    root: PathBuf,
}

impl Inputs {
    /// Unpacks the archive written by lld's `--reproduce`.
    pub fn unpack(archive: &Path, scratch: &Path) -> Result<Self> {
        let unpack = || format!("failed to unpack the link inputs {}", archive.display());
        let folder = tempfile::tempdir_in(scratch).with_context(unpack)?;
        let file = fs::File::open(archive).with_context(unpack)?;
        tar::Archive::new(file)
            .unpack(folder.path())
            .with_context(unpack)?;
        let mut roots = fs::read_dir(folder.path())
            .with_context(unpack)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("response.txt").is_file());
        let root = roots
            .next()
            .with_context(|| format!("{} has no response.txt", archive.display()))?;
        Ok(Self {
            _folder: folder,
            root,
        })
    }

    /// The contents of the files, objects in the order of the command line.
    pub fn files(&self) -> Result<Files> {
        let listing = self.root.join("response.txt");
        let response = fs::read_to_string(&listing)
            .with_context(|| format!("failed to read {}", listing.display()))?;
        let mut files = Files::default();
        let mut paths = Vec::new();
        for line in response.lines() {
            match line.strip_prefix('-') {
                None => paths.push(self.root.join(line.trim_matches('"'))),
                Some(option) if HARMLESS.iter().any(|it| option.starts_with(it)) => {}
                Some(_) => files.rest.extend(line.bytes().chain([b'\n'])),
            }
            let changes = ["--wrap", "--defsym", "-T", "--script", "--just-symbols"];
            ensure!(
                !changes.iter().any(|it| line.starts_with(it)),
                "the linker was called with {line}"
            );
        }
        let mut others = Vec::new();
        collect(&self.root, &mut others)?;
        others.retain(|path| !paths.contains(path));
        others.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        for path in paths.iter().chain(&others) {
            let read = || format!("failed to read the link input {}", path.display());
            let bytes = fs::read(path).with_context(read)?;
            files.add(bytes).with_context(read)?;
        }
        Ok(files)
    }

    /// Links these inputs as they were linked before.
    pub fn link_as_before(&self, linker: &Path) -> Result<Vec<u8>> {
        let linked = self.run(linker, &[])?;
        fs::read(&linked).with_context(|| format!("failed to read {}", linked.display()))
    }

    /// Links to the file `to`, with the functions in `order` first and the code at address `text`.
    pub fn link(&self, linker: &Path, order: &[&str], text: u64, to: &Path) -> Result<()> {
        // The response file makes this folder the root of all paths.
        let list = self.root.join("order.txt");
        fs::write(&list, order.join("\n"))
            .with_context(|| format!("failed to write {}", list.display()))?;
        let start = format!("--section-start=.text={text:#x}");
        let flags = [
            "--symbol-ordering-file=order.txt",
            "--no-warn-symbol-ordering",
            &start,
        ];
        let linked = self.run(linker, &flags)?;
        // A process of a killed run may still execute the old file, which then can't be written.
        let _ = fs::remove_file(to);
        fs::copy(&linked, to)
            .with_context(|| format!("failed to copy an executable to {}", to.display()))?;
        Ok(())
    }

    fn run(&self, linker: &Path, flags: &[&str]) -> Result<PathBuf> {
        let output = Command::new(linker)
            .current_dir(&self.root)
            .args(["-flavor", "gnu", "@response.txt"])
            .args(flags)
            .args(["--reproduce=/dev/null", "-o", "linked"])
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to start {}", linker.display()))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let reason = stderr.lines().next().unwrap_or("no message");
            bail!("{} failed: {reason}", linker.display());
        }
        Ok(self.root.join("linked"))
    }
}

/// Options that only say where things are.
const HARMLESS: [&str; 6] = ["-chroot", "o ", "L ", "L", "plugin", "-build-id"];

/// The contents of link inputs.
#[derive(Default)]
pub struct Files {
    contents: Vec<Vec<u8>>,
    /// Objects, by the number of their file.
    objects: Vec<(usize, Range<usize>)>,
    /// Options, shared libraries, linker scripts.
    pub rest: Vec<u8>,
}

impl Files {
    /// The relocatable objects.
    pub fn objects(&self) -> Vec<&[u8]> {
        let objects = self.objects.iter();
        objects
            .map(|(file, range)| &self.contents[*file][range.clone()])
            .collect()
    }

    fn add(&mut self, bytes: Vec<u8>) -> Result<()> {
        let file = self.contents.len();
        if bytes.starts_with(b"!<arch>\n") {
            let archive = ArchiveFile::parse(bytes.as_slice())?;
            for member in archive.members() {
                let member = member?;
                if member.name().ends_with(b".rmeta") {
                    continue;
                }
                let (start, size) = member.file_range();
                let range = start as usize..(start + size) as usize;
                let object = bytes.get(range.clone()).filter(|bytes| is_object(bytes));
                let name = || String::from_utf8_lossy(member.name()).into_owned();
                ensure!(object.is_some(), "{} is not machine code", name());
                self.objects.push((file, range));
            }
        } else if is_object(&bytes) {
            self.objects.push((file, 0..bytes.len()));
        } else {
            let library = bytes.starts_with(b"\x7fELF");
            let script = std::str::from_utf8(&bytes).is_ok();
            ensure!(library || script, "it is not machine code");
            self.rest.extend(Sha256::digest(&bytes));
        }
        self.contents.push(bytes);
        Ok(())
    }
}

/// Whether these bytes are a relocatable ELF object.
fn is_object(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF") && bytes.get(16..18) == Some(&[1, 0])
}

/// All files of a folder except those that are not inputs.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    const OURS: [&str; 4] = ["response.txt", "version.txt", "order.txt", "linked"];
    for entry in
        fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?
    {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if !OURS.iter().any(|ours| entry.file_name() == *ours) {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The linker in the toolchain that can order functions.
pub fn rust_lld() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = said(Command::new(&rustc).args(["--print", "target-libdir"]))
        .context("failed to ask rustc for its folder")?;
    let linker = Path::new(libraries.trim())
        .parent()
        .map(|target| target.join("bin/rust-lld"))
        .filter(|path| path.is_file());
    linker.context("this toolchain has no rust-lld")
}
