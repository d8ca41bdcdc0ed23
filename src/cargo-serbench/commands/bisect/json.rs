//! The result of a bisection as JSON.

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    answer::{AgainstParent, CommitInfo, Ending, Named, Outcome},
    log::{self, Confirmed, Entry},
};
use crate::{discover::git::Commit, exit::Exit};

/// The version of the format. Increased when a field is removed, renamed or changes its meaning.
const SCHEMA: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    outcome: &'static str,
    /// Full hashes.
    good: &'a str,
    bad: &'a str,
    benchmark: Option<&'a str>,
    /// BAD / GOOD; 1.05 is 5 % slower.
    change: Option<Ratio>,
    culprit: Option<Culprit<'a>>,
    /// Possible culprits, where measurements can't separate them.
    range: Vec<Member<'a>>,
    reason: Option<&'a str>,
    steps: Vec<Line<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct Culprit<'a> {
    commit: &'a CommitInfo,
    parent: &'a str,
    /// The culprit / its parent.
    change: Option<Ratio>,
    confirmation: AgainstParent,
    reason: &'a str,
    /// The kind of change, if known.
    signature: Option<&'a str>,
    /// The figures that it is based on.
    evidence: Option<&'a str>,
    /// The functions with the most additional instructions, with source lines if known.
    functions: &'a [String],
}

impl<'a> From<&'a Named> for Culprit<'a> {
    fn from(named: &'a Named) -> Self {
        let why = named.why.as_ref();
        Self {
            commit: &named.commit,
            parent: &named.parent,
            change: named.change.map(Ratio::from),
            confirmation: named.confirmation,
            reason: &named.reason,
            signature: why.map(|why| why.signature),
            evidence: why.map(|why| why.evidence.as_str()),
            functions: why.map_or(&[], |why| &why.functions),
        }
    }
}

#[derive(Serialize)]
struct Member<'a> {
    commit: &'a CommitInfo,
    reason: &'a str,
}

/// A ratio with its 95 % interval.
#[derive(Clone, Copy, Serialize)]
struct Ratio {
    ratio: f64,
    lower: Option<f64>,
    upper: Option<f64>,
}

impl From<[f64; 3]> for Ratio {
    fn from([ratio, lower, upper]: [f64; 3]) -> Self {
        let finite = |bound: f64| bound.is_finite().then_some(bound);
        Self {
            ratio,
            lower: finite(lower),
            upper: finite(upper),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    commit: &'a str,
    answer: &'static str,
    measured: bool,
    reason: &'a str,
    change: Option<Ratio>,
}

/// The result as JSON, with every step.
pub fn json(
    ending: &Ending,
    good: &Commit,
    bad: &Commit,
    (confirmed, entries): (Option<&Confirmed>, &[Entry]),
) -> Result<String> {
    let first = confirmed.map(|confirmed| &confirmed.bad);
    let steps = first.into_iter().chain(entries).map(|entry| Line {
        commit: &entry.commit,
        answer: log::word(entry.answer),
        measured: entry.measured,
        reason: &entry.reason,
        change: entry.change.map(Ratio::from),
    });
    let mut document = Document {
        schema: SCHEMA,
        outcome: "",
        good: &good.sha,
        bad: &bad.sha,
        benchmark: ending.id.as_deref(),
        change: ending.total.map(Ratio::from),
        culprit: None,
        range: Vec::new(),
        reason: None,
        steps: steps.collect(),
        exit_code: ending.exit.code(),
    };
    document.outcome = match &ending.answer {
        Outcome::Nothing(words) => {
            document.reason = Some(words);
            match ending.exit {
                Exit::Passed => "nothing-to-find",
                Exit::Inconclusive => "inconclusive",
                Exit::CouldNotMeasure | Exit::Usage | Exit::Regressed | Exit::Interrupted => {
                    "could-not-measure"
                }
            }
        }
        Outcome::Culprit(named) => {
            document.culprit = Some(Culprit::from(&**named));
            "found"
        }
        Outcome::Range(commits) => {
            let members = commits.iter();
            document.range = members
                .map(|(commit, reason)| Member { commit, reason })
                .collect();
            "range"
        }
    };
    Ok(serde_json::to_string_pretty(&document).context("failed to write JSON")? + "\n")
}
