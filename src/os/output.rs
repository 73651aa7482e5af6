// SPDX-License-Identifier: BSD-2-Clause
//! Outputs that are files or pipes; tapes are opened and written in the same way.

use crate::os::disk;
use crate::os::disk::{Kind, kind, kind_of_path};
use crate::os::{check, half, identity, retry, shared};
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, Whence, eaccess, lseek};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Whether the output is also read again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Written only.
    Write,
    /// Written, then read to verify it.
    WriteAndRead,
}

/// Times that a name may come and go while it is opened.
const MOST_RACES: u32 = 100;

/// An output that was opened.
#[derive(Debug)]
pub struct Opened {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// Whether it was made.
    pub is_new: bool,
}

/// Opens or makes the output, mode 0600 less the umask: it holds what is on the disk, whoever may read that. Does not cut it.
///
/// Errors: those of open(2); `EBUSY` for a block device that is mounted or otherwise in use; `Unsupported` when it would be made
/// where devices are, see [`is_for_devices`].
pub fn open_output(path: &Path, access: Access) -> io::Result<Opened> {
    let access = match access {
        Access::Write => OFlag::O_WRONLY,
        Access::WriteAndRead => OFlag::O_RDWR,
    };
    if crate::os::standard::names_closed(path) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    let access = access | OFlag::O_CLOEXEC;
    for _ in 0..MOST_RACES {
        // A block device is opened alone; the flag is for nothing else.
        let is_block = matches!(kind_of_path(path), Ok(Kind::Block));
        let alone = if is_block { half::output::ALONE } else { OFlag::empty() };
        match retry(|| Ok(open(path, access | alone, Mode::empty())?)) {
            Ok(fd) if !is_block && kind(fd.as_fd())? == Kind::Block => {}
            Ok(fd) => return Ok(Opened { fd, is_new: false }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => match make(path, access) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|fd| Opened { fd, is_new: true }),
            },
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Creates a file that does not exist; the target of a dangling link is created.
fn make(path: &Path, access: OFlag) -> io::Result<OwnedFd> {
    let place = identity::made_at(path)?;
    if is_for_devices(&place) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mode = Mode::from_bits_truncate(0o600);
    retry(|| Ok(open(&place, access | OFlag::O_CREAT | OFlag::O_EXCL, mode)?))
}

/// Whether a file of that name, which has no links in it, would be made where devices are: nothing is made there, since the name was
/// meant to be a device's.
pub fn is_for_devices(place: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    let Some(above) = place.parent() else { return false };
    let (here, dev) = (device(above), device(Path::new("/dev")));
    // Without a file system of its own, /dev is a folder like others.
    let shared = dev == device(Path::new("/"));
    let is_below = above.starts_with("/dev") && !above.starts_with("/dev/shm");
    here.is_some() && here == dev && (!shared || is_below) || half::output::is_for_devices(above)
}

/// Keeps others from mounting an open block device as long as the answer is held; none for what is no block device.
///
/// Errors: `EBUSY` when it is mounted or otherwise in use.
pub fn claim(fd: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    match kind(fd)? {
        Kind::Block => half::output::claim(fd),
        _ => Ok(None),
    }
}

/// Locks a file against other programs that lock it, until it is closed. Does nothing for pipes and devices.
///
/// Errors: `EWOULDBLOCK` when another has it. A file system without locks is no reason to stop.
pub fn lock(fd: BorrowedFd<'_>) -> io::Result<()> {
    let is_disk = || kind(fd).is_ok_and(|kind| kind == Kind::Character) && disk::media_size(fd).is_ok();
    if kind(fd)? != Kind::Regular && !is_disk() {
        return Ok(());
    }
    match shared::try_lock(fd, shared::Lock::Exclusive) {
        Ok(false) => Err(io::ErrorKind::WouldBlock.into()),
        Ok(true) | Err(_) => Ok(()),
    }
}

/// Looks whether the output could be opened by its name, and does not open it.
///
/// Errors: what opening it would say, as `EACCES`, `EISDIR`, `ENOENT` for a missing directory, `EROFS`.
pub fn examine(path: &Path, access: Access) -> io::Result<()> {
    if crate::os::standard::names_closed(path) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    let wanted = match access {
        Access::Write => AccessFlags::W_OK,
        Access::WriteAndRead => AccessFlags::W_OK | AccessFlags::R_OK,
    };
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        Ok(meta) if meta.file_type().is_socket() => Err(io::Error::from_raw_os_error(libc::ENXIO)),
        Ok(_) => Ok(eaccess(path, wanted)?),
        // What such a link names can be made.
        Err(_) if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok(eaccess(parent.unwrap_or(Path::new(".")), AccessFlags::W_OK | AccessFlags::X_OK)?)
        }
        Err(error) => Err(error),
    }
}

/// Opens a FIFO to write to it. Errors: `ENXIO` if it has no reader; once open, it blocks like other outputs.
pub fn open_fifo(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let fd = retry(|| Ok(open(path, flags, Mode::empty())?))?;
    crate::os::socket::set_nonblocking(fd.as_fd(), false)?;
    Ok(fd)
}

/// The two ends of a pipe: the one to read, the one to write; close-on-exec.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// Makes a pipe hold more, where the system lets one: reader and writer then take turns less often. What is no pipe stays as it is.
pub fn widen(fd: BorrowedFd<'_>) {
    half::output::widen(fd);
}

/// One write(2), made again only when a signal broke it off before anything was written. The count may be short.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    retry(|| Ok(nix::unistd::write(fd, bytes)?))
}

/// How many of the last bytes are written by [`write_tail`]: 0 if this is not a pipe, and where [`unread`] reports what a reader has left.
///
/// Errors: those of fstat(2).
pub fn tail_bytes(fd: BorrowedFd<'_>) -> io::Result<usize> {
    half::output::tail_bytes(fd)
}

/// Writes at most [`tail_bytes`] bytes to a pipe and waits until its reader has read all that is in it.
///
/// Errors: those of write(2); `EPIPE` when the reader has exited before.
pub fn write_tail(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    half::output::write_tail(fd, bytes)
}

/// What of that which was written to a pipe or a socket has not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(target_os = "freebsd", allow(dead_code, reason = "there it cannot be known"))]
pub enum Unread {
    /// Nothing, or it cannot be known.
    Nothing,
    /// Something.
    Something,
    /// So many bytes that will not be read, since the reader has exited; `u64::MAX` where it is not known how many.
    Lost(u64),
}

/// Looks whether the reader of a pipe or a socket has read all that was written. Of anything else nothing is unread.
///
/// Errors: those of ioctl(2) and poll(2).
pub fn unread(fd: BorrowedFd<'_>) -> io::Result<Unread> {
    half::output::unread(fd)
}

/// Bytes that a write takes without waiting where [`has_room`] says so.
pub const WITHOUT_WAIT: usize = libc::PIPE_BUF;

/// Whether a write would not have to wait: of a pipe, one of `PIPE_BUF` bytes or less.
pub fn has_room(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1))
}

/// One read(2), made again when a signal broke it off. 0 at the end.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    retry(|| Ok(nix::unistd::read(fd, buffer)?))
}

/// Whether each write appends to the file (`O_APPEND`), independent of the offset.
pub fn appends(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL)?).contains(OFlag::O_APPEND))
}

/// Cuts a file off at the place where it is written next. Errors: those of lseek(2) and ftruncate(2).
pub fn cut_here(fd: BorrowedFd<'_>) -> io::Result<()> {
    ftruncate(fd, position(fd)?)
}

/// Cuts or stretches a file to `len` bytes.
pub fn ftruncate(fd: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    let len = libc::off_t::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
    retry(|| Ok(nix::unistd::ftruncate(fd, len)?))
}

/// Waits until a file is on its disk. Errors: `EINVAL` for what cannot be synced, as a pipe.
pub fn fsync(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: fsync takes a descriptor, which is borrowed and so open.
    retry(|| check(unsafe { libc::fsync(fd.as_raw_fd()) }).map(drop))
}

/// Waits until all that was written is safe. What keeps no bytes cannot be synced, and need not: pipes, sockets, terminals and
/// `/dev/null` answer with `EINVAL`, or with success.
pub fn sync(fd: BorrowedFd<'_>) -> io::Result<()> {
    match fsync(fd) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        other => other,
    }
}

/// Goes to `offset` (bytes from the start) of a file.
pub fn seek(fd: BorrowedFd<'_>, offset: u64) -> io::Result<u64> {
    move_to(fd, libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?, Whence::SeekSet)
}

/// Moves the place where a file is read or written next by so many bytes.
pub fn skip(fd: BorrowedFd<'_>, bytes: i64) -> io::Result<()> {
    move_to(fd, bytes, Whence::SeekCur).map(drop)
}

/// Where a file is read or written next, in bytes. Errors: `ESPIPE` for a pipe.
pub fn position(fd: BorrowedFd<'_>) -> io::Result<u64> {
    move_to(fd, 0, Whence::SeekCur)
}

fn move_to(fd: BorrowedFd<'_>, offset: libc::off_t, whence: Whence) -> io::Result<u64> {
    let at = lseek(fd.as_fd(), offset, whence)?;
    u64::try_from(at).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_cuts_and_seeks() {
        let path = std::env::temp_dir().join(format!("capdump-output-{}", std::process::id()));
        std::fs::write(&path, b"old contents").unwrap();
        let opened = open_output(&path, Access::WriteAndRead).unwrap();
        assert!(!opened.is_new);
        let fd = opened.fd.as_fd();
        assert_eq!(std::fs::read(&path).unwrap(), b"old contents", "open does not cut");
        assert_eq!(write(fd, b"new").unwrap(), 3);
        ftruncate(fd, 5).unwrap();
        fsync(fd).unwrap();
        assert_eq!(position(fd).unwrap(), 3);
        assert_eq!(seek(fd, 1).unwrap(), 1);
        let mut rest = [0; 8];
        assert_eq!(read(fd, &mut rest).unwrap(), 4);
        assert_eq!(&rest[..4], b"ew c");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn an_output_is_examined_and_not_made() {
        let dir = std::env::temp_dir().join(format!("capdump-examine-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let errno = |name: &str| match examine(&dir.join(name), Access::Write) {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap(),
        };
        std::fs::write(dir.join("file"), "").unwrap();
        std::os::unix::fs::symlink("missing", dir.join("dangling")).unwrap();
        let expected =
            [("new", 0), ("file", 0), ("dangling", 0), ("file/x", libc::ENOTDIR), ("no/x", libc::ENOENT)];
        let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
        assert_eq!(errno("socket"), libc::ENXIO);
        for (name, expected) in expected.into_iter().chain([("", libc::EISDIR), (".", libc::EISDIR)]) {
            assert_eq!(errno(name), expected, "{name}");
        }
        assert!(!dir.join("new").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn makes_a_file_that_is_only_written() {
        let path = std::env::temp_dir().join(format!("capdump-output-new-{}", std::process::id()));
        std::os::unix::fs::symlink(&path, path.with_extension("link")).unwrap();
        let Opened { fd, is_new } = open_output(&path.with_extension("link"), Access::Write).unwrap();
        std::fs::remove_file(path.with_extension("link")).unwrap();
        assert!(is_new);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777 & !0o600, 0, "for its owner only");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(write(fd.as_fd(), b"x").unwrap(), 1);
        let err = read(fd.as_fd(), &mut [0]).unwrap_err();
        assert_eq!(err.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn knows_what_of_a_pipe_is_unread() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let now = || unread(writer.as_fd()).unwrap();
        assert_eq!(now(), Unread::Nothing);
        write(writer.as_fd(), b"four").unwrap();
        assert_eq!(now(), Unread::Something);
        std::io::Read::read_exact(&mut reader, &mut [0; 4]).unwrap();
        assert_eq!(now(), Unread::Nothing);
        write(writer.as_fd(), b"more").unwrap();
        drop(reader);
        assert_eq!(now(), Unread::Lost(4));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn knows_what_of_a_socket_is_unread() {
        let (ours, theirs) = crate::os::socket::stream_pair().unwrap();
        let now = || unread(ours.as_fd()).unwrap();
        write(ours.as_fd(), b"four").unwrap();
        assert_eq!(now(), Unread::Something);
        read(theirs.as_fd(), &mut [0; 4]).unwrap();
        assert_eq!(now(), Unread::Nothing);
        write(ours.as_fd(), b"more").unwrap();
        drop(theirs);
        assert_eq!(now(), Unread::Lost(u64::MAX));
        let (ours, theirs) = crate::os::socket::stream_pair().unwrap();
        write(ours.as_fd(), b"four").unwrap();
        read(theirs.as_fd(), &mut [0; 4]).unwrap();
        drop(theirs);
        assert_eq!(unread(ours.as_fd()).unwrap(), Unread::Nothing, "a reader that has read all may go");
    }

    #[test]
    #[cfg(target_os = "freebsd")]
    fn a_tail_is_written_when_it_has_been_read() {
        let taken_by_reader = |bytes: usize| {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let thread = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                std::io::Read::read_exact(&mut reader, &mut vec![0; bytes]).unwrap();
            });
            let errno = write_tail(writer.as_fd(), &[7; 512]).err().map(|error| error.raw_os_error());
            thread.join().unwrap();
            errno
        };
        assert_eq!(taken_by_reader(512), None);
        for bytes in [0, 1, 511] {
            assert_eq!(taken_by_reader(bytes), Some(Some(libc::EPIPE)), "{bytes}");
        }
        assert_eq!(tail_bytes(std::io::pipe().unwrap().1.as_fd()).unwrap(), 512);
        assert_eq!(
            tail_bytes(std::fs::File::create("/dev/null").unwrap().as_fd()).unwrap(),
            0,
            "whole sectors"
        );
    }

    #[test]
    fn says_when_a_pipe_is_broken_or_cannot_seek() {
        let (reader, writer) = std::io::pipe().unwrap();
        assert_eq!(position(writer.as_fd()).unwrap_err().raw_os_error(), Some(libc::ESPIPE));
        assert!(fsync(writer.as_fd()).is_err());
        sync(writer.as_fd()).unwrap();
        drop(reader);
        let err = write(writer.as_fd(), b"x").unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_keeps_no_bytes_is_always_synced() {
        let (one, _two) = std::os::unix::net::UnixStream::pair().unwrap();
        sync(one.as_fd()).unwrap();
        let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
        sync(null.as_fd()).unwrap();
        lock(null.as_fd()).unwrap();
        assert!(claim(null.as_fd()).unwrap().is_none());
    }

    #[test]
    fn no_file_is_made_among_devices() {
        let error = open_output(Path::new("/dev/capdump-no-such-device"), Access::Write).unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (io::ErrorKind::Unsupported, None));
        assert!(!is_for_devices(Path::new("/tmp/file")));
    }

    #[test]
    fn a_file_is_for_one_at_a_time() {
        let path = std::env::temp_dir().join(format!("capdump-output-lock-{}", std::process::id()));
        let [one, two] = [(), ()].map(|()| open_output(&path, Access::Write).unwrap());
        std::fs::remove_file(&path).unwrap();
        lock(one.fd.as_fd()).unwrap();
        lock(one.fd.as_fd()).unwrap();
        assert_eq!(lock(two.fd.as_fd()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(one);
        lock(two.fd.as_fd()).unwrap();
    }
}
