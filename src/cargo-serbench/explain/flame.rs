//! Draws the stacks of two commits as one flame graph: width is instructions at the candidate,
//! colour the change in instructions of the function itself.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::values::figures::count;

const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;
const MARGIN: f64 = 10.0;

/// Height of the title above the frames.
const HEAD: f64 = 48.0;

/// Narrower frames are not drawn.
const NARROWEST: f64 = 0.3;

/// Width of a character in the font below, in pixels.
const LETTER: f64 = 6.7;

/// Instructions by stack, innermost function first, as in a profile.
pub type Stacks = BTreeMap<String, f64>;

/// A function called from one chain of callers. Pairs are baseline and candidate.
#[derive(Default)]
struct Frame {
    /// Including callees.
    total: [f64; 2],
    /// Excluding callees.
    own: [f64; 2],
    calls: BTreeMap<String, Frame>,
}

impl Frame {
    fn add(&mut self, outwards: &str, side: usize, instructions: f64) {
        let mut frame = self;
        frame.total[side] += instructions;
        for function in outwards.rsplit(';') {
            frame = frame.calls.entry(function.to_owned()).or_default();
            frame.total[side] += instructions;
        }
        frame.own[side] += instructions;
    }

    fn change(&self) -> f64 {
        self.own[1] - self.own[0]
    }

    fn depth(&self) -> usize {
        let deepest = self.calls.values().map(Self::depth).max();
        deepest.map_or(0, |depth| depth + 1)
    }

    fn largest_change(&self) -> f64 {
        let of_calls = self.calls.values().map(Self::largest_change);
        of_calls.fold(self.change().abs(), f64::max)
    }
}

/// The graph for baseline and candidate, in this order. It has no script, and its text can be searched.
pub fn graph(title: &str, stacks: [&Stacks; 2]) -> String {
    let mut root = Frame::default();
    for (side, stacks) in stacks.into_iter().enumerate() {
        for (stack, instructions) in stacks {
            root.add(stack, side, *instructions);
        }
    }
    let height = HEAD + ROW * root.depth() as f64 + MARGIN;
    let [baseline, candidate] = root.total.map(count);
    let mut frames = Vec::new();
    let drawn = Drawn {
        scale: (WIDTH - 2.0 * MARGIN) / root.total[1].max(1.0),
        largest: root.largest_change().max(1.0),
    };
    drawn.calls(&root, MARGIN, HEAD, &mut frames);
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) }
            width=(WIDTH) height=(height) role="img" font-family="monospace" font-size="11" {
            title { "Instructions of " (title) " by stack" }
            rect width="100%" height="100%" fill="#fff" {}
            text x=(MARGIN) y="18" font-size="14" { (title) }
            text x=(MARGIN) y="36" {
                (baseline) " -> " (candidate) " instructions per operation; red: the function "
                "itself executes more than at the baseline; blue: less"
            }
            @for frame in &frames { (frame) }
        }
    };
    markup.into_string()
}

struct Drawn {
    /// Pixels per instruction.
    scale: f64,
    /// The change that gets the deepest colour.
    largest: f64,
}

impl Drawn {
    fn calls(&self, caller: &Frame, left: f64, top: f64, frames: &mut Vec<Markup>) {
        let mut left = left;
        for (name, frame) in &caller.calls {
            let width = frame.total[1] * self.scale;
            if width >= NARROWEST {
                frames.push(self.frame(name, frame, [left, top, width]));
                self.calls(frame, left, top + ROW, frames);
                left += width;
            }
        }
    }

    fn frame(&self, name: &str, frame: &Frame, [left, top, width]: [f64; 3]) -> Markup {
        let [before, after] = frame.total.map(count);
        let [own_before, own_after] = frame.own.map(count);
        html! {
            g {
                title {
                    (name) ": " (before) " -> " (after) " instructions, in the function itself "
                    (own_before) " -> " (own_after)
                }
                rect x=(pixels(left)) y=(top) width=(pixels(width)) height=(ROW - 1.0)
                    fill=(self.colour(frame.change())) {}
                text x=(pixels(left + 3.0)) y=(top + 12.0) pointer-events="none" {
                    (fitting(name, width - 6.0))
                }
            }
        }
    }

    /// Grey for no change, red for more instructions, blue for fewer.
    fn colour(&self, change: f64) -> String {
        let depth = (change.abs() / self.largest).min(1.0);
        // A change that rounds to zero stays grey.
        if depth < 0.005 {
            return "#e8e8e8".to_owned();
        }
        let hue = if change > 0.0 { 4 } else { 214 };
        format!("hsl({hue}, 80%, {:.0}%)", 88.0 - 33.0 * depth)
    }
}

/// As much of a name as fits. The end is kept: it says more than the crate's name.
fn fitting(name: &str, width: f64) -> String {
    let room = (width / LETTER).max(0.0) as usize;
    let letters = name.chars().count();
    match letters <= room {
        true => name.to_owned(),
        false if room < 4 => String::new(),
        false => {
            let end = name.chars().skip(letters - room + 2);
            format!("..{}", end.collect::<String>())
        }
    }
}

/// A length rounded to what is visible.
fn pixels(length: f64) -> String {
    format!("{length:.1}")
}

#[cfg(test)]
mod tests {
    use super::{Stacks, fitting, graph};

    fn stacks(lines: &[(&str, f64)]) -> Stacks {
        let line = |(stack, instructions): &(&str, f64)| ((*stack).to_owned(), *instructions);
        lines.iter().map(line).collect()
    }

    #[test]
    fn frame_widths_and_colours() {
        let baseline = stacks(&[("a::sum;main", 100.0), ("b::Vec<T>;main", 100.0)]);
        let candidate = stacks(&[("a::sum;main", 300.0), ("b::Vec<T>;main", 100.0)]);
        let svg = graph("json::f64 & co", [&baseline, &candidate]);
        assert!(svg.contains("json::f64 &amp; co"), "{svg}");
        assert!(
            svg.contains("200 -&gt; 400 instructions per operation"),
            "{svg}"
        );
        let frame = |name: &str| {
            let titled = svg
                .split("<g>")
                .find(|it| it.contains(&format!("<title>{name}:")));
            titled.unwrap_or_else(|| panic!("{name} in {svg}"))
        };
        let sum = frame("a::sum");
        assert!(
            sum.contains("width=\"885.0\"") && sum.contains("hsl(4, 80%, 55%)"),
            "{sum}"
        );
        let same = frame("b::Vec&lt;T&gt;");
        assert!(
            same.contains("width=\"295.0\"") && same.contains("#e8e8e8"),
            "{same}"
        );
        let main = frame("main");
        assert!(
            main.contains("width=\"1180.0\"") && main.contains("#e8e8e8"),
            "{main}"
        );
    }

    #[test]
    fn shrunken_frames_are_blue() {
        let svg = graph("x", [&stacks(&[("a", 9.0)]), &stacks(&[("a", 3.0)])]);
        assert!(svg.contains("hsl(214, 80%, 55%)"), "{svg}");
        // Frames that only the baseline executes are not drawn, and nothing divides by zero.
        let gone = graph("x", [&stacks(&[("a", 9.0)]), &stacks(&[])]);
        assert!(!gone.contains("<g>") && !gone.contains("NaN"), "{gone}");
    }

    #[test]
    fn names_are_truncated_at_the_front() {
        assert_eq!(fitting("serbench::json", 200.0), "serbench::json");
        assert_eq!(fitting("serbench::json", 70.0), "..ch::json");
        assert_eq!(fitting("serbench::json", 20.0), "");
    }
}
