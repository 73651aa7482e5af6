// SPDX-License-Identifier: BSD-2-Clause
//! Takes volumes of `--compress` apart with zstd's own tool.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{have, skipped};

/// Whether zstd(1) can be run here; says so if not.
pub fn available() -> bool {
    let there = have("zstd");
    if !there {
        skipped("zstd is not there");
    }
    there
}

/// What `zstd -dc` makes of these bytes.
///
/// Panics if it finds fault with them.
pub fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut command = Command::new("zstd");
    command.args(["-dcq"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("zstd");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let done = child.wait_with_output().expect("zstd's output");
    assert!(done.status.success(), "zstd finds fault");
    writer.join().expect("no panic").expect("zstd reads all");
    done.stdout
}

/// `zstd -t` of a file.
///
/// Panics if that fails.
pub fn test(file: &Path) {
    let status = Command::new("zstd").args(["-tq"]).arg(file).status().expect("zstd");
    assert!(status.success(), "{}", file.display());
}

/// Bytes of the skippable frames of zeros that a frame is padded by: the last of a volume by two.
fn padding(frame: &[u8]) -> usize {
    let is_padding = |at: &usize| {
        let size = ((frame.len() - at - 8) as u32).to_le_bytes();
        frame[*at..].starts_with(&[0x50, 0x2a, 0x4d, 0x18]) && frame[at + 4..].starts_with(&size)
    };
    let last = frame.len().saturating_sub(8);
    match (last.saturating_sub(4 << 20)..=last).rev().find(is_padding) {
        Some(at) => frame.len() - at + padding(&frame[..at]),
        None => 0,
    }
}

/// The frames of a volume by the table at its end (zstd's seekable format 0.1.0), each unpacked by itself. Checks the table against
/// the frames, and that nothing else is in the volume.
pub fn frames(volume: &[u8]) -> Vec<Vec<u8>> {
    let word = |at: usize| u32::from_le_bytes(volume[at..at + 4].try_into().expect("four bytes"));
    let end = volume.len();
    assert_eq!(word(end - 4), 0x8F92_EAB1, "no table at the end");
    assert_eq!(volume[end - 5], 0x80, "entries have a checksum, and nothing is reserved");
    let count = word(end - 9) as usize;
    let table = end - 9 - count * 12;
    assert_eq!(word(table - 8), 0x184D_2A5E);
    assert_eq!(word(table - 4) as usize, end - table);
    let mut at = 0;
    let frames = (0..count).map(|n| table + n * 12).map(|entry| {
        let frame = &volume[at..at + word(entry) as usize];
        at += frame.len();
        let unpacked = unpack(frame);
        assert_eq!(unpacked.len(), word(entry + 4) as usize);
        // A frame ends with the same checksum, and zstd has checked that.
        assert_eq!(word(at - padding(frame) - 4), word(entry + 8));
        unpacked
    });
    let frames = frames.collect();
    assert_eq!(at, table - 8, "between the last frame and the table");
    frames
}
