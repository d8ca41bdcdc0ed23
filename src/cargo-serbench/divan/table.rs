//! Parses the numbers of one benchmark from divan's table in the output of its process.

use super::{
    ParseError,
    cells::{Position, count, data_cells, extra_cells, is_blank, last_chars},
    numbers::{Picos, Thousandths},
    tree::{Header, Label, labels, pair},
};

/// One row of divan's table. Times are per iteration, truncated (not rounded) to four digits.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    pub fastest: Picos,
    pub slowest: Picos,
    pub median: Picos,
    pub mean: Picos,
    /// At least 1; with threads, a multiple of their number.
    pub samples: u64,
    /// A multiple of `samples`.
    pub iterations: u64,
    /// Number of threads, if divan prints it: it doesn't if a benchmark has only one such number.
    pub threads: Option<u32>,
    /// What one iteration processes, for each counter of the benchmark.
    pub counted: Vec<(Counter, f64)>,
    /// Present if divan's profiler is installed and saw an allocation.
    pub allocations: Option<Allocations>,
}

/// A counter for which divan prints a throughput.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    Bytes,
    Chars,
    Cycles,
    Items,
}

/// Allocations per iteration from divan's profiler; rows that divan does not print are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// The peak of a whole sample divided by its size: correct only for samples of one iteration.
    pub max: Tally,
    pub alloc: Tally,
    pub dealloc: Tally,
    pub grow: Tally,
    pub shrink: Tally,
}

/// Figures in the order of divan's columns: fastest, slowest, median, mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: [Thousandths; 4],
    /// Truncated to four digits.
    pub bytes: [Thousandths; 4],
}

/// The single row in the output of `exe --bench --exact ID`.
///
/// Divan obeys `--sample-count` and `--sample-size` only if the bench's `main` doesn't set them:
/// compare [`Measurement::samples`] and [`Measurement::sample_size`] with the requested values.
/// `--threads N` selects one row of a benchmark with several numbers of threads.
///
/// # Errors
/// See [`ParseError`].
pub fn measurement(text: &str, id: &str) -> Result<Measurement, ParseError> {
    let mut rows = table(text, id)?;
    match rows.pop() {
        Some(row) if rows.is_empty() => Ok(row),
        _ => Err(ParseError::SeveralRows {
            id: id.to_owned(),
            rows: rows.len() + 1,
        }),
    }
}

/// The rows in the output of `exe --bench --exact ID`: one, or one per number of threads.
///
/// # Errors
/// See [`ParseError`].
pub fn table(text: &str, id: &str) -> Result<Vec<Measurement>, ParseError> {
    let lines: Vec<&str> = text.split('\n').collect();
    let header = Header::find(&lines, id)?;
    let labels = labels(&lines, &header, id);
    let rows: Vec<usize> = (0..lines.len())
        .filter(|&line| data_cells(lines[line]).is_some())
        .collect();
    pair(&lines, &labels, &rows, id)?;

    let mut width = header.width;
    let mut measurements = Vec::new();
    for (label, &line) in labels.iter().zip(&rows) {
        width = width.max(first_width(&lines, line, label).unwrap_or(0));
        measurements.push(row(&lines, line, width, label.threads)?);
    }
    Ok(measurements)
}

/// The width of the first cells below the row at `line`: divan widens them for long throughputs.
fn first_width(lines: &[&str], line: usize, label: &Label) -> Option<usize> {
    let [first, ..] = extra_cells(lines.get(line + 1)?)?;
    count(first).checked_sub(label.cells_at)
}

/// Parses the row at `line`, whose first cell is `width` characters wide, and the rows below it.
fn row(
    lines: &[&str],
    line: usize,
    width: usize,
    threads: Option<u32>,
) -> Result<Measurement, ParseError> {
    let at = Position {
        line,
        text: lines[line],
    };
    let cells =
        data_cells(lines[line]).ok_or_else(|| at.malformed(lines[line], "a row of six cells"))?;
    // The program may have printed into the row, so cut the first cell from the right.
    let first = last_chars(cells[0], width)
        .ok_or_else(|| at.malformed(cells[0], "a cell as wide as the header's"))?;
    let time = |cell: &str| {
        Picos::parse(cell.trim_end()).ok_or_else(|| at.malformed(cell, "a time as divan prints it"))
    };
    let number = |cell: &str| {
        let number = cell.trim_end().parse().ok();
        number
            .filter(|&number: &u64| number > 0)
            .ok_or_else(|| at.malformed(cell, "a count of at least 1"))
    };
    let median = time(cells[2])?;
    let measurement = Measurement {
        fastest: time(first)?,
        slowest: time(cells[1])?,
        median,
        mean: time(cells[3])?,
        samples: number(cells[4])?,
        iterations: number(cells[5])?,
        threads,
        counted: counted(lines, line, median),
        allocations: allocations(lines, line, width)?,
    };
    let between = measurement.fastest..=measurement.slowest;
    for (time, cell) in [(measurement.median, cells[2]), (measurement.mean, cells[3])] {
        if !between.contains(&time) {
            return Err(at.malformed(cell, "a time between the fastest and the slowest"));
        }
    }
    if !measurement.iterations.is_multiple_of(measurement.samples) {
        return Err(at.malformed(cells[5], "a multiple of the samples"));
    }
    Ok(measurement)
}

/// What one iteration processes, from the throughputs below the row at `line`: divan truncates them
/// to four digits, so this is accurate to about a thousandth.
fn counted(lines: &[&str], line: usize, median: Picos) -> Vec<(Counter, f64)> {
    let cells = lines[line + 1..].iter().map_while(|text| extra_cells(text));
    let throughputs = cells.map_while(|[_, _, cell, ..]| throughput(cell.trim_end()));
    let seconds = median.0 as f64 / 1e12;
    throughputs
        .map(|(counter, per_second)| (counter, per_second * seconds))
        .collect()
}

/// Parses `9.534 TB/s`.
fn throughput(cell: &str) -> Option<(Counter, f64)> {
    const COUNTERS: [(&str, Counter); 4] = [
        ("B/s", Counter::Bytes),
        ("char/s", Counter::Chars),
        ("Hz", Counter::Cycles),
        ("item/s", Counter::Items),
    ];
    const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let (number, unit) = cell.split_once(' ')?;
    let (prefix, counter) = COUNTERS
        .into_iter()
        .find_map(|(suffix, counter)| Some((unit.strip_suffix(suffix)?, counter)))?;
    let (prefix, base) = match prefix.strip_suffix('i') {
        Some(prefix) => (prefix, 1024.0_f64),
        None => (prefix, 1000.0),
    };
    let power = PREFIXES.iter().position(|it| *it == prefix)?;
    let Thousandths(thousandths) = Thousandths::parse(number)?;
    Some((counter, thousandths as f64 / 1e3 * base.powi(power as i32)))
}

/// The precision of the clock, which divan prints on stderr before measuring.
pub fn timer_precision(stderr: &str) -> Option<Picos> {
    let said = stderr
        .lines()
        .find_map(|line| line.strip_prefix("Timer precision: "))?;
    Picos::parse(said.trim_end())
}

/// Parses the rows of divan's profiler below the row at `line`.
fn allocations(
    lines: &[&str],
    line: usize,
    width: usize,
) -> Result<Option<Allocations>, ParseError> {
    let mut rows = lines
        .iter()
        .enumerate()
        .skip(line + 1)
        .map_while(|(line, text)| {
            let cells = extra_cells(text)?;
            let first = last_chars(cells[0], width)?;
            Some((
                Position { line, text },
                [first, cells[1], cells[2], cells[3]],
            ))
        })
        .peekable();
    let mut allocations = None;
    while let Some((at, [first, rest @ ..])) = rows.next() {
        if first.trim_end().ends_with("/s") || first.trim_end().ends_with("Hz") {
            continue;
        }
        let all: &mut Allocations = allocations.get_or_insert_default();
        let tally = match first.trim_end() {
            "max alloc:" => &mut all.max,
            "alloc:" => &mut all.alloc,
            "dealloc:" => &mut all.dealloc,
            "grow:" => &mut all.grow,
            "shrink:" => &mut all.shrink,
            _ => return Err(at.malformed(first, "a throughput or the name of an allocation")),
        };
        if !rest.iter().all(|cell| is_blank(cell)) {
            return Err(at.malformed(rest[0], "nothing beside the name of an allocation"));
        }
        let bytes_alone = |(_, cells): &(Position<'_>, [&str; 4])| {
            let mut cells = cells.iter().map(|cell| cell.trim());
            cells.all(|cell| Thousandths::parse(cell).is_none())
        };
        // 0.1.15 prints the bytes of `max alloc:` without a count.
        if first.trim_end() != "max alloc:" || !rows.peek().is_some_and(bytes_alone) {
            tally.count = figures(rows.next(), &at, "a count", Thousandths::parse)?;
        }
        tally.bytes = figures(
            rows.next(),
            &at,
            "a size in bytes",
            Thousandths::parse_bytes,
        )?;
    }
    Ok(allocations)
}

fn figures(
    row: Option<(Position<'_>, [&str; 4])>,
    label: &Position<'_>,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<Thousandths>,
) -> Result<[Thousandths; 4], ParseError> {
    let (at, cells) = row.ok_or_else(|| label.malformed(label.text, "a row of figures below"))?;
    let mut figures = [Thousandths::default(); 4];
    for (figure, cell) in figures.iter_mut().zip(cells) {
        *figure = parse(cell.trim()).ok_or_else(|| at.malformed(cell, expected))?;
    }
    Ok(figures)
}

impl Measurement {
    /// What one iteration processes by a counter of the benchmark, from four digits.
    pub fn count(&self, counter: Counter) -> Option<u64> {
        let mut counted = self.counted.iter();
        let (_, count) = counted.find(|(it, _)| *it == counter)?;
        Some(count.round() as u64)
    }

    /// Iterations in each sample.
    pub fn sample_size(&self) -> u64 {
        self.iterations / self.samples
    }

    /// Whether the work was optimised away: the compiler removed it, or the samples are too
    /// short for the clock. `false` proves nothing: divan subtracts an overhead it measured at
    /// another moment, so an empty benchmark may read as a cycle or a few nanoseconds.
    pub fn optimised_away(&self) -> bool {
        // Less than a third of a cycle at 3 GHz.
        self.fastest == Picos(0) || self.median < Picos(100)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Counter, throughput, timer_precision};
    use crate::divan::{
        Allocations, Measurement, ParseError, Picos, Tally, Thousandths, measurement, recording,
        table,
    };

    /// What divan must have printed for a measurement, with single spaces.
    fn printed(row: &Measurement) -> String {
        let Measurement {
            fastest,
            slowest,
            median,
            mean,
            samples,
            iterations,
            ..
        } = row;
        format!("{fastest} │ {slowest} │ {median} │ {mean} │ {samples} │ {iterations}")
    }

    /// The single line that ends like the row.
    fn line_of<'a>(text: &'a str, row: &Measurement) -> &'a str {
        let printed = printed(row);
        let single = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines = text.lines().filter(|line| single(line).ends_with(&printed));
        let line = lines.next();
        line.unwrap_or_else(|| panic!("{printed:?} is not in\n{text}"))
    }

    fn check(text: &str, id: &str, samples: u64, iterations: u64) -> Measurement {
        let row = measurement(text, id).unwrap_or_else(|error| panic!("{error}\n{text}"));
        line_of(text, &row);
        assert_eq!(
            (row.samples, row.iterations),
            (samples, iterations),
            "{text}"
        );
        assert_eq!(row.sample_size(), iterations / samples);
        assert_eq!(row.threads, None);
        row
    }

    fn check_threads(text: &str, id: &str, expected: &[(u32, u64)]) -> Vec<Measurement> {
        let rows = table(text, id).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let threads: Vec<(u32, u64)> = rows
            .iter()
            .map(|row| (row.threads.expect("several rows"), row.samples))
            .collect();
        assert_eq!(threads, expected, "{text}");
        for row in &rows {
            line_of(text, row);
            assert_eq!(row.sample_size(), 4);
        }
        let error = measurement(text, id).expect_err("several rows");
        let (id, rows_found) = (id.to_owned(), rows.len());
        assert_eq!(
            error,
            ParseError::SeveralRows {
                id,
                rows: rows_found
            }
        );
        rows
    }

    fn refuse(text: &str, id: &str, expected: impl Fn(String) -> ParseError) {
        assert_eq!(
            measurement(text, id),
            Err(expected(id.to_owned())),
            "{text}"
        );
    }

    fn several(rows: usize) -> impl Fn(String) -> ParseError {
        move |id| ParseError::SeveralRows { id, rows }
    }

    const ROW_ID: &str = "traps::args::row  1 ns          │ 1 ns          │ 1 ns          │ 1 ns          │ 3       │ 3";
    const HEADER_ID: &str = "traps::args::header  fastest       │ slowest       │ median        │ mean          │ samples │ iters";

    #[test]
    fn names() {
        let long = format!("traps::long::{}", "0123456789".repeat(30));
        for (text, id) in [
            (recording!("plain"), "traps::plain"),
            (recording!("raw_identifier"), "traps::type"),
            (
                recording!("types"),
                "traps::types::Vec<alloc::string::String>",
            ),
            (recording!("consts"), "traps::consts::32"),
            (
                recording!("types_and_consts"),
                "traps::types_and_consts::Option<u8>::32",
            ),
            (recording!("ignored_but_run"), "traps::ends::ignored"),
            (
                recording!("group"),
                "traps::a group │ 日本語::weird │ name ├─ x",
            ),
            (recording!("arg_number"), "traps::args::64"),
            (recording!("arg_path"), "traps::args::x::y"),
            (recording!("arg_pipe"), "traps::args::│ pipe"),
            (recording!("arg_branch"), "traps::args::├─ x"),
            (recording!("arg_spaces"), "traps::args::╰─ two  spaces"),
            (recording!("arg_padded"), "traps::args:: padded "),
            (recording!("arg_empty"), "traps::args::"),
            (recording!("arg_threads"), "traps::args::t=4"),
            (recording!("arg_unicode"), "traps::args::日本語"),
            (recording!("arg_listed"), "traps::args::ends in: benchmark"),
            (recording!("arg_other_id"), "traps::args::traps::plain"),
            (recording!("arg_row"), ROW_ID),
            (recording!("arg_header"), HEADER_ID),
            (recording!("arg_long"), &long),
        ] {
            check(text, id, 3, 12);
        }
    }

    /// A program that prints an empty line may cut a name that ends like a header or a row.
    #[test]
    fn names_cut_from_their_numbers() {
        for (text, id) in [
            (recording!("arg_row"), ROW_ID),
            (recording!("arg_header"), HEADER_ID),
            (recording!("arg_empty"), "traps::args::"),
        ] {
            let name = id.strip_prefix("traps::args::").expect("an argument");
            let label = format!("   ╰─ {name}  ");
            let (before, after) = text.split_once(&label).expect("the label");
            let split = format!("{before}{label}\n{}", after.trim_start());
            check(&split, id, 3, 12);
        }
    }

    #[test]
    fn colliding_names_and_newlines() {
        refuse(
            recording!("colliding_types"),
            "traps::colliding::by_type::Foo",
            several(2),
        );
        refuse(
            recording!("colliding_names"),
            "traps::colliding::by_name",
            several(2),
        );
        refuse(
            recording!("colliding_args"),
            "traps::colliding::by_arg::1",
            several(2),
        );
        refuse(
            recording!("arg_newline"),
            "traps::args::line1\nline2",
            |id| ParseError::NoRow { id },
        );
        // The half of the name that a listing shows as a benchmark.
        refuse(recording!("arg_newline"), "line2", |id| ParseError::NoRow {
            id,
        });
    }

    #[test]
    fn output_of_the_program() {
        check(recording!("prints_lines"), "traps::prints::lines", 3, 12);
        check(
            recording!("prints_an_empty_line"),
            "traps::prints::an_empty_line",
            3,
            12,
        );
        check(
            recording!("prints_to_stderr"),
            "traps::prints::to_stderr",
            3,
            12,
        );
        check(recording!("noisy"), "noisy::quiet", 3, 12);
        check(
            recording!("prints_a_row_without_newline"),
            "traps::prints::a_row_without_newline",
            3,
            12,
        );
        refuse(
            recording!("prints_a_row"),
            "traps::prints::a_row",
            several(13),
        );
        refuse(
            recording!("prints_a_table"),
            "traps::prints::a_table",
            |id| ParseError::SeveralTables { id },
        );
        // Twelve iterations and two rows, then sixteen on four threads.
        refuse(
            recording!("prints_a_thread_row"),
            "traps::prints::a_thread_row",
            several(30),
        );
    }

    #[test]
    fn digits_printed_before_a_number_are_not_part_of_it() {
        for (text, id) in [
            (
                recording!("prints_without_newline"),
                "traps::prints::without_newline",
            ),
            (
                recording!("throughput_too_many_and_prints"),
                "traps::throughput::too_many_and_prints",
            ),
        ] {
            let row = check(text, id, 3, 12);
            // One digit per iteration.
            let cell = format!("  {}{} ", "1".repeat(12), row.fastest);
            assert!(text.contains(&cell), "{cell:?} is not in\n{text}");
        }
    }

    #[test]
    fn rows_without_numbers() {
        let unfinished = |id| ParseError::Unfinished { id };
        let ignored = |id| ParseError::Ignored { id };
        refuse(recording!("ends_panics"), "traps::ends::panics", unfinished);
        refuse(
            recording!("ends_prints_and_panics"),
            "traps::ends::prints_and_panics",
            unfinished,
        );
        refuse(recording!("ends_exits"), "traps::ends::exits", unfinished);
        refuse(
            recording!("ends_fakes_a_row_and_exits"),
            "traps::ends::fakes_a_row_and_exits",
            |id| ParseError::NoRow { id },
        );
        refuse(recording!("ends_ignored"), "traps::ends::ignored", ignored);
        refuse(
            recording!("ignored_group"),
            "traps::ignored_group::inside",
            ignored,
        );
        refuse(
            recording!("ends_not_registered"),
            "traps::ends::not_registered",
            |id| ParseError::NoNumbers { id },
        );
    }

    #[test]
    fn outputs_without_a_table() {
        refuse(
            recording!("nothing_matches"),
            "traps::no_such_benchmark",
            |id| ParseError::Nothing { id },
        );
        refuse(recording!("test_mode"), "traps::args::64", |id| {
            ParseError::TestMode { id }
        });
        refuse("running 1 test\n", "a::b", |id| ParseError::NoTable { id });
    }

    #[test]
    fn tables_of_other_benchmarks() {
        refuse(recording!("plain"), "traps::plainer", |id| {
            ParseError::NoRow { id }
        });
        refuse(recording!("plain"), "traps::plai", |id| ParseError::NoRow {
            id,
        });
        refuse(recording!("plain"), "other::plain", |id| {
            ParseError::NoRow { id }
        });
        refuse(recording!("units"), "units::nanoseconds", |id| {
            ParseError::NoRow { id }
        });
        refuse(recording!("units"), "units::under_a_nanosecond", several(6));
    }

    #[test]
    fn threads() {
        check_threads(recording!("threads"), "traps::threads", &[(1, 3), (4, 4)]);
        check_threads(
            recording!("threads_print"),
            "traps::printing_threads",
            &[(1, 3), (4, 4)],
        );
        check_threads(
            recording!("threads_and_args"),
            "traps::threads_and_args::t=1",
            &[(1, 3), (4, 4)],
        );
        check_threads(
            recording!("throughput_threads"),
            "traps::throughput::threads",
            &[(1, 3), (4, 4)],
        );
        check(recording!("threads_single"), "traps::four_threads", 4, 16);
        check(recording!("threads_chosen"), "traps::threads", 4, 16);

        check_threads(
            recording!("threads_short_name"),
            "traps::t",
            &[(1, 3), (16, 16)],
        );
    }

    #[test]
    fn threads_that_are_not_divans() {
        let text = recording!("threads");
        let (first, _) = text.split_once("   ╰─ t=4").expect("a second row");
        for (text, expected) in [
            (first.to_owned(), "the output ends before the numbers"),
            (format!("{first}\n"), "the output ends before the numbers"),
            (
                text.replace("╰─ t=4", "├─ t=4"),
                "the output ends before the numbers",
            ),
            (text.replace("├─ t=1", "╰─ t=1"), "2 rows instead of one"),
            (text.replace("├─ t=1", "├─ x=1"), "2 rows instead of one"),
            (text.replace("├─ t=1", "├─ t= "), "2 rows instead of one"),
        ] {
            let error = table(&text, "traps::threads").expect_err(expected);
            assert!(error.to_string().starts_with(expected), "{error}\n{text}");
        }
    }

    #[test]
    fn units() {
        for (text, id, samples, range) in [
            (
                recording!("unit_nanoseconds"),
                "units::nanoseconds",
                5,
                1_000..1_000_000,
            ),
            (
                recording!("unit_microseconds"),
                "units::microseconds",
                5,
                20_000_000..1_000_000_000,
            ),
            (
                recording!("unit_milliseconds"),
                "units::milliseconds",
                5,
                2_000_000_000..1_000_000_000_000,
            ),
            (
                recording!("unit_seconds"),
                "units::seconds",
                1,
                1_050_000_000_000..60_000_000_000_000,
            ),
        ] {
            let row = check(text, id, samples, samples);
            assert!(range.contains(&row.fastest.0), "{row:?}");
            assert!(!row.optimised_away());
        }
        let row = check(
            recording!("under_a_nanosecond"),
            "units::under_a_nanosecond",
            3,
            3_000_000,
        );
        assert!(row.fastest < Picos(1_000), "{row:?}");
        let row = check(
            recording!("optimised_away"),
            "units::optimised_away",
            100,
            1_000_000,
        );
        assert_eq!(row.fastest, Picos(0));
        assert!(row.optimised_away());
    }

    #[test]
    fn throughputs() {
        let row = measurement(recording!("throughput"), "traps::throughput::every").unwrap();
        let expected = [
            (Counter::Bytes, 1_048_576.0),
            (Counter::Chars, 1000.0),
            (Counter::Cycles, 12_345.0),
            (Counter::Items, 200.0),
        ];
        assert_eq!(row.counted.len(), 4);
        for ((counter, count), (expected, exactly)) in row.counted.iter().zip(expected) {
            assert_eq!(*counter, expected);
            assert!((count / exactly - 1.0).abs() < 0.01, "{count} {exactly}");
        }
        let bytes = row.counted[0].1.round() as u64;
        assert_eq!(row.count(Counter::Bytes), Some(bytes));
        assert_eq!(throughput("1.5 KiB/s"), Some((Counter::Bytes, 1536.0)));
        assert_eq!(throughput("2 item/s"), Some((Counter::Items, 2.0)));
        assert_eq!(throughput("2 ns"), None);
    }

    #[test]
    fn clocks() {
        assert_eq!(
            timer_precision("x\nTimer precision: 20 ns\n"),
            Some(Picos(20_000))
        );
        assert_eq!(timer_precision("Timer precision: fine\n"), None);
    }

    #[test]
    fn throughput_is_skipped() {
        for (text, id) in [
            (recording!("throughput"), "traps::throughput::every"),
            (
                recording!("throughput_too_many"),
                "traps::throughput::too_many",
            ),
        ] {
            assert_eq!(check(text, id, 3, 12).allocations, None);
        }
    }

    /// The same figures in all columns.
    fn tally(count: u64, bytes: u64) -> Tally {
        Tally {
            count: [Thousandths(count); 4],
            bytes: [Thousandths(bytes); 4],
        }
    }

    // A table of recordings, so it is long.
    #[test]
    fn allocations() {
        let zero = Tally::default();
        let one = |max, alloc, dealloc| {
            Some(Allocations {
                max,
                alloc,
                dealloc,
                grow: zero,
                shrink: zero,
            })
        };
        let every_row = |max, [alloc, dealloc, grow, shrink]: [u64; 4]| {
            Some(Allocations {
                max: tally(250, max),
                alloc: tally(1_000, alloc),
                dealloc: tally(1_000, dealloc),
                grow: tally(1_000, grow),
                shrink: tally(1_000, shrink),
            })
        };
        // In thousandths; sizes of 12345, 5000, 12655 and 20000 bytes are truncated to four digits.
        let mebibyte = tally(1_000, 1_048_000_000);
        let kibibyte = tally(1_000, 1_024_000);
        let hundred = tally(1_000, 100_000);
        for (text, id, expected) in [
            (
                recording!("memory_allocates_nothing"),
                "memory::allocates_nothing",
                None,
            ),
            (
                recording!("memory_returns"),
                "memory::returns",
                one(mebibyte, mebibyte, zero),
            ),
            // A single live buffer, divided by four.
            (
                recording!("memory_scratch"),
                "memory::scratch",
                one(tally(250, 256_000), kibibyte, kibibyte),
            ),
            (
                recording!("memory_prints"),
                "memory::prints",
                one(hundred, hundred, zero),
            ),
            (
                recording!("memory_every_row"),
                "memory::every_row",
                every_row(6_250_000, [12_340_000, 5_000_000, 12_650_000, 20_000_000]),
            ),
            (
                recording!("memory_binary"),
                "memory::every_row",
                every_row(
                    6_103 * 1024,
                    [12_050 * 1024, 4_882 * 1024, 12_350 * 1024, 19_530 * 1024],
                ),
            ),
        ] {
            assert_eq!(check(text, id, 3, 12).allocations, expected, "{text}");
        }
        let with_count = recording!("memory_every_row");
        let lines = with_count.split_inclusive('\n');
        let without_count: String = lines.filter(|line| !line.contains(" 0.25 ")).collect();
        let row = check(&without_count, "memory::every_row", 3, 12);
        let expected = every_row(6_250_000, [12_340_000, 5_000_000, 12_650_000, 20_000_000]);
        let expected = expected.map(|all| Allocations {
            max: Tally {
                count: [Thousandths::default(); 4],
                ..all.max
            },
            ..all
        });
        assert_eq!(row.allocations, expected, "as divan 0.1.15 prints it");
        for row in check_threads(
            recording!("memory_threads"),
            "memory::threads",
            &[(1, 3), (2, 4)],
        ) {
            assert_eq!(row.allocations, one(hundred, hundred, zero));
        }
    }

    #[test]
    fn divans_own_examples() {
        check(
            recording!("divan_collections"),
            "collections::clear::Vec<i32>::64",
            3,
            12,
        );
        check(
            recording!("divan_string"),
            "string::char_count::Unicode::1024",
            3,
            12,
        );
        check(recording!("divan_time"), "time::now::tsc (x86)", 3, 12);
        // The machine has four cores.
        check_threads(
            recording!("divan_threads"),
            "threads::arc::clone",
            &[(1, 3), (4, 4), (16, 16)],
        );
    }

    /// Divan's table of `a::b` with these cells.
    fn sample(cells: [&str; 6]) -> String {
        let [fastest, slowest, median, mean, samples, iterations] = cells;
        format!(
            "a     fastest       │ slowest       │ median        │ mean          │ samples │ iters\n\
             ╰─ b  {fastest:<13} │ {slowest:<13} │ {median:<13} │ {mean:<13} │ {samples:<7} │ {iterations}\n\n"
        )
    }

    #[test]
    fn numbers_that_are_not_divans() {
        check(
            &sample(["1 ns", "3 ns", "2 ns", "2.1 ns", "3", "6"]),
            "a::b",
            3,
            6,
        );
        for (cells, expected_column) in [
            (["1 us", "3 ns", "2 ns", "2.1 ns", "3", "6"], 7),
            (["1 ns", "3000 ns", "2 ns", "2.1 ns", "3", "6"], 23),
            (["1 ns", "3 ns", "4 ns", "2.1 ns", "3", "6"], 39),
            (["1 ns", "3 ns", "2 ns", "0.999 ns", "3", "6"], 55),
            (["1 ns", "3 ns", "2 ns", "2.1 ns", "0", "6"], 71),
            (["1 ns", "3 ns", "2 ns", "2.1 ns", "3", "7"], 81),
            (
                [
                    "1 ns",
                    "3 ns",
                    "2 ns",
                    "2.1 ns",
                    "3",
                    "99999999999999999999",
                ],
                81,
            ),
        ] {
            match measurement(&sample(cells), "a::b") {
                Err(ParseError::Malformed { line, column, .. }) => {
                    assert_eq!((line, column), (2, expected_column), "{cells:?}");
                }
                other => panic!("{cells:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn errors_suggest_solutions() {
        let text = sample(["1 us", "3 ns", "2 ns", "2.1 ns", "3", "6"]);
        let error = measurement(&text, "a::b").expect_err("no unit of divan's");
        let said = error.to_string();
        assert!(
            said.starts_with("line 2, column 7 of divan's output: expected a time as divan prints it, found \"1 us\"; "),
            "{said}"
        );
        let id = "a::b".to_owned();
        for error in [
            ParseError::Nothing { id: id.clone() },
            ParseError::NoTable { id: id.clone() },
            ParseError::TestMode { id: id.clone() },
            ParseError::SeveralTables { id: id.clone() },
            ParseError::NoRow { id: id.clone() },
            ParseError::NoNumbers { id: id.clone() },
            ParseError::Unfinished { id: id.clone() },
            ParseError::Ignored { id: id.clone() },
            ParseError::SeveralRows { id, rows: 2 },
        ] {
            let said = error.to_string();
            assert!(said.contains("\"a::b\"") && said.contains("; "), "{said}");
        }
    }

    #[test]
    fn truncated_output_is_rejected() {
        for (text, id) in [
            (recording!("plain"), "traps::plain"),
            (recording!("prints_lines"), "traps::prints::lines"),
            (recording!("memory_threads"), "memory::threads"),
            (recording!("memory_every_row"), "memory::every_row"),
            (recording!("threads_print"), "traps::printing_threads"),
            (
                recording!("throughput_too_many"),
                "traps::throughput::too_many",
            ),
        ] {
            assert!(table(text, id).is_ok(), "{text}");
            for (end, _) in text.char_indices() {
                let cut = &text[..end];
                assert!(table(cut, id).is_err(), "{cut}");
            }
        }
    }

    const CELLS: &str =
        "7.5 ns        │ 9 ns          │ 8 ns          │ 8.1 ns        │ 3       │ 6";

    /// Pieces of divan's text and other text, in any order.
    fn noise() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[0-9a-z .=:│├╰─\n]{0,6}",
            "\\PC{0,4}",
            Just(CELLS.to_owned()),
            Just(
                "1 ns          │ 1 ns          │ 1 ns          │ 1 ns          │ 3       │ 3\n"
                    .to_owned()
            ),
            Just("╰─ b  ".to_owned()),
            Just("\n╰─ t=2  ".to_owned()),
            Just(
                "max alloc:    │               │               │               │         │\n"
                    .to_owned()
            ),
            Just("a  fastest  │ slowest  │ median  │ mean  │ samples │ iters\n".to_owned()),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn no_output_of_the_program_changes_the_numbers(before in noise(), inside in noise(), after in noise()) {
            let table = sample(["7.5 ns", "9 ns", "8 ns", "8.1 ns", "3", "6"]);
            let text = table.replace("7.5 ns", &format!("{inside}7.5 ns"));
            if let Ok(row) = measurement(&format!("{before}\n{text}{after}"), "a::b") {
                prop_assert_eq!(printed(&row), "7.5 ns │ 9 ns │ 8 ns │ 8.1 ns │ 3 │ 6");
            }
        }

        #[test]
        fn a_line_printed_inside_does_no_harm(inside in "(\\PC{0,20}\n)?[ -~]{0,8}") {
            let table = sample(["7.5 ns", "9 ns", "8 ns", "8.1 ns", "3", "6"]);
            let row = measurement(&table.replace("7.5 ns", &format!("{inside}7.5 ns")), "a::b");
            prop_assert_eq!(row.map(|row| printed(&row)), Ok("7.5 ns │ 9 ns │ 8 ns │ 8.1 ns │ 3 │ 6".to_owned()));
        }

        #[test]
        fn no_text_panics(text in noise(), id in "(a::|b|::|t=2|\\PC){0,4}") {
            let _ = table(&text, &id);
        }
    }
}
