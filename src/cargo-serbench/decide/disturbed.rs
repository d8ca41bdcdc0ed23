//! Detects blocks that were clearly disturbed by other programs, so that they are measured again.
//!
//! The rule only uses system counters, never times, so it can't influence a verdict. It treats both
//! arms alike, and never changes its answer for a block when more blocks arrive. On a machine that is
//! always busy it drops no blocks, because there are no better ones to wait for.

use std::collections::BTreeMap;

use crate::run::{Block, Disturbance, Phase};

/// Whether other work took much of the block's CPU time or its processes waited for a disk.
pub fn is_disturbed(block: &Block) -> bool {
    let Some(Disturbance {
        preemptions,
        major_faults,
        stolen,
    }) = block.disturbance
    else {
        return false;
    };
    let slices: usize = block.slices.iter().map(Vec::len).sum();
    major_faults > 0 || stolen > 0 || preemptions > slices as u64
}

/// The blocks of one benchmark that count, in order, each with the seconds spent on it and on the
/// blocks dropped before it. Within a phase, at most as many are dropped as were undisturbed so far.
pub fn counted<'a>(blocks: impl Iterator<Item = &'a Block>) -> Vec<(&'a Block, f64)> {
    let mut spare: BTreeMap<Phase, u32> = BTreeMap::new();
    let mut counted = Vec::new();
    let mut seconds = 0.0;
    for block in blocks {
        seconds += block.seconds;
        let spare = spare.entry(block.phase).or_default();
        let disturbed = is_disturbed(block);
        if *spare > 0 && disturbed {
            *spare -= 1;
        } else {
            *spare += u32::from(!disturbed);
            counted.push((block, std::mem::take(&mut seconds)));
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::{counted, is_disturbed};
    use crate::run::{Block, Disturbance, Phase, Times};

    fn block(phase: Phase, disturbance: Option<Disturbance>) -> Block {
        let slice = Times {
            cpu: Some(1.0),
            wall: 1.0,
            fastest: 1.0,
        };
        Block {
            phase,
            arms: Vec::new(),
            cpu: Some(0),
            seconds: 0.05,
            slices: vec![vec![slice; 8]; 2],
            backwards: false,
            disturbance,
        }
    }

    fn disturbance(preemptions: u64, major_faults: u64, stolen: u64) -> Option<Disturbance> {
        Some(Disturbance {
            preemptions,
            major_faults,
            stolen,
        })
    }

    #[test]
    fn disturbances() {
        let disturbed = |it| is_disturbed(&block(Phase::Screen, it));
        assert!(!disturbed(None));
        assert!(!disturbed(disturbance(16, 0, 0)));
        assert!(disturbed(disturbance(17, 0, 0)));
        assert!(disturbed(disturbance(0, 1, 0)));
        assert!(disturbed(disturbance(0, 0, 1)));
    }

    /// Which of a series of blocks count: `x` is disturbed, capitals confirm.
    fn of(series: &str) -> String {
        let blocks: Vec<Block> = series
            .chars()
            .map(|letter| {
                let phase = match letter.is_uppercase() {
                    true => Phase::Confirm,
                    false => Phase::Screen,
                };
                let disturbed = letter.eq_ignore_ascii_case(&'x');
                block(phase, disturbance(0, u64::from(disturbed), 0))
            })
            .collect();
        let counts = counted(blocks.iter());
        let letters = series.chars().zip(&blocks);
        letters
            .filter(|(_, block)| counts.iter().any(|(it, _)| std::ptr::eq(*it, *block)))
            .map(|(letter, _)| letter)
            .collect()
    }

    #[test]
    fn disturbed_blocks_are_left_out_while_they_are_few() {
        assert_eq!(of("oooxooxo"), "oooooo");
        // Too few blocks to drop any.
        assert_eq!(of("xo"), "xo");
        assert_eq!(of("xxxx"), "xxxx");
        assert_eq!(of("oxxo"), "oxo");
        // Screen and confirmation are counted separately.
        assert_eq!(of("oooXXOX"), "oooXXO");
    }

    #[test]
    fn later_blocks_change_nothing() {
        let series = "oxxxooxoxxxxoooxo";
        let all = of(series);
        for length in 0..series.len() {
            assert!(all.starts_with(&of(&series[..length])), "{length}");
        }
    }

    /// Dropped blocks use up the budget, too.
    #[test]
    fn dropped_blocks_use_up_the_budget() {
        let disturbed = block(Phase::Screen, disturbance(0, 1, 0));
        let calm = block(Phase::Screen, None);
        let blocks = [&calm, &calm, &disturbed, &calm];
        let seconds = counted(blocks.into_iter()).into_iter();
        let seconds: Vec<f64> = seconds.map(|(_, seconds)| seconds).collect();
        assert_eq!(seconds, [0.05, 0.05, 0.1]);
    }
}
