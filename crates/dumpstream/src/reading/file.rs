// SPDX-License-Identifier: BSD-2-Clause
//! The file being read, and the tape blocks that it still announces.

use super::Fault;
use super::dir::Scan;
use crate::TP_BSIZE;
use crate::{Decoded, Dialect, Header, InodeFields, Run};
use ufs::Ino;
use ufs::{ByteOrder, FileType};

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
    /// Of this header: what it announces, holes included; how much of it has passed; and the runs that have not begun, last first.
    count: u64,
    passed: u64,
    runs: Vec<Run>,
    /// Tape blocks of data that are to come of the run that has begun.
    left: u32,
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
            passed: 0,
            runs: Vec::new(),
            left: 0,
        };
        file.announce(header);
        file
    }

    /// A further header of the file.
    pub fn announce(&mut self, header: &Header) {
        self.before += self.count;
        (self.passed, self.left) = (0, 0);
        self.runs.clear();
        self.runs.extend(header.runs());
        self.count = self.runs.iter().map(|run| u64::from(run.blocks)).sum();
        self.runs.reverse();
        self.next_run();
    }

    /// Whether a tape block of data is to come before the next header.
    pub fn wants_data(&self) -> bool {
        self.left > 0
    }

    /// Tape blocks of data that are to come before the next header.
    pub fn pending(&self) -> u64 {
        let further = self.runs.iter().filter(|run| run.is_data).map(|run| u64::from(run.blocks));
        further.sum::<u64>() + u64::from(self.left)
    }

    /// The number in the file of the tape block that comes; attributes are counted after the data.
    pub fn position(&self) -> u64 {
        self.before + self.passed
    }

    /// Whether the tape block that comes is one of data, not of extended attributes.
    pub fn is_data(&self) -> bool {
        self.inode.extsize == 0 || self.position() < self.data_blocks()
    }

    /// The tape block has come.
    pub fn advance(&mut self) {
        self.passed += 1;
        self.left = self.left.saturating_sub(1);
        self.next_run();
    }

    /// The next tape blocks of data are skipped, as many as are to come before the next header at most.
    pub fn skip(&mut self, mut blocks: u64) {
        while blocks > 0 && self.left > 0 {
            let count = u64::from(self.left).min(blocks);
            blocks -= count;
            self.passed += count;
            self.left -= count as u32;
            self.next_run();
        }
    }

    /// Goes on to the next run of data when the last one has come.
    fn next_run(&mut self) {
        while self.left == 0
            && let Some(run) = self.runs.pop()
        {
            if run.is_data {
                self.left = run.blocks;
            } else {
                self.passed += u64::from(run.blocks);
                self.scan.iter_mut().for_each(|scan| scan.hole(run.blocks));
            }
        }
    }

    /// Tape blocks announced up to here, holes included.
    fn announced(&self) -> u64 {
        self.before + self.count
    }

    /// Tape blocks of data that the size asks for.
    fn data_blocks(&self) -> u64 {
        match FileType::of(self.inode.mode) {
            FileType::Dir | FileType::Regular | FileType::Link => self.inode.size.div_ceil(TP_BSIZE as u64),
            _ => 0,
        }
    }

    /// Whether all tape blocks of data that the size asks for have come.
    pub fn is_complete(&self) -> bool {
        !self.wants_data() && self.announced() >= self.data_blocks()
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
