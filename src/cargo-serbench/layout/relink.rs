//! Links again what was linked before, with its functions in another order.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The inputs of a link, unpacked.
pub struct Inputs {
    /// Removed with the value.
    _folder: TempDir,
    /// The folder in it that the response file names everything from.
    root: PathBuf,
}

impl Inputs {
    /// Unpacks what lld's `--reproduce` wrote.
    pub fn unpack(archive: &Path, scratch: &Path) -> Result<Self> {
        let unpack = || format!("unpack the link inputs {}", archive.display());
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

    /// The program that was linked from these inputs, linked once more.
    pub fn link_as_before(&self, linker: &Path) -> Result<Vec<u8>> {
        let linked = self.run(linker, &[])?;
        fs::read(&linked).with_context(|| format!("read {}", linked.display()))
    }

    /// Links to `to`, with the functions `order` first and the code at `text`.
    pub fn link(&self, linker: &Path, order: &[&str], text: u64, to: &Path) -> Result<()> {
        // The response file makes this folder the root of all paths.
        let list = self.root.join("order.txt");
        fs::write(&list, order.join("\n")).with_context(|| format!("write {}", list.display()))?;
        let start = format!("--section-start=.text={text:#x}");
        let flags = [
            "--symbol-ordering-file=order.txt",
            "--no-warn-symbol-ordering",
            &start,
        ];
        let linked = self.run(linker, &flags)?;
        // A process of a killed run may still be running the old file, which can't be written then.
        let _ = fs::remove_file(to);
        fs::copy(&linked, to).with_context(|| format!("copy an executable to {}", to.display()))?;
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
            .with_context(|| format!("start {}", linker.display()))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let reason = stderr.lines().next().unwrap_or("no message");
            bail!("{} failed: {reason}", linker.display());
        }
        Ok(self.root.join("linked"))
    }
}

/// The linker that comes with the toolchain and can order functions.
pub fn rust_lld() -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir"])
        .output()
        .context("ask rustc for its folder")?;
    let libraries = String::from_utf8_lossy(&output.stdout);
    let linker = Path::new(libraries.trim())
        .parent()
        .map(|target| target.join("bin/rust-lld"))
        .filter(|path| path.is_file());
    linker.context("this toolchain has no rust-lld")
}
