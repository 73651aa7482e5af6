// SPDX-License-Identifier: BSD-2-Clause
//! Frames between processes of this program: AF_UNIX SOCK_SEQPACKET, each with at most one descriptor.

use crate::os::{check, half, invalid, retry};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Bytes in the longest frame that may be sent.
pub const MAX_FRAME: usize = 4096;

/// A frame that came in.
#[derive(Debug)]
pub struct Received {
    /// Bytes of the frame, at the start of the caller's buffer. At least one.
    pub len: usize,
    /// The descriptor that came with it; close-on-exec.
    pub fd: Option<OwnedFd>,
}

/// Two connected ends that keep frames apart; close-on-exec and blocking.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Two connected ends of a stream of bytes; close-on-exec and blocking.
pub fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Makes a descriptor blocking or not. The flag belongs to the open file: a forked process shares it.
pub fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, nonblocking);
    fcntl(fd, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Room for the control message of one descriptor, aligned as the kernel's header must be.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Bytes of a control message with one descriptor, padding included.
fn control_space() -> usize {
    // SAFETY: CMSG_SPACE only computes.
    let space = unsafe { libc::CMSG_SPACE(size_of::<i32>() as u32) } as usize;
    debug_assert!(space <= size_of::<Control>());
    space
}

/// A message header over one buffer, without a name: FreeBSD asks for `CAP_CONNECT` where there is one.
fn header(io: &mut libc::iovec, control: Option<&mut Control>) -> libc::msghdr {
    // SAFETY: msghdr is a C struct of numbers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = io;
    message.msg_iovlen = 1;
    if let Some(control) = control {
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control_space() as _;
    }
    message
}

/// Sends one frame whole, with a copy of `pass` if given.
///
/// Errors: `InvalidInput` for an empty or too long frame, `WouldBlock` on a full non-blocking socket, `BrokenPipe` when
/// the peer has exited.
pub fn send_frame(fd: BorrowedFd<'_>, frame: &[u8], pass: Option<BorrowedFd<'_>>) -> io::Result<()> {
    if frame.is_empty() || frame.len() > MAX_FRAME {
        return Err(invalid("a frame is empty or too long"));
    }
    let mut control = Control([0; 64]);
    let mut io = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
    let message = header(&mut io, pass.map(|_| &mut control));
    if let Some(pass) = pass {
        // SAFETY: the control buffer has room for one header with one i32 (CMSG_SPACE), so CMSG_FIRSTHDR is not
        // null and CMSG_DATA points to four bytes inside it.
        unsafe {
            let first = libc::CMSG_FIRSTHDR(&message);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(size_of::<i32>() as u32) as _;
            libc::CMSG_DATA(first).cast::<i32>().write_unaligned(pass.as_raw_fd());
        }
    }
    // The end of a record has to be marked: from FreeBSD 15 on the kernel joins records that are not.
    let flags = libc::MSG_NOSIGNAL | libc::MSG_EOR;
    // SAFETY: the message points to `io` and `control`, which outlive the call; sendmsg reads only.
    let sent = retry(|| check(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, flags) }))?;
    if sent as usize != frame.len() {
        return Err(io::Error::new(io::ErrorKind::WriteZero, "a frame was cut"));
    }
    Ok(())
}

/// Receives one frame into `buffer`. None: a non-blocking socket has none yet.
///
/// Errors: `UnexpectedEof` when the peer has exited, `InvalidData` for a frame longer than `buffer` or with more than one
/// descriptor (all of which are closed).
pub fn recv_frame(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    if buffer.is_empty() {
        return Err(invalid("no room for a frame"));
    }
    let mut control = Control([0; 64]);
    let mut io = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = header(&mut io, Some(&mut control));
    let got = retry(|| {
        // SAFETY: the message points to `buffer` (through `io`) and `control` with their lengths; both outlive the call.
        check(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) })
    });
    let len = match got {
        Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        other => other? as usize,
    };
    let (passed, surplus) = take_descriptors(&message);
    if message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 || surplus {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is longer than it may be"));
    }
    if len == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer is gone"));
    }
    if half::socket::is_cut(message.msg_flags) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is longer than it may be"));
    }
    if let Some(passed) = &passed {
        // Kernels of FreeBSD 12 take MSG_CMSG_CLOEXEC and lose it on the way (unp_externalize).
        fcntl(passed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok(Some(Received { len, fd: passed }))
}

/// Owns every descriptor that came: gives the first, closes the others and says whether there were any.
fn take_descriptors(message: &libc::msghdr) -> (Option<OwnedFd>, bool) {
    let mut first = None;
    let mut surplus = false;
    // SAFETY: the kernel filled in the control buffer and its length in `message`; the CMSG macros stay within them.
    // Each number in an SCM_RIGHTS message is a descriptor made for us and owned by no one yet.
    unsafe {
        let mut head = libc::CMSG_FIRSTHDR(message);
        while !head.is_null() {
            if (*head).cmsg_level == libc::SOL_SOCKET && (*head).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*head).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let data = libc::CMSG_DATA(head).cast::<i32>();
                for at in 0..bytes / size_of::<i32>() {
                    let fd = OwnedFd::from_raw_fd(data.add(at).read_unaligned());
                    surplus |= first.is_some();
                    first.get_or_insert(fd);
                }
            }
            head = libc::CMSG_NXTHDR(message, head);
        }
    }
    (first, surplus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;

    #[test]
    fn keeps_frames_apart() {
        let (a, b) = pair().unwrap();
        set_nonblocking(b.as_fd(), true).unwrap();
        let mut buffer = [0; 64];
        assert!(recv_frame(b.as_fd(), &mut buffer).unwrap().is_none());
        send_frame(a.as_fd(), b"one", None).unwrap();
        send_frame(a.as_fd(), b"second", None).unwrap();
        let first = recv_frame(b.as_fd(), &mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..first.len], b"one");
        let second = recv_frame(b.as_fd(), &mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..second.len], b"second");
        assert!(second.fd.is_none());
        drop(a);
        let err = recv_frame(b.as_fd(), &mut buffer).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::UnexpectedEof);
        let err = send_frame(b.as_fd(), b"x", None).unwrap_err();
        assert!(matches!(err.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset));
    }

    #[test]
    fn passes_a_descriptor() {
        let (a, b) = pair().unwrap();
        let path = std::env::temp_dir().join(format!("capdump-socket-{}", std::process::id()));
        let mut file = std::fs::File::create_new(&path).unwrap();
        send_frame(a.as_fd(), b"take", Some(file.as_fd())).unwrap();
        let mut buffer = [0; 4];
        let got = recv_frame(b.as_fd(), &mut buffer).unwrap().unwrap();
        let fd = got.fd.unwrap();
        let flags = fcntl(&fd, FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        std::fs::File::from(fd).write_all(b"through the socket").unwrap();
        let mut text = String::new();
        let mut again = std::fs::File::open(&path).unwrap();
        again.read_to_string(&mut text).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "through the socket");
        assert_eq!(file.stream_position().unwrap(), 18, "one open file, shared");
    }

    #[test]
    fn refuses_a_frame_that_does_not_fit() {
        let (a, b) = pair().unwrap();
        send_frame(a.as_fd(), &[1; 65], None).unwrap();
        let err = recv_frame(b.as_fd(), &mut [0; 64]).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::InvalidData);
        assert_eq!(send_frame(a.as_fd(), b"", None).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let long = [0; MAX_FRAME + 1];
        assert_eq!(send_frame(a.as_fd(), &long, None).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn refuses_and_closes_more_than_one_descriptor() {
        let (a, b) = pair().unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let fds = [writer.as_raw_fd(); 3];
        let control = [nix::sys::socket::ControlMessage::ScmRights(&fds)];
        let io = [io::IoSlice::new(b"many")];
        nix::sys::socket::sendmsg::<()>(
            a.as_raw_fd(),
            &io,
            &control,
            nix::sys::socket::MsgFlags::empty(),
            None,
        )
        .unwrap();
        let err = recv_frame(b.as_fd(), &mut [0; 64]).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::InvalidData);
        drop(writer);
        // No writer is left open, or this would wait for ever.
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    }

    #[test]
    fn a_full_socket_would_block() {
        let (a, _b) = pair().unwrap();
        set_nonblocking(a.as_fd(), true).unwrap();
        let err = (0..100_000).find_map(|_| send_frame(a.as_fd(), &[0; 256], None).err()).unwrap();
        assert_eq!(err.kind(), io::ErrorKind::WouldBlock);
    }
}
