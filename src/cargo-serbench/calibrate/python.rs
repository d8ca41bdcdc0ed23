//! The Python processes that time orjson, `json`, `tolist` and others on request.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Array, ELEMENTS, TEXT};
use crate::{
    interrupt,
    process::{KillOnDrop, Output, failure_summary, pin},
};

const SCRIPT: &str = include_str!("calibrate.py");

/// The version of orjson that the reference corresponds to.
const ORJSON: &str = "3.13.0";

/// Versions of Python and the packages that are timed, by name.
pub type Versions = BTreeMap<String, String>;

/// A Python that has numpy and orjson.
#[derive(Clone, Debug)]
pub struct Interpreter {
    program: PathBuf,
}

impl Interpreter {
    /// `program` is a name on `PATH`, a path, or the folder of a venv.
    pub fn find(program: &Path) -> Result<Self> {
        let in_venv = program.join("bin/python3");
        let program = if in_venv.is_file() {
            in_venv
        } else {
            program.to_owned()
        };
        let mut command = Command::new(&program);
        let output = command
            .args(["-c", "import numpy, orjson"])
            .stdin(Stdio::null())
            .output();
        let shown = program.display();
        let problem = match output {
            Ok(output) if output.status.success() => return Ok(Self { program }),
            Ok(output) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                failure_summary(&stderr, &output.status.to_string())
            }
            Err(error) => error.to_string(),
        };
        interrupt::check()?;
        bail!(
            "{shown} can't import numpy and orjson: {problem}\n\
             make a Python that has them, and name it:\n\
             \x20 python3 -m venv target/venv\n\
             \x20 target/venv/bin/pip install numpy orjson=={ORJSON}\n\
             \x20 cargo serbench calibrate --python target/venv"
        )
    }

    /// Starts processes with `array`, whose files are in `folder`.
    pub(super) fn start(&self, array: &Array, folder: &Path, cpu: Option<usize>) -> Result<Steps> {
        let script = folder.join("calibrate.py");
        std::fs::write(&script, SCRIPT)
            .with_context(|| format!("failed to write {}", script.display()))?;
        let mut orjson = self.process(array, &script, folder, cpu)?;
        let mut others = self.process(array, &script, folder, cpu)?;
        let Hello { versions, steps } =
            serde_json::from_str(&orjson.answer()?).context("failed to read Python's versions")?;
        others.answer()?;
        if others.ask("equals", &folder.join(TEXT).display())?.trim() != "true" {
            bail!(
                "orjson {} and the reference write different text for this array of {} {}, so \
                 their times can't be compared; the reference is that of orjson {ORJSON}",
                versions.get("orjson").map_or("", String::as_str),
                array.dtype,
                array.axes
            );
        }
        Ok(Steps {
            orjson,
            others,
            versions,
            names: steps,
        })
    }

    fn process(
        &self,
        array: &Array,
        script: &Path,
        folder: &Path,
        cpu: Option<usize>,
    ) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.arg(script).arg(folder.join(ELEMENTS));
        command.args([&array.dtype, &array.axes]).arg(folder);
        let output = Output::of(&mut command)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let shown = self.program.display();
        let mut child = command
            .spawn()
            .with_context(|| format!("failed to start {shown}"))?;
        if let Some(cpu) = cpu {
            pin(&child, cpu);
        }
        let (commands, answers) = (child.stdin.take(), child.stdout.take());
        Ok(Process {
            child: KillOnDrop(child),
            commands: commands.context("a pipe to Python")?,
            answers: BufReader::new(answers.context("a pipe from Python")?),
            output,
        })
    }
}

#[derive(Deserialize)]
struct Hello {
    versions: Versions,
    steps: Vec<String>,
}

/// The step that all others are compared with.
const ALONE: &str = "orjson";

/// Python processes that wait for the names of steps. orjson has one to itself, as each encoder has: after
/// steps that free much memory, glibc no longer returns it to the kernel, and large arrays take orjson
/// two thirds of the time.
pub(super) struct Steps {
    orjson: Process,
    others: Process,
    pub(super) versions: Versions,
    pub(super) names: Vec<String>,
}

impl Steps {
    /// CPU nanoseconds of all `operations` together.
    pub(super) fn time(&mut self, step: &str, operations: u64) -> Result<f64> {
        let process = match step {
            ALONE => &mut self.orjson,
            _ => &mut self.others,
        };
        let answer = process.ask(step, &operations)?;
        let nanos = answer.trim().parse();
        nanos.with_context(|| format!("Python answered `{}` for a time", answer.trim()))
    }
}

/// Dropping it kills the process.
struct Process {
    child: KillOnDrop,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    output: Output,
}

impl Process {
    fn ask(&mut self, command: &str, argument: &dyn Display) -> Result<String> {
        // If this fails, the process has exited, and reading fails, too.
        let _ = writeln!(self.commands, "{command} {argument}");
        self.answer()
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        if matches!(read, Ok(len) if len > 0) {
            return Ok(line);
        }
        let _ = self.child.kill();
        let status = self.child.wait().context("failed to wait for Python")?;
        interrupt::check()?;
        let stderr = self.output.stderr()?;
        bail!("Python: {}", failure_summary(&stderr, &status.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Interpreter;

    #[test]
    fn missing_packages_are_reported_with_a_solution() {
        let error = Interpreter::find(Path::new("/nonexistent/python3"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("/nonexistent/python3 can't import"),
            "{error}"
        );
        assert!(error.contains("-m venv target/venv"), "{error}");
        assert!(error.contains("--python target/venv"), "{error}");
    }
}
