// SPDX-License-Identifier: BSD-2-Clause
//! The file that is being read: which tape blocks it still announces.

use super::Fault;
use super::dir::Scan;
use crate::format::{Decoded, Dialect, Header, InodeFields};
use crate::ufs::{ByteOrder, FileType};
use crate::units::{Ino, TP_BSIZE, TP_NINDIR};

/// Tape blocks that a file may have over what its size asks for: UFS1 dumps whole fragments, of at most 64 KiB.
const SLACK: u64 = 63;

/// A file from its `TS_INODE` on.
#[derive(Clone, Debug)]
pub struct File {
    /// Its inode.
    pub ino: Ino,
    /// What the inode is.
    pub inode: InodeFields,
    /// Whether anything of it was lost.
    pub damaged: bool,
    /// The directory, if it is one.
    pub scan: Option<Scan>,
    /// Attributes of Linux's dump, whose blocks no size announces.
    pub foreign: bool,
    /// Tape blocks announced by the headers before this one, holes included.
    before: u64,
    /// Of this header: entries of `addr` in use, and the next one.
    count: usize,
    slot: usize,
    addr: [u8; TP_NINDIR],
}

impl File {
    /// The file that a `TS_INODE` begins.
    pub fn new(header: &Header) -> File {
        File::begin(header, None)
    }

    /// The directory that a `TS_INODE` begins, with its entries to be read.
    pub fn directory(decoded: &Decoded) -> File {
        let header = &decoded.header;
        let order = if decoded.swapped { ByteOrder::FOREIGN } else { ByteOrder::HOST };
        let old = decoded.dialect == (Dialect::Ufs1 { old_inodes: true });
        File::begin(header, Some(Scan::new(header.inumber, header.inode.size, order, old)))
    }

    fn begin(header: &Header, scan: Option<Scan>) -> File {
        let mut file = File {
            ino: header.inumber,
            inode: header.inode.clone(),
            damaged: false,
            scan,
            foreign: false,
            before: 0,
            count: 0,
            slot: 0,
            addr: [0; TP_NINDIR],
        };
        file.announce(header);
        file
    }

    /// A further header of the file.
    pub fn announce(&mut self, header: &Header) {
        self.before += self.count as u64;
        self.count = (header.count as usize).min(TP_NINDIR);
        self.slot = 0;
        self.addr = header.addr;
        self.pass_holes();
    }

    /// Whether a tape block of data is to come before the next header.
    pub fn wants_data(&self) -> bool {
        self.slot < self.count
    }

    /// Tape blocks of data that are to come before the next header.
    pub fn pending(&self) -> u64 {
        self.addr[self.slot..self.count].iter().filter(|&&entry| entry != 0).count() as u64
    }

    /// The number in the file of the tape block that comes; attributes are counted after the data.
    pub fn position(&self) -> u64 {
        self.before + self.slot as u64
    }

    /// Whether the tape block that comes is one of data, not of extended attributes.
    pub fn is_data(&self) -> bool {
        self.inode.extsize == 0 || self.position() < self.data_blocks()
    }

    /// The tape block has come.
    pub fn advance(&mut self) {
        self.slot += 1;
        self.pass_holes();
    }

    fn pass_holes(&mut self) {
        while self.slot < self.count && self.addr[self.slot] == 0 {
            self.slot += 1;
            if let Some(scan) = &mut self.scan {
                scan.hole();
            }
        }
    }

    /// Tape blocks announced up to here, holes included.
    fn announced(&self) -> u64 {
        self.before + self.count as u64
    }

    /// Tape blocks of data that the size asks for.
    fn data_blocks(&self) -> u64 {
        match FileType::of(self.inode.mode) {
            FileType::Dir | FileType::Regular | FileType::Link => self.inode.size.div_ceil(TP_BSIZE as u64),
            _ => 0,
        }
    }

    /// What is wrong with the number of tape blocks, at the end of the file.
    pub fn check_extent(&self) -> Option<Fault> {
        let attributes = u64::from(self.inode.extsize).div_ceil(TP_BSIZE as u64);
        let wanted = self.data_blocks().saturating_add(attributes);
        let most = if attributes == 0 && wanted > 0 { wanted.saturating_add(SLACK) } else { wanted };
        let announced = self.announced();
        let fits = self.foreign || (wanted..=most).contains(&announced);
        (!fits).then_some(Fault::Extent { announced, wanted })
    }
}
