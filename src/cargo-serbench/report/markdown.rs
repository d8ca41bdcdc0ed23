//! A document as GitHub-flavoured Markdown.

use super::{
    document::{Document, Note, Section},
    table, text,
};

/// Renders a document; details are folded.
pub fn render(document: &Document) -> String {
    let mut text = head(document);
    for section in &document.sections {
        text += &render_section(section);
    }
    text + &foot(document)
}

/// The answer and the next steps.
pub fn head(document: &Document) -> String {
    let mut text = String::new();
    if let Some(headline) = &document.headline {
        let (word, sentence) = (escape(&headline.word), escape(&headline.sentence));
        text += &format!("**{word}**: {sentence}\n\n");
        if !headline.counts.is_empty() {
            text += &format!("{}\n\n", escape(&headline.counts));
        }
        for problem in &headline.problems {
            text += &format!("Note: {}\n\n", prose(problem));
        }
    }
    for step in &document.next {
        let lines = step.command.iter().flat_map(|command| command.lines());
        let command = lines.map(code).collect::<Vec<_>>().join("<br>");
        let text_of_step = prose(&step.text);
        text += format!("Next: {text_of_step} {command}").trim_end();
        text += "\n\n";
    }
    text
}

/// A heading, a table and notes on it.
pub fn render_section(section: &Section) -> String {
    let title = escape(&section.title);
    let mut text = match section.detail {
        true => format!("<details><summary>{title}</summary>\n\n"),
        false => format!("#### {title}\n\n"),
    };
    let table = table::for_markdown(&section.table);
    if !table.is_empty() {
        text += &format!("{table}\n");
    }
    text += &section.notes.iter().map(note).collect::<String>();
    if !section.notes.is_empty() {
        text += "\n";
    }
    text += &difference(&section.code);
    if section.detail {
        text += "</details>\n\n";
    }
    text
}

/// A code block of a diff. GitHub interprets only the sign at the beginning of a line.
fn difference(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let text = lines.join("\n");
    let runs = text.split(|it| it != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0).max(2) + 1);
    format!("{fence}diff\n{text}\n{fence}\n\n")
}

fn note(note: &Note) -> String {
    match note.id.as_str() {
        "" => format!("- {}\n", prose(&note.text)),
        id => format!("- {}: {}\n", code(id), prose(&note.text)),
    }
}

/// What was measured where, and how to repeat it.
pub fn foot(document: &Document) -> String {
    let facts = document.facts.iter().map(|fact| match fact.code {
        true => format!("- {}: {}\n", fact.name, code(&fact.text)),
        false => format!("- {}: {}\n", fact.name, prose(&fact.text)),
    });
    match document.facts.is_empty() {
        true => String::new(),
        false => format!(
            "<details><summary>How this was measured</summary>\n\n{}\n</details>\n",
            facts.collect::<String>()
        ),
    }
}

/// Text whose backticks mark code; the rest is escaped.
fn prose(words: &str) -> String {
    let part = |(is_code, part)| match is_code {
        true => code(part),
        false => escape(part),
    };
    text::parts(words).into_iter().map(part).collect()
}

/// Escapes untrusted text: no markup, links, images, mentions or references to issues.
///
/// GitHub links `@name`, `#1` and addresses after parsing the markup, so a backslash does not
/// prevent it; a zero-width space does, as in comments by Renovate and Dependabot.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = None;
    for character in text::visible(text).chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '<' => escaped += "&lt;",
            '&' => escaped += "&amp;",
            '@' | '#' => {
                escaped.push(character);
                escaped += "&#8203;";
            }
            '/' if before == Some(':') => escaped += "&#8203;/",
            '.' if escaped.to_ascii_lowercase().ends_with("www") => escaped += "&#8203;.",
            _ => escaped.push(character),
        }
        before = Some(character);
    }
    escaped
}

/// A name as code, which GitHub does not interpret.
pub fn code(text: &str) -> String {
    let text = text::visible(text);
    let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    match longest {
        0 => format!("`{text}`"),
        _ => {
            let fence = "`".repeat(longest + 1);
            format!("{fence} {text} {fence}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{code, escape};

    #[test]
    fn untrusted_text_is_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected);
        check(
            "[x](https://evil.example)",
            r"\[x](https:&#8203;//evil.example)",
        );
        check("![x](y)", r"!\[x](y)");
        check("@octocat closes #1", "@&#8203;octocat closes #&#8203;1");
        check("<img src=x>", "&lt;img src=x>");
        check("www.example.com", "www&#8203;.example.com");
        check("a*b_c`d|e\\f", r"a\*b\_c\`d\|e\\f");
        check("+5.1 % [+4.2, +6.0]", r"+5.1 % \[+4.2, +6.0]");
        check("a\nb", r"a\\nb");
    }

    #[test]
    fn names_are_code() {
        assert_eq!(code("json::a"), "`json::a`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("`"), "`` ` ``");
    }
}
