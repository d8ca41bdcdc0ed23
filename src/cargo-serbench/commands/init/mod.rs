//! `cargo serbench init`: writes CI workflows, and a first bench if a package has none. Never overwrites
//! files.

mod manifest;

use std::{
    fs,
    io::{BufRead, ErrorKind, IsTerminal},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use cargo_metadata::Package;
use clap::{Args, ValueEnum};
use similar::TextDiff;

use self::manifest::Edit;
use crate::{
    atomic, cli,
    discover::{Workspace, workspace},
    exit::{Exit, Usage},
    shell,
};

/// The gate, which runs the change's code without write permission.
const GATE: &str = include_str!("serbench.yml");

/// The publisher of its verdict, which has write permission and runs only code of the default branch.
const PUBLISHER: &str = include_str!("publish.yml");

/// The first bench of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// One divan benchmark without arrays or encoders
    Plain,
    /// Two array encoders, one the reference of the other, checked before timing
    ArrayEncoder,
}

impl Template {
    /// The bench target, which is also its suite.
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "first",
            Self::ArrayEncoder => "arrays",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Plain => include_str!("first.rs"),
            Self::ArrayEncoder => include_str!("arrays.rs"),
        }
    }
}

#[derive(Clone, Debug, Args)]
pub struct Init {
    /// Which bench to write if the package has none
    #[arg(long, value_enum)]
    pub template: Option<Template>,

    /// Print what would change without changing it
    #[arg(long)]
    pub dry_run: bool,

    /// Depend on serbench in this folder instead of the one on crates.io
    #[arg(long, value_name = "FOLDER")]
    pub serbench_path: Option<PathBuf>,

    #[command(flatten)]
    pub project: cli::Project,

    #[command(flatten)]
    pub voice: cli::Voice,
}

pub fn init(args: &Init) -> Result<Exit> {
    args.voice.apply();
    let workspace = workspace::members(&args.project.choice())?;
    let everywhere = workspace::members(&args.project.everywhere())?;
    let with_benches = with_benches(args, &workspace, &everywhere);
    let mut changes = Vec::new();
    let packages = if with_benches.is_empty() {
        let package = package(&workspace)?;
        changes = first_bench(args, package, &workspace)?;
        vec![package]
    } else {
        with_benches
    };
    let has_benches = changes.is_empty();
    let workflows = workspace.root.join(".github/workflows");
    changes.push(Change::new(
        workflows.join("serbench.yml"),
        gate_for(&workspace, &packages),
    ));
    changes.push(Change::new(
        workflows.join("serbench-publish.yml"),
        PUBLISHER.to_owned(),
    ));
    for change in &changes {
        match args.dry_run {
            true => shell::print(&change.diff()?)?,
            false => change.make()?,
        }
    }
    if !args.dry_run {
        next(&workspace, &packages, has_benches);
    }
    Ok(Exit::Passed)
}

/// The packages that already have divan benches: the selected ones, otherwise all, unless packages were
/// requested by name. None if a template requests a new bench.
fn with_benches<'a>(
    args: &Init,
    selected: &'a Workspace,
    everywhere: &'a Workspace,
) -> Vec<&'a Package> {
    if args.template.is_some() {
        return Vec::new();
    }
    let of = |workspace: &'a Workspace| {
        let chosen = chosen(workspace).into_iter();
        let having = chosen.filter(|package| has_divan_benches(package, workspace, None));
        having.collect::<Vec<_>>()
    };
    let having = of(selected);
    match having.is_empty() && args.project.packages.package.is_empty() {
        true => of(everywhere),
        false => having,
    }
}

/// The packages that the user selected.
fn chosen(workspace: &Workspace) -> Vec<&Package> {
    let members = workspace.metadata.workspace_packages().into_iter();
    let is_chosen = |package: &&Package| workspace.packages.contains(&package.name.to_string());
    members.filter(is_chosen).collect()
}

/// The package that gets a first bench: the selected one, or the one in the current folder.
fn package(workspace: &Workspace) -> Result<&Package> {
    let selected = chosen(workspace);
    if let [package] = selected.as_slice() {
        return Ok(package);
    }
    let root = workspace.metadata.root_package();
    if let Some(package) = root.filter(|root| workspace.packages.contains(&root.name.to_string())) {
        return Ok(package);
    }
    let names: Vec<&str> = selected
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    Err(Usage::new(format!(
        "no package has divan benches; choose one for a first bench with `-p NAME`: {}",
        names.join(", ")
    ))
    .into())
}

/// What a package without divan benches needs for a first one.
fn first_bench(args: &Init, package: &Package, workspace: &Workspace) -> Result<Vec<Change>> {
    if has_divan_benches(package, workspace, args.template) {
        return Err(Usage::new(format!(
            "`{}` already has divan benches, which need no changes; omit --template",
            package.name
        ))
        .into());
    }
    let template = template(args, package)?;
    let edit = Edit {
        template: template.name(),
        encoders: template == Template::ArrayEncoder,
        serbench: args.serbench_path.as_deref(),
    };
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().context("a manifest is in a folder")?;
    let bench = folder
        .join("benches")
        .join(template.name())
        .with_extension("rs");
    let inherited = manifest::inherited(&workspace.root.join("Cargo.toml"));
    // The bench first: a manifest that refers to a missing file is invalid.
    Ok(vec![
        Change::new(bench, template.text().to_owned()),
        Change::edit(manifest, |old| edit.apply(old, &inherited))?,
    ])
}

/// Whether the package has divan to run benches, and a bench target
fn has_divan_benches(package: &Package, workspace: &Workspace, own: Option<Template>) -> bool {
    let name = package.name.as_str();
    let is_other = |target: &str| own.is_none_or(|own| own.name() != target);
    let mut targets = workspace.targets.iter();
    let has_target = targets.any(|target| target.package == name && is_other(&target.name));
    let is_divan = |name: &str| name == "divan" || name == "codspeed-divan-compat";
    has_target && package.dependencies.iter().any(|it| is_divan(&it.name))
}

/// The requested template, or ask the user for one.
fn template(args: &Init, package: &Package) -> Result<Template> {
    if let Some(template) = args.template {
        return Ok(template);
    }
    let name = &package.name;
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || shell::is_quiet() {
        return Err(Usage::new(format!(
            "`{name}` has no divan benches; choose a first one: --template plain, or \
             --template array-encoder for encoders of arrays"
        ))
        .into());
    }
    shell::hint(format_args!(
        "`{name}` has no divan benches. Start with 1: a plain benchmark, or 2: array encoders? [1]"
    ));
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .context("failed to read the answer")?;
    match answer.trim() {
        "" | "1" | "plain" => Ok(Template::Plain),
        "2" | "array-encoder" => Ok(Template::ArrayEncoder),
        other => bail!("answer 1 or 2, not `{other}`"),
    }
}

/// The workflow of the gate, restricted to the packages' benches if there are other packages.
fn gate_for(workspace: &Workspace, packages: &[&Package]) -> String {
    let selection = match workspace.metadata.workspace_packages().len() {
        1 => String::new(),
        _ => selection(packages),
    };
    GATE.replace("$SELECTION", &selection)
}

/// The flags to select these packages, each preceded by a space.
fn selection(packages: &[&Package]) -> String {
    let flags = packages
        .iter()
        .map(|package| format!(" -p {}", package.name));
    flags.collect()
}

fn next(workspace: &Workspace, packages: &[&Package], had_benches: bool) {
    let selection = match (workspace.metadata.root_package(), packages) {
        (Some(root), [package]) if root.id == package.id => String::new(),
        _ => selection(packages),
    };
    let next = match had_benches {
        true => format!("try the gate: `cargo serbench gate{selection} --baseline HEAD`"),
        false => format!(
            "measure it: `cargo serbench{selection}`; then commit, and replace the example with your own code"
        ),
    };
    shell::hint(next);
    shell::hint(
        "once both workflows are on the default branch, serbench.yml gates pull requests and \
         serbench-publish.yml posts the verdict as a comment and the check `serbench`; without the \
         second, it is only in the job summary",
    );
}

/// A file's old and new content.
struct Change {
    path: PathBuf,
    /// `None` for a new file.
    old: Option<String>,
    new: String,
}

impl Change {
    fn new(path: PathBuf, new: String) -> Self {
        Self {
            path,
            old: None,
            new,
        }
    }

    fn edit(path: &Path, edit: impl FnOnce(&str) -> Result<String>) -> Result<Self> {
        let file = shell::shown(path).display();
        let old = fs::read_to_string(path).with_context(|| format!("failed to read {file}"))?;
        let new = edit(&old).with_context(|| format!("failed to edit {file}"))?;
        let path = path.to_owned();
        Ok(Self {
            path,
            old: Some(old),
            new,
        })
    }

    fn make(&self) -> Result<()> {
        let file = shell::shown(&self.path).display();
        let Some(old) = &self.old else {
            match atomic::write_new(&self.path, self.new.as_bytes()) {
                Ok(()) => shell::status("Wrote", file),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    shell::status("Kept", file)
                }
                Err(error) => return Err(error).with_context(|| format!("failed to write {file}")),
            }
            return Ok(());
        };
        if *old == self.new {
            shell::status("Kept", file);
            return Ok(());
        }
        atomic::write(&self.path, self.new.as_bytes())
            .with_context(|| format!("failed to write {file}; the old one is unchanged"))?;
        shell::status("Edited", file);
        Ok(())
    }

    /// The changes that [`Self::make`] would make, as a unified diff.
    fn diff(&self) -> Result<String> {
        let file = shell::shown(&self.path).display().to_string();
        if self.old.is_none() && self.path.exists() {
            return Ok(String::new());
        }
        let old = self.old.as_deref().unwrap_or_default();
        let before = match self.old {
            Some(_) => format!("a/{file}"),
            None => "/dev/null".to_owned(),
        };
        let diff = TextDiff::from_lines(old, &self.new);
        Ok(diff
            .unified_diff()
            .header(&before, &format!("b/{file}"))
            .to_string())
    }
}
