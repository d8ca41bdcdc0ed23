//! In: what an executable with divan benches printed. Out: its benchmarks, or the numbers of one of them.
//!
//! Everything the tool knows about the text of divan 0.1.21 is here. Divan says nothing in a
//! machine-readable form but its listing, and the program it measures prints to the same place:
//! what can't be told apart is refused, and no number is guessed.

use std::{collections::BTreeMap, error::Error, fmt};

/// What `exe --list --format terse` says under `NEXTEST=1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Benchmarks that can be run one by one, in divan's order, each once.
    pub(crate) ids: Vec<String>,
    /// What the listing holds besides.
    pub(crate) problems: Vec<Problem>,
}

/// A benchmark that can't be run by itself, or a line that names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Several benchmarks have one id.
    Colliding { id: String, times: usize },
    /// A name is longer than its line.
    Newline { id: String },
    /// A name that can't be handed to a process.
    Nul { id: String },
    /// The executable printed this line itself.
    Printed { line: usize, text: String },
}

/// A time as divan prints it, in whole picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Picos(pub(crate) u64);

/// A number as divan prints it, in thousandths: no figure of divan's has more than three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thousandths(pub(crate) u64);

/// One row of divan's table. Times are per iteration, cut (not rounded) to four digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measurement {
    pub(crate) fastest: Picos,
    pub(crate) slowest: Picos,
    pub(crate) median: Picos,
    pub(crate) mean: Picos,
    /// At least 1; with threads a multiple of their number.
    pub(crate) samples: u64,
    /// A multiple of `samples`.
    pub(crate) iterations: u64,
    /// Threads, where divan says it: it doesn't when a benchmark has only one number of threads.
    pub(crate) threads: Option<u32>,
    /// Present if divan's profiler is installed and saw an allocation.
    pub(crate) allocations: Option<Allocations>,
}

/// What divan's profiler saw per iteration; a row divan doesn't print is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocations {
    /// The peak of a whole sample divided by the sample's size: right only for samples of one iteration.
    pub(crate) max: Tally,
    pub(crate) alloc: Tally,
    pub(crate) dealloc: Tally,
    pub(crate) grow: Tally,
    pub(crate) shrink: Tally,
}

/// Figures in the order of divan's columns: fastest, slowest, median, mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) count: [Thousandths; 4],
    /// Cut to four digits.
    pub(crate) bytes: [Thousandths; 4],
}

/// Why an output has no numbers that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
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

const SEPARATOR: char = '│';
const BRANCH: &str = "├─ ";
const LAST_BRANCH: &str = "╰─ ";
const INDENT: &str = "   ";
const LISTED: &str = ": benchmark";

/// Reads the output of `NEXTEST=1 exe --list --format terse`.
pub(crate) fn listing(text: &str) -> Listing {
    let mut entries: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    let mut pending: Vec<(usize, &str)> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let Some(id) = line.strip_suffix(LISTED) else {
            if !line.trim().is_empty() {
                pending.push((index + 1, line));
            }
            continue;
        };
        let broken = pending.iter().position(|(_, line)| has_root(line));
        let printed = pending.len() - broken.map_or(0, |first| pending.len() - first);
        problems.extend(
            pending
                .drain(..printed)
                .map(|(line, text)| Problem::printed(line, text)),
        );
        if broken.is_some() {
            let mut parts: Vec<&str> = pending.drain(..).map(|(_, line)| line).collect();
            parts.push(id);
            let id = parts.join("\n");
            problems.push(Problem::Newline { id });
        } else if has_root(id) {
            entries.push(id.to_owned());
        } else if let Some(front) = entries.pop() {
            // A name that holds the listing's own end of line, so its front looked like a benchmark.
            let id = format!("{front}{LISTED}\n{id}");
            problems.push(Problem::Newline { id });
        } else {
            problems.push(Problem::printed(index + 1, line));
        }
    }
    problems.extend(
        pending
            .into_iter()
            .map(|(line, text)| Problem::printed(line, text)),
    );
    let ids = runnable(entries, &mut problems);
    Listing { ids, problems }
}

/// The entries that can be run one by one.
fn runnable(mut entries: Vec<String>, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in &entries {
        *counts.entry(id.clone()).or_default() += 1;
    }
    entries.retain(|id| counts[id] == 1 && !id.contains('\0'));
    problems.extend(counts.into_iter().filter_map(|(id, times)| {
        if times > 1 {
            Some(Problem::Colliding { id, times })
        } else if id.contains('\0') {
            Some(Problem::Nul { id })
        } else {
            None
        }
    }));
    entries
}

/// Whether a line begins like every id: with the name of a crate.
fn has_root(line: &str) -> bool {
    line.split_once("::").is_some_and(|(root, _)| {
        !root.starts_with(|first: char| first.is_ascii_digit())
            && !root.is_empty()
            && root.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The one row in the output of `exe --bench --exact ID`.
///
/// Divan obeys `--sample-count` and `--sample-size` only if the bench's `main` doesn't set its
/// own: compare [`Measurement::samples`] and [`Measurement::sample_size`] with what was asked.
/// `--threads N` makes one row of a benchmark with several numbers of threads.
///
/// # Errors
/// See [`ParseError`].
pub(crate) fn measurement(text: &str, id: &str) -> Result<Measurement, ParseError> {
    let mut rows = table(text, id)?;
    match rows.pop() {
        Some(row) if rows.is_empty() => Ok(row),
        _ => Err(ParseError::SeveralRows {
            id: id.to_owned(),
            rows: rows.len() + 1,
        }),
    }
}

/// The rows in the output of `exe --bench --exact ID`: one, or one for each number of threads.
///
/// # Errors
/// See [`ParseError`].
pub(crate) fn table(text: &str, id: &str) -> Result<Vec<Measurement>, ParseError> {
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

/// The line above the table.
struct Header {
    line: usize,
    /// Column of the first cells, in characters.
    cells_at: usize,
    /// Width of the first cells, in characters.
    width: usize,
}

impl Header {
    fn find(lines: &[&str], id: &str) -> Result<Self, ParseError> {
        let id = id.to_owned();
        let mut headers = lines.iter().enumerate().filter_map(|(line, text)| {
            let [first, rest @ ..] = cells(text)?;
            let is_header = rest.map(str::trim_end)
                == ["slowest", "median", "mean", "samples", "iters"]
                && text.ends_with("iters")
                && first.trim_end().ends_with("fastest");
            is_header.then_some((line, first))
        });
        let Some((line, first)) = headers.next() else {
            return Err(if lines.iter().all(|line| line.trim().is_empty()) {
                ParseError::Nothing { id }
            } else if lines.iter().any(|line| is_tree(line)) {
                ParseError::TestMode { id }
            } else {
                ParseError::NoTable { id }
            });
        };
        if headers.next().is_some() {
            return Err(ParseError::SeveralTables { id });
        }
        let (before, fastest) = first.split_at(first.rfind("fastest").unwrap_or(0));
        let name = before.trim_end();
        let root = id.split("::").next().unwrap_or_default();
        if !name.ends_with(root) {
            return Err(ParseError::NoRow { id });
        }
        Ok(Self {
            line,
            cells_at: count(root) + count(before) - count(name),
            width: count(fastest),
        })
    }
}

/// A leaf of the tree: the name that divan prints before it runs the benchmark.
struct Label {
    line: usize,
    threads: Option<u32>,
    /// Drawn as the last one of its parent.
    last: bool,
    ignored: bool,
    /// Column of the first cells from here on, in characters.
    cells_at: usize,
}

/// Follows the id's components down the tree, to its leaf or its leaves `t=N`.
///
/// The benchmark is the only one, so that each of its parents is drawn as a last one. Lines that
/// don't continue the path are the program's own.
fn labels(lines: &[&str], header: &Header, id: &str) -> Vec<Label> {
    let mut path = id.split_once("::").map_or("", |(_, path)| path);
    let mut indent = String::new();
    let mut cells_at = header.cells_at;
    let mut in_threads = false;
    let mut labels = Vec::new();
    for (line, text) in lines.iter().enumerate().skip(header.line + 1) {
        let Some(branch) = text.strip_prefix(indent.as_str()) else {
            continue;
        };
        let last = branch.starts_with(LAST_BRANCH);
        let Some(name) = branch
            .strip_prefix(LAST_BRANCH)
            .or_else(|| branch.strip_prefix(BRANCH))
        else {
            continue;
        };
        let name_at = count(&indent) + count(BRANCH);
        let mut leaf = |name: &str, threads, tail: &str| {
            cells_at = cells_at.max(name_at + count(name) + 2);
            let ignored = tail
                .trim_start()
                .strip_prefix("(ignored)")
                .is_some_and(is_blank);
            labels.push(Label {
                line,
                threads,
                last,
                ignored,
                cells_at,
            });
        };
        if in_threads {
            if let Some((name, threads, tail)) = thread_label(name) {
                leaf(name, Some(threads), tail);
            }
        } else if !last {
            continue;
        } else if let Some(parent) = parent(name, path) {
            cells_at = cells_at.max(name_at + count(parent) + 2);
            in_threads = parent.len() == path.len();
            path = path.get(parent.len() + 2..).unwrap_or_default();
            indent.push_str(INDENT);
        } else if let Some(tail) = name
            .strip_prefix(path)
            .filter(|tail| tail.starts_with("  "))
        {
            leaf(path, None, tail);
            break;
        }
    }
    labels
}

/// `t=4` of `t=4   ...`, the number, and what follows.
fn thread_label(name: &str) -> Option<(&str, u32, &str)> {
    let end = name.find("  ")?;
    let (name, tail) = name.split_at(end);
    Some((name, name.strip_prefix("t=")?.parse().ok()?, tail))
}

/// The beginning of `path` that stands in a line without numbers, up to a `::` or its end.
fn parent<'a>(name: &str, path: &'a str) -> Option<&'a str> {
    path.match_indices("::")
        .map(|(end, _)| end)
        .chain([path.len()])
        .map(|end| &path[..end])
        .find(|&parent| {
            name.strip_prefix(parent)
                .is_some_and(|tail| tail.starts_with("  ") && is_blank(tail))
        })
}

/// Checks that each label has its row, and no other row is there.
fn pair(lines: &[&str], labels: &[Label], rows: &[usize], id: &str) -> Result<(), ParseError> {
    let id = id.to_owned();
    if labels.is_empty() {
        return Err(ParseError::NoRow { id });
    }
    if rows.len() < labels.len() {
        return Err(if labels.iter().any(|label| label.ignored) {
            ParseError::Ignored { id }
        } else if matches!(lines, [.., "", ""]) {
            ParseError::NoNumbers { id }
        } else {
            ParseError::Unfinished { id }
        });
    }
    let ends = labels
        .iter()
        .skip(1)
        .map(|next| next.line)
        .chain([lines.len()]);
    let in_order = rows.len() == labels.len()
        && labels.iter().zip(rows).zip(ends).all(|((label, &row), end)| {
            label.line <= row && row < end
        })
        // `t=N` of a program that prints divan's rows.
        && labels.iter().rev().skip(1).all(|label| !label.last)
        && labels.last().is_some_and(|label| label.last);
    if !in_order {
        let rows = rows.len();
        return Err(ParseError::SeveralRows { id, rows });
    }
    let foreign = |(label, &row): (&Label, &usize)| row != label.line && is_tree(lines[row]);
    if labels.iter().zip(rows).any(foreign) {
        return Err(ParseError::NoRow { id });
    }
    Ok(())
}

/// The width of the first cells below the row at `line`: divan widens them for long throughputs.
fn first_width(lines: &[&str], line: usize, label: &Label) -> Option<usize> {
    let [first, ..] = extra_cells(lines.get(line + 1)?)?;
    count(first).checked_sub(label.cells_at)
}

/// Reads the row at `line`, whose first cell is `width` characters wide, and the rows below it.
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
    // The program may have printed into the row, so the first cell is cut from the right.
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
    let measurement = Measurement {
        fastest: time(first)?,
        slowest: time(cells[1])?,
        median: time(cells[2])?,
        mean: time(cells[3])?,
        samples: number(cells[4])?,
        iterations: number(cells[5])?,
        threads,
        allocations: allocations(lines, line, width)?,
    };
    let between = measurement.fastest..=measurement.slowest;
    for (time, cell) in [(measurement.median, cells[2]), (measurement.mean, cells[3])] {
        if !between.contains(&time) {
            return Err(at.malformed(cell, "a time between the fastest and the slowest"));
        }
    }
    if measurement.iterations % measurement.samples != 0 {
        return Err(at.malformed(cells[5], "a multiple of the samples"));
    }
    Ok(measurement)
}

/// Reads the rows of divan's profiler below the row at `line`.
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
        });
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
        tally.count = figures(rows.next(), &at, "a count", Thousandths::parse)?;
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

/// A line that is being read.
struct Position<'a> {
    line: usize,
    text: &'a str,
}

impl Position<'_> {
    /// `found` is a part of the line.
    fn malformed(&self, found: &str, expected: &'static str) -> ParseError {
        let start = (found.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        ParseError::Malformed {
            line: self.line + 1,
            column: self.text.get(..start).map_or(0, count) + 1,
            expected,
            found: shortened(found.trim()),
        }
    }
}

/// The line's last six parts; the first begins where the line does.
fn cells(line: &str) -> Option<[&str; 6]> {
    let mut parts = line.rsplitn(6, " │ ");
    let mut cells = [""; 6];
    for cell in cells.iter_mut().rev() {
        *cell = parts.next()?;
    }
    Some(cells)
}

/// The cells of a line that claims to be a benchmark's row.
fn data_cells(line: &str) -> Option<[&str; 6]> {
    let is_count = |cell: &str| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    cells(line)
        .filter(|[.., samples, iterations]| is_count(samples.trim_end()) && is_count(iterations))
}

/// The cells of a line below a benchmark's row; of these divan fills the first four at most.
fn extra_cells(line: &str) -> Option<[&str; 5]> {
    let mut parts = line.strip_suffix(" │")?.rsplitn(5, " │ ");
    let mut cells = [""; 5];
    for cell in cells.iter_mut().rev() {
        *cell = parts.next()?;
    }
    Some(cells).filter(|[.., samples]| is_blank(samples))
}

/// Whether nothing but empty cells is left.
fn is_blank(tail: &str) -> bool {
    tail.chars().all(|c| c == ' ' || c == SEPARATOR)
}

/// Whether a line is drawn as a part of the tree.
fn is_tree(line: &str) -> bool {
    let name = line.trim_start_matches([' ', SEPARATOR]);
    name.starts_with(BRANCH) || name.starts_with(LAST_BRANCH)
}

/// Divan measures its columns in characters, not in the columns of a terminal.
fn count(text: &str) -> usize {
    text.chars().count()
}

fn last_chars(text: &str, number: usize) -> Option<&str> {
    let (start, _) = text.char_indices().rev().nth(number.checked_sub(1)?)?;
    Some(&text[start..])
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// Divan's units of time in picoseconds, largest first.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000_000),
    ("h", 3_600_000_000_000_000),
    ("m", 60_000_000_000_000),
    ("s", 1_000_000_000_000),
    ("ms", 1_000_000_000),
    ("µs", 1_000_000),
    ("ns", 1_000),
];

/// Divan's units of size; the binary ones with `--bytes-format binary`.
const SIZES: [(&str, u64); 11] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

impl Picos {
    /// Reads `20.47 µs`; nothing but what divan itself would print.
    fn parse(cell: &str) -> Option<Self> {
        let (number, unit) = cell.split_once(' ')?;
        let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let Thousandths(thousandths) = Thousandths::parse(number)?;
        let picos = Self(thousandths.checked_mul(scale / 1000)?);
        (picos.to_string() == cell).then_some(picos)
    }
}

impl fmt::Display for Picos {
    /// Divan's form: four digits at most, cut; nothing smaller than a thousandth of a nanosecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.into_iter().find(|(_, scale)| *scale <= self.0);
        let (name, scale) = unit.unwrap_or(("ns", 1_000));
        let whole = (self.0 / scale).to_string();
        let decimals = 4_usize.saturating_sub(whole.len());
        let thousandths = u128::from(self.0 % scale) * 1000 / u128::from(scale);
        let fraction = format!("{thousandths:03}");
        let fraction = fraction[..decimals].trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        f.pad(&format!("{whole}{point}{fraction} {name}"))
    }
}

impl Thousandths {
    /// Reads `0.142` or `12`.
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| {
            let all_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            all_digits.then(|| part.parse::<u64>().ok()).flatten()
        };
        if fraction.len() > 3 {
            return None;
        }
        let thousandths = digits(&format!("{fraction:0<3}"))?;
        let sum = digits(whole)?.checked_mul(1000)?.checked_add(thousandths)?;
        Some(Self(sum))
    }

    /// Reads `1.024 KB` as bytes.
    fn parse_bytes(text: &str) -> Option<Self> {
        let (number, unit) = text.split_once(' ')?;
        let (_, scale) = SIZES.into_iter().find(|(name, _)| *name == unit)?;
        Self::parse(number)?.0.checked_mul(scale).map(Self)
    }
}

impl Measurement {
    /// Iterations in each sample.
    pub(crate) fn sample_size(&self) -> u64 {
        self.iterations / self.samples
    }

    /// Whether divan saw a sample take no time: the compiler removed the work, or one sample is
    /// too short for the clock.
    pub(crate) fn optimised_away(&self) -> bool {
        self.fastest == Picos(0)
    }
}

impl Problem {
    fn printed(line: usize, text: &str) -> Self {
        let text = shortened(text);
        Self::Printed { line, text }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Colliding { id, times } => write!(
                f,
                "{times} benchmarks are called `{id}` and can't be told apart; give each its own `name = \"...\"`, type or argument"
            ),
            Self::Newline { id } => write!(
                f,
                "{id:?} holds a newline and can't be read back; give the argument a `Display` or `Debug` of one line, or end what the bench prints before with an empty line"
            ),
            Self::Nul { id } => write!(
                f,
                "{id:?} holds a NUL byte and can't be passed to a process; print the argument without it"
            ),
            Self::Printed { line, text } => write!(
                f,
                "line {line} of the listing names no benchmark: {text:?}; if the bench prints it, use `eprintln!`"
            ),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing { id } => write!(
                f,
                "divan ran nothing: no benchmark is called {id:?}; list them with `cargo serbench list`"
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
                "divan printed no numbers for {id:?}; call one of `Bencher`'s `bench` methods in it"
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
