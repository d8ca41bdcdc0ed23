//! `cargo serbench accept`: writes an intended change into `baselines/accepted.toml`, for review.

use anyhow::Result;
use clap::Args;

use crate::{
    cli,
    commands::records::{self, Place},
    exit::Exit,
    record::accepted::{self, Entry},
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Accept {
    /// Ids of benchmarks, or globs: `json::serde_json::*`
    #[arg(value_name = "ID", required = true)]
    pub benchmarks: Vec<String>,

    /// Why the change is intended
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// The largest change to accept, 1.06 for 6 % slower [default: any]
    #[arg(long, value_name = "RATIO")]
    pub change: Option<f64>,

    #[command(flatten)]
    pub place: cli::Place,
}

/// `cargo serbench accept`.
pub fn accept(args: &Accept) -> Result<Exit> {
    let Place { store, repo } = records::open(&args.place)?;
    let head = records::head(repo.as_ref())?;
    let mut benchmarks = args.benchmarks.clone();
    benchmarks.sort();
    benchmarks.dedup();
    let entry = Entry {
        benchmarks,
        reason: args.reason.clone(),
        commit: head.sha.clone(),
        change: args.change,
    };
    let known = records::ids(&records::index(&store)?);
    for pattern in &entry.benchmarks {
        if !known.is_empty() && !known.iter().any(|id| accepted::matches(pattern, id)) {
            shell::warning(format_args!(
                "`{pattern}` is no benchmark of any record; `cargo serbench list` shows them all"
            ));
        }
    }
    let path = store.baselines.join(accepted::FILE);
    let what = entry.benchmarks.join(", ");
    store.edit(&path, |text| accepted::add(text, &path, entry))?;
    shell::status(
        "Accepted",
        format_args!("{what}, on top of {} ({})", head.short(), head.subject),
    );
    shell::hint(format_args!(
        "commit {} together with the change",
        shell::shown(&path).display()
    ));
    Ok(Exit::Passed)
}
