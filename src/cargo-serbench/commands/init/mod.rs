//! `cargo serbench init`: a CI workflow, and a first bench where a package has none. Never overwrites
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

const WORKFLOW: &str = include_str!("serbench.yml");

/// The first bench of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// One divan benchmark without arrays or encoders
    Plain,
    /// Two encoders of arrays, one divided by the other, checked before they are timed
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
    /// The bench to write where the package has none
    #[arg(long, value_enum)]
    pub template: Option<Template>,

    /// Print what would change, and change nothing
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
    let package = package(&workspace)?;
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest is in a folder")?;
    let folder = folder.as_std_path();
    let has_benches = has_divan_benches(package, &workspace, args.template);
    if has_benches && args.template.is_some() {
        return Err(Usage::new(format!(
            "`{}` has divan benches already, which are measured as they are; leave --template out",
            package.name
        ))
        .into());
    }
    let mut changes = Vec::new();
    if !has_benches {
        let template = template(args, package)?;
        let edit = Edit {
            template: template.name(),
            encoders: template == Template::ArrayEncoder,
            serbench: args.serbench_path.as_deref(),
        };
        // The bench first: a manifest that names a missing one is invalid.
        let bench = folder
            .join("benches")
            .join(template.name())
            .with_extension("rs");
        changes.push(Change::new(bench, template.text().to_owned()));
        let manifest = package.manifest_path.as_std_path();
        let inherited = manifest::inherited(&workspace.root.join("Cargo.toml"));
        changes.push(Change::edit(manifest, |old| edit.apply(old, &inherited))?);
    }
    let workflow = workspace.root.join(".github/workflows/serbench.yml");
    changes.push(Change::new(workflow, workflow_for(&workspace, package)));
    for change in &changes {
        match args.dry_run {
            true => shell::print(&change.diff()?)?,
            false => change.make()?,
        }
    }
    if !args.dry_run {
        next(&workspace, package, has_benches);
    }
    Ok(Exit::Passed)
}

/// The package that the user means: the selected one, the one they are in, or the only one with benches.
fn package(workspace: &Workspace) -> Result<&Package> {
    let members = workspace.metadata.workspace_packages();
    let selected: Vec<&&Package> = members
        .iter()
        .filter(|package| workspace.packages.contains(&package.name.to_string()))
        .collect();
    if let [package] = selected.as_slice() {
        return Ok(package);
    }
    let root = workspace.metadata.root_package();
    if let Some(package) = root.filter(|root| workspace.packages.contains(&root.name.to_string())) {
        return Ok(package);
    }
    let with_benches: Vec<&&&Package> = selected
        .iter()
        .filter(|package| has_divan_benches(package, workspace, None))
        .collect();
    if let [package] = with_benches.as_slice() {
        return Ok(package);
    }
    let names: Vec<&str> = members
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    Err(Usage::new(format!(
        "choose a package with `-p NAME`: {}",
        names.join(", ")
    ))
    .into())
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

/// The template that was chosen, or that the user chooses now.
fn template(args: &Init, package: &Package) -> Result<Template> {
    if let Some(template) = args.template {
        return Ok(template);
    }
    let name = &package.name;
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || shell::is_quiet() {
        return Err(Usage::new(format!(
            "`{name}` has no divan benches; choose what to begin with: --template plain, or \
             --template array-encoder for encoders of arrays"
        ))
        .into());
    }
    shell::hint(format_args!(
        "`{name}` has no divan benches. Begin with 1: a plain benchmark, or 2: encoders of arrays? [1]"
    ));
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .context("read the answer")?;
    match answer.trim() {
        "" | "1" | "plain" => Ok(Template::Plain),
        "2" | "array-encoder" => Ok(Template::ArrayEncoder),
        other => bail!("answer 1 or 2, not `{other}`"),
    }
}

/// The workflow, for the package's benches where there are other packages.
fn workflow_for(workspace: &Workspace, package: &Package) -> String {
    let selection = match workspace.metadata.workspace_packages().len() {
        1 => String::new(),
        _ => format!(" -p {}", package.name),
    };
    WORKFLOW.replace("$SELECTION", &selection)
}

fn next(workspace: &Workspace, package: &Package, had_benches: bool) {
    let selection = match workspace.metadata.root_package() {
        Some(root) if root.id == package.id => String::new(),
        _ => format!(" -p {}", package.name),
    };
    let next = match had_benches {
        true => format!("try the gate: `cargo serbench gate{selection} --baseline HEAD`"),
        false => format!(
            "measure it: `cargo serbench{selection}`; then commit, and put your own code in the bench"
        ),
    };
    shell::hint(next);
}

/// A file as it is and as it should be.
struct Change {
    path: PathBuf,
    /// `None` for a file that is to be new.
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
        let old = fs::read_to_string(path).with_context(|| format!("read {file}"))?;
        let new = edit(&old).with_context(|| format!("edit {file}"))?;
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
                Err(error) => return Err(error).with_context(|| format!("write {file}")),
            }
            return Ok(());
        };
        if *old == self.new {
            shell::status("Kept", file);
            return Ok(());
        }
        atomic::write(&self.path, self.new.as_bytes())
            .with_context(|| format!("write {file}; the old one is as it was"))?;
        shell::status("Edited", file);
        Ok(())
    }

    /// What [`Self::make`] would change, as a unified diff.
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
