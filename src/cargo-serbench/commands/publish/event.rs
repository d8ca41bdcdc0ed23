//! GitHub's event about the workflow run to publish. None of it comes from the change under test.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::exit::Usage;

/// The event `workflow_run` (GitHub Docs, "Webhook events and payloads").
#[derive(Debug, Deserialize)]
pub struct Event {
    pub workflow_run: WorkflowRun,
    pub repository: Repository,
}

#[derive(Debug, Deserialize)]
pub struct WorkflowRun {
    /// The event that started it, such as `pull_request`.
    pub event: String,
    pub head_sha: String,
    pub head_branch: String,
    pub head_repository: HeadRepository,
    pub conclusion: String,
    pub html_url: String,
}

/// The repository itself, or a fork.
#[derive(Debug, Deserialize)]
pub struct HeadRepository {
    pub owner: Owner,
}

#[derive(Debug, Deserialize)]
pub struct Owner {
    pub login: String,
}

#[derive(Debug, Deserialize)]
pub struct Repository {
    /// `owner/name`.
    pub full_name: String,
    pub default_branch: String,
}

impl Event {
    /// Reads the event from the file that the runner provides.
    pub fn read() -> Result<Self> {
        let path = std::env::var_os("GITHUB_EVENT_PATH").ok_or_else(|| {
            Usage::new(
                "GITHUB_EVENT_PATH is not set; run `publish` on GitHub, in a workflow for the event \
                 `workflow_run`",
            )
        })?;
        let text = fs::read_to_string(&path)
            .with_context(|| format!("failed to read the event {}", path.display()))?;
        let event: Self = serde_json::from_str(&text)
            .context("failed to read the event; `publish` needs a `workflow_run` event")?;
        let sha = &event.workflow_run.head_sha;
        let is_sha = sha.len() >= 40 && sha.bytes().all(|it| it.is_ascii_hexdigit());
        ensure!(is_sha, "the event's head `{sha}` is not a commit");
        Ok(event)
    }
}
