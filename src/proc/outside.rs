// SPDX-License-Identifier: BSD-2-Clause
//! The planner's hold on the monitor.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use super::Stop;
use super::identity::Table;
use super::index_file::IndexNames;
use super::monitor::Monitor;
use super::request::{Reply, Request};
use crate::event::Child;
use crate::job::Job;
use crate::media::Kind;
use crate::os::output::Access;
use crate::os::process::Orphan;
use crate::os::socket::{MAX_FRAME, pair, recv_frame, send_frame};
use crate::os::spawn::spawn;

/// The monitor, and the socket to it.
pub struct Outside {
    socket: OwnedFd,
    child: Rc<Child>,
}

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
    /// Forks the monitor, before the sandbox. It opens outputs, which are nothing in `table`, for `access`, and gives the index its
    /// name.
    ///
    /// Errors: those of socketpair(2) and fork(2).
    pub fn start(
        job: &Job,
        access: Access,
        index: Option<&IndexNames>,
        table: &Table,
    ) -> io::Result<Outside> {
        let (ours, theirs) = pair()?;
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let keep = [theirs.as_fd(), stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let child = spawn(&keep, Orphan::CleansUp, || {
            let monitor = Monitor { planner: theirs.as_fd(), job, access, index, table };
            i32::from(monitor.serve().is_err())
        })?;
        Ok(Outside { socket: ours, child: Rc::new(child) })
    }

    /// The socket, to be waited on for a reply.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The monitor's process.
    pub fn child(&self) -> Rc<Child> {
        Rc::clone(&self.child)
    }

    /// Asks something.
    pub fn ask(&self, request: &Request) -> Result<(), Stop> {
        send_frame(self.socket.as_fd(), &request.encode(), None).map_err(|_| gone())
    }

    /// Takes the reply, when the socket can be read.
    ///
    /// Errors: the monitor is gone, or its reply is none.
    pub fn reply(&self) -> Result<(Reply, Option<OwnedFd>), Stop> {
        let mut bytes = [0; MAX_FRAME];
        match recv_frame(self.socket.as_fd(), &mut bytes) {
            Ok(Some(received)) => {
                let reply = Reply::decode(&bytes[..received.len]).map_err(Stop::because)?;
                Ok((reply, received.fd))
            }
            Ok(None) => Err(Stop::because("the monitor said nothing")),
            Err(_) => Err(gone()),
        }
    }
}

fn gone() -> Stop {
    Stop::because("the monitor is gone")
}
