// SPDX-License-Identifier: BSD-2-Clause
//! Messages of a successful dump.

use std::ffi::OsStr;
use std::fmt;

use crate::operator::State;
use dumpstream::escape;

/// A message of a successful dump.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are what the line says of them")]
pub enum Message<'a> {
    /// The date that goes into the headers.
    DateOfThis { level: i32, date: Option<&'a str> },
    /// The dump that this one builds on; no level after `-T`.
    DateOfLast { level: Option<i32>, date: Option<&'a str> },
    /// What is dumped, and where to.
    Dumping {
        snapshot: bool,
        disk: &'a OsStr,
        mount_point: Option<&'a OsStr>,
        output: &'a OsStr,
        host: Option<&'a OsStr>,
    },
    /// Pass I begins.
    MappingFiles,
    /// Pass II begins.
    MappingDirectories,
    /// The estimate, in tape blocks.
    Estimated { blocks: i64, tapes: Option<f64> },
    /// Pass III begins.
    DumpingDirectories,
    /// Pass IV begins.
    DumpingFiles,
    /// Progress.
    Progress(&'a State),
    /// Tape blocks written; no volumes for standard output.
    Written { blocks: u64, volumes: Option<u32> },
    /// A volume is read back. dump has no such line, nor the next.
    Verifying { volume: u32 },
    /// How much of a volume is read back: printed on request only.
    Checked { volume: u32, state: &'a State },
    /// All volumes are what was written.
    Verified { volumes: u32 },
    /// The compressed size in bytes of this number of tape blocks. dump has no such line.
    Compressed { blocks: u64, bytes: u64 },
    /// Seconds of writing, and tape blocks written in them.
    Finished { seconds: i64, blocks: u64 },
    /// The index is written. dump has no such line.
    Indexed { lines: u64, name: &'a OsStr },
    /// The dump is in the dumpdates file.
    Recorded { level: i32, date: Option<&'a str> },
    /// A volume is closed.
    Closing(&'a OsStr),
    /// All is well.
    Done,
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Message::*;
        match *self {
            DateOfThis { level, date } => {
                write!(f, "Date of this level {level} dump: {}", epoch(date))
            }
            DateOfLast { level: Some(level), date } => {
                write!(f, "Date of last level {level} dump: {}", epoch(date))
            }
            DateOfLast { level: None, date } => {
                write!(f, "Date of last (level unknown) dump: {}", epoch(date))
            }
            Dumping { snapshot, disk, mount_point, output, host } => {
                let snapshot = if snapshot { "snapshot of " } else { "" };
                write!(f, "Dumping {snapshot}{} ", escape::name(disk))?;
                if let Some(path) = mount_point {
                    write!(f, "({}) ", escape::name(path))?;
                }
                write!(f, "to {}", escape::name(output))?;
                host.map_or(Ok(()), |host| write!(f, " on host {}", escape::name(host)))
            }
            MappingFiles => f.write_str("mapping (Pass I) [regular files]"),
            MappingDirectories => f.write_str("mapping (Pass II) [directories]"),
            Estimated { blocks, tapes: None } => {
                write!(f, "estimated {blocks} tape blocks.")
            }
            Estimated { blocks, tapes: Some(tapes) } => {
                write!(f, "estimated {blocks} tape blocks on {tapes:3.2} tape(s).")
            }
            DumpingDirectories => f.write_str("dumping (Pass III) [directories]"),
            DumpingFiles => f.write_str("dumping (Pass IV) [regular files]"),
            Progress(state) => state.fmt(f),
            Written { blocks, volumes: None } => write!(f, "DUMP: {blocks} tape blocks"),
            Written { blocks, volumes: Some(volumes) } => {
                let plural = if volumes == 1 { "" } else { "s" };
                write!(f, "DUMP: {blocks} tape blocks on {volumes} volume{plural}")
            }
            Verifying { volume } => write!(f, "verifying volume {volume}"),
            Checked { volume, state } => write!(f, "verifying volume {volume}: {state}"),
            Verified { volumes: 1 } => f.write_str("verified 1 volume"),
            Verified { volumes } => write!(f, "verified {volumes} volumes"),
            Compressed { blocks, bytes } => {
                let percent = bytes as f64 / 10.24 / blocks.max(1) as f64;
                write!(f, "compressed to {} KB, {percent:.1}%", bytes.div_ceil(1024))
            }
            Finished { seconds: ..=0, .. } => {
                write!(f, "finished in less than a second")
            }
            Finished { seconds, blocks } => {
                let rate = blocks / seconds.unsigned_abs();
                write!(f, "finished in {seconds} seconds, throughput {rate} KBytes/sec")
            }
            Indexed { lines, name } => {
                let plural = if lines == 1 { "" } else { "s" };
                write!(f, "index of {lines} name{plural} in {}", escape::name(name))
            }
            Recorded { level, date } => {
                write!(f, "level {level} dump on {}", epoch(date))
            }
            Closing(output) => write!(f, "Closing {}", escape::name(output)),
            Done => f.write_str("DUMP IS DONE"),
        }
    }
}

/// A date, or dump's word for none.
fn epoch(date: Option<&str>) -> &str {
    date.unwrap_or("the epoch")
}
