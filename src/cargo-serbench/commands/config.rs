//! `cargo serbench config`: prints the effective configuration, and where each value comes from.

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    cli::{Keys, Project, Voice},
    escape,
    exit::Exit,
    session, shell,
};

#[derive(Clone, Debug, Args)]
pub struct Config {
    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub keys: Keys,

    /// Output format
    #[arg(long, value_enum, default_value = "toml")]
    pub format: Format,

    #[command(flatten)]
    pub voice: Voice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// As in a Cargo.toml
    #[value(alias = "terminal")]
    Toml,
    /// Value and origin of each key
    Json,
}

pub fn config(args: &Config) -> Result<Exit> {
    args.voice.apply();
    let effective = session::configuration(&args.project.choice(), &args.keys.flags())?;
    shell::print(&escape::json(&match args.format {
        Format::Toml => effective.to_toml(),
        Format::Json => format!("{:#}\n", effective.to_json()),
    }))?;
    Ok(Exit::Passed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{Args, FromArgMatches};

    use super::Config;
    use crate::{exit::Exit, session};

    /// A workspace of packages, each with a table (or none) and an empty library.
    fn workspace(root: &str, packages: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let members: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        let manifest = format!("[workspace]\nmembers = {members:?}\nresolver = \"3\"\n{root}");
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        for (name, table) in packages {
            let sources = folder.path().join(name).join("src");
            fs::create_dir_all(&sources).unwrap();
            fs::write(sources.join("lib.rs"), "").unwrap();
            let manifest = format!("[package]\nname = {name:?}\nedition = \"2024\"\n{table}");
            fs::write(folder.path().join(name).join("Cargo.toml"), manifest).unwrap();
        }
        folder
    }

    /// The line that shows `threshold`, or the error.
    fn threshold(folder: &tempfile::TempDir, flags: &str) -> String {
        let manifest = folder.path().join("Cargo.toml");
        let words = ["config", "--manifest-path"].map(str::to_owned);
        let words = words
            .into_iter()
            .chain([manifest.display().to_string()])
            .chain(flags.split_whitespace().map(str::to_owned));
        let command = Config::augment_args(clap::Command::new("config"));
        let args = Config::from_arg_matches(&command.get_matches_from(words)).unwrap();
        let Config { project, keys, .. } = args;
        let shown = session::configuration(&project.choice(), &keys.flags());
        match shown.map(|it| it.to_toml()) {
            Ok(text) => {
                let line = text.lines().find(|line| line.starts_with("threshold"));
                line.unwrap_or_default().to_owned()
            }
            Err(error) => format!("exit code {}: {error:#}", Exit::of(&error).code()),
        }
    }

    const ONE: &str = "[package.metadata.serbench]\nthreshold = 0.01\n";
    const TWO: &str = "[package.metadata.serbench]\nthreshold = 0.02\n";

    #[test]
    fn the_table_of_the_selected_package_counts() {
        let packages = [("a", ONE), ("b", TWO), ("c", "")];
        let folder = workspace(
            "[workspace.metadata.serbench]\nthreshold = 0.5\n",
            &packages,
        );
        insta::assert_snapshot!(threshold(&folder, "-p a"), @r#"threshold = "1%"                # a/Cargo.toml:5"#);
        insta::assert_snapshot!(threshold(&folder, "-p b"), @r#"threshold = "2%"                # b/Cargo.toml:5"#);
        insta::assert_snapshot!(threshold(&folder, "-p c"), @r#"threshold = "50%"               # Cargo.toml:5"#);
        insta::assert_snapshot!(threshold(&folder, "-p b -p c"), @r#"threshold = "2%"                # b/Cargo.toml:5"#);
        insta::assert_snapshot!(threshold(&folder, "-p b --threshold 7%"), @r#"threshold = "7%"                # --threshold"#);
        insta::assert_snapshot!(threshold(&folder, "-p d"), @"exit code 2: no package named `d` in this workspace; available: a, b, c");
        insta::assert_snapshot!(threshold(&folder, ""), @"exit code 101: the packages a and b are both selected and have a [package.metadata.serbench] each; choose one with --package, or move what both share to [workspace.metadata.serbench]");
    }

    #[test]
    fn the_file_with_the_error_is_named() {
        let wrong = "\n[package.metadata.serbench]\nthreshold = 2\n";
        let folder = workspace(
            "[workspace.metadata.serbench]\nstrct = true\n",
            &[("a", wrong)],
        );
        insta::assert_snapshot!(threshold(&folder, ""), @"
        exit code 101: Cargo.toml:5: unknown key `strct`; did you mean `strict`?
        a/Cargo.toml:6: `threshold = 2`: did you mean 2%, or really 200%?
        ");
    }
}
