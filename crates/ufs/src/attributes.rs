// SPDX-License-Identifier: BSD-2-Clause
//! The extended attributes of a UFS2 inode: how many bytes, and where they are.

use super::NXADDR;
use super::dinode::Dinode;
use super::error::Error;
use super::superblock::Superblock;
use crate::FragAddr;

/// Extended attributes of an inode, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes in them (`di_extsize`), at most two blocks.
    pub bytes: u32,
    /// Where they are (`di_extb`); `None` for no block. The last one in use has fewer fragments than a block, if fewer are needed.
    pub blocks: [Option<FragAddr>; NXADDR],
}

impl Dinode {
    /// The extended attributes.
    ///
    /// Errors: [`Error::Inode`] when there are more attributes than two blocks hold, or an address is
    /// outside the file system.
    pub fn attributes(&self, superblock: &Superblock) -> Result<Attributes, Error> {
        let bad = |field, value, wanted| Error::Inode { ino: self.ino, field, value, wanted };
        let most = superblock.bsize.saturating_mul(2);
        let bytes = self.extsize;
        if bytes > most {
            return Err(bad("di_extsize", bytes.into(), format!("at most {most}")));
        }
        let mut blocks = [None; NXADDR];
        let lengths = [0, superblock.bsize].map(|before| bytes.saturating_sub(before));
        for ((slot, addr), length) in blocks.iter_mut().zip(self.extb).zip(lengths) {
            if addr != 0 && length > 0 {
                let frags = superblock.frags_of(length.min(superblock.bsize));
                *slot =
                    Some(superblock.check_blocks(addr, frags).map_err(|_| {
                        bad("di_extb", addr, format!("within {} fragments", superblock.size))
                    })?);
            }
        }
        Ok(Attributes { bytes, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::super::{ByteOrder, Version};
    use super::*;
    use crate::Ino;

    #[test]
    fn attribute_blocks_are_checked() {
        let mut sample = Sample::new(Version::Ufs2, ByteOrder::Little);
        let put = |sample: &mut Sample, fields: &[(usize, usize, u64)]| {
            let base = sample.inode_at(3);
            fields.iter().for_each(|&(at, width, value)| sample.put(base + at, width, value));
        };
        let found = |sample: &Sample| {
            let fs = sample.open();
            fs.inode(Ino(3)).unwrap().attributes(fs.superblock())
        };
        put(&mut sample, &[(92, 4, 4097), (96, 8, 400), (104, 8, 499)]);
        let blocks = [Some(FragAddr(400)), Some(FragAddr(499))];
        assert_eq!(found(&sample), Ok(Attributes { bytes: 4097, blocks }));
        put(&mut sample, &[(92, 4, 100), (104, 8, 9999)]); // the second is not in use
        assert_eq!(found(&sample), Ok(Attributes { bytes: 100, blocks: [Some(FragAddr(400)), None] }));
        put(&mut sample, &[(92, 4, 5121)]);
        let bad = |field, value, wanted: &str| {
            Err(Error::Inode { ino: Ino(3), field, value, wanted: wanted.to_owned() })
        };
        assert_eq!(found(&sample), bad("di_extb", 9999, "within 500 fragments"));
        put(&mut sample, &[(92, 4, 8193)]);
        assert_eq!(found(&sample), bad("di_extsize", 8193, "at most 8192"));
    }
}
