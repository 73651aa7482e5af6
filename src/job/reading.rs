// SPDX-License-Identifier: BSD-2-Clause
//! The job of reading a dump: check, list, or extract.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::job::ProgressStyle;

/// The operation on an existing dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it is read for.
    pub purpose: Purpose,
    /// Its volumes in order; `-` is standard input.
    pub volumes: Vec<OsString>,
    /// Whether the results are lines of JSON.
    pub json: bool,
    /// The index of the dump.
    pub index: Option<OsString>,
    /// The key that the index must be signed by (`--verify-key`).
    pub verify_key: Option<PathBuf>,
    /// Tape blocks in a record (`-b`), 1 to 1000, if it was given.
    pub ntrec: Option<u32>,
    /// Tape blocks of a volume that was closed at a limit (`-B`), if that was given.
    pub volume_blocks: Option<u64>,
    /// The largest window of zstd's that is allowed (`--long`), as a power of 2 in bytes, if it was given.
    pub window_log: Option<u32>,
    /// The part of the data that is read (`--sample`), if not all of it.
    pub sample: Option<Sample>,
    /// Files of keys that decrypt it (`--identity`).
    pub identities: Vec<OsString>,
    /// How progress is shown.
    pub progress: ProgressStyle,
}

/// A part of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// This one, from 1, of so many.
    Part {
        /// Its number.
        part: u32,
        /// How many there are.
        of: u32,
    },
    /// Any one of so many.
    Any {
        /// How many there are.
        of: u32,
    },
}

impl Sample {
    /// Most parts.
    const MOST: u32 = 1_000_000;

    /// `n/t` or `p%`.
    pub fn parse(text: &str) -> Option<Sample> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
        if let Some((part, of)) = text.split_once('/') {
            let (part, of) = (number(part)?, number(of)?);
            return (1 <= part && part <= of && of <= Sample::MOST).then_some(Sample::Part { part, of });
        }
        let digits = text.strip_suffix('%')?;
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent: f64 = digits.parse().ok().filter(|_| is_plain)?;
        // No less than what was requested.
        let of = (100.0 / percent).floor();
        (percent > 0.0 && percent <= 100.0 && of <= f64::from(Sample::MOST))
            .then_some(Sample::Any { of: of as u32 })
    }
}

/// What a dump is read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find what is wrong with it.
    Check,
    /// To find what is wrong with the dumps of a chain, and what their restore would do.
    Chain {
        /// How many of the volumes each of them has.
        levels: Vec<usize>,
    },
    /// To list its files.
    List,
    /// To compare two dumps or indexes.
    Diff {
        /// How many of the volumes are of the first.
        first: usize,
    },
    /// To write a dump of these paths and all below them.
    Emit {
        /// The paths, as the command line has them.
        paths: Vec<OsString>,
        /// Where the dump goes; none is standard output.
        output: Option<OsString>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples() {
        let any = |of| Some(Sample::Any { of });
        assert_eq!(Sample::parse("3/7"), Some(Sample::Part { part: 3, of: 7 }));
        assert_eq!(
            ["100%", "51%", "50%", "30%", "1%", "0.5%"].map(Sample::parse),
            [1, 1, 2, 3, 100, 200].map(any)
        );
        for bad in [
            "",
            "%",
            "0/7",
            "8/7",
            "1/0",
            "+1/2",
            "1/+2",
            "0%",
            "101%",
            "-1%",
            "1e1%",
            "inf%",
            "5",
            "1/2%",
            "1/1000001",
        ] {
            assert_eq!(Sample::parse(bad), None, "{bad}");
        }
    }
}
