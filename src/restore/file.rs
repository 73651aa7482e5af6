// SPDX-License-Identifier: BSD-2-Clause
//! A file that is being read: its data goes to the writer as it comes, the text of a link and attributes are kept.

use crate::restore::ext::Records;
use crate::restore::link::Link;
use dumpstream::reading::File;
use dumpstream::{Block, Header, InodeFields, TP_BSIZE};
use ufs::{FileType, Ino};

/// Bytes of a symbolic link's text that are kept.
const MOST_TEXT: usize = 64 << 10;

/// Bytes of extended attributes that are kept.
const MOST_ATTRIBUTES: usize = 128 << 10;

/// The file.
pub struct Current {
    /// Its inode.
    pub ino: Ino,
    /// The name that it is extracted by.
    pub offset: u32,
    /// What its inode is.
    pub inode: InodeFields,
    /// Which tape block of it comes next.
    pub extent: File,
    /// The text of a symbolic link.
    pub text: Vec<u8>,
    /// Bytes of it that have gone to standard output.
    pub written: u64,
    /// Its extended attributes, as they are on the dump.
    pub attributes: Vec<u8>,
    /// Those of Linux's dump.
    pub linux: Records,
    /// It has been reported that it lacks data.
    pub is_told: bool,
}

impl Current {
    /// The file that a `TS_INODE` begins.
    pub fn new(header: &Header, offset: u32) -> Current {
        Current {
            ino: header.inumber,
            offset,
            inode: header.inode.clone(),
            extent: File::new(header),
            text: Vec::new(),
            written: 0,
            attributes: Vec::new(),
            linux: Records::default(),
            is_told: false,
        }
    }

    /// A tape block of it.
    pub fn block(&mut self, is_data: bool, block: &Block, link: Option<&mut Link>) {
        let position = self.extent.position();
        self.extent.advance();
        if !is_data {
            if self.attributes.len() < MOST_ATTRIBUTES {
                self.attributes.extend_from_slice(block);
            }
            return;
        }
        let Some(offset) = position.checked_mul(TP_BSIZE as u64) else { return };
        let length = self.inode.size.saturating_sub(offset).min(TP_BSIZE as u64) as usize;
        match FileType::of(self.inode.mode) {
            FileType::Regular => {
                if let Some(link) = link.filter(|_| length > 0) {
                    link.data(offset, &block[..length]);
                }
            }
            FileType::Link if self.text.len() < MOST_TEXT => self.text.extend_from_slice(&block[..length]),
            _ => {}
        }
    }
}
