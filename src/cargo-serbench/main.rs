//! `cargo serbench`: a performance gate for divan benchmarks. Parses the command line and dispatches.
//!
//! A measurement passes through the stages in this order: discover, build, process, divan, select,
//! verify, compare, decide, measure, explain, record, report. `tests/cli/layers.rs` has the whole list;
//! no stage imports from a later one.

#[cfg(not(unix))]
compile_error!(
    "cargo-serbench supports Unix only: it times benchmarks with clocks that Windows lacks"
);

mod atomic;
mod build;
mod calibrate;
mod cli;
mod commands;
mod compare;
mod config;
mod decide;
mod discover;
mod divan;
mod escape;
mod exit;
mod explain;
mod interrupt;
mod layout;
mod measure;
mod process;
mod record;
mod report;
mod run;
mod select;
mod session;
mod shell;
mod values;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use commands::Cargo;
use exit::Exit;

/// The command line parser, with a short `-h`.
fn command() -> clap::Command {
    Cargo::command().mut_subcommand("serbench", cli::with_short_help)
}

fn main() -> ExitCode {
    if let Some(code) = build::wrapper::run().or_else(build::linker::run) {
        return code;
    }
    interrupt::survive_file_limit();
    let matches = command().get_matches_from(command_line());
    let parsed = Cargo::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let Cargo::Serbench(serbench) = parsed;
    let exit = serbench.execute().unwrap_or_else(|error| {
        // An error caused by an interrupt is reported as the interrupt.
        let (exit, error) = match interrupt::check() {
            Err(interrupted) => (Exit::Interrupted, interrupted),
            Ok(()) => (Exit::of(&error), error),
        };
        shell::error(format_args!("{error:#}"));
        exit
    });
    exit.into()
}

/// The arguments, with cargo's `serbench` inserted if the program was called directly.
fn command_line() -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_none_or(|first| first != "serbench") {
        arguments.insert(1, "serbench".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }

    #[test]
    fn help() {
        let mut command = super::command().term_width(100);
        command.build();
        let serbench = command.find_subcommand("serbench").unwrap();
        let named = |name: &str, mut command: clap::Command| {
            let short = command.render_help().to_string();
            insta::assert_snapshot!(format!("help_{name}_short"), short);
            insta::assert_snapshot!(
                format!("help_{name}"),
                command.render_long_help().to_string()
            );
        };
        named("serbench", serbench.clone());
        for command in serbench.get_subcommands() {
            named(command.get_name(), command.clone());
        }
    }

    /// The headings of all commands' help, from what is done to how it is shown.
    const HEADINGS: [&str; 11] = [
        "Arguments",
        "Options",
        "Benchmark selection",
        "Benchmark selection in suites of encoders",
        "Build",
        "Measuring",
        "Configuration (as in [package.metadata.serbench])",
        "Explaining",
        "Change points",
        "Output",
        "Trials",
    ];

    #[test]
    fn headings_have_one_order() {
        let mut command = super::command().term_width(100);
        command.build();
        let serbench = command.find_subcommand("serbench").unwrap();
        for command in serbench.get_subcommands().chain([serbench]) {
            for help in [
                command.clone().render_help(),
                command.clone().render_long_help(),
            ] {
                let help = help.to_string();
                let lines = help.lines().filter(|line| !line.starts_with(' '));
                let headings = lines.filter_map(|line| line.strip_suffix(':'));
                let known = |it: &&str| !["Commands", "Examples", "Exit codes"].contains(it);
                let headings: Vec<&str> = headings.filter(known).collect();
                let ordered = HEADINGS.iter().filter(|it| headings.contains(it));
                let ordered: Vec<&str> = ordered.copied().collect();
                assert_eq!(headings, ordered, "{}", command.get_name());
            }
        }
    }
}
