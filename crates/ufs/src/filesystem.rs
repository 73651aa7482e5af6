// SPDX-License-Identifier: BSD-2-Clause
//! A file system on a disk: reads groups, inodes and indirect blocks.

use super::cylinder::CylinderGroup;
use super::dinode::{Dinode, FileType, InodeTable, RawDinode};
use super::error::{Error, Warning};
use super::fields::index;
use super::read::ReadAt;
use super::span::Announced;
use super::superblock::{Superblock, Version};
use crate::Buffer;
use crate::{ByteOffset, FragAddr, Ino};
use std::cell::RefCell;
use std::rc::Rc;

/// A UFS file system and the disk it is on.
pub struct FileSystem<R: ReadAt> {
    superblock: Superblock,
    disk: R,
    /// The inodes that were read last.
    inodes: RefCell<Window>,
    /// The inodes that are read ahead of the passes.
    announced: RefCell<Announced>,
    /// Room for an indirect block.
    scratch: RefCell<Buffer>,
}

/// Bytes of inodes that are read ahead at most: they stay in a processor's cache.
const MOST_AHEAD: u32 = 256 << 10;

/// Indirect blocks that are announced at once, at most: some of the inodes in a window may not be on the dump.
const MOST_ANNOUNCED: usize = 64;

/// Consecutive blocks of a group's inodes.
#[derive(Default)]
struct Window {
    bytes: Buffer,
    /// The first inode in it, and how many there are.
    first: u32,
    count: u32,
    /// Blocks that the next read takes if it goes on from here.
    ahead: u32,
}

impl Window {
    /// The position of `ino` in it, in inodes.
    fn position(&self, ino: Ino) -> Option<u32> {
        ino.0.checked_sub(self.first).filter(|&at| at < self.count)
    }

    /// Whether `ino` comes soon after it, so that reading ahead is worth its while.
    fn leads_to(&self, ino: Ino) -> bool {
        let end = self.first.saturating_add(self.count);
        ino.0.checked_sub(end).is_some_and(|gap| gap <= self.count)
    }
}

impl Superblock {
    /// Blocks of inodes that are read ahead at most.
    fn most_ahead(&self) -> u32 {
        MOST_AHEAD.checked_div(self.bsize).unwrap_or(1).max(1)
    }
}

impl<R: ReadAt> FileSystem<R> {
    /// Finds the superblock on `disk`.
    ///
    /// Errors: those of [`Superblock::find`].
    pub fn open(disk: R) -> Result<(Self, Vec<Warning>), Error> {
        let (superblock, warnings) = Superblock::find(&disk)?;
        Ok((Self::with_superblock(superblock, disk), warnings))
    }

    /// A file system whose superblock has been read.
    pub fn with_superblock(superblock: Superblock, disk: R) -> Self {
        FileSystem {
            superblock,
            disk,
            inodes: RefCell::default(),
            announced: RefCell::default(),
            scratch: RefCell::default(),
        }
    }

    /// For what is found out after it has been read.
    pub(super) fn superblock_mut(&mut self) -> &mut Superblock {
        &mut self.superblock
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    pub(super) fn announced(&self) -> &RefCell<Announced> {
        &self.announced
    }

    /// The disk.
    pub fn disk(&self) -> &R {
        &self.disk
    }

    /// Fills `buf`, a whole number of fragments, from `addr` on.
    ///
    /// Errors: [`Error::Address`] when that goes past the file system; [`Error::Read`].
    pub fn read(&self, addr: FragAddr, buf: &mut [u8]) -> Result<(), Error> {
        let frags = buf.len().div_ceil(index(self.superblock.fsize).max(1));
        let addr = self.superblock.check_blocks(addr.0, u32::try_from(frags).unwrap_or(u32::MAX))?;
        Ok(self.disk.read_at(self.superblock.offset_of(addr), buf)?)
    }

    /// Reads the header of cylinder group `cg`. A bad magic number is no error here.
    ///
    /// Errors: [`Error::NoGroup`]; [`Error::Address`] when the group is outside the file system;
    /// [`Error::Read`].
    pub fn cylinder_group(&self, cg: u32) -> Result<CylinderGroup, Error> {
        let sb = &self.superblock;
        let addr = sb.group_addr(cg)?;
        let mut bytes = vec![0; index(sb.frags_of(sb.cgsize).saturating_mul(sb.fsize))];
        self.read(addr, &mut bytes)?;
        bytes.truncate(index(sb.cgsize));
        CylinderGroup::parse(sb, cg, bytes)
    }

    /// Reads one inode. The block it is in is kept, so that its neighbours cost no read; and as long as inodes are asked
    /// for in rising order, more and more of the blocks behind it.
    ///
    /// Errors: [`Error::NoInode`]; [`Error::Address`] when it is outside the file system;
    /// [`Error::Read`].
    pub fn inode(&self, ino: Ino) -> Result<Dinode, Error> {
        let mut kept = self.inodes.borrow_mut();
        let at = match kept.position(ino) {
            Some(at) => at,
            None => self.read_inodes(ino, &mut kept)?,
        };
        let sb = &self.superblock;
        let start = index(at).saturating_mul(index(sb.inode_size()));
        let raw = kept.bytes.get(start..).and_then(|bytes| RawDinode::new(sb, ino, bytes));
        raw.map(|raw| raw.to_dinode()).ok_or(Error::NoInode { ino, inodes: sb.max_inodes() })
    }

    /// An inode as it is on the disk now: [`FileSystem::inode`] gives what was read some time ago.
    ///
    /// Errors: as [`FileSystem::inode`].
    pub fn inode_now(&self, ino: Ino) -> Result<Dinode, Error> {
        let sb = &self.superblock;
        let (addr, _) = sb.inode_block(ino)?;
        self.disk.out_of_date(sb.offset_of(addr), index(sb.bsize));
        let mut window = Window::default();
        let at = self.read_inodes(ino, &mut window)?;
        let start = index(at).saturating_mul(index(sb.inode_size()));
        let raw = window.bytes.get(start..).and_then(|bytes| RawDinode::new(sb, ino, bytes));
        raw.map(|raw| raw.to_dinode()).ok_or(Error::NoInode { ino, inodes: sb.max_inodes() })
    }

    /// Reads the block that holds `ino` into `kept`, and blocks behind it if they are likely to be wanted. Gives the inode's place.
    fn read_inodes(&self, ino: Ino, kept: &mut Window) -> Result<u32, Error> {
        let sb = &self.superblock;
        let (addr, within) = sb.inode_block(ino)?;
        let (_, which) = sb.group_of(ino)?;
        kept.ahead =
            if kept.leads_to(ino) { kept.ahead.saturating_mul(2).clamp(1, sb.most_ahead()) } else { 1 };
        kept.count = 0;
        let each = sb.inodes_per_block().max(1);
        let first = which.saturating_sub(within);
        let there = sb.ipg.saturating_sub(first).checked_div(each).unwrap_or(0);
        let mut blocks = kept.ahead.min(there).max(1);
        kept.bytes.set_length(index(sb.bsize.saturating_mul(blocks)));
        if blocks > 1 && !self.try_read(addr, &mut kept.bytes) {
            blocks = 1;
        }
        if blocks == 1 {
            kept.bytes.set_length(index(sb.bsize));
            self.read(addr, &mut kept.bytes)?;
        }
        kept.first = ino.0.saturating_sub(within);
        kept.count = each.saturating_mul(blocks);
        if blocks > 1 {
            self.announce_next(addr, blocks, there, kept);
        }
        Ok(within)
    }

    /// Announces what will be read next, if inodes are read in ascending order: the indirect blocks of those in `kept`, and
    /// the blocks of inodes behind it, of which the group has `there` from `addr` on.
    fn announce_next(&self, addr: FragAddr, blocks: u32, there: u32, kept: &Window) {
        let sb = &self.superblock;
        let size = index(sb.inode_size()).max(1);
        let inodes =
            kept.bytes.chunks_exact(size).filter_map(|bytes| RawDinode::new(sb, Ino(kept.first), bytes));
        let indirect =
            inodes.filter(|inode| inode.file_type() == FileType::Regular).map(|i| i.first_indirect());
        for addr in indirect.filter(|&addr| addr != 0).take(MOST_ANNOUNCED) {
            self.announce(FragAddr(addr), sb.frag);
        }
        let next = addr.0.saturating_add(u64::from(blocks.saturating_mul(sb.frag)));
        let more = there.saturating_sub(blocks).min(blocks.saturating_mul(2)).min(sb.most_ahead());
        self.announce(FragAddr(next), sb.frag.saturating_mul(more));
    }

    /// Reads `count` inodes of group `cg`, from its inode number `first` on (0 is the group's first),
    /// into `buf` in one read: some 256 KiB at a time are good, and a multiple of `inodes_per_block`.
    ///
    /// Errors: [`Error::NoGroup`]; [`Error::Group`] when the group has fewer inodes;
    /// [`Error::Address`] when they are outside the file system; [`Error::Read`].
    pub fn inode_table<'b>(
        &self,
        cg: u32,
        first: u32,
        count: u32,
        buf: &'b mut Buffer,
    ) -> Result<InodeTable<'b>, Error> {
        let sb = &self.superblock;
        let start = sb.group_start(cg)?.0.saturating_add(sb.iblkno.into());
        if first.checked_add(count).is_none_or(|end| end > sb.ipg) {
            let (field, value) = ("fs_ipg", u64::from(first).saturating_add(count.into()));
            return Err(Error::Group { cg, field, value, wanted: format!("at most {}", sb.ipg) });
        }
        // Whole fragments around the inodes, so that the read is made of whole sectors.
        let each = u64::from(sb.inode_size());
        let fsize = u64::from(sb.fsize).max(1);
        let skipped = each.saturating_mul(first.into());
        let wanted = each.saturating_mul(count.into());
        let before = skipped.checked_rem(fsize).unwrap_or(0);
        let addr = FragAddr(skipped.saturating_sub(before).checked_div(fsize).unwrap_or(0));
        let length = before.saturating_add(wanted).next_multiple_of(fsize);
        buf.set_length(usize::try_from(length).unwrap_or(usize::MAX));
        self.read_blocks(FragAddr(start.saturating_add(addr.0)), buf)?;
        let from = usize::try_from(before).unwrap_or(0);
        let to = from.saturating_add(usize::try_from(wanted).unwrap_or(0));
        Ok(InodeTable {
            bytes: buf.get(from..to).unwrap_or(&[]),
            first: Ino(sb.ipg.saturating_mul(cg).saturating_add(first)),
            version: sb.version,
            order: sb.order,
            old_inodes: sb.old_inodes,
        })
    }

    /// Fills `buf` from `addr` on, in one read if possible, otherwise one block at a time, as dump does; each failure is reported.
    fn read_blocks(&self, addr: FragAddr, buf: &mut [u8]) -> Result<(), Error> {
        let sb = &self.superblock;
        let frags = buf.len().div_ceil(index(sb.fsize).max(1));
        let addr = sb.check_blocks(addr.0, u32::try_from(frags).unwrap_or(u32::MAX))?;
        let offset = sb.offset_of(addr);
        if self.disk.try_read_at(offset, buf) {
            return Ok(());
        }
        let mut at = offset.0;
        for block in buf.chunks_mut(index(sb.bsize).max(1)) {
            self.disk.read_at(ByteOffset(at), block)?;
            at = at.saturating_add(sb.bsize.into());
        }
        Ok(())
    }

    /// Reads the indirect block at `addr`: its [`Superblock::nindir`] addresses, which are not checked;
    /// 0 is a hole.
    ///
    /// Errors: [`Error::Address`] when it is outside the file system; [`Error::Read`].
    pub fn indirect(&self, addr: FragAddr) -> Result<Rc<[u64]>, Error> {
        let sb = &self.superblock;
        let mut bytes = self.scratch.borrow_mut();
        bytes.set_length(index(sb.bsize));
        self.read(addr, &mut bytes)?;
        Ok(match sb.version {
            Version::Ufs1 => bytes.as_chunks::<4>().0.iter().map(|raw| sb.order.u32(*raw).into()).collect(),
            Version::Ufs2 => bytes.as_chunks::<8>().0.iter().map(|raw| sb.order.u64(*raw)).collect(),
        })
    }

    /// The byte of the disk at which `addr` begins.
    pub fn offset_of(&self, addr: FragAddr) -> ByteOffset {
        self.superblock.offset_of(addr)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, Sample, segments};
    use super::super::{ByteOrder, dir_entries};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn inode_tables_give_what_single_inodes_do() {
        for (version, order) in ALL {
            let mut sample = Sample::new(version, order);
            for ino in 2..20 {
                sample.file(ino, u64::from(ino) * 1000, &[100 + u64::from(ino)], [0; 3]);
            }
            let fs = sample.open();
            let mut buf = Buffer::default();
            for (first, count) in [(0, 32), (3, 1), (5, 9), (17, 0), (0, 7), (31, 1)] {
                let table = fs.inode_table(0, first, count, &mut buf).unwrap();
                let found: Vec<Dinode> = table.list().iter().map(RawDinode::to_dinode).collect();
                let expected: Vec<Dinode> =
                    (first..first + count).map(|ino| fs.inode(Ino(ino)).unwrap()).collect();
                assert_eq!(found, expected);
            }
            let ipg = fs.superblock().ipg;
            let table = fs.inode_table(1, ipg - 1, 1, &mut buf).unwrap();
            assert_eq!(table.list().iter().map(|raw| raw.ino).collect::<Vec<_>>(), [Ino(2 * ipg - 1)]);
            for (first, count) in [(0, ipg + 1), (ipg, 1), (u32::MAX, 2), (1, u32::MAX)] {
                let error = fs.inode_table(0, first, count, &mut buf).err();
                assert!(matches!(error, Some(Error::Group { field: "fs_ipg", .. })), "{error:?}");
            }
            assert!(matches!(fs.inode_table(2, 0, 1, &mut buf), Err(Error::NoGroup { .. })));
        }
    }

    #[test]
    fn a_failed_read_is_not_kept() {
        let sample = Sample::new(Version::Ufs2, ByteOrder::Big);
        let short = &sample.bytes[..(256 + 84) * 1024];
        let (fs, _) = FileSystem::open(short).unwrap();
        let zeros = fs.inode(Ino(3)).unwrap();
        for _ in 0..2 {
            assert!(matches!(fs.inode(Ino(32)), Err(Error::Read(_))));
        }
        assert_eq!(fs.inode(Ino(3)), Ok(zeros));
        assert!(matches!(fs.indirect(FragAddr(400)), Err(Error::Read(_))));
        assert!(matches!(fs.indirect(FragAddr(497)), Err(Error::Address { addr: 497, .. })));
    }

    /// Reads everything there is, without minding errors.
    fn read_all(bytes: &[u8]) {
        let Ok((fs, _)) = FileSystem::open(bytes) else {
            return;
        };
        let (sb, mut buf) = (fs.superblock(), Buffer::default());
        for cg in 0..sb.ncg.min(4) {
            let _ = fs.cylinder_group(cg).map(|group| group.used());
            let Ok(table) = fs.inode_table(cg, 0, sb.ipg.min(64), &mut buf) else {
                continue;
            };
            for inode in table.list().iter().map(RawDinode::to_dinode) {
                let _ = inode.attributes(sb);
                let _ = inode.link_text(sb);
                if inode.size(sb).is_ok() && fs.inode(inode.ino).is_ok() {
                    segments(&fs, inode.ino.0, 200);
                }
            }
        }
        for entry in dir_entries(&bytes[100 * 1024..], sb.order, sb.old_directories).flatten() {
            let _ = fs.inode(entry.ino);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 400 }))]
        #[test]
        fn no_value_on_the_disk_makes_it_panic(
            which in 0..4usize,
            changes in prop::collection::vec((0..5usize, 0..1400usize, any::<u64>(), 1..=8usize), 1..6),
        ) {
            let (version, order) = ALL[which];
            let mut sample = Sample::new(version, order);
            sample.file(3, 9_000_000, &[100, 104], [108, 112, 116]);
            for (n, block) in [108, 112, 116].into_iter().enumerate() {
                sample.entry(block, n, 112 + 4 * n as u64);
            }
            let starts =
                [sample.location, 80 * 1024, 84 * 1024, sample.inode_at(3), 108 * 1024];
            for (place, at, value, width) in changes {
                let at = if place == 3 { at % 256 } else { at };
                sample.put(starts[place] + at, width, value);
            }
            read_all(&sample.bytes);
        }
    }
}
