//! The records of a report's benchmarks as JSON.

use serde::Serialize;

use super::html::{History, Multiple, Track};

/// The values of all series, one per commit.
#[derive(Serialize)]
pub struct Recorded<'a> {
    commits: Vec<Commit<'a>>,
    series: Vec<Series<'a>>,
}

#[derive(Serialize)]
struct Commit<'a> {
    commit: &'a str,
    subject: &'a str,
    measured_at: &'a str,
}

/// One benchmark on one machine.
#[derive(Serialize)]
struct Series<'a> {
    id: &'a str,
    machine_key: &'a str,
    reference: Option<&'a str>,
    unit: &'static str,
    values: Vec<Option<f64>>,
}

pub fn recorded<'a>(history: &History<'a>) -> Recorded<'a> {
    let commits = history.commits.iter().map(|stop| Commit {
        commit: stop.sha,
        subject: stop.subject,
        measured_at: stop.measured,
    });
    let of_chart = |chart: &Multiple<'a>| -> Vec<Series<'a>> {
        let tracks = chart.tracks.iter();
        tracks.map(|track| series(history, chart, track)).collect()
    };
    Recorded {
        commits: commits.collect(),
        series: history.charts.iter().flat_map(of_chart).collect(),
    }
}

fn series<'a>(history: &History<'a>, chart: &Multiple<'a>, track: &Track) -> Series<'a> {
    let mut values = vec![None; history.commits.len()];
    for dot in &track.dots {
        values[dot.places.0] = Some(dot.value);
    }
    Series {
        id: chart.id,
        machine_key: history.machines[track.machine].key,
        reference: chart.reference,
        unit: match chart.reference {
            Some(_) => "ratio",
            None => "ns",
        },
        values,
    }
}
