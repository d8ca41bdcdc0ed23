//! The result of a bisection, as text and as JSON.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    log::{self, Confirmed, Entry},
    search::Search,
};
use crate::{
    decide::bisect::Answer,
    discover::git::{Commit, Repo},
    exit::Exit,
    explain,
    report::{cells, explained, text::visible},
    run::Run,
    select::BenchId,
};

/// A culprit, compared with its parent.
pub struct Found {
    pub culprit: usize,
    pub parent: Commit,
    pub pair: Entry,
    /// The run of both with an explanation, if there is one.
    pub explained: Option<Run>,
}

/// The result of a bisection.
pub struct Ending {
    pub exit: Exit,
    /// The benchmark that was followed.
    id: Option<String>,
    /// The ratio of BAD to GOOD with its interval.
    total: Option<[f64; 3]>,
    answer: Outcome,
}

enum Outcome {
    /// Why there was nothing to bisect.
    Nothing(String),
    Culprit(Box<Named>),
    /// Possible culprits, each with the reason why it could not be judged; the last one is bad.
    Range(Vec<(CommitInfo, String)>),
}

/// A culprit to report.
struct Named {
    commit: CommitInfo,
    parent: String,
    change: Option<[f64; 3]>,
    standing: Standing,
    reason: String,
    why: Option<Why>,
}

/// Why the culprit is slower.
struct Why {
    signature: &'static str,
    /// The figures that the signature is based on.
    sentence: String,
    /// Functions and lines.
    look_at: Vec<String>,
    /// Why something could not be determined.
    notes: Vec<String>,
}

impl Why {
    fn of(run: &Run, id: &BenchId) -> Option<Self> {
        let explanations = explain::explanations(run);
        let found = explanations.into_iter().find(|it| it.id == id)?;
        Some(Self {
            signature: found.signature.word(),
            look_at: explained::look_at(found.observed),
            notes: found.observed.notes.clone(),
            sentence: found.sentence,
        })
    }
}

/// The result of measuring the culprit against its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    Confirmed,
    /// No change on its own: several commits add up, and the sum reaches the threshold here.
    Gradual,
    Unconfirmed,
}

/// A commit, for the report.
#[derive(Clone, Debug, Serialize)]
struct CommitInfo {
    sha: String,
    author: String,
    authored: String,
    subject: String,
}

impl CommitInfo {
    fn of(commit: &Commit, repo: Option<&Repo>) -> Self {
        let author = repo.and_then(|repo| repo.author(&commit.sha));
        let (author, authored) = author.map_or_else(Default::default, |it| (it.name, it.day));
        Self {
            sha: commit.sha.clone(),
            author,
            authored,
            subject: commit.subject.clone(),
        }
    }

    /// `0123456789 2026-11-27 Ada: Check keys`.
    fn line(&self) -> String {
        let short: String = self.sha.chars().take(10).collect();
        let Self {
            author,
            authored,
            subject,
            ..
        } = self;
        visible(&format!("{short} {authored} {author}: {subject}"))
    }
}

impl Ending {
    pub fn nothing(exit: Exit, words: String) -> Self {
        Self {
            exit,
            id: None,
            total: None,
            answer: Outcome::Nothing(words),
        }
    }

    fn of(search: &Search<'_>, answer: Outcome) -> Self {
        Self {
            exit: Exit::Regressed,
            id: Some(search.confirmed.id.to_string()),
            total: search.confirmed.bad.change,
            answer,
        }
    }

    pub fn range(search: &Search<'_>, places: &[usize]) -> Self {
        let repo = search.session.repo.as_ref();
        let one = |place: &usize| {
            let commit = &search.range.commits[*place];
            let mut entries = search.log.entries.iter();
            let entry = entries.find(|entry| entry.commit == commit.sha);
            let entry = entry.unwrap_or(&search.confirmed.bad);
            (CommitInfo::of(commit, repo), entry.reason.clone())
        };
        Self::of(search, Outcome::Range(places.iter().map(one).collect()))
    }

    pub fn found(search: &Search<'_>, found: Found) -> Self {
        let Found {
            culprit,
            parent,
            pair,
            explained,
        } = found;
        let id = &search.confirmed.id;
        let commit = &search.range.commits[culprit];
        let named = Named {
            commit: CommitInfo::of(commit, search.session.repo.as_ref()),
            parent: parent.sha,
            change: pair.change,
            standing: match pair.answer {
                Answer::Bad => Standing::Confirmed,
                Answer::Good => Standing::Gradual,
                Answer::Unknown => Standing::Unconfirmed,
            },
            reason: pair.reason,
            why: explained.and_then(|run| Why::of(&run, id)),
        };
        Self::of(search, Outcome::Culprit(Box::new(named)))
    }
}

/// The result as text.
pub fn text(ending: &Ending, good: &Commit, bad: &Commit, repo: &Repo) -> String {
    let mut text = String::new();
    let id = ending.id.as_deref().unwrap_or_default();
    match &ending.answer {
        Outcome::Nothing(words) => {
            let head = match ending.exit {
                Exit::Passed => "Nothing to find",
                Exit::Inconclusive => "Inconclusive",
                Exit::CouldNotMeasure | Exit::Usage | Exit::Regressed | Exit::Interrupted => {
                    "Could not measure"
                }
            };
            writeln!(text, "{head}: {}", visible(words)).expect(WRITING);
        }
        Outcome::Culprit(named) => culprit(&mut text, named, id),
        Outcome::Range(commits) => range(&mut text, commits, id, CommitInfo::of(good, Some(repo))),
    }
    if let Some(total) = ending.total {
        let (good, bad) = (good.short(), bad.short());
        let total = change(Some(total));
        writeln!(text, "From GOOD ({good}) to BAD ({bad}): {total}").expect(WRITING);
    }
    text
}

const WRITING: &str = "writing to a string";

fn culprit(text: &mut String, named: &Named, id: &str) {
    let Named {
        commit,
        parent,
        change: by,
        standing,
        reason,
        why,
    } = named;
    let parent: String = parent.chars().take(10).collect();
    let short: String = commit.sha.chars().take(10).collect();
    let line = commit.line();
    let (id, by, reason) = (visible(id), change(*by), visible(reason));
    let words = match standing {
        Standing::Confirmed => {
            format!("Found: {line}\n  {id}: {by} against its parent {parent}\n  {reason}\n")
        }
        Standing::Gradual => format!(
            "Gradual: several commits add up, and the sum is above the threshold from here on:\n  \
             {line}\n  {id}: {by} against its parent {parent}\n  {reason}\n"
        ),
        Standing::Unconfirmed => format!(
            "Found, but not confirmed against its parent {parent}: {line}\n  {id}: {reason}\n"
        ),
    };
    *text += &words;
    for line in why.iter().flat_map(because) {
        writeln!(text, "  {}", visible(&line)).expect(WRITING);
    }
    let command = format!("cargo serbench compare {parent} {short} '{id}'");
    writeln!(
        text,
        "  look at it: git show {short}\n  measure it again: {command}"
    )
    .expect(WRITING);
}

/// Why the culprit is slower, and where to look, one line each.
fn because(why: &Why) -> Vec<String> {
    let Why {
        signature,
        sentence,
        look_at,
        notes,
    } = why;
    let places = look_at.iter().map(|place| format!("in {place}"));
    [format!("{signature}: {sentence}")]
        .into_iter()
        .chain(places)
        .chain(notes.iter().cloned())
        .collect()
}

fn range(text: &mut String, commits: &[(CommitInfo, String)], id: &str, good: CommitInfo) {
    let [inner @ .., (last, reason)] = commits else {
        return;
    };
    let count = commits.len();
    writeln!(
        text,
        "Found: one of {count} commits, which can't be told apart by {}",
        visible(id)
    )
    .expect(WRITING);
    for (commit, reason) in inner {
        let brief = crate::report::text::brief(reason);
        writeln!(
            text,
            "  {}\n    skipped: {}",
            commit.line(),
            visible(&brief)
        )
        .expect(WRITING);
    }
    writeln!(text, "  {}\n    {}", last.line(), visible(reason)).expect(WRITING);
    let good: String = good.sha.chars().take(10).collect();
    writeln!(text, "Earlier commits are like GOOD ({good}).").expect(WRITING);
}

/// `+5.1 % [+4.2, +6.0]`.
fn change(ratios: Option<[f64; 3]>) -> String {
    let Some([point, lower, upper]) = ratios else {
        return "no change of time".to_owned();
    };
    let percent = |ratio: f64| 100.0 * (ratio - 1.0);
    let ends = (percent(lower), percent(upper));
    format!(
        "{} [{:+.1}, {:+.1}]",
        cells::percent(point.ln()),
        ends.0,
        ends.1
    )
}

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
    standing: Standing,
    reason: &'a str,
    /// The kind of change, if known.
    signature: Option<&'a str>,
    /// The figures that it is based on.
    rests_on: Option<&'a str>,
    /// The functions with the most additional instructions, with source lines if known.
    look_at: &'a [String],
}

impl<'a> From<&'a Named> for Culprit<'a> {
    fn from(named: &'a Named) -> Self {
        let why = named.why.as_ref();
        Self {
            commit: &named.commit,
            parent: &named.parent,
            change: named.change.map(Ratio::from),
            standing: named.standing,
            reason: &named.reason,
            signature: why.map(|why| why.signature),
            rests_on: why.map(|why| why.sentence.as_str()),
            look_at: why.map_or(&[], |why| &why.look_at),
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
        schema: 1,
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
    Ok(serde_json::to_string_pretty(&document).context("write JSON")? + "\n")
}
