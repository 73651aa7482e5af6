// SPDX-License-Identifier: BSD-2-Clause
//! The role of a location on the disk: header of a cylinder group, inodes, or data.

use super::superblock::Superblock;
use crate::{ByteOffset, FragAddr, Ino};

/// What bytes of a file system are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The header of this cylinder group (`struct cg`).
    Group(u32),
    /// These inodes, from the first to the last.
    Inodes(Ino, Ino),
    /// Data of files, indirect blocks, directories; or nothing's.
    Data,
}

impl Superblock {
    /// The contents of the `bytes` bytes at `offset`, at most a fragment.
    pub fn part_at(&self, offset: ByteOffset, bytes: u32) -> Part {
        let fsize = u64::from(self.fsize).max(1);
        let frag = offset.0.checked_div(fsize).unwrap_or(0);
        let Ok(cg) = u32::try_from(frag.checked_div(self.fpg.into()).unwrap_or(0)) else { return Part::Data };
        let Ok(start) = self.group_start(cg) else { return Part::Data };
        let header = start.0.saturating_add(self.cblkno.into());
        if (header..header.saturating_add(self.frags_of(self.cgsize).into())).contains(&frag) {
            return Part::Group(cg);
        }
        let table = self.offset_of(FragAddr(start.0.saturating_add(self.iblkno.into())));
        let each = u64::from(self.inode_size()).max(1);
        let Some(within) = offset.0.checked_sub(table.0) else { return Part::Data };
        let nth = |byte: u64| {
            let which = u32::try_from(byte.checked_div(each)?).ok()?;
            let ino = self.ipg.checked_mul(cg)?.checked_add(which)?;
            (which < self.ipg).then_some(Ino(ino))
        };
        let last = within.saturating_add(u64::from(bytes).saturating_sub(1));
        match (nth(within), nth(last)) {
            (Some(first), Some(last)) => Part::Inodes(first, last),
            _ => Part::Data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ALL, IBLKNO, Sample};
    use super::*;

    #[test]
    fn places_are_told_apart() {
        for (version, order) in ALL {
            let sample = Sample::new(version, order);
            let fs = sample.open();
            let sb = fs.superblock();
            let at = |cg: u32, frag: u64, byte: u64| {
                let start = sb.offset_of(sb.group_start(cg).unwrap()).0;
                sb.part_at(ByteOffset(start + frag * 1024 + byte), 512)
            };
            assert_eq!(at(0, 80, 0), Part::Group(0));
            assert_eq!(at(1, 80, 512), Part::Group(1));
            let in_sector = 512 / sb.inode_size();
            assert_eq!(at(0, IBLKNO, 0), Part::Inodes(Ino(0), Ino(in_sector - 1)));
            let first = sb.ipg + in_sector;
            assert_eq!(at(1, IBLKNO, 512), Part::Inodes(Ino(first), Ino(first + in_sector - 1)));
            assert_eq!(at(0, 100, 0), Part::Data);
            assert_eq!(at(1, 0, 0), Part::Data);
            assert_eq!(sb.part_at(ByteOffset(u64::MAX - 600), 512), Part::Data);
        }
    }
}
