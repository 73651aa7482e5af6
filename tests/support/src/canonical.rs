// SPDX-License-Identifier: BSD-2-Clause
//! Compares two dump streams after taking out what neither restore(8) nor a person could notice.
//!
//! Taken out: `c_addr` beyond `c_count`; inode fields in headers that describe none (FreeBSD's dump leaves the last
//! inode's there); what follows the NUL of a short symbolic link (it writes stack bytes there); the checksum, which is
//! checked on its own. A stream may begin in the middle of a file: its `TS_TAPE` says how many blocks to step over.

use crate::header::{ADDRS, BLOCK, C_ADDR, FIELDS, Header, INODE_FIELDS, Kind, field};

/// What a tape block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// A header of this kind.
    Header(Kind),
    /// Data of a file or map.
    Data,
    /// The text of a short symbolic link.
    Link,
    /// A block where a header should be.
    Bad,
}

/// Names each tape block of `stream`.
pub fn blocks(stream: &[u8]) -> Vec<(Block, &[u8])> {
    let mut out = Vec::new();
    let mut rest = stream.chunks_exact(BLOCK);
    while let Some(block) = rest.next() {
        let Some(header) = Header::parse(block) else {
            out.push((Block::Bad, block));
            continue;
        };
        out.push((Block::Header(header.kind()), block));
        let mut name = if header.is_short_link() { Block::Link } else { Block::Data };
        for data in rest.by_ref().take(header.follow()) {
            out.push((name, data));
            name = Block::Data;
        }
    }
    out
}

/// One block in the form that is compared; the fields named in `ignored` are zeroed.
pub fn canonical(name: Block, block: &[u8], ignored: &[&str]) -> Vec<u8> {
    let mut bytes = block.to_vec();
    let kind = match name {
        Block::Data | Block::Bad => return bytes,
        Block::Link => {
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            bytes[end..].fill(0);
            return bytes;
        }
        Block::Header(kind) => kind,
    };
    let mut zero = |name: &str| {
        let (offset, length) = field(name);
        bytes[offset..offset + length].fill(0);
    };
    zero("c_checksum");
    let describes_inode = matches!(kind, Kind::Inode | Kind::Addr);
    if !describes_inode {
        INODE_FIELDS.iter().copied().for_each(&mut zero);
    }
    if kind == Kind::End {
        zero("c_count");
    }
    ignored.iter().copied().for_each(&mut zero);
    let count = Header::parse(block).map_or(0, |h| h.addrs().len());
    let kept = if describes_inode { count } else { 0 };
    bytes[C_ADDR + kept..C_ADDR + ADDRS].fill(0);
    bytes
}

/// How two streams differ: one line a block, 20 at most; empty if they are the same.
pub fn differences(left: &[u8], right: &[u8], ignored: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    if left.len() != right.len() {
        out.push(format!("length: {} and {} bytes", left.len(), right.len()));
    }
    let (a, b) = (blocks(left), blocks(right));
    for (name, list) in [("first", &a), ("second", &b)] {
        if list.first().is_none_or(|x| x.0 == Block::Bad) {
            out.push(format!("the {name} is not a dump"));
        }
    }
    let pairs = a.iter().zip(&b).enumerate();
    out.extend(pairs.filter_map(|(n, (x, y))| difference(n, *x, *y, ignored)).take(20));
    out
}

/// The streams up to their first `TS_END`, compared; so may the record sizes differ.
pub fn differences_before_end(left: &[u8], right: &[u8], ignored: &[&str]) -> Vec<String> {
    differences(before_end(left), before_end(right), ignored)
}

/// The part of a stream before its first `TS_END`.
pub fn before_end(stream: &[u8]) -> &[u8] {
    let blocks = blocks(stream);
    let end = blocks.iter().position(|b| b.0 == Block::Header(Kind::End)).unwrap_or(blocks.len());
    &stream[..end * BLOCK]
}

fn difference(n: usize, a: (Block, &[u8]), b: (Block, &[u8]), ignored: &[&str]) -> Option<String> {
    let (x, y) = (canonical(a.0, a.1, ignored), canonical(b.0, b.1, ignored));
    if a.0 == b.0 && x == y {
        return None;
    }
    let what = match (a.0, b.0) {
        (Block::Header(_), Block::Header(_)) => field_differences(&x, &y),
        _ => {
            let at = a.1.iter().zip(b.1).position(|(p, q)| p != q).unwrap_or(0);
            format!("from byte {at}")
        }
    };
    Some(format!("block {n}: {:?} and {:?} differ: {what}", a.0, b.0))
}

fn field_differences(a: &[u8], b: &[u8]) -> String {
    let mut out = Vec::new();
    for (name, offset, length) in FIELDS {
        let (x, y) = (&a[offset..offset + length], &b[offset..offset + length]);
        if x != y {
            out.push(format!("{name} {} and {}", number(x), number(y)));
        }
    }
    if a[C_ADDR..C_ADDR + ADDRS] != b[C_ADDR..C_ADDR + ADDRS] {
        out.push("c_addr".to_owned());
    }
    out.join(", ")
}

fn number(bytes: &[u8]) -> String {
    if bytes.len() > 8 {
        return String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    }
    bytes.iter().rev().fold(0_u64, |n, &b| n << 8 | u64::from(b)).to_string()
}
