//! `cargo serbench cache-key`: names the state of target/serbench/cache for a CI system's cache.

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    commands::{gate::Gate, output, revision},
    exit::Exit,
    session, shell,
};

#[derive(Clone, Debug, Args)]
pub struct CacheKey {
    #[command(flatten)]
    pub gate: Gate,
}

pub fn cache_key(args: &CacheKey) -> Result<Exit> {
    let Gate {
        baseline,
        exact,
        measure,
        ..
    } = &args.gate;
    measure.output.voice.apply();
    let session = session::open(measure.request())?;
    let (baseline, _) = session.baseline(baseline.as_deref(), *exact)?;
    let frame = revision::frame(&session, &baseline)
        .with_context(|| format!("no key for commit {}", baseline.short()))?;
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    // The baseline's tree comes last, so that caches of other baselines match by prefix, because they have
    // useful builds; those of other toolchains or flags have none.
    let (frame, tree) = (&frame[..16], &baseline.tree[..16]);
    let prefix = format!("serbench-{os}-{arch}-{frame}-");
    shell::print(&format!("{prefix}{tree}\n"))?;
    if measure.output.format.iter().any(|it| it.is_for_github()) {
        output::append(
            "GITHUB_OUTPUT",
            &format!("key={prefix}{tree}\nprefix={prefix}\n"),
        )?;
    }
    Ok(Exit::Passed)
}
