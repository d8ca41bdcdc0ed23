//! Compares Rust sources without their comments.

use std::{
    ops::Range,
    str::{self, FromStr},
};

use proc_macro2::{TokenStream, TokenTree};

/// A token, and whether blanks or comments precede it, which `stringify!` shows.
type Spaced<'a> = (bool, &'a str);

/// Whether two versions of a Rust source differ in nothing but comments. Doc comments are code:
/// macros see them. So are the lines of a file that asks for their numbers.
///
/// Line numbers in panic messages may differ; they take no time.
pub fn only_they_differ(before: &[u8], after: &[u8]) -> bool {
    match (code(before), code(after)) {
        (Some(before), Some(after)) => before == after && !asks_for_lines(&before),
        (Some(_) | None, Some(_) | None) => false,
    }
}

/// The tokens of a source; `None` if it isn't Rust.
fn code(source: &[u8]) -> Option<Vec<Spaced<'_>>> {
    let source = str::from_utf8(source).ok()?;
    // The parser leaves out a byte order mark, but the ranges would count it.
    if source.starts_with('\u{feff}') {
        return None;
    }
    let mut ranges = Vec::new();
    leaves(TokenStream::from_str(source).ok()?, &mut ranges);
    let mut code = Vec::new();
    let mut end = None;
    for range in ranges {
        let spaced = end.is_some_and(|end| range.start > end);
        end = Some(range.end);
        code.push((spaced, source.get(range)?));
    }
    Some(code)
}

/// Where the tokens are, delimiters included.
fn leaves(tokens: TokenStream, ranges: &mut Vec<Range<usize>>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                ranges.push(group.span_open().byte_range());
                leaves(group.stream(), ranges);
                ranges.push(group.span_close().byte_range());
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {
                ranges.push(token.span().byte_range());
            }
        }
    }
}

/// Whether a source contains `line!` or `column!`.
fn asks_for_lines(code: &[Spaced<'_>]) -> bool {
    let mut pairs = code.windows(2);
    pairs.any(|pair| matches!(pair[0].1, "line" | "column") && pair[1].1 == "!")
}

#[cfg(test)]
mod tests {
    use super::only_they_differ;

    #[test]
    fn comments_are_not_code() {
        let source = "use std::fmt;\n\nfn f(a: u8) -> &'static str {\n    \"// text\"\n}\n";
        for (from, to) in [
            ("use std", "// Why.\nuse std"),
            ("use std", "//// Not a doc comment.\nuse std"),
            ("fmt;\n", "fmt; // For nothing.\n"),
            ("{\n", "{\n    /* one\n    /* two */ */\n"),
            ("}\n", "}\n// The end"),
            ("\n\n", "\n"),
            ("    ", "\t"),
        ] {
            let edited = source.replacen(from, to, 1);
            assert_ne!(edited, source);
            assert!(
                only_they_differ(source.as_bytes(), edited.as_bytes()),
                "{edited}"
            );
        }
    }

    #[test]
    fn everything_else_is_code() {
        let source = "fn f(a: u8) -> u8 { g!(a+1, \"// text\", r#\"/* raw */\"#) }\n";
        for (from, to) in [
            ("+1", "+2"),
            ("+1", " + 1"),
            ("+1", "/**/+1"),
            ("// text", "// other text"),
            ("/* raw */", ""),
            ("fn f", "/// Documented.\nfn f"),
            ("fn f", "//! The file.\nfn f"),
            ("fn f", "/** Documented. */ fn f"),
            ("fn f", "#[inline] fn f"),
            (" }", " } /* never ended"),
            ("+1", "+ //\n 1"),
            ("fn f", "\u{feff}fn f"),
            (") }", " }"),
        ] {
            let edited = source.replacen(from, to, 1);
            assert_ne!(edited, source);
            let same = only_they_differ(source.as_bytes(), edited.as_bytes());
            assert!(!same, "{edited}");
        }
        assert!(!only_they_differ(b"fn f() {}", b"fn f() {}\xff"));
        for lines in ["line!()", "std::column ! ()"] {
            let source = format!("const AT: u32 = {lines};\n");
            let edited = format!("// Moves it.\n{source}");
            assert!(
                !only_they_differ(source.as_bytes(), edited.as_bytes()),
                "{lines}"
            );
        }
    }
}
