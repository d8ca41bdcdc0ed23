//! The heap of one operation over time, for large inputs: shows growing buffers and trees.

use maud::{Markup, html};

use super::{
    Chart, left_out, picture,
    scale::{Scale, round},
};
use crate::{
    compare::{CaseTable, Row},
    report::{
        Report, cells,
        table::{Cell, Column, left, right, table},
        text,
    },
};

/// Most pictures to draw, which keeps the page small.
const MOST: usize = 60;

const COLUMNS: usize = 3;

/// Characters of the beginning and the end of a name that fit above a picture.
const LETTERS: (usize, usize) = (20, 10);
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 116.0;

/// One operation.
struct Timeline<'a> {
    row: &'a Row,
    /// The highest peak of any encoder on the same array, so that encoders share a scale.
    most: u64,
}

impl Timeline<'_> {
    fn points(&self) -> &[(u64, u64)] {
        &self.row.verification.heap
    }

    fn peak(&self) -> (u64, u64) {
        let points = self.points().iter().copied();
        points.max_by_key(|(_, bytes)| *bytes).unwrap_or_default()
    }

    fn end(&self) -> u64 {
        self.points().last().map_or(0, |(nanos, _)| *nanos)
    }
}

/// `None` if memory was not counted for a large input.
pub fn chart(report: &Report<'_>) -> Option<Chart> {
    let timelines: Vec<Timeline<'_>> = report.tables.iter().flat_map(of_case).collect();
    if timelines.is_empty() {
        return None;
    }
    let shown = &timelines[..timelines.len().min(MOST)];
    let height = HEIGHT * shown.len().div_ceil(COLUMNS) as f64;
    let inner = html! {
        @for (number, timeline) in shown.iter().enumerate() { (draw(number, timeline)) }
    };
    let title = "Heap of one operation over time";
    let left_out = left_out(timelines.len() - shown.len());
    let caption = format!(
        "Live heap of one operation, excluding what was live before; the dashed line is the peak. \
         Encoders of the same array share a vertical scale. Sampled in a separate run that is not \
         timed.{left_out}"
    );
    Some(Chart {
        anchor: "heap",
        title: title.to_owned(),
        picture: picture("heap", (WIDTH, height), title, &caption, &inner),
        caption,
        table: table(&columns(), &timelines),
    })
}

fn of_case(case: &CaseTable) -> Vec<Timeline<'_>> {
    let rows = case.rows.iter();
    let rows: Vec<&Row> = rows.filter(|row| row.verification.heap.len() > 1).collect();
    let bytes = |row: &&Row| row.verification.heap.iter().map(|(_, bytes)| *bytes).max();
    let most = rows.iter().filter_map(bytes).max().unwrap_or(0);
    rows.into_iter().map(|row| Timeline { row, most }).collect()
}

fn draw(number: usize, timeline: &Timeline<'_>) -> Markup {
    let width = WIDTH / COLUMNS as f64;
    let start = width * (number % COLUMNS) as f64 + 8.0;
    let top = HEIGHT * (number / COLUMNS) as f64;
    let across = Scale {
        from: 0.0,
        to: timeline.end() as f64,
        start,
        end: start + width - 20.0,
    };
    let up = Scale {
        from: 0.0,
        to: timeline.most as f64,
        start: top + HEIGHT - 12.0,
        end: top + 36.0,
    };
    let (_, peak) = timeline.peak();
    let id = text::visible(&timeline.row.id);
    html! {
        g {
            title { (id) }
            text x=(start) y=(top + 13.0) { (text::shorten(&id, LETTERS.0, LETTERS.1)) }
            text class="soft" x=(start) y=(round(up.at(peak as f64) - 4.0)) {
                (cells::bytes(peak)) " peak, " (cells::time(timeline.end() as f64))
            }
            line.threshold x1=(across.start) x2=(across.end) y1=(up.at(peak as f64)) y2=(up.at(peak as f64)) {}
            line.zero x1=(across.start) x2=(across.end) y1=(up.start) y2=(up.start) {}
            polyline class="heap" points=(steps(timeline, &across, &up)) {}
        }
    }
}

/// A line that keeps its value until the next point.
fn steps(timeline: &Timeline<'_>, across: &Scale, up: &Scale) -> String {
    let mut corners = vec![format!("{},{}", round(across.start), round(up.start))];
    let mut before = up.start;
    for (nanos, bytes) in timeline.points() {
        let (x, y) = (across.at(*nanos as f64), up.at(*bytes as f64));
        corners.push(format!("{x},{before}"));
        corners.push(format!("{x},{y}"));
        before = y;
    }
    corners.join(" ")
}

fn columns<'a>() -> Vec<Column<Timeline<'a>>> {
    vec![
        left("Benchmark", |timeline: &Timeline<'_>| {
            Cell::name(timeline.row.id.as_str())
        }),
        right("Peak", |timeline| {
            Cell::plain(cells::bytes(timeline.peak().1))
        }),
        right("Peak after", |timeline| {
            Cell::plain(cells::time(timeline.peak().0 as f64))
        }),
        right("Last after", |timeline| {
            Cell::plain(cells::time(timeline.end() as f64))
        }),
    ]
}
