// SPDX-License-Identifier: BSD-2-Clause
//! How a file differs from the dump (`-C`), in the words of the restore of Linux's dump, and the frames that carry it. Pure.

use std::fmt;

use crate::operator::Shown;
use crate::os::socket::MAX_FRAME;
use crate::restore::wire::Tag;

/// Bytes of a text in a frame; more are cut.
const MOST_TEXT: usize = 1024;

/// One difference. Numbers come in pairs: on the dump, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The name cannot be looked at (errno).
    Stat(i32),
    /// The file cannot be opened (errno).
    Open(i32),
    /// The file cannot be read (errno).
    Read(i32),
    /// It is of another type: the modes.
    Type(u16, u16),
    /// Permissions.
    Mode(u16, u16),
    /// Owner.
    Uid(u32, u32),
    /// Group.
    Gid(u32, u32),
    /// Flags of chflags(2).
    Flags(u32, u32),
    /// Bytes.
    Size(u64, u64),
    /// What is in it.
    Content,
    /// The number of a device.
    Device(u64, u64),
    /// The text of a symbolic link.
    Link(Vec<u8>, Vec<u8>),
    /// An extended attribute is missing or has another value: its name.
    Attribute(Vec<u8>),
    /// A further name is of another file.
    HardLink,
    /// An extended attribute that the system cannot hold.
    NoAttribute,
    /// Flags where the system has none.
    NoFlags,
}

impl Difference {
    /// Number, two values, two texts.
    fn parts(&self) -> (u8, u64, u64, &[u8], &[u8]) {
        let number = |errno: i32| u64::from(errno.cast_unsigned());
        match self {
            Difference::Stat(errno) => (1, number(*errno), 0, b"", b""),
            Difference::Open(errno) => (2, number(*errno), 0, b"", b""),
            Difference::Read(errno) => (3, number(*errno), 0, b"", b""),
            Difference::Type(old, new) => (4, (*old).into(), (*new).into(), b"", b""),
            Difference::Mode(old, new) => (5, (*old).into(), (*new).into(), b"", b""),
            Difference::Uid(old, new) => (6, (*old).into(), (*new).into(), b"", b""),
            Difference::Gid(old, new) => (7, (*old).into(), (*new).into(), b"", b""),
            Difference::Flags(old, new) => (8, (*old).into(), (*new).into(), b"", b""),
            Difference::Size(old, new) => (9, *old, *new, b"", b""),
            Difference::Content => (10, 0, 0, b"", b""),
            Difference::Device(old, new) => (11, *old, *new, b"", b""),
            Difference::Link(old, new) => (12, 0, 0, old, new),
            Difference::Attribute(name) => (13, 0, 0, name, b""),
            Difference::HardLink => (14, 0, 0, b"", b""),
            Difference::NoAttribute => (15, 0, 0, b"", b""),
            Difference::NoFlags => (16, 0, 0, b"", b""),
        }
    }

    fn from_parts(kind: u8, old: u64, new: u64, from: &[u8], to: &[u8]) -> Option<Difference> {
        let errno = u32::try_from(old).ok().map(u32::cast_signed);
        let modes = || Some((u16::try_from(old).ok()?, u16::try_from(new).ok()?));
        let numbers = || Some((u32::try_from(old).ok()?, u32::try_from(new).ok()?));
        Some(match kind {
            1 => Difference::Stat(errno?),
            2 => Difference::Open(errno?),
            3 => Difference::Read(errno?),
            4 => modes().map(|(old, new)| Difference::Type(old, new))?,
            5 => modes().map(|(old, new)| Difference::Mode(old, new))?,
            6 => numbers().map(|(old, new)| Difference::Uid(old, new))?,
            7 => numbers().map(|(old, new)| Difference::Gid(old, new))?,
            8 => numbers().map(|(old, new)| Difference::Flags(old, new))?,
            9 => Difference::Size(old, new),
            10 => Difference::Content,
            11 => Difference::Device(old, new),
            12 => Difference::Link(from.to_vec(), to.to_vec()),
            13 => Difference::Attribute(from.to_vec()),
            14 => Difference::HardLink,
            15 => Difference::NoAttribute,
            16 => Difference::NoFlags,
            _ => return None,
        })
    }

    fn encode(&self, tag: Tag) -> Vec<u8> {
        let (kind, old, new, from, to) = self.parts();
        let (from, to) = (&from[..from.len().min(MOST_TEXT)], &to[..to.len().min(MOST_TEXT)]);
        let mut out = tag.to_le_bytes().to_vec();
        out.push(kind);
        out.extend(old.to_le_bytes());
        out.extend(new.to_le_bytes());
        for text in [from, to] {
            out.extend((text.len() as u16).to_le_bytes());
            out.extend_from_slice(text);
        }
        out
    }
}

/// Major and minor number of a device of 32 bits (sys/types.h).
fn device(number: u64) -> (u64, u64) {
    (number >> 8 & 0xff, number & 0xffff_00ff)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Stat(_) | Difference::Open(_) | Difference::Read(_) => Ok(()),
            Difference::Type(old, _) => match old & 0o170_000 {
                0o120_000 => f.write_str("is no longer a symbolic link"),
                0o020_000 | 0o060_000 => f.write_str("no longer a special file"),
                0o010_000 => f.write_str("no longer a fifo"),
                0o040_000 => f.write_str("no longer a directory"),
                _ => f.write_str("no longer a regular file"),
            },
            Difference::Mode(old, new) => write!(f, "mode changed from 0{old:o} to 0{new:o}."),
            Difference::Uid(old, new) => write!(f, "uid changed from {old} to {new}."),
            Difference::Gid(old, new) => write!(f, "gid changed from {old} to {new}."),
            Difference::Flags(old, new) => write!(f, "flags changed from 0x{old:08x} to 0x{new:08x}."),
            Difference::Size(..) => f.write_str("size has changed."),
            Difference::Content => f.write_str("tape and disk copies are different"),
            Difference::Device(old, new) => {
                let (old, new) = (device(*old), device(*new));
                write!(f, "device changed from {},{} to {},{}.", old.0, old.1, new.0, new.1)
            }
            Difference::Link(old, new) => {
                write!(f, "symbolic link changed from {} to {}.", Shown(old), Shown(new))
            }
            Difference::Attribute(name) => write!(f, "EA {} value changed", Shown(name)),
            Difference::HardLink => f.write_str("is no longer a hard link"),
            Difference::NoAttribute | Difference::NoFlags => f.write_str("not compared"),
        }
    }
}

/// Frames that say how files differ, each with whether more follow.
pub fn frames(differences: &[(Tag, Difference)]) -> Vec<Vec<u8>> {
    let mut frames = vec![vec![0]];
    for (tag, difference) in differences {
        let entry = difference.encode(*tag);
        let count = frames.len();
        let last = &mut frames[count - 1];
        if last.len() + entry.len() > MAX_FRAME {
            last[0] = 1;
            frames.push([&[0][..], &entry].concat());
        } else {
            last.extend(entry);
        }
    }
    frames
}

/// Whether more follows, and the differences in a frame; none if it is none.
pub fn decode(frame: &[u8]) -> Option<(bool, Vec<(Tag, Difference)>)> {
    let (more, mut rest) = frame.split_first()?;
    let mut take = |length: usize| {
        let (part, after) = rest.split_at_checked(length)?;
        rest = after;
        Some((part, after.is_empty()))
    };
    let mut all = Vec::new();
    while let Some((tag, _)) = take(4) {
        let kind = take(1)?.0[0];
        let (old, new) = (take(8)?.0, take(8)?.0);
        let mut text = || {
            let length = u16::from_le_bytes(*take(2)?.0.first_chunk()?);
            Some(take(usize::from(length))?.0)
        };
        let (from, to) = (text()?, text()?);
        let (old, new) = (u64::from_le_bytes(*old.first_chunk()?), u64::from_le_bytes(*new.first_chunk()?));
        all.push((
            u32::from_le_bytes(*tag.first_chunk()?),
            Difference::from_parts(kind, old, new, from, to)?,
        ));
    }
    rest.is_empty().then_some((*more != 0, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every() -> Vec<Difference> {
        vec![
            Difference::Stat(2),
            Difference::Open(13),
            Difference::Read(5),
            Difference::Type(0o120_777, 0o100_644),
            Difference::Mode(0o644, 0o4755),
            Difference::Uid(0, u32::MAX),
            Difference::Gid(1, 2),
            Difference::Flags(1, 0),
            Difference::Size(1 << 40, 0),
            Difference::Content,
            Difference::Device(0x0103, 0x0104),
            Difference::Link(b"old".to_vec(), vec![b'n'; 1000]),
            Difference::Attribute(b"comment".to_vec()),
            Difference::HardLink,
            Difference::NoAttribute,
            Difference::NoFlags,
        ]
    }

    #[test]
    fn differences_come_back() {
        let all: Vec<(Tag, Difference)> = (7..).zip(every().into_iter().cycle().take(100)).collect();
        let frames = frames(&all);
        assert!(frames.len() > 1 && frames.iter().all(|frame| frame.len() <= MAX_FRAME));
        let mut found = Vec::new();
        for (at, frame) in frames.iter().enumerate() {
            let (more, part) = decode(frame).unwrap();
            assert_eq!(more, at + 1 < frames.len());
            found.extend(part);
        }
        assert_eq!(found, all);
        assert_eq!(decode(&super::frames(&[])[0]), Some((false, Vec::new())));
        assert_eq!((decode(&[]), decode(&[0, 1])), (None, None));
    }

    #[test]
    fn as_linux_restore_says_it() {
        for (difference, text) in [
            (Difference::Mode(0o755, 0o700), "mode changed from 0755 to 0700."),
            (Difference::Flags(0, 0x80000), "flags changed from 0x00000000 to 0x00080000."),
            (Difference::Device(0x0102, 0x0203), "device changed from 1,2 to 2,3."),
            (Difference::Link(b"a".to_vec(), b"\x1bb".to_vec()), "symbolic link changed from a to \\033b."),
        ] {
            assert_eq!(difference.to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            _ = decode(&bytes);
        }
    }
}
