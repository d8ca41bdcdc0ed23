//! Tables: their columns, and how they are drawn on terminals and in Markdown.

use anstyle::{AnsiColor, Effects, Style};
use unicode_width::UnicodeWidthStr;

use super::{markdown, text};

/// A table of formatted texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub header: Vec<Header>,
    pub rows: Vec<Vec<Cell>>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub title: String,
    pub align: Align,
}

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// A formatted text, and whether it is good or bad, for colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
    /// Whether the text is a name, which Markdown sets as code.
    pub code: bool,
}

/// The meaning of a cell. The text also says it: colour is never the only sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Unsure,
    Dim,
}

impl Cell {
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: text::visible(text.as_ref()),
            tone,
            code: false,
        }
    }

    /// A benchmark's id or another name from code.
    pub fn name(text: impl AsRef<str>) -> Self {
        Self {
            code: true,
            ..Self::plain(text)
        }
    }

    /// Placeholder for a missing figure.
    pub fn absent() -> Self {
        Self::toned("-", Tone::Dim)
    }
}

/// A column of rows `R`: header, alignment and value.
pub struct Column<R> {
    pub title: String,
    pub align: Align,
    pub cell: fn(&R) -> Cell,
}

/// A left-aligned column, for words.
pub fn left<R>(title: &str, cell: fn(&R) -> Cell) -> Column<R> {
    Column {
        title: title.to_owned(),
        align: Align::Left,
        cell,
    }
}

/// A right-aligned column, for figures.
pub fn right<R>(title: &str, cell: fn(&R) -> Cell) -> Column<R> {
    Column {
        align: Align::Right,
        ..left(title, cell)
    }
}

/// Fills a table column by column. Omits columns without any figure.
pub fn table<R>(columns: &[Column<R>], rows: &[R]) -> Table {
    let header = |column: &Column<R>| Header {
        title: text::visible(&column.title),
        align: column.align,
    };
    let full = Table {
        header: columns.iter().map(header).collect(),
        rows: rows
            .iter()
            .map(|row| columns.iter().map(|column| (column.cell)(row)).collect())
            .collect(),
    };
    full.without_empty_columns()
}

impl Table {
    /// Keeps the first column, and others with a figure.
    pub fn without_empty_columns(self) -> Self {
        let absent = Cell::absent();
        let keep: Vec<bool> = (0..self.header.len())
            .map(|column| column == 0 || self.rows.iter().any(|row| row[column] != absent))
            .collect();
        let kept = |column: &usize| keep[*column];
        let pick = |row: Vec<Cell>| -> Vec<Cell> {
            let cells = row.into_iter().enumerate();
            cells
                .filter(|(column, _)| kept(column))
                .map(|(_, cell)| cell)
                .collect()
        };
        let headers = self.header.into_iter().enumerate();
        Self {
            header: headers
                .filter(|(column, _)| kept(column))
                .map(|(_, it)| it)
                .collect(),
            rows: self.rows.into_iter().map(pick).collect(),
        }
    }

    /// The width of each column: its widest text.
    fn widths(&self, from: usize) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].text.width());
            let title = self.header[column].title.width();
            cells.chain([title]).max().unwrap_or(0)
        };
        (from..self.header.len()).map(width).collect()
    }
}

const HEADER: Style = Style::new().effects(Effects::BOLD);

/// Spaces between columns, and before text that continues the line above.
const GAP: usize = 2;

/// A table for terminals. The stream strips the styles if they are not wanted.
///
/// A table wider than `width` is stacked: the first column gets a line of its own and the
/// others follow below it, side by side or, if that is still too wide, one per line. Nothing is
/// truncated, so that ids can be copied.
pub fn for_terminal(table: &Table, width: Option<usize>) -> String {
    if table.header.is_empty() {
        return String::new();
    }
    let fits = |widths: &[usize], indent: usize| {
        let gaps = GAP * widths.len().saturating_sub(1);
        width.is_none_or(|width| indent + widths.iter().sum::<usize>() + gaps <= width)
    };
    let whole = table.widths(0);
    if table.header.len() < 2 || fits(&whole, 0) {
        return grid(table, &whole);
    }
    let rest = table.widths(1);
    match fits(&rest, GAP) {
        true => stacked(table, &rest),
        false => listed(table),
    }
}

fn grid(table: &Table, widths: &[usize]) -> String {
    let mut lines = line(&table.header, widths, &titles(table, 0));
    for row in &table.rows {
        lines += &line(&table.header, widths, &styled(row));
    }
    lines
}

fn stacked(table: &Table, widths: &[usize]) -> String {
    let indent = " ".repeat(GAP);
    let header = &table.header[1..];
    let mut lines = format!("{HEADER}{}{HEADER:#}\n{indent}", table.header[0].title);
    lines += &line(header, widths, &titles(table, 1));
    for row in &table.rows {
        let style = style(row[0].tone);
        lines += &format!("{style}{}{style:#}\n{indent}", row[0].text);
        lines += &line(header, widths, &styled(&row[1..]));
    }
    lines
}

fn listed(table: &Table) -> String {
    let mut lines = String::new();
    for row in &table.rows {
        let head = style(row[0].tone);
        lines += &format!("{head}{}{head:#}\n", row[0].text);
        for (header, cell) in table.header.iter().zip(row).skip(1) {
            let style = style(cell.tone);
            if *cell != Cell::absent() {
                lines += &format!("  {}: {style}{}{style:#}\n", header.title, cell.text);
            }
        }
    }
    lines
}

fn titles(table: &Table, from: usize) -> Vec<(&str, Style)> {
    let titles = table.header[from..].iter();
    titles
        .map(|header| (header.title.as_str(), HEADER))
        .collect()
}

fn styled(row: &[Cell]) -> Vec<(&str, Style)> {
    row.iter()
        .map(|cell| (cell.text.as_str(), style(cell.tone)))
        .collect()
}

fn line(header: &[Header], widths: &[usize], texts: &[(&str, Style)]) -> String {
    let cells = texts.iter().zip(widths).zip(header);
    let padded = cells.map(|(((text, style), width), header)| {
        let fill = " ".repeat(width.saturating_sub(text.width()));
        match header.align {
            Align::Left => format!("{style}{text}{style:#}{fill}"),
            Align::Right => format!("{fill}{style}{text}{style:#}"),
        }
    });
    let joined = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
    joined.trim_end().to_owned() + "\n"
}

/// The colour of each tone.
pub fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
        Tone::Unsure => AnsiColor::Yellow.on_default(),
        Tone::Dim => Style::new().effects(Effects::DIMMED),
    }
}

/// A table for GitHub, aligned in the source as well, because people read it there, too.
pub fn for_markdown(table: &Table) -> String {
    if table.header.is_empty() {
        return String::new();
    }
    let head = table
        .header
        .iter()
        .map(|header| markdown::escape(&header.title));
    let body = table.rows.iter().map(|row| {
        let cells = row.iter().map(|cell| match cell.code {
            // GitHub splits a table at pipes before it recognises code.
            true => markdown::code(&cell.text).replace('|', r"\|"),
            false => markdown::escape(&cell.text),
        });
        cells.collect()
    });
    let cells: Vec<Vec<String>> = std::iter::once(head.collect()).chain(body).collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|row| row[column].width());
        widths.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..table.header.len()).map(width).collect();
    let mut lines: Vec<String> = cells
        .iter()
        .map(|row| markdown_line(table, row, &widths))
        .collect();
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

fn markdown_line(table: &Table, row: &[String], widths: &[usize]) -> String {
    let cells = row
        .iter()
        .zip(widths)
        .zip(&table.header)
        .map(|((text, width), header)| {
            let fill = " ".repeat(width - text.width());
            match header.align {
                Align::Left => format!("{text}{fill}"),
                Align::Right => format!("{fill}{text}"),
            }
        });
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::{Align, Cell, Header, Table, for_markdown, for_terminal};

    fn example() -> Table {
        let header = |title: &str, align| Header {
            title: title.to_owned(),
            align,
        };
        Table {
            header: vec![
                header("Benchmark", Align::Left),
                header("vs. orjson", Align::Right),
                header("Change", Align::Right),
            ],
            rows: vec![
                vec![
                    Cell::name("json::a|b<T>::数字"),
                    Cell::plain("1.0 -> 1.2"),
                    Cell::plain("+20.0 % [+19.0, +21.0]"),
                ],
                vec![Cell::name("b"), Cell::absent(), Cell::absent()],
            ],
        }
    }

    fn drawn(width: Option<usize>) -> String {
        anstream::adapter::strip_str(&for_terminal(&example(), width)).to_string()
    }

    #[test]
    fn columns_are_aligned() {
        insta::assert_snapshot!(drawn(Some(80)), @r"
        Benchmark           vs. orjson                  Change
        json::a|b<T>::数字  1.0 -> 1.2  +20.0 % [+19.0, +21.0]
        b                            -                       -
        ");
        assert_eq!(drawn(Some(80)), drawn(None));
    }

    #[test]
    fn a_narrow_terminal_gets_all_of_it() {
        insta::assert_snapshot!(drawn(Some(40)), @r"
        Benchmark
          vs. orjson                  Change
        json::a|b<T>::数字
          1.0 -> 1.2  +20.0 % [+19.0, +21.0]
        b
                   -                       -
        ");
        insta::assert_snapshot!(drawn(Some(24)), @r"
        json::a|b<T>::数字
          vs. orjson: 1.0 -> 1.2
          Change: +20.0 % [+19.0, +21.0]
        b
        ");
    }

    #[test]
    fn long_ids_are_not_truncated() {
        let mut table = example();
        let id = "x".repeat(300);
        table.rows[1][0] = Cell::name(&id);
        for width in [60, 80, 120, 200] {
            let text = for_terminal(&table, Some(width));
            let text = anstream::adapter::strip_str(&text).to_string();
            assert!(text.contains(&id));
            let others = text.lines().filter(|line| !line.contains(&id));
            assert!(others.map(str::len).all(|length| length <= width), "{text}");
        }
    }

    #[test]
    fn pipes_are_escaped() {
        insta::assert_snapshot!(for_markdown(&example()), @r"
        | Benchmark             | vs. orjson |                  Change |
        |-----------------------|-----------:|------------------------:|
        | `json::a\|b<T>::数字` | 1.0 -> 1.2 | +20.0 % \[+19.0, +21.0] |
        | `b`                   |          - |                       - |
        ");
    }

    #[test]
    fn columns_without_figures_are_left_out() {
        let mut table = example();
        table.rows[0][2] = Cell::absent();
        let kept = table.without_empty_columns();
        assert_eq!(kept.header.len(), 2);
        assert_eq!(kept.rows[1].len(), 2);
    }
}
