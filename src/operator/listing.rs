// SPDX-License-Identifier: BSD-2-Clause
//! The files of a dump in the order of a listing, whether the dump is read or would be made.

use std::io;

use crate::operator::{About, Entry, Results};
use dumpstream::reading::names::Directory;
use dumpstream::reading::{Fault, Finding, Names, Place, Sink};
use dumpstream::{Decoded, InodeFields, InodeMap};
use ufs::{FileType, Ino, is_whiteout};

/// The mode of a whiteout (`IFWHT`, ufs/ufs/dinode.h), which has no inode of its own.
const IFWHT: u16 = 0o160_000;

/// Where a listing goes.
pub trait Lists {
    /// Writes part of the results.
    fn write(&mut self, write: impl FnOnce(&mut Results) -> io::Result<()>);

    /// A volume begins.
    fn volume(&mut self, header: &Decoded);

    /// Damage.
    fn finding(&mut self, finding: &Finding, names: &mut Names);
}

/// Lists files.
pub struct List<L>(pub L);

impl<L: Lists> List<L> {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.0.write(|results| results.entry(entry));
    }

    /// All paths of an inode.
    fn entries(&mut self, ino: Ino, about: Option<About>, place: Option<Place>, names: &mut Names) {
        if ino == Ino::ROOT {
            return self.entry(&Entry { ino, path: b".", about, place });
        }
        let offsets: Vec<u32> = names.entries(ino).collect();
        for offset in offsets {
            if let Some(path) = names.path(offset) {
                self.entry(&Entry { ino, path: &path, about, place });
            }
        }
    }

    /// All names that are whiteouts.
    fn whiteouts(&mut self, names: &mut Names) {
        let about = About { mode: IFWHT, uid: 0, gid: 0, size: 0, mtime: 0, rdev: None };
        let offsets: Vec<u32> = names.entries(Ino::WHITEOUT).collect();
        for offset in offsets {
            let kind = names.at(offset).0;
            if is_whiteout(Ino::WHITEOUT, kind)
                && let Some(path) = names.path(offset)
            {
                self.entry(&Entry { ino: Ino::WHITEOUT, path: &path, about: Some(about), place: None });
            }
        }
    }
}

impl<L: Lists> Sink for List<L> {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        if let (Fault::Lost | Fault::Absent | Fault::Undumped | Fault::NotSeen, Some(first)) =
            (&finding.fault, finding.ino)
        {
            let mut next = Some(first);
            while let Some(ino) = next.filter(|&ino| ino <= finding.last.unwrap_or(first)) {
                self.entries(ino, None, None, names);
                next = ino.0.checked_add(1).and_then(|ino| names.next_named(Ino(ino)));
            }
        }
        if finding.fault.is_damage() {
            self.0.finding(&finding, names);
        }
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.0.volume(header);
    }

    fn directories(&mut self, names: &mut Names, _used: Option<&InodeMap>, _dumped: Option<&InodeMap>) {
        for at in 0..names.directories().len() {
            let directory = &names.directories()[at];
            let (ino, about) = (directory.ino, about_directory(directory));
            self.entries(ino, Some(about), None, names);
        }
        self.whiteouts(names);
    }

    fn inode(&mut self, header: &Decoded, place: Place, names: &mut Names) {
        let inode = &header.header.inode;
        if FileType::of(inode.mode) != FileType::Dir {
            self.entries(header.header.inumber, Some(about(inode)), Some(place), names);
        }
    }
}

/// What a header says of a file.
pub fn about(inode: &InodeFields) -> About {
    let is_device = matches!(FileType::of(inode.mode), FileType::Block | FileType::Char);
    About {
        mode: inode.mode,
        uid: inode.uid,
        gid: inode.gid,
        size: inode.size,
        mtime: inode.mtime.0,
        rdev: is_device.then_some(inode.rdev),
    }
}

/// The same of a directory.
pub fn about_directory(directory: &Directory) -> About {
    let Directory { mode, uid, gid, size, mtime, .. } = *directory;
    About { mode, uid, gid, size, mtime, rdev: None }
}
