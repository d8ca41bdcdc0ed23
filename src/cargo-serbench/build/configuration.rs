//! Where cargo's configuration lies.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Cargo's home folder; `None` without a home folder of the user.
pub fn cargo_home() -> Option<PathBuf> {
    let set = env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// The places where cargo looks for configuration when it runs in `here`, whether or not there is a file.
pub fn configuration_files(here: &Path) -> impl Iterator<Item = PathBuf> {
    let above = here.ancestors().map(|folder| folder.join(".cargo"));
    let folders = above.chain(cargo_home());
    folders.flat_map(|folder| [folder.join("config.toml"), folder.join("config")])
}

/// Whether one of the words is in a configuration file of cargo's.
pub fn is_configured(words: &[&str]) -> bool {
    let names = |text: &str| words.iter().any(|word| text.contains(word));
    let here = env::current_dir().unwrap_or_default();
    configuration_files(&here).any(|file| fs::read_to_string(file).is_ok_and(|text| names(&text)))
}
