//! Finds baselines in many shapes of histories and repositories.

use super::{Answer, Lookup, Question, find as find_record, lookup};
use std::{collections::BTreeMap, path::Path};

use crate::{
    discover::git::{self, Commit},
    record::store::{Store, Stored},
    record::{Record, tests::two_encoders},
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
    // Records of such commits can't be used.
    let unfit = |stored: &Stored| {
        let of = &stored.commit;
        of.ends_with('!').then(|| format!("{of} is broken"))
    };
    let Answer {
        lookup,
        passed_over,
    } = lookup(question, &stored(records), |_| None, differing, unfit);
    let passed_over: String = passed_over.iter().map(|it| format!("[{it}] ")).collect();
    passed_over
        + &match lookup {
            Lookup::Found { stored, why, .. } => format!("{}: {why}", stored.path.display()),
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
    check("", "first: no record yet");
    check("c3 m", "none: there is 1 record, none of an ancestor");
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
        "none: there is 1 record, none of an ancestor; this clone is shallow: \
         fetch the other commits with `git fetch --unshallow`"
    );
}

#[test]
fn unusable_records_are_skipped() {
    let commits = line(" c2! c1! c0");
    let check = |question: &Question<'_>, records, expected: &str| {
        assert_eq!(answer(question, records), expected);
    };
    check(
        &asking(&commits),
        "c0 m, c1! m, c2! m",
        "[c2! is broken] [c1! is broken] c0/m.json: nearest ancestor with a record of this \
         machine, 3 commits back",
    );
    check(
        &asking(&commits),
        "c0 x, c1! m",
        "[c1! is broken] none: no ancestor has a record of this machine that can be used",
    );
    let asked = Commit {
        sha: "c1!".to_owned(),
        tree: String::new(),
        subject: "Start".to_owned(),
    };
    let question = Question {
        asked: Some(&asked),
        ..asking(&commits)
    };
    check(
        &question,
        "c0 m, c1! m",
        "[c1! is broken] none: the record of c1! (Start) can't be used",
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
fn a_requested_baseline_has_no_substitute() {
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
        "none: c0 (Start) has no record; run `cargo serbench` at that commit to make one",
    );
    check(
        "c2 m, c0 x",
        "none: c0 (Start) has a record from another machine only: cpus (`8` there, `4` here); \
         this one is m",
    );
}

/// A repository with commits 0, 1 and 2 on main and f1, f2 on a branch from 1. Returns the hashes by
/// subject.
fn two_branches(folder: &Path) -> BTreeMap<&'static str, String> {
    let git = git2::Repository::init(folder).unwrap();
    git.set_head("refs/heads/main").unwrap();
    let signature = git2::Signature::new("a", "a@b", &git2::Time::new(0, 0)).unwrap();
    let tip = || Some(git.head().ok()?.peel_to_commit().unwrap());
    let mut hashes = BTreeMap::new();
    for subject in ["0", "1", "2", "f1", "f2"] {
        if subject == "2" {
            git.branch("feature", &tip().unwrap(), false).unwrap();
        }
        if subject == "f1" {
            git.set_head("refs/heads/feature").unwrap();
        }
        let mut tree = git.treebuilder(None).unwrap();
        let blob = git.blob(subject.as_bytes()).unwrap();
        tree.insert("file", blob, 0o100_644).unwrap();
        let tree = git.find_tree(tree.write().unwrap()).unwrap();
        let parent = tip();
        let parents: Vec<_> = parent.iter().collect();
        let hash = git
            .commit(
                Some("HEAD"),
                &signature,
                &signature,
                subject,
                &tree,
                &parents,
            )
            .unwrap();
        hashes.insert(subject, hash.to_string());
    }
    hashes
}

#[test]
fn a_repository_answers() {
    let folder = tempfile::tempdir().unwrap();
    let hashes = two_branches(folder.path());
    let subject = |hash: &str| *hashes.iter().find(|(_, it)| *it == hash).unwrap().0;
    let repo = git::open(folder.path()).unwrap().unwrap();
    let store = Store {
        baselines: folder.path().join("baselines"),
        scratch: folder.path().join("target"),
    };
    let mut record = Record::from_run(&two_encoders()).unwrap();
    let (key, factors) = (record.key(), record.factors());
    let ask = |candidate: &str, dirty, asked: Option<&str>| {
        let candidate = repo.resolve(&hashes[candidate]).unwrap();
        let asked = asked.map(|asked| repo.resolve(&hashes[asked]).unwrap());
        let machine = (key.as_str(), factors.as_slice());
        match find_record(
            &repo,
            &store,
            machine,
            (&candidate, dirty),
            asked.as_ref(),
            repo.default_branch().as_deref(),
        )
        .unwrap()
        .lookup
        {
            Lookup::Found { commit, why, .. } => format!("{}: {why}", subject(&commit)),
            Lookup::Missing { why, first } => format!("none, first {first}: {why}"),
        }
    };
    let mut put = |subject: &str, cpus| {
        record.machine.cpus = cpus;
        record.commit.clone_from(&hashes[subject]);
        store.save(record.clone()).unwrap();
    };
    assert_eq!(ask("f2", false, None), "none, first true: no record yet");
    put("0", 99);
    let differing = "differs in cpus (`99` there, `4` here)";
    assert!(ask("f2", false, None).contains(differing));
    for subject in ["0", "2", "f1", "f2"] {
        put(subject, 4);
    }
    // 1, the merge base, has no record. Records of the branch's own commits would hide what they changed.
    let why = "0: nearest ancestor of the merge base with main with a record of this machine, 1 \
               commit back from it";
    assert_eq!(ask("f2", false, None), why);
    assert_eq!(
        ask("f2", false, Some("f1")),
        "f1: asked for with --baseline"
    );
    put("1", 4);
    assert_eq!(ask("f2", false, None), "1: merge base with main");
    // On the default branch itself.
    let why = "1: nearest ancestor with a record of this machine, 1 commit back";
    assert_eq!(ask("2", false, None), why);
    assert_eq!(
        ask("2", true, None),
        "2: the commit that the changes are on"
    );
}

#[test]
fn a_squashed_commit_is_found_by_its_tree() {
    let folder = tempfile::tempdir().unwrap();
    let hashes = two_branches(folder.path());
    let repo = git::open(folder.path()).unwrap().unwrap();
    let store = Store {
        baselines: folder.path().join("baselines"),
        scratch: folder.path().join("target"),
    };
    // The content of f2 on top of 1, with a record and a commit after it.
    let git = git2::Repository::open(folder.path()).unwrap();
    let signature = git2::Signature::new("a", "a@b", &git2::Time::new(0, 0)).unwrap();
    let find = |hash: &str| git.find_commit(git2::Oid::from_str(hash).unwrap()).unwrap();
    let branch = find(&hashes["f2"]);
    let mut tree = git.treebuilder(Some(&branch.tree().unwrap())).unwrap();
    let empty = git.treebuilder(None).unwrap().write().unwrap();
    tree.insert("baselines", empty, 0o040_000).unwrap();
    let tree = git.find_tree(tree.write().unwrap()).unwrap();
    let commit = |tree: &git2::Tree<'_>, parent: &git2::Commit<'_>| {
        let made = git.commit(None, &signature, &signature, "squash", tree, &[parent]);
        made.unwrap().to_string()
    };
    let squashed = commit(&tree, &find(&hashes["1"]));
    let next = find(&hashes["2"]).tree().unwrap();
    let candidate = commit(&next, &find(&squashed));

    let mut record = Record::from_run(&two_encoders()).unwrap();
    let (key, factors) = (record.key(), record.factors());
    let mut ask = |recorded: &str, tree: Option<String>| {
        record.commit = recorded.to_owned();
        record.tree = tree;
        store.save(record.clone()).unwrap();
        let candidate = repo.resolve(&candidate).unwrap();
        let machine = (key.as_str(), factors.as_slice());
        let found = find_record(&repo, &store, machine, (&candidate, false), None, None);
        let found = found.unwrap().lookup;
        std::fs::remove_dir_all(&store.baselines).unwrap();
        match found {
            Lookup::Found { commit, why, .. } => {
                assert_eq!(commit, squashed);
                why
            }
            Lookup::Missing { why, .. } => why,
        }
    };
    let expected = |hash: &str| {
        let short = git::short(hash);
        format!(
            "nearest ancestor with a record of this machine, 1 commit back; recorded as {short}, \
             which has the same tree"
        )
    };
    assert_eq!(ask(&hashes["f2"], None), expected(&hashes["f2"]));
    // For a commit that is not in this clone, the record has the tree.
    let gone = "a".repeat(40);
    let tree = repo.tree_without(&repo.commit(&squashed).unwrap(), "baselines");
    assert_eq!(ask(&gone, tree.ok()), expected(&gone));
    assert_eq!(ask(&gone, None), "there is 1 record, none of an ancestor");
}
