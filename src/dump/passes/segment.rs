// SPDX-License-Identifier: BSD-2-Clause
//! The block addresses of a file in the segments in which dump writes them: the direct ones, then each indirect block's.

use std::rc::Rc;

use crate::dump::passes::{Error, Notice, damage};
use dumpstream::TP_BSIZE;
use ufs::{self, Dinode, FileSize, FileSystem, NDADDR, NIADDR, ReadAt, Superblock};
use ufs::{FileBlock, FragAddr};

/// Consecutive file system blocks of a file, under headers of their own.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// The first of them.
    pub first: FileBlock,
    /// Where each block is.
    pub addresses: Addresses,
    /// Tape blocks to be written.
    pub tape_blocks: u64,
    /// Whether the file ends here.
    pub last: bool,
}

/// Fragment address of each block of a segment, 0 for a hole.
#[derive(Clone, Debug)]
pub(super) enum Addresses {
    /// Those in the inode.
    Direct([u64; NDADDR]),
    /// Those of an indirect block.
    Indirect(Rc<[u64]>),
    /// All are holes.
    Holes,
}

impl Segment {
    /// The address of file system block `index` of the segment, 0 for a hole.
    pub fn address(&self, index: u64) -> u64 {
        let addresses = match &self.addresses {
            Addresses::Direct(addresses) => addresses,
            Addresses::Indirect(addresses) => &**addresses,
            Addresses::Holes => return 0,
        };
        usize::try_from(index).ok().and_then(|index| addresses.get(index)).copied().unwrap_or(0)
    }
}

/// Tape blocks of a file's last `bytes` bytes: whole fragments, but on UFS2 only what the last fragment needs.
fn trimmed_blocks(sb: &Superblock, bytes: u64) -> u64 {
    let tp = TP_BSIZE as u64;
    let fsize = u64::from(sb.fsize);
    let fragments = bytes.div_ceil(fsize);
    let blocks = fragments.saturating_mul(fsize).div_ceil(tp);
    let rest = (bytes % fsize).div_ceil(tp);
    if sb.version == ufs::Version::Ufs2 && rest > 0 {
        return blocks.saturating_sub(fsize.div_ceil(tp).saturating_sub(rest));
    }
    blocks
}

/// Walks the segments of a file. Small, and to be cloned.
#[derive(Clone, Debug)]
pub(super) struct Walker {
    /// Bytes of the file.
    size: u64,
    /// Bytes of the file that no segment has covered.
    left: u64,
    /// Blocks with an address that were given out.
    given: u64,
    /// There were more of them than the file system has: what is left of the file counts as holes, since its blocks may go round
    /// in circles.
    lost: bool,
    /// Direct blocks done?
    direct: bool,
    /// The level of indirect blocks under way: 0 single, 1 double, 2 triple.
    level: usize,
    /// Indirect blocks being read, outermost first: addresses (none: a hole), and which comes next.
    stack: Vec<(Option<Rc<[u64]>>, usize)>,
}

impl Walker {
    /// Begins at the start of a file of `size` bytes.
    pub fn new(size: FileSize) -> Walker {
        let size = size.bytes();
        Walker { size, left: size, given: 0, lost: false, direct: false, level: 0, stack: Vec::new() }
    }

    /// The next segment, or none when the file (or what three levels of indirect blocks can hold) is at its end.
    ///
    /// An indirect block whose address is wrong counts as a hole, as does what is left of a file that has more blocks than the file
    /// system; both are reported. Errors: the disk cannot be read.
    pub fn next<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        inode: &Dinode,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Option<Segment>, Error> {
        let sb = fs.superblock();
        if !self.direct {
            self.direct = true;
            return Ok(Some(self.cut(sb, Addresses::Direct(inode.db), NDADDR as u64)));
        }
        if self.left == 0 {
            return Ok(None);
        }
        if !self.lost && self.given > sb.size.0 / u64::from(sb.frag) {
            let block = self.block(sb);
            let count = self.left.div_ceil(sb.bsize.into());
            notify(Notice::Damaged(ufs::Error::TooManyBlocks { ino: inode.ino, block, count }));
            self.lost = true;
        }
        let leaf = match self.lost {
            true => None,
            false => match self.next_leaf(fs, inode, notify)? {
                Some(leaf) => leaf,
                None => return Ok(None),
            },
        };
        if let Some(addresses) = &leaf {
            self.given += addresses.iter().filter(|&&address| address != 0).count() as u64;
        }
        let addresses = leaf.map_or(Addresses::Holes, Addresses::Indirect);
        Ok(Some(self.cut(sb, addresses, u64::from(sb.nindir()))))
    }

    /// The first block of the file that no segment has covered.
    fn block(&self, sb: &Superblock) -> FileBlock {
        FileBlock((self.size - self.left) / u64::from(sb.bsize))
    }

    /// Takes up to `blocks` file system blocks off the file.
    fn cut(&mut self, sb: &Superblock, addresses: Addresses, blocks: u64) -> Segment {
        let room = blocks.saturating_mul(u64::from(sb.bsize));
        let last = self.left <= room;
        let first = self.block(sb);
        let tape_blocks = if last { trimmed_blocks(sb, self.left) } else { room / TP_BSIZE as u64 };
        self.left = self.left.saturating_sub(room);
        Segment { first, addresses, tape_blocks, last }
    }

    /// The addresses in the next indirect block that points to data; the outer `None` is the end.
    fn next_leaf<R: ReadAt>(
        &mut self,
        fs: &FileSystem<R>,
        inode: &Dinode,
        notify: &mut dyn FnMut(Notice),
    ) -> Result<Option<Option<Rc<[u64]>>>, Error> {
        let nindir = fs.superblock().nindir() as usize;
        let first = self.block(fs.superblock());
        loop {
            let Some((addresses, at)) = self.stack.last_mut() else {
                let Some(&root) = inode.ib.get(self.level).filter(|_| self.level < NIADDR) else {
                    return Ok(None);
                };
                self.level += 1;
                let block = read_indirect(fs, inode, root, self.level, first, notify)?;
                if self.level == 1 {
                    return Ok(Some(block));
                }
                self.stack.push((block, 0));
                continue;
            };
            if *at == nindir {
                self.stack.pop();
                continue;
            }
            let address = addresses.as_deref().and_then(|all| all.get(*at)).copied().unwrap_or(0);
            *at += 1;
            let level = self.level.saturating_sub(self.stack.len());
            let block = read_indirect(fs, inode, address, level, first, notify)?;
            // The root of level L is L deep: its blocks' blocks hold data when the stack is L high.
            if self.stack.len() + 1 == self.level {
                return Ok(Some(block));
            }
            self.stack.push((block, 0));
        }
    }
}

/// Reads the indirect block at `address`, of `level` 1 to 3; `first` is the first block of the file that it leads to.
fn read_indirect<R: ReadAt>(
    fs: &FileSystem<R>,
    inode: &Dinode,
    address: u64,
    level: usize,
    first: FileBlock,
    notify: &mut dyn FnMut(Notice),
) -> Result<Option<Rc<[u64]>>, Error> {
    let sb = fs.superblock();
    if address == 0 {
        return Ok(None);
    }
    let Ok(addr) = sb.check_blocks(address, sb.frag) else {
        let count = u64::from(sb.nindir()).saturating_pow(level as u32);
        notify(Notice::Damaged(ufs::Error::BadBlock {
            ino: inode.ino,
            level: level as u8,
            block: first,
            count: count.min(inode.raw_size().div_ceil(sb.bsize.into()).saturating_sub(first.0)),
            addr: address,
            size: sb.size.0,
        }));
        return Ok(None);
    };
    Ok(match damage(fs.indirect(addr))? {
        Ok(block) => Some(block),
        Err(error) => {
            notify(Notice::Damaged(error));
            None
        }
    })
}

/// The data that `blocks` tape blocks at fragment `address` hold, if all of it is inside the file system.
pub(super) fn data_address(sb: &Superblock, address: u64, blocks: u64) -> Option<FragAddr> {
    // A tape block may be longer than a fragment; what is past the last one is not the file's.
    let fragments = (blocks * TP_BSIZE as u64).div_ceil(u64::from(sb.fsize)).max(1);
    let whole = u32::try_from(fragments).ok()?;
    sb.check_blocks(address, whole).or_else(|_| sb.check_blocks(address, whole.saturating_sub(1).max(1))).ok()
}
