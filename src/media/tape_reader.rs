// SPDX-License-Identifier: BSD-2-Clause
//! Reads a remote tape by the rmt protocol. The peer is not trusted: it gets no more room than was asked for.

use std::io::{self, Read, Write};

use crate::media::rmt;
use crate::media::rmt::{Replies, Reply};

/// Bytes of one read of the connection.
const PIECE: usize = 64 << 10;

/// A remote tape that is read.
pub struct TapeReader<S> {
    peer: S,
    replies: Replies,
}

impl<S: Read + Write> TapeReader<S> {
    /// Opens `name` at the other end, and goes to dump number `number` there, from 1.
    ///
    /// Errors: what the peer says, or that it is gone. The second one is for the way to the dump, if that failed.
    pub fn open(peer: S, name: &[u8], number: u32) -> io::Result<(TapeReader<S>, Option<io::Error>)> {
        let mut tape = TapeReader { peer, replies: Replies::default() };
        tape.command(&rmt::open_to_read(name))?;
        let went = match number {
            0 | 1 => Ok(0),
            number => tape.command(&rmt::forward_files(number - 1)),
        };
        Ok((tape, went.err()))
    }

    /// The next record, as far as there is room for it; 0 is the end of the file.
    ///
    /// Errors: what the peer says; `InvalidData` for what is no answer.
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.command(&rmt::read(room.len()))?;
        let count = usize::try_from(count).ok().filter(|&count| count <= room.len());
        let count = count.ok_or_else(|| invalid("the remote host sends more than a record"))?;
        let first = self.replies.data(count);
        room[..first.len()].copy_from_slice(&first);
        self.peer.read_exact(&mut room[first.len()..count])?;
        if self.replies.is_empty() {
            Ok(count)
        } else {
            Err(invalid("unrequested reply from the remote host"))
        }
    }

    /// Sends a command, and gives the number that it is answered with.
    fn command(&mut self, command: &[u8]) -> io::Result<u64> {
        self.peer.write_all(command).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => lost(),
            _ => error,
        })?;
        let mut bytes = [0; PIECE];
        loop {
            match self.replies.take().map_err(|error| invalid(&error.to_string()))? {
                Some(Reply::Done(number)) => return Ok(number),
                Some(Reply::Failed(_, text)) => return Err(io::Error::other(text)),
                None => {}
            }
            // No more than one answer and the record behind it are under way.
            match self.peer.read(&mut bytes) {
                Ok(0) => return Err(lost()),
                Ok(got) => self.replies.push(&bytes[..got]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(lost()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn lost() -> io::Error {
    invalid("the connection to the remote host is lost")
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that has these to say, whatever it is asked, a few bytes at a time.
    struct Peer {
        says: Vec<u8>,
        at_once: usize,
        asked: Vec<u8>,
    }

    impl Read for Peer {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let count = self.says.len().min(bytes.len()).min(self.at_once);
            bytes[..count].copy_from_slice(&self.says[..count]);
            self.says.drain(..count);
            Ok(count)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn peer(says: &[u8], at_once: usize) -> Peer {
        Peer { says: says.to_vec(), at_once, asked: Vec::new() }
    }

    #[test]
    fn records_of_a_peer() {
        for at_once in [1, 3, 1000] {
            let (mut tape, went) =
                TapeReader::open(peer(b"A0\nA4\nabcdA2\nxyA0\n", at_once), b"/dev/nsa0", 1).unwrap();
            assert!(went.is_none());
            let mut room = [0; 8];
            // All that comes at once is of one answer.
            if at_once == 1000 {
                assert!(tape.read(&mut room).is_err());
                continue;
            }
            assert_eq!((tape.read(&mut room).unwrap(), &room[..4]), (4, &b"abcd"[..]));
            assert_eq!((tape.read(&mut room).unwrap(), &room[..2]), (2, &b"xy"[..]));
            assert_eq!(tape.read(&mut room).unwrap(), 0);
            assert_eq!(tape.peer.asked, b"O/dev/nsa0\n0 O_RDONLY\nR8\nR8\nR8\n");
            assert!(tape.read(&mut room).unwrap_err().to_string().contains("is lost"));
        }
    }

    #[test]
    fn what_a_peer_must_not_say() {
        for (says, text) in [
            (&b"E2\nNo such file or directory\n"[..], "No such file or directory"),
            (b"bash: rmt: not found\n", "invalid reply from the remote host: \"bash: rmt: not found\""),
            (b"", "the connection to the remote host is lost"),
        ] {
            let error = TapeReader::open(peer(says, 7), b"x", 1).err().unwrap();
            assert_eq!(error.to_string(), text);
        }
        let (mut tape, _) = TapeReader::open(peer(b"A0\nA9\n123456789", 3), b"x", 1).unwrap();
        assert_eq!(
            tape.read(&mut [0; 8]).unwrap_err().to_string(),
            "the remote host sends more than a record"
        );
        let (tape, went) = TapeReader::open(peer(b"A0\nE25\nInappropriate ioctl\n", 9), b"x", 3).unwrap();
        assert_eq!(went.unwrap().to_string(), "Inappropriate ioctl");
        assert!(tape.peer.asked.ends_with(b"I1\n2\n"));
    }
}
