//! Suggests next steps: look at a function, accept a change, measure longer.

use super::{
    Place, Report, Verdicts,
    document::{Step, by_severity},
    text,
};
use crate::{
    decide::{Decision, Standing, Verdict, evidence::Role},
    run::Side,
    select::BenchId,
};

/// Steps by importance; empty if there is nothing to do.
pub fn steps(report: &Report<'_>) -> Vec<Step> {
    let Some(verdicts) = &report.verdicts else {
        return failures_of_tables(report);
    };
    let mut benchmarks: Vec<&Decision> = verdicts
        .decisions
        .iter()
        .filter(|decision| decision.role == Role::Benchmark)
        .collect();
    benchmarks.sort_by(|one, other| by_severity(one, other));
    let of = |verdict| -> Vec<&Decision> {
        let wanted = |it: &&&Decision| it.verdict == verdict && it.waived.is_none();
        benchmarks.iter().filter(wanted).copied().collect()
    };
    let (before, now): (Vec<&Decision>, Vec<&Decision>) = of(Verdict::Failed)
        .into_iter()
        .partition(|it| it.failed_at == Some(Side::Baseline));
    // A limit that is exceeded or undecided counts like a threshold.
    let at_limit = |verdict, standing: Standing| -> Vec<&Decision> {
        let wanted = |it: &&&Decision| {
            let is_other = it.verdict != Verdict::Failed && it.waived.is_none();
            is_other && (it.verdict == verdict || it.has_limit(standing))
        };
        benchmarks.iter().filter(wanted).copied().collect()
    };
    let mut steps = failed(report, now.first().map(|it| it.id.as_str()));
    steps.extend(before.first().map(|it| failed_before(it)));
    steps.extend(regressed(
        report,
        &at_limit(Verdict::Regressed, Standing::Over),
    ));
    steps.extend(removed(&of(Verdict::Removed)));
    steps.extend(undecided(
        report,
        &at_limit(Verdict::Inconclusive, Standing::Unclear),
    ));
    steps.extend(distrusted(verdicts));
    if steps.is_empty() {
        let new = (
            !of(Verdict::Improved).is_empty(),
            !of(Verdict::Added).is_empty(),
        );
        steps.extend(to_record(new));
        steps.extend(of(Verdict::Skipped).first().map(|it| skipped(it)));
        let identical = of(Verdict::Identical).len();
        steps.extend((identical > 0).then(|| not_measured(report, identical)));
    }
    steps
}

/// A step for improved and for new benchmarks.
fn to_record(new: (bool, bool)) -> Option<Step> {
    let what = match new {
        (false, false) => return None,
        (true, false) => "record the improvement as the new baseline:",
        (false, true) => "record new benchmarks as a baseline:",
        (true, true) => "record improvements and new benchmarks as the new baseline:",
    };
    Some(Step {
        text: format!("after merging, {what}"),
        command: Some("cargo serbench".to_owned()),
    })
}

fn skipped(decision: &Decision) -> Step {
    let Decision { id, reason, .. } = decision;
    Step {
        text: text::visible(&format!(
            "to measure {id}, remove the reason why it was skipped: {}",
            text::brief(reason)
        )),
        command: None,
    }
}

fn not_measured(report: &Report<'_>, identical: usize) -> Step {
    let what = match identical {
        1 => "it",
        _ => "them",
    };
    Step {
        text: format!("to measure {what} anyway, although the machine code is the same:"),
        command: Some(format!("{} --measure-identical", command(report))),
    }
}

fn failures_of_tables(report: &Report<'_>) -> Vec<Step> {
    let mut rows = report.tables.iter().flat_map(|case| &case.rows);
    let first = rows.find(|row| row.verification.failure().is_some());
    failed(report, first.map(|row| row.id.as_str()))
}

fn failed(report: &Report<'_>, id: Option<&str>) -> Vec<Step> {
    let Some(id) = id else {
        return Vec::new();
    };
    let suite = id.split("::").next().unwrap_or(id);
    let see = Step {
        text: format!(
            "run {}{} by itself to see it fail:",
            text::visible(id),
            at(report, id)
        ),
        command: Some(format!(
            "cargo bench --bench {} -- --exact {}",
            quoted(suite),
            quoted(id)
        )),
    };
    vec![see, left_out(id)]
}

fn failed_before(decision: &Decision) -> Step {
    let id = &decision.id;
    Step {
        text: format!(
            "{} failed at the baseline, so it can't be compared; accept that in a file \
             that is reviewed with the change:",
            text::visible(id)
        ),
        command: Some(format!(
            "cargo serbench accept {} --reason TEXT",
            quoted(id)
        )),
    }
}

/// How to disable a benchmark. As a change of the policy, this takes effect after the merge.
fn left_out(id: &str) -> Step {
    let id = toml::Value::String(text::visible(id));
    Step {
        text: "or disable it in Cargo.toml, effective after the merge (`workspace.metadata` at a \
               workspace's root):"
            .to_owned(),
        command: Some(format!(
            "[[package.metadata.serbench.override]]\nbenchmarks = [{id}]\nmode = \"off\""
        )),
    }
}

fn regressed(report: &Report<'_>, regressed: &[&Decision]) -> Vec<Step> {
    let Some(worst) = regressed.first() else {
        return Vec::new();
    };
    let id = &worst.id;
    let ids = match regressed {
        [one] => quoted(&one.id),
        [_, ..] | [] => "ID...".to_owned(),
    };
    let what = match regressed.len() {
        1 => "if it is intended, accept it in a file that is reviewed with the change:",
        _ => "if they are intended, accept them in a file that is reviewed with the change:",
    };
    let look = Step {
        text: match touched(report, id) {
            Some(functions) => format!(
                "look at {functions}, which changed; the benchmark is {}{}",
                text::visible(id),
                at(report, id)
            ),
            None => format!("look at {}{}", text::visible(id), at(report, id)),
        },
        command: None,
    };
    let accept = Step {
        text: what.to_owned(),
        command: Some(format!("cargo serbench accept {ids} --reason TEXT")),
    };
    let slower = regressed.iter().copied();
    let slower: Vec<&Decision> = slower
        .filter(|it| it.verdict == Verdict::Regressed)
        .collect();
    let explain = unexplained(report, &slower);
    [Some(look), explain, Some(accept)]
        .into_iter()
        .flatten()
        .collect()
}

/// A step for regressions without an explanation: it was not requested, or stopped too early.
fn unexplained(report: &Report<'_>, regressed: &[&Decision]) -> Option<Step> {
    let seen = |decision: &Decision| {
        let mut explanations = report.explanations.iter();
        explanations.any(|it| *it.id == decision.id && it.observed.candidate.is_some())
    };
    let open = regressed.iter().any(|decision| !seen(decision));
    open.then(|| Step {
        text: "see why, by function and line:".to_owned(),
        command: Some("cargo serbench explain".to_owned()),
    })
}

fn undecided(report: &Report<'_>, undecided: &[&Decision]) -> Option<Step> {
    if undecided.is_empty() {
        return None;
    }
    let more: Option<f64> = undecided
        .iter()
        .map(|decision| decision.needs_seconds)
        .sum();
    let spent: f64 = report.runs.iter().map(|run| run.seconds).sum();
    Some(match more {
        Some(more) => Step {
            text: format!("about {:.0} s more would probably decide:", more.ceil()),
            command: Some(format!(
                "{} --budget {:.0}",
                command(report),
                (spent + more).ceil()
            )),
        },
        None => Step {
            text: format!(
                "{} too close to the threshold or limit for the noise of this machine; measure on \
                 a quieter machine, or raise the threshold or limit",
                match undecided {
                    [_] => "one benchmark is",
                    [_, ..] | [] => "some benchmarks are",
                }
            ),
            command: None,
        },
    })
}

/// A step for failed self-checks: identical code looked different, or a known slowdown went unseen.
fn distrusted(verdicts: &Verdicts<'_>) -> Option<Step> {
    let wrong = |decision: &Decision| match decision.role {
        Role::Benchmark => false,
        Role::NullControl => matches!(decision.verdict, Verdict::Regressed | Verdict::Improved),
        Role::PositiveControl => decision.verdict != Verdict::Regressed,
    };
    verdicts.decisions.iter().any(wrong).then(|| Step {
        text: "a self-check failed; run the gate again when the machine is less busy".to_owned(),
        command: None,
    })
}

fn removed(removed: &[&Decision]) -> Option<Step> {
    let id = match removed {
        [] => return None,
        [one] => quoted(&one.id),
        [_, ..] => "ID...".to_owned(),
    };
    Some(Step {
        text: "if benchmarks were removed on purpose, accept that:".to_owned(),
        command: Some(format!(
            "cargo serbench accept {id} --removed --reason TEXT"
        )),
    })
}

/// The command that produced the report.
pub fn command(report: &Report<'_>) -> String {
    let Some(run) = report.runs.first() else {
        return "cargo serbench".to_owned();
    };
    let commit = |source: &crate::run::Source| source.commit.clone();
    match (run.baseline.as_ref().map(commit), commit(&run.candidate)) {
        (None, _) => "cargo serbench".to_owned(),
        (Some(Some(baseline)), Some(candidate)) if !run.candidate.dirty => {
            format!(
                "cargo serbench compare {} {}",
                short(&baseline),
                short(&candidate)
            )
        }
        (Some(Some(baseline)), _) => format!("cargo serbench gate --baseline {}", short(&baseline)),
        (Some(None), _) => "cargo serbench gate".to_owned(),
    }
}

/// Twelve digits, as git abbreviates in large repositories.
pub fn short(commit: &str) -> String {
    text::visible(commit).chars().take(12).collect()
}

/// ` (benches/json.rs:7)`, if known.
fn at(report: &Report<'_>, id: &str) -> String {
    let place = report.places.get(id);
    place.map_or_else(String::new, |place| {
        format!(" ({}:{})", text::visible(&place.file), place.line)
    })
}

/// The changed function that explains `id`: the one whose instructions grew most. Without an
/// explanation, all of them if they are few.
fn touched(report: &Report<'_>, id: &BenchId) -> Option<String> {
    const FEW: usize = 3;
    let mut explanations = report.explanations.iter();
    let grown = explanations.find(|it| it.id == id).and_then(|it| {
        let functions = &it.observed.functions;
        let mut grown = functions.iter().filter(|it| it.candidate > it.baseline);
        grown.find_map(|function| {
            let is_it = |name: &str| function.name.rsplit("::").any(|part| part == name);
            report.touched.iter().find(|(name, _)| is_it(name))
        })
    });
    let functions = match grown {
        Some(one) => std::slice::from_ref(one),
        None => report.touched,
    };
    let named = functions.iter().map(|(name, Place { file, line })| {
        format!("{} ({}:{line})", text::visible(name), text::visible(file))
    });
    (1..=FEW)
        .contains(&functions.len())
        .then(|| named.collect::<Vec<_>>().join(", "))
}

/// Quotes a word for a POSIX shell. Unprintable text can't be typed either.
fn quoted(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "_-:.,/".contains(it);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", text::visible(word).replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("json::a"), "json::a");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("$(rm)'x"), r"'$(rm)'\''x'");
        assert_eq!(quoted(""), "''");
    }
}
