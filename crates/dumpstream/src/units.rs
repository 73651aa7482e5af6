// SPDX-License-Identifier: BSD-2-Clause
//! Tape blocks: their size, and the newtype of their number.

use std::fmt;

/// Bytes in one tape block (`TP_BSIZE`, protocols/dumprestore.h).
pub const TP_BSIZE: usize = 1024;

/// Most data blocks that one header can announce (`TP_NINDIR` = `TP_BSIZE` / 2, protocols/dumprestore.h).
pub const TP_NINDIR: usize = 512;

/// The number of a tape block within the whole dump (`c_tapea`): counts [`TP_BSIZE`] bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapeBlock(pub u64);

impl fmt::Display for TapeBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
