// SPDX-License-Identifier: BSD-2-Clause
//! The writer's last step for each file: what an inode is beside its data.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::os::held::Held;
use crate::os::tree::{self, Attribute};
use crate::restore::wire::{About, DirectoryId, Place, Step, Tag};
use crate::restore::writer::{Writer, is};

/// Type bits of a mode, and that of a symbolic link (sys/stat.h).
const S_IFMT: u16 = 0o170_000;
const S_IFLNK: u16 = 0o120_000;
/// `S_ISUID` and `S_ISGID`.
const SETID: u16 = 0o6000;

/// What a file may have already that the dump does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    /// Nothing.
    Nothing,
    /// ACLs from its directory.
    Acls,
    /// Any attributes and flags, since it was there before.
    All,
}

impl Writer {
    /// Owner before mode, which it changes; most attributes before mode, too, since an ACL has to be there when the group gets its
    /// permissions. Times after all that changes them; flags last, since they forbid the rest.
    pub(super) fn describe(
        &mut self,
        tag: Tag,
        fd: BorrowedFd<'_>,
        about: &About,
        attributes: &[Attribute],
        old: Old,
    ) {
        if old == Old::All {
            // What cannot be taken away is found by what comes next.
            _ = tree::unlock(fd);
        }
        let owned = tree::set_owner(fd, about.uid, about.gid);
        let is_owned = self.owned(tag, owned);
        let stripped = match old {
            Old::Nothing => Ok(()),
            Old::Acls => tree::strip_acls(fd, attributes),
            Old::All => tree::strip(fd, attributes),
        };
        self.fail(tag, Step::Attributes, stripped);
        let (late, early): (Vec<_>, Vec<_>) =
            attributes.iter().partition(|attribute| attribute.is_changed_by_mode());
        self.set_attributes(tag, &early, |attribute| tree::set_attribute(fd, attribute));
        // A program that runs as its owner must not do so as another one.
        let set = tree::set_mode(fd, if is_owned { about.mode } else { about.mode & !SETID });
        self.fail(tag, Step::Mode, set);
        self.set_attributes(tag, &late, |attribute| tree::set_attribute(fd, attribute));
        let set = tree::set_times(fd, about.atime, about.mtime, about.birthtime);
        self.fail(tag, Step::Times, set);
        if about.flags != 0 || old == Old::All {
            let set = match tree::set_flags(fd, about.flags) {
                Err(_) if about.flags == 0 => Ok(()),
                set => set,
            };
            self.fail(tag, Step::Flags, set);
        }
    }

    fn set_attributes(
        &mut self,
        tag: Tag,
        attributes: &[&Attribute],
        set: impl Fn(&Attribute) -> io::Result<()>,
    ) {
        for attribute in attributes {
            self.fail(tag, Step::Attributes, set(attribute));
        }
    }

    /// Gives a directory its attributes.
    pub(super) fn finish_directory(&mut self, tag: Tag, id: DirectoryId, about: &About) {
        let attributes = std::mem::take(&mut self.attributes);
        let old = match self.rebuilds {
            true => Old::All,
            false if self.directories.was_bequeathed(id) => Old::Acls,
            false => Old::Nothing,
        };
        // Not the one that is kept open: a mode without search permission must not be in the way of what is below it.
        match self.directories.get(id).and_then(|fd| fd.try_clone_to_owned()) {
            Ok(fd) => self.describe(tag, fd.as_fd(), about, &attributes, old),
            Err(error) => _ = self.fail(tag, Step::FinishDirectory, Err(error)),
        }
        self.directories.changed(id);
    }

    /// Reports that a file has not got its owner, unless that is because this is not root.
    fn owned(&mut self, tag: Tag, result: io::Result<()>) -> bool {
        match result {
            Err(error) if is(&error, libc::EPERM) && !self.is_root => false,
            result => self.fail(tag, Step::Owner, result),
        }
    }

    /// The same of a link, a FIFO or a device, which is not opened.
    pub(super) fn describe_name(&mut self, tag: Tag, place: &Place, about: &About) {
        let attributes = std::mem::take(&mut self.attributes);
        let held = match self.at(place, |dir, name| Held::new(dir, name, about.mode)) {
            Ok(held) => held,
            Err(error) => {
                self.fail(tag, Step::Owner, Err(error));
                return;
            }
        };
        let is_owned = self.owned(tag, held.set_owner(about.uid, about.gid));
        if self.directories.bequeaths(place.dir) {
            self.fail(tag, Step::Attributes, held.strip_acls(&attributes));
        }
        let (late, early): (Vec<_>, Vec<_>) =
            attributes.iter().partition(|attribute| attribute.is_changed_by_mode());
        self.set_attributes(tag, &early, |attribute| held.set_attribute(attribute));
        let set = match held.set_mode(if is_owned { about.mode } else { about.mode & !SETID }) {
            // Few systems have permissions of links.
            Err(_) if about.mode & S_IFMT == S_IFLNK => Ok(()),
            set => set,
        };
        self.fail(tag, Step::Mode, set);
        self.set_attributes(tag, &late, |attribute| held.set_attribute(attribute));
        self.fail(tag, Step::Times, held.set_times(about.atime, about.mtime, about.birthtime));
        if about.flags != 0 {
            self.fail(tag, Step::Flags, held.set_flags(about.flags));
        }
    }
}
