//! A document as aligned text, coloured when stdout is a terminal.

use anstyle::{Effects, Style};
use unicode_width::UnicodeWidthStr;

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
        let words = match fact.code {
            true => fact.text.clone(),
            false => wrapped(&fact.text, width, (12, 12)),
        };
        text += &format!("{:>10}  {words}\n", fact.name);
    }
    text
}

/// The answer and the next steps.
pub fn answer(document: &Document, width: Width) -> String {
    let mut text = String::new();
    if let Some(headline) = &document.headline {
        let style = table::style(headline.tone).effects(Effects::BOLD);
        let word = &headline.word;
        let sentence = wrapped(&headline.sentence, width, (word.width() + 2, 0));
        text += &format!("{style}{word}{style:#}: {sentence}\n");
        if !headline.counts.is_empty() {
            text += &format!("{}\n", wrapped(&headline.counts, width, (0, 0)));
        }
        for problem in &headline.problems {
            text += &labeled("Note:", problem, width);
        }
    }
    for step in &document.next {
        text += &labeled("Next:", &step.text, width);
        for line in step.command.iter().flat_map(|command| command.lines()) {
            text += &format!("      {line}\n");
        }
    }
    text
}

/// A line that ends, wrapped unless it is a command. The indentation of the first line is kept.
pub fn line(line: &str, width: Width) -> String {
    let words = line.trim_start();
    let indent = line.len() - words.len();
    let is_command = ["cargo ", "git "].iter().any(|it| words.starts_with(it));
    let words = match is_command {
        true => words.to_owned(),
        false => wrapped(words, width, (indent, indent + 2)),
    };
    format!("{}{words}\n", " ".repeat(indent))
}

fn labeled(label: &str, text: &str, width: Width) -> String {
    let text = wrapped(text, width, (6, 6));
    format!("{BOLD}{label}{BOLD:#} {text}\n")
}

/// `text` in lines of at most `width` columns, if words allow: commands and ids stay whole. The first line starts
/// after `first` columns, the others after `indent` spaces.
fn wrapped(text: &str, width: Width, (first, indent): (usize, usize)) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    // A percent sign stays with its number.
    let text = text.replace(" %", "\u{a0}%");
    let mut lines = String::new();
    let mut column = first;
    let mut words = text.split(' ');
    if let Some(word) = words.next() {
        lines += word;
        column += word.width();
    }
    for word in words {
        if column + 1 + word.width() > width {
            lines.push('\n');
            lines += &" ".repeat(indent);
            column = indent;
        } else {
            lines.push(' ');
            column += 1;
        }
        lines += word;
        column += word.width();
    }
    lines.replace('\u{a0}', " ")
}

/// A heading, its table and its notes.
pub fn render_section(section: &Section, width: Width) -> String {
    let title = &section.title;
    let table = table::for_terminal(&section.table, width);
    let mut text = format!("{BOLD}{title}{BOLD:#}\n{table}");
    for note in &section.notes {
        let note = match note.id.as_str() {
            "" => note.text.clone(),
            id => format!("{id}: {}", note.text),
        };
        text += &format!("  {}\n", wrapped(&note, width, (2, 4)));
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
        text += &format!("  {more} more lines with `--format markdown`\n");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::{line, wrapped};

    #[test]
    fn sentences_wrap_between_words() {
        let text = "one two `json::a_long_name` three";
        assert_eq!(wrapped(text, None, (6, 6)), text);
        insta::assert_snapshot!(wrapped(text, Some(16), (6, 6)), @r"
        one two
              `json::a_long_name`
              three
        ");
        assert_eq!(wrapped(text, Some(33), (0, 0)), text);
        assert_eq!(wrapped("", Some(1), (6, 6)), "");
        assert_eq!(line("  one two", Some(6)), "  one\n    two\n");
        assert_eq!(line("    git show 1234", Some(6)), "    git show 1234\n");
        assert_eq!(wrapped("above 3 %", Some(7), (0, 0)), "above\n3 %");
    }
}
