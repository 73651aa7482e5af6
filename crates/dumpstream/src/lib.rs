// SPDX-License-Identifier: BSD-2-Clause
//! The dump stream: headers, maps, checksums; encode and decode, without I/O.
//!
//! Constants and layout are those of FreeBSD's protocols/dumprestore.h. Everything is a whole number of
//! tape blocks of [`TP_BSIZE`] bytes. [`reading`] takes a whole dump apart, [`index`] is the text that says where its files begin.
//!
//! ```
//! use dumpstream::{Encoder, Header, Identity, Place, RecordType, TP_BSIZE, TapeBlock, decode};
//! use ufs::Ino;
//!
//! let identity = Identity {
//!     label: b"none".to_vec(),
//!     level: 0,
//!     filesys: b"/usr".to_vec(),
//!     dev: b"/dev/ada0p2".to_vec(),
//!     host: b"host".to_vec(),
//!     date: 1_700_000_000,
//!     ddate: 0,
//! };
//! let place = Place { volume: 1, tapea: TapeBlock(0), firstrec: TapeBlock(0) };
//! let mut block = [0; TP_BSIZE];
//! Encoder::new(&identity).encode(&Header::new(RecordType::Tape, Ino(0)), &place, &mut block);
//! assert_eq!(decode(&block)?.identity.filesys, b"/usr");
//! # Ok::<(), dumpstream::DecodeError>(())
//! ```

#![forbid(unsafe_code)]

pub mod checksum;
mod content;
mod decode;
pub mod escape;
mod header;
pub mod index;
mod layout;
mod map;
pub mod other;
pub mod reading;
mod running;
mod runs;
mod store;
mod units;

pub use content::{Content, Digest};
pub use decode::{DecodeError, Decoded, Dialect, decode};
pub use header::{DAMAGED, Encoder, Header, Identity, InodeFields, Place, RecordType, move_to_volume};
pub use map::InodeMap;
pub use running::{RunningDigest, Subtrees};
pub use runs::Run;
pub use units::{TP_BSIZE, TP_NINDIR, TapeBlock};

/// One tape block.
pub type Block = [u8; TP_BSIZE];

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
