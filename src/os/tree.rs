// SPDX-License-Identifier: BSD-2-Clause
//! Files beneath a directory that is open: each call takes one name, and none follows a symbolic link.

use crate::os::{half, retry};
use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, futimens, mkdirat, mknodat, umask};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, linkat, symlinkat, unlinkat};
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A name space of extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// `EXTATTR_NAMESPACE_USER` (sys/extattr.h).
    User,
    /// `EXTATTR_NAMESPACE_SYSTEM`: ACLs and other things of the system's.
    System,
    /// Linux's (xattr(7)): its name spaces are in the names.
    Linux,
}

/// An extended attribute. ACLs are attributes as UFS keeps them: `posix1e.acl_access`, `posix1e.acl_default` and `nfs4.acl` of the system's
/// name space (sys/acl.h), in the host's byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name space.
    pub space: Space,
    /// Its name.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

impl Attribute {
    /// Whether a change of the mode changes it: an NFSv4 ACL.
    pub fn is_changed_by_mode(&self) -> bool {
        self.space == Space::System && self.name == b"nfs4.acl"
    }
}

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// Seconds and nanoseconds since 1970.
pub type Time = (i64, i32);

/// A directory as the user names it. Errors: those of open(2).
pub fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    retry(|| Ok(open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?))
}

/// Files and directories get exactly the modes that they are made with. For the whole process.
pub fn clear_umask() {
    umask(Mode::empty());
}

fn name(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// A directory in `dir`. Errors: those of openat(2): `ELOOP` or `ENOTDIR` for a symbolic link.
pub fn open_below(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    retry(|| Ok(openat(dir, name(below), flags, Mode::empty())?))
}

/// A regular file in `dir`, to be read. Errors: those of openat(2).
pub fn open_file(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let fd = retry(|| Ok(openat(dir, name(below), flags, Mode::empty())?))?;
    match kind_of(&fstat(&fd)?) {
        Kind::Regular => Ok(fd),
        _ => Err(crate::os::invalid("not a regular file")),
    }
}

/// A new file in `dir`, to be written. Errors: those of openat(2): `EEXIST` if there is anything of that name.
pub fn create(dir: BorrowedFd<'_>, below: &[u8], mode: u16) -> io::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    retry(|| Ok(openat(dir, name(below), flags, mode_of(mode))?))
}

/// What a name in `dir` is. Errors: those of fstatat(2).
pub fn kind(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<Kind> {
    Ok(kind_of(&fstatat(dir, name(below), AtFlags::AT_SYMLINK_NOFOLLOW)?))
}

/// Whether two names are of the same file. Errors: those of fstatat(2).
pub fn is_same(
    one: BorrowedFd<'_>,
    name_one: &[u8],
    other: BorrowedFd<'_>,
    name_other: &[u8],
) -> io::Result<bool> {
    let one = fstatat(one, name(name_one), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let other = fstatat(other, name(name_other), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Has all that was written to the file system of `fd` brought to its disk. True: it is there; else it is under way, and fsync(2) waits
/// for a file or a directory. Errors: those of syncfs(2).
pub fn sync_file_system(fd: BorrowedFd<'_>) -> io::Result<bool> {
    half::tree::sync_file_system(fd.as_raw_fd()).map(|()| half::tree::SYNCS_AT_ONCE)
}

/// Whether [`sync_file_system`] waits.
pub const SYNCS_AT_ONCE: bool = half::tree::SYNCS_AT_ONCE;

/// The names in a directory. Errors: those of readdir(3).
pub fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in
        Dir::openat(dir, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?.iter()
    {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether this process may give files away.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn kind_of(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFREG => Kind::Regular,
        SFlag::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    }
}

/// Permissions of a mode.
fn mode_of(mode: u16) -> Mode {
    Mode::from_bits_truncate((mode & 0o7777) as libc::mode_t)
}

/// Makes a directory. Errors: those of mkdirat(2).
pub fn make_directory(dir: BorrowedFd<'_>, below: &[u8], mode: u16) -> io::Result<()> {
    Ok(mkdirat(dir, name(below), mode_of(mode))?)
}

/// Makes a symbolic link. Errors: those of symlinkat(2).
pub fn make_link(target: &[u8], dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<()> {
    Ok(symlinkat(name(target), dir, name(below))?)
}

/// Makes a FIFO (if `rdev` is none) or a device; the type is that of `mode`. Errors: those of mknodat(2).
pub fn make_node(dir: BorrowedFd<'_>, below: &[u8], mode: u16, rdev: Option<u32>) -> io::Result<()> {
    let kind = SFlag::from_bits_truncate((mode & 0o170_000) as libc::mode_t);
    let device = rdev.unwrap_or(0) as libc::dev_t;
    Ok(mknodat(dir, name(below), kind, mode_of(mode), device)?)
}

/// Makes a further name of a file; a symbolic link gets one itself. Errors: those of linkat(2).
pub fn hard_link(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> io::Result<()> {
    Ok(linkat(from, name(old), to, name(new), AtFlags::empty())?)
}

/// Renames. Errors: those of renameat(2).
pub fn rename(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> io::Result<()> {
    Ok(renameat(from, name(old), to, name(new))?)
}

/// Removes a name that is not a directory. Errors: those of unlinkat(2).
pub fn remove(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<()> {
    Ok(unlinkat(dir, name(below), UnlinkatFlags::NoRemoveDir)?)
}

/// Removes an empty directory. Errors: those of unlinkat(2).
pub fn remove_directory(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<()> {
    Ok(unlinkat(dir, name(below), UnlinkatFlags::RemoveDir)?)
}

/// Writes all of `bytes` at a place of a file. Errors: those of pwrite(2).
pub fn write_at(fd: BorrowedFd<'_>, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let at = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
        let written = retry(|| Ok(nix::sys::uio::pwrite(fd, bytes, at)?))?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// Gives a file another owner. Errors: those of fchown(2).
pub fn set_owner(fd: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
    Ok(fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?)
}

/// Gives a file other permissions. Errors: those of fchmod(2).
pub fn set_mode(fd: BorrowedFd<'_>, mode: u16) -> io::Result<()> {
    Ok(fchmod(fd, mode_of(mode))?)
}

/// A time as the system takes it: nanoseconds that are none become 0.
pub(super) fn spec(time: Time) -> TimeSpec {
    let (seconds, nanoseconds) = time;
    let nanoseconds = if (0..1_000_000_000).contains(&nanoseconds) { nanoseconds } else { 0 };
    TimeSpec::new(seconds as libc::time_t, nanoseconds as libc::c_long)
}

/// Sets the times of a file; that of its birth where the system can. Errors: those of futimens(2).
pub fn set_times(fd: BorrowedFd<'_>, access: Time, change: Time, birth: Time) -> io::Result<()> {
    if half::tree::HAS_BIRTH && birth != (0, 0) {
        // A file that is changed before it was born is born then.
        futimens(fd, &spec(access), &spec(birth))?;
    }
    Ok(futimens(fd, &spec(access), &spec(change))?)
}

fn c_name(name: &[u8]) -> io::Result<CString> {
    Ok(CString::new(name)?)
}

/// Sets the flags of chflags(2) on a file. Errors: `ENOTSUP` where there are none.
pub fn set_flags(fd: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    half::tree::set_flags(fd, flags)
}

/// The same of a name.
pub fn set_flags_of(dir: BorrowedFd<'_>, below: &[u8], flags: u32) -> io::Result<()> {
    half::tree::set_flags_of(dir, &c_name(below)?, flags)
}

/// Takes away the flags that keep a file from being changed. Gives all flags that it had; none if it had none of those.
pub fn unlock(fd: BorrowedFd<'_>) -> io::Result<Option<u32>> {
    half::tree::unlock(fd)
}

/// The same of a name.
pub fn unlock_name(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<Option<u32>> {
    half::tree::unlock_name(dir, &c_name(below)?)
}

/// Makes a whiteout. Errors: those of mknodat(2); `ENOTSUP` where there are none.
pub fn make_whiteout(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<()> {
    half::tree::make_whiteout(dir, &c_name(below)?)
}

/// Removes a whiteout: a file takes its place, and is removed. Errors: those of openat(2): `EEXIST` if it is none.
pub fn remove_whiteout(dir: BorrowedFd<'_>, below: &[u8]) -> io::Result<()> {
    create(dir, below, 0).and_then(|_| remove(dir, below))
}

/// Sets an extended attribute. Errors: those of the system; `ENOTSUP` for what it cannot hold.
pub fn set_attribute(fd: BorrowedFd<'_>, attribute: &Attribute) -> io::Result<()> {
    half::tree::set_attribute(fd, attribute)
}

/// Whether what is made in a directory gets an ACL from it, or that cannot be found out.
pub fn bequeaths(dir: BorrowedFd<'_>) -> bool {
    half::tree::bequeaths(dir)
}

/// Takes ACLs away that are not in `keep`. Errors: those of the system, but that there are none, or that this is not permitted.
pub fn strip_acls(fd: BorrowedFd<'_>, keep: &[Attribute]) -> io::Result<()> {
    half::tree::strip_acls(fd, keep)
}

/// Takes extended attributes away that are not in `keep`; what belongs to the system's security stays. Errors: as [`strip_acls`].
pub fn strip(fd: BorrowedFd<'_>, keep: &[Attribute]) -> io::Result<()> {
    half::tree::strip(fd, keep)
}

/// Closes a file. Errors: those of close(2), by which some file systems say that what was written is lost.
pub fn close(file: OwnedFd) -> io::Result<()> {
    Ok(nix::unistd::close(file)?)
}
