//! Tells benches of other harnesses from their sources, so that they need not be built.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    str::FromStr,
};

use cargo_metadata::{Metadata, Package, Target};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Workspace;

/// The bench targets, by package and name, that surely don't run divan: no source of theirs names it, and
/// their package can't link it or their `main` is criterion's. If in doubt, a bench is not among them.
pub fn without_divan(workspace: &Workspace) -> BTreeSet<(String, String)> {
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).ok();
    let linking = lock.and_then(|lock| linking_divan(&lock, &workspace.metadata));
    let mut found = under_libtest(workspace);
    let without = |package: &Package, bench: &Target| {
        let source = bench.src_path.as_std_path();
        let name = package.name.as_str();
        let can_link = linking
            .as_ref()
            .is_none_or(|linking| linking.contains(name));
        names_no_divan(source) && (!can_link || main_is_criterions(source))
    };
    let others = workspace
        .benches()
        .filter(|(package, bench)| without(package, bench));
    found.extend(others.map(|(package, bench)| (package.name.to_string(), bench.name.clone())));
    found
}

/// The bench targets, by package and name, that mean to run divan, but have no `harness = false`.
pub fn without_main(workspace: &Workspace) -> BTreeSet<(String, String)> {
    let under_libtest = under_libtest(workspace);
    workspace
        .benches()
        .filter(|(_, bench)| !names_no_divan(bench.src_path.as_std_path()))
        .map(|(package, bench)| (package.name.to_string(), bench.name.clone()))
        .filter(|names| under_libtest.contains(names))
        .collect()
}

/// The bench targets, by package and name, that cargo builds with the harness of `#[bench]`, so that nothing calls
/// their `main`. Reads each manifest once, which takes milliseconds.
fn under_libtest(workspace: &Workspace) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut manifests = BTreeMap::new();
    for (package, bench) in workspace.benches() {
        let manifest = manifests.entry(&package.manifest_path).or_insert_with(|| {
            let text = fs::read_to_string(&package.manifest_path).ok()?;
            toml::Table::from_str(&text).ok()
        });
        if let Some(manifest) = manifest
            && is_under_libtest(manifest, &bench.name) == Some(true)
        {
            found.insert((package.name.to_string(), bench.name.clone()));
        }
    }
    found
}

/// The same for one bench; absent if its manifest is not as expected.
fn is_under_libtest(manifest: &toml::Table, bench: &str) -> Option<bool> {
    let benches = manifest.get("bench").map_or(Some(&[][..]), |benches| {
        Some(benches.as_array()?.as_slice())
    })?;
    let name =
        |entry: &&toml::Value| entry.get("name").and_then(toml::Value::as_str) == Some(bench);
    // Without an entry, cargo has found the bench by itself.
    let harness = benches.iter().find(name).and_then(|it| it.get("harness"));
    Some(harness.and_then(toml::Value::as_bool) != Some(false))
}

/// The packages of a lock file that depend on divan or a fork of it, directly or not, with any features.
fn linking_divan(lock: &str, metadata: &Metadata) -> Option<BTreeSet<String>> {
    let lock = toml::Table::from_str(lock).ok()?;
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut found: BTreeSet<String> = metadata.packages.iter().filter_map(fork).collect();
    for package in lock.get("package")?.as_array()? {
        let name = package.get("name")?.as_str()?;
        if is_divan(name) {
            found.insert(name.to_owned());
        }
        let dependencies = package.get("dependencies").and_then(toml::Value::as_array);
        for dependency in dependencies.into_iter().flatten() {
            // `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`.
            let dependency = dependency.as_str()?.split(' ').next()?;
            users.entry(dependency).or_default().push(name);
        }
    }
    let mut left: Vec<String> = found.iter().cloned().collect();
    while let Some(name) = left.pop() {
        for user in users.get(name.as_str()).into_iter().flatten() {
            if found.insert((*user).to_owned()) {
                left.push((*user).to_owned());
            }
        }
    }
    Some(found)
}

/// The name of a package whose library has divan's name.
fn fork(package: &Package) -> Option<String> {
    let mut libraries = package.targets.iter().filter(|target| target.is_lib());
    let found = libraries.any(|target| is_divan(&target.name));
    found.then(|| package.name.to_string())
}

fn is_divan(name: &str) -> bool {
    name.to_ascii_lowercase().contains("divan")
}

/// Whether neither a source nor its modules name divan. False if a module can't be found.
fn names_no_divan(root: &Path) -> bool {
    let folder = root.parent().unwrap_or(Path::new("")).to_owned();
    let mut left = vec![(root.to_owned(), folder)];
    while let Some((file, folder)) = left.pop() {
        let Ok(text) = fs::read_to_string(&file) else {
            return false;
        };
        let tokens = TokenStream::from_str(&text);
        let (false, Ok(tokens)) = (is_divan(&text), tokens) else {
            return false;
        };
        let mut modules = Vec::new();
        if !collect_modules(tokens, &mut modules) {
            return false;
        }
        for module in modules {
            let places = [format!("{module}.rs"), format!("{module}/mod.rs")];
            let place = places.map(|place| folder.join(place));
            let Some(place) = place.into_iter().find(|place| place.is_file()) else {
                return false;
            };
            left.push((place, folder.join(module)));
        }
    }
    true
}

/// Adds the names of modules in other files. False if some may be in files that this does not find.
fn collect_modules(tokens: TokenStream, modules: &mut Vec<String>) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let word = |at: usize| tokens.get(at).map(ToString::to_string);
    let is = |at: usize, text: &str| word(at).is_some_and(|it| it == text);
    tokens.iter().enumerate().all(|(at, token)| match token {
        TokenTree::Ident(word_here) if word_here == "mod" => {
            let declared = is(at + 2, ";");
            modules.extend(word(at + 1).filter(|_| declared));
            // A module in braces has its modules in a folder of its own.
            declared || !modules_inside(tokens.get(at + 2))
        }
        TokenTree::Ident(word_here) if word_here == "include" => !is(at + 1, "!"),
        TokenTree::Ident(word_here) if word_here == "path" => {
            let text = word(at + 2).is_some_and(|it| it.starts_with(['"', 'r']));
            !is(at + 1, "=") || !text
        }
        TokenTree::Ident(_) => true,
        TokenTree::Group(group) => collect_modules(group.stream(), modules),
        TokenTree::Punct(_) | TokenTree::Literal(_) => true,
    })
}

/// Whether the group declares modules in other files.
fn modules_inside(group: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = group else {
        return true;
    };
    let mut modules = Vec::new();
    !collect_modules(group.stream(), &mut modules) || !modules.is_empty()
}

/// Whether a source's `main` is that of criterion, whatever the features.
fn main_is_criterions(root: &Path) -> bool {
    let text = fs::read_to_string(root).unwrap_or_default();
    let Ok(tokens) = TokenStream::from_str(&text) else {
        return false;
    };
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|it| it.to_string() == text);
    let mut places = (0..tokens.len()).filter(|at| is(*at, "criterion_main") && is(at + 1, "!"));
    places.any(|at| {
        // Its path, `criterion::` or nothing.
        let start = match at.checked_sub(3) {
            Some(start) if is(at - 1, ":") && is(start, "criterion") => start,
            _ => at,
        };
        let before = start.checked_sub(1).map(|before| &tokens[before]);
        let imported = text.contains("use criterion") || start < at;
        imported && before.is_none_or(ends_an_item)
    })
}

/// Whether nothing that precedes an item, such as `#[cfg(..)]`, can end with this token.
fn ends_an_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{is_under_libtest, linking_divan, main_is_criterions, names_no_divan};

    const CRITERION: &str = "use criterion::{criterion_group, criterion_main};\nfn f() {}\n\
        criterion_group!(all, f);\ncriterion_main!(all);\n";

    /// Whether sources are known not to name divan, and to have criterion's `main`.
    fn known(files: &[(&str, &str)]) -> [bool; 2] {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = folder.path().join(files[0].0);
        [names_no_divan(&root), main_is_criterions(&root)]
    }

    #[test]
    fn criterion_is_recognised() {
        assert_eq!(known(&[("a.rs", CRITERION)]), [true, true]);
        let path = "fn f() {}\ncriterion::criterion_main!(all);\n";
        assert_eq!(known(&[("a.rs", path)]), [true, true]);
        let inside = format!("mod b;\nmod c {{ fn g() {{}} }}\n{CRITERION}");
        let files = [
            ("a.rs", inside.as_str()),
            ("b/mod.rs", "mod d;"),
            ("b/d.rs", ""),
        ];
        assert_eq!(known(&files), [true, true]);
    }

    #[test]
    fn if_in_doubt_a_bench_may_be_divans() {
        for text in [
            "fn main() { divan::main(); }",
            "mod missing;",
            "mod c { mod inside; }",
            "include!(\"b.rs\");",
            "#[path = \"x/b.rs\"] mod b;",
            "mod b;",
            "not rust (",
        ] {
            let text = format!("{text}\n{CRITERION}");
            let b = ("b.rs", "#[divan::bench]\nfn f() {}");
            assert!(!known(&[("a.rs", &text), b])[0], "{text}");
        }
        for text in [
            "fn main() {}",
            "use criterion::x;\n#[cfg(feature = \"c\")]\ncriterion_main!(all);",
            "use criterion::x;\nmod m { criterion_main!(all); }",
            "fn f() {}\nours::criterion_main!(all);",
            "use ours::criterion_main;\ncriterion_main!(all);",
        ] {
            assert!(!known(&[("a.rs", text)])[1], "{text}");
        }
        assert!(!names_no_divan(std::path::Path::new("/nothing/a.rs")));
    }

    #[test]
    fn cargo_calls_main_only_without_a_harness() {
        let of = |manifest: &str| {
            let manifest: toml::Table = manifest.parse().ok()?;
            is_under_libtest(&manifest, "a")
        };
        let with = |entry: &str| of(&format!("[package]\n{entry}"));
        assert_eq!(with(""), Some(true));
        assert_eq!(with("[[bench]]\nname = \"a\""), Some(true));
        assert_eq!(with("[[bench]]\nname = \"b\"\nharness = false"), Some(true));
        assert_eq!(with("[[bench]]\nname = \"a\"\nharness = true"), Some(true));
        assert_eq!(
            with("[[bench]]\nname = \"a\"\nharness = false"),
            Some(false)
        );
        let inline = "bench = [{ name = \"a\", harness = false }]\n[package]";
        assert_eq!(of(inline), Some(false));
        assert_eq!(with("[[bench"), None);
    }

    #[test]
    fn divan_is_found_behind_other_packages() {
        let metadata = r#"{"packages": [], "workspace_members": [], "resolve": null, "version": 1,
            "workspace_root": "/", "target_directory": "/target", "metadata": null}"#;
        let metadata = cargo_metadata::MetadataCommand::parse(metadata).unwrap();
        let lock = r#"
            version = 4
            [[package]]
            name = "a"
            dependencies = ["helper", "serde"]
            [[package]]
            name = "helper"
            dependencies = ["codspeed-divan-compat 6.0.0 (registry)"]
            [[package]]
            name = "codspeed-divan-compat"
            [[package]]
            name = "b"
            dependencies = ["criterion", "serde"]
            [[package]]
            name = "serde""#;
        let found = linking_divan(lock, &metadata).unwrap();
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["a", "codspeed-divan-compat", "helper"]);
        assert_eq!(linking_divan("not a lock file", &metadata), None);
    }
}
