// SPDX-License-Identifier: BSD-2-Clause
//! Estimates the tape blocks and tapes of a dump with dump's formulas.

use crate::job::{Job, Limit, Tape};

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

impl Estimate {
    /// The volumes that the dump will take; 1 when a volume's size is not known.
    pub fn volumes(&self) -> i64 {
        // The cast cuts the fraction off, and values so large that they mean nothing.
        self.tapes.map_or(1, |tapes| (tapes as i64).saturating_add(1))
    }
}

/// The estimate: `mapped` tape blocks as passes I and II counted them (the maps included), and
/// `map_blocks` tape blocks in one map of inodes, without its header.
pub fn estimate(job: &Job, mapped: i64, map_blocks: i64) -> Estimate {
    // How well a dump can be compressed is not known before.
    let tapes = job.record_limit().and(match job.limit {
        Limit::Unlimited => None,
        Limit::BlocksPerFile(blocks) => Some(mapped as f64 / blocks as f64),
        Limit::Tape(tape) => Some(tapes_of(tape, job.ntrec, mapped)),
    });
    if tapes.is_none() {
        return Estimate { blocks: mapped.saturating_add(TRAILER), tapes };
    }
    let volumes = Estimate { blocks: mapped, tapes }.volumes();
    let maps = (volumes - 1).saturating_mul(map_blocks.saturating_add(1));
    let headers = volumes.saturating_add(TRAILER);
    Estimate { blocks: mapped.saturating_add(maps).saturating_add(headers), tapes }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::job;

    /// Estimates of FreeBSD 12.1's dump for the reference images: the options, the tape blocks it had
    /// mapped, those of a map, and the two numbers of its message.
    const SEEN: &[(&str, i64, i64, i64, Option<&str>)] = &[
        ("-0a", 10, 1, 20, None),
        ("-0Sf -", 3868, 3, 3878, None),
        ("-0S", 10, 1, 21, Some("0.00")),
        ("-0S", 3868, 3, 3879, Some("0.10")),
        ("-0S", 5941, 1, 5952, Some("0.15")),
        ("-0S", 39_997, 4, 40_014, Some("1.03")),
        ("-0 -b 10 -B 100", 1967, 1, 2035, Some("19.67")),
        ("-0 -b 32 -B 105", 1967, 1, 2038, Some("20.49")),
        ("-0 -b 20 -B 333", 4781, 2, 4848, Some("14.94")),
        ("-0 -b 10 -B 1000", 5559, 4, 5600, Some("5.56")),
        ("-0 -b 64 -B 1000", 5559, 4, 5600, Some("5.79")),
        ("-0 -b 10 -B 700", 3868, 3, 3904, Some("5.53")),
    ];

    #[test]
    fn as_dump_counts() {
        for &(options, mapped, map_blocks, blocks, tapes) in SEEN {
            let got = estimate(&job(&format!("{options} fs")), mapped, map_blocks);
            assert_eq!(got.blocks, blocks, "{options}");
            assert_eq!(got.volumes() as f64, got.tapes.map_or(1.0, |t| t.floor() + 1.0));
            let got = got.tapes.map(|tapes| format!("{tapes:.2}"));
            assert_eq!(got.as_deref(), tapes, "{options}");
        }
    }

    #[test]
    fn gaps_depend_on_the_tape() {
        // One tape block in a record of one block, on a tape of a foot: (1024 / density + gap) / 120.
        for (options, tapes) in [
            ("-d 1600 -s 1 -b 1", (6.4 + 7.0) / 120.0),
            ("-b 1 -d 6250 -s 1", (1.6384 + 3.0) / 120.0),
            ("-c -s 1 -b 1", (10.24 + 15.48) / 120.0),
        ] {
            let got = estimate(&job(&format!("{options} fs")), 1, 1).tapes.expect("a tape");
            assert!((got - tapes).abs() < 1e-12, "{options}: {got} is not {tapes}");
        }
    }

    #[test]
    fn huge_numbers_stay_numbers() {
        let got = estimate(&job("-d 10 -s 1 fs"), i64::MAX, i64::MAX);
        assert_eq!(got.blocks, i64::MAX);
    }
}
