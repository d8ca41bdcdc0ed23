//! Puts each element on its own line.

/// The state of indenting compact text, which can come in several pieces.
#[derive(Debug, Default)]
pub(crate) struct Indent {
    depth: usize,
    /// Whether the last byte was an opening bracket.
    is_open: bool,
}

impl Indent {
    /// Appends the next piece of the text to `out`.
    pub(crate) fn append(&mut self, mut compact: &[u8], out: &mut Vec<u8>) {
        // No element contains a comma or a bracket.
        let is_special = |byte: &u8| matches!(byte, b'[' | b']' | b',');
        while let Some(&first) = compact.first() {
            let special = compact.iter().position(is_special);
            let len = special.unwrap_or(compact.len());
            if len > 0 {
                self.start(out);
                out.extend_from_slice(&compact[..len]);
                compact = &compact[len..];
                continue;
            }
            match first {
                b'[' => {
                    self.start(out);
                    self.depth += 1;
                    self.is_open = true;
                    out.push(b'[');
                }
                b',' => {
                    out.push(b',');
                    self.line(out);
                }
                _ => {
                    self.depth -= 1;
                    if !std::mem::take(&mut self.is_open) {
                        self.line(out);
                    }
                    out.push(b']');
                }
            }
            compact = &compact[1..];
        }
    }

    /// Starts a line for the first element of a list.
    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_open) {
            self.line(out);
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.resize(out.len() + 2 * self.depth, b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::Indent;

    #[test]
    fn pieces_of_any_length() {
        let compact = b"[[[0.5,null],[]],[[1,2],[]]]\n";
        let expected = "[\n  [\n    [\n      0.5,\n      null\n    ],\n    []\n  ],\n  [\n    [\n      1,\n      2\n    ],\n    []\n  ]\n]\n";
        for len in 1..=compact.len() {
            let mut indent = Indent::default();
            let mut out = Vec::new();
            for piece in compact.chunks(len) {
                indent.append(piece, &mut out);
            }
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{len}");
        }
    }
}
