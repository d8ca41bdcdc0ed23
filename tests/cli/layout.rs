//! Unchanged code has the same addresses at both commits, whatever was edited around it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use crate::repository::Repository;

/// A fake bench without a configured linker, before and after an edit that moves its functions.
fn edited() -> Repository {
    let repository = Repository::new("fake::same::u8::4 worker cpu=50000");
    std::fs::remove_dir_all(repository.path().join(".cargo")).unwrap();
    let manifest = repository.read("Cargo.toml");
    let profile = "[profile.bench]\n";
    assert!(manifest.contains(profile));
    // Symbols are kept all the same.
    let stripped = manifest.replace(profile, &format!("{profile}strip = true\n"));
    repository.write("Cargo.toml", &stripped);
    repository.commit("Leave the linker to rustc");
    let bench = repository.read("benches/fake.rs");
    let unrelated =
        "\n#[unsafe(no_mangle)]\npub extern \"C\" fn aaaa(a: u64) -> u64 {\n    a.pow(7)\n}\n";
    repository.write("benches/fake.rs", &format!("{bench}{unrelated}"));
    repository.commit("Add an unrelated function");
    repository
}

#[test]
fn unrelated_edits_move_nothing() {
    let repository = edited();
    let gate = repository.serbench(&["gate", "--baseline=HEAD~1", "--seed=1"]);
    gate.exits(0).answers("gate: passed (1 benchmark, ");
    let line = gate
        .stderr()
        .lines()
        .find(|line| line.contains("Relinked in "));
    let line = line.unwrap_or_else(|| panic!("{gate}"));
    let counts: Vec<usize> = line
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let [variants, equal, common] = counts[..] else {
        panic!("{line}");
    };
    assert!(variants >= 4, "{line}");
    assert!(common > 100 && equal * 100 >= common * 95, "{line}");
}

#[test]
fn a_chosen_linker_is_left_alone() {
    let repository = Repository::new("fake::same::u8::4 worker cpu=50000");
    repository.behave("fake::same::u8::4 worker cpu=50001");
    repository.commit("After");
    let gate = repository.serbench(&["gate", "--baseline=HEAD~1", "--seed=1"]);
    let words = "layout not checked: a linker or flags for it are chosen";
    gate.exits(0).warns(&[words]);
    assert!(gate.stdout().contains(&format!("Note  {words}")), "{gate}");
}

#[test]
fn inputs_of_another_link_are_rejected() {
    let repository = edited();
    // A cached build has its own copy, with a hash.
    let gate = ["gate", "--baseline=HEAD~1", "--seed=1", "--cache-size=0"];
    repository.serbench(&gate).exits(0).warns(&["Relinked in "]);
    let kept = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder.join("link-inputs")).unwrap();
        entries.map(|entry| entry.unwrap().path()).next().unwrap()
    };
    let builds = repository.path().join("target/serbench/build");
    let [one, other] = [kept_folder(&builds, true), kept_folder(&builds, false)];
    std::fs::copy(kept(&one), kept(&other)).unwrap();
    repository
        .serbench(&gate)
        .exits(0)
        .warns(&["layout not checked: relinking the saved inputs does not reproduce"]);
}

/// The folder with the build of the work tree, or the baseline's.
fn kept_folder(builds: &std::path::Path, worktree: bool) -> std::path::PathBuf {
    let entries = std::fs::read_dir(builds).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.ends_with("worktree") == worktree)
        .unwrap()
}

#[test]
fn orders_can_be_left_out_or_kept_for_suspects() {
    let repository = edited();
    let gate = |flags: &[&str]| {
        let all = [&["gate", "--baseline=HEAD~1", "--seed=1"], flags].concat();
        repository.serbench(&all)
    };
    let as_linked = gate(&["--layout=ignore"]);
    as_linked.exits(0).warns_nothing_of(&["Relinked in "]);
    assert!(
        !as_linked.stdout().contains("equal addresses"),
        "{as_linked}"
    );
    let confirm = gate(&["--layout=confirm"]);
    confirm.exits(0).warns(&["Relinked in "]);
    let foot = "functions at equal addresses at both commits, in ";
    assert!(confirm.stdout().contains(foot), "{confirm}");
    assert!(
        confirm.stdout().contains(", for suspects only"),
        "{confirm}"
    );
}
