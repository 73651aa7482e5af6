// SPDX-License-Identifier: BSD-2-Clause
//! The planner's end of the socket to the monitor.

use std::os::fd::{AsFd, OwnedFd};

use crate::dump::Stop;
use crate::media::Kind;
use crate::monitor::protocol::{Reply, Request};
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};

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
    pub fn ask(&self, request: &Request) -> Result<(), Stop> {
        send_frame(self.0.as_fd(), &request.encode(), None).map_err(|_| gone())
    }

    /// Takes the reply, when the socket can be read.
    ///
    /// Errors: the monitor has exited, or its reply is invalid.
    pub fn reply(&self) -> Result<(Reply, Option<OwnedFd>), Stop> {
        let mut bytes = [0; MAX_FRAME];
        match recv_frame(self.0.as_fd(), &mut bytes) {
            Ok(Some(received)) => {
                let reply = Reply::decode(&bytes[..received.len]).map_err(Stop::because)?;
                Ok((reply, received.fd))
            }
            Ok(None) => Err(Stop::because("no reply from the monitor")),
            Err(_) => Err(gone()),
        }
    }
}

fn gone() -> Stop {
    Stop::because("the monitor is gone")
}
