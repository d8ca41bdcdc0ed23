//! The changes of all benchmarks with their intervals and thresholds.

use maud::{Markup, PreEscaped, html};

use super::{Chart, class, grid, left_out, picture, scale::Scale};
use crate::{
    compare::stats::LogRatio,
    decide::{Decision, evidence::Role},
    report::{
        Report, Verdicts, cells, columns, document,
        table::{Cell, Column, left, right, table},
        text,
    },
};

/// Most rows to draw; the table has the rest.
const MOST: usize = 60;

const WIDTH: f64 = 760.0;
const ROW: f64 = 40.0;
const TOP: f64 = 22.0;
/// The track of a row, which lies below its name.
const TRACK: (f64, f64) = (19.0, 33.0);

/// With more rows, the axis is labeled below as well.
const LABELED_ONCE: usize = 8;

/// A change worth a row.
struct Row<'a> {
    decision: &'a Decision,
    /// In percent.
    change: [f64; 3],
    threshold: Option<f64>,
}

pub fn chart(report: &Report<'_>) -> Option<Chart> {
    let verdicts = report.verdicts.as_ref()?;
    let rows = rows(verdicts);
    if rows.is_empty() {
        return None;
    }
    let shown = &rows[..rows.len().min(MOST)];
    let reach = shown.iter().map(reach).fold(1.0, f64::max).min(100.0) * 1.1;
    let scale = Scale {
        from: -reach,
        to: reach,
        start: 0.0,
        end: WIDTH,
    };
    let bottom = TOP + ROW * shown.len() as f64;
    let is_long = shown.len() > LABELED_ONCE;
    let height = bottom + if is_long { 20.0 } else { 0.0 };
    let inner = html! {
        (grid("forest", &scale, 0.0, TRACK))
        (labels(&scale, 11.0))
        @if is_long { (labels(&scale, bottom + 14.0)) }
        @for (number, row) in shown.iter().enumerate() { (line(number, row, &scale)) }
    };
    let title = "Changes with 95 % intervals";
    let left_out = left_out(rows.len() - shown.len());
    let caption = format!(
        "One row per benchmark, the most important first; right is slower. Bar: 95 % interval of the \
         change. Dot: estimate, or an arrow if it is beyond the edge. Dashed line: threshold.{left_out}"
    );
    Some(Chart {
        anchor: "forest",
        title: title.to_owned(),
        picture: picture("forest", (WIDTH, height), title, &caption, &inner),
        caption,
        table: table(&table_columns(), &rows),
    })
}

fn rows<'a>(verdicts: &Verdicts<'a>) -> Vec<Row<'a>> {
    let benchmarks = verdicts
        .decisions
        .iter()
        .filter(|it| it.role == Role::Benchmark);
    let mut benchmarks: Vec<&Decision> = benchmarks.collect();
    benchmarks.sort_by(|one, other| document::by_severity(one, other));
    let row = |decision: &'a Decision| {
        let evidence = verdicts.evidence.iter().find(|it| it.id == decision.id);
        Some(Row {
            decision,
            change: percents(decision.change.as_ref()?),
            threshold: evidence.map(|it| it.tolerance.threshold * 100.0),
        })
    };
    benchmarks.into_iter().filter_map(row).collect()
}

fn percents(estimate: &LogRatio) -> [f64; 3] {
    [estimate.point, estimate.lower, estimate.upper].map(|log| log.exp_m1() * 100.0)
}

fn reach(row: &Row<'_>) -> f64 {
    let bounds = row.change.iter().filter(|bound| bound.is_finite());
    let widest = bounds.map(|bound| bound.abs()).fold(0.0, f64::max);
    widest.max(row.threshold.unwrap_or(0.0))
}

fn labels(scale: &Scale, y: f64) -> Markup {
    // A label at an edge would be cut off.
    let inside = |tick: &f64| (24.0..WIDTH - 24.0).contains(&scale.at(*tick));
    html! {
        @for tick in scale.ticks().into_iter().filter(inside) {
            @let label = if tick == 0.0 { "0 %".to_owned() } else { format!("{tick:+} %") };
            text class="soft mid" x=(scale.at(tick)) y=(y) { (label) }
        }
    }
}

fn line(number: usize, row: &Row<'_>, scale: &Scale) -> Markup {
    let [point, lower, upper] = row.change;
    let tone = class(columns::tone(row.decision));
    let id = text::visible(&row.decision.id);
    let (x1, x2, x) = (scale.at(lower), scale.at(upper), scale.at(point));
    let (top, bottom) = TRACK;
    let middle = f64::midpoint(top, bottom);
    let figures = row.decision.change.as_ref().map(cells::change);
    let figures = figures.map(|cell| cell.text).unwrap_or_default();
    let words = columns::verdict_words(row.decision);
    html! {
        g transform={ "translate(0 " (TOP + ROW * number as f64) ")" } {
            title { (id) ": " (words) ", " (figures) }
            text y="13" { (text::shorten(&id, 44, 20)) }
            text class="soft end value" x=(WIDTH) y="13" { tspan class={ "t-" (tone) } { (words) } " " (figures) }
            (PreEscaped("<use href=\"#forest-grid\"/>"))
            @if let Some(threshold) = row.threshold {
                @let x = scale.at(threshold);
                line.threshold x1=(x) x2=(x) y1=(top) y2=(bottom) {}
            }
            line class={ "interval m-" (tone) } x1=(x1) x2=(x2) y1=(middle) y2=(middle) {}
            // An end without a cap means that the interval continues beyond the edge.
            @if scale.holds(lower) { line class={ "interval m-" (tone) } x1=(x1) x2=(x1) y1=(middle - 4.0) y2=(middle + 4.0) {} }
            @if scale.holds(upper) { line class={ "interval m-" (tone) } x1=(x2) x2=(x2) y1=(middle - 4.0) y2=(middle + 4.0) {} }
            @if scale.holds(point) {
                circle class={ "m-" (tone) } cx=(x) cy=(middle) r="4" {}
            } @else {
                polygon class={ "m-" (tone) } points=(arrow(x, middle, point > 0.0)) {}
            }
        }
    }
}

/// The corners of an arrow at the edge of the plot, for an estimate beyond it.
fn arrow(edge: f64, middle: f64, to_the_right: bool) -> String {
    let back = if to_the_right { edge - 9.0 } else { edge + 9.0 };
    let (above, below) = (middle - 5.0, middle + 5.0);
    format!("{edge},{middle} {back},{above} {back},{below}")
}

fn table_columns<'a>() -> Vec<Column<Row<'a>>> {
    vec![
        left("Benchmark", |row: &Row<'_>| {
            Cell::name(row.decision.id.as_str())
        }),
        left("Verdict", |row| {
            Cell::plain(columns::verdict_words(row.decision))
        }),
        right("Change [95 %]", |row| {
            row.decision
                .change
                .as_ref()
                .map_or_else(Cell::absent, cells::change)
        }),
        right("Threshold", |row| {
            let threshold = row
                .threshold
                .map(|it| Cell::plain(cells::fraction(it / 100.0)));
            threshold.unwrap_or_else(Cell::absent)
        }),
    ]
}
