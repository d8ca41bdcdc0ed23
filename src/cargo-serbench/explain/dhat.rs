//! Reads the heap profiles of valgrind's DHAT: bytes and blocks by call site.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::names;
use crate::run::{Allocated, Site};

/// How many functions of a call site are shown.
const DEPTH: usize = 4;

/// Bytes and blocks of one process, by call site.
pub type Sites = BTreeMap<CallSite, Allocated>;

/// Where memory is allocated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The call stack, allocating function first.
    pub stack: Vec<String>,
    /// Whether it grows a buffer.
    pub grows: bool,
}

#[derive(Deserialize)]
struct File {
    /// Program points.
    pps: Vec<Point>,
    /// The frames that points refer to by index.
    ftbl: Vec<String>,
}

#[derive(Deserialize)]
struct Point {
    /// Total bytes and blocks.
    tb: f64,
    tbk: f64,
    /// Frames, innermost first.
    fs: Vec<usize>,
}

/// Reads a whole profile.
pub fn parse(text: &str) -> Result<Sites> {
    let File { pps, ftbl } =
        serde_json::from_str(text).context("failed to read a profile of DHAT")?;
    let names: Vec<String> = ftbl.iter().map(|frame| name(frame)).collect();
    let mut sites = Sites::new();
    for Point { tb, tbk, fs } in pps {
        let frames = fs.iter().filter_map(|frame| names.get(*frame));
        let frames: Vec<&str> = frames.map(String::as_str).collect();
        if frames.iter().any(|name| names::is_of_the_worker(name)) {
            continue;
        }
        let total = sites.entry(call_site(&frames)).or_default();
        total.bytes += tb;
        total.blocks += tbk;
    }
    Ok(sites)
}

/// `0x124ABE: main (main.rs:7)` is `main`.
fn name(frame: &str) -> String {
    let symbol = frame.split_once(": ").map_or(frame, |(_, symbol)| symbol);
    let end = symbol.rfind(" (").unwrap_or(symbol.len());
    match &symbol[..end] {
        "" | "???" => "(no symbol)".to_owned(),
        symbol => names::function(symbol),
    }
}

fn call_site(frames: &[&str]) -> CallSite {
    let inner = frames
        .iter()
        .take_while(|name| names::is_of_the_heap(name))
        .count();
    let grows = frames[..inner]
        .iter()
        .any(|name| name.contains("realloc") || name.contains("grow"));
    // Keep the function that called the allocator, even if it is in std, and the user's functions around it.
    let mut outer = frames[inner..].iter();
    let first = outer.next();
    let others = outer.filter(|name| !names::is_of_the_system(name));
    let stack = first.into_iter().chain(others).take(DEPTH);
    CallSite {
        stack: stack.map(|name| (*name).to_owned()).collect(),
        grows,
    }
}

/// The allocations of one operation: `longer` minus `shorter`, which ran `operations` fewer.
pub fn per_operation(shorter: &Sites, longer: &Sites, operations: u64) -> Sites {
    let many = operations as f64;
    let of = |site: &CallSite, sites: &Sites| sites.get(site).copied().unwrap_or_default();
    let keys = shorter.keys().chain(longer.keys());
    keys.map(|site| {
        let (short, long) = (of(site, shorter), of(site, longer));
        let allocated = Allocated {
            bytes: (long.bytes - short.bytes) / many,
            blocks: (long.blocks - short.blocks) / many,
        };
        (site.clone(), allocated)
    })
    .collect()
}

/// The call sites that differ between two commits, by change in bytes.
pub fn changed(baseline: &Sites, candidate: &Sites) -> Vec<Site> {
    /// Fewer bytes than this are one-time allocations of the process that happened to differ.
    const LEAST: f64 = 0.01;
    let of = |site: &CallSite, sites: &Sites| sites.get(site).copied().unwrap_or_default();
    let mut keys: Vec<&CallSite> = baseline.keys().chain(candidate.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let site = |site: &CallSite| {
        let (baseline, candidate) = (of(site, baseline), of(site, candidate));
        let differs = (candidate.bytes - baseline.bytes).abs() >= LEAST
            || (candidate.blocks - baseline.blocks).abs() >= LEAST;
        differs.then(|| Site {
            stack: site.stack.clone(),
            baseline,
            candidate,
            grows: site.grows,
        })
    };
    let mut sites: Vec<Site> = keys.into_iter().filter_map(site).collect();
    let change = |site: &Site| (site.candidate.bytes - site.baseline.bytes).abs();
    sites.sort_by(|one, other| change(other).total_cmp(&change(one)));
    sites
}

#[cfg(test)]
mod tests {
    use super::{changed, parse, per_operation};

    // Written by valgrind 3.19 for a small C program: `keep` allocates 40 bytes three times, `grow`
    // reallocates a buffer twice.
    const HEAP: &str = include_str!("recorded/heap.dhat.json");

    #[test]
    fn answers_of_the_worker_are_not_counted() {
        let profile = r#"{
            "pps": [{"tb": 9, "tbk": 1, "fs": [1, 2, 3]}, {"tb": 8, "tbk": 1, "fs": [1, 2]}],
            "ftbl": [
                "[root]",
                "0x1: malloc (in /usr/libexec/valgrind/vgpreload_dhat.so)",
                "0x2: alloc::fmt::format::format_inner (fmt.rs:1)",
                "0x3: divan::serbench_worker::write (serbench_worker.rs:1)"
            ]
        }"#;
        let sites = parse(profile).unwrap();
        let bytes: Vec<f64> = sites.values().map(|it| it.bytes).collect();
        assert_eq!(bytes, [8.0]);
    }

    #[test]
    fn recorded_profile() {
        let sites = parse(HEAP).unwrap();
        let of = |function: &str| {
            let mut found = sites.iter().filter(|(site, _)| site.stack == [function]);
            found.next().map(|(_, it)| (it.bytes, it.blocks))
        };
        assert_eq!(of("keep"), Some((120.0, 3.0)));
        assert_eq!(of("grow"), Some((1108.0, 3.0)), "with each of its sizes");
        assert!(changed(&sites, &sites).is_empty());
        let none = per_operation(&sites, &sites, 3);
        assert!(changed(&none, &none).is_empty());
        let changed = changed(&none, &sites);
        assert_eq!(changed[0].stack[0], "grow");
        assert_eq!(changed.len(), 2);
        assert!(parse("{}").is_err());
    }
}
