// SPDX-License-Identifier: BSD-2-Clause
//! A symbolic link, a FIFO or a device that has just been made: it is not opened, but held, so that what is set is set on it, whatever has its
//! name by then.

use crate::os::tree::{Attribute, Time, spec};
use crate::os::{check, half, retry};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::sys::time::TimeSpec;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// `S_IFMT` (sys/stat.h).
const S_IFMT: u16 = 0o170_000;

/// It.
pub struct Held(OwnedFd);

impl Held {
    /// What was made with this mode and had this one name. Errors: those of openat(2); `EBUSY` if it is something else by now.
    pub fn new(dir: BorrowedFd<'_>, name: &[u8], mode: u16) -> io::Result<Held> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = retry(|| Ok(openat(dir, OsStr::from_bytes(name), flags, Mode::empty())?))?;
        let stat = fstat(&fd)?;
        // Somebody's hard link to a file elsewhere would have two.
        if half::look::mode(&stat) & S_IFMT != mode & S_IFMT || stat.st_nlink != 1 {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        Ok(Held(fd))
    }

    /// Gives it another owner. Errors: those of fchownat(2).
    pub fn set_owner(&self, uid: u32, gid: u32) -> io::Result<()> {
        // SAFETY: the name ends in NUL and is a constant; the rest are numbers.
        check(unsafe { libc::fchownat(self.0.as_raw_fd(), c"".as_ptr(), uid, gid, libc::AT_EMPTY_PATH) })
            .map(drop)
    }

    /// Gives it other permissions. Errors: those of fchmodat(2); `ENOTSUP` where there are none.
    pub fn set_mode(&self, mode: u16) -> io::Result<()> {
        half::held::set_mode(self.0.as_fd(), mode & 0o7777)
    }

    /// Sets its times; that of its birth where the system can. Errors: those of utimensat(2).
    pub fn set_times(&self, access: Time, change: Time, birth: Time) -> io::Result<()> {
        let set = |change: TimeSpec| {
            let times = [*spec(access).as_ref(), *change.as_ref()];
            let fd = self.0.as_raw_fd();
            // SAFETY: the name ends in NUL, and there are two times; both outlive the call, which only reads them.
            check(unsafe { libc::utimensat(fd, c"".as_ptr(), times.as_ptr(), libc::AT_EMPTY_PATH) }).map(drop)
        };
        if half::tree::HAS_BIRTH && birth != (0, 0) {
            set(spec(birth))?;
        }
        set(spec(change))
    }

    /// Sets the flags of chflags(2). Errors: `ENOTSUP` where there are none.
    pub fn set_flags(&self, flags: u32) -> io::Result<()> {
        half::held::set_flags(self.0.as_fd(), flags)
    }

    /// Sets an extended attribute. Errors: those of the system; `ENOTSUP` for what it cannot hold.
    pub fn set_attribute(&self, attribute: &Attribute) -> io::Result<()> {
        half::held::set_attribute(self.0.as_fd(), attribute)
    }

    /// Takes ACLs away that are not in `keep`. Errors: those of the system.
    pub fn strip_acls(&self, keep: &[Attribute]) -> io::Result<()> {
        half::held::strip_acls(self.0.as_fd(), keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::tree::{hard_link, make_link, make_node, open_directory, remove, rename};
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_takes_the_place_of_a_name_is_left_alone() {
        let dir = std::env::temp_dir().join(format!("capdump-held-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let at = open_directory(&dir).unwrap();
        let (at, link) = (at.as_fd(), 0o120_777);
        fs::write(dir.join("other"), "").unwrap();
        make_link(b"target", at, b"link").unwrap();
        let held = Held::new(at, b"link", link).unwrap();
        rename(at, b"link", at, b"moved").unwrap();
        hard_link(at, b"other", at, b"link").unwrap();
        let before = fs::metadata(dir.join("other")).unwrap();
        held.set_times((1, 2), (3, 4), (0, 0)).unwrap();
        held.set_owner(before.uid(), before.gid()).unwrap();
        let after = fs::metadata(dir.join("other")).unwrap();
        assert_eq!((before.mtime(), before.mtime_nsec()), (after.mtime(), after.mtime_nsec()));
        let moved = fs::symlink_metadata(dir.join("moved")).unwrap();
        assert_eq!((moved.mtime(), moved.mtime_nsec(), moved.atime()), (3, 4, 1));
        // What has another type, or another name, is not what was made.
        let refused = |name: &[u8], mode| Held::new(at, name, mode).err().unwrap().raw_os_error();
        assert_eq!(refused(b"link", link), Some(libc::EBUSY));
        make_node(at, b"fifo", 0o010_600, None).unwrap();
        Held::new(at, b"fifo", 0o010_600).unwrap();
        hard_link(at, b"fifo", at, b"fifo2").unwrap();
        assert_eq!(refused(b"fifo", 0o010_600), Some(libc::EBUSY));
        remove(at, b"fifo").unwrap();
        Held::new(at, b"fifo2", 0o010_600).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
