// SPDX-License-Identifier: BSD-2-Clause
//! How many tape blocks and tapes the dump will take, by dump's sums.

use super::job::{Job, Limit, Output, Tape};

/// Tape blocks that dump adds for the trailer.
const TRAILER: i64 = 10;

/// The estimate of a dump.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Tape blocks of 1024 bytes, with the trailer and the repeated maps that dump expects.
    pub blocks: i64,
    /// Tapes, when a volume's size is known.
    pub tapes: Option<f64>,
}

/// The estimate: `mapped` tape blocks as passes I and II counted them (the maps included), and
/// `map_blocks` tape blocks in one map of inodes, without its header.
pub fn estimate(job: &Job, mapped: i64, map_blocks: i64) -> Estimate {
    let tapes = match (&job.output, job.limit) {
        (Output::Stdout, _) | (_, Limit::Unlimited) => None,
        (_, Limit::BlocksPerFile(blocks)) => Some(mapped as f64 / blocks as f64),
        (_, Limit::Tape(tape)) => Some(tapes_of(tape, job.ntrec, mapped)),
    };
    let Some(tapes) = tapes else {
        return Estimate {
            blocks: mapped.saturating_add(TRAILER),
            tapes,
        };
    };
    // The cast cuts the fraction off, and so large a value that it means nothing.
    let volumes = (tapes as i64).saturating_add(1);
    let maps = (volumes - 1).saturating_mul(map_blocks.saturating_add(1));
    let headers = volumes.saturating_add(TRAILER);
    Estimate {
        blocks: mapped.saturating_add(maps).saturating_add(headers),
        tapes: Some(tapes),
    }
}

/// The tapes for this many tape blocks, in dump's order of operations, which rounds the result.
fn tapes_of(tape: Tape, ntrec: u32, blocks: i64) -> f64 {
    // Tenths of an inch between records: a cartridge stops and starts, a reel has gaps.
    let gap = match (tape.cartridge, tape.density) {
        (true, _) => 15.48,
        (false, 625) => 3.0,
        (false, _) => 7.0,
    };
    let blocks = blocks as f64;
    let data = blocks * 1024.0 * (1.0 / f64::from(tape.density));
    let gaps = blocks * (1.0 / f64::from(ntrec)) * gap;
    (data + gaps) * (1.0 / tape.tsize as f64)
}
