//! The tool as rustc's linker: links as `cc` does, and keeps what was linked.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Result, bail};

/// The environment variable with the folder that inputs are kept in. It turns the tool into a linker.
const KEEP: &str = "SERBENCH_KEEP_LINK_INPUTS";

/// What rustc calls unless another linker is configured.
const LINKER: &str = "cc";

/// Links, if this process was started to be a linker.
pub fn run() -> Option<ExitCode> {
    let folder = PathBuf::from(env::var_os(KEEP)?);
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let code = kept(&folder, &arguments).or_else(|| {
        // Whatever keeps lld from writing its inputs must not keep a program from being linked.
        let status = Command::new(LINKER).args(&arguments).status().ok()?;
        status.code()
    });
    Some(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
    ))
}

/// Fails where executables can't be linked again in other orders, with the reason.
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

/// Makes a build of cargo's keep what its executables are linked from, unless a linker is configured.
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

/// What an executable of a build was linked from, if that was kept.
pub fn kept_inputs(target_directory: &Path, executable: &Path) -> Option<PathBuf> {
    inputs(&folder(target_directory), executable).filter(|path| path.is_file())
}

/// Why builds here keep no link inputs.
pub fn why_not_kept() -> &'static str {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        "builds keep their link inputs on Linux for x86-64 only"
    } else if is_chosen() {
        "a linker or flags for it are chosen in the environment or in cargo's configuration"
    } else {
        "the build kept no link inputs (its linker is not LLVM's lld, or it is older than this check)"
    }
}

fn folder(target_directory: &Path) -> PathBuf {
    target_directory.join("link-inputs")
}

/// Whether the user chose a linker or flags for one: in the environment or in cargo's configuration,
/// which is searched for the words alone, so that in doubt the user's choice stands.
fn is_chosen() -> bool {
    const WORDS: [&str; 3] = ["linker", "link-arg", "fuse-ld"];
    let chooses = |text: &str| WORDS.iter().any(|word| text.contains(word));
    let variables = env::vars_os().any(|(name, value)| {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        (name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER"))
            || (name.ends_with("RUSTFLAGS") && chooses(&value))
            || name == "CARGO_BUILD_TARGET"
    });
    variables
        || configurations()
            .iter()
            .any(|file| fs::read_to_string(file).is_ok_and(|text| chooses(&text)))
}

/// The configuration files that cargo reads here.
fn configurations() -> Vec<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let above = here.ancestors().map(|folder| folder.join(".cargo"));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    above
        .chain(home)
        .flat_map(|folder| [folder.join("config.toml"), folder.join("config")])
        .collect()
}

/// The file for the inputs of an executable.
fn inputs(folder: &Path, executable: &Path) -> Option<PathBuf> {
    let mut name = executable.file_name()?.to_owned();
    name.push(".tar");
    Some(folder.join(name))
}

/// Links and keeps the inputs; `None` where it can't be done.
fn kept(folder: &Path, arguments: &[OsString]) -> Option<i32> {
    let file = inputs(folder, &executable(arguments)?)?;
    fs::create_dir_all(folder).ok()?;
    // Inputs of an earlier link are not those of this one.
    let _ = fs::remove_file(&file);
    let mut flag = OsString::from("-Wl,--reproduce=");
    flag.push(&file);
    // Where it fails, the link without the flag says why.
    let linked = Command::new(LINKER)
        .args(arguments)
        .arg(flag)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let linked = linked.ok().filter(ExitStatus::success);
    if linked.is_none() {
        let _ = fs::remove_file(&file);
    }
    linked?.code()
}

/// What is linked, if it is an executable and no build script.
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

/// The arguments, with those in a file (`@FILE`, which rustc writes where they are many) in place.
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
    fn inputs_are_called_after_the_executable() {
        let path = inputs(Path::new("kept"), Path::new("release/deps/json-1f"));
        assert_eq!(path.as_deref(), Some(Path::new("kept/json-1f.tar")));
    }
}
