//! Whether the user chose a linker, which must not be replaced.

use std::{env, fs, process::Command, str::FromStr};

use cargo_metadata::cargo_platform::{Cfg, Platform};

use super::{configuration::configuration_files, toolchain};

const WORDS: [&str; 3] = ["linker", "link-arg", "fuse-ld"];

/// The only target whose programs can be linked again.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Whether the user chose a linker or linker flags for this machine, in the environment or in cargo's
/// configuration. If in doubt, the user's choice is kept.
pub fn is_chosen() -> bool {
    let variables = env::vars_os().any(|(name, value)| {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        (name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER"))
            || (name.ends_with("RUSTFLAGS") && has_word(&value))
            || name == "CARGO_BUILD_TARGET"
    });
    let here = env::current_dir().unwrap_or_default();
    let texts = || configuration_files(&here).filter_map(|file| fs::read_to_string(file).ok());
    variables || texts().any(|text| chooses(&text, cfgs))
}

fn has_word(text: &str) -> bool {
    WORDS.iter().any(|word| text.contains(word))
}

/// What the compiler says about the target; empty if that can't be told.
fn cfgs() -> Vec<Cfg> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = toolchain::said(Command::new(rustc).args(["--print", "cfg", "--target", TARGET]));
    let said = said.unwrap_or_default();
    said.lines()
        .filter_map(|it| Cfg::from_str(it).ok())
        .collect()
}

/// Whether the text of a configuration file chooses a linker. Tables for other targets don't count, nor
/// comments.
fn chooses(text: &str, cfgs: impl Fn() -> Vec<Cfg>) -> bool {
    if !has_word(text) && !text.contains("include") {
        return false;
    }
    let Ok(table) = toml::Table::from_str(text) else {
        return true;
    };
    table
        .iter()
        .any(|(key, value)| match (key.as_str(), value) {
            ("include", _) => true,
            ("target", toml::Value::Table(targets)) => targets
                .iter()
                .any(|(target, value)| has_word(&value.to_string()) && applies(target, &cfgs())),
            _ => has_word(&value.to_string()),
        })
}

/// Whether the key of a `[target.KEY]` may mean this machine.
fn applies(key: &str, cfgs: &[Cfg]) -> bool {
    match Platform::from_str(key) {
        Ok(platform) => cfgs.is_empty() || platform.matches(TARGET, cfgs),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::{Cfg, chooses};

    fn cfgs() -> Vec<Cfg> {
        let all = ["unix", "target_os=\"linux\"", "target_arch=\"x86_64\""];
        all.map(|it| Cfg::from_str(it).unwrap()).into()
    }

    #[test]
    fn linkers_of_other_targets_are_not_chosen_here() {
        for text in [
            "",
            "# the default linker crashes\n[alias]\nlint = 'clippy'",
            "[target.'cfg(target_os = \"windows\")']\nlinker = 'rust-lld'",
            "[target.'cfg(not(unix))']\nrustflags = ['-Clink-arg=/STACK:8000000']",
            "[target.aarch64-unknown-linux-gnu]\nlinker = 'aarch64-linux-gnu-gcc'",
            "[target.'cfg(all())']\nrustflags = ['-Ctarget-cpu=native']",
        ] {
            assert!(!chooses(text, cfgs), "{text}");
        }
    }

    #[test]
    fn if_in_doubt_the_linker_is_chosen() {
        for text in [
            "linker = [",
            "include = 'more.toml'",
            "[target.x86_64-unknown-linux-gnu]\nlinker = 'clang'",
            "[target.'cfg(target_os = \"linux\")']\nrustflags = ['-Clink-arg=-fuse-ld=mold']",
            "[target.'cfg(all(unix, not(target_arch = \"wasm32\")))']\nlinker = 'clang'",
            "[target.'cfg(un known)']\nlinker = 'clang'",
            "target = [{ linker = 'clang' }]",
            "[build]\nrustflags = ['-Clinker=clang']",
            "build.rustflags = '-Clink-args=-z,now'",
            "[env]\nRUSTFLAGS = '-Clinker-flavor=ld'",
        ] {
            assert!(chooses(text, cfgs), "{text}");
        }
        let windows = "[target.'cfg(windows)']\nlinker = 'rust-lld'";
        assert!(chooses(windows, Vec::new));
    }
}
