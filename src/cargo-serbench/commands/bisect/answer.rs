//! The result of a bisection, and its text.

use std::fmt::Write;

use serde::Serialize;

use super::{log::Entry, search::Search};
use crate::{
    decide::bisect::Answer,
    discover::git::{Commit, Repo},
    exit::Exit,
    explain,
    report::{explained, text::visible},
    run::Run,
    select::BenchId,
    values::figures,
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
    /// The bisected benchmark.
    pub id: Option<String>,
    /// The ratio of BAD to GOOD with its interval.
    pub total: Option<[f64; 3]>,
    pub answer: Outcome,
}

pub enum Outcome {
    /// Why there was nothing to bisect.
    Nothing(String),
    Culprit(Box<Named>),
    /// Possible culprits, each with the reason why it could not be judged; the last one is bad.
    Range(Vec<(CommitInfo, String)>),
}

/// A culprit to report.
pub struct Named {
    pub commit: CommitInfo,
    pub parent: String,
    pub change: Option<[f64; 3]>,
    pub confirmation: AgainstParent,
    pub reason: String,
    pub why: Option<Why>,
}

/// Why the culprit is slower.
pub struct Why {
    pub signature: &'static str,
    /// The figures that the signature is based on.
    pub evidence: String,
    /// Functions and lines.
    pub functions: Vec<String>,
    /// Why something could not be determined.
    notes: Vec<String>,
}

impl Why {
    fn of(run: &Run, id: &BenchId) -> Option<Self> {
        let explanations = explain::explanations(run);
        let found = explanations.into_iter().find(|it| it.id == id)?;
        Some(Self {
            signature: found.signature.word(),
            functions: explained::look_at(found.observed),
            notes: found.observed.notes.clone(),
            evidence: found.sentence,
        })
    }
}

/// The result of measuring the culprit against its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgainstParent {
    Confirmed,
    /// No change on its own: several commits add up, and the sum reaches the threshold here.
    Gradual,
    Unconfirmed,
}

/// A commit, for the report.
#[derive(Clone, Debug, Serialize)]
pub struct CommitInfo {
    pub sha: String,
    pub author: String,
    pub authored: String,
    pub subject: String,
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
            confirmation: match pair.answer {
                Answer::Bad => AgainstParent::Confirmed,
                Answer::Good => AgainstParent::Gradual,
                Answer::Unknown => AgainstParent::Unconfirmed,
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
        confirmation,
        reason,
        why,
    } = named;
    let parent: String = parent.chars().take(10).collect();
    let short: String = commit.sha.chars().take(10).collect();
    let line = commit.line();
    let (id, by, reason) = (visible(id), change(*by), visible(reason));
    let words = match confirmation {
        AgainstParent::Confirmed => {
            format!("Found: {line}\n  {id}: {by} against its parent {parent}\n  {reason}\n")
        }
        AgainstParent::Gradual => format!(
            "Gradual: several commits add up, and the sum is above the threshold from here on:\n  \
             {line}\n  {id}: {by} against its parent {parent}\n  {reason}\n"
        ),
        AgainstParent::Unconfirmed => format!(
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
        "  look at it:\n    git show {short}\n  measure it again:\n    {command}"
    )
    .expect(WRITING);
}

/// Why the culprit is slower, and where to look, one line each.
fn because(why: &Why) -> Vec<String> {
    let Why {
        signature,
        evidence,
        functions,
        notes,
    } = why;
    let places = functions.iter().map(|function| format!("in {function}"));
    [format!("{signature}: {evidence}")]
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
        return "time not compared".to_owned();
    };
    figures::change_within(point, [lower, upper])
}

#[cfg(test)]
mod tests {
    use super::{AgainstParent, CommitInfo, Named, Why, culprit};

    #[test]
    fn the_reason_is_told_below_the_culprit() {
        let named = Named {
            commit: CommitInfo {
                sha: "0123456789abcdef".to_owned(),
                author: "Ann".to_owned(),
                authored: "2026-01-02".to_owned(),
                subject: "Sum twice".to_owned(),
            },
            parent: "fedcba9876543210".to_owned(),
            change: Some([1.4, 1.39, 1.41]),
            confirmation: AgainstParent::Confirmed,
            reason: "CPU time +40.0 %".to_owned(),
            why: Some(Why {
                signature: "work",
                evidence: "instructions +40.0 %".to_owned(),
                functions: vec!["b::total: +400 instructions".to_owned()],
                notes: vec!["valgrind said something".to_owned()],
            }),
        };
        let mut text = String::new();
        culprit(&mut text, &named, "b::x");
        insta::assert_snapshot!(text, @r"
        Found: 0123456789 2026-01-02 Ann: Sum twice
          b::x: +40.0 % [+39.0, +41.0] against its parent fedcba9876
          CPU time +40.0 %
          work: instructions +40.0 %
          in b::total: +400 instructions
          valgrind said something
          look at it:
            git show 0123456789
          measure it again:
            cargo serbench compare fedcba9876 0123456789 'b::x'
        ");
    }
}
