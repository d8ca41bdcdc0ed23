//! Chooses the commit to measure next between a good and a bad one, until one commit or a range is left.
//!
//! Commits are numbered from oldest to newest; the last one is bad. The good commit has no number,
//! so a parent without a number counts as good. The search does not assume that a change persists:
//! with several culprits and fixes it still finds one of the culprits, because the commit it names
//! was measured as bad and each of its parents as good (or is older than a good one).

/// The result of measuring a commit against the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Like the good commit.
    Good,
    /// Like the bad commit.
    Bad,
    /// It can't be built or measured, or the noise is too large.
    Unknown,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Measure this commit.
    Measure(usize),
    /// The first bad commit is one of these, oldest first. Exactly one, unless commits had to be
    /// skipped.
    Found(Vec<usize>),
}

/// The next step. `parents` has the numbered parents of each commit, `answers` the answer for each
/// commit; the last commit counts as bad. The first useful commit of `hints` is measured first.
pub fn next(parents: &[Vec<usize>], answers: &[Option<Answer>], hints: &[usize]) -> Step {
    let suspects = suspects(parents, answers);
    let (&tip, others) = suspects
        .split_last()
        .expect("a bad commit is its own suspect");
    let open: Vec<usize> = (0..others.len())
        .filter(|at| answers[others[*at]].is_none())
        .collect();
    if open.is_empty() {
        return Step::Found(suspects);
    }
    let hinted = |hint: &&usize| open.iter().any(|at| others[*at] == **hint);
    if let Some(hint) = hints.iter().find(hinted) {
        return Step::Measure(*hint);
    }
    debug_assert!(answers[tip] != Some(Answer::Good));
    let sizes = ancestors(parents, &suspects);
    let unknown: Vec<usize> = (0..others.len())
        .filter(|at| answers[others[*at]] == Some(Answer::Unknown))
        .collect();
    // Commits close to one that does not build are unlikely to build, so skip some distance away,
    // even if that splits the suspects less evenly.
    let worth = |at: &usize| {
        let even = sizes[*at].min(suspects.len() - sizes[*at]);
        let away = unknown.iter().map(|other| other.abs_diff(*at)).min();
        away.map_or(even, |away| even.min(2 * away))
    };
    let best = open
        .iter()
        .copied()
        .max_by_key(|at| (worth(at), std::cmp::Reverse(*at)))
        .expect("one is open");
    Step::Measure(others[best])
}

/// The commits that may be the first bad one, oldest first; the last of them is known to be bad.
fn suspects(parents: &[Vec<usize>], answers: &[Option<Answer>]) -> Vec<usize> {
    let last = parents.len() - 1;
    let mut here = reachable(parents, last);
    // The oldest first: one of its ancestors is a culprit whatever happened later.
    for (commit, answer) in answers.iter().enumerate().take(last) {
        if *answer == Some(Answer::Bad) && here[commit] {
            here = reachable(parents, commit);
            break;
        }
    }
    for (commit, answer) in answers.iter().enumerate() {
        if *answer == Some(Answer::Good) && here[commit] {
            let behind = reachable(parents, commit);
            here.iter_mut()
                .zip(behind)
                .for_each(|(here, behind)| *here &= !behind);
        }
    }
    (0..parents.len()).filter(|commit| here[*commit]).collect()
}

/// Whether each commit is `from` or an ancestor of it.
fn reachable(parents: &[Vec<usize>], from: usize) -> Vec<bool> {
    let mut reached = vec![false; parents.len()];
    reached[from] = true;
    for commit in (0..=from)
        .rev()
        .filter(|commit| !parents[*commit].is_empty())
    {
        if reached[commit] {
            for parent in &parents[commit] {
                reached[*parent] = true;
            }
        }
    }
    reached
}

/// For each suspect, the number of suspects among itself and its ancestors.
fn ancestors(parents: &[Vec<usize>], suspects: &[usize]) -> Vec<usize> {
    let words = suspects.len().div_ceil(64);
    let mut sets: Vec<Vec<u64>> = Vec::with_capacity(suspects.len());
    for (at, suspect) in suspects.iter().enumerate() {
        let mut set = vec![0_u64; words];
        set[at / 64] |= 1 << (at % 64);
        for parent in &parents[*suspect] {
            if let Ok(parent) = suspects.binary_search(parent) {
                for (word, other) in set.iter_mut().zip(&sets[parent]) {
                    *word |= other;
                }
            }
        }
        sets.push(set);
    }
    let count = |set: &Vec<u64>| set.iter().map(|word| word.count_ones() as usize).sum();
    sets.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Answer, Step, next};

    /// The commits of a branch without merges.
    fn line(commits: usize) -> Vec<Vec<usize>> {
        let parent = |commit: usize| commit.checked_sub(1).into_iter().collect();
        (0..commits).map(parent).collect()
    }

    /// Searches with `truth` as the oracle. Returns what was found and the number of commits measured.
    fn search(parents: &[Vec<usize>], truth: &[Answer], hints: &[usize]) -> (Vec<usize>, usize) {
        let mut answers = vec![None; truth.len()];
        for measured in 0.. {
            match next(parents, &answers, hints) {
                Step::Found(found) => return (found, measured),
                Step::Measure(commit) => {
                    assert_eq!(answers[commit], None, "a commit is measured once");
                    assert!(commit + 1 < truth.len(), "the bad commit is known");
                    answers[commit] = Some(truth[commit]);
                }
            }
        }
        unreachable!("every commit is measured once at most")
    }

    fn of(text: &str) -> Vec<Answer> {
        let answer = |letter| match letter {
            'g' => Answer::Good,
            'b' => Answer::Bad,
            _ => Answer::Unknown,
        };
        text.chars().map(answer).collect()
    }

    #[test]
    fn examples() {
        let check = |text: &str, found: &[usize], most: usize| {
            let truth = of(text);
            let (it, measured) = search(&line(truth.len()), &truth, &[]);
            assert_eq!(it, found, "{text}");
            assert!(measured <= most, "{text}: {measured} measured");
        };
        check("b", &[0], 0);
        check("gb", &[1], 1);
        check("bb", &[0], 1);
        check("ggggggggbbbbbbbb", &[8], 4);
        // Unmeasurable commits stay in the range if nothing separates them from the culprit.
        check("gg??bb", &[2, 3, 4], 4);
        check("g??????b", &[1, 2, 3, 4, 5, 6, 7], 7);
        // They are skipped if they don't matter.
        check("g?g?gggbbb", &[7], 6);
        check(
            "gggggggggg????????bbbbbbbbbbbbbbbbbbbbbbbbbb",
            &[10, 11, 12, 13, 14, 15, 16, 17, 18],
            15,
        );
        check("ggggbbbbbbbbb????????bbbbbbbbbbbbbbbbbbbbbbb", &[4], 7);
    }

    #[test]
    fn hints_are_measured_first() {
        let truth = of(&("g".repeat(900) + &"b".repeat(100)));
        let (found, measured) = search(&line(1000), &truth, &[899, 900]);
        assert_eq!((found, measured), (vec![900], 2));
        let (found, measured) = search(&line(1000), &truth, &[5, 6]);
        assert_eq!(found, [900]);
        assert!(measured <= 12, "{measured}");
    }

    #[test]
    fn merges() {
        // 0 - 1 ------- 4 - 5, with 2 - 3 merged by 4; the parent of 2 has no number.
        let parents = vec![vec![], vec![0], vec![], vec![2], vec![1, 3], vec![4]];
        let found = |text: &str| search(&parents, &of(text), &[]).0;
        assert_eq!(found("gggbbb"), [3]);
        assert_eq!(found("gbggbb"), [1]);
        // Both parents are good, so the merge itself is bad.
        assert_eq!(found("ggggbb"), [4]);
        assert_eq!(found("gg?bbb"), [2, 3]);
    }

    fn letters(most: usize) -> impl Strategy<Value = Vec<Answer>> {
        let letter = prop_oneof![
            4 => Just(Answer::Good),
            4 => Just(Answer::Bad),
            1 => Just(Answer::Unknown),
        ];
        // Runs of equal answers, as in real histories.
        let stretches = prop::collection::vec((letter, 1..8_usize), 0..most);
        stretches.prop_map(|stretches| {
            let of = |(letter, count)| std::iter::repeat_n(letter, count);
            let mut all: Vec<Answer> = stretches.into_iter().flat_map(of).collect();
            all.push(Answer::Bad);
            all
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever happened between good and bad: a single commit is a culprit, and a range starts
        /// after a good commit, ends with a bad one and has only unknown ones in between.
        #[test]
        fn found_commits_are_culprits(truth in letters(12), hints in prop::collection::vec(0..90_usize, 0..3)) {
            let (found, measured) = search(&line(truth.len()), &truth, &hints);
            let (first, last) = (found[0], found[found.len() - 1]);
            prop_assert!(found.iter().copied().eq(first..=last));
            prop_assert_eq!(truth[last], Answer::Bad);
            prop_assert!(first == 0 || truth[first - 1] == Answer::Good);
            for inner in &truth[first..last] {
                prop_assert_eq!(*inner, Answer::Unknown);
            }
            prop_assert!(measured < truth.len());
        }

        /// A single culprit in a history that always builds is found in the minimum number of steps.
        #[test]
        fn halves(good in 0..700_usize, bad in 1..700_usize) {
            let truth = of(&("g".repeat(good) + &"b".repeat(bad)));
            let (found, measured) = search(&line(truth.len()), &truth, &[]);
            prop_assert_eq!(found, vec![good]);
            prop_assert!(measured as f64 <= (truth.len() as f64).log2().ceil());
        }

        /// In a history with merges where bad commits stay bad, a culprit is found, or a range that
        /// contains one.
        #[test]
        fn merged_branches(
            shape in prop::collection::vec((1..6_usize, 0..9_usize), 1..40),
            culprits in prop::collection::vec(0..40_usize, 1..4),
            unknown in prop::collection::vec(0..40_usize, 0..6),
        ) {
            let parents: Vec<Vec<usize>> = shape
                .iter()
                .enumerate()
                .map(|(commit, (one, other))| {
                    let mut all: Vec<usize> =
                        [*one, *other].iter().filter(|back| **back > 0).filter_map(|back| commit.checked_sub(*back)).collect();
                    all.sort_unstable();
                    all.dedup();
                    all
                })
                .collect();
            let count = parents.len();
            let mut bad = vec![false; count];
            for commit in 0..count {
                let inherits = parents[commit].iter().any(|parent| bad[*parent]);
                bad[commit] = inherits || commit + 1 == count || culprits.contains(&commit);
            }
            let is_culprit = |commit: usize| bad[commit] && parents[commit].iter().all(|parent| !bad[*parent]);
            let truth: Vec<Answer> = (0..count)
                .map(|commit| match bad[commit] {
                    _ if unknown.contains(&commit) && commit + 1 < count => Answer::Unknown,
                    true => Answer::Bad,
                    false => Answer::Good,
                })
                .collect();
            let (found, _) = search(&parents, &truth, &[]);
            prop_assert!(found.iter().any(|commit| is_culprit(*commit)), "{parents:?} {truth:?} {found:?}");
            for inner in &found[..found.len() - 1] {
                prop_assert_eq!(truth[*inner], Answer::Unknown);
            }
        }
    }
}
