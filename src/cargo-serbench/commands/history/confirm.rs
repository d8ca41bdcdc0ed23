//! `cargo serbench history --confirm`: builds and measures the two commits of a change point as a pair.

use anyhow::{Context, Result, bail};

use super::{Format, History, change_points::Found};
use crate::{
    cli::{Build, Effort, Explaining, Keys, Measure, Output, Plan, Project, Select},
    commands::{
        pair::{self, Trial},
        revision,
    },
    discover::git,
    exit::Exit,
    report,
    run::Side,
    session, shell,
};

/// A change point and the benchmarks that have it.
pub struct Chosen {
    previous: String,
    commit: String,
    ids: Vec<String>,
}

/// The change points at the commit whose hash starts with `asked`, or the newest. `found` may be in any
/// order; `order` has full hashes, oldest first.
pub fn choose(found: &[Found<'_>], order: &[String], asked: &str) -> Result<Chosen> {
    let place = |found: &&Found<'_>| order.iter().position(|sha| sha == found.commit);
    let first = match asked {
        "" => found.iter().max_by_key(place),
        prefix => found.iter().find(|it| it.commit.starts_with(prefix)),
    };
    let Some(first) = first else {
        let way_out =
            "`cargo serbench history` lists change points, and --min-change 0% smaller ones";
        match asked {
            "" => bail!("no change point to confirm; {way_out}"),
            _ => bail!("no change point at `{asked}`; {way_out}"),
        }
    };
    let same = found
        .iter()
        .filter(|it| (it.commit, it.previous) == (first.commit, first.previous));
    let mut ids: Vec<String> = same.map(|it| it.id.to_owned()).collect();
    ids.sort();
    ids.dedup();
    Ok(Chosen {
        previous: first.previous.to_owned(),
        commit: first.commit.to_owned(),
        ids,
    })
}

/// Measures the pair and prints the verdict.
pub fn confirm(args: &History, chosen: &Chosen) -> Result<Exit> {
    let Chosen {
        previous,
        commit,
        ids,
    } = chosen;
    let measure = measure(args, ids)?;
    let mut session = session::open(measure.request())?;
    let repo = session.repository()?;
    let [before, after] = [repo.resolve(previous)?, repo.resolve(commit)?];
    let between = repo.range(&before, &after, false)?.commits.len();
    shell::status(
        "Confirming",
        format_args!(
            "{} against {}, {}",
            git::short(commit),
            git::short(previous),
            shell::count(ids.len(), "benchmark")
        ),
    );
    if between > 1 {
        shell::hint(format_args!(
            "{between} commits are between these records; find the right one with `cargo serbench bisect \
             {} {}`",
            before.short(),
            after.short()
        ));
    }
    session.hold_to(&before)?;
    let candidate = revision::commit(&session, &after, Side::Candidate)?;
    pair::gate(
        &session,
        Trial::default(),
        &before,
        &candidate,
        &measure.output,
    )
}

/// The options for comparing these benchmarks.
fn measure(args: &History, ids: &[String]) -> Result<Measure> {
    let name = match args.format {
        Format::Terminal => "terminal",
        Format::Markdown => "markdown",
        Format::Json => "json",
        Format::Csv => "csv",
        Format::Html => "html",
    };
    let format = report::Format::of(name).context("reports have all formats of history")?;
    let plan = Plan {
        select: Select {
            filters: ids
                .iter()
                .map(|id| format!("^{}$", regex_lite::escape(id)))
                .collect(),
            ..Select::default()
        },
        project: Project {
            manifest: args.records.place.manifest.clone(),
            packages: clap_cargo::Workspace::default(),
        },
        build: Build::default(),
        effort: Effort {
            quick: false,
            seed: None,
            timeout: 300,
        },
        keys: Keys::default(),
    };
    Ok(Measure {
        plan,
        explaining: Explaining {
            no_explain: true,
            ..Default::default()
        },
        output: Output {
            format: vec![format],
            output: None,
            voice: args.records.place.voice,
        },
    })
}
