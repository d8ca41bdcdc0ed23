//! A document as aligned text, coloured when stdout is a terminal.

use anstyle::{AnsiColor, Effects, Style};

use super::{Align, Cell, Table, Tone, document::Document};

const HEADER: Style = Style::new().effects(Effects::BOLD);

/// Renders a document: the answer first.
pub fn render(document: &Document) -> String {
    let mut text = String::new();
    if let Some(headline) = &document.headline {
        let style = style(headline).effects(Effects::BOLD);
        text += &format!("{style}{}{style:#}\n\n", headline.text);
    }
    for section in &document.sections {
        text += &format!(
            "{HEADER}{}{HEADER:#}\n{}",
            section.title,
            render_table(&section.table)
        );
        for note in &section.notes {
            text += &format!("  {note}\n");
        }
        text += "\n";
    }
    text
}

/// Two blanks between columns. The stream strips the styles where they are not wanted.
pub fn render_table(table: &Table) -> String {
    let width = |column: usize| {
        let cells = table
            .rows
            .iter()
            .map(|row| row[column].text.chars().count());
        cells
            .chain([table.header[column].title.chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.header.len()).map(width).collect();
    let mut lines = Vec::new();
    let mut line = |texts: Vec<(&str, Style)>| {
        let cells = texts.into_iter().zip(&widths).zip(&table.header).map(
            |(((text, style), width), header)| {
                let fill = " ".repeat(width - text.chars().count());
                match header.align {
                    Align::Left => format!("{style}{text}{style:#}{fill}"),
                    Align::Right => format!("{fill}{style}{text}{style:#}"),
                }
            },
        );
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    };
    line(
        table
            .header
            .iter()
            .map(|header| (header.title.as_str(), HEADER))
            .collect(),
    );
    for row in &table.rows {
        line(
            row.iter()
                .map(|cell| (cell.text.as_str(), style(cell)))
                .collect(),
        );
    }
    lines.join("\n") + "\n"
}

fn style(cell: &Cell) -> Style {
    match cell.tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
        Tone::Unsure => AnsiColor::Yellow.on_default(),
        Tone::Dim => Style::new().effects(Effects::DIMMED),
    }
}

#[cfg(test)]
mod tests {
    use super::render_table;
    use crate::report::{Align, Cell, Header, Table};

    #[test]
    fn columns_are_aligned() {
        let header = |title: &str, align| Header {
            title: title.to_owned(),
            align,
        };
        let table = Table {
            header: vec![
                header("Library", Align::Left),
                header("Latency", Align::Right),
            ],
            rows: vec![
                vec![Cell::plain("a"), Cell::plain("5.000 µs")],
                vec![Cell::plain("b"), Cell::absent()],
            ],
        };
        let text = anstream::adapter::strip_str(&render_table(&table)).to_string();
        insta::assert_snapshot!(text, @r"
        Library   Latency
        a        5.000 µs
        b               -
        ");
    }
}
