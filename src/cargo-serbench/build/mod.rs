//! A source tree in, executables of its benches out, built the same way for every commit.

pub mod machine;

use std::{
    fmt::Write,
    fs,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, TargetKind};
use object::{Object, ObjectSection, SectionKind};
use sha2::{Digest, Sha256};

use crate::{
    discover::{self, BenchTarget, Workspace},
    process::{self, Executable},
    shell,
};

/// Flags for every build, so that code that did not change keeps its place relative to cache lines:
/// functions and the blocks after jumps begin on 64 bytes. Unrelated edits move timings far less.
pub const FLAGS: [&str; 2] = [
    "-Cllvm-args=-align-all-functions=6",
    "-Cllvm-args=-align-all-nofallthru-blocks=6",
];

/// What is passed on to cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub profile: String,
    /// `--features …` and the like, in cargo's words.
    pub features: Vec<String>,
    /// `--offline`, `--locked`, `--frozen`.
    pub network: Vec<String>,
}

/// A bench target and its executable.
#[derive(Clone, Debug)]
pub struct Built {
    pub target: BenchTarget,
    pub executable: Executable,
    /// Hash of code and data: equal for executables that can't behave differently.
    pub hash: String,
    /// Whether divan is in it.
    pub divan: bool,
}

/// Builds `targets` of the workspace into `target_directory`, which no other commit may share:
/// cargo would take one commit's build for the other's.
pub fn build(
    workspace: &Workspace,
    targets: &[BenchTarget],
    target_directory: &Path,
    options: &Options,
) -> Result<Vec<Built>> {
    let mut command = cargo(workspace, targets, target_directory, options);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("start cargo")?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut found = Vec::new();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.context("read cargo's messages")?
            && artifact.target.kind.contains(&TargetKind::Bench)
            && let Some(executable) = artifact.executable
        {
            found.push((
                artifact.package_id,
                artifact.target.name,
                executable.into_std_path_buf(),
            ));
        }
    }
    let status = child.wait().context("wait for cargo")?;
    if !status.success() {
        process::check_ended(status)?;
        bail!(
            "cargo could not build the benches of {} ({status})",
            workspace.root.display()
        );
    }
    let mut built = Vec::new();
    for (package, name, path) in found {
        let package = workspace.metadata[&package].name.to_string();
        let wanted = targets
            .iter()
            .find(|target| target.package == package && target.name == name);
        if let Some(target) = wanted.cloned() {
            let folder = workspace
                .root
                .join(discover::package_folder(workspace, &target.package));
            let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let (hash, divan) = (code_hash(&bytes), has_divan(&bytes));
            built.push(Built {
                target,
                executable: Executable {
                    path,
                    copies: Vec::new(),
                    folder,
                },
                hash,
                divan,
            });
        }
    }
    built.sort_by(|a, b| a.target.cmp(&b.target));
    Ok(built)
}

fn cargo(
    workspace: &Workspace,
    targets: &[BenchTarget],
    target_directory: &Path,
    options: &Options,
) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The current folder stays the user's: its toolchain and cargo configuration hold for all commits.
    command
        .args([
            "bench",
            "--no-run",
            "--message-format=json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(workspace.root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_directory)
        .args(["--profile", &options.profile])
        .args(&options.features)
        .args(&options.network);
    if shell::is_quiet() {
        command.arg("--quiet");
    }
    for target in targets {
        let package = discover::package_id(workspace, &target.package);
        command.args(["--package", package, "--bench", &target.name]);
        // What was asked for by name should not have to be asked for twice.
        for feature in &target.required_features {
            command.arg(format!("--features={}/{feature}", target.package));
        }
    }
    let name = options.profile.to_uppercase().replace('-', "_");
    command.env(format!("CARGO_PROFILE_{name}_CODEGEN_UNITS"), "1");
    // Flags in the environment silence those of cargo's configuration, so ours join whichever the
    // user has.
    match std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        Ok(flags) => {
            command.env(
                "CARGO_ENCODED_RUSTFLAGS",
                format!("{flags}\x1f{}", FLAGS.join("\x1f")),
            );
        }
        Err(_) => match std::env::var("RUSTFLAGS") {
            Ok(flags) if !flags.trim().is_empty() => {
                command.env("RUSTFLAGS", format!("{flags} {}", FLAGS.join(" ")));
            }
            Ok(_) | Err(_) => {
                let quoted: Vec<String> = FLAGS.iter().map(|flag| format!("{flag:?}")).collect();
                command.args([
                    "--config",
                    &format!("build.rustflags=[{}]", quoted.join(",")),
                ]);
            }
        },
    }
    command
}

/// Files of each executable that measuring draws from. Where the pages of a file lie in physical
/// memory stays as it is while the file is cached, and makes about one copy in a hundred slower by
/// 2 to 5 % in some benchmark: with a single copy a side, equal code would differ all run long.
const COPIES: usize = 8;

/// Copies executables to `folder`, so that a later build can't change them under a running
/// measurement. `folder` should be as long for either commit: a path is part of what a process
/// finds on its stack.
pub fn put_aside(built: &mut [Built], folder: &Path) -> Result<()> {
    let copy = |from: &Path, to: &Path| -> Result<()> {
        fs::create_dir_all(folder)?;
        // A process of a killed run may still be running the old file, which can't be written then.
        match fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        fs::copy(from, to)?;
        Ok(())
    };
    for bench in built {
        let name = format!("{}-{}", bench.target.package, bench.target.name);
        let executable = &mut bench.executable;
        for number in 0..COPIES {
            let to = folder.join(format!("{name}.{number}"));
            copy(&executable.path, &to)
                .with_context(|| format!("copy a bench executable to {}", to.display()))?;
            executable.copies.push(to);
        }
        executable.path.clone_from(&executable.copies[0]);
    }
    Ok(())
}

/// Copies what a finished build in `from` made of other people's packages to `to`, so that they
/// are not built again for another commit. Nothing of `members`, the workspace's own packages,
/// goes along: cargo tells their builds apart by time only.
pub fn seed(from: &Path, to: &Path, members: &[String]) -> Result<()> {
    if to.exists() || !from.exists() {
        return Ok(());
    }
    let parent = to.parent().context("a target folder has a parent")?;
    fs::create_dir_all(parent)?;
    let prepare = || format!("prepare {} for a build", to.display());
    let staging = tempfile::tempdir_in(parent).with_context(prepare)?;
    copy_tree(from, staging.path(), &|name| {
        let own = |member: &String| {
            let member = [member.clone(), member.replace('-', "_")];
            member.iter().any(|member| {
                let name = name.strip_prefix("lib").unwrap_or(name);
                name.strip_prefix(member.as_str())
                    .is_some_and(|rest| rest.starts_with(['-', '.']) || rest.is_empty())
            })
        };
        name != "incremental" && !members.iter().any(own)
    })
    .with_context(prepare)?;
    fs::rename(staging.keep(), to).with_context(prepare)
}

/// Commits whose sources and builds are kept for the next time.
const KEPT: usize = 4;

/// Removes the sources and builds below `scratch` that were used longest ago, but for a few: each
/// is as large as a target folder.
pub fn prune(scratch: &Path) {
    for folder in ["build", "source"] {
        let mut used: Vec<_> = fs::read_dir(scratch.join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name() != WORKTREE)
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        used.sort_unstable();
        for (_, path) in used.iter().rev().skip(KEPT) {
            // What can't be removed only takes space.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Notes that a source or build is used now.
pub fn touch(folder: &Path) {
    // At worst it is removed too early and made again.
    let _ = fs::File::open(folder).and_then(|it| it.set_modified(SystemTime::now()));
}

fn copy_tree(from: &Path, to: &Path, wanted: &impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&entry.path(), &target, wanted)?;
        } else {
            fs::copy(entry.path(), &target)?;
            // Cargo compares these times to know what is fresh.
            let times = fs::FileTimes::new().set_modified(entry.metadata()?.modified()?);
            fs::File::options()
                .append(true)
                .open(&target)?
                .set_times(times)?;
        }
    }
    Ok(())
}

/// Hash of what an executable loads: two builds that differ only in paths, debug information or
/// build ids are equal.
fn code_hash(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    match object::File::parse(bytes) {
        Ok(file) => {
            for section in file.sections() {
                let loaded = matches!(
                    section.kind(),
                    SectionKind::Text
                        | SectionKind::Data
                        | SectionKind::ReadOnlyData
                        | SectionKind::ReadOnlyDataWithRel
                        | SectionKind::ReadOnlyString
                        | SectionKind::Tls
                );
                if loaded && let Ok(data) = section.data() {
                    hash.update(section.name_bytes().unwrap_or_default());
                    hash.update(section.address().to_le_bytes());
                    hash.update(data);
                }
            }
        }
        // Not a format we know: every byte counts.
        Err(_) => hash.update(bytes),
    }
    hex(&hash.finalize())[..16].to_owned()
}

/// Whether the name of one of divan's environment variables is in an executable. Its `--help`
/// would tell too, but not when divan is built without its default features.
fn has_divan(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"DIVAN_SAMPLE_COUNT";
    bytes.windows(NAME.len()).any(|window| window == NAME)
}

/// Short SHA-256 of a file, if it is there.
pub fn file_hash(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(hex(&Sha256::digest(bytes))[..16].to_owned())
}

const WORKTREE: &str = "worktree";

/// The folder for builds of one commit, or of the working tree.
pub fn target_directory(scratch: &Path, commit: Option<&str>) -> PathBuf {
    let name = commit.map_or(WORKTREE, |commit| &commit[..commit.len().min(12)]);
    scratch.join("build").join(name)
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}
