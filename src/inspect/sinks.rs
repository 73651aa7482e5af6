// SPDX-License-Identifier: BSD-2-Clause
//! The sinks of a check and of a listing.

use crate::inspect::stream::Enough;
use crate::inspect::told::Told;
use crate::operator::About;
use dumpstream::reading::names::Directory;
use dumpstream::reading::{Fault, Finding, Names, Place, Sink};
use dumpstream::{Decoded, InodeFields, InodeMap};
use ufs::FileType;
use ufs::Ino;

/// Finds what is wrong.
pub struct Check(pub Told);

impl Enough for Check {
    type Told = Told;

    fn is_enough(&self) -> bool {
        self.0.is_stopped()
    }

    fn told(&mut self) -> &mut Told {
        &mut self.0
    }
}

impl Sink for Check {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        self.0.finding(&finding, names);
    }

    fn volume(&mut self, header: &Decoded, _place: Place) {
        self.0.volume(header);
    }
}

/// Lists files.
pub struct List(pub Told);

impl Enough for List {
    type Told = Told;

    fn told(&mut self) -> &mut Told {
        &mut self.0
    }

    fn wants_data(&self) -> bool {
        false
    }

    fn is_enough(&self) -> bool {
        self.0.is_stopped()
    }
}

impl Sink for List {
    fn finding(&mut self, finding: Finding, names: &mut Names) {
        if let (Fault::Lost | Fault::Absent | Fault::Undumped | Fault::NotSeen, Some(first)) =
            (&finding.fault, finding.ino)
        {
            let mut next = Some(first);
            while let Some(ino) = next.filter(|&ino| ino <= finding.last.unwrap_or(first)) {
                self.0.entries(ino, None, None, names);
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
            self.0.entries(ino, Some(about), None, names);
        }
        self.0.whiteouts(names);
    }

    fn inode(&mut self, header: &Decoded, place: Place, names: &mut Names) {
        let inode = &header.header.inode;
        if FileType::of(inode.mode) != FileType::Dir {
            self.0.entries(header.header.inumber, Some(about(inode)), Some(place), names);
        }
    }
}

fn about(inode: &InodeFields) -> About {
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

fn about_directory(directory: &Directory) -> About {
    let Directory { mode, uid, gid, size, mtime, .. } = *directory;
    About { mode, uid, gid, size, mtime, rdev: None }
}
