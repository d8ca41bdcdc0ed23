//! `cargo serbench publish`: shows the verdict of a gate as a pull request's comment and check on GitHub.
//!
//! Runs in a workflow with write permission, after one without it that ran the change's code. So everything
//! in the artifact is untrusted: it can't choose the commit, the pull request, the baseline or the policy.

mod artifact;
mod event;
mod github;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use self::{
    event::Event,
    github::{GitHub, Pull},
};
use crate::{
    cli::{Keys, Project, Voice},
    commands::{
        bound,
        output::{self, Findings},
        report,
    },
    decide::Outcome,
    discover::workspace,
    exit::Exit,
    report::{Format, comment::MARKER, markdown::escape, title},
    run::Run,
    shell,
};

#[derive(Clone, Debug, Args)]
pub struct Publish {
    /// Folder with the gate's artifacts, including the runs of all shards
    #[arg(value_name = "FOLDER", default_value = "target/artifact")]
    pub folder: PathBuf,

    #[command(flatten)]
    pub project: Project,

    #[command(flatten)]
    pub voice: Voice,
}

/// The result to show on the pull request.
struct Answer {
    /// GitHub's conclusion: `success`, `neutral` or `failure`.
    conclusion: &'static str,
    title: String,
    comment: String,
}

pub fn publish(args: &Publish) -> Result<Exit> {
    args.voice.apply();
    let event = Event::read()?;
    let run = &event.workflow_run;
    if run.event != "pull_request" {
        shell::status("Skipped", format_args!("a run for {}", run.event));
        return Ok(Exit::Passed);
    }
    let github = GitHub::new(&event);
    let pull = github.open_pull()?;
    let base = pull.as_ref().map(|it| it.base.sha.as_str());
    let base = base.unwrap_or(&event.repository.default_branch);
    let answer = answer(args, &event, base)?;
    if let Some(Pull { number, .. }) = pull {
        github.comment(number, &answer.comment)?;
    } else {
        // A newer commit has its own run, which writes the comment.
        let head = &run.head_sha;
        shell::status(
            "Skipped",
            format_args!("the comment: no open pull request has the head {head}"),
        );
    }
    github.check(&json!({
        "name": "serbench",
        "head_sha": run.head_sha,
        "status": "completed",
        "conclusion": answer.conclusion,
        "details_url": run.html_url,
        "output": { "title": answer.title, "summary": answer.comment },
    }))?;
    Ok(Exit::Passed)
}

/// The verdict on the uploaded runs. An error becomes a failure.
fn answer(args: &Publish, event: &Event, base: &str) -> Result<Answer> {
    let gate = &event.workflow_run;
    github::fetch(&gate.head_sha)?;
    let decided = runs(args, &gate.head_sha, base).and_then(|runs| decide(runs, &args.project));
    match decided {
        // A stored run may be from an earlier attempt.
        Ok(answer) if answer.conclusion != "failure" && gate.conclusion != "success" => {
            let why = "the gate failed, although its stored runs pass";
            shell::warning(why);
            Ok(without_report(event, why))
        }
        Ok(answer) => Ok(answer),
        Err(error) => {
            shell::warning(format_args!("{error:#}"));
            Ok(without_report(event, &format!("{error:#}")))
        }
    }
}

fn without_report(event: &Event, why: &str) -> Answer {
    let (why, url) = (escape(why), &event.workflow_run.html_url);
    Answer {
        conclusion: "failure",
        title: "Not measured".to_owned(),
        comment: format!(
            "{MARKER}**Not measured**: {why}\n\nNext: see the log of the [gate]({url}).\n"
        ),
    }
}

/// The uploaded runs, if they compare the head with its merge base.
fn runs(args: &Publish, head: &str, base: &str) -> Result<Vec<Run>> {
    let files = artifact::runs(&args.folder)?;
    if files.is_empty() {
        bail!("the gate stored no run");
    }
    let files = files.iter().map(PathBuf::as_path);
    let runs = files.map(|file| Ok((file, bound::load(file)?)));
    let runs = runs.collect::<Result<Vec<(&Path, Run)>>>()?;
    bound::check_candidate(&runs, head)?;
    bound::check_baseline(&runs, base, &args.project)?;
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

fn decide(runs: Vec<Run>, project: &Project) -> Result<Answer> {
    let (runs, decided) = report::decided(runs, project, &Keys::default())?;
    let workspace = workspace::workspace(&project.choice())?;
    let (exit, outcome) = (decided.exit, decided.summary.outcome);
    let findings = Findings {
        runs,
        decided: Some(decided),
        ..Findings::default()
    };
    let format = Format::of("comment").context("failed to find the format of comments")?;
    let (title, comment) = output::with_report(&findings, exit, Some(&workspace), None, |report| {
        (title(report), format.render(report, None))
    });
    Ok(Answer {
        conclusion: conclusion(exit, outcome),
        title,
        comment: comment?,
    })
}

/// GitHub's conclusion for the verdict. Branch protection also accepts `neutral`.
fn conclusion(exit: Exit, outcome: Outcome) -> &'static str {
    match (exit, outcome) {
        (Exit::Passed, Outcome::Inconclusive) => "neutral",
        (Exit::Passed, _) => "success",
        _ => "failure",
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Outcome, conclusion};

    #[test]
    fn only_what_exits_with_0_is_accepted() {
        for (exit, outcome, expected) in [
            (Exit::Passed, Outcome::Passed, "success"),
            (Exit::Passed, Outcome::Inconclusive, "neutral"),
            (Exit::Inconclusive, Outcome::Inconclusive, "failure"),
            (Exit::CouldNotMeasure, Outcome::Passed, "failure"),
            (Exit::Regressed, Outcome::Regressed, "failure"),
        ] {
            assert_eq!(conclusion(exit, outcome), expected, "{exit:?} {outcome:?}");
        }
    }
}
