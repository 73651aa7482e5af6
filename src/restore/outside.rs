// SPDX-License-Identifier: BSD-2-Clause
//! What the reader asks the monitor, which has the terminal and opens volumes, and the answers.

use std::ffi::{OsStr, OsString};
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
    /// The volume of this number, from 1. Answered by [`Reply::Opened`], [`Reply::NoMore`] or [`Reply::End`].
    Volume(u32),
    /// The same, but the operator says where the first one is, too, and is asked once. Answered by [`Reply::Closed`], too.
    Mount(u32),
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
    /// The volume of this name, and whether it is a tape; its descriptor comes along.
    Opened(Vec<u8>, bool),
    /// It could not be opened, which has been reported.
    Closed,
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
    /// Names that begin with this are asked for, before the line is complete. The reader answers with a frame of
    /// [`encode_candidates`].
    Complete(Vec<u8>),
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
            Request::Mount(number) => with(6, number),
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
            [6, rest @ ..] => Request::Mount(number(rest)?),
            _ => return None,
        })
    }
}

impl Reply {
    /// The frame of it.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Reply::Opened(name, is_tape) => [&[1, (*is_tape).into()][..], name].concat(),
            Reply::NoMore => vec![2],
            Reply::End => vec![3],
            Reply::Number(number) => [&[4][..], &number.to_le_bytes()].concat(),
            Reply::Yes => vec![5],
            Reply::No => vec![6],
            Reply::Line(line) => [&[7][..], line].concat(),
            Reply::Closed => vec![9],
            Reply::Complete(word) => [&[8][..], &word[..word.len().min(MOST_LINE)]].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Reply> {
        Some(match bytes {
            [1, is_tape @ (0 | 1), name @ ..] => Reply::Opened(name.to_vec(), *is_tape == 1),
            [2] => Reply::NoMore,
            [3] => Reply::End,
            [4, rest @ ..] => Reply::Number(number(rest)?),
            [5] => Reply::Yes,
            [6] => Reply::No,
            [7, line @ ..] => Reply::Line(line.to_vec()),
            [9] => Reply::Closed,
            [8, word @ ..] => Reply::Complete(word.to_vec()),
            _ => return None,
        })
    }
}

/// A frame of names, as many as there is room for; none of them has a newline.
pub fn encode_candidates(names: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut frame = vec![6];
    for name in names {
        if frame.len() + name.len() >= MAX_FRAME {
            break;
        }
        frame.extend_from_slice(&name);
        frame.push(b'\n');
    }
    frame
}

/// The names in a frame; none if there are none in it.
pub fn decode_candidates(frame: &[u8]) -> Option<impl Iterator<Item = &str>> {
    let [6, names @ ..] = frame else { return None };
    Some(names.split(|&byte| byte == b'\n').filter_map(|name| std::str::from_utf8(name).ok()))
}

/// The reader's end of the socket to the monitor.
pub struct Outside(pub OwnedFd);

impl Outside {
    /// Asks, and waits for the answer. A monitor that is gone answers no more.
    pub fn ask(&self, request: Request) -> (Reply, Option<OwnedFd>) {
        self.send(&request.encode())
    }

    fn send(&self, frame: &[u8]) -> (Reply, Option<OwnedFd>) {
        let asked: io::Result<_> = send_frame(self.0.as_fd(), frame, None).and_then(|()| {
            let mut bytes = [0; MAX_FRAME];
            let received = recv_frame(self.0.as_fd(), &mut bytes)?;
            Ok(received.and_then(|received| Some((Reply::decode(&bytes[..received.len])?, received.fd))))
        });
        asked.ok().flatten().unwrap_or((Reply::End, None))
    }

    /// Asks for a command; until it comes, `complete` makes frames of names that begin with what is given to it. None: there are no more.
    pub fn command(&self, mut complete: impl FnMut(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
        let mut reply = self.ask(Request::Command).0;
        loop {
            match reply {
                Reply::Line(line) => return Some(line),
                Reply::Complete(word) => reply = self.send(&complete(&word)).0,
                _ => return None,
            }
        }
    }

    /// Whether the answer to a question is yes.
    pub fn is_yes(&self, question: Question) -> bool {
        self.ask(Request::Ask(question)).0 == Reply::Yes
    }

    /// The volume that is asked for, with its name.
    pub fn volume(&self, request: Request) -> Next {
        match self.ask(request) {
            (Reply::Opened(name, is_tape), Some(fd)) => {
                Next::Volume(Volume { name: OsStr::from_bytes(&name).to_owned(), fd, is_tape })
            }
            (Reply::Closed, _) => Next::Closed,
            (Reply::NoMore, _) => Next::NoMore,
            _ => Next::End,
        }
    }
}

/// A volume that the monitor has opened.
pub struct Volume {
    /// Its name.
    pub name: OsString,
    /// Open to be read.
    pub fd: OwnedFd,
    /// Whether it is a tape, which only the monitor can ask.
    pub is_tape: bool,
}

/// What there is instead of the end of a volume.
pub enum Next {
    /// A volume.
    Volume(Volume),
    /// It could not be opened.
    Closed,
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
            Request::Mount(1),
            Request::Which(6),
            Request::Ask(Question::Abort),
            Request::Ask(Question::SetMode),
            Request::Command,
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        for reply in [
            Reply::Opened(b"v2".to_vec(), false),
            Reply::Opened(b"/dev/nsa0".to_vec(), true),
            Reply::Closed,
            Reply::NoMore,
            Reply::End,
            Reply::Number(3),
            Reply::Yes,
            Reply::No,
            Reply::Line(b"ls".to_vec()),
            Reply::Complete(b"a/".to_vec()),
        ] {
            assert_eq!(Reply::decode(&reply.encode()), Some(reply));
        }
        for bad in [&b""[..], &[1, 2], &[3, 3], &[9], &[2, 0, 0, 0, 0, 0]] {
            assert_eq!(Request::decode(bad), None);
        }
        assert_eq!(Reply::decode(&[4, 1]), None);
    }

    #[test]
    fn candidates_come_back_as_far_as_there_is_room() {
        let names = ["a/b", "a/c/"];
        let frame = encode_candidates(names.iter().map(|name| name.as_bytes().to_vec()));
        assert_eq!(
            decode_candidates(&frame).unwrap().filter(|name| !name.is_empty()).collect::<Vec<_>>(),
            names
        );
        let frame = encode_candidates((0..1000).map(|n| format!("name{n}").into_bytes()));
        assert!(frame.len() <= MAX_FRAME && decode_candidates(&frame).unwrap().count() > 400);
        assert!(decode_candidates(b"\x07a").is_none());
    }
}
