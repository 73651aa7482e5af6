// SPDX-License-Identifier: BSD-2-Clause
//! Cylinder groups: hands out their inodes and fragments, and writes their blocks (`struct cg`, ufs/ffs/fs.h).

use super::bytes::Bytes;
use super::geometry::Geometry;

/// What a group has given away. All is given in order, so a few numbers tell it.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Inodes given away: the first so many.
    pub inodes: u64,
    /// Those of them that are free again.
    freed: Vec<u64>,
    /// Directories among them.
    pub dirs: u64,
    /// The next free block, in fragments from the group.
    next: u64,
    /// A block partly given away: its free part.
    open: Option<(u64, u64)>,
    /// Free parts of blocks given up on.
    left: Vec<(u64, u64)>,
}

/// All groups, and which of them are full.
pub struct Groups {
    g: Geometry,
    /// The groups.
    pub list: Vec<Group>,
    /// For a full group, the next to try.
    skip: Vec<usize>,
}

impl Groups {
    /// The groups of a file system that holds nothing yet.
    pub fn new(g: &Geometry) -> Groups {
        let mut list = vec![Group { next: g.dblkno(), ..Group::default() }; g.ncg as usize];
        // The summary stands before group 0's data; inodes 0 and 1 are never used.
        list[0].next += (g.cssize() / g.fsize).next_multiple_of(g.frag());
        list[0].inodes = 2;
        let skip = (0..list.len()).collect();
        Groups { g: g.clone(), list, skip }
    }

    /// A free inode, in `group` or after it.
    ///
    /// Panics if there is none.
    pub fn inode(&mut self, group: usize) -> u32 {
        let n = self.list.len();
        let found = (0..n).map(|i| (group + i) % n).find(|&c| self.list[c].inodes < self.g.ipg);
        let c = found.expect("a free inode: give the file system more");
        let index = self.list[c].inodes;
        self.list[c].inodes += 1;
        u32::try_from(c as u64 * self.g.ipg + index).expect("an inode number of 32 bits")
    }

    /// Gives the next inode of a group away and takes it back, as that of a file that was removed.
    pub fn freed_inode(&mut self, group: usize) {
        let ino = u64::from(self.inode(group));
        self.list[(ino / self.g.ipg) as usize].freed.push(ino % self.g.ipg);
    }

    /// `bytes` of disk, a block or less, in whole fragments, in `group` or after it; as a fragment address.
    ///
    /// Panics if there is no room.
    pub fn space(&mut self, group: usize, bytes: u64) -> u64 {
        let frags = bytes / self.g.fsize;
        let c = self.with_block(group);
        let base = c as u64 * self.g.fpg;
        let block = self.g.frag();
        let cg = &mut self.list[c];
        if frags == block {
            cg.next += block;
            return base + cg.next - block;
        }
        if let Some((at, free)) = cg.open.filter(|o| o.1 >= frags) {
            cg.open = (free > frags).then_some((at + frags, free - frags));
            return base + at;
        }
        cg.left.extend(cg.open.take());
        cg.next += block;
        cg.open = Some((cg.next - block + frags, block - frags));
        base + cg.next - block
    }

    /// The first group from `group` on that has a free block.
    fn with_block(&mut self, group: usize) -> usize {
        let n = self.list.len();
        let mut c = group;
        for _ in 0..=n {
            if self.list[c].next + self.g.frag() <= self.g.fpg {
                self.skip[group] = c;
                return c;
            }
            c = if self.skip[c] == c { (c + 1) % n } else { self.skip[c] };
        }
        panic!("no free block: give the file system more");
    }

    /// Free blocks, inodes and fragments of a group, after its directories (`struct csum`).
    pub fn summary(&self, c: usize) -> [u64; 4] {
        let cg = &self.list[c];
        let free = (self.g.fpg - cg.next) / self.g.frag();
        let frags = cg.left.iter().chain(&cg.open).map(|l| l.1).sum();
        [cg.dirs, free, self.g.ipg - cg.inodes + cg.freed.len() as u64, frags]
    }

    /// The cylinder group block.
    pub fn encode(&self, c: usize) -> Vec<u8> {
        let (g, cg) = (&self.g, &self.list[c]);
        let mut b = Bytes::new(g.cgsize() as usize, g.big_endian);
        let (iused, free) = (g.iusedoff(), g.iusedoff() + g.ipg.div_ceil(8));
        b.put_all32(&[(4, 0x0009_0255), (8, 1_600_000_000), (12, c as u64), (20, g.fpg)]);
        for (n, sum) in self.summary(c).into_iter().enumerate() {
            b.put(24 + n * 4, 4, sum);
        }
        for &(_, length) in cg.left.iter().chain(&cg.open) {
            let count = &mut b.buf[52 + length as usize * 4..][..4];
            let at = if g.big_endian { 3 } else { 0 };
            count[at] = count[at].wrapping_add(1);
        }
        b.put_all32(&[(92, iused), (96, free), (100, free + g.fpg.div_ceil(8))]);
        if g.version == 1 {
            b.put(16, 2, 1);
            b.put(18, 2, g.ipg);
            b.put_all32(&[(84, 168), (88, 172)]);
        } else {
            let made = cg.inodes.next_multiple_of(g.inopb()).max(2 * g.inopb()).min(g.ipg);
            b.put_all32(&[(116, g.ipg), (120, made)]);
            b.put(136, 8, 1_600_000_000);
        }
        let used = &mut b.buf[iused as usize..];
        set_bits(used, 0, cg.inodes);
        cg.freed.iter().for_each(|&index| used[index as usize / 8] &= !(1 << (index % 8)));
        let map = &mut b.buf[free as usize..];
        set_bits(map, cg.next, g.fpg - cg.next);
        cg.left.iter().chain(&cg.open).for_each(|&(at, length)| set_bits(map, at, length));
        b.buf
    }
}

fn set_bits(map: &mut [u8], at: u64, count: u64) {
    for bit in at..at + count {
        map[bit as usize / 8] |= 1 << (bit % 8);
    }
}
