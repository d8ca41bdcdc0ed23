//! Makes untrusted text safe to print: ids, commit subjects and panic messages.

/// Escapes everything that a terminal or a CI log would interpret.
///
/// Besides control characters, these are invisible and direction-changing characters (Unicode
/// TR 36, "Bidirectional text spoofing") and the start of GitHub's workflow commands, which
/// the runner recognises after leading spaces (`::`) or anywhere in a line (`##[`).
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
            it if is_active(it) => shown.extend(it.escape_unicode()),
            it => shown.push(it),
        }
    }
    shown.replace("##[", "\\u{23}#[")
}

/// A message for a terminal, printed after other words. Messages may have several lines, but
/// all except the first are indented, so that none looks like a separate message.
pub fn message(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(visible).collect();
    lines.join("\n  ")
}

/// Text with styles for a terminal: line breaks, tabs and the escape sequences of styles are kept.
pub fn styled(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = style(rest).unwrap_or(character.len_utf8());
        match character {
            '\n' | '\t' => shown.push(character),
            _ if length == character.len_utf8() && is_active(character) => {
                shown.extend(character.escape_unicode());
            }
            _ => shown += &rest[..length],
        }
        rest = &rest[length..];
    }
    shown.replace("##[", "\\u{23}#[")
}

/// Output of another program; its styles are kept.
pub fn foreign(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let (blanks, rest) = line.split_at(line.len() - line.trim_start().len());
        match rest.strip_prefix("::") {
            Some(rest) => format!("{blanks}\\u{{3a}}:{}", styled(rest)),
            None => styled(line),
        }
    });
    lines.collect()
}

/// The length of the style's escape sequence at the start of `text`: `ESC [ 1 ; 31 m`.
fn style(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|it: char| !(it.is_ascii_digit() || it == ';'))?;
    codes[end..]
        .starts_with('m')
        .then_some(end + "\u{1b}[m".len())
}

/// Equivalent JSON, with escapes for everything that a terminal would interpret. JSON itself only
/// requires them below U+0020.
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push(character),
            it if is_active(it) => {
                let mut units = [0; 2];
                for unit in it.encode_utf16(&mut units) {
                    shown += &format!("\\u{unit:04x}");
                }
            }
            it => shown.push(it),
        }
    }
    shown.replace("##[", "\\u0023#[")
}

/// Whether a character controls a terminal, is invisible, or changes the direction of its
/// neighbours.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::{foreign, json, message, styled, visible};

    #[test]
    fn control_sequences_are_escaped() {
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
    fn lines_of_a_message_stay_its_own() {
        assert_eq!(
            message("no `a`\n::error::b\rc\nerror: d"),
            "no `a`\n  \\u{3a}:error::b\\rc\n  error: d"
        );
        assert_eq!(message("one"), "one");
    }

    #[test]
    fn only_styles_stay_in_styled_text() {
        let style = "\u{1b}[1;32mok\u{1b}[0m\tin\n";
        assert_eq!(styled(style), style);
        assert_eq!(
            styled("\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}"),
            "\\u{1b}[2J\\u{1b}]0;t\\u{7}\\u{1b}"
        );
        assert_eq!(styled("\u{9b}1m\u{202e}"), "\\u{9b}1m\\u{202e}");
        assert_eq!(styled("\u{1b}[1;3"), "\\u{1b}[1;3");
    }

    #[test]
    fn output_of_other_programs_keeps_only_colours() {
        let text = "\u{1b}[1;31merror\u{1b}[0m: x\n  ::error::y\n\u{1b}]0;title\u{7}\u{1b}[2J\r##[group]\n";
        assert_eq!(
            foreign(text),
            "\u{1b}[1;31merror\u{1b}[0m: x\n  \\u{3a}:error::y\n\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{d}\\u{23}#[group]\n"
        );
    }

    #[test]
    fn escaped_json_means_the_same() {
        let text = "a\u{9b}\u{7f}\u{202e}\u{e0001}é##[x";
        let escaped = json(&serde_json::to_string(text).unwrap());
        assert_eq!(escaped, r#""a\u009b\u007f\u202e\udb40\udc01é\u0023#[x""#);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}
