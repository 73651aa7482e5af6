// SPDX-License-Identifier: BSD-2-Clause
//! The beginning of a volume: whether it is a dump.

use crate::compress::unpacker;
use crate::compress::unpacker::WINDOW_LOG;
use crate::inspect::input::{Input, Locked};
use dumpstream::TP_BSIZE;
use dumpstream::decode;
use dumpstream::other::{self, AMANDA_HEADER, Other};

/// What a volume begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A dump, or nothing that is known: what is wrong with it is found when it is read. Whether there is a header of Amanda
    /// before it, which is skipped.
    Dump {
        /// A header of Amanda was skipped.
        amanda: bool,
    },
    /// No byte at all.
    Empty,
    /// Something else.
    Other(Other),
    /// It is encrypted and cannot be decrypted.
    Locked(Locked),
}

/// Looks at the beginning of a volume. Frames of zstd may have windows of 2 to the power `window_log` bytes, or
/// [`WINDOW_LOG`].
///
/// Nothing is read any more when `ready` says so.
pub fn begin(input: &mut Input, window_log: Option<u32>, mut ready: impl FnMut(&Input) -> bool) -> Begin {
    let amanda = input.peek(TP_BSIZE, &mut ready) > 0 && other::is_amanda_header(input.bytes());
    if amanda {
        input.skip_front(AMANDA_HEADER, &mut ready);
    }
    if let Err(locked) = input.unlock(&mut ready) {
        return Begin::Locked(locked);
    }
    if input.peek(TP_BSIZE, &mut ready) == 0 {
        return if input.failure().is_some() { Begin::Dump { amanda } } else { Begin::Empty };
    }
    if let Some(header) = input.bytes().first_chunk().and_then(|block| decode(block).ok()) {
        return match header.is_compressed() {
            true => Begin::Other(Other::LinuxCompressed),
            false => Begin::Dump { amanda },
        };
    }
    if unpacker::is_compressed(input.bytes()) {
        return match unpacker::window_log(input.bytes()) {
            Some(log) if log > window_log.unwrap_or(WINDOW_LOG) => Begin::Other(Other::Window(log)),
            _ => Begin::Dump { amanda },
        };
    }
    input.peek(other::LOOKED_AT, ready);
    other::identify(input.bytes()).map_or(Begin::Dump { amanda }, Begin::Other)
}
