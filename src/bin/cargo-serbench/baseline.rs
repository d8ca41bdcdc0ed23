//! The commits behind the candidate and the records there are in, the record to compare with out,
//! and in words why that one, or why none.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::{
    git::{self, Commit, Repo},
    record::{Record, difference},
    store::{self, Store, Stored},
};

/// What the choice depends on.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    /// The machine key that the record must have.
    pub(crate) key: &'a str,
    /// `--baseline REV`: this commit or none.
    pub(crate) asked: Option<&'a Commit>,
    /// The default branch, and the hash of the best common ancestor with it; `None` without such a
    /// branch or when the candidate is that ancestor itself.
    pub(crate) merge_base: Option<(&'a str, &'a str)>,
    /// Hashes of first-parent ancestors, nearest first: from the merge base if there is one, else
    /// from the candidate. The first is the candidate's own commit when that is allowed, because
    /// the candidate is that commit with changes.
    pub(crate) ancestors: &'a [String],
    /// Whether the ancestors end early because the clone is shallow.
    pub(crate) shallow: bool,
}

/// The record to compare with, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// `why` in words: `merge base with origin/main`.
    Found { stored: Stored, why: String },
    /// `why` in words, with a way out. `first` when there is no record at all.
    Missing { why: String, first: bool },
}

/// Chooses among `stored`, which is in any order. `factors` reads those of a record and of this
/// machine, to name what differs; it is asked for one record at most.
pub(crate) fn lookup(
    question: &Question<'_>,
    stored: &[Stored],
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let find = |commit: &str| {
        stored
            .iter()
            .find(|stored| stored.commit == commit && stored.key == question.key)
    };
    let found = |stored: &Stored, why: String| Lookup::Found {
        stored: stored.clone(),
        why,
    };
    if let Some(asked) = question.asked {
        return match find(&asked.sha) {
            Some(stored) => found(stored, "asked for with --baseline".to_owned()),
            None => missing_asked(asked, question.key, stored, differing),
        };
    }
    if let Some((branch, commit)) = question.merge_base
        && let Some(stored) = find(commit)
    {
        return found(stored, format!("merge base with {branch}"));
    }
    let here: BTreeSet<&str> = stored
        .iter()
        .filter(|stored| stored.key == question.key)
        .map(|stored| stored.commit.as_str())
        .collect();
    let nearest = question
        .ancestors
        .iter()
        .position(|commit| here.contains(commit.as_str()));
    if let Some(back) = nearest
        && let Some(stored) = find(&question.ancestors[back])
    {
        return found(stored, nearest_words(question, back));
    }
    missing(question, stored, differing)
}

fn nearest_words(question: &Question<'_>, back: usize) -> String {
    let distance = match back {
        1 => "1 commit back".to_owned(),
        _ => format!("{back} commits back"),
    };
    match question.merge_base {
        Some((branch, _)) => format!(
            "nearest ancestor of the merge base with {branch} with a record of this machine, {distance} from it"
        ),
        None if back == 0 => "the commit that the changes are on".to_owned(),
        None => format!("nearest ancestor with a record of this machine, {distance}"),
    }
}

fn missing_asked(
    asked: &Commit,
    key: &str,
    stored: &[Stored],
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let name = format!("{} ({})", asked.short(), asked.subject);
    let why = match stored.iter().find(|stored| stored.commit == asked.sha) {
        Some(other) => format!(
            "{name} has a record of another machine only: {}; this one is {key}",
            words(&differing(other))
        ),
        None => format!("{name} has no record; `cargo serbench` at that commit makes one"),
    };
    Lookup::Missing {
        why,
        first: stored.is_empty(),
    }
}

fn missing(
    question: &Question<'_>,
    stored: &[Stored],
    differing: impl Fn(&Stored) -> Vec<(&'static str, String, String)>,
) -> Lookup {
    let mut why = if stored.is_empty() {
        "there is no record yet".to_owned()
    } else if let Some(other) = question
        .ancestors
        .iter()
        .find_map(|commit| stored.iter().find(|stored| stored.commit == *commit))
    {
        format!(
            "no ancestor has a record of this machine ({}); the nearest, of {}, differs in {}",
            question.key,
            git::short(&other.commit),
            words(&differing(other))
        )
    } else {
        format!(
            "{} of other commits, none of an ancestor",
            match stored.len() {
                1 => "there is 1 record".to_owned(),
                count => format!("there are {count} records"),
            }
        )
    };
    if question.shallow {
        why += "; this clone is shallow, `git fetch --unshallow` brings the other commits";
    }
    Lookup::Missing {
        why,
        first: stored.is_empty(),
    }
}

/// `cpus (8 there, 4 here) and rustc (…)`.
fn words(differing: &[(&'static str, String, String)]) -> String {
    if differing.is_empty() {
        return "something that its file does not tell".to_owned();
    }
    let each: Vec<String> = differing
        .iter()
        .map(|(name, there, here)| format!("{name} (`{there}` there, `{here}` here)"))
        .collect();
    each.join(", ")
}

/// Looks for the record to compare `candidate` with. `dirty` says that it is that commit with
/// changes, which may be compared with the commit itself. `factors` are those of this machine, of
/// which `key` is made.
pub(crate) fn find(
    repo: &Repo,
    store: &Store,
    (key, factors): (&str, &[(&'static str, String)]),
    (candidate, dirty): (&Commit, bool),
    asked: Option<&Commit>,
    default_branch: Option<&str>,
) -> Result<Lookup> {
    let branch = repo.default_branch(default_branch);
    let base = match branch.as_deref().map(|branch| repo.resolve(branch)) {
        Some(Ok(tip)) => repo.merge_base(candidate, &tip)?,
        // A branch that was configured or remembered and is not in this clone.
        Some(Err(_)) | None => None,
    };
    let base = base.filter(|base| base.sha != candidate.sha);
    let from = base.as_ref().unwrap_or(candidate);
    let mut ancestors: Vec<String> = repo.first_parents(from)?.collect();
    if base.is_none() && !dirty && !ancestors.is_empty() {
        // Without the candidate, which is no baseline of its own; distances count from it.
        ancestors[0].clear();
    }
    let question = Question {
        key,
        asked,
        merge_base: branch
            .as_deref()
            .zip(base.as_ref().map(|base| base.sha.as_str())),
        ancestors: &ancestors,
        shallow: repo.is_shallow(),
    };
    let differing = |stored: &Stored| match store::load(stored) {
        Ok(record) => difference(&Record::factors(&record), factors),
        Err(_) => Vec::new(),
    };
    Ok(lookup(&question, &store.list()?, differing))
}

#[cfg(test)]
mod tests {
    use super::{Lookup, Question, find, lookup};
    use crate::{
        git::Commit,
        record::{Record, tests::two_encoders},
        store::{Store, Stored},
    };

    /// `c3 m` is the record of commit `c3` with the key `m`.
    fn stored(records: &str) -> Vec<Stored> {
        let one = |record: &str| {
            let (commit, key) = record.trim().split_once(' ')?;
            Some(Stored {
                commit: commit.to_owned(),
                key: key.to_owned(),
                path: format!("{commit}/{key}.json").into(),
            })
        };
        records.split(',').filter_map(one).collect()
    }

    fn asking(ancestors: &[String]) -> Question<'_> {
        Question {
            key: "m",
            asked: None,
            merge_base: None,
            ancestors,
            shallow: false,
        }
    }

    fn answer(question: &Question<'_>, records: &str) -> String {
        let differing = |_: &Stored| vec![("cpus", "8".to_owned(), "4".to_owned())];
        match lookup(question, &stored(records), differing) {
            Lookup::Found { stored, why } => format!("{}: {why}", stored.path.display()),
            Lookup::Missing { why, first: false } => format!("none: {why}"),
            Lookup::Missing { why, first: true } => format!("first: {why}"),
        }
    }

    fn line(commits: &str) -> Vec<String> {
        commits.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn nearest_ancestor_of_this_machine() {
        // The first is the candidate, which must not be compared with itself.
        let commits = line(" c2 c1 c0");
        let check = |records, expected: &str| {
            assert_eq!(answer(&asking(&commits), records), expected);
        };
        check(
            "c0 m, c1 m, c2 other",
            "c1/m.json: nearest ancestor with a record of this machine, 2 commits back",
        );
        check(
            "c3 m, c2 m",
            "c2/m.json: nearest ancestor with a record of this machine, 1 commit back",
        );
        check("", "first: there is no record yet");
        check(
            "c3 m",
            "none: there is 1 record of other commits, none of an ancestor",
        );
        check(
            "c0 y, c1 x, c3 m",
            "none: no ancestor has a record of this machine (m); the nearest, of c1, differs in \
             cpus (`8` there, `4` here)",
        );
        let shallow = Question {
            shallow: true,
            ..asking(&commits)
        };
        assert_eq!(
            answer(&shallow, "x m"),
            "none: there is 1 record of other commits, none of an ancestor; this clone is shallow, \
             `git fetch --unshallow` brings the other commits"
        );
    }

    #[test]
    fn changes_are_compared_with_their_commit() {
        let commits = line("c2 c1");
        assert_eq!(
            answer(&asking(&commits), "c1 m, c2 m"),
            "c2/m.json: the commit that the changes are on"
        );
    }

    #[test]
    fn the_merge_base_comes_first() {
        let commits = line("c2 c1 c0");
        let question = Question {
            merge_base: Some(("origin/main", "c2")),
            ..asking(&commits)
        };
        assert_eq!(
            answer(&question, "c2 m, c1 m"),
            "c2/m.json: merge base with origin/main"
        );
        assert_eq!(
            answer(&question, "c2 x, c0 m"),
            "c0/m.json: nearest ancestor of the merge base with origin/main with a record of this \
             machine, 2 commits back from it"
        );
    }

    #[test]
    fn what_is_asked_for_is_taken_or_nothing() {
        let commits = line("c2 c1");
        let asked = Commit {
            sha: "c0".to_owned(),
            tree: String::new(),
            subject: "Start".to_owned(),
        };
        let question = Question {
            asked: Some(&asked),
            ..asking(&commits)
        };
        let check = |records, expected: &str| assert_eq!(answer(&question, records), expected);
        check("c0 m, c2 m", "c0/m.json: asked for with --baseline");
        check(
            "c2 m",
            "none: c0 (Start) has no record; `cargo serbench` at that commit makes one",
        );
        check(
            "c2 m, c0 x",
            "none: c0 (Start) has a record of another machine only: cpus (`8` there, `4` here); \
             this one is m",
        );
    }

    #[test]
    fn a_repository_answers() {
        let folder = tempfile::tempdir().unwrap();
        let git = git2::Repository::init(folder.path()).unwrap();
        git.set_head("refs/heads/main").unwrap();
        let signature = git2::Signature::new("a", "a@b", &git2::Time::new(0, 0)).unwrap();
        let tree = git.treebuilder(None).unwrap().write().unwrap();
        let tree = git.find_tree(tree).unwrap();
        let commit = |subject: &str| {
            let parent = git.head().ok().map(|head| head.peel_to_commit().unwrap());
            let parents: Vec<_> = parent.iter().collect();
            git.commit(
                Some("HEAD"),
                &signature,
                &signature,
                subject,
                &tree,
                &parents,
            )
            .unwrap()
            .to_string()
        };
        let [c0, c1] = ["0", "1"].map(commit);
        git.branch(
            "feature",
            &git.head().unwrap().peel_to_commit().unwrap(),
            false,
        )
        .unwrap();
        let c2 = commit("2");
        git.set_head("refs/heads/feature").unwrap();
        let [f1, f2] = ["f1", "f2"].map(commit);
        let repo = crate::git::open(folder.path()).unwrap().unwrap();
        let store = Store {
            baselines: folder.path().join("baselines"),
            scratch: folder.path().join("target"),
        };
        let mut record = Record::from_run(&two_encoders()).unwrap();
        let (key, factors) = (record.key(), record.factors());
        let ask = |candidate: &str, dirty, asked: Option<&str>| {
            let candidate = repo.resolve(candidate).unwrap();
            let asked = asked.map(|asked| repo.resolve(asked).unwrap());
            let machine = (key.as_str(), factors.as_slice());
            find(
                &repo,
                &store,
                machine,
                (&candidate, dirty),
                asked.as_ref(),
                None,
            )
            .unwrap()
        };
        let found = |lookup: Lookup| match lookup {
            Lookup::Found { stored, why } => (stored.commit, why),
            Lookup::Missing { why, .. } => ("none".to_owned(), why),
        };
        assert!(matches!(
            ask(&f2, false, None),
            Lookup::Missing { first: true, .. }
        ));
        record.machine.cpus = 99;
        record.commit.clone_from(&c0);
        store.save(record.clone()).unwrap();
        let (_, why) = found(ask(&f2, false, None));
        let short = &c0[..10];
        assert!(
            why.contains(&format!(
                "the nearest, of {short}, differs in cpus (`99` there, `4` here)"
            )),
            "{why}"
        );
        record.machine.cpus = 4;
        for commit in [&c0, &f1, &f2, &c2] {
            record.commit.clone_from(commit);
            store.save(record.clone()).unwrap();
        }
        // c1, the merge base, has none: the branch's own commits must not hide what they did.
        assert_eq!(found(ask(&f2, false, None)).0, c0);
        assert_eq!(found(ask(&f2, false, Some(&f1))).0, f1);
        record.commit.clone_from(&c1);
        store.save(record.clone()).unwrap();
        let expected = (c1.clone(), "merge base with main".to_owned());
        assert_eq!(found(ask(&f2, false, None)), expected);
        // On the default branch itself.
        let why = "nearest ancestor with a record of this machine, 1 commit back";
        assert_eq!(found(ask(&c2, false, None)), (c1, why.to_owned()));
        assert_eq!(found(ask(&c2, true, None)).0, c2);
    }
}
