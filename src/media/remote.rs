// SPDX-License-Identifier: BSD-2-Clause
//! Writes records to a remote tape and reads its replies at the same time.
//!
//! The peer is not trusted. What it sends is read while records are sent, so that the two do not wait for each other; what it sends without
//! being asked is an error, so that no more is kept than the answers that are due.

use std::io;

use crate::media::rmt;
use crate::media::rmt::{Answers, Replies};
use crate::media::writer::{Until, Writer, Written, errno_of};

/// A remote tape that a chunk's records are sent to.
pub(super) struct RemoteTape<'a, W> {
    out: &'a mut W,
    /// Bytes of a record.
    record: usize,
    replies: Replies,
    answers: Answers,
    /// Records that are not answered for, with the one that is being sent.
    open: u32,
}

impl<'a, W: Writer> RemoteTape<'a, W> {
    pub(super) fn new(out: &'a mut W, record: usize) -> RemoteTape<'a, W> {
        RemoteTape { out, record, replies: Replies::default(), answers: Answers::default(), open: 0 }
    }

    /// Sends records, up to `ahead` of them before they are answered for, until one was not written. Gives why the peer took no more,
    /// if that ended it: what it wrote until then is in the answers that are still to be read.
    ///
    /// Errors: an errno; `EPROTO` when the peer does not keep to the protocol.
    pub(super) fn write(&mut self, bytes: &[u8], ahead: u32) -> Result<Option<i32>, i32> {
        self.expect_nothing()?;
        for record in bytes.chunks_exact(self.record) {
            while self.open >= ahead && self.answers.stopped.is_none() {
                self.wait_for_answer()?;
            }
            if self.answers.stopped.is_some() {
                break;
            }
            self.open += 1;
            for part in [&rmt::write(record.len())[..], record] {
                if let Some(errno) = self.send(part)? {
                    // A record that was not sent whole is not answered for.
                    self.open = self.open.saturating_sub(1);
                    return Ok(Some(errno));
                }
            }
        }
        Ok(None)
    }

    /// Waits for all answers that are due. Errors: as [`RemoteTape::write`].
    pub(super) fn finish(&mut self) -> Result<(), i32> {
        while self.open > 0 {
            self.wait_for_answer()?;
        }
        Ok(())
    }

    /// What the answers mean, when the peer took no more for the reason `lost`.
    pub(super) fn written(&self, lost: Option<i32>) -> Written {
        match self.answers.stopped {
            None => lost.map_or(Written::All, |errno| self.failed(errno)),
            // A record that was sent ahead is behind the gap: the volume is of no use.
            Some(_) if self.answers.gap => self.failed(libc::ENOSPC),
            Some(Ok(())) => Written::End(self.answers.written),
            Some(Err(errno)) => self.failed(errno),
        }
    }

    /// What was written when it failed.
    pub(super) fn failed(&self, errno: i32) -> Written {
        Written::Failed(self.answers.written, errno)
    }

    /// Sends bytes of a record, and reads what the peer sends meanwhile. Gives why the peer took no more, if it did not take all.
    fn send(&mut self, mut bytes: &[u8]) -> Result<Option<i32>, i32> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Ok(Some(libc::EIO)),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_send()?,
                Err(error) => return Ok(Some(errno_of(&error))),
            }
        }
        Ok(None)
    }

    fn wait_to_send(&mut self) -> Result<(), i32> {
        // If the peer has already reported that it cannot write this record, no more replies follow.
        let until = if self.open == 0 { Until::Writable } else { Until::Ready };
        self.out.wait(until).map_err(|error| errno_of(&error))?;
        self.receive()?;
        // It cannot have written what it was not sent yet.
        if self.open == 0 && self.answers.stopped.is_none() { Err(libc::EPROTO) } else { Ok(()) }
    }

    fn wait_for_answer(&mut self) -> Result<(), i32> {
        let before = self.open;
        while self.open == before {
            self.out.wait(Until::Readable).map_err(|error| errno_of(&error))?;
            self.receive()?;
        }
        Ok(())
    }

    /// Reads what has come of the answers that are due.
    ///
    /// Errors: `EPROTO` for what is no answer, or more than the answers that are due; `ECONNRESET` at the end.
    fn receive(&mut self) -> Result<(), i32> {
        while self.open > 0 {
            let mut bytes = [0; 256];
            match self.out.read(&mut bytes) {
                Ok(0) => return Err(libc::ECONNRESET),
                Ok(n) => self.replies.push(&bytes[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(errno_of(&error)),
            }
            self.take_answers()?;
        }
        Ok(())
    }

    fn take_answers(&mut self) -> Result<(), i32> {
        while self.open > 0 {
            let Some(reply) = self.replies.take().map_err(|_| libc::EPROTO)? else { return Ok(()) };
            self.answers.take(&reply, self.record);
            self.open -= 1;
        }
        if self.replies.is_empty() { Ok(()) } else { Err(libc::EPROTO) }
    }

    /// Checks whether the peer has sent unrequested data. Whether it has exited is detected at the next write.
    ///
    /// Errors: `EPROTO` if so.
    fn expect_nothing(&mut self) -> Result<(), i32> {
        match self.out.read(&mut [0; 1]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(libc::EPROTO),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(errno_of(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Kind, write_chunk};

    const RECORD: usize = 1024;

    /// A peer that answers each record when it has taken it, one read a few bytes, and is gone after so many records.
    #[derive(Default)]
    struct Peer {
        /// Answers to records in turn. Without one it ends.
        answers: Vec<&'static str>,
        taken: usize,
        records: usize,
        /// It answers even though nothing was asked.
        undue: Vec<u8>,
        /// It takes nothing until so many waits.
        full: u32,
        waits: Vec<Until>,
        said: Vec<u8>,
    }

    impl Writer for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.full > 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if self.taken == self.records * (RECORD + 6) {
                return Err(io::Error::from_raw_os_error(libc::EPIPE));
            }
            let n = bytes.len().min(700);
            self.taken += n;
            if self.taken.is_multiple_of(RECORD + 6) && !self.answers.is_empty() {
                self.said.extend(self.answers.remove(0).bytes());
            }
            Ok(n)
        }

        fn wait(&mut self, until: Until) -> io::Result<()> {
            self.full = self.full.saturating_sub(1);
            self.waits.push(until);
            assert!(self.waits.len() < 1000, "it waits for ever");
            self.said.append(&mut self.undue);
            Ok(())
        }

        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let n = self.said.len().min(bytes.len()).min(7);
            bytes[..n].copy_from_slice(&self.said[..n]);
            self.said.drain(..n);
            let is_over = self.answers.is_empty() && self.undue.is_empty() && self.taken > 0;
            if n == 0 && !is_over { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
        }

        fn at_end(&mut self) -> bool {
            true
        }

        fn skip(&mut self, _bytes: i64) -> io::Result<()> {
            Ok(())
        }
    }

    fn run(kind: Kind, mut peer: Peer) -> (Written, Vec<Until>) {
        let written = write_chunk(&mut peer, kind, &[0; 4 * RECORD], RECORD, 0, &mut Vec::new());
        (written, peer.waits)
    }

    fn remote(kind: Kind, answers: &[&'static str]) -> Written {
        run(kind, Peer { answers: answers.to_vec(), records: 4, ..Peer::default() }).0
    }

    const DONE: &str = "A1024\n";

    #[test]
    fn a_remote_tape_is_written_ahead_of_its_answers() {
        assert_eq!(remote(Kind::Remote, &[DONE; 4]), Written::All);
        assert_eq!(remote(Kind::Remote, &[DONE, DONE, "E28\nfull\n", "E28\nfull\n"]), Written::End(2));
        assert_eq!(remote(Kind::RemoteInStep, &[DONE, "A0\n"]), Written::End(1));
        assert_eq!(remote(Kind::Remote, &[DONE, "A0\n", DONE, DONE]), Written::Failed(1, libc::ENOSPC));
        let failed = [DONE, "E5\nbad\n", "E1\nno\n", "E1\nno\n"];
        assert_eq!(remote(Kind::Remote, &failed), Written::Failed(1, libc::EIO));
        assert_eq!(remote(Kind::Remote, &[DONE]), Written::Failed(1, libc::ECONNRESET));
        assert_eq!(remote(Kind::Remote, &["what?\n", DONE, DONE, DONE]), Written::Failed(0, libc::EPROTO));
    }

    #[test]
    fn a_remote_tape_that_is_gone_has_written_what_it_answered_for() {
        let gone = |answers: &[&'static str]| {
            run(Kind::Remote, Peer { answers: answers.to_vec(), records: 3, ..Peer::default() }).0
        };
        assert_eq!(gone(&[]), Written::Failed(0, libc::ECONNRESET));
        assert_eq!(gone(&[DONE, DONE]), Written::Failed(2, libc::ECONNRESET));
        assert_eq!(gone(&[DONE; 3]), Written::Failed(3, libc::EPIPE));
        assert_eq!(gone(&[DONE, "E5\nbad\n", "E5\nbad\n"]), Written::Failed(1, libc::EIO));
    }

    #[test]
    fn what_is_said_unasked_is_an_error() {
        let said = Peer { answers: vec![DONE; 4], records: 4, said: DONE.into(), ..Peer::default() };
        assert_eq!(run(Kind::Remote, said).0, Written::Failed(0, libc::EPROTO), "before the first record");
        let twice = [DONE, DONE, DONE, "A1024\nA1024\n"];
        assert_eq!(remote(Kind::Remote, &twice), Written::Failed(4, libc::EPROTO), "twice");
        assert_eq!(remote(Kind::RemoteInStep, &["A1024\nA"]), Written::Failed(1, libc::EPROTO));
        let flood = Peer {
            full: 9,
            answers: vec![DONE; 4],
            records: 4,
            undue: DONE.repeat(500).into(),
            ..Peer::default()
        };
        assert_eq!(run(Kind::Remote, flood).0, Written::Failed(1, libc::EPROTO), "before it was sent");
        let endless =
            Peer { full: 9, answers: vec![DONE; 4], records: 4, undue: vec![b'E'; 9000], ..Peer::default() };
        assert_eq!(run(Kind::Remote, endless).0, Written::Failed(0, libc::EPROTO), "a line without end");
    }

    #[test]
    fn a_peer_may_say_at_once_that_it_cannot_write_a_record() {
        let undue = b"E12\nno memory\n".to_vec();
        let peer = Peer { full: 3, answers: vec![DONE; 4], records: 4, undue, ..Peer::default() };
        let (_, waits) = run(Kind::Remote, peer);
        assert_eq!(waits[..3], [Until::Ready, Until::Writable, Until::Writable], "it is not read any more");
    }
}
