//! Commands that print information about the program: schema, completions, manual, and a page for
//! coding agents.

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use crate::{commands::Cargo, exit::Exit, report, shell};

#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// The shell to complete in
    pub shell: Shell,
}

/// Prints the JSON Schema of `--format json`.
pub fn schema() -> Result<Exit> {
    print(report::SCHEMA)
}

/// Prints usage notes for coding agents and other programs.
pub fn agents() -> Result<Exit> {
    print(include_str!("agents.md"))
}

/// Prints a completion script for `cargo-serbench`, the name that shells can complete.
pub fn completions(args: &Completions) -> Result<Exit> {
    let mut command = serbench()?;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "cargo-serbench", &mut script);
    print(&String::from_utf8(script).context("write completions")?)
}

/// Prints a manual page in roff.
pub fn man() -> Result<Exit> {
    let mut page = Vec::new();
    let manual = clap_mangen::Man::new(serbench()?);
    manual.render(&mut page).context("write the manual page")?;
    print(&String::from_utf8(page).context("write the manual page")?)
}

fn serbench() -> Result<Command> {
    let cargo = Cargo::command();
    let serbench = cargo.find_subcommand("serbench").cloned();
    let serbench = serbench.context("find the command `serbench`")?;
    Ok(serbench.name("cargo-serbench").bin_name("cargo serbench"))
}

fn print(text: &str) -> Result<Exit> {
    shell::print(text)?;
    Ok(Exit::Passed)
}
