//! Reasons why divan's output has no numbers, each with a solution.

use std::{error::Error, fmt};

/// Why an output has no trustworthy numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The output is empty.
    Nothing { id: String },
    /// The output has no table.
    NoTable { id: String },
    /// The executable tested its benchmarks.
    TestMode { id: String },
    /// The output has several headers.
    SeveralTables { id: String },
    /// The table has no row for the benchmark.
    NoRow { id: String },
    /// The benchmark's row has no numbers.
    NoNumbers { id: String },
    /// The output ends in the benchmark's row.
    Unfinished { id: String },
    /// The benchmark is ignored.
    Ignored { id: String },
    /// There are more rows than one benchmark can have.
    SeveralRows { id: String, rows: usize },
    /// Something other than divan's number format. Line and column count from 1.
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
                "several tables in the output of {id:?}; call `divan::main()` only once, and print other tables to stderr"
            ),
            Self::NoRow { id } => write!(
                f,
                "no row of {id:?} in divan's table; run it alone with `--exact`, and print other output to stderr"
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
                "{rows} rows instead of one for {id:?}; select a number of threads with `--threads N`, rename benchmarks with equal names, or print other output to stderr"
            ),
            Self::Malformed {
                line,
                column,
                expected,
                found,
            } => write!(
                f,
                "line {line}, column {column} of divan's output: expected {expected}, found {found:?}; divan 0.1.21 is supported, and the bench itself must print to stderr"
            ),
        }
    }
}

impl Error for ParseError {}
