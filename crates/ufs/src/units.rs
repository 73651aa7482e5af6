// SPDX-License-Identifier: BSD-2-Clause
//! Newtypes for numbers that must not be confused: inode numbers, fragments, blocks of a file, bytes.

use std::fmt;

/// Bytes of the disk block that messages count in (`DEV_BSIZE`, sys/param.h).
pub const DEV_BSIZE: u64 = 512;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// An inode number. The root is [`Ino::ROOT`]; 0 means "no inode".
    Ino(u32)
);
number!(
    /// A fragment address: counts fragments (`fs_fsize` bytes) from the start of the file system.
    FragAddr(u64)
);
number!(
    /// A logical file system block of a file (`lbn`): counts `fs_bsize` bytes from the start of the file.
    FileBlock(u64)
);
number!(
    /// A position on the disk or image, in bytes.
    ByteOffset(u64)
);

impl Ino {
    /// The root directory (`UFS_ROOTINO`, ufs/ufs/dinode.h).
    pub const ROOT: Ino = Ino(2);
    /// What whiteouts name (`UFS_WINO`, ufs/ufs/dinode.h).
    pub const WHITEOUT: Ino = Ino(1);
}
