//! Where cargo's configuration lies.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

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

/// The wrapper of rustc that cargo's configuration for `here` names.
///
/// # Errors
/// If a file that may name one can't be understood.
pub fn rustc_wrapper(here: &Path) -> Result<Option<OsString>> {
    const KEY: &str = "rustc-wrapper";
    for file in configuration_files(here) {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        if !["include", KEY].iter().any(|word| text.contains(word)) {
            continue;
        }
        let table: toml::Table = text.parse()?;
        if table.contains_key("include") {
            bail!("{} includes other files", file.display());
        }
        let Some(wrapper) = table.get("build").and_then(|build| build.get(KEY)) else {
            continue;
        };
        let wrapper = wrapper.as_str().context("not a string")?;
        // Names of programs are looked up in PATH; paths are relative to the folder above `.cargo`.
        let parent = file.ancestors().nth(2).filter(|_| wrapper.contains('/'));
        let path = parent.unwrap_or(Path::new("")).join(wrapper);
        return Ok(Some(path.into()).filter(|_| !wrapper.is_empty()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::rustc_wrapper;

    #[test]
    fn the_nearest_wrapper_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let found = |file: &str, text: &str| {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
            rustc_wrapper(&inner)
        };
        let config = ".cargo/config.toml";
        let above = "[build]\nrustc-wrapper = \"sccache\"\n";
        let path = |path: &str| Some(Path::new(path).into());
        assert_eq!(found(config, above).unwrap(), path("sccache"));
        let beside = "build = { rustc-wrapper = 'tools/wrap' }";
        let expected = folder.path().join("a/tools/wrap");
        assert_eq!(
            found("a/.cargo/config", beside).unwrap(),
            Some(expected.into())
        );
        let none = "[build]\nrustc-wrapper = \"\"\n";
        assert_eq!(found("a/b/.cargo/config.toml", none).unwrap(), None);
        for doubtful in [
            "build.rustc-wrapper = 1",
            "rustc-wrapper",
            "include = ['more.toml']",
        ] {
            assert!(
                found("a/b/.cargo/config.toml", doubtful).is_err(),
                "{doubtful}"
            );
        }
    }
}
