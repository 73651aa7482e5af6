// SPDX-License-Identifier: BSD-2-Clause
//! A chain of three levels in which everything happens that can happen to names: renames in a ring, directories that move, types that change,
//! hard links that come and go, inode numbers that are used again.

use capdump_support::stream_writer::Stream;

const FIFO: u8 = 1;
const DIR: u8 = 4;
const FILE: u8 = 8;
const LINK: u8 = 10;

/// Mode of a symbolic link, and of a FIFO.
const S_LINK: u32 = 0o120_777;
const S_FIFO: u32 = 0o010_600;

/// A level on top of another one.
pub fn next_level(base: &Stream) -> Stream {
    Stream { date: base.date + 1000, ddate: base.date, level: base.level + 1, ..Stream::new() }
}

/// Names of so many files.
fn numbered(letter: u8, numbers: std::ops::Range<u32>) -> Vec<(Vec<u8>, u32, u8)> {
    numbers.map(|ino| ([&[letter][..], ino.to_string().as_bytes()].concat(), ino, FILE)).collect()
}

fn directory(
    stream: &mut Stream,
    ino: u32,
    parent: u32,
    names: &[(&[u8], u32, u8)],
    more: &[(Vec<u8>, u32, u8)],
) {
    let more = more.iter().map(|(name, ino, kind)| (name.as_slice(), *ino, *kind));
    stream.directory(ino, parent, &names.iter().copied().chain(more).collect::<Vec<_>>());
}

/// The levels.
pub fn chain() -> [Stream; 3] {
    let zero = zero();
    let one = one(&zero);
    let two = two(&one);
    let mut levels = [zero, one, two];
    // As dump has them: directories first, both by number.
    levels
        .iter_mut()
        .for_each(|level| level.inodes.sort_by_key(|inode| (inode.mode != 0o040_755, inode.ino)));
    levels
}

fn zero() -> Stream {
    let mut zero = Stream::new();
    zero.directory(
        2,
        2,
        &[
            (b"a", 3, DIR),
            (b"b", 4, DIR),
            (b"swap1", 10, FILE),
            (b"swap2", 11, FILE),
            (b"gone", 12, FILE),
            (b"keep", 13, FILE),
            (b"hard1", 14, FILE),
            (b"hard2", 14, FILE),
            (b"link", 20, LINK),
            (b"fifo", 21, FIFO),
            (b"d2f", 6, DIR),
            (b"f2d", 15, FILE),
            (b"used again", 16, FILE),
            (b"large", 17, FILE),
        ],
    );
    zero.directory(3, 2, &[(b"sub", 5, DIR), (b"f", 18, FILE), (b"hard3", 14, FILE)]);
    zero.directory(4, 2, &[(b"old", 22, FILE)]);
    directory(&mut zero, 5, 3, &[(b"deep", 19, FILE)], &numbered(b'm', 30..40));
    zero.directory(6, 2, &[(b"in", 23, FILE), (b"x", 7, DIR)]).directory(7, 6, &[(b"y", 24, FILE)]);
    (10..15).for_each(|ino| _ = zero.file(ino, format!("{ino}").as_bytes()));
    zero.file(15, b"becomes a directory").file(16, b"the first").sparse(17, &large(1));
    (18..20).for_each(|ino| _ = zero.file(ino, format!("{ino}").as_bytes()));
    zero.inode(20, S_LINK, b"nowhere").inode(21, S_FIFO, b"");
    (22..25).chain(30..40).for_each(|ino| _ = zero.file(ino, &vec![ino as u8; 2000]));
    zero
}

/// Data with holes.
fn large(byte: u8) -> Vec<u8> {
    (0..400 << 10).map(|at| if at >> 15 & 1 == 0 { byte } else { 0 }).collect()
}

fn one(zero: &Stream) -> Stream {
    let mut one = next_level(zero);
    one.directory(
        2,
        2,
        &[
            (b"b", 3, DIR),
            (b"a", 5, DIR),
            (b"swap1", 11, FILE),
            (b"swap2", 10, FILE),
            (b"keep", 13, FILE),
            (b"hard1", 14, FILE),
            (b"hard4", 14, FILE),
            (b"link", 20, FILE),
            (b"d2f", 6, FILE),
            (b"f2d", 15, DIR),
            (b"used again", 12, FILE),
            (b"was a directory", 4, FILE),
            (b"large", 17, FILE),
            (b"new", 40, FILE),
        ],
    );
    one.directory(3, 2, &[(b"f", 18, FILE), (b"hard3", 14, FILE), (b"moved", 22, FILE)]);
    directory(
        &mut one,
        5,
        2,
        &[(b"deep", 19, FILE)],
        &[numbered(b'm', 30..35), numbered(b'n', 35..40)].concat(),
    );
    one.directory(7, 15, &[(b"y", 24, FILE), (b"made", 16, FILE)]);
    one.directory(15, 2, &[(b"in", 23, FILE), (b"x", 7, DIR)]);
    one.file(4, b"has the number of a directory").file(6, b"instead of a directory").file(12, b"the second");
    one.file(16, b"another").sparse(17, &large(2)).file(19, b"changed").file(20, b"instead of a link");
    one.file(40, b"new");
    one.used = vec![10, 11, 13, 14, 18, 22, 23, 24, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39];
    one
}

fn two(one: &Stream) -> Stream {
    let mut two = next_level(one);
    two.directory(
        2,
        2,
        &[
            (b"a", 3, DIR),
            (b"b", 15, DIR),
            (b"swap1", 10, FILE),
            (b"swap2", 11, FILE),
            (b"hard1", 14, FILE),
            (b"hard5", 14, FILE),
            (b"hard6", 14, FILE),
            (b"link", 20, LINK),
            (b"d2f", 6, DIR),
            (b"f2d", 4, DIR),
            (b"fifo", 21, FIFO),
            (b"fifo2", 21, FIFO),
            (b"large", 17, FILE),
        ],
    );
    two.directory(3, 2, &[(b"inner", 5, DIR), (b"f", 18, FILE), (b"keep", 13, FILE)]);
    two.directory(4, 2, &[(b"x", 41, FILE)]);
    directory(&mut two, 5, 3, &[(b"deep", 19, FILE), (b"in", 23, FILE)], &numbered(b'm', 30..36));
    two.directory(6, 2, &[(b"new", 40, FILE), (b"hard", 40, FILE)]).directory(15, 2, &[(b"x", 7, DIR)]);
    two.directory(7, 15, &[(b"y", 24, FILE), (b"hard", 14, FILE)]);
    two.file(14, b"all of its names have this").inode(20, S_LINK, b"elsewhere").inode(21, S_FIFO, b"");
    two.file(35, b"the number of another").file(41, b"41");
    two.used = vec![10, 11, 13, 17, 18, 19, 23, 24, 30, 31, 32, 33, 34, 40];
    two
}
