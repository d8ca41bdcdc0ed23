//! Calls cargo to build bench targets and reads its messages.

use std::{
    collections::BTreeSet,
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Artifact, Message, PackageId, TargetKind};

use super::{
    Built, Executable, Options,
    fingerprint::{code_hash, has_divan, has_serbench},
    folders,
    inputs::{Ledger, Report},
    linker,
    proof::Proof,
    share::Share,
    upgraded, wrapper,
};
use crate::{
    discover::{
        BenchTarget, Workspace,
        workspace::{package_folder, package_id},
    },
    interrupt, shell,
};

/// A finished build.
pub struct Done {
    pub built: Vec<Built>,
    /// Everything it read.
    pub proof: Proof,
    /// Files it read outside the tree.
    pub outside: BTreeSet<PathBuf>,
}

/// Builds `targets` in a tree with root `top` into `target_directory`, which must not be shared between
/// commits: cargo would reuse one commit's build for the other. Verifies that what cargo does not
/// rebuild was made from the current sources.
pub fn build(
    workspace: &Workspace,
    top: &Path,
    targets: &[BenchTarget],
    target_directory: &Path,
    options: &Options,
    share: &Share,
) -> Result<Done> {
    fs::create_dir_all(target_directory)
        .with_context(|| format!("failed to make {}", target_directory.display()))?;
    folders::remember_rustc(&workspace.target_directory, target_directory);
    let mut ledger = Ledger::load(target_directory);
    let mut once = || -> Result<(Report, Vec<PackageId>)> {
        let started = Instant::now();
        let (report, done) = call(workspace, targets, target_directory, options, share)?;
        if done.is_ok() && report.artifacts.iter().any(|artifact| !artifact.fresh) {
            ledger.seconds = Some(started.elapsed().as_secs());
        }
        let stale = ledger.enter(workspace, &report);
        if stale.is_empty() {
            // Units compiled before an error are recorded for the next build, too.
            ledger.store(target_directory)?;
        }
        done.map(|()| (report, stale))
    };
    let (mut report, stale) = once()?;
    if !stale.is_empty() {
        clean(workspace, &stale, target_directory, options)?;
        let again;
        (report, again) = once()?;
        ensure!(
            again.is_empty(),
            "cargo does not rebuild {} although its sources have changed since; \
             remove {} and run again",
            again[0],
            target_directory.display()
        );
    }
    Ok(Done {
        built: executables(workspace, targets, target_directory, &ledger, &report)?,
        proof: Proof::of(workspace, top, target_directory, &ledger, &report),
        outside: ledger.outside(workspace, &report, (top, target_directory)),
    })
}

/// Runs cargo. If cargo fails, the report covers everything up to the failure.
fn call(
    workspace: &Workspace,
    targets: &[BenchTarget],
    target_directory: &Path,
    options: &Options,
    share: &Share,
) -> Result<(Report, Result<()>)> {
    let here = options.here(workspace)?;
    upgraded::forget_other_workers(target_directory, &wrapper::worker(&here)).with_context(
        || {
            format!(
                "failed to check which divan is built in {}",
                target_directory.display()
            )
        },
    )?;
    let mut command = cargo(workspace, targets, target_directory, options);
    wrapper::add_workers(&mut command, &here, target_directory);
    share
        .limit(&mut command)
        .context("failed to prepare to start cargo")?;
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to start cargo")?;
    share.started(&child);
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut report = Report::default();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        match message.context("failed to read cargo's messages")? {
            Message::CompilerArtifact(artifact) => report.artifacts.push(artifact),
            Message::BuildScriptExecuted(script) => report.scripts.push(script),
            // Cargo renders diagnostics itself, and may add new kinds of messages.
            _ => {}
        }
    }
    let status = child.wait().context("failed to wait for cargo")?;
    share.ended();
    if status.success() {
        return Ok((report, Ok(())));
    }
    interrupt::check_ended(status)?;
    let error = anyhow::anyhow!(
        "cargo could not build the benches of {} ({status})",
        workspace.root.display()
    );
    Ok((report, Err(error)))
}

/// The requested benches among cargo's artifacts, which must be in this workspace and folder.
fn executables(
    workspace: &Workspace,
    targets: &[BenchTarget],
    target_directory: &Path,
    ledger: &Ledger,
    report: &Report,
) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    for artifact in &report.artifacts {
        let Some(path) = artifact.executable.as_ref().filter(|_| is_bench(artifact)) else {
            continue;
        };
        let package = workspace.metadata[&artifact.package_id].name.as_str();
        let wanted = targets
            .iter()
            .find(|target| target.package == package && target.name == artifact.target.name);
        let Some(target) = wanted.cloned() else {
            continue;
        };
        ensure!(
            path.starts_with(target_directory) && artifact.target.src_path.exists(),
            "cargo built bench `{}` as {path}, outside {}; is a wrapper of cargo in use?",
            target.name,
            target_directory.display()
        );
        let bytes = fs::read(path).with_context(|| format!("failed to read {path}"))?;
        let folder = package_folder(workspace, &target.package);
        built.push(Built {
            target,
            executable: Executable {
                path: path.clone().into_std_path_buf(),
                link_inputs: linker::kept_inputs(target_directory, path.as_std_path()),
                copies: Vec::new(),
                folder: workspace.root.join(folder),
            },
            hash: code_hash(&bytes),
            divan: has_divan(&bytes),
            serbench: has_serbench(&bytes),
            sources: ledger.sources(workspace, report, artifact),
        });
    }
    built.sort_by(|a, b| a.target.cmp(&b.target));
    if let Some(missing) = targets
        .iter()
        .find(|target| !built.iter().any(|bench| bench.target == **target))
    {
        bail!(
            "cargo reported no executable for bench `{}` of {}",
            missing.name,
            missing.package
        );
    }
    Ok(built)
}

fn is_bench(artifact: &Artifact) -> bool {
    artifact.target.kind.contains(&TargetKind::Bench)
}

/// Removes cargo's builds of some packages.
fn clean(
    workspace: &Workspace,
    packages: &[PackageId],
    target_directory: &Path,
    options: &Options,
) -> Result<()> {
    let mut command = command("clean", workspace, target_directory, options);
    command.arg("--quiet");
    for package in packages {
        command.args(["--package", &package.repr]);
    }
    let output = command.output().context("failed to start cargo clean")?;
    ensure!(
        output.status.success(),
        "cargo clean failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// A cargo command on the workspace that shares nothing with other commits.
fn command(
    name: &str,
    workspace: &Workspace,
    target_directory: &Path,
    options: &Options,
) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if options.own_toolchain {
        // Remove these, or rustup would not choose the toolchain by folder.
        command = Command::new("cargo");
        command
            .current_dir(&workspace.root)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .env_remove("RUSTC");
    }
    // Otherwise cargo runs in the user's folder, so its toolchain and cargo configuration apply to
    // all commits. The configuration may set a build folder, which would be shared by all workspaces.
    let folder = toml::Value::String(target_directory.display().to_string());
    command
        .arg(name)
        .arg("--manifest-path")
        .arg(workspace.root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_directory)
        .args(["--config", &format!("build.build-dir={folder}")])
        .args(["--profile", &options.profile]);
    command
}

fn cargo(
    workspace: &Workspace,
    targets: &[BenchTarget],
    target_directory: &Path,
    options: &Options,
) -> Command {
    let mut command = command("bench", workspace, target_directory, options);
    command
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .args(&options.features)
        .args(&options.network);
    if shell::is_quiet() {
        command.arg("--quiet");
    }
    linker::keep_inputs(&mut command, target_directory);
    for target in targets {
        let package = package_id(workspace, &target.package);
        command.args(["--package", package, "--bench", &target.name]);
        // A feature requested by name should not have to be requested twice.
        for feature in &target.required_features {
            command.arg(format!("--features={}/{feature}", target.package));
        }
    }
    add_flags(&mut command, &options.flags);
    command
}

/// Flags in the environment override those in cargo's configuration, so append ours to whichever
/// the user has set.
fn add_flags(command: &mut Command, flags: &[String]) {
    if flags.is_empty() {
        return;
    }
    if let Ok(others) = std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        let all = format!("{others}\x1f{}", flags.join("\x1f"));
        command.env("CARGO_ENCODED_RUSTFLAGS", all);
        return;
    }
    match std::env::var("RUSTFLAGS") {
        Ok(others) if !others.trim().is_empty() => {
            command.env("RUSTFLAGS", format!("{others} {}", flags.join(" ")));
        }
        Ok(_) | Err(_) => {
            let quoted: Vec<String> = flags.iter().map(|flag| format!("{flag:?}")).collect();
            let list = format!("build.rustflags=[{}]", quoted.join(","));
            command.args(["--config", &list]);
        }
    }
}
