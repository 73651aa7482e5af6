// SPDX-License-Identifier: BSD-2-Clause
//! Dumps that lie about names, types and sizes, made of a right chain: for tests of caprestore and its fuzz target (fuzz/).

use capdump_support::directory::Builder;
use capdump_support::header::{BLOCK, CHECKSUM, sum};
use capdump_support::stream_writer::{Inode, Stream};

/// Where `c_checksum` stands in a header.
const C_CHECKSUM: usize = 28;

/// Names that lead elsewhere, or are in the way.
const NAMES: [&[u8]; 24] = [
    b"..",
    b".",
    b"../sentinel",
    b"../out",
    b"/tmp/caprestore-must-not-be",
    b"a/b",
    b"a/../../out",
    b"nul\0name",
    b"",
    b"/",
    b"a",
    b"b",
    b"sub",
    b"link",
    b"d2f",
    b"f2d",
    b"f",
    b"restoresymtable",
    b"restoresymtable.d",
    b"restoresymtable.new",
    b"38",
    b"new",
    b"\xff\n\x1b[2J",
    &[b'n'; 255],
];

/// Texts of links.
const TEXTS: [&[u8]; 8] = [
    b"../sentinel",
    b"../sentinel/file",
    b"..",
    b".",
    b"/",
    b"a",
    b"link",
    b"../../../../../../../../tmp/caprestore-must-not-be",
];

/// `c_mode` of all types, and of none.
const MODES: [u32; 12] = [
    0o040_755, 0o100_644, 0o120_777, 0o010_600, 0o020_666, 0o060_666, 0o140_777, 0o160_000, 0, 0o104_755,
    0o040_000, 0o177_777,
];

/// Where numbers come from.
pub trait Choose {
    /// One below `count`.
    fn below(&mut self, count: usize) -> usize;
}

/// Changes a dump a little.
pub fn change(stream: &mut Stream, choose: &mut impl Choose) {
    if stream.inodes.is_empty() {
        return;
    }
    let at = choose.below(stream.inodes.len());
    let other = choose.below(stream.inodes.len());
    match choose.below(12) {
        0 => stream.inodes[at].mode = MODES[choose.below(MODES.len())],
        1 => stream.inodes[at].ino = number(stream, choose),
        2..=5 => {
            let entries = entries(stream, choose);
            stream.inodes[at].data = entries;
        }
        6 => stream.inodes[at].data = TEXTS[choose.below(TEXTS.len())].to_vec(),
        7 => {
            let inode = &mut stream.inodes[at];
            (inode.mode, inode.data) = (0o120_777, TEXTS[choose.below(TEXTS.len())].to_vec());
        }
        8 => stream.inodes.swap(at, other),
        9 => _ = stream.inodes.remove(at),
        10 => {
            let inode = Inode { ino: number(stream, choose), ..stream.inodes[at].clone() };
            stream.inodes.insert(other, inode);
        }
        _ => {
            // A name of a directory is changed where it is.
            let name = NAMES[choose.below(NAMES.len())];
            let data = &mut stream.inodes[at].data;
            let from = choose.below(data.len().max(1));
            data.iter_mut().skip(from).zip(name).for_each(|(byte, new)| *byte = *new);
        }
    }
}

/// An inode of the dump, or any other.
fn number(stream: &Stream, choose: &mut impl Choose) -> u32 {
    match choose.below(4) {
        0 => choose.below(60) as u32 + 1,
        _ => stream.inodes[choose.below(stream.inodes.len())].ino,
    }
}

/// A directory with some names.
fn entries(stream: &Stream, choose: &mut impl Choose) -> Vec<u8> {
    let mut builder = Builder::new(false);
    let own = number(stream, choose);
    builder.add(b".", own, 4);
    builder.add(b"..", 2, 4);
    for _ in 0..choose.below(7) {
        let name = NAMES[choose.below(NAMES.len())];
        builder.add(name, number(stream, choose), [4, 8, 10, 0, 1, 14][choose.below(6)]);
    }
    builder.finish()
}

/// Changes bytes of a dump; headers add up again.
pub fn flip(bytes: &mut [u8], choose: &mut impl Choose) {
    let block = choose.below(bytes.len() / BLOCK) * BLOCK;
    let place = &mut bytes[block..block + BLOCK];
    let was = sum(place) == CHECKSUM;
    // The fields of an inode are where it hurts most.
    let at = if choose.below(2) == 0 { choose.below(164) } else { choose.below(BLOCK) };
    place[at] = match choose.below(4) {
        0 => 0xff,
        1 => place[at] ^ 1 << choose.below(8),
        2 => 0,
        _ => choose.below(256) as u8,
    };
    if was {
        place[C_CHECKSUM..C_CHECKSUM + 4].fill(0);
        let rest = CHECKSUM.wrapping_sub(sum(place));
        place[C_CHECKSUM..C_CHECKSUM + 4].copy_from_slice(&rest.to_le_bytes());
    }
}

/// Operations for the writer, as `src/restore/wire.rs` encodes them: right in form, and anything else in content.
pub fn operations(choose: &mut impl Choose) -> Vec<u8> {
    let mut out = Vec::new();
    let mut ids = 0;
    for _ in 0..=choose.below(24) {
        let kind = choose.below(18) as u8 + 1;
        out.push(kind);
        let mut put = Operands { out: &mut out, ids, choose };
        match kind {
            1 => _ = put.new_id().place(),
            2 => _ = put.tag().new_id().place(),
            3 => _ = put.tag().place().byte(2),
            4 => _ = put.long().bytes(b"data"),
            5 => _ = put.byte(3).bytes(b"name").bytes(b"value"),
            6 => _ = put.long().about(),
            7 => _ = put.tag().place().text().about().byte(2),
            8 => _ = put.tag().place().tag().about().byte(2),
            9 => _ = put.tag().place().place().byte(2),
            10 => _ = put.tag().id().about(),
            13 => _ = put.tag().place().place().id(),
            14 => _ = put.text(),
            15 | 18 => _ = put.tag(),
            17 => _ = put.id().place(),
            _ => _ = put.tag().place(),
        }
        ids = put.ids;
    }
    out
}

/// Puts what an operation is about.
struct Operands<'a, C> {
    out: &'a mut Vec<u8>,
    ids: u32,
    choose: &'a mut C,
}

impl<C: Choose> Operands<'_, C> {
    fn word(&mut self, value: u32) -> &mut Self {
        self.out.extend(value.to_le_bytes());
        self
    }

    fn byte(&mut self, most: usize) -> &mut Self {
        self.out.push(self.choose.below(most) as u8);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.word(bytes.len() as u32);
        self.out.extend(bytes);
        self
    }

    fn tag(&mut self) -> &mut Self {
        let tag = [0, 1, 0x0103, u32::MAX][self.choose.below(4)];
        self.word(tag)
    }

    /// Most often one that no directory has.
    fn new_id(&mut self) -> &mut Self {
        self.ids += u32::from(self.choose.below(16) > 0);
        self.word(self.ids)
    }

    fn id(&mut self) -> &mut Self {
        let id = self.choose.below(self.ids as usize + 1) as u32;
        self.word(id)
    }

    fn place(&mut self) -> &mut Self {
        let name = match self.choose.below(3) {
            0 => NAMES[self.choose.below(NAMES.len())],
            _ => [&b"a"[..], b"b", b"c", b"d"][self.choose.below(4)],
        };
        self.id().bytes(name)
    }

    fn text(&mut self) -> &mut Self {
        let text = TEXTS[self.choose.below(TEXTS.len())];
        self.bytes(text)
    }

    fn long(&mut self) -> &mut Self {
        let value = [0, 4, 1 << 20, 1 << 62, u64::MAX][self.choose.below(5)];
        self.out.extend(u64::to_le_bytes(value));
        self
    }

    fn about(&mut self) -> &mut Self {
        let mode = MODES[self.choose.below(MODES.len())];
        self.word(mode).tag().tag().word(0);
        (0..3).for_each(|_| _ = self.long().word(999_999_999));
        self
    }
}
