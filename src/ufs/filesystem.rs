// SPDX-License-Identifier: BSD-2-Clause
//! A file system on a disk: reads groups, inodes and indirect blocks.

use super::cylinder::CylinderGroup;
use super::dinode::{Dinode, InodeTable, RawDinode};
use super::error::{Error, Warning};
use super::fields::index;
use super::read::ReadAt;
use super::superblock::{Superblock, Version};
use crate::units::{ByteOffset, FragAddr, Ino};
use std::cell::RefCell;
use std::rc::Rc;

/// A UFS file system and the disk it is on.
pub struct FileSystem<R: ReadAt> {
    superblock: Superblock,
    disk: R,
    /// The block of inodes that was read last.
    inodes: RefCell<InodeBlock>,
    /// Room for an indirect block.
    scratch: RefCell<Vec<u8>>,
}

#[derive(Default)]
struct InodeBlock {
    addr: Option<FragAddr>,
    bytes: Vec<u8>,
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
        FileSystem { superblock, disk, inodes: RefCell::default(), scratch: RefCell::default() }
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
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

    /// Reads one inode. The block it is in is kept, so that its neighbours cost no read.
    ///
    /// Errors: [`Error::NoInode`]; [`Error::Address`] when it is outside the file system;
    /// [`Error::Read`].
    pub fn inode(&self, ino: Ino) -> Result<Dinode, Error> {
        let sb = &self.superblock;
        let (addr, which) = sb.inode_block(ino)?;
        let mut kept = self.inodes.borrow_mut();
        if kept.addr != Some(addr) {
            kept.addr = None;
            kept.bytes.resize(index(sb.bsize), 0);
            self.read(addr, &mut kept.bytes)?;
            kept.addr = Some(addr);
        }
        let start = index(which.saturating_mul(sb.inode_size()));
        let raw = kept.bytes.get(start..).and_then(|bytes| RawDinode::new(sb, ino, bytes));
        raw.map(|raw| raw.to_dinode()).ok_or(Error::NoInode { ino, inodes: sb.max_inodes() })
    }

    /// Reads `count` inodes of group `cg`, from its inode number `first` on (0 is the group's first),
    /// into `buf` in one read: about 1 MiB at a time is good, and a multiple of `inodes_per_block`.
    ///
    /// Errors: [`Error::NoGroup`]; [`Error::Group`] when the group has fewer inodes;
    /// [`Error::Address`] when they are outside the file system; [`Error::Read`].
    pub fn inode_table<'b>(
        &self,
        cg: u32,
        first: u32,
        count: u32,
        buf: &'b mut Vec<u8>,
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
        buf.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.read(FragAddr(start.saturating_add(addr.0)), buf)?;
        let from = usize::try_from(before).unwrap_or(0);
        let to = from.saturating_add(usize::try_from(wanted).unwrap_or(0));
        Ok(InodeTable {
            bytes: buf.get(from..to).unwrap_or(&[]),
            first: Ino(sb.ipg.saturating_mul(cg).saturating_add(first)),
            version: sb.version,
            order: sb.order,
            old_inodes: sb.old_inodes,
            inode_size: sb.inode_size(),
        })
    }

    /// Reads the indirect block at `addr`: its [`Superblock::nindir`] addresses, which are not checked;
    /// 0 is a hole.
    ///
    /// Errors: [`Error::Address`] when it is outside the file system; [`Error::Read`].
    pub fn indirect(&self, addr: FragAddr) -> Result<Rc<[u64]>, Error> {
        let sb = &self.superblock;
        let mut bytes = self.scratch.borrow_mut();
        bytes.resize(index(sb.bsize), 0);
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
