// SPDX-License-Identifier: BSD-2-Clause
//! The dump stream: headers, maps, checksums; encode and decode, without I/O.
//!
//! Constants and layout are those of FreeBSD's protocols/dumprestore.h. Everything is a whole number of
//! tape blocks of [`TP_BSIZE`](crate::units::TP_BSIZE) bytes.

pub mod checksum;
pub mod decode;
pub mod header;
pub mod layout;
pub mod map;
pub mod other;
pub mod runs;

pub use decode::{DecodeError, Decoded, Dialect};
pub use header::{DAMAGED, Encoder, Header, Identity, InodeFields, Place, RecordType};
pub use map::InodeMap;
pub use runs::Run;

/// One tape block.
pub type Block = [u8; crate::units::TP_BSIZE];

/// Magic number of a header (`FS_UFS2_MAGIC`): UFS1 dumps carry it too.
pub const MAGIC: u32 = 0x1954_0119;

/// Magic number of a header with 32-bit dates and tape block numbers (`NFS_MAGIC`): dumps of UFS1 by other systems and earlier
/// releases, and Linux's dump. Only read, never written.
pub const NFS_MAGIC: u32 = 60_012;

/// What all 32-bit words of a header add up to (`CHECKSUM`, protocols/dumprestore.h).
pub const CHECKSUM: u32 = 84_446;

/// Bytes of `c_label` (`LBLSIZE`).
pub const LABEL_BYTES: usize = 16;

/// Bytes of `c_filesys`, `c_dev` and `c_host` (`NAMELEN`).
pub const NAME_BYTES: usize = 64;
