//! The footer of a report: what was compared, where, with which flags, and how to repeat it.

use super::{Report, document::Fact, next, text};
use crate::{
    decide::disturbed::is_disturbed,
    run::{self, Run, Source},
    shell,
};

/// The facts to print below a report.
pub fn facts(report: &Report<'_>) -> Vec<Fact> {
    let Some(run) = report.runs.first() else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    if let Some(baseline) = &run.baseline {
        facts.push(fact("Baseline", source(baseline)));
    }
    facts.push(fact("Candidate", source(&run.candidate)));
    let mut machines: Vec<String> = report.runs.iter().map(machine).collect();
    machines.sort_unstable();
    machines.dedup();
    facts.extend(machines.into_iter().map(|machine| fact("Machine", machine)));
    facts.push(fact("Toolchain", toolchain(run)));
    if !run.toolchain.flags.is_empty() {
        facts.push(Fact {
            code: true,
            ..fact("Flags", run.toolchain.flags.join(" "))
        });
    }
    facts.extend(same_code(report.runs).map(|text| fact("Identical", text)));
    let layouts: std::collections::BTreeSet<String> =
        report.runs.iter().filter_map(layout).collect();
    facts.extend(layouts.into_iter().map(|layout| fact("Layout", layout)));
    if let Some(proof) = &run.proof {
        facts.push(fact(
            "Proof",
            format!("{} ({})", proof.sentence(), proof.at),
        ));
    }
    let notes = report.runs.iter().flat_map(|run| &run.notes);
    let notes: std::collections::BTreeSet<&String> = notes.collect();
    facts.extend(notes.into_iter().map(|note| fact("Note", note)));
    let blocks: usize = report.runs.iter().map(|run| run.blocks.len()).sum();
    let seeds: Vec<String> = report.runs.iter().map(|run| run.seed.to_string()).collect();
    let seeds = seeds.join(", ");
    facts.extend(disturbed(report.runs).map(|text| fact("Disturbed", text)));
    facts.push(fact(
        "Measured",
        format!(
            "{} by {}, {blocks} blocks, seed {seeds}",
            run.started_at, run.tool
        ),
    ));
    facts.push(Fact {
        code: true,
        ..fact(
            "Reproduce",
            format!("{} --seed {}", next::command(report), run.seed),
        )
    });
    facts
}

fn fact(name: &'static str, text: impl AsRef<str>) -> Fact {
    Fact {
        name,
        text: text::visible(text.as_ref()),
        code: false,
    }
}

/// The number of benchmarks that were not measured because only code they can't reach differs.
fn same_code(runs: &[Run]) -> Option<String> {
    let benchmarks = || runs.iter().flat_map(|run| run.benchmarks.values());
    let same = benchmarks().filter(|it| {
        let (Some(one), Some(other)) = (&it.baseline, &it.candidate) else {
            return false;
        };
        one.executable != other.executable && one.is_same_code(other)
    });
    let count = same.count();
    (count > 0).then(|| {
        format!(
            "{count} of {}: the executables differ, but not the code and constants they use; what they read \
             while running (files, environment) is not compared",
            shell::count(benchmarks().count(), "benchmark")
        )
    })
}

/// The number of blocks that other programs disturbed.
fn disturbed(runs: &[Run]) -> Option<String> {
    let blocks = || {
        let of_pairs = runs.iter().filter(|run| run.baseline.is_some());
        of_pairs.flat_map(|run| &run.blocks)
    };
    let count = blocks().filter(|block| is_disturbed(block)).count();
    (count > 0).then(|| {
        format!(
            "{count} of {}, by other programs, the hypervisor or the disk; if there are only a few, they \
             are replaced by new ones",
            shell::count(blocks().count(), "block")
        )
    })
}

/// The code layout of the executables that were compared.
fn layout(run: &Run) -> Option<String> {
    let run::Layout {
        variants,
        common,
        equal,
        screened_as_linked,
    } = run.layout?;
    let when = match screened_as_linked {
        true => ", for suspects only",
        false => "",
    };
    Some(format!(
        "{equal} of {common} functions at equal addresses at both commits, in {variants} orders{when}"
    ))
}

fn source(source: &Source) -> String {
    let Source {
        commit,
        tree: _,
        subject,
        dirty,
        lock: _,
    } = source;
    let subject = text::shorten(subject.as_deref().unwrap_or_default(), 100, 20);
    let name = match commit {
        Some(commit) => format!("{} {subject}", next::short(commit)),
        None => "the work tree".to_owned(),
    };
    let changed = if *dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    format!("{}{changed}", name.trim_end())
}

fn machine(run: &Run) -> String {
    let machine = &run.machine;
    let (cpu, cpus) = (&machine.cpu, machine.cpus);
    format!("{cpu}, {cpus} CPUs, {} {}", machine.os, machine.arch)
}

fn toolchain(run: &Run) -> String {
    let toolchain = &run.toolchain;
    let features = toolchain.features.join(" ");
    let separator = if features.is_empty() { "" } else { ", " };
    format!(
        "{}, profile {}{separator}{features}",
        toolchain.rustc, toolchain.profile
    )
}
