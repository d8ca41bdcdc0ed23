//! `cargo serbench clean`: removes build artifacts, but keeps stored runs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    build::cache, cli::Place, discover::workspace, exit::Exit, session, shell, values::bytes::Bytes,
};

#[derive(Clone, Debug, Args)]
pub struct Clean {
    /// Print what would be removed without removing it
    #[arg(long, short = 'n')]
    pub dry_run: bool,

    #[command(flatten)]
    pub place: Place,
}

/// Folders under `target/serbench` that every run can make again.
const FOLDERS: [&str; 6] = ["build", "cache", "divan", "source", "arm-a", "arm-b"];

pub fn clean(args: &Clean) -> Result<Exit> {
    args.place.voice.apply();
    let workspace = workspace::without_dependencies(args.place.manifest.manifest_path.clone())?;
    let scratch = workspace.scratch();
    // Locked until everything is removed, so that no run sees a partly removed folder.
    let _lock = match scratch.exists() {
        true => Some(session::try_lock(&scratch)?),
        false => None,
    };
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|name| scratch.join(name)).collect();
    folders.extend(session::sources_at_home(&workspace.root));
    let mut total = 0;
    for folder in folders.iter().filter(|folder| folder.exists()) {
        let size = cache::size(folder);
        total += size;
        let shown = shell::shown(folder).display();
        if args.dry_run {
            shell::status("Would remove", format_args!("{shown} ({})", Bytes(size)));
        } else {
            std::fs::remove_dir_all(folder).with_context(|| format!("failed to remove {shown}"))?;
            shell::status("Removed", format_args!("{shown} ({})", Bytes(size)));
        }
    }
    let verb = if args.dry_run { "would free" } else { "freed" };
    shell::print(&format!("{verb} {}\n", Bytes(total)))?;
    Ok(Exit::Passed)
}
