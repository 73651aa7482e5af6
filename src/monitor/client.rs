// SPDX-License-Identifier: BSD-2-Clause
//! The planner's end of the socket to the monitor.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};

use crate::media::Kind;
use crate::monitor::protocol::{BadMessage, Reply, Request};
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};

/// Why there is no reply of the monitor that is of use: one line.
#[derive(Debug)]
pub enum NoReply {
    /// The monitor has exited.
    Gone,
    /// It has not replied.
    None,
    /// Its message is invalid.
    Invalid(BadMessage),
    /// Its reply is none to this request.
    Unexpected(Reply, &'static str),
    /// Its reply is none to the request.
    Unknown(Reply),
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoReply::Gone => f.write_str("the monitor is gone"),
            NoReply::None => f.write_str("no reply from the monitor"),
            NoReply::Invalid(message) => message.fmt(f),
            NoReply::Unexpected(reply, request) => write!(f, "the monitor answered {reply:?} to {request}"),
            NoReply::Unknown(reply) => write!(f, "unexpected reply {reply:?} of the monitor"),
        }
    }
}

/// The socket to the monitor.
pub struct Outside(OwnedFd);

/// An output that the monitor opened.
pub struct Opened {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// How it is written to.
    pub kind: Kind,
    /// Bytes of the largest record that it takes, where that is known.
    pub most: Option<u32>,
}

impl Outside {
    /// The planner's end of a pair of sockets.
    pub fn new(socket: OwnedFd) -> Outside {
        Outside(socket)
    }

    /// The socket, to be waited on for a reply.
    pub fn socket(&self) -> &OwnedFd {
        &self.0
    }

    /// Sends a request.
    ///
    /// Errors: the monitor has exited.
    pub fn ask(&self, request: &Request) -> Result<(), NoReply> {
        send_frame(self.0.as_fd(), &request.encode(), None).map_err(|_| NoReply::Gone)
    }

    /// Takes the reply, when the socket can be read.
    ///
    /// Errors: the monitor has exited, or its reply is invalid.
    pub fn reply(&self) -> Result<(Reply, Option<OwnedFd>), NoReply> {
        let mut bytes = [0; MAX_FRAME];
        match recv_frame(self.0.as_fd(), &mut bytes) {
            Ok(Some(received)) => {
                let reply = Reply::decode(&bytes[..received.len]).map_err(NoReply::Invalid)?;
                Ok((reply, received.fd))
            }
            Ok(None) => Err(NoReply::None),
            Err(_) => Err(NoReply::Gone),
        }
    }
}
