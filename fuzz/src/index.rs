// SPDX-License-Identifier: BSD-2-Clause
//! The lines of an index, and the frames of a compressed volume.

use capdump::internals::{Unpacker, unpacker};
use dumpstream::escape::{escape, unescape};
use dumpstream::index::{Head, Line};

use crate::input::Input;

/// Bytes that one step of decompression makes at most.
const ROOM: usize = 4096;

/// Steps after which it is given up: a frame may hold gigabytes of nothing.
const MOST_STEPS: usize = 2000;

/// Runs an input.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.byte() & 1 == 0 {
        input.rest().split(|&byte| byte == b'\n').for_each(line);
    } else {
        frames(input.rest());
    }
}

/// A line that is understood says the same when it is printed and read again.
fn line(text: &[u8]) {
    if let Ok(line) = Line::parse(text) {
        let mut printed = Vec::new();
        line.print(&mut printed);
        assert_eq!(printed.pop(), Some(b'\n'));
        assert_eq!(Line::parse(&printed), Ok(line));
    }
    if let Ok(head) = Head::parse(text) {
        let mut printed = head.print();
        assert_eq!(printed.pop(), Some(b'\n'));
        assert_eq!(Head::parse(&printed), Ok(head));
    }
    assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
}

/// Bytes that begin like frames: what is used and made is no more than what there is.
fn frames(mut packed: &[u8]) {
    _ = (unpacker::is_compressed(packed), unpacker::content_size(packed));
    let Ok(mut unpacker) = Unpacker::new(capdump::internals::WINDOW_LOG) else { return };
    let mut room = [0; ROOM];
    for _ in 0..MOST_STEPS {
        let Ok(step) = unpacker.step(packed, &mut room) else {
            unpacker.restart();
            match unpacker::find_frame(packed, 1) {
                Some(at) => packed = &packed[at..],
                None => return,
            }
            continue;
        };
        assert!(step.used <= packed.len() && step.made <= ROOM);
        packed = &packed[step.used..];
        if packed.is_empty() && step.made < ROOM {
            return;
        }
    }
}
