// SPDX-License-Identifier: BSD-2-Clause
//! The last line of a dump on a terminal: its size, duration, speed, and the bytes on the medium.

use std::fmt;

use crate::operator::Line;
use dumpstream::TP_BSIZE;

/// Units of a thousand bytes each.
const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];

/// Totals of a complete dump. dump has no such line, so it is not printed for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Tape blocks of the stream.
    pub blocks: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Where they are: `on disk`, `on tape` or `written`.
    pub place: &'static str,
    /// Seconds of writing.
    pub seconds: i64,
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = self.blocks.saturating_mul(TP_BSIZE as u64);
        write!(f, "{} in ", Size(stream))?;
        match u64::try_from(self.seconds) {
            Ok(0) | Err(_) => f.write_str("less than a second")?,
            Ok(seconds) => {
                let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
                write!(
                    f,
                    "{hours}:{minutes:02}:{rest:02}, {:.1} MB/s",
                    stream as f64 / 1e6 / seconds as f64
                )?;
            }
        }
        write!(f, "; {} {}", Size(self.bytes), self.place)
    }
}

impl Line for Sums {}

/// Bytes, in the largest unit in which the value is at least 1.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut amount, mut units) = (self.0 as f64, UNITS.iter());
        let mut unit = units.next().copied().unwrap_or_default();
        // What would be printed as 1000.0 is one of the next.
        while amount >= 999.95 {
            let Some(next) = units.next() else { break };
            (amount, unit) = (amount / 1000.0, next);
        }
        if self.0 < 1000 { write!(f, "{} bytes", self.0) } else { write!(f, "{amount:.1} {unit}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let sums = |blocks, seconds, bytes| Sums { blocks, bytes, place: "on disk", seconds }.to_string();
        assert_eq!(sums(10, 0, 10_240), "10.2 kB in less than a second; 10.2 kB on disk");
        assert_eq!(sums(4_000_000, 100, 1_000_000_000), "4.1 GB in 0:01:40, 41.0 MB/s; 1.0 GB on disk");
        assert_eq!(
            sums(1 << 40, 100_000, 999_949_999),
            "1125.9 TB in 27:46:40, 11259.0 MB/s; 999.9 MB on disk"
        );
        assert_eq!(
            [0, 999, 1000, 999_950].map(|size| Size(size).to_string()),
            ["0 bytes", "999 bytes", "1.0 kB", "1.0 MB"]
        );
        assert_eq!(sums(1, -5, 1), "1.0 kB in less than a second; 1 bytes on disk");
    }
}
