//! `cargo serbench accept`: records an intended change in a file in `baselines/accepted`, for review.

use anyhow::Result;
use clap::Args;

use crate::{
    cli,
    commands::records::{self, Place},
    exit::Exit,
    record::accepted::{self, Entry},
    shell,
    values::quantities::Percent,
};

#[derive(Clone, Debug, Args)]
pub struct Accept {
    /// Ids of benchmarks, or globs: `json::serde_json::**`
    #[arg(value_name = "ID", required = true)]
    pub benchmarks: Vec<String>,

    /// Why the change is intended
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// Accept slowdowns up to this, such as 6% [default: any]
    #[arg(long, value_name = "PERCENT", value_parser = Percent::above_zero)]
    pub up_to: Option<Percent>,

    /// The same as a ratio, 1.06
    #[arg(long, value_name = "RATIO", hide = true, conflicts_with = "up_to")]
    pub change: Option<f64>,

    /// Accept the removal of the benchmarks instead of a change
    #[arg(long, conflicts_with_all = ["up_to", "change"])]
    pub removed: bool,

    #[command(flatten)]
    pub place: cli::Place,
}

/// `cargo serbench accept`.
pub fn accept(args: &Accept) -> Result<Exit> {
    let Place { store, repo, .. } = records::open(&args.place)?;
    let head = records::head(repo.as_ref())?;
    let mut benchmarks = args.benchmarks.clone();
    benchmarks.sort();
    benchmarks.dedup();
    let entry = Entry {
        benchmarks,
        // Folded to one line, so that a diff shows all of it.
        reason: args.reason.split_whitespace().collect::<Vec<_>>().join(" "),
        commit: head.sha.clone(),
        up_to: args.up_to,
        change: args.change,
        removed: args.removed,
    };
    let known = records::ids(&records::index(&store)?);
    for pattern in &entry.benchmarks {
        let matches = |pattern: &str| known.iter().any(|id| accepted::matches(pattern, id));
        if !known.is_empty() && !matches(pattern) {
            let wider = format!("{pattern}*");
            let hint = match pattern.ends_with("::*") && matches(&wider) {
                true => format!("`*` stays within a segment, did you mean `{wider}`?"),
                false => "`cargo serbench list` shows all".to_owned(),
            };
            shell::warning(format_args!(
                "no recorded benchmark matches `{pattern}`; {hint}"
            ));
        }
    }
    let what = entry.benchmarks.join(", ");
    let (file, text) = entry.file()?;
    let path = store.baselines.join(file);
    store.write(&path, &text)?;
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
