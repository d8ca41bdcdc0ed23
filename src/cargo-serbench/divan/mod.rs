//! Parses the output of divan benches: the list of benchmarks, and the numbers of one of them.
//!
//! Everything the tool knows about the text of divan 0.1.21 is here. Divan says nothing in a
//! machine-readable form but its listing, and the program it measures prints to the same place:
//! ambiguous text is rejected, and no number is guessed.

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
pub use table::{Allocations, Measurement, measurement, timer_precision};

#[cfg(test)]
pub use table::{Tally, table};

/// Text of the program in a message.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// A file that `tests/data/divan/record.sh` wrote.
#[cfg(test)]
macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!("../../../tests/data/divan/", $name, ".txt"))
    };
}
#[cfg(test)]
use recording;
