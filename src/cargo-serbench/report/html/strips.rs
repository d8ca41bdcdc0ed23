//! The blocks of each benchmark over time, which shows drift, steps and cores with two speeds.

use maud::{Markup, html};

use super::{
    Chart, left_out, picture,
    scale::{Scale, round},
};
use crate::{
    decide::{
        Decision,
        evidence::{BlockRatio, Evidence, Role},
    },
    report::{
        Report, cells, document,
        table::{Cell, Column, left, right, table},
        text,
    },
    run::Phase,
};

/// Most strips to draw, which keeps the page small.
const MOST: usize = 40;

const WIDTH: f64 = 760.0;
const ROW: f64 = 74.0;

struct Strip<'a> {
    evidence: &'a Evidence,
}

pub fn chart(report: &Report<'_>) -> Option<Chart> {
    let verdicts = report.verdicts.as_ref()?;
    let mut decisions: Vec<&Decision> = verdicts.decisions.iter().collect();
    // Self-checks first: if one fails, every other verdict is in doubt.
    decisions.sort_by(|one, other| {
        let benchmark = |it: &Decision| it.role == Role::Benchmark;
        (benchmark(one).cmp(&benchmark(other))).then_with(|| document::by_severity(one, other))
    });
    let evidence = |decision: &&Decision| verdicts.evidence.iter().find(|it| it.id == decision.id);
    let strips: Vec<Strip<'_>> = decisions
        .iter()
        .filter_map(evidence)
        .filter(|evidence| !evidence.blocks.is_empty())
        .map(|evidence| Strip { evidence })
        .collect();
    if strips.is_empty() {
        return None;
    }
    let shown = &strips[..strips.len().min(MOST)];
    let height = ROW * shown.len() as f64;
    let inner = html! {
        @for (number, strip) in shown.iter().enumerate() { (draw(number, strip.evidence)) }
    };
    let title = "Blocks over time";
    let left_out = left_out(strips.len() - shown.len());
    let caption = format!(
        "Each dot is one block: fresh processes of both commits, side by side. Filled dots screened, hollow \
         ones confirmed; up is slower. Without noise, all lie on one line; a slope or two levels mean \
         that the machine changed during the run.{left_out}"
    );
    Some(Chart {
        anchor: "blocks",
        title: title.to_owned(),
        picture: picture("blocks", (WIDTH, height), title, &caption, &inner),
        caption,
        table: table(&table_columns(), &strips),
    })
}

/// The log-ratio on the judged clock, in percent.
fn value(evidence: &Evidence, block: &BlockRatio) -> f64 {
    let log = match evidence.by_wall {
        true => block.wall,
        false => block.cpu,
    };
    log.exp_m1() * 100.0
}

fn draw(number: usize, evidence: &Evidence) -> Markup {
    let top = ROW * number as f64;
    let threshold = evidence.tolerance.threshold * 100.0;
    let values = evidence
        .blocks
        .iter()
        .map(|block| value(evidence, block).abs());
    // Room for whole dots.
    let reach = 1.15 * values.fold(threshold, f64::max).min(200.0);
    let across = Scale {
        from: -0.5,
        to: evidence.blocks.len() as f64 - 0.5,
        start: 64.0,
        end: WIDTH,
    };
    let up = Scale {
        from: -reach,
        to: reach,
        start: top + ROW - 9.0,
        end: top + 23.0,
    };
    let id = text::visible(&evidence.id);
    html! {
        g {
            title { (id) }
            text y=(top + 13.0) { (text::shorten(&id, 70, 30)) }
            rect.track x="64" y=(top + 20.0) width=(WIDTH - 64.0) height=(ROW - 26.0) rx="3" {}
            text class="soft end" x="58" y=(up.at(threshold) + 4.0) { (format!("+{threshold:.1} %")) }
            line.zero x1="64" x2=(WIDTH) y1=(up.at(0.0)) y2=(up.at(0.0)) {}
            line.threshold x1="64" x2=(WIDTH) y1=(up.at(threshold)) y2=(up.at(threshold)) {}
            @for (place, block) in evidence.blocks.iter().enumerate() {
                circle class=(match block.phase { Phase::Screen => "mark", Phase::Confirm => "confirm" })
                    cx=(round(across.at(place as f64))) cy=(up.at(value(evidence, block))) r="2.5" {}
            }
        }
    }
}

fn table_columns<'a>() -> Vec<Column<Strip<'a>>> {
    vec![
        left("Benchmark", |strip: &Strip<'_>| {
            Cell::name(strip.evidence.id.as_str())
        }),
        right("Blocks", |strip| {
            Cell::plain(strip.evidence.blocks.len().to_string())
        }),
        right("First", |strip| block(strip, strip.evidence.blocks.first())),
        right("Last", |strip| block(strip, strip.evidence.blocks.last())),
    ]
}

fn block(strip: &Strip<'_>, block: Option<&BlockRatio>) -> Cell {
    let percent = |block| cells::percent((value(strip.evidence, block) / 100.0).ln_1p());
    block.map_or_else(Cell::absent, |block| Cell::plain(percent(block)))
}
