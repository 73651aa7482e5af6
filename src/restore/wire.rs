// SPDX-License-Identifier: BSD-2-Clause
//! What the reader has the writer do: operations one after another in memory that both have, and the frames that hand it over. Pure.
//!
//! The writer takes each number out of that memory once, and checks it then: the reader may be anything.

use crate::os::tree::{Attribute, Space, Time};

/// A directory of the target: the reader's number for it. 0 is the target itself.
pub type DirectoryId = u32;

/// The target.
pub const TARGET: DirectoryId = 0;

/// Whatever the reader calls the thing by in messages. It comes back with a failure.
pub type Tag = u32;

/// What an inode is beside its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `c_mode`.
    pub mode: u16,
    /// `c_uid`.
    pub uid: u32,
    /// `c_gid`.
    pub gid: u32,
    /// `c_file_flags`.
    pub flags: u32,
    /// `c_atime`.
    pub atime: Time,
    /// `c_mtime`.
    pub mtime: Time,
    /// `c_birthtime`.
    pub birthtime: Time,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub dir: DirectoryId,
    /// The name, not checked yet.
    pub name: Vec<u8>,
}

/// One operation; the bytes of [`Operation::Data`] come behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Calls a directory that is there by a number.
    Directory(DirectoryId, Place),
    /// Makes a directory, and calls it by a number, also if it is there already.
    MakeDirectory(Tag, DirectoryId, Place),
    /// Makes a directory if there is none, which has a number already. Nothing more is done if that fails.
    MakeOnly(Tag, Place),
    /// Begins a file. What follows up to [`Operation::Finish`] is about it.
    File(Tag, Place, InWay),
    /// So many bytes of the file at this place.
    Data(u64, u32),
    /// An extended attribute of the file, or of the directory that is finished next.
    Attribute(Attribute),
    /// Ends the file with this size.
    Finish(u64, About),
    /// Makes a symbolic link to this text.
    Symlink(Tag, Place, Vec<u8>, About, InWay),
    /// Makes a FIFO or a device (`c_rdev`).
    Node(Tag, Place, u32, About, InWay),
    /// Makes a further name of the file that has the first one, unless it has it.
    Link(Tag, Place, Place, InWay),
    /// Gives a directory its attributes.
    FinishDirectory(Tag, DirectoryId, About),
    /// Removes a name that is not a directory, if it is there.
    Remove(Tag, Place),
    /// Removes an empty directory, if it is there.
    RemoveDirectory(Tag, Place),
    /// Renames a file or a directory, unless that has been done; the latter keeps its number if it has one. Nothing more is done if that
    /// fails, unless it is not there: what comes after it can be a way to it.
    Rename(Tag, Place, Place, Option<DirectoryId>),
    /// A directory has another place now, where another writer has put it.
    Moved(DirectoryId, Place),
    /// Waits until all that has been done is on disk.
    Sync(Tag),
    /// Bytes of the state that is kept between levels.
    State(Vec<u8>),
    /// Puts the state in the place of the last one.
    CommitState(Tag),
    /// Makes a whiteout.
    Whiteout(Tag, Place),
    /// Removes a whiteout, if it is there.
    RemoveWhiteout(Tag, Place),
}

/// What is done about something that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InWay {
    /// A regular file is replaced by a file; all else is an error.
    Replace,
    /// It is removed first, unless it is a directory (`-u`).
    Unlink,
}

/// Which step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Making a directory.
    MakeDirectory,
    /// Making a file.
    Create,
    /// Writing a file's data.
    Write,
    /// Owner.
    Owner,
    /// Mode.
    Mode,
    /// Times.
    Times,
    /// Flags.
    Flags,
    /// Extended attributes.
    Attributes,
    /// Making a symbolic link.
    Symlink,
    /// Making a FIFO.
    Fifo,
    /// Making a device.
    Special,
    /// Making a further name.
    Link,
    /// Removing a name.
    Remove,
    /// Removing a directory.
    RemoveDirectory,
    /// Renaming.
    Rename,
    /// Opening a directory to set its attributes.
    FinishDirectory,
    /// Writing the state.
    State,
    /// Making a whiteout.
    Whiteout,
    /// Removing a whiteout.
    RemoveWhiteout,
}

const STEPS: [Step; 19] = [
    Step::MakeDirectory,
    Step::Create,
    Step::Write,
    Step::Owner,
    Step::Mode,
    Step::Times,
    Step::Flags,
    Step::Attributes,
    Step::Symlink,
    Step::Fifo,
    Step::Special,
    Step::Link,
    Step::Remove,
    Step::RemoveDirectory,
    Step::Rename,
    Step::FinishDirectory,
    Step::State,
    Step::Whiteout,
    Step::RemoveWhiteout,
];

const SPACES: [Space; 3] = [Space::User, Space::System, Space::Linux];

/// A step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it was about.
    pub tag: Tag,
    /// Which step.
    pub step: Step,
    /// Why (errno).
    pub errno: i32,
}

/// Bytes of a failure in a frame.
const FAILURE: usize = 9;

/// Failures that one frame holds.
pub const MOST_FAILURES: usize = 400;

/// A frame to the writer: so many bytes of a slot are operations.
pub fn batch(slot: u32, length: u32) -> [u8; 8] {
    let mut frame = [0; 8];
    frame[..4].copy_from_slice(&slot.to_le_bytes());
    frame[4..].copy_from_slice(&length.to_le_bytes());
    frame
}

/// The slot and the length in a frame.
pub fn decode_batch(frame: &[u8]) -> Option<(u32, u32)> {
    let (slot, length) = frame.split_at_checked(4)?;
    Some((u32::from_le_bytes(slot.try_into().ok()?), u32::from_le_bytes(length.try_into().ok()?)))
}

/// A frame to the reader: a slot is free, unless `more` follows, and these failed.
pub fn done(more: bool, failures: &[Failure]) -> Vec<u8> {
    let mut frame = vec![u8::from(more)];
    for failure in failures {
        frame.extend(failure.tag.to_le_bytes());
        frame.push(failure.step as u8);
        frame.extend(failure.errno.to_le_bytes());
    }
    frame
}

/// Whether more follows, and the failures in a frame; none if it is none.
pub fn decode_done(frame: &[u8]) -> Option<(bool, Vec<Failure>)> {
    let (more, rest) = frame.split_first()?;
    let (failures, []) = rest.as_chunks::<FAILURE>() else { return None };
    let decode = |bytes: &[u8; FAILURE]| {
        Some(Failure {
            tag: u32::from_le_bytes(*bytes.first_chunk()?),
            step: *STEPS.get(usize::from(bytes[4]))?,
            errno: i32::from_le_bytes(*bytes.last_chunk()?),
        })
    };
    Some((*more != 0, failures.iter().map(decode).collect::<Option<_>>()?))
}

impl Operation {
    /// Whether attributes that come before it are of what it makes or ends, or more of them can follow.
    pub fn takes_attributes(&self) -> bool {
        matches!(
            self,
            Operation::Attribute(..)
                | Operation::Finish(..)
                | Operation::Symlink(..)
                | Operation::Node(..)
                | Operation::FinishDirectory(..)
        )
    }

    /// Appends the operation to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut put = Put(out);
        match self {
            Operation::Directory(id, place) => put.byte(1).word(*id).place(place),
            Operation::MakeDirectory(tag, id, place) => put.byte(2).word(*tag).word(*id).place(place),
            Operation::File(tag, place, way) => put.byte(3).word(*tag).place(place).way(*way),
            Operation::Data(offset, length) => put.byte(4).long(*offset).word(*length),
            Operation::Attribute(Attribute { space, name, value }) => {
                put.byte(5).byte(*space as u8).bytes(name).bytes(value)
            }
            Operation::Finish(size, about) => put.byte(6).long(*size).about(about),
            Operation::Symlink(tag, place, text, about, way) => {
                put.byte(7).word(*tag).place(place).bytes(text).about(about).way(*way)
            }
            Operation::Node(tag, place, rdev, about, way) => {
                put.byte(8).word(*tag).place(place).word(*rdev).about(about).way(*way)
            }
            Operation::Link(tag, from, to, way) => put.byte(9).word(*tag).place(from).place(to).way(*way),
            Operation::FinishDirectory(tag, id, about) => put.byte(10).word(*tag).word(*id).about(about),
            Operation::Remove(tag, place) => put.byte(11).word(*tag).place(place),
            Operation::RemoveDirectory(tag, place) => put.byte(12).word(*tag).place(place),
            Operation::Rename(tag, from, to, id) => {
                put.byte(13).word(*tag).place(from).place(to).word(id.unwrap_or(0))
            }
            Operation::State(bytes) => put.byte(14).bytes(bytes),
            Operation::CommitState(tag) => put.byte(15).word(*tag),
            Operation::MakeOnly(tag, place) => put.byte(16).word(*tag).place(place),
            Operation::Moved(id, place) => put.byte(17).word(*id).place(place),
            Operation::Sync(tag) => put.byte(18).word(*tag),
            Operation::Whiteout(tag, place) => put.byte(19).word(*tag).place(place),
            Operation::RemoveWhiteout(tag, place) => put.byte(20).word(*tag).place(place),
        };
    }

    /// The next operation; none if there is none.
    pub fn decode(take: &mut Take<'_>) -> Option<Operation> {
        Some(match take.byte()? {
            1 => Operation::Directory(take.word()?, take.place()?),
            2 => Operation::MakeDirectory(take.word()?, take.word()?, take.place()?),
            3 => Operation::File(take.word()?, take.place()?, take.way()?),
            4 => Operation::Data(take.long()?, take.word()?),
            5 => Operation::Attribute(Attribute {
                space: *SPACES.get(usize::from(take.byte()?))?,
                name: take.bytes()?,
                value: take.bytes()?,
            }),
            6 => Operation::Finish(take.long()?, take.about()?),
            7 => Operation::Symlink(take.word()?, take.place()?, take.bytes()?, take.about()?, take.way()?),
            8 => Operation::Node(take.word()?, take.place()?, take.word()?, take.about()?, take.way()?),
            9 => Operation::Link(take.word()?, take.place()?, take.place()?, take.way()?),
            10 => Operation::FinishDirectory(take.word()?, take.word()?, take.about()?),
            11 => Operation::Remove(take.word()?, take.place()?),
            12 => Operation::RemoveDirectory(take.word()?, take.place()?),
            13 => {
                let (tag, from, to) = (take.word()?, take.place()?, take.place()?);
                Operation::Rename(tag, from, to, take.word().map(|id| Some(id).filter(|&id| id != TARGET))?)
            }
            14 => Operation::State(take.bytes()?),
            15 => Operation::CommitState(take.word()?),
            16 => Operation::MakeOnly(take.word()?, take.place()?),
            17 => Operation::Moved(take.word()?, take.place()?),
            18 => Operation::Sync(take.word()?),
            19 => Operation::Whiteout(take.word()?, take.place()?),
            20 => Operation::RemoveWhiteout(take.word()?, take.place()?),
            _ => return None,
        })
    }
}

/// Writes numbers and bytes.
struct Put<'a>(&'a mut Vec<u8>);

impl Put<'_> {
    fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn word(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn long(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.word(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value);
        self
    }

    fn place(&mut self, place: &Place) -> &mut Self {
        self.word(place.dir).bytes(&place.name)
    }

    fn way(&mut self, way: InWay) -> &mut Self {
        self.byte(u8::from(way == InWay::Unlink))
    }

    fn time(&mut self, time: Time) -> &mut Self {
        self.long(time.0.cast_unsigned()).word(time.1.cast_unsigned())
    }

    fn about(&mut self, about: &About) -> &mut Self {
        let About { mode, uid, gid, flags, atime, mtime, birthtime } = about;
        self.word((*mode).into()).word(*uid).word(*gid).word(*flags);
        self.time(*atime).time(*mtime).time(*birthtime)
    }
}

/// Takes numbers and bytes out of operations, each of them once.
pub struct Take<'a>(pub &'a [u8]);

impl<'a> Take<'a> {
    /// The next bytes, in place.
    pub fn part(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.part(1)?[0])
    }

    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.part(4)?.first_chunk()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.part(8)?.first_chunk()?))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.word()?;
        Some(self.part(usize::try_from(length).ok()?)?.to_vec())
    }

    fn place(&mut self) -> Option<Place> {
        Some(Place { dir: self.word()?, name: self.bytes()? })
    }

    fn way(&mut self) -> Option<InWay> {
        Some(if self.byte()? == 0 { InWay::Replace } else { InWay::Unlink })
    }

    fn time(&mut self) -> Option<Time> {
        Some((self.long()?.cast_signed(), self.word()?.cast_signed()))
    }

    fn about(&mut self) -> Option<About> {
        let mode = u16::try_from(self.word()?).ok()?;
        let (uid, gid, flags) = (self.word()?, self.word()?, self.word()?);
        Some(About {
            mode,
            uid,
            gid,
            flags,
            atime: self.time()?,
            mtime: self.time()?,
            birthtime: self.time()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn operations_come_back() {
        let place = |name: &str| Place { dir: 7, name: name.into() };
        let about = About {
            mode: 0o104_755,
            uid: 4_000_000_000,
            gid: 5,
            flags: 2,
            atime: (-1, 5),
            mtime: (1 << 40, 999_999_999),
            birthtime: (0, 0),
        };
        let all = [
            Operation::Directory(3, place("d")),
            Operation::MakeDirectory(1, 3, place("d")),
            Operation::File(9, place("f"), InWay::Unlink),
            Operation::Attribute(Attribute {
                space: Space::Linux,
                name: b"a".to_vec(),
                value: b"value".to_vec(),
            }),
            Operation::Finish(1 << 39, about.clone()),
            Operation::Symlink(2, place("l"), b"to".to_vec(), about.clone(), InWay::Replace),
            Operation::Node(2, place("n"), 0x0103, about.clone(), InWay::Replace),
            Operation::Link(2, place("a"), place("b"), InWay::Replace),
            Operation::FinishDirectory(2, 3, about),
            Operation::Remove(2, place("a")),
            Operation::RemoveDirectory(2, place("a")),
            Operation::Rename(2, place("a"), place("b"), Some(8)),
            Operation::Rename(2, place("a"), place("b"), None),
            Operation::State(vec![1, 2]),
            Operation::CommitState(1),
            Operation::MakeOnly(1, place("s")),
            Operation::Moved(4, place("d")),
            Operation::Sync(0),
            Operation::Whiteout(1, place("w")),
            Operation::RemoveWhiteout(1, place("w")),
            Operation::Data(1 << 40, 0),
        ];
        let mut bytes = Vec::new();
        all.iter().for_each(|operation| operation.encode(&mut bytes));
        let mut take = Take(&bytes);
        for operation in all {
            assert_eq!(Operation::decode(&mut take), Some(operation));
        }
        assert!(take.0.is_empty());
    }

    #[test]
    fn failures_come_back() {
        for (number, step) in STEPS.into_iter().enumerate() {
            assert_eq!(step as usize, number);
            let failures = [Failure { tag: 5, step, errno: 28 }, Failure { tag: 6, step, errno: -1 }];
            assert_eq!(decode_done(&done(true, &failures)), Some((true, failures.to_vec())));
        }
        for (number, space) in SPACES.into_iter().enumerate() {
            assert_eq!(space as usize, number);
        }
        assert_eq!(decode_batch(&batch(3, 70_000)), Some((3, 70_000)));
        assert_eq!(decode_done(&[0, 1]), None);
        assert!(done(true, &[Failure { tag: 0, step: Step::Write, errno: 0 }; MOST_FAILURES]).len() <= 4096);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut take = Take(&bytes);
            while Operation::decode(&mut take).is_some() {}
            _ = decode_done(&bytes);
        }
    }
}
