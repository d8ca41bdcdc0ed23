//! Acts as rustc's linker: links with `cc` and saves the inputs.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Result, bail};

use super::chosen::is_chosen;

/// The environment variable for the folder to save inputs in. It makes the tool act as a linker.
const KEEP: &str = "SERBENCH_KEEP_LINK_INPUTS";

/// What rustc runs unless another linker is configured.
const LINKER: &str = "cc";

/// What rustc adds for `strip = true`, and for `strip = "debuginfo"`.
const STRIP_ALL: &str = "-Wl,--strip-all";
const STRIP_DEBUG: &str = "-Wl,--strip-debug";

/// Links, if this process was started as a linker.
pub fn run() -> Option<ExitCode> {
    let folder = PathBuf::from(env::var_os(KEEP)?);
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let code = kept(&folder, &arguments).or_else(|| {
        // A failure to save inputs must not keep a program from being linked.
        let status = Command::new(LINKER).args(&arguments).status().ok()?;
        status.code()
    });
    Some(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
    ))
}

/// Fails with the reason if executables can't be linked again in other orders.
pub fn layout_checkable() -> Result<()> {
    if !is_supported() {
        bail!("relinking is supported only on x86-64 Linux");
    }
    if is_chosen() {
        bail!("the environment or cargo's configuration chooses a linker");
    }
    Ok(())
}

fn is_supported() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// Makes a cargo build save the link inputs of its executables, unless a linker is configured.
pub fn keep_inputs(command: &mut Command, target_directory: &Path) {
    if layout_checkable().is_err() {
        return;
    }
    if let Ok(tool) = env::current_exe() {
        command
            .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", tool)
            .env(KEEP, folder(target_directory));
    }
}

/// The saved link inputs of an executable, if any.
pub fn kept_inputs(target_directory: &Path, executable: &Path) -> Option<PathBuf> {
    inputs(&folder(target_directory), executable).filter(|path| path.is_file())
}

/// Why builds here don't save their link inputs.
pub fn why_not_kept() -> &'static str {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        "link inputs are saved only on x86-64 Linux"
    } else if is_chosen() {
        "a linker or flags for it are chosen in the environment or in cargo's configuration"
    } else {
        "the build saved no link inputs (its linker is not LLVM's lld, or it was built by an older version)"
    }
}

fn folder(target_directory: &Path) -> PathBuf {
    target_directory.join("link-inputs")
}

/// Where to save the inputs of an executable.
fn inputs(folder: &Path, executable: &Path) -> Option<PathBuf> {
    let mut name = executable.file_name()?.to_owned();
    name.push(".tar");
    Some(folder.join(name))
}

/// Links and saves the inputs; `None` if that is not possible.
fn kept(folder: &Path, arguments: &[OsString]) -> Option<i32> {
    let file = inputs(folder, &executable(arguments)?)?;
    fs::create_dir_all(folder).ok()?;
    // Remove the inputs of an earlier link.
    let _ = fs::remove_file(&file);
    let mut reproduce = OsString::from("-Wl,--reproduce=");
    reproduce.push(&file);
    let mut flags = vec![reproduce];
    // Symbols name what changed. They are not loaded, so without them code would run the same. The last flag counts.
    if expanded(arguments).iter().any(|it| it == STRIP_ALL) {
        flags.push(STRIP_DEBUG.into());
    }
    // If this fails, the link without the flag reports why.
    let linked = Command::new(LINKER)
        .args(arguments)
        .args(flags)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let linked = linked.ok().filter(ExitStatus::success);
    if linked.is_none() {
        let _ = fs::remove_file(&file);
    }
    linked?.code()
}

/// The output file, if it is an executable and not a build script.
fn executable(arguments: &[OsString]) -> Option<PathBuf> {
    let words = expanded(arguments);
    if words.iter().any(|word| word == "-shared") {
        return None;
    }
    let at = words.iter().position(|word| word == "-o")?;
    let path = PathBuf::from(words.get(at + 1)?);
    let name = path.file_name()?.to_string_lossy();
    (!name.starts_with("build_script")).then_some(path)
}

/// The arguments, including those in a file (`@FILE`, which rustc uses if there are many).
fn expanded(arguments: &[OsString]) -> Vec<OsString> {
    let mut words = Vec::new();
    for argument in arguments {
        match argument.to_str().and_then(|text| text.strip_prefix('@')) {
            Some(file) => {
                let text = fs::read_to_string(file).unwrap_or_default();
                words.extend(text.lines().map(|line| line.trim_matches('"').into()));
            }
            None => words.push(argument.clone()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::Path};

    use super::{executable, inputs};

    fn linked(arguments: &str) -> Option<String> {
        let words: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
        Some(executable(&words)?.display().to_string())
    }

    #[test]
    fn only_executables_are_kept() {
        assert_eq!(
            linked("-m64 a.o -o deps/json-1f").as_deref(),
            Some("deps/json-1f")
        );
        assert_eq!(linked("-m64 a.o -o deps/libmacros.so -shared"), None);
        assert_eq!(linked("-o build/x/build_script_build-1f a.o"), None);
        assert_eq!(linked("a.o"), None);
    }

    #[test]
    fn long_command_lines_are_read_from_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("arguments");
        std::fs::write(&file, "\"a.o\"\n\"-o\"\n\"deps/json-1f\"\n").unwrap();
        let found = linked(&format!("@{}", file.display()));
        assert_eq!(found.as_deref(), Some("deps/json-1f"));
    }

    #[test]
    fn inputs_are_named_after_the_executable() {
        let path = inputs(Path::new("kept"), Path::new("release/deps/json-1f"));
        assert_eq!(path.as_deref(), Some(Path::new("kept/json-1f.tar")));
    }
}
