//! Writes reports where the user wants them: to stdout, or into a folder.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    cli::Output,
    report::{self, Results},
    shell,
};

/// Writes `results` in every form that was asked for: to stdout, or to one file a form and the
/// answer to stdout.
pub fn write(results: Results<'_>, output: &Output) -> Result<()> {
    if output.output.is_some() {
        shell::print(&report::answer(results))?;
    }
    for format in &output.format {
        let text = report::render(results, *format)?;
        match &output.output {
            None => shell::print(&text)?,
            Some(folder) => {
                let path = folder.join(report::file_name(*format));
                let text = anstream::adapter::strip_str(&text).to_string();
                fs::create_dir_all(folder)
                    .and_then(|()| fs::write(&path, text))
                    .with_context(|| format!("write the report to {}", path.display()))?;
            }
        }
    }
    Ok(())
}
