//! The sections of a report that explain why benchmarks are slower.

use super::{
    document::{Note, Section},
    table::{Align, Cell, Header, Table, Tone},
    text,
};
use crate::{
    explain::{Explanation, Signature},
    run::{Allocated, Explained, Fate, Function, Site},
    values::figures::count,
};

/// Most rows of a table; one more row sums up the others.
const ROWS: usize = 10;

/// The sections for all explanations: the answers first, then the details.
pub fn sections(explanations: &[Explanation<'_>]) -> Vec<Section> {
    if explanations.is_empty() {
        return Vec::new();
    }
    let mut sections = vec![Section {
        title: format!("Why ({})", explanations.len()),
        notes: explanations.iter().flat_map(answers).collect(),
        ..Section::default()
    }];
    for explanation in explanations {
        sections.extend(functions(explanation));
        sections.extend(sites(explanation));
        sections.extend(code(explanation));
    }
    sections
}

/// Why a benchmark is slower, in one line, if known.
pub fn signature(explanations: &[Explanation<'_>], id: &str) -> Option<String> {
    let explanation = explanations.iter().find(|it| it.id.as_str() == id)?;
    let Explanation {
        signature,
        sentence,
        ..
    } = explanation;
    (*signature != Signature::Unknown).then(|| format!("{}: {sentence}", signature.word()))
}

/// The functions with the most additional instructions, each with their number, what became of it and
/// its source lines.
pub fn look_at(observed: &Explained) -> Vec<String> {
    const MOST: usize = 3;
    let more = |it: &&Function| it.candidate - it.baseline >= 0.5;
    let line = |function: &Function| {
        let more = count(function.candidate - function.baseline);
        let name = text::visible(&function.name);
        match remark(function) {
            Some(note) => format!("{name}: +{more} instructions; {}", note.text),
            None => format!("{name}: +{more} instructions"),
        }
    };
    let functions = observed.functions.iter();
    functions.filter(more).take(MOST).map(line).collect()
}

fn answers(explanation: &Explanation<'_>) -> Vec<Note> {
    let Explanation {
        id,
        signature,
        sentence,
        observed,
    } = explanation;
    let note = |text: &str| Note {
        id: text::visible(id),
        text: text::visible(text),
    };
    let mut notes = vec![note(&format!("{}: {sentence}", signature.word()))];
    if *signature == Signature::Waiting && !observed.waits.is_empty() {
        notes.push(note(&format!(
            "waits in {}",
            observed.waits.join(", called by ")
        )));
    }
    notes.extend(observed.notes.iter().map(|it| note(it)));
    notes
}

fn header(title: &str, align: Align) -> Header {
    Header {
        title: title.to_owned(),
        align,
    }
}

fn functions(explanation: &Explanation<'_>) -> Option<Section> {
    let observed = explanation.observed;
    let (baseline, candidate) = observed.baseline.zip(observed.candidate)?;
    let shown = &observed.functions[..observed.functions.len().min(ROWS)];
    let whole = |function: &Function| [function.baseline.round(), function.candidate.round()];
    let total = [
        baseline.instructions.round(),
        candidate.instructions.round(),
    ];
    let mut rows: Vec<Vec<Cell>> = shown
        .iter()
        .map(|function| counts(whole(function), Cell::name(&function.name)))
        .collect();
    let others = observed.functions.len() - shown.len() + observed.more_functions;
    if others > 0 {
        // A row for the rest, so that the column adds up to the total.
        let of = |side: usize| shown.iter().map(|it| whole(it)[side]).sum::<f64>();
        let rest = [total[0] - of(0), total[1] - of(1)];
        rows.push(counts(
            rest,
            Cell::toned(format!("{others} more"), Tone::Dim),
        ));
    }
    rows.push(counts(total, Cell::plain("total")));
    Some(Section {
        title: format!(
            "Instructions per operation of {}",
            text::visible(explanation.id)
        ),
        table: Table {
            header: vec![
                header("Function", Align::Left),
                header("Change", Align::Right),
                header("Baseline", Align::Right),
                header("Candidate", Align::Right),
            ],
            rows,
        },
        notes: shown.iter().filter_map(remark).collect(),
        detail: true,
        ..Section::default()
    })
}

fn counts([baseline, candidate]: [f64; 2], name: Cell) -> Vec<Cell> {
    let change = candidate - baseline;
    let tone = match change {
        change if change > 0.0 => Tone::Bad,
        change if change < 0.0 => Tone::Good,
        _ => Tone::Plain,
    };
    let change = match change > 0.0 {
        true => format!("+{}", count(change)),
        false => count(change),
    };
    vec![
        name,
        Cell::toned(change, tone),
        Cell::plain(count(baseline)),
        Cell::plain(count(candidate)),
    ]
}

/// What became of a function, and which source lines it runs most.
fn remark(function: &Function) -> Option<Note> {
    let fate = function.fate.as_ref().map(|fate| match fate {
        Fate::Inlined(caller) => format!("inlined into {caller}"),
        Fate::Outlined(caller) => format!("no longer inlined into {caller}"),
        Fate::Renamed(before) => format!("was {before}"),
    });
    let lines = function
        .lines
        .iter()
        .map(|line| format!("{} ({})", line.place, count(line.instructions)));
    let lines = lines.collect::<Vec<_>>().join(", ");
    let lines = (!lines.is_empty()).then_some(lines);
    let parts: Vec<String> = fate.into_iter().chain(lines).collect();
    (!parts.is_empty()).then(|| Note {
        id: text::visible(&function.name),
        text: text::visible(&parts.join("; ")),
    })
}

fn sites(explanation: &Explanation<'_>) -> Option<Section> {
    let all = &explanation.observed.sites;
    let shown = &all[..all.len().min(ROWS)];
    let pair = |site: &Site, of: fn(&Allocated) -> f64| {
        let (before, after) = (of(&site.baseline), of(&site.candidate));
        Cell::plain(format!("{} -> {}", count(before), count(after)))
    };
    let row = |site: &Site| {
        let (inner, outer) = site.stack.split_first()?;
        let grows = match site.grows {
            true => Cell::plain("a buffer grows"),
            false => Cell::absent(),
        };
        let callers = match outer {
            [] => Cell::absent(),
            [_, ..] => Cell::plain(outer.join(", called by ")),
        };
        Some(vec![
            Cell::name(inner),
            pair(site, |it| it.bytes),
            pair(site, |it| it.blocks),
            grows,
            callers,
        ])
    };
    let header = vec![
        header("In", Align::Left),
        header("Bytes", Align::Right),
        header("Allocations", Align::Right),
        header("Note", Align::Left),
        header("Called by", Align::Left),
    ];
    let rows: Vec<Vec<Cell>> = shown.iter().filter_map(row).collect();
    let others = all.len() - shown.len();
    let more = (others > 0).then(|| Note {
        id: text::visible(explanation.id),
        text: format!("{others} more call sites differ"),
    });
    (!rows.is_empty()).then(|| Section {
        title: format!(
            "Allocations per operation of {}",
            text::visible(explanation.id)
        ),
        table: Table { header, rows }.without_empty_columns(),
        notes: more.into_iter().collect(),
        detail: true,
        ..Section::default()
    })
}

fn code(explanation: &Explanation<'_>) -> Option<Section> {
    let Explained { assembly, .. } = explanation.observed;
    let assembly = assembly.as_ref()?;
    let lines = assembly.difference.iter();
    Some(Section {
        title: text::visible(&format!(
            "Code of {} in {}",
            assembly.function, explanation.id
        )),
        code: lines.map(|line| text::visible(line)).collect(),
        detail: true,
        ..Section::default()
    })
}
