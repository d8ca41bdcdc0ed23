//! Checks the architecture against the sources: imports only go to earlier stages, and pure stages do no I/O.

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex_lite::Regex;

/// All top-level modules, in order: each imports only from those before it.
const ORDER: &[&str] = &[
    "exit",
    "interrupt",
    "atomic",
    "escape",
    "shell",
    "values",
    "discover",
    "config",
    "build",
    "process",
    "layout",
    "divan",
    "select",
    "run",
    "verify",
    "compare",
    "decide",
    "measure",
    "explain",
    "calibrate",
    "record",
    "report",
    "session",
    "cli",
    "commands",
];

/// Stages that only compute: no files, processes, environment, clocks or repositories.
const PURE: &[&str] = &["divan", "compare", "decide", "report"];

/// A simulation for tests, which reads its settings from the environment.
const SIMULATION: &str = "decide/simulate";

#[test]
fn stages_import_only_from_stages_before_them() {
    let root = sources();
    let mut found = Vec::new();
    let mut modules = Vec::new();
    for path in rust_files(&root) {
        let file = path.strip_prefix(&root).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        modules.push(module(file));
        found.extend(violations(file, &text));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    modules.sort();
    modules.dedup();
    let mut listed = ORDER.to_vec();
    listed.sort_unstable();
    assert_eq!(modules, listed, "ORDER lists the modules there are");
}

#[test]
fn planted_violations_are_found() {
    let check = |file: &str, line: &str, expected: &str| {
        let text = format!("//! crate::commands is only named here\n\n{line}\n");
        let found = violations(Path::new(file), &text);
        assert_eq!(found.join("; "), expected, "{file}: {line}");
    };
    check("decide/mod.rs", "use crate::compare::Clock;", "");
    check("decide/mod.rs", "use crate::decide::summary;", "");
    check("decide/mod.rs", "// crate::report", "");
    check(
        "decide/mod.rs",
        "use crate::report::Format;",
        "decide/mod.rs: imports `report`, which comes later",
    );
    check(
        "verify/json.rs",
        "use crate::{\n    divan::{self, report, Tree},\n    select::{a::{b, c}},\n    measure,\n};",
        "verify/json.rs: imports `measure`, which comes later",
    );
    check(
        "shell.rs",
        "fn f() { crate::session::open(); }",
        "shell.rs: imports `session`, which comes later",
    );
    check(
        "select/catalog.rs",
        "pub(in crate::commands) fn f(x: &super::super::verify::Listed) {}",
        "select/catalog.rs: imports `commands`, which comes later; \
         select/catalog.rs: imports `verify`, which comes later",
    );
    for import in [
        "use std::fs;",
        "use std::{fmt, fs::File};",
        "use std::time::Instant;",
        "fn f() { std::env::args(); }",
        "use std::process::{Command, Stdio};",
        "use git2::Oid;",
    ] {
        let found = violations(Path::new("report/html.rs"), import);
        assert_eq!(found.len(), 1, "{import}: {found:?}");
        assert_eq!(violations(Path::new("build/cargo.rs"), import).len(), 0);
    }
    check(
        "run.rs",
        "use clap::Args;",
        "run.rs: uses clap, whose types stop at the commands",
    );
    check("report/mod.rs", "#[derive(clap::ValueEnum)]", "");
    check("commands/run.rs", "use clap::Args;", "");
    check(
        "commands/list.rs",
        "let mut out = std::io::stdout().lock();",
        "commands/list.rs: writes to stdout or stderr without `shell`",
    );
}

/// The violations in one file.
fn violations(file: &Path, text: &str) -> Vec<String> {
    let code = without_comments(text);
    let module = module(file);
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    let here = place(&module).unwrap_or(0);
    let mut wrong: Vec<String> = imported(file, &code)
        .into_iter()
        .filter(|name| place(name).is_some_and(|there| there > here))
        .map(|name| format!("imports `{name}`, which comes later"))
        .collect();
    let simulation = file.starts_with(SIMULATION);
    if PURE.contains(&module.as_str()) && !simulation && touches_the_world(&code) {
        wrong.push("a pure stage uses files, processes, the environment or clocks".to_owned());
    }
    let commands = place("cli").unwrap();
    if here < commands && code.replace("clap::ValueEnum", "").contains("clap::") {
        wrong.push("uses clap, whose types stop at the commands".to_owned());
    }
    let writes = Regex::new(r"\b(io|anstream)::(stdout|stderr)\b").unwrap();
    if module != "shell" && writes.is_match(&code) {
        wrong.push("writes to stdout or stderr without `shell`".to_owned());
    }
    let file = file.display();
    wrong
        .into_iter()
        .map(|it| format!("{file}: {it}"))
        .collect()
}

/// The names after `crate::` in imports and paths, or after enough `super::` to reach the root.
fn imported(file: &Path, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let root = Regex::new(r"\bcrate::(\{|\w+)|\bcrate::\s*(\w+)|\b((?:super::)+)(\w+)").unwrap();
    for found in root.captures_iter(code) {
        let name = |group| {
            found
                .get(group)
                .map(|it: regex_lite::Match<'_>| it.as_str())
        };
        match (name(1).or(name(2)), name(3).zip(name(4))) {
            (Some("{"), _) => names.extend(group(&code[found.get(0).unwrap().end()..])),
            (Some(name), _) => names.push(name.to_owned()),
            (None, Some((supers, name))) if supers.len() / "super::".len() >= depth(file) => {
                names.push(name.to_owned());
            }
            (None, _) => {}
        }
    }
    names
}

/// The first names of the paths in `{a, b::c, d::{e, f}}`, given the text after its brace.
fn group(code: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0;
    for c in code.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    let first = |path: &String| {
        path.split("::")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    names.iter().map(first).collect()
}

/// Whether code names something that pure stages must not use.
fn touches_the_world(code: &str) -> bool {
    let inline = Regex::new(r"\bstd::(fs|process|env|time)\b|\bgit2::").unwrap();
    let grouped = code.split("std::{").skip(1).flat_map(group);
    let worlds = ["fs", "process", "env", "time"];
    inline.is_match(code)
        || grouped
            .into_iter()
            .any(|name| worlds.contains(&name.as_str()))
}

/// The top-level module that a file belongs to.
fn module(file: &Path) -> String {
    let first = file.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The number of `super` from a file to the root of the crate.
fn depth(file: &Path) -> usize {
    let folders = file.iter().count();
    folders - usize::from(file.ends_with("mod.rs"))
}

fn without_comments(text: &str) -> String {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line));
    code.flat_map(|line| [line, "\n"]).collect()
}

fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the tool except `main.rs`, which uses every module.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() && name != "benches" && name != "target" {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") && name != "main.rs" {
            files.push(path);
        }
    }
    files
}
