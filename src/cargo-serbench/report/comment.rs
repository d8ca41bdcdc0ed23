//! A document as a pull request comment, within GitHub's limit of 65,536 characters.

use super::{
    document::{Document, Section},
    markdown,
};

/// Identifies the comment that a later run replaces.
pub const MARKER: &str = "<!-- cargo-serbench -->\n";

/// In bytes, never fewer than characters. The rest is left for what a publisher adds.
const MOST: usize = 60_000;

/// The answer, then as many rows as fit, most important first.
pub fn render(document: &Document) -> String {
    format!("{MARKER}{}", within(document, MOST - MARKER.len()))
}

/// The document in at most `most` bytes.
pub fn within(document: &Document, most: usize) -> String {
    let head = markdown::head(document);
    let foot = markdown::foot(document);
    let mut body = String::new();
    let mut room = most.saturating_sub(head.len() + foot.len());
    for section in &document.sections {
        let text = fitting(section, room);
        room = room.saturating_sub(text.len());
        body += &text;
    }
    let whole = head + &body + &foot;
    match whole.len() <= most {
        true => whole,
        // Only an extremely long answer gets here.
        false => "The report is too long to show here; see the artifact.\n".to_owned(),
    }
}

/// The section with as many of its first rows as fit into `room` bytes.
fn fitting(section: &Section, room: usize) -> String {
    let whole = markdown::render_section(section);
    if whole.len() <= room {
        return whole;
    }
    let with = |rows: usize| {
        let mut part = section.clone();
        part.table.rows.truncate(rows);
        part.notes.truncate(rows);
        let left = section.table.rows.len() - rows;
        match rows {
            0 => format!(
                "{}: {left} in the artifact\n\n",
                markdown::escape(&section.title)
            ),
            _ => format!(
                "{}{left} more in the artifact\n\n",
                markdown::render_section(&part)
            ),
        }
    };
    // The largest number of rows that fits, by bisection: length grows with rows.
    let (mut fits, mut exceeds) = (0, section.table.rows.len());
    while exceeds - fits > 1 {
        let middle = fits.midpoint(exceeds);
        match with(middle).len() <= room {
            true => fits = middle,
            false => exceeds = middle,
        }
    }
    match with(fits) {
        text if text.len() <= room => text,
        _ => String::new(),
    }
}
