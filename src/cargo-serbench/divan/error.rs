//! Reasons why divan's output has no numbers, each with a way out.

use std::{error::Error, fmt};

/// Why an output has no numbers that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The output is empty.
    Nothing { id: String },
    /// The output holds no table.
    NoTable { id: String },
    /// The executable tested its benchmarks.
    TestMode { id: String },
    /// The output holds several headers.
    SeveralTables { id: String },
    /// The table holds no row of the benchmark.
    NoRow { id: String },
    /// The benchmark's row has no numbers.
    NoNumbers { id: String },
    /// The output ends in the benchmark's row.
    Unfinished { id: String },
    /// The benchmark is ignored.
    Ignored { id: String },
    /// There are more rows than one benchmark has.
    SeveralRows { id: String, rows: usize },
    /// Something else stands where divan prints a number. Line and column count from 1.
    Malformed {
        line: usize,
        column: usize,
        expected: &'static str,
        found: String,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing { id } => write!(
                f,
                "divan ran nothing: no benchmark named {id:?}; list them with `cargo serbench list`"
            ),
            Self::NoTable { id } => write!(
                f,
                "no table in the output of {id:?}; is this a divan bench, and does its `main` call `divan::main()`?"
            ),
            Self::TestMode { id } => write!(
                f,
                "divan only tested {id:?} instead of measuring it; run it with `--bench`, and let `main` call `divan::main()`"
            ),
            Self::SeveralTables { id } => write!(
                f,
                "several tables in the output of {id:?}; call `divan::main()` once, and print to stderr what looks like a table"
            ),
            Self::NoRow { id } => write!(
                f,
                "no row of {id:?} in divan's table; run it alone with `--exact`, and print to stderr what looks like a row"
            ),
            Self::NoNumbers { id } => write!(
                f,
                "divan printed no numbers for {id:?}; call one of `Bencher`'s `bench` methods in it, or set \
                 its mode to \"off\""
            ),
            Self::Unfinished { id } => write!(
                f,
                "the output ends before the numbers of {id:?}: it panicked or ended the process; run it by hand with `cargo bench`"
            ),
            Self::Ignored { id } => write!(
                f,
                "{id:?} is ignored; remove `#[ignore]` or pass `--include-ignored`"
            ),
            Self::SeveralRows { id, rows } => write!(
                f,
                "{rows} rows instead of one for {id:?}; choose one of its numbers of threads with `--threads N`, give colliding benchmarks other names, or print to stderr what looks like a row"
            ),
            Self::Malformed {
                line,
                column,
                expected,
                found,
            } => write!(
                f,
                "line {line}, column {column} of divan's output: expected {expected}, found {found:?}; divan 0.1.21 is the version we read, and what the bench itself prints belongs on stderr"
            ),
        }
    }
}

impl Error for ParseError {}
