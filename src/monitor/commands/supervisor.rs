// SPDX-License-Identifier: BSD-2-Clause
//! The supervisor: the parent of the command runner. It ends what the monitor leaves behind when that is killed: programs, and an
//! index that is not finished.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::event::{Event, EventQueue, ExitStatus};
use crate::job::Job;
use crate::monitor::commands::runner::Runner;
use crate::monitor::index_names::{FileId, IndexNames};
use crate::os::process::Orphan;
use crate::os::reaper;
use crate::os::socket::{MAX_FRAME, recv_frame, send_frame};
use crate::os::spawn::{die_with_parent, outlive_parent, spawn};

/// How long killed processes may take to go: they may be waiting for a disk.
const KILLED: Duration = Duration::from_secs(1);

const MONITOR: u64 = 1;
const RUNNER: u64 = 2;

/// How the monitor says that the dump is complete and no program is left.
pub const COMPLETE: [u8; 1] = [1];

/// What has the unfinished name of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfinished {
    /// Not known: the monitor has not sent it yet.
    Unknown,
    /// The file that was made.
    Made(FileId),
    /// Another file.
    Other,
}

/// What the supervisor has.
pub struct Supervisor<'a> {
    /// The socket on which the monitor says which file it has made, and whose end is the monitor's.
    pub monitor: BorrowedFd<'a>,
    /// What is to be done, with the commands of the command line.
    pub job: &'a Job,
    /// The names of the index.
    pub index: Option<&'a IndexNames>,
}

impl Supervisor<'_> {
    /// Forks the runner, which serves `requests`, and waits until that or the monitor has exited. When it returns no process of the two is
    /// left, if the system lets it.
    ///
    /// Gives its exit status.
    pub fn serve(&self, requests: BorrowedFd<'_>) -> i32 {
        let mut unfinished = Unfinished::Unknown;
        let watched = self.watch(requests, &mut unfinished);
        if let Some(index) = self.index {
            match unfinished {
                Unfinished::Unknown => index.discard_file(None),
                Unfinished::Made(file) => index.discard_file(Some(file)),
                Unfinished::Other => {}
            }
        }
        let gone = reaper::kill_descendants(KILLED);
        match (watched, gone) {
            (Ok(status), Ok(true)) => status,
            _ => 1,
        }
    }

    fn watch(&self, requests: BorrowedFd<'_>, unfinished: &mut Unfinished) -> io::Result<i32> {
        reaper::acquire()?;
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let keep = [requests, stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        // It outlives this process for a moment: if that is killed, the runner still has its programs to kill.
        let runner = spawn(&keep, Orphan::CleansUp, || {
            let runner = Runner { monitor: requests, job: self.job, index: self.index };
            i32::from(runner.serve().is_err())
        })?;
        // Until now there was nothing that would have to be ended.
        outlive_parent()?;
        send_frame(self.monitor, &[0], None)?;
        let mut queue = EventQueue::new()?;
        queue.add_readable(self.monitor, MONITOR)?;
        queue.add_child(&runner, RUNNER)?;
        let mut events = Vec::new();
        loop {
            queue.wait(&mut events, None)?;
            for event in &events {
                match event {
                    Event::ChildExited { status: ExitStatus::Exited(code), .. } => return Ok(*code),
                    Event::ChildExited { .. } => return Ok(1),
                    Event::Readable { .. } => {
                        let mut bytes = [0; MAX_FRAME];
                        match recv_frame(self.monitor, &mut bytes) {
                            // Programs are gone, and soon the runner is, which ends a supervisor that is stopped; then only the
                            // monitor's end does. (Not to be asked for when that comes first: it would come before the work here.)
                            Ok(Some(received)) if bytes[..received.len] == COMPLETE => die_with_parent()?,
                            Ok(Some(received)) => *unfinished = decode(&bytes[..received.len]),
                            Ok(None) => {}
                            Err(_) => return Ok(1),
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// How it goes over the socket which file was made.
pub fn encode(file: Option<FileId>) -> Vec<u8> {
    match file {
        Some((device, inode)) => [device.to_ne_bytes(), inode.to_ne_bytes()].concat(),
        None => vec![0],
    }
}

fn decode(bytes: &[u8]) -> Unfinished {
    let file = bytes.split_first_chunk().and_then(|(device, inode)| {
        Some((u64::from_ne_bytes(*device), u64::from_ne_bytes(inode.try_into().ok()?)))
    });
    file.map_or(Unfinished::Other, Unfinished::Made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were() {
        assert_eq!(decode(&encode(Some((7, 1 << 40)))), Unfinished::Made((7, 1 << 40)));
        assert_eq!(decode(&encode(None)), Unfinished::Other);
        assert_eq!(decode(&[]), Unfinished::Other);
    }
}
