//! Crates with divan benches that know nothing of this tool: the fixture `divan-traps`, unchanged.

use crate::repository::{Repository, copy_tree, fixture};

/// The fixture, committed.
fn traps() -> Repository {
    let repository = Repository::empty();
    copy_tree(&fixture("divan-traps"), repository.path());
    repository.write(".gitignore", "target\n");
    repository.git(&["init", "--quiet", "--initial-branch=main"]);
    repository.commit("Traps");
    repository
}

#[test]
#[ignore = "builds divan, from the network where cargo does not have it"]
fn every_trap_is_a_problem_and_no_crash() {
    let repository = traps();
    let list = repository.serbench(&["list"]);
    list.exits(0)
        .says(&["traps::plain"])
        .says(&["traps::args::日本語"])
        .says(&["units::under_a_nanosecond"])
        .says(&["noisy::quiet"])
        .warns(&[
            "2 benchmarks share the name `traps::colliding::by_name`",
            "give each its own `name",
        ])
        .warns(&["holds a newline and can't be read back"])
        .warns(&["holds a NUL byte"])
        .warns(&["noisy: warming up", "names no benchmark"])
        .says_nothing_of(&["traps::colliding"]);

    // Everything of the worst bench, in one commit: what works has a time, what does not a reason.
    let traps = repository.serbench(&["--quick", "--seed=1", "--bench=traps", "--format=markdown"]);
    traps
        .exits(101)
        .says(&["Measured, "])
        .says(&["| plain ", " ns |"])
        .says(&["ends: panicked at benches/traps.rs", "on purpose"])
        .says(&["divan printed no numbers for \"traps::ends::not_registered\""])
        .says(&["several tables in the output of \"traps::prints::a_table\""])
        .says(&["2 rows instead of one for \"traps::threads\""])
        .warns(&["hint: ", "timed by divan itself", "`serbench::bench`"]);

    // Benches without traps are judged: a commit against itself, measured all the same.
    repository
        .serbench(&[
            "gate",
            "--baseline=HEAD",
            "--measure-identical",
            "--seed=1",
            "--threshold=50%",
            "^units::(nano|micro)seconds$",
        ])
        .exits(0)
        .answers("gate: passed (2 benchmarks, 0 regressed, ");
}
