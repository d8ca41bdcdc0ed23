//! A document as one self-contained page.

use super::{Align, Cell, Table, Tone, document::Document};

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:.4rem 0 1rem}th,td{padding:.15rem .7rem;border-bottom:1px solid #ddd;text-align:left}
.r{text-align:right;font-variant-numeric:tabular-nums}.good{color:#176b2c}.bad{color:#b00020}.unsure{color:#8a5a00}.dim{color:#777}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}.good{color:#6fcf86}.bad{color:#ff7b8a}.unsure{color:#e5b567}}";

pub fn render(document: &Document) -> String {
    let mut body = String::new();
    if let Some(headline) = &document.headline {
        body += &format!(
            "<h1 class=\"{}\">{}</h1>\n",
            class(headline.tone),
            escape(&headline.text)
        );
    }
    for section in &document.sections {
        let notes: String = section
            .notes
            .iter()
            .map(|note| format!("<li>{}</li>", escape(note)))
            .collect();
        let inner = format!("{}<ul>{notes}</ul>", render_table(&section.table));
        let title = escape(&section.title);
        body += &match section.detail {
            true => format!("<details><summary>{title}</summary>{inner}</details>\n"),
            false => format!("<h2>{title}</h2>{inner}\n"),
        };
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>serbench</title>\
         <style>{STYLE}</style></head><body>\n{body}</body></html>\n"
    )
}

fn render_table(table: &Table) -> String {
    let head: String = table
        .header
        .iter()
        .map(|header| format!("<th{}>{}</th>", align(header.align), escape(&header.title)))
        .collect();
    let rows: String = table
        .rows
        .iter()
        .map(|row| {
            let cells: String = row
                .iter()
                .zip(&table.header)
                .map(|(cell, it)| data(cell, it.align))
                .collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    format!("<table><tr>{head}</tr>\n{rows}</table>\n")
}

fn data(cell: &Cell, side: Align) -> String {
    format!(
        "<td{}><span class=\"{}\">{}</span></td>",
        align(side),
        class(cell.tone),
        escape(&cell.text)
    )
}

fn align(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"r\"",
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
        Tone::Dim => "dim",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
