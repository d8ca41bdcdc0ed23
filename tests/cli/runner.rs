//! Runs a workflow or a composite action step by step, like GitHub's runner. Third-party actions are only
//! recorded, and `gh` and `rustup` are replaced by stubs.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::repository::{Outcome, clean};

/// Logs its calls. Answers with the file named like the last part of the path, or with the release asset that
/// matches the pattern.
const GH: &str = r#"#!/bin/sh
if test "$1" = release; then
    printf '%s\n' "gh $*" >> "$STUB/calls"
    test "$2" = download || exit 0
    while test $# -gt 0; do
        test "$1" = --pattern && pattern=$2
        shift
    done
    for asset in "$STUB"/assets/*; do
        case ${asset##*/} in $pattern) exec cat "$asset" ;; esac
    done
    echo "no assets match the file pattern" >&2
    exit 1
fi
test "$1" = api || exit 1
method=GET
for argument in "$@"; do
    case $argument in
        GET | POST | PATCH) method=$argument ;;
        repos/*) path=$argument ;;
    esac
done
printf '%s\n' "$method $*" >> "$STUB/calls"
case $method in
    GET) cat "$STUB/${path##*/}.json" ;;
    *) cat > "$STUB/$method ${path##*/}" ;;
esac
"#;

/// The cargo that runs these tests, except that it installs and publishes nothing.
const CARGO: &str = r#"#!/bin/sh
case $1 in
install | publish) printf '%s\n' "cargo $*" >> "$STUB/calls" ;;
*) exec "$REAL_CARGO" "$@" ;;
esac
"#;

/// A runner of GitHub Actions.
pub(crate) struct Runner {
    folder: TempDir,
    /// The values that expressions can read.
    context: RefCell<Value>,
    /// Steps with third-party actions: name and inputs.
    used: RefCell<Vec<(String, Value)>>,
    environment: RefCell<Vec<(&'static str, PathBuf)>>,
}

impl Runner {
    /// A runner with the context `github`, whose `event` is also written to a file.
    pub(crate) fn new(github: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, text) in [("gh", GH), ("cargo", CARGO), ("rustup", "#!/bin/sh\n")] {
            executable(&bin.join(name), text);
        }
        let tool = env!("CARGO_BIN_EXE_cargo-serbench");
        std::os::unix::fs::symlink(tool, bin.join("cargo-serbench")).unwrap();
        fs::write(
            folder.path().join("event.json"),
            github["event"].to_string(),
        )
        .unwrap();
        let context = json!({ "github": github, "steps": {} });
        Self {
            folder,
            context: RefCell::new(context),
            used: RefCell::default(),
            environment: RefCell::default(),
        }
    }

    /// Sets a variable for all steps.
    pub(crate) fn set(&self, name: &'static str, value: &Path) {
        self.environment.borrow_mut().push((name, value.to_owned()));
    }

    /// Sets the context `name` of expressions, such as `matrix`.
    pub(crate) fn define(&self, name: &str, value: &Value) {
        self.context.borrow_mut()[name] = value.clone();
    }

    /// Adds an asset to the release.
    pub(crate) fn asset(&self, name: &str, content: &[u8]) {
        let assets = self.folder.path().join("assets");
        fs::create_dir_all(&assets).unwrap();
        fs::write(assets.join(name), content).unwrap();
    }

    /// Sets the answer of `gh` for `.../name`.
    pub(crate) fn answers(&self, name: &str, answer: &Value) {
        let file = self.folder.path().join(format!("{name}.json"));
        fs::write(file, answer.to_string()).unwrap();
    }

    /// The body sent to `.../name` since the last call.
    pub(crate) fn sent(&self, method: &str, name: &str) -> Option<Value> {
        let file = self.folder.path().join(format!("{method} {name}"));
        let text = fs::read_to_string(&file).ok()?;
        fs::remove_file(file).unwrap();
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The calls of `gh`, one per line.
    pub(crate) fn calls(&self) -> String {
        fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }

    /// The job summary.
    pub(crate) fn summary(&self) -> String {
        fs::read_to_string(self.folder.path().join("summary")).unwrap_or_default()
    }

    /// The inputs of the last step that used the action `name`.
    pub(crate) fn inputs_of(&self, name: &str) -> Value {
        self.all_inputs_of(name).pop().unwrap()
    }

    /// The inputs of all steps that used the action `name`.
    pub(crate) fn all_inputs_of(&self, name: &str) -> Vec<Value> {
        let used = self.used.borrow();
        let inputs = used.iter().filter(|(used, _)| used.starts_with(name));
        let inputs: Vec<Value> = inputs.map(|(_, inputs)| inputs.clone()).collect();
        assert!(!inputs.is_empty(), "{name} isn't used: {used:?}");
        inputs
    }

    /// The value of an expression such as `steps.gate.outputs.verdict`.
    pub(crate) fn value(&self, expression: &str) -> Value {
        Expression::value(expression, &self.context.borrow())
    }

    /// Runs the jobs of one of this repository's workflows in `place`, in the order of their dependencies. Returns the
    /// output of the first failing step as the error.
    pub(crate) fn play(&self, workflow: &str, place: &Path) -> Result<(), Outcome> {
        self.play_all(&yaml(&format!(".github/workflows/{workflow}")), place)
    }

    /// The same for any workflow.
    pub(crate) fn play_all(&self, workflow: &Value, place: &Path) -> Result<(), Outcome> {
        let mut failed = None;
        let mut left: Vec<(&String, &Value)> =
            workflow["jobs"].as_object().unwrap().iter().collect();
        while !left.is_empty() {
            let needs = |job: &Value, name: &String| {
                let needed = job["needs"]
                    .as_array()
                    .is_some_and(|all| all.contains(&name.as_str().into()));
                needed || job["needs"] == **name
            };
            let is_next =
                |(_, job): &(&String, &Value)| !left.iter().any(|(name, _)| needs(job, name));
            let (_, job) = left.remove(
                left.iter()
                    .position(is_next)
                    .expect("a job that waits for none"),
            );
            if !self.is_due(job, failed.is_some()) {
                continue;
            }
            let matrix = job["strategy"]["matrix"]["include"].as_array();
            for variant in matrix.unwrap_or(&vec![Value::Null]) {
                self.define("matrix", variant);
                if let Err(outcome) = self.steps(&job["steps"], place) {
                    failed = failed.or(Some(outcome));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Whether a job or a step runs. By default, it doesn't after a failure.
    fn is_due(&self, part: &Value, failed: bool) -> bool {
        let condition = part["if"].as_str().unwrap_or("success()");
        (!failed || condition.contains("always()")) && truthy(&self.value(condition))
    }

    fn steps(&self, steps: &Value, place: &Path) -> Result<(), Outcome> {
        let mut failed = None;
        for step in steps.as_array().unwrap() {
            if !self.is_due(step, failed.is_some()) {
                continue;
            }
            let done = match step["uses"].as_str() {
                Some(action) => self.action(action, &step["with"], place),
                None => self.step(step, place),
            };
            let goes_on = step["continue-on-error"] == true;
            if let (Err(outcome), false) = (done, goes_on) {
                failed = failed.or(Some(outcome));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Runs an action of this repository, records any other.
    pub(crate) fn action(&self, name: &str, with: &Value, place: &Path) -> Result<(), Outcome> {
        let with = self.filled(with);
        let Some(folder) = name.strip_prefix("./") else {
            self.used.borrow_mut().push((name.to_owned(), with));
            return Ok(());
        };
        let action = yaml(&format!("{folder}/action.yml"));
        let mut inputs = Map::new();
        for (name, input) in action["inputs"].as_object().unwrap() {
            inputs.insert(name.clone(), self.filled(&input["default"]));
        }
        inputs.extend(with.as_object().cloned().unwrap_or_default());
        self.context.borrow_mut()["inputs"] = inputs.into();
        self.steps(&action["runs"]["steps"], place)
    }

    /// Runs a single step.
    pub(crate) fn step(&self, step: &Value, place: &Path) -> Result<(), Outcome> {
        let file = |name: &str| self.folder.path().join(name);
        fs::write(file("script"), text(&self.filled(&step["run"]))).unwrap();
        let mut command = Command::new("bash");
        if step["shell"] == "bash" {
            command.args(["--noprofile", "--norc", "-o", "pipefail"]);
        }
        command.arg("-e");
        let _ = fs::remove_file(file("output"));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::split_paths(&path);
        let path = std::env::join_paths([file("bin")].into_iter().chain(path)).unwrap();
        let working = self.filled(&step["working-directory"]);
        clean(command.arg(file("script")))
            .current_dir(place.join(working.as_str().unwrap_or(".")))
            .env("PATH", path)
            .env("STUB", self.folder.path())
            .env("REAL_CARGO", env!("CARGO"))
            .envs(self.environment.borrow().iter().cloned())
            .env("SERBENCH_NO_EXPLAIN", "1")
            .env("GITHUB_EVENT_PATH", file("event.json"))
            .env("GITHUB_OUTPUT", file("output"))
            .env("GITHUB_STEP_SUMMARY", file("summary"));
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, text(&self.filled(value)));
        }
        let outcome = Outcome::of(command.output().unwrap());
        if let Some(id) = step["id"].as_str() {
            let outputs = fs::read_to_string(file("output")).unwrap_or_default();
            let outputs = outputs.lines().filter_map(|line| line.split_once('='));
            let outputs: Map<String, Value> = outputs
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            self.context.borrow_mut()["steps"][id] = json!({ "outputs": outputs });
        }
        match outcome.code {
            Some(0) => Ok(()),
            _ => Err(outcome),
        }
    }

    /// A value with its expressions replaced.
    pub(crate) fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let mut filled = String::new();
                let mut rest = text.as_str();
                while let Some((before, after)) = rest.split_once("${{") {
                    let (expression, after) = after.split_once("}}").unwrap();
                    filled += before;
                    filled += &self::text(&self.value(expression));
                    rest = after;
                }
                (filled + rest).into()
            }
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.filled(value)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}

fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A file of this repository.
pub(crate) fn yaml(file: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path: PathBuf = root.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn truthy(value: &Value) -> bool {
    !matches!(text(value).as_str(), "" | "false" | "0")
}

/// Evaluates the part of GitHub's expressions that this repository uses: names, strings, `||`, `&&`, `==`, `!=`,
/// `format` and `always`.
struct Expression<'a> {
    rest: &'a str,
    context: &'a Value,
}

impl<'a> Expression<'a> {
    fn value(text: &'a str, context: &'a Value) -> Value {
        let mut expression = Self {
            rest: text,
            context,
        };
        let value = expression.either();
        assert_eq!(expression.rest.trim(), "", "unsupported in {text:?}");
        value
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn either(&mut self) -> Value {
        let mut value = self.both();
        while self.eat("||") {
            let other = self.both();
            value = if truthy(&value) { value } else { other };
        }
        value
    }

    fn both(&mut self) -> Value {
        let mut value = self.equal();
        while self.eat("&&") {
            let other = self.equal();
            value = if truthy(&value) { other } else { value };
        }
        value
    }

    fn equal(&mut self) -> Value {
        let value = self.one();
        if self.eat("==") {
            (text(&value) == text(&self.one())).into()
        } else if self.eat("!=") {
            (text(&value) != text(&self.one())).into()
        } else {
            value
        }
    }

    fn one(&mut self) -> Value {
        if self.eat("'") {
            let (literal, rest) = self.rest.split_once('\'').unwrap();
            self.rest = rest;
            return literal.into();
        }
        let start = self.rest.trim_start();
        let is_name = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
        let end = start.find(|it| !is_name(it)).unwrap_or(start.len());
        let name = &start[..end];
        self.rest = &start[end..];
        if self.eat("(") {
            let mut arguments = Vec::new();
            while !self.eat(")") {
                arguments.push(text(&self.either()));
                self.eat(",");
            }
            return match (name, &arguments[..]) {
                ("always" | "success", []) => true.into(),
                ("format", [format, value]) => format.replace("{0}", value).into(),
                _ => panic!("unknown name {name}"),
            };
        }
        let path = format!("/{}", name.replace('.', "/"));
        self.context.pointer(&path).cloned().unwrap_or_default()
    }
}
