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

use clap::FromArgMatches;

use commands::Cargo;
use exit::Exit;

fn main() -> ExitCode {
    if let Some(code) = build::wrapper::run().or_else(build::linker::run) {
        return code;
    }
    interrupt::survive_file_limit();
    let matches = commands::command().get_matches_from(command_line());
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
