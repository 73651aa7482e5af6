// SPDX-License-Identifier: BSD-2-Clause
//! What the reader asks the monitor, which has the terminal and opens volumes, and the answers.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};

/// Most bytes of a line of the operator's.
pub const MOST_LINE: usize = MAX_FRAME - 8;

/// A question that is answered by y or n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether to end.
    Abort,
    /// Whether the current directory gets the mode and owner of the dump's root.
    SetMode,
}

impl Question {
    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Question::Abort => "abort",
            Question::SetMode => "set owner/mode for '.'",
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The volume of this number, from 2. Answered by [`Reply::Opened`], [`Reply::NoMore`] or [`Reply::End`].
    Volume(u32),
    /// Which volume to read next; those that were read are bits, from 1. Answered by [`Reply::Number`] or [`Reply::End`].
    Which(u32),
    /// Answered by [`Reply::Yes`] or [`Reply::No`].
    Ask(Question),
    /// A command of `-i`. Answered by [`Reply::Line`] or [`Reply::End`].
    Command,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The volume of this name; its descriptor comes along.
    Opened(Vec<u8>),
    /// There are no more volumes.
    NoMore,
    /// The operator answers no more.
    End,
    /// The number of a volume.
    Number(u32),
    /// Yes.
    Yes,
    /// No, or no answer.
    No,
    /// A line, without its newline.
    Line(Vec<u8>),
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_le_bytes)
}

impl Request {
    fn encode(self) -> Vec<u8> {
        let with = |kind: u8, number: u32| [&[kind][..], &number.to_le_bytes()].concat();
        match self {
            Request::Volume(number) => with(1, number),
            Request::Which(read) => with(2, read),
            Request::Ask(Question::Abort) => vec![3],
            Request::Ask(Question::SetMode) => vec![4],
            Request::Command => vec![5],
        }
    }

    /// The request in a frame; none if there is none.
    pub fn decode(bytes: &[u8]) -> Option<Request> {
        Some(match bytes {
            [1, rest @ ..] => Request::Volume(number(rest)?),
            [2, rest @ ..] => Request::Which(number(rest)?),
            [3] => Request::Ask(Question::Abort),
            [4] => Request::Ask(Question::SetMode),
            [5] => Request::Command,
            _ => return None,
        })
    }
}

impl Reply {
    /// The frame of it.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Reply::Opened(name) => [&[1][..], name].concat(),
            Reply::NoMore => vec![2],
            Reply::End => vec![3],
            Reply::Number(number) => [&[4][..], &number.to_le_bytes()].concat(),
            Reply::Yes => vec![5],
            Reply::No => vec![6],
            Reply::Line(line) => [&[7][..], line].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Reply> {
        Some(match bytes {
            [1, name @ ..] => Reply::Opened(name.to_vec()),
            [2] => Reply::NoMore,
            [3] => Reply::End,
            [4, rest @ ..] => Reply::Number(number(rest)?),
            [5] => Reply::Yes,
            [6] => Reply::No,
            [7, line @ ..] => Reply::Line(line.to_vec()),
            _ => return None,
        })
    }
}

/// The reader's end of the socket to the monitor.
pub struct Outside(pub OwnedFd);

impl Outside {
    /// Asks, and waits for the answer. A monitor that is gone answers no more.
    pub fn ask(&self, request: Request) -> (Reply, Option<OwnedFd>) {
        let asked: io::Result<_> = send_frame(self.0.as_fd(), &request.encode(), None).and_then(|()| {
            let mut bytes = [0; MAX_FRAME];
            let received = recv_frame(self.0.as_fd(), &mut bytes)?;
            Ok(received.and_then(|received| Some((Reply::decode(&bytes[..received.len])?, received.fd))))
        });
        asked.ok().flatten().unwrap_or((Reply::End, None))
    }

    /// Whether the answer to a question is yes.
    pub fn is_yes(&self, question: Question) -> bool {
        self.ask(Request::Ask(question)).0 == Reply::Yes
    }

    /// The next volume, with its name.
    pub fn volume(&self, number: u32) -> Next {
        match self.ask(Request::Volume(number)) {
            (Reply::Opened(name), Some(fd)) => Next::Volume(OsStr::from_bytes(&name).to_owned(), fd),
            (Reply::NoMore, _) => Next::NoMore,
            _ => Next::End,
        }
    }
}

/// What there is instead of the end of a volume.
pub enum Next {
    /// A volume and its name.
    Volume(std::ffi::OsString, OwnedFd),
    /// The operator has no more.
    NoMore,
    /// The operator answers no more.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        for request in [
            Request::Volume(7),
            Request::Which(6),
            Request::Ask(Question::Abort),
            Request::Ask(Question::SetMode),
            Request::Command,
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        for reply in [
            Reply::Opened(b"v2".to_vec()),
            Reply::NoMore,
            Reply::End,
            Reply::Number(3),
            Reply::Yes,
            Reply::No,
            Reply::Line(b"ls".to_vec()),
        ] {
            assert_eq!(Reply::decode(&reply.encode()), Some(reply));
        }
        for bad in [&b""[..], &[1, 2], &[3, 3], &[9], &[2, 0, 0, 0, 0, 0]] {
            assert_eq!(Request::decode(bad), None);
        }
        assert_eq!(Reply::decode(&[4, 1]), None);
    }
}
