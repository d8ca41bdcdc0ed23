//! A document as aligned text, coloured when stdout is a terminal.

use anstyle::{Effects, Style};

use super::{
    Width,
    document::{Document, Section},
    table,
};

/// Most lines of code that are shown.
const CODE: usize = 40;

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// Renders a document: the answer first.
pub fn render(document: &Document, width: Width) -> String {
    let mut text = answer(document, width);
    if !text.is_empty() {
        text += "\n";
    }
    for section in &document.sections {
        text += &render_section(section, width);
    }
    for fact in &document.facts {
        text += &format!("{:>10}  {}\n", fact.name, fact.text);
    }
    text
}

/// The answer and the next steps.
pub fn answer(document: &Document, _: Width) -> String {
    let mut text = String::new();
    if let Some(headline) = &document.headline {
        let style = table::style(headline.tone).effects(Effects::BOLD);
        let (word, sentence) = (&headline.word, &headline.sentence);
        text += &format!("{style}{word}{style:#}: {sentence}\n{}\n", headline.counts);
        for problem in &headline.problems {
            text += &format!("{BOLD}Note:{BOLD:#} {problem}\n");
        }
    }
    for step in &document.next {
        text += &format!("{BOLD}Next:{BOLD:#} {}\n", step.text);
        for line in step.command.iter().flat_map(|command| command.lines()) {
            text += &format!("      {line}\n");
        }
    }
    text
}

/// A heading, its table and its notes.
pub fn render_section(section: &Section, width: Width) -> String {
    let title = &section.title;
    let table = table::for_terminal(&section.table, width);
    let mut text = format!("{BOLD}{title}{BOLD:#}\n{table}");
    for note in &section.notes {
        let name = match note.id.as_str() {
            "" => String::new(),
            id => format!("{id}: "),
        };
        text += &format!("  {name}{}\n", note.text);
    }
    for line in section.code.iter().take(CODE) {
        let tone = match line.as_bytes().first() {
            Some(b'+') => table::Tone::Bad,
            Some(b'-') => table::Tone::Good,
            Some(_) | None => table::Tone::Plain,
        };
        let style = table::style(tone);
        text += &format!("  {style}{line}{style:#}\n");
    }
    if section.code.len() > CODE {
        let more = section.code.len() - CODE;
        text += &format!("  {more} more lines in other formats, such as `--format markdown`\n");
    }
    text + "\n"
}
