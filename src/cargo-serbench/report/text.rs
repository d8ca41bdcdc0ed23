//! Shortens untrusted text: ids, commit subjects and panic messages.

pub use crate::escape::visible;

/// The readable part of a failure's text: the last few lines, without the middle of a long one.
/// Limits what a bench can add to a report.
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

/// `text` without its middle, if it is longer than `head` + `tail` characters.
pub fn shorten(text: &str, head: usize, tail: usize) -> String {
    let count = text.chars().count();
    if count <= head + tail {
        return text.to_owned();
    }
    let first: String = text.chars().take(head).collect();
    let last: String = text.chars().skip(count - tail).collect();
    format!("{first} [...] {last}")
}

/// The parts of a text whose backticks mark code, each with whether it is code. A text with a single backtick has
/// none.
pub fn parts(text: &str) -> Vec<(bool, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![(false, text)];
    }
    let is_code = [false, true].into_iter().cycle();
    is_code
        .zip(parts)
        .filter(|(_, part)| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{brief, parts};

    #[test]
    fn backticks_mark_code() {
        assert_eq!(
            parts("run `a` now"),
            [(false, "run "), (true, "a"), (false, " now")]
        );
        assert_eq!(parts("`a``b`"), [(true, "a"), (true, "b")]);
        assert_eq!(parts("a`b"), [(false, "a`b")]);
        assert!(parts("").is_empty());
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
