// SPDX-License-Identifier: BSD-2-Clause
//! The monitor's side of the supervisor and the command runner.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::event::{Child, EventQueue, ExitStatus};
use crate::job::Job;
use crate::monitor::commands::supervisor;
use crate::monitor::commands::supervisor::Supervisor;
use crate::monitor::commands::task::{FromRunner, Task, TaskKind, ToRunner};
use crate::monitor::index_names::{FileId, IndexNames};
use crate::os::process::Orphan;
use crate::os::socket::{MAX_FRAME, pair, recv_frame, send_frame};
use crate::os::spawn::spawn;

/// How long both may take to end when the dump is complete: the runner gives programs two seconds.
const LEAVE: Duration = Duration::from_secs(5);

/// How long both may take to end when the dump was not begun.
const DROPPED: Duration = Duration::from_secs(1);

/// The processes that run programs for the monitor. Dropped, they end what they run and remove an unfinished index.
pub struct Commands {
    supervisor: Child,
    /// None when it is over.
    sockets: Option<Sockets>,
}

struct Sockets {
    requests: OwnedFd,
    /// Its end says that the monitor has exited.
    alive: OwnedFd,
}

/// How the processes ended when the dump was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// No program was left.
    Nothing,
    /// Programs had to be killed.
    Killed,
    /// They did not end as they should.
    Failed,
}

impl Commands {
    /// Forks the supervisor, and that the runner, and waits until both are there. They remove an index of these names when this process is killed.
    ///
    /// Errors: those of socketpair(2) and fork(2).
    pub fn start(job: &Job, index: Option<&IndexNames>) -> io::Result<Commands> {
        let (requests, theirs) = pair()?;
        let (alive, watched) = pair()?;
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let keep = [theirs.as_fd(), watched.as_fd(), stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let supervisor = spawn(&keep, Orphan::CleansUpLater, || {
            Supervisor { monitor: watched.as_fd(), job, index }.serve(theirs.as_fd())
        })?;
        drop((theirs, watched));
        let mut queue = EventQueue::new()?;
        queue.add_readable(alive.as_fd(), 0)?;
        queue.wait(&mut Vec::new(), None)?;
        recv_frame(alive.as_fd(), &mut [0; 1])?;
        Ok(Commands { supervisor, sockets: Some(Sockets { requests, alive }) })
    }

    /// Where the runner's answers come from; none when it is over.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.sockets.as_ref().map(|sockets| sockets.requests.as_fd())
    }

    fn requests(&self) -> io::Result<BorrowedFd<'_>> {
        self.socket().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Says which file was made for the index; none when there was one of that name, which is not to be removed.
    ///
    /// Errors: the supervisor has exited.
    pub fn made(&self, file: Option<FileId>) -> io::Result<()> {
        let Some(Sockets { alive, .. }) = &self.sockets else { return Ok(()) };
        send_frame(alive.as_fd(), &supervisor::encode(file), None)
    }

    /// The supervisor's process: when it ends, programs cannot be run any more.
    pub fn child(&self) -> &Child {
        &self.supervisor
    }

    /// Has a program run. `fd` is its input, and of a remote shell its output, too.
    ///
    /// Errors: the runner has exited.
    pub fn run(&self, task: Task, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        send_frame(self.requests()?, &ToRunner::Run(task).encode(), fd)
    }

    /// Takes what the runner answers, when its socket can be read; none if there is nothing.
    ///
    /// Errors: the runner has exited, or its answer is invalid.
    pub fn answer(&self) -> io::Result<Option<FromRunner>> {
        let mut bytes = [0; MAX_FRAME];
        let Some(received) = recv_frame(self.requests()?, &mut bytes)? else { return Ok(None) };
        FromRunner::decode(&bytes[..received.len]).map(Some).map_err(io::Error::other)
    }

    /// The dump is complete: lets programs end by themselves for a while, and waits for the end of the processes.
    pub fn leave(self) -> Happened {
        match self.wait_for_all() {
            Ok(Some(ExitStatus::Exited(0))) => Happened::Nothing,
            Ok(Some(_)) => Happened::Killed,
            Ok(None) | Err(_) => Happened::Failed,
        }
    }

    /// Whether programs had to be killed; none when there is no answer.
    fn wait_for_all(&self) -> io::Result<Option<ExitStatus>> {
        let socket = self.requests()?;
        send_frame(socket, &ToRunner::Leave.encode(), None)?;
        let end = Instant::now() + LEAVE;
        let mut queue = EventQueue::new()?;
        queue.add_readable(socket, 0)?;
        let mut events = Vec::new();
        loop {
            queue.wait(&mut events, Some(end.saturating_duration_since(Instant::now())))?;
            if events.is_empty() {
                return Ok(None);
            }
            // What ended before that may still be answered for.
            if let Some(FromRunner { kind: TaskKind::All, status }) = self.answer()? {
                if let Some(Sockets { alive, .. }) = &self.sockets {
                    send_frame(alive.as_fd(), &supervisor::COMPLETE, None)?;
                }
                return Ok(Some(status));
            }
        }
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.sockets = None;
        // If they do not go they are waiting for a disk; then they are killed.
        let _ = EventQueue::new().and_then(|mut queue| {
            queue.add_child(&self.supervisor, 0)?;
            queue.wait(&mut Vec::new(), Some(DROPPED))
        });
    }
}
