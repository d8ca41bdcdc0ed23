//! Calls GitHub's API with `gh`, which every GitHub runner has.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::event::Event;
use crate::{report::comment::MARKER, shell};

pub struct GitHub<'a> {
    event: &'a Event,
}

#[derive(Debug, Deserialize)]
pub struct Pull {
    pub number: u64,
    pub base: Tip,
    head: Tip,
}

#[derive(Debug, Deserialize)]
pub struct Tip {
    pub sha: String,
}

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    user: Option<User>,
    body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct User {
    #[serde(rename = "type")]
    kind: String,
}

impl Comment {
    /// Users can write the marker, too, but their comments can't be edited.
    fn is_ours(&self) -> bool {
        let is_bot = self.user.as_ref().is_some_and(|user| user.kind == "Bot");
        let body = self.body.as_deref().unwrap_or_default();
        is_bot && body.replace("\r\n", "\n").starts_with(MARKER)
    }
}

impl<'a> GitHub<'a> {
    pub fn new(event: &'a Event) -> Self {
        Self { event }
    }

    /// The open pull request whose head is still the commit that was measured.
    pub fn open_pull(&self) -> Result<Option<Pull>> {
        let run = &self.event.workflow_run;
        let head = format!(
            "head={}:{}",
            run.head_repository.owner.login, run.head_branch
        );
        let path = self.path("pulls");
        let query = [
            "--method=GET",
            "--raw-field=state=open",
            "--raw-field",
            &head,
        ];
        let pulls: Vec<Pull> = list(&[&[path.as_str()][..], &query].concat())?;
        Ok(pulls.into_iter().find(|it| it.head.sha == run.head_sha))
    }

    /// Creates the comment, or replaces the existing one.
    pub fn comment(&self, pull: u64, body: &str) -> Result<()> {
        let path = self.path(&format!("issues/{pull}/comments"));
        let comments: Vec<Comment> = list(&[&path])?;
        let body = json!({ "body": body });
        match comments.iter().find(|it| it.is_ours()) {
            Some(Comment { id, .. }) => {
                let path = self.path(&format!("issues/comments/{id}"));
                send("PATCH", &path, &body)?;
                shell::status("Replaced", format_args!("the comment on #{pull}"));
            }
            None => {
                send("POST", &path, &body)?;
                shell::status("Wrote", format_args!("a comment on #{pull}"));
            }
        }
        Ok(())
    }

    /// Creates a check, which branch protection can require.
    pub fn check(&self, check: &Value) -> Result<()> {
        send("POST", &self.path("check-runs"), check)?;
        let (sha, conclusion) = (&check["head_sha"], &check["conclusion"]);
        shell::status("Wrote", format_args!("the check of {sha}: {conclusion}"));
        Ok(())
    }

    fn path(&self, of: &str) -> String {
        format!("repos/{}/{of}", self.event.repository.full_name)
    }
}

/// Fetches a commit, which may be from a fork: the repository of the pull request has it.
pub fn fetch(sha: &str) -> Result<()> {
    let fetched = Command::new("git")
        .args(["fetch", "--quiet", "--no-tags", "origin", sha])
        .status()
        .context("failed to run git")?;
    if !fetched.success() {
        bail!("`git fetch origin {sha}` failed");
    }
    Ok(())
}

/// All pages of a list. Older versions of `gh` print one list per page, newer ones a single list.
fn list<T: DeserializeOwned>(arguments: &[&str]) -> Result<Vec<T>> {
    let text = gh(&[&["--paginate"], arguments].concat(), None)?;
    let pages = serde_json::Deserializer::from_slice(&text).into_iter::<Vec<T>>();
    let pages = pages.collect::<Result<Vec<_>, _>>();
    let pages = pages.with_context(|| {
        format!(
            "failed to read the answer to `gh api {}`",
            arguments.join(" ")
        )
    })?;
    Ok(pages.into_iter().flatten().collect())
}

fn send(method: &str, path: &str, body: &Value) -> Result<()> {
    gh(&["--method", method, path, "--input=-"], Some(body)).map(drop)
}

fn gh(arguments: &[&str], body: Option<&Value>) -> Result<Vec<u8>> {
    let called = || format!("failed to run `gh api {}`", arguments.join(" "));
    let mut child = Command::new("gh")
        .arg("api")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(called)?;
    if let (Some(mut stdin), Some(body)) = (child.stdin.take(), body) {
        stdin
            .write_all(body.to_string().as_bytes())
            .with_context(called)?;
    }
    let output = child.wait_with_output().with_context(called)?;
    if !output.status.success() {
        bail!("`gh api {}` failed: {}", arguments.join(" "), output.status);
    }
    Ok(output.stdout)
}
