// SPDX-License-Identifier: BSD-2-Clause
//! Checks that a dump keeps every rule of the format, those that restore(8) doesn't look at included.

use crate::decode::{Dump, S_IFDIR};
use crate::header::{ADDRS, BLOCK, C_ADDR, Header, INODE_FIELDS, Kind, ZERO_FIELDS};

/// How a later volume came to be; it decides how tape blocks are numbered there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// By a size limit: the volume header has a number of its own.
    SizeLimit,
    /// By end of medium: the volume header has the number of the block that follows.
    EndOfMedium,
}

/// What to hold a dump to.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Tape blocks in a record.
    pub ntrec: usize,
    /// How later volumes came to be.
    pub volumes: Volumes,
    /// Whether fields may keep the values of the header before, as in FreeBSD's dump.
    pub stale_fields: bool,
    /// Inodes that the map has but that may be missing: mode 0, or of an undefined type.
    pub may_miss: Vec<u32>,
}

impl Rules {
    /// The rules for a dump on one volume.
    pub fn new(ntrec: usize) -> Rules {
        Rules { ntrec, volumes: Volumes::SizeLimit, stale_fields: false, may_miss: Vec::new() }
    }
}

/// Decodes a dump and checks it.
///
/// Errors: the first rule that is broken, with the tape block or inode.
pub fn decode_and_check(volumes: &[Vec<u8>], rules: &Rules) -> Result<Dump, String> {
    let record = rules.ntrec * BLOCK;
    for (n, volume) in volumes.iter().enumerate() {
        if !volume.len().is_multiple_of(record) {
            return Err(format!("volume {}: {} bytes are no whole records", n + 1, volume.len()));
        }
    }
    let dump = Dump::decode(volumes)?;
    check_headers(&dump, rules)?;
    check_maps(&dump, rules)?;
    check_files(&dump)?;
    Ok(dump)
}

/// Where the headers of the joined stream stand.
fn headers(dump: &Dump) -> impl Iterator<Item = (usize, Header<'_>)> {
    let mut n = 0;
    std::iter::from_fn(move || {
        let header = Header::parse(dump.joined.get(n * BLOCK..(n + 1) * BLOCK)?)?;
        let at = n;
        n += 1 + header.follow();
        Some((at, header))
    })
}

fn check_headers(dump: &Dump, rules: &Rules) -> Result<(), String> {
    let (mut order, mut starts) = (Order::default(), Vec::new());
    for (at, header) in headers(dump) {
        let wrong = |what: &str| Err(format!("tape block {at} ({:?}): {what}", header.kind()));
        let earlier = dump.breaks.partition_point(|b| b.at <= at);
        starts.push(at);
        let numbered = if rules.volumes == Volumes::SizeLimit { earlier } else { 0 };
        if header.u64("c_tapea") != (at + numbered) as u64 {
            return wrong(&format!("c_tapea is {}", header.u64("c_tapea")));
        }
        if header.u64("c_volume") != 1 + earlier as u64 {
            return wrong(&format!("c_volume is {}", header.u64("c_volume")));
        }
        if let Err(e) = check_same(dump.head(), header).and_then(|()| check_zero(header, rules)) {
            return wrong(&e);
        }
        if let Err(e) = order.next(dump, header) {
            return wrong(&e);
        }
    }
    for (n, b) in dump.breaks.iter().enumerate() {
        let header = Header::parse(&b.header).expect("decode() has seen it");
        check_break(dump, rules, n, (b.at, &starts), header).map_err(|e| format!("volume {}: {e}", n + 2))?;
    }
    match order.ends {
        n if n > 0 && n <= rules.ntrec => Ok(()),
        n => Err(format!("{n} TS_END with records of {} blocks", rules.ntrec)),
    }
}

/// A later volume's header against the blocks that follow it; `starts` is where headers stand.
fn check_break(
    dump: &Dump,
    rules: &Rules,
    n: usize,
    (at, starts): (usize, &[usize]),
    h: Header,
) -> Result<(), String> {
    check_same(dump.head(), h)?;
    check_zero(h, rules)?;
    let own = if rules.volumes == Volumes::SizeLimit { n } else { 0 };
    let first = (at + own) as u64;
    if h.u64("c_tapea") != first || h.u64("c_firstrec") != first {
        let (tapea, firstrec) = (h.u64("c_tapea"), h.u64("c_firstrec"));
        return Err(format!("c_tapea {tapea}, c_firstrec {firstrec}, but {first} blocks before"));
    }
    if h.u64("c_volume") != n as u64 + 2 {
        return Err(format!("c_volume is {}", h.u64("c_volume")));
    }
    let next = *starts.get(starts.partition_point(|&x| x < at)).ok_or("no header follows")?;
    if h.u64("c_count") != (next - at) as u64 {
        return Err(format!("c_count is {}, but {} blocks", h.count(), next - at));
    }
    Ok(())
}

fn check_same(first: Header, header: Header) -> Result<(), String> {
    for name in ["c_label", "c_level", "c_filesys", "c_dev", "c_host", "c_flags", "c_date", "c_ddate"] {
        if first.raw(name) != header.raw(name) {
            return Err(format!("{name} is not that of the first header"));
        }
    }
    Ok(())
}

fn check_zero(header: Header, rules: &Rules) -> Result<(), String> {
    let is_zero = |name: &str| header.raw(name).iter().all(|&b| b == 0);
    for name in ZERO_FIELDS {
        if !is_zero(name) {
            return Err(format!("{name} is not zero"));
        }
    }
    if rules.stale_fields {
        return Ok(());
    }
    if !matches!(header.kind(), Kind::Inode | Kind::Addr) {
        for name in INODE_FIELDS {
            if !is_zero(name) {
                return Err(format!("{name} is not zero"));
            }
        }
    }
    let used = C_ADDR + header.addrs().len();
    if header.bytes()[used..C_ADDR + ADDRS].iter().any(|&b| b != 0) {
        return Err("c_addr is not zero after c_count".to_owned());
    }
    Ok(())
}

/// The order of a stream's headers.
#[derive(Default)]
struct Order {
    seen: usize,
    last: u32,
    last_dir: bool,
    ends: usize,
}

impl Order {
    fn next(&mut self, dump: &Dump, header: Header) -> Result<(), String> {
        let (ino, kind, n) = (header.u32("c_inumber"), header.kind(), self.seen);
        self.seen += 1;
        let blocks = dump.maxino.div_ceil(8).div_ceil(BLOCK as u64);
        let first = dump.order.first().copied().unwrap_or(0);
        match (n, kind) {
            (0, Kind::Tape) => expect(&[(ino.into(), 0), (header.u64("c_count"), 1)]),
            (1, Kind::Clri) => expect(&[(header.u64("c_count"), blocks)]),
            (2, Kind::Bits) => expect(&[(header.u64("c_count"), blocks), (ino.into(), first.into())]),
            (0..=2, _) | (_, Kind::Tape | Kind::Clri | Kind::Bits) => Err("out of order".to_owned()),
            (_, Kind::End) => {
                self.ends += 1;
                expect(&[(ino.into(), dump.maxino - 1)])
            }
            _ if self.ends > 0 => Err("after TS_END".to_owned()),
            (_, Kind::Addr) => Ok(()),
            (_, Kind::Inode) => self.inode(ino, dump.files[&ino].kind() == S_IFDIR),
        }
    }

    /// Directories come first, and within each half inodes ascend.
    fn inode(&mut self, ino: u32, is_dir: bool) -> Result<(), String> {
        let begins_files = self.last_dir && !is_dir;
        if (is_dir && !self.last_dir && self.last > 0) || (ino <= self.last && !begins_files) {
            return Err(format!("inode {ino} comes after {}", self.last));
        }
        (self.last, self.last_dir) = (ino, is_dir);
        Ok(())
    }
}

fn expect(pairs: &[(u64, u64)]) -> Result<(), String> {
    match pairs.iter().find(|(a, b)| a != b) {
        Some((a, b)) => Err(format!("c_count or c_inumber is {a}, not {b}")),
        None => Ok(()),
    }
}

fn check_maps(dump: &Dump, rules: &Rules) -> Result<(), String> {
    for (name, map) in [("TS_CLRI", &dump.clri), ("TS_BITS", &dump.bits)] {
        if let Some(ino) = Dump::inodes(map).last().filter(|&&i| u64::from(i) >= dump.maxino) {
            return Err(format!("{name} has inode {ino} of {}", dump.maxino));
        }
    }
    if !Dump::has(&dump.bits, 2) {
        return Err("TS_BITS lacks the root".to_owned());
    }
    for ino in Dump::inodes(&dump.bits) {
        // The root is dumped always, also with the flag nodump, which takes it off the other map.
        if !Dump::has(&dump.clri, ino) && ino != 2 {
            return Err(format!("inode {ino} is in TS_BITS but not in TS_CLRI"));
        }
        if !dump.files.contains_key(&ino) && !rules.may_miss.contains(&ino) {
            return Err(format!("inode {ino} is in TS_BITS but not on the dump"));
        }
    }
    match dump.files.keys().find(|&&ino| !Dump::has(&dump.bits, ino)) {
        Some(ino) => Err(format!("inode {ino} is on the dump but not in TS_BITS")),
        None => Ok(()),
    }
}

fn check_files(dump: &Dump) -> Result<(), String> {
    for (ino, file) in &dump.files {
        let ext = file.extsize.div_ceil(BLOCK) as u64;
        let least = file.data_blocks() + ext;
        // UFS1 dumps whole fragments, of at most 64 KiB.
        let most = least + if ext == 0 && least > 0 { 63 } else { 0 };
        if !(least..=most).contains(&file.announced) {
            return Err(format!("inode {ino}: {} tape blocks, not {least}", file.announced));
        }
        if file.ext.len() != file.extsize {
            return Err(format!("inode {ino}: {} attribute bytes", file.ext.len()));
        }
    }
    // A header is cut at 512 blocks, and where the direct blocks or an indirect block's end; never empty.
    let empty = headers(dump).find(|(_, h)| h.kind() == Kind::Addr && h.addrs().is_empty());
    match empty {
        Some((at, _)) => Err(format!("tape block {at}: TS_ADDR that announces nothing")),
        None => Ok(()),
    }
}
