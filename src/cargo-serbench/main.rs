//! `cargo serbench`: a performance gate for divan benchmarks. Parses the command line and dispatches.
//!
//! A measurement passes through the stages in the order of the modules below.

#[cfg(not(unix))]
compile_error!("cargo-serbench needs a Unix: benchmarks are timed by clocks that Windows lacks");

mod build;
mod cli;
mod commands;
mod compare;
mod config;
mod decide;
mod discover;
mod divan;
mod interrupt;
mod measure;
mod process;
mod record;
mod report;
mod run;
mod select;
mod session;
mod shell;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cargo, Command, Serbench};

fn main() -> ExitCode {
    let Cargo::Serbench(Serbench {
        command,
        baseline,
        measure,
    }) = Cargo::parse_from(command_line());
    let done = match command {
        None => commands::run::serbench(&measure, baseline.as_deref()),
        Some(Command::Gate(args)) => commands::gate::gate(&args),
        Some(Command::Compare(args)) => commands::compare::compare(&args),
        Some(Command::List(measure)) => commands::list::list(&measure),
        Some(Command::Report(args)) => commands::report::report_again(&args.run, &args.settings),
        Some(Command::Config(args)) => commands::config::config(&args),
        Some(Command::Show(args)) => commands::show::show(&args),
        Some(Command::History(args)) => commands::history::history(&args),
        Some(Command::Accept(args)) => commands::accept::accept(&args),
        Some(Command::Merge(args)) => commands::merge::merge(&args),
        Some(Command::Init(args)) => commands::init::init(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // What an interrupt broke is not what went wrong.
            let error = interrupt::check().err().unwrap_or(error);
            shell::error(format_args!("{error:#}"));
            ExitCode::from(101)
        }
    }
}

/// The arguments with cargo's `serbench` put back where the program was called by itself.
fn command_line() -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_none_or(|first| first != "serbench") {
        arguments.insert(1, "serbench".into());
    }
    arguments
}
