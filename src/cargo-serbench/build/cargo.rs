//! Calls cargo to build bench targets and reads the messages that say what it made.

use std::{
    fs,
    io::BufReader,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, TargetKind};

use super::{
    Built, Executable, Options,
    fingerprint::{code_hash, has_divan, has_serbench},
    linker,
};
use crate::{
    discover::{
        BenchTarget, Workspace,
        workspace::{package_folder, package_id},
    },
    interrupt, shell,
};

/// Flags for every build, so that code that did not change keeps its place relative to cache lines:
/// functions and the blocks after jumps begin on 64 bytes. Unrelated edits move timings far less.
pub const FLAGS: [&str; 2] = [
    "-Cllvm-args=-align-all-functions=6",
    "-Cllvm-args=-align-all-nofallthru-blocks=6",
];

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
        interrupt::check_ended(status)?;
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
                .join(package_folder(workspace, &target.package));
            let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let (hash, divan) = (code_hash(&bytes), has_divan(&bytes));
            built.push(Built {
                target,
                executable: Executable {
                    link_inputs: linker::kept_inputs(target_directory, &path),
                    path,
                    copies: Vec::new(),
                    folder,
                },
                hash,
                divan,
                serbench: has_serbench(&bytes),
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
    linker::keep_inputs(&mut command, target_directory);
    for target in targets {
        let package = package_id(workspace, &target.package);
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
