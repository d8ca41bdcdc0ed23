//! Figures in, text out. Nothing is computed here.

pub(crate) mod cells;
pub(crate) mod columns;
pub(crate) mod markdown;
pub(crate) mod terminal;

/// A rectangular table of finished texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) header: Vec<Header>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) title: String,
    pub(crate) align: Align,
}

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A finished text and what it means, for colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// What a cell means. The text says it too: colour is never the only sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Unsure,
    Dim,
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Plain,
        }
    }

    /// What stands where there is no figure.
    pub(crate) fn absent() -> Self {
        Self {
            text: "-".to_owned(),
            tone: Tone::Dim,
        }
    }
}

/// A column of rows `R`: header, place and value in one spot.
pub(crate) struct Column<R> {
    pub(crate) title: String,
    pub(crate) align: Align,
    pub(crate) cell: fn(&R) -> Cell,
}

/// Fills a table column by column.
pub(crate) fn table<R>(columns: &[Column<R>], rows: &[R]) -> Table {
    let header = |column: &Column<R>| Header {
        title: column.title.clone(),
        align: column.align,
    };
    Table {
        header: columns.iter().map(header).collect(),
        rows: rows
            .iter()
            .map(|row| columns.iter().map(|column| (column.cell)(row)).collect())
            .collect(),
    }
}
