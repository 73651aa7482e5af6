// SPDX-License-Identifier: BSD-2-Clause
//! The rmt(8) protocol: commands and replies.
//!
//! A command is a letter, its numbers, and a newline. The answer is `A` and a number, or `E` (or `F`), an errno of the other
//! side, and a line with its text.

use std::fmt;

/// Most bytes of a device's name that are sent, as dump has it.
const NAME_BYTES: usize = 226;

/// Most bytes of one line of an answer that are taken: a peer that sends more is none.
const LINE_BYTES: usize = 512;

/// Opens `name` (`O`) for writing, truncated; with `create`, a file that does not exist is created.
///
/// The open flags are sent as a number and by name. GNU's rmt and those of Linux read the names; the rmt of FreeBSD, NetBSD, OpenBSD
/// and macOS reads only the number, which is these systems' (sys/fcntl.h: `O_CREAT` 0x200, `O_TRUNC` 0x400).
pub fn open(name: &[u8], create: bool) -> Vec<u8> {
    let name = sent(name);
    let flags: &[u8] = if create { b"1538 O_RDWR|O_CREAT|O_TRUNC" } else { b"1026 O_RDWR|O_TRUNC" };
    [b"O", name, b"\n", flags, b"\n"].concat()
}

/// Opens `name` (`O`) to be read. All rmt(8) take the number 0 for that.
pub fn open_to_read(name: &[u8]) -> Vec<u8> {
    [b"O", sent(name), b"\n0 O_RDONLY\n"].concat()
}

/// Reads the next record (`R`), of at most `bytes` bytes; they follow the answer, which is their number.
pub fn read(bytes: usize) -> Vec<u8> {
    format!("R{bytes}\n").into_bytes()
}

/// Goes forward behind so many filemarks (`I`, with `MTFSF` of sys/mtio.h).
pub fn forward_files(count: u32) -> Vec<u8> {
    format!("I1\n{count}\n").into_bytes()
}

/// Whether `name` may be created if it does not exist: not among devices, where it would be a file in the memory of the remote host.
/// /dev/shm has no devices.
pub fn may_create(name: &[u8]) -> bool {
    let mut parts = sent(name).split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    !name.starts_with(b"/") || parts.next() != Some(b"dev") || parts.next() == Some(b"shm")
}

/// The part of `name` that is sent.
fn sent(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_BYTES)]
}

/// Closes the device (`C`).
pub fn close() -> Vec<u8> {
    b"C\n".to_vec()
}

/// The command before a record of `bytes` bytes (`W`).
pub fn write(bytes: usize) -> Vec<u8> {
    format!("W{bytes}\n").into_bytes()
}

/// What the other side answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The command succeeded; the number is the return value of its system call.
    Done(u64),
    /// It could not: errno there, and its text.
    Failed(i32, String),
}

/// An answer that is none of the protocol's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage(String);

impl fmt::Display for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid reply from the remote host: \"{}\"", self.0)
    }
}

impl std::error::Error for Garbage {}

/// Puts answers together from the bytes that come.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    bytes: Vec<u8>,
}

impl Replies {
    /// Takes bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes up to so many bytes of what came that are no part of an answer.
    pub fn data(&mut self, most: usize) -> Vec<u8> {
        let count = most.min(self.bytes.len());
        self.bytes.drain(..count).collect()
    }

    /// Whether nothing is left of what came.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next whole answer; none if there is not yet one.
    ///
    /// Errors: what came is no answer.
    pub fn take(&mut self) -> Result<Option<Reply>, Garbage> {
        let Some((first, length)) = self.line(0)? else { return Ok(None) };
        let number = std::str::from_utf8(first.get(1..).unwrap_or_default()).ok().map(str::trim);
        let reply = match (first.first(), number) {
            (Some(b'A'), Some(number)) => match number.parse() {
                Ok(value) => (Reply::Done(value), length),
                Err(_) => return Err(garbage(first)),
            },
            (Some(b'E' | b'F'), Some(number)) => {
                let Ok(errno) = number.parse() else { return Err(garbage(first)) };
                let Some((text, end)) = self.line(length)? else { return Ok(None) };
                (Reply::Failed(errno, printable(text)), end)
            }
            _ => return Err(garbage(first)),
        };
        self.bytes.drain(..reply.1);
        Ok(Some(reply.0))
    }

    /// The line that begins at `start`, without its newline, and where it ends.
    fn line(&self, start: usize) -> Result<Option<(&[u8], usize)>, Garbage> {
        let rest = self.bytes.get(start..).unwrap_or_default();
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(length) if length <= LINE_BYTES => Ok(Some((&rest[..length], start + length + 1))),
            None if rest.len() <= LINE_BYTES => Ok(None),
            _ => Err(garbage(&rest[..LINE_BYTES.min(rest.len())])),
        }
    }
}

fn garbage(line: &[u8]) -> Garbage {
    Garbage(printable(&line[..line.len().min(60)]))
}

/// Text from the other side, fit to be shown.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect()
}

/// What the answers to a chunk's records mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Records answered for as written, before anything went wrong.
    pub written: u32,
    /// The first record that was not written whole: none, the end of the medium (`Ok`), or errno.
    pub stopped: Option<Result<(), i32>>,
    /// Whether a record after that one was written all the same, so that the volume has a gap.
    pub gap: bool,
}

impl Answers {
    /// Takes the answer to the next record, of `record` bytes.
    pub fn take(&mut self, reply: &Reply, record: usize) {
        let whole = matches!(reply, Reply::Done(n) if *n == record as u64);
        match (&self.stopped, whole) {
            (None, true) => self.written += 1,
            (None, false) => {
                self.stopped = Some(match reply {
                    Reply::Failed(errno, _) if *errno != libc::ENOSPC => Err(*errno),
                    _ => Ok(()),
                });
            }
            (Some(_), true) => self.gap = true,
            (Some(_), false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Result<Vec<Reply>, Garbage> {
        let mut replies = Replies::default();
        replies.push(bytes);
        let mut out = Vec::new();
        while let Some(reply) = replies.take()? {
            out.push(reply);
        }
        Ok(out)
    }

    #[test]
    fn commands_are_dumps() {
        assert_eq!(open(b"/dev/nsa0", false), b"O/dev/nsa0\n1026 O_RDWR|O_TRUNC\n");
        assert_eq!(open(b"d", true), b"Od\n1538 O_RDWR|O_CREAT|O_TRUNC\n");
        assert_eq!(open(&[b'x'; 300], false).len(), 1 + 226 + 21);
        assert_eq!(write(65536), b"W65536\n");
        assert_eq!(close(), b"C\n");
        assert_eq!(open_to_read(b"d"), b"Od\n0 O_RDONLY\n");
        assert_eq!((read(10_240), forward_files(2)), (b"R10240\n".to_vec(), b"I1\n2\n".to_vec()));
    }

    #[test]
    fn nothing_is_created_in_dev() {
        for name in [&b"/dev/nsa9"[..], b"//dev/sa0", b"/./dev/st0", b"/dev/tape/x"] {
            assert!(!may_create(name), "{}", name.escape_ascii());
        }
        for name in [&b"/backup/dev/x"[..], b"/dev/shm/x", b"/device", b"dev/x", b"x", b"", b"/"] {
            assert!(may_create(name), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn answers_come_in_any_pieces() {
        let bytes = b"A0\nA65536\nE28\nNo space left on device\nA10240\n";
        let whole = all(bytes).unwrap();
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[2], Reply::Failed(28, "No space left on device".into()));
        let mut replies = Replies::default();
        let mut got = Vec::new();
        for byte in bytes {
            replies.push(&[*byte]);
            while let Some(reply) = replies.take().unwrap() {
                got.push(reply);
            }
        }
        assert_eq!(got, whole);
        assert!(replies.is_empty());
    }

    #[test]
    fn garbage_is_named() {
        assert!(all(b"bash: rmt: command not found\n").is_err());
        assert!(all(b"A\n").is_err());
        assert!(all(b"A-1\n").is_err());
        assert!(all(&[b'A'; 2000]).is_err());
        assert_eq!(all(b"E2\n").unwrap(), [], "its text is still to come");
        let said = all(b"Z\x1b[2J1\n").unwrap_err().to_string();
        assert!(!said.contains('\x1b'), "{said}");
    }

    #[test]
    fn a_record_behind_the_end_is_a_gap() {
        let mut answers = Answers::default();
        for reply in [Reply::Done(1024), Reply::Done(0), Reply::Done(1024)] {
            answers.take(&reply, 1024);
        }
        assert_eq!(answers, Answers { written: 1, stopped: Some(Ok(())), gap: true });
        let mut answers = Answers::default();
        for reply in [Reply::Done(1024), Reply::Failed(5, String::new()), Reply::Failed(1, String::new())] {
            answers.take(&reply, 1024);
        }
        assert_eq!(answers, Answers { written: 1, stopped: Some(Err(5)), gap: false });
    }

    proptest! {
        #[test]
        fn any_bytes_are_answers_or_garbage(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = all(&bytes);
        }
    }
}
