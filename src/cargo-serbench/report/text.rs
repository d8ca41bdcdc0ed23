//! Makes foreign text safe to show: ids, commit subjects and panic messages come from other people.

/// Escapes characters that a terminal or a CI log would act on.
///
/// Besides control characters these are invisible and direction-changing characters (Unicode
/// TR 36, "Bidirectional text spoofing") and the beginnings of GitHub's workflow commands, which
/// the runner finds after leading blanks (`::`) or anywhere in a line (`##[`).
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    if text.trim_start().starts_with("::") {
        let blanks = text.len() - text.trim_start().len();
        shown += &text[..blanks];
        shown += "\\u{3a}:";
        rest = &text[blanks + 2..];
    }
    for character in rest.chars() {
        match character {
            '\n' => shown += "\\n",
            '\r' => shown += "\\r",
            '\t' => shown += "\\t",
            it if it.is_control() || is_invisible(it) => shown.extend(it.escape_unicode()),
            it => shown.push(it),
        }
    }
    shown.replace("##[", "\\u{23}#[")
}

/// Whether a character leaves no mark of its own or turns the direction of its neighbours.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A failure's text as far as anyone reads it: the last few lines, without the middle of a long
/// one. Nothing that a report shows grows with what a bench prints.
pub fn brief(text: &str) -> String {
    const LINES: usize = 4;
    const HEAD: usize = 240;
    const TAIL: usize = 160;
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines.len().saturating_sub(LINES);
    let shown: Vec<String> = lines[last..]
        .iter()
        .map(|line| shorten(line, HEAD, TAIL))
        .collect();
    shown.join(" / ")
}

/// `text` without its middle, if it has more than `head` + `tail` characters.
pub fn shorten(text: &str, head: usize, tail: usize) -> String {
    let count = text.chars().count();
    if count <= head + tail {
        return text.to_owned();
    }
    let first: String = text.chars().take(head).collect();
    let last: String = text.chars().skip(count - tail).collect();
    format!("{first} [...] {last}")
}

#[cfg(test)]
mod tests {
    use super::{brief, visible};

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        assert_eq!(visible("json::orjson::f64"), "json::orjson::f64");
        assert_eq!(visible("a\u{1b}[31mb\r\nc\td"), "a\\u{1b}[31mb\\r\\nc\\td");
        assert_eq!(visible("a\u{9b}b\u{7f}"), "a\\u{9b}b\\u{7f}");
        assert_eq!(visible("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        assert_eq!(visible("größe µ 数"), "größe µ 数");
    }

    #[test]
    fn nothing_begins_a_workflow_command() {
        assert_eq!(visible("::error title=x::y"), "\\u{3a}:error title=x::y");
        assert_eq!(visible("  ::error::y"), "  \\u{3a}:error::y");
        assert_eq!(visible("see ##[error]y"), "see \\u{23}#[error]y");
        assert_eq!(visible("\u{feff}::error"), "\\u{feff}::error");
    }

    #[test]
    fn the_end_of_a_long_failure_is_kept() {
        let many: String = (0..100).map(|line| format!("line {line}\n")).collect();
        assert_eq!(brief(&many), "line 96 / line 97 / line 98 / line 99");
        let long = format!("a{}z", "x".repeat(1 << 20));
        assert_eq!(brief(&long).chars().count(), 240 + 7 + 160);
        assert!(brief(&long).starts_with("ax") && brief(&long).ends_with("xz"));
        assert_eq!(brief("one"), "one");
    }
}
