//! Finds bench functions in the source, by name.

use std::{collections::BTreeMap, fs};

use super::{Workspace, suite_name};

/// File, relative to the workspace's root, and line of the functions behind `ids`. Divan does not
/// report them, so this searches the bench's own file for a function, type or module with a name in
/// the id, innermost first. Functions generated in other ways are not found.
pub fn find<'a>(
    workspace: &Workspace,
    ids: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, (String, usize)> {
    let mut sources: BTreeMap<String, Option<(String, String)>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for id in ids {
        let Some((suite, names)) = id.split_once("::") else {
            continue;
        };
        let source = sources
            .entry(suite.to_owned())
            .or_insert_with(|| source(workspace, suite));
        if let Some((file, text)) = source
            && let Some(line) = line(text, names)
        {
            found.insert(id.to_owned(), (file.clone(), line));
        }
    }
    found
}

fn source(workspace: &Workspace, suite: &str) -> Option<(String, String)> {
    // If several packages have the suite, its package comes first.
    let (package, suite) = match suite.split_once('/') {
        Some((package, suite)) => (Some(package), suite),
        None => (None, suite),
    };
    let (_, bench) = workspace.benches().find(|(owner, bench)| {
        suite_name(&bench.name) == suite && package.is_none_or(|it| owner.name.as_str() == it)
    })?;
    let path = bench.src_path.as_std_path();
    let file = path.strip_prefix(&workspace.root).ok()?;
    // GitHub needs slashes in the path of an annotation.
    let file = file.to_str()?.replace('\\', "/");
    Some((file, fs::read_to_string(path).ok()?))
}

/// The line (counted from 1) that defines the innermost of `names`.
fn line(text: &str, names: &str) -> Option<usize> {
    let defines = |line: &str, name: &str| {
        let words: Vec<&str> = line
            .split(|it: char| !it.is_alphanumeric() && it != '_')
            .filter(|word| !word.is_empty())
            .collect();
        words
            .windows(2)
            .any(|pair| ["fn", "struct", "mod"].contains(&pair[0]) && pair[1] == name)
    };
    let names: Vec<&str> = names.split("::").collect();
    names.iter().rev().find_map(|name| {
        let place = text.lines().position(|line| {
            let code = line.split("//").next().unwrap_or_default();
            defines(code, name)
        });
        Some(place? + 1)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{find, line};
    use crate::discover::workspace::without_dependencies;

    #[test]
    fn packages_with_the_same_suite() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nmembers = [\"one\", \"two\"]\n");
        for (package, bench) in [("one", "fn f() {}\n"), ("two", "\nfn f() {}\n")] {
            let manifest = format!("[package]\nname = \"{package}\"\nedition = \"2024\"\n");
            write(&format!("{package}/Cargo.toml"), &manifest);
            write(&format!("{package}/src/lib.rs"), "");
            write(&format!("{package}/benches/my-bench.rs"), bench);
        }
        let workspace = without_dependencies(Some(folder.path().join("Cargo.toml"))).unwrap();
        let found = find(
            &workspace,
            ["one/my_bench::f", "two/my_bench::f", "three/my_bench::f"].into_iter(),
        );
        let place = |file: &str, line| (file.to_owned(), line);
        let expected = [
            ("one/my_bench::f", place("one/benches/my-bench.rs", 1)),
            ("two/my_bench::f", place("two/benches/my-bench.rs", 2)),
        ];
        assert_eq!(found, expected.map(|(id, at)| (id.to_owned(), at)).into());
    }

    #[test]
    fn the_innermost_name_counts() {
        let text = "\
// fn fill is not here
fn main() { divan::main(); }
mod vectors {
    #[divan::bench(args = [1, 2])]
    fn fill(bencher: Bencher) {}
}
struct Json;
";
        assert_eq!(line(text, "vectors::fill::1"), Some(5));
        assert_eq!(line(text, "vectors::gone"), Some(3));
        assert_eq!(line(text, "Json::f64"), Some(7));
        assert_eq!(line(text, "fil"), None);
    }
}
