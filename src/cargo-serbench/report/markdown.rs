//! A document in GitHub's Markdown.

use super::{Align, Table, document::Document};

/// Renders a document; details are folded.
pub fn render(document: &Document) -> String {
    let mut text = String::new();
    if let Some(headline) = &document.headline {
        text += &format!("**{}**\n\n", escape(&headline.text));
    }
    for section in &document.sections {
        let title = escape(&section.title);
        text += &match section.detail {
            true => format!("<details><summary>{title}</summary>\n\n"),
            false => format!("{title}\n\n"),
        };
        text += &render_table(&section.table);
        text += "\n";
        for note in &section.notes {
            text += &format!("- {}\n", escape(note));
        }
        if !section.notes.is_empty() {
            text += "\n";
        }
        if section.detail {
            text += "</details>\n\n";
        }
    }
    text
}

/// Aligned as source text too, for it is also read as such.
pub fn render_table(table: &Table) -> String {
    let cells: Vec<Vec<String>> = std::iter::once(
        table
            .header
            .iter()
            .map(|header| escape(&header.title))
            .collect(),
    )
    .chain(
        table
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| escape(&cell.text)).collect()),
    )
    .collect();
    let widths: Vec<usize> = (0..table.header.len())
        .map(|column| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut lines = Vec::new();
    for row in &cells {
        let padded = row
            .iter()
            .zip(&widths)
            .zip(&table.header)
            .map(|((text, width), header)| {
                let fill = " ".repeat(width - text.chars().count());
                match header.align {
                    Align::Left => format!("{text}{fill}"),
                    Align::Right => format!("{fill}{text}"),
                }
            });
        lines.push(format!("| {} |", padded.collect::<Vec<_>>().join(" | ")));
    }
    let rule = widths
        .iter()
        .zip(&table.header)
        .map(|(width, header)| match header.align {
            Align::Left => "-".repeat(width + 2),
            Align::Right => "-".repeat(width + 1) + ":",
        });
    lines.insert(1, format!("|{}|", rule.collect::<Vec<_>>().join("|")));
    lines.join("\n") + "\n"
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('|', r"\|")
        .replace('\n', " ")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::render_table;
    use crate::report::{Align, Cell, Header, Table};

    #[test]
    fn pipes_are_escaped() {
        let header = |title: &str, align| Header {
            title: title.to_owned(),
            align,
        };
        let table = Table {
            header: vec![
                header("Library", Align::Left),
                header("vs. orjson", Align::Right),
            ],
            rows: vec![vec![Cell::plain("a|b<T>"), Cell::plain("1.0")]],
        };
        insta::assert_snapshot!(render_table(&table), @r"
        | Library    | vs. orjson |
        |------------|-----------:|
        | a\|b&lt;T> |        1.0 |
        ");
    }
}
