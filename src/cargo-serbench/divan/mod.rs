//! Parses the output of divan benches: the list of benchmarks, and the numbers of one of them.
//!
//! Everything the tool knows about the text of divan 0.1.21 is here. Divan's only machine-readable
//! output is its listing, and the measured program prints to the same stream: ambiguous text is
//! rejected, and numbers are never guessed.

mod cells;
mod error;
mod listing;
mod numbers;
mod outline;
mod table;
mod tree;

pub use error::ParseError;
pub use listing::{Listing, Problem, listing};
pub use numbers::{Picos, Thousandths};
pub use outline::{Node, Outline, outline};
pub use table::{Allocations, Counter, Measurement, measurement, timer_precision};

#[cfg(test)]
pub use table::{Tally, table};

/// Program output, shortened for a message.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// A file written by `tests/data/divan/record.sh`.
#[cfg(test)]
macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!("../../../tests/data/divan/", $name, ".txt"))
    };
}
#[cfg(test)]
use recording;
