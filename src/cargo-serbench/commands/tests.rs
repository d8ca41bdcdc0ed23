//! Tests that the command line is valid, and what `-h` and `--help` print.

use super::command;

#[test]
fn the_command_line_is_valid() {
    command().debug_assert();
}

#[test]
fn help() {
    let mut command = command().term_width(100);
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
const HEADINGS: [&str; 12] = [
    "Arguments",
    "Options",
    "Benchmark selection",
    "Benchmark selection in suites of encoders",
    "Change points",
    "Package selection",
    "Build",
    "Measuring",
    "Configuration (as in [package.metadata.serbench])",
    "Explaining",
    "Output",
    "Trials",
];

#[test]
fn headings_have_the_same_order() {
    let mut command = command().term_width(100);
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
