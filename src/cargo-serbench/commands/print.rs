//! Commands that print information about the program: schema, completions, manual, and a page for
//! coding agents.

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use crate::{
    commands::Cargo,
    config::nearest,
    exit::{Exit, Usage},
    report, shell,
};

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
    let script = String::from_utf8(script).context("failed to write completions")?;
    // clap_complete 4.6 spells the dash of the program's name in two ways, so that bash finds no command.
    print(&script.replace("cargo__subcmd__serbench", "cargo__serbench"))
}

#[derive(Clone, Debug, Args)]
pub struct Man {
    /// The command to describe [default: the program]
    pub command: Option<String>,
}

/// Prints a manual page in roff.
pub fn man(args: &Man) -> Result<Exit> {
    let mut page = Vec::new();
    let mut command = serbench()?;
    if let Some(name) = &args.command {
        command.build();
        let Some(found) = command.find_subcommand(name) else {
            let names = command.get_subcommands().map(Command::get_name);
            let similar = nearest(name, names);
            let similar = similar.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
            return Err(Usage::new(format!("no command `{name}`{similar}")).into());
        };
        command = found.clone();
    }
    let manual = clap_mangen::Man::new(command);
    manual
        .render(&mut page)
        .context("failed to write the manual page")?;
    print(&String::from_utf8(page).context("failed to write the manual page")?)
}

fn serbench() -> Result<Command> {
    let cargo = Cargo::command();
    let serbench = cargo.find_subcommand("serbench").cloned();
    let serbench = serbench.context("failed to find the command `serbench`")?;
    Ok(serbench.name("cargo-serbench").bin_name("cargo serbench"))
}

fn print(text: &str) -> Result<Exit> {
    shell::print(text)?;
    Ok(Exit::Passed)
}
